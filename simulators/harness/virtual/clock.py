"""The clocks of daemon and devices in simulated time: one integer for all of them, wall time from a fixed date."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from simulators.harness.virtual.loop import NS_PER_S, Instant, VirtualLoop

NS_PER_MS = 1_000_000
EPOCH = datetime(2026, 1, 1, 8, tzinfo=UTC)
"""The wall time at simulated instant 0."""


class VirtualClock:
    """Fulfils the daemon's `Clock` and the devices' `HostClock`. Timers are neither early nor late."""

    is_real = False

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.now_ns = loop.now_ns
        """Return simulated time."""
        self.real_ns = loop.now_ns
        """Return simulated time: people and networks live in it too."""
        self.wall_offset_ns = 0
        """How far the wall clock is off: set it to let the wall time jump."""
        self._second = (-1, "")
        """A whole second of the wall time and its text, without the fraction."""
        self._instant = (-1, "")
        """An instant of the wall time and its text: one is asked for several times."""

    def wall_utc(self) -> str:
        """Return the wall time as RFC 3339 in UTC."""
        wall_ns = self._loop.now_ns() + self.wall_offset_ns
        known_ns, text = self._instant
        if known_ns == wall_ns:
            return text
        wall_s, rest_ns = divmod(wall_ns, NS_PER_S)
        known_s, begin = self._second
        if known_s != wall_s:
            begin = (EPOCH + timedelta(seconds=wall_s)).replace(tzinfo=None).isoformat()
            self._second = (wall_s, begin)
        text = f"{begin}.{rest_ns // NS_PER_MS:03d}+00:00"
        self._instant = (wall_ns, text)
        return text

    def call_at(self, when_ns: int, callback: Callable[[], object]) -> Instant:
        """Call `callback` at `when_ns`."""
        return self._loop.call_at_ns(when_ns, callback)

    async def reach(self, when_ns: int) -> None:
        """Return at `when_ns`."""
        reached = asyncio.Event()
        self._loop.call_at_ns(when_ns, reached.set)
        await reached.wait()

    async def pass_s(self, seconds: float) -> None:
        """Return when so many seconds have passed."""
        await self.reach(self._loop.now_ns() + round(seconds * NS_PER_S))
