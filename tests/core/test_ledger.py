"""The ledger rule by rule, to the nanolitre: what each event does to the interval, and what it leaves alone."""

from dataclasses import replace

import pytest

from pumpd.core.delivery import LEAST_RUN_NL, Ledger, Run
from pumpd.core.ports import PumpCounter
from tests.core.support import S

ORDER_NL, VOLUME_NL = 1_000_000, 600_000
RATE = 36_000_000
MOST_PER_S_NL = 10_500
"""10 000 nL in a second, and the 5 % by which a pump may be faster before that is called over-delivery."""
RUN = Run(run_id="r", volume_nl=VOLUME_NL, rate_nl_h=RATE)
MOVING = replace(RUN, begun=True, low_nl=100_000, high_nl=101_000, resolution_nl=1_000, moving_since_ns=10 * S)
RESTING = replace(MOVING, moving_since_ns=None)
BEFORE = {"closed_low_nl": 200_000, "closed_high_nl": 202_000, "closed_counts_nl": 1_000}


def ledger(run: Run | None) -> Ledger:
    return Ledger(order_nl=ORDER_NL, run=run, **BEFORE)


def read(low_nl: int, at_ns: int, count_nl: int = 1_000) -> PumpCounter:
    return PumpCounter(low_nl=low_nl, high_nl=low_nl + count_nl, asked_at_ns=at_ns)


def run_of(found: Ledger) -> Run:
    assert found.run is not None
    return found.run


def test_the_least_run_is_one_count_of_a_four_digit_pump() -> None:
    assert LEAST_RUN_NL == 10_000


# ---- the high bound of a run ----------------------------------------------------------------------------------------


@pytest.mark.req("DOSE-11")
@pytest.mark.parametrize(
    ("run", "at_s", "high_nl"),
    [
        (RESTING, 99, 101_000),
        (MOVING, 10, 101_000),
        (MOVING, 9, 101_000),
        (MOVING, 12, 101_000 + 2 * MOST_PER_S_NL),
        (MOVING, 1_000, VOLUME_NL),
        (replace(MOVING, flows_until_ns=13 * S), 12, 101_000 + 2 * MOST_PER_S_NL),
        (replace(MOVING, flows_until_ns=13 * S), 99, 101_000 + 3 * MOST_PER_S_NL),
        # what was counted beyond the end-stop stays, and beyond it a pump is bounded by time alone
        (replace(MOVING, low_nl=VOLUME_NL, high_nl=VOLUME_NL + 1_000), 99, VOLUME_NL + 1_000),
        (replace(MOVING, low_nl=VOLUME_NL + 1, high_nl=VOLUME_NL + 1_000), 11, VOLUME_NL + 1_000 + MOST_PER_S_NL),
        (replace(MOVING, high_nl=VOLUME_NL, started_anew=True), 11, VOLUME_NL + MOST_PER_S_NL),
        # time unknown: the end-stop, and once more where it began anew
        (replace(MOVING, unbounded=True), 10, VOLUME_NL),
        (replace(RESTING, unbounded=True, high_nl=VOLUME_NL + 1), 10, VOLUME_NL + 1),
        (replace(MOVING, unbounded=True, started_anew=True), 10, 2 * VOLUME_NL),
    ],
)
def test_the_high_bound_of_a_run(run: Run, at_s: int, high_nl: int) -> None:
    assert run.high_at(at_s * S) == high_nl


# ---- the sums over all runs -----------------------------------------------------------------------------------------


@pytest.mark.req("DOSE-11")
def test_the_sums_hold_the_closed_runs_and_the_present_one() -> None:
    found = ledger(MOVING)
    assert (found.low(), found.high(11 * S), found.counts()) == (300_000, 303_000 + MOST_PER_S_NL, 2_000)
    assert found.remaining(11 * S) == ORDER_NL - found.high(11 * S)
    none = ledger(None)
    assert (none.low(), none.high(11 * S), none.counts()) == (200_000, 202_000, 1_000)


def test_no_less_than_nothing_remains() -> None:
    assert Ledger(order_nl=10, closed_high_nl=9).remaining(0) == 1
    assert Ledger(order_nl=10, closed_high_nl=10).remaining(0) == 0
    assert Ledger(order_nl=10, closed_high_nl=12).remaining(0) == 0


@pytest.mark.req("DOSE-11")
def test_closing_a_run_changes_no_sum() -> None:
    found = ledger(MOVING).closed(12 * S)
    high_nl = 303_000 + 2 * MOST_PER_S_NL
    assert found == Ledger(order_nl=ORDER_NL, closed_low_nl=300_000, closed_high_nl=high_nl, closed_counts_nl=2_000)
    assert found.closed(99 * S) is found


