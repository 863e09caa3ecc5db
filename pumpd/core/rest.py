"""How a stop becomes confirmed rest, and what happens when it does not.

A stop is repeated until rest is confirmed: the pump reports rest to a question that left after the stop, and its
counter then stands still for as long as one count would have taken, where that is short. After `CONFIRM_WITHIN_NS`
without confirmation the daemon falls silent for the lease plus one second, so that the pump's own watchdog acts,
because repeated stops to a pump that answers but does not obey would keep it alive. Then it asks once.
"""

from dataclasses import dataclass, replace
from enum import Enum, IntEnum, unique

from pumpd.core.ports import PumpCounter, PumpState, PumpStatus
from pumpd.core.quantities import NS_PER_S, flow_time_ns

CONFIRM_WITHIN_NS = 3 * NS_PER_S
"""Time to confirm rest before HIGH and silence (requirements CTRL-03, COMM-04)."""
SHORT_COUNT_NS = 2 * NS_PER_S
"""A standing counter is asked for only where one count takes no longer than this; flow at rest stays watched."""
ASK_LIMIT_NS = 1_200_000_000
"""How long one question after the silence may take to be answered."""


@unique
class Aim(IntEnum):
    """What a halt is for; a larger one replaces a smaller."""

    LOOK = 0  # make sure of rest, change nothing
    UNDO = 1  # a start that did not come to a run
    PAUSE = 2
    FAULT = 3
    END = 4


@unique
class Phase(Enum):
    """What goes out while rest is unconfirmed."""

    REPEATING = "stops and the questions that confirm them"
    SILENT = "nothing, so that the pump's watchdog acts"
    ASKING = "one question"


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """One effort to bring the pump to confirmed rest."""

    aim: Aim
    cause: str
    by_human: bool
    since_ns: int
    rate_nl_h: int | None  # of the run that is halted, None where there is none
    phase: Phase = Phase.REPEATING
    phase_since_ns: int
    overdue: bool = False  # rest was not confirmed in time; stays until it is
    rest_asked_ns: int | None = None
    first: PumpCounter | None = None
    confirmed: bool = False
    by_itself: bool = False  # the pump stopped without being told, perhaps at its end-stop

    def raised_to(self, aim: Aim, cause: str, *, by_human: bool) -> "Halt":
        """Return the halt with the more restrictive aim; a human's wish is never undone by a rule."""
        if aim <= self.aim:
            return replace(self, by_human=self.by_human or by_human)
        return replace(self, aim=aim, cause=cause, by_human=self.by_human or by_human)

    def with_status(self, status: PumpStatus, now_ns: int) -> "Halt":
        """Take a state the pump reported. Only an answer to a question after the stop counts."""
        if status.asked_at_ns <= self.since_ns:
            return self
        if self.phase is Phase.ASKING:
            flows = status.state in {PumpState.MOVING, PumpState.OTHER}
            phase = Phase.SILENT if flows else Phase.REPEATING
            return replace(self, phase=phase, phase_since_ns=now_ns).with_status(status, now_ns)
        if status.state is not PumpState.REST:
            return replace(self, rest_asked_ns=None, first=None)
        if self.rest_asked_ns is None:
            return replace(self, rest_asked_ns=status.asked_at_ns)
        return self

    def with_counter(self, counter: PumpCounter) -> "Halt":
        """Take a read of the counter; a standing counter after a report of rest confirms rest."""
        if self.rest_asked_ns is None or counter.asked_at_ns < self.rest_asked_ns:
            return self
        if self.first is None or counter.low_nl != self.first.low_nl:
            moved = replace(self, first=counter)
            return replace(moved, confirmed=self.first is None and moved._count_time_ns(counter) == 0)
        waited_ns = counter.asked_at_ns - self.first.asked_at_ns
        return replace(self, confirmed=waited_ns >= self._count_time_ns(counter))

    def at(self, now_ns: int, lease_ns: int) -> "Halt":
        """Let time pass: confirmation overdue, silence over, question unanswered."""
        deadline_ns = self.deadline_ns(lease_ns)
        if now_ns < deadline_ns:
            return self
        if self.phase is Phase.REPEATING:
            return replace(self, phase=Phase.SILENT, phase_since_ns=now_ns, overdue=True)
        phase = Phase.ASKING if self.phase is Phase.SILENT else Phase.SILENT
        return replace(self, phase=phase, phase_since_ns=now_ns)

    def heard_anew(self, now_ns: int) -> "Halt":
        """Return the halt after the link came back in its silence: nothing that was reported before counts."""
        return replace(self, since_ns=now_ns, rest_asked_ns=None, first=None)

    def deadline_ns(self, lease_ns: int) -> int:
        """Return when `at` next changes anything."""
        if self.phase is Phase.REPEATING:
            return self.phase_since_ns + CONFIRM_WITHIN_NS
        if self.phase is Phase.SILENT:
            return self.phase_since_ns + lease_ns + NS_PER_S
        return self.phase_since_ns + ASK_LIMIT_NS

    def _count_time_ns(self, counter: PumpCounter) -> int:
        if not self.rate_nl_h:
            return 0
        count_ns = flow_time_ns(counter.high_nl - counter.low_nl, self.rate_nl_h)
        return count_ns if count_ns <= SHORT_COUNT_NS else 0
