"""The evidence of a halt that no human asked for: one record with everything it was decided on (requirement LOG-06).

Plain values. The bytes of the pump are in the journal already, in the order in which they went: those that belong to a
halt are the records of kind `pump-tx` and `pump-rx` between `wire_from_ns` and `wire_until_ns`, of the same boot.
"""

from dataclasses import dataclass

from pumpd.core.alarms import Alarm, Condition
from pumpd.core.interlocks import Pending
from pumpd.core.modes import Mode
from pumpd.core.ports import PumpCounter, PumpStatus, Sample
from pumpd.core.profile import Version
from pumpd.core.quantities import NS_PER_MIN, NS_PER_S
from pumpd.core.rest import Aim
from pumpd.core.session import Attestation, Baseline

WIRE_BEFORE_NS = NS_PER_MIN
"""How far back the bytes belong to a halt: three times the longest lease a profile may choose."""
WIRE_AFTER_NS = 5 * NS_PER_S
"""How far on: the 3 s in which rest is to be confirmed, and some more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Halted:
    """A halt that no human asked for, as it began."""

    mode: Mode  # the one it was halted in
    moving: bool  # the pump might move
    aim: Aim
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSeen:
    """The newest sample of a vital sign, and how old it was."""

    sample: Sample
    age_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PumpSeen:
    """What was known of the pump."""

    link_up: bool
    status: PumpStatus | None
    status_age_ns: int | None
    counter: PumpCounter | None
    counter_age_ns: int | None
    lease_ns: int
    polled_age_ns: int  # how long ago the lease was last renewed by a question


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that a halt was decided on."""

    at_ns: int
    halted: Halted
    causes: tuple[Condition, ...]  # what was due, with rule, value and limit in words
    crossed: tuple[Pending, ...]  # the limits on vital signs that were crossed, due or not yet
    samples: tuple[SampleSeen, ...]
    refused: tuple[SampleSeen, ...]  # what came after them and was not usable
    baseline: Baseline | None
    pump: PumpSeen
    session: str | None
    order_hash: str | None
    run_id: str | None
    rate_nl_h: int | None
    low_nl: int  # what had been given by then
    high_nl: int
    profile_name: str
    profile_version: int
    profile_hash: str
    versions: tuple[Version, ...]
    prepared_by: str | None
    confirmed_by: str | None
    started_by: str | None
    attested: tuple[Attestation, ...]
    alarms: tuple[Alarm, ...]  # each with who has acknowledged it
    wire_from_ns: int
    wire_until_ns: int
