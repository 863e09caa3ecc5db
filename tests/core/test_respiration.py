"""Respiration counted by a nurse: the limits of the default profile, and the count that corrects it."""

import pytest

from pumpd.core.modes import Mode
from tests.core.support import running


@pytest.mark.req("VIT-17")
@pytest.mark.parametrize(
    ("rr", "wait_s", "mode"),
    [(9, 30, Mode.PAUSED), (31, 30, Mode.PAUSED), (7, 15, Mode.ENDED), (10, 60, Mode.RUNNING), (30, 60, Mode.RUNNING)],
)
def test_a_count_beyond_its_limit_pauses_or_ends_when_its_time_is_up(rr: int, wait_s: int, mode: Mode) -> None:
    world = running()
    world.assess(rr=rr)
    world.advance(wait_s - 1)
    assert world.mode is Mode.RUNNING
    world.advance(6)
    assert world.mode is mode


@pytest.mark.req("VIT-17")
def test_a_second_count_in_time_corrects_the_first() -> None:
    world = running()
    world.assess(rr=9)
    world.advance(20)
    world.assess(rr=14)
    world.advance(30)
    assert world.mode is Mode.RUNNING


@pytest.mark.req("VIT-17")
def test_a_pause_for_respiration_can_be_left_with_a_count_in_range() -> None:
    world = running()
    world.assess(rr=9)
    world.advance(40)
    assert world.mode is Mode.PAUSED
    world.acknowledge_all()
    assert "RR 9 /min < 10 /min" in world.resume().reason
    world.assess(rr=14)
    world.advance(5)
    world.acknowledge_all()
    world.resume()
    world.advance(10)
    assert world.mode is Mode.RUNNING
