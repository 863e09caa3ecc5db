"""Which of several sources of one vital sign counts, and what is wrong with them. Knows samples, ages and limits.

The worse valid source is used (VIT-11). For a rule that is the value furthest towards the rule's side; where one number
is to be shown, it is the one with the least room to a limit that pauses or ends, or the furthest beyond: for SpO2 the
lower, for a heart rate the nearer to either end. A source counts until its sample is as old as pauses by itself.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from pumpd.core.alarms import Condition, Priority
from pumpd.core.commands import Attested
from pumpd.core.cuff import CYCLE_LIMIT_NS
from pumpd.core.events import CuffInflating, SourceOnline, SourceRefused, Trouble
from pumpd.core.ports import Sample, SamplesReceived, Validity, VitalKind, from_bus
from pumpd.core.profile import REQUIRED_AGES, Action, Profile, Side
from pumpd.core.quantities import NS_PER_MIN, NS_PER_S
from pumpd.core.state import Difference, State
from pumpd.core.vitals import BY_HAND

RESPIRATION_COUNTS_NS = 30 * NS_PER_S
"""How long a measured respiratory rate counts; it has no age rule of its own (proposal of the pumpd authors)."""
REFUSED_STANDS_NS = 30 * NS_PER_S
"""How long a refusal stands after the last message that was refused, where it does not last by itself."""
BUTTON_LOST_NS = 9 * NS_PER_S
"""Silence of the comfort button: with an evaluation each second it is told within 10 s (CLIN-05)."""
SETTLE_NS = NS_PER_MIN
"""A source that comes and goes gives one alarm (ALRM-06)."""
INFLATION_HIDES = frozenset({VitalKind.SPO2, VitalKind.HR})
"""What a cuff on the limb of the probe cuts off."""
_LASTING = frozenset({Trouble.IDENTITY, Trouble.OFFLINE})
_LOOK = "Look at the patient, and at the sensor of each source."


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """Something that is wrong with the sources; `pauses` where a vital sign is missing by it."""

    pauses: bool
    condition: Condition


# ---- which counts ---------------------------------------------------------------------------------------------------


def counts_ns(profile: Profile, kind: VitalKind, source: str = "") -> int:
    """Return for how long a sample of a source counts."""
    if kind is VitalKind.RR and from_bus(source):
        return RESPIRATION_COUNTS_NS
    return next((rule.pause_ns for rule in profile.ages if rule.vital is kind), profile.assess_valid_ns)


def counting(state: State, kind: VitalKind, now_ns: int) -> tuple[Sample, ...]:
    """Return the samples that count now, one of each source."""
    profile = state.settings.profile
    return tuple(
        sample
        for name, sample in state.vitals.channels.get(kind, {}).items()
        if now_ns - sample.measured_at_ns < counts_ns(profile, kind, name) and not _is_foreign(state, name)
    )


def others(state: State, sample: Sample, now_ns: int) -> tuple[int, ...]:
    """Return the values of the other sources that count besides that of `sample`."""
    if len(state.vitals.channels.get(sample.kind, ())) < 2:
        return ()
    found = counting(state, sample.kind, now_ns)
    return tuple(other.value for other in found if other is not sample and other.value is not None)


def used(state: State, kind: VitalKind, now_ns: int) -> Sample | None:
    """Return the sample to show and to start by: the worse one that counts, or the newest where none counts."""
    newest = state.vitals.latest.get(kind)
    if len(state.vitals.channels.get(kind, ())) < 2:
        return newest
    found = counting(state, kind, now_ns)
    return min(found, key=lambda sample: room(state.settings.profile, sample), default=newest)


def room(profile: Profile, sample: Sample) -> int:
    """Return how far a value is from the nearest limit that pauses or ends; less than 0 is beyond."""
    value = sample.value or 0
    rooms = [
        value - rule.limit if rule.side is Side.BELOW else rule.limit - value
        for rule in profile.rules
        if rule.vital is sample.kind and not rule.relative and rule.action is not Action.ALERT
    ]
    return min(rooms, default=0)


def compare(state: State, kind: VitalKind, now_ns: int) -> None:
    """Note whether the sources of a vital sign lie too far apart, and since when."""
    if len(state.vitals.channels.get(kind, ())) < 2:
        return
    limit = _apart(state.settings.profile).get(kind)
    if limit is None:
        return
    found = sorted(counting(state, kind, now_ns), key=lambda sample: sample.value or 0)
    before = state.differing.get(kind)
    if len(found) < 2 or (found[-1].value or 0) - (found[0].value or 0) <= limit:
        if before is not None:
            state.differing = {each: old for each, old in state.differing.items() if each is not kind}
        return
    since_ns = now_ns if before is None else before.since_ns
    state.differing = {**state.differing, kind: Difference(low=found[0], high=found[-1], since_ns=since_ns)}


def _apart(profile: Profile) -> Mapping[VitalKind, int]:
    return {VitalKind.HR: profile.hr_difference_bpm, VitalKind.SPO2: profile.spo2_difference_percent}


def _is_foreign(state: State, name: str) -> bool:
    trouble = state.bus.troubles.get(_owner(name))
    return trouble is not None and trouble[0].trouble is Trouble.IDENTITY


def _owner(name: str) -> str:
    """Return the source of a channel on the bus: `ox7` of `ox7/spo2`."""
    return name.partition("/")[0]


# ---- what sources say of themselves ---------------------------------------------------------------------------------


def refused(state: State, event: SourceRefused, now_ns: int) -> bool:
    """Note that a message of a source is not used; say whether that is news."""
    before = state.bus.troubles.get(event.source)
    state.bus = replace(state.bus, troubles={**state.bus.troubles, event.source: (event, now_ns)})
    return before is None or before[0] != event


def online(state: State, event: SourceOnline) -> None:
    """A source that had gone is back; what else was wrong with it stays."""
    before = state.bus.troubles.get(event.source)
    if before is not None and before[0].trouble is Trouble.OFFLINE:
        _forgive(state, event.source)


def heard(state: State, name: str) -> None:
    """A message of a source was used: nothing is wrong with it now."""
    if state.bus.troubles and from_bus(name):
        _forgive(state, _owner(name))


def _forgive(state: State, source: str) -> None:
    if source in state.bus.troubles:
        troubles = {each: old for each, old in state.bus.troubles.items() if each != source}
        state.bus = replace(state.bus, troubles=troubles)


# ---- a cuff on the limb of the probe --------------------------------------------------------------------------------


def inflation(state: State, event: CuffInflating, now_ns: int) -> None:
    """Note that a cuff on the limb of the probe inflates, or no longer does."""
    inflating = {each: since_ns for each, since_ns in state.bus.inflating.items() if each != event.source}
    if event.on and event.limb_shared:
        inflating[event.source] = now_ns
    state.bus = replace(state.bus, inflating=inflating)


def deflated(state: State, source: str) -> None:
    """A cuff has ended its cycle."""
    if source in state.bus.inflating:
        inflating = {each: since_ns for each, since_ns in state.bus.inflating.items() if each != source}
        state.bus = replace(state.bus, inflating=inflating)


def seen_through_cuff(state: State, event: SamplesReceived, now_ns: int) -> SamplesReceived:
    """Return the samples, without those that an inflated cuff on the limb of the probe falsifies (VIT-10)."""
    shared = state.cuff.measuring and Attested.LIMB_SHARED in state.attested
    if not shared and not any(now_ns - since_ns < CYCLE_LIMIT_NS for since_ns in state.bus.inflating.values()):
        return event
    return SamplesReceived(
        samples=tuple(
            replace(sample, value=None, validity=Validity.CUFF_INFLATING)
            if sample.kind in INFLATION_HIDES and sample.validity is not Validity.PROBE_OFF
            else sample
            for sample in event.samples
        )
    )


# ---- what is wrong --------------------------------------------------------------------------------------------------


def complaints(state: State, now_ns: int) -> Iterator[Complaint]:
    """Yield everything that is wrong with the sources now."""
    if state.differing:
        yield from _differences(state, now_ns)
    if state.bus.troubles:
        yield from _refusals(state, now_ns)
    yield from _silences(state, now_ns)
    if state.broker_lost_real_ns is not None:
        yield from _unreachable(state)
    if state.settings.comfort_button:
        yield from _button(state, now_ns)


def deadlines_ns(state: State) -> Iterator[int]:
    """Yield when a difference will have lasted too long."""
    yield from (each.since_ns + state.settings.profile.difference_ns for each in state.differing.values())


def _differences(state: State, now_ns: int) -> Iterator[Complaint]:
    profile = state.settings.profile
    for kind, found in state.differing.items():
        if now_ns - found.since_ns < profile.difference_ns:
            continue
        low, high = (f"{each.value} {kind.unit} by {each.source}" for each in (found.low, found.high))
        yield _complaint(
            f"{kind.value}-disagree",
            Priority.MEDIUM,
            "two sources differ",
            f"{kind.name} is {low} and {high}, more than {_apart(profile)[kind]} {kind.unit} apart for "
            f"{profile.difference_ns // NS_PER_S} s; the worse is used",
            f"{_LOOK} Take off the one that is wrong.",
        )


def _refusals(state: State, now_ns: int) -> Iterator[Complaint]:
    for source, (event, at_ns) in state.bus.troubles.items():
        if event.trouble not in _LASTING and now_ns - at_ns >= REFUSED_STANDS_NS:
            continue
        foreign = event.trouble is Trouble.IDENTITY
        yield _complaint(
            f"source-{event.trouble.value}-{source}",
            Priority.MEDIUM,
            "source refused" if event.trouble is not Trouble.OFFLINE else "source gone",
            f"{source}: {event.reason}",
            "Check which patient and bed the monitor belongs to." if foreign else "Look at the monitor and its link.",
            pauses=foreign and _carried_by_foreign_only(state, now_ns),
        )


def _carried_by_foreign_only(state: State, now_ns: int) -> bool:
    """Say whether a required vital sign came from sources that are refused as another patient's, and from no other."""
    return any(
        not counting(state, rule.vital, now_ns)
        and any(_is_foreign(state, name) for name in state.vitals.channels.get(rule.vital, ()))
        for rule in state.settings.profile.ages
    )


