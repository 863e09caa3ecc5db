"""The moving waveform of a pulse, frame by frame. Knows no protocol."""

import math

from simulators.devices.nonin.frames import FRAMES_PER_S

POINTS = 256
LOWEST, HIGHEST = 24, 232
"""Range of a strong pulse inside the 8 bits."""
FLAT = 128
"""What a probe without a pulse shows."""
S_PER_MIN = 60


def _height(phase: float) -> float:
    """Return the height of one beat: a steep systolic wave and, after the notch, a small diastolic one."""
    return math.exp(-(((phase - 0.18) / 0.09) ** 2)) + 0.38 * math.exp(-(((phase - 0.47) / 0.13) ** 2))


HEIGHTS = tuple(_height(point / POINTS) for point in range(POINTS))
TALLEST = max(HEIGHTS)


def beat(strength: float) -> tuple[int, ...]:
    """Return the levels of one beat, 0 to 255, for a pulse of `strength` 0 to 1."""
    return tuple(LOWEST + round((HIGHEST - LOWEST) * strength * height / TALLEST) for height in HEIGHTS)


STRONG = beat(1.0)
WEAK = beat(0.15)
"""What low perfusion leaves of a pulse."""


class PulseWave:
    """Runs through one beat after the other at the heart rate of the moment."""

    __slots__ = ("_phase",)

    def __init__(self) -> None:
        self._phase = 0.0

    def next_level(self, hr_bpm: float, levels: tuple[int, ...]) -> int:
        """Return the level of the next frame of a beat with these levels."""
        return self.next_levels(1, hr_bpm, levels)[0]

    def next_levels(self, count: int, hr_bpm: float, levels: tuple[int, ...]) -> list[int]:
        """Return the levels of the next frames."""
        found = []
        phase, step = self._phase, hr_bpm / (S_PER_MIN * FRAMES_PER_S)
        for _ in range(count):
            found.append(levels[int(phase * POINTS)])
            phase = (phase + step) % 1.0
        self._phase = phase
        return found
