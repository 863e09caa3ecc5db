"""Bounds in time and volume that the core keeps, each tested at its edge: baseline, repeat of the cuff, slow flow."""

import pytest

from pumpd.core.alarms import Priority
from pumpd.core.effects import MeasureNibp
from pumpd.core.modes import Mode
from pumpd.core.ports import NibpFailed, NibpReading
from pumpd.core.quantities import NS_PER_MS
from pumpd.core.vitals import Vitals
from tests.core.support import S, World, nibp, profile, running

MIN = 60 * S
SPACING_NS, MAX_AGE_NS = 30 * S, 15 * MIN


def readings(*times_ns: int) -> Vitals:
    vitals = Vitals()
    for at_ns in times_ns:
        vitals = vitals.with_reading(nibp(at_ns, 120, 80))
    return vitals


@pytest.mark.req("START-04")
@pytest.mark.parametrize(("apart_ns", "counts"), [(SPACING_NS - NS_PER_MS, False), (SPACING_NS, True)])
def test_two_readings_nearer_than_the_spacing_are_no_baseline(apart_ns: int, counts: bool) -> None:
    found = readings(MIN, MIN + apart_ns).baseline(SPACING_NS, MAX_AGE_NS, 2 * MIN)
    assert (found is not None) == counts


@pytest.mark.req("START-04")
@pytest.mark.parametrize(("age_ns", "counts"), [(MAX_AGE_NS, True), (MAX_AGE_NS + NS_PER_MS, False)])
def test_a_reading_older_than_fifteen_minutes_is_no_baseline(age_ns: int, counts: bool) -> None:
    found = readings(MIN, 3 * MIN).baseline(SPACING_NS, MAX_AGE_NS, MIN + age_ns)
    assert (found is not None) == counts


@pytest.mark.req("START-04")
def test_the_default_profile_asks_for_five_minutes_between_readings() -> None:
    assert profile("ketamine-40min").baseline_spacing_ns == 5 * MIN
    assert profile("ketamine-40min").baseline_max_age_ns == MAX_AGE_NS


def measured(world: World, since_ns: int) -> list[int]:
    """Return how long after an instant the cuff was told to measure."""
    told_ns = [at_ns for at_ns, effect in world.effects if isinstance(effect, MeasureNibp)]
    return [at_ns - since_ns for at_ns in told_ns if at_ns >= since_ns]


def failed_cycle(*, retry: bool) -> tuple[World, int]:
    """Return a running world whose cuff has just failed, and when it did."""
    world = running()
    world.cuff_answers = False
    begin_ns = world.now_ns
    for _ in range(100):
        if measured(world, begin_ns):
            break
        world.assess()
        world.advance(5)
    world.advance(1)
    assert world.core.state.cuff.measuring
    world.tell(NibpFailed(source="cuff", cycle=1, reason="artefact", retry=retry))
    return world, world.now_ns


@pytest.mark.req("VIT-03")
def test_a_failure_that_permits_it_is_retried_once_after_thirty_seconds() -> None:
    world, failed_ns = failed_cycle(retry=True)
    world.advance(29.999)
    assert measured(world, failed_ns) == []
    world.advance(0.002)
    assert measured(world, failed_ns) == [30 * S]
    world.tell(NibpFailed(source="cuff", cycle=2, reason="artefact", retry=True))
    again_ns = world.now_ns
    world.advance(100)
    assert measured(world, again_ns) == [], "once"


@pytest.mark.req("VIT-03")
def test_other_failures_are_not_retried_and_none_refreshes_the_age() -> None:
    world, failed_ns = failed_cycle(retry=False)
    newest: NibpReading = world.core.state.vitals.readings[-1]
    world.advance(100)
    assert measured(world, failed_ns) == []
    assert world.core.state.vitals.readings[-1] is newest


@pytest.mark.req("DOSE-09")
def test_a_counter_far_below_raises_medium_and_the_infusion_goes_on() -> None:
    world = running(120)
    world.pump.rate_nl_h = world.pump.rate_nl_h * 80 // 100
    world.advance(90)
    alarms = {alarm.id: alarm.priority for alarm in world.core.state.alarms.listed}
    assert alarms["counter-under"] is Priority.MEDIUM
    assert world.mode is Mode.RUNNING
