"""The SQLite file of a journal: how it is opened, what it holds, who may write it. Knows no queue, thread or event."""

import fcntl
import os
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from urllib.parse import quote

from pumpd.records.chain import ChainError, Head, Link, genesis, misfit

SCHEMA_VERSION = 1
BUSY_TIMEOUT_MS = 1_500
"""How long a statement waits for another program's lock: well under 2 s also where its sleeps run late (COMM-11)."""

TAIL_RECORDS = 2_000
"""Records at the end that are verified before a journal is used: some minutes of an infusion, in about 20 ms."""

_COLUMNS = "seq, kind, mono_ns, wall_utc, boot, body, hash"


_REASONS = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space",
    sqlite3.SQLITE_BUSY: "another program has locked it; end that program",
    sqlite3.SQLITE_READONLY: "it is read-only; check the disk and the rights of the file",
    sqlite3.SQLITE_IOERR: "the disk reports an input or output error; check the disk",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; keep it for inspection and start a new one",
    sqlite3.SQLITE_NOTADB: "the file is damaged or no journal; keep it for inspection and start a new one",
}


class JournalError(OSError):
    """A journal that cannot be opened, read or written; the message names the file, the cause and what to do."""


def reason(error: Exception) -> str:
    """Return what an error of the database means and what to do about it."""
    code = getattr(error, "sqlite_errorcode", None)
    meaning = _REASONS.get(code & 0xFF) if code is not None else None
    return f"{meaning} ({error})" if meaning else str(error) or type(error).__name__


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a journal says of itself. Never changes after its creation."""

    journal_id: str
    bed: str
    created_utc: str


def connect(
    path: Path, *, read_only: bool = False, factory: type[sqlite3.Connection] = sqlite3.Connection
) -> sqlite3.Connection:
    """Open `path` with full synchronisation, creating it with mode 0600 unless `read_only`.

    Every connection to a journal is made here; a test brings a `factory` whose disk fails. Transactions are begun and
    committed by the caller only. Raises `sqlite3.Error`, or `OSError` when the file cannot
    be created or its file system has no write-ahead log.
    """
    if read_only:
        return _connect_read_only(path)
    create(path)
    connection = _configured(sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=factory))
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
    connection.text_factory = _text
    return connection


def _text(data: bytes) -> str:
    """Return text as it was written; what a damaged byte has spoilt is left to the chain, which names the record."""
    return data.decode("utf-8", "replace")


def create(path: Path) -> None:
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
    """Return where the chain ends, its last records checked; raises `JournalError` when one of them does not fit."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM record ORDER BY seq DESC LIMIT ?",  # noqa: S608  # constant
        (TAIL_RECORDS + 1,),
    ).fetchall()
    rows.reverse()
    head = genesis(identity.journal_id)
    if len(rows) > TAIL_RECORDS:
        head = Head(seq=rows[0][0], hash=rows[0][-1])
        del rows[0]
    for row in rows:
        following = link_from(row, head.hash)
        error = misfit(head, following)
        if error is not None:
            raise unsound(path, error)
        head = following.head
    return head


def unsound(path: Path, error: ChainError) -> JournalError:
    """Return the refusal of a journal in which a record does not fit."""
    return JournalError(f"{path}: {error}; keep the file for inspection and start a new one")


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
        kind=str(kind),  # a damaged page gives any type, whatever the schema says
        mono_ns=mono_ns,
        wall_utc=str(wall_utc),
        boot=str(boot),
        body=body,
        previous_hash=previous_hash,
        hash=digest,
    )


def newest(connection: sqlite3.Connection, path: Path, *, kind: str, limit: int) -> list[Link]:
    """Return the newest records of one kind, the newest first, each checked against the record before it.

    Raises `JournalError` when one does not fit.
    """
    start = genesis(read_identity(connection, path).journal_id)
    rows = connection.execute(
        f"SELECT {_COLUMNS}, (SELECT hash FROM record AS previous WHERE previous.seq = record.seq - 1) "  # noqa: S608  # constant
        "FROM record WHERE kind = ? ORDER BY seq DESC LIMIT ?",
        (kind, limit),
    )
    links = []
    with closing(rows):
        for *row, previous_hash in rows:
            previous = start if row[0] == start.seq + 1 else Head(seq=row[0] - 1, hash=str(previous_hash))
            found = link_from(tuple(row), previous.hash)
            error = misfit(previous, found)
            if error is not None:
                raise unsound(path, error)
            links.append(found)
    return links
