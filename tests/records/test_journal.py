import asyncio
import json
import os
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from pumpd.core.ports import Journal, PumpState, PumpStatus
from pumpd.records import database, reader
from pumpd.records.database import JournalError
from pumpd.records.encoding import EncodingError
from pumpd.records.journal import ENTRY_OVERHEAD_BYTES, GAP_KIND, GROUP_LIMIT_RECORDS, SqliteJournal
from tests.records.support import WAIT_S, Desk, Gate, failing, quick, writers


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = writers()
    yield
    assert [thread for thread in writers() if thread not in before] == []


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bed1.journal"


@pytest.fixture
def desk() -> Desk:
    return Desk()


def bodies(path: Path) -> list[str]:
    return [each.body for each in reader.read(path)]


def numbers(count: int) -> list[str]:
    return [f'{{"n":{number}}}' for number in range(count)]


@pytest.mark.req("LOG-03")
def test_records_are_written_in_order_with_both_clocks(path: Path, desk: Desk) -> None:
    journal: Journal = desk.open(path)
    journal.append("fact", {"n": 1}, 10)
    journal.append("stop", {"n": 2}, 20)
    journal.close()
    first, second = reader.read(path)
    assert (first.seq, first.kind, first.mono_ns, first.body) == (1, "fact", 10, '{"n":1}')
    assert (second.seq, second.kind, second.mono_ns, second.wall_utc, second.boot) == (
        2,
        "stop",
        20,
        "2026-03-01T10:00:00Z",
        "boot-1",
    )


def test_a_dataclass_is_a_body(path: Path, desk: Desk) -> None:
    journal = desk.open(path)
    journal.append("fact", PumpStatus(state=PumpState.REST, asked_at_ns=1), 10)
    journal.close()
    assert bodies(path) == ['{"type":"PumpStatus","state":"at rest","asked_at_ns":1}']


@pytest.mark.req("LOG-01")
async def test_a_confirmation_comes_on_the_loop_and_only_after_the_commit(path: Path) -> None:
    loop = asyncio.get_running_loop()
    seen: asyncio.Queue[tuple[str, list[str]]] = asyncio.Queue()

    def durable(token: str) -> None:
        assert asyncio.get_running_loop() is loop
        seen.put_nowait((token, bodies(path)))

    journal = SqliteJournal(
        path,
        bed="bed1",
        boot="b",
        wall=lambda: "w",
        post=loop.call_soon_threadsafe,
        on_durable=durable,
        on_failed=lambda _: None,
        on_recovered=lambda: None,
    )
    journal.append("intent", {"n": 0}, 1)
    journal.confirm("first")
    async with asyncio.timeout(WAIT_S):
        assert await seen.get() == ("first", numbers(1))
        journal.confirm("nothing new")
        assert await seen.get() == ("nothing new", numbers(1))
    journal.close()


@pytest.mark.req("LOG-01")
def test_nothing_is_confirmed_while_the_commit_has_not_returned(path: Path, desk: Desk) -> None:
    gate = Gate()
    journal = desk.open(path, connect=gate.connect)
    journal.append("intent", {"n": 0}, 1)
    journal.confirm("token")
    assert gate.entered.acquire(timeout=WAIT_S)
    assert desk.events.empty()
    assert bodies(path) == []
    assert journal.unwritten_for_ns is not None
    gate.leave.release()
    assert desk.next() == ("durable", "token")
    assert journal.unwritten_for_ns is None
    assert journal.head == reader.head(path)
    journal.close()


def test_what_comes_during_a_commit_goes_together_into_the_next(path: Path, desk: Desk) -> None:
    gate = Gate()
    journal = desk.open(path, connect=gate.connect)
    journal.append("fact", {"n": 0}, 1)
    journal.confirm("one")
    assert gate.entered.acquire(timeout=WAIT_S)
    for number in range(1, GROUP_LIMIT_RECORDS + 11):
        journal.append("fact", {"n": number}, 1)
        if number == 5:
            journal.confirm("five")
    journal.confirm("last")
    begun_ns = time.monotonic_ns()
    lag_ns = journal.unwritten_for_ns
    gate.leave.release()
    assert desk.next() == ("durable", "one")
    assert gate.entered.acquire(timeout=WAIT_S)
    later_ns, since_ns = journal.unwritten_for_ns, time.monotonic_ns() - begun_ns
    assert lag_ns is not None
    assert later_ns is not None
    assert later_ns < lag_ns + since_ns
    gate.leave.release()
    assert desk.next() == ("durable", "five")
    assert len(bodies(path)) == GROUP_LIMIT_RECORDS + 1
    assert gate.entered.acquire(timeout=WAIT_S)
    gate.leave.release()
    assert desk.next() == ("durable", "last")
    assert bodies(path) == numbers(GROUP_LIMIT_RECORDS + 11)
    journal.close()


