"""From a reason to stop to confirmed rest and the mode that follows."""

from dataclasses import replace

from pumpd.core import answers, phase
from pumpd.core.alarms import Condition, Priority
from pumpd.core.commands import HALTING_KINDS, ReceiptState
from pumpd.core.delivery import amount_text
from pumpd.core.effects import Decision, Effect, SendStop, SettlePump
from pumpd.core.evidence import Halted
from pumpd.core.modes import MAY_MOVE_MODES, TRANSITIONS, Mode, Trigger, after
from pumpd.core.ports import PumpCounter, SettingChanged
from pumpd.core.quantities import in_ml
from pumpd.core.rest import Aim, Halt, Phase
from pumpd.core.state import State, Step

RUN_KINDS = frozenset({"start", "resume"})
DIGIT_NL = 10_000
"""One digit of a four-digit pump at 10 mL and above, 0.01 mL: what an end-stop may lie below what was asked for."""


def halt(
    state: State,
    aim: Aim,
    cause: str,
    now_ns: int,
    effects: list[Effect],
    *,
    by_human: bool = False,
) -> None:
    """Begin a halt, or sharpen the one that goes on; append the stop unless the silence forbids it."""
    before = state.halt
    if state.mode in MAY_MOVE_MODES and aim is Aim.LOOK:
        aim = Aim.PAUSE
    if state.mode is Mode.FAULT and aim is Aim.PAUSE:
        aim = Aim.FAULT  # a lost link does not turn a fault into a pause that can be resumed
    if not by_human and (before is None or aim > before.aim):
        _note_automatic(state, aim, cause)
    if aim is Aim.END and state.session is not None:
        state.ending = True
    if before is None or aim > before.aim:
        effects.append(Decision(cause="halt", text=f"{aim.name.lower()}: {cause}"))
        if aim >= Aim.PAUSE:
            state.pause_cause = cause
    if state.running_since_ns is not None:
        state.ran_ns += now_ns - state.running_since_ns
        state.running_since_ns = None
        state.idle_since_ns = now_ns
    state.watch = None
    _abandon_start(state, cause, effects)
    _abandon_lowering(state, cause, effects)
    if aim > Aim.LOOK and Trigger.HALT in TRANSITIONS[state.mode]:
        state.mode = after(state.mode, Trigger.HALT)
    if before is None:
        run = state.ledger.run
        state.halt = Halt(
            aim=aim,
            cause=cause,
            by_human=by_human,
            since_ns=now_ns,
            phase_since_ns=now_ns,
            rate_nl_h=run.rate_nl_h if run else None,
        )
        state.pump = replace(state.pump, at_rest=False)
    else:
        state.halt = before.raised_to(aim, cause, by_human=by_human)
    if state.halt.phase is Phase.REPEATING:
        effects.append(SendStop())


def _note_automatic(state: State, aim: Aim, cause: str) -> None:
    """Nobody asked for this halt: it needs an alarm and leaves evidence, which the books see to."""
    starting = state.starting
    moving = state.mode is Mode.RUNNING or (starting is not None and starting.step is Step.RUN)
    if state.halted is not None:
        state.halted = replace(state.halted, aim=aim, cause=cause)
    elif moving or aim >= Aim.PAUSE:
        state.halted = Halted(mode=state.mode, moving=moving, aim=aim, cause=cause)


def pause_aim(state: State) -> Aim:
    """Return what a person's pause aims at: a pause where something may move, else to look that nothing does."""
    moves = state.mode in {Mode.STARTING, Mode.RUNNING, Mode.STOPPING, Mode.UNKNOWN}
    return Aim.PAUSE if moves else Aim.LOOK


def _abandon_start(state: State, cause: str, effects: list[Effect]) -> None:
    """A start on its way is over. Before RUN it is certainly not done; after it, rest will tell."""
    starting = state.starting
    if starting is None:
        return
    state.starting = None
    if starting.step is not Step.RUN:
        state.ledger = state.ledger.not_started()
        answers.finish(state, effects, starting.command_id, ReceiptState.REFUSED, f"nothing was started: {cause}")


