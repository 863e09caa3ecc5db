"""Tells a frozen stream from a calm patient: the same numbers for a minute while the pulse wave does not move."""

from pumpd.core.quantities import NS_PER_S

FROZEN_AFTER_NS = 60 * NS_PER_S
"""Requirement VIT-06."""
LEAST_PLETH_COUNTS = 2
"""A smaller peak-to-peak pleth is no pulse; our proposal, to be tuned on recorded data."""


class FlatLine:
    """Watches usable packets of one stream."""

    def __init__(self) -> None:
        self._since_ns: int | None = None
        self._numbers: tuple[int | None, int | None] = (None, None)
        self._low = 0
        self._high = 0
        self._frozen = False

    def observe(self, *, numbers: tuple[int | None, int | None], pleth_low: int, pleth_high: int, now_ns: int) -> bool:
        """Take the numbers and the pleth range of one packet, in counts; return whether the stream is frozen.

        Once frozen, only the pleth ends it: new numbers without a pulse are no better than old ones.
        """
        low, high = min(self._low, pleth_low), max(self._high, pleth_high)
        moved = self._since_ns is None or high - low >= LEAST_PLETH_COUNTS
        if moved or (numbers != self._numbers and not self._frozen):
            self._since_ns, self._numbers, self._frozen = now_ns, numbers, False
            self._low, self._high = pleth_low, pleth_high
        else:
            self._low, self._high = low, high
            self._frozen = self._frozen or (self._since_ns is not None and now_ns - self._since_ns >= FROZEN_AFTER_NS)
        return self._frozen
