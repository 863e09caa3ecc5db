"""After the infusion: the patient is watched on, the pump is left alone, and the session is closed by a person."""

from itertools import pairwise

import pytest

from pumpd.core.alarms import Priority
from pumpd.core.commands import Close, ReceiptState
from pumpd.core.effects import Decision, MeasureNibp, SaveSession, SendStop
from pumpd.core.modes import Mode
from pumpd.core.phase import SessionPhase, phase
from pumpd.core.ports import NibpFailed, PumpState, PumpStatus, Validity
from tests.core.support import S, World, in_mode, nibp, only, paused, prepare, profile, ready, running

MIN = 60


def cycles_s(world: World, since_ns: int) -> list[int]:
    """Return when the cuff was started, in whole seconds after `since_ns`."""
    return [(at_ns - since_ns) // S for at_ns, effect in world.effects if isinstance(effect, MeasureNibp)]


def stops(world: World, since_ns: int) -> int:
    return sum(isinstance(effect, SendStop) and at_ns > since_ns for at_ns, effect in world.effects)


def since_ns(world: World) -> int:
    assert world.core.state.observing_since_ns is not None
    return world.core.state.observing_since_ns


def priorities(world: World) -> dict[str, Priority]:
    return {alarm.id: alarm.priority for alarm in world.core.state.alarms.listed if alarm.active}


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (Mode.IDLE, SessionPhase.CLOSED),
        (Mode.READY, SessionPhase.PREPARING),
        (Mode.STARTING, SessionPhase.INFUSING),
        (Mode.RUNNING, SessionPhase.INFUSING),
        (Mode.STOPPING, SessionPhase.INFUSING),
        (Mode.PAUSED, SessionPhase.INFUSING),
        (Mode.FAULT, SessionPhase.INFUSING),
        (Mode.UNKNOWN, SessionPhase.INFUSING),
        (Mode.COMPLETED, SessionPhase.OBSERVING),
        (Mode.ENDED, SessionPhase.OBSERVING),
    ],
)
def test_each_mode_has_its_phase(mode: Mode, expected: SessionPhase) -> None:
    assert phase(in_mode(mode).core.state) is expected


@pytest.mark.req("CLIN-07")
def test_the_cuff_measures_every_5_min_for_30_min_and_then_every_15_min_for_as_long_as_the_session_is_open() -> None:
    world = in_mode(Mode.COMPLETED)
    began_ns = since_ns(world)
    world.advance(150 * MIN)
    seen = [at_s for at_s in cycles_s(world, began_ns) if at_s > 0]
    apart = [later - sooner for sooner, later in pairwise(seen)]
    early = [gap for at_s, gap in zip(seen, apart, strict=False) if at_s + gap <= 30 * MIN]
    late = [gap for at_s, gap in zip(seen, apart, strict=False) if at_s >= 30 * MIN]
    assert seen[0] <= 5 * MIN
    assert early == [5 * MIN] * len(early)
    assert len(early) >= 4
    assert late == [15 * MIN] * len(late)
    assert len(late) >= 7
    assert max(apart) <= 15 * MIN
    assert priorities(world) == {}


@pytest.mark.req("CLIN-07")
def test_a_session_cannot_be_closed_before_its_time_and_says_how_long_that_is() -> None:
    world = in_mode(Mode.ENDED)
    world.advance(119 * MIN)
    world.make_fit()
    world.acknowledge_all()
    refused = world.close()
    assert refused.state is ReceiptState.REFUSED
    assert "120 min are needed; close in 1 min" in refused.reason
    assert phase(world.core.state) is SessionPhase.OBSERVING
    world.advance(1 * MIN)
    assert world.close().state is ReceiptState.VERIFIED
    assert phase(world.core.state) is SessionPhase.CLOSED
    assert any("closed by anna" in effect.text for _, effect in world.effects if isinstance(effect, Decision))


@pytest.mark.req("CLIN-07")
def test_a_session_is_not_closed_over_an_alarm_that_nobody_has_taken_note_of() -> None:
    world = in_mode(Mode.ENDED)
    world.advance(121 * MIN)
    world.make_fit()
    world.acknowledge_all()
    world.spo2 = 80
    world.advance(60)
    world.spo2 = 98
    world.advance(30)
    assert "is not acknowledged" in world.close().reason
    world.acknowledge_all()
    assert world.close().state is ReceiptState.VERIFIED


@pytest.mark.req("CLIN-07")
@pytest.mark.parametrize("mode", [Mode.IDLE, Mode.READY, Mode.RUNNING, Mode.PAUSED, Mode.FAULT])
def test_only_an_observation_can_be_closed(mode: Mode) -> None:
    assert "only a session that is being observed can be closed" in in_mode(mode).close().reason


