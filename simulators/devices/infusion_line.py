"""The way from the syringe to the vein: which part of the true flow is drug that arrives. Knows volumes, no drug."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from simulators.devices.overlays import Window

NS_PER_H = 3_600_000_000_000


class Segment(Protocol):
    """A stretch of constant flow; `to_ns` is None while it lasts. Negative flow draws back."""

    @property
    def from_ns(self) -> int:
        """Return when it began."""

    @property
    def to_ns(self) -> int | None:
        """Return when it ended."""

    @property
    def rate_nl_h(self) -> int:
        """Return its flow."""


class FlowSource(Protocol):
    """The true flow of a pump: its whole history, oldest first, the last segment open."""

    @property
    def segments(self) -> Sequence[Segment]:
        """Return every stretch of constant flow so far."""


Steps = list[tuple[int, int]]
"""Instants and the flow that holds from each on, oldest first."""


def inflow(segments: Iterable[Segment], *, dead_volume_nl: int, blocked: Sequence[Window] = ()) -> Steps:
    """Return the flow of drug into the vein, exact to the nanosecond.

    The line is a pure delay in volume, filled with plain fluid at first: drug arrives only while the net volume
    given is beyond the dead volume and beyond all it ever was; what was drawn back has to be pushed again first.
    """
    steps: Steps = []
    net = 0  # nL x NS_PER_H, exact
    furthest = dead_volume_nl * NS_PER_H
    for segment in segments:
        rate = segment.rate_nl_h
        if rate > 0 and net < furthest:
            steps.append((segment.from_ns, 0))
            arrives_ns = segment.from_ns - (net - furthest) // rate
            if segment.to_ns is None or arrives_ns < segment.to_ns:
                steps.append((arrives_ns, rate))
        else:
            steps.append((segment.from_ns, max(0, rate)))
        if segment.to_ns is not None:
            net += rate * (segment.to_ns - segment.from_ns)
            furthest = max(furthest, net)
    for window in blocked:
        steps = _blocked(steps, window)
    return steps


def _blocked(steps: Steps, window: Window) -> Steps:
    """Return `steps` without any flow inside `window`."""
    changes = {at_ns: rate for at_ns, rate in steps if not window.holds(at_ns)}
    changes[window.from_ns] = 0
    changes[window.to_ns] = next((rate for at_ns, rate in reversed(steps) if at_ns <= window.to_ns), 0)
    return sorted(changes.items())
