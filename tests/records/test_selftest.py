import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pumpd.records import database, selftest
from pumpd.records.chain import Head
from pumpd.records.journal import SqliteJournal
from tests.records.support import Desk, FailingDisk

pytestmark = pytest.mark.req("START-03")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bed1.journal"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    desk = Desk()
    journal = desk.open(path)
    for number in range(3):
        journal.append("fact", {"n": number}, number)
    journal.confirm("token")
    assert desk.next() == ("durable", "token")
    yield journal
    journal.close()


def test_a_good_disk_takes_a_record_gives_it_back_and_keeps_nothing_of_the_test(
    path: Path, journal: SqliteJournal
) -> None:
    before = {each.name for each in path.parent.iterdir()}
    found = selftest.examine(path, noted=journal.head)
    assert found.fault is None
    assert found.free_bytes is not None
    room = os.statvfs(path.parent)
    assert abs(found.free_bytes - room.f_bavail * room.f_frsize) < 1_000_000_000
    assert {each.name for each in path.parent.iterdir()} == before


def test_an_empty_journal_passes(path: Path) -> None:
    journal = Desk().open(path)
    assert selftest.examine(path, noted=journal.head).fault is None
    journal.close()


def test_what_a_crash_left_of_a_test_is_no_hindrance(path: Path, journal: SqliteJournal) -> None:
    for suffix in ("", "-wal"):
        (path.parent / f"bed1.journal.selftest{suffix}").write_bytes(b"half a file")
    assert selftest.examine(path, noted=journal.head).fault is None


@pytest.mark.parametrize("act", range(6))
def test_a_disk_that_fails_at_any_act_is_a_fault_in_a_sentence(path: Path, journal: SqliteJournal, act: int) -> None:
    disk = FailingDisk()
    disk.arm(act, "database or disk is full", sqlite3.SQLITE_FULL)
    found = selftest.examine(path, noted=journal.head, connect=disk.connect)
    if not disk.fails:
        assert act >= 3, "begin, insert and commit of the record at least"
        assert found.fault is None
        return
    assert found.fault is not None
    assert found.fault.startswith(f"{path.parent}: a record cannot be written and read back: the disk is full; free")
    assert not (path.parent / "bed1.journal.selftest").exists()
    assert selftest.examine(path, noted=journal.head).fault is None


def test_a_disk_that_really_has_no_room_is_a_fault(path: Path, journal: SqliteJournal) -> None:
    def connect(file: Path) -> sqlite3.Connection:
        connection = database.connect(file)
        connection.execute("PRAGMA max_page_count = 1")
        return connection

    found = selftest.examine(path, noted=journal.head, connect=connect)
    assert found.fault is not None
    assert "the disk is full; free some space" in found.fault


def test_a_record_that_reads_back_differently_is_a_fault(path: Path, journal: SqliteJournal) -> None:
    class Lying(sqlite3.Connection):
        def commit(self) -> None:
            if self.in_transaction and self.execute("SELECT count(*) FROM record").fetchone() == (1,):
                self.execute("DROP TRIGGER record_is_never_changed")
                self.execute("UPDATE record SET body = '{}'")
            super().commit()

    def connect(file: Path) -> sqlite3.Connection:
        return database.connect(file, factory=Lying)

    found = selftest.examine(path, noted=journal.head, connect=connect)
    assert found.fault is not None
    assert "reads back differently; check the disk" in found.fault


@pytest.mark.parametrize("replaced", [False, True])
def test_a_journal_that_was_taken_away_under_its_writer_is_a_fault(
    path: Path, journal: SqliteJournal, replaced: bool
) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(f"{path.name}{suffix}").rename(path.with_name(f"away{suffix}"))
    if replaced:
        with closing(database.connect(path)) as connection:
            database.prepare(
                connection, path, identity=database.Identity(journal_id="other", bed="bed1", created_utc="w")
            )
    found = selftest.examine(path, noted=journal.head)
    assert found.fault is not None
    assert ("was moved or replaced" if replaced else "the journal cannot be read") in found.fault


def test_a_journal_that_lost_what_was_durable_is_a_fault(path: Path, journal: SqliteJournal) -> None:
    head = journal.head
    found = selftest.examine(path, noted=Head(seq=head.seq, hash="0" * 64))
    assert found.fault is not None
    assert f"record {head.seq}, which was written, is not in this file" in found.fault


def test_a_folder_that_is_not_there_has_unknown_room(tmp_path: Path) -> None:
    found = selftest.examine(tmp_path / "missing" / "bed1.journal", noted=Head(seq=0, hash=""))
    assert found.free_bytes is None
    assert found.fault is not None
    assert "cannot be looked at: No such file" in found.fault
