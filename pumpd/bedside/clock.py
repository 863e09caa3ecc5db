"""The daemon's clocks on a real event loop. A demonstration brings an elastic clock; a real pump never meets it."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

from pumpd.core.ports import Timer
from pumpd.core.quantities import NS_PER_S


def wall_utc() -> str:
    """Return the wall time as RFC 3339 in UTC, for the record and for people, never for judgement."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class MonotonicClock:
    """Real time: `now_ns` and `real_ns` are the same clock, that of the event loop."""

    is_real = True

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def now_ns(self) -> int:
        """Return the monotonic time in nanoseconds."""
        return time.monotonic_ns()

    def real_ns(self) -> int:
        """Return the monotonic time in nanoseconds."""
        return time.monotonic_ns()

    def wall_utc(self) -> str:
        """Return the wall time as RFC 3339 in UTC."""
        return wall_utc()

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> Timer:
        """Call `callback` at `when_ns`; like every timer it may be late, and a hair early."""
        return self._loop.call_at(when_ns / NS_PER_S, callback)
