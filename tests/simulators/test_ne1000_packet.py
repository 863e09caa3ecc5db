"""Bytes on the line: golden packets, bytes one at a time, damage, partial packets."""

import pytest

from simulators.devices.ne1000 import Alarm, Behaviour, Fault, Settings, Status
from simulators.devices.ne1000.packet import Frame, Framing, crc16, decode, encode
from tests.simulators.ne1000_bench import MS_NS, SECOND_NS, Bench, safe, split_safe

TO_PUMP = """
SAF0|02 08 53 41 46 30 55 43 03
SAF5|02 08 53 41 46 35 05 E6 03
|02 04 00 00 03
STP|02 07 53 54 50 9F 10 03
00|02 06 30 30 33 C6 03
00SAF0|02 0A 30 30 53 41 46 30 76 21 03
00SAF5|02 0A 30 30 53 41 46 35 26 84 03
00SAF10|02 0B 30 30 53 41 46 31 30 3A 33 03
00SAF|02 09 30 30 53 41 46 31 66 03
00VER|02 09 30 30 56 45 52 44 E7 03
00PF0|02 09 30 30 50 46 30 EF F0 03
00PF|02 08 30 30 50 46 CF F1 03
00AL1|02 09 30 30 41 4C 31 64 49 03
00AL|02 08 30 30 41 4C 5E F9 03
00LOC1|02 0A 30 30 4C 4F 43 31 4D BD 03
00LOC|02 09 30 30 4C 4F 43 2D 9E 03
00LN0|02 09 30 30 4C 4E 30 50 5B 03
00BUZ0|02 0A 30 30 42 55 5A 30 C2 8F 03
00BUZ11|02 0B 30 30 42 55 5A 31 31 63 4D 03
00DIA26.59|02 0E 30 30 44 49 41 32 36 2E 35 39 FA 74 03
00DIA|02 09 30 30 44 49 41 0E DB 03
00PHN1|02 0A 30 30 50 48 4E 31 EA E4 03
00PHN2|02 0A 30 30 50 48 4E 32 DA 87 03
00FUNRAT|02 0C 30 30 46 55 4E 52 41 54 16 21 03
00FUNSTP|02 0C 30 30 46 55 4E 53 54 50 9D 13 03
00FUN|02 09 30 30 46 55 4E D7 4A 03
00RAT18.53MH|02 10 30 30 52 41 54 31 38 2E 35 33 4D 48 54 79 03
00RAT18.00MH|02 10 30 30 52 41 54 31 38 2E 30 30 4D 48 B1 6C 03
00RAT17.50|02 0E 30 30 52 41 54 31 37 2E 35 30 84 6C 03
00RAT|02 09 30 30 52 41 54 34 25 03
00VOLML|02 0B 30 30 56 4F 4C 4D 4C 8E D0 03
00VOL12.00|02 0E 30 30 56 4F 4C 31 32 2E 30 30 ED FF 03
00VOL12.35|02 0E 30 30 56 4F 4C 31 32 2E 33 35 E8 09 03
00VOL|02 09 30 30 56 4F 4C 58 D3 03
00DIRINF|02 0C 30 30 44 49 52 49 4E 46 D7 5A 03
00DIR|02 09 30 30 44 49 52 2C 89 03
00CLDINF|02 0C 30 30 43 4C 44 49 4E 46 00 72 03
00CLDWDR|02 0C 30 30 43 4C 44 57 44 52 E5 6E 03
00RUN|02 09 30 30 52 55 4E 48 E9 03
00STP|02 09 30 30 53 54 50 BF 17 03
00DIS|02 09 30 30 44 49 53 3C A8 03
0|02 05 30 36 53 03
0VER|02 08 30 56 45 52 48 09 03
0SAF4|02 09 30 53 41 46 34 19 29 03
0SAF0|02 09 30 53 41 46 30 59 AD 03
0VOL12|02 0A 30 56 4F 4C 31 32 05 30 03
0RAT300UM|02 0D 30 52 41 54 33 30 30 55 4D C0 2B 03
0RUN|02 08 30 52 55 4E 44 07 03
0STP|02 08 30 53 54 50 B3 F9 03
0DIA26.59|02 0D 30 44 49 41 32 36 2E 35 39 57 EF 03
00VOL0.17|02 0D 30 30 56 4F 4C 30 2E 31 37 0D 02 03
00VOL0.128|02 0E 30 30 56 4F 4C 30 2E 31 32 38 9B 03 03
00VOL0.224|02 0E 30 30 56 4F 4C 30 2E 32 32 34 03 DF 03
00RAT13|02 0B 30 30 52 41 54 31 33 8D 02 03
"""

