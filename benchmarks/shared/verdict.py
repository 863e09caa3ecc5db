"""What the daemon under measurement says after a trial."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the last trial came to, and whether the next can begin."""

    cause: str
    """Why the core stopped the pump, in its own words; empty where it did not."""
    armed: bool
    """Whether the infusion runs again, with permission."""
    broker_lost: bool
