"""What cuff, oximeter and nurse read of the truth: noise, whole numbers, failures. Knows no limit.

Sizes are test proposals. A cuff may differ from its standard by an SD of 8 mmHg and be a good one; this one has 5.
"""

from dataclasses import dataclass

import numpy as np

from pumpd.core.ports import VitalKind
from simulators.devices.nonin.averaging import HR_NOISE_BPM, SPO2_NOISE_PERCENT
from simulators.harness.population.cohort import Cohort
from simulators.harness.population.kinetics import Bools, Floats, Ints

SBP_NOISE_MMHG = 5.0
DBP_NOISE_MMHG = 3.5
MAP_NOISE_MMHG = 3.0
RR_NOISE_BPM = 1.0
CYCLE_S = (25, 45)
CYCLE_FAILS = 0.02
"""Share of cuff cycles that end in an error which permits one repeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cuff:
    """One reading of each patient; `possible` is false where it contradicts itself, as the daemon judges it."""

    sbp_mmhg: Ints
    dbp_mmhg: Ints
    possible: Bools


def cuff(rng: np.random.Generator, sbp_mmhg: Floats, dbp_mmhg: Floats) -> Cuff:
    """Read true pressures."""
    noise = rng.standard_normal((3, len(sbp_mmhg)))
    sbp = whole(sbp_mmhg + SBP_NOISE_MMHG * noise[0])
    dbp = whole(dbp_mmhg + DBP_NOISE_MMHG * noise[1])
    mean = whole(dbp_mmhg + (sbp_mmhg - dbp_mmhg) / 3 + MAP_NOISE_MMHG * noise[2])
    return Cuff(sbp_mmhg=sbp, dbp_mmhg=dbp, possible=(dbp > 0) & (dbp < mean) & (mean < sbp))


def before_start(rng: np.random.Generator, cohort: Cohort) -> tuple[Cuff, Cuff]:
    """Return the two readings that the baseline is made of."""
    sbp, dbp = cohort.baseline[VitalKind.SBP], cohort.baseline[VitalKind.DBP]
    return cuff(rng, sbp, dbp), cuff(rng, sbp, dbp)


def baseline(readings: tuple[Cuff, Cuff]) -> dict[VitalKind, Ints]:
    """Return their means, rounded down."""
    first, second = readings
    return {
        VitalKind.SBP: (first.sbp_mmhg + second.sbp_mmhg) // 2,
        VitalKind.DBP: (first.dbp_mmhg + second.dbp_mmhg) // 2,
    }


def heart_rate(rng: np.random.Generator, truth_bpm: Floats) -> Ints:
    """Read the heart rate; its mean over eight beats is left out: too short for the drug to move it."""
    return whole(truth_bpm + HR_NOISE_BPM * rng.standard_normal(truth_bpm.shape))


def saturation(rng: np.random.Generator, truth_percent: Floats) -> Ints:
    """Read the saturation; the moving mean of what does not change is left out."""
    return np.clip(whole(truth_percent + SPO2_NOISE_PERCENT * rng.standard_normal(truth_percent.shape)), 0, 100)


def respiration(rng: np.random.Generator, truth_bpm: Floats) -> Ints:
    """Count the breaths, as a nurse does."""
    return np.maximum(0, whole(truth_bpm + RR_NOISE_BPM * rng.standard_normal(truth_bpm.shape)))


def whole(values: Floats) -> Ints:
    """Return the nearest whole numbers, halves upwards."""
    return np.floor(values + 0.5).astype(np.int64)
