"""Instants, durations and amounts as a report says them. Rounds no bound of a dose inwards."""

from datetime import UTC, datetime, timedelta

from pumpd.core.delivery import SHOWN_NL
from pumpd.core.quantities import NS_PER_MIN, NS_PER_S, Concentration, in_mg, in_ml

NONE = "--"
"""Stands where the journal holds nothing: it is no zero."""


def instant(wall_ns: int | None) -> str:
    """Return date and time in UTC, to the second that has begun."""
    return NONE if wall_ns is None else f"{_utc(wall_ns):%Y-%m-%d %H:%M:%S}"


def clock(wall_ns: int | None) -> str:
    """Return the time of day in UTC."""
    return NONE if wall_ns is None else f"{_utc(wall_ns):%H:%M:%S}"


def _utc(wall_ns: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=wall_ns // NS_PER_S)


def since(wall_ns: int, zero_wall_ns: int) -> str:
    """Return how long after the beginning an instant was, as minutes and seconds with their sign."""
    elapsed_s = (wall_ns - zero_wall_ns) // NS_PER_S
    whole_min, rest_s = divmod(abs(elapsed_s), 60)
    return f"{'-' if elapsed_s < 0 else '+'}{whole_min}:{rest_s:02d}"


def duration(duration_ns: int) -> str:
    """Return a duration in minutes and seconds."""
    whole_min, rest_s = divmod(duration_ns // NS_PER_S, 60)
    return f"{whole_min} min {rest_s:02d} s"


def minutes(duration_ns: int) -> float:
    """Return a duration in minutes, for a chart."""
    return duration_ns / NS_PER_MIN


def millilitres(volume_nl: int) -> str:
    """Return a volume."""
    return f"{in_ml(volume_nl)} mL"


def milligrams(mass_ng: int) -> str:
    """Return a mass."""
    return f"{in_mg(mass_ng)} mg"


def rate(rate_nl_h: int) -> str:
    """Return a rate."""
    return f"{in_ml(rate_nl_h)} mL/h"


def low_dose(concentration: Concentration, low_nl: int) -> tuple[str, str]:
    """Return what is proven, in mg and in mL, rounded down."""
    return milligrams(concentration.mass_ng(low_nl)), millilitres(low_nl)


def high_dose(concentration: Concentration, high_nl: int) -> tuple[str, str]:
    """Return what it was at most, in mg and in mL, rounded up as on every screen."""
    shown_nl = -(-high_nl // SHOWN_NL) * SHOWN_NL
    return milligrams(concentration.mass_ng(shown_nl)), millilitres(shown_nl)
