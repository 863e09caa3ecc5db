"""The oracle's own reader of Safe packets: whole, in pieces, damaged, and against bytes from the manual."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.oracle.observation import Bytes, Point
from simulators.oracle.wire import LONGEST_GAP_NS, packets
from tests.oracle.support import safe


def chunk(at_ns: int, data: bytes) -> Bytes:
    return Bytes(at_ns=at_ns, point=Point.HEARD, data=data)


def read(*chunks: Bytes) -> list[tuple[int, str]]:
    return [(packet.at_ns, packet.command) for packet in packets(chunks)]


def test_the_packet_of_the_manual() -> None:
    assert read(chunk(7, bytes.fromhex("02 08 53 41 46 30 55 43 03"))) == [(7, "SAF0")]


@pytest.mark.parametrize(
    ("sent", "meant"), [("STP", "STP"), ("00DIS", "DIS"), ("", ""), ("07 run", "RUN"), ("*ADR", "ADR")]
)
def test_address_case_and_spaces_do_not_matter(sent: str, meant: str) -> None:
    assert read(chunk(1, safe(sent))) == [(1, meant)]


@given(st.binary(max_size=20).filter(lambda noise: 2 not in noise), st.binary(max_size=20))
def test_a_packet_is_found_in_noise(before: bytes, after: bytes) -> None:
    assert (5, "STP") in read(chunk(4, before), chunk(5, safe("STP")), chunk(6, after))


@given(st.lists(st.sampled_from(["STP", "00RUN", "", "00DIS", "\x02\x03"]), max_size=5))
def test_bytes_one_at_a_time_read_like_the_whole(commands: list[str]) -> None:
    data = b"".join(safe(command) for command in commands)
    pieces = [chunk(index, data[index : index + 1]) for index in range(len(data))]
    assert [name for _, name in read(*pieces)] == [name for _, name in read(chunk(0, data))]
    assert len(read(*pieces)) == len(commands)


@given(st.sampled_from(["STP", "00RUN", "00DIS"]), st.data())
def test_no_single_wrong_bit_passes(command: str, data: st.DataObject) -> None:
    packet = bytearray(safe(command))
    bit = data.draw(st.integers(0, len(packet) * 8 - 1))
    packet[bit // 8] ^= 1 << bit % 8
    assert read(chunk(0, bytes(packet))) == []


def test_a_packet_in_pieces_ends_with_its_last_byte_and_may_not_pause_too_long() -> None:
    packet = safe("STP")
    assert read(chunk(0, packet[:3]), chunk(LONGEST_GAP_NS - 1, packet[3:])) == [(LONGEST_GAP_NS - 1, "STP")]
    assert read(chunk(0, packet[:3]), chunk(LONGEST_GAP_NS, packet[3:])) == []


def test_a_lost_byte_spoils_one_packet_only() -> None:
    assert read(chunk(0, safe("STP")[:-1]), chunk(1, safe("00RUN"))) == [(1, "RUN")]


def test_an_incomplete_packet_is_none() -> None:
    assert read(chunk(0, b"\x02")) == []
    assert read(chunk(0, b"\x02\x03\x03")) == []
