"""The rules on vital signs at their boundaries, in value and in time, on the default profile."""

from dataclasses import replace

import pytest

from pumpd.core.alarms import Priority
from pumpd.core.controller import Core
from pumpd.core.effects import MeasureNibp, SendStop
from pumpd.core.events import DeadlineReached
from pumpd.core.modes import Mode
from pumpd.core.ports import NibpFailed, PumpState, PumpStatus, SamplesReceived, Validity, VitalKind
from pumpd.core.session import Baseline
from tests.core.support import MS, S, core_in, frame, nibp, only, running, vital

HR, SPO2, SBP, DBP, MOAAS = VitalKind.HR, VitalKind.SPO2, VitalKind.SBP, VitalKind.DBP, VitalKind.MOAAS


class Bed:
    """A running core whose pump stays as commanded, so that only vital signs can act."""

    def __init__(self) -> None:
        self.core, self.start_ns = core_in(Mode.RUNNING)
        self.now_ns = self.start_ns

    def keep_pump(self) -> None:
        state = self.core.state
        if state.watch is None:
            return
        state.pump = replace(state.pump, status=PumpStatus(state=PumpState.MOVING, asked_at_ns=self.now_ns))
        state.watch = replace(state.watch, reads=(replace(state.watch.reads[-1], asked_at_ns=self.now_ns),))
        state.running_since_ns = self.now_ns

    def others(self, *but: VitalKind) -> None:
        usual = {HR: 72, SPO2: 98, SBP: 120, DBP: 75}
        self.give(*(vital(kind, value, self.now_ns) for kind, value in usual.items() if kind not in but))

    def give(self, *samples: object) -> list[object]:
        self.keep_pump()
        return list(self.core.handle(SamplesReceived(samples=samples), self.now_ns))  # type: ignore[arg-type]

    def tick(self) -> list[object]:
        self.keep_pump()
        return list(self.core.handle(DeadlineReached(real_ns=self.core.state.real_ns), self.now_ns))

    @property
    def acted(self) -> str:
        state = self.core.state
        if state.halt is None:
            return "alert" if any(alarm.active for alarm in state.alarms.listed) else "none"
        return "end" if state.ending else "pause"


@pytest.mark.req("VIT-09", "VIT-14", "VIT-16", "VIT-18", "VIT-01")
@pytest.mark.parametrize(
    ("kind", "value", "acts"),
    [
        (SBP, 149, "none"),
        (SBP, 150, "alert"),
        (SBP, 159, "alert"),
        (SBP, 160, "alert"),
        (SBP, 179, "alert"),
        (SBP, 180, "end"),
        (SBP, 181, "end"),
        (SBP, 100, "none"),
        (SBP, 99, "alert"),
        (SBP, 90, "alert"),
        (SBP, 89, "pause"),
        (SBP, 80, "pause"),
        (SBP, 79, "end"),
        (DBP, 94, "none"),
        (DBP, 95, "alert"),
        (DBP, 109, "alert"),
        (DBP, 110, "end"),
        (HR, 110, "none"),
        (HR, 111, "alert"),
        (HR, 55, "none"),
        (HR, 54, "alert"),
        (SPO2, 95, "none"),
        (SPO2, 94, "none"),
        (SPO2, 85, "none"),
        (SPO2, 84, "end"),
        (SPO2, 100, "none"),
        (MOAAS, 4, "none"),
        (MOAAS, 3, "pause"),
        (MOAAS, 2, "end"),
    ],
)
def test_what_a_first_value_does(kind: VitalKind, value: int, acts: str) -> None:
    bed = Bed()
    bed.core.state.baseline = Baseline(sbp_mmhg=190, dbp_mmhg=190)
    bed.now_ns += S
    bed.others(kind)
    effects = bed.give(vital(kind, value, bed.now_ns))
    assert bed.acted == acts
    assert bool(only(effects, SendStop)) is (acts in {"pause", "end"})  # type: ignore[arg-type]


@pytest.mark.req("VIT-15", "VIT-16", "VIT-09", "VIT-07")
@pytest.mark.parametrize(
    ("kind", "value", "beyond_s", "acts"),
    [
        (HR, 120, 15, "alert"),
        (HR, 121, 15, "pause"),
        (HR, 140, 15, "pause"),
        (HR, 141, 5, "end"),
        (HR, 50, 15, "alert"),
        (HR, 49, 15, "pause"),
        (HR, 40, 15, "pause"),
        (HR, 39, 5, "end"),
        (SPO2, 92, 15, "none"),
        (SPO2, 91, 15, "pause"),
        (SPO2, 90, 15, "pause"),
        (SPO2, 89, 10, "end"),
        (SPO2, 94, 20, "alert"),
    ],
)
def test_a_timed_limit_acts_when_its_time_is_reached(kind: VitalKind, value: int, beyond_s: int, acts: str) -> None:
    bed = Bed()
    bed.now_ns += S
    crossed_ns = bed.now_ns
    for second in range(beyond_s):
        bed.now_ns = crossed_ns + second * S
        bed.others(kind)
        bed.give(vital(kind, value, bed.now_ns))
    early = "alert" if kind is HR else "none"
    bed.now_ns = crossed_ns + beyond_s * S - MS
    bed.others(kind)
    bed.tick()
    assert bed.acted == early
    bed.now_ns = crossed_ns + beyond_s * S
    timer_ns = bed.core.next_deadline_ns(bed.now_ns - MS)
    assert timer_ns <= bed.now_ns or acts == early, "the timer is set to the moment"
    bed.tick()
    assert bed.acted == acts


