"""One timer that is moved about instead of being made anew by each caller."""

from collections.abc import Callable

from pumpd.core.ports import Clock, Timer


class AlarmClock:
    """Calls `callback` at the time set last; None takes it away.

    Moving the time later costs nothing: the armed timer rings early, looks, and is armed again.
    """

    def __init__(self, clock: Clock, callback: Callable[[], None]) -> None:
        self._clock = clock
        self._callback = callback
        self._timer: Timer | None = None
        self._armed_ns = 0
        self._when_ns: int | None = None

    def set(self, when_ns: int | None) -> None:
        """Ring at `when_ns`, or not at all."""
        self._when_ns = when_ns
        if when_ns is not None and (self._timer is None or when_ns < self._armed_ns):
            self._arm(when_ns)

    def cancel(self) -> None:
        """Take the timer off the loop as well."""
        self._when_ns = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, when_ns: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._armed_ns = when_ns
        self._timer = self._clock.call_at(when_ns, self._ring)

    def _ring(self) -> None:
        self._timer = None
        when_ns = self._when_ns
        if when_ns is None:
            return
        if self._clock.now_ns() < when_ns:
            self._arm(when_ns)
            return
        self._when_ns = None
        self._callback()
