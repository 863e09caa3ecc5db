"""Vital signs of more than one source: the worse counts, a difference alarms, one that is silent leaves the other."""

from dataclasses import replace

import pytest

from pumpd.core import sources
from pumpd.core.alarms import Priority
from pumpd.core.commands import Attested
from pumpd.core.controller import Core
from pumpd.core.events import BrokerConnected, BrokerLost, CuffInflating, SourceOnline, SourceRefused, Trouble
from pumpd.core.modes import Mode
from pumpd.core.ports import NibpFailed, NibpReading, Sample, SamplesReceived, Validity, VitalKind
from pumpd.core.quantities import NS_PER_S
from tests.core.support import World, nibp, ready, running, settings

HR, SPO2, RR = VitalKind.HR, VitalKind.SPO2, VitalKind.RR
NAMES = {HR: "ox7/pr", SPO2: "ox7/spo2", RR: "co2/rr"}


def second(
    world: World,
    kind: VitalKind,
    value: int | None,
    *,
    seconds: int = 1,
    validity: Validity = Validity.VALID,
    source: str | None = None,
) -> None:
    """Let the second source speak once a second beside the first."""
    for _ in range(seconds):
        world.advance(1)
        sample = Sample(
            kind=kind,
            value=value,
            validity=validity,
            measured_at_ns=world.now_ns,
            source=source or NAMES[kind],
            seq=world.now_ns,
        )
        world.tell(SamplesReceived(samples=(sample,)))


@pytest.mark.req("VIT-11")
@pytest.mark.parametrize(("kind", "value"), [(HR, 121), (HR, 49), (SPO2, 91)])
def test_the_worse_of_two_sources_pauses(kind: VitalKind, value: int) -> None:
    world = running()
    second(world, kind, value, seconds=15)
    assert world.mode is Mode.RUNNING
    second(world, kind, value, seconds=6)
    assert world.mode is Mode.PAUSED


@pytest.mark.req("VIT-11")
def test_a_better_source_does_not_hide_that_the_first_one_is_beyond_its_limit() -> None:
    world = running()
    world.spo2 = 91
    second(world, SPO2, 99, seconds=21)
    assert world.mode is Mode.PAUSED


@pytest.mark.req("VIT-11")
def test_two_sources_that_are_beyond_in_turn_are_beyond_all_the_time() -> None:
    world = running()
    second(world, SPO2, 91, seconds=9)
    world.spo2 = 91
    second(world, SPO2, 98, seconds=12)
    assert world.mode is Mode.PAUSED


@pytest.mark.req("VIT-11")
def test_a_value_at_once_beyond_ends_whichever_source_gives_it() -> None:
    world = running()
    second(world, SPO2, 84)
    world.advance(5)
    assert world.mode is Mode.ENDED


@pytest.mark.req("VIT-11")
@pytest.mark.parametrize(("kind", "within", "beyond"), [(HR, 92, 93), (SPO2, 94, 93)])
def test_a_difference_above_its_limit_for_thirty_seconds_alarms(kind: VitalKind, within: int, beyond: int) -> None:
    world = running()
    second(world, kind, within, seconds=40)
    alarm_id = f"{kind.value}-disagree"
    assert alarm_id not in world.alarm_ids()
    second(world, kind, beyond, seconds=30)
    assert alarm_id not in world.alarm_ids()
    second(world, kind, beyond, seconds=1)
    assert alarm_id in world.alarm_ids()
    alarm = next(alarm for alarm in world.core.state.alarms.listed if alarm.id == alarm_id)
    assert alarm.priority is Priority.MEDIUM
    assert "ox7" in alarm.text
    assert world.mode is Mode.RUNNING


@pytest.mark.req("VIT-11")
def test_a_difference_that_ends_in_between_begins_anew() -> None:
    world = running()
    second(world, SPO2, 93, seconds=20)
    second(world, SPO2, 98)
    second(world, SPO2, 93, seconds=20)
    assert "spo2-disagree" not in world.alarm_ids()


@pytest.mark.req("VIT-11", "VIT-02")
def test_one_source_that_falls_silent_leaves_the_other_and_is_told() -> None:
    world = running()
    second(world, SPO2, 97, seconds=5)
    world.advance(60)
    assert world.mode is Mode.RUNNING
    assert "source-silent-spo2" in world.alarm_ids()
    assert "spo2-stale-alert" not in world.alarm_ids()


