"""What the shell tells the core besides the facts of drivers and the commands of people."""

from dataclasses import dataclass

from pumpd.core.alarms import Alarms
from pumpd.core.commands import CommandMalformed, CommandReceived
from pumpd.core.ports import MonitorEvent, PumpFact
from pumpd.core.session import SessionRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Booted:
    """The daemon is up. `recovered` is the session the journal holds, if any; `seen_ids` have acted before."""

    boot: str
    bed: str
    recovered: SessionRecord | None
    alarms: Alarms  # as the daemon listed them before
    seen_ids: tuple[str, ...]


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
    """A nurse's station said that it is watching."""

    user: str
    real_ns: int


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
    | CommandReceived
    | CommandMalformed
    | MonitorEvent
    | PumpFact
)
