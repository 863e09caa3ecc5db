"""What people may ask of the daemon, as plain values, and the receipts they get. Judgement is in `judge.py`."""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, unique

from pumpd.core.bounds import Measure

DAEMON = "pumpd"
"""Whose name stands on the pause that the daemon gives itself when it ends."""
_WORD_BEGINS = re.compile(r"(?<!^)(?=[A-Z])")


@unique
class Role(Enum):
    """What a person of the site's operator list may do. Stop and pause are open to everyone who is connected."""

    NURSE = "nurse"
    PRESCRIBER = "prescriber"
    ENGINEER = "engineer"
    VIEWER = "viewer"


CLINICIANS = frozenset({Role.NURSE, Role.PRESCRIBER})
"""Roles that may prepare, confirm, start, resume, acknowledge and assess."""


@unique
class Appearance(Enum):
    """How the solution in the syringe looks against the light."""

    CLEAR = "clear"
    CLOUDY = "cloudy"
    COLOURED = "coloured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepare:
    """An order as a person entered it, with the label of its syringe: nothing by default but what may be absent."""

    weight_kg: Decimal
    dose_mg_per_kg: Decimal
    duration_min: Decimal
    vial_strength_mg_ml: Decimal
    drug_drawn_ml: Decimal
    diluent_ml: Decimal
    declared_concentration_mg_ml: Decimal
    syringe: str
    syringe_fill_ml: Decimal
    made_by: str
    witnessed_by: str
    mixed_min_ago: int
    appearance: Appearance
    expires_in_min: int | None = None  # None: no expiry is written on the label
    soft_limits: tuple[Measure, ...] = ()  # the soft limits that are meant to be passed: exactly those that are
    soft_limit_reason: str = ""  # why; a passed soft limit without it is refused
    clearance_hash: str = ""  # of the clinic's clearance that the order was made under
    weight_change_confirmed: bool = False  # the weight differs much from the last session's and was looked at again


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirm:
    """A second person's check: the hash of the order she was shown, with what she reads herself entered again."""

    order_hash: str
    weight_kg: Decimal
    concentration_mg_ml: Decimal
    drug: str
    syringe: str
    course: str = ""  # read from the patient's own papers; must be the order's
    authenticated: bool = False  # her station had her password anew for this very command, and the broker took it


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Begin the confirmed order."""

    order_hash: str
    override_reason: str = ""  # a prescriber's reason for a start in the override range of a vital sign


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Bring the pump to rest; the session can be resumed."""

    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """Give what is left of the order, at the present rate."""

    order_hash: str
    override_reason: str = ""  # a prescriber's reason for a resume of a session that repeated pump alarms have locked


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Bring the pump to rest and end the infusion."""

    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledge:
    """Take note of one episode of one alarm, by name."""

    alarm: str
    episode: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioPause:
    """Silence the tone of one episode of one alarm for a while; it stays unacknowledged and is shown as before."""

    alarm: str
    episode: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Assess:
    """What no device measures: sedation (MOAA/S, 0-5) and respiration counted by a nurse (/min)."""

    moaas: int
    respiration_bpm: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lower:
    """Go on at a lower rate; a rate is never raised."""

    rate_ml_h: Decimal


@unique
class Attested(Enum):
    """What only a person at the bedside can see."""

    PRIMED = "primed"  # the line was primed on the pump before it was connected to the patient
    LIMBS_APART = "limbs-apart"  # cuff and probe are on different limbs
    LIMB_SHARED = "limb-shared"  # cuff and probe are on the same limb: no start
    SLOW_START = "slow-start"  # at a low rate the drug arrives late; somebody has taken note
    SYRINGE_LABEL = "syringe-label"  # type of syringe, drug and concentration on its label are those of the order
    PUMP_SERIAL = "pump-serial"  # for a pump that cannot report it: this is the pump of this bed
    LINE_RELIEVED = "line-relieved"  # the pressure behind an occlusion was let off, away from the patient
    ROOM_AIR = "room-air"  # SpO2 is measured without added oxygen
    FLUIDS_TOLERATED = "fluids-tolerated"  # the patient drinks without trouble
    ESCORT_PRESENT = "escort-present"  # somebody is here to take the patient home
    NO_DRIVING = "no-driving"  # patient and escort were told that the patient must not drive

    # an enum's own hash is Python code, and each evaluation asks what was attested
    __hash__ = object.__hash__


FOR_DISCHARGE = (Attested.ROOM_AIR, Attested.FLUIDS_TOLERATED, Attested.ESCORT_PRESENT, Attested.NO_DRIVING)
"""What is attested once the infusion is over (requirement CLIN-08)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attest:
    """One thing that only a person can see, attested by name."""

    item: Attested


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How strongly the patient feels what the drug can do, each from 0, not at all, to 10, the worst (CLIN-06)."""

    nausea: int
    dizziness: int
    anxiety: int
    dissociation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where the drug that was mixed has gone besides into the patient (CLIN-09). A second person must witness it."""

    primed_ml: Decimal
    wasted_ml: Decimal
    left_ml: Decimal  # in syringe and line
    explanation: str = ""  # of a gap; without one a gap is refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """A second person's word for an account of the drug: the hash of the one that she was shown."""

    account_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """Sign the discharge, and with it end the observation and the session (CLIN-08)."""

    transfer_reason: str = ""  # a prescriber's, who hands over to other care a patient that cannot be discharged


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """A nurse stands at the bedside now. Nothing else that she sends says so: it may come from any station."""


