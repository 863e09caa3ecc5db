"""From a stop to confirmed rest: what counts as rest, the silence, restarts, and who is told."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from pumpd.core import halting
from pumpd.core.alarms import Priority
from pumpd.core.commands import ReceiptState
from pumpd.core.controller import Core
from pumpd.core.effects import Decision, Effect, KeepEvidence, Receipt, SendStop, SettlePump
from pumpd.core.events import DeadlineReached
from pumpd.core.modes import OPEN_MODES, Mode
from pumpd.core.phase import OVER_MODES
from pumpd.core.ports import LinePolicy, PumpAlarmed, PumpAlarmKind, PumpCounter, PumpState, PumpStatus
from pumpd.core.pump_alarms import meaning
from pumpd.core.rest import Aim, Halt, Phase
from pumpd.core.state import Awaiting, State, Step
from tests.core.support import MS, S, World, core_in, in_mode, only, paused, ready, running, settings


def status(world: World, state: PumpState, ago_ns: int = 0) -> PumpStatus:
    return PumpStatus(state=state, asked_at_ns=world.now_ns - ago_ns)


def halted() -> World:
    """Return a world with a stop just sent and a pump that says nothing by itself."""
    world = running()
    world.pump_answers = False
    world.stop()
    return world


@pytest.mark.req("CTRL-03")
def test_an_answer_to_a_question_before_the_stop_does_not_count() -> None:
    world = halted()
    world.tell(status(world, PumpState.REST, 1))
    world.tell(status(world, PumpState.REST))
    world.tell(PumpCounter(low_nl=1_000, high_nl=2_000, asked_at_ns=world.now_ns))
    halt = world.core.state.halt
    assert halt is not None
    assert halt.rest_asked_ns is None


@pytest.mark.req("CTRL-03")
def test_rest_needs_a_counter_that_stands_for_the_time_of_one_count() -> None:
    world = halted()
    low, high = world.pump.counter()
    world.now_ns += MS
    world.tell(status(world, PumpState.REST))
    read = PumpCounter(low_nl=low, high_nl=high, asked_at_ns=world.now_ns)
    world.tell(read)
    assert world.mode is Mode.STOPPING
    count_ns = -(-1_000 * 3_600 * S // 26_250_000)
    first_ns = world.now_ns
    world.now_ns = first_ns + count_ns - 1
    world.tell(replace(read, asked_at_ns=world.now_ns))
    assert world.mode is Mode.STOPPING
    world.now_ns = first_ns + count_ns
    effects = world.tell(replace(read, asked_at_ns=world.now_ns))
    assert only(effects, SettlePump)
    assert world.mode is Mode.ENDED
    assert world.core.line_policy(world.now_ns) is LinePolicy.FREE


@pytest.mark.req("CTRL-03", "COMM-04")
def test_a_pump_that_does_not_obey_is_left_silent_asked_once_and_left_again() -> None:
    world = running()
    world.pump.ignores_stop = True
    stopped_ns = world.now_ns
    assert isinstance(world.stop()[0], SendStop)
    world.advance(2.9)
    assert world.core.line_policy(world.now_ns) is LinePolicy.STOPPING
    assert "stop-unconfirmed" not in world.alarm_ids()
    world.advance(0.15)
    assert world.core.line_policy(world.now_ns) is LinePolicy.SILENT
    (alarm,) = (alarm for alarm in world.core.state.alarms.listed if alarm.id == "stop-unconfirmed")
    assert alarm.priority.name == "HIGH"
    assert "clamp the line" in alarm.advice
    again = world.stop("ben")
    assert not only(again, SendStop)
    assert "stop at the pump" in only(again, Receipt)[0].reason
    world.now_ns = stopped_ns + 9 * S - 1
    assert world.core.line_policy(world.now_ns) is LinePolicy.SILENT
    world.now_ns += 1
    world.tell(DeadlineReached(real_ns=world.now_ns))
    assert world.core.line_policy(world.now_ns) is LinePolicy.STOPPING
    world.now_ns += MS
    effects = world.tell(status(world, PumpState.MOVING))
    assert effects[0] == SendStop(), "one stop, then silence again"
    assert world.core.line_policy(world.now_ns) is LinePolicy.SILENT
    assert "stop-unconfirmed" in world.alarm_ids()


@pytest.mark.req("COMM-04", "CTRL-03")
def test_the_watchdog_has_stopped_it_within_the_silence() -> None:
    world = running()
    world.pump.ignores_stop = True
    world.stop()
    world.advance(3 + 5 + 1)
    assert world.pump.moving_since_ns is None
    world.advance(3)
    assert world.mode is Mode.ENDED
    assert world.last_answer("stop").state is ReceiptState.VERIFIED


@pytest.mark.parametrize("mode", [Mode.IDLE, Mode.READY, Mode.COMPLETED, Mode.ENDED])
@pytest.mark.req("CTRL-03")
def test_an_unconfirmed_stop_is_alarmed_without_an_open_session_too(mode: Mode) -> None:
    core, now = core_in(mode)
    core.state.pump = replace(core.state.pump, at_rest=True)
    core.state.halt = None
    list(core.handle(PumpStatus(state=PumpState.MOVING, asked_at_ns=now), now))
    list(core.handle(DeadlineReached(real_ns=now), now + 3 * S))
    assert {"keypad-start", "stop-unconfirmed"} <= {alarm.id for alarm in core.state.alarms.listed}


@pytest.mark.req("PUMP-06")
@pytest.mark.parametrize("state", [PumpState.MOVING, PumpState.OTHER])
def test_a_pump_moved_by_hand_is_stopped_and_alarmed(state: PumpState) -> None:
    world = paused()
    effects = world.tell(status(world, state))
    assert isinstance(effects[0], SendStop)
    assert "keypad-start" in world.alarm_ids()
    world.advance(5)
    assert world.mode is Mode.PAUSED


def test_a_pump_paused_at_its_keypad_is_brought_to_rest() -> None:
    world = paused()
    assert isinstance(world.tell(status(world, PumpState.PAUSED))[0], SendStop)


@pytest.mark.req("PUMP-06", "ALRM-04")
def test_a_pump_that_stops_by_itself_amid_the_infusion_is_alarmed_at_once() -> None:
    world = running()
    world.pump.stop(world.now_ns)
    world.advance(1.1)
    assert "pump-stopped" in world.alarm_ids()
    world.advance(4)
    assert world.mode is Mode.PAUSED


@pytest.mark.req("COMM-03", "ALRM-04", "VIT-07")
def test_a_silent_pump_pauses_after_three_seconds_with_an_alarm() -> None:
    world = running()
    world.pump_answers = False
    status = world.core.state.pump.status
    assert status is not None
    last_ns = status.asked_at_ns
    world.now_ns = last_ns + 3 * S
    assert world.core.permission(world.now_ns)
    world.now_ns += 1
    assert not world.core.permission(world.now_ns)
    effects = world.tell(DeadlineReached(real_ns=world.now_ns))
    assert isinstance(effects[0], SendStop)
    assert "pump-silent" in world.alarm_ids()


@pytest.mark.req("PUMP-01", "ALRM-04")
@pytest.mark.parametrize("kind", PumpAlarmKind)
def test_a_pump_alarm_halts_and_is_over_once_rest_is_confirmed(kind: PumpAlarmKind) -> None:
    world = running()
    assert isinstance(world.tell(PumpAlarmed(kind=kind, text="A?"))[0], SendStop)
    assert f"pump-alarm-{kind.name.lower()}" in world.alarm_ids()
    world.advance(5)
    assert world.mode is (Mode.FAULT if meaning(kind).over else Mode.PAUSED)
    assert world.core.state.pump.alarm is None
    world.stop()
    world.advance(5)
    assert world.mode is Mode.ENDED


def test_a_lost_link_does_not_turn_a_fault_into_a_pause() -> None:
    world = in_mode(Mode.FAULT)
    world.cut()
    world.advance(1)
    world.connect()
    world.advance(5)
    assert world.mode is Mode.FAULT


@pytest.mark.req("COMM-11")
def test_a_link_that_comes_back_unannounced_while_running_ends_in_a_pause() -> None:
    world = running()
    world.connect()
    world.advance(5)
    assert world.mode is Mode.PAUSED


@pytest.mark.req("CMD-04")
def test_a_stop_without_a_link_is_unknown_within_ten_seconds_and_verified_later() -> None:
    world = running()
    world.cut()
    assert "stop at the pump" in only(world.stop(), Receipt)[0].reason
    world.advance(10)
    assert world.last_answer("stop").state is ReceiptState.UNKNOWN
    world.connect()
    world.advance(5)
    assert world.last_answer("stop").state is ReceiptState.VERIFIED
    assert world.mode is Mode.ENDED


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.req("LOG-02", "CTRL-04")
def test_a_restart_never_comes_up_running(mode: Mode) -> None:
    source = in_mode(mode)
    record = source.saved if source.core.state.order is not None else None
    world = World(core=Core(settings()), now_ns=7 * S, pump=source.pump)
    world.pump.heard_ns, world.pump.moving_since_ns = 0, None
    world.boot(record)
    assert world.mode is (Mode.UNKNOWN if mode in OPEN_MODES else mode if mode in OVER_MODES else Mode.IDLE)
    assert world.core.state.halt is not None
    world.advance(10)
    assert not world.runs_sent
    if mode in OVER_MODES:
        assert world.mode is mode
    else:
        assert world.mode in {Mode.IDLE, Mode.PAUSED, Mode.ENDED, Mode.FAULT}
    if mode in OPEN_MODES | OVER_MODES:
        assert record is not None
        assert world.core.state.session == record.session
        assert "restarted" in world.alarm_ids()


@pytest.mark.req("DOSE-11", "LOG-02")
def test_a_crash_right_after_run_counts_what_it_may_have_given() -> None:
    source = ready()
    source.start()
    source.advance(0.6)
    assert source.runs_sent
    source.advance(0.1)
    world = World(core=Core(settings()), now_ns=source.now_ns, pump=source.pump)
    record = source.durable
    assert record is not None
    world.boot(record)
    assert world.pump.given_nl > 0
    world.check()
    world.advance(5)
    assert world.mode is Mode.PAUSED
    world.check()


def test_everything_decided_is_said() -> None:
    world = running()
    assert any("pause" in item.text for item in only(world.pause(), Decision))


def test_phases_of_a_halt_are_visible() -> None:
    world = halted()
    assert world.core.state.halt is not None
    assert world.core.state.halt.phase is Phase.REPEATING


@pytest.mark.req("ALRM-04")
def test_of_two_reasons_in_one_event_the_stricter_is_the_evidence() -> None:
    world = running()
    world.now_ns += 121 * S  # no vital sign came, and the first thing that is heard is a pump at rest
    effects = world.tell(status(world, PumpState.REST))
    (kept,) = only(effects, KeepEvidence)
    assert kept.evidence.halted.aim is Aim.END
    assert "no usable" in kept.evidence.halted.cause


# ---- what an alarm of a halt says -----------------------------------------------------------------------------------


def counted(low_nl: int) -> PumpCounter:
    return PumpCounter(low_nl=low_nl, high_nl=low_nl + 1_000, asked_at_ns=0)


@pytest.mark.req("DOSE-08", "DOSE-11", "DOSE-12", "PUMP-06")
@pytest.mark.parametrize(
    ("say", "name", "words"),
    [
        (
            lambda state, _: halting.tell_flow_at_rest(state, counted(1_234_590), counted(2_345_690)),
            "flow-at-rest",
            "the counter went from 1.234 to 2.345 mL at rest",
        ),
        (
            lambda state, now_ns: halting.tell_counter_lost(state, counted(1_234_590), now_ns),
            "counter-lost",
            "the counter reads 1.234 mL, less than it had proven; given: 0 mL (0 mg) of 17.512 mL",
        ),
        (
            lambda state, now_ns: halting.tell_totals_differ(state, counted(1_234_590), 2_345_690, now_ns),
            "totals-differ",
            "the counter reads 1.234 mL, 2.345 mL above what the record explains; given: 0 mL (0 mg) of 17.512 mL",
        ),
    ],
)
def test_totals_are_told_rounded_down(say: Callable[[State, int], None], name: str, words: str) -> None:
    core, now_ns = core_in(Mode.READY)
    state = core.state
    assert state.order is not None
    state.order = replace(state.order, volume_nl=17_512_390)
    say(state, now_ns)
    (condition,) = state.happened
    assert (condition.id, condition.priority, condition.text) == (name, Priority.HIGH, words)


@pytest.mark.req("ALRM-04", "PUMP-06")
@pytest.mark.parametrize(("short_nl", "told"), [(0, False), (1, True)])
def test_a_pump_that_stops_at_its_end_stop_does_as_it_should(short_nl: int, told: bool) -> None:
    core, now_ns = core_in(Mode.RUNNING)
    state = core.state
    run = state.ledger.run
    assert run is not None
    at_end_nl = state.ledger.high(now_ns) + state.ledger.counts() + 10_000
    state.ledger = replace(state.ledger, order_nl=at_end_nl + short_nl)
    halting.halt_stopped(state, Aim.PAUSE, "the pump reports rest", now_ns, [])
    assert state.halt is not None
    assert state.halt.by_itself is not told
    assert [condition.id for condition in state.happened] == (["pump-stopped"] if told else [])
    assert (state.halted is None) is not told


@pytest.mark.req("ALRM-04")
def test_the_evidence_of_a_halt_is_of_the_stricter_aim_and_of_no_person() -> None:
    for by_human in (True, False):
        core, now_ns = core_in(Mode.RUNNING)
        halting.halt(core.state, Aim.PAUSE, "first", now_ns, [], by_human=by_human)
        halting.halt(core.state, Aim.PAUSE, "second", now_ns, [])
        halted = core.state.halted
        assert (halted is None) is by_human
        assert core.state.pause_cause == "first"
        halting.halt(core.state, Aim.FAULT, "third", now_ns, [])
        halted = core.state.halted
        assert halted is not None
        assert (halted.aim, halted.cause, halted.moving) == (Aim.FAULT, "third", not by_human)
        assert core.state.pause_cause == "third"
        assert core.state.halt is not None
        assert (core.state.halt.aim, core.state.halt.cause) == (Aim.FAULT, "third")


@pytest.mark.req("ALRM-04")
@pytest.mark.parametrize("step", Step)
def test_a_start_that_is_undone_leaves_evidence_only_once_run_was_sent(step: Step) -> None:
    core, now_ns = core_in(Mode.STARTING)
    assert core.state.starting is not None
    core.state.starting = replace(core.state.starting, step=step)
    halting.halt(core.state, Aim.UNDO, "x", now_ns, [])
    halted = core.state.halted
    assert (halted is not None) is (step is Step.RUN)
    assert halted is None or (halted.mode, halted.moving) == (Mode.STARTING, True)


@pytest.mark.req("ALRM-04")
def test_a_pause_of_a_pump_that_rested_leaves_evidence_of_what_did_not_move() -> None:
    core, now_ns = core_in(Mode.PAUSED)
    halting.halt(core.state, Aim.PAUSE, "x", now_ns, [])
    halted = core.state.halted
    assert halted is not None
    assert (halted.mode, halted.moving, halted.aim) == (Mode.PAUSED, False, Aim.PAUSE)


def test_a_look_at_a_pump_at_rest_leaves_no_evidence_and_names_no_pause() -> None:
    core, now_ns = core_in(Mode.PAUSED)
    before = core.state.pause_cause
    effects: list[Effect] = []
    halting.halt(core.state, Aim.LOOK, "a look", now_ns, effects)
    assert (core.state.halted, core.state.pause_cause, core.state.mode) == (None, before, Mode.PAUSED)
    assert [effect.text for effect in only(effects, Decision)] == ["look: a look"]
    assert not core.state.pump.at_rest


@pytest.mark.req("DOSE-05")
def test_the_running_time_is_kept_once_and_the_pause_begins_with_the_halt() -> None:
    core, now_ns = core_in(Mode.RUNNING)
    state = core.state
    assert state.running_since_ns is not None
    ran_ns = now_ns - state.running_since_ns
    state.ran_ns = 7 * S
    for later_ns in (0, 5 * S):
        halting.halt(state, Aim.PAUSE, "x", now_ns + later_ns, [])
        assert (state.ran_ns, state.running_since_ns, state.idle_since_ns) == (7 * S + ran_ns, None, now_ns)
        assert state.watch is None


@pytest.mark.req("CTRL-03")
def test_a_person_pauses_what_may_move_and_looks_at_what_rests() -> None:
    for mode in Mode:
        moves = mode in {Mode.STARTING, Mode.RUNNING, Mode.STOPPING, Mode.UNKNOWN}
        core, _ = core_in(mode)
        assert halting.pause_aim(core.state) is (Aim.PAUSE if moves else Aim.LOOK), mode


@pytest.mark.req("CTRL-08")
@pytest.mark.parametrize("mode", [Mode.PAUSED, Mode.ENDED, Mode.COMPLETED, Mode.FAULT])
def test_the_mode_after_rest_is_told_with_what_was_given(mode: Mode) -> None:
    world = in_mode(mode)
    words = [effect.text for _, effect in world.effects if isinstance(effect, Decision) and effect.cause == "rest"][-1]
    given = halting.delivered_text(world.core.state, world.now_ns)
    assert words.startswith(
        {
            Mode.PAUSED: f"paused: {given}; cause: pause by anna",
            Mode.ENDED: f"ended short: {given}; cause: stop by anna",
            Mode.COMPLETED: f"completed: {given}",
            Mode.FAULT: f"fault: {given}; cause: ",
        }[mode]
    )
    assert (world.core.state.pause_cause is None) is (mode is Mode.COMPLETED)
    assert world.core.state.reminders == 0


@pytest.mark.req("CTRL-09", "CMD-04")
def test_a_halt_ends_a_start_and_a_lower_rate_that_are_on_their_way() -> None:
    world = ready()
    world.journal_answers = False
    world.start()
    world.pause()
    state = world.core.state
    assert (state.starting, state.ledger.run) == (None, None)
    assert world.last_answer("start").state is ReceiptState.REFUSED
    assert world.last_answer("start").reason == "nothing was started: pause by anna"
    world = running()
    world.rate_answers = False
    world.lower("20")
    assert world.core.state.lowering is not None
    world.pause()
    assert (world.core.state.lowering, world.core.state.rate_nl_h) == (None, 20_000_000)
    assert world.last_answer("lower").state is ReceiptState.UNKNOWN


# ---- rest is confirmed ----------------------------------------------------------------------------------------------


def at_rest(mode: Mode, aim: Aim, *, by_itself: bool = False) -> tuple[State, int, list[Effect]]:
    """Return a state whose halt has just been confirmed and concluded."""
    core, now_ns = core_in(mode)
    core.state.halt = Halt(
        aim=aim,
        cause="x",
        by_human=True,
        since_ns=now_ns,
        phase_since_ns=now_ns,
        rate_nl_h=None,
        confirmed=True,
        by_itself=by_itself,
    )
    effects: list[Effect] = []
    halting.conclude(core.state, now_ns, effects)
    assert core.state.halt is None
    return core.state, now_ns, effects


@pytest.mark.req("CLIN-07")
@pytest.mark.parametrize(
    ("mode", "aim", "anew"),
    [
        (Mode.ENDED, Aim.PAUSE, True),
        (Mode.COMPLETED, Aim.END, True),
        (Mode.ENDED, Aim.LOOK, False),
        (Mode.PAUSED, Aim.PAUSE, False),
        (Mode.PAUSED, Aim.LOOK, False),
    ],
)
def test_what_flows_after_the_infusion_is_observed_from_its_rest_on(mode: Mode, aim: Aim, anew: bool) -> None:
    core, now_ns = core_in(mode)
    before_ns = core.state.observing_since_ns
    if before_ns is not None:
        assert before_ns < now_ns
    state, now_ns, effects = at_rest(mode, aim)
    assert state.observing_since_ns == (now_ns if anew else before_ns)
    assert state.mode is mode
    assert only(effects, SettlePump)
    assert state.pump.at_rest


@pytest.mark.req("ALRM-04", "PUMP-06")
@pytest.mark.parametrize(("by_itself", "complete"), [(True, False), (True, True), (False, False), (False, True)])
def test_a_pump_that_stopped_by_itself_short_of_the_order_is_told_at_rest(by_itself: bool, complete: bool) -> None:
    core, now_ns = core_in(Mode.STOPPING)
    state = core.state
    run = state.ledger.run
    assert run is not None
    assert state.halt is not None
    state.halted = None
    state.ending, state.reminders, state.idle_since_ns, state.pause_cause = False, 3, 5, "y"
    if complete:
        state.ledger = replace(state.ledger, order_nl=state.ledger.low())
        assert state.ledger.is_complete()
    state.halt = replace(state.halt, aim=Aim.PAUSE, cause="x", confirmed=True, by_itself=by_itself)
    halting.conclude(state, now_ns, [])
    told = by_itself and not complete
    assert [condition.id for condition in state.happened] == (["pump-stopped"] if told else [])
    assert (state.halted is not None) is told
    assert state.mode is (Mode.COMPLETED if complete else Mode.PAUSED)
    assert (state.paused_at_ns, state.reminders, state.idle_since_ns) == (now_ns, 0, 5)
    assert state.pause_cause == (None if complete else "y")
    assert (state.observing_since_ns == now_ns) is complete


@pytest.mark.req("CTRL-08")
@pytest.mark.parametrize(
    ("low_nl", "lost", "result", "words"),
    [
        (0, False, ReceiptState.REFUSED, "the run did not begin: x"),
        (1, False, ReceiptState.VERIFIED, "the run began and was halted: x"),
        (1, True, ReceiptState.UNKNOWN, "the pump lost its counter, so nobody knows whether the run began: x"),
    ],
)
def test_rest_tells_a_start_whether_its_run_began(low_nl: int, lost: bool, result: ReceiptState, words: str) -> None:
    core, now_ns = core_in(Mode.STOPPING)
    state = core.state
    run = state.ledger.run
    assert run is not None
    assert state.halt is not None
    state.ledger = replace(state.ledger, run=replace(run, low_nl=low_nl, counter_lost=lost))
    state.halt = replace(state.halt, cause="x", confirmed=True)
    state.awaiting = (Awaiting(user="anna", command_id="s", kind="start", since_ns=now_ns),)
    effects: list[Effect] = []
    halting.conclude(state, now_ns, effects)
    (receipt,) = only(effects, Receipt)
    assert (receipt.command_id, receipt.state, receipt.reason) == ("s", result, words)


@pytest.mark.req("CTRL-03")
def test_nothing_is_concluded_before_rest_is_confirmed() -> None:
    core, now_ns = core_in(Mode.STOPPING)
    before, effects = core.state.halt, list[Effect]()
    halting.conclude(core.state, now_ns, effects)
    assert core.state.halt is before
    assert before is not None
    assert not effects
    core, now_ns = core_in(Mode.PAUSED)
    halting.conclude(core.state, now_ns, effects)
    assert not effects


@pytest.mark.req("CTRL-08")
@pytest.mark.parametrize(
    ("runs", "ending", "aim", "mode", "words"),
    [
        (1, False, Aim.PAUSE, Mode.PAUSED, "paused: "),
        (1, True, Aim.PAUSE, Mode.ENDED, "ended short: "),
        (1, False, Aim.FAULT, Mode.FAULT, "fault: "),
        (0, False, Aim.UNDO, Mode.READY, "at rest, nothing was given; cause: x"),
    ],
)
def test_the_mode_after_a_halt_follows_from_what_it_was_for(
    runs: int, ending: bool, aim: Aim, mode: Mode, words: str
) -> None:
    core, now_ns = core_in(Mode.STOPPING)
    state = core.state
    assert state.halt is not None
    state.runs, state.ending, state.idle_since_ns = runs, ending, None
    state.halt = replace(state.halt, aim=aim, cause="x", confirmed=True)
    effects: list[Effect] = []
    halting.conclude(state, now_ns, effects)
    assert state.mode is mode
    assert state.idle_since_ns == (now_ns if runs else None)
    (said,) = (effect.text for effect in only(effects, Decision) if effect.cause == "rest")
    assert said.startswith(words)
