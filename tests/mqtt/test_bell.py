"""The bell of a terminal: nobody who does not hear it says that it is heard."""

from decimal import Decimal

import pytest

from pumpd.core.quantities import NS_PER_S
from pumpd.mqtt.bell import RING, RING_EVERY_NS, Bell
from pumpd.mqtt.client import View
from pumpd.mqtt.watch import Screen
from tests.mqtt import examples

BASE = "pumpd/v1/bed1"
S = NS_PER_S


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
