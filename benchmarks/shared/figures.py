"""Quantiles and how they are printed."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.shared.processes import BenchmarkError

NS_PER_US = 1_000


def quantile(values: Sequence[int], percent: float) -> int:
    """Return the smallest value that `percent` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(int(rank), 1) - 1]


def median(values: Sequence[float]) -> float:
    """Return the median, 0 where there is nothing."""
    return statistics.median(values) if values else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How a set of latencies is spread, in nanoseconds."""

    trials: int
    p50_ns: int
    p99_ns: int
    p999_ns: int
    max_ns: int

    @classmethod
    def of(cls, latencies_ns: Sequence[int]) -> "Spread":
        """Return the spread of at least one latency; raises `BenchmarkError` where every trial was missed."""
        if not latencies_ns:
            raise BenchmarkError("every trial was missed: there is nothing to measure")
        return cls(
            trials=len(latencies_ns),
            p50_ns=quantile(latencies_ns, 50),
            p99_ns=quantile(latencies_ns, 99),
            p999_ns=quantile(latencies_ns, 99.9),
            max_ns=max(latencies_ns),
        )


def shown_us(nanoseconds: int) -> str:
    """Return a time in whole microseconds for a table."""
    return f"{nanoseconds / NS_PER_US:8.0f}"


def verdict(value: float, goal: float) -> str:
    """Return the goal and whether it was met."""
    return f"goal <= {goal:g}: {'met' if value <= goal else 'MISSED'}"
