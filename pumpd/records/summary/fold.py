"""From the verified records of a journal to its sessions. Pure.

A session begins with the turn that records its order and ends when its observation does. What is recorded in between
belongs to it; what a bed without a session saw belongs to none.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pumpd.core.alarms import Alarms
from pumpd.core.clearance import Clearance
from pumpd.core.commands import (
    Acknowledge,
    Assess,
    Close,
    CommandReceived,
    ReceiptState,
    Resume,
    Score,
    Start,
    Symptom,
    kind_of,
)
from pumpd.core.effects import AlarmsChanged, Decision, Receipt, WriteIntent
from pumpd.core.events import ClearanceSeen, ComfortPressed
from pumpd.core.phase import OVER_MODES
from pumpd.core.ports import PumpAttached
from pumpd.core.session import SessionRecord
from pumpd.records.beginning import RunBegins
from pumpd.records.chain import ChainError, Head, Link, genesis
from pumpd.records.database import Identity
from pumpd.records.summary.axis import Axis
from pumpd.records.summary.deeds import Deeds
from pumpd.records.summary.discharge import Discharge
from pumpd.records.summary.episodes import Episodes
from pumpd.records.summary.flow import Flow
from pumpd.records.summary.model import LimitMoved, Note, NotedSign, OtherRecords, Overridden, Session, Told
from pumpd.records.summary.modes import Modes, pauses
from pumpd.records.summary.signs import Signs
from pumpd.records.summary.turns import SummaryError, Turn, turns

UNTOLD = frozenset({"versions"})
"""Decisions that a report tells in a place of their own."""


@dataclass(slots=True, kw_only=True)
class _Bed:
    """What holds at the bed whether or not there is a session."""

    run: RunBegins | None = None
    pump: PumpAttached | None = None
    alarms: Alarms = field(default_factory=Alarms)
    clearances: dict[str, Clearance] = field(default_factory=dict)
    """What the clinic has said of the bed so far, by the hash that an order quotes."""


class _Open:
    """A session whose records still come."""

    def __init__(self, turn: Turn, record: SessionRecord, bed: _Bed) -> None:
        if bed.run is None:
            raise SummaryError(f"record {turn.seq}: a session without the settings of its run; use the whole journal")
        self.run = bed.run
        self.record = record
        self.baseline = record.baseline
        self.begun_wall_ns = self.last_wall_ns = turn.at_wall_ns
        self.over_wall_ns: int | None = None
        self.closed_wall_ns: int | None = None
        self.closed_by: str | None = None
        self.pump = bed.pump
        self.programs: dict[str, None] = {}
        self.profiles: dict[str, None] = {}
        self.boots: dict[str, None] = {}
        self.lost = 0
        self.intended_by: str | None = None
        self.unknown: Counter[str] = Counter()
        self.notes: list[Note] = []
        self.symptoms: list[NotedSign] = []
        self.limits: list[LimitMoved] = []
        self.clearance = bed.clearances.get(record.order.clearance_hash)
        self.overrides: list[Overridden] = []
        self.modes, self.flow, self.signs, self.discharge = Modes(), Flow(), Signs(), Discharge()
        self.deeds, self.episodes = Deeds(), Episodes()
        self.episodes.take(bed.alarms, turn.at_wall_ns)

    def take(self, turn: Turn, axis: Axis, bed: _Bed) -> None:
        """Take one turn of this session."""
        self.last_wall_ns = turn.at_wall_ns
        self.boots[turn.boot] = None
        self.pump = bed.pump or self.pump
        if bed.run is not None:
            profile = bed.run.profile
            self.programs[bed.run.program] = None
            self.profiles[f"{profile.name} version {profile.version} ({profile.hash})"] = None
        self.lost += turn.lost
        self.unknown += turn.unknown
        self.signs.take(turn, axis)
        if isinstance(turn.event, CommandReceived):
            self._command(turn, turn.event)
        elif isinstance(turn.event, ComfortPressed):
            self.symptoms.append(
                NotedSign(
                    at_wall_ns=turn.at_wall_ns, symptom="comfort button pressed", ends=False, by=turn.event.source
                )
            )
        for effect in turn.effects:
            match effect:
                case Decision() if effect.cause not in UNTOLD:
                    self.notes.append(Note(at_wall_ns=turn.at_wall_ns, cause=effect.cause, text=effect.text))
                case AlarmsChanged():
                    self.episodes.take(effect.alarms, turn.at_wall_ns)
                case Receipt():
                    self.deeds.answered(effect)
                case WriteIntent():
                    self.intended_by = effect.user
                case _:
                    pass
        if turn.saved is not None:
            self._saved(turn, turn.saved.record)

    def _command(self, turn: Turn, received: CommandReceived) -> None:
        is_new = self.deeds.take(received, self.run.settings.operators, turn.at_wall_ns)
        command = received.command
        if isinstance(command, Start | Resume) and any(turn.decided("override")):
            self.overrides.append(
                Overridden(
                    at_wall_ns=turn.at_wall_ns,
                    what=kind_of(command),
                    by=received.user,
                    reason=command.override_reason.strip(),
                )
            )
        if is_new and isinstance(command, Symptom):
            self.symptoms.append(
                NotedSign(
                    at_wall_ns=turn.at_wall_ns, symptom=command.symptom.value, ends=command.ends, by=received.user
                )
            )
        elif is_new and _was_done(turn, received):
            match command:
                case Assess():
                    self.signs.assessed(command, received.user, turn.at_wall_ns)
                case Score():
                    self.signs.felt(command, received.user, turn.at_wall_ns)
                case Acknowledge():
                    self.episodes.acknowledged(command, received.user, turn.at_wall_ns)
                case Close():
                    self.discharge.signed(turn, command, received.user)
                case _:
                    pass

    def _saved(self, turn: Turn, record: SessionRecord) -> None:
        at_wall_ns = turn.at_wall_ns
        self.modes.take(turn, record)
        self.flow.take(record, now_ns=turn.now_ns, at_wall_ns=at_wall_ns, by=self.intended_by)
        self.discharge.take(record, at_wall_ns)
        for change in record.limits:
            if change not in self.record.limits:
                self.limits.append(
                    LimitMoved(
                        at_wall_ns=at_wall_ns,
                        rule=change.rule,
                        limit=change.limit,
                        by=change.by,
                        confirmed_by=change.confirmed_by,
                        reason=change.reason or None,
                    )
                )
        if record.mode in OVER_MODES:
            self.over_wall_ns = at_wall_ns if self.over_wall_ns is None else self.over_wall_ns
            if record.observed_ns is None:
                self.closed_wall_ns = at_wall_ns
                self.closed_by = turn.event.user if isinstance(turn.event, CommandReceived) else None
        self.baseline = record.baseline or self.baseline  # a session that is closed has none any more
        self.record = record

    def session(self, bed_name: str) -> Session:
        """Return what came of it."""
        record, modes = self.record, self.modes.spans
        rates = tuple(self.flow.rates)
        newest = self.flow.delivered[-1]
        return Session(
            session=record.session,
            bed=bed_name,
            simulated=self.run.simulated,
            programs=tuple(self.programs),
            versions=self.run.versions,
            profile=self.run.profile,
            profiles=tuple(self.profiles),
            roles=self.run.settings.operators,
            order=record.order,
            pump=self.pump,
            begun_wall_ns=self.begun_wall_ns,
            first_run_wall_ns=rates[0].since_wall_ns if rates else None,
            over_wall_ns=self.over_wall_ns,
            closed_wall_ns=self.closed_wall_ns,
            last_wall_ns=self.last_wall_ns,
            mode=record.mode,
            confirmed_by=record.confirmed_by,
            started_by=record.started_by,
            closed_by=self.closed_by,
            baseline=self.baseline,
            low_nl=newest.low_nl,
            high_nl=newest.high_nl,
            restarts=len(self.boots) - 1,
            lost=self.lost,
            modes=tuple(modes),
            pauses=pauses(modes),
            rates=rates,
            delivered=tuple(self.flow.delivered),
            signs=tuple(self.signs.signs),
            cuff=tuple(self.signs.cuff),
            limits=tuple(self.limits),
            alarms=self.episodes.found,
            symptoms=tuple(self.symptoms),
            scores=tuple(self.signs.scores),
            deeds=self.deeds.found,
            notes=tuple(self.notes),
            clearance=self.clearance,
            overrides=tuple(self.overrides),
            account=self.discharge.account,
            attested=self.discharge.attested,
            leaving=self.discharge.leaving,
            others=others(self.unknown),
        )


def _was_done(turn: Turn, received: CommandReceived) -> bool:
    words = (each for each in turn.effects if isinstance(each, Receipt) and each.command_id == received.id)
    return any(each.state is ReceiptState.VERIFIED for each in words)


class Fold:
    """Takes a journal's turns in their order."""

    def __init__(self) -> None:
        self._found: dict[str, _Open] = {}
        self._present: _Open | None = None
        self._bed = _Bed()
        self.unknown: Counter[str] = Counter()
        self.lost = 0

    def take(self, turn: Turn, axis: Axis) -> None:
        """Take one turn."""
        self.unknown += turn.unknown
        self.lost += turn.lost
        if isinstance(turn.event, RunBegins):
            # a daemon that comes up has no session until it says that it has recovered one
            self._bed.run, self._present = turn.event, None
        elif isinstance(turn.event, PumpAttached):
            self._bed.pump = turn.event
        elif isinstance(turn.event, ClearanceSeen) and turn.event.clearance is not None:
            self._bed.clearances[turn.event.clearance.hash] = turn.event.clearance
        saved = turn.saved
        if saved is not None:
            self._present = self._of(saved.record, turn)
        if self._present is not None:
            self._present.take(turn, axis, self._bed)
            if self._present.closed_wall_ns is not None:
                self._present = None
        for effect in turn.effects:
            if isinstance(effect, AlarmsChanged):
                self._bed.alarms = effect.alarms

    def _of(self, record: SessionRecord, turn: Turn) -> _Open | None:
        known = self._found.get(record.session)
        if known is None:
            known = self._found[record.session] = _Open(turn, record, self._bed)
        is_over = record.mode in OVER_MODES and record.observed_ns is None
        if known.closed_wall_ns is not None:
            if is_over:
                return None
            known.closed_wall_ns = known.closed_by = known.discharge.leaving = (
                None  # something flowed after all: it is observed again
            )
        return known

    def sessions(self, bed: str) -> tuple[Session, ...]:
        """Return the sessions, the oldest first."""
        return tuple(each.session(bed) for each in self._found.values())


def others(unknown: Mapping[str, int]) -> tuple[OtherRecords, ...]:
    """Return how many records there are of each kind that is not known here."""
    return tuple(OtherRecords(kind=kind, count=count) for kind, count in sorted(unknown.items()))


def told(links: Iterable[Link], identity: Identity) -> Told:
    """Return what verified records tell; `links` may end in a `ChainError`. Raises `SummaryError`."""
    axis, fold = Axis(), Fold()
    read = _Read(links, genesis(identity.journal_id))
    for turn in turns(read, axis):
        fold.take(turn, axis)
    return Told(
        identity=identity,
        head=read.head,
        sessions=fold.sessions(identity.bed),
        broken=read.broken,
        lost=fold.lost,
        others=others(fold.unknown),
        strayed_ns=axis.strayed_ns,
    )


class _Read:
    """Hands records on up to the first that does not fit, and keeps where that was."""

    def __init__(self, links: Iterable[Link], start: Head) -> None:
        self._links = links
        self.head = start
        self.broken: ChainError | None = None

    def __iter__(self) -> Iterator[Link]:
        try:
            for link in self._links:
                self.head = link.head
                yield link
        except ChainError as error:
            self.broken = error