def test_records_become_durable_unasked(path: Path, desk: Desk) -> None:
    gate = Gate()
    journal = desk.open(path, connect=gate.connect)
    journal.append("fact", {"n": 0}, 1)
    assert gate.entered.acquire(timeout=WAIT_S)
    gate.leave.release()
    journal.close()
    assert bodies(path) == numbers(1)


@pytest.mark.req("LOG-01")
def test_a_full_disk_is_reported_and_loses_nothing(path: Path, desk: Desk) -> None:
    connections: list[sqlite3.Connection] = []

    def connect(file: Path) -> sqlite3.Connection:
        connections.append(database.connect(file))
        return connections[0]

    journal = desk.open(path, connect=connect)
    (pages,) = connections[0].execute("PRAGMA page_count").fetchone()
    connections[0].execute(f"PRAGMA max_page_count = {pages}")
    large = "x" * 10_000
    for number in range(5):
        journal.append("fact", {"n": number, "large": large}, 1)
    journal.confirm("intent")
    kind, reason = desk.next()
    assert kind == "failed"
    assert "the disk is full" in reason
    assert str(path) in reason
    journal.append("fact", {"n": 5}, 1)
    journal.confirm("second")
    assert desk.next() == ("failed", reason)  # the asker is answered at once
    assert journal.unwritten_for_ns is not None
    assert bodies(path) == []
    connections[0].execute("PRAGMA max_page_count = 100000")
    got = {desk.next() for _ in range(3)}
    assert got == {("durable", "intent"), ("recovered", ""), ("durable", "second")}
    assert [json.loads(body)["n"] for body in bodies(path)] == list(range(6))
    assert reader.check(path, expected=journal.head) is None
    journal.close()


@pytest.mark.req("LOG-01")
def test_a_locked_database_is_reported_and_loses_nothing(path: Path, desk: Desk) -> None:
    journal = desk.open(path, connect=quick)
    with closing(sqlite3.connect(path, isolation_level=None)) as intruder:
        intruder.execute("BEGIN EXCLUSIVE")
        for number in range(300):
            journal.append("fact", {"n": number}, 1)
        journal.confirm("token")
        kind, reason = desk.next()
        assert kind == "failed"
        assert "another program has locked it" in reason
        intruder.execute("ROLLBACK")
    got = {desk.next(), desk.next()}
    assert got == {("recovered", ""), ("durable", "token")}
    assert bodies(path) == numbers(300)
    journal.close()


@pytest.mark.req("LOG-01")
@pytest.mark.parametrize("how", ["fsync", "after"])
@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_failing_commit_at_any_write_loses_and_doubles_nothing(
    path: Path, desk: Desk, how: str, position: int
) -> None:
    commits = ["ok"] * position + ([how, how] if how == "fsync" else [how])
    journal = desk.open(path, connect=partial(failing, commits=commits))
    heard = []
    for number in range(4):
        journal.append("fact", {"n": number}, 1)
        journal.confirm(str(number))
        while (event := desk.next())[0] != "durable":
            heard.append(event[0])
        assert event == ("durable", str(number))
        assert bodies(path) == numbers(number + 1)
    assert heard == ["failed", "recovered"]
    journal.close()
    assert reader.check(path, expected=journal.head) is None


