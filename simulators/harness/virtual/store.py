"""The journal in memory: the real encoding and chain, a disk that can be slow, stalled or full, and survives a kill.

Only what was durable is there after a kill. The group that was under way may be or not: the disk had it in hand.
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from random import Random
from typing import NamedTuple

from pumpd.bedside.outside import JournalCallbacks
from pumpd.bedside.recovery import REMEMBERED_IDS, ids_in, newest_alarms, newest_session
from pumpd.core.alarms import Alarms
from pumpd.core.commands import CommandReceived
from pumpd.core.effects import AlarmsChanged, SaveSession
from pumpd.core.session import SessionRecord
from pumpd.records.chain import ChainError, Link, digest, genesis, verify
from pumpd.records.database import JournalError
from pumpd.records.encoding import canonical
from pumpd.records.journal import FIRST_PAUSE_S, GROUP_WINDOW_NS
from simulators.harness.virtual.life import Life
from simulators.harness.virtual.loop import NS_PER_S, VirtualLoop
from simulators.harness.virtual.tape import Tape

COMMIT_NS = 3_000_000
"""What a synchronised write takes on a good disk."""
RETRY_NS = int(FIRST_PAUSE_S * NS_PER_S)


def journal_id(bed: str) -> str:
    """Return the name of the one journal that a virtual bed has."""
    return f"virtual-{bed}"


class VirtualStore:
    """The disk under the journals of all runs of the daemon."""

    def __init__(self, loop: VirtualLoop, rng: Random, tape: Tape, *, bed: str) -> None:
        self.commit_ns = COMMIT_NS
        """How long a write takes; a large value is a disk that is too slow."""
        self.failure: str | None = None
        """Why writing fails, such as a full disk; None when it does not."""
        self.is_stalled = False
        """Whether a write neither ends nor fails."""
        self.sessions: list[tuple[int, str]] = []
        """When each session was saved, and its canonical text."""
        self._alarms: str | None = None
        self._stored: list[tuple[Record, str, str]] = []
        """Each durable record with the run of the daemon that wrote it and its hash."""
        self._loop = loop
        self._rng = rng
        self._tape = tape
        self._genesis = genesis(journal_id(bed))
        self._last_hash = self._genesis.hash
        self._commands: deque[str] = deque(maxlen=REMEMBERED_IDS)

    @property
    def links(self) -> list[Link]:
        """Return what is durable as links of the chain."""
        found = []
        previous_hash = self._genesis.hash
        for seq, (entry, boot, own_hash) in enumerate(self._stored, 1):
            found.append(
                Link(
                    seq=seq,
                    kind=entry.kind,
                    mono_ns=entry.mono_ns,
                    wall_utc=entry.wall_utc,
                    boot=boot,
                    body=entry.body,
                    previous_hash=previous_hash,
                    hash=own_hash,
                )
            )
            previous_hash = own_hash
        return found

    @property
    def next_commit_ns(self) -> int | None:
        """Return when a write that begins now ends, or None while the disk is stalled."""
        return None if self.is_stalled else self._loop.now_ns() + self.commit_ns

    def commit(self, entries: list["Record"], boot: str) -> None:
        """Make records durable."""
        now_ns = self._loop.now_ns()
        for entry in entries:
            kind, mono_ns, wall_utc, body, _ = entry
            seq = len(self._stored) + 1
            self._last_hash = digest(self._last_hash, seq, kind, mono_ns, wall_utc, boot, body)
            self._stored.append((entry, boot, self._last_hash))
            if kind == SaveSession.__name__:
                self.sessions.append((mono_ns, body))
            elif kind == AlarmsChanged.__name__:
                self._alarms = body
            elif kind == CommandReceived.__name__:
                self._commands.appendleft(body)
            self._tape.note(now_ns, "journal", self._last_hash.encode())

    def survives(self) -> bool:
        """Draw whether a write that was under way at a kill is on the disk."""
        return not self.is_stalled and self.failure is None and self._rng.random() < 0.5

    def recovered(self) -> SessionRecord | None:
        """Return the newest session."""
        return newest_session([body for _, body in self.sessions[-1:]])

    def alarms(self) -> Alarms:
        """Return the newest alarms."""
        return newest_alarms([] if self._alarms is None else [self._alarms])

    def seen_ids(self) -> tuple[str, ...]:
        """Return the ids of the commands, the oldest first."""
        return ids_in(self._commands)

    def check(self) -> ChainError | None:
        """Return the first record that does not fit, or None."""
        return verify(self.links, start=self._genesis)


class Record(NamedTuple):
    """A record on its way to the disk. Times of `queued_ns` are those of the loop."""

    kind: str
    mono_ns: int
    wall_utc: str
    body: str
    queued_ns: int


class VirtualJournal:
    """The journal of one run of the daemon. Fulfils `pumpd.core.ports.Journal`."""

    def __init__(
        self,
        store: VirtualStore,
        *,
        boot: str,
        wall: Callable[[], str],
        life: Life,
        loop: VirtualLoop,
        callbacks: JournalCallbacks,
    ) -> None:
        self._store = store
        self._boot = boot
        self._wall = wall
        self._life = life
        self._loop = loop
        self._tell = callbacks
        self._waiting: list[Record] = []
        self._tokens: list[str] = []
        self._writing: list[Record] = []
        self._writing_tokens: list[str] = []
        self._gathering = False
        self._busy = False
        self._outage: str | None = None
        self._closed = False
        life.on_end.append(self._cut_off)

    @property
    def alive(self) -> bool:
        """Whether its daemon lives: the store itself never dies."""
        return self._life.is_alive

    @property
    def unwritten_for_ns(self) -> int | None:
        """For how long the oldest record has waited."""
        oldest = self._writing or self._waiting
        return self._loop.now_ns() - oldest[0].queued_ns if oldest else None

    def append(self, kind: str, body: object, now_ns: int) -> None:
        """Take a record."""
        if self._closed:
            raise JournalError(f"the journal is closed; a {kind} record came too late")
        if not self._life.acts():
            return
        self._waiting.append(Record(kind, now_ns, self._wall(), canonical(body), self._loop.now_ns()))
        if not self._busy and not self._gathering:
            self._gathering = True
            self._at(self._loop.now_ns() + GROUP_WINDOW_NS, self._begin)

    def confirm(self, token: str) -> None:
        """Ask to be told when everything so far is durable."""
        if self._closed:
            raise JournalError(f"the journal is closed; {token} cannot be confirmed")
        if not self._life.acts():
            return
        self._tokens.append(token)
        if self._outage is not None:
            self._post(partial(self._tell.on_failed, self._outage))
        if not self._busy:
            self._post(self._begin)

    def close(self) -> None:
        """Write what is left; raise `JournalError` when that is impossible."""
        if self._closed or not self._life.is_alive:
            return
        self._closed = True
        left = self._writing + self._waiting
        if left and (self._store.failure is not None or self._store.is_stalled):
            raise JournalError(f"{len(left)} records are lost")
        self._store.commit(left, self._boot)
        self._writing, self._waiting = [], []

    def _begin(self) -> None:
        self._gathering = False
        if self._busy or self._closed or not (self._waiting or self._tokens):
            return
        self._busy = True
        self._writing, self._waiting = self._waiting, []
        self._writing_tokens, self._tokens = self._tokens, []
        self._try()

    def _try(self) -> None:
        end_ns = self._store.next_commit_ns
        if end_ns is None:
            # a stalled disk is looked at again: it may have come back
            self._at(self._loop.now_ns() + RETRY_NS, self._try)
        else:
            self._at(end_ns, self._end)

    def _end(self) -> None:
        if self._store.is_stalled:
            self._try()
            return
        failure = self._store.failure
        if failure is not None:
            if self._outage != failure:
                self._outage = failure
                self._tell.on_failed(failure)
            self._at(self._loop.now_ns() + RETRY_NS, self._try)
            return
        self._store.commit(self._writing, self._boot)
        tokens, self._writing, self._writing_tokens = self._writing_tokens, [], []
        self._busy = False
        if self._outage is not None:
            self._outage = None
            self._tell.on_recovered()
        for token in tokens:
            self._tell.on_durable(token)
        if self._waiting or self._tokens:
            self._begin()

    def _at(self, when_ns: int, callback: Callable[[], None]) -> None:
        self._loop.call_at_ns(when_ns, lambda: self._life.tell(self._unless_closed(callback)), independent=True)

    def _post(self, callback: Callable[[], None]) -> None:
        self._loop.call_soon(self._life.tell, self._unless_closed(callback))

    def _unless_closed(self, callback: Callable[[], None]) -> Callable[[], None]:
        return lambda: None if self._closed else callback()

    def _cut_off(self) -> None:
        if self._writing and self._store.survives():
            self._store.commit(self._writing, self._boot)
