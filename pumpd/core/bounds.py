"""What a profile may choose at all: compiled-in bounds on both sides of each tunable value, and why. Knows no file.

Every bound is in the unit that the profile writes. A file with one value beyond its bound is refused as a whole
(requirement CFG-04). No bound is clinical advice: inside it a named clinician chooses, outside it pumpd does not run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, unique

from pumpd.core.ports import VitalKind


@unique
class Measure(Enum):
    """What a library entry limits; the unit is fixed by the measure."""

    WEIGHT = "weight"
    DOSE_PER_KG = "dose-per-kg"
    DOSE = "dose"
    DOSE_RATE = "dose-rate"
    DURATION = "duration"
    CONCENTRATION = "concentration"
    VOLUME = "volume"
    FLOW = "flow"

    @property
    def unit(self) -> str:
        """The unit as people read it."""
        return DRUG[self].unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The range that a file may choose from, both ends included, its unit, and why it ends there."""

    low: Decimal
    high: Decimal
    unit: str
    why: str

    def holds(self, value: Decimal | int) -> bool:
        """Say whether a file may choose `value`."""
        return self.low <= value <= self.high

    def complaint(self, value: Decimal | int) -> str | None:
        """Say in words why `value` may not be chosen, with the unit that was perhaps meant; None when it may."""
        if self.holds(value):
            return None
        span = f"{plain(self.low)} to {plain(self.high)} {self.unit}"
        slip = self._suspected_unit(value)
        meant = f"; it looks like {slip}, write it in {self.unit}" if slip else "; choose a value inside"
        return f"{plain(value)} {self.unit} is outside {span} ({self.why}){meant}"

    def _suspected_unit(self, value: Decimal | int) -> str | None:
        return next((unit for unit, factor in _SLIPS.get(self.unit, ()) if self.holds(value * factor)), None)


def plain(value: Decimal | int) -> str:
    """Return a number for people: no exponent, no trailing zero."""
    return format(Decimal(value).normalize(), "f")


_SLIPS: Mapping[str, tuple[tuple[str, Decimal], ...]] = {
    "s": (("minutes", Decimal(60)), ("milliseconds", Decimal("0.001")), ("hours", Decimal(3_600))),
    "ms": (("seconds", Decimal(1_000)), ("microseconds", Decimal("0.001"))),
    "min": (("hours", Decimal(60)), ("seconds", 1 / Decimal(60))),
    "mL": (("microlitres", Decimal("0.001")), ("litres", Decimal(1_000))),
    "mm": (("centimetres", Decimal(10)), ("micrometres", Decimal("0.001"))),
    "kg": (("pounds", Decimal("0.45359237")), ("grams", Decimal("0.001"))),
    "mg": (("micrograms", Decimal("0.001")), ("grams", Decimal(1_000))),
    "mg/kg": (("ug/kg", Decimal("0.001")), ("g/kg", Decimal(1_000))),
    "mg/kg/h": (
        ("mg/kg/min", Decimal(60)),
        ("ug/kg/min", Decimal("0.06")),
        ("ug/kg/h", Decimal("0.001")),
    ),
    "mg/mL": (("ug/mL", Decimal("0.001")), ("g/mL", Decimal(1_000))),
    "mL/h": (("mL/min", Decimal(60)), ("uL/h", Decimal("0.001"))),
    "mmHg": (("kPa", Decimal("7.50062")), ("Pa", Decimal("0.00750062"))),
    "%": (("a fraction", Decimal(100)), ("parts per thousand", Decimal("0.1"))),
    "/min": (("per second", Decimal(60)), ("per hour", 1 / Decimal(60))),
}
"""Other units a number may have been written in, each with the factor into the right one; the likelier first."""


def _bound(low: str, high: str, unit: str, why: str) -> Bound:
    return Bound(low=Decimal(low), high=Decimal(high), unit=unit, why=why)


