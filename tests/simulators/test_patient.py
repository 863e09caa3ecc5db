"""The simulated patient: true flow in, true vitals out."""

import csv
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.devices.haemodynamics import Baseline, Gains
from simulators.devices.infusion_line import inflow
from simulators.devices.overlays import (
    Apnoea,
    CannulaOut,
    HeartRateRamp,
    Overlay,
    PressureSurge,
    ProbeOff,
    SaturationDip,
    Window,
)
from simulators.devices.patient import Patient, PatientParameters
from simulators.devices.pharmacokinetics import Model
from simulators.devices.plunger import FlowSegment, Plunger
from simulators.devices.vitals import TrueVitals
from tests.simulators.device_bench import MINUTE_NS, SECOND_NS

DATA = Path(__file__).parents[1] / "data" / "pk"
RATE_NL_H = 26_250_000
"""35 mg at 2 mg/mL in 40 min."""
FOREVER = 1 << 62


def plunger_with(*changes: tuple[float, int]) -> Plunger:
    """Return a plunger with changes of flow at (minute, nL/h)."""
    plunger = Plunger(0)
    for minute, rate_nl_h in changes:
        plunger.set_rate(rate_nl_h, round(minute * MINUTE_NS))
    return plunger


def patient_on(plunger: Plunger, parameters: PatientParameters | None = None) -> Patient:
    return Patient(parameters or PatientParameters(), plunger, Fraction(2), 0)


def vitals_with(overlay: Overlay, at_ns: int, baseline: Baseline | None = None) -> TrueVitals:
    parameters = PatientParameters(overlays=(overlay,), baseline=baseline or Baseline())
    return patient_on(Plunger(0), parameters).vitals(at_ns)


@pytest.mark.parametrize("model", Model)
@pytest.mark.parametrize(
    ("file", "changes"),
    [
        ("without_pause.csv", [(0, RATE_NL_H), (40, 0)]),
        ("pause_20_to_25.csv", [(0, RATE_NL_H), (20, 0), (25, RATE_NL_H), (45, 0)]),
    ],
)
def test_reference_curves(model: Model, file: str, changes: list[tuple[float, int]]) -> None:
    patient = patient_on(plunger_with(*changes), PatientParameters(model=model))
    name = model.value.replace("-", "_")
    with (DATA / file).open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 241
    for row in rows:
        at_ns = int(row["t_min"]) * MINUTE_NS
        assert patient.plasma_ng_ml(at_ns) == pytest.approx(float(row[f"{name}_cp_ng_ml"]), abs=0.001)
        assert patient.effect_site_ng_ml(at_ns) == pytest.approx(float(row[f"{name}_ce_ng_ml"]), abs=0.001)


def test_flow_changes_inside_a_second_are_not_averaged_away() -> None:
    """The same drug in another part of the second gives another curve, known in closed form from the exact step."""
    early, late = plunger_with(), plunger_with()
    for plunger, from_ns in ((early, 0), (late, 700_000_000)):
        plunger.set_rate(RATE_NL_H, from_ns)
        plunger.set_rate(0, from_ns + 300_000_000)
    parameters = PatientParameters(model=Model.DOMINO)
    first, second = patient_on(early, parameters), patient_on(late, parameters)
    assert first.plasma_ng_ml(SECOND_NS) < second.plasma_ng_ml(SECOND_NS)
    assert first.plasma_ng_ml(SECOND_NS) == pytest.approx(second.plasma_ng_ml(1_700_000_000), rel=1e-12)
    assert second.plasma_ng_ml(700_000_000) == 0


