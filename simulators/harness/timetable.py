"""Simulated time: how far one turn goes, and which timers ring on the way. Pure; knows no loop and no real clock."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

LONGEST_TURN_NS = 50_000_000
"""A turn never goes further, so that a busy machine slows simulated time down instead of tripping a lease."""
STANDSTILL_LIMIT = 1_000
"""Timers that ring in one turn without any time passing; what is beyond waits for the next turn and so for input."""

Callback = Callable[[], object]


def turn_ns(elapsed_ns: int, speed: float) -> int:
    """Return how far simulated time goes when `elapsed_ns` of real time have passed."""
    return max(0, min(int(elapsed_ns * speed), LONGEST_TURN_NS))


@dataclass(order=True, slots=True)
class Alarm:
    """A call at an instant; equal instants ring in the order in which they were set."""

    when_ns: int
    number: int
    callback: Callback | None = field(compare=False)

    def cancel(self) -> None:
        """Call it off; a second time changes nothing."""
        self.callback = None


class Timetable:
    """An instant and the timers after it."""

    def __init__(self, now_ns: int) -> None:
        self.now_ns = now_ns
        self._numbers = count()
        self._alarms: list[Alarm] = []

    def call_at(self, when_ns: int, callback: Callback) -> Alarm:
        """Call `callback` when time reaches `when_ns`; what is already past rings at once in the next turn."""
        alarm = Alarm(when_ns, next(self._numbers), callback)
        heapq.heappush(self._alarms, alarm)
        return alarm

    def advance(self, until_ns: int) -> None:
        """Go to `until_ns`; every timer on the way rings in order, with `now_ns` at the instant it was set for."""
        rung_without_time = 0
        while self._alarms and self._alarms[0].when_ns <= until_ns and rung_without_time < STANDSTILL_LIMIT:
            alarm = heapq.heappop(self._alarms)
            callback, alarm.callback = alarm.callback, None
            if callback is None:
                continue
            rung_without_time = 0 if alarm.when_ns > self.now_ns else rung_without_time + 1
            self.now_ns = max(self.now_ns, alarm.when_ns)
            callback()
        if rung_without_time < STANDSTILL_LIMIT:
            self.now_ns = max(self.now_ns, until_ns)
