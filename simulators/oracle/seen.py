"""An observation with what several invariants ask of it worked out once. Knows no invariant."""

from bisect import bisect_right
from collections.abc import Iterable

from simulators.oracle.flow import Flow
from simulators.oracle.observation import Claim, Observation, Point, Received, Word
from simulators.oracle.wire import packets


class Seen:
    """One observation, with its packets read and its flow joined."""

    def __init__(self, observation: Observation) -> None:
        self.observation = observation
        self.flow = Flow(observation.flow, observation.until_ns)
        self.written = packets(some for some in observation.wire if some.point is Point.WRITTEN)
        self.heard = packets(some for some in observation.wire if some.point is Point.HEARD)
        self.runs_written_ns = [packet.at_ns for packet in self.written if packet.is_run]
        self.runs_heard_ns = [packet.at_ns for packet in self.heard if packet.is_run]
        self.changes = changes(observation.claims)
        """The claims that changed the mode."""
        self.starts = self._accepted_starts()
        """The first copy of every start and resume that the daemon took on, with when it did."""

    def given(self, at_ns: int) -> int:
        """Return the true volume given towards the order by `at_ns`, in nL x NS_PER_H."""
        return self.flow.exact(at_ns) - self.flow.exact(self.observation.order.from_ns)

    def _accepted_starts(self) -> tuple[tuple[int, Received], ...]:
        accepted_ns: dict[str, int] = {}
        for receipt in self.observation.receipts:
            if receipt.word is not Word.REFUSED:
                accepted_ns.setdefault(receipt.id, receipt.at_ns)
        first: dict[str, Received] = {}
        for command in self.observation.received:
            if command.kind.runs and command.id in accepted_ns:
                first.setdefault(command.id, command)
        return tuple(
            sorted(((accepted_ns[name], command) for name, command in first.items()), key=lambda pair: pair[0])
        )


def last_before(times_ns: Iterable[int], at_ns: int) -> int | None:
    """Return the last of the times that lies before `at_ns`, or None."""
    return max((time_ns for time_ns in times_ns if time_ns < at_ns), default=None)


def last_by(times_ns: list[int], at_ns: int) -> int | None:
    """Return the last of the ordered times that is not after `at_ns`, or None."""
    index = bisect_right(times_ns, at_ns)
    return times_ns[index - 1] if index else None


def changes(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """Return the claims that changed the mode."""
    found: list[Claim] = []
    for claim in claims:
        if not found or found[-1].mode is not claim.mode:
            found.append(claim)
    return tuple(found)
