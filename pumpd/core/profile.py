"""The clinical profile as values: limits, times and the drug library entry, every number with its unit in the name.

A profile is data that a clinician signs. What a file may say at all is in `bounds.py`. No limit here is a guideline
value; see `config/profiles/` for the citations.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, unique

from pumpd.core.bounds import Measure
from pumpd.core.ports import VitalKind


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

    def is_clear(self, value: int, limit: int, margin: int) -> bool:
        """Say whether `value` is back inside `limit` by `margin`."""
        return not self.beyond(value - margin if self is Side.BELOW else value + margin, limit)


@unique
class Action(Enum):
    """What a rule does when it is due; the order is that of restriction."""

    ALERT = "alert"
    PAUSE = "pause"
    END = "end"


RESTRICTION: Mapping[Action, int] = {action: rank for rank, action in enumerate(Action)}
"""How much an action restricts: alert, pause, end."""


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
    clear_by: int  # a rule that was due is left only when the value is back inside by this much
    owner: str
    citation: str

    @property
    def acts_at_once(self) -> bool:
        """Whether one valid sample beyond the limit pauses or ends, without time, repeat or baseline."""
        waits = self.for_ns > 0 or self.confirm_within_ns is not None or self.relative
        return self.action is not Action.ALERT and not waits

    @property
    def limit_text(self) -> str:
        """The limit as people read it."""
        above = " above baseline" if self.relative else ""
        return f"{self.side.value} {self.limit} {self.vital.unit}{above}"

    def is_like(self, other: "VitalRule") -> bool:
        """Say whether two limits can be compared: of one vital sign, on the same side, both relative or neither."""
        same_side = (self.side is Side.BELOW) is (other.side is Side.BELOW)
        return self.vital is other.vital and same_side and self.relative is other.relative


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
class DrugLimit:
    """The soft and the hard limits of one measure of an order, each from low to high, both ends included.

    Passing a soft limit needs a reason that names the measure; a hard limit is never passed.
    """

    measure: Measure
    hard: tuple[Decimal, Decimal]
    soft: tuple[Decimal, Decimal]
    owner: str
    citation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drug:
    """The library entry: one limit for each `Measure`."""

    name: str
    version: int
    hash: str  # over this entry alone
    concentrations_mg_ml: tuple[Decimal, ...]
    concentration_tolerance_percent: Decimal
    strengths_mg_ml: tuple[Decimal, ...]
    limits: tuple[DrugLimit, ...]

    def limit(self, measure: Measure) -> DrugLimit | None:
        """Return the limit of `measure`, or None: then no order can be made, since no check is ever skipped."""
        return next((limit for limit in self.limits if limit.measure is measure), None)


@unique
class Signer(Enum):
    """As what a person approves a profile."""

    PRESCRIBER = "prescriber"
    NURSE = "nurse"
    PHARMACIST = "pharmacist"
    ENGINEER = "engineer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One named person has approved one content of a profile."""

    name: str
    role: Signer
    at_utc: str


APPROVALS_NEEDED = 2


def approves(approvals: tuple[Approval, ...]) -> bool:
    """Say whether two different people, one of them a prescriber, have approved (requirement CFG-05)."""
    people = {" ".join(approval.name.split()).casefold() for approval in approvals}
    return len(people) >= APPROVALS_NEEDED and any(approval.role is Signer.PRESCRIBER for approval in approvals)


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One thing whose version and hash the record of a session names, and which a site accepts (CFG-07)."""

    what: str  # program, library or profile
    name: str
    version: str
    hash: str

    def __str__(self) -> str:
        return f"{self.what} {self.name} {self.version} ({self.hash})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Everything a session is judged by; frozen for the session."""

    name: str
    version: int
    hash: str
    approvals: tuple[Approval, ...]  # over this very content
    simulators_only: bool
    station_required: bool  # a start waits for a nurse station that can be heard
    clearance_required: bool  # no order is prepared without the clinic's clearance of the day
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
    assess_interval_ns: int
    presence_start_ns: int
    presence_alarm_ns: int
    presence_pause_ns: int
    confirm_valid_ns: int
    confirm_login_ns: int
    mixed_max_ns: int
    token_max_age_ns: int
    lease_ns: int
    stop_latency_ns: int
    worst_extra_percent_max: Decimal
    spare_volume_nl: int
    supervision_alarm_ns: int
    supervision_pause_ns: int
    station_lost_ns: int
    audible_test_max_age_ns: int
    pause_reminder_ns: int
    pause_max_ns: int
    session_extra_ns: int
    vital_pauses_max: int
    alarm_escalate_high_ns: int
    alarm_escalate_medium_ns: int
    observe_nibp_first_ns: int
    observe_first_ns: int
    observe_nibp_later_ns: int
    observe_min_ns: int
    prompt_infusing_ns: int
    prompt_observing_ns: int
    prompt_overdue_ns: int
    nausea_pause_score: int
    dizziness_pause_score: int
    anxiety_pause_score: int
    dissociation_pause_score: int
    discharge_nausea_score: int
    discharge_pressure_percent: int
    hr_difference_bpm: int
    spo2_difference_percent: int
    difference_ns: int

    @property
    def approved(self) -> bool:
        """Whether clinical mode may use it."""
        return approves(self.approvals)

    def syringe(self, name: str) -> Syringe | None:
        """Return the syringe of that name, or None."""
        return next((syringe for syringe in self.syringes if syringe.name == name), None)


REQUIRED_AGES = (VitalKind.SBP, VitalKind.DBP, VitalKind.HR, VitalKind.SPO2)
"""Vital signs that devices measure: each needs ages and a resume range."""

REQUIRED_START = (*REQUIRED_AGES, VitalKind.RR, VitalKind.MOAAS)
"""Vital signs that a start judges (START-05)."""

REQUIRED_PAUSE_RULES: Mapping[VitalKind, tuple[Side, ...]] = {
    VitalKind.SBP: (Side.AT_OR_ABOVE, Side.BELOW),
    VitalKind.DBP: (Side.AT_OR_ABOVE,),
    VitalKind.HR: (Side.ABOVE, Side.BELOW),
    VitalKind.SPO2: (Side.BELOW,),
    VitalKind.RR: (Side.ABOVE, Side.BELOW),
    VitalKind.MOAAS: (Side.BELOW,),
}
"""Absolute limits that must exist with a pause or an end; a profile without one is refused (CFG-03)."""
