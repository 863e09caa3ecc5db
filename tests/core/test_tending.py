"""A nurse at the bedside: her presence before and during an infusion, and the entries that are due."""

from dataclasses import replace

import pytest

from pumpd.core.alarms import Priority
from pumpd.core.commands import Acknowledge, Assess, Attest, Attested, Presence, ReceiptState
from pumpd.core.modes import Mode
from pumpd.core.ports import VitalKind
from pumpd.core.readiness import resume_blockers, start_blockers
from pumpd.core.tending import is_respiration_measured
from tests.core.support import S, World, paused, ready, running, vital

MIN = 60


def alone(world: World) -> World:
    """Let nobody confirm presence any more; the last time was just now."""
    world.attentive = False
    assert world.present().state is ReceiptState.VERIFIED
    return world


def priority(world: World, alarm_id: str) -> Priority | None:
    return next((alarm.priority for alarm in world.core.state.alarms.listed if alarm.id == alarm_id), None)


@pytest.mark.req("CLIN-03")
def test_a_start_needs_presence_within_two_minutes() -> None:
    world = alone(ready())
    world.advance(2 * MIN)
    assert start_blockers(world.core.state, world.now_ns) == ()
    world.advance(0.1)
    assert "confirm presence" in world.start().reason
    world.present("ben")
    assert world.start().state is ReceiptState.ACCEPTED


@pytest.mark.req("CLIN-03", "COMM-03")
def test_ten_minutes_without_presence_raise_medium_and_twelve_pause() -> None:
    world = alone(running())
    world.advance(10 * MIN - 1)
    assert priority(world, "presence-late") is None
    world.advance(2)
    assert priority(world, "presence-late") is Priority.MEDIUM
    world.advance(2 * MIN - 2)
    assert world.mode is Mode.RUNNING
    world.advance(3)
    assert world.mode is Mode.PAUSED
    assert "nobody has confirmed presence" in str(world.core.state.pause_cause)


@pytest.mark.req("CLIN-03", "CTRL-04", "CTRL-05")
def test_a_pause_for_absence_latches_until_somebody_is_there_and_resumes() -> None:
    world = alone(running())
    world.assess()
    world.advance(13 * MIN)
    world.acknowledge_all()
    assert "the cause stands: nobody has confirmed presence" in world.resume().reason
    world.present()
    world.advance(5)
    assert world.mode is Mode.PAUSED
    world.assess()
    world.acknowledge_all()
    assert world.resume().state is ReceiptState.ACCEPTED


@pytest.mark.req("CLIN-03")
def test_a_resume_needs_presence_within_two_minutes_too() -> None:
    world = alone(paused())
    world.advance(2 * MIN + 1)
    assert "confirm presence" in world.resume().reason


@pytest.mark.req("CLIN-03")
def test_nothing_but_presence_itself_counts_as_presence() -> None:
    world = alone(running())
    before_ns = world.core.state.present_ns
    world.advance(5)
    world.assess()
    world.attest(Attested.PRIMED)
    world.command("anna", Acknowledge(alarm="x", episode=1))
    assert world.core.state.present_ns == before_ns


@pytest.mark.req("CLIN-03", "CMD-05")
@pytest.mark.parametrize("user", ["vic", "eva", "mallory"])
def test_only_a_clinician_of_the_site_is_present(user: str) -> None:
    world = alone(ready())
    assert world.present(user).state is ReceiptState.REFUSED
    assert world.core.state.present_by == "anna"


@pytest.mark.req("CLIN-03", "CMD-03")
@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({"rev": 0, "session": "s-other"}, True),
        ({"token": None}, False),
        ({"token": "guessed"}, False),
        ({"retained": True}, False),
    ],
)
def test_presence_needs_no_version_but_must_be_of_now(changes: dict[str, object], counts: bool) -> None:
    world = ready()
    assert (world.answer("ben", Presence(), **changes).state is ReceiptState.VERIFIED) is counts
    assert (world.core.state.present_by == "ben") is counts


