"""The self-test of a bed: storage and library beside the loop, alarm output and clock in it. Judges nothing.

What must not block the loop runs in a thread of its own, one at a time; it may hang for as long as its disk does.
"""

import asyncio
import hashlib
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pumpd.bedside.local_alarm import LocalAlarm
from pumpd.bedside.profile_file import HASH_CHARACTERS
from pumpd.core.events import SelfTested
from pumpd.core.ports import Clock
from pumpd.core.quantities import NS_PER_S
from pumpd.records.chain import Head
from pumpd.records.selftest import StorageTest, examine

ANSWER_LIMIT_S = 2.0
"""Every wait on the disk ends within this (requirement COMM-11)."""
FIRST_YEAR = 2025
"""A wall clock before this was never set: pumpd did not exist."""
CLOCK_TOLERANCE_NS = NS_PER_S
"""Wall clock and monotonic clock may part by this much within one self-test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What was found beside the loop."""

    storage: StorageTest
    profile_fault: str | None


Examine = Callable[[Callable[[Examined], None]], None]
"""Begins an examination and calls back in the loop, within `ANSWER_LIMIT_S`, never inside the call itself."""


class SelfTest:
    """Tries one bed when it is asked to, and tells what it has found."""

    def __init__(
        self, *, begin_examination: Examine, alarm: LocalAlarm, clock: Clock, tell: Callable[[SelfTested], None]
    ) -> None:
        self._begin_examination = begin_examination
        self._alarm = alarm
        self._clock = clock
        self._tell = tell
        self._is_busy = False
        self._is_closed = False

    def begin(self, begun_ns: int) -> None:
        """Begin a test, unless one is under way."""
        if self._is_busy:
            return
        self._is_busy = True
        before = (self._clock.real_ns(), self._clock.wall_utc())
        self._begin_examination(lambda found: self._end(begun_ns, before, found))

    def close(self) -> None:
        """Tell nothing any more."""
        self._is_closed = True

    def _end(self, begun_ns: int, before: tuple[int, str], found: Examined) -> None:
        self._is_busy = False
        if self._is_closed:
            return
        tested = SelfTested(
            begun_ns=begun_ns,
            free_bytes=found.storage.free_bytes,
            storage_fault=found.storage.fault,
            profile_fault=found.profile_fault,
            alarm_fault=self._alarm.fault(),
            clock_fault=clock_fault(before, (self._clock.real_ns(), self._clock.wall_utc())),
        )
        self._tell(tested)


def clock_fault(before: tuple[int, str], after: tuple[int, str]) -> str | None:
    """Compare monotonic and wall time at both ends of a test; return what is wrong with them, or None."""
    (real_ns, wall), (later_ns, later_wall) = before, after
    if later_ns < real_ns:
        return "the monotonic clock went backwards; restart the computer"
    then, now = datetime.fromisoformat(wall), datetime.fromisoformat(later_wall)
    if now.year < FIRST_YEAR:
        return f"the wall clock says {later_wall}; set it"
    passed_ns = round((now - then).total_seconds() * NS_PER_S)
    if abs(passed_ns - (later_ns - real_ns)) > CLOCK_TOLERANCE_NS:
        return f"the wall clock went from {wall} to {later_wall} while {(later_ns - real_ns) / NS_PER_S:.1f} s passed"
    return None


class Examination:
    """Examines the files of one bed in a thread; after `ANSWER_LIMIT_S` without an answer that is the fault."""

    def __init__(
        self,
        *,
        journal: Path,
        profile: Path,
        profile_hash: str,
        loop: asyncio.AbstractEventLoop,
        noted: Callable[[], Head],
        examine_storage: Callable[[Path, Head], StorageTest] = lambda path, noted: examine(path, noted=noted),
    ) -> None:
        self._journal = journal
        self._profile = profile
        self._profile_hash = profile_hash
        self._loop = loop
        self._noted = noted
        self._examine_storage = examine_storage
        self._thread: threading.Thread | None = None

    def begin(self, done: Callable[[Examined], None]) -> None:
        """Examine once; `done` is called in the loop."""
        if self._thread is not None and self._thread.is_alive():
            self._loop.call_soon(done, _no_answer())
            return
        answers: list[Examined] = []
        late = self._loop.call_later(ANSWER_LIMIT_S, lambda: answered(_no_answer()))

        def answered(found: Examined) -> None:
            late.cancel()
            if not answers:
                answers.append(found)
                done(found)

        noted = self._noted()

        def work() -> None:
            found = self._look(noted)
            with suppress(RuntimeError):  # the loop may be closed by now, and then nobody waits
                self._loop.call_soon_threadsafe(answered, found)

        self._thread = threading.Thread(target=work, name="self-test", daemon=True)
        self._thread.start()

    def _look(self, noted: Head) -> Examined:
        return Examined(
            storage=self._examine_storage(self._journal, noted),
            profile_fault=profile_fault(self._profile, self._profile_hash),
        )


def profile_fault(path: Path, expected: str) -> str | None:
    """Say whether the profile's file, drug library included, is still the one that is in force."""
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()[:HASH_CHARACTERS]
    except OSError as error:
        return f"{path}: the profile cannot be read: {error.strerror}"
    if found != expected:
        return f"{path} has changed: {found}, in force is {expected}; restart pumpd under the one that is meant"
    return None


def _no_answer() -> Examined:
    words = f"the disk has not answered within {ANSWER_LIMIT_S:g} s; tell the engineer"
    return Examined(storage=StorageTest(free_bytes=None, fault=words), profile_fault=None)