@pytest.mark.req("VIT-05", "VIT-16")
def test_unusable_samples_neither_start_nor_clear_nor_refresh() -> None:
    bed = Bed()
    bed.now_ns += S
    bed.others(SPO2)
    bed.give(vital(SPO2, 80, bed.now_ns, Validity.ARTEFACT))
    assert bed.acted == "none", "an unusable value starts nothing"
    bed.give(vital(SPO2, 91, bed.now_ns))
    crossed_ns = bed.now_ns
    for second in range(1, 15):
        bed.now_ns = crossed_ns + second * S
        bed.others(SPO2)
        bed.give(vital(SPO2, 98, bed.now_ns, Validity.SEARCHING))
    latest = bed.core.state.vitals.latest[SPO2]
    assert latest.measured_at_ns == crossed_ns, "an unusable value refreshes nothing"
    bed.now_ns = crossed_ns + 15 * S
    bed.tick()
    assert bed.acted == "pause", "an unusable value clears nothing"


@pytest.mark.req("VIT-02", "VIT-01")
@pytest.mark.parametrize("kind", [HR, SPO2])
@pytest.mark.parametrize(
    ("age_s", "before", "acts"), [(5, "none", "alert"), (15, "alert", "pause"), (120, "pause", "end")]
)
def test_the_age_of_a_stream_at_its_bounds(kind: VitalKind, age_s: int, before: str, acts: str) -> None:
    for offset_ms, expected in ((-1, before), (0, acts), (1, acts)):
        bed = Bed()
        bed.now_ns += S
        bed.others()
        since_ns = bed.now_ns
        bed.now_ns = since_ns + age_s * S + offset_ms * MS
        bed.others(kind)
        assert bed.acted == expected, offset_ms


@pytest.mark.req("VIT-03")
@pytest.mark.parametrize(
    ("age_s", "before", "acts"), [(420, "none", "alert"), (600, "alert", "pause"), (900, "pause", "end")]
)
def test_the_age_of_the_cuff_value_at_its_bounds(age_s: int, before: str, acts: str) -> None:
    for offset_ms, expected in ((-1, before), (0, acts), (1, acts)):
        bed = Bed()
        bed.now_ns += S
        bed.others()
        bed.now_ns += age_s * S + offset_ms * MS
        bed.others(SBP, DBP)
        assert bed.acted == expected, offset_ms


@pytest.mark.req("VIT-14")
@pytest.mark.parametrize(("sbp", "dbp"), [(160, 75), (160, 99), (120, 100), (161, 75)])
def test_a_high_pressure_pauses_when_a_repeat_confirms_it(sbp: int, dbp: int) -> None:
    bed = Bed()
    bed.now_ns += S
    bed.others(SBP, DBP)
    effects = list(bed.core.handle(nibp(bed.now_ns, sbp, dbp), bed.now_ns))
    assert not only(effects, SendStop)
    assert bed.core.state.interlocks.wants_repeat(bed.now_ns)
    bed.now_ns += 45 * S
    bed.others(SBP, DBP)
    effects = list(bed.core.handle(nibp(bed.now_ns, sbp, dbp), bed.now_ns))
    assert only(effects, SendStop)
    assert bed.acted == "pause"


@pytest.mark.req("VIT-14")
@pytest.mark.parametrize(
    ("rise_sbp", "rise_dbp", "crosses"), [(39, 0, False), (40, 0, True), (0, 24, False), (0, 25, True)]
)
def test_a_rise_above_baseline_at_its_bounds(rise_sbp: int, rise_dbp: int, crosses: bool) -> None:
    bed = Bed()
    bed.core.state.baseline = Baseline(sbp_mmhg=105, dbp_mmhg=60)
    bed.now_ns += S
    bed.others(SBP, DBP)
    list(bed.core.handle(nibp(bed.now_ns, 105 + rise_sbp, 60 + rise_dbp), bed.now_ns))
    assert bed.core.state.interlocks.wants_repeat(bed.now_ns) is crosses


@pytest.mark.req("VIT-14")
def test_a_repeat_in_range_disproves_and_a_missing_one_pauses_at_120_s() -> None:
    bed = Bed()
    bed.now_ns += S
    bed.others(SBP, DBP)
    list(bed.core.handle(nibp(bed.now_ns, 165), bed.now_ns))
    bed.now_ns += 60 * S
    bed.others(SBP, DBP)
    list(bed.core.handle(nibp(bed.now_ns, 140), bed.now_ns))
    bed.now_ns += 100 * S
    bed.others(SBP, DBP)
    assert bed.core.state.halt is None
    list(bed.core.handle(nibp(bed.now_ns, 165), bed.now_ns))
    crossed_ns = bed.now_ns
    bed.now_ns = crossed_ns + 120 * S - MS
    bed.others(SBP, DBP)
    assert bed.core.state.halt is None
    bed.now_ns += MS
    bed.tick()
    assert bed.acted == "pause"
    assert "not disproved by a repeat" in (bed.core.state.pause_cause or "")


