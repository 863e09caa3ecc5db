"""Watchdog, alarms, power and keypad."""

import pytest

from simulators.devices.ne1000 import Alarm, Behaviour, Settings, Status
from tests.simulators.ne1000_bench import HOUR_NS, MS_NS, SECOND_NS, Bench, safe, split_safe


def running(safe_s: int = 5, behaviour: Behaviour | None = None) -> tuple[Bench, int]:
    """Return a pump infusing 36 mL/h and the instant of its last valid packet."""
    bench = Bench(behaviour=behaviour)
    bench.load()
    bench.tell(f"SAF{safe_s}", "RUN")
    bench.pump.receive(safe("00"), bench.now_ns)
    last_ns = bench.now_ns
    bench.run_for(100 * MS_NS)
    return bench, last_ns


@pytest.mark.parametrize(("offset_ns", "expired"), [(-1, False), (0, True), (1, True)])
def test_the_watchdog_acts_at_its_limit(offset_ns: int, expired: bool) -> None:
    bench, last_ns = running()
    limit_ns = last_ns + 5 * SECOND_NS
    assert bench.pump.watchdog_deadline_ns == bench.pump.next_deadline_ns() == limit_ns
    bench.pump.receive(safe("00"), limit_ns + offset_ns)
    flow = 0 if expired else 36_000_000
    assert bench.pump.plunger.flow_nl_h(limit_ns + offset_ns) == flow
    assert bench.pump.state is (Status.STOPPED if expired else Status.INFUSING)


def test_expiry_counts_to_the_very_instant_however_late_it_is_looked_at() -> None:
    bench, last_ns = running()
    limit_ns = last_ns + 5 * SECOND_NS
    bench.pump.advance(limit_ns + HOUR_NS)
    (flow,) = (segment for segment in bench.pump.plunger.segments if segment.rate_nl_h)
    assert flow.to_ns == limit_ns
    assert bench.pump.plunger.delivered_nl(limit_ns + HOUR_NS) == 36_000_000 * (limit_ns - flow.from_ns) // HOUR_NS


def test_expiry_is_said_unasked_and_stays_pending() -> None:
    bench, _ = running()
    assert split_safe(bench.run_for(6 * SECOND_NS)) == ["00A?T"]
    assert bench.pump.alarm is Alarm.TIMED_OUT
    assert bench.pump.watchdog_deadline_ns is None
    assert bench.run_for(HOUR_NS) == b""
    assert bench.ask("RUN") == "00A?T"
    assert bench.pump.state is Status.STOPPED
    assert bench.ask("00") == "00S"


def test_expiry_leaves_the_program_paused_by_switch() -> None:
    bench, _ = running(behaviour=Behaviour(watchdog_leaves_paused=True))
    bench.run_for(6 * SECOND_NS)
    assert bench.pump.state is Status.PAUSED
    idle = Bench(safe_s=5, behaviour=Behaviour(watchdog_leaves_paused=True))
    idle.ask("00")
    idle.run_for(6 * SECOND_NS)
    assert idle.pump.state is Status.STOPPED


def test_any_valid_packet_restarts_the_timer_even_a_refused_one() -> None:
    for command in ("", "DIS", "XYZ", "VOL5", "SAF"):
        bench, last_ns = running()
        bench.pump.receive(safe(command), last_ns + 4 * SECOND_NS)
        assert bench.pump.watchdog_deadline_ns == last_ns + 9 * SECOND_NS


def test_a_packet_that_draws_an_alarm_restarts_the_timer() -> None:
    bench = Bench(safe_s=5, alarm=Alarm.RESET)
    assert bench.pump.watchdog_deadline_ns is None
    assert split_safe(bench.raw(safe("RUN"))) == ["00A?R", "00A?R"]
    assert bench.pump.watchdog_deadline_ns == 5 * SECOND_NS


def test_damaged_partial_and_foreign_packets_do_not_restart_the_timer() -> None:
    for packet in (safe("00")[:-1] + b"\x04", safe("00")[:4], safe("07"), b"00\r"):
        bench, last_ns = running()
        bench.pump.receive(packet, last_ns + 4 * SECOND_NS)
        assert bench.pump.watchdog_deadline_ns == last_ns + 5 * SECOND_NS