def test_full_memory_is_reported_marked_and_never_confirmed(path: Path, desk: Desk) -> None:
    gate = Gate()
    size = len('{"n":0}') + ENTRY_OVERHEAD_BYTES
    journal = desk.open(path, connect=gate.connect, pending_limit_bytes=2 * size)
    journal.append("fact", {"n": 0}, 1)
    journal.confirm("kept")
    assert gate.entered.acquire(timeout=WAIT_S)
    journal.append("fact", {"n": 1}, 2)
    journal.append("fact", {"n": 2}, 3)
    journal.append("fact", {"n": 3}, 4)
    kind, reason = desk.next()
    assert kind == "failed"
    assert "records are being lost" in reason
    gate.leave.release()
    assert desk.next() == ("durable", "kept")
    assert gate.entered.acquire(timeout=WAIT_S)
    gate.leave.release(5)
    assert desk.next() == ("recovered", "")
    journal.confirm("lost")
    kind, reason = desk.next()
    assert (kind, "lost; it is not confirmed" in reason) == ("failed", True)
    assert desk.next() == ("recovered", ""), "or nothing could be started until pumpd is restarted"
    journal.confirm("empty")
    assert desk.next() == ("durable", "empty")
    journal.append("fact", {"n": 4}, 5)
    journal.confirm("later")
    assert desk.next() == ("durable", "later")
    journal.close()
    assert [(each.kind, each.mono_ns, each.body) for each in reader.read(path)] == [
        ("fact", 1, '{"n":0}'),
        ("fact", 2, '{"n":1}'),
        (GAP_KIND, 4, '{"first_ns":3,"last_ns":4,"records":2}'),
        ("fact", 5, '{"n":4}'),
    ]


def test_close_says_what_it_could_not_write(path: Path, desk: Desk) -> None:
    journal = desk.open(path, connect=quick)
    with closing(sqlite3.connect(path, isolation_level=None)) as intruder:
        intruder.execute("BEGIN EXCLUSIVE")
        journal.append("fact", {"n": 0}, 1)
        assert desk.next()[0] == "failed"
        with pytest.raises(JournalError, match="1 records are lost"):
            journal.close()
    assert not journal.alive
    assert bodies(path) == []


def test_a_disk_that_does_not_answer_does_not_hold_up_the_end(
    path: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pumpd.records.journal.CLOSE_WAIT_S", 0.05)
    gate = Gate()
    journal = desk.open(path, connect=gate.connect)
    journal.append("fact", {"n": 0}, 1)
    assert gate.entered.acquire(timeout=WAIT_S)
    with pytest.raises(JournalError, match="does not answer; 1 records"):
        journal.close()
    with pytest.raises(JournalError, match="another daemon"):
        desk.open(path)
    gate.leave.release()
    for thread in writers():
        thread.join(WAIT_S)
    journal.close()
    assert bodies(path) == numbers(1)


def test_after_close_nothing_is_taken(path: Path, desk: Desk) -> None:
    journal = desk.open(path)
    journal.close()
    journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.append("fact", {"n": 0}, 1)
    with pytest.raises(JournalError, match="closed"):
        journal.confirm("token")


def test_a_loop_that_has_closed_does_not_end_the_writer(path: Path) -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    journal = SqliteJournal(
        path,
        bed="bed1",
        boot="b",
        wall=lambda: "w",
        post=loop.call_soon_threadsafe,
        on_durable=lambda _: None,
        on_failed=lambda _: None,
        on_recovered=lambda: None,
    )
    journal.append("fact", {"n": 0}, 1)
    journal.confirm("token")
    journal.append("fact", {"n": 1}, 1)
    journal.close()
    assert bodies(path) == numbers(2)


@pytest.mark.parametrize(
    ("kind", "body", "now_ns"),
    [("fact", {"rate": 0.5}, 1), ("fäct", {}, 1), ("fact", {}, 2**63), ("fact", {"type": 1}, 1)],
)
def test_what_cannot_be_recorded_fails_where_it_was_made(
    path: Path, desk: Desk, kind: str, body: dict[str, object], now_ns: int
) -> None:
    journal = desk.open(path)
    with pytest.raises(EncodingError):
        journal.append(kind, body, now_ns)
    journal.append("fact", {"n": 0}, 1)
    journal.close()
    assert bodies(path) == numbers(1)


def test_a_mapping_that_changes_afterwards_is_recorded_as_it_was(path: Path, desk: Desk) -> None:
    journal = desk.open(path)
    body = {"n": 0}
    journal.append("fact", body, 1)
    body["n"] = 99
    journal.close()
    assert bodies(path) == numbers(1)


def test_a_journal_is_continued(path: Path, desk: Desk) -> None:
    for run in range(3):
        journal = desk.open(path, boot=f"boot-{run}")
        journal.append("fact", {"n": run}, run)
        journal.close()
    assert [(each.seq, each.boot) for each in reader.read(path)] == [(1, "boot-0"), (2, "boot-1"), (3, "boot-2")]
    assert reader.check(path, expected=journal.head) is None
    assert reader.identity(path) == journal.identity


def test_the_file_belongs_to_its_owner_alone(path: Path, desk: Desk) -> None:
    journal = desk.open(path)
    journal.append("fact", {"n": 0}, 1)
    journal.confirm("token")
    desk.next()
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    assert modes == {path.name + suffix: 0o600 for suffix in ("", "-wal", "-shm", ".lock")}
    journal.close()


@pytest.mark.req("CMD-07")
def test_a_second_writer_is_refused_and_a_later_one_is_not(path: Path, desk: Desk) -> None:
    journal = desk.open(path)
    with pytest.raises(JournalError, match=f"another daemon \\(process {os.getpid()}\\)"):
        desk.open(path)
    journal.append("fact", {"n": 0}, 1)
    journal.close()
    desk.open(path).close()
    assert bodies(path) == numbers(1)


def test_another_bed_and_another_file_are_refused(path: Path, desk: Desk) -> None:
    desk.open(path).close()
    with pytest.raises(JournalError, match="journal of bed 'bed1', not of 'bed2'"):
        desk.open(path, bed="bed2")
    other = path.with_name("other.db")
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE patients (name TEXT)")
    with pytest.raises(JournalError, match="not a journal"):
        desk.open(other)
    garbage = path.with_name("garbage.db")
    garbage.write_bytes(b"no database at all" * 100)
    with pytest.raises(JournalError, match="cannot be opened"):
        desk.open(garbage)
    with pytest.raises(OSError, match="No such file"):
        desk.open(path.parent / "missing" / "bed1.journal")
    desk.open(path).close()  # no refusal kept the lock


def test_a_file_left_empty_by_a_crash_becomes_a_journal(path: Path, desk: Desk) -> None:
    path.touch(mode=0o600)
    journal = desk.open(path)
    journal.append("fact", {"n": 0}, 1)
    journal.close()
    assert bodies(path) == numbers(1)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE record SET body = '{}' WHERE seq = 1",
        "DELETE FROM record WHERE seq = 1",
        "INSERT OR REPLACE INTO record SELECT seq, mono_ns, wall_utc, boot, 'x', body, hash FROM record WHERE seq = 1",
        "INSERT INTO record SELECT seq + 5, mono_ns, wall_utc, boot, kind, body, hash FROM record WHERE seq = 1",
        "UPDATE meta SET bed = 'bed2'",
        "DELETE FROM meta",
        "INSERT OR REPLACE INTO meta VALUES (1, 'x', 1, 'bed2', 'w')",
    ],
)
def test_the_file_itself_refuses_changes(path: Path, desk: Desk, statement: str) -> None:
    journal = desk.open(path)
    journal.append("fact", {"n": 0}, 1)
    journal.append("fact", {"n": 1}, 1)
    journal.close()
    with closing(database.connect(path)) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute(statement)
    assert bodies(path) == numbers(2)


