"""When a patient's signs required a stop, judged by what left the sensors. Knows limits, and no rule of the daemon.

The sensor's output is the truth that can be asked of anybody: what a sensor gets wrong no daemon can know, and what it
shows no daemon may miss.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a sensor put out at `at_ns`; None where it said that it has no usable value."""

    at_ns: int
    sign: str
    value: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Values below `low` or above `high` require a stop once they have lasted `for_ns`; None is no limit on that side.

    With `or_repeated` a second such value in a row requires it at once. So does the lack of any usable value for
    `missing_ns`; None is no limit.
    """

    sign: str
    low: int | None
    high: int | None
    for_ns: int
    missing_ns: int | None
    or_repeated: bool = False

    def unsafe(self, value: int) -> bool:
        """Tell whether a value lies beyond the limit."""
        return (self.low is not None and value < self.low) or (self.high is not None and value > self.high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A stop was required from `from_ns` until `until_ns`."""

    from_ns: int
    until_ns: int
    cause: str


def needs(readings: Sequence[Reading], limit: Limit, *, watched_from_ns: int, until_ns: int) -> tuple[Need, ...]:
    """Return every stretch in which one sign required a stop, each cause in the order of time.

    Usable values count from `watched_from_ns` on; a value beyond the limit that is followed by none stays beyond it.
    """
    usable = [
        (reading.at_ns, reading.value)
        for reading in readings
        if reading.sign == limit.sign and reading.value is not None and reading.at_ns >= watched_from_ns
    ]
    found = [*_unsafe(usable, limit, until_ns), *_missing(usable, limit, watched_from_ns, until_ns)]
    return tuple(sorted(found, key=lambda need: need.from_ns))


def _unsafe(usable: Sequence[tuple[int, int]], limit: Limit, until_ns: int) -> Iterator[Need]:
    first: int | None = None
    due_ns = until_ns
    for at_ns, value in [*usable, (until_ns, None)]:
        if value is not None and limit.unsafe(value):
            if first is None:
                first, due_ns = value, at_ns + limit.for_ns
            elif limit.or_repeated:
                due_ns = min(due_ns, at_ns)
        elif first is not None:
            if due_ns < at_ns:
                yield Need(from_ns=due_ns, until_ns=at_ns, cause=f"{limit.sign} {first}")
            first = None


def _missing(usable: Sequence[tuple[int, int]], limit: Limit, watched_from_ns: int, until_ns: int) -> Iterator[Need]:
    if limit.missing_ns is None:
        return
    last_ns = watched_from_ns
    for at_ns in [*(at_ns for at_ns, _ in usable), until_ns]:
        due_ns = last_ns + limit.missing_ns
        if due_ns < at_ns:
            yield Need(from_ns=due_ns, until_ns=at_ns, cause=f"no usable {limit.sign}")
        last_ns = at_ns
