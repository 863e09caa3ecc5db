"""The patient's comfort button: it pauses at once and calls the nurse; its silence is told; it can do nothing else."""

from dataclasses import replace

import pytest

from pumpd.core.alarms import Priority
from pumpd.core.controller import Core
from pumpd.core.effects import SendStop
from pumpd.core.events import ComfortPressed, ComfortSeen
from pumpd.core.modes import Mode
from tests.core.support import World, in_mode, ready, running, settings

SOURCE = "button1/comfort"


def with_button() -> World:
    return World(core=Core(replace(settings(), comfort_button=True)))


def beat(world: World, seconds: int) -> None:
    for _ in range(seconds // 5):
        world.tell(ComfortSeen(source=SOURCE))
        world.advance(5)


@pytest.mark.req("CLIN-05")
def test_a_press_stops_at_once_and_calls_the_nurse() -> None:
    world = running()
    assert isinstance(world.tell(ComfortPressed(source=SOURCE))[0], SendStop)
    assert world.core.state.halt is not None
    assert world.core.state.halt.by_human
    world.advance(5)
    assert world.mode is Mode.PAUSED
    alarm = next(alarm for alarm in world.core.state.alarms.listed if alarm.id == "comfort-stop")
    assert alarm.priority is Priority.MEDIUM
    assert world.core.state.pause_cause == "the patient pressed the comfort button"


@pytest.mark.req("CLIN-05")
@pytest.mark.parametrize("mode", list(Mode))
def test_a_press_is_taken_in_every_mode_and_moves_nothing(mode: Mode) -> None:
    world = in_mode(mode)
    runs = len(world.runs_sent)
    world.tell(ComfortPressed(source=SOURCE))
    world.tell(ComfortSeen(source=SOURCE))
    world.advance(5)
    assert len(world.runs_sent) == runs
    assert "comfort-stop" in world.alarm_ids()
    assert world.mode is not Mode.RUNNING


@pytest.mark.req("CLIN-05")
def test_nothing_resumes_while_the_button_is_held_and_letting_go_resumes_nothing() -> None:
    world = running()
    for _ in range(5):
        world.tell(ComfortPressed(source=SOURCE))
        world.advance(2)
    assert sum(alarm.id == "comfort-stop" for alarm in world.core.state.alarms.listed) == 1
    world.tell(ComfortSeen(source=SOURCE))
    world.advance(60)
    assert world.mode is Mode.PAUSED
    world.acknowledge_all()
    world.resume()
    world.advance(5)
    assert world.mode is Mode.RUNNING


@pytest.mark.req("CLIN-05")
def test_a_resume_waits_until_the_press_is_acknowledged() -> None:
    world = running()
    world.tell(ComfortPressed(source=SOURCE))
    world.tell(ComfortSeen(source=SOURCE))
    world.advance(40)
    assert "comfort-stop" in world.resume().reason
    assert world.mode is Mode.PAUSED


@pytest.mark.req("CLIN-05")
def test_a_button_that_falls_silent_is_told_within_ten_seconds() -> None:
    world = with_button()
    world.boot()
    beat(world, 10)
    ready(world)
    beat(world, 10)
    world.tell(ComfortSeen(source=SOURCE))
    world.acknowledge_all()
    world.advance(8)
    assert not any(alarm.id == "comfort-link" and alarm.active for alarm in world.core.state.alarms.listed)
    world.advance(2)
    assert any(alarm.id == "comfort-link" and alarm.active for alarm in world.core.state.alarms.listed)


@pytest.mark.req("CLIN-05")
def test_a_button_that_was_never_heard_is_told() -> None:
    world = ready(with_button())
    assert "comfort-link" in world.alarm_ids()
