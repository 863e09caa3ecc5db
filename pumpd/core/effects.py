"""What the core wants done. The shell carries effects out in order, in the same callback; a stop is always first."""

from dataclasses import dataclass

from pumpd.core.alarms import Alarms, Priority
from pumpd.core.commands import ReceiptState
from pumpd.core.evidence import Evidence
from pumpd.core.ports import RunOrder
from pumpd.core.session import SessionRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class SendStop:
    """Write the driver's prebuilt stop bytes now, before anything else, and tell the driver."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlePump:
    """Rest is confirmed: the driver stops sending stops and polls freely."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PollPump:
    """Ask for status and counter once; while the pump moves this renews its lease."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramPump:
    """Program one run and read it back."""

    order: RunOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteIntent:
    """Make durable that a run is about to be given, then say so with `JournalConfirmed(token)`."""

    token: str
    order: RunOrder
    user: str
    command_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRun:
    """Start the programmed run; sent once."""

    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LowerRate:
    """Send a running pump the lower rate of this order, once, and read it back."""

    order: RunOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureNibp:
    """Start one cuff cycle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Tell a person what became of a command."""

    user: str
    command_id: str
    kind: str
    state: ReceiptState
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged:
    """Mode, order, limits, interlocks or alarms have changed; `rev` numbers the new state."""

    rev: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmsChanged:
    """The alarm list is not what it was: publish it, sound the highest priority that is to be heard, and record it.

    A restarted daemon lists what the newest such record holds, whether or not there is a session.
    """

    sound: Priority | None
    alarms: Alarms


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Something the core decided, with what led to it: the line a person reads in the record."""

    cause: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveSession:
    """Record the session as a restarted daemon must know it."""

    record: SessionRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepEvidence:
    """Record what a halt that no human asked for was decided on (requirement LOG-06)."""

    evidence: Evidence


Effect = (
    SendStop
    | SettlePump
    | PollPump
    | ProgramPump
    | WriteIntent
    | SendRun
    | LowerRate
    | MeasureNibp
    | Receipt
    | StateChanged
    | AlarmsChanged
    | Decision
    | SaveSession
    | KeepEvidence
)
