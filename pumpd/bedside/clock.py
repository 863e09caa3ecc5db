"""The daemon's clock on a real event loop: it goes on while the host is suspended.

A demonstration brings an elastic clock; a real pump never meets it.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

from pumpd.core.ports import Timer
from pumpd.core.quantities import NS_PER_S


def wall_utc() -> str:
    """Return the wall time as RFC 3339 in UTC, for the record and for people, never for judgement."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def since_1970_ns(wall_utc: str) -> int:
    """Return a wall time, RFC 3339, as nanoseconds since 1970, in whole seconds: for people."""
    return int(datetime.fromisoformat(wall_utc).timestamp()) * NS_PER_S


def since_boot_ns() -> int:
    """Return the time since the host was booted, suspensions included; no step of the wall clock moves it."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class MonotonicClock:
    """Real time: `now_ns` and `real_ns` are the same clock, which neither stands still nor jumps back.

    It begins with the event loop's own clock and from then on counts suspensions of the host as well, which the loop's
    does not (clock_gettime(2), CLOCK_MONOTONIC and CLOCK_BOOTTIME). After one every age has grown by it (COMM-09), and
    a timer, which the loop keeps, is late by at most what it had left: the bedside notices as it notices any stall.
    """

    is_real = True

    def __init__(self, loop: asyncio.AbstractEventLoop, read_ns: Callable[[], int] = since_boot_ns) -> None:
        self._loop = loop
        self._read_ns = read_ns
        self._offset_ns = round(loop.time() * NS_PER_S) - read_ns()

    def now_ns(self) -> int:
        """Return the time in nanoseconds."""
        return self._read_ns() + self._offset_ns

    def real_ns(self) -> int:
        """Return the time in nanoseconds."""
        return self.now_ns()

    def wall_utc(self) -> str:
        """Return the wall time as RFC 3339 in UTC."""
        return wall_utc()

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> Timer:
        """Call `callback` at `when_ns`; like every timer it may be late, and a hair early."""
        return self._loop.call_later(max(when_ns - self.now_ns(), 0) / NS_PER_S, callback)
