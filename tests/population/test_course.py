"""Whole infusions of a cohort: halts against the core's interlocks, resumes against the profile, bookkeeping."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from pumpd.bedside.profile_file import load_profile
from pumpd.core.ports import VitalKind
from pumpd.core.profile import Action
from pumpd.core.quantities import NS_PER_S
from pumpd.core.session import Baseline
from simulators.devices.pharmacokinetics import Model
from simulators.harness.population.cohort import PLANNED_S, draw
from simulators.harness.population.course import ENDS, NEVER, Courses, End, Pause, Reading, play
from simulators.harness.population.kinetics import Ints
from tests.population.test_rules import OneByOne

PROFILE = load_profile(Path(__file__).parents[2] / "config/profiles/ketamine-40min.toml")
DELAY_S = 45
PATIENTS = 60
STRICT = {rule.id for rule in PROFILE.rules if rule.action is not Action.ALERT}
Played = tuple[Courses, list[Reading], Mapping[VitalKind, Ints]]


@cache
def played() -> Played:
    """Half of these patients have a surge, so that most of what can happen does."""
    cohort = draw(Model.CLEMENTS, PATIENTS, np.random.default_rng(1), {}, surge_share=0.5)
    tape: list[Reading] = []
    baselines: dict[VitalKind, Ints] = {}
    rng = np.random.default_rng(2)
    courses = play(cohort, PROFILE, rng, resume_delay_s=DELAY_S, tape=tape, baselines=baselines)
    return courses, tape, baselines


def by_second(tape: list[Reading]) -> Mapping[int, list[Reading]]:
    found: dict[int, list[Reading]] = {}
    for reading in tape:
        found.setdefault(reading.at_s, []).append(reading)
    return found


def core_of(patient: int) -> OneByOne:
    _, _, baselines = played()
    sbp, dbp = (int(baselines[kind][patient]) for kind in (VitalKind.SBP, VitalKind.DBP))
    return OneByOne(replace(PROFILE, ages=()), Baseline(sbp_mmhg=sbp, dbp_mmhg=dbp))


def test_every_halt_comes_in_the_second_in_which_the_core_would_halt_and_no_other() -> None:
    courses, tape, _ = played()
    seconds = by_second(tape)
    ends = {rule.id for rule in PROFILE.rules if rule.action is Action.END}
    for patient in range(PATIENTS):
        core = core_of(patient)
        pauses = {pause.at_s: pause for pause in courses.pauses if pause.patient == patient}
        stops = {stop.at_s: stop for stop in courses.stops if stop.patient == patient}
        running = True
        for now_s in range(1, int(courses.ended_s[patient]) + 1):
            for reading in seconds[now_s]:
                if reading.usable[patient]:
                    core.take(reading.kind, int(reading.values[patient]), now_s, usable=True)
            due = core.due(now_s) & STRICT
            if running:
                assert bool(due) == (now_s in pauses or now_s in stops), f"patient {patient} at {now_s} s: {due}"
            else:
                assert bool(due & ends) == (now_s in stops), f"patient {patient} at {now_s} s: {due}"
            for halt in (pauses.get(now_s), stops.get(now_s)):
                if halt is not None:
                    assert courses.rules[halt.rule].id in due
                    running = False
            running |= any(pause.resumed_s == now_s for pause in pauses.values())
    assert len(courses.pauses) > 30
    assert len(courses.stops) > 5


def in_range(kind: VitalKind, value: int) -> bool:
    ranges = [each for each in PROFILE.resume if each.vital is kind]
    return all(each.low <= value and (each.high is None or value <= each.high) for each in ranges)


def first_resumable_s(core: OneByOne, pause: Pause, seconds: Mapping[int, list[Reading]], until_s: int) -> int:
    """Find when no limit stood and the ranges first held: both streams for their time, and two cuff readings."""
    held_since: dict[VitalKind, int | None] = {VitalKind.HR: None, VitalKind.SPO2: None}
    good = 0
    steady_s = PROFILE.resume_steady_ns // NS_PER_S
    for now_s in range(1, until_s + 1):
        cuff: dict[VitalKind, int] = {}
        for reading in seconds[now_s]:
            if not reading.usable[pause.patient]:
                continue
            value = int(reading.values[pause.patient])
            core.take(reading.kind, value, now_s, usable=True)
            if reading.kind in held_since:
                since = held_since[reading.kind]
                held_since[reading.kind] = (since or now_s) if in_range(reading.kind, value) else None
            elif reading.kind in {VitalKind.SBP, VitalKind.DBP}:
                cuff[reading.kind] = value
        if cuff and now_s > pause.at_s:
            good = good + 1 if all(in_range(kind, value) for kind, value in cuff.items()) else 0
        if now_s <= pause.at_s:
            continue
        steady = all(since is not None and now_s - since >= steady_s for since in held_since.values())
        if steady and good >= 2 and not core.due(now_s) & STRICT:
            return now_s
    return NEVER


def test_a_blood_pressure_pause_can_be_resumed_when_the_ranges_have_held_and_not_before() -> None:
    courses, tape, _ = played()
    seconds = by_second(tape)
    judged = 0
    for pause in courses.pauses:
        if not pause.pressure:
            continue
        ended_s = int(courses.ended_s[pause.patient])
        until_s = pause.resumed_s if pause.resumed_s != NEVER else ended_s
        assert pause.resumable_s == first_resumable_s(core_of(pause.patient), pause, seconds, until_s)
        judged += pause.resumable_s != NEVER
    assert judged > 10


def test_the_nurse_takes_her_time_and_a_pause_has_an_end() -> None:
    courses, _, _ = played()
    longest_s = PROFILE.pause_max_ns // NS_PER_S
    for pause in courses.pauses:
        if pause.resumed_s != NEVER:
            assert pause.resumed_s >= pause.resumable_s + DELAY_S
            assert pause.resumed_s - pause.at_s < longest_s
        else:
            assert courses.ended_s[pause.patient] - pause.at_s <= longest_s


def test_what_ran_and_what_was_paused_is_all_the_time_there_was() -> None:
    courses, _, _ = played()
    for patient in range(PATIENTS):
        ended_s = int(courses.ended_s[patient])
        paused_s = sum(
            (ended_s if pause.resumed_s == NEVER else pause.resumed_s) - pause.at_s
            for pause in courses.pauses
            if pause.patient == patient
        )
        assert courses.ran_s[patient] + paused_s == ended_s
        completed = ENDS[courses.ended[patient]] is End.COMPLETED
        assert completed == (courses.ran_s[patient] == PLANNED_S)


def test_so_many_pauses_end_an_infusion() -> None:
    courses, _, _ = played()
    most = PROFILE.vital_pauses_max
    counts = np.bincount([pause.patient for pause in courses.pauses], minlength=PATIENTS)
    assert counts.max() < most
    last_straw = courses.ended == ENDS.index(End.PAUSES)
    assert last_straw.any()
    assert set(counts[last_straw]) == {most - 1}


def steady(values: Mapping[VitalKind, float], tape: list[Reading] | None = None) -> Courses:
    """Infuse people whom the drug does nothing to and whose true values are these."""
    drawn = draw(Model.CLEMENTS, 150, np.random.default_rng(3), {})
    nothing = np.zeros(drawn.patients)
    cohort = replace(
        drawn,
        baseline={**drawn.baseline, **{kind: nothing + value for kind, value in values.items()}},
        gain=dict.fromkeys(drawn.gain, nothing),
    )
    return play(cohort, PROFILE, np.random.default_rng(4), resume_delay_s=0, tape=tape)


def test_a_crossing_is_false_when_the_truth_lies_further_on_the_safe_side_than_the_noise_is_wide() -> None:
    far = steady({VitalKind.SBP: 154, VitalKind.DBP: 80, VitalKind.HR: 57})
    near = steady({VitalKind.SBP: 156, VitalKind.DBP: 80, VitalKind.HR: 56})
    names = [rule.id for rule in far.rules]
    for name in ("sbp-high-pause", "hr-low-alert"):
        number = names.index(name)
        assert far.met[number].sum() > 5
        assert (far.met_false[number] == far.met[number]).all()
        assert near.met[number].sum() > 5
        assert not near.met_false[number].any()
    high = names.index("sbp-high-pause")
    assert all(pause.false for pause in far.pauses if pause.rule == high)
    assert not any(pause.false for pause in near.pauses if pause.rule == high)


def test_in_a_pause_the_drug_stops_and_the_pressure_comes_down() -> None:
    courses, tape, _ = played()
    readings = [reading for reading in tape if reading.kind is VitalKind.SBP]
    falls: list[float] = []
    for pause in courses.pauses:
        until_s = pause.resumed_s if pause.resumed_s != NEVER else int(courses.ended_s[pause.patient])
        if pause.pressure and until_s - pause.at_s >= 15 * 60:
            early, late = (
                [
                    int(reading.values[pause.patient])
                    for reading in readings
                    if begin_s < reading.at_s <= begin_s + 300 and reading.usable[pause.patient]
                ]
                for begin_s in (pause.at_s, until_s - 300)
            )
            falls.append(float(np.mean(early) - np.mean(late)))
    assert len(falls) > 10
    assert np.mean(falls) > 8


def gaps_s(tape: list[Reading], patients: int) -> list[int]:
    """The times between the usable cuff readings of each patient."""
    found: list[int] = []
    for patient in range(patients):
        at_s = [each.at_s for each in tape if each.kind is VitalKind.SBP and each.usable[patient]]
        found.extend(int(gap_s) for gap_s in np.diff(at_s))
    return found


def test_the_cuff_keeps_its_interval_and_repeats_a_failed_cycle_once_the_limb_has_rested() -> None:
    tape: list[Reading] = []
    courses = steady({VitalKind.SBP: 120, VitalKind.DBP: 70, VitalKind.HR: 75, VitalKind.RR: 15}, tape)
    found = gaps_s(tape, len(courses.ended))
    assert not courses.pauses
    in_time = [gap_s for gap_s in found if 280 <= gap_s <= 320]
    repeated = [gap_s for gap_s in found if 335 <= gap_s <= 395]
    assert len(in_time) > 0.95 * len(found)
    assert len(repeated) >= 10, "2 in 100 cycles fail and permit a repeat"
    assert len(found) - len(in_time) - len(repeated) <= 3, "two failures in a row are rare"


def test_in_a_pause_the_cuff_measures_more_often() -> None:
    tape: list[Reading] = []
    courses = steady({VitalKind.SBP: 170, VitalKind.DBP: 90, VitalKind.HR: 75, VitalKind.RR: 15}, tape)
    assert len(courses.pauses) > 100
    found = gaps_s(tape, len(courses.ended))
    assert sum(100 <= gap_s <= 140 for gap_s in found) > 0.8 * len(found)
    assert min(found) >= 30 + 25, "the limb rests for 30 s"