@pytest.mark.req("CLIN-07", "CMD-02")
def test_closing_is_for_clinicians_who_look_at_the_present_state() -> None:
    world = in_mode(Mode.ENDED)
    world.advance(121 * MIN)
    world.acknowledge_all()
    assert "may not close" in world.close("eva").reason
    assert "may not close" in world.close("vic").reason
    assert "decided on state" in world.answer("anna", Close(), rev=world.core.state.rev - 1).reason
    assert "token is unknown" in world.answer("anna", Close(), token="t1").reason  # noqa: S106 - no password


@pytest.mark.req("CLIN-07")
def test_nobody_else_is_prepared_while_a_patient_is_observed() -> None:
    world = in_mode(Mode.ENDED)
    world.advance(60 * MIN)
    refused = world.answer("anna", prepare())
    assert refused.state is ReceiptState.REFUSED
    assert "still observed" in refused.reason
    world.observe()
    assert world.answer("anna", prepare()).state is ReceiptState.VERIFIED
    assert phase(world.core.state) is SessionPhase.PREPARING


def test_a_closed_session_knows_nothing_of_its_patient() -> None:
    world = in_mode(Mode.ENDED)
    world.advance(120 * MIN)
    world.make_fit()
    world.acknowledge_all()
    assert world.close().state is ReceiptState.VERIFIED
    state = world.core.state
    assert (state.vitals.latest, state.vitals.readings, state.interlocks.pending) == ({}, (), {})
    assert state.baseline is None


def test_a_session_in_which_nothing_was_given_needs_no_observation() -> None:
    world = ready()
    world.stop()
    world.advance(5)
    assert world.mode is Mode.ENDED
    assert phase(world.core.state) is SessionPhase.CLOSED
    assert world.answer("anna", prepare()).state is ReceiptState.VERIFIED


# ---- alarms alive, interlocks silent --------------------------------------------------------------------------------


@pytest.mark.req("CLIN-07", "VIT-20")
@pytest.mark.parametrize("mode", [Mode.COMPLETED, Mode.ENDED])
def test_a_vital_sign_beyond_its_limits_alarms_and_sends_the_resting_pump_nothing(mode: Mode) -> None:
    world = in_mode(mode)
    world.advance(60)
    world.acknowledge_all()
    began_ns = world.now_ns
    world.spo2 = 80
    world.hr = 180
    world.advance(120)
    found = priorities(world)
    assert any(alarm.startswith("spo2") for alarm in found), found
    assert any(alarm.startswith("hr") for alarm in found), found
    assert stops(world, began_ns) == 0
    assert world.mode is mode
    assert world.core.state.vital_pauses == 0


@pytest.mark.req("CLIN-07", "VIT-20")
def test_missing_vital_signs_alarm_at_their_ages_while_observing() -> None:
    world = in_mode(Mode.ENDED)
    world.advance(60)
    began_ns = world.now_ns
    world.probe = Validity.PROBE_OFF
    world.advance(25)
    found = priorities(world)
    assert any(alarm.startswith("spo2-stale") for alarm in found), found
    assert max(found.values()) >= Priority.MEDIUM
    assert stops(world, began_ns) == 0


@pytest.mark.req("CLIN-07")
def test_a_cuff_that_fails_alarms_in_both_parts_of_the_observation() -> None:
    for watched_min, latest_min in ((10, 15), (60, 30)):
        world = in_mode(Mode.ENDED)
        world.advance(watched_min * MIN)
        assert not [alarm for alarm in priorities(world) if alarm.startswith("sbp")]
        world.cuff_answers = False
        world.advance(latest_min * MIN)
        assert [alarm for alarm in priorities(world) if alarm.startswith("sbp-stale")], watched_min


@pytest.mark.req("CLIN-07")
def test_a_pump_that_is_unplugged_after_the_end_alarms_once_and_does_not_keep_the_session_open() -> None:
    world = in_mode(Mode.ENDED)
    world.advance(60 * MIN)
    world.cut()
    world.advance(61 * MIN)
    assert priorities(world)["pump-link"] is Priority.MEDIUM
    assert world.mode is Mode.ENDED
    world.make_fit()
    world.acknowledge_all()
    assert world.close().state is ReceiptState.VERIFIED


@pytest.mark.req("CLIN-07")
def test_flow_after_the_end_is_stopped_and_begins_the_observation_anew() -> None:
    world = in_mode(Mode.ENDED)
    world.advance(100 * MIN)
    before_ns = since_ns(world)
    world.tell(PumpStatus(state=PumpState.MOVING, asked_at_ns=world.now_ns))
    assert stops(world, world.now_ns - 1) == 1
    assert "not confirmed at rest" in world.close().reason
    world.advance(10)
    assert "keypad-start" in world.alarm_ids()
    assert since_ns(world) > before_ns
    assert "min are needed" in world.close().reason


