"""Each limit by itself on infusions that nothing pauses: at which value it would have begun to act. Knows no pause.

One number for each patient and rule, the critical value, answers for every limit at once: the rule acts where the
critical value is beyond the limit. Left out: cuff cycles that fail.
"""

from dataclasses import dataclass

import numpy as np

from pumpd.core.ports import VitalKind
from pumpd.core.profile import Profile, Side, VitalRule
from pumpd.core.quantities import NS_PER_S
from simulators.harness.population import measured
from simulators.harness.population.cohort import PLANNED_S, Cohort
from simulators.harness.population.course import COUNT_EVERY_S, watched_rules
from simulators.harness.population.kinetics import Floats, Ints, uninterrupted

REPEAT_AFTER_S = 65
"""From one reading to the one that repeats it: 30 s of rest and a cycle of 35 s."""
Numbers = Ints | Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """The critical values of one rule; of a rule above the baseline they are rises."""

    rule: VitalRule
    measured: Ints
    first: Ints  # without the repeat that confirms; otherwise the same
    true: Floats


def levels(cohort: Cohort, profile: Profile, rng: np.random.Generator) -> tuple[Level, ...]:
    """Infuse a cohort without a pause and return what each rule made of it."""
    site_ng_ml = np.stack(
        [
            site
            for _, site in uninterrupted(
                cohort.kinetics, cohort.rate_mg_min, planned_s=PLANNED_S, until_s=PLANNED_S, step_s=1
            )
        ]
    )
    series = _Series(cohort, profile, rng, site_ng_ml)
    return tuple(_level(rule, series) for rule in watched_rules(profile))


class _Series:
    """What was read during the infusion, time along the first axis."""

    def __init__(self, cohort: Cohort, profile: Profile, rng: np.random.Generator, site_ng_ml: Floats) -> None:
        self.cohort = cohort
        self.highest_ng_ml = site_ng_ml.max(axis=0)
        self.baseline = measured.baseline(measured.before_start(rng, cohort))
        every_s = profile.nibp_interval_ns // NS_PER_S
        self.values: dict[VitalKind, Ints] = {}
        self.repeats: dict[VitalKind, Ints] = {}
        self.period_s = {VitalKind.HR: 1, VitalKind.SPO2: 1, VitalKind.RR: COUNT_EVERY_S}
        at_s = range(every_s, PLANNED_S + 1, every_s)
        for into, instants in ((self.values, at_s), (self.repeats, [at + REPEAT_AFTER_S for at in at_s])):
            read = [self._cuff(rng, site_ng_ml[min(at, PLANNED_S)]) for at in instants]
            into[VitalKind.SBP] = np.stack([each.sbp_mmhg for each in read])
            into[VitalKind.DBP] = np.stack([each.dbp_mmhg for each in read])
        for kind in self.repeats:
            self.period_s[kind] = every_s
        self.values[VitalKind.HR] = measured.heart_rate(rng, cohort.truth(VitalKind.HR, site_ng_ml[1:]))
        spo2 = np.broadcast_to(cohort.baseline[VitalKind.SPO2], (PLANNED_S, cohort.patients))
        self.values[VitalKind.SPO2] = measured.saturation(rng, spo2)
        counts = len(range(COUNT_EVERY_S, PLANNED_S, COUNT_EVERY_S))
        breaths = np.broadcast_to(cohort.baseline[VitalKind.RR], (counts, cohort.patients))
        self.values[VitalKind.RR] = measured.respiration(rng, breaths)

    def _cuff(self, rng: np.random.Generator, site_ng_ml: Floats) -> measured.Cuff:
        truth = self.cohort.truth
        return measured.cuff(rng, truth(VitalKind.SBP, site_ng_ml), truth(VitalKind.DBP, site_ng_ml))


def _level(rule: VitalRule, series: _Series) -> Level:
    kind = rule.vital
    # below a limit is above it with the signs turned
    sign = -1 if rule.side is Side.BELOW else 1
    values = sign * series.values[kind]
    samples = rule.for_ns // NS_PER_S // series.period_s[kind] + 1
    first = _lowest_of(values, samples).max(axis=0)
    found = first
    if rule.confirm_within_ns is not None and kind in series.repeats:
        found = np.minimum(values, sign * series.repeats[kind]).max(axis=0)
    truth = series.cohort.truth
    true = np.maximum(sign * truth(kind, np.zeros(series.cohort.patients)), sign * truth(kind, series.highest_ng_ml))
    measured_from = series.baseline[kind] if rule.relative else 0
    true_from = series.cohort.baseline[kind] if rule.relative else 0.0
    return Level(
        rule=rule,
        measured=sign * found - measured_from,
        first=sign * first - measured_from,
        true=sign * true - true_from,
    )


def _lowest_of(values: Ints, samples: int) -> Ints:
    """Return the lowest of each so many consecutive samples; of all of them where there are fewer."""
    lowest, have = values, 1
    wanted = min(samples, len(values))
    while have < wanted:
        more = min(have, wanted - have)
        lowest = np.minimum(lowest[:-more], lowest[more:])
        have += more
    return lowest


def acts(rule: VitalRule, critical: Numbers, limit: int) -> float:
    """Return the share of patients in whom the rule, with another limit, would have acted."""
    if rule.side is Side.BELOW:
        return float((critical < limit).mean())
    return float((critical >= limit).mean() if rule.side is Side.AT_OR_ABOVE else (critical > limit).mean())
