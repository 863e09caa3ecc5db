"""Episodes, acknowledgement, supervision, the counter watch, and permission cause by cause."""

from dataclasses import replace

import pytest

from pumpd.core import causes
from pumpd.core.alarms import Alarms, Circumstances, Condition, Priority
from pumpd.core.commands import Acknowledge, ReceiptState
from pumpd.core.controller import Core
from pumpd.core.counter import CounterWatch, Mismatch
from pumpd.core.effects import MeasureNibp, SendStop
from pumpd.core.events import (
    Booted,
    BrokerConnected,
    BrokerLost,
    DeadlineReached,
    JournalFailed,
    JournalRecovered,
)
from pumpd.core.modes import Mode
from pumpd.core.ports import LinePolicy, PumpCounter, PumpState, PumpStatus
from pumpd.core.quantities import NS_PER_H
from tests.core.support import MS, T0, S, World, core_in, only, paused, ready, running, settings

RATE = 26_250_000


def seen() -> Circumstances:
    return Circumstances(values="HR 115 /min (0.5 s old)", action="None; the infusion goes on.")


def condition(settle_ns: int = 0, priority: Priority = Priority.HIGH) -> Condition:
    return Condition(id="x", priority=priority, cause="c", text="t", advice="a", settle_ns=settle_ns)


@pytest.mark.req("ALRM-01", "ALRM-08")
def test_an_episode_latches_until_its_cause_is_gone_and_it_is_acknowledged() -> None:
    alarms = Alarms().update((condition(),), 1, seen)
    assert alarms.sounding() is Priority.HIGH
    noted = alarms.acknowledge("x", 1, "anna")
    assert noted is not None
    assert noted.sounding() is None
    assert noted.update((condition(),), 2, seen).listed[0].acknowledged_by == "anna", (
        "a cause that persists cannot be cleared"
    )
    assert noted.update((), 3, seen).listed == ()
    gone = alarms.update((), 2, seen)
    assert not gone.listed[0].active
    back = gone.update((condition(),), 3, seen)
    assert [(alarm.episode, alarm.acknowledged_by) for alarm in back.listed] == [(2, None)]
    assert back.acknowledge("x", 1, "anna") is None, "one episode by its number"


@pytest.mark.req("ALRM-08")
def test_an_acknowledgement_silences_nothing_else() -> None:
    both = Alarms().update((condition(), replace(condition(), id="y", priority=Priority.MEDIUM)), 1, seen)
    noted = both.acknowledge("x", 1, "anna")
    assert noted is not None
    assert [(alarm.id, alarm.acknowledged_by) for alarm in noted.listed] == [("x", "anna"), ("y", None)]
    assert noted.sounding() is Priority.MEDIUM


@pytest.mark.req("VIT-20")
def test_in_a_pause_values_age_and_alarm_as_while_running() -> None:
    world = paused()
    before = world.alarm_ids()
    world.spo2 = 80
    world.advance(2)
    assert "spo2-very-low-end" in world.alarm_ids() - before
    assert world.mode is Mode.ENDED, "what ends an infusion ends a paused one too"
    world = paused()
    world.frames = False
    world.advance(16)
    assert {"hr-stale-pause", "spo2-stale-pause"} <= world.alarm_ids() - before


@pytest.mark.req("ALRM-06", "CMD-03")
def test_a_swinging_value_is_one_alarm_for_a_minute_after_each_end() -> None:
    alarms = Alarms().update((condition(60 * S),), 0, seen)
    noted = alarms.acknowledge("x", 1, "anna")
    assert noted is not None
    for second in range(1, 20):
        noted = noted.update((condition(60 * S),) if second % 2 else (), second * S, seen)
        assert noted.key() == (("x", 1),)
        assert noted.sounding() is None
    ended = noted.update((), 20 * S, seen)
    assert ended.update((), 79 * S, seen).listed
    assert ended.update((), 80 * S, seen).listed == ()
    assert alarms.update((), S, seen).update((condition(60 * S),), 61 * S, seen).listed[0].episode == 2