_CHILD = """
import itertools, queue, sys
from pathlib import Path
from pumpd.records.journal import SqliteJournal

def durable(token):
    sys.stdout.write(token + chr(10))
    sys.stdout.flush()

journal = SqliteJournal(
    Path(sys.argv[1]), bed="bed1", boot=sys.argv[2], wall=lambda: "w", post=lambda callback: callback(),
    on_durable=durable, on_failed=lambda reason: sys.exit(reason), on_recovered=lambda: None,
)
first = journal.head.seq
for number in itertools.count(first):
    journal.append("fact", {"n": number}, number)
    if number % 3 == 0:
        journal.confirm(str(number + 1))
    while journal.head.seq < number - 200:
        pass
"""


@pytest.mark.process
@pytest.mark.req("LOG-02")
def test_a_killed_daemon_leaves_every_confirmed_record_in_a_whole_chain(path: Path) -> None:
    for run in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(path), f"boot-{run}"], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        with child:
            confirmed = [int(child.stdout.readline()) for _ in range(60)]
            while_written = sum(1 for _ in reader.read(path))
            child.kill()
            confirmed.extend(int(line) for line in child.stdout if line.endswith("\n"))
        assert reader.check(path) is None
        written = list(reader.read(path))
        assert len(written) >= max(confirmed)
        assert while_written >= confirmed[59]
        assert [each.body for each in written] == numbers(len(written))
        assert [each.mono_ns for each in written] == list(range(len(written)))


@pytest.mark.req("COMM-11")
def test_a_connection_synchronises_fully_and_waits_less_than_two_seconds(path: Path) -> None:
    with closing(database.connect(path)) as connection:
        found = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 1_500}
