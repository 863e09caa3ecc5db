"""What is known of the patient: which sample is new, which run is steady, which readings make a baseline."""

from dataclasses import replace

import pytest

from pumpd.core.ports import NibpReading, Sample, Validity, VitalKind
from pumpd.core.profile import Range
from pumpd.core.session import Baseline
from pumpd.core.vitals import BY_HAND, Steady, Vitals, channel, is_entered
from tests.core.support import S, nibp, vital

HR, MOAAS, RR, SPO2 = VitalKind.HR, VitalKind.MOAAS, VitalKind.RR, VitalKind.SPO2
NOW = 100 * S


def of(source: str, kind: VitalKind = HR, value: int | None = 72, at_ns: int = NOW, seq: int = 0) -> Sample:
    return replace(vital(kind, value, at_ns), source=source, seq=seq)


def known(*samples: Sample) -> Vitals:
    found = Vitals()
    for sample in samples:
        found = found.take(sample, NOW)
    return found


@pytest.mark.parametrize(
    ("kind", "source", "name"),
    [
        (MOAAS, "nurse anna", BY_HAND),
        (RR, "nurse ben", BY_HAND),
        (RR, "ox7/rr", "ox7/rr"),
        (HR, "monitor", "monitor"),
        (HR, "ox7/hr", "ox7/hr"),
    ],
)
def test_a_device_is_one_source_and_all_people_are_one(kind: VitalKind, source: str, name: str) -> None:
    assert channel(of(source, kind)) == name


def test_what_a_person_entered_bears_her_name() -> None:
    assert is_entered(of("nurse anna", RR))
    assert not is_entered(of("ox7/rr", RR))


# ---- steady ---------------------------------------------------------------------------------------------------------


STEADY = Steady(range=Range(vital=HR, low=50, high=110), since_ns=NOW, last_ns=NOW)


def test_a_watch_begins_with_nothing_held() -> None:
    fresh = Steady(range=STEADY.range)
    assert fresh == Steady(range=STEADY.range, since_ns=None, last_ns=0)
    assert fresh.held_ns(0) == 0


@pytest.mark.req("START-05")
@pytest.mark.parametrize(
    ("value", "validity", "holds"),
    [
        (50, Validity.VALID, True),
        (49, Validity.VALID, False),
        (110, Validity.VALID, True),
        (111, Validity.VALID, False),
        (None, Validity.VALID, False),
        (72, Validity.ARTEFACT, False),
    ],
)
def test_a_sample_outside_the_range_or_unusable_ends_the_steady_run(
    value: int | None, validity: Validity, holds: bool
) -> None:
    found = STEADY.take(vital(HR, value, NOW + S, validity))
    assert found == replace(STEADY, **({"last_ns": NOW + S} if holds else {"since_ns": None}))


def test_a_range_without_an_upper_end_has_none() -> None:
    steady = replace(STEADY, range=Range(vital=SPO2, low=95, high=None))
    assert steady.take(vital(SPO2, 100, NOW + S)).since_ns == NOW
    assert steady.take(vital(SPO2, 94, NOW + S)).since_ns is None


def test_an_unsteady_watch_stays_as_it_is() -> None:
    broken = replace(STEADY, since_ns=None)
    assert broken.take(vital(HR, 200, NOW + S)) is broken
    assert broken.take(vital(HR, 72, NOW + S)) == replace(STEADY, since_ns=NOW + S, last_ns=NOW + S)


@pytest.mark.req("START-05")
@pytest.mark.parametrize(("gap_ns", "since_ns"), [(5 * S, NOW), (5 * S + 1, NOW + 5 * S + 1)])
def test_a_gap_in_the_stream_begins_the_run_anew(gap_ns: int, since_ns: int) -> None:
    assert STEADY.take(vital(HR, 72, NOW + gap_ns)).since_ns == since_ns


def test_a_late_sample_does_not_make_the_newest_older() -> None:
    assert STEADY.take(vital(HR, 72, NOW - S)).last_ns == NOW


