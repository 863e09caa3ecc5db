"""Framing of the New Era protocol, seen from the pump (NE-1000 manual p.38-39). Knows no command and no pump state."""

import binascii
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

STX = 0x02
ETX = 0x03
CR = 0x0D
OVERHEAD_BYTES = 4
"""Length, CRC high, CRC low and ETX: the length byte counts these and the data (NE-1600 manual p.39)."""
PARTIAL_TIMEOUT_NS = 500_000_000
"""A Safe packet that pauses this long between bytes is dropped (NE-1000 manual p.39)."""
SPACE_AND_CONTROLS = bytes(range(0x21))
MAX_TEXT_CHARACTERS = 64
"""No command is near this long; what goes beyond it is cut, and the rest is an unknown command."""


class Framing(Enum):
    """The two packet forms."""

    BASIC = "basic"
    SAFE = "safe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One packet as it came in, not yet checked; `while_busy` if a byte of it came while the pump was answering."""

    framing: Framing
    raw: bytes
    while_busy: bool


def crc16(data: bytes) -> int:
    """Return the CRC-16/XMODEM of `data`: polynomial 0x1021, initial value 0, nothing reflected or inverted."""
    return binascii.crc_hqx(data, 0)


def encode(data: str, framing: Framing) -> bytes:
    """Frame a reply."""
    text = data.encode("ascii")
    if framing is Framing.BASIC:
        return bytes([STX, *text, ETX])
    return bytes([STX, len(text) + OVERHEAD_BYTES, *text, *crc16(text).to_bytes(2, "big"), ETX])


def decode(frame: Frame) -> str | None:
    """Return the data of a frame in capitals without spaces and control characters, or None if it is damaged."""
    raw = frame.raw
    if frame.framing is Framing.SAFE:
        if len(raw) <= OVERHEAD_BYTES or raw[0] != STX or raw[1] != len(raw) - 1 or raw[-1] != ETX:
            return None
        raw, crc = raw[2:-3], raw[-3:-1]
        if crc16(raw).to_bytes(2, "big") != crc:
            return None
    return raw.translate(None, SPACE_AND_CONTROLS).decode("latin-1").upper()


class Receiver:
    """Cuts incoming bytes into frames: Safe packets by their length byte, Basic text at CR."""

    def __init__(self) -> None:
        self._packet = bytearray()
        self._text = bytearray()
        self._while_busy = False
        self._last_byte_ns = 0

    def feed(self, data: bytes, now_ns: int, *, busy: Callable[[], bool]) -> Iterator[Frame]:
        """Take bytes; yield each frame with the byte that completes it. `busy` tells whether the pump is answering."""
        if not self._packet and len(data) > OVERHEAD_BYTES and data[0] == STX and data[1] == len(data) - 1:
            # a whole packet at once, as a rule
            self.clear()
            self._last_byte_ns = now_ns
            yield Frame(framing=Framing.SAFE, raw=data, while_busy=busy())
            return
        for byte in data:
            frame = self._take(byte, now_ns, busy=busy())
            if frame is not None:
                yield frame

    def _take(self, byte: int, now_ns: int, *, busy: bool) -> Frame | None:
        if self._packet and now_ns - self._last_byte_ns >= PARTIAL_TIMEOUT_NS:
            self.clear()
        self._last_byte_ns = now_ns
        if not self._packet and byte == STX:
            self.clear()
            self._packet.append(byte)
            self._while_busy = busy
            return None
        self._while_busy |= busy
        if self._packet:
            self._packet.append(byte)
            length = self._packet[1]
            if length < OVERHEAD_BYTES or len(self._packet) == length + 1:
                return self._finish(Framing.SAFE, self._packet)
        elif byte == CR:
            return self._finish(Framing.BASIC, self._text)
        elif byte > 0x20 and len(self._text) <= MAX_TEXT_CHARACTERS:
            self._text.append(byte)
        return None

    def clear(self) -> None:
        """Forget what is half received."""
        self._packet.clear()
        self._text.clear()
        self._while_busy = False

    def _finish(self, framing: Framing, raw: bytearray) -> Frame:
        frame = Frame(framing=framing, raw=bytes(raw), while_busy=self._while_busy)
        self.clear()
        return frame
