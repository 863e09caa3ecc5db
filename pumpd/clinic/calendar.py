"""Days and times of the clinic's calendar. Pure: the present, with its time zone, is an argument."""

import calendar
from datetime import UTC, date, datetime, time, timedelta

from pumpd.core.quantities import NS_PER_S

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def ns_of(moment: datetime) -> int:
    """Return a moment as nanoseconds since 1970, in whole seconds as messages carry it."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * NS_PER_S


def day_of(at_ns: int, now: datetime) -> date:
    """Return the day of a moment in the time zone of `now`."""
    return (_EPOCH + timedelta(seconds=at_ns // NS_PER_S)).astimezone(now.tzinfo).date()


def end_ns(day: date, now: datetime) -> int:
    """Return when `day` is over in the time zone of `now`."""
    return ns_of(datetime.combine(day + timedelta(days=1), time(), tzinfo=now.tzinfo))


def months_after(day: date, months: int) -> date:
    """Return the same day some months later, or the last of that month where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
