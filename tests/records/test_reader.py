import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from pumpd.records import database, reader
from pumpd.records.chain import ChainError, Head, genesis
from pumpd.records.database import JournalError
from tests.records.support import Desk, spoil

pytestmark = pytest.mark.req("LOG-04")
COUNT = 1_201  # more than two pages


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "bed1.journal"
    journal = Desk().open(file)
    for number in range(COUNT):
        journal.append("fact", {"n": number}, number)
    journal.close()
    return file


def test_a_whole_journal_is_read_to_its_head(path: Path) -> None:
    links = list(reader.read(path))
    assert [each.seq for each in links] == list(range(1, COUNT + 1))
    assert reader.head(path) == links[-1].head
    assert reader.check(path) is None
    assert reader.check(path, expected=links[-1].head) is None


@pytest.mark.parametrize(
    ("statements", "first"),
    [
        (["UPDATE record SET body = '{\"n\":0}' WHERE seq = 700"], 700),
        (["UPDATE record SET mono_ns = mono_ns + 1 WHERE seq = 1201"], 1201),
        (["UPDATE record SET boot = 'another' WHERE seq = 1"], 1),
        (["UPDATE record SET hash = upper(hash) WHERE seq = 5"], 5),
        (["DELETE FROM record WHERE seq = 501"], 501),
        (["DELETE FROM record WHERE seq BETWEEN 400 AND 1100"], 400),
        (["DELETE FROM record WHERE seq = 9", "UPDATE record SET seq = seq - 1 WHERE seq > 9"], 9),
        (
            [
                "UPDATE record SET seq = -1 WHERE seq = 20",
                "UPDATE record SET seq = 20 WHERE seq = 21",
                "UPDATE record SET seq = 21 WHERE seq = -1",
            ],
            20,
        ),
        (["UPDATE meta SET journal_id = 'another'"], 1),
    ],
    ids=["body", "last", "first", "hash", "gap", "long gap", "closed gap", "reorder", "identity"],
)
def test_a_change_in_the_file_is_found_at_its_record(path: Path, statements: list[str], first: int) -> None:
    spoil(path, *statements)
    error = reader.check(path)
    assert error is not None
    assert error.seq == first
    good: list[int] = []
    with pytest.raises(ChainError) as caught:
        good.extend(each.seq for each in reader.read(path))
    assert caught.value.seq == first
    assert good == list(range(1, first))


def test_a_cut_tail_is_found_with_the_noted_head(path: Path) -> None:
    noted = reader.head(path)
    spoil(path, "DELETE FROM record WHERE seq > 1000")
    assert reader.check(path) is None
    error = reader.check(path, expected=noted)
    assert error is not None
    assert error.seq == 1001


def test_a_tail_written_anew_is_found_with_the_noted_head(path: Path) -> None:
    noted = reader.head(path)
    spoil(path, "DELETE FROM record WHERE seq > 1000")
    journal = Desk().open(path)
    for number in range(1000, COUNT + 50):
        journal.append("fact", {"n": -number}, number)
    journal.close()
    assert reader.check(path) is None
    error = reader.check(path, expected=noted)
    assert error is not None
    assert error.seq == noted.seq


def test_a_journal_with_an_unsound_end_is_not_continued(path: Path) -> None:
    spoil(path, "UPDATE record SET kind = 'other' WHERE seq = 1201")
    with pytest.raises(JournalError, match="record 1201: was changed"):
        Desk().open(path)
    with pytest.raises(JournalError, match="record 1201"):
        reader.head(path)


@pytest.mark.req("LOG-02")
def test_damage_before_the_last_record_is_found_when_the_journal_is_opened(path: Path) -> None:
    spoil(path, "DELETE FROM record WHERE seq = 1100")
    with pytest.raises(JournalError, match="record 1100: is missing"):
        Desk().open(path)


