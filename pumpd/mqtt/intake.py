"""From bytes under a person's topic to commands of the core. Parses and carries; whether it may be done, others judge.

A stop or a pause is understood whatever else is wrong with the message (CTRL-02): a screen with a bug must still be
able to bring the pump to rest. Everything else must be right in every field.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import assert_never

from pydantic import ValidationError

from pumpd.core.bounds import SETTINGS
from pumpd.core.commands import (
    EMERGENCIES,
    HALTING,
    HALTING_KINDS,
    Account,
    Acknowledge,
    Assess,
    Attest,
    AudioPause,
    Close,
    Command,
    CommandMalformed,
    CommandReceived,
    Confirm,
    ConfirmLoosen,
    Loosen,
    Lower,
    Pause,
    Prepare,
    Presence,
    Resume,
    Score,
    Start,
    Stop,
    Symptom,
    Tighten,
    Witness,
    kind_of,
)
from pumpd.core.events import StationSeen
from pumpd.core.quantities import NS_PER_S
from pumpd.mqtt import topics
from pumpd.mqtt.payloads import (
    COMMAND_REQUEST,
    VERSION,
    AccountRequest,
    AcknowledgeRequest,
    AnyRequest,
    AssessRequest,
    AttestRequest,
    AudioPauseRequest,
    CloseRequest,
    ConfirmLoosenRequest,
    ConfirmRequest,
    LoosenRequest,
    LowerRequest,
    PauseRequest,
    PrepareRequest,
    PresenceRequest,
    Request,
    ResumeRequest,
    ScoresRequest,
    StartRequest,
    StationBeat,
    StopRequest,
    SymptomRequest,
    TightenRequest,
    WitnessRequest,
    encodable,
    first_complaint,
)
from pumpd.mqtt.wire import WireError, read

MAX_REQUEST_BYTES = 4 * 1024
"""The longest command is under 1 KiB."""
MAX_STOP_SEARCH_BYTES = 64 * 1024
"""How far into a larger message a stop is looked for, so that the search costs at most some milliseconds."""
MAX_REQUESTS_PER_S = 50
"""Per user, of everything but stop and pause. A person sends fewer than one; 50 leaves room for a test bench."""
MAX_REASON_CHARACTERS = 200
OLDEST_TEST_S = SETTINGS["audible_test_max_age"].high
"""An audible test that no profile may count is none."""

_COST_NS = NS_PER_S // MAX_REQUESTS_PER_S
_STRANGERS = ""

_EMERGENCY_NAMES = tuple(symptom.value for symptom in EMERGENCIES)
_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_STOPPING_KIND = re.compile(rf'"kind"\s*:\s*"\s*({"|".join(sorted(HALTING_KINDS))})\s*"', re.IGNORECASE)


def to_core(*, user: str, payload: bytes, retained: bool, received_real_ns: int) -> CommandReceived | CommandMalformed:
    """Return the command in `payload`, or why it is none. Never raises."""
    members: Mapping[str, object] = {}
    complaint = f"a command of {len(payload)} bytes; the limit is {MAX_REQUEST_BYTES}"
    if len(payload) <= MAX_REQUEST_BYTES:
        try:
            members = read(payload)
            request = COMMAND_REQUEST.validate_python(members)
        except WireError as error:
            complaint = str(error)
        except ValidationError as error:
            complaint = first_complaint(error)
        else:
            return CommandReceived(
                user=user,
                id=request.id,
                command=_command(request),
                session=request.session,
                rev=request.rev,
                token=request.token,
                retained=retained,
                received_real_ns=received_real_ns,
            )
    stopping = _odd_stop(members, payload)
    if stopping is None:
        return CommandMalformed(user=user, id=_readable_id(members), reason=complaint)
    return CommandReceived(
        user=user,
        id=_readable_id(members) or f"odd-{hashlib.sha256(payload).hexdigest()[:32]}",
        command=stopping,
        session=None,
        rev=None,
        token=None,
        retained=retained,
        received_real_ns=received_real_ns,
    )


def _readable_id(members: Mapping[str, object]) -> str | None:
    found = members.get("id")
    return found if isinstance(found, str) and _ID.fullmatch(found) else None


def _odd_stop(members: Mapping[str, object], payload: bytes) -> Pause | Stop | None:
    """Return the stop or pause in a message that is otherwise wrong. Of several the stop counts; a symptom pauses."""
    if not members:
        members = _loosely(payload)
    if members:
        kinds = {str(members.get("kind")).strip().lower()}
    else:
        text = payload[:MAX_STOP_SEARCH_BYTES].decode("utf-8", "replace")
        kinds = {found.lower() for found in _STOPPING_KIND.findall(text)}
    if not kinds & HALTING_KINDS:
        return None
    reason = members.get("reason")
    said = encodable(reason[:MAX_REASON_CHARACTERS]) if isinstance(reason, str) else ""
    if "symptom" in kinds:
        said = "a symptom, in a message that could not be read"
    return Stop(reason=said) if "stop" in kinds or _is_emergency(members) else Pause(reason=said)


def _is_emergency(members: Mapping[str, object]) -> bool:
    """Say whether a symptom that is otherwise wrong is one that ends the infusion."""
    if str(members.get("kind")).strip().lower() != "symptom":
        return False
    return members.get("emergency") is True or members.get("symptom") in _EMERGENCY_NAMES


def _loosely(payload: bytes) -> Mapping[str, object]:
    """Return the object in a message whose numbers are not pumpd's; empty where it is none or names a field twice."""
    if len(payload) > MAX_STOP_SEARCH_BYTES:
        return {}
    repeated = False

    def collect(pairs: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal repeated
        members = dict(pairs)
        repeated = repeated or len(members) != len(pairs)
        return members

    try:
        value = json.loads(payload, parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=collect)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) and not repeated else {}


