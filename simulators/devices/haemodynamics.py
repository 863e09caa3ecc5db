"""How blood pressure and heart rate answer to the drug. Linear, without tolerance or reflexes; knows no kinetics."""

from dataclasses import dataclass

TYPICAL_EFFECT_SITE_NG_ML = 174.0
"""Effect-site peak of 0.5 mg/kg in 40 minutes (Clements set): where a thresholded response equals the linear one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A patient's readings without the drug; means of the population that may start an infusion."""

    sbp_mmhg: float = 122.0
    dbp_mmhg: float = 76.0
    hr_bpm: float = 74.0
    spo2_percent: float = 97.5
    rr_bpm: float = 14.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gains:
    """Rise per ng/mL at the effect site above `threshold_ng_ml`.

    The defaults give about +12.4/+8.4 mmHg and +4.0/min at the usual peak, the mean rises of Vankawala et al. 2021
    (meta-analysis of 2252 treatments).
    """

    sbp_mmhg_per_ng_ml: float = 0.071
    dbp_mmhg_per_ng_ml: float = 0.048
    hr_bpm_per_ng_ml: float = 0.023
    threshold_ng_ml: float = 0.0

    def above_threshold(self, threshold_ng_ml: float = 45.0) -> "Gains":
        """Return gains with the same usual peak and a faster return to the baseline after the infusion."""
        factor = TYPICAL_EFFECT_SITE_NG_ML / (TYPICAL_EFFECT_SITE_NG_ML - threshold_ng_ml)
        return Gains(
            sbp_mmhg_per_ng_ml=self.sbp_mmhg_per_ng_ml * factor,
            dbp_mmhg_per_ng_ml=self.dbp_mmhg_per_ng_ml * factor,
            hr_bpm_per_ng_ml=self.hr_bpm_per_ng_ml * factor,
            threshold_ng_ml=threshold_ng_ml,
        )

    def effective_ng_ml(self, effect_site_ng_ml: float) -> float:
        """Return the part of the concentration that acts."""
        return max(0.0, effect_site_ng_ml - self.threshold_ng_ml)
