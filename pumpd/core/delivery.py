"""How much drug was given, as an interval that contains the truth.

The low bound never falls. The high bound rises with the time the pump may have been moving and falls only to what a
read-back of the pump's counter proves. A run's end-stop caps what it can give.
"""

from dataclasses import dataclass, replace

from pumpd.core.ports import PumpCounter
from pumpd.core.quantities import Concentration, flowed_at_most_nl, flowed_nl, in_mg, in_ml

LEAST_RUN_NL = 10_000
"""Less than this is not worth a run: it is one count of a four-digit pump, and a pump may refuse it."""
RATE_MARGIN_PERCENT = 5
"""How much faster than commanded the pump may be before the counter check calls it over-delivery (DOSE-08)."""
SHOWN_NL = 1_000
"""People see a high bound rounded up to this; `text` rounds the low one down."""


def amount_text(concentration: Concentration, low_nl: int, high_nl: int) -> str:
    """Return an interval for people, in mL and mg, both bounds when they differ."""
    bounds = sorted({low_nl, -(-high_nl // SHOWN_NL) * SHOWN_NL})
    ml = " to ".join(in_ml(bound) for bound in bounds)
    mg = " to ".join(in_mg(concentration.mass_ng(bound)) for bound in bounds)
    return f"{ml} mL ({mg} mg)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of the pump: from its program to the next. Volumes are those of this run alone."""

    run_id: str
    volume_nl: int  # the end-stop in the pump
    rate_nl_h: int
    begun: bool = False  # RUN was released; before that the pump's counter may still be that of an earlier run
    low_nl: int = 0
    high_nl: int = 0
    resolution_nl: int = 0  # one count of the last read
    moving_since_ns: int | None = None  # from when it may have flowed beyond `high_nl`; None at proven rest
    flows_until_ns: int | None = None  # when the pump's own lease ends flow after the link was lost
    unbounded: bool = False  # time since the last read is unknown: only the end-stop bounds it
    counter_lost: bool = False  # the counter fell: it proves nothing about this run any more
    started_anew: bool = False  # at the pump's keypad: its end-stop began anew and bounds this run no longer
    doubt_nl: int = 0  # what a counter that fell to zero unseen may have counted before
    read_at_ns: int | None = None  # when the last read of this run came

    def high_at(self, now_ns: int) -> int:
        """Return the upper bound at `now_ns`."""
        if self.unbounded:
            return max(self.volume_nl, self.high_nl) + (self.volume_nl if self.started_anew else 0)
        if self.moving_since_ns is None:
            return self.high_nl
        until = now_ns if self.flows_until_ns is None else min(now_ns, self.flows_until_ns)
        most_nl = self.high_nl + flowed_at_most_nl(self._margin_rate_nl_h, until - self.moving_since_ns)
        # a pump that has passed its end-stop, or was started again from it, is no longer bounded by it
        passed = self.started_anew or self.low_nl > self.volume_nl
        return most_nl if passed else max(self.high_nl, min(self.volume_nl + self.doubt_nl, most_nl))

    def doubt_of(self, counter: PumpCounter, now_ns: int) -> int:
        """Return by how much the truth may lie above a read, because the counter may have fallen to zero unseen.

        A fall shows as a lower number, unless the counter could reach its present number from zero since the last read.
        Where such a read shows less than half of what should have flowed, it proves no upper bound.
        """
        if self.moving_since_ns is None or self.read_at_ns is None or self.unbounded:
            return self.doubt_nl
        asked_ns = counter.asked_at_ns
        until_ns = asked_ns if self.flows_until_ns is None else min(asked_ns, self.flows_until_ns)
        # from when the last answer came: a slow pump may have counted until then
        elapsed_ns = until_ns - self.read_at_ns
        is_young = counter.low_nl <= flowed_at_most_nl(self._margin_rate_nl_h, elapsed_ns)
        if is_young and 2 * (counter.high_nl - self.low_nl) < flowed_nl(self.rate_nl_h, elapsed_ns):
            return max(self.doubt_nl, self.high_at(now_ns) - counter.low_nl)
        return self.doubt_nl

    @property
    def _margin_rate_nl_h(self) -> int:
        return self.rate_nl_h * (100 + RATE_MARGIN_PERCENT) // 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The delivery of one order over all its runs."""

    order_nl: int
    closed_low_nl: int = 0
    closed_high_nl: int = 0
    closed_counts_nl: int = 0  # one count per closed run
    run: Run | None = None

    def low(self) -> int:
        """Return the proven lower bound in nL."""
        return self.closed_low_nl + (self.run.low_nl if self.run else 0)

    def high(self, now_ns: int) -> int:
        """Return the upper bound in nL at `now_ns`."""
        return self.closed_high_nl + (self.run.high_at(now_ns) if self.run else 0)

    def remaining(self, now_ns: int) -> int:
        """Return what may still be given, counting the high bound."""
        return max(self.order_nl - self.high(now_ns), 0)

    def counts(self) -> int:
        """Return one count per run, the allowance of a complete delivery."""
        return self.closed_counts_nl + (self.run.resolution_nl if self.run else 0)

    def is_complete(self) -> bool:
        """Say whether the order was given: the low bound is within one count per run of it."""
        return self.low() > 0 and self.low() >= self.order_nl - self.counts()

    def open_run(self, run_id: str, volume_nl: int, rate_nl_h: int, now_ns: int) -> "Ledger":
        """Close the run before and authorise the next; called before the intent is written, so that a restart knows it.

        Raises `ValueError` when the sum of all volume ever authorised would pass the order (requirement DOSE-04).
        """
        closed = self.closed(now_ns)
        if closed.closed_high_nl + volume_nl > self.order_nl:
            raise ValueError(f"a run of {volume_nl} nL on top of {closed.closed_high_nl} nL passes {self.order_nl} nL")
        return replace(closed, run=Run(run_id=run_id, volume_nl=volume_nl, rate_nl_h=rate_nl_h))

    def begin_run(self, volume_nl: int, rate_nl_h: int, now_ns: int) -> "Ledger":
        """RUN is about to leave for what the pump holds, which is at most what was authorised; its counter is zero."""
        assert self.run is not None  # noqa: S101 - authorised at the intent
        assert volume_nl <= self.run.volume_nl  # noqa: S101 - the read-back check has passed
        run = Run(run_id=self.run.run_id, volume_nl=volume_nl, rate_nl_h=rate_nl_h, begun=True, moving_since_ns=now_ns)
        return replace(self, run=run)

    def closed(self, now_ns: int) -> "Ledger":
        """Fold the present run into the sums; its counter is about to be cleared."""
        if self.run is None:
            return self
        return Ledger(
            order_nl=self.order_nl,
            closed_low_nl=self.low(),
            closed_high_nl=self.high(now_ns),
            closed_counts_nl=self.counts(),
        )

    def with_counter(self, counter: PumpCounter, *, moving: bool, now_ns: int) -> "Ledger":
        """Take a read of the counter of the present run.

        `moving` says whether flow may have gone on since the question left. A counter that fell below what it had
        proven was lost: the bounds stay, and later reads of this run prove nothing.
        """
        run = self.run
        if run is None:
            return self
        if not run.begun and not run.counter_lost:
            return self._with_foreign_counter(run, counter, moving=moving)
        if run.counter_lost or counter.low_nl < run.low_nl:
            high_nl = run.high_at(now_ns)
            frozen = replace(
                run, counter_lost=True, high_nl=high_nl, unbounded=False, moving_since_ns=now_ns if moving else None
            )
            return replace(self, run=frozen)
        passed = run.started_anew or counter.low_nl > run.volume_nl
        doubt_nl = run.doubt_of(counter, now_ns)
        high_nl = counter.high_nl + doubt_nl
        cap_nl = high_nl if passed else run.volume_nl + doubt_nl
        return replace(
            self,
            run=replace(
                run,
                low_nl=max(run.low_nl, counter.low_nl),
                high_nl=max(run.low_nl, min(high_nl, cap_nl)),
                doubt_nl=doubt_nl,
                read_at_ns=now_ns,
                resolution_nl=counter.high_nl - counter.low_nl,
                moving_since_ns=counter.asked_at_ns if moving else None,
                flows_until_ns=None,
                unbounded=False,
            ),
        )

    def excess_nl(self, counter: PumpCounter, now_ns: int) -> int:
        """Return by how much a read of the present run lies above what the record can explain; 0 where it does not."""
        run = self.run
        if run is None or not run.begun or run.counter_lost:
            return 0
        return max(counter.low_nl - run.high_at(now_ns), 0)

    def _with_foreign_counter(self, run: Run, counter: PumpCounter, *, moving: bool) -> "Ledger":
        """Take a read that counts either this run or an earlier one.

        After a restart it still bounds this run from above: had the run begun, the counter would have been cleared.
        """
        if moving or not run.unbounded:
            return self
        return replace(self, run=replace(run, high_nl=min(run.volume_nl, counter.high_nl), unbounded=False))

    def counter_reset(self) -> "Ledger":
        """The pump lost power and its counter with it: no later read of this run lowers the high bound."""
        return self if self.run is None else replace(self, run=replace(self.run, counter_lost=True))

    def moves_unasked(self, since_ns: int) -> "Ledger":
        """The pump moves although nobody here started it; `since_ns` is when it was last known to be at rest."""
        if self.run is None or not self.run.begun or self.run.moving_since_ns is not None:
            return self
        return replace(self, run=replace(self.run, moving_since_ns=since_ns, started_anew=True))

    def end_stop_gone(self) -> "Ledger":
        """The pump holds another end-stop than was programmed: it bounds the present run no longer."""
        return self if self.run is None else replace(self, run=replace(self.run, started_anew=True))

    def flowed_outside_runs(self, least_nl: int, most_nl: int) -> "Ledger":
        """The counter rose; what a begun run of this order counts itself is not added again."""
        if self.run is not None and self.run.begun:
            return self
        return replace(self, closed_low_nl=self.closed_low_nl + least_nl, closed_high_nl=self.closed_high_nl + most_nl)

    def lowered(self, rate_nl_h: int, now_ns: int) -> "Ledger":
        """The pump holds a lower rate from `now_ns` on at the latest; until then the former one bounds what flowed."""
        run = self.run
        if run is None or run.moving_since_ns is None:
            return self
        return replace(self, run=replace(run, high_nl=run.high_at(now_ns), moving_since_ns=now_ns, rate_nl_h=rate_nl_h))

    def not_started(self) -> "Ledger":
        """The present run certainly never began: forget what it might have given."""
        return replace(self, run=None) if self.run else self

    def link_lost(self, flows_until_ns: int) -> "Ledger":
        """The pump cannot be asked; its own lease ends flow at `flows_until_ns` at the latest."""
        if self.run is None or self.run.moving_since_ns is None:
            return self
        return replace(self, run=replace(self.run, flows_until_ns=flows_until_ns))

    def link_back(self) -> "Ledger":
        """The pump can be asked again: the stops that go out now renew its lease, which bounds the flow no longer."""
        return self if self.run is None else replace(self, run=replace(self.run, flows_until_ns=None))

    def after_restart(self) -> "Ledger":
        """A daemon came up that does not know how long it was away: only the end-stop bounds an open run."""
        if self.run is None or (self.run.begun and self.run.moving_since_ns is None):
            return self
        return replace(self, run=replace(self.run, unbounded=True))
