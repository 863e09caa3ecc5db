"""The messages: the single source of the field names on the wire. Knows neither topics nor connections.

Every number carries its unit in its name or in a `unit` member beside it. Missing is null, never zero. Numbers with a
point are exact decimals (see `wire.py`). Times are RFC 3339 in UTC and for people; ages are in seconds at the sending.
"""

from decimal import Decimal
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import BaseModel, Field, JsonValue, StringConstraints, TypeAdapter, ValidationError

from pumpd.core.bounds import Measure
from pumpd.core.commands import Appearance, Attested, ReceiptState, Role, SymptomKind
from pumpd.core.modes import Mode
from pumpd.core.phase import SessionPhase
from pumpd.core.ports import Validity, VitalKind
from pumpd.mqtt.wire import Exact, Payload, WireError, read

VERSION: Final = 1
"""The same number as in the topics; a message of another version is not understood."""

Version = Annotated[Literal[1], Field(description="version of the message format")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,31}$")]
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$")]
Label = Annotated[str, StringConstraints(max_length=128)]
Text = Annotated[str, StringConstraints(max_length=1000)]
Utc = Annotated[
    str,
    StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|\+00:00)$"),
    Field(description="RFC 3339, UTC, for people; never judged"),
]
Count = Annotated[int, Field(ge=0)]
ModeName = Annotated[Mode, Field(strict=False)]
Kind = Annotated[VitalKind, Field(strict=False)]
ValidityName = Annotated[Validity, Field(strict=False)]
MeasureName = Annotated[Measure, Field(strict=False)]
ReceiptName = Annotated[ReceiptState, Field(strict=False)]
RoleName = Annotated[Role, Field(strict=False)]
AttestedName = Annotated[Attested, Field(strict=False)]
SymptomName = Annotated[SymptomKind, Field(strict=False)]
AppearanceName = Annotated[Appearance, Field(strict=False)]
PriorityName = Literal["high", "medium", "low"]
PhaseName = Annotated[SessionPhase, Field(strict=False)]


class Message(Payload):
    """A payload of its own topic, that can be read back from bytes."""

    qos: ClassVar[int] = 1
    """0 where the next one says it again."""
    retained: ClassVar[bool] = False
    """Whether the broker keeps the last one for later readers; never what they could take for new."""

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Return the message in `payload`, or raise `WireError` with one sentence."""
        members = read(payload)
        try:
            return cls.model_validate(members)
        except ValidationError as error:
            raise WireError(f"not a {cls.__name__}: {first_complaint(error)}") from None


def first_complaint(error: ValidationError) -> str:
    """Return the first thing that is wrong, as `field: what`, without the value: it may be long or personal."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])[:80] or "message"
    return encodable(f"{where}: {first['msg'][:200]}")


def encodable(text: str) -> str:
    """Return `text` without lone surrogates, which JSON can spell and no file or database can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def printable(line: str) -> str:
    """Return `line` without control characters: what comes over the wire must not steer a terminal."""
    return "".join(character if character.isprintable() else "?" for character in line)


class Status(Message):
    """Whether the daemon is connected. Retained; the offline form is the last will. No proof of life."""

    retained: ClassVar[bool] = True

    state: Literal["online", "offline"]
    boot: Id = Field(description="names this run of the daemon")


class Heartbeat(Message):
    """Once a second while the daemon evaluates. The only proof of life."""

    qos: ClassVar[int] = 0

    boot: Id
    session: Id | None = Field(description="the open session, null while there is none")
    rev: Count = Field(description="version of mode, order, limits, interlock set and alarm set")
    seq: Count = Field(description="counts heartbeats; a gap is a loss")
    token: Id = Field(description="random; a start quotes the one its sender was shown")
    at: Utc


class Profile(Payload):
    """Which limits are in force, in brief."""

    name: Label
    hash: Label
    approved: bool = Field(description="two named clinicians have signed this hash")


class ClearedGate(Payload):
    """One gate that was open when the clearance was given."""

    gate: Label
    by: Label
    until: Utc | None
    override: Text = Field(description="who of which roles passed it, and why; empty where nobody had to")


class Clearance(Message):
    """The clinic's word that one patient may be infused at one bed today. Retained; an empty message takes it back."""

    retained: ClassVar[bool] = True

    v: Version = VERSION
    hash: Id = Field(description="over all else; the order quotes it")
    bed: Name
    course: Id = Field(description="opaque: it says nothing of who the patient is")
    number: Annotated[int, Field(ge=1)] = Field(description="of this infusion in the course")
    weight_kg: Exact = Field(description="measured on the day and entered twice")
    last_weight_kg: Exact | None
    given_low_mg: Exact = Field(description="by the infusions of the course so far")
    given_high_mg: Exact
    last_infusion: Utc | None
    gates: Annotated[tuple[ClearedGate, ...], Field(strict=False, max_length=40)]
    issued_by: Name
    issued: Utc
    expires: Utc