def test_they_do_by_switch() -> None:
    for packet in (safe("00")[:-1] + b"\x04", safe("07")):
        open_choice = Behaviour(bad_packet_feeds_watchdog=True, other_address_feeds_watchdog=True)
        bench, last_ns = running(behaviour=open_choice)
        bench.pump.receive(packet, last_ns + 4 * SECOND_NS)
        assert bench.pump.watchdog_deadline_ns == last_ns + 9 * SECOND_NS


def test_the_timer_runs_while_idle_and_not_in_basic_mode() -> None:
    idle = Bench(safe_s=5)
    idle.ask("00")
    assert split_safe(idle.run_for(6 * SECOND_NS)) == ["00A?T"]
    basic = Bench(safe_s=5)
    basic.raw(safe("SAF0"))
    assert basic.pump.watchdog_deadline_ns is None
    basic.raw(b"00\r")
    assert basic.pump.watchdog_deadline_ns is None


def test_a_new_limit_holds_from_its_own_packet() -> None:
    bench = Bench(safe_s=0)
    bench.pump.receive(safe("SAF7"), 1000)
    assert bench.pump.watchdog_deadline_ns == 1000 + 7 * SECOND_NS


def test_the_volume_that_ends_with_the_lease_has_ended() -> None:
    bench = Bench()
    bench.load(rate="36.00MH", volume="0.050")  # 5 s
    bench.tell("SAF5")
    bench.pump.receive(safe("RUN"), bench.now_ns)
    bench.run_for(5 * SECOND_NS)
    assert bench.delivered_nl() == 50_000


@pytest.mark.parametrize("command", ["DIA20", "RUN", "SAF0", "VER", "", "STP", "PF1"])
def test_a_pending_alarm_is_the_reply_and_the_command_is_not_executed(command: str) -> None:
    bench = Bench(alarm=Alarm.STALLED, safe_s=0)
    settings = bench.pump.settings
    assert bench.raw(safe(command)) == b"\x0200A?S\x03"
    assert bench.pump.alarm is None
    assert bench.pump.settings == settings
    assert bench.pump.state is Status.STOPPED
    assert b"A?" not in bench.raw(safe(command))


def test_power_up_in_safe_mode_says_so_once() -> None:
    bench = Bench(alarm=Alarm.RESET)
    assert split_safe(bench.run_for(HOUR_NS)) == ["00A?R"]
    assert bench.ask("00") == "00A?R"
    assert bench.ask("00") == "00S"


def test_a_power_cycle_keeps_settings_but_not_the_running_rate() -> None:
    bench = Bench()
    bench.load(rate="36.00MH")
    bench.tell("RUN", "RAT18")
    bench.run_for(SECOND_NS)
    given = bench.delivered_nl()
    bench.pump.power_cycle(bench.now_ns)
    assert bench.pump.watchdog_deadline_ns is None
    assert split_safe(bench.run_for(HOUR_NS)) == ["00A?R"]
    assert bench.delivered_nl() == given
    assert bench.ask("00") == "00A?R"
    assert bench.ask("RAT") == "00S36.00MH"
    assert bench.ask("VOL") == "00S10.00ML"
    assert bench.ask("DIS") == "00SI0.000W0.000ML"
    assert bench.ask("SAF") == "00S255"


def test_a_rate_set_while_paused_is_stored() -> None:
    bench = Bench()
    bench.load(rate="36.00MH")
    bench.tell("RUN", "STP", "RAT18")
    bench.pump.power_cycle(bench.now_ns)
    bench.run_for(SECOND_NS)
    bench.ask("00")
    assert bench.ask("RAT") == "00S18.00MH"


def test_counters_survive_a_power_cut_by_switch() -> None:
    bench = Bench(behaviour=Behaviour(power_loss_clears_dispensed=False))
    bench.load(volume="1.000")
    bench.tell("RUN")
    bench.run_for(150 * SECOND_NS)
    bench.pump.power_cycle(bench.now_ns)
    bench.run_for(SECOND_NS)
    bench.ask("00")
    assert bench.ask("DIS") == "00SI1.000W0.000ML"


