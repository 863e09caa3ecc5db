"""The kinetics for arrays against those of the simulated patient."""

import numpy as np
import pytest

from simulators.devices.pharmacokinetics import EMPTY, NS_PER_MIN, Kinetics, Model, compartments
from simulators.harness.population.kinetics import effect_site_ng_ml, kinetics_of, plasma_ng_ml, uninterrupted

WEIGHTS_KG = np.array([45.0, 70.0, 115.0])
FLOW_MG_MIN = np.array([0.4, 0.875, 1.4])
ONES = np.ones(3)


@pytest.mark.parametrize("model", Model)
def test_an_infusion_with_a_pause_is_that_of_the_simulated_patient(model: Model) -> None:
    kinetics = kinetics_of(model, WEIGHTS_KG, ONES, ONES)
    amounts = kinetics.empty()
    for minutes, share in ((20, 1.0), (5, 0.0), (3, 1.0)):
        step = kinetics.step(1)
        for _ in range(60 * minutes):
            amounts = step.after(amounts, share * FLOW_MG_MIN)
    for number, (weight_kg, flow_mg_min) in enumerate(zip(WEIGHTS_KG, FLOW_MG_MIN, strict=True)):
        one = Kinetics(compartments(model, weight_kg))
        expected = EMPTY
        for minutes, share in ((20, 1.0), (5, 0.0), (3, 1.0)):
            expected = one.step(expected, share * flow_mg_min, minutes * NS_PER_MIN)
        assert plasma_ng_ml(kinetics, amounts)[number] == pytest.approx(one.plasma_ng_ml(expected), abs=1e-8)
        assert effect_site_ng_ml(amounts)[number] == pytest.approx(one.effect_site_ng_ml(expected), abs=1e-8)


@pytest.mark.parametrize(
    ("model", "at_40_ng_ml", "at_41_ng_ml"),
    [
        (Model.CLEMENTS, 172.94, 173.89),
        (Model.FANTA_OTTO, 154.12, 154.93),
        (Model.DOMINO, 238.32, 207.25),
        (Model.HIJAZI, 221.70, 221.00),
    ],
)
def test_the_reference_values_at_70_kg(model: Model, at_40_ng_ml: float, at_41_ng_ml: float) -> None:
    kinetics = kinetics_of(model, np.array([70.0]), np.ones(1), np.ones(1))
    course = uninterrupted(kinetics, np.array([0.875]), planned_s=2400, until_s=2460, step_s=60)
    site = {at_s: float(each[0]) for at_s, each in course}
    assert (site[2400], site[2460]) == pytest.approx((at_40_ng_ml, at_41_ng_ml), abs=0.01)


def test_a_factor_on_volume_and_clearance_leaves_the_flows_between_compartments() -> None:
    typical = kinetics_of(Model.CLEMENTS, np.array([70.0]), np.ones(1), np.ones(1))
    larger = kinetics_of(Model.CLEMENTS, np.array([70.0]), np.array([2.0]), np.array([3.0]))
    assert larger.v1_l[0] == pytest.approx(2 * typical.v1_l[0])
    clearance = [-(each.system[0, 0, 0] + each.system[0, 1, 0]) * each.v1_l[0] for each in (typical, larger)]
    assert clearance[1] == pytest.approx(3 * clearance[0])
    assert larger.system[0, 1, 0] * larger.v1_l[0] == pytest.approx(typical.system[0, 1, 0] * typical.v1_l[0])
    assert larger.system[0, 1, 1] == typical.system[0, 1, 1]


def test_a_step_must_meet_the_end_of_the_infusion() -> None:
    kinetics = kinetics_of(Model.CLEMENTS, np.array([70.0]), np.ones(1), np.ones(1))
    with pytest.raises(ValueError, match="does not meet the end"):
        next(uninterrupted(kinetics, np.ones(1), planned_s=100, until_s=200, step_s=15))


def test_after_a_pause_the_pressure_falls_slowly() -> None:
    """A baseline of 130 mmHg and 0.30 mmHg per ng/mL, paused at 20 min: below 160 only at 25 min, below 150 at 43."""
    kinetics = kinetics_of(Model.CLEMENTS, np.array([70.0]), np.ones(1), np.ones(1))
    course = uninterrupted(kinetics, np.array([0.875]), planned_s=1200, until_s=2580, step_s=60)
    sbp_mmhg = {at_s // 60: 130 + 0.30 * float(each[0]) for at_s, each in course}
    expected = {20: 160.8, 21: 161.6, 24: 160.5, 25: 159.9, 30: 156.4, 40: 151.0}
    assert {minute: sbp_mmhg[minute] for minute in expected} == pytest.approx(expected, abs=0.06)
    assert next(minute for minute, each in sbp_mmhg.items() if minute > 20 and each < 160) == 25
    assert next(minute for minute, each in sbp_mmhg.items() if minute > 20 and each < 150) == 43
