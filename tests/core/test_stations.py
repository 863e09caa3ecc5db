"""A start waits for a station that can be heard, and the loss of the last one is told at the bed."""

from dataclasses import replace

import pytest

from pumpd.core import readiness, stations
from pumpd.core.alarms import Priority
from pumpd.core.commands import ReceiptState, Start
from pumpd.core.controller import Core
from pumpd.core.effects import AlarmsChanged, WriteIntent
from pumpd.core.events import BrokerConnected, DeadlineReached, JournalConfirmed, TokenIssued
from pumpd.core.modes import Mode
from pumpd.core.quantities import NS_PER_MIN
from tests.core.support import S, World, only, paused, profile, ready, running, settings

SHOWN = "the token on her screen"
LIMIT_NS = 10 * NS_PER_MIN
BLOCKER = "no nurse station has answered an audible test within 10 min"


def alone() -> World:
    """Return a world in which everything is ready for a start, and from which every station has gone."""
    world = ready()
    world.station = False
    world.advance(11)
    world.acknowledge_all()
    return world


def counts(world: World) -> tuple[int, int]:
    return stations.watching(world.core.state), stations.heard(world.core.state)


@pytest.mark.req("ALRM-05")
def test_a_start_needs_a_station_that_answered_an_audible_test() -> None:
    world = alone()
    assert (world.start().state, counts(world)) == (ReceiptState.REFUSED, (0, 0))
    assert world.last_answer("start").reason.startswith(BLOCKER)
    world.watch(tested_ago_ns=None)
    assert (world.start().state, counts(world)) == (ReceiptState.REFUSED, (1, 0)), "it watches, and nobody hears it"
    assert "pumpd watch --sound" in world.last_answer("start").reason
    world.watch(tested_ago_ns=0)
    assert counts(world) == (1, 1)
    assert world.start().state is ReceiptState.ACCEPTED


@pytest.mark.req("COMM-07", "ALRM-05")
@pytest.mark.parametrize(("late_ns", "counted"), [(0, 1), (1, 0)])
def test_a_sign_of_life_counts_from_the_heartbeat_that_its_screen_showed(late_ns: int, counted: int) -> None:
    world = alone()
    world.tokens = False
    world.tell(TokenIssued(token=SHOWN, real_ns=world.now_ns))
    world.advance(9)
    world.watch(token=SHOWN)
    assert counts(world) == (1, 1)
    world.advance((S + late_ns) / S)
    world.tell(DeadlineReached(real_ns=world.now_ns))
    assert counts(world) == (counted, counted), "ten seconds after the heartbeat, however late it came"
    world.watch(token=SHOWN)
    assert counts(world) == (counted, counted)


def test_a_late_sign_of_life_takes_back_no_newer_one_and_a_stale_one_is_not_kept() -> None:
    world = alone()
    old = world.core.state.tokens[-1][0]
    world.advance(5)
    world.watch()
    world.watch(token=old)
    world.advance(6)
    assert counts(world) == (1, 1)
    world.watch(user="ben", token=old)
    assert "ben" not in world.core.state.stations


@pytest.mark.req("COMM-07", "ALRM-05")
def test_a_sign_of_life_that_was_kept_on_the_way_or_is_of_another_daemon_is_nobody_who_watches() -> None:
    world = running()
    world.station = False
    kept = world.core.state.tokens[-1][0]
    for second in range(120):
        world.watch(token=kept if second % 2 else "of-the-daemon-before")
        world.advance(1)
    assert counts(world) == (0, 0)
    assert "supervision" in world.alarm_ids()
    world.advance(15)
    assert world.mode is Mode.PAUSED


@pytest.mark.req("ALRM-05")
def test_the_test_counts_for_ten_minutes_from_the_answer() -> None:
    for late_ns, state in ((0, ReceiptState.ACCEPTED), (1, ReceiptState.REFUSED)):
        world = alone()
        world.watch(tested_ago_ns=LIMIT_NS + late_ns)
        assert world.start().state is state
    assert profile().audible_test_max_age_ns == LIMIT_NS


