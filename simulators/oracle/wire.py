"""A reader of New Era Safe packets, written for the oracle alone. Knows framing and the commands that invariants name.

Safe packet: STX, length, data, CRC-16/XMODEM high and low, ETX; the length counts all but STX (New Era NE-1000 manual,
p. 38-39). The reader looks for a valid packet at every STX, so that it never misses one that a pump might have heard:
a lease that it calls dead is dead.
"""

import binascii
from collections.abc import Iterable
from dataclasses import dataclass

from simulators.oracle.observation import Bytes

STX = 0x02
ETX = 0x03
SHORTEST_LENGTH = 4
"""Length, CRC and ETX; the data of a status query may be empty."""
LONGEST_GAP_NS = 500_000_000
"""A packet whose bytes pause this long is none (New Era NE-1000 manual, p. 39)."""

STOP = "STP"
CONFIRMING = frozenset({STOP, "", "DIS"})
"""What may be sent to confirm rest: the stop, the status query and the counter query."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SafePacket:
    """One valid packet; `at_ns` is the instant of its last byte."""

    at_ns: int
    command: str
    """Its data in capitals, without address and spaces."""

    @property
    def is_run(self) -> bool:
        """Tell whether it starts the pump."""
        return self.command.startswith("RUN")


def packets(chunks: Iterable[Bytes]) -> tuple[SafePacket, ...]:
    """Return every valid packet in bytes that passed one point, in order."""
    data = bytearray()
    times_ns: list[int] = []
    for chunk in chunks:
        data += chunk.data
        times_ns += [chunk.at_ns] * len(chunk.data)
    found = []
    index = data.find(STX)
    while index >= 0:
        end = _end(data, times_ns, index)
        if end is not None:
            found.append(SafePacket(at_ns=times_ns[end], command=_command(bytes(data[index + 2 : end - 2]))))
            index = end
        index = data.find(STX, index + 1)
    return tuple(found)


def _end(data: bytearray, times_ns: list[int], begin: int) -> int | None:
    """Return the index of the last byte of the packet that begins at `begin`, or None when there is none."""
    if begin + 1 >= len(data):
        return None
    length = data[begin + 1]
    end = begin + length
    if length < SHORTEST_LENGTH or end >= len(data) or data[end] != ETX:
        return None
    if binascii.crc_hqx(bytes(data[begin + 2 : end - 2]), 0).to_bytes(2, "big") != data[end - 2 : end]:
        return None
    if any(times_ns[at + 1] - times_ns[at] >= LONGEST_GAP_NS for at in range(begin, end)):
        return None
    return end


def _command(text: bytes) -> str:
    return "".join(chr(byte) for byte in text if byte > 0x20).upper().lstrip("*0123456789")
