"""I8: what the record says was given."""

from collections.abc import Iterator

from simulators.oracle.flow import in_nl
from simulators.oracle.observation import NS_PER_H
from simulators.oracle.seen import Seen
from simulators.oracle.verdict import Invariant, Violation


def interval(seen: Seen) -> Iterator[Violation]:
    """I8: at every recorded instant the true volume lies in the recorded interval, both ends included.

    The low bound is never negative and never falls, not even from one life of the daemon to the next.
    """
    lowest_nl = 0
    for recorded in seen.observation.intervals:
        if recorded.at_ns >= seen.observation.until_ns:
            return
        given = seen.given(recorded.at_ns)
        bounds = f"{recorded.low_nl} to {recorded.high_nl} nL"
        if not recorded.low_nl * NS_PER_H <= given <= recorded.high_nl * NS_PER_H:
            text = f"recorded are {bounds}, the truth is {in_nl(given)}"
            yield Violation(invariant=Invariant.I8, at_ns=recorded.at_ns, text=text)
        if recorded.low_nl < lowest_nl:
            text = f"recorded are {bounds}, the low bound had been {lowest_nl} nL"
            yield Violation(invariant=Invariant.I8, at_ns=recorded.at_ns, text=text)
        lowest_nl = max(lowest_nl, recorded.low_nl)