@pytest.mark.req("LOG-02")
@pytest.mark.parametrize(
    ("statement", "seq"),
    [("UPDATE record SET body = '{}' WHERE seq = 1", 1), ("UPDATE record SET body = '{}' WHERE seq = 700", 700)],
)
def test_what_a_restart_reads_is_verified_however_old_it_is(path: Path, statement: str, seq: int) -> None:
    assert reader.newest(path, kind="fact", limit=2) == [(COUNT, '{"n":1200}'), (COUNT - 1, '{"n":1199}')]
    assert reader.newest(path, kind="fact", limit=COUNT)[-1] == (1, '{"n":0}')
    spoil(path, statement)
    assert len(reader.newest(path, kind="fact", limit=COUNT - seq)) == COUNT - seq
    with pytest.raises(JournalError, match=rf"{path.name}: record {seq}: was changed .* keep the file"):
        reader.newest(path, kind="fact", limit=COUNT)


def test_a_byte_that_is_no_text_is_found_at_its_record_and_not_shown(path: Path) -> None:
    spoil(path, "UPDATE record SET body = CAST(X'FF' || body AS TEXT) WHERE seq = 700")
    error = reader.check(path)
    assert error is not None
    assert error.seq == 700
    with pytest.raises(JournalError, match="record 700: was changed"):
        Desk().open(path)


def test_an_unknown_schema_version_is_refused(path: Path) -> None:
    spoil(path, "UPDATE meta SET schema_version = 2")
    for use in (Desk().open, reader.head, lambda file: list(reader.read(file))):
        with pytest.raises(JournalError, match="schema version 2, this pumpd writes 1"):
            use(path)


def test_reading_goes_on_while_a_daemon_writes_and_ends_where_it_began(path: Path) -> None:
    desk = Desk()
    journal = desk.open(path)
    reading = reader.read(path)
    assert next(reading).seq == 1
    journal.append("fact", {"n": COUNT}, COUNT)
    journal.confirm("token")
    assert desk.next() == ("durable", "token")
    assert [each.seq for each in reading] == list(range(2, COUNT + 1))
    assert reader.head(path).seq == COUNT + 1
    journal.close()


def test_reading_changes_nothing_and_cannot(path: Path) -> None:
    before = path.read_bytes()
    list(reader.read(path))
    with closing(database.connect(path, read_only=True)) as connection, pytest.raises(sqlite3.OperationalError):
        connection.execute("CREATE TABLE x (y)")
    assert path.read_bytes() == before


def test_what_is_not_there_is_not_created(tmp_path: Path) -> None:
    missing = tmp_path / "missing.journal"
    with pytest.raises(JournalError, match="cannot be read"):
        reader.head(missing)
    assert not missing.exists()


def test_an_empty_journal_has_the_head_of_its_beginning(tmp_path: Path) -> None:
    file = tmp_path / "empty.journal"
    journal = Desk().open(file)
    journal.close()
    assert list(reader.read(file)) == []
    assert reader.head(file) == genesis(journal.identity.journal_id)
    error = reader.check(file, expected=Head(seq=1, hash="0" * 64))
    assert error is not None
    assert error.seq == 1


@contextmanager
def unprivileged(directory: Path) -> Iterator[None]:
    """Act as an account that may read but not write in `directory`."""
    user = os.geteuid()
    directory.chmod(0o755 if user == 0 else 0o555)
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
        directory.chmod(0o755)


def test_an_account_that_may_only_read_can_verify_a_journal_open_or_closed() -> None:
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "bed1.journal"
        desk = Desk()
        journal = desk.open(file)
        journal.append("fact", {"n": 0}, 0)
        journal.confirm("token")
        assert desk.next() == ("durable", "token")
        for suffix in ("", "-wal", "-shm"):
            Path(f"{file}{suffix}").chmod(0o644)
        with unprivileged(Path(name)):
            assert reader.check(file, expected=journal.head) is None
        journal.close()
        assert not Path(f"{file}-wal").exists()
        with unprivileged(Path(name)):
            assert reader.check(file, expected=journal.head) is None
            with pytest.raises(OSError, match=r"Permission denied|cannot be opened"):
                desk.open(file)


def test_an_account_that_may_not_read_is_told_so() -> None:
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "bed1.journal"
        Desk().open(file).close()
        file.chmod(0o000)
        with unprivileged(Path(name)), pytest.raises(JournalError, match="cannot be read"):
            reader.head(file)
