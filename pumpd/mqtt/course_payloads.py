"""What people ask of the clinic's process and what it answers, on the wire. Opaque ids only; no patient, no free text.

The one free text is the reason of an override. A document is named by the clinic's own reference, without spaces.
"""

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, TypeAdapter

from pumpd.core.course_words import Answer, Check, Gate, Indication, Meeting, Scale
from pumpd.mqtt.payloads import Count, Id, Label, Message, Name, ReceiptName, Text, Utc, Version
from pumpd.mqtt.wire import Exact, Payload

VERSION: Final = 1

DAY_PATTERN: Final = r"^\d{4}-\d\d-\d\d$"
Day = Annotated[str, StringConstraints(pattern=DAY_PATTERN)]
Reference = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$"),
    Field(description="the clinic's own, without spaces: never a name"),
]
CourseId = Annotated[str, StringConstraints(pattern=r"^c-[0-9a-f]{8,32}$"), Field(description="opaque")]
IndicationName = Annotated[Indication, Field(strict=False)]
GateName = Annotated[Gate, Field(strict=False)]
MeetingName = Annotated[Meeting, Field(strict=False)]
CheckName = Annotated[Check, Field(strict=False)]
AnswerName = Annotated[Answer, Field(strict=False)]
ScaleName = Annotated[Scale, Field(strict=False)]


class CourseRequest(Payload):
    """What every request carries. Who asks says the topic, never the message."""

    v: Version = VERSION
    id: Id = Field(description="acts at most once")
    issued_at: Utc


class OnCourse(CourseRequest):
    """A change of one course."""

    course: CourseId
    revision: Count = Field(description="of the course as the sender saw it")


class NewCourseRequest(CourseRequest):
    """Begin a course; its id is the sender's, random."""

    kind: Literal["new"] = "new"
    course: CourseId
    indication: IndicationName


class GateRequest(OnCourse):
    """A prescriber finds a gate met or not met."""

    kind: Literal["gate"] = "gate"
    gate: GateName
    met: bool
    on: Day = Field(description="the day of the document")
    document: Reference
    failed_drugs: Annotated[int, Field(ge=0, le=50)] | None = Field(
        default=None, description="for screening: antidepressants without effect"
    )


class SessionRequest(OnCourse):
    """A session with the patient was held."""

    kind: Literal["session"] = "session"
    meeting: MeetingName
    on: Day
    therapist: Name


class WeightRequest(OnCourse):
    """The weight of the day, typed twice."""

    kind: Literal["weight"] = "weight"
    weight_kg: Exact
    weight_again_kg: Exact


class CheckRequest(OnCourse):
    """One question of the day."""

    kind: Literal["check"] = "check"
    check: CheckName
    answer: AnswerName


class ScoreRequest(OnCourse):
    """The total of a questionnaire."""

    kind: Literal["score"] = "score"
    scale: ScaleName
    total: int
    on: Day
    rater: Name
    item9_reviewed: bool = False


class ReviewRequest(OnCourse):
    """A prescriber has looked at item 9, and at a total that rose."""

    kind: Literal["review"] = "review"
    on: Day = Field(description="of the score")


class OverrideRequest(OnCourse):
    """Ask to pass a missing item."""

    kind: Literal["override"] = "override"
    item: Label
    reason: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class SignRequest(OnCourse):
    """A second person of another role agrees."""

    kind: Literal["sign"] = "sign"
    item: Label


class ClearRequest(OnCourse):
    """Let the patient be infused at a bed today."""

    kind: Literal["clear"] = "clear"
    bed: Name


class WithdrawRequest(OnCourse):
    """Take the clearance back."""

    kind: Literal["withdraw"] = "withdraw"


class ShowRequest(CourseRequest):
    """Ask for one course."""

    kind: Literal["show"] = "show"
    course: CourseId


class WorklistRequest(CourseRequest):
    """Ask for all courses and what is due."""

    kind: Literal["worklist"] = "worklist"


