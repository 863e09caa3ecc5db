"""Kinetics against reference curves and against what must hold for any linear model."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.devices.pharmacokinetics import (
    CACHED_STEPS,
    EMPTY,
    NS_PER_MIN,
    Amounts,
    Kinetics,
    Model,
    compartments,
    exponential,
)

SECOND_NS = 1_000_000_000
FLOW_MG_MIN = 0.875
MODELS = pytest.mark.parametrize("model", Model)
SCALE_WITH_WEIGHT = pytest.mark.parametrize("model", [Model.CLEMENTS, Model.DOMINO, Model.HIJAZI])


def kinetics_of(model: Model, weight_kg: float = 70) -> Kinetics:
    return Kinetics(compartments(model, weight_kg))


def run(kinetics: Kinetics, *stretches: tuple[float, float]) -> Amounts:
    """Run through stretches of (minutes, mg/min), each in one step."""
    amounts = EMPTY
    for minutes, flow_mg_min in stretches:
        amounts = kinetics.step(amounts, flow_mg_min, round(minutes * NS_PER_MIN))
    return amounts


@pytest.mark.parametrize(
    ("model", "plasma_ng_ml", "clearance_l_h", "v1_l"),
    [
        (Model.CLEMENTS, 177.31, 80.22, 122.65),
        (Model.FANTA_OTTO, 158.04, 95.20, 133.00),
        (Model.DOMINO, 240.36, 115.89, 4.41),
        (Model.HIJAZI, 225.34, 151.05, 75.60),
    ],
)
def test_key_values_at_70_kg(model: Model, plasma_ng_ml: float, clearance_l_h: float, v1_l: float) -> None:
    kinetics = kinetics_of(model)
    assert kinetics.plasma_ng_ml(run(kinetics, (40, FLOW_MG_MIN))) == pytest.approx(plasma_ng_ml, abs=0.01)
    assert kinetics.model.clearance_l_h == pytest.approx(clearance_l_h, abs=0.01)
    assert kinetics.model.v1_l == pytest.approx(v1_l, abs=0.01)


@pytest.mark.parametrize("model", [Model.CLEMENTS, Model.FANTA_OTTO, Model.DOMINO, Model.HIJAZI])
def test_a_typical_adult_reaches_150_to_250(model: Model) -> None:
    kinetics = kinetics_of(model)
    assert 150 <= kinetics.plasma_ng_ml(run(kinetics, (40, FLOW_MG_MIN))) <= 250


@pytest.mark.parametrize(
    ("weight_kg", "plasma_ng_ml"),
    [
        (50, (90.80, 140.97, 85.96)),
        (70, (97.96, 158.04, 103.75)),
        (90, (102.45, 169.49, 116.78)),
        (115, (106.19, 179.49, 128.90)),
    ],
)
def test_fanta_otto_at_other_weights(weight_kg: int, plasma_ng_ml: tuple[float, ...]) -> None:
    kinetics = kinetics_of(Model.FANTA_OTTO, weight_kg)
    flow_mg_min = weight_kg * 0.5 / 40
    found = [
        kinetics.plasma_ng_ml(run(kinetics, *stretches))
        for stretches in ([(20, flow_mg_min)], [(40, flow_mg_min)], [(40, flow_mg_min), (20, 0)])
    ]
    assert found == pytest.approx(list(plasma_ng_ml), abs=0.01)


@SCALE_WITH_WEIGHT
def test_a_fixed_dose_per_kilogram_gives_one_curve(model: Model) -> None:
    curves = []
    for weight_kg in (45, 70, 115):
        kinetics = kinetics_of(model, weight_kg)
        flow_mg_min = weight_kg / 80
        curves.append(kinetics.plasma_ng_ml(run(kinetics, (40, flow_mg_min), (10, 0))))
    assert curves == pytest.approx([curves[0]] * 3, rel=1e-12)


@MODELS
def test_one_long_step_equals_sixty_short_ones(model: Model) -> None:
    kinetics = kinetics_of(model)
    start = run(kinetics, (10, FLOW_MG_MIN))
    short = start
    for _ in range(60):
        short = kinetics.step(short, FLOW_MG_MIN, SECOND_NS)
    long = kinetics.step(start, FLOW_MG_MIN, 60 * SECOND_NS)
    assert kinetics.plasma_ng_ml(short) == pytest.approx(kinetics.plasma_ng_ml(long), abs=1e-9)
    assert kinetics.effect_site_ng_ml(short) == pytest.approx(kinetics.effect_site_ng_ml(long), abs=1e-9)


@MODELS
def test_stepping_equals_a_solver(model: Model) -> None:
    """Classical Runge-Kutta with 0.1 s steps, written down from the equations and nothing else."""
    kinetics = kinetics_of(model)
    m = kinetics.model

    def slope(x: tuple[float, ...], u: float) -> tuple[float, ...]:
        x1, x2, x3, ce = x
        return (
            u - (m.k10_per_min + m.k12_per_min + m.k13_per_min) * x1 + m.k21_per_min * x2 + m.k31_per_min * x3,
            m.k12_per_min * x1 - m.k21_per_min * x2,
            m.k13_per_min * x1 - m.k31_per_min * x3,
            0.652 * (x1 / m.v1_l - ce),
        )

    def moved(x: tuple[float, ...], k: tuple[float, ...], by: float) -> tuple[float, ...]:
        return tuple(a + by * b for a, b in zip(x, k, strict=True))

    x: tuple[float, ...] = (0.0,) * 4
    h = 0.1 / 60
    for step in range(3000):
        u = FLOW_MG_MIN if step < 2400 else 0.0
        k1 = slope(x, u)
        k2 = slope(moved(x, k1, h / 2), u)
        k3 = slope(moved(x, k2, h / 2), u)
        k4 = slope(moved(x, k3, h), u)
        x = tuple(v + h / 6 * (a + 2 * b + 2 * c + d) for v, a, b, c, d in zip(x, k1, k2, k3, k4, strict=True))
    exact = run(kinetics, (4, FLOW_MG_MIN), (1, 0))
    assert kinetics.plasma_ng_ml(exact) == pytest.approx(1000 * x[0] / m.v1_l, abs=1e-6)
    assert kinetics.effect_site_ng_ml(exact) == pytest.approx(1000 * x[3], abs=1e-6)


@MODELS
def test_twice_the_dose_is_twice_the_curve(model: Model) -> None:
    kinetics = kinetics_of(model)
    once = run(kinetics, (17, 0.4), (5, 0), (3, 1.1))
    twice = run(kinetics, (17, 0.8), (5, 0), (3, 2.2))
    assert tuple(twice) == pytest.approx([2 * amount for amount in once], rel=1e-12)


@MODELS
def test_a_pause_is_the_sum_of_two_infusions(model: Model) -> None:
    kinetics = kinetics_of(model)
    for after_min in (0.5, 10, 20, 21, 60, 195):
        paused = run(
            kinetics, (20, FLOW_MG_MIN), (5, 0), (min(after_min, 20), FLOW_MG_MIN), (max(0, after_min - 20), 0)
        )
        first = run(kinetics, (20, FLOW_MG_MIN), (5 + after_min, 0))
        second = run(kinetics, (min(after_min, 20), FLOW_MG_MIN), (max(0, after_min - 20), 0))
        total_ng_ml = kinetics.plasma_ng_ml(first) + kinetics.plasma_ng_ml(second)
        assert kinetics.plasma_ng_ml(paused) == pytest.approx(total_ng_ml, abs=1e-9)


@MODELS
def test_area_under_the_curve_is_dose_over_clearance(model: Model) -> None:
    """Simpson's rule over plasma, in steps fine enough for each stretch."""
    kinetics = kinetics_of(model)
    amounts, area = EMPTY, 0.0
    for minutes, step_s, flow_mg_min in ((40, 1, FLOW_MG_MIN), (20, 1, 0.0), (20_000, 120, 0.0)):
        heights = [kinetics.plasma_ng_ml(amounts)]
        for _ in range(round(minutes * 60 / step_s)):
            amounts = kinetics.step(amounts, flow_mg_min, step_s * SECOND_NS)
            heights.append(kinetics.plasma_ng_ml(amounts))
        inner = 4 * sum(heights[1:-1:2]) + 2 * sum(heights[2:-1:2])
        area += (heights[0] + inner + heights[-1]) * step_s / 60 / 3
    assert area == pytest.approx(35e6 / (kinetics.model.clearance_l_h / 60 * 1000), rel=1e-6)


