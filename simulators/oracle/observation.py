"""What was seen of one run, as plain values that whoever ran it fills in. Knows no invariant and no daemon.

All instants are nanoseconds of one clock, the true one. Every series is in the order of time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, unique

NS_PER_S = 1_000_000_000
NS_PER_H = 3_600_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowSegment:
    """A stretch of constant true flow; `to_ns` is None while it lasts. Negative flow draws back."""

    from_ns: int
    to_ns: int | None
    rate_nl_h: int


@unique
class Point(Enum):
    """Where on the pump's line bytes were seen."""

    WRITTEN = "written by the daemon"
    """Before any fault of the line: what the daemon did."""
    HEARD = "heard by the pump"
    """After every fault of the line; the instant is that of the last bit."""
    READ = "read by the daemon"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bytes:
    """Bytes that passed a point together."""

    at_ns: int
    point: Point
    data: bytes


@unique
class Kind(Enum):
    """What a command asks for, as far as an invariant cares."""

    START = "start"
    RESUME = "resume"
    PAUSE = "pause"
    STOP = "stop"
    PRESENCE = "presence"
    OTHER = "other"

    @property
    def runs(self) -> bool:
        """Tell whether it may lead to flow."""
        return self in {Kind.START, Kind.RESUME}

    @property
    def halts(self) -> bool:
        """Tell whether it ends flow."""
        return self in {Kind.PAUSE, Kind.STOP}


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A command as it reached the daemon, once for each copy that did.

    `pressed_ns` is when a person really pressed for it; None when nobody did, as for a forged one.
    """

    at_ns: int
    user: str
    kind: Kind
    id: str
    pressed_ns: int | None


@unique
class Word(Enum):
    """What a receipt says."""

    ACCEPTED = "accepted"
    EXECUTING = "executing"
    VERIFIED = "verified"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """An answer as it left the daemon, whether or not the bus carried it."""

    at_ns: int
    id: str
    word: Word


@unique
class Mode(Enum):
    """What the daemon may claim about the infusion."""

    IDLE = "idle"
    READY = "ready"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    PAUSED = "paused"
    COMPLETED = "completed"
    ENDED = "ended"
    FAULT = "fault"
    UNKNOWN = "unknown"


MOVING_MODES = frozenset({Mode.STARTING, Mode.RUNNING})
"""Modes that claim that drug flows or is about to."""
HALTED_MODES = frozenset({Mode.STOPPING, Mode.PAUSED, Mode.COMPLETED, Mode.ENDED, Mode.FAULT, Mode.UNKNOWN})
"""Modes that claim an infusion that was halted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A mode as the daemon published it; repeats are welcome."""

    at_ns: int
    mode: Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmEpisode:
    """One episode of one alarm as published: from its raising until its condition was gone, None while it lasts."""

    raised_ns: int
    gone_ns: int | None
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedInterval:
    """What the journal says at `at_ns` that was given of the order by then."""

    at_ns: int
    low_nl: int
    high_nl: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What the daemon decided and what a replay of its journal decides, one line each, up to `at_ns`."""

    at_ns: int
    live: tuple[str, ...]
    replayed: tuple[str, ...]


@unique
class Path(Enum):
    """What a stop meets on its way."""

    CLEAR = "the daemon lives and the pump hears and obeys it"
    DEAD = "the daemon or the link is dead, only the pump's own lease is left"
    DEAF = "the daemon lives, and the pump misses or ignores its stops"


@dataclass(frozen=True, slots=True, kw_only=True)
class StopCondition:
    """Something true because of which flow must end, with the time that is left for it.

    It holds from `at_ns` to `until_ns`, both equal for a moment such as a press. `wire_within_ns` is None where no stop
    can reach the wire. `path` is what the times stand for; no invariant asks for it, reports group by it.
    """

    at_ns: int
    until_ns: int
    cause: str
    wire_within_ns: int | None
    rest_within_ns: int
    path: Path | None = None

    def __post_init__(self) -> None:
        if self.until_ns < self.at_ns:
            raise ValueError(f"stop condition {self.cause!r} ends at {self.until_ns} ns, before it began")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Something true from `from_ns` to `until_ns` because of which nothing may be started, whoever asks."""

    from_ns: int
    until_ns: int
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One run of the daemon's process: from its start until it was gone, None while it lives."""

    from_ns: int
    to_ns: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """The daemon's process stood still, as a stopped process or a suspended host does; None while it does."""

    from_ns: int
    to_ns: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What was ordered; all true flow from `from_ns` on counts towards it."""

    from_ns: int
    volume_nl: int
    rate_nl_h: int
    count_nl: int
    """The pump's resolution: what one run may fall short without anybody knowing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One run from its begin to `until_ns`; what happened later is not judged.

    `undisturbed` says that there was no fault, no unsafe sign and no halt by a person, so that the order must be given
    whole. `openings_ns` are the instants at which the daemon opened the pump's port, `keypad_starts_ns` those at which
    somebody started the pump at its own keys, `keypad_rates_ns` those at which somebody set another rate there.
    """

    until_ns: int
    order: Order
    lease_ns: int
    stop_latency_ns: int
    undisturbed: bool
    flow: tuple[FlowSegment, ...]
    wire: tuple[Bytes, ...]
    received: tuple[Received, ...]
    receipts: tuple[Receipt, ...]
    claims: tuple[Claim, ...]
    alarms: tuple[AlarmEpisode, ...]
    intervals: tuple[RecordedInterval, ...]
    replays: tuple[Replay, ...]
    stops: tuple[StopCondition, ...]
    lives: tuple[Life, ...]
    openings_ns: tuple[int, ...]
    keypad_starts_ns: tuple[int, ...]
    keypad_rates_ns: tuple[int, ...] = ()
    bars: tuple[Bar, ...] = ()
    stalls: tuple[Stall, ...] = ()

    def __post_init__(self) -> None:
        _in_order("flow", (segment.from_ns for segment in self.flow))
        _in_order("wire", (some.at_ns for some in self.wire))
        _in_order("received", (command.at_ns for command in self.received))
        _in_order("receipts", (receipt.at_ns for receipt in self.receipts))
        _in_order("claims", (claim.at_ns for claim in self.claims))
        _in_order("intervals", (interval.at_ns for interval in self.intervals))
        _in_order("lives", (life.from_ns for life in self.lives))
        _in_order("openings_ns", self.openings_ns)
        for segment, following in zip(self.flow, self.flow[1:], strict=False):
            if segment.to_ns is None or not segment.from_ns < segment.to_ns <= following.from_ns:
                raise ValueError(f"flow segment from {segment.from_ns} ns to {segment.to_ns} ns overlaps the next")


def _in_order(name: str, times_ns: Iterable[int]) -> None:
    last_ns: int | None = None
    for at_ns in times_ns:
        if last_ns is not None and at_ns < last_ns:
            raise ValueError(f"{name} is not in the order of time: {at_ns} ns comes after {last_ns} ns")
        last_ns = at_ns
