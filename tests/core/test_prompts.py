"""Prompts and scores: when a nurse is asked how the patient feels, and that a score pauses nothing (CLIN-06)."""

from dataclasses import replace

import pytest

from pumpd.core.alarms import Priority
from pumpd.core.commands import Pause, ReceiptState, Score
from pumpd.core.controller import Core
from pumpd.core.effects import Decision
from pumpd.core.modes import Mode
from pumpd.core.prompts import KEPT_SCORES, unanswered
from tests.core.support import S, World, in_mode, paused, ready, running, settings

MIN = 60


def asked(world: World) -> str | None:
    prompt = unanswered(world.core.state, world.now_ns)
    return None if prompt is None else prompt.where


def unasked(seconds: float = 30) -> World:
    """Return a running world whose nurse answers no prompt by herself."""
    world = ready()
    world.asked = False
    world.start()
    world.advance(seconds)
    return world


def answer(world: World) -> None:
    assert world.score().state is ReceiptState.VERIFIED
    assert world.assess().state is ReceiptState.VERIFIED


def first_min(world: World) -> int:
    """Let the world come to a whole minute of its first run."""
    first_ns = world.core.state.first_run_ns
    assert first_ns is not None
    world.advance(((first_ns - world.now_ns) % (MIN * S)) / S)
    return (world.now_ns - first_ns) // (MIN * S)


@pytest.mark.req("CLIN-06")
def test_a_prompt_comes_at_0_10_20_30_and_40_min_of_the_infusion_and_an_answer_ends_it() -> None:
    world = unasked(10)
    seen = []
    for _ in range(40):
        where = asked(world)
        if where is not None:
            seen.append(where)
            answer(world)
        assert asked(world) is None
        world.advance(MIN)
    assert asked(world) == "at 40 min of the infusion"
    assert seen == [f"at {minute} min of the infusion" for minute in (0, 10, 20, 30)]
    answer(world)
    world.advance(5 * MIN)
    assert world.mode is Mode.COMPLETED
    assert asked(world) is None, "that of its end was answered with it"


@pytest.mark.req("CLIN-06")
def test_in_recovery_a_prompt_comes_every_15_min() -> None:
    world = in_mode(Mode.ENDED)
    world.asked = False
    answer(world)
    seen = []
    for minute in range(1, 62):
        world.advance(MIN)
        if asked(world) is not None:
            seen.append(minute)
            answer(world)
    assert [minute // 15 * 15 for minute in seen] == [15, 30, 45, 60]


@pytest.mark.req("CLIN-06")
def test_a_prompt_goes_on_in_a_pause_and_asks_for_what_is_missing() -> None:
    world = paused()
    world.asked = False
    first_min(world)
    world.advance(9 * MIN + 5)
    world.score()
    prompt = unanswered(world.core.state, world.now_ns)
    assert prompt is None or prompt.asks == ("sedation (assess)",)
    world.advance(6 * MIN)
    prompt = unanswered(world.core.state, world.now_ns)
    assert prompt is not None
    assert prompt.asks == ("sedation (assess)",)
    world.assess()
    assert asked(world) is None


@pytest.mark.req("CLIN-06")
def test_a_prompt_overdue_by_5_min_raises_low_and_pauses_nothing() -> None:
    world = unasked(10)
    first_ns = world.core.state.first_run_ns
    assert first_ns is not None
    world.advance((first_ns + 5 * MIN * S - world.now_ns) / S - 1.5)
    assert "prompt-overdue" not in world.alarm_ids()
    world.advance(2.5)
    (alarm,) = (each for each in world.core.state.alarms.listed if each.id == "prompt-overdue")
    assert alarm.priority is Priority.LOW
    assert "asked at 0 min of the infusion, not answered for 5 min" in alarm.text
    assert world.mode is Mode.RUNNING
    answer(world)
    world.advance(1)
    assert not any(each.active for each in world.core.state.alarms.listed if each.id == "prompt-overdue")


@pytest.mark.req("CLIN-06")
@pytest.mark.parametrize("name", ["nausea", "dizziness", "anxiety", "dissociation"])
def test_a_score_at_its_threshold_proposes_a_pause_that_a_nurse_decides_on(name: str) -> None:
    world = running()
    threshold = getattr(world.core.state.settings.profile, f"{name}_pause_score")
    world.score(**{name: threshold - 1})
    assert "score-high" not in world.alarm_ids()
    runs = len(world.runs_sent)
    world.score(**{name: threshold})
    (alarm,) = (each for each in world.core.state.alarms.listed if each.id == "score-high")
    assert (alarm.cause, alarm.priority) == ("a pause is proposed", Priority.MEDIUM)
    assert f"{name} {threshold} of 10, threshold {threshold}" in alarm.text
    world.advance(30)
    assert world.mode is Mode.RUNNING, "nothing pauses by itself for a score"
    world.acknowledge_all()
    world.score(**{name: 10})
    assert "score-high" in world.alarm_ids(), "each high score is told anew"
    world.command("anna", Pause())
    world.advance(5)
    assert world.mode is Mode.PAUSED
    assert len(world.runs_sent) == runs


@pytest.mark.req("CLIN-06")
@pytest.mark.parametrize("wrong", [-1, 11])
def test_a_score_off_the_scale_is_refused(wrong: int) -> None:
    world = running()
    before = world.core.state.scores
    refused = world.score(anxiety=wrong)
    assert refused.reason == f"anxiety {wrong} is not on the scale of 0 to 10"
    assert world.core.state.scores == before


@pytest.mark.req("CLIN-06")
def test_scores_need_a_patient() -> None:
    world = World()
    world.boot()
    world.advance(1)
    assert "nobody here whose scores" in world.score().reason


@pytest.mark.req("CLIN-06")
def test_a_score_is_recorded_moves_no_revision_and_is_known_after_a_restart() -> None:
    world = running(60)
    rev = world.core.state.rev
    world.score(4)
    assert world.core.state.rev == rev
    assert any("nausea 4, dizziness 1" in each.text for _, each in world.effects if isinstance(each, Decision))
    saved = world.saved
    assert saved is not None
    assert saved.scores == world.core.state.scores
    assert saved.scored_ago_ns == 0
    again = World(core=Core(settings()), now_ns=world.now_ns + 9_000 * S, pump=world.pump, asked=False)
    again.boot(recovered=saved)
    assert again.core.state.scores == saved.scores
    assert again.core.state.scored_ns == again.now_ns
    for _ in range(KEPT_SCORES + 2):
        again.score()
    assert len(again.core.state.scores) == KEPT_SCORES


@pytest.mark.req("CLIN-06", "CMD-03")
def test_a_score_acts_once_and_is_for_clinicians() -> None:
    world = running()
    count = len(world.core.state.scores)
    entry = Score(nausea=1, dizziness=1, anxiety=1, dissociation=1)
    for _ in range(2):
        assert world.answer("anna", entry, id="same").state is ReceiptState.VERIFIED
    assert len(world.core.state.scores) == count + 1
    assert "may not score" in world.answer("vic", entry).reason


@pytest.mark.req("CLIN-06")
def test_the_times_are_those_of_the_profile() -> None:
    world = unasked(10)
    answer(world)
    found = world.core.state.settings
    shorter = replace(found.profile, prompt_infusing_ns=300 * S)
    world.core.state.settings = replace(found, profile=shorter)
    world.advance(6 * MIN)
    assert asked(world) is None, "it was answered less than 5 min before"
    world.advance(5 * MIN)
    assert asked(world) == "at 10 min of the infusion"
