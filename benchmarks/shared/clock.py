"""A daemon's clock that can be set: so that every trial begins at the same instant of the daemon's time."""

import asyncio
import time
from collections.abc import Callable

from pumpd.bedside.clock import wall_utc
from pumpd.core.ports import Timer
from pumpd.core.quantities import NS_PER_S


class SettableClock:
    """The monotonic clock and a difference. What was armed before it is set back rings early, never late."""

    is_real = False

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ahead_ns = 0

    def now_ns(self) -> int:
        """Return the time of devices and rules."""
        return time.monotonic_ns() + self._ahead_ns

    def real_ns(self) -> int:
        """Return the monotonic time, which is never set."""
        return time.monotonic_ns()

    def wall_utc(self) -> str:
        """Return the wall time as RFC 3339 in UTC."""
        return wall_utc()

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> Timer:
        """Call `callback` at `when_ns`."""
        return self._loop.call_at((when_ns - self._ahead_ns) / NS_PER_S, callback)

    def set(self, now_ns: int) -> None:
        """Go on from `now_ns`."""
        self._ahead_ns = now_ns - time.monotonic_ns()
