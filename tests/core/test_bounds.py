"""Compiled-in bounds: both sides, and the unit that was perhaps meant."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpd.core import bounds
from pumpd.core.bounds import Bound

ALL = (
    *bounds.DRUG.values(),
    *bounds.SETTINGS.values(),
    *bounds.VITALS.values(),
    *(bound for ages in bounds.AGES.values() for bound in (ages.alert, ages.pause, ages.end)),
    bounds.RISE,
    bounds.FOR,
    bounds.CONFIRM_WITHIN,
    bounds.TOLERANCE,
    bounds.DIAMETER,
    bounds.USABLE,
)
BOUND = st.sampled_from(ALL)
SHARE = st.decimals(0, 1, places=4)


@pytest.mark.req("CFG-04")
def test_each_bound_has_two_sides_a_unit_and_a_reason() -> None:
    for bound in ALL:
        assert 0 <= bound.low < bound.high
        assert bound.unit
        assert len(bound.why) > 5


@pytest.mark.req("CFG-04")
@given(BOUND, SHARE)
def test_what_is_inside_may_be_chosen(bound: Bound, share: Decimal) -> None:
    value = bound.low + (bound.high - bound.low) * share
    assert bound.holds(value)
    assert bound.complaint(value) is None


@pytest.mark.req("CFG-04")
@given(BOUND, st.decimals("0.0001", "1000000", places=4), st.booleans())
def test_what_is_outside_is_refused_with_value_bounds_and_unit(bound: Bound, by: Decimal, above: bool) -> None:
    value = bound.high + by if above else bound.low - by
    complaint = bound.complaint(value)
    assert complaint is not None
    assert complaint.startswith(f"{bounds.plain(value)} {bound.unit} is outside ")
    assert f"{bounds.plain(bound.low)} to {bounds.plain(bound.high)} {bound.unit}" in complaint
    assert bound.why in complaint


@given(BOUND, SHARE, st.sampled_from([60, 1000]))
def test_a_slip_by_60_or_1000_outside_the_bound_is_told_as_a_slip(bound: Bound, share: Decimal, factor: int) -> None:
    meant = bound.low + (bound.high - bound.low) * share
    slips = {"s": {60: "minutes", 1000: "milliseconds"}, "mL": {1000: "microlitres"}, "mg/kg": {1000: "ug/kg"}}
    unit = slips.get(bound.unit, {}).get(factor)
    written = meant / 60 if factor == 60 else meant * factor
    if unit is None or bound.holds(written) or not bound.holds(written * 60 if factor == 60 else written / factor):
        return
    assert "it looks like " in str(bound.complaint(written))
