"""The phase of the session, beside the mode: preparing, infusing, observing, closed. What an observation asks for.

The drug goes on acting after the pump has stopped: a session in which any may have flowed is observed until somebody
closes it. A pump at rest is sent nothing for what a vital sign does; people are told of it as during a run.
"""

from collections.abc import Iterator
from enum import Enum, unique

from pumpd.core.commands import FOR_DISCHARGE
from pumpd.core.modes import OPEN_MODES, Mode
from pumpd.core.quantities import NS_PER_MIN
from pumpd.core.state import State

OVER_MODES = frozenset({Mode.COMPLETED, Mode.ENDED})
"""Modes in which the infusion is over; the session may still be observed."""


@unique
class SessionPhase(Enum):
    """Where a session is between the order and the empty bed."""

    PREPARING = "preparing"
    INFUSING = "infusing"
    OBSERVING = "observing"
    CLOSED = "closed"


def phase(state: State) -> SessionPhase:
    """Return the phase of the session."""
    if is_observing(state):
        return SessionPhase.OBSERVING
    if state.mode is Mode.READY:
        return SessionPhase.PREPARING
    return SessionPhase.INFUSING if state.mode in OPEN_MODES else SessionPhase.CLOSED


def has_open_order(state: State) -> bool:
    """Say whether there is an order and its infusion is not over."""
    return state.order is not None and state.mode is not Mode.IDLE and state.mode not in OVER_MODES


def is_observing(state: State) -> bool:
    """Say whether the infusion is over and the patient still watched."""
    return state.observing_since_ns is not None and state.mode in OVER_MODES


def infusion_over(state: State, now_ns: int) -> None:
    """Rest was confirmed and the infusion is over: observe from now on, if any drug may have flowed."""
    if state.runs or state.ledger.high(now_ns):
        state.observing_since_ns = now_ns
        state.over_wall_ns = state.wall_ns()
        # what was seen of the patient before more flowed says nothing now
        state.attested = {item: seen for item, seen in state.attested.items() if item not in FOR_DISCHARGE}


def observed_ns(state: State, now_ns: int) -> int | None:
    """Return for how long the patient has been observed since the infusion; None where nobody is."""
    return None if state.observing_since_ns is None else now_ns - state.observing_since_ns


def cuff_interval_ns(state: State, now_ns: int) -> int | None:
    """Return how far apart the cuff's cycles are now that the infusion is over (CLIN-07); None where none is due."""
    if not is_observing(state):
        return None
    profile = state.settings.profile
    return profile.observe_nibp_later_ns if _is_later(state, now_ns) else profile.observe_nibp_first_ns


def cuff_later_ns(state: State, now_ns: int) -> int:
    """Return by how much older than in a run a cuff value may be, because its cycle is that much longer."""
    if not is_observing(state) or not _is_later(state, now_ns):
        return 0
    profile = state.settings.profile
    return max(profile.observe_nibp_later_ns - profile.nibp_interval_ns, 0)


def close_blockers(state: State, now_ns: int) -> tuple[str, ...]:
    """Return what keeps the session from being closed, whatever the patient fulfils (see `discharge.py`)."""
    return tuple(_close_blockers(state, now_ns))


def _close_blockers(state: State, now_ns: int) -> Iterator[str]:
    since_ns = state.observing_since_ns
    if since_ns is None or not is_observing(state):
        yield f"the phase is {phase(state).value}; only a session that is being observed can be closed"
        return
    needed_ns = state.settings.profile.observe_min_ns
    left_ns = since_ns + needed_ns - now_ns
    if left_ns > 0:
        yield (
            f"observed for {(now_ns - since_ns) // NS_PER_MIN} min, {needed_ns // NS_PER_MIN} min are needed; "
            f"close in {-(-left_ns // NS_PER_MIN)} min"
        )
    if state.halt is not None:
        yield "the pump is not confirmed at rest; look at the pump"
    yield from state.alarms.blockers()


def deadlines_ns(state: State, now_ns: int) -> Iterator[int]:
    """Yield when the observation next changes what it asks for."""
    since_ns = state.observing_since_ns
    if since_ns is not None and is_observing(state) and not _is_later(state, now_ns):
        yield since_ns + state.settings.profile.observe_first_ns


def _is_later(state: State, now_ns: int) -> bool:
    since_ns = state.observing_since_ns
    return since_ns is not None and now_ns - since_ns >= state.settings.profile.observe_first_ns
