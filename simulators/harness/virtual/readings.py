"""What an oximeter put out, read from its bytes for the oracle alone. Knows the frame and the numbers that are judged.

A packet is 25 frames of five bytes: 0x01, STATUS, PLETH, DATA, checksum; bit 0 of STATUS marks the first frame. DATA of
frames 1 and 2 is the pulse rate, of frame 3 the saturation (Nonin serial data format 2).
"""

from collections.abc import Iterable, Iterator

from simulators.harness.virtual.tape import Entry
from simulators.oracle.signs import Reading

FRAME_BYTES = 5
FRAMES = 25
PACKET_BYTES = FRAME_BYTES * FRAMES
UNUSABLE = 0x38
"""Artefact, out of track, sensor alarm."""
FIRST = 0x01
MISSING_PR, MISSING_SPO2 = 511, 127


def readings(entries: Iterable[Entry]) -> Iterator[Reading]:
    """Yield a reading of each sign for every chunk that is one whole packet; other chunks come from a spoilt line."""
    for entry in entries:
        data = entry.data
        if len(data) != PACKET_BYTES or data[0] != 1 or not data[1] & FIRST:
            continue
        usable = not any(data[FRAME_BYTES * frame + 1] & UNUSABLE for frame in range(FRAMES))
        high, low, spo2 = (data[FRAME_BYTES * frame + 3] for frame in range(3))
        hr = high << 7 | low
        yield Reading(at_ns=entry.at_ns, sign="hr", value=hr if usable and hr != MISSING_PR else None)
        yield Reading(at_ns=entry.at_ns, sign="spo2", value=spo2 if usable and spo2 != MISSING_SPO2 else None)
