"""What a cuff put out, read from its bytes for the oracle alone. Knows one frame and the numbers that are judged.

The result of a cycle is a frame of 24 bytes: 0x3E, its length, systolic, diastolic and mean pressure (two bytes each,
low one first, at 2, 4 and 18), pulse rate at 16, error code at 20, checksum; all bytes sum to 0 modulo 256. An error
code means that there is no reading, whatever the other bytes hold (SunTech Advantage protocol, as read in two public
implementations).
"""

from collections.abc import Iterable, Iterator

from simulators.harness.virtual.tape import Entry
from simulators.oracle.signs import Reading

RESULT = b"\x3e\x18"
RESULT_BYTES = 24
GOOD = 0
PULSE_BPM = range(20, 301)
"""Beyond these, and below, numbers are no patient's (our proposal): nothing is demanded because of them."""
SBP_MMHG = range(40, 281)
DBP_MMHG = range(20, 221)
MAP_MMHG = range(30, 251)
LEAST_PULSE_PRESSURE_MMHG = 10


def pressures(entries: Iterable[Entry]) -> Iterator[Reading]:
    """Yield a reading of each pressure for every chunk that is one sound result; others say nothing about a patient."""
    for entry in entries:
        data = entry.data
        if len(data) != RESULT_BYTES or not data.startswith(RESULT) or sum(data) & 0xFF:
            continue
        sbp, dbp, mean = (int.from_bytes(data[at : at + 2], "little") for at in (2, 4, 18))
        usable = data[20] == GOOD and data[16] in PULSE_BPM and _is_possible(sbp, dbp, mean)
        yield Reading(at_ns=entry.at_ns, sign="sbp", value=sbp if usable else None)
        yield Reading(at_ns=entry.at_ns, sign="dbp", value=dbp if usable else None)


def _is_possible(sbp: int, dbp: int, mean: int) -> bool:
    if sbp not in SBP_MMHG or dbp not in DBP_MMHG or mean not in MAP_MMHG:
        return False
    return dbp < mean < sbp and sbp - dbp >= LEAST_PULSE_PRESSURE_MMHG
