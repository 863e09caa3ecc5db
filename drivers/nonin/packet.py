"""Nonin serial Data Format 2, as read in public implementations: bytes in, packets out. Knows no time and no policy.

A frame is five bytes: 01, status, pleth, data, and the sum of those four modulo 256. A packet is 25 frames; only the
first carries SYNC. 01 occurs inside frames too, so it separates nothing: a frame is believed for its header, the status
bits that must be set and its checksum together. A packet with one bad frame gives nothing, and no value is ever built
out of two packets.
"""

from dataclasses import dataclass
from enum import IntFlag, unique

FRAME_BYTES = 5
PACKET_FRAMES = 25
PACKET_BYTES = FRAME_BYTES * PACKET_FRAMES

_HEADER = 0x01
_ALWAYS_SET = 0x80
_PULSE_MSB, _PULSE_LSB, _SPO2, _STAT2 = 0, 1, 2, 7
"""Which frames carry them, counted from 0."""
_PULSE_MISSING = 511
_SPO2_MISSING = 127


@unique
class Status(IntFlag):
    """Status bits of a frame, and of a packet when any of its frames carries them."""

    SENSOR_UNPLUGGED = 0x40  # SNSD
    ARTEFACT = 0x20  # ARTF
    OUT_OF_TRACK = 0x10  # OOT
    SENSOR_ALARM = 0x08  # SNSA: off the finger
    RED_PERFUSION = 0x04  # RPRF; with green: yellow
    GREEN_PERFUSION = 0x02  # GPRF
    SYNC = 0x01


_SYNC = int(Status.SYNC)  # arithmetic on enum members costs more than the rest of a frame


@unique
class Stat2(IntFlag):
    """Bits of the second status byte, sent once in a packet."""

    SMART_POINT = 0x20
    LOW_BATTERY = 0x01


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """What 25 good frames say. The numbers are the four-beat averages; None where the device sent its sentinel.

    `pulse_bpm` is at most 510 and `spo2_percent` at most 126: nothing here judges them.
    `status` and `stat2` are plain integers to be tested with `Status` and `Stat2`.
    """

    pulse_bpm: int | None
    spo2_percent: int | None
    status: int
    stat2: int
    pleth_low: int
    pleth_high: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Damaged:
    """A packet under way was dropped: a bad frame, or frames that are too few or too many."""

    data: bytes
    """The frame that gave it away."""


class Decoder:
    """Finds packets in a stream that may begin, break or jump anywhere. Keeps at most four bytes between calls."""

    def __init__(self) -> None:
        self._rest = b""
        self._status = 0
        self._pleths: list[int] = []
        self._values: list[int] = []
        """The data bytes of the frames so far; none while it looks for a frame with SYNC."""

    def feed(self, data: bytes) -> list[Packet | Damaged]:
        """Return what became complete with `data`, in the order of the line."""
        found: list[Packet | Damaged] = []
        stream = self._rest + data
        at = 0
        last = len(stream) - FRAME_BYTES
        while at <= last:
            header, status, pleth, value, checksum = stream[at : at + FRAME_BYTES]
            if header != _HEADER or not status & _ALWAYS_SET or (header + status + pleth + value) & 0xFF != checksum:
                self._lose(found, stream, at)
                at += 1
                continue
            frames = len(self._values)
            if status & _SYNC:
                if 0 < frames < PACKET_FRAMES:
                    self._lose(found, stream, at)
                self._status, self._pleths, self._values = status, [pleth], [value]
            elif 0 < frames < PACKET_FRAMES:
                self._status |= status
                self._pleths.append(pleth)
                self._values.append(value)
                if frames + 1 == PACKET_FRAMES:
                    found.append(self._packet())
            else:
                self._lose(found, stream, at)
                at += 1
                continue
            at += FRAME_BYTES
        self._rest = stream[at:]
        return found

    def _lose(self, found: list[Packet | Damaged], stream: bytes, at: int) -> None:
        if self._values:
            found.append(Damaged(data=stream[at : at + FRAME_BYTES]))
        self._values = []

    def _packet(self) -> Packet:
        # Seven bits of the low byte count: the pulse rate is joined at bit 7, not at bit 8.
        pulse_bpm = (self._values[_PULSE_MSB] & 0x03) << 7 | self._values[_PULSE_LSB] & 0x7F
        spo2_percent = self._values[_SPO2] & 0x7F
        return Packet(
            pulse_bpm=None if pulse_bpm == _PULSE_MISSING else pulse_bpm,
            spo2_percent=None if spo2_percent == _SPO2_MISSING else spo2_percent,
            status=self._status,
            stat2=self._values[_STAT2],
            pleth_low=min(self._pleths),
            pleth_high=max(self._pleths),
        )
