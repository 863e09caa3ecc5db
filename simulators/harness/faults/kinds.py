"""Every fault as a value: what is wrong, from when, for how long, how badly. Knows no bed and does nothing.

Times are milliseconds since the scenario began. A lasting fault is in force from its start for its duration; a
momentary one happens at its start, has the duration 0, and stays as its parameters say. Parameters are whole numbers
with their unit in the name, within bounds that stand beside them; `draw.py` draws from the same bounds.
"""

from dataclasses import dataclass, fields
from enum import Enum, unique
from typing import Annotated, ClassVar, get_args, get_type_hints

from simulators.harness.faults.hazards import Hazard

NS_PER_MS = 1_000_000
LONGEST_MS = 24 * 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """The bounds of a whole number, both included."""

    low: int
    high: int


Permille = Annotated[int, Within(low=1, high=1_000)]
"""The chance per message."""


@unique
class Line(Enum):
    """A serial line of the bed."""

    PUMP = "pump"
    OXIMETER = "oximeter"
    CUFF = "cuff"


@unique
class Direction(Enum):
    """Which way bytes go."""

    TO_DEVICE = "to-device"
    FROM_DEVICE = "from-device"
    BOTH = "both"


@unique
class Key(Enum):
    """A key of the pump, by what it does."""

    PAUSE = "pause"
    RESUME = "resume"
    START = "start"
    STOP = "stop"


@unique
class Setting(Enum):
    """A setting of the pump that it does not take while it pumps."""

    DIAMETER = "diameter"
    VOLUME = "volume"


@unique
class Shown(Enum):
    """A number of the oximeter that can lie."""

    SPO2 = "spo2"
    HR = "hr"


@unique
class CuffFailure(Enum):
    """How the cuff fails."""

    WEAK_SIGNAL = "weak-signal"
    ARTEFACT = "artefact"
    LEAK = "leak"
    BLOCKED_HOSE = "blocked-hose"
    SILENCE = "silence"
    STUCK = "stuck"


@unique
class Forgery(Enum):
    """A command that nobody pressed for."""

    START = "start"
    RESUME = "resume"
    PAUSE = "pause"
    STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """What every fault has."""

    name: ClassVar[str]
    hazards: ClassVar[tuple[Hazard, ...]]
    lasting: ClassVar[bool] = True
    start_ms: int
    duration_ms: int

    def __post_init__(self) -> None:
        if not 0 <= self.start_ms <= LONGEST_MS:
            raise ValueError(f"fault {self.name}: start_ms is {self.start_ms}; it must be 0 to {LONGEST_MS}")
        lowest_ms, highest_ms = (1, LONGEST_MS) if self.lasting else (0, 0)
        if not lowest_ms <= self.duration_ms <= highest_ms:
            raise ValueError(
                f"fault {self.name}: duration_ms is {self.duration_ms}; it must be {lowest_ms} to {highest_ms}"
            )
        for parameter, bounds in bounds_of(type(self)).items():
            value = getattr(self, parameter)
            if not bounds.low <= value <= bounds.high:
                raise ValueError(f"fault {self.name}: {parameter} is {value}; it must be {bounds.low} to {bounds.high}")

    @property
    def start_ns(self) -> int:
        """Return when it begins."""
        return self.start_ms * NS_PER_MS

    @property
    def end_ms(self) -> int:
        """Return when it is over; for a momentary fault, when it happens."""
        return self.start_ms + self.duration_ms

    @property
    def end_ns(self) -> int:
        """Return when it is over; for a momentary fault, when it happens."""
        return self.end_ms * NS_PER_MS


# ---- bytes on a line ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class BytesLost(Timed):
    """Messages vanish."""

    name = "bytes-lost"
    hazards = (Hazard.SERIAL_LINK, Hazard.FLOW_CONTINUES)
    line: Line
    direction: Direction
    chance_permille: Permille


