"""Each conversion at its edges: what is exact, what is rounded down, what is refused and in which words."""

from decimal import Decimal
from fractions import Fraction

import pytest

from pumpd.core.quantities import (
    G_PER_KG,
    MAX_EXPONENT,
    NG_PER_MG,
    NL_PER_ML,
    NL_PER_UL,
    NS_PER_H,
    NS_PER_MIN,
    NS_PER_MS,
    NS_PER_S,
    NS_PER_US,
    UM_PER_MM,
    Concentration,
    QuantityError,
    decimal_from,
    flow_time_ns,
    flowed_at_most_nl,
    flowed_nl,
    rate_nl_h,
    scaled_exactly,
    text,
)


def test_the_units_are_those_of_the_field() -> None:
    assert (NS_PER_US, NS_PER_MS, NS_PER_S) == (10**3, 10**6, 10**9)
    assert (NS_PER_MIN, NS_PER_H) == (60 * 10**9, 3_600 * 10**9)
    assert (NL_PER_UL, NL_PER_ML, NG_PER_MG) == (10**3, 10**6, 10**6)
    assert (G_PER_KG, UM_PER_MM, MAX_EXPONENT) == (1_000, 1_000, 12)


@pytest.mark.req("DOSE-02")
@pytest.mark.parametrize(
    ("value", "words"),
    [
        (True, "must be a decimal number in kg, got True"),
        (1.5, "must be a decimal number in kg, got 1.5"),
        (None, "must be a decimal number in kg, got None"),
        ("seventy", "must be a number in kg, got 'seventy'"),
        ("NaN", "must be a finite number in kg"),
        ("-Infinity", "must be a finite number in kg"),
        ("0", "must be above 0 kg"),
        ("-0.0001", "must be above 0 kg"),
        ("1e13", "must be a plausible number in kg, got 1.000e+13"),
        ("1e-13", "must be a plausible number in kg"),
    ],
)
def test_what_is_no_quantity_is_refused_by_its_name(value: object, words: str) -> None:
    with pytest.raises(QuantityError, match=rf"^weight {words}".replace("+", r"\+")):
        decimal_from("weight", value, "kg")


@pytest.mark.parametrize("value", [1, "70.0", Decimal("0.5"), "1e12", "9.99e12", "1e-12"])
def test_a_quantity_is_taken_digit_for_digit(value: int | str | Decimal) -> None:
    assert decimal_from("weight", value, "kg") == Decimal(value)


def test_more_digits_than_the_unit_resolves_are_refused() -> None:
    assert scaled_exactly("weight", Decimal("70.001"), 1_000, "kg") == 70_001
    with pytest.raises(QuantityError, match=r"weight has more digits than pumpd resolves: 70\.0001 kg"):
        scaled_exactly("weight", Decimal("70.0001"), 1_000, "kg")


@pytest.mark.req("DOSE-14")
def test_a_concentration_is_exact_and_above_zero() -> None:
    made = Concentration.from_dilution(strength_mg_ml=Decimal(50), drawn_ml=Decimal(2), diluent_ml=Decimal(73))
    assert made.ng_per_nl == Fraction(4, 3)
    assert (made.volume_nl(4), made.volume_nl(5), made.volume_nl(3)) == (3, 3, 2)
    assert (made.mass_ng(3), made.mass_ng(1), made.mass_ng(2)) == (4, 1, 2)
    assert Concentration(ng_per_nl=Fraction(1, 10**9)).mass_ng(10**9) == 1
    assert Concentration(ng_per_nl=Fraction(1)).mass_ng(7) == 7
    for wrong in (0, -1):
        with pytest.raises(QuantityError, match="above 0"):
            Concentration(ng_per_nl=Fraction(wrong))


@pytest.mark.req("DOSE-03")
def test_a_lower_bound_is_rounded_down_and_an_upper_one_up() -> None:
    assert rate_nl_h(10, 3 * NS_PER_H) == 3
    assert flowed_nl(7, NS_PER_H // 2) == 3
    assert flowed_at_most_nl(7, NS_PER_H // 2) == 4
    assert flowed_at_most_nl(8, NS_PER_H // 2) == 4
    assert flow_time_ns(1, 7 * NS_PER_H) == 1
    assert flow_time_ns(2, 1) == 2 * NS_PER_H


def test_no_time_and_less_than_none_give_nothing() -> None:
    for flowed in (flowed_nl, flowed_at_most_nl):
        assert flowed(NS_PER_H, 0) == 0
        assert flowed(NS_PER_H, -1) == 0
        assert flowed(NS_PER_H, 1) == 1


@pytest.mark.req("DOSE-03")
@pytest.mark.parametrize(
    ("value", "places", "shown"),
    [
        (26_250_000, 3, "26.25"),
        (500_000, 3, "0.5"),
        (26_250_999, 3, "26.25"),
        (1_000_000, 3, "1"),
        (10_000_000, 0, "10"),
        (1_999_999, 0, "1"),
        (1_050_000, 3, "1.05"),
        (0, 3, "0"),
        (-500_000, 3, "-0.5"),
        (-500_001, 3, "-0.501"),
        (-3_000_000, 0, "-3"),
        (1, 6, "0.000001"),
    ],
)
def test_a_number_for_people_is_never_rounded_up(value: int, places: int, shown: str) -> None:
    assert text(value, NL_PER_ML, places) == shown
