"""The journal of a real run, cut and torn at every byte: it opens with all that was durable, or is refused.

What SQLite promises of its log is not taken on trust: each torn file is opened by the ordinary code. Outcomes count as
equal when the files that they leave are equal byte by byte; each different one is examined whole.
"""

import itertools
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
import structlog

from pumpd.bedside.recovery import recover, recover_alarms, seen_ids
from pumpd.core.controller import Core
from pumpd.core.effects import SendRun, SendStop, WriteIntent
from pumpd.core.events import Booted, PumpLinkUp
from pumpd.core.modes import Mode
from pumpd.records import database, reader
from pumpd.records.chain import Link
from pumpd.records.database import Identity, JournalError
from pumpd.records.journal import GROUP_WINDOW_NS
from simulators.harness.virtual.bay import BED, Bay, load_bed
from simulators.harness.virtual.nurse import begin
from tests.core.support import T0, settings
from tests.records.support import Desk

pytestmark = pytest.mark.req("LOG-02", "LOG-04")

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE_BYTES = 4_096
HEADER_BYTES, FRAME_BYTES = 32, 24 + PAGE_BYTES
"""Of a log (SQLite, "WAL-mode File Format")."""
SECTOR_BYTES = 512
STRIDE = 509
"""A sample falls on ever other places within a frame: this is a prime."""
EARLIER, LOGGED, LATER = 3, 12, 8
"""Commits in the log that is torn: before the intent, in all; and those that begin the log anew."""


@dataclass(frozen=True, kw_only=True)
class Disk:
    """What lies on the disk: the database file, and its log if there is one."""

    db: bytes
    wal: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class Log:
    """A log as it grew: its bytes at the end, its length and the last record as each commit returned."""

    first_seq: int
    wal: bytes
    marks: list[tuple[int, int]]

    def durable(self, length: int) -> int:
        """Return the last record that was durable when the log was so long."""
        return max((seq for size, seq in self.marks if size <= length), default=self.first_seq - 1)

    def cuts(self, *, every_byte: bool) -> Iterable[int]:
        """Return the lengths to try: all of them, or a sample with every frame's ends and the bytes beside."""
        length = len(self.wal)
        if every_byte:
            return range(length + 1)
        ends = [place + by for place in range(HEADER_BYTES, length + 1, FRAME_BYTES) for by in (-1, 0, 1, 24)]
        return sorted({0, 1, length, *range(0, length, STRIDE), *(cut for cut in ends if cut <= length)})


@dataclass(frozen=True, kw_only=True)
class Written:
    """A journal on a disk that kept everything, with what lay there in between."""

    links: list[Link]
    db: bytes  # with all that came before the log
    log: Log
    checkpointed: bytes  # `db` with all of the log in it
    second: Log  # the same log, begun anew over its own beginning


@pytest.fixture(scope="module")
def written() -> Written:
    """Return the journal of a short real run: an order, a start, an infusion."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    with Bay(load_bed(REPOSITORY / "config"), seed=1) as bay:

        async def scenario() -> None:
            anna, ben = bay.nurse("anna"), bay.nurse("ben")
            bay.start_daemon()
            assert await begin(anna, ben)
            await bay.clock.pass_s(5)

        bay.run(scenario())
        links = list(bay.store.links)
    structlog.reset_defaults()
    with tempfile.TemporaryDirectory() as name:
        return write(Path(name) / "whole.journal", links)


@pytest.fixture
def path() -> Iterator[Path]:
    """Return a journal's place in memory where there is one: thousands are made, and none need last."""
    memory = Path("/dev/shm")  # noqa: S108 - only as the parent of a folder of our own
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        yield Path(name) / "bed1.journal"


def groups(links: list[Link]) -> Iterator[list[Link]]:
    """Yield records as the journal commits them: what comes within its window, and an intent at once."""
    group: list[Link] = []
    for each in links:
        if group and (each.mono_ns - group[0].mono_ns > GROUP_WINDOW_NS or group[-1].kind == WriteIntent.__name__):
            yield group
            group = []
        group.append(each)
    yield group