@pytest.mark.req("VIT-11", "VIT-02")
def test_a_stale_source_no_longer_counts() -> None:
    world = running()
    second(world, SPO2, 93, seconds=1)
    world.advance(14)
    assert sources.used(world.core.state, SPO2, world.now_ns).value == 93  # type: ignore[union-attr]  # it has samples
    world.advance(2)
    assert sources.used(world.core.state, SPO2, world.now_ns).value == 98  # type: ignore[union-attr]  # it has samples


@pytest.mark.req("VIT-11", "VIT-02")
def test_both_sources_lost_pause_by_age() -> None:
    world = running()
    second(world, SPO2, 97, seconds=5)
    world.probe = Validity.PROBE_OFF
    second(world, SPO2, None, seconds=20, validity=Validity.PROBE_OFF)
    assert world.mode is Mode.PAUSED
    assert "spo2-stale-pause" in world.alarm_ids()


@pytest.mark.req("VIT-11")
def test_the_first_source_may_be_lost_while_the_second_carries_on() -> None:
    world = running()
    world.frames = False
    for _ in range(60):
        second(world, HR, 72)
        world.now_ns += 1
        second(world, SPO2, 97)
    assert world.mode is Mode.RUNNING
    world.advance(20)
    assert world.mode is Mode.PAUSED


def test_the_shown_value_has_the_least_room_to_a_limit() -> None:
    world = running()
    second(world, HR, 112)
    used = sources.used(world.core.state, HR, world.now_ns)
    assert used is not None
    assert used.value == 112  # 8 to 120 against 22 to 50
    second(world, HR, 90)
    used = sources.used(world.core.state, HR, world.now_ns)
    assert used is not None
    assert used.value == 72  # 22 against 30


@pytest.mark.req("VIT-11", "START-05")
def test_a_start_needs_every_source_in_range() -> None:
    world = ready()
    second(world, SPO2, 94, seconds=2)
    world.advance(2)
    assert world.core.state.vitals.latest[SPO2].value == 98
    assert "SPO2 94 % is below 95 %" in world.start().reason
    assert world.mode is Mode.READY


@pytest.mark.req("VIT-11")
def test_a_probe_that_is_off_does_not_hinder_a_start_that_another_source_carries() -> None:
    world = ready()
    second(world, SPO2, None, seconds=5, validity=Validity.PROBE_OFF)
    world.start()
    world.advance(5)
    assert world.mode is Mode.RUNNING


@pytest.mark.req("VIT-04", "VIT-06")
def test_a_source_is_as_old_as_its_own_newest_sample() -> None:
    world = running()
    second(world, SPO2, 97)
    old_ns = world.now_ns
    world.advance(10)
    repeated = Sample(
        kind=SPO2, value=80, validity=Validity.VALID, measured_at_ns=old_ns, source="ox7/spo2", seq=old_ns + 1
    )
    world.tell(SamplesReceived(samples=(repeated,)))
    world.advance(5)
    assert world.mode is Mode.RUNNING


@pytest.mark.req("VIT-05", "VIT-11")
def test_an_impossible_value_of_one_source_is_not_cleared_by_the_other() -> None:
    world = running()
    second(world, HR, 10, validity=Validity.IMPOSSIBLE)
    world.advance(5)
    assert world.mode is Mode.PAUSED
    assert world.core.state.interlocks.impossible
    second(world, HR, 72)
    assert not world.core.state.interlocks.impossible


# ---- cuffs ----------------------------------------------------------------------------------------------------------


def other_cuff(world: World, sbp: int, dbp: int = 75) -> NibpReading:
    return replace(nibp(world.now_ns, sbp=sbp, dbp=dbp), source="cuff2/nibp", pulse_bpm=None)


@pytest.mark.req("VIT-11", "VIT-14")
def test_a_good_reading_of_another_cuff_neither_confirms_nor_disproves() -> None:
    world = running()
    world.tell(other_cuff(world, sbp=165))
    world.advance(1)
    world.cuff_answers = False
    world.tell(replace(nibp(world.now_ns), source="cuff3/nibp"))
    pending = world.core.state.interlocks.pending["sbp-high-pause"]
    assert not pending.confirmed
    world.advance(118)
    assert world.mode is Mode.RUNNING
    world.advance(6)
    assert world.mode is Mode.PAUSED


