"""A clock that runs faster than real time but never further than a turn of the loop: the glue around `Timetable`."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pumpd.bedside.clock import wall_utc
from simulators.harness.timetable import Alarm, Callback, Timetable, turn_ns

TURN_S = 0.001
"""Real time between two turns. What arrives on a line in between is handled at once, at the time of the last turn."""


class ElasticClock:
    """The clock of daemon and devices in an accelerated demonstration. Only this object scales; `real_ns` never does.

    A turn that is late, because the machine is busy or the loop was held up, is not made up for.
    """

    is_real = False

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        speed: float,
        *,
        holds: Callable[[], bool] | None = None,
        real_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Begin to run. While `holds` says so, time runs at real speed: something waits for the real world."""
        if speed <= 0:
            raise ValueError(f"the speed is {speed}; it must be above 0")
        self._loop = loop
        self._speed = speed
        self._limits: list[float] = []
        self.holds = holds
        self.real_ns = real_ns
        """Real time, monotonic."""
        self._last_real_ns = real_ns()
        self._timetable = Timetable(self._last_real_ns)
        self._handle = loop.call_later(TURN_S, self._turn)

    @property
    def speed(self) -> float:
        """How fast time runs now."""
        held = 1.0 if self.holds is not None and self.holds() else self._speed
        return min(self._speed, held, *self._limits)

    def now_ns(self) -> int:
        """Return simulated time, monotonic."""
        return self._timetable.now_ns

    def wall_utc(self) -> str:
        """Return the real wall time."""
        return wall_utc()

    def call_at(self, when_ns: int, callback: Callback) -> Alarm:
        """Call `callback` once simulated time has reached `when_ns`."""
        return self._timetable.call_at(when_ns, callback)

    @contextmanager
    def at_most(self, speed: float) -> Iterator[None]:
        """Run no faster than `speed` for the time of the block: people do not hurry."""
        self._limits.append(speed)
        try:
            yield
        finally:
            self._limits.remove(speed)

    def close(self) -> None:
        """Stop time for good."""
        self._handle.cancel()

    def _turn(self) -> None:
        self._handle = self._loop.call_later(TURN_S, self._turn)
        real_ns = self.real_ns()
        elapsed_ns, self._last_real_ns = real_ns - self._last_real_ns, real_ns
        self._timetable.advance(self._timetable.now_ns + turn_ns(elapsed_ns, self.speed))
