"""Frames of the SunTech Advantage module, as read in public implementations: bytes in, answers out, no time.

Requests are `3a`, command bytes and a checksum; answers are `3e`, the length of the whole frame, data and a checksum.
Every whole frame sums to 0 modulo 256. Answers carry no type, so reading one takes the request it answers.
Only the requests below exist here: nothing in this module can move pump or valves, calibrate or put to sleep.
"""

from dataclasses import dataclass
from enum import Enum, unique
from typing import assert_never

REQUEST_START = 0x3A
ANSWER_START = 0x3E
LEAST_ANSWER_BYTES = 4
MOST_ANSWER_BYTES = 0x43
_LETTER_BYTES = 4
_WORD_BYTES = 5
_BP_DATA_BYTES = 24
_NO_PRESSURE = -1


@unique
class Request(Enum):
    """What may be asked, with the command bytes."""

    START_ADULT = b"\x20"
    ABORT = b"\x79\x01\x00"
    CUFF_PRESSURE = b"\x79\x05\x00"
    BP_DATA = b"\x79\x03\x00"
    SELF_TEST = b"\x79\x10\x03"
    SELF_TEST_A_PLUS = b"\x79\x11\x00"


@unique
class Letter(Enum):
    """The short answers."""

    RECEIVED = b"O"
    EXECUTED = b"K"
    ABORTED = b"A"
    BUSY = b"B"
    ERROR = b"E"
    UNDEFINED = b"N"
    NOT_RECOGNISED = b"D"
    ASLEEP = b"S"
    TIMED_OUT = b"T"


@dataclass(frozen=True, slots=True, kw_only=True)
class CuffPressure:
    """The pressure in the cuff now, mmHg; None when the module has none to tell."""

    pressure_mmhg: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """What the module says of itself; 0 is healthy."""

    fault_code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BpData:
    """The result that the module holds, which may be an old one. With an error code the numbers mean nothing."""

    sbp_mmhg: int
    dbp_mmhg: int
    map_mmhg: int
    pulse_bpm: int
    error_code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unexpected:
    """A sound frame that answers nothing that was asked."""

    data: bytes


Answer = Letter | CuffPressure | SelfTest | BpData | Unexpected


def checksum(data: bytes) -> int:
    """Return the byte that makes the sum of `data` and itself 0 modulo 256."""
    return -sum(data) & 0xFF


def encode(request: Request) -> bytes:
    """Return the bytes to send."""
    body = bytes((REQUEST_START,)) + request.value
    return body + bytes((checksum(body),))


def interpret(frame: bytes, outstanding: Request | None) -> Answer:
    """Return what a sound frame says when `outstanding` is the one open request.

    Two kinds of answer have the same length and nothing else to tell them apart, hence the second argument.
    """
    if len(frame) == _LETTER_BYTES:
        try:
            return Letter(frame[2:3])
        except ValueError:
            return Unexpected(data=frame)
    match outstanding:
        case Request.CUFF_PRESSURE if len(frame) == _WORD_BYTES:
            pressure_mmhg = int.from_bytes(frame[2:4], "little", signed=True)
            return CuffPressure(pressure_mmhg=None if pressure_mmhg == _NO_PRESSURE else pressure_mmhg)
        case Request.SELF_TEST | Request.SELF_TEST_A_PLUS if len(frame) == _WORD_BYTES:
            return SelfTest(fault_code=int.from_bytes(frame[2:4], "little"))
        case Request.BP_DATA if len(frame) == _BP_DATA_BYTES:
            return BpData(
                sbp_mmhg=int.from_bytes(frame[2:4], "little"),
                dbp_mmhg=int.from_bytes(frame[4:6], "little"),
                map_mmhg=int.from_bytes(frame[18:20], "little"),
                pulse_bpm=frame[16],
                error_code=frame[20],
            )
        case Request() | None:
            return Unexpected(data=frame)
        case _:
            assert_never(outstanding)


class Framer:
    """Finds sound frames in a stream. Keeps less than the longest frame between calls."""

    def __init__(self) -> None:
        self._stream = b""

    @property
    def waiting(self) -> bool:
        """Whether bytes are held that may be the beginning of a frame."""
        return bool(self._stream)

    def feed(self, data: bytes) -> list[bytes]:
        """Return the frames that became complete with `data`."""
        self._stream += data
        return self._scan()

    def give_up_first(self) -> list[bytes]:
        """What is held will not go on: return the frames that hide behind its first byte."""
        self._stream = self._stream[1:]
        return self._scan()

    def _scan(self) -> list[bytes]:
        found: list[bytes] = []
        stream = self._stream
        at = stream.find(ANSWER_START)
        while 0 <= at < len(stream) - 1:
            length = stream[at + 1]
            if LEAST_ANSWER_BYTES <= length <= MOST_ANSWER_BYTES:
                frame = stream[at : at + length]
                if len(frame) < length:
                    break
                if sum(frame) & 0xFF == 0:
                    found.append(frame)
                    at = stream.find(ANSWER_START, at + length)
                    continue
            at = stream.find(ANSWER_START, at + 1)
        self._stream = stream[at:] if at >= 0 else b""
        return found
