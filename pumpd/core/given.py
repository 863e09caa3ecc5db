"""What the orders before the present one gave at this bed. Whether to the same patient, only people know (CTRL-05)."""

from dataclasses import dataclass
from datetime import UTC, datetime

from pumpd.core.delivery import Ledger, amount_text
from pumpd.core.prescription import Order
from pumpd.core.quantities import NS_PER_S, Concentration

KEPT = 4
"""Orders that are shown; the record has them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What one order gave: the truth lies between low and high."""

    order_hash: str
    drug: str
    concentration: Concentration
    low_nl: int
    high_nl: int
    course: str  # whose it was; empty where the profile waived the clearance
    clearance_hash: str
    until_wall_ns: int  # when rest was confirmed after it, since 1970; for people, never judged

    @property
    def until(self) -> datetime:
        """Return when its infusion was over, in UTC and whole seconds."""
        return datetime.fromtimestamp(self.until_wall_ns // NS_PER_S, UTC)

    def words(self) -> str:
        """Return it for people."""
        amount = amount_text(self.concentration, self.low_nl, self.high_nl)
        return (
            f"given before at this bed: {amount} of {self.drug} by order {self.order_hash}, "
            f"until {self.until:%Y-%m-%d %H:%M} UTC"
        )


def remembered(
    before: tuple[Given, ...], order: Order | None, ledger: Ledger, *, until_wall_ns: int, now_ns: int
) -> tuple[Given, ...]:
    """Return what was given before once an order is none of the present any more; one that gave nothing leaves none."""
    high_nl = ledger.high(now_ns)
    if order is None or high_nl == 0:
        return before
    given = Given(
        order_hash=order.hash,
        drug=order.drug,
        concentration=order.concentration,
        low_nl=ledger.low(),
        high_nl=high_nl,
        course=order.course,
        clearance_hash=order.clearance_hash,
        until_wall_ns=until_wall_ns,
    )
    return (*before, given)[-KEPT:]
