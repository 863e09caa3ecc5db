"""The watch over the pump's counter, at each of its limits, to the nanolitre and the nanosecond."""

import pytest

from pumpd.core.counter import CounterWatch, Mismatch
from pumpd.core.ports import PumpCounter
from pumpd.core.quantities import NS_PER_H, NS_PER_S

S = NS_PER_S
RATE = 36_000_000
"""10 000 nL in a second."""
PER_S = RATE * S // NS_PER_H


def read(low_nl: int, at_ns: int, count_nl: int = 1_000) -> PumpCounter:
    return PumpCounter(low_nl=low_nl, high_nl=low_nl + count_nl, asked_at_ns=at_ns)


def watch(*reads: PumpCounter, began_ns: int = 0) -> CounterWatch:
    found = CounterWatch.of_run(RATE, began_ns)
    for each in reads:
        found = found.take(each, each.asked_at_ns)
    return found


def followed(seconds: int) -> CounterWatch:
    return watch(*(read(second * PER_S, second * S) for second in range(1, seconds + 1)))


def test_a_counter_that_follows_is_no_mismatch() -> None:
    found = followed(200)
    assert (found.mismatch, found.text) == (None, "")
    assert found.moved_at_ns == 200 * S


@pytest.mark.req("DOSE-08")
@pytest.mark.parametrize(("more_nl", "mismatch"), [(0, None), (1, Mismatch.OVER)])
def test_over_delivery_to_the_nanolitre(more_nl: int, mismatch: Mismatch | None) -> None:
    most_nl = 10 * PER_S * 105 // 100 + 1_000
    found = watch(read(most_nl + more_nl, 10 * S))
    assert found.mismatch is mismatch
    if mismatch:
        assert found.text == "0.106 mL counted in 10 s, commanded at most 0.106 mL"


@pytest.mark.req("DOSE-08")
def test_over_delivery_is_counted_from_the_upper_end_of_the_first_read() -> None:
    first = CounterWatch(rate_nl_h=RATE, reads=(read(0, 0),), moved_at_ns=0)
    most_nl = 10 * PER_S * 105 // 100 + 1_000
    assert first.take(read(1_000 + most_nl, 10 * S), 10 * S).mismatch is None
    assert first.take(read(1_001 + most_nl, 10 * S), 10 * S).mismatch is Mismatch.OVER


@pytest.mark.req("DOSE-08")
def test_what_flows_until_the_answer_is_no_over_delivery() -> None:
    late_ns = 10 * S + S // 10
    most_nl = (10 * PER_S + PER_S // 10) * 105 // 100 + 1_000
    found = CounterWatch.of_run(RATE, 0)
    assert found.take(read(most_nl, 10 * S), late_ns).mismatch is None
    assert found.take(read(most_nl + 1, 10 * S), late_ns).mismatch is Mismatch.OVER


@pytest.mark.req("DOSE-09")
@pytest.mark.parametrize(("at_ns", "mismatch"), [(25 * S - 1, None), (25 * S, Mismatch.STALLED)])
def test_a_stall_to_the_nanosecond(at_ns: int, mismatch: Mismatch | None) -> None:
    moved = watch(*(read(second * PER_S, second * S) for second in range(1, 6)))
    found = moved.take(read(5 * PER_S, at_ns), at_ns)
    assert found.mismatch is mismatch
    assert found.moved_at_ns == 5 * S
    if mismatch:
        assert found.text == "the counter has stood still for 20 s while the pump reports infusing"


@pytest.mark.req("DOSE-09")
@pytest.mark.parametrize(("count_nl", "mismatch"), [(100_000, None), (99_999, Mismatch.STALLED)])
def test_no_stall_before_two_counts_are_due(count_nl: int, mismatch: Mismatch | None) -> None:
    found = watch(read(0, 20 * S, count_nl))
    assert found.mismatch is mismatch


@pytest.mark.req("DOSE-09")
@pytest.mark.parametrize(("less_nl", "mismatch"), [(0, None), (1, Mismatch.UNDER)])
@pytest.mark.parametrize("seconds", [60, 70])
def test_under_delivery_to_the_nanolitre_over_the_window(seconds: int, less_nl: int, mismatch: Mismatch | None) -> None:
    least_nl = seconds * PER_S * 90 // 100 - 2_000
    found = watch(read(1_000, 11 * S), read(least_nl - less_nl, seconds * S))
    assert found.mismatch is mismatch
    if mismatch:
        assert found.text.startswith(f"0.{(least_nl - 1) // 1_000} mL counted in {seconds} s, commanded at least 0.")


@pytest.mark.req("DOSE-09")
def test_under_delivery_is_not_judged_before_the_window_is_over() -> None:
    almost_ns = 60 * S - 1
    found = watch(read(1_000, 30 * S), read(60 * PER_S * 80 // 100, almost_ns))
    assert found.mismatch is None


def test_the_window_keeps_the_last_read_that_is_a_minute_old() -> None:
    found = followed(61)
    assert found.reads[0].asked_at_ns == S
    assert found.reads[-1].asked_at_ns == 61 * S
    assert watch(read(PER_S, S), read(2 * PER_S, 61 * S - 1)).reads[0].asked_at_ns == 0
    gap = watch(read(PER_S, S), read(200 * PER_S, 200 * S))
    assert [each.asked_at_ns for each in gap.reads] == [S, 200 * S]


@pytest.mark.req("DOSE-10")
def test_a_lower_rate_begins_the_watch_anew_with_its_first_read() -> None:
    over = watch(read(100 * PER_S, 10 * S))
    assert over.mismatch is Mismatch.OVER
    lowered = over.lowered(RATE // 2)
    assert (lowered.rate_nl_h, lowered.mismatch, lowered.text, lowered.begins_anew) == (RATE // 2, None, "", True)
    first = read(100 * PER_S, 12 * S)
    begun = lowered.take(first, 12 * S)
    assert begun == CounterWatch(rate_nl_h=RATE // 2, reads=(first,), moved_at_ns=12 * S)
    assert not begun.begins_anew
