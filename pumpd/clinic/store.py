"""`clinic.db`: the entries of all courses in one hash chain, each durable before anybody hears of it.

It is a journal file like a bed's, with the reserved name for its bed, so that `pumpd verify` judges it too. Two
programs may write it, the clinic's process and the clinic's own command line: who comes second sees what came first.
"""

import secrets
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pumpd.clinic.course import Register
from pumpd.clinic.entries import Entry
from pumpd.mqtt.topics import RESERVED_BED
from pumpd.records import database
from pumpd.records.chain import Head, Link, genesis, link, misfit
from pumpd.records.database import Identity, JournalError
from pumpd.records.encoding import EncodingError, canonical, parse, registry

PAGE_RECORDS = 500
_TYPES = registry(Entry)


class MovedError(Exception):
    """Somebody else has written since the last look: look again and decide again."""


class Store:
    """The open file, and the register folded from it. Raises `JournalError` with what to do, always."""

    def __init__(
        self,
        path: Path,
        *,
        wall: Callable[[], str],
        connect: Callable[[Path], sqlite3.Connection] = database.connect,
    ) -> None:
        self._path = path
        self._wall = wall
        self._boot = secrets.token_hex(8)
        self._began_ns = time.monotonic_ns()
        self.register = Register()
        try:
            self._connection = connect(path)
        except (sqlite3.Error, OSError) as error:
            raise self._unusable(error) from error
        try:
            fresh = Identity(journal_id=secrets.token_hex(16), bed=RESERVED_BED, created_utc=wall())
            identity, _ = database.prepare(self._connection, path, identity=fresh)
            self._head = genesis(identity.journal_id)
            self.catch_up()
        except (sqlite3.Error, JournalError) as error:
            self._connection.close()
            raise self._unusable(error) from error

    @property
    def head(self) -> Head:
        """Where the chain ends, as far as it was read."""
        return self._head

    def catch_up(self) -> None:
        """Fold what was written since the last look, each record verified."""
        try:
            end = database.stored_head(self._connection)
            until_seq = 0 if end is None else end.seq
            while links := database.page(self._connection, after=self._head, until_seq=until_seq, limit=PAGE_RECORDS):
                for each in links:
                    self._fold(each)
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def append(self, entry: Entry) -> None:
        """Make `entry` durable and fold it; raises `MovedError` where the file has more than was read."""
        following = link(
            self._head,
            kind=type(entry.what).__name__,
            mono_ns=time.monotonic_ns() - self._began_ns,
            wall_utc=self._wall(),
            boot=self._boot,
            body=canonical(entry),
        )
        try:
            database.insert(self._connection, [following])
        except sqlite3.IntegrityError:
            self._connection.rollback()
            raise MovedError from None
        except (sqlite3.Error, OSError) as error:
            with suppress(sqlite3.Error):
                self._connection.rollback()
            raise self._unusable(error) from error
        self._fold(following)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _fold(self, following: Link) -> None:
        error = misfit(self._head, following)
        if error is not None:
            raise database.unsound(self._path, error)
        try:
            entry = parse(following.body, _TYPES)
            if not isinstance(entry, Entry):
                raise EncodingError("it holds no entry of a course")
            self.register = self.register.after(entry)
        except ValueError as error:
            raise JournalError(
                f"{self._path}: record {following.seq} cannot be read: {error}; use the matching release"
            ) from error
        self._head = following.head

    def _unusable(self, error: Exception) -> JournalError:
        if isinstance(error, JournalError):
            return error
        return JournalError(f"{self._path}: the clinic's record cannot be used: {database.reason(error)}")
