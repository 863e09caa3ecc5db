"""A symptom: one action brings the pump to rest, its name comes from a list, and an emergency ends the infusion."""

import pytest

from pumpd.core.commands import EMERGENCIES, Pause, ReceiptState, Symptom, SymptomKind
from pumpd.core.effects import SendStop
from pumpd.core.modes import Mode
from tests.core.support import S, World, paused, ready, running

MILD = sorted(set(SymptomKind) - EMERGENCIES, key=lambda kind: kind.value)
GRAVE = sorted(EMERGENCIES, key=lambda kind: kind.value)


def noted(world: World) -> list[tuple[SymptomKind, bool, str]]:
    return [(each.symptom, each.ended, each.by) for each in world.core.state.symptoms]


@pytest.mark.req("CLIN-04")
def test_a_pause_is_one_action_and_the_symptom_is_picked_afterwards() -> None:
    world = running()
    effects = world.command("anna", Pause())
    assert isinstance(effects[0], SendStop)
    world.advance(3)
    assert (world.mode, world.core.state.pump.at_rest) == (Mode.PAUSED, True)
    answer = world.answer("anna", Symptom(symptom=SymptomKind.NAUSEA))
    assert answer.state is ReceiptState.VERIFIED
    assert noted(world) == [(SymptomKind.NAUSEA, False, "anna")]
    assert world.mode is Mode.PAUSED


@pytest.mark.req("CLIN-04")
@pytest.mark.parametrize("symptom", MILD)
def test_a_symptom_while_running_pauses_by_itself_and_is_at_rest_within_three_seconds(symptom: SymptomKind) -> None:
    world = running()
    assert isinstance(world.command("anna", Symptom(symptom=symptom))[0], SendStop)
    world.advance(3)
    assert (world.mode, world.pump.moving_since_ns) == (Mode.PAUSED, None)
    assert symptom.value in str(world.core.state.pause_cause)
    assert world.last_answer("symptom").state is ReceiptState.VERIFIED


@pytest.mark.req("CLIN-04")
@pytest.mark.parametrize("make", [running, paused])
@pytest.mark.parametrize("symptom", GRAVE)
def test_an_emergency_ends_the_infusion(symptom: SymptomKind, make: object) -> None:
    world = running() if make is running else paused()
    assert isinstance(world.command("anna", Symptom(symptom=symptom))[0], SendStop)
    world.advance(3)
    assert world.mode is Mode.ENDED
    (alarm,) = (alarm for alarm in world.core.state.alarms.listed if alarm.id == "emergency")
    assert (alarm.priority.name, symptom.value in alarm.text) == ("HIGH", True)


@pytest.mark.req("CLIN-04")
def test_any_symptom_can_be_called_an_emergency() -> None:
    world = running()
    world.command("anna", Symptom(symptom=SymptomKind.OTHER, emergency=True))
    world.advance(3)
    assert world.mode is Mode.ENDED


@pytest.mark.req("CLIN-04", "CTRL-02")
@pytest.mark.parametrize("user", ["anna", "vic", "mallory"])
def test_a_symptom_is_obeyed_like_a_pause_late_twice_and_from_anybody(user: str) -> None:
    world = running()
    stale = {"retained": True, "token": None, "session": "s-other", "rev": None, "id": "same"}
    symptom = Symptom(symptom=SymptomKind.ANXIETY)
    effects = world.command(user, symptom, received_real_ns=world.now_ns + 3_600 * S, **stale)
    assert isinstance(effects[0], SendStop)
    world.command(user, symptom, **stale)
    world.advance(3)
    world.command(user, symptom, **stale)
    assert world.mode is Mode.PAUSED
    assert noted(world) == [(SymptomKind.ANXIETY, False, user)], "noted once"


@pytest.mark.req("CLIN-04", "LOG-02")
def test_symptoms_survive_a_restart_and_go_with_the_order() -> None:
    world = paused()
    world.command("ben", Symptom(symptom=SymptomKind.HEADACHE))
    restarted = World(pump=world.pump, now_ns=world.now_ns)
    restarted.boot(world.core.session_record(world.now_ns))
    assert noted(restarted) == [(SymptomKind.HEADACHE, False, "ben")]
    fresh = ready()
    assert noted(fresh) == []


@pytest.mark.parametrize("emergency", [False, True])
def test_without_an_order_a_symptom_is_answered_and_kept_for_nobody(emergency: bool) -> None:
    world = World()
    world.boot()
    world.advance(5)
    answer = world.answer("anna", Symptom(symptom=SymptomKind.NAUSEA, emergency=emergency))
    assert answer.state in {ReceiptState.ACCEPTED, ReceiptState.VERIFIED}
    assert noted(world) == []
    assert ("emergency" in world.alarm_ids()) is emergency
    assert world.mode is Mode.IDLE