@pytest.mark.req("DOSE-04")
def test_a_run_is_authorised_on_top_of_all_that_was_given_and_begins_with_nothing() -> None:
    found = ledger(RESTING).open_run("r2", ORDER_NL - 303_000, 5, 20 * S)
    authorised = Run(
        run_id="r2",
        volume_nl=ORDER_NL - 303_000,
        rate_nl_h=5,
        begun=False,
        low_nl=0,
        high_nl=0,
        resolution_nl=0,
        moving_since_ns=None,
        flows_until_ns=None,
        unbounded=False,
        counter_lost=False,
        started_anew=False,
    )
    assert found == replace(ledger(RESTING).closed(0), run=authorised)
    fresh = Ledger(order_nl=9)
    assert fresh == Ledger(order_nl=9, closed_low_nl=0, closed_high_nl=0, closed_counts_nl=0, run=None)
    begun = found.begin_run(7, 4, 30 * S)
    assert begun == replace(found, run=Run(run_id="r2", volume_nl=7, rate_nl_h=4, begun=True, moving_since_ns=30 * S))


def test_the_smallest_order_is_complete_when_it_was_given() -> None:
    assert Ledger(order_nl=1, closed_low_nl=1).is_complete()


# ---- a read of the counter ------------------------------------------------------------------------------------------


@pytest.mark.req("DOSE-11")
@pytest.mark.parametrize("moving", [True, False])
def test_a_read_of_a_run_is_the_interval_from_then_on(moving: bool) -> None:
    lost = replace(MOVING, flows_until_ns=13 * S, unbounded=True)
    found = ledger(lost).with_counter(read(140_000, 14 * S, 2_000), moving=moving, now_ns=15 * S)
    assert found == ledger(
        replace(
            MOVING,
            low_nl=140_000,
            high_nl=142_000,
            resolution_nl=2_000,
            moving_since_ns=14 * S if moving else None,
            read_at_ns=15 * S,
        )
    )


@pytest.mark.req("DOSE-11")
@pytest.mark.parametrize(
    ("run", "low_nl", "interval"),
    [
        (MOVING, 100_000, (100_000, 101_000)),
        (MOVING, VOLUME_NL - 500, (VOLUME_NL - 500, VOLUME_NL)),  # the end-stop lies within the count
        (MOVING, VOLUME_NL, (VOLUME_NL, VOLUME_NL)),
        (MOVING, VOLUME_NL + 1, (VOLUME_NL + 1, VOLUME_NL + 1_001)),
        (replace(MOVING, started_anew=True), VOLUME_NL, (VOLUME_NL, VOLUME_NL + 1_000)),
    ],
)
def test_a_read_at_the_ends_of_what_a_run_can_have_given(run: Run, low_nl: int, interval: tuple[int, int]) -> None:
    found = run_of(ledger(run).with_counter(read(low_nl, 14 * S), moving=False, now_ns=14 * S))
    assert (found.low_nl, found.high_nl, found.counter_lost) == (*interval, False)


@pytest.mark.req("DOSE-11", "DOSE-12")
@pytest.mark.parametrize("moving", [True, False])
@pytest.mark.parametrize("fell_to_nl", [0, 98_999, 99_999])
def test_a_counter_that_fell_below_what_it_had_proven_proves_nothing_any_more(moving: bool, fell_to_nl: int) -> None:
    since_ns = 12 * S if moving else None
    high_nl = 101_000 + 2 * MOST_PER_S_NL
    found = ledger(MOVING).with_counter(read(fell_to_nl, 11 * S), moving=moving, now_ns=12 * S)
    lost = replace(MOVING, counter_lost=True, high_nl=high_nl, moving_since_ns=since_ns)
    assert found == ledger(lost)
    again = found.with_counter(read(150_000, 13 * S), moving=False, now_ns=12 * S)
    assert again == ledger(replace(lost, moving_since_ns=None)), "a read that fits proves nothing either"


@pytest.mark.req("DOSE-11")
def test_a_lost_counter_leaves_the_end_stop_as_the_bound_of_an_unknown_time() -> None:
    lost = replace(RESTING, counter_lost=True, unbounded=True)
    found = run_of(ledger(lost).with_counter(read(150_000, 13 * S), moving=False, now_ns=13 * S))
    assert (found.high_nl, found.unbounded) == (VOLUME_NL, False)