def clearance_lines(clearance: Clearance | None) -> list[str]:
    """Return what everybody who is about to order must see of the clearance (requirement CLIN-10)."""
    if clearance is None:
        return []
    last = "none before" if clearance.last_infusion is None else f"the last on {clearance.last_infusion}"
    lines = [
        (
            f"course {clearance.course}: infusion {clearance.number}, weight {clearance.weight_kg:f} kg, cleared by "
            f"{clearance.issued_by} until {clearance.expires}"
        ),
        f"given so far in this course: {_span(clearance.given_low_mg, clearance.given_high_mg)} mg, {last}",
        *(f"OVERRIDE {gate.gate}: {gate.override}" for gate in clearance.gates if gate.override),
    ]
    return [printable(line) for line in lines]


class Order(Payload):
    """The order as the daemon computed it."""

    course: Id | None = Field(description="the opaque id of the course of treatment; null where it was waived")
    clearance: Id | None = Field(description="the hash of the clearance it was made under")
    hash: Label = Field(description="a confirmation, a start and a resume quote it")
    drug: Label
    weight_kg: Exact
    dose_mg_per_kg: Exact
    dose_mg: Exact
    duration_min: Exact
    concentration_mg_ml: Exact
    volume_ml: Exact
    rate_ml_h: Exact
    syringe: Label
    soft_limits_passed: Annotated[tuple[Text, ...], Field(strict=False, description="each with value and limits")]
    soft_limit_reason: Text = Field(description="why they may be passed, by who prepared it")
    prepared_by: Name
    confirmed_by: Name | None
    started_by: Name | None


def soft_limit_lines(order: Order) -> list[str]:
    """Return what everybody who looks at the order must see of the soft limits it passes."""
    if not order.soft_limits_passed:
        return []
    passed = (f"PAST A SOFT LIMIT: {one}" for one in order.soft_limits_passed)
    return [printable(line) for line in (*passed, f"reason: {order.soft_limit_reason}")]


class SyringeLabel(Payload):
    """The label of the syringe of the order, as it was entered with it."""

    vial_strength_mg_ml: Exact
    drug_drawn_ml: Exact
    diluent_ml: Exact
    made_by: Label
    witnessed_by: Label
    appearance: AppearanceName
    mixed_age_s: Exact | None = Field(description="how long ago it was mixed, null where nobody knows any more")
    left_s: Exact | None = Field(description="for how long it may still be started; null where no start is near")


def syringe_label_line(label: SyringeLabel) -> str:
    """Return what everybody who looks at the order must see of its syringe."""
    age = "at a time that nobody knows any more"
    if label.mixed_age_s is not None:
        age = f"{int(label.mixed_age_s) // 60} min ago"
    if label.left_s is not None:
        left_min = int(label.left_s) // 60
        age += f" (to be started within {left_min} min)" if label.left_s > 0 else " (TOO OLD TO START)"
    return printable(
        f"syringe label: {label.drug_drawn_ml:f} mL of {label.vial_strength_mg_ml:f} mg/mL with "
        f"{label.diluent_ml:f} mL, mixed {age} by {label.made_by}, witnessed by {label.witnessed_by}, "
        f"{label.appearance.value}"
    )


class Scores(Payload):
    """How the patient felt, each from 0 to 10."""

    nausea: Count
    dizziness: Count
    anxiety: Count
    dissociation: Count
    by: Name
    at: Utc


def score_line(scores: Scores) -> str:
    """Return scores for people."""
    return (
        f"{scores.at[11:16]} UTC: nausea {scores.nausea}, dizziness {scores.dizziness}, anxiety {scores.anxiety}, "
        f"dissociation {scores.dissociation} of 10, scored by {scores.by}"
    )


class Prompt(Payload):
    """The oldest prompt that nobody has answered wholly."""

    where: Label = Field(description="such as at 20 min of the infusion")
    asks: Annotated[tuple[Label, ...], Field(strict=False)]
    age_s: Exact = Field(description="how long ago it came, when this was sent")