@MODELS
@given(
    stretches=st.lists(
        st.tuples(st.floats(0.0001, 60), st.sampled_from([0.0, 0.1, 0.875, 5.0])), min_size=1, max_size=8
    )
)
def test_no_drug_appears_or_vanishes(model: Model, stretches: list[tuple[float, float]]) -> None:
    amounts = run(kinetics := kinetics_of(model), *stretches)
    delivered_mg = sum(round(minutes * NS_PER_MIN) / NS_PER_MIN * flow for minutes, flow in stretches)
    assert amounts.body_mg + amounts.eliminated_mg == pytest.approx(delivered_mg, abs=1e-9)
    assert min(amounts) >= 0
    assert kinetics.plasma_ng_ml(amounts) >= 0


@MODELS
def test_plasma_never_rises_while_nothing_flows(model: Model) -> None:
    kinetics = kinetics_of(model)
    amounts = run(kinetics, (20, FLOW_MG_MIN))
    peak_s, peak_ng_ml = 0, kinetics.effect_site_ng_ml(amounts)
    for second in range(1, 301):
        after = kinetics.step(amounts, 0.0, SECOND_NS)
        assert after.central_mg < amounts.central_mg
        amounts = after
        if kinetics.effect_site_ng_ml(amounts) > peak_ng_ml:
            peak_s, peak_ng_ml = second, kinetics.effect_site_ng_ml(amounts)
    assert peak_s <= 120


def test_exponential_of_known_matrices() -> None:
    assert exponential(((0.0, 1.0), (0.0, 0.0))) == ((1.0, 1.0), (0.0, 1.0))
    turned = exponential(((0.0, -math.pi), (math.pi, 0.0)))
    assert [entry for row in turned for entry in row] == pytest.approx([-1, 0, 0, -1], abs=1e-13)
    assert exponential(((-30.0,),))[0][0] == pytest.approx(math.exp(-30), rel=1e-11)


def test_more_step_lengths_than_are_kept() -> None:
    kinetics = kinetics_of(Model.HIJAZI)
    before = kinetics.step(EMPTY, 1.0, SECOND_NS)
    for length_ns in range(1, CACHED_STEPS + 2):
        kinetics.step(EMPTY, 1.0, length_ns)
    assert len(kinetics._steps) <= CACHED_STEPS
    assert kinetics.step(EMPTY, 1.0, SECOND_NS) == before


def test_refusals() -> None:
    with pytest.raises(ValueError, match="weight is 0 kg"):
        compartments(Model.CLEMENTS, 0)
    with pytest.raises(ValueError, match="back in time"):
        kinetics_of(Model.CLEMENTS).step(EMPTY, 1.0, -1)
