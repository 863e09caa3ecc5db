"""The self-test of the shell: what is tried, that the loop never waits for it, and what no answer means."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pumpd.bedside.local_alarm import LogAlarm
from pumpd.bedside.self_test import ANSWER_LIMIT_S, Examination, Examined, SelfTest, clock_fault, profile_fault
from pumpd.core.events import SelfTested
from pumpd.core.ports import Timer
from pumpd.records.chain import Head, genesis
from pumpd.records.selftest import StorageTest

pytestmark = pytest.mark.req("START-03")
S = 1_000_000_000
GOOD = StorageTest(free_bytes=10**10, fault=None)
WALL = "2026-11-27T10:00:0{}.000+00:00"
PROFILE = Path(__file__).resolve().parents[2] / "config" / "profiles" / "demo.toml"


class StandingClock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.real = 0
        self.wall = WALL.format(0)

    def now_ns(self) -> int:
        return self.real

    def real_ns(self) -> int:
        return self.real

    def wall_utc(self) -> str:
        return self.wall

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> Timer:  # noqa: ARG002 - the contract's
        raise AssertionError("a self-test sets no timer of the core")


class Bench:
    """A self-test whose examinations are ended by hand."""

    def __init__(self) -> None:
        self.clock = StandingClock()
        self.begun: list[Callable[[Examined], None]] = []
        self.told: list[SelfTested] = []
        self.test = SelfTest(
            begin_examination=self.begun.append, alarm=LogAlarm(), clock=self.clock, tell=self.told.append
        )


def test_what_was_found_is_told_once_with_the_time_of_the_question() -> None:
    bench = Bench()
    bench.test.begin(7)
    bench.test.begin(8)
    (end,) = bench.begun
    assert bench.told == []
    end(Examined(storage=GOOD, profile_fault="changed"))
    (told,) = bench.told
    assert (told.begun_ns, told.free_bytes, told.profile_fault, told.alarm_fault, told.clock_fault) == (
        7,
        GOOD.free_bytes,
        "changed",
        None,
        None,
    )
    bench.test.begin(9)
    assert len(bench.begun) == 2


def test_a_closed_bedside_is_told_nothing() -> None:
    bench = Bench()
    bench.test.begin(7)
    bench.test.close()
    bench.begun[0](Examined(storage=GOOD, profile_fault=None))
    assert bench.told == []


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ((0, WALL.format(0)), (2 * S, WALL.format(2)), None),
        ((0, WALL.format(0)), (2 * S, WALL.format(3)), None),
        ((0, WALL.format(0)), (2 * S, WALL.format(4)), "the wall clock went from"),
        ((2 * S, WALL.format(0)), (S, WALL.format(0)), "went backwards"),
        ((0, "1970-01-01T00:00:00.000+00:00"), (0, "1970-01-01T00:00:00.000+00:00"), "set it"),
    ],
)
def test_clocks_that_part_are_a_fault(before: tuple[int, str], after: tuple[int, str], words: str | None) -> None:
    fault = clock_fault(before, after)
    assert (fault is None) if words is None else (fault is not None and words in fault)


def test_a_profile_that_was_changed_or_is_gone_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "profile.toml"
    path.write_bytes(PROFILE.read_bytes())
    assert "in force is 0123" in str(profile_fault(path, "0123"))
    assert "cannot be read" in str(profile_fault(tmp_path / "none.toml", "0123"))


def examination(examine: Callable[[Path, Head], StorageTest]) -> Examination:
    return Examination(
        journal=Path("journal"),
        profile=PROFILE,
        profile_hash="0123",
        loop=asyncio.get_running_loop(),
        noted=lambda: genesis("x"),
        examine_storage=examine,
    )


async def ended(begin: Callable[[Callable[[Examined], None]], None]) -> Examined:
    found: asyncio.Future[Examined] = asyncio.get_running_loop().create_future()
    begin(found.set_result)
    return await asyncio.wait_for(found, 4 * ANSWER_LIMIT_S)


async def test_storage_and_library_are_tried_in_a_thread() -> None:
    threads: list[str] = []

    def examine(_journal: Path, _noted: Head) -> StorageTest:
        threads.append(threading.current_thread().name)
        return GOOD

    found = await ended(examination(examine).begin)
    assert threads == ["self-test"]
    assert found.storage == GOOD
    assert "has changed" in str(found.profile_fault)


@pytest.mark.req("COMM-11")
async def test_a_disk_that_does_not_answer_is_a_fault_within_two_seconds_and_is_not_asked_twice() -> None:
    answers = threading.Event()
    asked: list[Path] = []

    def examine(journal: Path, _noted: Head) -> StorageTest:
        asked.append(journal)
        answers.wait()
        return GOOD

    under = examination(examine)
    try:
        for _ in range(2):
            found = await ended(under.begin)
            assert "has not answered within 2 s" in str(found.storage.fault)
            assert found.storage.free_bytes is None
        assert len(asked) == 1
    finally:
        answers.set()
    while (await ended(under.begin)).storage != GOOD:
        await asyncio.sleep(0)
