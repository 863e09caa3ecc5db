"""Verify the effect: the pump's counter must follow the commanded rate within a tolerance and a window."""

from dataclasses import dataclass, replace
from enum import Enum, unique

from pumpd.core.ports import PumpCounter
from pumpd.core.quantities import NS_PER_S, flowed_at_most_nl, flowed_nl, in_ml

WINDOW_NS = 60 * NS_PER_S
OVER_PERCENT = 5
"""Counted above commanded by more than this plus one count in the window is over-delivery (DOSE-08)."""
UNDER_PERCENT = 10
"""Counted below commanded by more than this over the window is under-delivery (DOSE-09)."""
STALL_NS = 20 * NS_PER_S
"""A counter that stands still for so long while the pump reports infusing is a stall (DOSE-09)."""


@unique
class Mismatch(Enum):
    """How counter and command disagree."""

    OVER = "over-delivery"
    STALLED = "plunger standing still"
    UNDER = "under-delivery"


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterWatch:
    """The reads of one run inside the window, the oldest first, and since when the count has stood still."""

    rate_nl_h: int
    reads: tuple[PumpCounter, ...]
    moved_at_ns: int
    mismatch: Mismatch | None = None
    text: str = ""
    begins_anew: bool = False  # the rate was lowered: what was counted before says nothing about it

    @classmethod
    def of_run(cls, rate_nl_h: int, run_sent_ns: int) -> "CounterWatch":
        """Begin a watch at RUN, with the counter at zero."""
        zero = PumpCounter(low_nl=0, high_nl=0, asked_at_ns=run_sent_ns)
        return cls(rate_nl_h=rate_nl_h, reads=(zero,), moved_at_ns=run_sent_ns)

    def take(self, read: PumpCounter, now_ns: int) -> "CounterWatch":
        """Return the watch after one read that was answered by `now_ns`."""
        if self.begins_anew:
            return CounterWatch(rate_nl_h=self.rate_nl_h, reads=(read,), moved_at_ns=now_ns)
        last = self.reads[-1]
        moved_at = now_ns if read.low_nl != last.low_nl else self.moved_at_ns
        reads = (*self.reads, read)
        while read.asked_at_ns - reads[1].asked_at_ns >= WINDOW_NS:  # ends at the read itself
            reads = reads[1:]
        mismatch, words = self._judge(reads[0], read, moved_at, now_ns)
        return CounterWatch(rate_nl_h=self.rate_nl_h, reads=reads, moved_at_ns=moved_at, mismatch=mismatch, text=words)

    def lowered(self, rate_nl_h: int) -> "CounterWatch":
        """Return the watch of a run that goes on at a lower rate: its window begins with the next read."""
        return replace(self, rate_nl_h=rate_nl_h, begins_anew=True, mismatch=None, text="")

    def _judge(
        self, then: PumpCounter, read: PumpCounter, moved_at_ns: int, now_ns: int
    ) -> tuple[Mismatch | None, str]:
        count_nl = read.high_nl - read.low_nl
        elapsed_ns = now_ns - then.asked_at_ns
        most_nl = flowed_at_most_nl(self.rate_nl_h, elapsed_ns) * (100 + OVER_PERCENT) // 100 + count_nl
        if read.low_nl - then.high_nl > most_nl:
            return Mismatch.OVER, f"{_counted(then, read, elapsed_ns)}, commanded at most {in_ml(most_nl)} mL"
        stood_ns = now_ns - moved_at_ns
        if stood_ns >= STALL_NS and flowed_nl(self.rate_nl_h, stood_ns) > 2 * count_nl:
            return (
                Mismatch.STALLED,
                f"the counter has stood still for {stood_ns / NS_PER_S:.0f} s while the pump reports infusing",
            )
        asked_ns = read.asked_at_ns - then.asked_at_ns
        least_nl = flowed_nl(self.rate_nl_h, asked_ns) * (100 - UNDER_PERCENT) // 100 - count_nl
        if asked_ns >= WINDOW_NS and read.high_nl - then.low_nl < least_nl:
            return Mismatch.UNDER, f"{_counted(then, read, elapsed_ns)}, commanded at least {in_ml(least_nl)} mL"
        return None, ""


def _counted(then: PumpCounter, read: PumpCounter, elapsed_ns: int) -> str:
    return f"{in_ml(read.low_nl - then.low_nl)} mL counted in {elapsed_ns / NS_PER_S:.0f} s"