def _command(request: AnyRequest) -> Command:  # noqa: C901 - one line per command
    match request:
        case PrepareRequest():
            return Prepare(
                weight_kg=request.weight_kg,
                dose_mg_per_kg=request.dose_mg_per_kg,
                duration_min=request.duration_min,
                vial_strength_mg_ml=request.vial_strength_mg_ml,
                drug_drawn_ml=request.drug_drawn_ml,
                diluent_ml=request.diluent_ml,
                declared_concentration_mg_ml=request.declared_concentration_mg_ml,
                syringe=request.syringe,
                syringe_fill_ml=request.syringe_fill_ml,
                made_by=request.made_by,
                witnessed_by=request.witnessed_by,
                mixed_min_ago=request.mixed_min_ago,
                appearance=request.appearance,
                expires_in_min=request.expires_in_min,
                soft_limits=request.soft_limits,
                soft_limit_reason=request.soft_limit_reason,
                clearance_hash=request.clearance_hash,
                weight_change_confirmed=request.weight_change_confirmed,
            )
        case ConfirmRequest():
            return Confirm(
                order_hash=request.order_hash,
                weight_kg=request.weight_kg,
                concentration_mg_ml=request.concentration_mg_ml,
                course=request.course,
                drug=request.drug,
                syringe=request.syringe,
                authenticated=request.authenticated,
            )
        case StartRequest():
            return Start(order_hash=request.order_hash, override_reason=request.override_reason)
        case PauseRequest():
            return Pause(reason=request.reason)
        case ResumeRequest():
            return Resume(order_hash=request.order_hash, override_reason=request.override_reason)
        case StopRequest():
            return Stop(reason=request.reason)
        case AcknowledgeRequest():
            return Acknowledge(alarm=request.alarm, episode=request.episode)
        case AudioPauseRequest():
            return AudioPause(alarm=request.alarm, episode=request.episode)
        case AssessRequest():
            return Assess(moaas=request.moaas, respiration_bpm=request.respiration_bpm)
        case LowerRequest():
            return Lower(rate_ml_h=request.rate_ml_h)
        case AttestRequest():
            return Attest(item=request.item)
        case CloseRequest():
            return Close(transfer_reason=request.transfer_reason)
        case ScoresRequest():
            return Score(
                nausea=request.nausea,
                dizziness=request.dizziness,
                anxiety=request.anxiety,
                dissociation=request.dissociation,
            )
        case AccountRequest():
            return Account(
                primed_ml=request.primed_ml,
                wasted_ml=request.wasted_ml,
                left_ml=request.left_ml,
                explanation=request.explanation,
            )
        case WitnessRequest():
            return Witness(account_hash=request.account_hash)
        case PresenceRequest():
            return Presence()
        case SymptomRequest():
            return Symptom(symptom=request.symptom, emergency=request.emergency)
        case TightenRequest():
            return Tighten(rule=request.rule, limit=request.limit)
        case LoosenRequest():
            return Loosen(rule=request.rule, limit=request.limit, reason=request.reason)
        case ConfirmLoosenRequest():
            return ConfirmLoosen(loosening_hash=request.loosening_hash)
        case _:
            assert_never(request)