@given(
    changes=st.lists(
        st.tuples(st.integers(0, 5).map(lambda n: n * 15 * SECOND_NS + n), st.sampled_from([0, 1_000_000, RATE_NL_H])),
        max_size=6,
    ),
    asked_before=st.lists(st.booleans(), min_size=6, max_size=6),
    asked_ns=st.lists(st.integers(0, 100 * SECOND_NS), min_size=1, max_size=8),
)
def test_answers_depend_on_the_flow_only(
    changes: list[tuple[int, int]], asked_before: list[bool], asked_ns: list[int]
) -> None:
    """A patient asked in any order, also before a change was known, tells what one asked once afterwards does."""
    plunger = Plunger(0)
    watched = patient_on(plunger)
    for (at_ns, rate_nl_h), asked in zip(sorted(changes, key=lambda change: change[0]), asked_before, strict=False):
        if asked:
            watched.advance(100 * SECOND_NS)
        plunger.set_rate(rate_nl_h, at_ns)
    for at_ns in asked_ns:
        assert watched.plasma_ng_ml(at_ns) == patient_on(plunger).plasma_ng_ml(at_ns)


def test_a_change_replaced_at_its_own_instant_counts_from_there() -> None:
    plunger = plunger_with((0, RATE_NL_H), (1, 0))
    watched = patient_on(plunger)
    watched.advance(3 * MINUTE_NS)
    plunger.set_rate(2 * RATE_NL_H, MINUTE_NS)
    plunger.set_rate(0, 2 * MINUTE_NS)
    expected = patient_on(plunger).plasma_ng_ml(3 * MINUTE_NS)
    assert watched.plasma_ng_ml(3 * MINUTE_NS) == expected


def test_drug_in_the_body_and_eliminated_is_what_the_plunger_gave() -> None:
    plunger = plunger_with((1.234567, RATE_NL_H), (7.7, 3_000_000), (9.0001, 0), (12, RATE_NL_H))
    amounts = patient_on(plunger).amounts(30 * MINUTE_NS)
    delivered_mg = plunger.delivered_nl(30 * MINUTE_NS) * 2 / 1e6
    assert amounts.body_mg + amounts.eliminated_mg == pytest.approx(delivered_mg, abs=2e-6)


def test_five_times_the_strength_is_five_times_the_curve() -> None:
    plunger = plunger_with((0, RATE_NL_H))
    mixed_up = Patient(PatientParameters(), plunger, 10.0, 0)
    assert mixed_up.plasma_ng_ml(9 * MINUTE_NS) == pytest.approx(5 * patient_on(plunger).plasma_ng_ml(9 * MINUTE_NS))


def test_a_patient_has_no_past() -> None:
    patient = Patient(PatientParameters(), Plunger(5), Fraction(2), 10)
    with pytest.raises(ValueError, match="begins at 10 ns"):
        patient.vitals(9)


def test_flow_before_the_patient_was_connected_does_not_count() -> None:
    plunger = plunger_with((0, RATE_NL_H))
    patient = Patient(PatientParameters(), plunger, Fraction(2), 10 * MINUTE_NS)
    assert patient.plasma_ng_ml(10 * MINUTE_NS) == 0
    expected = patient_on(plunger).plasma_ng_ml(5 * MINUTE_NS)
    assert patient.plasma_ng_ml(15 * MINUTE_NS) == pytest.approx(expected, rel=1e-12)


# --- the line ---