@pytest.mark.req("VIT-04", "VIT-06")
def test_repeated_older_and_future_samples_are_not_taken() -> None:
    bed = Bed()
    bed.now_ns += S
    bed.others()
    at_ns = bed.now_ns
    bed.now_ns += S
    for sample in (
        vital(HR, 200, at_ns),
        vital(HR, 200, at_ns - MS),
        vital(HR, 200, bed.now_ns + 2 * S + 1),
    ):
        bed.give(sample)
        assert bed.core.state.vitals.latest[HR].measured_at_ns == at_ns
        assert bed.core.state.vitals.latest[HR].value != 200
    bed.give(vital(HR, 73, bed.now_ns + 2 * S))
    assert bed.core.state.vitals.latest[HR].measured_at_ns == bed.now_ns, "age counts at least from receipt"


@pytest.mark.req("VIT-05")
@pytest.mark.parametrize("kind", [HR, SBP, DBP])
def test_an_impossible_value_pauses_at_once_and_a_good_one_clears_it(kind: VitalKind) -> None:
    bed = Bed()
    bed.now_ns += S
    bed.others(kind)
    effects = bed.give(vital(kind, 350, bed.now_ns, Validity.IMPOSSIBLE))
    assert only(effects, SendStop)  # type: ignore[arg-type]
    assert f"{kind.value}-impossible" in {alarm.id for alarm in bed.core.state.alarms.listed}
    bed.now_ns += S
    bed.others()
    assert not bed.core.state.interlocks.impossible


@pytest.mark.req("VIT-19", "VIT-04")
@pytest.mark.parametrize(
    "reading",
    [
        replace(nibp(0, 120, 75), map_mmhg=70),
        replace(nibp(0, 120, 75), map_mmhg=120),
        replace(nibp(0, 120, 75), dbp_mmhg=0),
        nibp(2 * S + 1, 120, 75),
    ],
)
def test_a_reading_that_cannot_be_is_not_used(reading: object) -> None:
    bed = Bed()
    bed.now_ns += S
    bed.others()
    before = bed.core.state.vitals.readings
    at = replace(reading, measured_at_ns=bed.now_ns + reading.measured_at_ns)  # type: ignore[type-var, attr-defined]
    list(bed.core.handle(at, bed.now_ns))  # type: ignore[arg-type]
    assert bed.core.state.vitals.readings == before


@pytest.mark.req("VIT-01", "ALRM-04")
def test_of_several_causes_the_most_restrictive_acts_and_all_are_listed() -> None:
    bed = Bed()
    bed.now_ns += S
    bed.others(SPO2, SBP)
    bed.give(vital(SPO2, 80, bed.now_ns), vital(SBP, 85, bed.now_ns))
    assert bed.acted == "end"
    listed = {alarm.id: alarm.priority for alarm in bed.core.state.alarms.listed}
    assert listed["spo2-very-low-end"] is Priority.HIGH
    assert listed["sbp-low-pause"] is Priority.MEDIUM


# ---- the cuff -------------------------------------------------------------------------------------------------------


@pytest.mark.req("VIT-03")
@pytest.mark.parametrize(("retry", "cycles"), [(True, 2), (False, 1)])
def test_a_failed_cycle_is_repeated_once_where_its_cause_permits(retry: bool, cycles: int) -> None:
    world = running(20)
    world.cuff_answers = False
    begun = count = len([1 for _, effect in world.effects if isinstance(effect, MeasureNibp)])
    for _ in range(420):
        world.advance(1)
        now = len([1 for _, effect in world.effects if isinstance(effect, MeasureNibp)])
        if now > count:
            count = now
            world.tell(NibpFailed(source="cuff", cycle=now, reason="weak signal", retry=retry))
    assert count - begun == cycles


@pytest.mark.req("VIT-03", "VIT-14")
def test_a_cuff_that_fails_for_good_is_not_inflated_again_for_a_repeat() -> None:
    world = running(20)
    world.cuff_answers = False
    world.tell(nibp(world.now_ns, 165, 90))
    count = len([1 for _, effect in world.effects if isinstance(effect, MeasureNibp)])
    for _ in range(118):
        world.advance(1)
        now = len([1 for _, effect in world.effects if isinstance(effect, MeasureNibp)])
        if now > count:
            world.tell(NibpFailed(source="cuff", cycle=now, reason="air leak", retry=False))
            break
    world.advance(100)
    assert len([1 for _, effect in world.effects if isinstance(effect, MeasureNibp)]) <= count + 2
    assert world.mode in {Mode.PAUSED, Mode.STOPPING, Mode.RUNNING}


def test_a_frame_is_judged_in_one_call() -> None:
    core, now = core_in(Mode.RUNNING)
    assert isinstance(core, Core)
    first = next(iter(core.handle(frame(now + S, spo2=80), now + S)))
    assert first == SendStop()
