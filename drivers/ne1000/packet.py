"""Framing of the New Era protocol, seen from the host. Knows bytes and time; no command and no pump state.

Safe packet: STX, length, data, CRC high, CRC low, ETX. Basic reply: STX, data, ETX (New Era NE-1000 manual,
Publication 1200-01, p. 38-39). Length and checksum bytes may equal STX, ETX or CR, so Safe packets are framed by
their length and never by searching for an end.
"""

import binascii
from dataclasses import dataclass
from enum import Enum, unique

STX = 0x02
ETX = 0x03
OVERHEAD_BYTES = 4
"""Length, CRC high, CRC low and ETX: the length byte counts these and the data (New Era NE-1600 manual, p. 39)."""
MAX_COMMAND_BYTES = 0xFF - OVERHEAD_BYTES
MIN_REPLY_LENGTH = 0x07
"""The shortest reply is two address digits and a prompt."""
MAX_REPLY_LENGTH = 0x2F
"""Real replies end near 0x20; below 0x30, so that a Safe length is never taken for a Basic address digit."""
MAX_BASIC_BYTES = 48
"""A Basic reply longer than this is noise."""
PARTIAL_LIMIT_NS = 500_000_000
"""A packet that pauses this long is dropped (New Era NE-1000 manual, Publication 1200-01, p. 39)."""
SHOWN_BYTES = 64
"""As many rejected bytes as one report carries."""


@unique
class Framing(Enum):
    """How a reply was framed."""

    BASIC = "basic"
    SAFE = "safe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The data of one whole reply; a Safe one has passed its checksum."""

    data: bytes
    framing: Framing


@dataclass(frozen=True, slots=True, kw_only=True)
class Junk:
    """Bytes that belong to no sound reply."""

    reason: str
    data: bytes


def crc16(data: bytes) -> int:
    """Return the CRC-16/XMODEM of `data`: polynomial 0x1021, initial value 0, nothing reflected or inverted."""
    return binascii.crc_hqx(data, 0)


def encode(data: str) -> bytes:
    """Return `data` as a Safe packet, which the pump accepts in Basic mode too (New Era SP1070-M manual, p. 42)."""
    text = data.encode("ascii")
    if len(text) > MAX_COMMAND_BYTES:
        raise ValueError(f"a command of {len(text)} bytes does not fit into a packet of at most {MAX_COMMAND_BYTES}")
    return bytes([STX, len(text) + OVERHEAD_BYTES, *text, *crc16(text).to_bytes(2, "big"), ETX])


class Receiver:
    """Cuts what arrives into replies; after a damaged one it looks for the next from the following byte.

    While `safe_only` is False replies in Basic framing are taken as well. What is kept is shorter than one reply.
    """

    __slots__ = ("_buffer", "_last_byte_ns", "_rejected", "_why", "safe_only")

    def __init__(self) -> None:
        self.safe_only = False
        self._buffer = bytearray()
        self._rejected = bytearray()
        self._why = ""
        self._last_byte_ns = 0

    def feed(self, data: bytes, now_ns: int) -> list[Frame | Junk]:
        """Take bytes read at `now_ns`; return whole replies and rejected bytes in order."""
        found: list[Frame | Junk] = self.expire(now_ns)
        if not data:
            return found
        self._last_byte_ns = now_ns
        self._buffer += data
        while self._buffer:
            if self._buffer[0] != STX:
                self._reject(1, "bytes outside a packet")
                continue
            frame_bytes, frame, why = self._first()
            if frame is not None:
                found += self._take_rejected()
                found.append(frame)
                del self._buffer[:frame_bytes]
            elif why:
                self._reject(1, why)
            else:
                break
        return found + self._take_rejected()

    def expire(self, now_ns: int) -> list[Frame | Junk]:
        """Drop a partial reply that has paused too long."""
        deadline_ns = self.deadline_ns()
        if deadline_ns is None or now_ns < deadline_ns:
            return []
        return self.clear("an incomplete reply")

    def clear(self, why: str) -> list[Frame | Junk]:
        """Drop a partial reply, whatever its age."""
        if not self._buffer:
            return []
        self._reject(len(self._buffer), why)
        return self._take_rejected()

    def deadline_ns(self) -> int | None:
        """Return when the partial reply in hand is dropped, or None."""
        return self._last_byte_ns + PARTIAL_LIMIT_NS if self._buffer else None

    def _first(self) -> tuple[int, Frame | None, str]:
        """Judge the packet that begins with the first byte: its size and content, or why it is none, or neither yet."""
        buffer = self._buffer
        if len(buffer) < 2:
            return 0, None, ""
        length = buffer[1]
        if 0x30 <= length <= 0x39 and not self.safe_only:
            return self._first_basic()
        if not MIN_REPLY_LENGTH <= length <= MAX_REPLY_LENGTH:
            return 0, None, "a length that no reply has"
        if len(buffer) < length + 1:
            return 0, None, ""
        data, crc = bytes(buffer[2 : length - 2]), buffer[length - 2 : length]
        if buffer[length] != ETX:
            return 0, None, "no end where the length says"
        if crc16(data).to_bytes(2, "big") != crc:
            return 0, None, "a wrong checksum"
        return length + 1, Frame(data=data, framing=Framing.SAFE), ""

    def _first_basic(self) -> tuple[int, Frame | None, str]:
        for index, byte in enumerate(self._buffer[1:], 1):
            if byte == ETX:
                return index + 1, Frame(data=bytes(self._buffer[1:index]), framing=Framing.BASIC), ""
            if not 0x20 < byte < 0x7F or index > MAX_BASIC_BYTES:
                return 0, None, "a Basic reply that is not short text"
        return 0, None, ""

    def _reject(self, count: int, why: str) -> None:
        if not self._rejected or self._why == "bytes outside a packet":
            self._why = why
        self._rejected += self._buffer[:count]
        del self._buffer[:count]

    def _take_rejected(self) -> list[Frame | Junk]:
        if not self._rejected:
            return []
        junk = Junk(reason=self._why, data=bytes(self._rejected[:SHOWN_BYTES]))
        self._rejected.clear()
        return [junk]
