"""From a stop to confirmed rest: what counts as rest, the silence, restarts, and who is told."""

from dataclasses import replace

import pytest

from pumpd.core.commands import ReceiptState
from pumpd.core.controller import Core
from pumpd.core.effects import Decision, KeepEvidence, Receipt, SendStop, SettlePump
from pumpd.core.events import DeadlineReached
from pumpd.core.modes import OPEN_MODES, Mode
from pumpd.core.phase import OVER_MODES
from pumpd.core.ports import LinePolicy, PumpAlarmed, PumpAlarmKind, PumpCounter, PumpState, PumpStatus
from pumpd.core.pump_alarms import meaning
from pumpd.core.rest import Aim, Phase
from tests.core.support import MS, S, World, core_in, in_mode, only, paused, ready, running, settings


def status(world: World, state: PumpState, ago_ns: int = 0) -> PumpStatus:
    return PumpStatus(state=state, asked_at_ns=world.now_ns - ago_ns)


def halted() -> World:
    """Return a world with a stop just sent and a pump that says nothing by itself."""
    world = running()
    world.pump_answers = False
    world.stop()
    return world


@pytest.mark.req("CTRL-03")
def test_an_answer_to_a_question_before_the_stop_does_not_count() -> None:
    world = halted()
    world.tell(status(world, PumpState.REST, 1))
    world.tell(status(world, PumpState.REST))
    world.tell(PumpCounter(low_nl=1_000, high_nl=2_000, asked_at_ns=world.now_ns))
    halt = world.core.state.halt
    assert halt is not None
    assert halt.rest_asked_ns is None