def prompt_line(prompt: Prompt) -> str:
    """Return a prompt for people."""
    return f"ASK NOW: {' and '.join(prompt.asks)}; asked {prompt.where}"


class Account(Payload):
    """Where the mixed drug has gone, as one person counted it and another witnessed."""

    hash: Label = Field(description="the witness quotes it")
    drawn_ml: Exact
    drawn_mg: Exact
    primed_ml: Exact
    primed_mg: Exact
    wasted_ml: Exact
    wasted_mg: Exact
    left_ml: Exact
    left_mg: Exact
    missing_ml: Exact = Field(description="beyond the interval of what was given; less than 0 is too much")
    has_gap: bool = Field(description="more than is allowed, so both sign the explanation")
    explanation: Text
    by: Name
    witness: Name | None


def account_lines(account: Account) -> list[str]:
    """Return what a second person sees before she witnesses an account."""
    signed = "not witnessed yet" if account.witness is None else f"witnessed by {account.witness}"
    lines = [
        f"drug account {account.hash} by {account.by}, {signed}",
        (
            f"  drawn {account.drawn_ml:f} mL ({account.drawn_mg:f} mg); primed {account.primed_ml:f} mL "
            f"({account.primed_mg:f} mg), wasted {account.wasted_ml:f} mL ({account.wasted_mg:f} mg), "
            f"left {account.left_ml:f} mL ({account.left_mg:f} mg); missing {account.missing_ml:f} mL"
        ),
    ]
    if account.has_gap:
        lines.append(f"  A GAP, explained: {account.explanation}")
    return [printable(line) for line in lines]


class Peak(Payload):
    """The lowest and the highest value of a vital sign since the first run."""

    kind: Kind
    low: int
    high: int
    unit: Label


class Handover(Payload):
    """What goes with the patient besides what was given, which `delivery` says."""

    pauses: Count
    peaks: Annotated[tuple[Peak, ...], Field(strict=False)]


class AttestedItem(Payload):
    """Something that no device can tell, as a named person saw it."""

    item: AttestedName
    by: Name


class Presence(Payload):
    """Who last confirmed to be at the bedside."""

    by: Name
    age_s: Exact = Field(description="how long ago, when this was sent")


class NotedSymptom(Payload):
    """A symptom of this session."""

    symptom: SymptomName
    ended: bool = Field(description="it was an emergency and ended the infusion")
    by: Name


class MovedLimit(Payload):
    """A limit of this session that is not the profile's."""

    rule: Label
    limit: int
    profile_limit: int
    unit: Label
    by: Name
    confirmed_by: Name | None = Field(description="the second person of a loosening, null where it was tightened")
    reason: Text


class WaitingLoosening(Payload):
    """A looser limit that waits for a second person."""

    hash: Label = Field(description="the confirmation quotes it")
    rule: Label
    limit: int
    present_limit: int
    unit: Label
    by: Name
    reason: Text


class Refusal(Payload):
    """A command that was refused, or several alike."""

    user: Label
    kind: Label
    id: Label
    reason: Text
    count: Count
    age_s: Exact = Field(description="how long ago the last of them came, when this was sent")


class Delivery(Payload):
    """What has been given: the truth lies between low and high."""

    low_ml: Exact
    high_ml: Exact
    low_mg: Exact
    high_mg: Exact
    ordered_ml: Exact
    remaining_ml: Exact = Field(description="still to be given, counting the high bound")
    running_s: Exact = Field(description="time for which the pump has run")
    expected_end: Utc | None


class GivenBefore(Payload):
    """What an order before the present one gave at this bed; whether to the same patient, only people know."""

    order: Label
    course: Id | None
    drug: Label
    low_ml: Exact
    high_ml: Exact
    low_mg: Exact
    high_mg: Exact
    until: Utc


def given_before_lines(given: tuple[GivenBefore, ...]) -> list[str]:
    """Return what everybody who looks at an order must see of those before it."""
    return [
        printable(
            f"GIVEN BEFORE AT THIS BED: {_span(each.low_ml, each.high_ml)} mL ({_span(each.low_mg, each.high_mg)} mg)"
            f" of {each.drug} by order {each.order}, until {each.until}"
        )
        for each in given
    ]


def _span(low: Decimal, high: Decimal) -> str:
    return f"{low:f}" if low == high else f"{low:f} to {high:f}"


class Rate(Payload):
    """What was commanded and what the pump's own counter shows."""

    commanded_ml_h: Exact
    counted_ml_h: Exact | None