def to_request(
    command: Command, *, command_id: str, session: str | None, rev: int | None, token: str | None, issued_at: str
) -> Request:
    """Return the message that carries `command`; raises `ValueError` for what the wire refuses."""
    fields = {name: getattr(command, name) for name in type(command).__slots__}
    common = {"v": VERSION, "id": command_id, "session": session, "rev": rev, "token": token, "issued_at": issued_at}
    return COMMAND_REQUEST.validate_python({"kind": kind_of(command), **common, **fields})


@dataclass(frozen=True, slots=True, kw_only=True)
class Flooded:
    """A message was dropped because its user sends too many. `dropped` counts all of hers since the start."""

    user: str
    dropped: int


@dataclass(slots=True)
class Allowance:
    """How much a user or a source may still send: one second's worth when full, refilled by the time that passes."""

    since_ns: int
    credit_ns: int = NS_PER_S
    dropped: int = 0

    def take(self, now_ns: int) -> bool:
        """Say whether one more message is let through."""
        self.credit_ns = min(self.credit_ns + max(now_ns - self.since_ns, 0), NS_PER_S)
        self.since_ns = now_ns
        if self.credit_ns < _COST_NS:
            self.dropped += 1
            return False
        self.credit_ns -= _COST_NS
        return True


@dataclass(slots=True)
class Intake:
    """Turns what the bus delivers to the daemon of one bed into events, and holds back floods.

    `users` are the site's operators; everybody else shares one allowance, so the table of allowances is bounded, and
    has no station. Stop, pause and symptom are never held back.
    """

    bed: str
    users: frozenset[str]
    _allowances: dict[str, Allowance] = field(default_factory=dict)

    def receive(
        self, topic: str, payload: bytes, *, retained: bool, real_ns: int
    ) -> CommandReceived | CommandMalformed | StationSeen | Flooded | None:
        """Return the event in a message; None where there is none for this bed. Never raises."""
        found = topics.parse(topic)
        if found is None or found.bed != self.bed or found.name is None:
            return None
        user = found.name
        if found.channel is topics.Channel.REQUEST:
            event: CommandReceived | CommandMalformed | StationSeen = to_core(
                user=user, payload=payload, retained=retained, received_real_ns=real_ns
            )
            if isinstance(event, CommandReceived) and isinstance(event.command, HALTING):
                return event
        elif self._is_station(found) and not retained and (beat := _listening(payload)) is not None:
            event = StationSeen(user=user, token=beat.token, real_ns=real_ns, test_age_ns=_test_age_ns(beat))
        else:
            return None
        holder = user if user in self.users else _STRANGERS
        allowance = self._allowances.setdefault(holder, Allowance(since_ns=real_ns))
        return event if allowance.take(real_ns) else Flooded(user=user, dropped=allowance.dropped)

    def _is_station(self, topic: topics.Topic) -> bool:
        return topic.channel is topics.Channel.STATION and topic.name in self.users


def _listening(payload: bytes) -> StationBeat | None:
    """Return the sign of life of a station that listens; None where it does not, or where anything is wrong with it."""
    if len(payload) > MAX_REQUEST_BYTES:
        return None
    try:
        beat = StationBeat.from_bytes(payload)
    except WireError:
        return None
    return beat if beat.listening else None


def _test_age_ns(beat: StationBeat) -> int | None:
    """Return how long before the beat the audible test was answered, never less than it was."""
    age_s = beat.audible_test_age_s
    return None if age_s is None or age_s > OLDEST_TEST_S else math.ceil(age_s * NS_PER_S)
