"""What a pause costs: reminders, its longest time, the session's longest time, and the third one for a vital sign."""

import pytest

from pumpd.core import pausing
from pumpd.core.commands import ReceiptState
from pumpd.core.modes import Mode
from pumpd.core.ports import Validity
from pumpd.core.prescription import plan
from pumpd.core.state import State
from tests.core.support import S, World, paused, prepare, profile, running, settings

REMINDER_S, PAUSE_S = 120, 1_800


def reminders(world: World) -> int:
    return max((alarm.episode for alarm in world.core.state.alarms.listed if alarm.id == "pause-reminder"), default=0)


def go_on(world: World) -> None:
    world.acknowledge_all()
    world.assess()
    answer = world.resume()
    assert answer.state is ReceiptState.ACCEPTED, answer.reason
    world.advance(5)
    assert world.mode is Mode.RUNNING


@pytest.mark.req("CTRL-06")
def test_a_pause_reminds_after_two_minutes_and_every_two_minutes() -> None:
    world = paused()
    rested_ns = world.core.state.paused_at_ns
    world.advance((rested_ns - world.now_ns) / S + REMINDER_S - 0.001)
    assert reminders(world) == 0
    world.advance(0.002)
    assert reminders(world) == 1
    world.advance(REMINDER_S)
    assert reminders(world) == 2
    world.advance(REMINDER_S)
    assert reminders(world) == 3


@pytest.mark.req("CTRL-06")
def test_a_reminder_does_not_block_the_resume() -> None:
    world = paused()
    world.advance(REMINDER_S + 30)
    assert reminders(world) == 1
    world.assess()
    assert world.resume().state is ReceiptState.ACCEPTED


@pytest.mark.req("CTRL-06")
def test_a_pause_of_more_than_thirty_minutes_ends_the_infusion() -> None:
    world = running(60)
    world.pause()
    since_ns = world.core.state.idle_since_ns
    assert since_ns is not None
    world.advance((since_ns - world.now_ns) / S + PAUSE_S - 0.001)
    assert world.mode is Mode.PAUSED
    world.advance(0.002)
    assert world.core.state.ending
    world.advance(5)
    assert world.mode is Mode.ENDED
    assert "pause-too-long" in world.alarm_ids()


@pytest.mark.req("CTRL-06")
def test_the_planned_time_and_45_minutes_since_the_first_start_end_the_infusion() -> None:
    world = running(60)
    first_ns = world.core.state.first_run_ns
    assert first_ns is not None
    for _ in range(3):
        world.pause()
        world.advance(1_500)
        go_on(world)
    end_ns = first_ns + 2_400 * S + profile().session_extra_ns
    while world.now_ns < end_ns - 500 * S:
        world.assess()
        world.advance(400)
    world.assess()
    world.advance((end_ns - world.now_ns) / S - 0.001)
    assert world.mode is Mode.RUNNING
    world.advance(0.002)
    assert world.core.state.ending
    world.advance(5)
    assert world.mode is Mode.ENDED
    assert "session-too-long" in world.alarm_ids()


@pytest.mark.req("CTRL-06")
def test_the_third_pause_for_a_vital_sign_ends_the_infusion() -> None:
    world = running(60)
    for _ in range(2):
        world.hr = 130
        world.advance(30)
        assert world.mode is Mode.PAUSED
        world.hr = 72
        world.advance(60)
        go_on(world)
    world.hr = 130
    world.advance(30)
    assert world.mode is Mode.ENDED


@pytest.mark.req("CTRL-06")
def test_pauses_for_a_lost_signal_are_not_counted() -> None:
    world = running(60)
    for _ in range(4):
        world.probe = Validity.PROBE_OFF
        world.advance(30)
        assert world.mode is Mode.PAUSED
        world.probe = Validity.VALID
        world.advance(60)
        go_on(world)
    assert world.core.state.vital_pauses == 0


@pytest.mark.req("CTRL-06", "LOG-02")
def test_what_a_session_has_used_up_survives_a_restart() -> None:
    world = running(60)
    world.hr = 130
    world.advance(30)
    record = world.core.session_record(world.now_ns)
    restarted = World(pump=world.pump, now_ns=world.now_ns)
    restarted.boot(record)
    restarted.advance(5)
    state = restarted.core.state
    assert state.vital_pauses == 1
    assert state.first_run_ns is not None
    assert restarted.now_ns - state.first_run_ns >= 60 * S
    restarted.advance(PAUSE_S)
    assert restarted.core.state.ending


# ---- without a bed --------------------------------------------------------------------------------------------------

NOW = 10_000 * S
ORDER = plan(prepare(), profile(), by="anna", seed="x")


def open_state(**changes: object) -> State:
    found = State(settings=settings(), mode=Mode.PAUSED, order=ORDER, runs=1, paused_at_ns=NOW, planned_ns=2_400 * S)
    for name, value in changes.items():
        setattr(found, name, value)
    return found


@pytest.mark.req("CTRL-06")
def test_reminders_are_the_deadlines_of_a_pause_one_after_the_other() -> None:
    state = open_state(pause_cause="SPO2 91 %")
    assert list(pausing.deadlines_ns(state)) == [NOW + 120 * S]
    pausing.remind(state, NOW + 120 * S - 1)
    assert (state.reminders, state.happened) == (0, ())
    pausing.remind(state, NOW + 120 * S)
    assert state.reminders == 1
    (told,) = state.happened
    assert (told.id, told.text) == ("pause-reminder", "paused for 2 min: SPO2 91 %")
    assert list(pausing.deadlines_ns(state)) == [NOW + 240 * S]
    pausing.remind(state, NOW + 240 * S)
    assert state.reminders == 2
    assert list(pausing.deadlines_ns(open_state(mode=Mode.RUNNING))) == []


@pytest.mark.req("CTRL-06")
def test_a_long_pause_and_a_long_session_end_at_their_nanosecond() -> None:
    extra_ns = profile().session_extra_ns
    state = open_state(mode=Mode.STOPPING, idle_since_ns=NOW, first_run_ns=NOW - 1_000 * S)
    session_ns = NOW + 1_400 * S + extra_ns
    assert list(pausing.deadlines_ns(state)) == [NOW + PAUSE_S * S, session_ns]
    assert not list(pausing.too_long(state, NOW + PAUSE_S * S - 1))
    assert [each[0] for each in pausing.too_long(state, NOW + PAUSE_S * S)] == ["pause-too-long"]
    assert [each[0] for each in pausing.too_long(state, session_ns)] == ["pause-too-long", "session-too-long"]
    going = open_state(mode=Mode.RUNNING, first_run_ns=NOW)
    assert list(pausing.deadlines_ns(going)) == [NOW + 2_400 * S + extra_ns]
    assert list(pausing.deadlines_ns(open_state(mode=Mode.STOPPING))) == []


@pytest.mark.req("CTRL-06")
@pytest.mark.parametrize("change", [{"mode": Mode.ENDED}, {"mode": Mode.READY}, {"order": None}, {"runs": 0}])
def test_where_no_infusion_is_open_none_is_too_long(change: dict[str, object]) -> None:
    times = {"mode": Mode.STOPPING, "idle_since_ns": NOW, "first_run_ns": NOW}
    assert list(pausing.deadlines_ns(open_state(**times)))
    assert not list(pausing.deadlines_ns(open_state(**{**times, **change})))
