"""Bytes of serial Data Format 2: frames, status bits, 25 data bytes a packet. Knows no time, patient or fault."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

FRAMES_PER_PACKET = 25
FRAME_BYTES = 5
FRAMES_PER_S = 75

HEADER = 0x01
ALWAYS = 0x80
SENSOR_DISCONNECTED = 0x40
ARTEFACT = 0x20
OUT_OF_TRACK = 0x10
SENSOR_ALARM = 0x08
SYNC = 0x01

LOW_BATTERY = 0x01
SMART_POINT = 0x20

MISSING_PR = 511
MISSING_SPO2 = 127
TIMER_PERIOD = 1 << 14
"""The timer has two bytes of seven bits."""


class Perfusion(IntEnum):
    """The perfusion bits of STATUS."""

    NONE = 0
    GREEN = 0x02
    RED = 0x04
    YELLOW = 0x06


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """A pulse rate in 1/min and a saturation in percent as the device gives them; None is missing."""

    pr_bpm: int | None
    spo2_percent: int | None

    def __post_init__(self) -> None:
        if self.pr_bpm is not None and not 0 <= self.pr_bpm <= MISSING_PR:
            raise ValueError(f"pulse rate is {self.pr_bpm}/min; the format carries 0 to {MISSING_PR}")
        if self.spo2_percent is not None and not 0 <= self.spo2_percent <= MISSING_SPO2:
            raise ValueError(f"SpO2 is {self.spo2_percent} %; the format carries 0 to {MISSING_SPO2}")


NO_NUMBERS = Numbers(pr_bpm=None, spo2_percent=None)


def packet_data(measured: Numbers, display: Numbers, *, revision: int, timer: int, stat2: int) -> bytes:
    """Return the DATA bytes of frames 1 to 25; all averages equal `measured`, the -D values equal `display`."""
    pr, spo2 = _pulse_bytes(measured), _saturation_byte(measured)
    display_pr, display_spo2 = _pulse_bytes(display), _saturation_byte(display)
    reserved = b"\0"
    return (
        (pr + spo2 + bytes([revision]) + reserved)
        + (bytes([timer >> 7 & 0x7F, timer & 0x7F, stat2]) + display_spo2)
        + (spo2 + spo2 + reserved + reserved)
        + (pr + spo2 + display_spo2 + reserved + reserved)
        + (display_pr + display_pr + reserved + reserved)
    )


def frame(status: int, pleth: int, data: int) -> bytes:
    """Return one frame of five bytes."""
    return bytes([HEADER, status, pleth, data, HEADER + status + pleth + data & 0xFF])


def packet(status: int, levels: Sequence[int], data: bytes) -> bytes:
    """Return 25 frames of one status; the first carries SYNC as well."""
    made = bytearray(FRAMES_PER_PACKET * FRAME_BYTES)
    made[0::FRAME_BYTES] = bytes([HEADER]) * FRAMES_PER_PACKET
    made[1::FRAME_BYTES] = bytes([status]) * FRAMES_PER_PACKET
    made[2::FRAME_BYTES] = bytes(levels)
    made[3::FRAME_BYTES] = data
    same = HEADER + status
    made[4::FRAME_BYTES] = bytes([same + level + value & 0xFF for level, value in zip(levels, data, strict=True)])
    made[:FRAME_BYTES] = frame(status | SYNC, levels[0], data[0])
    return bytes(made)


def _pulse_bytes(numbers: Numbers) -> bytes:
    pr = MISSING_PR if numbers.pr_bpm is None else numbers.pr_bpm
    return bytes([pr >> 7, pr & 0x7F])


def _saturation_byte(numbers: Numbers) -> bytes:
    return bytes([MISSING_SPO2 if numbers.spo2_percent is None else numbers.spo2_percent])