def test_a_reading_from_the_bus_does_not_move_the_schedule_of_our_cuff() -> None:
    world = running()
    before = world.core.state.cuff
    world.tell(other_cuff(world, sbp=120))
    world.tell(NibpFailed(source="cuff2/nibp", cycle=1, reason="invalid", retry=True))
    world.tell(other_cuff(world, sbp=120, dbp=121))
    assert world.core.state.cuff == before


@pytest.mark.req("VIT-11", "VIT-14")
def test_a_reading_that_arrives_after_a_newer_one_of_another_cuff_still_counts() -> None:
    world = running()
    own = world.core.state.vitals.readings[-1]
    world.tell(replace(nibp(own.measured_at_ns - NS_PER_S, sbp=181), source="cuff2/nibp"))
    world.advance(5)
    assert world.mode is Mode.ENDED
    kept = [reading.measured_at_ns for reading in world.core.state.vitals.readings]
    assert kept == sorted(kept)


# ---- respiration ----------------------------------------------------------------------------------------------------


@pytest.mark.req("VIT-17")
@pytest.mark.parametrize(("rr", "wait_s", "mode"), [(9, 30, Mode.PAUSED), (31, 30, Mode.PAUSED), (7, 15, Mode.ENDED)])
def test_a_measured_rate_beyond_its_limit_pauses_or_ends(rr: int, wait_s: int, mode: Mode) -> None:
    world = running()
    second(world, RR, rr, seconds=wait_s)
    assert world.mode is Mode.RUNNING
    second(world, RR, rr, seconds=6)
    assert world.mode is mode


@pytest.mark.req("VIT-17")
def test_a_counted_rate_in_range_does_not_hide_a_measured_one_beyond() -> None:
    world = running()
    second(world, RR, 9, seconds=15)
    world.assess(rr=14)
    second(world, RR, 9, seconds=20)
    assert world.mode is Mode.PAUSED


@pytest.mark.req("VIT-17", "VIT-01")
def test_a_measured_rate_that_falls_silent_alarms() -> None:
    world = running()
    second(world, RR, 14)
    world.advance(31)
    assert "source-silent-rr" in world.alarm_ids()


# ---- identity, clock, presence --------------------------------------------------------------------------------------


def foreign(trouble: Trouble = Trouble.IDENTITY) -> SourceRefused:
    return SourceRefused(source="ox7", trouble=trouble, reason="it names bed2")


@pytest.mark.req("VIT-12")
def test_a_foreign_stream_alarms_and_counts_no_longer() -> None:
    world = running()
    second(world, SPO2, 93)
    world.tell(foreign())
    assert "source-identity-ox7" in world.alarm_ids()
    used = sources.used(world.core.state, SPO2, world.now_ns)
    assert used is not None
    assert used.value == 98
    assert world.mode is Mode.RUNNING


@pytest.mark.req("VIT-12")
def test_a_foreign_stream_that_alone_gave_a_vital_sign_pauses_at_once() -> None:
    world = running()
    world.frames = False
    for _ in range(16):
        second(world, HR, 72)
        world.now_ns += 1
        second(world, SPO2, 97)
    assert world.mode is Mode.RUNNING
    world.tell(foreign())
    world.advance(4)
    assert world.mode is Mode.PAUSED
    world.acknowledge_all()
    assert "ox7: it names bed2" in world.resume().reason


@pytest.mark.req("VIT-12")
def test_a_message_that_is_used_ends_what_was_wrong() -> None:
    world = running()
    world.tell(foreign())
    second(world, SPO2, 97)
    assert not world.core.state.bus.troubles


@pytest.mark.req("VIT-12")
def test_a_message_of_one_source_says_nothing_of_another() -> None:
    world = running()
    world.tell(foreign())
    second(world, RR, 14)
    assert list(world.core.state.bus.troubles) == ["ox7"]


