"""Questions about the true flow. Knows segments and time; exact, in nL x NS_PER_H, so that nothing is rounded away."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from simulators.oracle.observation import NS_PER_H, FlowSegment


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A longest time without rest; `to_ns` is the end of the observation where it still flows then."""

    from_ns: int
    to_ns: int
    ended: bool

    def holds(self, at_ns: int) -> bool:
        """Tell whether it flows at `at_ns`."""
        return self.from_ns <= at_ns < self.to_ns


class Flow:
    """The true flow until `until_ns`; between segments nothing flows."""

    def __init__(self, segments: Sequence[FlowSegment], until_ns: int) -> None:
        self.segments = tuple(segment for segment in segments if segment.rate_nl_h and segment.from_ns < until_ns)
        self._until_ns = until_ns
        self._from_ns = [segment.from_ns for segment in self.segments]
        self._totals = [0]
        for segment in self.segments:
            self._totals.append(self._totals[-1] + segment.rate_nl_h * (self.end_ns(segment) - segment.from_ns))
        self.stretches = self._joined()

    def end_ns(self, segment: FlowSegment) -> int:
        """Return when a segment ends as far as it was observed."""
        return self._until_ns if segment.to_ns is None else min(segment.to_ns, self._until_ns)

    def exact(self, at_ns: int) -> int:
        """Return the net volume by `at_ns` in nL x NS_PER_H."""
        index = bisect_right(self._from_ns, at_ns) - 1
        if index < 0:
            return 0
        segment = self.segments[index]
        flowing_ns = min(at_ns, self.end_ns(segment)) - segment.from_ns
        return self._totals[index] + segment.rate_nl_h * flowing_ns

    def flows_at(self, at_ns: int) -> bool:
        """Tell whether anything moves at `at_ns`."""
        return any(stretch.holds(at_ns) for stretch in self.stretches)

    def rest_ns(self, at_ns: int) -> int | None:
        """Return the first instant of rest from `at_ns` on, or None when it flows to the end of the observation."""
        for stretch in self.stretches:
            if stretch.holds(at_ns):
                return stretch.to_ns if stretch.ended else None
        return at_ns

    def _joined(self) -> tuple[Stretch, ...]:
        found: list[Stretch] = []
        for segment in self.segments:
            to_ns = self.end_ns(segment)
            ended = segment.to_ns is not None and segment.to_ns <= self._until_ns
            if found and found[-1].to_ns == segment.from_ns:
                found[-1] = Stretch(from_ns=found[-1].from_ns, to_ns=to_ns, ended=ended)
            else:
                found.append(Stretch(from_ns=segment.from_ns, to_ns=to_ns, ended=ended))
        return tuple(found)


def in_nl(exact: int) -> str:
    """Return an exact volume for people, in nL, rounded towards more."""
    return f"{-(-exact // NS_PER_H)} nL"