@pytest.mark.req("CTRL-03")
def test_rest_needs_a_counter_that_stands_for_the_time_of_one_count() -> None:
    world = halted()
    low, high = world.pump.counter()
    world.now_ns += MS
    world.tell(status(world, PumpState.REST))
    read = PumpCounter(low_nl=low, high_nl=high, asked_at_ns=world.now_ns)
    world.tell(read)
    assert world.mode is Mode.STOPPING
    count_ns = -(-1_000 * 3_600 * S // 26_250_000)
    first_ns = world.now_ns
    world.now_ns = first_ns + count_ns - 1
    world.tell(replace(read, asked_at_ns=world.now_ns))
    assert world.mode is Mode.STOPPING
    world.now_ns = first_ns + count_ns
    effects = world.tell(replace(read, asked_at_ns=world.now_ns))
    assert only(effects, SettlePump)
    assert world.mode is Mode.ENDED
    assert world.core.line_policy(world.now_ns) is LinePolicy.FREE


@pytest.mark.req("CTRL-03", "COMM-04")
def test_a_pump_that_does_not_obey_is_left_silent_asked_once_and_left_again() -> None:
    world = running()
    world.pump.ignores_stop = True
    stopped_ns = world.now_ns
    assert isinstance(world.stop()[0], SendStop)
    world.advance(2.9)
    assert world.core.line_policy(world.now_ns) is LinePolicy.STOPPING
    assert "stop-unconfirmed" not in world.alarm_ids()
    world.advance(0.15)
    assert world.core.line_policy(world.now_ns) is LinePolicy.SILENT
    (alarm,) = (alarm for alarm in world.core.state.alarms.listed if alarm.id == "stop-unconfirmed")
    assert alarm.priority.name == "HIGH"
    assert "clamp the line" in alarm.advice
    again = world.stop("ben")
    assert not only(again, SendStop)
    assert "stop at the pump" in only(again, Receipt)[0].reason
    world.now_ns = stopped_ns + 9 * S - 1
    assert world.core.line_policy(world.now_ns) is LinePolicy.SILENT
    world.now_ns += 1
    world.tell(DeadlineReached(real_ns=world.now_ns))
    assert world.core.line_policy(world.now_ns) is LinePolicy.STOPPING
    world.now_ns += MS
    effects = world.tell(status(world, PumpState.MOVING))
    assert effects[0] == SendStop(), "one stop, then silence again"
    assert world.core.line_policy(world.now_ns) is LinePolicy.SILENT
    assert "stop-unconfirmed" in world.alarm_ids()


@pytest.mark.req("COMM-04", "CTRL-03")
def test_the_watchdog_has_stopped_it_within_the_silence() -> None:
    world = running()
    world.pump.ignores_stop = True
    world.stop()
    world.advance(3 + 5 + 1)
    assert world.pump.moving_since_ns is None
    world.advance(3)
    assert world.mode is Mode.ENDED
    assert world.last_answer("stop").state is ReceiptState.VERIFIED


@pytest.mark.parametrize("mode", [Mode.IDLE, Mode.READY, Mode.COMPLETED, Mode.ENDED])
@pytest.mark.req("CTRL-03")
def test_an_unconfirmed_stop_is_alarmed_without_an_open_session_too(mode: Mode) -> None:
    core, now = core_in(mode)
    core.state.pump = replace(core.state.pump, at_rest=True)
    core.state.halt = None
    list(core.handle(PumpStatus(state=PumpState.MOVING, asked_at_ns=now), now))
    list(core.handle(DeadlineReached(real_ns=now), now + 3 * S))
    assert {"keypad-start", "stop-unconfirmed"} <= {alarm.id for alarm in core.state.alarms.listed}


@pytest.mark.req("PUMP-06")
@pytest.mark.parametrize("state", [PumpState.MOVING, PumpState.OTHER])
def test_a_pump_moved_by_hand_is_stopped_and_alarmed(state: PumpState) -> None:
    world = paused()
    effects = world.tell(status(world, state))
    assert isinstance(effects[0], SendStop)
    assert "keypad-start" in world.alarm_ids()
    world.advance(5)
    assert world.mode is Mode.PAUSED


def test_a_pump_paused_at_its_keypad_is_brought_to_rest() -> None:
    world = paused()
    assert isinstance(world.tell(status(world, PumpState.PAUSED))[0], SendStop)


@pytest.mark.req("PUMP-06", "ALRM-04")
def test_a_pump_that_stops_by_itself_amid_the_infusion_is_alarmed_at_once() -> None:
    world = running()
    world.pump.stop(world.now_ns)
    world.advance(1.1)
    assert "pump-stopped" in world.alarm_ids()
    world.advance(4)
    assert world.mode is Mode.PAUSED


@pytest.mark.req("COMM-03", "ALRM-04", "VIT-07")
def test_a_silent_pump_pauses_after_three_seconds_with_an_alarm() -> None:
    world = running()
    world.pump_answers = False
    status = world.core.state.pump.status
    assert status is not None
    last_ns = status.asked_at_ns
    world.now_ns = last_ns + 3 * S
    assert world.core.permission(world.now_ns)
    world.now_ns += 1
    assert not world.core.permission(world.now_ns)
    effects = world.tell(DeadlineReached(real_ns=world.now_ns))
    assert isinstance(effects[0], SendStop)
    assert "pump-silent" in world.alarm_ids()


@pytest.mark.req("PUMP-01", "ALRM-04")
@pytest.mark.parametrize("kind", PumpAlarmKind)
def test_a_pump_alarm_halts_and_is_over_once_rest_is_confirmed(kind: PumpAlarmKind) -> None:
    world = running()
    assert isinstance(world.tell(PumpAlarmed(kind=kind, text="A?"))[0], SendStop)
    assert f"pump-alarm-{kind.name.lower()}" in world.alarm_ids()
    world.advance(5)
    assert world.mode is (Mode.FAULT if meaning(kind).over else Mode.PAUSED)
    assert world.core.state.pump.alarm is None
    world.stop()
    world.advance(5)
    assert world.mode is Mode.ENDED


def test_a_lost_link_does_not_turn_a_fault_into_a_pause() -> None:
    world = in_mode(Mode.FAULT)
    world.cut()
    world.advance(1)
    world.connect()
    world.advance(5)
    assert world.mode is Mode.FAULT


@pytest.mark.req("COMM-11")
def test_a_link_that_comes_back_unannounced_while_running_ends_in_a_pause() -> None:
    world = running()
    world.connect()
    world.advance(5)
    assert world.mode is Mode.PAUSED


@pytest.mark.req("CMD-04")
def test_a_stop_without_a_link_is_unknown_within_ten_seconds_and_verified_later() -> None:
    world = running()
    world.cut()
    assert "stop at the pump" in only(world.stop(), Receipt)[0].reason
    world.advance(10)
    assert world.last_answer("stop").state is ReceiptState.UNKNOWN
    world.connect()
    world.advance(5)
    assert world.last_answer("stop").state is ReceiptState.VERIFIED
    assert world.mode is Mode.ENDED


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.req("LOG-02", "CTRL-04")
def test_a_restart_never_comes_up_running(mode: Mode) -> None:
    source = in_mode(mode)
    record = source.saved if source.core.state.order is not None else None
    world = World(core=Core(settings()), now_ns=7 * S, pump=source.pump)
    world.pump.heard_ns, world.pump.moving_since_ns = 0, None
    world.boot(record)
    assert world.mode is (Mode.UNKNOWN if mode in OPEN_MODES else mode if mode in OVER_MODES else Mode.IDLE)
    assert world.core.state.halt is not None
    world.advance(10)
    assert not world.runs_sent
    if mode in OVER_MODES:
        assert world.mode is mode
    else:
        assert world.mode in {Mode.IDLE, Mode.PAUSED, Mode.ENDED, Mode.FAULT}
    if mode in OPEN_MODES | OVER_MODES:
        assert record is not None
        assert world.core.state.session == record.session
        assert "restarted" in world.alarm_ids()


@pytest.mark.req("DOSE-11", "LOG-02")
def test_a_crash_right_after_run_counts_what_it_may_have_given() -> None:
    source = ready()
    source.start()
    source.advance(0.6)
    assert source.runs_sent
    source.advance(0.1)
    world = World(core=Core(settings()), now_ns=source.now_ns, pump=source.pump)
    record = source.durable
    assert record is not None
    world.boot(record)
    assert world.pump.given_nl > 0
    world.check()
    world.advance(5)
    assert world.mode is Mode.PAUSED
    world.check()


def test_everything_decided_is_said() -> None:
    world = running()
    assert any("pause" in item.text for item in only(world.pause(), Decision))


def test_phases_of_a_halt_are_visible() -> None:
    world = halted()
    assert world.core.state.halt is not None
    assert world.core.state.halt.phase is Phase.REPEATING


@pytest.mark.req("ALRM-04")
def test_of_two_reasons_in_one_event_the_stricter_is_the_evidence() -> None:
    world = running()
    world.now_ns += 121 * S  # no vital sign came, and the first thing that is heard is a pump at rest
    effects = world.tell(status(world, PumpState.REST))
    (kept,) = only(effects, KeepEvidence)
    assert kept.evidence.halted.aim is Aim.END
    assert "no usable" in kept.evidence.halted.cause