@dataclass(frozen=True, slots=True, kw_only=True)
class BytesSplit(Timed):
    """Messages come in two pieces with a gap of up to `gap_ms`."""

    name = "bytes-split"
    hazards = (Hazard.SERIAL_LINK,)
    line: Line
    direction: Direction
    chance_permille: Permille
    gap_ms: Annotated[int, Within(low=1, high=1_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class BytesDelayed(Timed):
    """Messages come late by up to `delay_ms` and hold up those behind them."""

    name = "bytes-delayed"
    hazards = (Hazard.SERIAL_LINK, Hazard.INTERLOCK_LATE)
    line: Line
    direction: Direction
    chance_permille: Permille
    delay_ms: Annotated[int, Within(low=1, high=3_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class BytesCorrupted(Timed):
    """One bit of a message is flipped."""

    name = "bytes-corrupted"
    hazards = (Hazard.SERIAL_LINK, Hazard.ENVIRONMENT)
    line: Line
    direction: Direction
    chance_permille: Permille


@dataclass(frozen=True, slots=True, kw_only=True)
class BytesDuplicated(Timed):
    """Messages come twice."""

    name = "bytes-duplicated"
    hazards = (Hazard.SERIAL_LINK, Hazard.DOSE_REPEATED)
    line: Line
    direction: Direction
    chance_permille: Permille


@dataclass(frozen=True, slots=True, kw_only=True)
class LineUnplugged(Timed):
    """The cable is out."""

    name = "line-unplugged"
    hazards = (Hazard.SERIAL_LINK, Hazard.ENVIRONMENT, Hazard.VITAL_STALE)
    line: Line


# ---- the pump -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyLostAfterExecution(Timed):
    """The pump does as it was told, and its next `replies` answers are lost."""

    name = "reply-lost-after-execution"
    hazards = (Hazard.DOSE_REPEATED, Hazard.SERIAL_LINK)
    lasting = False
    replies: Annotated[int, Within(low=1, high=10)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PumpReset(Timed):
    """The pump is without power; then it comes back with what it stores."""

    name = "pump-reset"
    hazards = (Hazard.PUMP_POWER, Hazard.UNINTENDED_START)


@dataclass(frozen=True, slots=True, kw_only=True)
class PumpStall(Timed):
    """The motor is blocked."""

    name = "pump-stall"
    hazards = (Hazard.PUMP_DEFECT, Hazard.UNDER_INFUSION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Occlusion(Timed):
    """The line is closed: the motor stalls after another `travel_nl`."""

    name = "occlusion"
    hazards = (Hazard.OCCLUSION,)
    travel_nl: Annotated[int, Within(low=1, high=500_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPressed(Timed):
    """Somebody presses a key of the pump."""

    name = "key-pressed"
    hazards = (Hazard.UNAUTHORISED, Hazard.UNINTENDED_START)
    lasting = False
    key: Key


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRate(Timed):
    """Somebody sets another rate at the pump."""

    name = "key-rate"
    hazards = (Hazard.UNAUTHORISED, Hazard.OVER_INFUSION)
    lasting = False
    rate_ul_h: Annotated[int, Within(low=1_000, high=200_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySetting(Timed):
    """Somebody makes a setting larger at the pump; if it pumps, by stopping and starting it before anybody looks."""

    name = "key-setting"
    hazards = (Hazard.UNAUTHORISED, Hazard.OVER_INFUSION)
    lasting = False
    setting: Setting
    more_permille: Annotated[int, Within(low=10, high=500)]


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoresStp(Timed):
    """The pump answers a stop and goes on."""

    name = "ignores-stp"
    hazards = (Hazard.FLOW_CONTINUES, Hazard.PUMP_DEFECT)


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfDuplexDropsStp(Timed):
    """What comes while the pump answers is lost."""

    name = "half-duplex-drops-stp"
    hazards = (Hazard.FLOW_CONTINUES, Hazard.SERIAL_LINK)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingWrong(Timed):
    """The pump keeps the next rate or volume wrongly, off by `error_permille`, and shows what it keeps."""

    name = "setting-wrong"
    hazards = (Hazard.PUMP_DEFECT, Hazard.OVER_INFUSION, Hazard.UNDER_INFUSION)
    lasting = False
    error_permille: Annotated[int, Within(low=-500, high=1_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterLost(Timed):
    """The pump's volume counter falls to zero."""

    name = "counter-lost"
    hazards = (Hazard.PUMP_DEFECT, Hazard.PUMP_POWER, Hazard.OVER_INFUSION)
    lasting = False


# ---- monitors and clock ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeOff(Timed):
    """The oximeter probe is off the finger."""

    name = "probe-off"
    hazards = (Hazard.VITAL_STALE,)


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorFrozen(Timed):
    """The oximeter repeats its last numbers and does not say so."""

    name = "sensor-frozen"
    hazards = (Hazard.VITAL_STALE,)


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorLying(Timed):
    """A number of the oximeter is off by `offset_units`, % or /min, and nothing says so."""

    name = "sensor-lying"
    hazards = (Hazard.VITAL_WRONG, Hazard.FALSE_PAUSE)
    shown: Shown
    offset_units: Annotated[int, Within(low=-60, high=60)]


@dataclass(frozen=True, slots=True, kw_only=True)
class CuffFails(Timed):
    """The cuff gives no reading."""

    name = "cuff-fails"
    hazards = (Hazard.BLOOD_PRESSURE, Hazard.VITAL_STALE)
    failure: CuffFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockJump(Timed):
    """The wall clock is set; nothing that counts may lean on it."""

    name = "clock-jump"
    hazards = (Hazard.HOST_FAILURE,)
    lasting = False
    jump_ms: Annotated[int, Within(low=-86_400_000, high=86_400_000)]


# ---- broker and commands --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerGone(Timed):
    """The broker does not listen, and every connection is cut."""

    name = "broker-gone"
    hazards = (Hazard.SUPERVISION_LOST, Hazard.ALARM_UNHEARD)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandsLate(Timed):
    """Commands reach the daemon late, up to `delay_ms`, and out of order."""

    name = "commands-late"
    hazards = (Hazard.STALE_COMMAND,)
    delay_ms: Annotated[int, Within(low=100, high=60_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandsDoubled(Timed):
    """The broker delivers commands twice."""

    name = "commands-doubled"
    hazards = (Hazard.STALE_COMMAND, Hazard.DOSE_REPEATED)
    chance_permille: Permille


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRetained(Timed):
    """The broker has kept the last command of that kind and delivers it to whoever connects."""

    name = "command-retained"
    hazards = (Hazard.STALE_COMMAND, Hazard.UNINTENDED_START)
    lasting = False
    forgery: Forgery


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandForged(Timed):
    """A command comes every second that nobody pressed for, made up from what the bus carried `age_ms` before."""

    name = "command-forged"
    hazards = (Hazard.UNAUTHORISED, Hazard.UNINTENDED_START)
    forgery: Forgery
    age_ms: Annotated[int, Within(low=5_001, high=600_000)]
    """Beyond the life of a token: what is fresher than that is stopped by the broker's rules alone."""


# ---- journal and daemon ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskFull(Timed):
    """The journal cannot grow."""

    name = "disk-full"
    hazards = (Hazard.RECORD_LOST, Hazard.HOST_FAILURE)


@dataclass(frozen=True, slots=True, kw_only=True)
class FsyncFails(Timed):
    """Writes of the journal end in an error when they are to be made durable."""

    name = "fsync-fails"
    hazards = (Hazard.RECORD_LOST, Hazard.HOST_FAILURE)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskStalled(Timed):
    """Writes of the journal neither end nor fail."""

    name = "disk-stalled"
    hazards = (Hazard.RECORD_LOST, Hazard.HOST_FAILURE)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalTorn(Timed):
    """The host dies in the middle of a write, and what was not yet durable is torn; it is up again at the end."""

    name = "journal-torn"
    hazards = (Hazard.RECORD_LOST, Hazard.DOSE_REPEATED)


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonKilled(Timed):
    """The daemon's process is killed after `acts` more acts of one callback, and started again at the end."""

    name = "daemon-killed"
    hazards = (Hazard.HOST_FAILURE, Hazard.DOSE_REPEATED)
    acts: Annotated[int, Within(low=0, high=10)]


@dataclass(frozen=True, slots=True, kw_only=True)
class HostStalled(Timed):
    """The daemon stands still, its process frozen or its host suspended; devices and people go on."""

    name = "host-stalled"
    hazards = (Hazard.HOST_FAILURE, Hazard.INTERLOCK_LATE, Hazard.FLOW_CONTINUES)


# ---- the patient ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Desaturation(Timed):
    """Saturation falls by so many points and comes back."""

    name = "desaturation"
    hazards = (Hazard.RESPIRATION,)
    depth_percent: Annotated[int, Within(low=1, high=40)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Apnoea(Timed):
    """The patient does not breathe."""

    name = "apnoea"
    hazards = (Hazard.RESPIRATION, Hazard.SEDATION)


@dataclass(frozen=True, slots=True, kw_only=True)
class PressureSurge(Timed):
    """Blood pressure moves by so much, downwards when negative, and comes back."""

    name = "pressure-surge"
    hazards = (Hazard.BLOOD_PRESSURE,)
    sbp_mmhg: Annotated[int, Within(low=-60, high=100)]
    dbp_mmhg: Annotated[int, Within(low=-40, high=60)]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartRateChange(Timed):
    """Heart rate goes to a target and comes back."""

    name = "heart-rate-change"
    hazards = (Hazard.HEART_RATE,)
    target_bpm: Annotated[int, Within(low=30, high=200)]


Fault = (
    BytesLost
    | BytesSplit
    | BytesDelayed
    | BytesCorrupted
    | BytesDuplicated
    | LineUnplugged
    | ReplyLostAfterExecution
    | PumpReset
    | PumpStall
    | Occlusion
    | KeyPressed
    | KeyRate
    | KeySetting
    | IgnoresStp
    | HalfDuplexDropsStp
    | SettingWrong
    | CounterLost
    | ProbeOff
    | SensorFrozen
    | SensorLying
    | CuffFails
    | ClockJump
    | BrokerGone
    | CommandsLate
    | CommandsDoubled
    | CommandRetained
    | CommandForged
    | DiskFull
    | FsyncFails
    | DiskStalled
    | JournalTorn
    | DaemonKilled
    | HostStalled
    | Desaturation
    | Apnoea
    | PressureSurge
    | HeartRateChange
)
"""The closed set."""

KINDS: dict[str, type[Fault]] = {kind.name: kind for kind in get_args(Fault)}
"""Every kind of fault by its name."""


def parameters_of(kind: type[Timed]) -> tuple[str, ...]:
    """Return the names of what a kind takes besides its times, in their order."""
    return tuple(field.name for field in fields(kind) if field.name not in {"start_ms", "duration_ms"})


def bounds_of(kind: type[Timed]) -> dict[str, Within]:
    """Return the bounds of each whole-number parameter of a kind."""
    return _BOUNDS[kind] if kind in _BOUNDS else _BOUNDS.setdefault(kind, _bounds(kind))


def choices_of(kind: type[Timed]) -> dict[str, type[Enum]]:
    """Return the list that each other parameter of a kind is chosen from."""
    hints = get_type_hints(kind)
    return {name: hints[name] for name in parameters_of(kind) if hints[name] is not int}


_BOUNDS: dict[type[Timed], dict[str, Within]] = {}


def _bounds(kind: type[Timed]) -> dict[str, Within]:
    hints = get_type_hints(kind, include_extras=True)
    return {
        name: bounds
        for name in parameters_of(kind)
        for bounds in getattr(hints[name], "__metadata__", ())
        if isinstance(bounds, Within)
    }
