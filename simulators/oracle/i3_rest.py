"""I3: how soon flow ends."""

from collections.abc import Iterator

from simulators.oracle.observation import NS_PER_S, StopCondition
from simulators.oracle.seen import Seen
from simulators.oracle.verdict import Invariant, Violation
from simulators.oracle.wire import STOP


def rest(seen: Seen) -> Iterator[Violation]:
    """I3: after a stop condition true flow is zero within the time that the condition allows.

    (a) Some instant from its begin to its begin + `rest_within_ns` is without flow.
    (b) While the condition holds beyond that time, nothing flows, but for what somebody starts at the pump's own keys.
    (c) Where a stop can reach the wire, one is written within `wire_within_ns`, unless the pump rests by then or a stop
        was written before in the same flow.

    A deadline at or after the end of the observation is not judged. `allowances.py` has the times.
    """
    for condition in seen.observation.stops:
        yield from _written(seen, condition)
        yield from _reached(seen, condition)
        yield from _kept(seen, condition)


def _reached(seen: Seen, condition: StopCondition) -> Iterator[Violation]:
    deadline_ns = condition.at_ns + condition.rest_within_ns
    rest_ns = seen.flow.rest_ns(condition.at_ns)
    late = rest_ns is None or rest_ns > deadline_ns
    if late and deadline_ns < seen.observation.until_ns:
        took = "never ended" if rest_ns is None else f"ended after {(rest_ns - condition.at_ns) / NS_PER_S:.3f} s"
        text = f"{condition.cause}: flow {took}, allowed are {condition.rest_within_ns / NS_PER_S:.3f} s"
        yield Violation(invariant=Invariant.I3, at_ns=deadline_ns, text=text)


def _kept(seen: Seen, condition: StopCondition) -> Iterator[Violation]:
    deadline_ns = condition.at_ns + condition.rest_within_ns
    for stretch in seen.flow.stretches:
        begins_anew = stretch.from_ns > condition.at_ns and stretch.from_ns not in seen.observation.keypad_starts_ns
        if begins_anew and stretch.to_ns > deadline_ns:
            at_ns = max(stretch.from_ns, deadline_ns)
            if at_ns < condition.until_ns:
                text = f"{condition.cause}: it flows again although this still holds"
                yield Violation(invariant=Invariant.I3, at_ns=at_ns, text=text)


def _written(seen: Seen, condition: StopCondition) -> Iterator[Violation]:
    if condition.wire_within_ns is None:
        return
    deadline_ns = condition.at_ns + condition.wire_within_ns
    stretch = next((stretch for stretch in seen.flow.stretches if stretch.holds(condition.at_ns)), None)
    if stretch is None or deadline_ns >= min(stretch.to_ns, seen.observation.until_ns):
        return
    stops_ns = (packet.at_ns for packet in seen.written if packet.command == STOP)
    if not any(stretch.from_ns <= at_ns <= deadline_ns for at_ns in stops_ns):
        text = f"{condition.cause}: no stop on the wire within {condition.wire_within_ns / NS_PER_S:.3f} s"
        yield Violation(invariant=Invariant.I3, at_ns=deadline_ns, text=text)