class Pump(Payload):
    """The pump and its lease."""

    link: Literal["up", "down"]
    state: Label = Field(description="what the pump says it is doing")
    model: Label | None
    firmware: Label | None
    age_s: Exact | None = Field(description="age of the state when this was sent")
    mains: bool | None = Field(description="fed by the mains; null where the pump does not tell")
    battery_min: Exact | None = Field(description="how long its battery still lasts; null where the pump does not tell")
    lease_s: Exact = Field(description="silence after which the pump stops by itself")
    worst_extra_ml: Exact = Field(description="rate x (lease + stop latency)")
    reaction_s: Exact = Field(description="from a sign beyond a limit to rest: averaging time of the sensor + 3 s")


class VitalState(Payload):
    """One required or watched vital sign as the rules see it."""

    kind: Kind
    value: int | None
    unit: Label
    validity: ValidityName
    age_s: Exact | None = Field(description="age of the measurement when this was sent, null where there is none")
    source: Label
    status: Label = Field(description="what the rules make of it: ok, alert, pause, stale, in words")


class Interlock(Payload):
    """One rule that can pause or end."""

    rule: Label
    state: Literal["armed", "pending", "tripped"]
    text: Text


class Links(Payload):
    """What the daemon itself depends on."""

    journal: Literal["ok", "failed"]
    broker: Literal["ok", "failed"]
    stations: Count = Field(description="screens that say they are watched")
    stations_heard: Count = Field(description="of these, where a clinician answered an audible test in time")


class State(Message):
    """Everything a screen shows. Retained: a reader that hears no heartbeat must not believe it."""

    retained: ClassVar[bool] = True

    v: Version = VERSION
    bed: Name
    boot: Id
    session: Id | None
    rev: Count
    mode: ModeName
    mode_text: Text
    stop_target: Literal["paused", "ended"] | None
    phase: PhaseName
    simulated: bool = Field(description="any device is simulated")
    clinical: bool
    profile: Profile
    clearance: Clearance | None = Field(description="what the clinic says of this bed now")
    clearance_trouble: Text | None = Field(description="why no order can be made under it; null where one can")
    clearance_waived: bool = Field(description="the profile, for simulators only, asks for none")
    order: Order | None
    syringe_label: SyringeLabel | None
    attested: Annotated[tuple[AttestedItem, ...], Field(strict=False)]
    presence: Presence | None
    respiration_measured: bool = Field(description="by a device; otherwise a nurse counts it")
    symptoms: Annotated[tuple[NotedSymptom, ...], Field(strict=False)]
    prompt: Prompt | None
    scores: Annotated[tuple[Scores, ...], Field(strict=False, description="of this session, the newest last")]
    account: Account | None
    handover: Handover | None = Field(description="null before the first run")
    limits: Annotated[tuple[MovedLimit, ...], Field(strict=False, description="moved in this session")]
    loosening: WaitingLoosening | None
    refusals: Annotated[tuple[Refusal, ...], Field(strict=False, description="the last refused commands, newest last")]
    delivery: Delivery | None
    given_before: Annotated[tuple[GivenBefore, ...], Field(strict=False, description="the newest last")]
    rate: Rate
    pump: Pump
    vitals: Annotated[tuple[VitalState, ...], Field(strict=False)]
    interlocks: Annotated[tuple[Interlock, ...], Field(strict=False)]
    start_blockers: Annotated[tuple[Text, ...], Field(strict=False, description="why a start would be refused now")]
    resume_blockers: Annotated[tuple[Text, ...], Field(strict=False, description="why a resume would be refused now")]
    close_blockers: Annotated[tuple[Text, ...], Field(strict=False, description="why a close would be refused now")]
    links: Links
    cause: Text | None = Field(description="why the infusion is not running, where it was running")
    at: Utc

    def marks(self) -> list[str]:
        """Return what every screen says of a bed that is not for a patient (requirement CFG-06)."""
        marks = (
            ("SIMULATED", self.simulated),
            ("NOT FOR PATIENTS", not self.clinical),
            ("CLEARANCE WAIVED", self.clearance_waived),
        )
        return [mark for mark, holds in marks if holds]


