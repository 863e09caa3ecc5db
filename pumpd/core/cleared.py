"""The clearance at one bed: what is heard of it, and what it lets through. `clearance.py` judges its content."""

from collections.abc import Iterator

from pumpd.core import clearance
from pumpd.core.effects import Decision, Effect
from pumpd.core.events import ClearanceSeen
from pumpd.core.prescription import Order
from pumpd.core.state import State

WAIVED = "clearance waived by the profile, which is for simulators only"


def seen(state: State, event: ClearanceSeen, effects: list[Effect]) -> None:
    """Take in what the clinic now says of this bed."""
    state.clearance, state.clearance_trouble = event.clearance, event.trouble
    words = "none" if event.clearance is None else event.clearance.words()
    effects.append(Decision(cause="clearance", text=event.trouble or words))


def forgotten(state: State) -> None:
    """Forget what was heard."""
    state.clearance = state.clearance_trouble = None


def refusal(state: State, quoted: str) -> str | None:
    """Return why no order may be prepared that quotes `quoted`, or None. Who quotes a clearance is held to it."""
    if not quoted and not state.settings.profile.clearance_required:
        return None
    reason = _now(state, quoted)
    if reason is None and _used(state, quoted):
        return f"clearance {quoted} was used by an infusion before; have the course cleared again"
    return reason


def weight_refusal(state: State, order: Order, *, change_confirmed: bool) -> str | None:
    """Return why the order's weight does not fit that of the day, or None."""
    if not order.clearance_hash or state.clearance is None:
        return None
    return clearance.weight_refusal(state.clearance, order.weight_g, change_confirmed=change_confirmed)


def start_blockers(state: State) -> Iterator[str]:
    """Yield why the order is no longer cleared: the clearance was taken back or replaced, or its time is over."""
    order = state.order
    if order is None or (not order.clearance_hash and not state.settings.profile.clearance_required):
        return
    reason = _now(state, order.clearance_hash)
    if reason is not None:
        yield reason


def course_of(state: State) -> str | None:
    """Return whose session it is: of the order, else of the clearance; None where nobody said (VIT-12)."""
    if state.order is not None:
        return state.order.course or None
    return None if state.clearance is None else state.clearance.course


def order_words(state: State, order: Order) -> str:
    """Return for the record under what the order was made."""
    if not order.clearance_hash or state.clearance is None:
        return WAIVED
    gates = (f"{gate.gate} by {gate.by}" for gate in state.clearance.gates)
    return f"{state.clearance.words()}; gates: {', '.join(gates)}"


def _now(state: State, quoted: str) -> str | None:
    return clearance.refusal(
        state.clearance, quoted, bed=state.bed, wall_ns=state.wall_ns(), trouble=state.clearance_trouble
    )


def _used(state: State, quoted: str) -> bool:
    """Say whether anything flowed under a clearance: it was given for one infusion."""
    order = state.order
    return (order is not None and order.clearance_hash == quoted and state.runs > 0) or any(
        given.clearance_hash == quoted for given in state.before
    )