def write(path: Path, run: list[Link]) -> Written:
    """Write the run by the means of the daemon, and look at the disk in between."""
    in_order = list(groups(run))
    intent = next(index for index, group in enumerate(in_order) if group[-1].kind == WriteIntent.__name__)
    start = intent - EARLIER
    identity = Identity(journal_id=f"virtual-{BED}", bed=BED, created_utc="2026-01-01T08:00:00Z")
    with closing(database.connect(path)) as connection:
        database.prepare(connection, path, identity=identity)
        for group in in_order[:start]:
            database.insert(connection, group)
    assert not log_of(path).exists(), "closing leaves no log"
    db = path.read_bytes()
    with closing(database.connect(path)) as connection:
        log = grow(connection, path, in_order[start : start + LOGGED])
        assert path.read_bytes() == db, "nothing was checkpointed yet"
        assert connection.execute("PRAGMA wal_checkpoint").fetchone()[0] == 0
        checkpointed = path.read_bytes()
        later = in_order[start + LOGGED : start + LOGGED + LATER]
        second = grow(connection, path, later)
    links = [each for group in in_order[: start + LOGGED + LATER] for each in group]
    return Written(links=links, db=db, log=log, checkpointed=checkpointed, second=second)


def grow(connection: sqlite3.Connection, path: Path, in_order: list[list[Link]]) -> Log:
    marks = []
    for group in in_order:
        database.insert(connection, group)
        marks.append((extent(log_of(path).read_bytes()), group[-1].seq))
    wal = log_of(path).read_bytes()[: marks[-1][0]]
    return Log(first_seq=in_order[0][0].seq, wal=wal, marks=marks)


def extent(wal: bytes) -> int:
    """Return how far the frames go that belong to the log's header: older ones may lie behind them."""
    salts = wal[16:24]
    end = HEADER_BYTES
    while wal[end + 8 : end + 16] == salts:
        end += FRAME_BYTES
    return end


def lay_down(path: Path, disk: Disk) -> None:
    for left in path.parent.iterdir():
        left.unlink()
    path.write_bytes(disk.db)
    if disk.wal is not None:
        log_of(path).write_bytes(disk.wal)


def log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


class Examiner:
    """Opens what lies on a disk as a starting daemon does, and says which record is the last, or why it is refused."""

    def __init__(self, path: Path, links: list[Link]) -> None:
        self.outcomes = 0
        self._path = path
        self._links = links
        self._known: dict[bytes, int | str] = {}

    def last(self, disk: Disk) -> int | str:
        """Return the last record of the journal that is found there, or the sentence with which it is refused."""
        lay_down(self._path, disk)
        with suppress(sqlite3.DatabaseError):  # its words are for the whole opening to find
            database.connect(self._path).close()  # puts into the file what is good in the log
        assert not log_of(self._path).exists()
        found = self._path.read_bytes()
        if found not in self._known:
            self._known[found] = self._opened()
        return self._known[found]

    def _opened(self) -> int | str:
        try:
            Desk().open(self._path, bed=BED).close()
        except JournalError as refusal:
            return str(refusal)
        return self._examined()

    def _examined(self) -> int:
        path = self._path
        assert reader.check(path) is None
        links = list(reader.read(path))
        assert links == self._links[: len(links)], "what was recorded is there as it was"
        core = Core(settings())
        booted = list(core.handle(_booted(path), T0))
        opened = list(core.handle(PumpLinkUp(), T0))
        assert isinstance(opened[0], SendStop)
        assert not any(isinstance(effect, SendRun | WriteIntent) for effect in booted + opened)
        authorised = any(each.kind == WriteIntent.__name__ for each in links)
        self.outcomes += 1
        assert core.state.mode is (Mode.UNKNOWN if authorised else Mode.IDLE)
        assert not core.permission(T0)
        return len(links)


LENGTHS = [False, pytest.param(True, marks=[pytest.mark.long, pytest.mark.timeout(3_600)])]


@pytest.mark.parametrize("every_byte", LENGTHS)
def test_a_log_cut_at_any_byte_opens_with_what_was_durable(path: Path, written: Written, *, every_byte: bool) -> None:
    examiner, log = Examiner(path, written.links), written.log
    for cut in log.cuts(every_byte=every_byte):
        assert examiner.last(Disk(db=written.db, wal=log.wal[:cut])) == log.durable(cut), cut
    assert examiner.outcomes == len(log.marks) + 1