def test_a_refusal_stands_for_thirty_seconds_after_the_last_message_that_was_refused() -> None:
    world = running()
    world.tell(foreign(Trouble.FORM))
    world.advance(10)
    world.tell(foreign(Trouble.FORM))
    last_ns = world.now_ns
    assert [each.condition.id for each in sources.complaints(world.core.state, last_ns + 30 * NS_PER_S - 1)] == [
        "source-form-ox7"
    ]
    assert not list(sources.complaints(world.core.state, last_ns + 30 * NS_PER_S))


def test_with_one_source_its_newest_value_is_used() -> None:
    world = running()
    assert sources.used(world.core.state, HR, world.now_ns) is world.core.state.vitals.latest[HR]
    assert sources.used(world.core.state, RR, world.now_ns + 3_600 * NS_PER_S) is world.core.state.vitals.latest[RR]


def test_a_source_that_goes_is_told_at_once_until_it_is_back() -> None:
    world = running()
    world.tell(foreign(Trouble.OFFLINE))
    assert "source-offline-ox7" in world.alarm_ids()
    world.tell(SourceOnline(source="ox7"))
    assert not world.core.state.bus.troubles


def test_without_the_broker_the_sources_on_it_cannot_be_heard_and_that_is_told_at_once() -> None:
    world = running()
    world.tell(BrokerLost(reason="x", real_ns=world.now_ns))
    assert "sources-unreachable" not in world.alarm_ids()
    world.tell(BrokerConnected(real_ns=world.now_ns))
    second(world, SPO2, 97)
    world.tell(BrokerLost(reason="x", real_ns=world.now_ns))
    assert "sources-unreachable" in world.alarm_ids()


def test_coming_back_does_not_clear_another_identity() -> None:
    world = running()
    world.tell(foreign())
    world.tell(SourceOnline(source="ox7"))
    assert world.core.state.bus.troubles


# ---- a cuff on the limb of the probe --------------------------------------------------------------------------------


@pytest.mark.req("VIT-10")
def test_while_a_cuff_on_the_limb_of_the_probe_inflates_its_values_are_invalid_and_ages_pause() -> None:
    world = running()
    world.tell(CuffInflating(source="cuff2/nibp", limb_shared=True, on=True))
    world.spo2 = 80
    world.advance(14)
    assert world.mode is Mode.RUNNING
    assert world.core.state.vitals.refused[SPO2].validity is Validity.CUFF_INFLATING
    world.advance(6)
    assert world.mode is Mode.PAUSED
    alarm = next(alarm for alarm in world.core.state.alarms.listed if alarm.id == "spo2-stale-pause")
    assert "cuff inflating" in alarm.text


@pytest.mark.req("VIT-10")
def test_a_cuff_on_another_limb_hides_nothing() -> None:
    world = running()
    world.tell(CuffInflating(source="cuff2/nibp", limb_shared=False, on=True))
    world.spo2 = 80
    world.advance(5)
    assert world.mode is Mode.ENDED


@pytest.mark.req("VIT-10")
@pytest.mark.parametrize("ends", ["reading", "failure", "word"])
def test_values_count_again_after_the_cycle(ends: str) -> None:
    world = running()
    world.tell(CuffInflating(source="cuff2/nibp", limb_shared=True, on=True))
    world.advance(5)
    match ends:
        case "reading":
            world.tell(other_cuff(world, sbp=120))
        case "failure":
            world.tell(NibpFailed(source="cuff2/nibp", cycle=1, reason="weak", retry=False))
        case _:
            world.tell(CuffInflating(source="cuff2/nibp", limb_shared=True, on=False))
    world.spo2 = 80
    world.advance(5)
    assert world.mode is Mode.ENDED


@pytest.mark.req("VIT-10")
def test_our_own_cuff_on_the_limb_of_the_probe_hides_its_values_too() -> None:
    world = running()
    world.attest(Attested.LIMB_SHARED)
    world.core.state.cuff = world.core.state.cuff.begun(world.now_ns)
    world.spo2 = 80
    world.advance(5)
    assert world.mode is Mode.RUNNING
    assert world.core.state.vitals.refused[SPO2].validity is Validity.CUFF_INFLATING


def test_a_bed_without_a_button_misses_none() -> None:
    world = World(core=Core(settings()))
    world.boot()
    world.advance(60)
    assert "comfort-link" not in world.alarm_ids()
