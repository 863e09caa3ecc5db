"""Shrinking: what is left fails, and without any one of its faults it would not."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.harness.faults.hazards import Hazard
from simulators.harness.faults.kinds import ProbeOff
from simulators.harness.faults.scenario import Manner, Mode, Nurse, Scenario
from simulators.harness.shrink import shrink

FAULTS = 12


def scenario(count: int = FAULTS) -> Scenario:
    """A scenario whose faults are told apart by their start."""
    return Scenario(
        name="many",
        seed=1,
        mode=Mode.SAFETY,
        length_ms=1_000,
        faults_end_ms=None,
        hazards=(Hazard.VITAL_STALE, Hazard.SERIAL_LINK),
        nurse=Nurse(manner=Manner.SLOW, until_ms=7),
        expect=None,
        faults=tuple(ProbeOff(start_ms=start_ms, duration_ms=1) for start_ms in range(count)),
    )


def starts(one: Scenario) -> list[int]:
    return [fault.start_ms for fault in one.faults]


@given(st.sets(st.integers(0, FAULTS - 1)))
def test_exactly_what_is_needed_is_left(needed: set[int]) -> None:
    shrunk = shrink(scenario(), lambda one: needed <= set(starts(one)))
    assert starts(shrunk) == sorted(needed)


@given(st.lists(st.sets(st.integers(0, 7), min_size=1), min_size=1, max_size=4))
def test_of_several_reasons_one_is_left_and_no_fault_of_it_can_go(reasons: list[set[int]]) -> None:
    def fails(one: Scenario) -> bool:
        return any(reason <= set(starts(one)) for reason in reasons)

    shrunk = shrink(scenario(8), fails)
    assert fails(shrunk)
    for fault in shrunk.faults:
        assert not fails(replace(shrunk, faults=tuple(other for other in shrunk.faults if other != fault)))


@given(st.randoms(use_true_random=False), st.integers(1, 9))
def test_whatever_failing_means_what_is_left_is_minimal(rng: "object", count: int) -> None:
    verdicts: dict[tuple[int, ...], bool] = {tuple(range(count)): True}

    def fails(one: Scenario) -> bool:
        return verdicts.setdefault(tuple(starts(one)), rng.random() < 0.3)  # type: ignore[attr-defined]  # a Random

    shrunk = shrink(scenario(count), fails)
    assert fails(shrunk)
    for fault in shrunk.faults:
        assert not fails(replace(shrunk, faults=tuple(other for other in shrunk.faults if other != fault)))


def test_no_set_of_faults_is_asked_twice() -> None:
    asked: list[tuple[int, ...]] = []

    def fails(one: Scenario) -> bool:
        asked.append(tuple(starts(one)))
        return {2, 9} <= set(starts(one))

    shrink(scenario(), fails)
    assert len(set(asked)) == len(asked) < 2**FAULTS


def test_only_faults_go_and_the_hazards_that_none_provokes() -> None:
    shrunk = shrink(scenario(), lambda one: 3 in starts(one))
    assert shrunk == replace(scenario(), faults=(scenario().faults[3],), hazards=(Hazard.VITAL_STALE,))


def test_a_failure_without_any_fault_needs_none() -> None:
    assert shrink(scenario(), lambda _one: True).faults == ()


def test_what_does_not_fail_is_not_shrunk() -> None:
    with pytest.raises(ValueError, match="scenario many does not fail"):
        shrink(scenario(), lambda _one: False)
