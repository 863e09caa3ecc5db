"""Records in turns: one event and what was decided on it. Parses what a session summary reads, and nothing else.

`QUIET` names the kinds that a summary leaves out, and why nothing is lost by it. Whatever is in neither list is handed
on by name: a newer pumpd may record what this one does not know, and it must not vanish.
"""

import typing
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pumpd.core.commands import CommandMalformed, CommandReceived
from pumpd.core.effects import AlarmsChanged, Decision, Effect, KeepEvidence, Receipt, SaveSession, WriteIntent
from pumpd.core.events import Booted, ClearanceSeen, ComfortPressed
from pumpd.core.ports import NibpFailed, NibpReading, PumpAttached, SamplesReceived
from pumpd.records.beginning import RunBegins
from pumpd.records.chain import Link
from pumpd.records.encoding import EncodingError, parse, registry
from pumpd.records.journal import GAP_KIND
from pumpd.records.replay import WIRE_KINDS
from pumpd.records.summary.axis import Axis

READ = (
    RunBegins,
    Booted,
    SamplesReceived,
    NibpReading,
    NibpFailed,
    PumpAttached,
    CommandReceived,
    ComfortPressed,
    ClearanceSeen,
    SaveSession,
    AlarmsChanged,
    Decision,
    Receipt,
    WriteIntent,
    KeepEvidence,
)
"""What a summary is made of."""
QUIET = WIRE_KINDS | {
    # the clock and the shell's own steps: what came of them stands in the decisions
    "DeadlineReached",
    "JournalConfirmed",
    "JournalFailed",
    "JournalRecovered",
    "TokenIssued",
    "SelfTested",
    "StateChanged",
    "TestItself",
    # supervision and sources: their loss is an alarm, their refusal a decision
    "BrokerConnected",
    "BrokerLost",
    "StationSeen",
    "SourceOnline",
    "SourceRefused",
    "CuffInflating",
    "ComfortSeen",
    "MonitorNotice",
    CommandMalformed.__name__,
    # the pump: what it proved is in the ledger of the session, what it did wrong is an alarm
    "PumpLinkUp",
    "PumpLinkDown",
    "PumpAttachFailed",
    "PumpStatus",
    "PumpCounter",
    "PumpAlarmed",
    "PumpPower",
    "Programmed",
    "ProgramFailed",
    "RunAnswered",
    "RateChanged",
    "RateChangeFailed",
    "SettingChanged",
    "ReplyLost",
    "ReplyDiscarded",
    "SendStop",
    "SettlePump",
    "PollPump",
    "ProgramPump",
    "SendRun",
    "LowerRate",
    "MeasureNibp",
}
_READ_KINDS = frozenset(kind.__name__ for kind in READ)
_EFFECTS = frozenset(kind.__name__ for kind in typing.get_args(Effect))
_TYPES = registry(*READ)


class SummaryError(ValueError):
    """A record that this pumpd cannot read; the message names it and says what to do."""


@dataclass(slots=True, kw_only=True)
class Turn:
    """One event, its decisions in order, and the names of what is not known here. `now_ns` is the run's own clock."""

    at_wall_ns: int
    now_ns: int
    seq: int
    boot: str
    event: object | None = None
    effects: list[object] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    """How many records a failing disk has lost in it."""

    @property
    def saved(self) -> SaveSession | None:
        """The session as it was recorded last in this turn."""
        return next((each for each in reversed(self.effects) if isinstance(each, SaveSession)), None)

    def decided(self, cause: str) -> Iterator[str]:
        """Yield what was decided in it on one ground."""
        yield from (each.text for each in self.effects if isinstance(each, Decision) and each.cause == cause)


def turns(links: Iterable[Link], axis: Axis) -> Iterator[Turn]:
    """Yield the turns of verified records; raises `SummaryError`."""
    turn: Turn | None = None
    for link in links:
        at_wall_ns = axis.place(link)
        if link.kind in WIRE_KINDS:
            continue
        # what is unknown may be an event: what was decided on it is then nobody else's doing
        if turn is None or not (link.kind in _EFFECTS or link.kind == GAP_KIND):
            if turn is not None:
                yield turn
            turn = Turn(at_wall_ns=at_wall_ns, now_ns=link.mono_ns, seq=link.seq, boot=link.boot)
            if link.kind in _READ_KINDS:
                turn.event = _parsed(link)
        elif link.kind in _READ_KINDS:
            turn.effects.append(_parsed(link))
        if link.kind == GAP_KIND:
            turn.lost += 1
        elif link.kind not in QUIET and link.kind not in _READ_KINDS:
            turn.unknown[link.kind] += 1
    if turn is not None:
        yield turn


def _parsed(link: Link) -> object:
    try:
        return parse(link.body, _TYPES)
    except EncodingError as error:
        raise SummaryError(f"record {link.seq}: {error}; use the pumpd that wrote it") from error