@pytest.mark.req("DOSE-04", "DOSE-11", "LOG-02")
@pytest.mark.parametrize(
    ("unbounded", "moving", "low_nl", "high_nl"),
    [
        (True, False, 50_000, 51_000),
        (True, False, VOLUME_NL, VOLUME_NL),
        (True, True, 50_000, VOLUME_NL),
        (False, False, 50_000, 0),
        (False, True, 50_000, 0),
    ],
)
def test_a_run_that_was_only_authorised_is_bounded_by_a_counter_at_rest(
    unbounded: bool, moving: bool, low_nl: int, high_nl: int
) -> None:
    run = replace(RUN, unbounded=unbounded)
    found = run_of(ledger(run).with_counter(read(low_nl, 14 * S), moving=moving, now_ns=14 * S))
    assert (found.low_nl, found.high_at(99 * S)) == (0, high_nl)


def test_a_counter_that_was_lost_before_the_run_began_proves_nothing_of_it() -> None:
    run = replace(RUN, counter_lost=True)
    found = run_of(ledger(run).with_counter(read(50_000, 14 * S), moving=False, now_ns=14 * S))
    assert (found.low_nl, found.high_nl, found.counter_lost) == (0, 0, True)


def test_without_a_run_a_read_says_nothing() -> None:
    found = ledger(None)
    assert found.with_counter(read(5, S), moving=True, now_ns=S) is found


@pytest.mark.req("DOSE-12")
@pytest.mark.parametrize(
    ("run", "excess_nl"),
    [
        (RESTING, 49_000),
        (MOVING, 49_000 - MOST_PER_S_NL),
        (replace(RESTING, high_nl=150_000), 0),
        (replace(RESTING, high_nl=150_001), 0),
        (replace(RESTING, high_nl=149_999), 1),
        (replace(RESTING, begun=False), 0),
        (replace(RESTING, counter_lost=True), 0),
        (None, 0),
    ],
)
def test_what_a_read_lies_above_the_record(run: Run | None, excess_nl: int) -> None:
    assert ledger(run).excess_nl(read(150_000, 11 * S), 11 * S) == excess_nl


# ---- what else happens ----------------------------------------------------------------------------------------------


@pytest.mark.req("PUMP-05", "DOSE-11")
def test_a_pump_that_lost_power_has_lost_its_counter() -> None:
    assert ledger(MOVING).counter_reset() == ledger(replace(MOVING, counter_lost=True))
    assert ledger(None).counter_reset() == ledger(None)


@pytest.mark.req("DOSE-11", "PUMP-06")
def test_a_pump_that_moves_unasked_has_moved_since_it_was_last_seen_at_rest() -> None:
    anew = replace(RESTING, moving_since_ns=7 * S, started_anew=True)
    assert ledger(RESTING).moves_unasked(7 * S) == ledger(anew)
    for run in (None, RUN, MOVING):
        assert ledger(run).moves_unasked(7 * S) == ledger(run)


@pytest.mark.req("DOSE-11", "PUMP-06")
@pytest.mark.parametrize("run", [None, RUN])
def test_flow_that_no_run_counts_is_added(run: Run | None) -> None:
    found = ledger(run).flowed_outside_runs(3_000, 5_000)
    assert (found.closed_low_nl, found.closed_high_nl, found.run) == (203_000, 207_000, run)


def test_flow_that_a_begun_run_counts_is_not_added_again() -> None:
    assert ledger(RESTING).flowed_outside_runs(3_000, 5_000) == ledger(RESTING)


@pytest.mark.req("DOSE-10", "DOSE-11")
def test_a_lower_rate_bounds_what_flows_from_then_on() -> None:
    found = ledger(MOVING).lowered(RATE // 2, 12 * S)
    high_nl = 101_000 + 2 * MOST_PER_S_NL
    assert found == ledger(replace(MOVING, high_nl=high_nl, moving_since_ns=12 * S, rate_nl_h=RATE // 2))
    for run in (None, RESTING):
        assert ledger(run).lowered(RATE // 2, 12 * S) == ledger(run)


def test_a_run_that_never_began_is_forgotten() -> None:
    assert ledger(RUN).not_started() == ledger(None)
    assert ledger(None).not_started() == ledger(None)


@pytest.mark.req("COMM-02", "DOSE-11")
def test_a_lost_link_bounds_a_moving_run_by_its_lease() -> None:
    assert ledger(MOVING).link_lost(15 * S) == ledger(replace(MOVING, flows_until_ns=15 * S))
    for run in (None, RESTING):
        assert ledger(run).link_lost(15 * S) == ledger(run)


@pytest.mark.req("LOG-02", "DOSE-11")
def test_after_a_restart_only_the_end_stop_bounds_a_run_that_may_have_moved() -> None:
    for run in (MOVING, RUN, replace(RUN, moving_since_ns=10 * S)):
        assert ledger(run).after_restart() == ledger(replace(run, unbounded=True))
    for rested in (None, RESTING):
        assert ledger(rested).after_restart() == ledger(rested)
