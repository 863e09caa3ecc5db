"""Lowering the rate of a run, step by step: intent durable, judged again, sent, read back. Nothing ever raises it.

A rate is sent once. What the pump then holds is read back; where it cannot be, the run is paused, because how fast the
pump moves must be known.
"""

from dataclasses import replace

from pumpd.core import answers, causes, halting
from pumpd.core.alarms import Priority
from pumpd.core.bounds import Measure
from pumpd.core.commands import CommandReceived, Lower, ReceiptState
from pumpd.core.effects import Decision, Effect, LowerRate, WriteIntent
from pumpd.core.modes import Mode
from pumpd.core.ports import Outcome, RateChanged, RateChangeFailed, RunOrder
from pumpd.core.quantities import (
    NL_PER_ML,
    NS_PER_MIN,
    NS_PER_S,
    QuantityError,
    decimal_from,
    flow_time_ns,
    in_ml,
    scaled_exactly,
)
from pumpd.core.rest import Aim
from pumpd.core.state import Awaiting, Lowering, LoweringStep, State

INTENT_LIMIT_NS = 2 * NS_PER_S
"""Every wait on the disk ends within this (requirement COMM-11)."""
SET_LIMIT_NS = 2 * NS_PER_S
"""One rate and its read-back, with a lost reply, fit in this (COMM-11)."""


def begin(state: State, command: CommandReceived, wish: Lower, now_ns: int, effects: list[Effect]) -> str | None:
    """First step: judge, and write the intent; or return why not."""
    if state.mode is not Mode.RUNNING or state.order is None:
        return f"the mode is {state.mode.value}; only the rate of a running infusion can be lowered"
    if state.lowering is not None:
        return "the rate is being lowered already; wait for the result"
    try:
        rate_nl_h = scaled_exactly("rate", decimal_from("rate", wish.rate_ml_h, "mL/h"), NL_PER_ML, "mL/h")
    except QuantityError as error:
        return str(error)
    if rate_nl_h >= state.rate_nl_h:
        now_ml_h = in_ml(state.rate_nl_h)
        return f"{wish.rate_ml_h} mL/h is not below the present {now_ml_h} mL/h; a running infusion can only be lowered"
    planned_ns = planned_with(state, rate_nl_h, now_ns)
    limit = state.settings.profile.drug.limit(Measure.DURATION)
    assert limit is not None  # noqa: S101 - without it there is no order
    longest_min = limit.hard[1]
    if planned_ns > int(longest_min * NS_PER_MIN):
        return (
            f"at {wish.rate_ml_h} mL/h the infusion would run for {planned_ns / NS_PER_MIN:.0f} min, the hard limit is "
            f"{longest_min} min; choose a higher rate, or end the infusion"
        )
    run = state.ledger.run
    assert run is not None  # noqa: S101 - it runs
    order = RunOrder(
        run_id=f"{run.run_id}-{command.id}",
        diameter_um=state.order.syringe.diameter_um,
        rate_nl_h=rate_nl_h,
        volume_nl=run.volume_nl,
    )
    state.lowering = Lowering(
        step=LoweringStep.INTENT, command_id=command.id, order=order, deadline_ns=now_ns + INTENT_LIMIT_NS
    )
    awaiting = Awaiting(user=command.user, command_id=command.id, kind="lower", since_ns=now_ns)
    answers.accept(state, effects, awaiting, "checked; writing the intent")
    effects.append(WriteIntent(token=order.run_id, order=order, user=command.user, command_id=command.id))
    return None


def planned_with(state: State, rate_nl_h: int, now_ns: int) -> int:
    """Return how long the order takes to run when what is left is given at `rate_nl_h`."""
    ran_ns = state.ran_ns + (now_ns - state.running_since_ns if state.running_since_ns is not None else 0)
    left_nl = max(state.ledger.order_nl - state.ledger.low(), 0)
    return ran_ns + flow_time_ns(left_nl, rate_nl_h)


def journal_confirmed(state: State, token: str, now_ns: int, effects: list[Effect]) -> None:
    """Second step: the intent is durable; judge again, then send the rate."""
    lowering = state.lowering
    if lowering is None or lowering.step is not LoweringStep.INTENT or lowering.order.run_id != token:
        return
    if not causes.permission(state, now_ns):
        _refuse(state, lowering, "the infusion no longer runs by permission; the rate was not sent", effects)
        return
    state.lowering = replace(lowering, step=LoweringStep.SET, deadline_ns=now_ns + SET_LIMIT_NS)
    effects.append(LowerRate(order=lowering.order))
    answers.executing(state, effects, lowering.command_id, "the rate is sent")


def changed(state: State, event: RateChanged, now_ns: int, effects: list[Effect]) -> None:
    """Third step: the pump holds a rate; it must be the one that was asked for, never above."""
    lowering = state.lowering
    if lowering is None or lowering.order.run_id != event.run_id:
        return
    asked_nl_h = lowering.order.rate_nl_h
    held, asked = (in_ml(value) for value in (event.rate_nl_h, asked_nl_h))
    if not asked_nl_h * 998 // 1_000 <= event.rate_nl_h <= asked_nl_h:
        words = f"the pump holds {held} mL/h, asked for was {asked} mL/h (never above, at most 0.2 % below)"
        _unknown(state, words, now_ns, effects)
        return
    state.lowering = None
    state.rate_nl_h = asked_nl_h
    state.ledger = state.ledger.lowered(event.rate_nl_h, now_ns)
    state.planned_ns = planned_with(state, event.rate_nl_h, now_ns)
    assert state.watch is not None  # noqa: S101 - it runs
    state.watch = state.watch.lowered(event.rate_nl_h)
    answers.finish(state, effects, lowering.command_id, ReceiptState.VERIFIED, f"the pump reads back {held} mL/h")
    effects.append(Decision(cause="lower", text=f"the rate is {held} mL/h from now on"))


def failed(state: State, event: RateChangeFailed, now_ns: int, effects: list[Effect]) -> None:
    """The rate certainly is as before, or nobody knows what it is."""
    lowering = state.lowering
    if lowering is None or lowering.order.run_id != event.run_id:
        return
    if event.outcome is Outcome.REFUSED:
        _refuse(state, lowering, event.reason, effects)
    else:
        _unknown(state, event.reason, now_ns, effects)


def timed_out(state: State, lowering: Lowering, now_ns: int, effects: list[Effect]) -> None:
    """A step took too long."""
    if lowering.step is LoweringStep.INTENT:
        words = f"the journal did not confirm the intent within {INTENT_LIMIT_NS // NS_PER_S} s; nothing was sent"
        _refuse(state, lowering, words, effects)
    else:
        _unknown(state, f"the pump's rate was not read back within {SET_LIMIT_NS // NS_PER_S} s", now_ns, effects)


def _refuse(state: State, lowering: Lowering, reason: str, effects: list[Effect]) -> None:
    state.lowering = None
    answers.finish(state, effects, lowering.command_id, ReceiptState.REFUSED, reason)


def _unknown(state: State, words: str, now_ns: int, effects: list[Effect]) -> None:
    halting.tell(
        state,
        "rate-unknown",
        Priority.HIGH,
        "the pump's rate is not known",
        words,
        "The infusion is paused; look at the pump, then resume: the next run is programmed and read back anew.",
    )
    halting.halt(state, Aim.PAUSE, f"the pump's rate is not known: {words}", now_ns, effects)
