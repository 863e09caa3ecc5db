"""The discharge: what it asks for, that values are judged and not attested, and what is handed over (CLIN-08)."""

from collections.abc import Callable

import pytest

from pumpd.core.commands import FOR_DISCHARGE, Attested, Close, ReceiptState
from pumpd.core.effects import Decision
from pumpd.core.modes import Mode
from pumpd.core.phase import SessionPhase, phase
from pumpd.core.ports import PumpState, PumpStatus, SamplesReceived, Validity, VitalKind
from tests.core.support import S, World, in_mode, nibp, paused, vital

MIN = 60


def observed() -> World:
    """Return a world in which everything is as a discharge asks for."""
    world = in_mode(Mode.ENDED)
    fit(world)
    return world


def fit(world: World) -> None:
    """Let the observation last, and its end be as it should: two hours, of which the last twelve minutes are played."""
    world.advance(12 * MIN)
    since_ns = world.core.state.observing_since_ns
    assert since_ns is not None
    world.core.state.observing_since_ns = since_ns - 108 * MIN * S
    world.make_fit()
    world.acknowledge_all()


def lines(world: World, cause: str) -> list[str]:
    return [each.text for _, each in world.effects if isinstance(each, Decision) and each.cause == cause]


def high_pressure(world: World) -> None:
    world.tell(nibp(world.now_ns, 145, 75))


def tired(world: World) -> None:
    world.assess(moaas=4)


def sick(world: World) -> None:
    world.score(3)


def low_saturation(world: World) -> None:
    world.spo2 = 94
    world.advance(3)


@pytest.mark.req("CLIN-08")
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (high_pressure, "BP 145/75 mmHg is not within 20 % of the baseline 120/75 mmHg"),
        (tired, "MOAAS 4 of 5 is below 5 of 5"),
        (sick, "nausea 3 of 10 is more than little (2)"),
        (low_saturation, "SPO2 94 % is below 95 %"),
    ],
)
def test_what_is_measured_keeps_the_patient_here(spoil: Callable[[World], None], words: str) -> None:
    world = observed()
    spoil(world)
    world.acknowledge_all()
    refused = world.close()
    assert refused.state is ReceiptState.REFUSED
    assert words in refused.reason
    assert phase(world.core.state) is SessionPhase.OBSERVING


@pytest.mark.req("CLIN-08")
@pytest.mark.parametrize("item", FOR_DISCHARGE)
def test_what_only_a_person_sees_is_attested_by_name(item: Attested) -> None:
    world = observed()
    state = world.core.state
    state.attested = {each: seen for each, seen in state.attested.items() if each is not item}
    assert f"attest {item.value}" in world.close().reason
    assert "may not attest" in world.attest(item, "vic").reason
    world.attest(item)
    assert world.close().state is ReceiptState.VERIFIED


@pytest.mark.req("CLIN-08")
def test_what_nobody_has_looked_at_for_long_counts_for_nothing() -> None:
    world = observed()
    world.asked = False
    world.advance(10 * MIN + 1)
    world.acknowledge_all()
    reason = world.close().reason
    assert "nobody has scored the nausea within 10 min" in reason
    assert "MOAAS is 60" in reason


@pytest.mark.req("CLIN-08")
def test_one_reading_near_the_baseline_is_not_enough() -> None:
    world = observed()
    world.core.state.vitals = world.core.state.vitals.with_reading(nibp(world.now_ns, 97, 61))
    assert world.close().state is ReceiptState.VERIFIED, "20 % of 120 are 24, of 75 they are 15"
    world = observed()
    state = world.core.state
    assert state.observing_since_ns is not None
    last = state.vitals.readings[-1]
    state.observing_since_ns = last.measured_at_ns - 120 * MIN * S
    state.baseline = None
    assert "there is no baseline" in world.close().reason
    world = observed()
    world.cuff_answers = False
    world.advance(30 * MIN)
    world.acknowledge_all()
    assert "2 cuff readings since the infusion are needed, the last at most" in world.close().reason


