"""A scenario: what goes wrong, who is there, and what must come of it. Knows no bed and no file."""

import re
from dataclasses import dataclass
from enum import Enum, unique

from simulators.harness.faults.hazards import Hazard
from simulators.harness.faults.kinds import LONGEST_MS, Fault

_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


@unique
class Mode(Enum):
    """What a scenario asks."""

    SAFETY = "safety"
    """Anything goes for the whole run, and no invariant breaks."""
    LIVENESS = "liveness"
    """Faults end, and then the nurse can finish the infusion or end it."""


@unique
class Manner(Enum):
    """How the nurse works."""

    PROMPT = "prompt"
    SLOW = "slow"
    ABSENT = "absent"
    WRONG = "wrong"
    """She sends what is not right: another order, another session, an old revision."""
    DOUBLED = "doubled"
    """She presses twice."""


@unique
class End(Enum):
    """How the infusion comes to rest: the first mode of it, but for an end, before which a pause may come."""

    PAUSED = "paused"
    ENDED = "ended"
    COMPLETED = "completed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Nurse:
    """The nurse's way of working until `until_ms`; from then on she is prompt."""

    manner: Manner
    until_ms: int

    def __post_init__(self) -> None:
        if not 0 <= self.until_ms <= LONGEST_MS:
            raise ValueError(f"nurse: until_ms is {self.until_ms}; it must be 0 to {LONGEST_MS}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What must come of it after the first fault begins: an end, an alarm by its id, or both."""

    end: End | None
    alarm: str | None

    def __post_init__(self) -> None:
        if self.end is None and self.alarm is None:
            raise ValueError("expect: neither end nor alarm is given; name at least one")
        if self.alarm is not None and not _NAME.fullmatch(self.alarm):
            raise ValueError(f"expect: alarm is {self.alarm!r}; an alarm id has small letters, digits and hyphens only")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One run of a bed. `seed` feeds whatever the run itself draws; `faults_end_ms` is None in safety mode."""

    name: str
    seed: int
    mode: Mode
    length_ms: int
    faults_end_ms: int | None
    hazards: tuple[Hazard, ...]
    nurse: Nurse
    expect: Expectation | None
    faults: tuple[Fault, ...]

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"name is {self.name!r}; it must have small letters, digits and hyphens only")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}; it must be 0 or more")
        if not 0 < self.length_ms <= LONGEST_MS:
            raise ValueError(f"length_ms is {self.length_ms}; it must be 1 to {LONGEST_MS}")
        if (self.mode is Mode.LIVENESS) != (self.faults_end_ms is not None):
            raise ValueError(
                f"faults_end_ms is {self.faults_end_ms} in mode {self.mode.value}; liveness has one, safety none"
            )
        latest_ms = self.length_ms if self.faults_end_ms is None else self.faults_end_ms
        for fault in self.faults:
            if fault.end_ms > latest_ms:
                raise ValueError(
                    f"fault {fault.name} ends at {fault.end_ms} ms, after the last permitted {latest_ms} ms"
                )
        if self.faults_end_ms is not None and not max(self.nurse.until_ms, self.faults_end_ms) < self.length_ms:
            raise ValueError(f"faults and nurse must mend before the end of the scenario at {self.length_ms} ms")
