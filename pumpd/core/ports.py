"""The contracts that drivers, clock, journal and bus fulfil, and the facts that cross them.

Pure data and protocols: nothing here performs input or output. A driver is sans-IO: bytes and `now_ns` go in; packets,
facts and the next deadline come out. The shell owns the file descriptor and asks `transmit` what may leave now.
All times are integer nanoseconds of the daemon's monotonic clock.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, unique
from typing import ClassVar, Protocol

# ---- vital signs ----------------------------------------------------------------------------------------------------


@unique
class VitalKind(Enum):
    """What a sample measures; the unit is fixed by the kind."""

    SBP = "sbp"  # systolic pressure by cuff, mmHg
    DBP = "dbp"  # diastolic pressure by cuff, mmHg
    MAP = "map"  # mean pressure by cuff, mmHg
    HR = "hr"  # heart or pulse rate, /min
    SPO2 = "spo2"  # oxygen saturation, %
    RR = "rr"  # respiratory rate, /min
    MOAAS = "moaas"  # sedation, Modified Observer's Assessment of Alertness/Sedation, 0-5

    # an enum's own hash is Python code, and kinds are looked up some thousand times a second
    __hash__ = object.__hash__

    @property
    def unit(self) -> str:
        """The unit as people read it."""
        return _UNITS[self]


_UNITS = {
    VitalKind.SBP: "mmHg",
    VitalKind.DBP: "mmHg",
    VitalKind.MAP: "mmHg",
    VitalKind.HR: "/min",
    VitalKind.SPO2: "%",
    VitalKind.RR: "/min",
    VitalKind.MOAAS: "of 5",
}


@unique
class Validity(Enum):
    """Whether a sample may be used, and if not, why."""

    VALID = "valid"
    MISSING = "missing"  # sentinel, empty, not a number
    ARTEFACT = "artefact"  # movement or noise in the measurement
    SEARCHING = "searching"  # no good pulse signal
    PROBE_OFF = "probe off"  # sensor unplugged or not on the patient
    IMPOSSIBLE = "impossible"  # beyond the possible range although the device calls it good
    CUFF_INFLATING = "cuff inflating"  # the cuff cuts off the pulse on the limb of the probe


POSSIBLE: Mapping[VitalKind, range] = {
    VitalKind.SBP: range(40, 281),
    VitalKind.DBP: range(20, 221),
    VitalKind.MAP: range(30, 251),
    VitalKind.HR: range(20, 301),
    VitalKind.SPO2: range(50, 101),
    VitalKind.RR: range(1, 71),
}
"""Beyond it either the source is broken or the patient very ill; proposal of the pumpd authors."""
LEAST_PULSE_PRESSURE_MMHG = 10
"""Nearer pressures are no blood pressure; proposal of the pumpd authors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One number of one source. `value` is None exactly when the source gave none."""

    kind: VitalKind
    value: int | None
    validity: Validity
    measured_at_ns: int
    source: str
    seq: int


def from_bus(source: str) -> bool:
    """Say whether a source's name is that of a channel on the bus, `source/kind`; no other name has a slash."""
    return "/" in source


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplesReceived:
    """Samples of one message of one source, judged together."""

    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NibpReading:
    """The result of one cuff cycle. All numbers carry the time at which the module said that the cycle had ended."""

    source: str
    cycle: int
    sbp_mmhg: int
    dbp_mmhg: int
    map_mmhg: int
    pulse_bpm: int | None
    measured_at_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NibpFailed:
    """A cuff cycle that gave no reading. `retry` says whether the cause permits one repeat."""

    source: str
    cycle: int
    reason: str
    retry: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorNotice:
    """A technical remark of a monitor: low battery, many checksum errors, link lost or back."""

    source: str
    text: str


MonitorEvent = SamplesReceived | NibpReading | NibpFailed | MonitorNotice


# ---- pump -----------------------------------------------------------------------------------------------------------


@unique
class PumpState(Enum):
    """What a pump says it is doing."""

    REST = "at rest"  # stopped; a start begins a new run
    PAUSED = "paused in the pump"  # stopped, but its own keypad could resume it: not a safe state
    MOVING = "infusing"
    OTHER = "in a state pumpd never commands"  # withdrawing, purging, waiting, timed pause

    # as in VitalKind
    __hash__ = object.__hash__


