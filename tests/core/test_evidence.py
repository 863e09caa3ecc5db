"""Each pause that no human asked for leaves one record of everything it was decided on."""

import pytest

from pumpd.core.effects import KeepEvidence
from pumpd.core.events import DeadlineReached
from pumpd.core.evidence import Evidence
from pumpd.core.modes import Mode
from pumpd.core.ports import PumpState, PumpStatus, Validity, VitalKind
from pumpd.core.quantities import NS_PER_MIN
from pumpd.core.rest import Aim
from pumpd.records import encoding
from tests.core.support import S, World, paused, profile, ready, running

_TYPES = encoding.registry(KeepEvidence)


def kept(world: World) -> list[Evidence]:
    return [effect.evidence for _, effect in world.effects if isinstance(effect, KeepEvidence)]


@pytest.mark.req("LOG-06")
def test_a_pause_by_a_rule_leaves_one_record_with_all_it_was_decided_on() -> None:
    world = running()
    world.hr = 115
    world.advance(2)
    world.acknowledge_all()
    assert not kept(world)
    at_ns = world.now_ns
    world.probe = Validity.IMPOSSIBLE
    world.advance(20)
    assert world.mode is Mode.PAUSED
    (found,) = kept(world)
    assert at_ns < found.at_ns <= at_ns + S
    assert (found.halted.mode, found.halted.moving, found.halted.aim) == (Mode.RUNNING, True, Aim.PAUSE)
    assert {cause.id for cause in found.causes} >= {"spo2-impossible", "hr-impossible"}
    assert [(each.rule.id, each.limit, each.value) for each in found.crossed] == [("hr-high-alert", 110, 115)]
    ages = {each.sample.kind: each.age_ns for each in found.samples}
    assert set(ages) == {VitalKind.SBP, VitalKind.DBP, VitalKind.HR, VitalKind.SPO2, VitalKind.RR, VitalKind.MOAAS}
    assert 0 < ages[VitalKind.HR] < 2 * S < ages[VitalKind.SBP]
    chosen = profile()
    assert (found.profile_name, found.profile_version, found.profile_hash) == (chosen.name, chosen.version, chosen.hash)
    assert found.low_nl <= world.pump.given_nl <= found.high_nl
    assert found.pump.status_age_ns is not None
    assert found.pump.status_age_ns < 2 * S
    assert (found.pump.lease_ns, found.pump.link_up) == (chosen.lease_ns, True)
    assert found.baseline is not None
    assert (found.confirmed_by, found.started_by, found.order_hash) == ("ben", "anna", world.order_hash)
    assert len(found.attested) == 2
    noted = {alarm.id: alarm.acknowledged_by for alarm in found.alarms}
    assert noted["hr-high-alert"] == "anna"
    assert noted["spo2-impossible"] is None
    assert found.wire_from_ns == found.at_ns - NS_PER_MIN
    assert found.at_ns + 3 * S < found.wire_until_ns
    effect = KeepEvidence(evidence=found)
    assert encoding.parse(encoding.canonical(effect), _TYPES) == effect


@pytest.mark.req("LOG-06")
def test_a_lost_link_a_keypad_and_a_restart_leave_one_each() -> None:
    lost = running()
    lost.cut()
    lost.advance(3)
    lost.connect()
    lost.advance(10)
    assert [evidence.halted.cause for evidence in kept(lost)] == ["pump link lost: cable"]

    keypad = running()
    keypad.pump.stop(keypad.now_ns)
    keypad.advance(10)
    (found,) = kept(keypad)
    assert "its end-stop, its keypad or an alarm" in found.halted.cause

    source = running()
    restarted = World(now_ns=source.now_ns, pump=source.pump)
    restarted.boot(source.core.session_record(source.now_ns), alarms=source.alarms)
    restarted.advance(10)
    (found,) = kept(restarted)
    assert (found.halted.cause, found.halted.mode) == ("the daemon was restarted", Mode.RUNNING)
    assert "restarted" in {alarm.id for alarm in found.alarms}


@pytest.mark.req("LOG-06")
def test_the_end_of_a_pause_that_lasted_too_long_leaves_one() -> None:
    world = paused()
    world.advance(1_800)
    assert world.mode is Mode.ENDED
    assert [evidence.halted.aim for evidence in kept(world)] == [Aim.END]


@pytest.mark.req("LOG-06")
def test_a_pump_that_moves_before_any_run_leaves_one() -> None:
    world = ready()
    world.tell(PumpStatus(state=PumpState.MOVING, asked_at_ns=world.now_ns))
    world.tell(DeadlineReached(real_ns=world.now_ns))
    (found,) = kept(world)
    assert not found.halted.moving
    assert "keypad-start" in {cause.id for cause in found.causes}


@pytest.mark.req("LOG-06", "ALRM-04")
def test_a_pump_that_stops_by_itself_a_little_short_of_the_order_leaves_one() -> None:
    world = running()
    world.assess()
    world.advance(2_369)
    world.pump.stop(world.now_ns)
    world.advance(5)
    assert world.mode is Mode.PAUSED
    assert "pump-stopped" in world.alarm_ids()
    assert len(kept(world)) == 1
