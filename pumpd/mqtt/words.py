"""Numbers as people read them: a leading zero, no trailing zero, the unit beside it. For every screen alike."""

from decimal import Decimal

from pumpd.core.quantities import NS_PER_MS


def seconds(age_ns: int) -> str:
    """Return an age in seconds, cut to tenths."""
    tenths = age_ns // (100 * NS_PER_MS)
    return f"{tenths // 10}.{tenths % 10} s"


def number(value: Decimal) -> str:
    """Return a number with a leading and without a trailing zero."""
    digits = f"{value:f}"
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def interval(low: Decimal, high: Decimal, unit: str) -> str:
    """Return both bounds, or one where they are the same."""
    return f"{number(low)} {unit}" if low == high else f"{number(low)} to {number(high)} {unit}"
