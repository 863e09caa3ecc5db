"""What the oracle says: which invariant was broken, when, and how. Knows no invariant's content."""

from dataclasses import dataclass
from enum import Enum, unique


@unique
class Invariant(Enum):
    """The closed list; the statement of each stands in the module that judges it."""

    I1 = "the volume stays within the order"
    I2 = "the pump runs only under a live lease"
    I3 = "flow ends in time after a stop condition"
    I4 = "no flow resumes without a newer human command"
    I5 = "a command id acts at most once"
    I6 = "every pause that no human asked for has an alarm"
    I7 = "replay gives the same decisions"
    I8 = "the recorded interval contains the truth"
    I9 = "a stop is never refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One breach of one invariant."""

    invariant: Invariant
    at_ns: int
    text: str
