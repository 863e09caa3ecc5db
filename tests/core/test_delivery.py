"""The ledger against a true plunger: the interval always contains the truth, and never more than the order."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpd.core.commands import ReceiptState
from pumpd.core.delivery import Ledger, amount_text
from pumpd.core.modes import Mode
from pumpd.core.ports import Outcome, PumpAlarmed, PumpAlarmKind, PumpCounter
from pumpd.core.quantities import NS_PER_H, Concentration
from tests.core.support import MS, S, in_mode, paused, ready, running

ORDER_NL = 17_500_000
RATE = 26_250_000


def begun(now_ns: int = 0) -> Ledger:
    return Ledger(order_nl=ORDER_NL).open_run("r", ORDER_NL, RATE, now_ns).begin_run(ORDER_NL, RATE, now_ns)


def read(low_nl: int, at_ns: int, count_nl: int = 1_000) -> PumpCounter:
    return PumpCounter(low_nl=low_nl, high_nl=low_nl + count_nl, asked_at_ns=at_ns)


@pytest.mark.req("DOSE-11", "DOSE-12")
@given(
    steps=st.lists(
        st.tuples(st.integers(0, 4_000), st.sampled_from(["read", "lost", "pause", "cut", "run", "reset", "restart"])),
        max_size=25,
    ),
    percent=st.integers(90, 104),
)
def test_the_interval_contains_the_truth_whatever_happens(steps: list[tuple[int, str]], percent: int) -> None:
    now = true_nl = counted_nl = run_nl = 0
    true_rate = RATE * percent // 100
    ledger = begun(now)
    moving, cap_nl, low_before, number = True, ORDER_NL, 0, 1

    def flow(until_ns: int) -> int:
        return min(true_rate * (until_ns - now) // (3_600 * S), cap_nl - run_nl) if moving else 0

    for after_ms, what in steps:
        later = now + after_ms * MS
        given_nl = flow(later)
        true_nl, counted_nl, run_nl, now = true_nl + given_nl, counted_nl + given_nl, run_nl + given_nl, later
        match what:
            case "read":
                count_nl = 1_000 if counted_nl < 10_000_000 else 10_000
                ledger = ledger.with_counter(
                    read(counted_nl // count_nl * count_nl, now, count_nl), moving=moving, now_ns=now
                )
            case "pause":
                moving = False
            case "cut":
                ledger = ledger.link_lost(now + 5 * S)
                true_nl += (more := min(flow(now + 5 * S), cap_nl - run_nl))
                counted_nl, run_nl, now, moving = counted_nl + more, run_nl + more, now + 5 * S, False
            case "reset":
                counted_nl, moving = 0, False
                ledger = ledger.counter_reset()
            case "restart":
                ledger, moving = ledger.after_restart(), False
            case "run" if not moving and ledger.remaining(now) > 0:
                number += 1
                cap_nl = ledger.remaining(now)
                ledger = ledger.open_run(f"r{number}", cap_nl, RATE, now).begin_run(cap_nl, RATE, now)
                counted_nl = run_nl = 0
                moving = True
            case _:
                pass
        assert ledger.low() <= true_nl <= ledger.high(now), what
        assert ledger.high(now) <= ORDER_NL
        assert ledger.low() >= low_before, "the low bound never falls"
        low_before = ledger.low()


@pytest.mark.req("DOSE-04")
def test_more_than_the_order_is_never_authorised() -> None:
    ledger = begun().with_counter(read(5_000_000, S), moving=False, now_ns=S)
    left = ledger.remaining(S)
    assert left == ORDER_NL - 5_001_000
    with pytest.raises(ValueError, match="passes"):
        ledger.open_run("r2", left + 1, RATE, S)
    assert ledger.open_run("r2", left, RATE, S).high(S) == 5_001_000


@pytest.mark.req("DOSE-11")
def test_a_high_bound_rises_with_time_and_falls_to_a_read_back_alone() -> None:
    ledger = begun()
    assert ledger.high(S) > 0
    assert ledger.low() == 0
    seen = ledger.with_counter(read(7_000, S), moving=False, now_ns=S)
    assert (seen.low(), seen.high(100 * S)) == (7_000, 8_000)


@pytest.mark.req("DOSE-11")
@given(
    lost_ms=st.integers(0, 4_000),
    polls_ms=st.lists(st.integers(500, 1_100), min_size=3, max_size=8),
    late=st.integers(0, 300),
)
def test_a_counter_that_falls_in_a_young_run_is_seen_or_leaves_a_doubt(
    lost_ms: int, polls_ms: list[int], late: int
) -> None:
    ledger = begun()
    now_ms, lost = 0, False
    for poll_ms in polls_ms:
        now_ms += poll_ms
        true_nl = RATE * max(now_ms - late, 0) // 3_600_000
        lost_nl = RATE * max(lost_ms - late, 0) // 3_600_000 if now_ms >= lost_ms else 0
        counted_nl = (true_nl - lost_nl) // 1_000 * 1_000
        ledger = ledger.with_counter(read(counted_nl, now_ms * MS), moving=True, now_ns=now_ms * MS)
        run = ledger.run
        assert run is not None
        lost = lost or run.counter_lost
        # a loss before the first read, or of less than half a poll and two counts, stays unseen
        blind_ms = polls_ms[0] if lost_ms <= polls_ms[0] else 550
        blind_nl = 0 if lost or run.doubt_nl else RATE * blind_ms // 3_600_000 + 2_000
        assert ledger.low() <= true_nl <= ledger.high(now_ms * MS) + blind_nl


def test_a_counter_that_repeats_its_number_in_a_young_run_proves_no_upper_bound() -> None:
    ledger = begun().with_counter(read(3_000, 500 * MS), moving=True, now_ns=500 * MS)
    assert ledger.high(500 * MS) == 4_000
    again = ledger.with_counter(read(3_000, 1_200 * MS), moving=True, now_ns=1_200 * MS)
    assert again.high(1_200 * MS) == ledger.high(1_200 * MS) + 1_000
    later = again.with_counter(read(10_000, 2_200 * MS), moving=True, now_ns=2_200 * MS)
    assert later.high(2_200 * MS) == 11_000 + ledger.high(1_200 * MS) - 3_000
    assert later.low() == 10_000
    grown = begun().with_counter(read(3_000, 500 * MS), moving=True, now_ns=500 * MS)
    grown = grown.with_counter(read(8_000, 1_200 * MS), moving=True, now_ns=1_200 * MS)
    assert grown.high(1_200 * MS) == 9_000


@pytest.mark.parametrize(("flowed_nl", "doubtful"), [(2_000, False), (2_001, True)])
def test_less_than_half_of_what_should_have_flowed_proves_no_upper_bound(flowed_nl: int, *, doubtful: bool) -> None:
    ledger = begun().with_counter(read(2_000, 500 * MS), moving=True, now_ns=500 * MS)
    now_ns = 500 * MS - (-flowed_nl * NS_PER_H // RATE)
    again = ledger.with_counter(read(2_000, now_ns), moving=True, now_ns=now_ns)
    assert (again.high(now_ns) > 3_000) is doubtful


def test_a_doubt_widens_the_bound_of_the_end_stop_too() -> None:
    ledger = Ledger(order_nl=ORDER_NL).open_run("r", 5_000, RATE, 0).begin_run(5_000, RATE, 0)
    ledger = ledger.with_counter(read(2_000, 500 * MS), moving=True, now_ns=500 * MS)
    doubted = ledger.with_counter(read(2_000, 1_200 * MS), moving=True, now_ns=1_200 * MS)
    assert doubted.high(1_200 * MS) == 6_000, "what was counted before, up to the end-stop, and what is counted now"
    assert doubted.run is not None
    assert doubted.run.doubt_nl == 3_000
    assert doubted.high(60 * S) == 8_000, "however long it moves: end-stop, and what was counted before it"


def test_people_see_a_high_bound_rounded_up() -> None:
    strength = Concentration(ng_per_nl=Fraction(1_000))
    assert amount_text(strength, 4_999_999, 5_000_001) == "4.999 to 5.001 mL (4999.999 to 5001 mg)"
    assert amount_text(strength, 5_000_000, 5_000_000) == "5 mL (5000 mg)"


def test_a_number_below_the_last_one_is_a_lost_counter() -> None:
    ledger = begun().with_counter(read(3_000, 500 * MS), moving=True, now_ns=500 * MS)
    fallen = ledger.with_counter(read(2_000, 1_200 * MS), moving=True, now_ns=1_200 * MS)
    assert fallen.run is not None
    assert fallen.run.counter_lost
    assert fallen.high(1_200 * MS) == ledger.high(1_200 * MS)


def test_a_young_run_that_the_pumps_lease_ended_leaves_no_doubt() -> None:
    ledger = begun().with_counter(read(3_000, 500 * MS), moving=True, now_ns=500 * MS).link_lost(5_500 * MS)
    back = ledger.with_counter(read(36_000, 30 * S), moving=False, now_ns=30 * S)
    assert back.high(30 * S) == 37_000


REACHED_NS = 110_000 * NS_PER_H // (RATE * 105 // 100)
"""So soon 110 uL can have been counted from zero, at 5 % more than the rate."""


@pytest.mark.parametrize(("back_ns", "doubtful"), [(12_229 * MS, False), (REACHED_NS - MS, False), (REACHED_NS, True)])
def test_a_number_that_could_not_be_reached_from_zero_leaves_no_doubt(back_ns: int, *, doubtful: bool) -> None:
    last = begun().with_counter(read(73_000, 10 * S), moving=True, now_ns=10 * S).link_lost(15_500 * MS).link_back()
    read_ns = 10 * S + back_ns
    back = last.with_counter(read(110_000, read_ns), moving=False, now_ns=read_ns)
    assert (back.high(read_ns) > 111_000) is doubtful


def test_an_answer_that_came_late_leaves_no_doubt() -> None:
    ledger = begun().with_counter(read(6_000, 500 * MS), moving=True, now_ns=1_000 * MS)
    soon_after = ledger.with_counter(read(7_000, 1_100 * MS), moving=True, now_ns=1_100 * MS)
    assert soon_after.high(1_100 * MS) == 8_000


def test_an_old_run_that_stands_still_leaves_no_doubt() -> None:
    ledger = begun().with_counter(read(500_000, 70 * S), moving=True, now_ns=70 * S)
    still = ledger.with_counter(read(500_000, 71 * S), moving=True, now_ns=71 * S)
    assert still.high(71 * S) == 501_000


def test_a_pump_that_passed_its_end_stop_is_not_bounded_by_it() -> None:
    ledger = begun().with_counter(read(ORDER_NL + 20_000, S, 10_000), moving=True, now_ns=S)
    assert ledger.low() == ORDER_NL + 20_000
    assert ledger.high(S) == ORDER_NL + 30_000
    assert ledger.high(11 * S) > ORDER_NL + 30_000


@pytest.mark.req("DOSE-11")
def test_without_contact_the_lease_bounds_what_may_have_flowed() -> None:
    ledger = begun().link_lost(5 * S)
    assert ledger.high(5 * S) == ledger.high(1_000 * S)


@pytest.mark.parametrize(
    ("low_nl", "complete"), [(ORDER_NL - 10_001, False), (ORDER_NL - 10_000, True), (ORDER_NL, True)]
)
def test_complete_is_within_one_count_per_run(low_nl: int, complete: bool) -> None:
    assert begun().with_counter(read(low_nl, S, 10_000), moving=False, now_ns=S).is_complete() is complete


def test_nothing_is_complete_before_a_run() -> None:
    assert not Ledger(order_nl=0).is_complete()
    assert not Ledger(order_nl=ORDER_NL).open_run("r", ORDER_NL, RATE, 0).is_complete()


@pytest.mark.req("DOSE-04", "LOG-02")
def test_a_run_that_was_authorised_before_a_crash_is_bounded_by_the_first_read() -> None:
    earlier = begun().with_counter(read(5_000_000, S), moving=False, now_ns=S)
    recovered = earlier.open_run("r2", earlier.remaining(S), RATE, S).after_restart()
    assert recovered.high(2 * S) == ORDER_NL
    # the counter is that of the first run, or that of the second: either way the second gave no more than it shows
    seen = recovered.with_counter(read(60_000, 3 * S), moving=False, now_ns=3 * S)
    assert (seen.low(), seen.high(4 * S)) == (5_000_000, 5_001_000 + 61_000)


# ---- in the world ---------------------------------------------------------------------------------------------------


@pytest.mark.req("DOSE-11")
@given(data=st.data())
def test_replies_lost_and_late_never_put_the_truth_outside(data: st.DataObject) -> None:
    world = ready()
    losses = iter(data.draw(st.lists(st.booleans(), min_size=60, max_size=60)))
    world.lose = lambda: next(losses, False)
    world.start()
    for _ in range(20):
        world.advance(0.5)
        world.check()
    world.lose = lambda: False
    world.stop()
    world.advance(20)
    assert world.mode is Mode.ENDED


@pytest.mark.req("DOSE-11", "COMM-02")
def test_a_cut_link_leaves_an_interval_that_the_read_back_closes() -> None:
    world = running(60)
    world.cut()
    assert world.mode is Mode.UNKNOWN
    for _ in range(20):
        world.advance(0.5)
        world.check()
    width = world.core.state.ledger.high(world.now_ns) - world.core.state.ledger.low()
    assert width > 30_000
    world.connect()
    world.advance(5)
    assert world.mode is Mode.PAUSED
    assert world.core.state.ledger.high(world.now_ns) - world.core.state.ledger.low() == 1_000


def test_a_link_cut_before_run_was_answered_is_a_run_that_may_have_begun() -> None:
    world = ready()
    world.run_outcome = Outcome.UNKNOWN
    world.start()
    world.advance(0.6)
    assert world.runs_sent
    world.cut()
    world.advance(10)
    assert world.mode is Mode.UNKNOWN
    world.check()
    assert world.pump.given_nl > 0
    world.connect()
    world.advance(5)
    assert world.mode is Mode.PAUSED
    assert world.last_answer("start").state is ReceiptState.VERIFIED


@pytest.mark.req("PUMP-05", "DOSE-11")
def test_a_power_cycle_at_the_first_second_does_not_hide_what_was_given() -> None:
    world = ready()
    world.start()
    world.advance(0.8)
    given_nl = world.pump.given_nl
    assert given_nl > 1_000
    world.pump.stop(world.now_ns)
    world.pump.counted_nl = 0
    world.tell(PumpAlarmed(kind=PumpAlarmKind.RESET, text="A?R"))
    world.advance(5)
    assert world.mode is Mode.PAUSED
    world.check()
    assert world.core.state.ledger.high(world.now_ns) >= given_nl


def test_a_stale_report_of_rest_does_not_freeze_the_high_bound_of_a_new_run() -> None:
    world = ready()
    world.start()
    world.advance(0.6)
    assert world.runs_sent
    world.tell(PumpCounter(low_nl=0, high_nl=1_000, asked_at_ns=world.now_ns))
    world.advance(0.3)
    world.check()


@pytest.mark.req("DOSE-08")
def test_a_counter_that_rises_at_rest_halts_and_alarms() -> None:
    world = paused()
    before = world.core.state.pump.counter
    assert before is not None
    world.pump.given_nl += 5_000
    world.pump.counted_nl += 5_000
    low, high = world.pump.counter()
    world.tell(PumpCounter(low_nl=low, high_nl=high, asked_at_ns=world.now_ns))
    assert "flow-at-rest" in world.alarm_ids()
    assert world.mode is Mode.STOPPING
    world.advance(5)
    assert world.mode is Mode.PAUSED


@pytest.mark.req("DOSE-05")
def test_a_whole_infusion_is_completed_within_one_count() -> None:
    world = in_mode(Mode.COMPLETED)
    assert ORDER_NL - 10_000 <= world.pump.given_nl <= ORDER_NL
    assert not any(alarm.id == "pump-stopped" for alarm in world.core.state.alarms.listed)


@pytest.mark.req("DOSE-11", "PUMP-06")
def test_a_pump_started_again_at_its_end_stop_is_not_bounded_by_it() -> None:
    ledger = Ledger(order_nl=1_000_000).open_run("r", 1_000_000, 3_600_000, 0).begin_run(1_000_000, 3_600_000, 0)
    ledger = ledger.with_counter(
        PumpCounter(low_nl=1_000_000, high_nl=1_010_000, asked_at_ns=S), moving=False, now_ns=S
    )
    assert ledger.high(100 * S) == 1_000_000
    ledger = ledger.moves_unasked(100 * S)
    assert ledger.high(101 * S) >= 1_001_000
    later = PumpCounter(low_nl=1_000_000, high_nl=1_010_000, asked_at_ns=101 * S)
    assert ledger.with_counter(later, moving=False, now_ns=101 * S).high(200 * S) == 1_010_000
