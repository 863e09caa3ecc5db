"""Faults: each does what it says and nothing else."""

import pytest

from simulators.devices.ne1000 import Alarm, Fault, Status
from simulators.devices.ne1000.control import ControlledNe1000
from simulators.devices.ne1000.faults import DEFAULT_VALUES, Faults, flip_bit
from simulators.devices.serve import ControlError
from tests.simulators.ne1000_bench import HOUR_NS, MS_NS, SECOND_NS, Bench, safe, split_safe


def running() -> Bench:
    bench = Bench()
    bench.load()
    bench.tell("RUN")
    return bench


def test_every_fault_has_a_default() -> None:
    assert set(DEFAULT_VALUES) == set(Fault)


def test_ignores_stp() -> None:
    bench = running()
    bench.pump.begin_fault(Fault.IGNORES_STP, bench.now_ns)
    assert bench.ask("STP") == "00P"
    assert bench.ask("00") == "00I"
    assert bench.pump.plunger.flow_nl_h(bench.now_ns) == 36_000_000
    bench.pump.end_fault(Fault.IGNORES_STP, bench.now_ns)
    assert bench.ask("STP") == "00P"
    bench.pump.begin_fault(Fault.IGNORES_STP, bench.now_ns)
    assert [bench.ask("STP"), bench.ask("00")] == ["00S", "00P"]


def test_a_pump_that_ignores_stp_is_stopped_by_silence() -> None:
    bench = running()
    bench.tell("SAF5")
    bench.pump.begin_fault(Fault.IGNORES_STP, bench.now_ns)
    bench.run_for(5 * SECOND_NS)
    assert bench.pump.state is Status.STOPPED


@pytest.mark.parametrize(
    ("after_ns", "lost"), [(0, True), (2 * MS_NS, True), (6 * MS_NS, True), (6_166_666, True), (6_166_667, False)]
)
def test_half_duplex_loses_what_comes_during_a_reply(after_ns: int, lost: bool) -> None:
    bench = running()
    bench.pump.begin_fault(Fault.HALF_DUPLEX_DROPS_STP, bench.now_ns)
    start_ns = bench.now_ns
    bench.pump.receive(safe("00"), start_ns)  # 2 ms of thinking, 8 bytes of reply
    bench.pump.receive(safe("STP"), start_ns + after_ns)
    assert bench.pump.state is (Status.INFUSING if lost else Status.PAUSED)
    assert bench.pump.watchdog_deadline_ns == start_ns + 255 * SECOND_NS + (0 if lost else after_ns)


def test_half_duplex_loses_a_packet_that_only_began_in_a_reply() -> None:
    bench = running()
    bench.pump.begin_fault(Fault.HALF_DUPLEX_DROPS_STP, bench.now_ns)
    bench.pump.receive(safe("00"), bench.now_ns)
    bench.pump.receive(safe("STP")[:1], bench.now_ns + 6 * MS_NS)
    bench.pump.receive(safe("STP")[1:], bench.now_ns + 20 * MS_NS)
    assert bench.pump.state is Status.INFUSING
    bench.pump.receive(safe("STP"), bench.now_ns + 30 * MS_NS)
    assert bench.pump.state is Status.PAUSED


def test_half_duplex_loses_a_packet_whose_end_meets_an_alarm() -> None:
    bench = running()
    bench.pump.begin_fault(Fault.HALF_DUPLEX_DROPS_STP, bench.now_ns)
    bench.pump.begin_fault(Fault.STALL, bench.now_ns, 1000)  # 100 ms
    bench.run_for(99 * MS_NS)
    assert bench.raw(safe("SAF9")[:4], 2 * MS_NS) == b""
    bench.raw(safe("SAF9")[4:])
    assert bench.pump.alarm is Alarm.STALLED
    assert bench.pump.settings.safe_s == 255


def test_full_duplex_loses_nothing() -> None:
    bench = running()
    bench.pump.receive(safe("00"), bench.now_ns)
    bench.pump.receive(safe("STP"), bench.now_ns)
    assert split_safe(bench.run_for(50 * MS_NS)) == ["00I", "00P"]


def test_stall_after_a_volume() -> None:
    bench = running()
    before = bench.delivered_nl()
    bench.pump.begin_fault(Fault.STALL, bench.now_ns, 100_000)
    assert split_safe(bench.run_for(20 * SECOND_NS)) == ["00A?S"]
    assert bench.delivered_nl() - before in {100_000, 100_001}
    assert bench.pump.state is Status.STOPPED
    assert bench.ask("00") == "00A?S"
    bench.pump.receive(safe("RUN"), bench.now_ns)
    assert split_safe(bench.run_for(SECOND_NS)) == ["00I", "00A?S"]  # still blocked
    bench.pump.end_fault(Fault.STALL, bench.now_ns)
    assert bench.ask("RUN") == "00A?S"
    assert bench.ask("RUN") == "00I"
    bench.run_for(20 * SECOND_NS)
    assert bench.pump.alarm is None


