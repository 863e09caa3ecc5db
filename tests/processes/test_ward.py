"""The beds that people command in a browser: who can log in, what happens at either bed, and how it ends."""

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from signal import SIGINT, SIGTERM, Signals

import pytest

from simulators.harness import script
from simulators.harness.plunger_log import PlungerLog
from simulators.harness.site import BedFiles
from simulators.harness.stage import seated, stage_in
from tests.processes.demonstration import Demonstration, demonstration
from tests.scenarios.evidence import Evidence

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

PAGES = str(Path(__file__).with_name("pages.py"))


@dataclass(frozen=True, slots=True)
class Visitor:
    """What people at a bed in another process share with its clock: nothing but real time."""

    files: BedFiles

    def now_ns(self) -> int:
        return time.monotonic_ns()

    def at_most(self, _speed: float) -> AbstractContextManager[None]:
        return nullcontext()


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Demonstration]:
    with demonstration(tmp_path, "-m", "tests.processes.open_ward", PAGES) as found:
        yield found


def _ask(ward: Demonstration, path: str) -> int:
    """Ask for a page where the printed text says that they are, and return the status."""
    ward.wait_until(lambda: "Ctrl-C here" in ward.printed)
    (address,) = re.findall(r"http://(127\.0\.0\.1:\d+)$", ward.printed, re.MULTILINE)
    connection = HTTPConnection(address)
    with closing(connection):
        connection.request("GET", path)
        return connection.getresponse().status


async def _infuse(files: BedFiles) -> None:
    async with stage_in(Visitor(files)) as stage, seated(files):
        await script.prepare(stage)
        await script.start(stage)
        await script.counted_flow(stage)


@pytest.mark.req("CTRL-10")
def test_two_people_command_both_beds_and_the_end_brings_both_pumps_to_rest(ward: Demonstration) -> None:
    assert _ask(ward, "/") == 200
    beds = ward.site.beds
    site = ward.site.load()
    assert [bed.name for bed in beds] == ["bed1", "bed2"]
    assert "clinic: 0 courses, beds bed1, bed2" in ward.site.clinic_log.read_text(encoding="utf-8")
    printed = dict(re.findall(r"^  (\w+) +(?:nurse|prescriber|viewer) +(\S+)$", ward.printed, re.MULTILINE))
    assert printed == {user: site.password(user) for user in ("anna", "ben", "clara", "vera")}

    async def infuse_both() -> None:
        await asyncio.gather(*(_infuse(bed) for bed in beds))

    asyncio.run(infuse_both())
    assert [PlungerLog.read(bed.plunger_log).at_rest for bed in beds] == [False, False]
    assert ward.end(SIGTERM) == 0, ward.complaints
    assert "every pump is at rest" in ward.printed
    for bed in beds:
        evidence = Evidence(bed.folder)
        plunger = evidence.plunger()
        assert plunger.at_rest
        stopped_ns = plunger.stops_ns()[-1]
        # the watchdog would have needed the whole lease since the last packet
        assert b"STP" in max(heard for heard in evidence.wire() if heard[0] <= stopped_ns)[1]
        session = evidence.session()
        assert session.ledger.low() <= plunger.volume_nl <= session.ledger.high(0)
    ward.assert_nothing_is_left()


@pytest.mark.parametrize("number", [SIGINT, SIGTERM])
def test_an_end_while_it_starts_leaves_nothing_behind(ward: Demonstration, number: Signals) -> None:
    ward.wait_until(lambda: bool(list(ward.temporary.glob("*/bed1/bed.log"))))
    assert ward.end(number) == 0, ward.complaints
    ward.assert_nothing_is_left()


def test_pages_that_end_by_themselves_end_the_ward_in_good_order(ward: Demonstration) -> None:
    with suppress(HTTPException, ConnectionError):
        _ask(ward, "/end")
    assert ward.ended() == 1
    assert "dashboard ended by itself with status 3" in ward.complaints
    assert [PlungerLog.read(bed.plunger_log).at_rest for bed in ward.site.beds] == [True, True]
    ward.assert_nothing_is_left()


def test_pages_that_never_come_are_told_with_their_last_words(tmp_path: Path) -> None:
    words = "raise SystemExit('no pages are installed here')"
    with demonstration(tmp_path, "-m", "tests.processes.open_ward", "-c", words) as ward:
        assert ward.ended() == 1
        assert "no pages are installed here" in ward.complaints
        ward.assert_nothing_is_left()
