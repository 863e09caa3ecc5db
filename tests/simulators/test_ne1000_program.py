"""Commands, units, limits, program, counters: what the manuals say a pump does with them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.devices.ne1000 import Alarm, Behaviour, Fault, Settings, Status
from simulators.devices.ne1000.numbers import NumberTooLongError, format_thousandths, parse_thousandths
from tests.simulators.ne1000_bench import HOUR_NS, MS_NS, SECOND_NS, Bench, safe


@pytest.mark.parametrize(
    ("text", "thousandths"),
    [
        ("12", 12_000),
        ("18.53", 18_530),
        (".5", 500),
        ("5.", 5000),
        ("0.128", 128),
        ("1234.", 1_234_000),
        ("9999", 9_999_000),
    ],
)
def test_numbers_are_read(text: str, thousandths: int) -> None:
    assert parse_thousandths(text) == thousandths


@pytest.mark.parametrize("text", ["", ".", "-1", "+1", "1e3", "1.2.3", "1,5", "٣"])
def test_what_is_no_number(text: str) -> None:
    assert parse_thousandths(text) is None


@pytest.mark.parametrize("text", ["12345", "12.345", "123.45", ".1234", "0.0001"])
def test_numbers_too_long_for_the_pump(text: str) -> None:
    with pytest.raises(NumberTooLongError):
        parse_thousandths(text)


@given(st.integers(min_value=0, max_value=9_999_999))
def test_a_printed_number_has_five_characters_and_is_never_more(thousandths: int) -> None:
    text = format_thousandths(thousandths)
    assert len(text) == 5
    assert "." in text
    read = parse_thousandths(text)
    assert read is not None
    count = {1: 1, 2: 10, 3: 100, 4: 1000}[text.index(".")]
    assert read <= thousandths < read + count


@pytest.mark.parametrize("value", [-1, 10_000_000])
def test_a_number_that_does_not_fit_is_an_error(value: int) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        format_thousandths(value)


@pytest.mark.parametrize("command", ["DIA12.345", "RAT12345", "VOL123.45"])
def test_a_command_with_too_many_digits_is_out_of_range(command: str) -> None:
    assert Bench().ask(command) == "00S?OOR"


@pytest.mark.parametrize(
    ("commands", "query", "reply"),
    [
        (["DIA26.59"], "DIA", "26.59"),
        (["DIA26.59", "RAT18.53MH"], "RAT", "18.53MH"),
        (["DIA26.59", "RAT300UM"], "RAT", "300.0UM"),
        (["DIA26.59", "RAT5.5MM", "RAT6"], "RAT", "6.000MM"),
        (["VOLML", "VOL12.35"], "VOL", "12.35ML"),
        (["VOLUL", "VOL12"], "VOL", "12.00UL"),
        (["DIRWDR"], "DIR", "WDR"),
        (["DIRWDR", "DIRREV"], "DIR", "INF"),
        (["PHN2"], "PHN", "02"),
        (["PHN3", "FUNRAT"], "FUN", "RAT"),
        (["FUNSTP"], "FUN", "STP"),
        (["PF1"], "PF", "1"),
        (["AL1"], "AL", "1"),
        (["LOC1"], "LOC", "1"),
        (["LN1"], "LN", "1"),
        (["BP0"], "BP", "0"),
        (["BUZ1"], "BUZ", "1"),
        (["BUZ1", "BUZ0"], "BUZ", "0"),
        (["BUZ11"], "BUZ", "0"),
        (["SAF10"], "SAF", "10"),
        ([], "VER", "NE1000V3.923"),
    ],
)
def test_what_is_set_reads_back(commands: list[str], query: str, reply: str) -> None:
    bench = Bench()
    bench.tell(*commands)
    assert bench.ask(query) == "00S" + reply


@pytest.mark.parametrize(
    "command", ["XYZ", "DIAx", "RATMH", "VOLXX", "DIRUP", "CLD", "FUNXXX", "STP1", "PF2x", "VER1", "BUZ2", "DIS1"]
)
def test_what_is_not_understood(command: str) -> None:
    assert Bench().ask(command) == "00S?"


@pytest.mark.parametrize("command", ["PHN0", "PHN42", "SAF256", "PF2", "DIA0.05", "DIA50.01", "RUN42", "*ADR100"])
def test_what_is_out_of_range(command: str) -> None:
    assert Bench().ask(command) == "00S?OOR"


@pytest.mark.parametrize("command", ["FUNINC", "FUNPAS10", "PUR", "TRGFT", "OUT51", "E", "DIRSTK"])
def test_what_exists_but_is_not_performed(command: str) -> None:
    assert Bench().ask(command) == "00S?NA"


def test_rate_and_volume_belong_to_rate_phases() -> None:
    bench = Bench()
    bench.tell("PHN2", "FUNSTP")
    assert [bench.ask(text) for text in ("RAT", "RAT5MH", "VOL", "VOL5")] == ["00S?NA"] * 4


@pytest.mark.parametrize(
    ("diameter", "low_ok", "low_no", "high_ok", "high_no"),
    [
        ("4.699", ".730MH", "0.729UH", "53.07MH", "53.08MH"),
        ("26.59", "23.36UH", "23.35UH", "1699MH", "1700MH"),
        ("29.7", "29.14UH", "29.13UH", "35.33MM", "35.34MM"),
    ],
)
def test_rate_limits_follow_the_plunger_speed(
    diameter: str, low_ok: str, low_no: str, high_ok: str, high_no: str
) -> None:
    bench = Bench()
    bench.tell(f"DIA{diameter}")
    assert [bench.ask(f"RAT{text}") for text in (low_ok, low_no, high_ok, high_no)] == [
        "00S",
        "00S?OOR",
        "00S",
        "00S?OOR",
    ]
    assert bench.ask("RAT0MH") == "00S?OOR"


@pytest.mark.parametrize(("diameter", "unit"), [("13.99", "UL"), ("14.00", "UL"), ("14.01", "ML"), ("26.59", "ML")])
def test_the_diameter_derives_the_units_up_to_14_mm(diameter: str, unit: str) -> None:
    bench = Bench()
    bench.tell("DIA20", "VOL5", f"DIA{diameter}")
    assert bench.ask("VOL") == f"00S5.000{unit}"
    assert bench.ask("DIS") == f"00SI0.000W0.000{unit}"


def test_volume_unit_holds_until_the_next_diameter() -> None:
    bench = Bench()
    bench.tell("DIA14", "VOLML")
    assert bench.ask("VOL").endswith("ML")
    bench.tell("DIA14")
    assert bench.ask("VOL").endswith("UL")


def test_the_same_diameter_changes_nothing_by_switch() -> None:
    bench = Bench(behaviour=Behaviour(same_diameter_clears=False))
    bench.tell("DIA14", "VOLML", "DIA14")
    assert bench.ask("VOL").endswith("ML")


def test_a_forgotten_volume_unit_gives_a_thousandth() -> None:
    bench = Bench()
    bench.tell("DIA14.00", "PHN2", "FUNSTP", "PHN1", "RAT36MH", "VOL10", "RUN")
    bench.run_for(HOUR_NS // 60)
    assert bench.delivered_nl() == 10_000


def test_the_volume_ends_exactly_and_stops() -> None:
    bench = Bench()
    bench.load(rate="18.53MH", volume="12.35")
    start_ns = bench.now_ns
    bench.pump.receive(safe("RUN"), start_ns)
    end_ns = start_ns - (-12_350_000 * HOUR_NS // 18_530_000)
    for now_ns in range(start_ns, end_ns - 1, 200 * SECOND_NS):
        bench.pump.receive(safe("00"), now_ns)
    bench.pump.advance(end_ns - 1)
    assert bench.pump.state is Status.INFUSING
    assert bench.pump.plunger.delivered_nl(end_ns - 1) == 12_349_999
    bench.pump.advance(end_ns + SECOND_NS)
    assert bench.pump.state is Status.STOPPED
    assert bench.pump.plunger.delivered_nl(end_ns) == 12_350_000
    assert bench.pump.plunger.delivered_nl(end_ns + SECOND_NS) == 12_350_000
    bench.now_ns = end_ns + SECOND_NS
    bench.run_for(0)
    assert bench.ask("DIS") == "00SI12.35W0.000ML"


def test_a_forgotten_phase_2_never_stops() -> None:
    bench = Bench()
    bench.tell("DIA26.59", "PHN1", "RAT36MH", "VOLML", "VOL1", "RUN")
    bench.run_for(100 * SECOND_NS)
    assert bench.delivered_nl() >= 999_000
    assert bench.ask("RAT") == "00I20.00MH"
    assert bench.ask("PHN") == "00I02"
    bench.run_for(100 * SECOND_NS)
    assert bench.pump.state is Status.INFUSING
    assert bench.delivered_nl() > 1_500_000
    assert bench.pump.phase_number == 2
    bench.tell("STP", "STP")
    assert bench.pump.phase_number == 1


def test_volume_zero_has_no_end() -> None:
    bench = Bench()
    bench.load(volume="0")
    bench.tell("RUN")
    bench.run_for(200 * SECOND_NS)
    assert bench.pump.state is Status.INFUSING
    assert bench.delivered_nl() > 2_000_000


@pytest.mark.parametrize(
    ("after_ns", "shown"),
    [
        (0, "0.000"),
        (100 * MS_NS - 1, "0.000"),
        (100 * MS_NS, "0.001"),
        (1000 * SECOND_NS - 1, "9.999"),
        (1000 * SECOND_NS, "10.00"),
        (1000 * SECOND_NS + 999 * MS_NS, "10.00"),
        (1001 * SECOND_NS, "10.01"),
    ],
)
def test_the_dispensed_count_is_cut_never_rounded(after_ns: int, shown: str) -> None:
    bench = Bench()
    bench.load(rate="36.00MH", volume="50.00")  # 10 uL each second
    bench.pump.receive(safe("RUN"), bench.now_ns)
    end_ns = bench.now_ns + after_ns
    while end_ns - bench.now_ns > 100 * SECOND_NS:
        bench.raw(safe("00"), 100 * SECOND_NS)
    bench.run_for(end_ns - bench.now_ns)
    sent = bench.raw(safe("DIS"))
    assert sent.endswith(safe(f"00II{shown}W0.000ML"))


def test_the_dispensed_count_rolls_over_by_switch() -> None:
    for rolls, shown in [(True, "0.000"), (False, "9999.")]:
        bench = Bench(behaviour=Behaviour(dispensed_rolls_over=rolls), safe_s=0)
        for text in ("DIA26.59", "VOLUL", "RAT36MH", "VOL0", "RUN"):
            bench.raw(text.encode() + b"\r")
        bench.run_for(500 * SECOND_NS)
        bench.raw(b"STP\r")
        bench.raw(b"STP\r")
        bench.raw(b"CLDINF\r")
        bench.raw(b"RUN\r", 1000 * SECOND_NS)
        assert bench.raw(b"DIS\r") == f"\x0200II{shown}W0.000UL\x03".encode()


def test_stop_is_two_steps_and_run_resumes_from_the_first() -> None:
    bench = Bench()
    bench.load(rate="36.00MH", volume="1.000")
    assert bench.ask("RUN") == "00I"
    bench.run_for(50 * SECOND_NS)
    assert bench.ask("STP") == "00P"
    given = bench.delivered_nl()
    bench.run_for(SECOND_NS)
    assert bench.delivered_nl() == given
    assert bench.ask("RUN") == "00I"
    bench.run_for(100 * SECOND_NS)
    assert bench.delivered_nl() == 1_000_000
    assert bench.pump.state is Status.STOPPED


def test_run_after_a_full_stop_gives_the_whole_volume_again() -> None:
    bench = Bench()
    bench.load(rate="36.00MH", volume="1.000")
    bench.tell("RUN")
    bench.run_for(50 * SECOND_NS)
    assert [bench.ask("STP"), bench.ask("STP")] == ["00P", "00S"]
    given = bench.delivered_nl()
    bench.tell("RUN")
    bench.run_for(150 * SECOND_NS)
    assert bench.delivered_nl() - given in {1_000_000, 1_000_001}


def test_stop_while_stopped_and_run_while_running() -> None:
    bench = Bench()
    bench.load()
    assert bench.ask("STP") == "00S"
    bench.tell("RUN")
    assert bench.ask("RUN") == "00I?NA"
    other = Bench(behaviour=Behaviour(stp_while_stopped_is_na=True, run_while_running_is_na=False))
    other.load()
    assert other.ask("STP") == "00S?NA"
    other.tell("RUN")
    assert other.ask("RUN") == "00I"


def test_run_from_a_given_phase() -> None:
    bench = Bench()
    bench.load()
    bench.tell("PHN5", "FUNRAT", "RAT7MH", "RUN5")
    assert bench.ask("RAT") == "00I7.000MH"
    bench.tell("STP")
    assert bench.ask("RUN5") == "00P?NA"
    bench.tell("STP")
    assert bench.ask("RUN2") == "00S"  # phase 2 is STP
    bench.tell("PHN41", "FUNRAT", "RAT36MH", "VOL1", "RUN41")
    bench.run_for(150 * SECOND_NS)
    assert bench.pump.alarm is Alarm.PHASE_OUT_OF_RANGE
    assert bench.pump.state is Status.STOPPED


def test_a_rate_beyond_the_syringe_does_not_start() -> None:
    bench = Bench()
    bench.load(rate="1000MH")
    bench.tell("DIA4.699")
    assert bench.ask("RUN") == "00S?OOR"
    bench.tell("RAT36MH", "VOLML", "VOL1", "PHN2", "FUNRAT", "DIA26.59", "RAT1000MH", "DIA4.699", "VOLML", "RUN")
    bench.run_for(150 * SECOND_NS)
    assert bench.pump.alarm is Alarm.PROGRAM_ERROR
    assert bench.delivered_nl() == 1_000_000


@pytest.mark.parametrize("state", [Status.INFUSING, Status.PAUSED])
@pytest.mark.parametrize("command", ["DIA20", "VOL5", "VOLUL", "CLDINF", "PHN2", "FUNSTP", "DIRWDR", "RAT10UM"])
def test_what_may_not_change_during_a_program(state: Status, command: str) -> None:
    bench = Bench()
    bench.load()
    bench.tell("RUN", *(["STP"] if state is Status.PAUSED else []))
    settings = bench.pump.settings
    assert bench.ask(command) == f"00{state.value}?NA"
    assert bench.pump.settings == settings


@pytest.mark.parametrize("command", ["DIS", "AL1", "LOC1", "BUZ0", "SAF9", "", "VER", "DIA", "VOL", "FUN"])
def test_what_is_allowed_while_running(command: str) -> None:
    bench = Bench()
    bench.load()
    bench.tell("RUN")
    assert "?" not in bench.ask(command)
    assert bench.pump.state is Status.INFUSING


def test_the_running_rate_changes_at_once() -> None:
    bench = Bench()
    bench.load()
    bench.tell("RUN")
    bench.pump.receive(safe("RAT18"), bench.now_ns)
    assert bench.pump.plunger.flow_nl_h(bench.now_ns) == 18_000_000
    bench.run_for(50 * MS_NS)
    assert bench.ask("RAT18.5MH") == "00I"
    assert bench.ask("RAT") == "00I18.50MH"
    assert bench.ask("RAT9999") == "00I?OOR"
    assert bench.ask("RAT") == "00I18.50MH"


def test_the_direction_may_change_under_way_without_an_end_volume() -> None:
    bench = Bench()
    bench.load(volume="0")
    bench.tell("RUN")
    assert bench.ask("DIRWDR") == "00W"
    assert bench.pump.plunger.flow_nl_h(bench.now_ns) == -36_000_000
    bench.run_for(100 * SECOND_NS)
    assert bench.pump.plunger.delivered_nl(bench.now_ns) < 0
    reply = bench.ask("DIS")
    assert reply.startswith("00WI0.00")
    assert "W1.00" in reply


def test_counters_clear_one_by_one() -> None:
    bench = Bench()
    bench.load(volume="1.000")
    bench.tell("RUN")
    bench.run_for(150 * SECOND_NS)
    bench.tell("CLDWDR")
    assert bench.ask("DIS") == "00SI1.000W0.000ML"
    bench.tell("CLDINF")
    assert bench.ask("DIS") == "00SI0.000W0.000ML"


def test_setting_the_diameter_clears_the_counters() -> None:
    bench = Bench()
    bench.load(volume="1.000")
    bench.tell("RUN")
    bench.run_for(150 * SECOND_NS)
    assert bench.ask("DIS") == "00SI1.000W0.000ML"
    bench.tell("DIA26.59")
    assert bench.ask("DIS") == "00SI0.000W0.000ML"


def test_stop_clears_the_counters_by_switch() -> None:
    bench = Bench(behaviour=Behaviour(stop_clears_dispensed=True))
    bench.load()
    bench.tell("RUN")
    bench.run_for(SECOND_NS)
    bench.tell("STP")
    assert bench.ask("DIS") != "00PI0.000W0.000ML"
    bench.tell("STP")
    assert bench.ask("DIS") == "00SI0.000W0.000ML"


def test_leftovers_of_another_user_are_the_default() -> None:
    bench = Bench(settings=Settings(safe_s=255))
    assert bench.ask("DIA") == "00S4.699"
    bench.tell("PHN2")
    assert [bench.ask("FUN"), bench.ask("RAT"), bench.ask("VOL")] == ["00SRAT", "00S20.00MH", "00S0.000UL"]


def test_time_never_goes_back() -> None:
    bench = Bench()
    bench.pump.advance(10)
    with pytest.raises(ValueError, match="is before"):
        bench.pump.advance(9)


def test_the_counter_stays_within_one_count_of_the_truth() -> None:
    bench = Bench()
    bench.load(rate="26.25MH", volume="50.00")
    bench.tell("RUN")
    for step_ns in (1_234_567_891, 7_000_000_003, 99_999_999_999, 3, 200_000_000_001, 190_000_000_000) * 3:
        bench.run_for(step_ns)
        truth_nl = bench.delivered_nl()
        reply = bench.ask("DIS")
        shown = reply[4:9]
        read_nl = (parse_thousandths(shown) or 0) * 1000
        count_nl = 1000 if shown.index(".") == 1 else 10_000
        assert read_nl <= truth_nl < read_nl + count_nl
    assert Fault.COUNTER_LOST not in bench.pump.faults