DRUG: Mapping[Measure, Bound] = {
    Measure.WEIGHT: _bound("30", "200", "kg", "adults; trials took 45 to 115 kg"),
    Measure.DOSE_PER_KG: _bound("0.05", "1.0", "mg/kg", "1.0 is the highest arm of NCT01920555"),
    Measure.DOSE: _bound("1", "100", "mg", "1.0 mg/kg at 100 kg"),
    Measure.DOSE_RATE: _bound("0.01", "1.0", "mg/kg/h", "DOSE-07; the label warns of rapid administration"),
    Measure.DURATION: _bound("20", "180", "min", "infusions of 2 to 100 min are published; a bolus is never given"),
    Measure.CONCENTRATION: _bound("0.5", "5", "mg/mL", "label solutions are 1 and 2; a vial holds 10 and more"),
    Measure.VOLUME: _bound("0.5", "60", "mL", "the largest syringe"),
    Measure.FLOW: _bound("0.5", "150", "mL/h", "the ceiling of any rate sent to a pump (DOSE-06)"),
}
"""Where the hard limits of a library entry may lie; the upper ends are also the compiled-in ceiling of each order."""

SETTINGS: Mapping[str, Bound] = {
    "lease": _bound("2", "20", "s", "COMM-01"),
    "stop_latency": _bound("100", "3000", "ms", "no-flow is confirmed within 3 s, VIT-08"),
    "worst_extra": _bound("0.1", "1", "%", "COMM-05"),
    "spare_volume": _bound("0.5", "5", "mL", "START-08; more is drug to waste"),
    "start_steady": _bound("10", "300", "s", "START-04"),
    "resume_steady": _bound("10", "300", "s", "CTRL-05"),
    "baseline_spacing": _bound("30", "900", "s", "START-04"),
    "baseline_max_age": _bound("300", "1800", "s", "START-04"),
    "nibp_interval": _bound("120", "600", "s", "published cohorts measured every 10 min"),
    "nibp_pause_interval": _bound("60", "300", "s", "a pause watches more closely than a run"),
    "assess_valid": _bound("120", "900", "s", "10 min schedule plus 5 min, VIT-18"),
    "assess_interval": _bound("120", "600", "s", "every 10 min or oftener, VIT-17 and VIT-18"),
    "presence_start": _bound("30", "120", "s", "CLIN-03"),
    "presence_alarm": _bound("120", "600", "s", "CLIN-03"),
    "presence_pause": _bound("180", "720", "s", "CLIN-03"),
    "confirm_valid": _bound("300", "1800", "s", "START-02"),
    "confirm_login": _bound("30", "180", "s", "START-11; 3 min is the value of the Open PCA Pump Requirements, EC24"),
    "mixed_max": _bound("600", "3600", "s", "CLIN-11; the US label says to use it at once after dilution"),
    "token_max_age": _bound("2", "10", "s", "a heartbeat comes each second"),
    "supervision_alarm": _bound("3", "10", "s", "COMM-07"),
    "supervision_pause": _bound("30", "300", "s", "COMM-07"),
    "station_lost": _bound("3", "10", "s", "COMM-07"),
    "audible_test_max_age": _bound("60", "600", "s", "ALRM-05; an older test says nothing of who sits there now"),
    "pause_reminder": _bound("60", "300", "s", "CTRL-06"),
    "pause_max": _bound("300", "3600", "s", "CTRL-06; a longer pause is another session"),
    "session_extra": _bound("600", "5400", "s", "CTRL-06"),
    "alarm_escalate_high": _bound("10", "30", "s", "ALRM-07; sooner nobody can have come"),
    "alarm_escalate_medium": _bound("30", "120", "s", "ALRM-07"),
    "observe_nibp_first": _bound("120", "600", "s", "CLIN-07; as often as during the infusion"),
    "observe_first": _bound("900", "7200", "s", "CLIN-07"),
    "observe_nibp_later": _bound("300", "1800", "s", "CLIN-07; published cohorts measured every 15 min"),
    "observe_min": _bound("3600", "28800", "s", "CLIN-07; 60 min is the shortest published observation"),
    "prompt_infusing": _bound("300", "600", "s", "CLIN-06; every 10 min or oftener"),
    "prompt_observing": _bound("300", "900", "s", "CLIN-06; every 15 min or oftener"),
    "prompt_overdue": _bound("60", "300", "s", "CLIN-06"),
    "nausea_pause": _bound("3", "10", "of 10", "CLIN-06; 0 to 2 is little, and 10 the top"),
    "dizziness_pause": _bound("3", "10", "of 10", "CLIN-06; 0 to 2 is little, and 10 the top"),
    "anxiety_pause": _bound("3", "10", "of 10", "CLIN-06; 0 to 2 is little, and 10 the top"),
    "dissociation_pause": _bound("3", "10", "of 10", "CLIN-06; 0 to 2 is little, and 10 the top"),
    "discharge_nausea": _bound("1", "3", "of 10", "CLIN-08; more is not little"),
    "discharge_pressure": _bound("5", "20", "%", "CLIN-08"),
    "vital_pauses": _bound("2", "5", "pauses", "CTRL-06; one pause may be chance"),
    "hr_difference": _bound("5", "30", "/min", "VIT-11; two sensors differ by a few, and more than 30 hides a limit"),
    "spo2_difference": _bound("2", "6", "%", "VIT-11; two sensors differ by 2, and more than 6 hides a limit"),
    "difference": _bound("10", "60", "s", "VIT-11"),
}
"""Times, volumes and shares of a profile, by their name in its file."""

