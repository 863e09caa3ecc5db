"""When signs required a stop: by value, by time, by absence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.oracle.signs import Limit, Need, Reading, needs

LOW = Limit(sign="spo2", low=92, high=None, for_ns=15, missing_ns=100)
BAND = Limit(sign="spo2", low=50, high=120, for_ns=0, missing_ns=100)


def spo2(*values: tuple[int, int | None]) -> list[Reading]:
    return [Reading(at_ns=at_ns, sign="spo2", value=value) for at_ns, value in values]


def need(from_ns: int, until_ns: int, cause: str) -> Need:
    return Need(from_ns=from_ns, until_ns=until_ns, cause=cause)


@pytest.mark.parametrize(("value", "is_unsafe"), [(92, False), (91, True), (100, False)])
def test_the_limit_itself_is_safe(value: int, is_unsafe: bool) -> None:
    found = needs(spo2((0, value), (50, 95)), LOW, watched_from_ns=0, until_ns=60)
    assert found == ((need(15, 50, f"spo2 {value}"),) if is_unsafe else ())


def test_both_sides_of_a_band() -> None:
    readings = spo2((0, 50), (10, 49), (20, 120), (30, 121), (40, 100))
    assert needs(readings, BAND, watched_from_ns=0, until_ns=60) == (need(10, 20, "spo2 49"), need(30, 40, "spo2 121"))


def test_the_time_of_the_limit_must_pass() -> None:
    assert needs(spo2((0, 90), (15, 95)), LOW, watched_from_ns=0, until_ns=60) == ()
    assert needs(spo2((0, 90), (16, 95)), LOW, watched_from_ns=0, until_ns=60) == (need(15, 16, "spo2 90"),)


def test_a_good_value_begins_the_time_afresh() -> None:
    readings = spo2((0, 90), (10, 93), (12, 90), (28, 93))
    assert needs(readings, LOW, watched_from_ns=0, until_ns=60) == (need(27, 28, "spo2 90"),)


def test_a_missing_value_does_not_end_an_unsafe_one() -> None:
    assert needs(spo2((0, 90), (10, None)), LOW, watched_from_ns=0, until_ns=60) == (need(15, 60, "spo2 90"),)


def test_absence_requires_a_stop_when_its_time_is_up() -> None:
    readings = spo2((0, 95), (50, None), (101, 95))
    assert needs(readings, LOW, watched_from_ns=0, until_ns=150) == (need(100, 101, "no usable spo2"),)
    assert needs(spo2((0, 95), (100, 95)), LOW, watched_from_ns=0, until_ns=150) == ()
    assert needs([], LOW, watched_from_ns=7, until_ns=150) == (need(107, 150, "no usable spo2"),)


def test_what_came_before_the_watch_and_of_other_signs_does_not_count() -> None:
    other = [Reading(at_ns=60, sign="hr", value=10)]
    assert needs([*spo2((0, 10)), *other], LOW, watched_from_ns=50, until_ns=140) == ()


REPEATED = Limit(sign="spo2", low=None, high=159, for_ns=120, missing_ns=None, or_repeated=True)


def test_a_repeat_beyond_the_limit_requires_a_stop_at_once() -> None:
    assert needs(spo2((0, 160), (60, 165), (80, 170), (90, 159)), REPEATED, watched_from_ns=0, until_ns=200) == (
        need(60, 90, "spo2 160"),
    )


def test_a_repeat_that_disproves_ends_the_wait() -> None:
    assert needs(spo2((0, 160), (60, 159), (100, 170)), REPEATED, watched_from_ns=0, until_ns=200) == ()


def test_without_a_repeat_the_time_must_pass() -> None:
    readings = spo2((0, 160), (60, None), (150, 165), (160, 100))
    assert needs(readings, REPEATED, watched_from_ns=0, until_ns=200) == (need(120, 160, "spo2 160"),)


def test_no_limit_on_absence() -> None:
    assert needs([], REPEATED, watched_from_ns=0, until_ns=10_000) == ()


@given(st.lists(st.tuples(st.integers(1, 30), st.none() | st.integers(80, 100)), max_size=20))
def test_needs_are_those_of_every_single_instant(steps: list[tuple[int, int | None]]) -> None:
    readings, at_ns = [], 0
    for gap_ns, value in steps:
        at_ns += gap_ns
        readings += spo2((at_ns, value))
    until_ns = at_ns + 40
    limit = Limit(sign="spo2", low=92, high=None, for_ns=5, missing_ns=50)
    found = needs(readings, limit, watched_from_ns=0, until_ns=until_ns)
    for now_ns in range(until_ns):
        usable = [reading for reading in readings if reading.value is not None and reading.at_ns <= now_ns]
        age_ns = now_ns - (usable[-1].at_ns if usable else 0)
        beyond_ns = 0
        for reading in reversed(usable):
            if reading.value is None or reading.value >= 92:
                break
            beyond_ns = now_ns - reading.at_ns
        unsafe = bool(usable) and usable[-1].value is not None and usable[-1].value < 92 and beyond_ns >= 5
        assert any(need.from_ns <= now_ns < need.until_ns for need in found) == (age_ns >= 50 or unsafe)
