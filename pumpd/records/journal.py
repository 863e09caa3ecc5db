"""The journal on disk: one writer thread behind the `Journal` port. Knows records as text, not what they mean.

The caller's thread encodes, because a value that cannot be recorded must fail where it was made, a mapping may change
afterwards, and a thread that computes would hold the interpreter against the control path. The writer hashes (about 4
us per record, in groups of at most 128), and otherwise waits in the kernel.
"""

import secrets
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from pumpd.records import database
from pumpd.records.chain import Head, Link, link
from pumpd.records.database import Identity, JournalError, WriterLock
from pumpd.records.encoding import EncodingError, canonical

GROUP_WINDOW_NS = 20_000_000
"""How long a record may wait for others to share its disk synchronisation; a confirmation ends the wait at once."""
GROUP_LIMIT_RECORDS = 128
"""Bounds the time for which hashing one group can hold the interpreter: about 0.5 ms."""
PENDING_LIMIT_BYTES = 32 * 1024 * 1024
"""Records that wait in memory while the disk fails: a 40-minute infusion at 10 records of 1 kB per second."""
ENTRY_OVERHEAD_BYTES = 512
"""What a waiting record takes besides its body, rounded up."""
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 1.0
"""Bounds of the doubling pause between two tries on a failing disk: soon after it works again, without spinning."""
CLOSE_WAIT_S = 2.0
"""How long `close` waits for the disk (COMM-11)."""
GAP_KIND = "journal_gap"
"""The kind of the record that stands where records were lost to a full memory."""


class _Entry(NamedTuple):  # a third of the cost of a frozen dataclass, and made on the control path
    kind: str
    mono_ns: int
    wall_utc: str
    body: str
    queued_ns: int

    @property
    def size_bytes(self) -> int:
        return len(self.body) + ENTRY_OVERHEAD_BYTES


@dataclass(frozen=True, slots=True)
class _Confirmation:
    token: str


@dataclass(slots=True)
class _Loss:
    """Records that found the memory full since the last one that was taken."""

    first_ns: int
    last_ns: int
    records: int = 1