@pytest.mark.req("VIT-20")
def test_a_pause_leaves_sampling_evaluation_ageing_and_alarms_as_they_are_in_a_run() -> None:
    """Two beds, the one paused and the other infusing, see the same patient go wrong at the same instants."""
    told: list[dict[str, int]] = []
    for world in (running(60), paused()):
        world.acknowledge_all()
        first: dict[str, int] = {}
        began_ns = world.now_ns
        for step in range(40):
            world.spo2 = 98 if step < 5 else 92
            world.probe = Validity.VALID if step < 20 else Validity.PROBE_OFF
            world.advance(1)
            assert world.core.state.vitals.readings
            for alarm in world.core.state.alarms.listed:
                if alarm.active and alarm.id.startswith(("spo2", "hr")):
                    first.setdefault(alarm.id, (world.now_ns - began_ns) // S)
        told.append(first)
    in_run, in_pause = told
    assert in_run == in_pause
    assert {alarm.split("-")[0] for alarm in in_pause} == {"spo2", "hr"}


# ---- restarts -------------------------------------------------------------------------------------------------------


def restarted(world: World) -> World:
    assert world.saved is not None
    again = World(now_ns=5_000 * S, pump=world.pump)
    again.boot(recovered=world.saved)
    return again


@pytest.mark.req("CLIN-07", "LOG-02")
@pytest.mark.parametrize("mode", [Mode.COMPLETED, Mode.ENDED])
def test_a_restart_goes_on_observing_and_loses_at_most_a_minute_of_it(mode: Mode) -> None:
    world = in_mode(mode)
    world.advance(50 * MIN)
    again = restarted(world)
    assert phase(again.core.state) is SessionPhase.OBSERVING
    again.advance(10)
    assert again.mode is mode
    assert again.core.state.session == world.core.state.session
    assert again.core.state.halt is None
    assert again.core.state.pump.at_rest
    assert again.core.state.runs > 0
    assert "restarted" in again.alarm_ids()
    observed_ns = again.now_ns - since_ns(again)
    assert 49 * MIN * S <= observed_ns <= 51 * MIN * S
    assert "still observed" in again.answer("anna", prepare()).reason
    again.advance(72 * MIN)
    again.make_fit()
    again.acknowledge_all()
    assert again.close().state is ReceiptState.VERIFIED


@pytest.mark.req("CLIN-07")
def test_a_closed_session_stays_closed_across_a_restart() -> None:
    world = in_mode(Mode.ENDED)
    world.observe()
    again = restarted(world)
    assert again.mode is Mode.IDLE
    assert phase(again.core.state) is SessionPhase.CLOSED


@pytest.mark.req("LOG-02")
def test_a_restart_while_observing_sends_a_stop_and_never_a_run() -> None:
    world = in_mode(Mode.ENDED)
    world.advance(60)
    again = World(now_ns=5_000 * S, pump=world.pump)
    again.boot(recovered=world.saved)
    assert only([effect for _, effect in again.effects], SendStop)
    again.advance(30)
    assert again.runs_sent == []
    assert again.mode is Mode.ENDED


@pytest.mark.req("CLIN-07")
def test_how_long_was_observed_is_recorded_every_minute() -> None:
    world = in_mode(Mode.ENDED)
    world.advance(30 * MIN)
    saved = [at_ns for at_ns, effect in world.effects if isinstance(effect, SaveSession)]
    assert max(later - sooner for sooner, later in pairwise(saved[-25:])) <= 61 * S
    assert saved[-1] > world.now_ns - 61 * S


def test_a_failed_cuff_cycle_is_repeated_once_while_observing() -> None:
    world = in_mode(Mode.ENDED)
    world.advance(20 * MIN)
    world.tell(NibpFailed(source="cuff", cycle=1, reason="motion", retry=True))
    before = len(cycles_s(world, 0))
    world.advance(40)
    assert len(cycles_s(world, 0)) == before + 1
    world.tell(nibp(world.now_ns))


@pytest.mark.req("CFG-06")
def test_the_record_of_a_simulated_session_says_so() -> None:
    world = ready()
    words = [effect.text for _, effect in world.effects if isinstance(effect, Decision) and effect.cause == "versions"]
    assert [line.startswith("SIMULATED session s-") for line in words] == [True]


def test_the_profile_of_the_demonstration_observes_for_two_hours() -> None:
    assert profile().observe_min_ns == 120 * MIN * S
