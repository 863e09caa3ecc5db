"""The SQLite file of a journal: how it is opened, what it holds, who may write it. Knows no queue, thread or event."""

import fcntl
import os
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from urllib.parse import quote

from pumpd.records.chain import Head, Link, genesis, misfit

SCHEMA_VERSION = 1
BUSY_TIMEOUT_MS = 1_800
"""How long a statement waits for another program's lock: with the group window still under 2 s (COMM-11)."""

_COLUMNS = "seq, kind, mono_ns, wall_utc, boot, body, hash"


class JournalError(OSError):
    """A journal that cannot be opened, read or written; the message names the file, the cause and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a journal says of itself. Never changes after its creation."""

    journal_id: str
    bed: str
    created_utc: str


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open `path` with full synchronisation, creating it with mode 0600 unless `read_only`.

    Transactions are begun and committed by the caller only. Raises `sqlite3.Error`, or `OSError` when the file cannot
    be created or its file system has no write-ahead log.
    """
    if read_only:
        return _connect_read_only(path)
    _create(path)
    connection = _configured(sqlite3.connect(path, isolation_level=None, check_same_thread=False))
    try:
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute("PRAGMA synchronous = FULL")
    except sqlite3.Error:
        connection.close()
        raise
    if mode != "wal":
        connection.close()
        raise JournalError(f"{path}: no write-ahead log on this file system; put the journal on a local disk")
    return connection


def _connect_read_only(path: Path) -> sqlite3.Connection:
    address = f"file:{quote(str(path.absolute()))}?mode=ro"
    connection = _configured(sqlite3.connect(address, uri=True, isolation_level=None))
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        connection.close()
        if not path.exists() or path.with_name(f"{path.name}-wal").exists():
            raise
        # A cleanly closed journal in a directory that the reader may not write: no log to look into, and no writer.
        connection = _configured(sqlite3.connect(f"{address}&immutable=1", uri=True, isolation_level=None))
    return connection


def _configured(connection: sqlite3.Connection) -> sqlite3.Connection:
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _create(path: Path) -> None:
    """Create the file with mode 0600 and make its name durable.

    A file that exists is not touched: closing any descriptor of it would drop the locks of the process's other
    connections.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    os.close(descriptor)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


class WriterLock:
    """The right to write one journal, held by one process at a time; it ends with the process (CMD-07)."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f"{path.name}.lock")
        self._descriptor: int | None = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            self.release()
            raise JournalError(f"{path}: another daemon (process {holder}) writes this journal; end it first") from None
        except OSError:
            self.release()
            raise
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode("ascii"), 0)

    def release(self) -> None:
        """Give the right up; a second time changes nothing. The file stays: removing it would race with the next."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def prepare(connection: sqlite3.Connection, path: Path, *, identity: Identity) -> tuple[Identity, Head]:
    """Create the journal as `identity`, or check the one that is there; return whose it is and where its chain ends.

    Raises `JournalError` for another bed, an unknown schema version, a file that is no journal or an unsound last
    record.
    """
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
        _initialise(connection, identity)
    found = read_identity(connection, path)
    if found.bed != identity.bed:
        raise JournalError(f"{path}: this is the journal of bed {found.bed!r}, not of {identity.bed!r}")
    return found, sound_head(connection, path, found)


def _initialise(connection: sqlite3.Connection, identity: Identity) -> None:
    script = resources.files("pumpd.records").joinpath(f"schema/{SCHEMA_VERSION:04d}.sql").read_text(encoding="utf-8")
    try:
        connection.executescript(f"BEGIN IMMEDIATE;\n{script}")
        connection.execute(
            "INSERT INTO meta (id, journal_id, schema_version, bed, created_utc) VALUES (1, ?, ?, ?, ?)",
            (identity.journal_id, SCHEMA_VERSION, identity.bed, identity.created_utc),
        )
        connection.commit()
    except sqlite3.Error:
        with suppress(sqlite3.Error):
            connection.rollback()
        raise


def read_identity(connection: sqlite3.Connection, path: Path) -> Identity:
    """Return whose journal this is; raises `JournalError` when it is none or has another schema version."""
    tables = connection.execute("SELECT count(*) FROM sqlite_master WHERE name IN ('meta', 'record')").fetchone()
    if tables != (2,):
        raise JournalError(f"{path}: not a journal of pumpd; name another file")
    row = connection.execute("SELECT schema_version, journal_id, bed, created_utc FROM meta").fetchone()
    if row is None:
        raise JournalError(f"{path}: the journal has lost its identity; keep it for inspection and name another file")
    version, journal_id, bed, created_utc = row
    if version != SCHEMA_VERSION:
        raise JournalError(
            f"{path}: schema version {version}, this pumpd writes {SCHEMA_VERSION}; use the matching release"
        )
    return Identity(journal_id=journal_id, bed=bed, created_utc=created_utc)


def sound_head(connection: sqlite3.Connection, path: Path, identity: Identity) -> Head:
    """Return where the chain ends, its last record checked; raises `JournalError` when that does not fit."""
    start = genesis(identity.journal_id)
    rows = connection.execute(f"SELECT {_COLUMNS} FROM record ORDER BY seq DESC LIMIT 2").fetchall()  # noqa: S608  # constant
    if not rows:
        return start
    last = rows[0]
    previous = Head(seq=rows[1][0], hash=rows[1][-1]) if len(rows) == 2 else start
    error = misfit(previous, link_from(last, previous.hash))
    if error is not None:
        raise JournalError(f"{path}: {error}; keep the file for inspection and start a new one")
    return Head(seq=last[0], hash=last[-1])


def stored_head(connection: sqlite3.Connection) -> Head | None:
    """Return number and hash of the last record in the file, unchecked, or None when there is none."""
    row = connection.execute("SELECT seq, hash FROM record ORDER BY seq DESC LIMIT 1").fetchone()
    return None if row is None else Head(seq=row[0], hash=row[1])


def insert(connection: sqlite3.Connection, links: list[Link]) -> None:
    """Write `links` in one durable transaction; raises `sqlite3.Error` or `OSError`, then nothing of it is visible."""
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(
        f"INSERT INTO record ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608  # constant
        [(each.seq, each.kind, each.mono_ns, each.wall_utc, each.boot, each.body, each.hash) for each in links],
    )
    connection.commit()


def page(connection: sqlite3.Connection, *, after: Head, until_seq: int, limit: int) -> list[Link]:
    """Return at most `limit` records after `after`, unverified, in the order of their numbers."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM record WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",  # noqa: S608  # constant
        (after.seq, until_seq, limit),
    )
    links = []
    previous_hash = after.hash
    with closing(rows):
        for row in rows:
            links.append(link_from(row, previous_hash))
            previous_hash = row[-1]
    return links


def link_from(row: tuple[int, str, int, str, str, str, str], previous_hash: str) -> Link:
    """Return the record in `row` as it claims to stand after `previous_hash`."""
    seq, kind, mono_ns, wall_utc, boot, body, digest = row
    return Link(
        seq=seq,
        kind=kind,
        mono_ns=mono_ns,
        wall_utc=wall_utc,
        boot=boot,
        body=body,
        previous_hash=previous_hash,
        hash=digest,
    )


def newest(connection: sqlite3.Connection, *, kind: str, limit: int) -> list[tuple[int, str]]:
    """Return number and body of the newest records of one kind, the newest first."""
    rows = connection.execute("SELECT seq, body FROM record WHERE kind = ? ORDER BY seq DESC LIMIT ?", (kind, limit))
    with closing(rows):
        return [(int(seq), str(body)) for seq, body in rows]
