"""The rules for arrays decide as the core's interlocks do."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pumpd.bedside.profile_file import load_profile
from pumpd.core.interlocks import Interlocks
from pumpd.core.ports import Sample, Validity, VitalKind
from pumpd.core.profile import Profile
from pumpd.core.quantities import NS_PER_S
from pumpd.core.session import Baseline
from pumpd.core.vitals import Vitals
from simulators.harness.population.course import WATCHED, watched_rules
from simulators.harness.population.kinetics import Bools, Ints
from simulators.harness.population.rules import Watch

PATIENTS = 200
LASTS_S = 300
PROFILE = replace(load_profile(Path(__file__).parents[2] / "config/profiles/ketamine-40min.toml"), ages=())
SPANS = {
    VitalKind.SBP: (75, 190),
    VitalKind.DBP: (60, 115),
    VitalKind.HR: (36, 145),
    VitalKind.SPO2: (83, 98),
    VitalKind.RR: (6, 33),
}
"""Wide enough to pass every limit of the profile."""


class OneByOne:
    """The core's interlocks of one patient."""

    def __init__(self, profile: Profile, baseline: Baseline) -> None:
        self._profile = profile
        self._baseline = baseline
        # the margin by which a limit clears is not in the population's model
        rules = tuple(replace(rule, clear_by=0) for rule in profile.rules)
        self._rules = {kind: tuple(rule for rule in rules if rule.vital is kind) for kind in WATCHED}
        self._interlocks = Interlocks()

    def take(self, kind: VitalKind, value: int, now_s: int, *, usable: bool) -> None:
        sample = Sample(
            kind=kind,
            value=value if usable else None,
            validity=Validity.VALID if usable else Validity.MISSING,
            measured_at_ns=now_s * NS_PER_S,
            source="test",
            seq=now_s,
        )
        self._interlocks = self._interlocks.take(sample, self._rules[kind], self._baseline)

    def due(self, now_s: int) -> set[str]:
        return {trip.rule for trip in self._interlocks.trips(self._profile, Vitals(), now_s * NS_PER_S)}

    def wants_repeat(self, now_s: int) -> bool:
        return self._interlocks.wants_repeat(now_s * NS_PER_S)


def wander(rng: np.random.Generator, low: int, high: int, values: Ints) -> Ints:
    """Mostly stay near the last value, now and then leap, so that both holding and crossing occur."""
    leaps = rng.random(PATIENTS) < 0.05
    near = values + rng.integers(-2, 3, PATIENTS)
    return np.clip(np.where(leaps, rng.integers(low, high + 1, PATIENTS), near), low, high)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_decisions_on_the_series_of_some_hundred_patients(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rules = watched_rules(PROFILE)
    baseline = {VitalKind.SBP: rng.integers(100, 140, PATIENTS), VitalKind.DBP: rng.integers(60, 90, PATIENTS)}
    watch = Watch(rules, baseline, PATIENTS)
    cores = [
        OneByOne(PROFILE, Baseline(sbp_mmhg=int(sbp), dbp_mmhg=int(dbp)))
        for sbp, dbp in zip(baseline[VitalKind.SBP], baseline[VitalKind.DBP], strict=True)
    ]
    values = {kind: rng.integers(low, high + 1, PATIENTS) for kind, (low, high) in SPANS.items()}
    ever: set[str] = set()
    for now_s in range(1, LASTS_S):
        for kind, (low, high) in SPANS.items():
            every_s = 1 if kind in {VitalKind.HR, VitalKind.SPO2} else 40
            taken: Bools = rng.random(PATIENTS) < 1 / every_s
            usable: Bools = taken & (rng.random(PATIENTS) < 0.97)
            values[kind] = np.where(taken, wander(rng, low, high, values[kind]), values[kind])
            watch.take(kind, values[kind], usable, now_s)
            for patient in np.flatnonzero(taken):
                cores[patient].take(kind, int(values[kind][patient]), now_s, usable=bool(usable[patient]))
        if now_s % 5:
            continue
        due, repeat = watch.due(now_s), watch.wants_repeat(now_s)
        for patient, core in enumerate(cores):
            found = {rules[number].id for number in np.flatnonzero(due[:, patient])}
            assert found == core.due(now_s), f"patient {patient} at {now_s} s"
            assert repeat[patient] == core.wants_repeat(now_s)
            ever |= found
    assert ever == {rule.id for rule in rules}