@unique
class SymptomKind(Enum):
    """What a patient tells or shows, to be picked from a list once the pump has been paused."""

    ANXIETY = "anxiety"
    DISSOCIATION = "dissociation"
    NAUSEA = "nausea"
    VOMITING = "vomiting"
    HEADACHE = "headache"
    DIZZINESS = "dizziness"
    PALPITATIONS = "palpitations"
    BREATHLESSNESS = "breathlessness"
    PAIN_AT_CANNULA = "pain-at-cannula"
    CHEST_PAIN = "chest-pain"
    SEIZURE = "seizure"
    NEUROLOGICAL_SIGN = "neurological-sign"
    VOMITING_WHILE_SEDATED = "vomiting-while-sedated"
    OTHER = "other"


EMERGENCIES = frozenset(
    {
        SymptomKind.CHEST_PAIN,
        SymptomKind.SEIZURE,
        SymptomKind.NEUROLOGICAL_SIGN,
        SymptomKind.VOMITING_WHILE_SEDATED,
    }
)
"""Symptoms that end the infusion (requirement CLIN-04)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """A symptom of the patient: brings a pump that may move to rest at once, and names the pause; or ends."""

    symptom: SymptomKind
    emergency: bool = False  # somebody calls it one, whatever the list says

    @property
    def ends(self) -> bool:
        """Whether it ends the infusion."""
        return self.emergency or self.symptom in EMERGENCIES


@dataclass(frozen=True, slots=True, kw_only=True)
class Tighten:
    """Move the limit of one rule towards safety, for the rest of this session."""

    rule: str
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Loosen:
    """Propose to move the limit of one rule away from safety; a second person must confirm it."""

    rule: str
    limit: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmLoosen:
    """A second person's word for a loosening: the hash of the proposal that she was shown."""

    loosening_hash: str


HALTING = (Stop, Pause, Symptom)
"""Commands that bring the pump to rest: never judged, never held back, understood whatever else is wrong with them."""

Judged = (
    Prepare
    | Confirm
    | Start
    | Resume
    | Lower
    | Acknowledge
    | AudioPause
    | Assess
    | Attest
    | Presence
    | Tighten
    | Loosen
    | ConfirmLoosen
    | Score
    | Account
    | Witness
    | Close
)
"""All other commands."""

Command = Judged | Stop | Pause | Symptom
"""`kind_of` gives the word for each on the wire."""


def kind_of(command: Command) -> str:
    """Return the word by which a command goes on the wire."""
    return _word(type(command))


def _word(kind: type) -> str:
    return _WORD_BEGINS.sub("-", kind.__name__).lower()


HALTING_KINDS = frozenset(map(_word, HALTING))
"""The words of those that halt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandReceived:
    """A command as it came from the bus. `user` is the name in the topic, which the broker's rules have proven.

    `received_real_ns` is the daemon's real monotonic clock; the age of `token` is judged against it.
    """

    user: str
    id: str
    command: Command
    session: str | None
    rev: int | None
    token: str | None
    retained: bool
    received_real_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandMalformed:
    """A message under a person's command topic that is no command. `id` is None where it could not be read."""

    user: str
    id: str | None
    reason: str


@unique
class ReceiptState(Enum):
    """How far a command has come. The last three are final words; a later final word replaces an earlier one."""

    ACCEPTED = "accepted"
    EXECUTING = "executing"
    VERIFIED = "verified"
    REFUSED = "refused"
    UNKNOWN = "unknown"
