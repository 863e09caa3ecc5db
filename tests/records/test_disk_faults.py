"""The real journal and the core on a disk that fails at any act: no run without a record, a pause, nothing lost.

Devices and people live in virtual time; the journal's thread and its file are real, and each step waits for them.
"""

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pumpd.core.commands import ReceiptState, Start
from pumpd.core.effects import Effect, WriteIntent
from pumpd.core.events import Event, JournalConfirmed, JournalFailed, JournalRecovered
from pumpd.core.modes import Mode
from pumpd.records import reader
from pumpd.records.encoding import canonical
from pumpd.records.journal import SqliteJournal
from tests.core.support import World, ready
from tests.records.support import Desk, FailingDisk

pytestmark = pytest.mark.req("LOG-01")

REPOSITORY = Path(__file__).resolve().parents[2]
STEP_S = 0.1
"""How much virtual time shares one commit."""


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
def recording(world: Recorded, path: Path, disk: FailingDisk) -> Iterator[None]:
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
    disk, world = FailingDisk(), Recorded()
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


_CHILD = """
import json, resource, sys
from pathlib import Path
from pumpd.records import reader
from tests.records.support import Desk, FailingDisk

path = Path(sys.argv[1])
free, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
log = path.with_name(path.name + "-wal")
for limit_bytes in map(int, sys.argv[2:]):
    for left in path.parent.iterdir():
        left.unlink()
    desk = Desk()
    journal = desk.open(path)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size + limit_bytes, hard))
    count, event = 0, ("", "")
    while event[0] != "failed":
        journal.append("fact", {"n": count, "words": "x" * 1_000}, count)
        journal.confirm(str(count))
        count, event = count + 1, desk.next()
    there = [each.seq for each in reader.read(path)]
    resource.setrlimit(resource.RLIMIT_FSIZE, (free, hard))
    reason = event[1]
    while event != ("durable", str(count - 1)):
        event = desk.next()
    journal.close()
    whole = reader.check(path, expected=journal.head) is None and journal.head.seq == count
    print(json.dumps([limit_bytes, count, len(there), whole, reason]), flush=True)
"""


@pytest.mark.process
def test_a_write_that_the_system_cuts_short_at_any_place_is_told_and_repeated(path: Path) -> None:
    limits = [0, 1, 23, 24, 25, 31, 4_095, 4_096, 4_120, *range(4_121, 40_000, 2_777)]
    words = [sys.executable, "-c", _CHILD, str(path), *map(str, limits)]
    child = subprocess.run(words, capture_output=True, text=True, check=False, timeout=50, cwd=REPOSITORY)
    assert child.returncode == 0, child.stderr
    found = [json.loads(line) for line in child.stdout.splitlines()]
    assert [limit for limit, *_ in found] == limits
    for limit, count, there, whole, reason in found:
        assert whole, limit
        assert there == count - 1, "what was confirmed was there while the disk failed, and nothing else"
        assert reason.startswith(f"{path}: the journal cannot be written: the disk "), reason
    assert found[-1][1] > 5


_INTRUDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.mark.process
@pytest.mark.req("COMM-11")
def test_another_program_that_locks_the_file_is_told_within_two_seconds(path: Path) -> None:
    desk = Desk()
    journal = desk.open(path)
    words = [sys.executable, "-c", _INTRUDER, str(path)]
    try:
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as intruder:
            assert intruder.stdout is not None
            assert intruder.stdout.readline() == "locked\n"
            begun_s = time.monotonic()
            journal.append("intent", {"n": 0}, 1)
            journal.confirm("intent")
            kind, reason = desk.next()
            took_s = time.monotonic() - begun_s
            there = list(reader.read(path))
            intruder.communicate("")
        assert {desk.next(), desk.next()} == {("recovered", ""), ("durable", "intent")}
    finally:
        journal.close()
    assert (kind, there) == ("failed", [])
    assert "another program has locked it; end that program" in reason
    assert took_s < 2.0
    assert reader.check(path, expected=journal.head) is None
