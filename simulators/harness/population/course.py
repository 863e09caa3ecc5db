"""The infusions of a cohort under one profile, second by second: pauses, resumes, ends. Knows no table and no page.

A pause stops the flow and the drug's effect follows. The nurse resumes when the profile permits it. Left out: ages of
values, alarms (every one is acknowledged), the pump, the time that a stop takes.
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np

from pumpd.core.cuff import REST_OF_LIMB_NS
from pumpd.core.ports import VitalKind
from pumpd.core.profile import Profile, Range, Side, VitalRule
from pumpd.core.quantities import NS_PER_S
from simulators.devices.nonin.averaging import HR_NOISE_BPM, SPO2_NOISE_PERCENT
from simulators.harness.population import measured
from simulators.harness.population.cohort import PLANNED_S, Cohort
from simulators.harness.population.kinetics import Bools, Floats, Ints, effect_site_ng_ml
from simulators.harness.population.rules import Watch

REST_OF_LIMB_S = REST_OF_LIMB_NS // NS_PER_S
COUNT_EVERY_S = 600
"""A nurse counts the breaths every 10 minutes; in a pause as often as the cuff measures."""
READINGS_IN_RANGE = 2
"""Consecutive cuff readings in range after a blood-pressure pause, as the core asks."""
NEVER = -1
STREAMS = (VitalKind.HR, VitalKind.SPO2)
WATCHED = (VitalKind.SBP, VitalKind.DBP, VitalKind.HR, VitalKind.SPO2, VitalKind.RR)
"""What the model has a truth for; sedation is not among it."""

MARGIN = {
    VitalKind.SBP: measured.SBP_NOISE_MMHG,
    VitalKind.DBP: measured.DBP_NOISE_MMHG,
    VitalKind.HR: HR_NOISE_BPM,
    VitalKind.SPO2: SPO2_NOISE_PERCENT,
    VitalKind.RR: measured.RR_NOISE_BPM,
}
"""A crossing is false when the truth lies on the safe side of the limit by more than this: one SD of the noise."""


class End(Enum):
    """How an infusion ended."""

    COMPLETED = "completed"
    LIMIT = "ended by a limit"
    PAUSES = "ended by one pause too many"
    PAUSE_TOO_LONG = "the pause lasted too long"
    SESSION_TOO_LONG = "the session lasted too long"


ENDS = tuple(End)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """One pause of one infusion."""

    patient: int
    rule: int
    at_s: int
    false: bool
    pressure: bool
    resumable_s: int  # NEVER when no instant of the pause permitted it
    resumed_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A limit, or one pause too many, that ended an infusion."""

    patient: int
    rule: int
    at_s: int
    false: bool
    paused: bool  # it was paused already


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one kind of value was for everybody in one second, and for whom there was one."""

    at_s: int
    kind: VitalKind
    values: Ints
    usable: Bools


@dataclass(frozen=True, slots=True, kw_only=True)
class Courses:
    """What became of a cohort."""

    rules: tuple[VitalRule, ...]
    ended: Ints  # index into ENDS
    ended_s: Ints
    ran_s: Ints
    met: Bools  # rule x patient: due at least once while the pump ran
    met_false: Bools  # and the truth was on the safe side when it was first due
    first_rule: Ints  # the first that paused or ended, or NEVER
    first_s: Ints
    unfit: Bools  # whose newest reading before the start lay outside the start range
    pauses: tuple[Pause, ...]
    stops: tuple[Stop, ...]


def watched_rules(profile: Profile) -> tuple[VitalRule, ...]:
    """Return the rules on what the model has a truth for."""
    return tuple(rule for rule in profile.rules if rule.vital in WATCHED)


def play(
    cohort: Cohort,
    profile: Profile,
    rng: np.random.Generator,
    *,
    resume_delay_s: int,
    tape: list[Reading] | None = None,
    baselines: dict[VitalKind, Ints] | None = None,
) -> Courses:
    """Infuse a cohort to the last patient; `tape` and `baselines` take what was read, for whoever wants to check."""
    ward = _Ward(cohort=cohort, profile=profile, rng=rng, resume_delay_s=resume_delay_s, tape=tape)
    if baselines is not None:
        baselines.update(ward.measured_baseline)
    while ward.open.any():
        ward.second()
    return ward.courses()


class _Ward:
    """The state of all infusions."""

    def __init__(
        self,
        *,
        cohort: Cohort,
        profile: Profile,
        rng: np.random.Generator,
        resume_delay_s: int,
        tape: list[Reading] | None,
    ) -> None:
        self.cohort, self.profile, self.rng = cohort, profile, rng
        self.resume_delay_s = resume_delay_s
        self.tape = tape
        self.now_s = 0
        self.pauses: list[Pause] = []
        self.stops: list[Stop] = []
        patients = cohort.patients
        readings = measured.before_start(self.rng, self.cohort)
        self.measured_baseline = measured.baseline(readings)
        self.unfit = ~_inside(profile.start, readings[1])
        self.watch = Watch(watched_rules(profile), self.measured_baseline, patients)
        self.true_limits = np.zeros(self.watch.limits.shape)
        for number, rule in enumerate(self.watch.rules):
            self.true_limits[number] = rule.limit + (self.cohort.baseline[rule.vital] if rule.relative else 0)
        self.step = self.cohort.kinetics.step(1)
        self.amounts = self.cohort.kinetics.empty()
        self.rate_mg_min = self.cohort.rate_mg_min
        self.running: Bools = np.ones(patients, dtype=np.bool_)
        self.open: Bools = np.ones(patients, dtype=np.bool_)
        self.ran_s: Ints = np.zeros(patients, dtype=np.int64)
        self.ended: Ints = np.full(patients, NEVER)
        self.ended_s: Ints = np.full(patients, NEVER)
        self.met: Bools = np.zeros(self.watch.limits.shape, dtype=np.bool_)
        self.met_false: Bools = np.zeros(self.watch.limits.shape, dtype=np.bool_)
        self.first_rule: Ints = np.full(patients, NEVER)
        self.first_s: Ints = np.full(patients, NEVER)
        self.vital_pauses: Ints = np.zeros(patients, dtype=np.int64)
        self._begin_cuff(patients)
        self._begin_pause_state(patients, readings[1])

    def _begin_cuff(self, patients: int) -> None:
        # the last reading before the start may be of any age up to its interval
        interval_s = self.profile.nibp_interval_ns // NS_PER_S
        self.cuff_started_s: Ints = -self.rng.integers(60, max(interval_s, 61), patients)
        self.cuff_ended_s: Ints = self.cuff_started_s + measured.CYCLE_S[1]
        self.cycle_ends_s: Ints = np.full(patients, NEVER)
        self.measuring: Bools = np.zeros(patients, dtype=np.bool_)
        self.retry: Bools = np.zeros(patients, dtype=np.bool_)
        self.retried: Bools = np.zeros(patients, dtype=np.bool_)
        self.barred: Bools = np.zeros(patients, dtype=np.bool_)

    def _begin_pause_state(self, patients: int, last: measured.Cuff) -> None:
        self.paused_s: Ints = np.full(patients, NEVER)
        self.paused_by: Ints = np.full(patients, NEVER)
        self.paused_false: Bools = np.zeros(patients, dtype=np.bool_)
        self.pressure_pause: Bools = np.zeros(patients, dtype=np.bool_)
        self.resumable_s: Ints = np.full(patients, NEVER)
        self.in_range_streak: Ints = np.zeros(patients, dtype=np.int64)
        self.pressure_in_range: Bools = _inside(self.profile.resume, last)
        self.breaths_in_range: Bools = np.ones(patients, dtype=np.bool_)
        self.steady_since_s = {kind: np.full(patients, NEVER) for kind in STREAMS}

    # ---- one second -------------------------------------------------------------------------------------------------

    def second(self) -> None:
        """Let one second pass."""
        self.now_s += 1
        flow = np.where(self.running, self.rate_mg_min, 0.0)
        self.amounts = self.step.after(self.amounts, flow)
        self.ran_s += self.running
        site_ng_ml = effect_site_ng_ml(self.amounts)
        self._streams(site_ng_ml)
        self._cuff(site_ng_ml)
        self._breaths()
        due = self.watch.due(self.now_s)
        self._note_met(due, site_ng_ml)
        paused_before = self.open & ~self.running
        self._halt(due, site_ng_ml, paused_before)
        self._resume(due, paused_before & self.open)
        self._end(self.running & (self.ran_s >= PLANNED_S), End.COMPLETED)
        too_long = self.open & ~self.running & (self.now_s - self.paused_s >= self.profile.pause_max_ns // NS_PER_S)
        self._end(too_long, End.PAUSE_TOO_LONG)
        longest_s = PLANNED_S + self.profile.session_extra_ns // NS_PER_S
        self._end(self.open & (self.now_s >= longest_s), End.SESSION_TOO_LONG)
        self._inflate()

    def _read(self, kind: VitalKind, values: Ints, usable: Bools) -> None:
        self.watch.take(kind, values, usable, self.now_s)
        if self.tape is not None:
            self.tape.append(Reading(at_s=self.now_s, kind=kind, values=values, usable=usable.copy()))

    def _streams(self, site_ng_ml: Floats) -> None:
        hr = measured.heart_rate(self.rng, self.cohort.truth(VitalKind.HR, site_ng_ml))
        spo2 = measured.saturation(self.rng, self.cohort.truth(VitalKind.SPO2, site_ng_ml))
        for kind, values in ((VitalKind.HR, hr), (VitalKind.SPO2, spo2)):
            self._read(kind, values, self.open)
            since_s = self.steady_since_s[kind]
            inside = _in_range(self.profile.resume, kind, values)
            since_s[~inside] = NEVER
            since_s[inside & (since_s == NEVER)] = self.now_s

    def _cuff(self, site_ng_ml: Floats) -> None:
        over = self.measuring & (self.cycle_ends_s <= self.now_s)
        if not over.any():
            return
        reading = measured.cuff(
            self.rng, self.cohort.truth(VitalKind.SBP, site_ng_ml), self.cohort.truth(VitalKind.DBP, site_ng_ml)
        )
        failed = over & (self.rng.random(len(over)) < measured.CYCLE_FAILS)
        good = over & ~failed & reading.possible
        self.measuring &= ~over
        self.cuff_ended_s[over] = self.now_s
        self.retry[over] = (failed & ~self.retried)[over]
        self.barred[over] = (~good & ~self.retry)[over]
        self._read(VitalKind.SBP, reading.sbp_mmhg, good)
        self._read(VitalKind.DBP, reading.dbp_mmhg, good)
        inside = _inside(self.profile.resume, reading)
        self.in_range_streak[good] = np.where(inside, self.in_range_streak + 1, 0)[good]
        self.pressure_in_range[good] = inside[good]

    def _breaths(self) -> None:
        pause_s = np.where(self.running, 0, self.now_s - self.paused_s)
        every_s = self.profile.nibp_pause_interval_ns // NS_PER_S
        counted = self.open & np.where(
            self.running, self.now_s % COUNT_EVERY_S == 0, (pause_s > 0) & (pause_s % every_s == 0)
        )
        if not counted.any():
            return
        values = measured.respiration(self.rng, self.cohort.baseline[VitalKind.RR])
        self._read(VitalKind.RR, values, counted)
        self.breaths_in_range[counted] = _in_range(self.profile.resume, VitalKind.RR, values)[counted]

    def _inflate(self) -> None:
        interval_s = np.where(self.running, self.profile.nibp_interval_ns, self.profile.nibp_pause_interval_ns)
        interval_s //= NS_PER_S
        rested_s = self.cuff_ended_s + REST_OF_LIMB_S
        soon = self.retry | (self.watch.wants_repeat(self.now_s) & ~self.barred)
        due_s = np.where(soon, rested_s, np.maximum(self.cuff_started_s + interval_s, rested_s))
        begin = self.open & ~self.measuring & (due_s <= self.now_s)
        if not begin.any():
            return
        lengths_s = self.rng.integers(measured.CYCLE_S[0], measured.CYCLE_S[1] + 1, len(begin))
        self.cuff_started_s[begin] = self.now_s
        self.cycle_ends_s[begin] = self.now_s + lengths_s[begin]
        self.retried[begin] = self.retry[begin]
        self.retry &= ~begin
        self.barred &= ~begin
        self.measuring |= begin

    # ---- what follows from it ---------------------------------------------------------------------------------------

    def _note_met(self, due: Bools, site_ng_ml: Floats) -> None:
        fresh = due & self.running & ~self.met
        if not fresh.any():
            return
        self.met |= fresh
        for number in np.flatnonzero(fresh.any(axis=1)):
            who = fresh[number]
            self.met_false[number, who] = self._is_false(int(number), site_ng_ml)[who]

    def _is_false(self, number: int, site_ng_ml: Floats) -> Bools:
        """Say for whom the truth lies on the safe side of a limit by more than the margin."""
        rule = self.watch.rules[number]
        truth = self.cohort.truth(rule.vital, site_ng_ml)
        margin = MARGIN[rule.vital]
        limit: Floats = self.true_limits[number]
        return truth > limit + margin if rule.side is Side.BELOW else truth < limit - margin

    def _halt(self, due: Bools, site_ng_ml: Floats, paused: Bools) -> None:
        restricting = due & self.watch.restricts[:, None] & self.open
        hit = restricting.any(axis=0)
        if not hit.any():
            return
        self.pressure_pause |= (restricting & self.watch.of_pressure[:, None]).any(axis=0)
        ends = restricting & self.watch.ends[:, None]
        ending = ends.any(axis=0)
        by = np.where(ending, ends.argmax(axis=0), restricting.argmax(axis=0))
        fresh = hit & self.running
        self.vital_pauses += fresh
        many = fresh & ~ending & (self.vital_pauses >= self.profile.vital_pauses_max)
        first = fresh & (self.first_rule == NEVER)
        self.first_rule[first] = by[first]
        self.first_s[first] = self.now_s
        for patient in np.flatnonzero((hit & ending) | many):
            false = bool(self._is_false(int(by[patient]), site_ng_ml)[patient])
            self.stops.append(
                Stop(
                    patient=int(patient),
                    rule=int(by[patient]),
                    at_s=self.now_s,
                    false=false,
                    paused=bool(paused[patient]),
                )
            )
        self._end(hit & ending, End.LIMIT)
        self._end(many, End.PAUSES)
        pausing = fresh & self.open
        self.running &= ~pausing
        for number in np.unique(by[pausing]):
            who = pausing & (by == number)
            self.paused_false[who] = self._is_false(int(number), site_ng_ml)[who]
        self.paused_by[pausing] = by[pausing]
        self.paused_s[pausing] = self.now_s
        self.resumable_s[pausing] = NEVER
        self.in_range_streak[pausing] = 0

    def _resume(self, due: Bools, paused: Bools) -> None:
        if not paused.any():
            return
        free = paused & ~(due & self.watch.restricts[:, None]).any(axis=0)
        free &= self.pressure_in_range & self.breaths_in_range
        free &= ~self.pressure_pause | (self.in_range_streak >= READINGS_IN_RANGE)
        steady_s = self.profile.resume_steady_ns // NS_PER_S
        for since_s in self.steady_since_s.values():
            free &= (since_s != NEVER) & (self.now_s - since_s >= steady_s)
        self.resumable_s[free & (self.resumable_s == NEVER)] = self.now_s
        resumed = free & (self.now_s >= self.resumable_s + self.resume_delay_s)
        self._close_pauses(resumed, self.now_s)
        self.running |= resumed
        self.pressure_pause &= ~resumed

    def _close_pauses(self, who: Bools, resumed_s: int) -> None:
        for patient in np.flatnonzero(who):
            self.pauses.append(
                Pause(
                    patient=int(patient),
                    rule=int(self.paused_by[patient]),
                    at_s=int(self.paused_s[patient]),
                    false=bool(self.paused_false[patient]),
                    pressure=bool(self.pressure_pause[patient]),
                    resumable_s=int(self.resumable_s[patient]),
                    resumed_s=resumed_s,
                )
            )

    def _end(self, who: Bools, how: End) -> None:
        if not who.any():
            return
        self._close_pauses(who & ~self.running, NEVER)
        self.open &= ~who
        self.running &= ~who
        self.ended[who] = ENDS.index(how)
        self.ended_s[who] = self.now_s

    def courses(self) -> Courses:
        """Return what became of them."""
        return Courses(
            rules=self.watch.rules,
            ended=self.ended,
            ended_s=self.ended_s,
            ran_s=self.ran_s,
            met=self.met,
            met_false=self.met_false,
            first_rule=self.first_rule,
            first_s=self.first_s,
            unfit=self.unfit,
            pauses=tuple(self.pauses),
            stops=tuple(self.stops),
        )


def _inside(ranges: tuple[Range, ...], reading: measured.Cuff) -> Bools:
    sbp = _in_range(ranges, VitalKind.SBP, reading.sbp_mmhg)
    return sbp & _in_range(ranges, VitalKind.DBP, reading.dbp_mmhg)


def _in_range(ranges: tuple[Range, ...], kind: VitalKind, values: Ints) -> Bools:
    """Say which values lie in the range of their kind; without one every value does."""
    found: Bools = np.ones(values.shape, dtype=np.bool_)
    for wanted in ranges:
        if wanted.vital is kind:
            found &= values >= wanted.low
            if wanted.high is not None:
                found &= values <= wanted.high
    return found