def test_the_counter_is_lost_once_and_the_end_stop_is_not() -> None:
    bench = Bench()
    bench.load(volume="1.000")
    bench.tell("RUN")
    bench.run_for(50 * SECOND_NS)
    bench.pump.begin_fault(Fault.COUNTER_LOST, bench.now_ns)
    assert bench.ask("DIS") == "00II0.000W0.000ML"
    bench.run_for(100 * SECOND_NS)
    assert bench.delivered_nl() == 1_000_000
    assert bench.ask("DIS") != "00SI0.000W0.000ML"


def test_dropped_replies_were_executed() -> None:
    bench = Bench()
    bench.load()
    bench.pump.begin_fault(Fault.DROP_REPLY, bench.now_ns, 2)
    assert bench.raw(safe("RUN")) == b""
    assert bench.raw(safe("00")) == b""
    assert bench.ask("00") == "00I"


def test_a_dropped_alarm_reply_counts_as_seen() -> None:
    bench = Bench(alarm=Alarm.STALLED, safe_s=0)
    bench.pump.begin_fault(Fault.DROP_REPLY, 0)
    assert bench.raw(safe("00")) == b""
    assert bench.raw(safe("00")) == b"\x0200S\x03"


def test_delayed_replies_keep_their_order() -> None:
    bench = Bench()
    bench.pump.begin_fault(Fault.DELAY_REPLY, 0, 700 * MS_NS)
    bench.pump.receive(safe("VER"), 0)
    assert bench.run_for(500 * MS_NS) == b""
    bench.pump.end_fault(Fault.DELAY_REPLY, bench.now_ns)
    bench.pump.receive(safe("00"), bench.now_ns)
    assert bench.run_for(202 * MS_NS) == b""
    assert bench.run_for(50 * MS_NS) == safe("00SNE1000V3.923") + safe("00S")


def test_a_corrupted_reply_differs_by_one_bit() -> None:
    bench = Bench()
    bench.pump.begin_fault(Fault.CORRUPT_REPLY, 0)
    got = int.from_bytes(bench.raw(safe("00")), "big")
    assert (got ^ int.from_bytes(safe("00S"), "big")).bit_count() == 1
    assert bench.ask("00") == "00S"


def test_a_corrupted_request_is_not_executed() -> None:
    bench = running()
    bench.pump.begin_fault(Fault.CORRUPT_REQUEST, bench.now_ns)
    assert bench.ask("STP") == "00I?COM"
    assert bench.ask("STP") == "00P"


def test_a_duplicate_is_executed_twice() -> None:
    bench = running()
    bench.pump.begin_fault(Fault.DUPLICATE, bench.now_ns)
    assert split_safe(bench.raw(safe("STP"))) == ["00P", "00S"]
    assert bench.ask("00") == "00S"


@pytest.mark.parametrize(("permille", "kept"), [(100, "19.80"), (-500, "9.000"), (1_000, "36.00")])
def test_one_setting_is_kept_wrongly_and_shown_as_it_is_kept(permille: int, kept: str) -> None:
    bench = Bench()
    bench.pump.begin_fault(Fault.KEEPS_WRONG_SETTING, bench.now_ns, permille)
    assert bench.ask("RAT18.00MH") == "00S"
    assert bench.ask("RAT") == f"00S{kept}MH"
    assert bench.ask("RAT18.00MH") == "00S"
    assert bench.ask("RAT") == "00S18.00MH"


def test_a_volume_is_kept_wrongly_too() -> None:
    bench = Bench()
    bench.pump.begin_fault(Fault.KEEPS_WRONG_SETTING, bench.now_ns, -100)
    assert bench.ask("VOL10.00") == "00S"
    assert bench.ask("VOL") == "00S9.000UL"


@pytest.mark.parametrize(("ppm", "flow_nl_h"), [(100_000, 39_600_000), (-250_000, 27_000_000), (-1_000_000, 0)])
def test_a_rate_error_the_counter_does_not_see(ppm: int, flow_nl_h: int) -> None:
    bench = running()
    bench.pump.begin_fault(Fault.RATE_ERROR, bench.now_ns, ppm)
    assert bench.pump.plunger.flow_nl_h(bench.now_ns) == flow_nl_h
    bench.run_for(100 * SECOND_NS)
    assert bench.ask("DIS")[4:8] == "1.00"
    bench.pump.end_fault(Fault.RATE_ERROR, bench.now_ns)
    assert bench.pump.plunger.flow_nl_h(bench.now_ns) == 36_000_000


