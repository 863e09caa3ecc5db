"""How much drug the last ten minutes may have brought: the rate limit that no sum of small steps can pass (DOSE-07).

Judged in the worst direction: the high bound now less what was proven ten minutes ago.
"""

from bisect import bisect_right
from dataclasses import dataclass

from pumpd.core.bounds import Measure
from pumpd.core.prescription import Order
from pumpd.core.profile import Drug
from pumpd.core.quantities import G_PER_KG, NG_PER_MG, NS_PER_H, NS_PER_MIN

WINDOW_NS = 10 * NS_PER_MIN


@dataclass(frozen=True, slots=True, kw_only=True)
class RollingDose:
    """When the low bound reached what, for as long back as the window needs."""

    most_nl: int
    """What may have been given in any window."""
    times_ns: tuple[int, ...]
    lows_nl: tuple[int, ...]

    @classmethod
    def of_order(cls, order: Order, drug: Drug, *, low_nl: int, now_ns: int) -> "RollingDose":
        """Begin to watch an order of which `low_nl` is proven to have been given."""
        limit = drug.limit(Measure.DOSE_RATE)
        assert limit is not None  # noqa: S101 - without it there is no order
        most_ng_h = int(order.weight_g * limit.hard[1] * NG_PER_MG / G_PER_KG)
        most_nl = order.concentration.volume_nl(most_ng_h * WINDOW_NS // NS_PER_H) + order.worst_extra_nl
        return cls(most_nl=most_nl, times_ns=(now_ns,), lows_nl=(low_nl,))

    def take(self, low_nl: int, now_ns: int) -> "RollingDose":
        """Return the watch after a read-back that proved `low_nl`."""
        if low_nl <= self.lows_nl[-1]:
            return self
        first = max(bisect_right(self.times_ns, now_ns - WINDOW_NS) - 1, 0)
        # joined, not unpacked: that would copy some 800 numbers three times
        times_ns, lows_nl = self.times_ns[first:] + (now_ns,), self.lows_nl[first:] + (low_nl,)  # noqa: RUF005
        return RollingDose(most_nl=self.most_nl, times_ns=times_ns, lows_nl=lows_nl)

    def given_nl(self, high_nl: int, now_ns: int) -> int:
        """Return what the window that ends now may have brought, at most."""
        index = max(bisect_right(self.times_ns, now_ns - WINDOW_NS) - 1, 0)
        return high_nl - self.lows_nl[index]
