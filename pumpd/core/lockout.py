"""The same pump alarm again and again: after a few restarts the session is locked until a senior decides (PUMP-04).

An alarm counts when it ended a run, so each one that counts was followed by the start or resume before the next.
"""

from dataclasses import dataclass, replace

from pumpd.core.ports import PumpAlarmKind
from pumpd.core.quantities import NS_PER_MIN

WINDOW_NS = 10 * NS_PER_MIN
MOST_ALARMS = 3
"""So many of one kind inside the window lock (PUMP-04)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lockout:
    """The alarms that ended a run of this order, and whether they have locked it."""

    alarms: tuple[tuple[PumpAlarmKind, int], ...] = ()
    reason: str | None = None

    def take(self, kind: PumpAlarmKind, now_ns: int) -> "Lockout":
        """Return the lockout after an alarm ended a run."""
        alarms = (*(each for each in self.alarms if now_ns - each[1] < WINDOW_NS), (kind, now_ns))
        alike = sum(1 for known, _ in alarms if known is kind)
        if alike < MOST_ALARMS:
            return replace(self, alarms=alarms)
        words = f"{alike} times in {WINDOW_NS // NS_PER_MIN} min the pump reported: {kind.value}"
        return Lockout(alarms=alarms, reason=words)
