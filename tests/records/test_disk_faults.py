"""The real journal and the core on a disk that fails at any act: no run without a record, a pause, nothing lost.

Devices and people live in virtual time; the journal's thread and its file are real, and each step waits for them.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pumpd.core.commands import ReceiptState, Start
from pumpd.core.effects import Effect, WriteIntent
from pumpd.core.events import Event, JournalConfirmed, JournalFailed, JournalRecovered
from pumpd.core.modes import Mode
from pumpd.records import database, reader
from pumpd.records.encoding import canonical
from pumpd.records.journal import SqliteJournal
from tests.core.support import World, ready
from tests.records.support import Desk

pytestmark = pytest.mark.req("LOG-01")

STEP_S = 0.1
"""How much virtual time shares one commit."""


class Disk:
    """Fails from the n-th act after `arm` on, until it is healed. Acts are what the writer asks of SQLite."""

    def __init__(self) -> None:
        self.acts = 0
        self._fails_at: int | None = None
        self._error = sqlite3.OperationalError()
        self._too_late = False

    def arm(self, act: int, words: str, code: int, *, too_late: bool = False) -> None:
        """Fail at act `act` from now on; `too_late` lets a commit happen and then calls it failed."""
        self._error = sqlite3.OperationalError(words)
        self._error.sqlite_errorcode = code
        self._too_late = too_late
        self._fails_at = self.acts + act

    def heal(self) -> None:
        self._fails_at = None

    @property
    def fails(self) -> bool:
        return self._fails_at is not None and self.acts > self._fails_at

    def _act(self) -> None:
        self.acts += 1
        if self.fails:
            raise self._error

    def connect(self, path: Path) -> sqlite3.Connection:
        disk = self

        class Connection(sqlite3.Connection):
            def execute(self, *arguments: str) -> sqlite3.Cursor:  # type: ignore[override]
                if arguments[0].startswith("BEGIN"):
                    disk._act()
                return super().execute(*arguments)

            def executemany(self, *arguments: object) -> sqlite3.Cursor:  # type: ignore[override]
                disk._act()
                return super().executemany(*arguments)  # type: ignore[arg-type]

            def commit(self) -> None:
                if disk._too_late and disk._fails_at is not None and disk.acts >= disk._fails_at:
                    disk.acts += 1
                    super().commit()
                    raise disk._error
                disk._act()
                super().commit()

        return database.connect(path, factory=Connection)


@dataclass
class Recorded(World):
    """A world with a real journal: all that happens is recorded, and an intent waits for the disk."""

    desk: Desk = field(default_factory=Desk)
    journal: SqliteJournal | None = None
    recorded: list[tuple[str, str]] = field(default_factory=list)
    barriers: int = 0

    def tell(self, event: Event) -> list[Effect]:
        self._record(event)
        return super().tell(event)

    def _carry_out(self, effect: Effect) -> None:
        self._record(effect)
        if isinstance(effect, WriteIntent):
            self.the_journal.confirm(effect.token)
        else:
            super()._carry_out(effect)

    @property
    def the_journal(self) -> SqliteJournal:
        assert self.journal is not None
        return self.journal

    def _record(self, body: object) -> None:
        self.recorded.append((type(body).__name__, canonical(body)))
        self.the_journal.append(type(body).__name__, body, self.now_ns)

    def step(self, count: int = 1) -> None:
        """Let time pass, then wait for the disk and hear what it says."""
        for _ in range(count):
            self.advance(STEP_S)
            self.hear()

    def hear(self) -> None:
        """Wait until the disk has answered for all that was recorded."""
        self.barriers += 1
        barrier = f"barrier {self.barriers}"
        self.the_journal.confirm(barrier)
        while self._hear_one() not in {("durable", barrier), ("failed", self.core.state.journal_error)}:
            pass

    def hear_until_recovered(self) -> None:
        """Wait until the disk works again and all that waited is written."""
        while self._hear_one() != ("recovered", ""):
            pass
        self.hear()

    def _hear_one(self) -> tuple[str, str]:
        what, detail = self.desk.next()
        match what:
            case "recovered":
                self.tell(JournalRecovered())
            case "failed":
                self.tell(JournalFailed(reason=detail))
            case "durable" if not detail.startswith("barrier"):
                self.tell(JournalConfirmed(token=detail))
        return what, detail


@contextmanager
def recording(world: Recorded, path: Path, disk: Disk) -> Iterator[None]:
    """Bring a world over a real journal to where everything is ready for a start."""
    world.journal = world.desk.open(path, connect=disk.connect)
    try:
        ready(world)
        world.hear()
        yield
    finally:
        disk.heal()
        world.journal.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bed1.journal"


FULL = "the disk is full; free some space (database or disk is full)"
BROKEN = "the disk reports an input or output error; check the disk (disk I/O error)"
FAULTS = {
    "full": (FULL, "database or disk is full", sqlite3.SQLITE_FULL, False),
    "error": (BROKEN, "disk I/O error", sqlite3.SQLITE_IOERR_FSYNC, False),
    "too late": (BROKEN, "disk I/O error", sqlite3.SQLITE_IOERR_FSYNC, True),
}


@pytest.mark.parametrize("act", range(0, 66, 3))
@pytest.mark.parametrize("fault", FAULTS)
def test_from_any_act_on_a_failing_disk_starts_nothing_pauses_and_loses_nothing(
    path: Path, fault: str, act: int
) -> None:
    sentence, words, code, too_late = FAULTS[fault]
    disk, world = Disk(), Recorded()
    with recording(world, path, disk):
        disk.arm(act, words, code, too_late=too_late)
        assert world.start().state is ReceiptState.ACCEPTED
        while not disk.fails:
            world.step()
        before = [(each.kind, each.body) for each in reader.read(path)]
        world.step(40)
        state = world.core.state
        assert state.journal_error == f"{path}: the journal cannot be written: {sentence}"
        intended = any(kind == "WriteIntent" for kind, _ in before)
        assert intended or not world.runs_sent, "a run without a record"
        assert world.mode is (Mode.PAUSED if world.runs_sent else Mode.READY)
        assert world.pump.moving_since_ns is None
        alarm = next(alarm for alarm in state.alarms.listed if alarm.id == "journal")
        assert alarm.text == f"the record cannot be written: {state.journal_error}"
        assert world.answer("anna", Start(order_hash=world.order_hash)).state is ReceiptState.REFUSED

        disk.heal()
        world.hear_until_recovered()
        given_nl, sent = world.pump.given_nl, list(world.runs_sent)
        world.step(50)
        assert world.pump.given_nl == given_nl
        assert world.runs_sent == sent, "nothing resumes by itself"
        written = [(each.kind, each.body) for each in reader.read(path)]
        assert written == world.recorded
        assert written[: len(before)] == before

        world.acknowledge_all()
        answer = world.resume() if sent else world.start()
        assert answer.state is ReceiptState.ACCEPTED, answer
        world.step(20)
        assert world.mode is Mode.RUNNING
        assert len(world.runs_sent) == len(sent) + 1
    assert reader.check(path) is None
