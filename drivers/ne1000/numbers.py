"""The pump's numbers: at most four digits and a point, at most three decimals (New Era NE-1000 manual, Publication
1200-01, p. 38), and its units. Everything is integer; nothing is ever rounded up.
"""

import re
from dataclasses import dataclass
from enum import Enum, unique
from functools import lru_cache

from pumpd.core.quantities import NL_PER_ML, NL_PER_UL

MAX_DIGITS = 4
MAX_DECIMALS = 3
THOUSANDTHS = 1_000
LIMIT_THOUSANDTHS = 10_000 * THOUSANDTHS
"""10000, the first number that has more than four digits."""

_NUMBER = re.compile(r"([0-9]*)(?:\.([0-9]*))?")
_COUNTERS = re.compile(r"I([0-9.]+)W([0-9.]+)(UL|ML)")


@unique
class VolumeUnit(Enum):
    """Units of VOL and DIS."""

    UL = "UL"
    ML = "ML"

    @property
    def nl(self) -> int:
        """Return the unit in nL."""
        return NL_PER_ML if self is VolumeUnit.ML else NL_PER_UL


@unique
class RateUnit(Enum):
    """Units of RAT."""

    ML_H = "MH"
    UL_H = "UH"
    ML_MIN = "MM"
    UL_MIN = "UM"

    @property
    def nl_h(self) -> int:
        """Return the unit in nL/h."""
        volume_nl = NL_PER_ML if self is RateUnit.ML_H or self is RateUnit.ML_MIN else NL_PER_UL
        return volume_nl * (60 if self is RateUnit.ML_MIN or self is RateUnit.UL_MIN else 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number as the pump shows it: its value, and the size of one count of its last digit, in thousandths."""

    thousandths: int
    count_thousandths: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """The two dispensed volumes in thousandths of the unit that the reply names."""

    infused: Number
    withdrawn: Number
    unit: VolumeUnit

    @property
    def low_nl(self) -> int:
        """Return the least volume infused: what the digits say, taken as cut off."""
        return self.infused.thousandths * self.unit.nl // THOUSANDTHS

    @property
    def high_nl(self) -> int:
        """Return the most volume infused: one count more than the digits say."""
        return self.low_nl + self.infused.count_thousandths * self.unit.nl // THOUSANDTHS


def format_number(value: int, unit: int) -> str | None:
    """Return `value / unit` in at most four digits, cut and never rounded up, or None if it has more than four.

    From 1.000 to 9999 the loss is below 0.1 %; below 1.000 only three decimals are left and it grows.
    """
    thousandths = value * THOUSANDTHS // unit
    if not 0 <= thousandths < LIMIT_THOUSANDTHS:
        return None
    whole, decimals = divmod(thousandths, THOUSANDTHS)
    return f"{whole}.{decimals:03d}"[: MAX_DIGITS + 1].rstrip(".")


def format_rate(rate_nl_h: int) -> tuple[str, RateUnit] | None:
    """Return the number and unit for a rate, mL/h where the number is 1.000 or more, else µL/h, else None."""
    for unit in (RateUnit.ML_H, RateUnit.UL_H):
        if rate_nl_h >= unit.nl_h:
            text = format_number(rate_nl_h, unit.nl_h)
            return (text, unit) if text is not None else None
    return None


@lru_cache(maxsize=256)
def parse_number(text: str) -> Number | None:
    """Return the number in `text`: digits, an optional point, an optional missing leading zero; None if it is none."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    whole, decimals = match[1], match[2] or ""
    if not whole + decimals or len(decimals) > MAX_DECIMALS or len(whole) > MAX_DIGITS:
        return None
    thousandths = int(whole or "0") * THOUSANDTHS + int(decimals.ljust(MAX_DECIMALS, "0"))
    return Number(thousandths=thousandths, count_thousandths=int("1".ljust(MAX_DECIMALS - len(decimals) + 1, "0")))


def parse_rate_nl_h(text: str) -> int | None:
    """Return the rate in `18.52MH` in nL/h, or None if it is none."""
    number = parse_number(text[:-2])
    unit = next((unit for unit in RateUnit if text.endswith(unit.value)), None)
    if number is None or unit is None:
        return None
    return number.thousandths * unit.nl_h // THOUSANDTHS


def parse_volume_nl(text: str) -> int | None:
    """Return the volume in `12.35ML` in nL, or None if it is none."""
    number = parse_number(text[:-2])
    unit = next((unit for unit in VolumeUnit if text.endswith(unit.value)), None)
    if number is None or unit is None:
        return None
    return number.thousandths * unit.nl // THOUSANDTHS


def same_number(one: str, other: str) -> bool:
    """Say whether two texts are the same number, whatever their width."""
    parsed, wanted = parse_number(one), parse_number(other)
    return parsed is not None and wanted is not None and parsed.thousandths == wanted.thousandths


def same_quantity(one: str, other: str) -> bool:
    """Say whether two numbers with a unit of two letters are the same, the unit included."""
    return one[-2:] == other[-2:] and same_number(one[:-2], other[:-2])


def parse_counters(text: str) -> Counters | None:
    """Return what `I3.512W0.000ML` says, or None if it is no counter reply."""
    match = _COUNTERS.fullmatch(text)
    if match is None:
        return None
    infused, withdrawn = parse_number(match[1]), parse_number(match[2])
    if infused is None or withdrawn is None:
        return None
    return Counters(infused=infused, withdrawn=withdrawn, unit=VolumeUnit(match[3]))
