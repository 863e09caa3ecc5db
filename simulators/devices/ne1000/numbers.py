"""The pump's number format: at most four digits and a point, at most three decimals (NE-1000 manual p.38).

Numbers are integers in thousandths, so nothing here rounds: `18.53` is 18530.
"""

import re

MAX_DIGITS = 4
MAX_DECIMALS = 3
LIMIT_THOUSANDTHS = 10_000_000
"""The first number that no longer fits into four digits: 10000."""

_FLOAT = re.compile(r"([0-9]*)(?:\.([0-9]*))?")


class NumberTooLongError(ValueError):
    """A number with more digits or decimals than the pump holds."""


def parse_thousandths(text: str) -> int | None:
    """Return the number in thousandths, or None when `text` is no number; raise when it has too many digits."""
    match = _FLOAT.fullmatch(text)
    if match is None:
        return None
    whole, decimals = match[1], match[2] or ""
    if not whole + decimals:
        return None
    if len(whole + decimals) > MAX_DIGITS or len(decimals) > MAX_DECIMALS:
        raise NumberTooLongError(f"{text} has more than {MAX_DIGITS} digits or {MAX_DECIMALS} decimals")
    return int(whole or "0") * 1000 + int(decimals.ljust(MAX_DECIMALS, "0"))


def format_thousandths(value: int) -> str:
    """Return five characters with a point; digits that do not fit are cut, never rounded."""
    if not 0 <= value < LIMIT_THOUSANDTHS:
        raise ValueError(f"{value} thousandths do not fit into {MAX_DIGITS} digits")
    whole, decimals = divmod(value, 1000)
    return f"{whole}.{decimals:03d}"[: MAX_DIGITS + 1]