@pytest.mark.req("CLIN-03", "LOG-02")
def test_after_a_restart_nobody_is_known_to_be_there() -> None:
    world = paused()
    restarted = World(pump=world.pump, now_ns=world.now_ns, attentive=False)
    restarted.boot(world.core.session_record(world.now_ns))
    restarted.advance(5)
    assert any("confirm presence" in each for each in resume_blockers(restarted.core.state, restarted.now_ns))
    restarted.advance(10 * MIN)
    assert priority(restarted, "presence-late") is Priority.MEDIUM


@pytest.mark.req("VIT-18")
def test_an_entry_five_minutes_overdue_raises_medium_and_pauses_nothing() -> None:
    world = running()
    world.assess()
    world.advance(15 * MIN - 1)
    assert priority(world, "assess-overdue") is None
    world.advance(2)
    assert priority(world, "assess-overdue") is Priority.MEDIUM
    assert world.mode is Mode.RUNNING
    world.assess()
    world.advance(1)
    assert not any(alarm.active for alarm in world.core.state.alarms.listed)


@pytest.mark.req("VIT-17")
def test_where_respiration_is_not_measured_a_count_is_prompted_every_ten_minutes() -> None:
    world = running()
    world.assess()
    world.advance(10 * MIN - 1)
    assert priority(world, "assess-due") is None
    world.advance(2)
    assert priority(world, "assess-due") is Priority.LOW
    (prompt,) = (alarm for alarm in world.core.state.alarms.listed if alarm.id == "assess-due")
    assert "counted respiration, which nothing measures here" in prompt.text
    world.assess()
    world.advance(1)
    assert priority(world, "assess-due") is Priority.LOW, "it stays listed until somebody takes note"
    assert not any(alarm.active for alarm in world.core.state.alarms.listed)


@pytest.mark.req("VIT-17")
def test_a_count_is_no_measurement() -> None:
    world = running()
    world.assess()
    assert not is_respiration_measured(world.core.state)
    vitals = world.core.state.vitals.take(vital(VitalKind.RR, 14, world.now_ns + S), world.now_ns + S)
    world.core.state.vitals = vitals
    assert is_respiration_measured(world.core.state)


@pytest.mark.req("START-07")
@pytest.mark.parametrize("item", [Attested.SYRINGE_LABEL, Attested.PUMP_SERIAL])
@pytest.mark.parametrize("make", [ready, paused])
def test_what_the_pump_cannot_report_is_attested_by_name(item: Attested, make: object) -> None:
    world = ready() if make is ready else paused()
    state = world.core.state
    state.attested = {known: seen for known, seen in state.attested.items() if known is not item}
    blockers = (*start_blockers(state, world.now_ns), *resume_blockers(state, world.now_ns))
    assert any(f"attest {item.value}" in each for each in blockers)
    assert world.answer("ben", Attest(item=item)).state is ReceiptState.VERIFIED
    assert not any("attest" in each for each in resume_blockers(state, world.now_ns))
    assert state.attested[item].by == "ben"


@pytest.mark.req("START-07")
def test_a_serial_number_that_the_pump_reports_needs_no_word() -> None:
    world = ready()
    state = world.core.state
    state.attested = {known: seen for known, seen in state.attested.items() if known is not Attested.PUMP_SERIAL}
    assert state.pump.attached is not None
    state.pump = replace(state.pump, attached=replace(state.pump.attached, serial="123"))
    assert start_blockers(state, world.now_ns) == ()


@pytest.mark.req("VIT-18")
@pytest.mark.parametrize(("moaas", "mode"), [(4, Mode.RUNNING), (3, Mode.PAUSED), (2, Mode.ENDED)])
def test_sedation_pauses_at_three_and_ends_at_two(moaas: int, mode: Mode) -> None:
    world = running()
    world.command("anna", Assess(moaas=moaas, respiration_bpm=14))
    world.advance(5)
    assert world.mode is mode
