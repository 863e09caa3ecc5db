"""The elastic clock: how far a turn goes, in which order timers ring, and that only this clock scales."""

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.harness.elastic_clock import ElasticClock
from simulators.harness.timetable import LONGEST_TURN_NS, STANDSTILL_LIMIT, Timetable, turn_ns
from simulators.harness.virtual.loop import VirtualLoop
from tests import simulated_time

MS_NS = 1_000_000


@pytest.mark.parametrize(
    ("elapsed_ms", "speed", "turn_ms"),
    [(1, 1, 1), (1, 30, 30), (1, 50, 50), (1, 51, 50), (40, 2, 50), (3_600_000, 1, 50), (0, 50, 0), (-5, 50, 0)],
)
def test_a_turn_goes_as_far_as_the_speed_says_and_never_further_than_50_ms(
    elapsed_ms: int, speed: float, turn_ms: int
) -> None:
    assert turn_ns(elapsed_ms * MS_NS, speed) == turn_ms * MS_NS


@given(st.integers(0, 10**12), st.floats(0.01, 1e6))
def test_no_turn_is_longer_than_the_limit(elapsed_ns: int, speed: float) -> None:
    assert 0 <= turn_ns(elapsed_ns, speed) <= LONGEST_TURN_NS


def test_timers_ring_in_order_at_the_instant_they_were_set_for() -> None:
    timetable = Timetable(100)
    rung: list[tuple[str, int]] = []

    def ring(name: str) -> None:
        rung.append((name, timetable.now_ns))

    timetable.call_at(130, lambda: ring("third"))
    timetable.call_at(110, lambda: ring("first"))
    timetable.call_at(120, lambda: ring("second"))
    timetable.call_at(120, lambda: ring("second again"))
    timetable.call_at(151, lambda: ring("later"))
    timetable.advance(150)
    assert rung == [("first", 110), ("second", 120), ("second again", 120), ("third", 130)]
    assert timetable.now_ns == 150
    timetable.advance(151)
    assert rung[-1] == ("later", 151)


def test_a_timer_set_on_the_way_rings_on_the_way() -> None:
    timetable = Timetable(0)
    rung: list[int] = []

    def again() -> None:
        rung.append(timetable.now_ns)
        timetable.call_at(timetable.now_ns + 20, again)

    timetable.call_at(20, again)
    timetable.advance(70)
    assert rung == [20, 40, 60]


def test_what_is_past_rings_at_once_and_time_does_not_go_back() -> None:
    timetable = Timetable(100)
    rung: list[int] = []
    timetable.call_at(10, lambda: rung.append(timetable.now_ns))
    timetable.advance(100)
    assert rung == [100]
    timetable.advance(50)
    assert timetable.now_ns == 100


def test_a_timer_that_was_called_off_does_not_ring() -> None:
    timetable = Timetable(0)
    rung: list[int] = []
    alarm = timetable.call_at(10, lambda: rung.append(1))
    alarm.cancel()
    alarm.cancel()
    timetable.advance(20)
    assert rung == []


def test_a_timer_that_never_lets_time_pass_gives_the_loop_a_turn() -> None:
    timetable = Timetable(0)
    rung = 0

    def again() -> None:
        nonlocal rung
        rung += 1
        timetable.call_at(timetable.now_ns, again)

    timetable.call_at(0, again)
    timetable.advance(50)
    assert rung == STANDSTILL_LIMIT
    assert timetable.now_ns == 0


@given(st.lists(st.integers(0, 1_000)), st.lists(st.integers(0, 100), min_size=1))
def test_however_the_turns_fall_every_timer_rings_once_in_order(due: list[int], turns: list[int]) -> None:
    timetable = Timetable(0)
    rung: list[tuple[int, int]] = []
    for when_ns in due:
        timetable.call_at(when_ns, lambda when_ns=when_ns: rung.append((when_ns, timetable.now_ns)))
    for turn in turns:
        timetable.advance(timetable.now_ns + turn)
    end_ns = sum(turns)
    assert [when_ns for when_ns, _ in rung] == sorted(when_ns for when_ns in due if when_ns <= end_ns)
    assert all(when_ns == at_ns for when_ns, at_ns in rung)


def test_on_a_loop_only_this_clock_scales() -> None:
    async def scenario(loop: VirtualLoop) -> None:
        clock = ElasticClock(loop, 40, real_ns=loop.now_ns)
        began_ns, began_real_ns = clock.now_ns(), clock.real_ns()
        reached = asyncio.Event()
        clock.call_at(began_ns + 1_000 * MS_NS, reached.set)
        await reached.wait()
        assert not clock.is_real
        assert clock.now_ns() - began_ns == 1_000 * MS_NS
        assert clock.real_ns() - began_real_ns == 25 * MS_NS
        assert loop.now_ns() - began_real_ns == 25 * MS_NS
        clock.close()

    simulated_time.run(scenario)


@pytest.mark.parametrize("held_up_ms", [0, 1, 60, 200, 3_600_000])
def test_a_loop_that_was_held_up_costs_one_turn_at_most(held_up_ms: int) -> None:
    async def scenario(loop: VirtualLoop) -> None:
        held_up_ns = 0
        clock = ElasticClock(loop, 1_000, real_ns=lambda: loop.now_ns() + held_up_ns)
        before_ns = clock.now_ns()
        held_up_ns = held_up_ms * MS_NS
        await asyncio.sleep(0.0015)
        assert clock.now_ns() - before_ns == LONGEST_TURN_NS
        clock.close()

    simulated_time.run(scenario)


def test_people_and_disks_slow_the_clock_down() -> None:
    async def scenario(loop: VirtualLoop) -> None:
        waits = False
        clock = ElasticClock(loop, 50, holds=lambda: waits, real_ns=loop.now_ns)
        assert clock.speed == 50
        with clock.at_most(8):
            assert clock.speed == 8
            with clock.at_most(20):
                assert clock.speed == 8
        assert clock.speed == 50
        waits = True
        assert clock.speed == 1
        clock.close()

    simulated_time.run(scenario)


def test_a_closed_clock_stands_still() -> None:
    async def scenario(loop: VirtualLoop) -> None:
        clock = ElasticClock(loop, 50, real_ns=loop.now_ns)
        await asyncio.sleep(1)
        clock.close()
        before_ns = clock.now_ns()
        await asyncio.sleep(60)
        assert clock.now_ns() == before_ns

    simulated_time.run(scenario)


def test_on_a_real_loop_it_runs_and_its_real_time_is_the_machines() -> None:
    async def scenario() -> None:
        before_ns = time.monotonic_ns()
        clock = ElasticClock(asyncio.get_running_loop(), 50)
        reached = asyncio.Event()
        clock.call_at(clock.now_ns() + 50 * MS_NS, reached.set)
        await reached.wait()
        assert before_ns < clock.real_ns() < time.monotonic_ns()
        clock.close()

    asyncio.run(scenario())


async def test_a_speed_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        ElasticClock(asyncio.get_running_loop(), 0)