def test_a_rate_error_the_counter_follows() -> None:
    bench = running()
    bench.pump.begin_fault(Fault.RATE_ERROR_COUNTED, bench.now_ns, 100_000)
    bench.run_for(100 * SECOND_NS)
    assert bench.ask("DIS")[4:8] == "1.10"
    bench.run_for(0)
    for _ in range(5):
        bench.ask("00")
        bench.run_for(240 * SECOND_NS)
    assert bench.pump.state is Status.STOPPED
    assert bench.delivered_nl() == 10_000_000


@pytest.mark.parametrize(
    ("fault", "query", "reply"),
    [(Fault.WRONG_RATE_READBACK, "RAT", "36.01MH"), (Fault.WRONG_VOLUME_READBACK, "VOL", "10.01ML")],
)
def test_a_wrong_readback(fault: Fault, query: str, reply: str) -> None:
    bench = running()
    settings = bench.pump.settings
    bench.pump.begin_fault(fault, bench.now_ns)
    assert bench.ask(query) == "00I" + reply
    assert bench.pump.settings == settings


def test_silent_electronics_still_move_and_time_out() -> None:
    bench = running()
    bench.tell("SAF5")
    bench.pump.receive(safe("00"), bench.now_ns)
    last_ns = bench.now_ns
    bench.pump.begin_fault(Fault.SILENCE, bench.now_ns)
    assert bench.raw(safe("00"), SECOND_NS) == b""
    assert bench.pump.state is Status.INFUSING
    assert bench.run_for(10 * SECOND_NS) == b""
    (flow,) = (segment for segment in bench.pump.plunger.segments if segment.rate_nl_h)
    assert flow.to_ns == last_ns + 5 * SECOND_NS
    bench.pump.end_fault(Fault.SILENCE, bench.now_ns)
    assert bench.ask("00") == "00A?T"


@pytest.mark.parametrize(("fault", "value"), [(Fault.STALL, -1), (Fault.RATE_ERROR, -1_000_001)])
def test_impossible_values_are_refused(fault: Fault, value: int) -> None:
    with pytest.raises(ValueError, match="it takes"):
        Faults().begin(fault, value)


def test_one_bit_wraps_around() -> None:
    assert flip_bit(b"\x00\x00", 9) == b"\x00\x02"
    assert flip_bit(b"\x00\x00", 16) == b"\x01\x00"


def test_control_lines() -> None:
    pump = ControlledNe1000(pending_alarm=None)
    pump.control(["fault", "stall", "5"], 0)
    pump.begin_fault_written("drop-reply=3", 0)
    pump.begin_fault_written("silence", 0)
    assert [pump.faults.value(fault) for fault in (Fault.STALL, Fault.DROP_REPLY, Fault.SILENCE)] == [5, 3, 1]
    pump.control(["heal", "stall"], 0)
    assert Fault.STALL not in pump.faults
    pump.control(["key-rate", "18.5"], 0)
    assert pump.settings.phase(1).rate_thousandths == 18_500
    pump.control(["key-setting", "DIA26.59"], 0)
    assert pump.settings.diameter_um == 26_590
    pump.control(["key-start"], HOUR_NS)
    assert pump.state is Status.INFUSING
    pump.control(["power-cycle"], HOUR_NS)
    assert pump.alarm is Alarm.RESET


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("explode", "unknown command 'explode'; known are: unplug, plug, fault"),
        ("fault nonsense", "unknown fault 'nonsense'; known are: ignores-stp"),
        ("fault stall much", "does not take the value 'much'"),
        ("fault stall -5", "does not take the value '-5'"),
        ("key-rate fast", "takes a number such as"),
        ("key-rate 12345", "more than 4 digits"),
        ("key-rate 0", "did not take the rate 0"),
        ("key-setting DIA99", "did not take DIA99 from the keypad"),
        ("key-setting RUN", "the keypad does not set RUN"),
    ],
)
def test_control_lines_that_are_not_understood(line: str, message: str) -> None:
    with pytest.raises(ControlError, match=message):
        ControlledNe1000(pending_alarm=None).control(line.split(), 0)


def test_a_motor_that_stands_still_by_error_never_reaches_the_end() -> None:
    bench = running()
    given = bench.delivered_nl()
    bench.pump.begin_fault(Fault.RATE_ERROR_COUNTED, bench.now_ns, -1_000_000)
    bench.run_for(200 * SECOND_NS)
    assert bench.pump.state is Status.INFUSING
    assert bench.pump.phase_number == 1
    assert bench.delivered_nl() == given


def test_silence_cuts_the_reply_that_is_under_way() -> None:
    bench = running()
    bench.pump.receive(safe("00"), bench.now_ns)
    bench.pump.begin_fault(Fault.SILENCE, bench.now_ns + 3 * MS_NS)
    bench.now_ns += 3 * MS_NS
    assert bench.run_for(SECOND_NS) == b""
