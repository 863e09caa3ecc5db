"""One run of the daemon as the world sees it: it acts until it is cut off, and nothing it does after that counts.

It may also stand still for a while, as a process that nobody schedules: the world goes on, and what it has to tell the
daemon waits.
"""

from collections.abc import Callable

from simulators.harness.virtual.clock import VirtualClock
from simulators.harness.virtual.loop import Instant, VirtualLoop


class Life:
    """Everything a daemon does to the world asks `acts` first; everything the world tells it goes through `tell`.

    So a kill can come between any two acts, also between two that belong to one callback.
    """

    def __init__(self, loop: VirtualLoop) -> None:
        self.is_alive = True
        self.stalls: list[tuple[int, int | None]] = []
        """From when to when it stood still."""
        self.stands_still = False
        self.on_end: list[Callable[[], object]] = [self.go_on]
        self._loop = loop
        self._untold: list[Callable[[], object]] = []
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

    def tell(self, callback: Callable[[], object]) -> None:
        """Let the world call the daemon: now, or when it goes on, or never where it is dead by then."""
        if self.stands_still:
            self._untold.append(callback)
        elif self.is_alive:
            callback()

    def stand_still(self) -> None:
        """Do nothing from now on, and hear nothing, until `go_on`; a second time changes nothing."""
        if self.stands_still:
            return
        self.stands_still = True
        self.stalls.append((self._loop.now_ns(), None))
        self._loop.hold_back(self)

    def go_on(self) -> None:
        """Take in what waited, in the order in which it came."""
        if not self.stands_still:
            return
        self.stands_still = False
        self.stalls[-1] = (self.stalls[-1][0], self._loop.now_ns())
        untold, self._untold = self._untold, []
        for callback in untold:
            self.tell(callback)
        self._loop.let_go(self)

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

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> Instant:
        """Call `callback` at `when_ns` if the daemon lives then; it may be cancelled until it is called."""

        def call() -> None:
            if not timer.cancelled():
                callback()

        timer = self._clock.call_at(when_ns, lambda: self._life.tell(call))
        return timer