FROM_PUMP = """
00S|02 07 30 30 53 AA A6 03
00I|02 07 30 30 49 19 DD 03
00W|02 07 30 30 57 EA 22 03
00P|02 07 30 30 50 9A C5 03
00T|02 07 30 30 54 DA 41 03
00U|02 07 30 30 55 CA 60 03
00X|02 07 30 30 58 1B CD 03
00A?R|02 09 30 30 41 3F 52 65 86 03
00A?S|02 09 30 30 41 3F 53 75 A7 03
00A?T|02 09 30 30 41 3F 54 05 40 03
00A?E|02 09 30 30 41 3F 45 07 50 03
00A?O|02 09 30 30 41 3F 4F A6 1A 03
00S?|02 08 30 30 53 3F 75 1C 03
00S?NA|02 0A 30 30 53 3F 4E 41 52 37 03
00I?NA|02 0A 30 30 49 3F 4E 41 21 3B 03
00S?OOR|02 0B 30 30 53 3F 4F 4F 52 23 3F 03
00S?COM|02 0B 30 30 53 3F 43 4F 4D B5 80 03
00S?IGN|02 0B 30 30 53 3F 49 47 4E CB 8B 03
00SNE1000V3.923|02 13 30 30 53 4E 45 31 30 30 30 56 33 2E 39 32 33 96 49 03
00S5|02 08 30 30 53 35 D4 56 03
00S10|02 09 30 30 53 31 30 27 6E 03
00S26.59|02 0C 30 30 53 32 36 2E 35 39 22 E5 03
00S12.35ML|02 0E 30 30 53 31 32 2E 33 35 4D 4C B3 0C 03
00S18.53MH|02 0E 30 30 53 31 38 2E 35 33 4D 48 E0 B3 03
00I18.00MH|02 0E 30 30 49 31 38 2E 30 30 4D 48 A9 6E 03
00SINF|02 0A 30 30 53 49 4E 46 48 78 03
00SRAT|02 0A 30 30 53 52 41 54 D9 A7 03
00SSTP|02 0A 30 30 53 53 54 50 52 95 03
00S01|02 09 30 30 53 30 31 04 7E 03
00SI0.000W0.000ML|02 15 30 30 53 49 30 2E 30 30 30 57 30 2E 30 30 30 4D 4C 6F 1A 03
00II3.512W0.000ML|02 15 30 30 49 49 33 2E 35 31 32 57 30 2E 30 30 30 4D 4C A4 85 03
"""


def rows(table: str) -> list[tuple[str, bytes]]:
    pairs = [line.split("|") for line in table.strip().splitlines()]
    return [(data, bytes.fromhex(packet)) for data, packet in pairs]


def test_crc_check_value() -> None:
    assert crc16(b"123456789") == 0x31C3


@pytest.mark.parametrize(("data", "packet"), rows(TO_PUMP))
def test_golden_packets_to_the_pump(data: str, packet: bytes) -> None:
    assert decode(Frame(framing=Framing.SAFE, raw=packet, while_busy=False)) == data
    assert safe(data) == packet  # the bench's own encoder agrees


@pytest.mark.parametrize(("data", "packet"), rows(FROM_PUMP))
def test_golden_packets_from_the_pump(data: str, packet: bytes) -> None:
    assert encode(data, Framing.SAFE) == packet
    assert split_safe(packet) == [data]


@pytest.mark.parametrize(("_data", "packet"), rows(TO_PUMP))
@pytest.mark.parametrize("gap_ns", [0, 499_999_999])
def test_a_packet_may_come_byte_by_byte(_data: str, packet: bytes, gap_ns: int) -> None:
    whole, slow = Bench(), Bench()
    expected = whole.raw(packet)
    got = b""
    for byte in packet:
        slow.now_ns += gap_ns
        got += slow.raw(bytes([byte]), 0)
    got += slow.run_for(50 * MS_NS)
    assert got == expected
    assert slow.pump.settings == whole.pump.settings
    assert slow.pump.state is whole.pump.state


