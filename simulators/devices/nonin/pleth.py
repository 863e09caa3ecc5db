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
BEAT = tuple(height / TALLEST for height in HEIGHTS)


class PulseWave:
    """Runs through one beat after the other at the heart rate of the moment."""

    __slots__ = ("_phase",)

    def __init__(self) -> None:
        self._phase = 0.0

    def next_level(self, hr_bpm: float, strength: float) -> int:
        """Return the level of the next frame, 0 to 255, for a pulse of `strength` 0 to 1."""
        level = LOWEST + round((HIGHEST - LOWEST) * strength * BEAT[int(self._phase * POINTS)])
        self._phase = (self._phase + hr_bpm / (S_PER_MIN * FRAMES_PER_S)) % 1.0
        return level
