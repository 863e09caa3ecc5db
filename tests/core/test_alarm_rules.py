"""What the alarms owe the people at the bed: none lost, none silenced that is new, somebody else called in time."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from pumpd.core import halting
from pumpd.core.alarms import AUDIO_PAUSE_NS, Alarm, Alarms, Circumstances, Condition, Priority
from pumpd.core.commands import DAEMON, Acknowledge, AudioPause, Pause, ReceiptState, Role
from pumpd.core.counter import Mismatch
from pumpd.core.effects import AlarmsChanged, KeepEvidence, SendStop
from pumpd.core.events import BrokerConnected, BrokerLost, DeadlineReached, PumpLinkUp
from pumpd.core.interlocks import Pending
from pumpd.core.modes import Mode
from pumpd.core.ports import PumpAlarmed, PumpAlarmKind, PumpState, PumpStatus, Validity, VitalKind
from pumpd.core.profile import Action, VitalRule
from pumpd.core.state import State
from tests.core.support import T0, S, World, core_in, in_mode, only, paused, running, settings

AFTER_NS = {Priority.HIGH: 30 * S, Priority.MEDIUM: 120 * S}


def seen() -> Circumstances:
    return Circumstances(values="HR 115 /min (0.5 s old)", action="None; the infusion goes on.")


def condition(alarm_id: str = "x", priority: Priority = Priority.HIGH, settle_ns: int = 0) -> Condition:
    return Condition(id=alarm_id, priority=priority, cause="c", text="t", advice="a", settle_ns=settle_ns)


def listed(world: World, alarm_id: str) -> Alarm:
    (alarm,) = (alarm for alarm in world.core.state.alarms.listed if alarm.id == alarm_id)
    return alarm


def acknowledge(world: World, alarm_id: str) -> None:
    found = listed(world, alarm_id)
    answer = world.answer("anna", Acknowledge(alarm=alarm_id, episode=found.episode))
    assert answer.state is ReceiptState.VERIFIED


def pause_audio(world: World, alarm_id: str, user: str = "anna") -> ReceiptState:
    found = listed(world, alarm_id)
    return world.answer(user, AudioPause(alarm=alarm_id, episode=found.episode), session=None, rev=None).state


def alerting() -> World:
    """Return a world that infuses under one alarm: the heart rate is above its alert limit."""
    world = running()
    world.hr = 115
    world.advance(2)
    assert world.core.state.alarms.sounding() is Priority.MEDIUM
    return world


# ---- what an alarm says ---------------------------------------------------------------------------------------------


@pytest.mark.req("ALRM-01")
def test_an_alarm_keeps_what_was_the_case_and_what_was_done_when_it_began() -> None:
    world = alerting()
    alert = listed(world, "hr-high-alert")
    assert alert.action == "None; the infusion goes on."
    assert "HR 115 /min (0." in alert.values
    assert "SBP 120 mmHg" in alert.values
    assert "pump: " in alert.values
    assert "given: " in alert.values
    world.spo2 = 80
    world.advance(1)
    ended = next(alarm for alarm in world.core.state.alarms.listed if alarm.id.startswith("spo2"))
    assert ended.action.endswith("the pump was told to stop.")
    assert "SPO2 80 %" in ended.values
    world.spo2 = world.hr = 99
    world.advance(10)
    assert listed(world, "hr-high-alert") == replace(alert, active=False, settles_ns=listed(world, alert.id).settles_ns)


# ---- a pause is never silent ----------------------------------------------------------------------------------------


Change = Callable[[State, int], dict[str, object]]
CAUSES: dict[str, Change] = {
    "journal": lambda _, __: {"journal_error": "disk full"},
    "pump-link": lambda s, _: {"pump": replace(s.pump, link_up=False, link_reason="cable")},
    "pump-silent": lambda s, now: {"pump": replace(s.pump, status=None, run_sent_ns=now - 3 * S - 1)},
    "pump-state": lambda s, now: {"pump": replace(s.pump, status=PumpStatus(state=PumpState.OTHER, asked_at_ns=now))},
    "counter-over": lambda s, _: {"watch": s.watch and replace(s.watch, mismatch=Mismatch.OVER)},
    "counter-stalled": lambda s, _: {"watch": s.watch and replace(s.watch, mismatch=Mismatch.STALLED)},
    "supervision": lambda s, _: {"broker_lost_real_ns": s.real_ns - 120 * S},
    "time-limit": lambda _, now: {"running_since_ns": now - 2_449 * S},
    "session-too-long": lambda _, now: {"first_run_ns": now - 86_400 * S},
    "rolling-dose": lambda s, _: {"rolling": s.rolling and replace(s.rolling, most_nl=0)},
    "spo2-stale-pause": lambda s, now: aged(s, VitalKind.SPO2, now, 0),
    "hr-stale-end": lambda s, now: aged(s, VitalKind.HR, now, 600 * S),
    **{
        f"pump-alarm-{kind.name.lower()}": lambda s, _, kind=kind: {
            "pump": replace(s.pump, alarm=PumpAlarmed(kind=kind, text="A?"))
        }
        for kind in PumpAlarmKind
    },
    **{
        rule.id: lambda s, now, rule=rule: {"interlocks": replace(s.interlocks, pending={rule.id: crossed(rule, now)})}
        for rule in settings().profile.rules
        if rule.action is not Action.ALERT
    },
}


def crossed(rule: VitalRule, now_ns: int) -> Pending:
    return Pending(rule=rule, value=rule.limit, limit=rule.limit, since_ns=now_ns, due_at_ns=now_ns, confirmed=True)


def aged(state: State, kind: VitalKind, now_ns: int, more_ns: int) -> dict[str, object]:
    (age,) = (age for age in state.settings.profile.ages if age.vital is kind)
    old = replace(state.vitals.latest[kind], measured_at_ns=now_ns - age.pause_ns - more_ns)
    return {"vitals": replace(state.vitals, latest={**state.vitals.latest, kind: old})}


@pytest.mark.req("ALRM-04")
@pytest.mark.parametrize("alarm_id", CAUSES)
def test_each_pause_raises_medium_or_higher_under_its_own_cause(alarm_id: str) -> None:
    core, now = core_in(Mode.RUNNING)
    assert core.permission(now)
    for name, value in CAUSES[alarm_id](core.state, now).items():
        setattr(core.state, name, value)
    effects = list(core.handle(DeadlineReached(real_ns=core.state.real_ns), now))
    assert isinstance(effects[0], SendStop)
    (alarm,) = (alarm for alarm in core.state.alarms.listed if alarm.id == alarm_id)
    assert alarm.priority >= Priority.MEDIUM
    assert alarm.sounds
    assert core.state.alarms.sounding() is max(each.priority for each in core.state.alarms.listed)
    assert "paused" not in {each.id for each in core.state.alarms.listed}


@pytest.mark.req("ALRM-04")
def test_a_pause_that_no_rule_tells_has_an_alarm_all_the_same() -> None:
    core, now = core_in(Mode.RUNNING)
    effects = list(core.handle(PumpLinkUp(), now))
    assert isinstance(effects[0], SendStop)
    (alarm,) = core.state.alarms.listed
    assert (alarm.id, alarm.priority, alarm.text) == ("paused", Priority.MEDIUM, "the pump's port was opened")


@pytest.mark.req("ALRM-04")
def test_a_daemon_that_ends_while_it_infuses_leaves_an_alarm_to_acknowledge() -> None:
    world = running()
    world.command(DAEMON, Pause(reason="the daemon is ending"))
    alarm = listed(world, "paused")
    assert (alarm.priority, alarm.text) == (Priority.MEDIUM, "pause by pumpd (the daemon is ending)")
    assert any(isinstance(effect, KeepEvidence) for _, effect in world.effects)


def test_the_end_of_the_order_and_a_pause_by_a_person_are_no_alarm() -> None:
    for mode in (Mode.COMPLETED, Mode.PAUSED):
        world = in_mode(mode)
        assert "paused" not in world.alarm_ids()
        assert not any(isinstance(effect, KeepEvidence) for _, effect in world.effects)


@pytest.mark.req("ALRM-04", "ALRM-08")
def test_a_pause_sounds_although_the_warning_of_the_same_cause_was_acknowledged() -> None:
    world = running()
    world.tell(BrokerLost(reason="x", real_ns=world.now_ns))
    world.advance(6)
    world.core.state.alarms = first = Alarms(
        tuple(replace(alarm, acknowledged_by="anna") for alarm in world.core.state.alarms.listed),
        world.core.state.alarms.episodes,
    )
    assert first.sounding() is None
    world.advance(115)
    assert world.mode is Mode.PAUSED
    alarm = listed(world, "supervision")
    assert (alarm.episode, alarm.sounds, alarm.priority) == (2, True, Priority.HIGH)
    assert "paused" in alarm.action
    assert "for 120 s" in alarm.text


@pytest.mark.req("ALRM-03", "ALRM-08")
def test_what_becomes_more_urgent_is_a_new_episode() -> None:
    alarms = Alarms().update((condition(priority=Priority.MEDIUM),), 1, seen)
    noted = alarms.acknowledge("x", 1, "anna")
    assert noted is not None
    higher = noted.update((condition(priority=Priority.HIGH),), 2, seen)
    assert [(alarm.episode, alarm.priority, alarm.sounds) for alarm in higher.listed] == [(2, Priority.HIGH, True)]
    assert higher.update((condition(priority=Priority.MEDIUM),), 3, seen) is higher, "less urgent is no news"


@pytest.mark.req("ALRM-05")
def test_the_loss_of_the_last_station_sounds_at_the_bed_without_any_network() -> None:
    world = running()
    world.station = False
    world.watch(tested_ago_ns=None)
    world.effects.clear()
    world.advance(11.1)
    assert [effect.sound for _, effect in world.effects if isinstance(effect, AlarmsChanged)] == [Priority.HIGH]


# ---- what swings ----------------------------------------------------------------------------------------------------


@pytest.mark.req("ALRM-06")
def test_an_input_that_crosses_a_pausing_limit_ten_times_in_a_minute_gives_one_alarm() -> None:
    world = running()
    for _ in range(10):
        world.probe = Validity.IMPOSSIBLE
        world.advance(3)
        world.probe = Validity.VALID
        world.advance(3)
    assert world.mode is Mode.PAUSED
    assert listed(world, "spo2-impossible").episode == 1
    acknowledge(world, "spo2-impossible")
    for probe in (Validity.IMPOSSIBLE, Validity.VALID) * 5:
        world.probe = probe
        world.advance(3)
    assert listed(world, "spo2-impossible").episode == 1


@pytest.mark.req("ALRM-06")
def test_a_link_that_comes_and_goes_ten_times_in_a_minute_is_one_alarm() -> None:
    world = paused()
    for _ in range(10):
        world.cut()
        world.advance(3)
        world.connect()
        world.advance(3)
    assert listed(world, "pump-link").episode == 1


@pytest.mark.req("ALRM-06", "ALRM-08")
def test_a_second_pause_sounds_anew_although_the_first_still_settles() -> None:
    world = running()
    world.probe = Validity.IMPOSSIBLE
    world.advance(2)
    world.probe = Validity.VALID
    world.advance(3)
    world.acknowledge_all()
    world.advance(32)
    assert not listed(world, "spo2-impossible").active
    assert world.resume().state is ReceiptState.ACCEPTED, world.effects[-3:]
    world.advance(5)
    assert world.mode is Mode.RUNNING
    assert listed(world, "spo2-impossible").acknowledged_by == "anna"
    world.probe = Validity.IMPOSSIBLE
    world.advance(2)
    assert world.mode is not Mode.RUNNING
    again = listed(world, "spo2-impossible")
    assert (again.episode, again.sounds) == (2, True)


@pytest.mark.req("ALRM-06", "ALRM-08")
def test_a_link_lost_again_while_infusing_sounds_although_the_first_loss_still_settles() -> None:
    world = running()
    world.cut()
    world.advance(1)
    world.connect()
    world.advance(5)
    world.acknowledge_all()
    world.advance(1)
    assert world.resume().state is ReceiptState.ACCEPTED, world.effects[-3:]
    world.advance(5)
    assert world.mode is Mode.RUNNING
    assert listed(world, "pump-link").acknowledged_by == "anna"
    world.cut()
    assert (listed(world, "pump-link").episode, listed(world, "pump-link").sounds) == (2, True)


@pytest.mark.req("ALRM-08")
def test_the_end_of_a_long_pause_does_not_undo_the_acknowledgement_of_what_still_stands() -> None:
    world = running()
    world.hr = 130
    world.advance(20)
    assert world.mode is Mode.PAUSED
    acknowledge(world, "hr-high-pause")
    world.advance(1_800)
    assert world.mode is Mode.ENDED
    assert "pause-too-long" in world.alarm_ids()
    assert world.core.state.alarms.episodes["hr-high-pause"] == 1


# ---- the tone -------------------------------------------------------------------------------------------------------


@pytest.mark.req("ALRM-03", "CMD-03")
def test_a_tone_is_paused_for_two_minutes_and_nothing_else_changes() -> None:
    world = alerting()
    before, rev = listed(world, "hr-high-alert"), world.core.state.rev
    world.effects.clear()
    assert pause_audio(world, before.id) is ReceiptState.VERIFIED
    assert only([effect for _, effect in world.effects], AlarmsChanged)[-1].sound is None
    quiet = listed(world, before.id)
    assert replace(quiet, audio_paused_by=None, audio_paused_until_ns=0) == before
    assert quiet.audio_paused_by == "anna"
    assert world.core.state.rev == rev
    world.advance(60)
    assert pause_audio(world, before.id) is ReceiptState.VERIFIED
    assert listed(world, before.id) == quiet or listed(world, before.id).passed_to is not None
    world.assess()
    world.advance(59.9)
    assert world.core.state.alarms.sounding() is None
    assert world.core.next_deadline_ns(world.now_ns) <= quiet.audio_paused_until_ns
    world.advance(0.1)
    assert world.core.state.alarms.sounding() is Priority.MEDIUM
    assert AUDIO_PAUSE_NS == 120 * S


@pytest.mark.req("ALRM-03")
def test_a_tone_sounds_again_with_any_new_alarm_and_with_the_loss_of_the_broker_or_the_last_station() -> None:
    for what in ("alarm", "broker", "station"):
        world = alerting()
        world.station = False
        world.watch(tested_ago_ns=None)
        assert pause_audio(world, "hr-high-alert") is ReceiptState.VERIFIED
        assert world.core.state.alarms.sounding() is None
        match what:
            case "alarm":
                halting.tell(world.core.state, "y", Priority.LOW, "c", "t", "a")
                world.tell(DeadlineReached(real_ns=world.now_ns))
            case "broker":
                world.tell(BrokerLost(reason="x", real_ns=world.now_ns))
            case _:
                world.advance(10.5)
                assert world.answer("anna", AudioPause(alarm="hr-high-alert", episode=1)).reason.startswith(
                    "no station"
                )
        assert listed(world, "hr-high-alert").sounds, what


@pytest.mark.req("ALRM-03", "ALRM-08")
def test_a_tone_is_paused_by_clinicians_for_one_episode_that_sounds() -> None:
    world = alerting()
    for user in ("vic", "eva", "mallory"):
        assert pause_audio(world, "hr-high-alert", user) is ReceiptState.REFUSED
    assert world.answer("anna", AudioPause(alarm="hr-high-alert", episode=2)).state is ReceiptState.REFUSED
    acknowledge(world, "hr-high-alert")
    assert pause_audio(world, "hr-high-alert") is ReceiptState.REFUSED
    two = Alarms().update((condition("x"), condition("y", Priority.LOW)), 1, seen)
    one = two.pause_audio("x", 1, "anna", 2)
    assert one is not None
    assert one.sounding() is Priority.LOW, "only the one of that name"


# ---- who else is called ---------------------------------------------------------------------------------------------


@pytest.mark.req("ALRM-07")
def test_what_nobody_acknowledges_is_passed_on_once_and_each_pass_is_logged() -> None:
    world = alerting()
    began_ns = listed(world, "hr-high-alert").since_ns
    world.tell(BrokerLost(reason="x", real_ns=world.now_ns))
    world.advance(5)
    lost_ns = listed(world, "supervision").since_ns
    world.effects.clear()
    world.tell(BrokerConnected(real_ns=world.now_ns))
    world.advance(125)
    passes = [(at, effect.text) for at, effect in world.effects if getattr(effect, "cause", "") == "escalation"]
    assert [at for at, _ in passes] == [lost_ns + 30 * S, began_ns + 120 * S]
    assert passes[0][1] == "alarm supervision episode 1 (HIGH), not acknowledged for 30 s, is passed to: prescriber"
    assert {alarm.passed_to for alarm in world.core.state.alarms.listed} == {Role.PRESCRIBER}


@pytest.mark.req("ALRM-07")
def test_an_acknowledged_or_a_low_alarm_is_not_passed_on_and_an_audio_pause_does_not_help() -> None:
    ids = (condition("low", Priority.LOW), condition("noted"), condition("quiet"))
    noted = Alarms().update(ids, 0, seen).acknowledge("noted", 1, "anna")
    assert noted is not None
    quiet = noted.pause_audio("quiet", 1, "anna", 0)
    assert quiet is not None
    assert quiet.pass_on(AFTER_NS, 30 * S - 1) == (quiet, ())
    passed, late = quiet.pass_on(AFTER_NS, 30 * S)
    assert [alarm.id for alarm in late] == ["quiet"]
    assert passed.pass_on(AFTER_NS, 900 * S) == (passed, ())


@pytest.mark.req("ALRM-07")
def test_an_episode_in_the_place_of_one_that_nobody_heard_does_not_start_the_clock_again() -> None:
    alarms = Alarms().update((condition(),), 0, seen).update((), 20 * S, seen).update((condition(),), 21 * S, seen)
    assert alarms.listed[0].episode == 2
    assert [alarm.id for alarm in alarms.pass_on(AFTER_NS, 30 * S)[1]] == ["x"]


# ---- a restart ------------------------------------------------------------------------------------------------------


@pytest.mark.req("ALRM-01", "LOG-02")
def test_alarms_survive_a_restart_without_any_session_and_sound_again() -> None:
    source = World()
    source.boot()
    source.advance(5)
    source.tell(PumpStatus(state=PumpState.MOVING, asked_at_ns=source.now_ns))
    assert source.saved is None
    assert pause_audio(source, "keypad-start") is ReceiptState.VERIFIED
    world = World(now_ns=T0)
    world.boot(alarms=source.alarms)
    kept = listed(world, "keypad-start")
    assert (kept.sounds, kept.active, kept.since_ns) == (True, False, T0)
    assert (kept.values, kept.action) == (source.alarms.listed[0].values, source.alarms.listed[0].action)


@pytest.mark.req("ALRM-03")
def test_a_restart_ends_each_audio_pause() -> None:
    quiet = Alarms().update((condition(),), 1, seen).pause_audio("x", 1, "anna", 1)
    assert quiet is not None
    assert quiet.after_restart(2).sounding() is Priority.HIGH


def test_a_new_episode_sounds_was_passed_to_nobody_and_settles_at_once_where_no_time_is_named() -> None:
    raised = Condition(id="x", priority=Priority.LOW, cause="rule", text="what", advice="do")
    (alarm,) = Alarms().update((raised,), 1, lambda: Circumstances(values="values", action="done")).listed
    assert alarm == Alarm(
        id="x",
        episode=1,
        priority=Priority.LOW,
        cause="rule",
        text="what",
        values="values",
        action="done",
        advice="do",
        since_ns=1,
        unheard_since_ns=1,
        active=True,
        acknowledged_by=None,
        passed_to=None,
        audio_paused_by=None,
        audio_paused_until_ns=0,
        settle_ns=0,
        settles_ns=0,
    )
    assert [priority.value for priority in Priority] == [1, 2, 3], "as journals have them"


def test_no_alarm_is_active_after_a_restart_until_its_condition_is_seen_again() -> None:
    restarted = Alarms().update((condition(),), 1, seen).after_restart(2)
    assert [alarm.active for alarm in restarted.listed] == [False]
    assert [alarm.active for alarm in restarted.update((condition(),), 3, seen).listed] == [True]


@pytest.mark.req("ALRM-08")
def test_an_acknowledgement_from_before_a_restart_does_not_fit_a_later_episode() -> None:
    alarms = Alarms().update((condition(),), 1, seen).acknowledge("x", 1, "anna")
    assert alarms is not None
    restarted = alarms.update((), 2, seen).after_restart(3).update((condition(),), 4, seen)
    assert restarted.acknowledge("x", 1, "anna") is None
    assert [alarm.episode for alarm in restarted.listed] == [2]
