"""What a bed's state says of the sessions of a course. Pure; a bed's order names its course, nothing else does."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from pumpd.clinic.calendar import ns_of
from pumpd.clinic.course import Register
from pumpd.clinic.entries import SessionNoted
from pumpd.core.modes import Mode
from pumpd.core.phase import OVER_MODES, SessionPhase
from pumpd.core.quantities import G_PER_KG, NG_PER_MG
from pumpd.mqtt.payloads import Delivery, GivenBefore, Order, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A bed tells of one session of one course."""

    course: str
    note: SessionNoted
    at_ns: int


def told(state: State, register: Register) -> Iterator[Told]:
    """Yield what `state` tells, and what it tells by silence: a session that a bed shows no longer is closed there."""
    at_ns = ns_of(datetime.fromisoformat(state.at))
    shown = set()
    for given in state.given_before:
        if given.course is not None:
            shown.add(_session(given.order))
            yield Told(course=given.course, note=_before(state.bed, given), at_ns=_at(given.until))
    order = state.order
    if order is not None and order.course is not None:
        shown.add(_session(order.hash))
        yield Told(course=order.course, note=_present(state, order), at_ns=at_ns)
    for course in register.courses.values():
        for _, note in course.sessions:
            if note.bed == state.bed and not note.closed and note.session not in shown:
                yield Told(course=course.id, note=replace(note, over=True, closed=True), at_ns=at_ns)


def _present(state: State, order: Order) -> SessionNoted:
    delivery = state.delivery
    over = state.mode in OVER_MODES
    begun = state.mode not in {Mode.IDLE, Mode.READY} and (not over or (delivery is not None and delivery.high_ml > 0))
    low_ng, high_ng = _amounts(delivery, order, over=over) if begun else (0, 0)
    return SessionNoted(
        session=_session(order.hash),
        bed=state.bed,
        clearance_hash=order.clearance,
        begun=begun,
        over=over,
        closed=state.phase is SessionPhase.CLOSED,
        low_ng=low_ng,
        high_ng=high_ng,
        weight_g=int(order.weight_kg * G_PER_KG),
    )


def _amounts(delivery: Delivery | None, order: Order, *, over: bool) -> tuple[int, int]:
    """Return what was given; until the infusion is over, anything up to the order, so that no figure is noted twice."""
    if delivery is None or not over:
        return 0, _ng(order.dose_mg)
    return _ng(delivery.low_mg), _ng(delivery.high_mg)


def _before(bed: str, given: GivenBefore) -> SessionNoted:
    return SessionNoted(
        session=_session(given.order),
        bed=bed,
        clearance_hash=None,
        begun=True,
        over=True,
        closed=True,
        low_ng=_ng(given.low_mg),
        high_ng=_ng(given.high_mg),
        weight_g=None,
    )


def _session(order_hash: str) -> str:
    """Return the session of an order, as the core names it."""
    return f"s-{order_hash}"


def _ng(amount_mg: Decimal) -> int:
    return int(amount_mg * NG_PER_MG)


def _at(text: str) -> int:
    return ns_of(datetime.fromisoformat(text))
