"""I9: stops are taken."""

from collections.abc import Iterator

from simulators.oracle.observation import NS_PER_S, Receipt, Word
from simulators.oracle.seen import Seen
from simulators.oracle.verdict import Invariant, Violation

ANSWERED_NS = 2 * NS_PER_S
"""When a screen begins to say that it waits."""


def stop(seen: Seen) -> Iterator[Violation]:
    """I9: no stop and no pause is refused, from whomever, late or twice.

    None of its receipts is a refusal, and the first leaves the daemon within 2 s, unless that life ends before. A copy
    of what the same life has answered needs no answer of its own. What the pump does about it is I3's.
    """
    for command in seen.observation.received:
        if not command.kind.halts:
            continue
        receipts = [receipt for receipt in seen.observation.receipts if receipt.id == command.id]
        for receipt in receipts:
            if receipt.word is Word.REFUSED and receipt.at_ns >= command.at_ns:
                text = f"{command.kind.value} {command.id} of {command.user} was refused"
                yield Violation(invariant=Invariant.I9, at_ns=receipt.at_ns, text=text)
                break
        if _unanswered(seen, command.at_ns, receipts):
            text = f"{command.kind.value} {command.id} of {command.user} was not answered within 2 s"
            yield Violation(invariant=Invariant.I9, at_ns=command.at_ns + ANSWERED_NS, text=text)


def _unanswered(seen: Seen, at_ns: int, receipts: list[Receipt]) -> bool:
    deadline_ns = at_ns + ANSWERED_NS
    if deadline_ns >= seen.observation.until_ns:
        return False
    return any(
        life.from_ns <= at_ns
        and (life.to_ns is None or life.to_ns > deadline_ns)
        and not any(life.from_ns <= receipt.at_ns <= deadline_ns for receipt in receipts)
        for life in seen.observation.lives
    )
