"""What a pause costs: reminders, its longest time, the session's longest time, and the third one for a vital sign."""

import pytest

from pumpd.core.commands import ReceiptState
from pumpd.core.modes import Mode
from pumpd.core.ports import Validity
from tests.core.support import S, World, paused, profile, running

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