class Alarm(Payload):
    """One episode of one alarm."""

    id: Label
    episode: Count
    priority: PriorityName
    cause: Text
    text: Text = Field(description="what happened, with value and limit")
    values: Text = Field(description="vital signs, pump and what was given when it began, with their ages")
    action: Text = Field(description="what the daemon had done when it began")
    advice: Text = Field(description="what to do next")
    since: Utc
    active: bool = Field(description="the condition stands")
    acknowledged_by: Name | None
    passed_to: RoleName | None = Field(description="who else must come, for nobody acknowledged it in time")
    audio_paused_by: Name | None = Field(description="its tone is paused; it is shown as before")
    audio_paused_until: Utc | None


class Alarms(Message):
    """All listed alarms. Retained."""

    retained: ClassVar[bool] = True

    rev: Count
    sounding: PriorityName | None = Field(description="what is to be heard now: the highest neither noted nor paused")
    alarms: Annotated[tuple[Alarm, ...], Field(strict=False)]


class Vital(Message):
    """One sample, as it came. Never retained: an old 98 % on a new screen is a classic way to be wrong."""

    qos: ClassVar[int] = 0

    kind: Kind
    value: int | None
    unit: Label
    validity: ValidityName
    at: Utc
    age_s: Exact = Field(description="age of the measurement when this was sent")
    source: Label
    seq: Count


class EventLine(Message):
    """One line of the record, as it happens."""

    seq: Count
    at: Utc
    kind: Label
    text: Text


class ProfilePayload(Message):
    """The profile in force, whole. Retained."""

    retained: ClassVar[bool] = True

    name: Label
    hash: Label
    approvers: Annotated[tuple[Label, ...], Field(strict=False)]
    profile: dict[str, JsonValue] = Field(description="the profile as it was read; numbers that are not whole are text")


class Ack(Message):
    """One receipt. The last three states are final words; a later final word replaces an earlier one."""

    id: Id
    kind: Label
    state: ReceiptName
    reason: Text
    at: Utc


class StationBeat(Message):
    """A screen says that it is watched and can sound."""

    qos: ClassVar[int] = 0

    user: Name = Field(description="for people; who it is says the topic")
    token: Id = Field(description="of the newest heartbeat that it has shown: it watches as of then")
    listening: bool
    audible_test_age_s: Annotated[Exact, Field(ge=0)] | None = Field(
        description="how long ago somebody here answered that the test tone was heard; null: never"
    )
    at: Utc


# ---- commands -------------------------------------------------------------------------------------------------------


class Request(Payload):
    """What every command carries. Who asks says the topic, never the message."""

    v: Version = VERSION
    id: Id = Field(description="acts at most once")
    session: Id | None
    rev: Count | None = Field(description="the state that it was decided on")
    token: Id | None = Field(description="of the heartbeat that the sender was shown")
    issued_at: Utc


class PrepareRequest(Request):
    """An order as a person entered it."""

    kind: Literal["prepare"] = "prepare"
    weight_kg: Exact
    dose_mg_per_kg: Exact
    duration_min: Exact
    vial_strength_mg_ml: Exact
    drug_drawn_ml: Exact
    diluent_ml: Exact
    declared_concentration_mg_ml: Exact
    syringe: Label
    syringe_fill_ml: Exact
    made_by: Label = Field(description="who mixed the syringe, from its label")
    witnessed_by: Label = Field(description="who saw it mixed, from its label")
    mixed_min_ago: int = Field(description="how long ago it was mixed, in min, by its label")
    appearance: AppearanceName = Field(description="how the solution looks against the light")
    expires_in_min: int | None = Field(default=None, description="in how many min its label lets it expire; null: none")
    soft_limits: Annotated[
        tuple[MeasureName, ...],
        Field(strict=False, max_length=len(Measure), description="the soft limits meant to be passed, exactly"),
    ] = ()
    soft_limit_reason: Text = Field(default="", description="why these soft limits may be passed")
    clearance_hash: Label = Field(default="", description="of the clearance that the order is made under")
    weight_change_confirmed: bool = Field(
        default=False, description="the weight is more than 10 % off the last session's, and was measured again"
    )


class ConfirmRequest(Request):
    """A second person's check."""

    kind: Literal["confirm"] = "confirm"
    order_hash: Label
    weight_kg: Exact
    concentration_mg_ml: Exact
    course: Label = Field(default="", description="read from the patient's own papers; empty where there is no course")
    drug: Label = Field(description="as she reads it on the syringe's label")
    syringe: Label = Field(description="as she reads it, by its name in the profile")
    authenticated: bool = Field(
        default=False, description="her station had her password anew for this command, and the broker took it"
    )


class StartRequest(Request):
    """Begin the confirmed order."""

    kind: Literal["start"] = "start"
    order_hash: Label
    override_reason: Text = Field(default="", description="a prescriber's, for a vital sign in its override range")