class SqliteJournal:
    """The append-only, hash-chained record of one bed in a SQLite file. Fulfils `pumpd.core.ports.Journal`.

    Every callback is handed to `post`, such as `loop.call_soon_threadsafe`, which must not run it at once:
    `on_durable(token)` after everything appended before that `confirm` is on the disk; `on_failed(reason)` when records
    cannot be written or a confirmation cannot be given; `on_recovered()` once everything that waited is written.
    Records that cannot be written stay in memory in their order and are tried again. When memory is full too, the
    newest are lost: `on_failed` tells it at once, no confirmation that covers them is given, and a record of kind
    `journal_gap` marks the place.

    `wall` returns the wall time as RFC 3339 in UTC; `boot` names this run of the daemon. Construction raises
    `JournalError` when another process writes the journal, or the file is another bed's, unsound, or cannot be opened.
    """

    def __init__(
        self,
        path: Path,
        *,
        bed: str,
        boot: str,
        wall: Callable[[], str],
        post: Callable[[Callable[[], None]], object],
        on_durable: Callable[[str], None],
        on_failed: Callable[[str], None],
        on_recovered: Callable[[], None],
        connect: Callable[[Path], sqlite3.Connection] = database.connect,
        pending_limit_bytes: int = PENDING_LIMIT_BYTES,
    ) -> None:
        _check_ascii("boot", boot)
        self._path = path
        self._boot = boot
        self._wall = wall
        self._post = post
        self._on_durable = on_durable
        self._on_failed = on_failed
        self._on_recovered = on_recovered
        self._pending_limit_bytes = pending_limit_bytes

        self._wake = threading.Condition(threading.Lock())
        # All below is guarded by _wake, except that only the writer touches the connection.
        self._queue: deque[_Entry | _Confirmation] = deque()
        self._writing: list[_Entry] = []
        self._pending_bytes = 0
        self._appended = 0
        self._written = 0
        self._urgent = False
        self._closing = False
        self._outage: str | None = None
        self._recovered_at: int | None = None
        self._loss: _Loss | None = None
        self._loss_unconfirmed = False

        self._lock = WriterLock(path)
        try:
            self._connection, self._identity, self._head = self._open(connect, bed)
        except sqlite3.Error as error:
            self._lock.release()
            raise JournalError(f"{path}: the journal cannot be opened: {database.reason(error)}") from error
        except OSError:
            self._lock.release()
            raise
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self._thread.start()

    def _open(
        self, connect: Callable[[Path], sqlite3.Connection], bed: str
    ) -> tuple[sqlite3.Connection, Identity, Head]:
        connection = connect(self._path)
        fresh = Identity(journal_id=secrets.token_hex(16), bed=bed, created_utc=self._wall())
        try:
            identity, head = database.prepare(connection, self._path, identity=fresh)
        except (sqlite3.Error, OSError):
            connection.close()
            raise
        return connection, identity, head

    # ---- the caller's side ------------------------------------------------------------------------------------------

    @property
    def identity(self) -> Identity:
        """Whose journal this is."""
        return self._identity

    @property
    def head(self) -> Head:
        """Where the durable chain ends."""
        return self._head

    @property
    def alive(self) -> bool:
        """Whether the writer runs."""
        return self._thread.is_alive()

    @property
    def unwritten_for_ns(self) -> int | None:
        """For how long, by `time.monotonic_ns`, the oldest record that is not yet durable has waited, or None.

        It is the real clock even where the daemon's clock is elastic: a disk knows no demonstration. It stands still
        while the host is suspended: a disk that was not running has not failed.
        """
        with self._wake:
            if self._writing:
                queued_ns: int | None = self._writing[0].queued_ns
            else:
                queued_ns = next((entry.queued_ns for entry in self._queue if isinstance(entry, _Entry)), None)
        return None if queued_ns is None else time.monotonic_ns() - queued_ns

    def append(self, kind: str, body: Mapping[str, object] | object, now_ns: int) -> None:
        """Take a record, a mapping or a frozen dataclass, for writing; never waits for the disk.

        Raises `EncodingError` when `body` cannot be recorded, and `JournalError` after `close`.
        """
        wall_utc = self._wall()
        _check_ascii("kind", kind)
        _check_ascii("wall time", wall_utc)
        if not -(2**63) <= now_ns < 2**63:
            raise EncodingError(f"a record's time must fit 64 bits of nanoseconds, got {now_ns}")
        entry = _Entry(kind, now_ns, wall_utc, canonical(body), time.monotonic_ns())
        with self._wake:
            if self._closing:
                raise JournalError(f"{self._path}: the journal is closed; a {kind} record came too late")
            if self._pending_bytes + entry.size_bytes > self._pending_limit_bytes:
                self._lose(entry)
                return
            if self._loss is not None:
                self._put(self._gap(self._loss, wall_utc))
            self._put(entry)

    def confirm(self, token: str) -> None:
        """Ask to be told, with `token`, when everything appended so far is durable.

        While the disk fails the answer is `on_failed` now and, once it works again, `on_durable` late. A token whose
        records were lost since the confirmation before it is answered by `on_failed`, and by `on_recovered` when the
        disk works again already; it is never confirmed. Raises `JournalError` after
        `close`.
        """
        with self._wake:
            if self._closing:
                raise JournalError(f"{self._path}: the journal is closed; {token} cannot be confirmed")
            if self._loss_unconfirmed:
                self._loss_unconfirmed = False
                self._deliver(
                    partial(self._on_failed, f"{self._path}: records before {token} were lost; it is not confirmed")
                )
                if self._outage is None:
                    self._deliver(self._on_recovered)
                return
            if self._outage is not None:
                self._deliver(partial(self._on_failed, self._outage))
            self._urgent = True
            self._queue.append(_Confirmation(token))
            self._wake.notify()

    def close(self) -> None:
        """Write what is left, then close; waits at most 2 s and may be repeated.

        Raises `JournalError` when records stay unwritten, or the disk does not answer.
        """
        with self._wake:
            if not self._closing:
                self._closing = True
                if self._loss is not None:
                    self._put(self._gap(self._loss, self._wall()))
            self._wake.notify()
        self._thread.join(CLOSE_WAIT_S)
        with self._wake:
            unwritten = self._appended - self._written
            outage = self._outage
        if self._thread.is_alive():
            raise JournalError(f"{self._path}: the disk does not answer; {unwritten} records may be lost")
        self._lock.release()
        if unwritten:
            raise JournalError(f"{unwritten} records are lost: {outage}")

    def _put(self, entry: _Entry) -> None:
        if not self._queue:
            self._wake.notify()
        self._queue.append(entry)
        self._appended += 1
        self._pending_bytes += entry.size_bytes

    def _lose(self, entry: _Entry) -> None:
        self._loss_unconfirmed = True
        if self._loss is not None:
            self._loss.last_ns = entry.mono_ns
            self._loss.records += 1
            return
        self._loss = _Loss(first_ns=entry.mono_ns, last_ns=entry.mono_ns)
        waiting = self._appended - self._written
        cause = self._outage = self._outage or f"{self._path}: the disk is too slow"
        self._deliver(
            partial(self._on_failed, f"{cause}; {waiting} records fill the memory, so that records are being lost")
        )

    def _gap(self, loss: _Loss, wall_utc: str) -> _Entry:
        self._loss = None
        body = canonical({"first_ns": loss.first_ns, "last_ns": loss.last_ns, "records": loss.records})
        return _Entry(GAP_KIND, loss.last_ns, wall_utc, body, time.monotonic_ns())

    # ---- the writer thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while self._wait_for_work():
                tokens = self._take_group()
                if not self._write_group():
                    break
                for token in tokens:
                    self._deliver(partial(self._on_durable, token))
        finally:
            with suppress(sqlite3.Error):
                self._connection.close()
            with self._wake:
                if not self._closing:
                    self._outage = f"{self._path}: the journal's writer has ended; restart pumpd"
                    self._deliver(partial(self._on_failed, self._outage))

    def _wait_for_work(self) -> bool:
        """Wait for something to write and let its group gather; return False when closing with nothing left."""
        with self._wake:
            self._wake.wait_for(lambda: self._queue or self._closing)
            if not self._queue:
                return False
            first = self._queue[0]
            if isinstance(first, _Entry):
                gathered_ns = time.monotonic_ns() - first.queued_ns
                self._wake.wait_for(lambda: self._urgent or self._closing, max(GROUP_WINDOW_NS - gathered_ns, 0) / 1e9)
            return True

    def _take_group(self) -> list[str]:
        """Move the next records into hand; return the tokens to confirm once they are durable."""
        tokens = []
        with self._wake:
            while self._queue:
                if isinstance(self._queue[0], _Confirmation):
                    tokens.append(self._queue[0].token)
                elif len(self._writing) == GROUP_LIMIT_RECORDS:
                    break
                else:
                    self._writing.append(self._queue[0])
                self._queue.popleft()
            self._urgent = bool(self._queue)
        return tokens

    def _write_group(self) -> bool:
        """Write the records in hand, trying again while that fails; return False when closing cut it short."""
        if not self._writing:
            return True
        links = self._chained()
        pause_s = 0.0
        while True:
            try:
                self._commit(links, again=pause_s > 0)
            except (sqlite3.Error, OSError, MemoryError) as error:
                with suppress(sqlite3.Error):
                    self._connection.rollback()
                pause_s = min(pause_s * 2 or FIRST_PAUSE_S, LONGEST_PAUSE_S)
                if not self._failed(error, pause_s):
                    return False
            else:
                self._succeeded(links)
                return True

    def _chained(self) -> list[Link]:
        links = []
        head = self._head
        for entry in self._writing:
            following = link(
                head,
                kind=entry.kind,
                mono_ns=entry.mono_ns,
                wall_utc=entry.wall_utc,
                boot=self._boot,
                body=entry.body,
            )
            links.append(following)
            head = following.head
        return links

    def _commit(self, links: list[Link], *, again: bool) -> None:
        if again and database.stored_head(self._connection) == links[-1].head:
            # The failed try did commit, perhaps only into the page cache: copy it into the main file and sync that.
            (busy, *_) = self._connection.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
            if busy:
                raise JournalError("a reader holds the log; end that reader")
            return
        database.insert(self._connection, links)

    def _failed(self, error: Exception, pause_s: float) -> bool:
        """Report the failure and pause; return False when the journal is closing and this was the last try."""
        reason = f"{self._path}: the journal cannot be written: {database.reason(error)}"
        with self._wake:
            if reason != self._outage:
                self._outage = reason
                self._deliver(partial(self._on_failed, reason))
            self._recovered_at = None
            if self._closing:
                return False
            self._wake.wait_for(lambda: self._closing, pause_s)
        return True

    def _succeeded(self, links: list[Link]) -> None:
        with self._wake:
            self._head = links[-1].head
            self._written += len(self._writing)
            self._pending_bytes -= sum(entry.size_bytes for entry in self._writing)
            self._writing = []
            if self._outage is None:
                return
            if self._recovered_at is None:
                self._recovered_at = self._appended
            if self._written >= self._recovered_at:
                self._outage = None
                self._recovered_at = None
                self._deliver(self._on_recovered)

    def _deliver(self, callback: Callable[[], None]) -> None:
        # A loop that has closed raises RuntimeError: nobody is left to be told.
        with suppress(RuntimeError):
            self._post(callback)


def _check_ascii(name: str, value: str) -> None:
    if not value.isascii():
        raise EncodingError(f"the {name} of a record must be ASCII, got {value!a}")