@pytest.mark.req("ALRM-05")
@pytest.mark.parametrize(("late_ns", "heard"), [(0, 1), (1, 0)])
def test_a_beat_that_comes_late_or_again_makes_its_test_no_younger(late_ns: int, heard: int) -> None:
    world = alone()
    world.tokens = False
    world.tell(TokenIssued(token=SHOWN, real_ns=world.now_ns))
    world.advance(5)
    for _ in range(2):
        world.watch(tested_ago_ns=LIMIT_NS - 5 * S + late_ns, token=SHOWN)
        assert counts(world) == (1, heard), "its age is of when its screen showed the heartbeat"


@pytest.mark.req("ALRM-05")
def test_a_station_that_is_lost_is_not_heard() -> None:
    world = alone()
    world.watch()
    world.advance(10)
    assert counts(world) == (1, 1)
    world.advance(0.1)
    assert BLOCKER in world.start().reason
    assert counts(world) == (0, 0)


@pytest.mark.req("ALRM-05")
@pytest.mark.parametrize(("user", "heard"), [("pia", 1), ("vic", 0), ("eva", 0), ("mallory", 0)])
def test_only_a_clinician_answers_for_a_station(user: str, heard: int) -> None:
    world = alone()
    world.watch(user=user)
    assert counts(world) == (1, heard)


def test_a_second_screen_of_an_account_takes_no_test_back_and_renews_none() -> None:
    world = alone()
    world.watch()
    for _ in range(11):
        world.watch(tested_ago_ns=None)
        world.advance(1)
    assert counts(world) == (1, 0), "the screen that was tested is gone"
    world.watch()
    world.watch(tested_ago_ns=None)
    assert counts(world) == (1, 1)


@pytest.mark.req("ALRM-05")
def test_a_test_that_runs_out_after_the_start_was_accepted_still_holds_it_back() -> None:
    world = alone()
    world.watch(tested_ago_ns=LIMIT_NS)
    world.journal_answers = False
    before = world.command("anna", Start(order_hash=world.order_hash))
    assert world.mode is Mode.STARTING
    world.advance(1.1)
    world.tell(JournalConfirmed(token=only(before, WriteIntent)[0].token))
    world.advance(5)
    assert not world.runs_sent
    assert world.mode is not Mode.STARTING
    assert BLOCKER in world.last_answer("start").reason


def test_a_profile_for_simulators_may_do_without_a_station() -> None:
    without = replace(settings(), profile=replace(profile(), station_required=False))
    world = World(core=Core(without), station=False)
    assert ready(world).start().state is ReceiptState.ACCEPTED


@pytest.mark.req("ALRM-05", "COMM-07")
def test_after_a_restart_the_last_station_of_a_begun_infusion_is_lost_until_one_comes() -> None:
    source = paused()
    for required in (True, False):
        core = Core(replace(settings(), profile=replace(profile(), station_required=required)))
        world = World(core=core, now_ns=source.now_ns, pump=source.pump, station=False)
        world.boot(source.saved)
        world.advance(10)
        assert "supervision" not in world.alarm_ids()
        world.advance(1.5)
        assert ("supervision" in world.alarm_ids()) is required
        sounds = [effect.sound for _, effect in world.effects if isinstance(effect, AlarmsChanged)]
        assert (sounds[-1] is Priority.HIGH) or not required
        world.advance(120)
        world.acknowledge_all()
        assert any("no nurse station is watching" in each for each in blockers_of_resume(world)) is required
        world.watch()
        assert not any("no nurse station is watching" in each for each in blockers_of_resume(world))


def blockers_of_resume(world: World) -> tuple[str, ...]:
    return readiness.resume_blockers(world.core.state, world.now_ns)


@pytest.mark.req("ALRM-05")
def test_a_network_that_comes_back_without_a_station_is_still_a_loss() -> None:
    world = running()
    world.station = False
    world.advance(60)
    world.tell(BrokerConnected(real_ns=world.now_ns))
    assert "supervision" in world.alarm_ids()
    world.advance(62)
    assert world.mode is Mode.PAUSED
    world.watch(tested_ago_ns=None, user="ben")
    assert counts(world) == (1, 0)
    assert world.mode is Mode.PAUSED, "a station resumes nothing"
