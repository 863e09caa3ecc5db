"""A new order shows what the orders before it gave at this bed, also after a restart (CTRL-05)."""

import pytest

from pumpd.core.commands import Close, ReceiptState
from pumpd.core.controller import Core
from pumpd.core.given import Given, remembered
from pumpd.core.modes import Mode
from tests.core.support import WALL_AHEAD_NS, S, World, in_mode, prepare, settings


def over() -> World:
    """Return a world in which a part of an order was given, the patient was observed and the session closed."""
    world = in_mode(Mode.ENDED)
    state = world.core.state
    assert state.observing_since_ns is not None
    state.observing_since_ns -= state.settings.profile.observe_min_ns
    world.acknowledge_all()
    assert world.account().state is world.witness().state is ReceiptState.VERIFIED
    assert world.answer("pia", Close(transfer_reason="as the test says")).state is ReceiptState.VERIFIED
    return world


def again(world: World) -> World:
    """Return the bed after a restart, half an hour later."""
    restarted = World(
        core=Core(settings()), now_ns=world.now_ns + 1_800 * S, pump=world.pump, saved=world.saved, alarms=world.alarms
    )
    restarted.boot(recovered=world.saved, alarms=world.alarms)
    restarted.advance(5)
    return restarted


@pytest.mark.req("CTRL-05")
@pytest.mark.parametrize("restarts", [0, 1, 2])
def test_a_new_order_after_an_ended_one_shows_what_was_given(restarts: int) -> None:
    world = over()
    ended, given_nl, over_ns = world.order_hash, world.pump.given_nl, world.now_ns
    assert given_nl > 0
    for _ in range(restarts):
        world = again(world)
    receipt = world.answer("anna", prepare())
    assert receipt.state is ReceiptState.VERIFIED
    (given,) = world.core.state.before
    assert given.order_hash == ended
    assert given.low_nl <= given_nl <= given.high_nl < given_nl + 50_000
    assert abs(given.until_wall_ns - over_ns - WALL_AHEAD_NS) < 10 * S, "the wall time, also after a restart"
    assert receipt.reason.startswith(f"{given.words()}; ketamine 35 mg")
    assert f"of ketamine by order {ended}, until 2026-05-28 20:4" in given.words()
    assert " 0.215 to 0.216 mL (0.43 to 0.432 mg) " in given.words()


@pytest.mark.req("CTRL-05")
def test_a_restart_while_the_patient_is_observed_keeps_when_the_infusion_was_over() -> None:
    world = in_mode(Mode.ENDED)
    over_wall_ns = world.core.state.over_wall_ns
    assert over_wall_ns is not None
    world = again(world)
    assert (world.mode, world.core.state.over_wall_ns) == (Mode.ENDED, over_wall_ns)


@pytest.mark.req("CTRL-05")
def test_an_edit_and_a_restart_of_the_new_order_forget_nothing() -> None:
    world = over()
    ended = world.order_hash
    for _ in range(2):
        world.answer("anna", prepare())
        world.answer("anna", prepare(duration_min=50))
        assert [given.order_hash for given in world.core.state.before] == [ended], "an order that gave nothing is none"
        world = again(world)
        assert world.mode is Mode.IDLE
        assert [given.order_hash for given in world.core.state.before] == [ended]


def test_the_four_newest_of_many_are_shown() -> None:
    state = in_mode(Mode.ENDED).core.state
    before: tuple[Given, ...] = ()
    for number in range(6):
        before = remembered(before, state.order, state.ledger, until_wall_ns=number * S, now_ns=0)
    assert [given.until_wall_ns for given in before] == [number * S for number in range(2, 6)]
