"""Reading a journal, also while a daemon writes it: every record is verified before it is handed out."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pumpd.records import database
from pumpd.records.chain import ChainError, Head, Link, genesis, misfit, verify
from pumpd.records.database import Identity, JournalError

PAGE_RECORDS = 500
"""Records per read transaction: a long one would keep the writer from shortening its log."""


def identity(path: Path) -> Identity:
    """Return whose journal this is; raises `JournalError`."""
    with _opened(path) as connection:
        return database.read_identity(connection, path)


def head(path: Path) -> Head:
    """Return where the chain ends now, its last record checked; raises `JournalError`."""
    with _opened(path) as connection:
        return database.sound_head(connection, path, database.read_identity(connection, path))


def read(path: Path) -> Iterator[Link]:
    """Yield the records that are in the journal when reading begins, each verified against the one before it.

    Raises `ChainError` at the first record that does not fit, and `JournalError` when the file cannot be read.
    """
    with _opened(path) as connection:
        for following in _claimed(connection, path):
            error = misfit(following[0], following[1])
            if error is not None:
                raise error
            yield following[1]


def check(
    path: Path, *, expected: Head | None = None, see: Callable[[Link], None] = lambda _: None
) -> ChainError | None:
    """Return the first record that does not fit, or None when the journal is whole and passes through `expected`.

    `see` is shown every record before it is judged. Raises `JournalError` when the file cannot be read.
    """

    def shown(connection: sqlite3.Connection) -> Iterator[Link]:
        for _, following in _claimed(connection, path):
            see(following)
            yield following

    with _opened(path) as connection:
        start = genesis(database.read_identity(connection, path).journal_id)
        return verify(shown(connection), start=start, expected=expected)


def _claimed(connection: sqlite3.Connection, path: Path) -> Iterator[tuple[Head, Link]]:
    """Yield each record, unverified, with the head before it."""
    previous = genesis(database.read_identity(connection, path).journal_id)
    end = database.stored_head(connection)
    until_seq = 0 if end is None else end.seq
    while links := database.page(connection, after=previous, until_seq=until_seq, limit=PAGE_RECORDS):
        for following in links:
            yield previous, following
            previous = following.head


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.exists():
        raise JournalError(f"{path}: the journal cannot be read: there is no such file")
    try:
        with closing(database.connect(path, read_only=True)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise JournalError(f"{path}: the journal cannot be read: {database.reason(error)}") from error


def newest(path: Path, *, kind: str, limit: int) -> list[tuple[int, str]]:
    """Return number and body of the newest records of one kind, the newest first; raises `JournalError`.

    Each is verified against the record before it: what a restart stands on is as it was written.
    """
    with _opened(path) as connection:
        return [(found.seq, found.body) for found in database.newest(connection, path, kind=kind, limit=limit)]
