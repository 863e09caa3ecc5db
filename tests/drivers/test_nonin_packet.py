"""The packet codec: golden packets in every chunking, damage, lost frames, the speed of the hot path."""

import sys
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.nonin.packet import Damaged, Decoder, Packet, Stat2, Status
from tests.golden import nonin

GOLDEN = {
    "reference": (nonin.REFERENCE, 72, 97, 0),
    "N1": (nonin.N1, 72, 97, Status.GREEN_PERFUSION),
    "N2": (nonin.N2, 140, 88, Status.GREEN_PERFUSION),
    "N3": (nonin.N3, None, None, Status.SENSOR_UNPLUGGED | Status.SENSOR_ALARM),
    "N4": (nonin.N4, 210, 85, Status.ARTEFACT | Status.RED_PERFUSION | Status.GREEN_PERFUSION),
    "N5": (nonin.N5, 96, 93, Status.OUT_OF_TRACK | Status.RED_PERFUSION),
}
CHUNKS = (1, 7, 64, 500, 10_000)


def fed(decoder: Decoder, data: bytes, chunk: int = 10_000) -> list[Packet | Damaged]:
    return [item for at in range(0, len(data), chunk) for item in decoder.feed(data[at : at + chunk])]


def packets(data: bytes, chunk: int = 10_000) -> list[Packet]:
    return [item for item in fed(Decoder(), data, chunk) if isinstance(item, Packet)]


def numbers(data: bytes) -> list[tuple[int | None, int | None]]:
    return [(packet.pulse_bpm, packet.spo2_percent) for packet in packets(data)]


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("name", GOLDEN)
def test_golden_packets_in_every_chunking(name: str, chunk: int) -> None:
    data, pulse_bpm, spo2_percent, flags = GOLDEN[name]
    found = packets(data * 3, chunk)
    assert [(packet.pulse_bpm, packet.spo2_percent) for packet in found] == [(pulse_bpm, spo2_percent)] * 3
    assert {packet.status for packet in found} == {0x80 | Status.SYNC | flags}


def test_the_test_builder_agrees_with_the_golden_packets() -> None:
    assert nonin.packet(72, 97, status=0x80) == nonin.REFERENCE
    assert nonin.packet(72, 97) == nonin.N1
    assert nonin.packet(140, 88) == nonin.N2
    assert nonin.packet(511, 127, status=0xC8) == nonin.N3
    assert nonin.packet(210, 85, status=0xA6) == nonin.N4
    assert nonin.packet(96, 93, status=0x94) == nonin.N5


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("name", GOLDEN)
def test_random_bytes_in_front(name: str, seed: int) -> None:
    data, pulse_bpm, spo2_percent, _ = GOLDEN[name]
    noise = Random(seed).randbytes(100)  # noqa: S311 - noise, not a secret
    assert numbers(noise + data) == [(pulse_bpm, spo2_percent)]


@pytest.mark.parametrize("name", GOLDEN)
def test_a_packet_with_any_one_bit_flipped_vanishes(name: str) -> None:
    data, pulse_bpm, spo2_percent, _ = GOLDEN[name]
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        assert numbers(bytes(flipped)) == []
        assert numbers(bytes(flipped) + data) == [(pulse_bpm, spo2_percent)]


@pytest.mark.parametrize("number", range(1, nonin.FRAMES + 1))
def test_a_packet_without_one_of_its_frames_gives_nothing(number: int) -> None:
    cut = nonin.N1[: (number - 1) * 5] + nonin.N1[number * 5 :]
    decoder = Decoder()
    expected = [Packet] if number == 1 else [Damaged, Packet]
    assert [type(item) for item in fed(decoder, cut + nonin.N2)] == expected
    assert numbers(cut + nonin.N2) == [(140, 88)]


def test_a_frame_too_many_is_told_and_the_next_packet_counts() -> None:
    found = fed(Decoder(), nonin.N1 + nonin.N1[120:] + nonin.N2)
    assert [type(item) for item in found] == [Packet, Damaged, Packet]


@pytest.mark.parametrize("wrong", [b"\x00\x80\x01\x00\x81", b"\x02\x80\x01\x00\x83", b"\x01\x00\x01\x00\x02"])
def test_a_good_checksum_does_not_make_a_frame(wrong: bytes) -> None:
    assert sum(wrong[:4]) % 256 == wrong[4]
    assert numbers(nonin.N1[:60] + wrong + nonin.N1[65:]) == []


def test_noise_between_packets_costs_no_packet() -> None:
    assert numbers(nonin.N1 + b"\xff\x01\x81" + nonin.N2) == [(72, 97), (140, 88)]


@pytest.mark.parametrize("start", range(1, nonin.PACKET_BYTES))
def test_a_stream_that_begins_inside_a_packet_gives_the_next_one_first(start: int) -> None:
    assert numbers(nonin.N1[start:] + nonin.N2) == [(140, 88)]


def test_the_numbers_come_from_the_first_three_frames() -> None:
    # No checksum can see that the rest is another packet's.
    assert numbers(nonin.N1[:60] + nonin.N2[60:]) == [(72, 97)]
    assert numbers(nonin.N2[:60] + nonin.N1[60:]) == [(140, 88)]


@pytest.mark.parametrize("position", range(25))
@pytest.mark.parametrize("flag", [0x40, 0x20, 0x10, 0x08])
def test_a_flag_in_any_one_frame_marks_the_packet(flag: int, position: int) -> None:
    frames = [nonin.N1[at : at + 5] for at in range(0, 125, 5)]
    _, status, pleth, data, _ = frames[position]
    frames[position] = nonin.frame(status | flag, pleth, data)
    (packet,) = packets(b"".join(frames))
    assert packet.status & flag


def test_pleth_range_and_second_status() -> None:
    (packet,) = packets(nonin.packet(72, 97, pleth=(100, 90, 120), stat2=0x21))
    assert (packet.pleth_low, packet.pleth_high) == (90, 120)
    assert packet.stat2 == Stat2.SMART_POINT | Stat2.LOW_BATTERY


@given(
    pulse=st.integers(0, 510),
    spo2=st.integers(0, 126),
    flags=st.integers(0, 0x3F),
    pleth=st.lists(st.integers(0, 255), min_size=1, max_size=25),
    chunk=st.integers(1, 200),
)
def test_what_the_device_sends_is_what_is_read(pulse: int, spo2: int, flags: int, pleth: list[int], chunk: int) -> None:
    data = nonin.packet(pulse, spo2, status=0x80 | flags << 1, pleth=tuple(pleth))
    (packet,) = packets(data, chunk)
    assert (packet.pulse_bpm, packet.spo2_percent) == (pulse, spo2)
    assert packet.status == 0x81 | flags << 1
    assert (packet.pleth_low, packet.pleth_high) == (min(pleth), max(pleth))


@given(st.lists(st.binary(max_size=300), max_size=10))
def test_any_bytes_are_taken_and_little_is_kept(chunks: list[bytes]) -> None:
    decoder = Decoder()
    for chunk in chunks:
        decoder.feed(chunk)
        assert len(decoder._rest) < nonin.FRAME_BYTES


def calls_of(function: Callable[[], object]) -> int:
    """Count the calls, of Python and of C, that a function makes."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(None)
    return calls


def test_a_frame_costs_a_few_calls_however_long_the_stream() -> None:
    few, many = (nonin.N1 * packets for packets in (4, 40))
    few_calls, many_calls = (calls_of(lambda stream=stream: fed(Decoder(), stream, 5)) for stream in (few, many))
    frames = (len(many) - len(few)) // nonin.FRAME_BYTES
    assert (many_calls - few_calls) / frames < 6
