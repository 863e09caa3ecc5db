"""I1: how much is given."""

from collections.abc import Iterator

from simulators.oracle.flow import in_nl
from simulators.oracle.observation import NS_PER_H, NS_PER_S, Mode
from simulators.oracle.seen import Seen
from simulators.oracle.verdict import Invariant, Violation

PROGRAMMED_NS = 6 * NS_PER_S
"""Programming a run and starting it takes no longer than this."""
OVERSHOOT_NL = 1
"""A plunger stops at the first whole nanosecond at which its end-stop is reached: at most so much beyond it."""


def volume(seen: Seen) -> Iterator[Violation]:
    """I1: at no instant has more been given than order + rate x (lease + stop latency).

    Never faster than the order's rate, but where somebody started the pump at its own keys, or set a rate there since
    it was programmed. An undisturbed run gives the order whole: never more than the order, and at the end no less than
    the order minus one count per run. COMPLETED is claimed only over an order given within one count per run.
    """
    yield from _most(seen)
    yield from _rate(seen)
    yield from _completed(seen)
    if seen.observation.undisturbed:
        yield from _least(seen)


def _most(seen: Seen) -> Iterator[Violation]:
    observation, order = seen.observation, seen.observation.order
    most = (order.volume_nl + OVERSHOOT_NL) * NS_PER_H
    if not observation.undisturbed:
        most += order.rate_nl_h * (observation.lease_ns + observation.stop_latency_ns)
    for segment in seen.flow.segments:
        end_ns = seen.flow.end_ns(segment)
        if end_ns > order.from_ns and seen.given(end_ns) > most:
            text = f"{in_nl(seen.given(end_ns))} given of {order.volume_nl} nL, at most {most // NS_PER_H} nL may be"
            yield Violation(invariant=Invariant.I1, at_ns=end_ns, text=text)
            return


def _rate(seen: Seen) -> Iterator[Violation]:
    observation = seen.observation
    limit_nl_h = observation.order.rate_nl_h
    for stretch in seen.flow.stretches:
        since_ns = stretch.from_ns - PROGRAMMED_NS
        for segment in seen.flow.segments:
            if not stretch.holds(segment.from_ns) or segment.rate_nl_h <= limit_nl_h:
                continue
            keyed = any(since_ns <= at_ns <= segment.from_ns for at_ns in observation.keypad_rates_ns)
            if not keyed and stretch.from_ns not in observation.keypad_starts_ns:
                text = f"flow of {segment.rate_nl_h} nL/h, ordered were {limit_nl_h} nL/h"
                yield Violation(invariant=Invariant.I1, at_ns=segment.from_ns, text=text)


def _least(seen: Seen) -> Iterator[Violation]:
    yield from _short(seen, seen.observation.until_ns, "an undisturbed run ended with")


def _completed(seen: Seen) -> Iterator[Violation]:
    for claim in seen.changes:
        if claim.mode is Mode.COMPLETED:
            yield from _short(seen, claim.at_ns, "COMPLETED was claimed over")


def _short(seen: Seen, at_ns: int, words: str) -> Iterator[Violation]:
    order = seen.observation.order
    stretches = sum(stretch.from_ns < at_ns and stretch.to_ns > order.from_ns for stretch in seen.flow.stretches)
    # a run onto a stalled motor moves nothing, and below one count nobody can know that
    told = sum(order.from_ns < run_ns < at_ns for run_ns in seen.runs_heard_ns)
    least_nl = order.volume_nl - order.count_nl * max(stretches, told, 1)
    if seen.given(at_ns) < least_nl * NS_PER_H:
        text = f"{words} {in_nl(seen.given(at_ns))} of {order.volume_nl} nL at {at_ns / NS_PER_S:.3f} s"
        yield Violation(invariant=Invariant.I1, at_ns=at_ns, text=text)
