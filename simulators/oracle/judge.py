"""All invariants over one observation."""

from collections.abc import Callable, Iterator

from simulators.oracle.i1_volume import volume
from simulators.oracle.i2_lease import lease
from simulators.oracle.i3_rest import rest
from simulators.oracle.i4_human import human
from simulators.oracle.i5_once import once
from simulators.oracle.i6_alarm import alarm
from simulators.oracle.i7_replay import replay
from simulators.oracle.i8_interval import interval
from simulators.oracle.i9_stop import stop
from simulators.oracle.observation import Observation
from simulators.oracle.seen import Seen
from simulators.oracle.verdict import Violation

CHECKS: tuple[Callable[[Seen], Iterator[Violation]], ...] = (
    volume,
    lease,
    rest,
    human,
    once,
    alarm,
    replay,
    interval,
    stop,
)


def judge(observation: Observation) -> list[Violation]:
    """Return every violation in the order of time; an empty list is a run in which every invariant held."""
    seen = Seen(observation)
    found = [violation for check in CHECKS for violation in check(seen)]
    return sorted(found, key=lambda violation: (violation.at_ns, violation.invariant.name))
