"""Units and exact conversions: the one module that turns decimals people write into integers that the core adds up.

Inside: volume in nanolitres, mass in nanograms, time in nanoseconds, rate in nanolitres per hour, all `int`.
A concentration is an exact fraction, because a dilution need not come out even. Nothing here rounds upwards.
"""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction

NS_PER_US = 1_000
NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
NS_PER_MIN = 60 * NS_PER_S
NS_PER_H = 3_600 * NS_PER_S
NL_PER_ML = 1_000_000
NL_PER_UL = 1_000
NG_PER_MG = 1_000_000
G_PER_KG = 1_000
UM_PER_MM = 1_000
MAX_EXPONENT = 12
"""Powers of ten beyond which a decimal is no quantity of this field and exact arithmetic on it would only cost time."""


class QuantityError(ValueError):
    """A number that cannot be a quantity; the message names the field, the value and the unit."""


def decimal_from(name: str, value: object, unit: str) -> Decimal:
    """Return `value` as a finite, positive decimal, or raise `QuantityError`.

    A float is refused: its decimal digits are not the ones somebody wrote.
    """
    if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)):
        raise QuantityError(
            f"{name} must be a decimal number in {unit}, got {value!r}; write it as text such as '70.0'"
        )
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise QuantityError(f"{name} must be a number in {unit}, got {value!r}") from None
    if not number.is_finite():
        raise QuantityError(f"{name} must be a finite number in {unit}, got {value!r}")
    if number <= 0:
        raise QuantityError(f"{name} must be above 0 {unit}, got {value!r}")
    if abs(number.adjusted()) > MAX_EXPONENT:
        raise QuantityError(f"{name} must be a plausible number in {unit}, got {number:.3e}")
    return number


def scaled_exactly(name: str, number: Decimal, factor: int, unit: str) -> int:
    """Return `number * factor` when it is whole, else raise `QuantityError`: more digits than the unit resolves."""
    scaled = Fraction(number) * factor
    if scaled.denominator != 1:
        raise QuantityError(
            f"{name} has more digits than pumpd resolves: {number} {unit} (finest step is 1/{factor} {unit})"
        )
    return scaled.numerator


@dataclass(frozen=True, slots=True, kw_only=True)
class Concentration:
    """Drug per volume as an exact fraction of ng per nL, which equals mg per mL."""

    ng_per_nl: Fraction

    def __post_init__(self) -> None:
        if self.ng_per_nl <= 0:
            raise QuantityError(f"a concentration must be above 0 mg/mL, got {self.ng_per_nl}")

    @classmethod
    def from_dilution(cls, *, strength_mg_ml: Decimal, drawn_ml: Decimal, diluent_ml: Decimal) -> "Concentration":
        """Return vial strength times drawn volume over final volume."""
        final_ml = Fraction(drawn_ml) + Fraction(diluent_ml)
        return cls(ng_per_nl=Fraction(strength_mg_ml) * Fraction(drawn_ml) / final_ml)

    def volume_nl(self, mass_ng: int) -> int:
        """Return the volume that holds `mass_ng`, rounded down to a whole nanolitre."""
        return int(Fraction(mass_ng) / self.ng_per_nl)

    def mass_ng(self, volume_nl: int) -> int:
        """Return the mass in `volume_nl`, rounded down to a whole nanogram."""
        return self.ng_per_nl.numerator * volume_nl // self.ng_per_nl.denominator


def rate_nl_h(volume_nl: int, duration_ns: int) -> int:
    """Return the rate that gives `volume_nl` in `duration_ns`, rounded down to a whole nanolitre per hour."""
    return volume_nl * NS_PER_H // duration_ns


def flowed_nl(rate: int, duration_ns: int) -> int:
    """Return the volume that `rate` nL/h gives in `duration_ns`, rounded down: a lower bound."""
    return rate * max(duration_ns, 0) // NS_PER_H


def flowed_at_most_nl(rate: int, duration_ns: int) -> int:
    """Return the volume that `rate` nL/h gives in `duration_ns`, rounded up: an upper bound of what flowed."""
    return -(-rate * max(duration_ns, 0) // NS_PER_H)


def flow_time_ns(volume_nl: int, rate: int) -> int:
    """Return how long `rate` nL/h takes for `volume_nl`, rounded up to a whole nanosecond."""
    return -(-volume_nl * NS_PER_H // rate)


def text(value: int, factor: int, places: int) -> str:
    """Return `value / factor` for people: a leading zero, no trailing zero, never rounded up.

    `text(26_250_000, NL_PER_ML, 3)` is "26.25", `text(500_000, NL_PER_ML, 3)` is "0.5".
    """
    step = 10**places
    shown = value * step // factor
    whole, rest = divmod(abs(shown), step)
    digits = f"{rest:0{places}d}".rstrip("0") if places else ""
    sign = "-" if shown < 0 else ""
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"


def in_ml(volume_nl: int) -> str:
    """Return a volume in mL for people, to the microlitre; of a rate in nL/h, mL/h."""
    return text(volume_nl, NL_PER_ML, 3)


def in_mg(mass_ng: int) -> str:
    """Return a mass in mg for people, to the microgram."""
    return text(mass_ng, NG_PER_MG, 3)


def in_mm(length_um: int) -> str:
    """Return a length in mm for people, to the micrometre."""
    return text(length_um, UM_PER_MM, 3)