@pytest.mark.parametrize("every_byte", LENGTHS)
def test_a_log_begun_anew_over_an_old_one_and_cut_at_any_byte(
    path: Path, written: Written, *, every_byte: bool
) -> None:
    examiner, old, new = Examiner(path, written.links), written.log, written.second
    assert len(new.wal) < len(old.wal), "some of the old log lies behind the new one"
    for cut in new.cuts(every_byte=every_byte):
        wal = new.wal[:cut] + old.wal[cut:]
        whole = cut  # the old log's next bytes may happen to be the new one's, which are then there as well
        while whole < len(new.wal) and old.wal[whole] == new.wal[whole]:
            whole += 1
        assert examiner.last(Disk(db=written.checkpointed, wal=wal)) == new.durable(whole), cut
    assert examiner.outcomes == len(new.marks) + 1


@pytest.mark.parametrize("every_byte", LENGTHS)
def test_a_checkpoint_cut_off_at_any_byte_loses_nothing(path: Path, written: Written, *, every_byte: bool) -> None:
    examiner, log = Examiner(path, written.links), written.log
    before, after = written.db, written.checkpointed
    for cut in range(0, len(after) + 1, 1 if every_byte else STRIDE):
        db = after[:cut] + before[cut:]
        assert examiner.last(Disk(db=db, wal=log.wal)) == log.durable(len(log.wal)), cut


def test_the_sectors_under_way_may_lie_there_in_any_mixture(path: Path, written: Written) -> None:
    examiner, log = Examiner(path, written.links), written.log
    rng = Random(8)  # noqa: S311 - a test, to be repeated
    for (synced, seq), (end, _) in itertools.pairwise(log.marks):
        for _ in range(20):
            torn = bytearray(log.wal[:end])
            for sector in range(synced, end, SECTOR_BYTES):
                if rng.random() < 0.3:
                    torn[sector : sector + SECTOR_BYTES] = bytes(min(SECTOR_BYTES, end - sector))
            if torn != log.wal[:end]:
                assert examiner.last(Disk(db=written.db, wal=bytes(torn))) == seq


def test_a_crash_while_a_journal_is_created_leaves_one_that_can_be_created(path: Path) -> None:
    with closing(database.connect(path)) as connection:
        empty = path.read_bytes()
        identity = Identity(journal_id="created", bed=BED, created_utc="w")
        database.prepare(connection, path, identity=identity)
        log = Log(first_seq=1, wal=log_of(path).read_bytes(), marks=[])
    for cut in log.cuts(every_byte=False):
        lay_down(path, Disk(db=empty, wal=log.wal[:cut]))
        journal = Desk().open(path, bed=BED)
        assert journal.head.seq == 0
        assert (journal.identity == identity) is (cut == len(log.wal)), cut
        journal.append("fact", {"n": 0}, 1)
        journal.close()
        assert reader.head(path).seq == 1


def test_a_database_file_cut_without_its_log_is_refused_in_a_sentence(path: Path, written: Written) -> None:
    whole = written.checkpointed
    examiner = Examiner(path, written.links)
    for cut in range(2, len(whole), STRIDE):  # SQLite takes a file of one byte for an empty one
        refusal = examiner.last(Disk(db=whole[:cut]))
        assert isinstance(refusal, str), f"{cut} bytes of {len(whole)} were taken for a journal to record {refusal}"
        assert refusal.startswith(f"{path}: ")
        assert "keep it for inspection" in refusal or "keep the file for inspection" in refusal, refusal


def _booted(path: Path) -> Booted:
    """Return what a daemon would be told that starts on this journal."""
    return Booted(
        boot="b",
        bed=BED,
        recovered=recover(path),
        alarms=recover_alarms(path),
        seen_ids=seen_ids(path),
        real_ns=0,
        wall_ns=0,
    )


@pytest.mark.parametrize("tries", [120, pytest.param(20_000, marks=[pytest.mark.long, pytest.mark.timeout(3_600)])])
def test_a_wrong_byte_is_refused_in_a_sentence_or_changes_nothing_that_a_restart_stands_on(
    path: Path, written: Written, tries: int
) -> None:
    whole = written.checkpointed
    path.write_bytes(whole)
    truth = _booted(path)
    rng = Random(9)  # noqa: S311 - a test, to be repeated
    for _ in range(tries):
        place = rng.choice((rng.randrange(len(whole)), rng.randrange(0, len(whole), PAGE_BYTES) + rng.randrange(12)))
        db = bytearray(whole)
        db[place] ^= rng.randrange(1, 256)
        lay_down(path, Disk(db=bytes(db)))
        try:
            Desk().open(path, bed=BED).close()
            found = _booted(path)
        except JournalError as error:
            refusal = str(error)
        else:
            refusal = None
            assert found == truth, place
        assert refusal is None or refusal.startswith(f"{path}: "), place
