"""I7: the journal tells what happened."""

from collections.abc import Iterator
from itertools import zip_longest

from simulators.oracle.seen import Seen
from simulators.oracle.verdict import Invariant, Violation


def replay(seen: Seen) -> Iterator[Violation]:
    """I7: a replay of the journal makes the same decisions in the same order, no fewer and no more."""
    for one in seen.observation.replays:
        for number, (live, replayed) in enumerate(zip_longest(one.live, one.replayed), 1):
            if live != replayed:
                text = f"decision {number} was {live or 'none'!r}, its replay gives {replayed or 'none'!r}"
                yield Violation(invariant=Invariant.I7, at_ns=one.at_ns, text=text)
                break
