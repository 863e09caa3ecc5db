"""What a discharge asks for, and what is handed over with the patient (CLIN-08). The signature is the close itself.

What devices and nurses measure is judged here, never attested. Nobody is discharged for want of a value.
"""

from collections.abc import Iterator

from pumpd.core import accounting, halting, phase
from pumpd.core.commands import FOR_DISCHARGE, Attested, Close, Role
from pumpd.core.effects import Decision, Effect
from pumpd.core.modes import OPEN_MODES
from pumpd.core.ports import NibpReading, Sample, VitalKind
from pumpd.core.profile import Range
from pumpd.core.quantities import NS_PER_MIN
from pumpd.core.readiness import age_limit_ns, range_blockers
from pumpd.core.session import Baseline, Peak
from pumpd.core.state import State

ALERT_MOAAS = Range(vital=VitalKind.MOAAS, low=5, high=None)
"""Alert: whatever a profile lets somebody start with."""
READINGS = 2
"""Cuff readings that must be near the baseline, the newest and the one before it."""

_WORDS = {
    Attested.ROOM_AIR: "nobody has attested that SpO2 is measured without added oxygen: attest room-air",
    Attested.FLUIDS_TOLERATED: "nobody has attested that the patient drinks without trouble: attest fluids-tolerated",
    Attested.ESCORT_PRESENT: "nobody has attested that an escort is here: attest escort-present",
    Attested.NO_DRIVING: "nobody has attested that patient and escort know of the ban on driving: attest no-driving",
}


def close_blockers(state: State, now_ns: int) -> tuple[str, ...]:
    """Return what keeps the session from being closed by a discharge."""
    before = phase.close_blockers(state, now_ns)
    if not phase.is_observing(state):
        return before
    return (*before, *unmet(state, now_ns), *accounting.blockers(state, now_ns))


def unmet(state: State, now_ns: int) -> tuple[str, ...]:
    """Return what the patient does not fulfil yet, or nobody has said or measured."""
    return tuple(_unmet(state, now_ns))


def close_refusal(state: State, wish: Close, user: str, now_ns: int, effects: list[Effect]) -> str | None:
    """Return why the session is not closed; else tell what is handed over, and by whom.

    A patient who cannot be discharged can still go to other care, by a prescriber's word: the time of the observation
    and the account of the drug hold for that too.
    """
    reason = wish.transfer_reason.strip()
    if not reason:
        blocked = close_blockers(state, now_ns)
        if blocked:
            return "; ".join(blocked)
        effects.append(Decision(cause="handover", text=f"discharge signed by {user}: {handover_text(state, now_ns)}"))
        return None
    if state.settings.operators.get(user) is not Role.PRESCRIBER:
        return "only a prescriber hands a patient over to other care without a discharge"
    blocked = (*phase.close_blockers(state, now_ns), *accounting.blockers(state, now_ns))
    if blocked:
        return "; ".join(blocked)
    open_items = "; ".join(unmet(state, now_ns)) or "nothing"
    words = (
        f"NOT DISCHARGED, handed over to other care by {user}, because: {reason}; open: {open_items}; "
        f"{handover_text(state, now_ns)}"
    )
    effects.append(Decision(cause="handover", text=words))
    return None


def take(state: State, sample: Sample) -> None:
    """Keep the lowest and the highest value of a vital sign from the first run until the session is closed."""
    value = sample.value
    if value is None or not state.runs or not (state.mode in OPEN_MODES or phase.is_observing(state)):
        return
    before = state.peaks.get(sample.kind)
    if before is None or value < before.low or value > before.high:
        low, high = (value, value) if before is None else (min(before.low, value), max(before.high, value))
        state.peaks = {**state.peaks, sample.kind: Peak(vital=sample.kind, low=low, high=high)}


def handover_text(state: State, now_ns: int) -> str:
    """Return drug given, pauses and peak vital signs in one line."""
    peaks = ", ".join(f"{peak.vital.name} {peak.low} to {peak.high} {peak.vital.unit}" for peak in state.peaks.values())
    ran_min = state.ran_ns // NS_PER_MIN
    return (
        f"given {halting.delivered_text(state, now_ns)} in {ran_min} min of flow; pauses: {state.pauses}; "
        f"vital signs from lowest to highest: {peaks or 'none'}"
    )


def _unmet(state: State, now_ns: int) -> Iterator[str]:
    profile = state.settings.profile
    yield from _pressure(state, now_ns)
    for wanted in (*(each for each in profile.start if each.vital is VitalKind.SPO2), ALERT_MOAAS):
        yield from range_blockers(state, wanted, now_ns, override=False)
    yield from _nausea(state, now_ns)
    yield from (_WORDS[item] for item in FOR_DISCHARGE if item not in state.attested)


def _pressure(state: State, now_ns: int) -> Iterator[str]:
    baseline, percent = state.baseline, state.settings.profile.discharge_pressure_percent
    if baseline is None:
        yield "there is no baseline that the blood pressure could be compared with"
        return
    since_ns = state.observing_since_ns or 0
    after = [each for each in state.vitals.readings if each.measured_at_ns >= since_ns][-READINGS:]
    limit_ns = age_limit_ns(state, VitalKind.SBP) + phase.cuff_later_ns(state, now_ns)
    if len(after) < READINGS or now_ns - after[-1].measured_at_ns > limit_ns:
        age_min = limit_ns // NS_PER_MIN
        yield f"{READINGS} cuff readings since the infusion are needed, the last at most {age_min} min old"
        return
    for reading in after:
        if not _near(reading, baseline, percent):
            yield (
                f"BP {reading.sbp_mmhg}/{reading.dbp_mmhg} mmHg is not within {percent} % of the baseline "
                f"{baseline.sbp_mmhg}/{baseline.dbp_mmhg} mmHg"
            )


def _near(reading: NibpReading, baseline: Baseline, percent: int) -> bool:
    pairs = ((reading.sbp_mmhg, baseline.sbp_mmhg), (reading.dbp_mmhg, baseline.dbp_mmhg))
    return all(100 * abs(value - wanted) <= percent * wanted for value, wanted in pairs)


def _nausea(state: State, now_ns: int) -> Iterator[str]:
    profile, limit_ns = state.settings.profile, state.settings.profile.assess_valid_ns
    if not state.scores or state.scored_ns is None or now_ns - state.scored_ns > limit_ns:
        yield f"nobody has scored the nausea within {limit_ns // NS_PER_MIN} min: score"
    elif state.scores[-1].nausea > profile.discharge_nausea_score:
        yield f"nausea {state.scores[-1].nausea} of 10 is more than little ({profile.discharge_nausea_score})"