ChangeRequest = (
    NewCourseRequest
    | GateRequest
    | SessionRequest
    | WeightRequest
    | CheckRequest
    | ScoreRequest
    | ReviewRequest
    | OverrideRequest
    | SignRequest
    | ClearRequest
    | WithdrawRequest
)
AnyCourseRequest = ChangeRequest | ShowRequest | WorklistRequest
COURSE_REQUEST: TypeAdapter[AnyCourseRequest] = TypeAdapter(Annotated[AnyCourseRequest, Field(discriminator="kind")])


class ShownScore(Payload):
    """One total."""

    on: Day
    total: int
    band: Label
    change: int | None = Field(description="from the first total")
    rater: Name
    item9_reviewed: bool


class ShownGate(Payload):
    """One thing that must hold before an infusion, as it stands."""

    gate: Label
    met: bool
    owner: Label = Field(description="who has met it; where it is missing, who can put it right")
    until: Utc | None = Field(description="when it lapses; null where it does not, or is missing")
    words: Text = Field(description="what is missing, or who passed it and why; empty where it is simply met")


class WaitingOverride(Payload):
    """A wish to pass a missing item, for which a second person has not signed yet."""

    item: Label
    by: Name
    role: Label
    reason: Text
    until: Utc = Field(description="when it lapses")


class ShownInfusion(Payload):
    """One infusion of a course, by the day on which it was first known to have begun."""

    on: Day
    low_mg: Exact
    high_mg: Exact


class ListedCourse(Payload):
    """One course in the list of all: what somebody must do next."""

    course: CourseId
    indication: IndicationName
    assigned: bool = Field(description="to a patient; the code stays at the clinic's machine")
    infusions: Count
    due: Annotated[tuple[Text, ...], Field(strict=False, description="each with its owner")]
    missing: Annotated[tuple[Text, ...], Field(strict=False, description="for the next infusion, by owner")]
    cleared_for: Name | None
    cleared_until: Utc | None
    open_session: Text | None


class ShownCourse(Payload):
    """One course as it stands."""

    course: CourseId
    indication: IndicationName
    revision: Count
    assigned: bool = Field(description="to a patient; the code stays at the clinic's machine")
    infusions: Count
    given: Annotated[tuple[ShownInfusion, ...], Field(strict=False, description="the infusions, the oldest first")]
    exposure: Text = Field(description="number, amount and spacing of the infusions")
    gates: Annotated[tuple[ShownGate, ...], Field(strict=False, description="all that must hold for a clearance now")]
    overridable: Annotated[tuple[Label, ...], Field(strict=False, description="what is missing and two may pass")]
    waiting: Annotated[tuple[WaitingOverride, ...], Field(strict=False)]
    due: Annotated[tuple[Text, ...], Field(strict=False)]
    next_follow_up: Day | None
    scores: Annotated[tuple[ShownScore, ...], Field(strict=False)]
    cleared_for: Name | None
    cleared_until: Utc | None
    open_session: Text | None

    @property
    def missing(self) -> tuple[str, ...]:
        """What stands in the way of a clearance now, each with its owner."""
        return tuple(f"{each.words} ({each.owner})" for each in self.gates if not each.met)

    @property
    def overrides(self) -> tuple[str, ...]:
        """What two people have passed today."""
        return tuple(each.words for each in self.gates if each.met and each.words)


class CourseAnswer(Message):
    """What became of a request, with what was asked for."""

    id: Id
    kind: Label
    state: ReceiptName
    reason: Text
    revision: Count | None = Field(description="of the course after it")
    courses: Annotated[tuple[ShownCourse, ...], Field(strict=False, description="the one asked for or changed")]
    worklist: Annotated[
        tuple[ListedCourse, ...], Field(strict=False, description="who needs somebody next comes first")
    ]
    left_off: Count = Field(description="courses at the end of the list for which a message has no room")
    at: Utc
