"""What a pump tells of itself besides its state: each of its alarms, how it is fed, a setting that somebody changed."""

import pytest

from pumpd.core.alarms import Priority
from pumpd.core.commands import Attested, ReceiptState
from pumpd.core.effects import SendStop
from pumpd.core.events import PumpLinkDown
from pumpd.core.modes import Mode
from pumpd.core.ports import PumpAlarmed, PumpAlarmKind, PumpPower, PumpSetting, SettingChanged
from pumpd.core.pump_alarms import meaning
from pumpd.core.readiness import resume_blockers
from tests.core.support import MS, S, World, only, ready, running

MIN = 60 * S
LASTING = {PumpAlarmKind.OVERHEATED, PumpAlarmKind.INTERNAL, PumpAlarmKind.PROGRAM, PumpAlarmKind.UNKNOWN}
PRESSING = {PumpAlarmKind.OCCLUSION, PumpAlarmKind.STALL}


def alarm(world: World, alarm_id: str) -> tuple[Priority, str]:
    (found,) = (each for each in world.core.state.alarms.listed if each.id == alarm_id)
    return found.priority, found.text


# ---- alarms of the pump ---------------------------------------------------------------------------------------------


@pytest.mark.req("PUMP-01")
def test_every_alarm_of_a_pump_stops_under_its_own_reason() -> None:
    reasons: set[tuple[str, str]] = set()
    for kind in PumpAlarmKind:
        world = running(60)
        before = world.alarm_ids()
        world.pump.stop(world.now_ns)
        effects = world.tell(PumpAlarmed(kind=kind, text="as the pump says it"))
        assert isinstance(effects[0], SendStop)
        (alarm_id,) = set(world.alarm_ids()) - set(before)
        priority, text = alarm(world, alarm_id)
        assert priority is Priority.HIGH
        assert kind.value in text
        assert "as the pump says it" in text
        reasons.add((alarm_id, kind.value))
        world.advance(10)
        assert world.mode is (Mode.FAULT if kind in LASTING else Mode.PAUSED), kind
        assert world.core.state.line_unrelieved == (kind in PRESSING), kind
    assert len({alarm_id for alarm_id, _ in reasons}) == len({text for _, text in reasons}) == len(PumpAlarmKind)


@pytest.mark.req("PUMP-01")
@pytest.mark.parametrize("kind", PumpAlarmKind)
def test_every_alarm_of_a_pump_says_what_to_do(kind: PumpAlarmKind) -> None:
    assert meaning(kind).advice.endswith(".")
    assert meaning(kind).over == (kind in LASTING)


@pytest.mark.req("PUMP-03")
def test_after_an_occlusion_the_line_must_be_relieved_before_a_resume() -> None:
    world = running(60)
    world.pump.stop(world.now_ns)
    world.tell(PumpAlarmed(kind=PumpAlarmKind.OCCLUSION, text="x"))
    world.advance(60)
    world.acknowledge_all()
    world.assess()
    assert "line-relieved" in world.resume().reason
    world.attest(Attested.LINE_RELIEVED)
    assert world.resume().state is ReceiptState.ACCEPTED


# ---- mains and battery ----------------------------------------------------------------------------------------------


def feed(world: World, *, mains: bool, battery_ns: int) -> None:
    world.tell(PumpPower(mains=mains, battery_left_ns=battery_ns, asked_at_ns=world.now_ns))


@pytest.mark.req("PUMP-02")
def test_a_pump_on_battery_runs_until_less_than_3_min_are_left() -> None:
    world = running(60)
    feed(world, mains=False, battery_ns=3 * MIN + 10 * S)
    assert world.mode is Mode.RUNNING
    world.advance(9.9)
    assert world.mode is Mode.RUNNING
    world.advance(1.2)
    assert world.mode is not Mode.RUNNING
    priority, text = alarm(world, "battery")
    assert priority is Priority.MEDIUM
    assert "no mains and 3.0 min of battery, limit 3 min" in text
    world.advance(5)
    assert world.mode is Mode.PAUSED
    assert any("stands: the pump has no mains" in each for each in resume_blockers(world.core.state, world.now_ns))
    feed(world, mains=True, battery_ns=0)
    assert not any("stands: the pump has no mains" in each for each in resume_blockers(world.core.state, world.now_ns))


@pytest.mark.req("PUMP-02")
def test_a_battery_is_nothing_while_the_mains_are_there() -> None:
    world = running(60)
    feed(world, mains=True, battery_ns=0)
    world.advance(10)
    assert world.mode is Mode.RUNNING


@pytest.mark.req("PUMP-02")
def test_nothing_is_started_on_an_empty_battery() -> None:
    world = ready()
    feed(world, mains=False, battery_ns=0)
    assert "stands: the pump has no mains" in world.start().reason


@pytest.mark.req("PUMP-02")
def test_a_pump_that_was_plugged_out_of_its_line_tells_anew_how_it_is_fed() -> None:
    world = running(60)
    feed(world, mains=False, battery_ns=60 * MIN)
    assert world.core.state.pump.power is not None
    world.tell(PumpLinkDown(reason="cable", last_packet_ns=world.now_ns))
    assert world.core.state.pump.power is None


# ---- settings changed at the pump -----------------------------------------------------------------------------------


def changed(world: World, setting: PumpSetting, ago_ns: int = 0) -> SettingChanged:
    return SettingChanged(
        setting=setting, programmed="26.25MH", held="60.00MH", asked_at_ns=world.now_ns - 20 * MS - ago_ns
    )


@pytest.mark.req("PUMP-06")
@pytest.mark.parametrize("setting", PumpSetting)
def test_a_setting_changed_at_the_pump_pauses_and_raises_high(setting: PumpSetting) -> None:
    world = running(60)
    effects = world.tell(changed(world, setting))
    assert isinstance(effects[0], SendStop)
    priority, text = alarm(world, f"setting-{setting.name.lower()}")
    assert priority is Priority.HIGH
    assert text == f"the pump's {setting.value} reads 60.00MH, programmed was 26.25MH"
    assert "paused" not in world.alarm_ids(), "it has its own reason"
    world.advance(5)
    assert world.mode is Mode.PAUSED


@pytest.mark.req("PUMP-06")
def test_what_was_read_before_the_run_says_nothing_about_it() -> None:
    world = running(60)
    assert not only(world.tell(changed(world, PumpSetting.RATE, ago_ns=90 * S)), SendStop)
    assert world.mode is Mode.RUNNING


@pytest.mark.req("PUMP-06", "DOSE-08")
@pytest.mark.parametrize("setting", PumpSetting)
def test_an_end_stop_that_was_changed_bounds_the_run_no_longer(setting: PumpSetting) -> None:
    world = running(60)
    world.tell(changed(world, setting))
    order = world.core.state.order
    assert order is not None
    most_nl = world.core.state.ledger.high(world.now_ns + 60 * MIN)
    assert (most_nl > order.volume_nl) == (setting is not PumpSetting.RATE)
