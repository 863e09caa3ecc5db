"""Bytes of the cuff module's line: requests in, answers out. Knows no time, patient or fault."""

from dataclasses import dataclass
from enum import Enum

REQUEST = 0x3A
ANSWER = 0x3E
MAX_MMHG = 0xFFFF


class Request(Enum):
    """What a host asks for; the value is how a request begins after its first byte."""

    START_ADULT = b"\x20"
    START_PAEDIATRIC = b"\x87"
    START_NEONATE = b"\x28"
    ABORT = b"\x79\x01\x00"
    CUFF_PRESSURE = b"\x79\x05\x00"
    BP_DATA = b"\x79\x03\x00"
    RETURN_STRING = b"\x79\x02\x40"
    STATUS = b"\x79\x10\x03"
    STATUS_A_PLUS = b"\x79\x11\x00"
    SET_INITIAL_INFLATION = b"\x17"
    MODULE_DATA = b"\x00"
    RESET = b"\x8a"


COMMAND_BYTES = {0x20: 1, 0x87: 1, 0x28: 1, 0x79: 3, 0x17: 3, 0x00: 1, 0x8A: 1}
"""Length of each command by its first byte: a request carries no length of its own."""


class Answer(Enum):
    """The short answers."""

    RECEIVED = "O"
    EXECUTED = "K"
    ABORTED = "A"
    BUSY = "B"
    ERROR = "E"
    UNDEFINED = "N"
    NOT_RECOGNISED = "D"
    ASLEEP = "S"
    TIMED_OUT = "T"


class Variant(Enum):
    """The module built in; the value begins its first text."""

    ADVANTAGE = "LX"
    ADVANTAGE_A_PLUS = "SB"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the result holds, in mmHg and 1/min; zeros where there is nothing."""

    sbp_mmhg: int = 0
    dbp_mmhg: int = 0
    map_mmhg: int = 0
    pr_bpm: int = 0
    beats: int = 0
    bp_status: int = 0
    test_codes: bytes = bytes(8)
    error: int = 0


def check_sum(data: bytes) -> int:
    """Return the byte that makes the whole frame sum to 0 modulo 256."""
    return -sum(data) & 0xFF


def framed(data: bytes) -> bytes:
    """Return an answer with its header, length and sum."""
    frame = bytes([ANSWER, len(data) + 3]) + data
    return frame + bytes([check_sum(frame)])


def short_answer(answer: Answer) -> bytes:
    """Return a one-letter answer."""
    return framed(answer.value.encode())


def word_answer(value: int) -> bytes:
    """Return a cuff pressure in mmHg (-1: none) or the code of a self test."""
    return framed(value.to_bytes(2, "little", signed=True))


def result_answer(reading: Reading) -> bytes:
    """Return the 24 bytes of the result."""
    return framed(
        reading.sbp_mmhg.to_bytes(2, "little")
        + reading.dbp_mmhg.to_bytes(2, "little")
        + bytes([reading.beats, reading.bp_status])
        + reading.test_codes
        + reading.pr_bpm.to_bytes(2, "little")
        + reading.map_mmhg.to_bytes(2, "little")
        + bytes([reading.error, 0, 0])
    )


TEXT_BYTES = 0x40
FIRST_TEXT_BYTES = 8


def text_answer(first: str, second: str) -> bytes:
    """Return two texts, the second eight bytes after the first."""
    return framed((first.encode().ljust(FIRST_TEXT_BYTES, b"\0") + second.encode()).ljust(TEXT_BYTES, b"\0"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A sound request, with the argument that only SET_INITIAL_INFLATION has."""

    request: Request
    argument: int = 0


Heard = Asked | Answer
"""A request, or the answer to something that is none."""


class RequestReader:
    """Takes bytes apart into requests."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def clear(self) -> None:
        """Drop a request that was never finished."""
        self._bytes.clear()

    def feed(self, data: bytes) -> list[Heard]:
        """Return what is complete with `data`."""
        self._bytes += data
        heard: list[Heard] = []
        while True:
            start = self._bytes.find(REQUEST)
            del self._bytes[: len(self._bytes) if start < 0 else start]
            if len(self._bytes) < 2:
                return heard
            length = COMMAND_BYTES.get(self._bytes[1])
            if length is None:
                # How long it is nobody can say, so the rest is skipped until something looks like a request.
                del self._bytes[:2]
                heard.append(Answer.UNDEFINED)
                continue
            if len(self._bytes) < length + 2:
                return heard
            heard.append(_understood(bytes(self._bytes[: length + 2])))
            del self._bytes[: length + 2]


def _understood(frame: bytes) -> Heard:
    if sum(frame) & 0xFF:
        return Answer.NOT_RECOGNISED
    command = frame[1:-1]
    if command[0] == Request.SET_INITIAL_INFLATION.value[0]:
        return Asked(request=Request.SET_INITIAL_INFLATION, argument=int.from_bytes(command[1:], "little"))
    try:
        return Asked(request=Request(command))
    except ValueError:
        return Answer.UNDEFINED
