"""Plays a cohort in batches and counts what each limit did. Knows no page; every share is of all infusions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pumpd.core.ports import VitalKind
from pumpd.core.profile import Profile, VitalRule
from pumpd.core.quantities import NS_PER_S
from simulators.devices.pharmacokinetics import Model
from simulators.harness.population.alone import Level, acts, levels
from simulators.harness.population.cohort import PLANNED_S, draw
from simulators.harness.population.course import ENDS, NEVER, Courses, End, play
from simulators.harness.population.kinetics import Bools

BATCH = 2_500
"""So many at a time, each batch with generators of its own: their state stays in the processor's cache."""
STEP: Mapping[VitalKind, int] = {
    VitalKind.SBP: 5,
    VitalKind.DBP: 5,
    VitalKind.HR: 5,
    VitalKind.SPO2: 1,
    VitalKind.RR: 1,
}
"""By how much a limit is shifted in the table; the curve reaches twice as far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """In how many of 100 infusions a limit would act, alone and without any pause."""

    measured: float
    first: float  # if no repeat were asked for
    true: float  # in how many the truth passes it


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one limit did among all the others, as counts of infusions or of pauses, and what it would do alone."""

    rule: VitalRule
    met: int
    met_false: int
    first: int  # the first that paused or ended the infusion
    pauses: int
    pauses_false: int
    resumable: int  # pauses that could be resumed in the time allowed
    resumed: int
    ended: int
    alone: Mapping[int, Shares]  # by the shift of the limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What became of a cohort under one profile."""

    patients: int
    profile: str
    hash: str
    model: Model
    seed: int
    resume_delay_s: int
    pause_max_s: int
    rows: tuple[Row, ...]
    unwatched: tuple[VitalRule, ...]  # limits on what the model has no truth for
    ends: Mapping[End, int]
    unfit: int
    paused: int  # infusions paused at least once
    completed_after_pause: int
    pressure_pauses: int
    pressure_resumable: int
    pressure_false: int
    other_pauses: int
    other_resumable: int
    first_pause_min: tuple[float, ...]
    resumable_after_min: tuple[float, ...]  # from the pause, blood-pressure pauses
    given_percent: tuple[float, ...]  # of the order, in each infusion that did not complete


def findings(
    profile: Profile,
    *,
    model: Model,
    patients: int,
    seed: int,
    resume_delay_s: int,
    progress: Callable[[int], None],
    batch: int = BATCH,
) -> Findings:
    """Infuse so many patients and count; `progress` is told how many are done."""
    bounds = {each.vital: (float(each.low), float(each.high or 2**31)) for each in profile.start}
    courses: list[Courses] = []
    alone: list[tuple[Level, ...]] = []
    done = 0
    for sequence in np.random.SeedSequence(seed).spawn(-(-patients // batch)):
        drawing, reading, playing = (np.random.default_rng(each) for each in sequence.spawn(3))
        cohort = draw(model, min(batch, patients - done), drawing, bounds)
        alone.append(levels(cohort, profile, reading))
        courses.append(play(cohort, profile, playing, resume_delay_s=resume_delay_s))
        done += cohort.patients
        progress(done)
    pauses = [pause for each in courses for pause in each.pauses]
    pressing = [pause for pause in pauses if pause.pressure]
    others = [pause for pause in pauses if not pause.pressure]
    ended = np.concatenate([each.ended for each in courses])
    first_s = np.concatenate([each.first_s for each in courses])
    paused = np.concatenate([_paused(each) for each in courses])
    ran_s = np.concatenate([each.ran_s for each in courses])
    rules = courses[0].rules
    return Findings(
        patients=patients,
        profile=f"{profile.name} {profile.version}",
        hash=profile.hash,
        model=model,
        seed=seed,
        resume_delay_s=resume_delay_s,
        pause_max_s=profile.pause_max_ns // NS_PER_S,
        rows=tuple(_row(number, courses, [each[number] for each in alone]) for number in range(len(rules))),
        unwatched=tuple(rule for rule in profile.rules if rule not in rules),
        ends={end: int((ended == number).sum()) for number, end in enumerate(ENDS)},
        unfit=sum(int(each.unfit.sum()) for each in courses),
        paused=int(paused.sum()),
        completed_after_pause=int((paused & (ended == ENDS.index(End.COMPLETED))).sum()),
        pressure_pauses=len(pressing),
        pressure_resumable=sum(pause.resumable_s != NEVER for pause in pressing),
        pressure_false=sum(pause.false for pause in pressing),
        other_pauses=len(others),
        other_resumable=sum(pause.resumable_s != NEVER for pause in others),
        first_pause_min=tuple(float(at_s) / 60 for at_s in first_s[first_s != NEVER]),
        resumable_after_min=tuple(
            (pause.resumable_s - pause.at_s) / 60 for pause in pressing if pause.resumable_s != NEVER
        ),
        given_percent=tuple(100 * float(each) / PLANNED_S for each in ran_s[ended != ENDS.index(End.COMPLETED)]),
    )


def _paused(courses: Courses) -> Bools:
    who: Bools = np.zeros(len(courses.ended), dtype=np.bool_)
    who[[pause.patient for pause in courses.pauses]] = True
    return who


def _row(number: int, courses: Sequence[Courses], alone: Sequence[Level]) -> Row:
    rule = courses[0].rules[number]
    pauses = [pause for each in courses for pause in each.pauses if pause.rule == number]
    stops = [stop for each in courses for stop in each.stops if stop.rule == number]
    return Row(
        rule=rule,
        met=sum(int(each.met[number].sum()) for each in courses),
        met_false=sum(int(each.met_false[number].sum()) for each in courses),
        first=sum(int((each.first_rule == number).sum()) for each in courses),
        pauses=len(pauses),
        pauses_false=sum(pause.false for pause in pauses),
        resumable=sum(pause.resumable_s != NEVER for pause in pauses),
        resumed=sum(pause.resumed_s != NEVER for pause in pauses),
        ended=len(stops),
        alone=_alone(rule, alone),
    )


def _alone(rule: VitalRule, found: Sequence[Level]) -> Mapping[int, Shares]:
    measured = np.concatenate([each.measured for each in found])
    first = np.concatenate([each.first for each in found])
    true = np.concatenate([each.true for each in found])
    reach = 2 * STEP[rule.vital]
    return {
        shift: Shares(
            measured=100 * acts(rule, measured, rule.limit + shift),
            first=100 * acts(rule, first, rule.limit + shift),
            true=100 * acts(rule, true, rule.limit + shift),
        )
        for shift in range(-reach, reach + 1)
    }
