"""The self-test before a start: asked for while an order waits, worth ten minutes, and every fault blocks."""

import pytest

from pumpd.core.commands import ReceiptState
from pumpd.core.effects import TestItself
from pumpd.core.modes import Mode
from pumpd.core.readiness import start_blockers
from tests.core.support import World, only, prepare, ready, running, self_tested

pytestmark = pytest.mark.req("START-03")


def asked(world: World) -> int:
    return len(only((effect for _, effect in world.effects), TestItself))


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"storage_fault": "a record cannot be written"}, "self-test: a record cannot be written"),
        ({"free_bytes": None}, "nobody knows how much storage is free"),
        ({"free_bytes": 499_999_999}, "499 MB of storage are free, 500 MB are needed"),
        ({"profile_fault": "the profile has changed"}, "self-test: the profile has changed"),
        ({"alarm_fault": "no sound device"}, "self-test: no sound device"),
        ({"clock_fault": "the wall clock says 1970"}, "self-test: the wall clock says 1970"),
        ({"free_bytes": 500_000_000}, None),
    ],
)
def test_each_fault_blocks_a_start(fault: dict[str, object], words: str | None) -> None:
    world = ready(World(self_test=self_tested(**fault)))
    answer = world.start()
    assert (answer.state is ReceiptState.ACCEPTED) is (words is None)
    assert words is None or words in answer.reason


def test_without_an_answer_there_is_no_start() -> None:
    world = ready(World(self_test=None))
    assert "no self-test has passed within 10 min" in world.start().reason


def test_a_test_speaks_for_ten_minutes_and_is_repeated_in_time() -> None:
    world = ready()
    world.self_test = None
    begun_ns = world.core.state.self_test_asked_ns
    assert begun_ns is not None
    world.advance((begun_ns - world.now_ns) / 1e9 + 600)
    assert not any("self-test" in each for each in start_blockers(world.core.state, world.now_ns))
    world.advance(1)
    assert any("self-test" in each for each in start_blockers(world.core.state, world.now_ns))
    world.self_test = self_tested()
    world.advance(20)
    assert not any("self-test" in each for each in start_blockers(world.core.state, world.now_ns))


def test_a_failed_test_is_repeated_until_it_passes() -> None:
    world = ready(World(self_test=self_tested(alarm_fault="no sound device")))
    world.self_test = self_tested()
    world.advance(16)
    assert start_blockers(world.core.state, world.now_ns) == ()


def test_no_test_disturbs_the_disk_while_no_start_is_near() -> None:
    world = World()
    world.boot()
    world.advance(60)
    assert asked(world) == 0
    assert world.answer("anna", prepare()).state is ReceiptState.VERIFIED
    assert asked(world) == 1
    moving = running()
    before = asked(moving)
    moving.advance(900)
    assert (moving.mode, asked(moving)) == (Mode.RUNNING, before)