def _abandon_lowering(state: State, cause: str, effects: list[Effect]) -> None:
    """A lower rate on its way is over. Whether or not it arrived, the next run is programmed with it."""
    lowering = state.lowering
    if lowering is None:
        return
    state.lowering = None
    state.rate_nl_h = lowering.order.rate_nl_h
    rate_ml_h = in_ml(state.rate_nl_h)
    words = f"the infusion was halted ({cause}); if it goes on, then at {rate_ml_h} mL/h"
    answers.finish(state, effects, lowering.command_id, ReceiptState.UNKNOWN, words)


def halt_stopped(state: State, aim: Aim, words: str, now_ns: int, effects: list[Effect]) -> None:
    """The pump stopped without being told: at its end-stop it should, anywhere else people must know."""
    ledger = state.ledger
    at_end = ledger.high(now_ns) >= ledger.order_nl - ledger.counts() - DIGIT_NL
    halt(state, aim, words, now_ns, effects)
    if at_end and state.halt is not None:
        state.halt = replace(state.halt, by_itself=True)
        state.halted = None  # the end of the order, and no pause
    else:
        tell_stopped_by_itself(state, words)


def pump_lost(state: State, cause: str, now_ns: int, effects: list[Effect]) -> None:
    """The pump cannot be asked while a session is open: the mode is UNKNOWN until a read-back at rest."""
    halt(state, Aim.PAUSE, cause, now_ns, effects)
    state.mode = after(state.mode, Trigger.PUMP_LOST)


def conclude(state: State, now_ns: int, effects: list[Effect]) -> None:
    """If rest is confirmed, leave STOPPING or UNKNOWN for the mode that is true now, and tell who waits."""
    done = state.halt
    if done is None or not done.confirmed:
        return
    state.halt = None
    state.pump = replace(state.pump, at_rest=True, alarm=None)
    effects.append(SettlePump())
    if state.mode in {Mode.STOPPING, Mode.UNKNOWN}:
        _leave(state, done, now_ns, effects)
    elif state.mode in phase.OVER_MODES and done.aim is not Aim.LOOK:
        phase.infusion_over(state, now_ns)  # something flowed after all: observe from now on
    answers.finish_kinds(
        state, effects, HALTING_KINDS, ReceiptState.VERIFIED, f"rest confirmed, mode {state.mode.value}"
    )
    _answer_starts(state, done, effects)


def _leave(state: State, done: Halt, now_ns: int, effects: list[Effect]) -> None:
    complete = state.ledger.is_complete()
    if done.by_itself and not complete:
        tell_stopped_by_itself(state, done.cause)
        _note_automatic(state, done.aim, done.cause)
    given = delivered_text(state, now_ns)
    if complete:
        trigger, words = Trigger.REST_TO_COMPLETED, f"completed: {given}"
    elif state.ending:
        trigger, words = Trigger.REST_TO_ENDED, f"ended short: {given}; cause: {done.cause}"
    elif done.aim is Aim.FAULT:
        trigger, words = Trigger.REST_TO_FAULT, f"fault: {given}; cause: {done.cause}"
    elif state.runs == 0:
        trigger, words = Trigger.REST_TO_READY, f"at rest, nothing was given; cause: {done.cause}"
    else:
        trigger, words = Trigger.REST_TO_PAUSED, f"paused: {given}; cause: {done.cause}"
    state.mode = after(state.mode, trigger)
    if trigger is Trigger.REST_TO_PAUSED:
        state.pauses += 1
    state.paused_at_ns = now_ns
    state.reminders = 0
    if state.idle_since_ns is None and state.runs:
        state.idle_since_ns = now_ns
    if complete:
        state.pause_cause = None
    if state.mode in phase.OVER_MODES:
        phase.infusion_over(state, now_ns)
    effects.append(Decision(cause="rest", text=words))


def _answer_starts(state: State, done: Halt, effects: list[Effect]) -> None:
    run = state.ledger.run
    if run is not None and run.counter_lost:
        words = f"the pump lost its counter, so nobody knows whether the run began: {done.cause}"
        answers.finish_kinds(state, effects, RUN_KINDS, ReceiptState.UNKNOWN, words)
    elif run is not None and run.low_nl > 0:
        answers.finish_kinds(
            state, effects, RUN_KINDS, ReceiptState.VERIFIED, f"the run began and was halted: {done.cause}"
        )
    else:
        answers.finish_kinds(state, effects, RUN_KINDS, ReceiptState.REFUSED, f"the run did not begin: {done.cause}")


