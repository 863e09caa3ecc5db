"""What the tests of the clinic share: a calendar, a policy, people, and a course ready for its next infusion."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from pumpd.clinic.calendar import ns_of
from pumpd.clinic.course import Course, Register
from pumpd.clinic.decide import Asked, Clear, Weigh, Wish, entry_for
from pumpd.clinic.entries import (
    CheckAnswered,
    CourseOpened,
    Entry,
    GateSet,
    MeetingHeld,
    PatientAssigned,
    ScoreEntered,
    SessionNoted,
)
from pumpd.clinic.gates import Policy
from pumpd.core.clearance import Clearance
from pumpd.core.commands import Role
from pumpd.core.course_words import Answer, Check, Gate, Indication, Meeting, Scale

SECTION = """
[clinic]
account = "clinic-desk"
database = "clinic.db"
screening_valid_days = 365
consultation_valid_days = 90
preparation_valid_days = 60
ecg_valid_days = 90
labs_valid_days = 30
contraindications = ["aneurysm"]
"""
"""What a site file says of the clinic."""
MORNING = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
"""A Monday."""
PEOPLE = {"anna": Role.NURSE, "ben": Role.NURSE, "pia": Role.PRESCRIBER, "eva": Role.ENGINEER, "vera": Role.VIEWER}
BEDS = ("bed1", "bed2")
POLICY = Policy(
    screening_valid_days=365,
    consultation_valid_days=90,
    preparation_valid_days=60,
    ecg_valid_days=90,
    labs_valid_days=30,
    preparatory_sessions=2,
    infusions=3,
    least_days_between=2,
    alcohol_least_days_between=7,
    score_valid_days=7,
    score_rise=5,
    contraindications=("aneurysm",),
)
COURSE = "c-0a1b2c3d"
CODE = "P-0042"


@dataclass
class Clinic:
    """A register with its calendar; everything asked goes through `decide` as in the process."""

    now: datetime = MORNING
    policy: Policy = POLICY
    register: Register = field(default_factory=Register)
    course: str = COURSE
    asked: int = 0

    @property
    def today(self) -> str:
        return self.now.date().isoformat()

    def days_ago(self, days: int) -> str:
        return (self.now.date() - timedelta(days=days)).isoformat()

    def see(self) -> Course:
        return self.register.courses[self.course]

    def wait(self, **ahead: int) -> None:
        self.now += timedelta(**ahead)

    def to_morning_of(self, day: date) -> None:
        self.now = datetime.combine(day, MORNING.timetz())

    def ask(self, by: str, wish: Wish, **changes: object) -> Entry:
        self.asked += 1
        known = self.register.courses.get(self.course)
        asked = Asked(
            course=self.course,
            revision=0 if known is None else known.revision,
            command_id=f"k{self.asked}",
            by=by,
            role=PEOPLE[by],
            wish=wish,
        )
        entry = entry_for(replace(asked, **changes), self.register, self.policy, BEDS, self.now)  # type: ignore[arg-type]  # the tests name the fields
        self.register = self.register.after(entry)
        return entry

    def add(self, what: PatientAssigned | SessionNoted, by: str = "bed1") -> None:
        """Add what no person asks for."""
        self.asked += 1
        self.register = self.register.after(
            Entry(course=self.course, command_id=f"k{self.asked}", by=by, role=None, at_ns=ns_of(self.now), what=what)
        )

    # ---- the steps --------------------------------------------------------------------------------------------------

    def gate(self, gate: Gate, days_ago: int = 5, *, met: bool = True, failed_drugs: int | None = None) -> None:
        self.ask(
            "pia",
            GateSet(gate=gate, met=met, on=self.days_ago(days_ago), document="D-1", failed_drugs=failed_drugs),
        )

    def meet(self, meeting: Meeting, days_ago: int = 0) -> None:
        self.ask("anna", MeetingHeld(meeting=meeting, on=self.days_ago(days_ago), therapist="tom"))

    def score(self, total: int, days_ago: int = 0, *, reviewed: bool = True) -> None:
        by = "pia" if reviewed else "anna"
        wish = ScoreEntered(
            scale=Scale.BDI_II, total=total, on=self.days_ago(days_ago), rater="tom", item9_reviewed=reviewed
        )
        self.ask(by, wish)

    def check(self, check: Check, answer: Answer = Answer.CLEAR) -> None:
        self.ask("anna", CheckAnswered(check=check, answer=answer))

    def weigh(self, weight: str = "70.0", again: str | None = None) -> None:
        self.ask("anna", Weigh(weight_kg=Decimal(weight), weight_again_kg=Decimal(again or weight)))

    def begin(self, indication: Indication = Indication.DEPRESSION, code: str = CODE) -> None:
        """Go the steps up to the first infusion's day."""
        self.ask("anna", CourseOpened(indication=indication))
        self.add(PatientAssigned(patient_code=code), by="office")
        self.gate(Gate.SCREENING, failed_drugs=2)
        self.gate(Gate.CONSULTATION)
        self.gate(Gate.ECG)
        self.gate(Gate.LABS)
        self.meet(Meeting.PREPARATORY, days_ago=4)
        self.meet(Meeting.PREPARATORY, days_ago=2)
        self.score(30, days_ago=1)

    def day(self) -> None:
        """Answer all questions of the day."""
        for check in Check:
            self.check(check)
        self.weigh()

    def clear(self, by: str = "pia", bed: str = "bed1") -> Clearance:
        self.ask(by, Clear(bed=bed))
        given = self.see().clearance(ns_of(self.now))
        assert given is not None
        return given

    def infuse(self, given: Clearance, name: str, *, closed: bool = True, given_ng: int = 35_000_000) -> None:
        """Let a bed tell of a whole infusion."""
        note = SessionNoted(
            session=f"s-{name}",
            bed=given.bed,
            clearance_hash=given.hash,
            begun=True,
            over=False,
            closed=False,
            low_ng=0,
            high_ng=35_000_000,
            weight_g=given.weight_g,
        )
        self.add(note)
        self.now += timedelta(minutes=40)
        self.add(replace(note, over=True, closed=closed, low_ng=given_ng - 10_000, high_ng=given_ng))

    def treat(self, name: str) -> None:
        """Go through the whole day of an infusion."""
        self.day()
        self.infuse(self.clear(), name)


def ready(indication: Indication = Indication.DEPRESSION) -> Clinic:
    """Return a clinic whose course wants nothing but its clearance."""
    clinic = Clinic()
    clinic.begin(indication)
    clinic.day()
    return clinic


def after_first(days: int = 2) -> Clinic:
    """Return a clinic some days after the first infusion, with integration and score done and the day's questions."""
    clinic = ready()
    clinic.infuse(clinic.clear(), "1")
    clinic.to_morning_of(clinic.now.date() + timedelta(days=days))
    clinic.meet(Meeting.INTEGRATION)
    clinic.score(22)
    clinic.day()
    return clinic
