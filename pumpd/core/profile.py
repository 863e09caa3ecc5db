"""The clinical profile as values: limits, times and the drug library entry, every number with its unit in the name.

A profile is data that a clinician signs. What a file may say at all is bounded by `BOUNDS`, compiled in on both sides
(requirement CFG-04). No limit here is a guideline value; see `config/profiles/` for the citations.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, unique

from pumpd.core.ports import VitalKind
from pumpd.core.quantities import NS_PER_MIN, NS_PER_S


@unique
class Side(Enum):
    """Which side of a limit is beyond it."""

    AT_OR_ABOVE = ">="
    ABOVE = ">"
    BELOW = "<"

    def beyond(self, value: int, limit: int) -> bool:
        """Say whether `value` is beyond `limit`."""
        if self is Side.AT_OR_ABOVE:
            return value >= limit
        if self is Side.ABOVE:
            return value > limit
        return value < limit


@unique
class Action(Enum):
    """What a rule does when it is due; the order is that of restriction."""

    ALERT = "alert"
    PAUSE = "pause"
    END = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class VitalRule:
    """One limit of one vital sign."""

    id: str
    vital: VitalKind
    side: Side
    limit: int
    relative: bool  # the limit is a rise above the baseline
    for_ns: int  # how long the value must stay beyond; 0 acts on the first valid sample
    confirm_within_ns: int | None  # a repeat must confirm, or not have come in this time
    action: Action
    owner: str
    citation: str

    @property
    def acts_at_once(self) -> bool:
        """Whether one valid sample beyond the limit pauses or ends, without time, repeat or baseline."""
        waits = self.for_ns > 0 or self.confirm_within_ns is not None or self.relative
        return self.action is not Action.ALERT and not waits


@dataclass(frozen=True, slots=True, kw_only=True)
class AgeRule:
    """When a vital sign is too old."""

    vital: VitalKind
    alert_ns: int
    pause_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The values at which a start or a resume is free; `override_high` needs a prescriber's reason."""

    vital: VitalKind
    low: int
    high: int | None
    override_high: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Syringe:
    """A syringe the site uses; the diameter sets the plunger travel per volume."""

    name: str
    diameter_um: int
    usable_nl: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Drug:
    """The library entry. Soft limits need a reason, hard limits are never passed."""

    name: str
    concentrations_mg_ml: tuple[Decimal, ...]
    concentration_tolerance_percent: Decimal
    strengths_mg_ml: tuple[Decimal, ...]
    weight_kg_soft: tuple[Decimal, Decimal]
    weight_kg_hard: tuple[Decimal, Decimal]
    dose_mg_per_kg_soft: tuple[Decimal, Decimal]
    dose_mg_per_kg_hard: tuple[Decimal, Decimal]
    dose_mg_soft_max: Decimal
    dose_mg_hard_max: Decimal
    rate_mg_per_kg_h_soft_max: Decimal
    rate_mg_per_kg_h_hard_max: Decimal
    duration_min_soft: tuple[Decimal, Decimal]
    duration_min_hard: tuple[Decimal, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Everything a session is judged by; frozen for the session."""

    name: str
    hash: str
    approved: bool
    simulators_only: bool
    drug: Drug
    syringes: tuple[Syringe, ...]
    rules: tuple[VitalRule, ...]
    ages: tuple[AgeRule, ...]
    start: tuple[Range, ...]
    resume: tuple[Range, ...]
    start_steady_ns: int
    resume_steady_ns: int
    baseline_spacing_ns: int
    baseline_max_age_ns: int
    nibp_interval_ns: int
    nibp_pause_interval_ns: int
    assess_valid_ns: int
    confirm_valid_ns: int
    token_max_age_ns: int
    lease_ns: int
    stop_latency_ns: int
    worst_extra_percent_max: Decimal
    spare_volume_nl: int
    supervision_alarm_ns: int
    supervision_pause_ns: int
    station_lost_ns: int
    pause_reminder_ns: int
    pause_max_ns: int
    session_extra_ns: int
    vital_pauses_max: int

    def syringe(self, name: str) -> Syringe | None:
        """Return the syringe of that name, or None."""
        return next((syringe for syringe in self.syringes if syringe.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The range that a file may choose from, with its unit."""

    low: int
    high: int
    unit: str


BOUNDS: Mapping[str, Bound] = {
    "start_steady_ns": Bound(low=10 * NS_PER_S, high=300 * NS_PER_S, unit="ns"),
    "resume_steady_ns": Bound(low=10 * NS_PER_S, high=300 * NS_PER_S, unit="ns"),
    "baseline_spacing_ns": Bound(low=30 * NS_PER_S, high=15 * NS_PER_MIN, unit="ns"),  # START-04
    "baseline_max_age_ns": Bound(low=5 * NS_PER_MIN, high=30 * NS_PER_MIN, unit="ns"),
    "nibp_interval_ns": Bound(low=2 * NS_PER_MIN, high=10 * NS_PER_MIN, unit="ns"),
    "nibp_pause_interval_ns": Bound(low=1 * NS_PER_MIN, high=5 * NS_PER_MIN, unit="ns"),
    "assess_valid_ns": Bound(low=2 * NS_PER_MIN, high=15 * NS_PER_MIN, unit="ns"),
    "confirm_valid_ns": Bound(low=5 * NS_PER_MIN, high=30 * NS_PER_MIN, unit="ns"),  # START-02
    "token_max_age_ns": Bound(low=2 * NS_PER_S, high=10 * NS_PER_S, unit="ns"),
    "lease_ns": Bound(low=2 * NS_PER_S, high=20 * NS_PER_S, unit="ns"),  # COMM-01
    "stop_latency_ns": Bound(low=100_000_000, high=3 * NS_PER_S, unit="ns"),
    "spare_volume_nl": Bound(low=500_000, high=5_000_000, unit="nL"),
    "supervision_alarm_ns": Bound(low=3 * NS_PER_S, high=10 * NS_PER_S, unit="ns"),  # COMM-07
    "supervision_pause_ns": Bound(low=30 * NS_PER_S, high=300 * NS_PER_S, unit="ns"),  # COMM-07
    "station_lost_ns": Bound(low=3 * NS_PER_S, high=10 * NS_PER_S, unit="ns"),
    "pause_reminder_ns": Bound(low=1 * NS_PER_MIN, high=5 * NS_PER_MIN, unit="ns"),  # CTRL-06
    "pause_max_ns": Bound(low=5 * NS_PER_MIN, high=60 * NS_PER_MIN, unit="ns"),  # CTRL-06
    "session_extra_ns": Bound(low=10 * NS_PER_MIN, high=90 * NS_PER_MIN, unit="ns"),  # CTRL-06
    "vital_pauses_max": Bound(low=2, high=5, unit="pauses"),  # CTRL-06
}
"""Compiled-in bounds of each tunable time and volume; a profile that passes one is refused as a whole."""

RULE_BOUNDS: Mapping[VitalKind, Bound] = {
    VitalKind.SBP: Bound(low=70, high=200, unit="mmHg"),
    VitalKind.DBP: Bound(low=30, high=120, unit="mmHg"),
    VitalKind.HR: Bound(low=30, high=180, unit="/min"),
    VitalKind.SPO2: Bound(low=80, high=97, unit="%"),
    VitalKind.RR: Bound(low=4, high=40, unit="/min"),
    VitalKind.MOAAS: Bound(low=1, high=5, unit="of 5"),
}
"""What an absolute limit of a vital sign may be; a relative one lies in 1 to 80."""

AGE_PAUSE_BOUNDS: Mapping[VitalKind, Bound] = {
    VitalKind.SBP: Bound(low=3 * NS_PER_MIN, high=15 * NS_PER_MIN, unit="ns"),
    VitalKind.DBP: Bound(low=3 * NS_PER_MIN, high=15 * NS_PER_MIN, unit="ns"),
    VitalKind.HR: Bound(low=5 * NS_PER_S, high=30 * NS_PER_S, unit="ns"),
    VitalKind.SPO2: Bound(low=5 * NS_PER_S, high=30 * NS_PER_S, unit="ns"),
}
"""The age at which a vital sign may pause at the earliest and at the latest."""

REQUIRED_PAUSE_RULES: Mapping[VitalKind, tuple[Side, ...]] = {
    VitalKind.SBP: (Side.AT_OR_ABOVE, Side.BELOW),
    VitalKind.DBP: (Side.AT_OR_ABOVE,),
    VitalKind.HR: (Side.ABOVE, Side.BELOW),
    VitalKind.SPO2: (Side.BELOW,),
}
"""Absolute limits that must exist with a pause or an end; a profile without one is refused (CFG-03)."""
