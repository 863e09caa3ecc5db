"""What only people can see: attested before a start, after an occlusion; and the lock after repeated pump alarms."""

import pytest

from pumpd.core.commands import Attest, Attested, ReceiptState
from pumpd.core.modes import Mode
from pumpd.core.ports import PumpAlarmed, PumpAlarmKind
from pumpd.core.readiness import start_blockers
from tests.core.support import World, prepare, ready, running

STALL = PumpAlarmed(kind=PumpAlarmKind.STALL, text="A?S")


def blockers(world: World) -> str:
    return "; ".join(start_blockers(world.core.state, world.now_ns))


def stalled(world: World) -> None:
    world.pump.stop(world.now_ns)
    world.tell(STALL)
    world.advance(60)
    assert world.mode is Mode.PAUSED
    world.acknowledge_all()
    world.assess()


def go_on(world: World, **changes: object) -> None:
    answer = world.resume(**changes)
    assert answer.state is ReceiptState.ACCEPTED, answer.reason
    world.advance(5)
    assert world.mode is Mode.RUNNING


@pytest.mark.req("START-10")
def test_a_start_needs_a_primed_line() -> None:
    world = ready()
    world.core.state.attested = {
        item: seen for item, seen in world.core.state.attested.items() if item is not Attested.PRIMED
    }
    assert "attest primed" in world.start().reason
    world.attest(Attested.PRIMED)
    assert world.start().state is ReceiptState.ACCEPTED


@pytest.mark.req("START-10")
@pytest.mark.parametrize(("rate_nl_h", "slow"), [(4_999_999, True), (5_000_000, False)])
def test_a_slow_order_waits_for_somebody_to_take_note(rate_nl_h: int, slow: bool) -> None:
    world = ready()
    world.core.state.rate_nl_h = rate_nl_h
    assert ("attest slow-start" in blockers(world)) == slow
    world.attest(Attested.SLOW_START)
    assert blockers(world) == ""


@pytest.mark.req("VIT-10")
def test_cuff_and_probe_on_one_limb_refuse_the_start_until_one_was_moved() -> None:
    world = ready()
    world.attest(Attested.LIMB_SHARED)
    assert "same limb" in world.start().reason
    world.attest(Attested.LIMBS_APART)
    assert world.start().state is ReceiptState.ACCEPTED


@pytest.mark.req("START-10", "START-01")
def test_attestations_name_the_person_and_hold_for_one_order() -> None:
    world = ready()
    assert world.core.state.attested[Attested.PRIMED].by == "anna"
    world.answer("anna", prepare())
    assert "attest primed" in blockers(world)


@pytest.mark.req("CMD-05")
def test_a_viewer_attests_nothing() -> None:
    world = ready()
    assert world.answer("vic", Attest(item=Attested.PRIMED)).state is ReceiptState.REFUSED


@pytest.mark.req("PUMP-03")
def test_after_a_stall_the_line_must_be_relieved_before_a_resume() -> None:
    world = running(60)
    stalled(world)
    assert "line-relieved" in world.resume().reason
    world.attest(Attested.LINE_RELIEVED)
    go_on(world)
    stalled(world)
    assert "line-relieved" in world.resume().reason, "each stall asks anew"


@pytest.mark.req("PUMP-03", "LOG-02")
def test_a_line_under_pressure_is_remembered_over_a_restart() -> None:
    world = running(60)
    stalled(world)
    restarted = World(pump=world.pump, now_ns=world.now_ns)
    restarted.boot(world.core.session_record(world.now_ns))
    assert restarted.core.state.line_unrelieved


def lock(world: World) -> None:
    for number in range(3):
        stalled(world)
        world.attest(Attested.LINE_RELIEVED)
        if number < 2:
            go_on(world)


@pytest.mark.req("PUMP-04")
def test_the_third_same_alarm_in_ten_minutes_locks_until_a_prescriber_gives_a_reason() -> None:
    world = running(60)
    lock(world)
    assert "locked" in world.resume().reason
    assert "locked" in world.resume("anna", override_reason="it is fine").reason, "a nurse cannot unlock"
    assert "locked" in world.resume("pia", override_reason="  ").reason, "without a reason nobody can"
    world.human_ns = world.now_ns
    go_on(world, user="pia", override_reason="clamp found and opened")
    assert world.core.state.lockout.reason is None


@pytest.mark.req("PUMP-04")
def test_alarms_further_apart_or_of_other_kinds_do_not_lock() -> None:
    world = running(60)
    stalled(world)
    world.attest(Attested.LINE_RELIEVED)
    go_on(world)
    world.pump.stop(world.now_ns)
    world.tell(PumpAlarmed(kind=PumpAlarmKind.WATCHDOG, text="A?T"))
    world.advance(60)
    world.acknowledge_all()
    go_on(world)
    world.advance(300)
    stalled(world)
    world.attest(Attested.LINE_RELIEVED)
    go_on(world)
    world.advance(250)
    stalled(world)
    world.attest(Attested.LINE_RELIEVED)
    assert world.core.state.lockout.reason is None


@pytest.mark.req("PUMP-04", "LOG-02")
def test_a_lock_survives_a_restart() -> None:
    world = running(60)
    lock(world)
    restarted = World(pump=world.pump, now_ns=world.now_ns)
    restarted.boot(world.core.session_record(world.now_ns))
    assert restarted.core.state.lockout.reason is not None
