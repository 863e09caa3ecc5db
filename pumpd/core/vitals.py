"""What is known of the patient and how old it is. Missing is not normal; a repeat never makes an old value young.

A vital sign can have several sources. Each has a newest sample of its own; which of them counts is in `sources.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pumpd.core.ports import NibpReading, Sample, Validity, VitalKind, from_bus
from pumpd.core.profile import Range
from pumpd.core.quantities import NS_PER_S
from pumpd.core.session import Baseline

FUTURE_TOLERANCE_NS = 2 * NS_PER_S
"""A measurement time further ahead of the daemon's clock makes a sample unusable (requirement VIT-04)."""
GAP_NS = 5 * NS_PER_S
"""A steady run of samples of a stream breaks at a gap longer than this (the alert age of VIT-02)."""
KEPT_READINGS = 8
"""Cuff readings kept for baseline and resume; two are needed."""
ENTERED = frozenset({VitalKind.RR, VitalKind.MOAAS})
ENTERED_BY = "nurse "
"""Begins the source of what a person has entered; her name follows."""
PRESSURES = frozenset({VitalKind.SBP, VitalKind.DBP})
BY_HAND = "by hand"
_NONE: Mapping[str, Sample] = {}


def channel(sample: Sample) -> str:
    """Return what counts as one source: a device, or all people together, for the next count corrects the last."""
    return BY_HAND if sample.kind in ENTERED and not from_bus(sample.source) else sample.source


def is_entered(sample: Sample) -> bool:
    """Say whether a person entered the sample, and no device measured it."""
    return sample.source.startswith(ENTERED_BY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Steady:
    """Since when every sample of a stream has been usable and inside a range."""

    range: Range
    since_ns: int | None = None
    last_ns: int = 0

    def take(self, sample: Sample) -> "Steady":
        """Return the watch after one sample."""
        value, wanted, at_ns = sample.value, self.range, sample.measured_at_ns
        inside = (
            sample.validity is Validity.VALID
            and value is not None
            and value >= wanted.low
            and (wanted.high is None or value <= wanted.high)
        )
        if not inside:
            return self if self.since_ns is None else replace(self, since_ns=None)
        unbroken = self.since_ns is not None and at_ns - self.last_ns <= GAP_NS
        since_ns = self.since_ns if unbroken else at_ns
        return Steady(range=wanted, since_ns=since_ns, last_ns=max(self.last_ns, at_ns))

    def held_ns(self, now_ns: int) -> int:
        """Return for how long it has held; 0 when it does not, or when the stream has paused."""
        if self.since_ns is None or now_ns - self.last_ns > GAP_NS:
            return 0
        return self.last_ns - self.since_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """The newest usable samples of each vital sign, the newest refusal after them, and the cuff readings."""

    latest: Mapping[VitalKind, Sample] = field(default_factory=dict)
    """The newest of all sources: it says how old a vital sign is, not which value counts."""
    channels: Mapping[VitalKind, Mapping[str, Sample]] = field(default_factory=dict)
    """The newest of each source."""
    refused: Mapping[VitalKind, Sample] = field(default_factory=dict)
    readings: tuple[NibpReading, ...] = ()

    def accepts(self, sample: Sample, now_ns: int) -> bool:
        """Say whether the sample is new: not a repeat, not older than its source's before, not from the future."""
        if sample.measured_at_ns > now_ns + FUTURE_TOLERANCE_NS:
            return False
        before = self.channels.get(sample.kind, _NONE).get(channel(sample))
        if before is None or sample.measured_at_ns > before.measured_at_ns:
            return True
        # two entries of people in one instant: the second corrects the first
        return sample.kind in ENTERED and sample.measured_at_ns == before.measured_at_ns and sample.seq > before.seq

    def take(self, sample: Sample, now_ns: int) -> "Vitals":
        """Return the vitals after one sample. An unusable one renews nothing; it only explains."""
        kind = sample.kind
        if sample.validity is Validity.VALID and sample.value is not None and self.accepts(sample, now_ns):
            newest = self.latest.get(kind)
            overtaken = newest is not None and newest.measured_at_ns > sample.measured_at_ns
            return Vitals(
                latest=self.latest if overtaken else {**self.latest, kind: sample},
                channels={**self.channels, kind: {**self.channels.get(kind, _NONE), channel(sample): sample}},
                refused={each: old for each, old in self.refused.items() if each is not kind}
                if kind in self.refused
                else self.refused,
                readings=self.readings,
            )
        if sample.validity is Validity.VALID or self.carried_elsewhere(sample):
            return self
        before = self.refused.get(kind)
        if before is not None and before.validity is sample.validity:
            return self
        return replace(self, refused={**self.refused, kind: sample})

    def carried_elsewhere(self, sample: Sample) -> bool:
        """Say whether another source of the same vital sign gave a usable sample just before."""
        own = channel(sample)
        return any(
            name != own and sample.measured_at_ns - other.measured_at_ns <= GAP_NS
            for name, other in self.channels.get(sample.kind, _NONE).items()
        )

    def accepts_reading(self, reading: NibpReading, now_ns: int) -> bool:
        """Say whether a cuff reading is new, not from the future and possible in itself (VIT-04, VIT-19)."""
        own = [before for before in self.readings if before.source == reading.source]
        newer = not own or reading.measured_at_ns > own[-1].measured_at_ns
        possible = 0 < reading.dbp_mmhg < reading.map_mmhg < reading.sbp_mmhg
        return newer and possible and reading.measured_at_ns <= now_ns + FUTURE_TOLERANCE_NS

    def with_reading(self, reading: NibpReading) -> "Vitals":
        """Keep a cuff reading for the baseline and for resuming."""
        readings = sorted((*self.readings, reading), key=lambda each: each.measured_at_ns)
        return replace(self, readings=tuple(readings[-KEPT_READINGS:]))

    def age_ns(self, kind: VitalKind, now_ns: int) -> int | None:
        """Return the age of the newest usable sample, or None when there never was one."""
        sample = self.latest.get(kind)
        return None if sample is None else now_ns - sample.measured_at_ns

    def baseline(self, spacing_ns: int, max_age_ns: int, now_ns: int) -> Baseline | None:
        """Return the mean of the two newest readings that are far enough apart and young enough (START-04)."""
        young = [reading for reading in self.readings if now_ns - reading.measured_at_ns <= max_age_ns]
        if not young:
            return None
        last = young[-1]
        before = [reading for reading in young if last.measured_at_ns - reading.measured_at_ns >= spacing_ns]
        if not before:
            return None
        return Baseline(
            sbp_mmhg=(before[-1].sbp_mmhg + last.sbp_mmhg) // 2, dbp_mmhg=(before[-1].dbp_mmhg + last.dbp_mmhg) // 2
        )
