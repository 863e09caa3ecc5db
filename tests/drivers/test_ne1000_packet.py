"""Framing: golden packets, whole and byte by byte, with junk and damage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.ne1000.packet import MAX_REPLY_LENGTH, OVERHEAD_BYTES, Frame, Framing, Junk, Receiver, crc16, encode
from tests.golden.ne1000 import BASIC_FROM_PUMP, FROM_PUMP, NASTY, ONE_DIGIT, TO_PUMP

replies = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=3, max_size=43)


def frames(items: list[Frame | Junk]) -> list[Frame]:
    return [item for item in items if isinstance(item, Frame)]


def bytewise(receiver: Receiver, data: bytes) -> list[Frame | Junk]:
    return [item for byte in data for item in receiver.feed(bytes([byte]), 0)]


def test_crc_check_value() -> None:
    assert crc16(b"123456789") == 0x31C3


@pytest.mark.parametrize(("data", "packet"), [*NASTY, *TO_PUMP, *FROM_PUMP, *ONE_DIGIT])
def test_encode(data: str, packet: str) -> None:
    assert encode(data) == bytes.fromhex(packet)


@pytest.mark.parametrize(("data", "packet"), [*NASTY, *FROM_PUMP])
@pytest.mark.parametrize("safe_only", [True, False])
def test_receive_safe(data: str, packet: str, safe_only: bool) -> None:
    raw = bytes.fromhex(packet)
    for feed in (lambda receiver: receiver.feed(raw, 0), lambda receiver: bytewise(receiver, raw)):
        receiver = Receiver()
        receiver.safe_only = safe_only
        assert feed(receiver) == [Frame(data=data.encode(), framing=Framing.SAFE)]
        assert receiver.deadline_ns() is None


@pytest.mark.parametrize(("data", "packet"), BASIC_FROM_PUMP)
def test_receive_basic(data: str, packet: str) -> None:
    raw = bytes.fromhex(packet)
    assert bytewise(Receiver(), raw) == [Frame(data=data.encode(), framing=Framing.BASIC)]
    strict = Receiver()
    strict.safe_only = True
    assert frames(strict.feed(raw, 0)) == []


@given(data=replies, junk=st.binary(max_size=8).filter(lambda junk: 2 not in junk))
def test_round_trip_after_junk_one_byte_at_a_time(data: str, junk: bytes) -> None:
    found = bytewise(Receiver(), junk + encode(data))
    assert frames(found) == [Frame(data=data.encode(), framing=Framing.SAFE)]
    assert b"".join(item.data for item in found if isinstance(item, Junk)) == junk


@pytest.mark.req("COMM-10")
@given(data=replies, position=st.integers(0, 60), wrong=st.integers(1, 255), known=st.booleans())
def test_one_damaged_byte_never_gives_another_packet(data: str, position: int, wrong: int, known: bool) -> None:
    packet = bytearray(encode(data))
    packet[position % len(packet)] ^= wrong
    receiver = Receiver()
    receiver.safe_only = known
    accepted = frames(receiver.feed(bytes(packet), 0))
    assert [frame for frame in accepted if frame.framing is Framing.SAFE] == []
    assert not known or accepted == []


@pytest.mark.parametrize(("data", "packet"), FROM_PUMP)
def test_after_a_flipped_bit_the_next_packet_is_found(data: str, packet: str) -> None:
    raw = bytes.fromhex(packet)
    good = Frame(data=b"00S", framing=Framing.SAFE)
    for bit in range(len(raw) * 8):
        bent = bytearray(raw)
        bent[bit // 8] ^= 1 << bit % 8
        receiver = Receiver()
        receiver.safe_only = True
        found = receiver.feed(bytes(bent), 0)
        found += receiver.feed(encode("00S") * 8, 400_000_000)
        assert frames(found)[-1] == good, bit
        assert {frame.data for frame in frames(found)} == {b"00S"}, bit


@given(st.lists(st.binary(max_size=600), max_size=4))
def test_what_is_kept_is_bounded(chunks: list[bytes]) -> None:
    receiver = Receiver()
    for chunk in chunks:
        receiver.feed(chunk, 0)
        assert len(receiver._buffer) <= 64  # the bound is the point of the test


def test_a_partial_packet_is_dropped_after_half_a_second() -> None:
    receiver = Receiver()
    assert receiver.feed(encode("00S")[:4], 0) == []
    assert receiver.deadline_ns() == 500_000_000
    assert isinstance(receiver.expire(500_000_000)[0], Junk)
    assert frames(receiver.feed(encode("00P"), 500_000_001)) == [Frame(data=b"00P", framing=Framing.SAFE)]


def test_safe_lengths_never_look_like_a_basic_address() -> None:
    assert MAX_REPLY_LENGTH < 0x30
    with pytest.raises(ValueError, match="does not fit"):
        encode("0" * (256 - OVERHEAD_BYTES))
