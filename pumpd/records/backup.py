"""Copies of a journal: made while it is written, verified, put back, and thrown away only when somebody asks for it.

A journal is a bed's or the clinic's: whoever writes it, the file and its chain have one form.

SQLite's backup takes one consistent state out of a file in use; its chain is then read from the first record to the
last. A copy is one file of mode 0600 that appears under its name only once all of it is on the disk.
"""

import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pumpd.records import database, reader
from pumpd.records.chain import Head
from pumpd.records.database import Identity, JournalError, WriterLock

_NAME = re.compile(
    r"(?P<bed>[A-Za-z0-9-]{1,32})\.(?P<journal>[0-9a-z-]+)\.(?P<at>[0-9]{8}T[0-9]{6}Z)\.(?P<seq>[0-9]+)\.journal"
)
_AT = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A verified copy."""

    path: Path
    identity: Identity
    head: Head


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A copy in a folder, by its name."""

    path: Path
    journal: str
    at: datetime
    seq: int


def back_up(journal: Path, folder: Path, now: datetime) -> Copy:
    """Copy a journal, also one in use, into a folder; raises `JournalError`, and then leaves nothing there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = folder / f".{journal.name}.{os.getpid()}.part"
    try:
        copy = _copied(journal, part)
        parts = (
            copy.identity.bed,
            copy.identity.journal_id,
            now.astimezone(UTC).strftime(_AT),
            copy.head.seq,
            "journal",
        )
        return _placed(copy, folder / ".".join(map(str, parts)))
    finally:
        _remove(part)


def restore(backup: Path, journal: Path) -> Copy:
    """Put a copy where a journal is missing; raises `JournalError`, also where anything is there or writes."""
    if not journal.parent.is_dir():
        raise JournalError(f"{journal.parent}: there is no such folder; make it, or name another")
    part = journal.with_name(f".{journal.name}.{os.getpid()}.part")
    lock = WriterLock(journal)
    try:
        _must_be_free(journal, backup)
        return _placed(_copied(backup, part), journal)
    finally:
        _remove(part)
        lock.release()


def _must_be_free(journal: Path, backup: Path) -> None:
    for found in (journal, *(journal.with_name(f"{journal.name}{suffix}") for suffix in ("-wal", "-shm"))):
        if found.exists():
            raise JournalError(
                f"{found}: is there already{_compared(journal, backup)} and nothing is put over it; name another file, "
                "or move it"
            )


def _compared(journal: Path, backup: Path) -> str:
    """Return how much both hold, where both can be read."""
    try:
        return f" with {reader.head(journal).seq} records, the copy has {reader.head(backup).seq},"
    except JournalError:
        return ""


def _copied(source: Path, target: Path) -> Copy:
    """Copy, make durable, and verify: the copy must be whole and hold what the source held when it was taken."""
    noted = reader.head(source)
    _remove(target)
    database.create(target)
    try:
        with (
            closing(database.connect(source, read_only=True)) as taken,
            closing(sqlite3.connect(target, isolation_level=None)) as made,
        ):
            taken.backup(made)
            made.execute("PRAGMA journal_mode = DELETE")  # one file, which can be carried away
    except sqlite3.Error as error:
        raise JournalError(f"{source}: cannot be copied to {target.parent}: {database.reason(error)}") from error
    broken = reader.check(target, expected=noted)
    if broken is not None:
        raise JournalError(f"{source}: {broken}; it was not copied: keep it for inspection (pumpd verify)")
    return Copy(path=target, identity=reader.identity(target), head=reader.head(target))


def _placed(copy: Copy, path: Path) -> Copy:
    """Give a copy its name, which must be free, and make that durable."""
    _sync(copy.path)
    try:
        os.link(copy.path, path)
    except FileExistsError:
        raise JournalError(f"{path}: is there already and nothing is put over it") from None
    _sync(path.parent)
    return Copy(path=path, identity=copy.identity, head=copy.head)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)


def copies(folder: Path) -> Iterator[Kept]:
    """Yield the copies in a folder, by their names; whatever else lies there is nobody's business."""
    for path in sorted(folder.iterdir()):
        found = _NAME.fullmatch(path.name)
        if found is not None and path.is_file() and not path.is_symlink():
            at = datetime.strptime(found["at"], _AT).replace(tzinfo=UTC)
            yield Kept(path=path, journal=found["journal"], at=at, seq=int(found["seq"]))


def outlived(found: Sequence[Kept], now: datetime, keep_days: int) -> tuple[Kept, ...]:
    """Return the copies that are older than that, where a newer one of the same journal holds at least as much."""
    limit = now - timedelta(days=keep_days)
    return tuple(
        old
        for old in found
        if old.at < limit
        and any(new.journal == old.journal and new.at > old.at and new.seq >= old.seq for new in found)
    )


def prune(folder: Path, now: datetime, keep_days: int) -> tuple[Path, ...]:
    """Remove the copies that have outlived their time, each only once a newer one was read whole; return which."""
    found = tuple(copies(folder))
    gone = []
    for old in outlived(found, now, keep_days):
        newest = max((each for each in found if each.journal == old.journal), key=lambda each: (each.seq, each.at))
        if _holds(newest.path, old.path):
            old.path.unlink()
            gone.append(old.path)
    return tuple(gone)


def _holds(newer: Path, older: Path) -> bool:
    """Say whether a copy is whole and holds another one, record for record. What cannot be read is held by nothing."""
    try:
        return reader.check(newer, expected=reader.head(older)) is None
    except JournalError:
        return False
