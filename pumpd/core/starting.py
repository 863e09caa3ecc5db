"""A start or a resume, step by step: intent durable, pump programmed and read back, RUN sent, infusing seen.

At each step everything is judged again, because a stop or a bad value may have come between.
"""

from dataclasses import replace
from typing import assert_never

from pumpd.core import answers, halting, readiness
from pumpd.core.alarms import Priority
from pumpd.core.causes import STARTING_GRACE_NS
from pumpd.core.commands import CommandReceived, ReceiptState
from pumpd.core.counter import CounterWatch
from pumpd.core.effects import Decision, Effect, ProgramPump, SendRun, WriteIntent
from pumpd.core.lockout import Lockout
from pumpd.core.modes import Trigger, after
from pumpd.core.ports import Outcome, ProgramFailed, Programmed, PumpState, PumpStatus, RunAnswered, RunOrder
from pumpd.core.quantities import NS_PER_S, in_ml, in_mm
from pumpd.core.rest import Aim
from pumpd.core.state import Awaiting, Starting, State, Step

INTENT_LIMIT_NS = 2 * NS_PER_S
"""Every wait on the disk ends within this (requirement COMM-11)."""
PROGRAM_LIMIT_NS = 6 * NS_PER_S
"""Programming is some forty exchanges, each with its own limit; the whole must leave time for a final word."""
RUN_LIMIT_NS = 2_500_000_000
"""One lost reply to RUN and the question after it fit in this."""
FIRST_POLL_NS = 200_000_000
"""How soon after RUN the pump is asked what it does."""


def begin(
    state: State, command: CommandReceived, kind: str, now_ns: int, effects: list[Effect], *, override: bool
) -> None:
    """First step: the order of the run is written; nothing has moved."""
    assert state.order is not None  # noqa: S101 - the readiness check has passed
    order = RunOrder(
        run_id=f"{state.session}-{state.runs + 1}-{command.id}",
        diameter_um=state.order.syringe.diameter_um,
        rate_nl_h=state.rate_nl_h,
        volume_nl=state.ledger.remaining(now_ns),
    )
    if kind == "start":
        profile = state.settings.profile
        state.baseline = state.vitals.baseline(profile.baseline_spacing_ns, profile.baseline_max_age_ns, now_ns)
        state.interlocks = replace(state.interlocks, watched_since_ns=now_ns)
    state.ledger = state.ledger.open_run(order.run_id, order.volume_nl, order.rate_nl_h, now_ns)
    state.mode = after(state.mode, Trigger.STARTED)
    state.starting = Starting(
        step=Step.INTENT,
        user=command.user,
        command_id=command.id,
        kind=kind,
        override=override,
        order=order,
        deadline_ns=now_ns + INTENT_LIMIT_NS,
    )
    awaiting = Awaiting(user=command.user, command_id=command.id, kind=kind, since_ns=now_ns)
    answers.accept(state, effects, awaiting, "checked; writing the intent")
    effects.append(WriteIntent(token=order.run_id, order=order, user=command.user, command_id=command.id))


def journal_confirmed(state: State, token: str, now_ns: int, effects: list[Effect]) -> None:
    """Second step: the intent is durable; judge again, then program the pump."""
    starting = state.starting
    if starting is None or starting.step is not Step.INTENT or starting.order.run_id != token:
        return
    if not _still_allowed(state, starting, now_ns, effects):
        return
    state.starting = replace(starting, step=Step.PROGRAM, deadline_ns=now_ns + PROGRAM_LIMIT_NS)
    effects.append(ProgramPump(order=starting.order))


def programmed(state: State, event: Programmed, now_ns: int, effects: list[Effect]) -> None:
    """Third step: the pump holds what was ordered; judge again, then send RUN."""
    starting = state.starting
    if starting is None or starting.step is not Step.PROGRAM or starting.order.run_id != event.run_id:
        return
    wrong = read_back_error(starting.order, event)
    if wrong is not None:
        halting.tell(
            state, "read-back", Priority.HIGH, "read-back differs", wrong, "Do not use this pump; call the engineer."
        )
        halting.halt(state, Aim.UNDO, wrong, now_ns, effects)
        return
    if not _still_allowed(state, starting, now_ns, effects):
        return
    state.ledger = state.ledger.begin_run(event.volume_nl, event.rate_nl_h, now_ns)
    state.runs += 1
    state.starting = replace(starting, step=Step.RUN, deadline_ns=now_ns + RUN_LIMIT_NS, run_sent_ns=now_ns)
    state.pump = replace(
        state.pump, status=None, at_rest=False, run_sent_ns=now_ns, polled_ns=now_ns - NS_PER_S + FIRST_POLL_NS
    )
    effects.append(SendRun(run_id=event.run_id))
    answers.executing(state, effects, starting.command_id, "the pump was programmed and read back; RUN is sent")


