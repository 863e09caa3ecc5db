"""What can be wrong with a simulated oximeter. Knows what is wrong, not what goes on the line for it."""

from enum import Enum


class Probe(Enum):
    """Where the probe is."""

    ON = "on"
    OFF_FINGER = "off-finger"
    """Sensor alarm (SNSA)."""
    UNPLUGGED = "unplugged"
    """Sensor disconnected from the device: SNSD and SNSA."""


class Fault(Enum):
    """Closed list of lasting faults."""

    ARTEFACT = "artefact"
    """Motion: flagged, and the numbers still look real."""
    OUT_OF_TRACK = "out-of-track"
    """No good pulse: flagged, and the last numbers are held."""
    NO_NUMBERS = "no-numbers"
    """The numbers are missing although no flag says why."""
    LOW_PERFUSION = "low-perfusion"
    """A small pulse: red perfusion; the numbers stay usable."""
    OCCLUDED = "occluded"
    """Something presses the artery of the probe's arm shut: no pulse, out of track, numbers missing."""
    LOW_BATTERY = "low-battery"
    FROZEN = "frozen"
    """A lying sensor: the same numbers for ever and a waveform that stands still, with no flag."""
    SILENCE = "silence"
    """Nothing is sent; the device lives on behind it."""

    # an enum's own hash is Python code, and each packet asks for several faults
    __hash__ = object.__hash__
