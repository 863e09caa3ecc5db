"""Sequences that an independent review found to break a rule; each must stay mended."""

from dataclasses import replace

import pytest

from pumpd.core.commands import ReceiptState
from pumpd.core.effects import SendStop
from pumpd.core.events import PumpLinkDown, PumpLinkUp
from pumpd.core.modes import Mode
from pumpd.core.ports import LinePolicy, PumpCounter, PumpState, PumpStatus
from pumpd.core.readiness import resume_blockers
from pumpd.core.rest import Phase
from tests.core.support import S, World, core_in, frame, paused, ready, running


@pytest.mark.req("START-04", "START-05")
def test_time_in_the_override_range_does_not_count_as_time_in_the_free_range() -> None:
    world = ready()
    world.hr = 108
    world.advance(70)
    world.hr = 99
    world.advance(1.2)
    receipt = world.start("anna")
    assert receipt.state is ReceiptState.REFUSED
    assert "HR has been in range for" in receipt.reason


@pytest.mark.req("START-05")
def test_a_start_without_override_is_judged_again_without_it() -> None:
    world = ready()
    assert world.start("anna").state is ReceiptState.ACCEPTED
    world.hr = 109
    world.tell(frame(world.now_ns + 1, hr=109))
    world.advance(2)
    assert world.mode is Mode.READY
    assert not world.runs_sent


def started_at_its_keypad(world: World, from_nl: int, to_nl: int) -> None:
    """The pump tells that it moves, then, stopped, what it counts."""
    for state, count_nl in ((PumpState.REST, from_nl), (PumpState.MOVING, to_nl), (PumpState.REST, to_nl)):
        world.now_ns += S
        world.tell(PumpStatus(state=state, asked_at_ns=world.now_ns))
        world.tell(PumpCounter(low_nl=count_nl, high_nl=count_nl + 1_000, asked_at_ns=world.now_ns))


@pytest.mark.req("DOSE-04", "DOSE-11", "PUMP-06")
def test_what_a_keypad_start_gives_is_counted_though_no_run_is_in_the_ledger() -> None:
    world = ready()
    state = world.core.state
    started_at_its_keypad(world, 0, 6_000)
    assert state.ledger.low() == 5_000
    assert state.ledger.high(world.now_ns) == 7_000
    assert "keypad-start" in world.alarm_ids()


@pytest.mark.req("DOSE-11", "LOG-02")
def test_the_pumps_count_survives_a_restart() -> None:
    world = paused()
    record = world.core.session_record(world.now_ns)
    assert record.counter == world.core.state.pump.counter
    assert record.counter is not None


@pytest.mark.req("COMM-04")
def test_a_flapping_link_does_not_feed_the_watchdog_of_a_pump_that_does_not_obey() -> None:
    world = running()
    core = world.core
    world.pump_answers = False
    world.pause()
    stops = 0
    for _ in range(200):
        world.now_ns += S // 10
        stops += sum(
            isinstance(effect, SendStop) for effect in world.tell(PumpLinkDown(reason="x", last_packet_ns=None))
        )
        core.state.pump = replace(core.state.pump, last_packet_ns=world.now_ns)
        stops += sum(isinstance(effect, SendStop) for effect in world.tell(PumpLinkUp()))
        if core.state.halt is not None and core.state.halt.phase is Phase.SILENT:
            break
    assert core.state.halt is not None
    assert core.state.halt.phase is Phase.SILENT
    world.tell(PumpLinkDown(reason="x", last_packet_ns=world.now_ns))
    world.now_ns += S // 3
    assert not any(isinstance(effect, SendStop) for effect in world.tell(PumpLinkUp()))
    assert core.line_policy(world.now_ns) is LinePolicy.SILENT
    world.tell(PumpLinkDown(reason="x", last_packet_ns=world.now_ns))
    world.now_ns += 20 * S
    assert any(isinstance(effect, SendStop) for effect in world.tell(PumpLinkUp()))


@pytest.mark.req("CFG-04")
def test_an_order_is_not_resumed_under_another_profile() -> None:
    world = paused()
    settings = world.core.state.settings
    world.core.state.settings = replace(settings, profile=replace(settings.profile, hash="another"))
    assert any("under profile" in each for each in resume_blockers(world.core.state, world.now_ns))


@pytest.mark.req("CTRL-05")
def test_an_infusion_that_has_ended_is_not_resumed() -> None:
    core, now_ns = core_in(Mode.PAUSED)
    core.state.ending = True
    assert any("has ended" in each for each in resume_blockers(core.state, now_ns))
