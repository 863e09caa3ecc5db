"""The flat-line rule: identical numbers for a minute without a pulse wave."""

import pytest

from drivers.nonin.flatline import FROZEN_AFTER_NS, FlatLine

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS


def observe(line: FlatLine, now_ns: int, *, pulse: int = 72, low: int = 100, high: int = 100) -> bool:
    return line.observe(numbers=(pulse, 97), pleth_low=low, pleth_high=high, now_ns=now_ns)


@pytest.mark.req("VIT-06")
@pytest.mark.parametrize(("after_ns", "frozen"), [(-1, False), (0, True), (1, True)])
def test_it_takes_a_minute(after_ns: int, frozen: bool) -> None:
    assert FROZEN_AFTER_NS == MINUTE_NS
    line = FlatLine()
    assert not observe(line, SECOND_NS)
    assert observe(line, SECOND_NS + MINUTE_NS + after_ns) is frozen


@pytest.mark.parametrize(("high", "frozen"), [(101, True), (102, False)])
def test_one_count_is_no_pulse_and_two_are(high: int, frozen: bool) -> None:
    line = FlatLine()
    observe(line, 0)
    observe(line, 30 * SECOND_NS, high=high)
    assert observe(line, MINUTE_NS) is frozen


def test_a_slow_pulse_is_seen_across_packets() -> None:
    line = FlatLine()
    observe(line, 0, low=100, high=100)
    observe(line, 30 * SECOND_NS, low=101, high=101)
    observe(line, 40 * SECOND_NS, low=99, high=99)
    assert not observe(line, MINUTE_NS, low=99, high=99)
    assert not observe(line, 100 * SECOND_NS - 1, low=99, high=99)
    assert observe(line, 100 * SECOND_NS, low=99, high=99)


def test_changing_numbers_begin_the_minute_anew() -> None:
    line = FlatLine()
    observe(line, 0)
    observe(line, 30 * SECOND_NS, pulse=73)
    assert not observe(line, MINUTE_NS, pulse=73)
    assert observe(line, 90 * SECOND_NS, pulse=73)


def test_only_the_pulse_wave_ends_it() -> None:
    line = FlatLine()
    observe(line, 0)
    assert observe(line, MINUTE_NS)
    assert observe(line, MINUTE_NS + 1, pulse=80)
    assert not observe(line, MINUTE_NS + 2, pulse=80, low=90)
