"""I2: the lease."""

from collections.abc import Iterator
from itertools import pairwise

from simulators.oracle.flow import Stretch
from simulators.oracle.observation import NS_PER_S
from simulators.oracle.seen import Seen, last_by
from simulators.oracle.verdict import Invariant, Violation
from simulators.oracle.wire import CONFIRMING, STOP

OBEDIENCE_NS = 3 * NS_PER_S
"""For so long stops are repeated before the daemon falls silent."""
SLACK_NS = 200_000_000
"""What may lie between the first stop on the wire and the daemon's count of those 3 s."""


def lease(seen: Seen) -> Iterator[Violation]:
    """I2: the pump moves only under a live lease, and nothing keeps alive a lease that was to end.

    (a) At every instant of true flow the pump has heard a valid packet within the last `lease_ns`. Flow that somebody
        began at the pump's own keys is judged from the first packet heard in it.
    (b) Once a stop was written while the pump moves, only stops and the status and counter queries that confirm them
        are written until it rests.
    (c) If it still moves 3 s after that first stop, nothing at all is written until a lease has passed.

    The daemon's opening of the port begins (b) and (c) afresh, for it cannot know what another life sent.
    """
    for stretch in seen.flow.stretches:
        yield from _held(seen, stretch)
        yield from _ending(seen, stretch)


def _held(seen: Seen, stretch: Stretch) -> Iterator[Violation]:
    observation = seen.observation
    heard_ns = [packet.at_ns for packet in seen.heard]
    covered_ns: int | None
    if stretch.from_ns in observation.keypad_starts_ns:
        covered_ns = next((at_ns for at_ns in heard_ns if stretch.holds(at_ns)), None)
        if covered_ns is None:
            return
    else:
        covered_ns = last_by(heard_ns, stretch.from_ns)
    if covered_ns is None:
        yield Violation(invariant=Invariant.I2, at_ns=stretch.from_ns, text="flow before the pump heard any packet")
        return
    for at_ns in [*(at_ns for at_ns in heard_ns if covered_ns < at_ns < stretch.to_ns), stretch.to_ns]:
        if at_ns - covered_ns > observation.lease_ns:
            text = f"flow without a lease: no packet heard for {(at_ns - covered_ns) / NS_PER_S:.3f} s"
            yield Violation(
                invariant=Invariant.I2, at_ns=max(covered_ns + observation.lease_ns, stretch.from_ns), text=text
            )
            return
        covered_ns = at_ns


def _ending(seen: Seen, stretch: Stretch) -> Iterator[Violation]:
    openings_ns = [at_ns for at_ns in seen.observation.openings_ns if stretch.holds(at_ns)]
    edges_ns = [stretch.from_ns, *openings_ns, stretch.to_ns]
    for from_ns, to_ns in pairwise(edges_ns):
        yield from _after_stop(seen, from_ns, to_ns)


def _after_stop(seen: Seen, from_ns: int, to_ns: int) -> Iterator[Violation]:
    """Judge what one opening of the port wrote while the pump moved without rest."""
    written = [packet for packet in seen.written if from_ns <= packet.at_ns < to_ns]
    stop_ns = next((packet.at_ns for packet in written if packet.command == STOP), None)
    if stop_ns is None:
        return
    silent_from_ns = stop_ns + OBEDIENCE_NS + SLACK_NS
    silent_to_ns = stop_ns + OBEDIENCE_NS + seen.observation.lease_ns
    for packet in written:
        if packet.at_ns < stop_ns:
            continue
        if packet.command not in CONFIRMING:
            text = f"{packet.command} was written to a moving pump {_after(packet.at_ns, stop_ns)} its stop"
            yield Violation(invariant=Invariant.I2, at_ns=packet.at_ns, text=text)
        if silent_from_ns < packet.at_ns <= silent_to_ns:
            name = packet.command or "a status query"
            text = f"{name} kept a pump alive that does not obey, {_after(packet.at_ns, stop_ns)} its first stop"
            yield Violation(invariant=Invariant.I2, at_ns=packet.at_ns, text=text)


def _after(at_ns: int, since_ns: int) -> str:
    return f"{(at_ns - since_ns) / NS_PER_S:.3f} s after"
