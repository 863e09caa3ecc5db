"""What the journal tests share: a journal driven without a loop, a failing disk, and means to spoil a real file."""

import itertools
import queue
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from pumpd.records import database
from pumpd.records.journal import PENDING_LIMIT_BYTES, SqliteJournal

WAIT_S = 20.0


class Desk:
    """Takes the callbacks of a journal in the thread they come from and hands them to the test in order."""

    def __init__(self) -> None:
        self.events: queue.Queue[tuple[str, str]] = queue.Queue()

    def next(self) -> tuple[str, str]:
        return self.events.get(timeout=WAIT_S)

    def open(
        self,
        path: Path,
        *,
        bed: str = "bed1",
        boot: str = "boot-1",
        connect: Callable[[Path], sqlite3.Connection] = database.connect,
        pending_limit_bytes: int = PENDING_LIMIT_BYTES,
    ) -> SqliteJournal:
        return SqliteJournal(
            path,
            bed=bed,
            boot=boot,
            wall=lambda: "2026-03-01T10:00:00Z",
            post=lambda callback: callback(),
            on_durable=lambda token: self.events.put(("durable", token)),
            on_failed=lambda reason: self.events.put(("failed", reason)),
            on_recovered=lambda: self.events.put(("recovered", "")),
            connect=connect,
            pending_limit_bytes=pending_limit_bytes,
        )


def quick(path: Path) -> sqlite3.Connection:
    """Connect as the daemon does, but give up on a lock at once."""
    connection = database.connect(path)
    connection.execute("PRAGMA busy_timeout = 10")
    return connection


class Gate:
    """Makes a commit wait in the writer's thread until the test lets it go; fails as many as asked."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.leave = threading.Semaphore(0)

    def connect(self, path: Path) -> sqlite3.Connection:
        gate = self

        class Connection(sqlite3.Connection):
            commits = itertools.count()

            def commit(self) -> None:
                if next(self.commits) > 0:  # the first one creates the schema
                    gate.entered.release()
                    assert gate.leave.acquire(timeout=WAIT_S)
                super().commit()

        return database.connect(path, factory=Connection)


def failing(path: Path, *, commits: list[str]) -> sqlite3.Connection:
    """Connect so that the n-th commit after creation does what `commits[n]` says: "ok", "fsync" or "after".

    "fsync" fails before anything is visible; "after" commits and then reports a failure.
    """
    database.connect(path).close()
    fresh = is_empty(path)

    class Connection(sqlite3.Connection):
        created = not fresh

        def commit(self) -> None:
            if not self.created:
                type(self).created = True
                super().commit()
                return
            what = commits.pop(0) if commits else "ok"
            if what == "fsync":
                raise sqlite3.OperationalError("disk I/O error")
            super().commit()
            if what == "after":
                raise sqlite3.OperationalError("disk I/O error")

    return database.connect(path, factory=Connection)


class FailingDisk:
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


def is_empty(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as connection:
        return bool(connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,))


def spoil(path: Path, *statements: str) -> None:
    """Change a real journal from outside, its triggers dropped first."""
    with closing(sqlite3.connect(path)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            assert connection.execute(statement).rowcount > 0
        connection.commit()


def writers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "journal-writer"]
