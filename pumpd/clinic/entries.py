"""What the record of a course holds: one entry for each thing that somebody did. Pure values; knows no rule.

Times are wall time since 1970 in nanoseconds, days are ISO dates. There is no free text but the reason of an override.
"""

from dataclasses import dataclass
from typing import assert_never

from pumpd.core.clearance import Clearance
from pumpd.core.commands import Role
from pumpd.core.course_words import Answer, Check, Gate, Indication, Meeting, Scale


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseOpened:
    """A course begins."""

    indication: Indication


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientAssigned:
    """Whose course it is, by the clinic's pseudonym. Entered at the clinic's own machine, never sent anywhere."""

    patient_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSet:
    """A named person has found a gate met, or not met."""

    gate: Gate
    met: bool
    on: str  # the day of the document
    document: str  # the clinic's reference
    failed_drugs: int | None = None  # for screening: how many antidepressants had no effect


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetingHeld:
    """A session with the patient was held."""

    meeting: Meeting
    on: str
    therapist: str  # an account-like id, no name


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightMeasured:
    """The weight of the day, entered twice."""

    weight_g: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckAnswered:
    """One question of the day was answered."""

    check: Check
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreEntered:
    """The total of a questionnaire; its items are never kept."""

    scale: Scale
    total: int
    on: str
    rater: str
    item9_reviewed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreReviewed:
    """Somebody has looked at item 9, and at a total that rose."""

    on: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideAsked:
    """One person wants to pass a missing item, and says why."""

    item: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideSigned:
    """A second person, of another role, agrees."""

    item: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleared:
    """A clearance was given."""

    clearance: Clearance


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """A clearance was taken back."""

    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionNoted:
    """What a bed says of a session of this course. A later note of the same session replaces an earlier one."""

    session: str
    bed: str
    clearance_hash: str | None  # None where the bed no longer says
    begun: bool  # drug has flowed or may have
    over: bool  # the infusion has ended
    closed: bool
    low_ng: int
    high_ng: int
    weight_g: int | None


What = (
    CourseOpened
    | PatientAssigned
    | GateSet
    | MeetingHeld
    | WeightMeasured
    | CheckAnswered
    | ScoreEntered
    | ScoreReviewed
    | OverrideAsked
    | OverrideSigned
    | Cleared
    | Withdrawn
    | SessionNoted
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that happened to one course. `role` is None for what a bed or the clinic's own machine says."""

    course: str
    command_id: str
    by: str
    role: Role | None
    at_ns: int
    what: What


def subject_of(what: What) -> str:
    """Return what of the course an entry changes: entries with different subjects do not get into each other's way."""
    match what:
        case CourseOpened():
            return "course"
        case PatientAssigned():
            return "patient code"
        case GateSet():
            return f"gate {what.gate.value}"
        case MeetingHeld():
            return f"{what.meeting.value} session of {what.on}"
        case WeightMeasured():
            return "weight"
        case CheckAnswered():
            return f"check {what.check.value}"
        case ScoreEntered():
            return f"score of {what.on}"
        case ScoreReviewed():
            return f"review of the score of {what.on}"
        case OverrideAsked() | OverrideSigned():
            return f"override of {what.item}"
        case Cleared() | Withdrawn():
            return "clearance"
        case SessionNoted():
            return f"session {what.session}"
        case _:
            assert_never(what)
