"""What a nurse owes the bedside: her presence, and what no device measures. Knows when each is late, and no screen.

An explicit presence alone counts: an assessment, an attestation or an acknowledgement may be sent from any station.
"""

from collections.abc import Iterator

from pumpd.core.alarms import Condition, Priority
from pumpd.core.modes import OPEN_MODES
from pumpd.core.ports import VitalKind
from pumpd.core.profile import Action
from pumpd.core.quantities import NS_PER_MIN
from pumpd.core.state import State
from pumpd.core.vitals import is_entered

OVERDUE_NS = 5 * NS_PER_MIN
"""An entry so long after its time raises MEDIUM (requirement VIT-18)."""

_GO = "Go to the bedside and confirm your presence there."
_ENTER = "Look at the patient, count the breaths, and enter both with assess."


def owed(state: State, now_ns: int) -> Iterator[tuple[Action, Condition]]:
    """Yield what is late once the infusion has begun; a start asks for all of it by itself."""
    if state.runs == 0 or state.mode not in OPEN_MODES:
        return
    yield from _presence(state, now_ns)
    yield from _entries(state, now_ns)


def presence_blockers(state: State, now_ns: int) -> Iterator[str]:
    """Ask for somebody at the bedside before anything flows; a resume is no smaller thing than a start."""
    limit_ns = state.settings.profile.presence_start_ns
    if state.present_ns is None or now_ns - state.present_ns > limit_ns:
        yield f"nobody has confirmed presence at the bedside within {limit_ns // NS_PER_MIN} min: confirm presence"


def is_respiration_measured(state: State) -> bool:
    """Say whether a device measures respiration; what a nurse has counted is no measurement."""
    sample = state.vitals.latest.get(VitalKind.RR)
    return sample is not None and not is_entered(sample)


def _presence(state: State, now_ns: int) -> Iterator[tuple[Action, Condition]]:
    profile = state.settings.profile
    since_ns = state.interlocks.watched_since_ns if state.present_ns is None else state.present_ns
    absent_ns = now_ns - since_ns
    if absent_ns < profile.presence_alarm_ns:
        return
    words = f"nobody has confirmed presence at the bedside for {absent_ns // NS_PER_MIN} min"
    pauses_min = profile.presence_pause_ns // NS_PER_MIN
    late = Condition(
        id="presence-late",
        priority=Priority.MEDIUM,
        cause="nobody at the bedside",
        text=f"{words}, pausing at {pauses_min} min",
        advice=_GO,
    )
    yield Action.ALERT, late
    if absent_ns >= profile.presence_pause_ns:
        lost = Condition(
            id="presence-lost",
            priority=Priority.MEDIUM,
            cause="nobody at the bedside",
            text=f"{words}, limit {pauses_min} min",
            advice=_GO,
        )
        yield Action.PAUSE, lost


def _entries(state: State, now_ns: int) -> Iterator[tuple[Action, Condition]]:
    interval_ns = state.settings.profile.assess_interval_ns
    sedation_ns = _age_ns(state, VitalKind.MOAAS, now_ns)
    due = ["MOAA/S"] if sedation_ns >= interval_ns else []
    if _age_ns(state, VitalKind.RR, now_ns) >= interval_ns and not is_respiration_measured(state):
        due.append("a counted respiration, which nothing measures here")
    if due:
        prompt = Condition(
            id="assess-due",
            priority=Priority.LOW,
            cause="an entry is due",
            text=f"due every {interval_ns // NS_PER_MIN} min: {' and '.join(due)}",
            advice=_ENTER,
        )
        yield Action.ALERT, prompt
    if sedation_ns >= interval_ns + OVERDUE_NS:
        overdue = Condition(
            id="assess-overdue",
            priority=Priority.MEDIUM,
            cause="an entry is overdue",
            text=f"the last MOAA/S is {sedation_ns // NS_PER_MIN} min old, {interval_ns // NS_PER_MIN} min are planned",
            advice=_ENTER,
        )
        yield Action.ALERT, overdue


def _age_ns(state: State, kind: VitalKind, now_ns: int) -> int:
    sample = state.vitals.latest.get(kind)
    return now_ns - (state.interlocks.watched_since_ns if sample is None else sample.measured_at_ns)