@pytest.mark.req("CLIN-08")
def test_a_discharge_is_signed_by_name_with_drug_given_pauses_and_peaks() -> None:
    world = paused()
    world.tell(nibp(world.now_ns, 151, 90))
    world.stop()
    world.advance(5)
    fit(world)
    assert world.close("ben").state is ReceiptState.VERIFIED
    (line,) = lines(world, "handover")
    assert line.startswith("discharge signed by ben: given ")
    assert " of 17.5 mL in 0 min of flow; pauses: 1; " in line
    assert "SBP 120 to 151 mmHg" in line
    assert "HR 72 to 72 /min" in line


@pytest.mark.req("CLIN-08")
def test_peaks_are_those_since_the_first_run() -> None:
    world = in_mode(Mode.RUNNING)
    seen = world.core.state.peaks[VitalKind.HR]
    assert (seen.low, seen.high) == (72, 72)
    world.hr = 88
    world.advance(3)
    peak = world.core.state.peaks[VitalKind.HR]
    assert (peak.low, peak.high) == (72, 88)
    assert world.saved is not None
    world.stop()
    world.advance(5)
    again = World(now_ns=world.now_ns * 2, pump=world.pump, asked=False)
    again.boot(recovered=world.saved)
    assert again.core.state.peaks == world.core.state.peaks
    assert again.core.state.pauses == 0
    ready = in_mode(Mode.READY)
    assert ready.core.state.peaks == {}


@pytest.mark.req("CLIN-08", "CLIN-07")
def test_a_prescriber_hands_over_a_patient_who_cannot_be_discharged_and_it_is_called_so() -> None:
    world = observed()
    tired(world)
    reason = "sedated, to the ward"
    refused = world.answer("anna", Close(transfer_reason=reason))
    assert "only a prescriber hands a patient over" in refused.reason
    assert world.answer("pia", Close(transfer_reason="  ")).state is ReceiptState.REFUSED
    assert world.answer("pia", Close(transfer_reason=reason)).state is ReceiptState.VERIFIED
    (line,) = lines(world, "handover")
    assert line.startswith(f"NOT DISCHARGED, handed over to other care by pia, because: {reason}; open: MOAAS 4")
    assert phase(world.core.state) is SessionPhase.CLOSED


@pytest.mark.req("CLIN-07", "CLIN-08", "CLIN-09")
def test_no_prescriber_shortens_the_observation_or_leaves_the_drug_uncounted() -> None:
    world = in_mode(Mode.ENDED)
    world.advance(119 * MIN)
    refused = world.answer("pia", Close(transfer_reason="the bed is needed"))
    assert "120 min are needed" in refused.reason
    assert "the drug is not accounted for" in refused.reason


@pytest.mark.req("CLIN-08")
@pytest.mark.parametrize("mode", [Mode.READY, Mode.RUNNING, Mode.PAUSED])
def test_nobody_attests_for_a_discharge_before_the_infusion_is_over(mode: Mode) -> None:
    assert "is attested once the infusion is over" in in_mode(mode).attest(Attested.ESCORT_PRESENT).reason


@pytest.mark.req("CLIN-08")
def test_flow_after_the_end_voids_what_was_attested_and_a_restart_keeps_it() -> None:
    world = observed()
    assert world.saved is not None
    again = World(now_ns=world.now_ns * 2, pump=world.pump)
    again.boot(recovered=world.saved)
    assert set(again.core.state.attested) == set(FOR_DISCHARGE)
    world.tell(PumpStatus(state=PumpState.MOVING, asked_at_ns=world.now_ns))
    world.advance(10)
    assert not set(world.core.state.attested) & set(FOR_DISCHARGE)


@pytest.mark.req("CLIN-08")
def test_a_value_that_is_not_usable_is_no_peak() -> None:
    world = in_mode(Mode.RUNNING)
    before = world.core.state.peaks
    late = vital(VitalKind.HR, 40, world.now_ns - 10 * S)
    missing = vital(VitalKind.HR, 40, world.now_ns, Validity.ARTEFACT)
    world.tell(SamplesReceived(samples=(late, missing)))
    assert world.core.state.peaks == before
