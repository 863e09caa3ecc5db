"""I5: how often a command acts."""

from collections.abc import Iterator

from simulators.oracle.seen import Seen
from simulators.oracle.verdict import Invariant, Violation


def once(seen: Seen) -> Iterator[Violation]:
    """I5: a command id acts at most once.

    Every RUN that the daemon wrote belongs to the start or resume that it had accepted last, whatever number of copies
    came; no id has two, over all lives of the daemon.
    """
    spent: set[str] = set()
    for packet in seen.written:
        if not packet.is_run:
            continue
        ids = [command.id for accepted_ns, command in seen.starts if accepted_ns <= packet.at_ns]
        if not ids:
            yield Violation(
                invariant=Invariant.I5, at_ns=packet.at_ns, text="RUN was written before any start was accepted"
            )
        elif ids[-1] in spent:
            yield Violation(
                invariant=Invariant.I5, at_ns=packet.at_ns, text=f"RUN was written again for command {ids[-1]}"
            )
        else:
            spent.add(ids[-1])