def test_dead_volume_delays_the_drug() -> None:
    parameters = PatientParameters(dead_volume_nl=2_000_000)
    plunger = plunger_with((0, RATE_NL_H))
    patient, plain = patient_on(plunger, parameters), patient_on(plunger)
    arrives_ns = -(-2_000_000 * 3600 * SECOND_NS // RATE_NL_H)
    assert arrives_ns / MINUTE_NS == pytest.approx(4.57, abs=0.01)
    assert patient.plasma_ng_ml(arrives_ns) == 0
    assert patient.plasma_ng_ml(arrives_ns + SECOND_NS) > 0
    expected = plain.plasma_ng_ml(20 * MINUTE_NS)
    assert patient.plasma_ng_ml(arrives_ns + 20 * MINUTE_NS) == pytest.approx(expected, rel=1e-12)


def test_what_was_drawn_back_is_pushed_again_first() -> None:
    segments = [
        FlowSegment(from_ns=0, to_ns=10, rate_nl_h=100),
        FlowSegment(from_ns=10, to_ns=13, rate_nl_h=-100),
        FlowSegment(from_ns=13, to_ns=None, rate_nl_h=50),
    ]
    assert inflow(segments, dead_volume_nl=0) == [(0, 100), (10, 0), (13, 0), (19, 50)]


def test_the_drug_arrives_across_several_stretches() -> None:
    hour = 3600 * SECOND_NS
    segments = [
        FlowSegment(from_ns=0, to_ns=hour, rate_nl_h=100),
        FlowSegment(from_ns=hour, to_ns=2 * hour, rate_nl_h=0),
        FlowSegment(from_ns=2 * hour, to_ns=4 * hour, rate_nl_h=50),
    ]
    assert inflow(segments, dead_volume_nl=150) == [(0, 0), (hour, 0), (2 * hour, 0), (3 * hour, 50)]


def test_a_cannula_that_is_out_takes_nothing() -> None:
    segments = [
        FlowSegment(from_ns=0, to_ns=10, rate_nl_h=100),
        FlowSegment(from_ns=10, to_ns=20, rate_nl_h=50),
        FlowSegment(from_ns=20, to_ns=None, rate_nl_h=70),
    ]
    out = [Window(from_ns=5, to_ns=15)]
    assert inflow(segments, dead_volume_nl=0, blocked=out) == [(0, 100), (5, 0), (15, 50), (20, 70)]
    parameters = PatientParameters(overlays=(CannulaOut(from_ns=0, to_ns=FOREVER),))
    patient = patient_on(plunger_with((0, RATE_NL_H)), parameters)
    assert patient.plasma_ng_ml(40 * MINUTE_NS) == 0


# --- the circulation ---


def test_rises_at_the_usual_peak() -> None:
    before, peak = (patient_on(plunger_with((0, RATE_NL_H))).vitals(at_ns) for at_ns in (0, 40 * MINUTE_NS))
    assert before == TrueVitals(sbp_mmhg=122, dbp_mmhg=76, hr_bpm=74, spo2_percent=97.5, rr_bpm=14)
    assert peak.sbp_mmhg - before.sbp_mmhg == pytest.approx(0.071 * 172.94, abs=0.01)
    assert peak.dbp_mmhg - before.dbp_mmhg == pytest.approx(0.048 * 172.94, abs=0.01)
    assert peak.hr_bpm - before.hr_bpm == pytest.approx(0.023 * 172.94, abs=0.01)
    assert (peak.spo2_percent, peak.rr_bpm) == (97.5, 14)


def test_a_hypertensive_response_crosses_the_limits_on_time() -> None:
    baseline = replace(Baseline(), sbp_mmhg=130)
    parameters = PatientParameters(baseline=baseline, gains=Gains(sbp_mmhg_per_ng_ml=0.30))
    patient = patient_on(plunger_with((0, RATE_NL_H), (40, 0)), parameters)
    minutes = {
        limit: next(m for m in range(60) if patient.vitals(m * MINUTE_NS).sbp_mmhg >= limit)
        for limit in (150, 160, 170, 180)
    }
    assert minutes == {150: 13, 160: 20, 170: 28, 180: 38}
    held = patient_on(plunger_with((0, RATE_NL_H), (20, 0)), parameters)
    found = [held.vitals(m * MINUTE_NS).sbp_mmhg for m in (20, 21, 24, 25, 30, 40)]
    assert found == pytest.approx([160.8, 161.6, 160.5, 159.9, 156.4, 151.0], abs=0.05)


def test_a_threshold_keeps_the_peak_and_shortens_the_return() -> None:
    plain, fast = Gains(), Gains().above_threshold()
    peak = [gains.sbp_mmhg_per_ng_ml * gains.effective_ng_ml(174) for gains in (plain, fast)]
    assert peak[0] == pytest.approx(peak[1])
    late = [gains.sbp_mmhg_per_ng_ml * gains.effective_ng_ml(55.87) for gains in (plain, fast)]
    assert [rise / peak[0] for rise in late] == pytest.approx([0.32, 0.08], abs=0.01)
    assert fast.effective_ng_ml(44) == 0


# --- what else happens ---


def test_a_surge_comes_and_passes_smoothly() -> None:
    surge = PressureSurge(from_ns=100, to_ns=200, ramp_ns=20, sbp_mmhg=40, dbp_mmhg=-10)
    rises = [vitals_with(surge, at_ns).sbp_mmhg - 122 for at_ns in (99, 100, 110, 120, 150, 180, 190, 200)]
    assert rises == pytest.approx([0, 0, 20, 40, 40, 40, 20, 0])
    assert vitals_with(surge, 150).dbp_mmhg == pytest.approx(66)
    steps = [vitals_with(surge, at_ns + 1).sbp_mmhg - vitals_with(surge, at_ns).sbp_mmhg for at_ns in range(100, 120)]
    assert max(steps) < 4
    assert steps[0] < 1 > steps[-1]


def test_saturation_dips_and_stays_a_percentage() -> None:
    dip = SaturationDip(from_ns=10, to_ns=20, ramp_ns=0, depth_percent=13)
    assert [vitals_with(dip, at_ns).spo2_percent for at_ns in (9, 10, 19, 20)] == [97.5, 84.5, 84.5, 97.5]
    assert vitals_with(replace(dip, depth_percent=200), 15).spo2_percent == 0
    assert vitals_with(replace(dip, depth_percent=-200), 15).spo2_percent == 100


def test_heart_rate_ramps_to_its_target_and_back() -> None:
    ramp = HeartRateRamp(from_ns=0, to_ns=10 * MINUTE_NS, target_bpm=125, time_constant_ns=MINUTE_NS)
    rates = [vitals_with(ramp, m * MINUTE_NS).hr_bpm for m in (0, 1, 10, 11, 20)]
    assert rates == pytest.approx([74, 74 + 51 * 0.632, 125, 74 + 51 * 0.368, 74], abs=0.05)
    assert vitals_with(replace(ramp, from_ns=5), 4).hr_bpm == 74


def test_apnoea_stops_the_breath_and_later_the_saturation() -> None:
    apnoea = Apnoea(from_ns=0, to_ns=90 * SECOND_NS)
    found = [vitals_with(apnoea, s * SECOND_NS) for s in (0, 30, 40, 90, 110)]
    assert [vitals.rr_bpm for vitals in found] == [0, 0, 0, 14, 14]
    lost = [97.5 - vitals.spo2_percent for vitals in found]
    assert lost == pytest.approx([0, 0, 3, 18, 18 * 0.3679], abs=0.001)


def test_the_probe_is_off_in_its_window_only() -> None:
    off = ProbeOff(from_ns=10, to_ns=20)
    assert [vitals_with(off, at_ns).probe_on for at_ns in (9, 10, 19, 20)] == [True, False, False, True]


def test_overlays_add_up() -> None:
    surge = PressureSurge(from_ns=0, to_ns=10, ramp_ns=0, sbp_mmhg=10, dbp_mmhg=5)
    patient = patient_on(Plunger(0), PatientParameters(overlays=(surge, surge)))
    assert patient.vitals(5).sbp_mmhg == 142


def test_values_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="not after its begin"):
        Window(from_ns=5, to_ns=5)
    with pytest.raises(ValueError, match="two ramps of 6 ns do not fit into 10 ns"):
        SaturationDip(from_ns=0, to_ns=10, ramp_ns=6, depth_percent=1)
    with pytest.raises(ValueError, match="not after its begin"):
        SaturationDip(from_ns=5, to_ns=5, ramp_ns=0, depth_percent=1)
    with pytest.raises(ValueError, match="above 0 ns"):
        HeartRateRamp(from_ns=0, to_ns=1, target_bpm=100, time_constant_ns=0)
    with pytest.raises(ValueError, match="dead volume is -1 nL"):
        PatientParameters(dead_volume_nl=-1)
