"""What the shell tells the core besides the facts of drivers and the commands of people."""

from dataclasses import dataclass
from enum import Enum, unique

from pumpd.core.alarms import Alarms
from pumpd.core.clearance import Clearance
from pumpd.core.commands import CommandMalformed, CommandReceived
from pumpd.core.ports import MonitorEvent, PumpFact
from pumpd.core.session import SessionRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Booted:
    """The daemon is up. `recovered` is the session the journal holds, if any; `seen_ids` have acted before.

    `wall_ns` is the wall time since 1970 at `real_ns`: people are told times by it, and nothing is judged by it.
    """

    boot: str
    bed: str
    recovered: SessionRecord | None
    alarms: Alarms  # as the daemon listed them before
    seen_ids: tuple[str, ...]
    real_ns: int
    wall_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PumpLinkUp:
    """The pump's port is open; the driver has begun its start-up recipe, which begins with a stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PumpLinkDown:
    """The pump's port is gone. `last_packet_ns` is when the last packet that could renew the lease was written."""

    reason: str
    last_packet_ns: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineReached:
    """The timer that `next_deadline_ns` asked for, or any other reason to look again."""

    real_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalConfirmed:
    """Everything appended before `confirm(token)` is durable."""

    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalFailed:
    """The journal cannot be written."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRecovered:
    """The journal can be written again and has lost nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenIssued:
    """A heartbeat with this random token is about to be published."""

    token: str
    real_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerConnected:
    """The bus is there."""

    real_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerLost:
    """The bus is gone."""

    reason: str
    real_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StationSeen:
    """A nurse's station said that it is watching, and how long ago somebody answered its audible test."""

    user: str
    token: str  # of the newest heartbeat that it was shown
    real_ns: int
    test_age_ns: int | None = None  # None: never, or so long ago that no profile counts it


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTested:
    """What a self-test has found, as facts: each fault in a sentence, None where there is none (requirement START-03).

    `begun_ns` is the core's time of the question. None for `free_bytes` is unknown, which is not zero.
    """

    begun_ns: int
    free_bytes: int | None
    storage_fault: str | None  # a record was not written and read back, or the journal is not the one it was
    profile_fault: str | None  # the profile's file is not what it was when the daemon read it
    alarm_fault: str | None
    clock_fault: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearanceSeen:
    """What the clinic now says of this bed. None for `clearance`: nothing, or what `trouble` says is of no use."""

    clearance: Clearance | None
    trouble: str | None = None


@unique
class Trouble(Enum):
    """Why messages of a source on the bus are not used."""

    IDENTITY = "identity"  # another patient's, bed's or session's, or another source's
    CLOCK = "clock"  # measured in the future
    DEMO = "demo"  # a demonstration, in clinical mode
    FORM = "form"  # not what the contract says: code, name, unit, number, time
    OFFLINE = "offline"  # the source, or its will, says that it has gone


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRefused:
    """A source on the bus gave something that is not used, and people must know."""

    source: str
    trouble: Trouble
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOnline:
    """A source on the bus says that it is there."""

    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CuffInflating:
    """A cuff on the bus begins or ends to inflate; `limb_shared` says that the probe is on the same limb."""

    source: str
    limb_shared: bool
    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ComfortSeen:
    """The patient's comfort button is there and not pressed."""

    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComfortPressed:
    """The patient presses the comfort button."""

    source: str


BusEvent = SourceRefused | SourceOnline | CuffInflating | ComfortSeen | ComfortPressed

Event = (
    Booted
    | PumpLinkUp
    | PumpLinkDown
    | DeadlineReached
    | JournalConfirmed
    | JournalFailed
    | JournalRecovered
    | TokenIssued
    | BrokerConnected
    | BrokerLost
    | StationSeen
    | SelfTested
    | CommandReceived
    | CommandMalformed
    | MonitorEvent
    | PumpFact
    | BusEvent
    | ClearanceSeen
)
