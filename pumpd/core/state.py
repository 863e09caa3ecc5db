"""Everything the core remembers. The parts are immutable values, so a shallow copy of the state is a snapshot."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, unique

from pumpd.core.alarms import Alarms, Condition
from pumpd.core.clearance import Clearance
from pumpd.core.commands import Attested, Role
from pumpd.core.counter import CounterWatch
from pumpd.core.cuff import CuffSchedule
from pumpd.core.delivery import Ledger
from pumpd.core.effects import Receipt
from pumpd.core.events import SelfTested, SourceRefused
from pumpd.core.evidence import Halted
from pumpd.core.given import Given
from pumpd.core.interlocks import Interlocks
from pumpd.core.lockout import Lockout
from pumpd.core.modes import Mode
from pumpd.core.ports import (
    PumpAlarmed,
    PumpAttached,
    PumpCounter,
    PumpPower,
    PumpStatus,
    RunOrder,
    Sample,
    VitalKind,
)
from pumpd.core.prescription import Order
from pumpd.core.profile import Profile, Version
from pumpd.core.quarantine import Refusal
from pumpd.core.rest import CONFIRM_WITHIN_NS, Halt
from pumpd.core.rolling import RollingDose
from pumpd.core.session import (
    Accounted,
    Attestation,
    Baseline,
    LimitChange,
    Loosening,
    NotedSymptom,
    Peak,
    Scores,
)
from pumpd.core.vitals import Steady, Vitals


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What does not change while the daemon runs."""

    profile: Profile
    operators: Mapping[str, Role]
    simulated: bool
    """Whether pump and monitors are simulated; shown on every screen."""
    averaging_ns: int
    """The longest averaging time that a sensor at this bed declares."""
    versions: tuple[Version, ...] = ()
    """Program, library and profile, as the record of each session names them."""
    comfort_button: bool = False
    """Whether the patient has a button whose link is to be watched (CLIN-05)."""

    @property
    def reaction_ns(self) -> int:
        """The budget from a sign beyond a limit that acts at once to confirmed rest (VIT-08)."""
        return self.averaging_ns + CONFIRM_WITHIN_NS


@unique
class Step(Enum):
    """How far a start or resume has come."""

    INTENT = "waiting for the journal"
    PROGRAM = "programming the pump"
    RUN = "waiting for the pump to report that it infuses"


@dataclass(frozen=True, slots=True, kw_only=True)
class Starting:
    """A start or resume on its way."""

    step: Step
    user: str
    command_id: str
    kind: str
    order: RunOrder
    deadline_ns: int
    override: bool  # a prescriber gave a reason for the override range; judged again with it, and only then
    run_sent_ns: int | None = None


@unique
class LoweringStep(Enum):
    """How far the lowering of a rate has come."""

    INTENT = "waiting for the journal"
    SET = "waiting for the pump to read the rate back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lowering:
    """A lower rate on its way to a running pump."""

    step: LoweringStep
    command_id: str
    order: RunOrder
    deadline_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaiting:
    """A command that has been accepted and has no final word yet."""

    user: str
    command_id: str
    kind: str
    since_ns: int
    unknown_said: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PumpView:
    """What is known of the pump."""

    link_up: bool = False
    link_reason: str | None = None  # why the link is down; None until the port was tried
    attached: PumpAttached | None = None
    attach_error: str | None = None
    status: PumpStatus | None = None
    counter: PumpCounter | None = None
    at_rest: bool = False  # confirmed, and no report to the contrary since
    alarm: PumpAlarmed | None = None
    power: PumpPower | None = None  # None where the pump does not tell
    polled_ns: int = 0
    last_packet_ns: int | None = None  # when the last packet left before the link was lost
    run_sent_ns: int = 0  # when RUN last left; an answer to an older question says nothing about that run

    def no_link(self) -> str:
        """Say in words that the link is down, and why."""
        return f"no link to the pump: {self.link_reason or 'its port was not opened yet'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Two sources of one vital sign that lie too far apart."""

    low: Sample
    high: Sample
    since_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """The audible test of a nurse's station, by the real clock."""

    said_real_ns: int  # when the station last spoke of it
    at_real_ns: int  # when somebody answered it


@dataclass(frozen=True, slots=True, kw_only=True)
class BusSources:
    """What is known of the sources on the bus besides their samples."""

    troubles: Mapping[str, tuple[SourceRefused, int]] = field(default_factory=dict)
    """What was last refused of a source, and when; gone with the next message of it that is used."""
    inflating: Mapping[str, int] = field(default_factory=dict)
    """Cuffs on the limb of the probe that inflate, each since when."""
    button_seen_ns: int | None = None
    button_pressed: bool = False


