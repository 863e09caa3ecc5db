"""I8: what the record says was given."""

from collections.abc import Iterator

from simulators.oracle.flow import in_nl
from simulators.oracle.observation import NS_PER_H, NS_PER_S
from simulators.oracle.seen import Seen
from simulators.oracle.verdict import Invariant, Violation

STATUS_NS = 3 * NS_PER_S
"""The oldest count that a record may go on from."""


def interval(seen: Seen) -> Iterator[Violation]:
    """I8: at every recorded instant the true volume lies in the recorded interval, both ends included.

    Where somebody set a higher rate at the pump's own keys nobody can know what flowed since the last count: there the
    truth may lie above the high bound by what that rate gives more than the ordered one in the 3 s that a count may be
    old. Nor can anybody know that a pump at rest was started there before it is next asked: what flowed since then may
    lie above the high bound, within the same 3 s.

    The low bound is never negative and never falls, not even from one life of the daemon to the next.
    """
    lowest_nl = 0
    for recorded in seen.observation.intervals:
        if recorded.at_ns >= seen.observation.until_ns:
            return
        given = seen.given(recorded.at_ns)
        bounds = f"{recorded.low_nl} to {recorded.high_nl} nL"
        unknowable = _faster(seen, recorded.at_ns) + _started(seen, recorded.at_ns)
        if not recorded.low_nl * NS_PER_H <= given <= recorded.high_nl * NS_PER_H + unknowable:
            text = f"recorded are {bounds}, the truth is {in_nl(given)}"
            yield Violation(invariant=Invariant.I8, at_ns=recorded.at_ns, text=text)
        if recorded.low_nl < lowest_nl:
            text = f"recorded are {bounds}, the low bound had been {lowest_nl} nL"
            yield Violation(invariant=Invariant.I8, at_ns=recorded.at_ns, text=text)
        lowest_nl = max(lowest_nl, recorded.low_nl)


def _started(seen: Seen, at_ns: int) -> int:
    """Return what flowed since somebody started the pump at its keys a moment ago, in nL x NS_PER_H."""
    started_ns = (each for each in seen.observation.keypad_starts_ns if each <= at_ns < each + STATUS_NS)
    return max((seen.given(at_ns) - seen.given(each) for each in started_ns), default=0)


def _faster(seen: Seen, at_ns: int) -> int:
    """Return what a rate from the keypad may have given beyond any bound, in nL x NS_PER_H."""
    observation = seen.observation
    set_ns = max((each for each in observation.keypad_rates_ns if each <= at_ns), default=None)
    if set_ns is None:
        return 0
    faster_nl_h = (
        segment.rate_nl_h - observation.order.rate_nl_h
        for segment in seen.flow.segments
        if set_ns <= segment.from_ns <= at_ns < seen.flow.end_ns(segment) + STATUS_NS
    )
    return max(0, max(faster_nl_h, default=0)) * STATUS_NS