def read_back_error(order: RunOrder, event: Programmed) -> str | None:
    """Return how what the pump holds differs from the order, or None (requirements START-07, DOSE-03)."""
    if event.diameter_um != order.diameter_um:
        held, meant = (in_mm(value) for value in (event.diameter_um, order.diameter_um))
        return f"the pump holds a diameter of {held} mm, ordered is {meant} mm"
    if not order.rate_nl_h * 998 // 1_000 <= event.rate_nl_h <= order.rate_nl_h:
        held, meant = (in_ml(value) for value in (event.rate_nl_h, order.rate_nl_h))
        return f"the pump holds a rate of {held} mL/h, ordered is {meant} mL/h (never above, at most 0.2 % below)"
    least_nl = min(order.volume_nl * 998 // 1_000, order.volume_nl - halting.DIGIT_NL)
    if not max(least_nl, 1) <= event.volume_nl <= order.volume_nl:
        held, meant = (in_ml(value) for value in (event.volume_nl, order.volume_nl))
        return f"the pump holds an end-stop of {held} mL, ordered is {meant} mL (never above, at most 0.2 % below)"
    return None


def program_failed(state: State, event: ProgramFailed, now_ns: int, effects: list[Effect]) -> None:
    """The run is not in the pump; nothing was started."""
    starting = state.starting
    if starting is None or starting.order.run_id != event.run_id:
        return
    halting.tell(
        state,
        "program-failed",
        Priority.HIGH,
        "the pump was not programmed",
        event.reason,
        "Nothing was started. Look at the pump, then start again.",
    )
    halting.halt(state, Aim.UNDO, event.reason, now_ns, effects)


def run_answered(state: State, event: RunAnswered, now_ns: int, effects: list[Effect]) -> None:
    """RUN was taken, refused, or nobody knows; only a refusal ends the start here, the rest is read back."""
    starting = state.starting
    if starting is None or starting.step is not Step.RUN or starting.order.run_id != event.run_id:
        return
    if event.outcome is not Outcome.REFUSED:
        return
    state.ledger = state.ledger.not_started()
    state.runs -= 1
    halting.tell(
        state,
        "run-refused",
        Priority.MEDIUM,
        "the pump refused to run",
        event.reason,
        "Nothing was started. Look at the pump, then start again.",
    )
    halting.halt(state, Aim.UNDO, f"the pump refused to run: {event.reason}", now_ns, effects)
    answers.finish(state, effects, starting.command_id, ReceiptState.REFUSED, event.reason)


def status_while_moving(state: State, status: PumpStatus, now_ns: int, effects: list[Effect]) -> None:
    """Compare what the pump reports with what was commanded."""
    starting = state.starting
    if starting is not None and starting.run_sent_ns is not None:
        if status.state is PumpState.MOVING:
            _run_seen(state, starting, starting.run_sent_ns, effects)
        elif status.state is PumpState.PAUSED or status.asked_at_ns >= starting.run_sent_ns + STARTING_GRACE_NS:
            words = f"the pump reports {status.state.value} after RUN"
            halting.halt_stopped(state, Aim.UNDO, words, now_ns, effects)
        return
    if status.state in {PumpState.REST, PumpState.PAUSED}:
        words = f"the pump reports {status.state.value}: its end-stop, its keypad or an alarm"
        halting.halt_stopped(state, Aim.PAUSE, words, now_ns, effects)


def _run_seen(state: State, starting: Starting, run_sent_ns: int, effects: list[Effect]) -> None:
    state.mode = after(state.mode, Trigger.RUN_SEEN)
    state.starting = None
    state.running_since_ns = run_sent_ns
    state.idle_since_ns = None
    if state.first_run_ns is None:
        state.first_run_ns = run_sent_ns
    if starting.override:
        state.lockout = Lockout()
    run = state.ledger.run
    state.watch = CounterWatch.of_run(run.rate_nl_h, run_sent_ns) if run else None
    state.pause_cause = None
    state.pressure_pause = False
    state.started_by = state.started_by or starting.user
    answers.finish(state, effects, starting.command_id, ReceiptState.VERIFIED, "the pump reports infusing")
    effects.append(Decision(cause=starting.kind, text=f"running, {starting.kind} by {starting.user}"))


def timed_out(state: State, starting: Starting, now_ns: int, effects: list[Effect]) -> None:
    """A step took too long; stop, and let rest tell what is true."""
    match starting.step:
        case Step.INTENT:
            words = f"the journal did not confirm the intent within {INTENT_LIMIT_NS // NS_PER_S} s"
        case Step.PROGRAM:
            words = f"the pump was not programmed within {PROGRAM_LIMIT_NS // NS_PER_S} s"
        case Step.RUN:
            words = f"the pump did not report infusing within {RUN_LIMIT_NS / NS_PER_S:.1f} s of RUN"
        case _:
            assert_never(starting.step)
    halting.tell(
        state,
        "start-failed",
        Priority.MEDIUM,
        "the start did not come to a run",
        words,
        "Look at the pump, then start again.",
    )
    halting.halt(state, Aim.UNDO, words, now_ns, effects)


def _still_allowed(state: State, starting: Starting, now_ns: int, effects: list[Effect]) -> bool:
    """Judge again what the human start was judged by; refuse and undo if something has come between."""
    blockers = readiness.still_blocked(state, starting, now_ns)
    if not blockers:
        return True
    halting.halt(state, Aim.UNDO, f"no longer allowed: {blockers[0]}", now_ns, effects)
    return False