@unique
class PumpAlarmKind(Enum):
    """Why a pump stopped by itself. A driver says the nearest that its pump can tell; docs/protocols.md says what."""

    OCCLUSION = "the line is occluded"
    AIR = "air in the line"
    EMPTY = "the syringe is empty"
    SYRINGE_OFF = "the syringe is off or the door is open"
    OVERHEATED = "the pump is too hot"
    INTERNAL = "internal fault of the pump"
    RESET = "power was interrupted"
    STALL = "the motor stalled (occlusion, or end of travel)"
    WATCHDOG = "the pump heard nothing in its lease"
    PROGRAM = "program error in the pump"
    UNKNOWN = "an alarm that this driver does not know"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOrder:
    """What one run of the pump is programmed with. The volume is the end-stop: the pump halts there by itself."""

    run_id: str
    diameter_um: int
    rate_nl_h: int
    volume_nl: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PumpAttached:
    """The pump answered, is known, its lease is read back, and its state and totals were read before all else."""

    model: str
    firmware: str
    serial: str | None
    lease_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PumpAttachFailed:
    """The pump cannot be used as it is; the driver tries again when the port is opened anew."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PumpStatus:
    """A state the pump reported in answer to a packet whose first byte left at `asked_at_ns`."""

    state: PumpState
    asked_at_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PumpCounter:
    """The pump's volume counter: the truth lay in `[low_nl, high_nl]` at some moment between question and answer."""

    low_nl: int
    high_nl: int
    asked_at_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PumpAlarmed:
    """The pump reported an alarm of its own."""

    kind: PumpAlarmKind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PumpPower:
    """How the pump is fed, where it tells. A battery time that it does not tell is 0: what is unknown is not there."""

    mains: bool
    battery_left_ns: int
    asked_at_ns: int

    def left_ns(self, now_ns: int) -> int:
        """Return how long the battery still lasts at `now_ns`."""
        return max(self.battery_left_ns - (now_ns - self.asked_at_ns), 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Programmed:
    """A run is in the pump and every value that it can report was read back.

    `rate_nl_h` and `volume_nl` are what the pump holds, from its own digits and units. The counter reads zero.
    """

    run_id: str
    diameter_um: int
    rate_nl_h: int
    volume_nl: int
    read_back: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramFailed:
    """The run is not in the pump, or what it reads back differs from what was sent. Nothing was started."""

    run_id: str
    reason: str


@unique
class Outcome(Enum):
    """The three outcomes of a command that moves something."""

    ANSWERED = "answered"  # the pump took it; the effect is still to be seen
    REFUSED = "refused"  # the pump said no, or the command never left: certainly not done
    UNKNOWN = "unknown"  # it left and no answer came


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAnswered:
    """What became of the packet that starts a run. Never repeated by the driver."""

    run_id: str
    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RateChanged:
    """The rate that a moving pump holds after it was sent a lower one, from its own digits and unit."""

    run_id: str
    rate_nl_h: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RateChangeFailed:
    """The rate is certainly as before (`REFUSED`), or nobody knows what it is (`UNKNOWN`). Never repeated."""

    run_id: str
    outcome: Outcome
    reason: str


@unique
class PumpSetting(Enum):
    """What a pump was programmed with and must hold until the run is over."""

    RATE = "rate"
    VOLUME = "volume end-stop"
    DIAMETER = "syringe diameter"
    MODE = "mode"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingChanged:
    """A moving pump holds another setting than was programmed and read back; both in the pump's own digits and units.

    A driver asks with each poll of a moving pump for every setting that the pump takes while it moves, and for the
    others in turn. It tells a change each time that it sees it.
    """

    setting: PumpSetting
    programmed: str
    held: str
    asked_at_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyLost:
    """No valid answer to `command` came in time."""

    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyDiscarded:
    """Bytes that are no valid answer: bad checksum, length, address or order. Counted, never used."""

    reason: str
    data: bytes


PumpFact = (
    PumpAttached
    | PumpAttachFailed
    | PumpStatus
    | PumpCounter
    | PumpAlarmed
    | PumpPower
    | Programmed
    | ProgramFailed
    | RunAnswered
    | RateChanged
    | RateChangeFailed
    | SettingChanged
    | ReplyLost
    | ReplyDiscarded
)


@unique
class LinePolicy(Enum):
    """What may be sent to the pump at this moment. The core decides; `transmit` obeys."""

    FREE = "free"  # rest is confirmed: any packet
    MOVING = "moving"  # the pump may move and permission holds: any packet, and it renews the lease
    STOPPING = "stopping"  # stop packets and the status and counter queries that confirm rest, nothing else
    SILENT = "silent"  # nothing at all: the pump's own watchdog is to act

    # as in VitalKind
    __hash__ = object.__hash__


class SerialDriver(Protocol):
    """What every driver on a serial line offers the shell."""

    baud: ClassVar[int]

    def opened(self, now_ns: int) -> None:
        """The port is open; forget everything about the far end and begin its start-up recipe."""

    def closed(self, now_ns: int) -> None:
        """The port is gone; drop what was in hand."""

    def receive(self, data: bytes, now_ns: int) -> None:
        """Take bytes that were read at `now_ns`."""

    def advance(self, now_ns: int) -> None:
        """Let time-outs that have passed by `now_ns` take effect."""

    def next_deadline_ns(self) -> int | None:
        """Return when `advance` or `transmit` is next worth calling, or None."""


class PumpDriver(SerialDriver, Protocol):
    """A syringe pump."""

    clinical: ClassVar[bool]
    """Whether the maker allows use on humans; clinical mode refuses a driver that says False."""
    stop_packet: ClassVar[bytes]
    """Prebuilt bytes that stop the pump in any state; written by the shell before anything else."""

    def next_deadline_ns(self) -> int | None:
        """Return when `advance` or `transmit` is next worth calling, or None; at once while facts wait to be taken."""

    def stop_sent(self, now_ns: int) -> None:
        """`stop_packet` was written at `now_ns`: drop whatever was pending and work towards confirmed rest."""

    def settle(self, now_ns: int) -> None:
        """The core has confirmed rest: no more stops; keep the line alive by polling freely."""

    def poll(self, now_ns: int) -> None:
        """Ask for state and counter once, then a moving pump for settings; ignored while in hand, off at a stop."""

    def program(self, order: RunOrder, now_ns: int) -> None:
        """Program a run at rest and read everything back; ends in `Programmed` or `ProgramFailed`."""

    def run(self, run_id: str, now_ns: int) -> None:
        """Start the run that was programmed; sent once, ends in `RunAnswered`."""

    def lower(self, order: RunOrder, now_ns: int) -> None:
        """Send a moving pump a lower rate, once, and read it back; ends in `RateChanged` or `RateChangeFailed`."""

    def transmit(self, now_ns: int, policy: LinePolicy) -> bytes:
        """Return the packet to write now, or `b""`. At most one packet is in flight except for a stop."""

    def take_facts(self) -> tuple[PumpFact, ...]:
        """Return, once each and in order, what was learnt since the last call."""


class MonitorDriver(SerialDriver, Protocol):
    """A monitor on a serial line."""

    averaging_ns: ClassVar[int]
    """The longest time over which a value that it gives is averaged: so late may a limit be seen to be passed."""

    def transmit(self, now_ns: int) -> bytes:
        """Return the packet to write now, or `b""`."""

    def take_events(self) -> tuple[MonitorEvent, ...]:
        """Return, once each and in order, what was learnt since the last call."""


class CuffDriver(MonitorDriver, Protocol):
    """A monitor that measures blood pressure when it is told to."""

    def measure(self, now_ns: int) -> None:
        """Start one cuff cycle; it ends in one `NibpReading` or one `NibpFailed`. Ignored during a cycle."""


# ---- clock, journal, bus --------------------------------------------------------------------------------------------


class Timer(Protocol):
    """A scheduled call that can be called off."""

    def cancel(self) -> None:
        """Call it off; a second time changes nothing."""


class Clock(Protocol):
    """The daemon's clocks. `now_ns` may be elastic in a demonstration; `real_ns` never is."""

    def now_ns(self) -> int:
        """Return the clock of devices and rules, monotonic."""

    def real_ns(self) -> int:
        """Return the clock of people and networks (tokens, stations, presence, broker loss), monotonic."""

    def wall_utc(self) -> str:
        """Return the wall time as RFC 3339 in UTC: for the record, and for the age of a message on arrival."""

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> Timer:
        """Call `callback` once `now_ns` has reached `when_ns`."""


class Journal(Protocol):
    """The append-only record. Completions come back as events through the callbacks given at construction."""

    def append(self, kind: str, body: object, now_ns: int) -> None:
        """Take a record for writing; it is durable after the next group commit. `body` is a value or a mapping."""

    def confirm(self, token: str) -> None:
        """Ask to be told, with `token`, when everything appended so far is durable."""

    @property
    def alive(self) -> bool:
        """Whether whatever writes the records still runs."""

    @property
    def unwritten_for_ns(self) -> int | None:
        """For how long, by a clock that stands still with the host, the oldest record waits to be durable, or None."""

    def close(self) -> None:
        """Write what is left, then close; raises `OSError` if that is impossible."""


class Bus(Protocol):
    """The message bus. Publishing never waits and never raises; a lost link is told by callback."""

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> None:
        """Queue a message; telemetry is dropped first when the link is slow or gone."""