@dataclass(slots=True, kw_only=True)
class State:
    """The state of one bedside. Only `Core` changes it."""

    settings: Settings
    boot: str = ""
    bed: str = ""
    rev: int = 0
    mode: Mode = Mode.IDLE
    session: str | None = None
    order: Order | None = None
    clearance: Clearance | None = None
    """What the clinic says of this bed now; None after each connection until it was heard again."""
    clearance_trouble: str | None = None
    rate_nl_h: int = 0
    """The rate of the next run: the ordered one, or less since somebody lowered it."""
    planned_ns: int = 0
    """How long the order takes to run, at the rates it has run and will run at."""
    prepared_ns: int | None = None
    """When the order was prepared; None after a restart."""
    confirmed_by: str | None = None
    confirmed_at_ns: int = 0
    started_by: str | None = None
    baseline: Baseline | None = None
    ledger: Ledger = field(default_factory=lambda: Ledger(order_nl=0))
    runs: int = 0
    ran_ns: int = 0
    running_since_ns: int | None = None
    starting: Starting | None = None
    lowering: Lowering | None = None
    halt: Halt | None = None
    halted: Halted | None = None
    """A halt of this very event that no human asked for; its evidence is not yet recorded."""
    ending: bool = False
    pause_cause: str | None = None
    paused_at_ns: int = 0
    observing_since_ns: int | None = None
    """When rest was confirmed after the infusion; None before that, and once the session is closed."""
    over_wall_ns: int | None = None
    """When rest was last confirmed after the infusion, since 1970, for people; None before that."""
    before: tuple[Given, ...] = ()
    """What the orders before the present one gave at this bed, the newest last."""
    first_run_ns: int | None = None
    idle_since_ns: int | None = None
    """When the last run stopped; None while the pump runs, and before the first run."""
    reminders: int = 0
    vital_pauses: int = 0
    """Pauses that a vital sign beyond its limits has caused in this session."""
    lockout: Lockout = field(default_factory=Lockout)
    rolling: RollingDose | None = None
    attested: Mapping[Attested, Attestation] = field(default_factory=dict)
    line_unrelieved: bool = False
    """The pump reported an occlusion or a stall, and nobody has relieved the pressure in the line since."""
    pressure_pause: bool = False
    present_by: str | None = None
    present_ns: int | None = None
    """When somebody last confirmed presence at the bedside; None before, and after a restart."""
    symptoms: tuple[NotedSymptom, ...] = ()
    pauses: int = 0
    """How often rest was confirmed with something left to give."""
    peaks: Mapping[VitalKind, Peak] = field(default_factory=dict)
    scores: tuple[Scores, ...] = ()
    scored_ns: int | None = None
    account: Accounted | None = None
    limits: Mapping[str, LimitChange] = field(default_factory=dict)
    """Limits of this session that are not the profile's, by rule."""
    loosening: Loosening | None = None
    self_test: SelfTested | None = None
    self_test_asked_ns: int | None = None
    refusals: tuple[Refusal, ...] = ()

    pump: PumpView = field(default_factory=PumpView)
    watch: CounterWatch | None = None
    vitals: Vitals = field(default_factory=Vitals)
    interlocks: Interlocks = field(default_factory=Interlocks)
    start_steady: Mapping[VitalKind, Steady] = field(default_factory=dict)
    override_steady: Mapping[VitalKind, Steady] = field(default_factory=dict)
    resume_steady: Mapping[VitalKind, Steady] = field(default_factory=dict)
    cuff: CuffSchedule = field(default_factory=CuffSchedule)
    differing: Mapping[VitalKind, Difference] = field(default_factory=dict)
    bus: BusSources = field(default_factory=BusSources)

    alarms: Alarms = field(default_factory=Alarms)
    happened: tuple[Condition, ...] = ()
    """Conditions of this very event that are over as soon as they are told; they latch as alarms."""
    journal_error: str | None = None
    real_ns: int = 0
    wall_ahead_ns: int = 0
    """How far the wall clock was ahead of `real_ns` when the daemon began."""
    began_real_ns: int = 0
    """When this daemon first read the real clock."""
    broker_lost_real_ns: int | None = 0
    stations: Mapping[str, int] = field(default_factory=dict)
    tested: Mapping[str, Tested] = field(default_factory=dict)
    tokens: tuple[tuple[str, int], ...] = ()
    answers: Mapping[str, Receipt | None] = field(default_factory=dict)
    awaiting: tuple[Awaiting, ...] = ()

    def wall_ns(self) -> int:
        """Return the wall time since 1970: for people, and for the day of a clearance. No age is judged by it."""
        return self.real_ns + self.wall_ahead_ns
