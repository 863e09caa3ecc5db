"""A session as its journal tells it: plain values for every report and export. Pure.

Points in time end in `_wall_ns` and count from 1970. None is what the journal does not hold; zero is a number.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, unique

from pumpd.core.alarms import Priority
from pumpd.core.clearance import Clearance
from pumpd.core.commands import Attested, ReceiptState, Role
from pumpd.core.modes import MAY_MOVE_MODES, Mode
from pumpd.core.phase import OVER_MODES
from pumpd.core.ports import PumpAttached, Validity, VitalKind
from pumpd.core.prescription import Order
from pumpd.core.profile import Profile, Version
from pumpd.core.session import Accounted, Baseline
from pumpd.records.chain import ChainError, Head
from pumpd.records.database import Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeSpan:
    """For how long a mode held, and what had led to it. `by` is the person whose command did; `rules` are alarms."""

    mode: Mode
    since_wall_ns: int
    until_wall_ns: int | None
    cause: str | None
    by: str | None
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Nothing was to flow although the infusion was open. `by` is a person, `rules` are those that were due."""

    since_wall_ns: int
    until_wall_ns: int | None
    cause: str
    by: str | None
    rules: tuple[str, ...]
    resumed_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateSegment:
    """One rate, commanded and read back, and what the pump counted in it."""

    run_id: str
    since_wall_ns: int
    until_wall_ns: int | None
    commanded_nl_h: int
    counted_nl: int
    by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What had been given by an instant: the truth lies between low and high."""

    at_wall_ns: int
    low_nl: int
    high_nl: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """One value of one vital sign, or why there was none. Its unit is fixed by its kind."""

    at_wall_ns: int
    vital: VitalKind
    value: int | None
    validity: Validity
    source: str
    seq: int

    @property
    def usable(self) -> int | None:
        """The value where it is valid."""
        return self.value if self.validity is Validity.VALID else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CuffCycle:
    """One cycle of a cuff: its reading, or why it gave none."""

    at_wall_ns: int
    source: str
    cycle: int
    sbp_mmhg: int | None
    dbp_mmhg: int | None
    map_mmhg: int | None
    pulse_bpm: int | None
    failure: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitMoved:
    """A limit of this session that is not the profile's, from an instant on."""

    at_wall_ns: int
    rule: str
    limit: int
    by: str
    confirmed_by: str | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One episode of one alarm."""

    alarm: str
    episode: int
    priority: Priority
    cause: str
    text: str
    action: str
    raised_wall_ns: int
    ended_wall_ns: int | None
    acknowledged_by: str | None
    acknowledged_wall_ns: int | None
    passed_to: Role | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotedSign:
    """A symptom, as a named person told it or as the patient's button did."""

    at_wall_ns: int
    symptom: str
    ends: bool
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A number that a person assessed."""

    at_wall_ns: int
    scale: str
    value: int
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overridden:
    """A start or a resume that a prescriber's reason let through."""

    at_wall_ns: int
    what: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DrugAccount:
    """Where the drug went, as it was counted last, and when that was counted and witnessed."""

    counted: Accounted
    counted_wall_ns: int
    witnessed_wall_ns: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a person attested for the discharge."""

    item: Attested
    by: str
    at_wall_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """How the patient left the bed: discharged, or to other care by a prescriber's reason."""

    at_wall_ns: int
    by: str
    transfer_reason: str
    """Empty for a discharge."""
    handover: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One command of one person, and the last word on it. `details` are its fields, `reason` what she was told."""

    at_wall_ns: int
    user: str
    role: Role | None
    kind: str
    id: str
    details: str
    state: ReceiptState | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A line that the daemon wrote for people: what was decided, and on what ground."""

    at_wall_ns: int
    cause: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherRecords:
    """Records of a kind that this pumpd does not know."""

    kind: str
    count: int


@unique
class Outcome(Enum):
    """How far a session has come by the end of its journal."""

    NOT_STARTED = "not started"
    UNDER_WAY = "under way"
    COMPLETED = "completed"
    ENDED_SHORT = "ended short"
    GIVEN_UP = "given up after a fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One order and everything that the journal holds of it."""

    session: str
    bed: str
    simulated: bool
    programs: tuple[str, ...]
    versions: tuple[Version, ...]
    profile: Profile
    profiles: tuple[str, ...]
    """Every profile that a run of the daemon judged this session by; `profile` is the first."""
    roles: Mapping[str, Role]
    order: Order
    pump: PumpAttached | None
    begun_wall_ns: int
    first_run_wall_ns: int | None
    over_wall_ns: int | None
    closed_wall_ns: int | None
    last_wall_ns: int
    mode: Mode
    confirmed_by: str | None
    started_by: str | None
    closed_by: str | None
    baseline: Baseline | None
    low_nl: int
    high_nl: int
    restarts: int
    lost: int
    modes: tuple[ModeSpan, ...]
    pauses: tuple[Pause, ...]
    rates: tuple[RateSegment, ...]
    delivered: tuple[Delivered, ...]
    signs: tuple[Sign, ...]
    cuff: tuple[CuffCycle, ...]
    limits: tuple[LimitMoved, ...]
    alarms: tuple[Episode, ...]
    symptoms: tuple[NotedSign, ...]
    scores: tuple[Score, ...]
    deeds: tuple[Deed, ...]
    notes: tuple[Note, ...]
    clearance: Clearance | None
    """The clinic's, which the order quotes; None where it quotes none, or the journal has lost it."""
    overrides: tuple[Overridden, ...]
    account: DrugAccount | None
    attested: tuple[Seen, ...]
    """For the discharge."""
    leaving: Leaving | None
    others: tuple[OtherRecords, ...]

    @property
    def outcome(self) -> Outcome:
        """How far it has come."""
        if self.mode is Mode.COMPLETED:
            return Outcome.COMPLETED
        if self.first_run_wall_ns is None and self.mode not in MAY_MOVE_MODES:
            return Outcome.NOT_STARTED
        if self.mode in OVER_MODES:
            return Outcome.ENDED_SHORT
        return Outcome.GIVEN_UP if self.mode is Mode.FAULT else Outcome.UNDER_WAY

    @property
    def halt_cause(self) -> str | None:
        """Why nothing flows any more, in the words of the newest halt."""
        causes = (span.cause for span in reversed(self.modes) if span.mode not in OVER_MODES)
        return next((cause for cause in causes if cause is not None), None)

    @property
    def is_closed(self) -> bool:
        """Whether its observation was ended by a person, or nothing was given and there was none."""
        return self.closed_wall_ns is not None

    @property
    def zero_wall_ns(self) -> int:
        """From when minutes are counted: the first run, or the order where nothing ran."""
        return self.begun_wall_ns if self.first_run_wall_ns is None else self.first_run_wall_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a journal tells: its sessions, the oldest first, and how far it can be believed."""

    identity: Identity
    head: Head
    sessions: tuple[Session, ...]
    broken: ChainError | None
    """The first record that does not fit. The sessions are those of the records before it."""
    lost: int
    others: tuple[OtherRecords, ...]
    strayed_ns: int