def _silences(state: State, now_ns: int) -> Iterator[Complaint]:
    profile = state.settings.profile
    for kind, channels in state.vitals.channels.items():
        ages = kind is not VitalKind.RR  # a respiratory rate has no age rule that would tell
        if ages and len(channels) < 2:
            continue
        if ages and (kind not in REQUIRED_AGES or not counting(state, kind, now_ns)):
            continue
        for name, sample in channels.items():
            if name == BY_HAND:
                continue
            limit_ns = counts_ns(profile, kind, name)
            if now_ns - sample.measured_at_ns < limit_ns:
                continue
            yield _complaint(
                f"source-silent-{kind.value}",
                Priority.LOW if ages else Priority.MEDIUM,
                "a source is silent",
                f"no usable {kind.name} from {name} for {limit_ns // NS_PER_S} s"
                + ("; another source carries on" if ages else ""),
                "Look at the monitor and its link." if ages else "Count it, and look at the monitor.",
            )


def _unreachable(state: State) -> Iterator[Complaint]:
    if any(from_bus(name) for channels in state.vitals.channels.values() for name in channels):
        yield _complaint(
            "sources-unreachable",
            Priority.MEDIUM,
            "sources on the bus cannot be heard",
            "the broker is gone, and with it every source of vital signs on the bus; their values grow old",
            "Restore the network; look at the monitors themselves.",
        )


def _button(state: State, now_ns: int) -> Iterator[Complaint]:
    seen_ns = state.bus.button_seen_ns
    since_ns = state.interlocks.watched_since_ns if seen_ns is None else seen_ns
    if now_ns - since_ns >= BUTTON_LOST_NS:
        yield _complaint(
            "comfort-link",
            Priority.MEDIUM,
            "comfort button lost",
            f"nothing was heard of the patient's comfort button for {BUTTON_LOST_NS // NS_PER_S} s",
            "Stay where the patient can call you; look at the button and its link.",
        )


def _complaint(
    alarm_id: str, priority: Priority, cause: str, text: str, advice: str, *, pauses: bool = False
) -> Complaint:
    condition = Condition(id=alarm_id, priority=priority, cause=cause, text=text, advice=advice, settle_ns=SETTLE_NS)
    return Complaint(pauses=pauses, condition=condition)
