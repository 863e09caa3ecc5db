"""The self-test of a bed's storage: what is free, and whether records are written and read there. Judges nothing."""

import os
import secrets
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pumpd.records import database
from pumpd.records.chain import Head, genesis, link
from pumpd.records.database import Identity, JournalError
from pumpd.records.encoding import canonical


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageTest:
    """What a self-test has found. None for `free_bytes` is unknown, which is not zero."""

    free_bytes: int | None
    fault: str | None  # why records are not written and read back here, in a sentence; None when they are


def examine(
    journal: Path, *, noted: Head, connect: Callable[[Path], sqlite3.Connection] = database.connect
) -> StorageTest:
    """Measure the storage of `journal`: write a record beside it, read it back, and find `noted` in the journal itself.

    `noted` is a head that its writer has called durable: it is looked for by the file's name, so that a journal that
    was moved or replaced under the daemon is found too. Blocks for as long as the disk does: the caller runs it beside
    its loop, waits at most 2 s (COMM-11), and takes no answer for a fault.
    """
    try:
        found = os.statvfs(journal.parent)
    except OSError as error:
        return StorageTest(free_bytes=None, fault=f"{journal.parent}: cannot be looked at: {error.strerror}")
    free_bytes = found.f_bavail * found.f_frsize
    try:
        _write_and_read(journal.with_name(f"{journal.name}.selftest"), connect)
        _find(journal, noted)
    except JournalError as error:
        return StorageTest(free_bytes=free_bytes, fault=str(error))
    except (sqlite3.Error, OSError) as error:
        words = f"{journal.parent}: a record cannot be written and read back: {database.reason(error)}"
        return StorageTest(free_bytes=free_bytes, fault=words)
    return StorageTest(free_bytes=free_bytes, fault=None)


def _write_and_read(path: Path, connect: Callable[[Path], sqlite3.Connection]) -> None:
    """Keep a record in a journal of its own, the way the daemon keeps them; nothing is left of it."""
    identity = Identity(journal_id=secrets.token_hex(16), bed="selftest", created_utc="")
    start = genesis(identity.journal_id)
    written = link(start, kind="selftest", mono_ns=0, wall_utc="", boot="", body=canonical({"free": "of meaning"}))
    _remove(path)  # what a crash has left
    try:
        with closing(connect(path)) as connection:
            database.prepare(connection, path, identity=identity)
            database.insert(connection, [written])
        with closing(database.connect(path, read_only=True)) as connection:
            if database.page(connection, after=start, until_seq=written.seq, limit=1) != [written]:
                raise JournalError(f"{path}: a record that was written reads back differently; check the disk")
    finally:
        _remove(path)


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)


def _find(journal: Path, noted: Head) -> None:
    try:
        with closing(database.connect(journal, read_only=True)) as connection:
            identity = database.read_identity(connection, journal)
            before = Head(seq=noted.seq - 1, hash="")
            heads = [each.head for each in database.page(connection, after=before, until_seq=noted.seq, limit=1)]
    except sqlite3.Error as error:
        raise JournalError(f"{journal}: the journal cannot be read: {database.reason(error)}") from error
    if heads != [noted] and noted != genesis(identity.journal_id):
        raise JournalError(
            f"{journal}: record {noted.seq}, which was written, is not in this file; it was moved or replaced: "
            "restart pumpd and tell the engineer"
        )
