"""What flowed: the rates that the pump held, and what was given, as an interval over time. Pure."""

from dataclasses import replace

from pumpd.core.modes import MAY_MOVE_MODES
from pumpd.core.session import SessionRecord
from pumpd.records.summary.model import Delivered, RateSegment


class Flow:
    """Takes a session's records in their order."""

    def __init__(self) -> None:
        self.rates: list[RateSegment] = []
        self.delivered: list[Delivered] = []
        self._begun_at_nl = 0
        """The low bound when the newest rate began."""

    def take(self, record: SessionRecord, *, now_ns: int, at_wall_ns: int, by: str | None) -> None:
        """Take one record; `now_ns` is its own daemon's clock, `by` whoever gave the newest run or rate."""
        ledger, run = record.ledger, record.ledger.run
        low_nl = ledger.low()
        moves = run is not None and run.begun and record.mode in MAY_MOVE_MODES
        if self.rates:
            # also after the stop: the counter that tells all of it is read at rest
            self.rates[-1] = replace(self.rates[-1], counted_nl=low_nl - self._begun_at_nl)
            newest = self.rates[-1]
            goes_on = (
                moves and run is not None and (newest.run_id, newest.commanded_nl_h) == (run.run_id, run.rate_nl_h)
            )
            if newest.until_wall_ns is None and not goes_on:
                self.end(at_wall_ns)
        if moves and run is not None and (not self.rates or self.rates[-1].until_wall_ns is not None):
            self._begun_at_nl = low_nl
            self.rates.append(
                RateSegment(
                    run_id=run.run_id,
                    since_wall_ns=at_wall_ns,
                    until_wall_ns=None,
                    commanded_nl_h=run.rate_nl_h,
                    counted_nl=0,
                    by=by,
                )
            )
        found = Delivered(at_wall_ns=at_wall_ns, low_nl=low_nl, high_nl=ledger.high(now_ns))
        if not self.delivered or self.delivered[-1] != found:
            self.delivered.append(found)

    def end(self, at_wall_ns: int) -> None:
        """The present rate is commanded no longer."""
        if self.rates and self.rates[-1].until_wall_ns is None:
            self.rates[-1] = replace(self.rates[-1], until_wall_ns=at_wall_ns)
