"""When the cuff is inflated: an interval, one repeat after a failure that permits it, a repeat that confirms a limit.

Never a retry loop: repeated inflation harms the limb, so at least `REST_OF_LIMB_NS` lie between two cycles.
"""

from dataclasses import dataclass, replace

from pumpd.core.quantities import NS_PER_S

REST_OF_LIMB_NS = 30 * NS_PER_S
"""Least time between the end of one cycle and the start of the next."""
CYCLE_LIMIT_NS = 150 * NS_PER_S
"""A cycle of which nothing was heard for so long is over; the driver's own limit is shorter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CuffSchedule:
    """Where the cuff is in its cycle."""

    started_ns: int | None = None
    ended_ns: int | None = None
    measuring: bool = False
    retry: bool = False  # the last cycle failed for a cause that permits one repeat
    retried: bool = False  # that repeat was already made
    barred: bool = False  # the last cycle failed for good: no repeat before the next one of the interval

    def due_at_ns(self, interval_ns: int | None, *, from_end: bool, repeat: bool, now_ns: int) -> int | None:
        """Return when the next cycle starts, or None.

        `interval_ns` counts from the start of the last cycle, or with `from_end` from its end; None means that no cycle
        is scheduled. `repeat` asks for a cycle as soon as the limb has rested.
        """
        if interval_ns is None:
            return None
        if self.measuring and self.started_ns is not None:
            return self.started_ns + CYCLE_LIMIT_NS
        if self.started_ns is None or self.ended_ns is None:
            return now_ns
        rested_ns = self.ended_ns + REST_OF_LIMB_NS
        if self.retry or (repeat and not self.barred):
            return rested_ns
        return max((self.ended_ns if from_end else self.started_ns) + interval_ns, rested_ns)

    def begun(self, now_ns: int) -> "CuffSchedule":
        """A cycle starts now."""
        return CuffSchedule(started_ns=now_ns, ended_ns=self.ended_ns, measuring=True, retried=self.retry)

    def ended(self, now_ns: int) -> "CuffSchedule":
        """The cycle is over and gave a reading."""
        return replace(self, ended_ns=now_ns, measuring=False, retry=False, barred=False)

    def failed(self, now_ns: int, *, retry: bool) -> "CuffSchedule":
        """The cycle is over without a reading; `retry` says that the cause permits one repeat."""
        again = retry and not self.retried
        return replace(self, ended_ns=now_ns, measuring=False, retry=again, barred=not again)
