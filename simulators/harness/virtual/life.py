"""One run of the daemon as the world sees it: it acts until it is cut off, and nothing it does after that counts."""

from asyncio.events import Handle
from collections.abc import Callable

from simulators.harness.virtual.clock import VirtualClock


class Life:
    """Everything a daemon does to the world asks `acts` first; everything the world tells it asks `is_alive`.

    So a kill can come between any two acts, also between two that belong to one callback.
    """

    def __init__(self) -> None:
        self.is_alive = True
        self.on_end: list[Callable[[], object]] = []
        self._acts_left: int | None = None

    def acts(self) -> bool:
        """Tell whether the next act still happens."""
        if not self.is_alive:
            return False
        if self._acts_left is not None:
            if self._acts_left == 0:
                self.end()
                return False
            self._acts_left -= 1
        return True

    def end_after(self, acts: int) -> None:
        """End when so many more acts have happened: before the next one."""
        self._acts_left = acts

    def end(self) -> None:
        """End now, in whatever callback that is; a second time changes nothing."""
        if self.is_alive:
            self.is_alive = False
            for tell in self.on_end:
                tell()


class LifeClock:
    """The clock of one run of the daemon: its timers die with it."""

    is_real = False

    def __init__(self, clock: VirtualClock, life: Life) -> None:
        self._life = life
        self._clock = clock
        self.now_ns = clock.now_ns
        self.real_ns = clock.real_ns
        self.wall_utc = clock.wall_utc

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> Handle:
        """Call `callback` at `when_ns` if the daemon lives then."""
        return self._clock.call_at(when_ns, lambda: callback() if self._life.is_alive else None)