def test_without_power_nothing_moves_hears_or_speaks() -> None:
    bench, last_ns = running()
    bench.pump.receive(safe("00"), bench.now_ns)
    bench.pump.power_off(bench.now_ns)
    bench.pump.power_off(bench.now_ns)
    given = bench.delivered_nl()
    assert bench.raw(safe("SAF0"), HOUR_NS) == b""
    bench.pump.key_start(bench.now_ns)
    assert bench.delivered_nl() == given
    assert not bench.pump.powered
    bench.pump.power_on(bench.now_ns)
    bench.pump.power_on(bench.now_ns)
    assert split_safe(bench.run_for(SECOND_NS)) == ["00A?R"]
    assert bench.pump.settings.safe_s == 5
    assert last_ns < bench.now_ns


@pytest.mark.parametrize(
    ("behaviour", "moves"), [(Behaviour(), True), (Behaviour(power_failure_mode_restarts=False), False)]
)
def test_power_failure_mode_starts_the_program_again_by_switch(behaviour: Behaviour, moves: bool) -> None:
    bench = Bench(behaviour=behaviour)
    bench.load()
    bench.tell("PF1", "RUN")
    bench.pump.power_cycle(bench.now_ns)
    assert bench.pump.state.moving is moves
    bench.pump.key_stop(bench.now_ns)  # takes the alarm
    bench.pump.key_stop(bench.now_ns)
    bench.pump.power_cycle(bench.now_ns)
    assert bench.pump.state is Status.STOPPED


def test_keys() -> None:
    bench = Bench()
    bench.load()
    bench.pump.key_resume(bench.now_ns)
    assert bench.pump.state is Status.STOPPED
    bench.pump.key_start(bench.now_ns)
    assert bench.pump.state is Status.INFUSING
    bench.pump.key_pause(bench.now_ns)
    assert bench.pump.state is Status.PAUSED
    bench.pump.key_pause(bench.now_ns)
    assert bench.pump.state is Status.PAUSED
    bench.pump.key_resume(bench.now_ns)
    assert bench.pump.state is Status.INFUSING
    assert bench.pump.key_rate(20_000, bench.now_ns)
    assert bench.pump.plunger.flow_nl_h(bench.now_ns) == 20_000_000
    assert not bench.pump.key_rate(9_999_000, bench.now_ns)
    bench.pump.key_pause(bench.now_ns)
    bench.pump.key_start(bench.now_ns)
    assert bench.pump.state is Status.INFUSING
    bench.pump.key_stop(bench.now_ns)
    assert bench.pump.state is Status.STOPPED
    assert bench.ask("00") == "00S"


@pytest.mark.req("PUMP-06")
@pytest.mark.parametrize("command", ["DIA29.70", "VOL20.00", "VOLUL", "DIRWDR", "FUNSTP", "PHN2"])
def test_the_keypad_takes_a_setting_only_where_the_line_would(command: str) -> None:
    bench = Bench()
    bench.load()
    before = bench.pump.settings
    bench.pump.key_start(bench.now_ns)
    assert not bench.pump.key_setting(command, bench.now_ns), "not while it pumps"
    bench.pump.key_pause(bench.now_ns)
    assert not bench.pump.key_setting(command, bench.now_ns), "nor in a pause of the pump"
    assert bench.pump.settings == before
    bench.pump.key_stop(bench.now_ns)
    assert bench.pump.key_setting(command, bench.now_ns)
    assert bench.pump.settings != before


def test_the_keypad_sets_no_lease_and_starts_nothing() -> None:
    with pytest.raises(ValueError, match="the keypad does not set SAF0; it sets DIA, VOL"):
        Bench().pump.key_setting("SAF0", 0)


def test_the_first_key_takes_the_pending_alarm_and_does_nothing_else() -> None:
    bench = Bench(alarm=Alarm.STALLED, settings=Settings(diameter_um=26_590))
    bench.pump.key_start(0)
    assert bench.pump.alarm is None
    assert bench.pump.state is Status.STOPPED


def test_the_keypad_lock_blocks_settings_and_by_switch_all() -> None:
    bench = Bench()
    bench.load()
    bench.tell("LOC1", "RUN")
    assert not bench.pump.key_rate(20_000, bench.now_ns)
    bench.pump.key_stop(bench.now_ns)
    assert not bench.pump.key_setting("DIA29.70", bench.now_ns)
    assert bench.pump.state is Status.STOPPED
    locked = Bench(behaviour=Behaviour(lock_blocks_start_and_stop_keys=True))
    locked.load()
    locked.tell("LOC1", "RUN")
    locked.pump.key_stop(locked.now_ns)
    assert locked.pump.state is Status.INFUSING
