"""Draws patients: weight, kinetics, baselines and how they answer to the drug. Knows no limit and no device.

The distributions are test proposals, fitted to published mean rises (Vankawala et al. 2021, 2252 treatments) and their
spread (Yale cohort 2024, 2342 infusions); no patient of any clinic is among them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pumpd.core.ports import VitalKind
from simulators.devices.haemodynamics import Baseline, Gains
from simulators.devices.pharmacokinetics import Model
from simulators.harness.population.kinetics import Bools, Floats, Kinetics, kinetics_of, uninterrupted

DOSE_MG_PER_KG = 0.5
PLANNED_S = 40 * 60
PEAK_STEP_S = 15
PEAK_UNTIL_S = PLANNED_S + 10 * 60

WEIGHT_KG = (76.0, 14.0, 45.0, 115.0)
"""Mean, SD, lowest, highest."""
LN_COVARIANCE = ((0.084, 0.023), (0.023, 0.026))
"""Of ln V1 and ln CL between patients: Fanta 2015, Otto 2021; the other models borrow it."""
_TYPICAL, _GAIN = Baseline(), Gains()
BASELINES: Mapping[VitalKind, tuple[float, float, float, float]] = {
    VitalKind.SBP: (_TYPICAL.sbp_mmhg, 11.0, 95.0, 140.0),
    VitalKind.DBP: (_TYPICAL.dbp_mmhg, 8.0, 55.0, 90.0),
    VitalKind.HR: (_TYPICAL.hr_bpm, 9.0, 52.0, 100.0),
    VitalKind.SPO2: (_TYPICAL.spo2_percent, 0.8, 95.0, 100.0),
    VitalKind.RR: (_TYPICAL.rr_bpm, 2.0, 10.0, 20.0),
}
"""Mean, SD, lowest, highest of the true values of people who may start."""
LEAST_PULSE_PRESSURE_MMHG = 20.0
"""Systolic and diastolic are drawn apart from each other; pairs closer than this are drawn again."""
GAIN_SD = (0.70, 0.77, 1.5)
"""SD over mean of the gains of systolic, diastolic, heart rate; the first two hold measurement noise too."""
GAIN_CORRELATION = (0.7, 0.3)
"""Of the systolic gain with the diastolic one and with that of the heart rate."""
SURGE_SHARE = 0.01
SURGE_PEAK_MMHG = (180.0, 195.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """So many patients, one array for each thing that differs between them."""

    weight_kg: Floats
    kinetics: Kinetics
    baseline: Mapping[VitalKind, Floats]
    gain: Mapping[VitalKind, Floats]  # per ng/mL at the effect site; absent where the drug has no effect
    surges: Bools

    @property
    def patients(self) -> int:
        """Return how many there are."""
        return len(self.weight_kg)

    @property
    def rate_mg_min(self) -> Floats:
        """Return the drug flow of the order."""
        rate: Floats = self.weight_kg * (DOSE_MG_PER_KG * 60 / PLANNED_S)
        return rate

    def truth(self, kind: VitalKind, effect_site_ng_ml: Floats) -> Floats:
        """Return the true values of a vital sign."""
        gain = self.gain.get(kind)
        baseline = self.baseline[kind]
        return baseline if gain is None else baseline + gain * effect_site_ng_ml


def draw(
    model: Model,
    patients: int,
    rng: np.random.Generator,
    bounds: Mapping[VitalKind, tuple[float, float]],
    *,
    spread: bool = True,
    surge_share: float = SURGE_SHARE,
) -> Cohort:
    """Draw patients whose true baselines lie also within `bounds`; without `spread` all have the typical kinetics."""
    weight_kg = _cut_normal(rng, patients, *WEIGHT_KG)
    logs = rng.multivariate_normal((0.0, 0.0), LN_COVARIANCE, size=patients) * (1.0 if spread else 0.0)
    factors = np.exp(logs)
    kinetics = kinetics_of(model, weight_kg, factors[:, 0], factors[:, 1])
    baseline = _baselines(rng, patients, bounds)
    first, second, third = rng.standard_normal((3, patients))
    with_dbp, with_hr = GAIN_CORRELATION
    scores = (
        first,
        with_dbp * first + np.sqrt(1 - with_dbp**2) * second,
        with_hr * first + np.sqrt(1 - with_hr**2) * third,
    )
    means = (_GAIN.sbp_mmhg_per_ng_ml, _GAIN.dbp_mmhg_per_ng_ml, _GAIN.hr_bpm_per_ng_ml)
    sbp, dbp, hr = (mean * (1 + sd * score) for mean, sd, score in zip(means, GAIN_SD, scores, strict=True))
    surges = rng.random(patients) < surge_share
    peak_mmhg = rng.uniform(*SURGE_PEAK_MMHG, size=patients)
    rate_mg_min = weight_kg * (DOSE_MG_PER_KG * 60 / PLANNED_S)
    highest = np.zeros(patients)
    for _, site_ng_ml in uninterrupted(
        kinetics, rate_mg_min, planned_s=PLANNED_S, until_s=PEAK_UNTIL_S, step_s=PEAK_STEP_S
    ):
        np.maximum(highest, site_ng_ml, out=highest)
    sbp = np.where(surges, (peak_mmhg - baseline[VitalKind.SBP]) / highest, sbp)
    dbp = np.where(surges, sbp * (means[1] / means[0]), dbp)
    gain = {VitalKind.SBP: sbp, VitalKind.DBP: dbp, VitalKind.HR: hr}
    return Cohort(weight_kg=weight_kg, kinetics=kinetics, baseline=baseline, gain=gain, surges=surges)


def _baselines(
    rng: np.random.Generator, patients: int, bounds: Mapping[VitalKind, tuple[float, float]]
) -> Mapping[VitalKind, Floats]:
    drawn = {kind: _baseline(rng, patients, kind, bounds) for kind in BASELINES}
    while True:
        close = drawn[VitalKind.SBP] - drawn[VitalKind.DBP] < LEAST_PULSE_PRESSURE_MMHG
        if not close.any():
            return drawn
        for kind in (VitalKind.SBP, VitalKind.DBP):
            drawn[kind][close] = _baseline(rng, int(close.sum()), kind, bounds)


def _baseline(
    rng: np.random.Generator, patients: int, kind: VitalKind, bounds: Mapping[VitalKind, tuple[float, float]]
) -> Floats:
    mean, sd, low, high = BASELINES[kind]
    lowest, highest = bounds.get(kind, (low, high))
    return _cut_normal(rng, patients, mean, sd, max(low, lowest), min(high, highest))


MOST_DRAWS = 1_000


def _cut_normal(rng: np.random.Generator, size: int, mean: float, sd: float, low: float, high: float) -> Floats:
    """Draw from a normal distribution; what lies outside is drawn again."""
    drawn = rng.normal(mean, sd, size)
    for _ in range(MOST_DRAWS):
        outside = (drawn < low) | (drawn > high)
        if not outside.any():
            return drawn
        drawn[outside] = rng.normal(mean, sd, int(outside.sum()))
    raise ValueError(
        f"hardly anybody of mean {mean:g} and SD {sd:g} lies between {low:g} and {high:g}: the profile's start range "
        "leaves no cohort"
    )