@pytest.mark.parametrize(("command", "query"), [("RAT17.50", "RAT"), ("VOL12.35", "VOL"), ("STP", ""), ("SAF0", "SAF")])
def test_no_single_flipped_bit_executes(command: str, query: str) -> None:
    packet = safe("00" + command)
    for bit in range(len(packet) * 8):
        bench = Bench()
        bench.load()
        if command == "STP":
            bench.tell("RUN")
        before = bench.ask(query)
        settings = bench.pump.settings
        flipped = bytearray(packet)
        flipped[bit // 8] ^= 1 << (bit % 8)
        answer = bench.raw(bytes(flipped), SECOND_NS)
        assert answer in {b"", safe(f"00{bench.pump.state.value}?COM")}, bit
        assert bench.pump.settings == settings
        assert bench.ask(query) == before


def test_a_packet_cut_for_half_a_second_is_dropped() -> None:
    bench = Bench()
    bench.raw(safe("VER")[:5], 500 * MS_NS)
    assert bench.ask("00") == "00S"


def test_a_packet_cut_for_less_is_continued() -> None:
    bench = Bench()
    bench.raw(safe("VER")[:5], 500 * MS_NS - 1)
    assert bench.raw(safe("VER")[5:]) == safe("00SNE1000V3.923")


@pytest.mark.parametrize("data", ["0DIA26.59", "00VOL0.17", "00VOL0.128", "00VOL0.224", "00RAT13"])
def test_framing_is_by_length_not_by_control_bytes(data: str) -> None:
    bench = Bench()
    bench.load()
    assert bench.ask(data) == "00S"


def test_garbage_between_packets_is_skipped() -> None:
    bench = Bench()
    assert bench.raw(b"\r\n??" + safe("00") + b"\r\n") == safe("00S")


def test_damage_is_answered_or_not_by_switch() -> None:
    assert Bench().raw(safe("VER")[:-1] + b"\x04") == safe("00S?COM")
    assert Bench(behaviour=Behaviour(bad_packet_answered=False)).raw(safe("VER")[:-1] + b"\x04") == b""


def test_damage_does_not_draw_the_pending_alarm() -> None:
    bench = Bench(alarm=Alarm.RESET, safe_s=0)
    bench.raw(safe("VER")[:-1] + b"\x04")
    assert bench.pump.alarm is Alarm.RESET


def test_basic_mode_takes_both_framings_and_answers_basic() -> None:
    bench = Bench(safe_s=0)
    assert bench.raw(b"00\r") == bytes.fromhex("02 30 30 53 03")
    assert bench.raw(safe("00")) == bytes.fromhex("02 30 30 53 03")
    assert bench.raw(b"00STP\x20?\r") == b"\x0200S?\x03"


@pytest.mark.parametrize("text", [b"00VER\r", b"\n0 v e R \r", b"ver\r", b"0VER\r"])
def test_basic_text_is_taken_liberally(text: bytes) -> None:
    assert Bench(safe_s=0).raw(text) == b"\x0200SNE1000V3.923\x03"


def test_a_long_line_is_an_unknown_command() -> None:
    assert Bench(safe_s=0).raw(b"VER" + b"1" * 5000 + b"\r") == b"\x0200S?\x03"


def test_safe_mode_ignores_basic_text_by_switch() -> None:
    assert Bench().raw(b"00VER\r") == b""
    assert Bench(behaviour=Behaviour(safe_mode_takes_basic_text=True)).raw(b"00VER\r") == safe("00SNE1000V3.923")


def test_the_reply_to_a_mode_change_is_in_the_new_mode() -> None:
    bench = Bench(safe_s=0)
    assert bench.raw(safe("SAF5")) == safe("00S")
    assert bench.ask("00SAF") == "00S5"
    assert bench.raw(bytes.fromhex("02 08 53 41 46 30 55 43 03")) == b"\x0200S\x03"


def test_a_basic_pump_answers_a_pending_alarm_in_basic() -> None:
    bench = Bench(alarm=Alarm.RESET, safe_s=0)
    assert bench.raw(safe("00SAF5")) == b"\x0200A?R\x03"
    assert bench.raw(safe("00SAF5")) == safe("00S")


def test_addresses() -> None:
    bench = Bench()
    assert [bench.ask(text) for text in ("", "0", "00", "VER")] == ["00S", "00S", "00S", "00SNE1000V3.923"]
    assert bench.raw(safe("01VER")) == b""
    assert bench.ask("*ADR7") == "07S"
    assert bench.raw(safe("VER")) == b""
    assert bench.ask("7") == "07S"
    assert bench.ask("*ADR") == "07S07"
    assert bench.ask("*RUN") == "07S?"


def test_reset_forgets_everything() -> None:
    bench = Bench()
    bench.load()
    bench.tell("RUN")
    assert bench.raw(safe("*RESET")) == b"\x0200S\x03"
    assert bench.pump.settings == Settings()
    assert bench.pump.state is Status.STOPPED


def test_a_reply_is_paced_after_the_turnaround() -> None:
    bench = Bench()
    bench.pump.receive(safe("00"), 0)
    last_bit_ns = 2 * MS_NS + 4_166_667  # 8 bytes at 19200 baud
    bench.pump.advance(2 * MS_NS)
    assert bench.pump.next_deadline_ns() == last_bit_ns
    assert bench.pump.transmit(last_bit_ns - 1) == b""
    assert bench.pump.transmit(last_bit_ns) == safe("00S")


def test_silence_says_and_hears_nothing() -> None:
    bench = Bench()
    bench.pump.begin_fault(Fault.SILENCE, 0)
    assert bench.raw(safe("SAF0")) == b""
    assert bench.pump.settings.safe_s == 255
