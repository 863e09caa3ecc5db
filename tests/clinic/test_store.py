"""`clinic.db`: private, chained, durable entry by entry; cut anywhere it opens with all that was told as recorded."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from pumpd.clinic.entries import Entry
from pumpd.clinic.store import MovedError, Store
from pumpd.records import database, reader
from pumpd.records.database import JournalError
from tests.clinic.support import Clinic, after_first
from tests.records.support import failing, spoil
from tests.records.test_torn import FRAME_BYTES, HEADER_BYTES


def wall() -> str:
    return "2026-03-02T08:00:00.000Z"


def opened(path: Path) -> Store:
    return Store(path, wall=wall)


def entries() -> tuple[Entry, ...]:
    return after_first().see().entries


@pytest.mark.req("CMD-05", "LOG-04")
def test_the_file_is_private_and_its_chain_is_that_of_a_journal(tmp_path: Path) -> None:
    path = tmp_path / "clinic.db"
    with closing(opened(path)) as store:
        for entry in entries():
            store.append(entry)
        head = store.head
        assert store.register.courses == after_first().register.courses
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert reader.check(path, expected=head) is None
    with closing(opened(path)) as again:
        assert again.register.courses == after_first().register.courses
    with closing(sqlite3.connect(path)) as connection, pytest.raises(sqlite3.IntegrityError, match="never changed"):
        connection.execute("UPDATE record SET body = '{}' WHERE seq = 1")


@pytest.mark.req("LOG-04")
def test_a_changed_entry_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clinic.db"
    with closing(opened(path)) as store:
        for entry in entries():
            store.append(entry)
    spoil(path, "UPDATE record SET body = replace(body, '\"total\":30', '\"total\":10') WHERE kind = 'ScoreEntered'")
    with pytest.raises(JournalError, match="was changed after it was written"):
        opened(path)


def test_who_writes_second_sees_what_came_first(tmp_path: Path) -> None:
    first, second, *_ = entries()
    with closing(opened(tmp_path / "clinic.db")) as one, closing(opened(tmp_path / "clinic.db")) as other:
        one.append(first)
        with pytest.raises(MovedError):
            other.append(first)
        other.catch_up()
        assert other.register == one.register
        other.append(second)
        with pytest.raises(MovedError):
            one.append(second)


def test_a_bed_s_journal_is_no_clinic(tmp_path: Path) -> None:
    path = tmp_path / "bed1.db"
    with closing(database.connect(path)) as connection:
        own = database.Identity(journal_id="x", bed="bed1", created_utc=wall())
        database.prepare(connection, path, identity=own)
    with pytest.raises(JournalError, match="this is the journal of bed 'bed1', not of 'clinic'"):
        opened(path)


def test_a_disk_that_fails_is_told_and_nothing_is_folded(tmp_path: Path) -> None:
    first, *_ = entries()
    path = tmp_path / "clinic.db"
    with closing(Store(path, wall=wall, connect=lambda each: failing(each, commits=["fsync"]))) as store:
        with pytest.raises(JournalError, match="the clinic's record cannot be used"):
            store.append(first)
        assert not store.register.courses
        store.append(first)
        assert store.register.courses


@pytest.mark.req("LOG-02")
def test_cut_anywhere_every_finished_entry_is_there(tmp_path: Path) -> None:
    # at the ends of each frame and beside them, and at places between
    path = tmp_path / "clinic.db"
    marks: list[tuple[int, int]] = []
    with closing(opened(path)) as store:
        wal = path.with_name("clinic.db-wal")
        marks.append((wal.stat().st_size, 0))
        for number, entry in enumerate(entries(), 1):
            store.append(entry)
            marks.append((wal.stat().st_size, number))
        db, log = path.read_bytes(), wal.read_bytes()
    ends = [place + by for place in range(HEADER_BYTES, len(log) + 1, FRAME_BYTES) for by in (-1, 0, 1)]
    cuts = sorted({cut for cut in (*ends, *range(0, len(log), 5_917)) if marks[0][0] <= cut <= len(log)})
    assert len(cuts) > 60
    for cut in cuts:
        torn = tmp_path / f"torn-{cut}.db"
        torn.write_bytes(db)
        torn.with_name(f"{torn.name}-wal").write_bytes(log[:cut])
        durable = max(number for size, number in marks if size <= cut)
        with closing(opened(torn)) as store:
            assert store.head.seq == durable
            assert sum(course.revision for course in store.register.courses.values()) == durable
        assert reader.check(torn) is None


def test_an_empty_clinic(tmp_path: Path) -> None:
    with closing(opened(tmp_path / "clinic.db")) as store:
        assert store.register == Clinic().register
