"""How long flow may last after a stop condition, by what stands between daemon and motor. Knows no observation."""

from dataclasses import dataclass
from typing import assert_never

from simulators.oracle.observation import NS_PER_S, StopCondition
from simulators.oracle.observation import Path as Path

WIRE_NS = NS_PER_S
"""From the condition to the stop on the wire."""
UNREACHED_MARGIN_NS = NS_PER_S // 2
"""For the packet that was on its way when link or daemon died."""
OBEDIENCE_NS = 3 * NS_PER_S
SILENCE_MARGIN_NS = NS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """The two times of a stop condition."""

    wire_within_ns: int | None
    rest_within_ns: int


def allowance(path: Path, *, lease_ns: int, stop_latency_ns: int) -> Allowance:
    """Return the times that I3 allows on a path.

    CLEAR: 1 s to the wire, and the stop latency from there to rest. DEAD: lease + stop latency + 0.5 s. DEAF: stops are
    repeated for 3 s, then silence lets the lease end: 3 s + lease + 1 s.
    """
    match path:
        case Path.CLEAR:
            return Allowance(wire_within_ns=WIRE_NS, rest_within_ns=WIRE_NS + stop_latency_ns)
        case Path.DEAD:
            return Allowance(wire_within_ns=None, rest_within_ns=lease_ns + stop_latency_ns + UNREACHED_MARGIN_NS)
        case Path.DEAF:
            return Allowance(wire_within_ns=WIRE_NS, rest_within_ns=OBEDIENCE_NS + lease_ns + SILENCE_MARGIN_NS)
        case _:
            assert_never(path)


def condition(
    cause: str, path: Path, *, at_ns: int, until_ns: int, lease_ns: int, stop_latency_ns: int
) -> StopCondition:
    """Return a stop condition with the times of its path."""
    times = allowance(path, lease_ns=lease_ns, stop_latency_ns=stop_latency_ns)
    return StopCondition(
        at_ns=at_ns,
        until_ns=until_ns,
        cause=cause,
        wire_within_ns=times.wire_within_ns,
        rest_within_ns=times.rest_within_ns,
        path=path,
    )