VITALS: Mapping[VitalKind, Bound] = {
    VitalKind.SBP: _bound("70", "200", "mmHg", "beyond it nobody is infused"),
    VitalKind.DBP: _bound("30", "120", "mmHg", "beyond it nobody is infused"),
    VitalKind.HR: _bound("30", "180", "/min", "beyond it nobody is infused"),
    VitalKind.SPO2: _bound("80", "97", "%", "SpO2 has no upper limit; under 80 is too late"),
    VitalKind.RR: _bound("4", "40", "/min", "beyond it nobody is infused"),
    VitalKind.MOAAS: _bound("1", "5", "of 5", "the scale"),
}
"""Where an absolute limit, a start range or a resume range of a vital sign may lie."""

CLEAR_BY: Mapping[VitalKind, Bound] = {
    VitalKind.SBP: _bound("0", "20", "mmHg", "a wider margin leaves no way out of a pause"),
    VitalKind.DBP: _bound("0", "15", "mmHg", "a wider margin leaves no way out of a pause"),
    VitalKind.HR: _bound("0", "15", "/min", "a wider margin leaves no way out of a pause"),
    VitalKind.SPO2: _bound("0", "5", "%", "100 % is the top"),
    VitalKind.RR: _bound("0", "5", "/min", "a wider margin leaves no way out of a pause"),
    VitalKind.MOAAS: _bound("0", "1", "of 5", "the scale"),
}
"""By how much a value must be back inside a limit that it had crossed."""

RISE = _bound("1", "80", "mmHg", "a rise above baseline, SBP and DBP only")
FOR = _bound("0", "60", "s", "a value beyond a limit is not left to itself for longer")
CONFIRM_WITHIN = _bound("30", "180", "s", "one cuff cycle takes 30 s and more; 120 s in VIT-14")
TOLERANCE = _bound("0.1", "5", "%", "2.5 % in DOSE-14")
DIAMETER = _bound("4", "40", "mm", "syringes of 1 to 60 mL")
USABLE = _bound("1", "60", "mL", "the largest syringe")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgeBound:
    """Where the three ages of a vital sign may lie."""

    alert: Bound
    pause: Bound
    end: Bound


def _ages(alert: tuple[str, str], pause: tuple[str, str], end: tuple[str, str], why: str) -> AgeBound:
    spans = (_bound(low, high, "s", why) for low, high in (alert, pause, end))
    return AgeBound(alert=next(spans), pause=next(spans), end=next(spans))


_CUFF_AGES = _ages(("120", "840"), ("180", "900"), ("300", "1800"), "VIT-03")
_STREAM_AGES = _ages(("2", "20"), ("5", "30"), ("15", "600"), "VIT-02")
AGES: Mapping[VitalKind, AgeBound] = {
    VitalKind.SBP: _CUFF_AGES,
    VitalKind.DBP: _CUFF_AGES,
    VitalKind.HR: _STREAM_AGES,
    VitalKind.SPO2: _STREAM_AGES,
}
"""How old a measured vital sign may be before it alerts, pauses and ends."""