class PauseRequest(Request):
    """Bring the pump to rest; the session can be resumed."""

    kind: Literal["pause"] = "pause"
    reason: Text = ""


class ResumeRequest(Request):
    """Give what is left of the order."""

    kind: Literal["resume"] = "resume"
    order_hash: Label
    override_reason: Text = Field(default="", description="a prescriber's, for a session that pump alarms have locked")


class StopRequest(Request):
    """Bring the pump to rest and end the infusion."""

    kind: Literal["stop"] = "stop"
    reason: Text = ""


class LowerRequest(Request):
    """Go on at a lower rate."""

    kind: Literal["lower"] = "lower"
    rate_ml_h: Exact


class AcknowledgeRequest(Request):
    """Take note of one episode of one alarm."""

    kind: Literal["acknowledge"] = "acknowledge"
    alarm: Label
    episode: Count


class AudioPauseRequest(Request):
    """Silence the tone of one episode of one alarm for a while."""

    kind: Literal["audio-pause"] = "audio-pause"
    alarm: Label
    episode: Count


class AssessRequest(Request):
    """What no device measures."""

    kind: Literal["assess"] = "assess"
    moaas: int = Field(description="sedation, MOAA/S, 0 to 5")
    respiration_bpm: int = Field(description="counted respiration, /min")


class AttestRequest(Request):
    """One thing that only a person can see."""

    kind: Literal["attest"] = "attest"
    item: AttestedName


class ScoresRequest(Request):
    """How strongly the patient feels what the drug can do, each from 0 to 10."""

    kind: Literal["score"] = "score"
    nausea: int
    dizziness: int
    anxiety: int
    dissociation: int


class AccountRequest(Request):
    """Where the drug that was mixed has gone besides into the patient."""

    kind: Literal["account"] = "account"
    primed_ml: Exact
    wasted_ml: Exact
    left_ml: Exact = Field(description="in syringe and line")
    explanation: Text = Field(default="", description="of a gap; without one a gap is refused")


class WitnessRequest(Request):
    """A second person's word for an account of the drug."""

    kind: Literal["witness"] = "witness"
    account_hash: Label


class CloseRequest(Request):
    """Sign the discharge, and with it end the observation and the session."""

    kind: Literal["close"] = "close"
    transfer_reason: Text = Field(
        default="", description="a prescriber's, who hands over to other care a patient that cannot be discharged"
    )


class PresenceRequest(Request):
    """A nurse is at the bedside now."""

    kind: Literal["presence"] = "presence"


class SymptomRequest(Request):
    """A symptom of the patient: pauses at once, or ends."""

    kind: Literal["symptom"] = "symptom"
    symptom: SymptomName
    emergency: bool = Field(default=False, description="an emergency, whatever the symptom: ends the infusion")


class TightenRequest(Request):
    """Move a limit towards safety."""

    kind: Literal["tighten"] = "tighten"
    rule: Label
    limit: int


class LoosenRequest(Request):
    """Propose a looser limit."""

    kind: Literal["loosen"] = "loosen"
    rule: Label
    limit: int
    reason: Text


class ConfirmLoosenRequest(Request):
    """A second person's word for a looser limit."""

    kind: Literal["confirm-loosen"] = "confirm-loosen"
    loosening_hash: Label


AnyRequest = (
    PrepareRequest
    | ConfirmRequest
    | StartRequest
    | PauseRequest
    | ResumeRequest
    | StopRequest
    | LowerRequest
    | AcknowledgeRequest
    | AudioPauseRequest
    | AssessRequest
    | AttestRequest
    | ScoresRequest
    | AccountRequest
    | WitnessRequest
    | CloseRequest
    | PresenceRequest
    | SymptomRequest
    | TightenRequest
    | LoosenRequest
    | ConfirmLoosenRequest
)

CommandRequest = Annotated[AnyRequest, Field(discriminator="kind")]
"""What goes to `cmd/<user>/request`."""

COMMAND_REQUEST: TypeAdapter[AnyRequest] = TypeAdapter(CommandRequest)

MESSAGES: tuple[type[BaseModel], ...] = (
    Status,
    Heartbeat,
    State,
    Alarms,
    Vital,
    EventLine,
    ProfilePayload,
    Ack,
    StationBeat,
    Clearance,
)
"""What the daemon, a station or the clinic publishes; the commands are in `COMMAND_REQUEST`."""
