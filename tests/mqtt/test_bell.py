"""The bell of a terminal: nobody who does not hear it says that it is heard."""

import os
import pty
import select
import signal
import subprocess
import sys
from decimal import Decimal

import pytest

from pumpd.core.quantities import NS_PER_S
from pumpd.mqtt.bell import NOT_HEARD, QUESTION, RING, RING_EVERY_NS, Bell
from pumpd.mqtt.client import View
from pumpd.mqtt.site import Site
from pumpd.mqtt.watch import Screen
from tests.mqtt import examples
from tests.mqtt.brokers import RunningBroker

BASE = "pumpd/v1/bed1"
S = NS_PER_S
WAIT_S = 30.0


def bell() -> tuple[Bell, list[str]]:
    rung: list[str] = []
    return Bell(rung.append), rung


@pytest.mark.req("ALRM-05")
@pytest.mark.parametrize(
    ("answer", "heard"), [("y", True), (" Yes ", True), ("", False), ("n", False), ("what", False)]
)
def test_the_test_rings_first_and_counts_from_the_ring(answer: str, heard: bool) -> None:
    one, rung = bell()

    def ask(question: str) -> str:
        assert rung == [RING], question
        return answer

    assert one.test(ask, 5 * S) is heard
    assert one.test_age_s(7 * S) == (Decimal(2) if heard else None)


def test_the_end_of_the_input_is_no_answer() -> None:
    one, _ = bell()

    def ask(_question: str) -> str:
        raise EOFError

    assert not one.test(ask, 0)
    assert one.test_age_s(S) is None


@pytest.mark.req("ALRM-05")
def test_no_age_is_younger_than_the_test() -> None:
    one = Bell(lambda _ring: None, heard_ns=1)
    assert one.test_age_s(1) == 0
    assert one.test_age_s(2) == Decimal("0.001")


def live(view: View, now_ns: int) -> View:
    return view.after(f"{BASE}/heartbeat", examples.heartbeat(1).to_bytes(), retained=False, now_ns=now_ns)


def test_it_rings_while_an_alarm_is_to_be_heard_and_while_nothing_is_heard_of_the_bed() -> None:
    one, rung = bell()
    screen = Screen(lambda _words: None, is_terminal=True, bell=one)
    quiet = live(View(bed="bed1"), 0)
    screen.draw(quiet, 0)
    assert rung == []
    alarms = examples.alarms().model_copy(update={"sounding": "high"})
    alarming = quiet.after(f"{BASE}/alarms", alarms.to_bytes(), retained=True, now_ns=0)
    for at_ns in (0, RING_EVERY_NS - 1):
        screen.draw(live(alarming, at_ns), at_ns)
        assert rung == [RING]
    screen.draw(live(alarming, RING_EVERY_NS), RING_EVERY_NS)
    assert rung == [RING, RING]
    screen.draw(live(quiet, RING_EVERY_NS), RING_EVERY_NS)
    assert rung == [RING, RING]
    screen.draw(quiet, 60 * S)
    assert rung == [RING, RING, RING], "a bed that is silent"


# ---- the command at a terminal --------------------------------------------------------------------------------------


def answered(site: Site, answer: bytes, *, until: bytes, interrupts: bool) -> tuple[int, bytes]:
    """Answer the question of `pumpd watch --sound` at a terminal; wait for `until`, and perhaps press Ctrl-C then."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "pumpd.cli", "watch", "--site", str(site.path), "--user", "anna", "--sound"]
    try:
        with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as watching:
            os.close(theirs)
            shown = _read_to(ours, QUESTION.encode())
            os.write(ours, answer + b"\n")
            shown += _read_to(ours, until)
            if interrupts:
                watching.send_signal(signal.SIGINT)
            return watching.wait(WAIT_S), shown
    finally:
        os.close(ours)


def _read_to(terminal: int, words: bytes) -> bytes:
    shown = b""
    while words not in shown:
        ready, _, _ = select.select([terminal], [], [], WAIT_S)
        assert ready, f"no {words!r} within {WAIT_S} s, only {shown!r}"
        shown += os.read(terminal, 4096)
    return shown


@pytest.mark.process
@pytest.mark.req("ALRM-05")
def test_who_does_not_hear_the_bell_does_not_watch_with_sound(broker: RunningBroker) -> None:
    status, shown = answered(broker.site, b"n", until=NOT_HEARD.encode(), interrupts=False)
    assert (status, shown.count(RING.encode())) == (1, 1)


@pytest.mark.process
@pytest.mark.req("ALRM-05")
def test_who_hears_the_bell_watches(broker: RunningBroker) -> None:
    status, shown = answered(broker.site, b"y", until=b"LINK LOST", interrupts=True)
    assert status == 0
    assert shown.index(RING.encode()) < shown.index(QUESTION.encode()) < shown.index(b"LINK LOST")