def delivered_text(state: State, now_ns: int) -> str:
    """Return the delivered interval for people, in mL and mg, both bounds when they differ."""
    order = state.order
    assert order is not None  # noqa: S101 - nothing is delivered without one
    amount = amount_text(order.concentration, state.ledger.low(), state.ledger.high(now_ns))
    return f"{amount} of {in_ml(order.volume_nl)} mL"


def tell(state: State, alarm_id: str, priority: Priority, cause: str, words: str, advice: str) -> None:
    """Raise an alarm for something that happened, not for a condition that lasts; it latches."""
    condition = Condition(id=alarm_id, priority=priority, cause=cause, text=words, advice=advice)
    state.happened = (*state.happened, condition)


def tell_keypad_start(state: State) -> None:
    """Alarm: the pump was started at its own keypad."""
    tell(
        state,
        "keypad-start",
        Priority.HIGH,
        "pump started at its keypad",
        "the pump reports infusing although nobody started it here; it is being stopped",
        "Leave the pump's keys alone except to stop it.",
    )


def tell_setting_changed(state: State, event: SettingChanged) -> None:
    """Alarm: the pump holds another setting than was programmed (requirement PUMP-06)."""
    tell(
        state,
        f"setting-{event.setting.name.lower()}",
        Priority.HIGH,
        f"the pump's {event.setting.value} was changed",
        f"the pump's {event.setting.value} reads {event.held}, programmed was {event.programmed}",
        "Leave the pump's keys alone except to stop it; the next run is programmed and read back anew.",
    )


def tell_retained(state: State, user: str, kind: str) -> None:
    """Alarm: the broker kept a command, which it must not (requirement CMD-02)."""
    tell(
        state,
        "retained-command",
        Priority.LOW,
        "a command was kept by the broker",
        f"{kind} of {user} came as retained and was not obeyed",
        "Tell the engineer: the broker's rules are not those of this site.",
    )


def tell_flow_at_rest(state: State, before: PumpCounter, counter: PumpCounter) -> None:
    """Alarm: the counter rose although rest was confirmed (requirement DOSE-08)."""
    tell(
        state,
        "flow-at-rest",
        Priority.HIGH,
        "flow at rest",
        f"the counter went from {in_ml(before.low_nl)} to {in_ml(counter.low_nl)} mL at rest",
        "Stop at the pump and clamp the line.",
    )


def tell_counter_lost(state: State, counter: PumpCounter, now_ns: int) -> None:
    """Alarm: the pump's counter fell below what it had proven."""
    tell(
        state,
        "counter-lost",
        Priority.HIGH,
        "the pump's totals fell",
        f"the counter reads {in_ml(counter.low_nl)} mL, less than it had proven; given: "
        f"{delivered_text(state, now_ns)}",
        "Check whether the pump lost power; what was given is known only within these bounds.",
    )


def tell_totals_differ(state: State, counter: PumpCounter, excess_nl: int, now_ns: int) -> None:
    """Alarm: the pump counts more than the record can explain (requirement DOSE-12)."""
    tell(
        state,
        "totals-differ",
        Priority.HIGH,
        "the pump counts more than was recorded",
        f"the counter reads {in_ml(counter.low_nl)} mL, {in_ml(excess_nl)} mL above what the "
        f"record explains; given: {delivered_text(state, now_ns)}",
        "Stop at the pump and clamp the line; look whether somebody pressed its keys.",
    )


def tell_restarted(state: State) -> None:
    """Alarm: the daemon came up with an open session."""
    tell(
        state,
        "restarted",
        Priority.HIGH,
        "the daemon was restarted",
        f"session {state.session} was open; the pump is stopped and being read",
        "Check the pump and the patient; resume only when the screen says PAUSED.",
    )


def tell_restarted_observing(state: State) -> None:
    """Alarm: the daemon came up while a patient was observed after the infusion."""
    tell(
        state,
        "restarted",
        Priority.MEDIUM,
        "the daemon was restarted",
        f"the infusion of session {state.session} is over and its patient is still observed; nobody watched meanwhile",
        "Look at the patient and at the pump, which must be at rest.",
    )


def tell_stopped_by_itself(state: State, words: str) -> None:
    """Alarm: the pump stopped without being told."""
    tell(
        state,
        "pump-stopped",
        Priority.MEDIUM,
        "the pump stopped by itself",
        words,
        "Look at the pump: its stop key, its display, the syringe. Resume when the cause is known.",
    )
