"""How an oximeter comes to its numbers: moving means, noise, whole numbers once a second. Knows no protocol."""

from collections import deque
from random import Random

from simulators.devices.nonin.frames import Numbers
from simulators.devices.vitals import TrueVitals

SAMPLES_PER_S = 3
"""The patient is looked at once per packet."""
SPO2_MEAN_SAMPLES = 10 * SAMPLES_PER_S
"""The moving mean of the saturation lasts 10 s (test proposal)."""
PULSE_MEAN_BEATS = 8
SPO2_NOISE_PERCENT = 0.5
HR_NOISE_BPM = 1.5
LOWEST_PR_BPM, HIGHEST_PR_BPM = 18, 321
"""The range in which the device finds a pulse; outside there are no numbers."""
PULSE_MEAN_SAMPLES = PULSE_MEAN_BEATS * 60 * SAMPLES_PER_S // LOWEST_PR_BPM


class Averager:
    """Means of what was seen so far; with a generator, noise of SD 0.5 % and 1.5/min is added."""

    def __init__(self, rng: Random | None) -> None:
        self._rng = rng
        self._hr_bpm: deque[float] = deque(maxlen=PULSE_MEAN_SAMPLES)
        self._spo2_percent: deque[float] = deque(maxlen=SPO2_MEAN_SAMPLES)
        self._samples = 0
        self._numbers: Numbers | None = None

    def forget(self) -> None:
        """Begin again: what was seen before the signal was lost says nothing of now."""
        self._hr_bpm.clear()
        self._spo2_percent.clear()
        self._samples = 0
        self._numbers = None

    def observe(self, truth: TrueVitals) -> Numbers | None:
        """Take in one sample and return the numbers, new once a second; None while there is no pulse to find."""
        self._hr_bpm.append(truth.hr_bpm)
        self._spo2_percent.append(truth.spo2_percent)
        if self._samples % SAMPLES_PER_S == 0:
            self._numbers = self._measure()
        self._samples += 1
        return self._numbers

    def _measure(self) -> Numbers | None:
        spo2_percent = sum(self._spo2_percent) / len(self._spo2_percent) + self._noise(SPO2_NOISE_PERCENT)
        hr_bpm = self._mean_of_beats() + self._noise(HR_NOISE_BPM)
        if not LOWEST_PR_BPM <= hr_bpm <= HIGHEST_PR_BPM:
            return None
        return Numbers(pr_bpm=_whole(hr_bpm), spo2_percent=min(100, max(0, _whole(spo2_percent))))

    def _mean_of_beats(self) -> float:
        """Return the mean over the samples, newest first, in which the last eight beats fell."""
        beats = total_bpm = 0.0
        for count, hr_bpm in enumerate(reversed(self._hr_bpm), 1):
            beats += hr_bpm / (60 * SAMPLES_PER_S)
            total_bpm += hr_bpm
            if beats >= PULSE_MEAN_BEATS:
                return total_bpm / count
        return total_bpm / len(self._hr_bpm)

    def _noise(self, sd: float) -> float:
        return self._rng.gauss(0.0, sd) if self._rng is not None else 0.0


def _whole(value: float) -> int:
    return int(value + 0.5)
