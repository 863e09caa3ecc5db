"""What is true of a patient at one instant, and where a monitor gets it from. Knows no monitor and no drug."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueVitals:
    """The truth that monitors measure, unrounded and free of noise.

    `probe_on` tells whether the patient still wears the oximeter probe.
    """

    sbp_mmhg: float
    dbp_mmhg: float
    hr_bpm: float
    spo2_percent: float
    rr_bpm: float
    probe_on: bool = True


VitalsSource = Callable[[int], TrueVitals]
"""Gives the truth at an instant in nanoseconds; a monitor may ask for an instant shortly before the last one."""


def constant(
    *,
    sbp_mmhg: float = 118,
    dbp_mmhg: float = 76,
    hr_bpm: float = 72,
    spo2_percent: float = 97,
    rr_bpm: float = 14,
) -> VitalsSource:
    """Return a source whose patient never changes."""
    truth = TrueVitals(sbp_mmhg=sbp_mmhg, dbp_mmhg=dbp_mmhg, hr_bpm=hr_bpm, spo2_percent=spo2_percent, rr_bpm=rr_bpm)

    def source(_at_ns: int) -> TrueVitals:
        return truth

    return source