@pytest.mark.req("START-05")
def test_what_was_held_is_the_time_between_samples_and_ends_with_the_stream() -> None:
    held = replace(STEADY, last_ns=NOW + 30 * S)
    assert held.held_ns(NOW + 31 * S) == 30 * S
    assert held.held_ns(NOW + 35 * S) == 30 * S
    assert held.held_ns(NOW + 35 * S + 1) == 0
    assert replace(held, since_ns=None).held_ns(NOW + 31 * S) == 0


# ---- what is new ----------------------------------------------------------------------------------------------------


@pytest.mark.req("VIT-04", "VIT-06")
@pytest.mark.parametrize(
    ("sample", "new"),
    [
        (of("monitor", at_ns=NOW + 1), True),
        (of("monitor", at_ns=NOW, seq=9), False),
        (of("monitor", at_ns=NOW - 1), False),
        (of("other", at_ns=NOW - 1), True),
        (of("monitor", SPO2, at_ns=NOW - 1), True),
        (of("other", at_ns=NOW + 2 * S), True),
        (of("other", at_ns=NOW + 2 * S + 1), False),
    ],
)
def test_new_is_what_is_younger_than_the_last_of_its_source_and_not_of_the_future(sample: Sample, new: bool) -> None:
    assert known(of("monitor", seq=3)).accepts(sample, NOW) is new


@pytest.mark.req("VIT-18")
@pytest.mark.parametrize(("at_ns", "seq", "new"), [(NOW, 4, True), (NOW, 3, False), (NOW - 1, 4, False)])
def test_of_two_entries_in_one_instant_the_second_corrects_the_first(at_ns: int, seq: int, new: bool) -> None:
    before = known(of("nurse anna", MOAAS, 5, seq=3))
    assert before.accepts(of("nurse ben", MOAAS, 2, at_ns, seq), NOW) is new


@pytest.mark.req("VIT-05", "VIT-06")
def test_a_usable_sample_is_the_newest_of_its_source_and_ends_its_refusal() -> None:
    probe_off = vital(HR, None, NOW - S, Validity.PROBE_OFF)
    no_spo2 = vital(SPO2, None, NOW - S, Validity.SEARCHING)
    sample, reading = of("monitor"), nibp(NOW)
    found = known(no_spo2, probe_off).with_reading(reading)
    assert found.refused == {HR: probe_off, SPO2: no_spo2}
    found = found.take(sample, NOW)
    assert found == Vitals(
        latest={HR: sample}, channels={HR: {"monitor": sample}}, refused={SPO2: no_spo2}, readings=(reading,)
    )
    repeated = replace(sample, value=200)
    assert found.take(repeated, NOW) is found


@pytest.mark.req("VIT-11")
@pytest.mark.parametrize(("at_ns", "newest"), [(NOW - 1, "monitor"), (NOW, "ox7/hr"), (NOW + 1, "ox7/hr")])
def test_the_newest_of_all_sources_says_how_old_a_vital_sign_is(at_ns: int, newest: str) -> None:
    found = known(of("monitor"), of("ox7/hr", at_ns=at_ns))
    assert found.latest[HR].source == newest
    assert set(found.channels[HR]) == {"monitor", "ox7/hr"}


@pytest.mark.req("VIT-05")
def test_an_unusable_sample_renews_nothing_and_explains() -> None:
    sample = of("monitor", at_ns=NOW - 6 * S)
    refused = replace(sample, value=None, validity=Validity.PROBE_OFF, measured_at_ns=NOW)
    found = known(sample, refused)
    assert (found.latest, found.channels) == ({HR: sample}, {HR: {"monitor": sample}})
    assert found.refused == {HR: refused}
    again = replace(refused, measured_at_ns=NOW + S)
    assert found.take(again, NOW + S) is found, "the same cause is the same refusal"
    other = replace(again, validity=Validity.ARTEFACT)
    assert found.take(other, NOW + S).refused == {HR: other}
    assert found.take(of("monitor", value=None, at_ns=NOW + S), NOW + S) is found, "valid without a value says nothing"


