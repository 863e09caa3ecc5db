"""Reads the log of a simulated plunger: what truly flowed, and when. Knows no daemon."""

import json
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

NS_PER_H = 3_600_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A change of true flow, and what had been given by then."""

    at_ns: int
    rate_nl_h: int
    delivered_nl: int


@dataclass(frozen=True, slots=True)
class PlungerLog:
    """Every change of true flow, oldest first."""

    flows: tuple[Flow, ...]

    @classmethod
    def read(cls, path: Path) -> "PlungerLog":
        """Read the log in `path`, also while it is being written."""
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        members: Iterable[dict[str, int]] = (json.loads(line) for line in lines if line.endswith("\n"))
        return cls(
            tuple(
                Flow(at_ns=each["monotonic_ns"], rate_nl_h=each["rate_nl_h"], delivered_nl=each["delivered_nl"])
                for each in members
            )
        )

    @property
    def volume_nl(self) -> int:
        """What had been given at the last change; the whole, once the plunger is at rest."""
        return self.flows[-1].delivered_nl if self.flows else 0

    @property
    def at_rest(self) -> bool:
        """Whether nothing flows since the last change."""
        return not self.flows or self.flows[-1].rate_nl_h == 0

    def rate_nl_h(self, at_ns: int) -> int:
        """Return the true flow at an instant."""
        index = bisect_right(self.flows, at_ns, key=lambda flow: flow.at_ns) - 1
        return self.flows[index].rate_nl_h if index >= 0 else 0

    def delivered_nl(self, at_ns: int) -> int:
        """Return what had been given at an instant."""
        index = bisect_right(self.flows, at_ns, key=lambda flow: flow.at_ns) - 1
        if index < 0:
            return 0
        flow = self.flows[index]
        return flow.delivered_nl + flow.rate_nl_h * (at_ns - flow.at_ns) // NS_PER_H

    def stops_ns(self) -> tuple[int, ...]:
        """Return the instants at which flow ended."""
        return tuple(flow.at_ns for before, flow in pairwise(self.flows) if before.rate_nl_h and not flow.rate_nl_h)

    def running_ns(self) -> int:
        """Return for how long drug flowed, up to the last change."""
        return sum(after.at_ns - before.at_ns for before, after in pairwise(self.flows) if before.rate_nl_h)
