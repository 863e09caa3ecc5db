"""The rolling ten minutes, the pump's totals against the record, and the alarm before the end."""

from dataclasses import replace
from decimal import Decimal

import pytest

from pumpd.core.bounds import Measure
from pumpd.core.modes import Mode
from pumpd.core.ports import PumpCounter
from pumpd.core.quantities import NS_PER_MIN
from pumpd.core.rolling import RollingDose
from tests.core.support import S, profile, running


@pytest.mark.req("DOSE-07")
def test_ten_minutes_hold_what_the_hard_rate_gives_and_the_worst_extra() -> None:
    order = running().core.state.order
    assert order is not None
    watch = RollingDose.of_order(order, profile().drug, low_nl=0, now_ns=0)
    ten_minutes_nl = 70 * 1_000_000 // 6 // 2  # 1.0 mg/kg/h at 70 kg, in 2 mg/mL
    assert watch.most_nl == ten_minutes_nl + order.worst_extra_nl


@pytest.mark.req("DOSE-07")
def test_the_window_is_the_last_ten_minutes() -> None:
    watch = RollingDose(most_nl=1, times_ns=(0,), lows_nl=(0,))
    for minute in range(1, 31):
        watch = watch.take(minute * 1_000, minute * NS_PER_MIN)
    assert watch.given_nl(30_000, 30 * NS_PER_MIN) == 10_000
    assert watch.given_nl(31_000, 30 * NS_PER_MIN) == 11_000
    assert watch.given_nl(31_000, 31 * NS_PER_MIN - 1) == 11_000
    assert watch.given_nl(31_000, 31 * NS_PER_MIN) == 10_000
    assert watch.times_ns == tuple(minute * NS_PER_MIN for minute in range(20, 31)), "no more is kept than is needed"


@pytest.mark.req("DOSE-07")
def test_before_ten_minutes_have_passed_everything_counts() -> None:
    watch = RollingDose(most_nl=1, times_ns=(0,), lows_nl=(0,)).take(1_000, NS_PER_MIN)
    assert watch.given_nl(2_000, 2 * NS_PER_MIN) == 2_000


@pytest.mark.req("DOSE-07")
def test_a_read_that_proves_no_more_changes_nothing() -> None:
    watch = RollingDose(most_nl=1, times_ns=(0,), lows_nl=(0,)).take(5_000, NS_PER_MIN)
    for low_nl in (5_000, 3_000, 0):
        assert watch.take(low_nl, 2 * NS_PER_MIN) is watch


@pytest.mark.req("DOSE-07")
def test_the_rolling_limit_is_the_hard_rate_of_the_drug() -> None:
    order = running().core.state.order
    assert order is not None
    drug = profile().drug
    slower = replace(
        drug,
        limits=tuple(
            replace(limit, hard=(limit.hard[0], Decimal("0.6"))) if limit.measure is Measure.DOSE_RATE else limit
            for limit in drug.limits
        ),
    )
    watch = RollingDose.of_order(order, slower, low_nl=7, now_ns=9)
    assert watch.most_nl == 70 * 600_000 // 6 // 2 + order.worst_extra_nl
    assert (watch.times_ns, watch.lows_nl) == ((9,), (7,))


@pytest.mark.req("DOSE-07")
@pytest.mark.parametrize("beyond", [0, 1])
def test_more_than_the_rolling_limit_pauses(beyond: int) -> None:
    world = running(60)
    rolling = world.core.state.rolling
    assert rolling is not None
    given_nl = rolling.given_nl(world.core.state.ledger.high(world.now_ns), world.now_ns)
    world.core.state.rolling = replace(rolling, most_nl=given_nl - beyond)
    world.tell(PumpCounter(low_nl=0, high_nl=1_000, asked_at_ns=0))  # an answer to an old question changes nothing
    assert ("rolling-dose" in world.alarm_ids()) == bool(beyond)
    assert (world.mode is Mode.RUNNING) != bool(beyond)


@pytest.mark.req("DOSE-12")
@pytest.mark.parametrize(("excess_nl", "pauses"), [(50_000, False), (50_001, True)])
def test_totals_above_the_record_pause(excess_nl: int, pauses: bool) -> None:
    world = running(60)
    world.core.state.watch = None  # the counter's own window would pause too
    run = world.core.state.ledger.run
    assert run is not None
    low_nl = world.pump.given_nl = world.pump.run_nl = run.high_at(world.now_ns) + excess_nl
    world.tell(PumpCounter(low_nl=low_nl, high_nl=low_nl + 1_000, asked_at_ns=world.now_ns))
    assert ("totals-differ" in world.alarm_ids()) == pauses
    assert (world.mode is Mode.RUNNING) != pauses


@pytest.mark.req("DOSE-12", "PUMP-05")
def test_totals_that_fell_pause_and_the_record_does_not_fall() -> None:
    world = running(60)
    before_nl = world.core.state.ledger.low()
    world.pump.counted_nl = 0
    world.advance(1.5)
    assert "counter-lost" in world.alarm_ids()
    world.advance(5)
    assert world.mode is Mode.PAUSED
    assert world.core.state.ledger.low() == before_nl > 0


@pytest.mark.req("PUMP-02")
def test_three_minutes_before_the_end_people_are_told() -> None:
    world = running(5)
    started_ns = world.core.state.running_since_ns
    assert started_ns is not None
    while world.now_ns - started_ns < 2_190 * S:
        world.assess()
        world.advance(min(300, (started_ns + 2_190 * S - world.now_ns) / S))
    assert "near-end" not in world.alarm_ids()
    world.advance(31)
    assert "near-end" in world.alarm_ids()
    assert world.mode is Mode.RUNNING
