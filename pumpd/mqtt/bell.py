"""The bell of a terminal station: the audible test, which shows that somebody hears it, and the tone of an alarm."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from pumpd.core.quantities import NS_PER_MS, NS_PER_S
from pumpd.mqtt.client import View

RING = "\a"
RING_EVERY_NS = 2 * NS_PER_S
"""A terminal has one tone; it is repeated for as long as an alarm is to be heard."""
QUESTION = "The bell has rung once. Did you hear it? [y] "
NOT_HEARD = "The bell was not heard. Turn the sound of this terminal on, or watch without --sound."


@dataclass(slots=True)
class Bell:
    """Rings through `write`, and remembers when it last rang in a test that somebody answered."""

    write: Callable[[str], None]
    heard_ns: int | None = None
    _rung_ns: int | None = None

    def test(self, ask: Callable[[str], str], now_ns: int) -> bool:
        """Ring once, and say whether somebody answers that it was heard; `now_ns` is that of the ring."""
        self.write(RING)
        try:
            answer = ask(QUESTION)
        except EOFError:
            return False
        if answer.strip().lower() not in {"y", "yes"}:
            return False
        self.heard_ns = now_ns
        return True

    def test_age_s(self, now_ns: int) -> Decimal | None:
        """Return how long ago it was heard, to the millisecond and rounded up; None: never."""
        return None if self.heard_ns is None else Decimal(-(-(now_ns - self.heard_ns) // NS_PER_MS)).scaleb(-3)

    def sound(self, view: View, now_ns: int) -> None:
        """Ring for an alarm that is to be heard, and for a bed of which nothing is heard."""
        sounding = view.alarms is not None and view.alarms.message.sounding is not None
        if view.is_live(now_ns) and not sounding:
            self._rung_ns = None
        elif self._rung_ns is None or now_ns - self._rung_ns >= RING_EVERY_NS:
            self._rung_ns = now_ns
            self.write(RING)