@pytest.mark.req("ALRM-01", "LOG-02")
def test_latched_alarms_survive_a_restart_of_an_open_and_of_a_closed_session() -> None:
    for source in (paused(), ready()):
        source.tell(PumpStatus(state=PumpState.MOVING, asked_at_ns=source.now_ns))
        source.advance(5)
        record = source.core.session_record(source.now_ns)
        world = World(core=Core(settings()), now_ns=source.now_ns, pump=source.pump)
        world.boot(record, alarms=source.alarms)
        assert "keypad-start" in world.alarm_ids()


@pytest.mark.req("ALRM-06", "CTRL-05")
def test_a_heart_rate_around_its_alert_limit_does_not_keep_a_nurse_from_resuming() -> None:
    world = paused()
    world.hr = 54
    world.advance(2)
    world.acknowledge_all()
    for _ in range(20):
        world.hr = 109 - world.hr
        world.advance(2)
    assert world.resume().state is ReceiptState.ACCEPTED


@pytest.mark.req("CMD-03", "ALRM-08")
def test_an_acknowledgement_of_what_persists_does_not_move_the_version() -> None:
    world = running()
    world.hr = 115
    world.advance(2)
    rev = world.core.state.rev
    answer = world.answer("anna", Acknowledge(alarm="hr-high-alert", episode=1))
    assert answer.state is ReceiptState.VERIFIED
    assert world.core.state.rev == rev


# ---- supervision ----------------------------------------------------------------------------------------------------


@pytest.mark.req("COMM-07")
def test_a_lost_broker_alarms_soon_and_pauses_at_its_time_by_the_real_clock_alone() -> None:
    world = running()
    real_ns = world.now_ns
    world.tokens = False
    world.tell(BrokerLost(reason="x", real_ns=real_ns))
    core = world.core

    def at(lost_ns: int) -> None:
        core.state.pump = replace(core.state.pump, status=PumpStatus(state=PumpState.MOVING, asked_at_ns=world.now_ns))
        list(core.handle(DeadlineReached(real_ns=real_ns + lost_ns), world.now_ns))

    at(5 * S - 1)
    assert "supervision" not in world.alarm_ids()
    at(5 * S)
    assert "supervision" in world.alarm_ids()
    at(120 * S - 1)
    assert core.state.halt is None
    assert core.permission(world.now_ns)
    at(120 * S)
    assert core.state.halt is not None


@pytest.mark.req("COMM-07")
def test_a_broker_that_is_lost_again_was_lost_all_the_time() -> None:
    world = running()
    world.tokens = False
    lost_ns = world.now_ns
    world.tell(BrokerLost(reason="x", real_ns=lost_ns))
    world.advance(100)
    world.tell(BrokerLost(reason="y", real_ns=world.now_ns))
    assert causes.supervision_lost_ns(world.core.state) == 100 * S
    world.advance(25)
    assert world.mode is Mode.PAUSED


def test_a_real_clock_that_begins_at_nought_makes_no_loss_of_a_broker_that_is_there() -> None:
    core = Core(settings())
    list(core.handle(BrokerConnected(real_ns=0), T0))
    list(core.handle(DeadlineReached(real_ns=5 * S), T0 + 5 * S))
    assert causes.supervision_lost_ns(core.state) is None
    assert core.state.began_real_ns == 5 * S


@pytest.mark.req("COMM-07", "ALRM-05")
def test_the_last_station_that_falls_silent_is_a_loss_and_pauses_at_its_time() -> None:
    world = running()
    world.station = False
    world.watch(tested_ago_ns=None)
    world.advance(10)
    assert "supervision" not in world.alarm_ids()
    world.advance(1.1)
    assert "supervision" in world.alarm_ids()
    world.advance(110)
    assert world.mode is Mode.PAUSED


