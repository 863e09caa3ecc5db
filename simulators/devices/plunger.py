"""The physical truth of a simulated pump: what the plunger gave. Knows no protocol, counter or display."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

NS_PER_H = 3_600_000_000_000
"""One hour in nanoseconds; a volume is kept as nL x NS_PER_H, so that rate x time adds without a remainder to lose."""


class Accumulator:
    """A volume that grows at a settable rate, exact to the nanosecond; the building block of counters and end-stops."""

    __slots__ = ("_rate_nl_h", "_since_ns", "_total")

    def __init__(self, now_ns: int = 0) -> None:
        self._total = 0
        self._rate_nl_h = 0
        self._since_ns = now_ns

    def set_rate(self, rate_nl_h: int, now_ns: int) -> None:
        """Go on at `rate_nl_h` from `now_ns`."""
        self._total = self._exact(now_ns)
        self._rate_nl_h = rate_nl_h
        self._since_ns = now_ns

    def volume_nl(self, now_ns: int) -> int:
        """Return the volume at `now_ns`, rounded down; `now_ns` is not before the last change."""
        return self._exact(now_ns) // NS_PER_H

    def clear(self, now_ns: int) -> None:
        """Begin again at zero with the same rate."""
        self._total = 0
        self._since_ns = now_ns

    def reaches_ns(self, target_nl: int) -> int | None:
        """Return the first instant at which the volume is at least `target_nl`, or None when it never gets there.

        The overshoot within that nanosecond is below 1 nL for any rate under 3.6 million litres an hour.
        """
        missing = target_nl * NS_PER_H - self._total
        if missing <= 0:
            return self._since_ns
        if self._rate_nl_h <= 0:
            return None
        return self._since_ns - (-missing // self._rate_nl_h)

    def _exact(self, now_ns: int) -> int:
        if now_ns < self._since_ns:
            raise ValueError(f"time {now_ns} ns is before the last change at {self._since_ns} ns")
        return self._total + self._rate_nl_h * (now_ns - self._since_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowSegment:
    """A stretch of constant flow; `to_ns` is None while it lasts. Negative flow draws back."""

    from_ns: int
    to_ns: int | None
    rate_nl_h: int


class Plunger:
    """The whole history of the true flow, readable at any instant; before `start_ns` nothing flowed.

    A rate set at an instant holds from that instant on; a second setting at the same instant replaces the first.
    """

    def __init__(self, start_ns: int = 0) -> None:
        self.on_change: Callable[[int], None] | None = None
        """Called with the instant after each change of flow."""
        self._from_ns = [start_ns]
        self._rates_nl_h = [0]
        self._totals = [0]  # nL x NS_PER_H at the start of each segment
        self._segments: tuple[FlowSegment, ...] | None = None  # made when asked for, and again after a change

    @property
    def segments(self) -> tuple[FlowSegment, ...]:
        """Return every stretch of constant flow, oldest first; the last is open."""
        if self._segments is None:
            ends: list[int | None] = [*self._from_ns[1:], None]
            self._segments = tuple(
                FlowSegment(from_ns=start, to_ns=end, rate_nl_h=rate)
                for start, end, rate in zip(self._from_ns, ends, self._rates_nl_h, strict=True)
            )
        return self._segments

    def set_rate(self, rate_nl_h: int, now_ns: int) -> None:
        """Flow at `rate_nl_h` from `now_ns`, which may not lie before the last change."""
        if now_ns < self._from_ns[-1]:
            raise ValueError(f"flow set at {now_ns} ns, before the last change at {self._from_ns[-1]} ns")
        if rate_nl_h == self._rates_nl_h[-1]:
            return
        self._segments = None
        if now_ns == self._from_ns[-1]:
            self._rates_nl_h[-1] = rate_nl_h
        else:
            self._totals.append(self._exact(now_ns))
            self._from_ns.append(now_ns)
            self._rates_nl_h.append(rate_nl_h)
        if self.on_change is not None:
            self.on_change(now_ns)

    def flow_nl_h(self, at_ns: int) -> int:
        """Return the true flow at `at_ns`, past or present."""
        index = bisect_right(self._from_ns, at_ns) - 1
        return self._rates_nl_h[index] if index >= 0 else 0

    def delivered_nl(self, now_ns: int) -> int:
        """Return the net volume given by `now_ns`, past or present, rounded down."""
        return self._exact(now_ns) // NS_PER_H

    def delivered_between_nl(self, a_ns: int, b_ns: int) -> int:
        """Return what was given from `a_ns` to `b_ns`; stretches that join add up without error."""
        return self.delivered_nl(b_ns) - self.delivered_nl(a_ns)

    def _exact(self, at_ns: int) -> int:
        index = bisect_right(self._from_ns, at_ns) - 1
        if index < 0:
            return 0
        return self._totals[index] + self._rates_nl_h[index] * (at_ns - self._from_ns[index])
