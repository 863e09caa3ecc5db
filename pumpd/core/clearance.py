"""The clinic's word that one patient may be infused at one bed today, and how the core judges it.

Knows neither the course behind it nor who gives it: a clearance is what arrived. Times are wall time since 1970, since
a day is a matter of the calendar; a clearance from the future is refused, so that a clock that lags admits nothing old.
"""

import hashlib
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime

from pumpd.core.quantities import G_PER_KG, NS_PER_H, NS_PER_MIN, NS_PER_S, in_mg, text

LONGEST_NS = 24 * NS_PER_H
"""A clearance is for one day, whatever it says of itself."""
CLOCK_TOLERANCE_NS = NS_PER_MIN
"""How far the clinic's clock may be ahead of the daemon's."""
WEIGHT_CHANGE_PERCENT = 10
"""A larger change since the last session needs a second confirmation (START-09)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearedGate:
    """One gate that was open when the clearance was given."""

    gate: str
    by: str
    until_wall_ns: int | None  # None: it does not lapse within the day
    override: str = ""  # who of which roles passed it, and why; empty where it was not overridden


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearance:
    """One patient, by the opaque id of her course, may be infused at `bed` until it expires."""

    bed: str
    course: str
    number: int  # of this infusion in the course, from 1
    weight_g: int
    last_weight_g: int | None  # None at the first infusion
    given_low_ng: int  # by the infusions of the course so far
    given_high_ng: int
    last_infusion_wall_ns: int | None
    gates: tuple[ClearedGate, ...]
    issued_by: str
    issued_wall_ns: int
    expires_wall_ns: int
    hash: str = ""

    @property
    def overrides(self) -> tuple[str, ...]:
        """What was passed by override, in words."""
        return tuple(f"{gate.gate}: {gate.override}" for gate in self.gates if gate.override)

    def words(self) -> str:
        """Return it in one line for people."""
        last = "none before"
        if self.last_infusion_wall_ns is not None:
            days = (self.issued_wall_ns - self.last_infusion_wall_ns) // (24 * NS_PER_H)
            last = f"the last on {clock_text(self.last_infusion_wall_ns)}, {days} full days before"
        low, high = (in_mg(mass_ng) for mass_ng in (self.given_low_ng, self.given_high_ng))
        given = f"{low} mg" if low == high else f"{low} to {high} mg"
        words = (
            f"clearance {self.hash} of course {self.course} for {self.bed}, infusion {self.number}, "
            f"{text(self.weight_g, G_PER_KG, 1)} kg, given so far {given}, {last}, by {self.issued_by} "
            f"until {clock_text(self.expires_wall_ns)}"
        )
        return "; ".join([words, *(f"OVERRIDE {each}" for each in self.overrides)])


def digest(clearance: Clearance) -> str:
    """Return the hash that an order quotes; it covers every other field."""
    lines = [f"{field.name}={getattr(clearance, field.name)!r}" for field in fields(clearance) if field.name != "hash"]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def sealed(clearance: Clearance) -> Clearance:
    """Return `clearance` with its hash."""
    return replace(clearance, hash=digest(clearance))


def clock_text(wall_ns: int) -> str:
    """Return a wall time for people."""
    return f"{datetime.fromtimestamp(wall_ns // NS_PER_S, UTC):%Y-%m-%d %H:%M} UTC"


def refusal(
    clearance: Clearance | None, quoted: str, *, bed: str, wall_ns: int, trouble: str | None = None
) -> str | None:
    """Return why an order that quotes `quoted` is not cleared at `bed` now, or None."""
    if clearance is None:
        because = f" ({trouble})" if trouble else ""
        return f"{bed} has no clearance{because}; the clinic must clear a course for it today: pumpd course clear"
    if clearance.bed != bed:
        return f"the clearance is for {clearance.bed}, this is {bed}; have the course cleared for this bed"
    if quoted != clearance.hash:
        said = f"quotes clearance {quoted}" if quoted else "quotes no clearance"
        return f"the order {said}, {bed} has {clearance.hash} of course {clearance.course}; look again, prepare again"
    return _out_of_time(clearance, wall_ns)


def _out_of_time(clearance: Clearance, wall_ns: int) -> str | None:
    again = "have the course cleared again"
    if clearance.issued_wall_ns > wall_ns + CLOCK_TOLERANCE_NS:
        return (
            f"the clearance was issued at {clock_text(clearance.issued_wall_ns)}, here it is {clock_text(wall_ns)}; "
            "set the clocks of both machines"
        )
    if clearance.expires_wall_ns - clearance.issued_wall_ns > LONGEST_NS:
        return f"the clearance says it is valid for more than {LONGEST_NS // NS_PER_H} h; {again}, for one day"
    if wall_ns >= clearance.expires_wall_ns:
        return f"the clearance expired at {clock_text(clearance.expires_wall_ns)}; {again}"
    for gate in clearance.gates:
        if gate.until_wall_ns is not None and wall_ns >= gate.until_wall_ns:
            return f"{gate.gate}, set by {gate.by}, lapsed at {clock_text(gate.until_wall_ns)}; set it anew and {again}"
    return None


def weight_refusal(clearance: Clearance, weight_g: int, *, change_confirmed: bool) -> str | None:
    """Return why an order for `weight_g` does not fit the weight of the day, or None (requirement START-09)."""
    shown = text(weight_g, G_PER_KG, 1)
    measured = text(clearance.weight_g, G_PER_KG, 1)
    if weight_g != clearance.weight_g:
        return f"the weight entered, {shown} kg, is not the {measured} kg measured today; look at the entry"
    last_g = clearance.last_weight_g
    if last_g is None or change_confirmed:
        return None
    if abs(weight_g - last_g) * 100 > WEIGHT_CHANGE_PERCENT * last_g:
        return (
            f"{shown} kg differs by more than {WEIGHT_CHANGE_PERCENT} % from {text(last_g, G_PER_KG, 1)} kg at the "
            "last session; weigh again, then prepare with the change of weight confirmed"
        )
    return None