def test_no_loss_of_the_broker_is_older_than_the_daemon() -> None:
    source = paused()
    world = World(core=Core(settings()), now_ns=source.now_ns, pump=source.pump)
    world.tell(
        Booted(
            boot="b",
            bed="bed1",
            recovered=source.saved,
            alarms=source.alarms,
            seen_ids=(),
            real_ns=987_654_321 * S,
            wall_ns=0,
        )
    )
    world.tell(DeadlineReached(real_ns=987_654_322 * S))
    assert "supervision" not in world.alarm_ids()


# ---- permission and line policy -------------------------------------------------------------------------------------


@pytest.mark.req("COMM-03", "COMM-04")
def test_the_default_is_no() -> None:
    core = Core(settings())
    assert not core.permission(T0)
    assert core.line_policy(T0) is LinePolicy.STOPPING
    for mode in Mode:
        found, now = core_in(mode)
        assert found.permission(now) is (mode is Mode.RUNNING)
        expected = {
            Mode.RUNNING: LinePolicy.MOVING,
            Mode.STOPPING: LinePolicy.STOPPING,
            Mode.UNKNOWN: LinePolicy.STOPPING,
            Mode.IDLE: LinePolicy.STOPPING,
        }.get(mode, LinePolicy.FREE)
        assert found.line_policy(now) is expected, mode


@pytest.mark.req("COMM-03")
def test_each_cause_takes_permission_away() -> None:
    core, now = core_in(Mode.RUNNING)
    before = core.state
    assert core.permission(now)
    pump = before.pump
    assert before.watch is not None
    for changes in (
        {"journal_error": "disk full"},
        {"pump": replace(pump, link_up=False)},
        {"pump": replace(pump, status=PumpStatus(state=PumpState.MOVING, asked_at_ns=now - 3 * S - 1), run_sent_ns=0)},
        {"pump": replace(pump, status=PumpStatus(state=PumpState.OTHER, asked_at_ns=now))},
        {"broker_lost_real_ns": before.real_ns - 120 * S},
        {"watch": replace(before.watch, mismatch=Mismatch.OVER)},
        {"watch": replace(before.watch, mismatch=Mismatch.STALLED)},
        {"running_since_ns": now - 2_449 * S},
        {"vitals": replace(before.vitals, latest={}), "interlocks": replace(before.interlocks, watched_since_ns=0)},
    ):
        found, _ = core_in(Mode.RUNNING)
        for name, value in changes.items():
            setattr(found.state, name, value)
        assert not found.permission(now), changes
        effects = list(found.handle(DeadlineReached(real_ns=before.real_ns), now))
        assert isinstance(effects[0], SendStop)
        assert found.state.alarms.listed, "a pause that no human asked for has an alarm"


@pytest.mark.req("DOSE-05")
def test_the_running_time_is_limited() -> None:
    core, now = core_in(Mode.RUNNING)
    core.state.ran_ns, core.state.running_since_ns = 0, now - 2_448 * S
    assert core.permission(now)
    assert not core.permission(now + 1)


@pytest.mark.req("LOG-01", "ALRM-04")
def test_a_journal_that_fails_pauses_the_infusion() -> None:
    world = running()
    assert only(world.tell(JournalFailed(reason="disk full")), SendStop)
    assert "journal" in world.alarm_ids()


@pytest.mark.req("LOG-01")
def test_a_journal_that_fails_is_an_alarm_also_where_nothing_is_infused() -> None:
    world = ready()
    assert not only(world.tell(JournalFailed(reason="disk full")), SendStop)
    (alarm,) = world.core.state.alarms.listed
    assert (alarm.id, alarm.active, alarm.priority) == ("journal", True, Priority.MEDIUM)
    assert alarm.text == "the record cannot be written: disk full"
    world.tell(JournalRecovered())
    assert not world.core.state.alarms.listed[0].active


# ---- the counter ----------------------------------------------------------------------------------------------------


def watch_at(percent: int, seconds: int, count_nl: int = 1_000) -> CounterWatch:
    watch = CounterWatch.of_run(RATE, 0)
    for second in range(1, seconds + 1):
        low = RATE * percent // 100 * second * S // NS_PER_H // count_nl * count_nl
        watch = watch.take(PumpCounter(low_nl=low, high_nl=low + count_nl, asked_at_ns=second * S), second * S)
    return watch


