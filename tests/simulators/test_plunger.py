"""The physical truth: exact, additive, never more than was given."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.devices.plunger import NS_PER_H, Accumulator, FlowSegment, Plunger

steps = st.lists(
    st.tuples(st.integers(min_value=0, max_value=10 * NS_PER_H), st.integers(min_value=-(10**9), max_value=2 * 10**9)),
    max_size=12,
)


def history(changes: list[tuple[int, int]]) -> tuple[Plunger, int]:
    plunger, now_ns = Plunger(), 0
    for pause_ns, rate_nl_h in changes:
        now_ns += pause_ns
        plunger.set_rate(rate_nl_h, now_ns)
    return plunger, now_ns + NS_PER_H


@given(steps)
def test_delivered_is_the_exact_volume_rounded_down(changes: list[tuple[int, int]]) -> None:
    plunger, end_ns = history(changes)
    exact, at_ns, rate_nl_h = Fraction(0), 0, 0
    for pause_ns, next_rate_nl_h in [*changes, (NS_PER_H, 0)]:
        exact += Fraction(rate_nl_h * pause_ns, NS_PER_H)
        at_ns, rate_nl_h = at_ns + pause_ns, next_rate_nl_h
        assert plunger.delivered_nl(at_ns) == exact // 1
    assert at_ns == end_ns


@given(steps, st.lists(st.integers(min_value=-NS_PER_H, max_value=100 * NS_PER_H), min_size=3, max_size=3))
def test_stretches_add_up(changes: list[tuple[int, int]], times: list[int]) -> None:
    plunger, _ = history(changes)
    a, b, c = sorted(times)
    assert plunger.delivered_between_nl(a, b) + plunger.delivered_between_nl(b, c) == plunger.delivered_between_nl(a, c)


@given(steps)
def test_segments_join_and_carry_the_volume(changes: list[tuple[int, int]]) -> None:
    plunger, end_ns = history(changes)
    segments = plunger.segments
    assert segments[0].from_ns == 0
    assert segments[-1].to_ns is None
    total = 0
    for segment, following in zip(segments, [*segments[1:], None], strict=True):
        to_ns = end_ns if following is None else following.from_ns
        assert segment.to_ns == (None if following is None else to_ns)
        assert plunger.flow_nl_h(segment.from_ns) == segment.rate_nl_h
        total += segment.rate_nl_h * (to_ns - segment.from_ns)
    assert plunger.delivered_nl(end_ns) == total // NS_PER_H


@given(
    st.integers(min_value=1, max_value=2 * 10**9),
    st.integers(min_value=1, max_value=60_000_000),
    st.integers(min_value=0, max_value=10**15),
)
def test_the_end_is_the_first_instant_with_the_whole_volume(rate_nl_h: int, target_nl: int, start_ns: int) -> None:
    volume = Accumulator(start_ns)
    volume.set_rate(rate_nl_h, start_ns)
    end_ns = volume.reaches_ns(target_nl)
    assert end_ns is not None
    assert volume.volume_nl(end_ns) == target_nl
    assert volume.volume_nl(end_ns - 1) == target_nl - 1


def test_remainders_are_carried_over_many_changes() -> None:
    volume = Accumulator()
    for now_ns in range(10_000):
        volume.set_rate(3_600_000_000 + now_ns % 2, now_ns)
    assert volume.volume_nl(1_000_000) == 1000


def test_the_past_stays_readable() -> None:
    plunger = Plunger(100)
    plunger.set_rate(3_600_000, 100 + NS_PER_H)
    plunger.set_rate(0, 100 + 2 * NS_PER_H)
    assert plunger.segments == (
        FlowSegment(from_ns=100, to_ns=100 + NS_PER_H, rate_nl_h=0),
        FlowSegment(from_ns=100 + NS_PER_H, to_ns=100 + 2 * NS_PER_H, rate_nl_h=3_600_000),
        FlowSegment(from_ns=100 + 2 * NS_PER_H, to_ns=None, rate_nl_h=0),
    )
    assert plunger.flow_nl_h(0) == 0
    assert plunger.flow_nl_h(99 + 2 * NS_PER_H) == 3_600_000
    assert plunger.flow_nl_h(100 + 2 * NS_PER_H) == 0
    assert plunger.delivered_nl(0) == 0
    assert plunger.delivered_nl(100 + NS_PER_H + NS_PER_H // 2) == 1_800_000


def test_time_never_goes_back() -> None:
    plunger = Plunger(10)
    with pytest.raises(ValueError, match="before the last change"):
        plunger.set_rate(1, 9)
    volume = Accumulator(10)
    with pytest.raises(ValueError, match="before the last change"):
        volume.set_rate(1, 9)


def test_each_change_of_flow_is_told_once() -> None:
    plunger, told = Plunger(), list[int]()
    plunger.on_change = told.append
    plunger.set_rate(5, 10)
    plunger.set_rate(5, 20)
    plunger.set_rate(0, 30)
    assert told == [10, 30]