@pytest.mark.req("VIT-11")
@pytest.mark.parametrize(("age_ns", "explains"), [(5 * S, False), (5 * S + 1, True)])
def test_a_source_without_a_value_explains_nothing_while_another_gives_one(age_ns: int, explains: bool) -> None:
    found = known(of("ox7/hr", at_ns=NOW - age_ns))
    lost = replace(of("monitor", value=None), validity=Validity.PROBE_OFF)
    assert found.carried_elsewhere(lost) is not explains
    assert (HR in found.take(lost, NOW).refused) is explains
    assert not found.carried_elsewhere(replace(lost, source="ox7/hr")), "its own value is not another's"


# ---- cuff readings --------------------------------------------------------------------------------------------------


@pytest.mark.req("VIT-04", "VIT-19")
@pytest.mark.parametrize(
    ("changes", "taken"),
    [
        ({}, True),
        ({"measured_at_ns": NOW - 60 * S}, False),
        ({"measured_at_ns": NOW - 60 * S, "source": "other"}, True),
        ({"measured_at_ns": NOW + 2 * S}, True),
        ({"measured_at_ns": NOW + 2 * S + 1}, False),
        ({"dbp_mmhg": 1}, True),
        ({"dbp_mmhg": 0}, False),
        ({"dbp_mmhg": 90}, False),
        ({"map_mmhg": 120}, False),
        ({"map_mmhg": 119}, True),
        ({"dbp_mmhg": 89}, True),
    ],
)
def test_a_cuff_reading_is_new_not_of_the_future_and_possible(changes: dict[str, int | str], taken: bool) -> None:
    before = Vitals(readings=tuple(nibp(NOW - age_s * S) for age_s in (99, 90, 60)))
    reading = NibpReading(
        source="cuff", cycle=1, sbp_mmhg=120, dbp_mmhg=75, map_mmhg=90, pulse_bpm=70, measured_at_ns=NOW
    )
    assert before.accepts_reading(replace(reading, **changes), NOW) is taken  # type: ignore[arg-type]
    assert Vitals().accepts_reading(reading, NOW)


def test_the_last_eight_readings_are_kept_in_the_order_of_time() -> None:
    found = Vitals()
    for minute in (2, 1, *range(3, 10)):
        found = found.with_reading(nibp(minute * 60 * S))
    assert [reading.measured_at_ns // (60 * S) for reading in found.readings] == [2, 3, 4, 5, 6, 7, 8, 9]


def test_an_age_is_that_of_the_newest_usable_sample() -> None:
    assert known(of("monitor")).age_ns(HR, NOW + 3 * S) == 3 * S
    assert known(of("monitor")).age_ns(SPO2, NOW) is None


# spacing 300 s, greatest age 900 s
@pytest.mark.req("START-04")
@pytest.mark.parametrize(
    ("readings", "baseline"),
    [
        ((), None),
        (((NOW, 120, 75),), None),
        (((NOW - 299 * S, 131, 80), (NOW, 120, 75)), None),
        (((NOW - 300 * S, 131, 80), (NOW, 120, 75)), (125, 77)),
        (((NOW - 500 * S, 99, 50), (NOW - 300 * S, 131, 80), (NOW, 120, 75)), (125, 77)),
        (((NOW - 900 * S, 131, 80), (NOW, 120, 75)), (125, 77)),
        (((NOW - 900 * S - 1, 131, 80), (NOW, 120, 75)), None),
        (((NOW - 2_000 * S, 131, 80), (NOW - 1_000 * S, 120, 75)), None),
    ],
)
def test_a_baseline_is_the_mean_of_the_two_newest_that_are_apart_and_young(
    readings: tuple[tuple[int, int, int], ...], baseline: tuple[int, int] | None
) -> None:
    found = Vitals(readings=tuple(nibp(*reading) for reading in readings)).baseline(300 * S, 900 * S, NOW)
    assert found == (Baseline(sbp_mmhg=baseline[0], dbp_mmhg=baseline[1]) if baseline else None)