@pytest.mark.req("DOSE-08", "DOSE-09")
@pytest.mark.parametrize(
    ("percent", "mismatch"),
    [(100, None), (104, None), (107, Mismatch.OVER), (91, None), (88, Mismatch.UNDER), (0, Mismatch.STALLED)],
)
def test_the_counter_must_follow_the_rate(percent: int, mismatch: Mismatch | None) -> None:
    assert watch_at(percent, 90).mismatch is mismatch


@pytest.mark.req("DOSE-09")
def test_a_counter_that_stands_still_for_20_s_is_a_stall() -> None:
    assert watch_at(0, 19).mismatch is None
    assert watch_at(0, 20).mismatch is Mismatch.STALLED


@pytest.mark.req("DOSE-09", "ALRM-04")
def test_a_counter_that_is_not_read_any_more_pauses() -> None:
    core, now = core_in(Mode.RUNNING)
    assert core.state.watch is not None
    last = core.state.watch.reads[-1]
    core.state.watch = replace(core.state.watch, reads=(replace(last, asked_at_ns=now - 20 * S),))
    assert core.permission(now)
    assert not core.permission(now + MS)


def test_the_cuff_is_inflated_at_its_interval() -> None:
    world = running(1)
    started = [at for at, effect in world.effects if isinstance(effect, MeasureNibp)][-1]
    world.advance(660)
    cycles = [at for at, effect in world.effects if isinstance(effect, MeasureNibp) and at > started]
    assert [at - started for at in cycles] == [300 * S, 600 * S]


@pytest.mark.req("ALRM-03")
def test_an_alarm_whose_audio_pause_is_over_is_as_it_was() -> None:
    first = Alarms().update((condition(),), 1, seen)
    paused = first.pause_audio("x", 1, "anna", 5)
    assert paused is not None
    assert paused.listed[0].audio_paused_until_ns == 5 + 120 * S
    assert paused.audible() == first
    assert paused.update((condition(),), 5 + 120 * S - 1, seen) is paused
    assert paused.update((condition(),), 5 + 120 * S, seen) == first
    assert first.audible() is first


@pytest.mark.req("ALRM-08")
def test_of_two_alarms_the_end_of_one_is_noted() -> None:
    other = replace(condition(), id="y")
    both = Alarms().update((condition(), other), 1, seen)
    after = both.update((other,), 2, seen)
    assert [(alarm.id, alarm.active) for alarm in after.listed] == [("x", False), ("y", True)]
    assert after.update((other,), 3, seen) is after


def test_what_is_not_the_case_replaces_no_episode() -> None:
    (alarm,) = Alarms().update((condition(),), 1, seen).listed
    assert alarm.is_replaced_by(None, {"x"}, 2**62) is False
    assert alarm.is_replaced_by(condition(), {"x"}, 2) is True
    assert alarm.is_replaced_by(condition(), frozenset(), 2) is False


@pytest.mark.req("ALRM-06", "ALRM-07")
def test_time_alone_changes_only_what_waits_for_it() -> None:
    after_ns = {Priority.HIGH: 30 * S}

    def due(alarms: Alarms) -> list[int]:
        return [due_ns for due_ns in alarms.deadlines_ns(after_ns) if due_ns < 2**62]

    raised = Alarms().update((condition(60 * S),), 7, seen)
    assert due(raised) == [7 + 30 * S]
    assert due(raised.update((), 8, seen)) == [7 + 30 * S]
    noted = raised.acknowledge("x", 1, "anna")
    assert noted is not None
    assert due(noted) == []
    assert due(noted.update((), 8, seen)) == [8 + 60 * S]
    silent = raised.pause_audio("x", 1, "anna", 9)
    assert silent is not None
    assert due(silent) == [9 + 120 * S, 7 + 30 * S]
