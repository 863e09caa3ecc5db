"""What happens to a patient besides the drug: surges, dips, ramps, a probe that comes off. Knows no pump or monitor.

Instants are nanoseconds of the clock that the devices run on.
"""

import math
from dataclasses import dataclass, replace
from typing import assert_never

from simulators.devices.vitals import TrueVitals

NS_PER_S = 1_000_000_000
RESERVE_NS = 30 * NS_PER_S
"""How long saturation stays flat after the last breath (test proposal)."""
DESATURATION_PERCENT_PER_S = 0.3
RECOVERY_NS = 20 * NS_PER_S
"""Time constant of the way back after the first breath (test proposal)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A stretch of time, its end not included."""

    from_ns: int
    to_ns: int

    def __post_init__(self) -> None:
        if self.to_ns <= self.from_ns:
            raise ValueError(f"a window ends at {self.to_ns} ns, not after its begin at {self.from_ns} ns")

    def holds(self, at_ns: int) -> bool:
        """Tell whether `at_ns` lies in the window."""
        return self.from_ns <= at_ns < self.to_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Swell(Window):
    """A window in which something grows to its full size and fades again, smoothly, within `ramp_ns` at each end."""

    ramp_ns: int

    def __post_init__(self) -> None:
        super(Swell, self).__post_init__()
        if not 0 <= 2 * self.ramp_ns <= self.to_ns - self.from_ns:
            raise ValueError(f"two ramps of {self.ramp_ns} ns do not fit into {self.to_ns - self.from_ns} ns")

    def share(self, at_ns: int) -> float:
        """Return how much of the full size holds at `at_ns`, from 0 to 1."""
        if not self.holds(at_ns):
            return 0.0
        edge_ns = min(at_ns - self.from_ns, self.to_ns - at_ns)
        if edge_ns >= self.ramp_ns:
            return 1.0
        return (1 - math.cos(math.pi * edge_ns / self.ramp_ns)) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PressureSurge(Swell):
    """Blood pressure moves by so much and comes back; negative sizes are a faint."""

    sbp_mmhg: float
    dbp_mmhg: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SaturationDip(Swell):
    """Saturation falls by `depth_percent` points and comes back."""

    depth_percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartRateRamp(Window):
    """Heart rate goes towards `target_bpm` with a time constant and, after the window, back with the same."""

    target_bpm: float
    time_constant_ns: int

    def __post_init__(self) -> None:
        super(HeartRateRamp, self).__post_init__()
        if self.time_constant_ns <= 0:
            raise ValueError(f"a time constant of {self.time_constant_ns} ns; it must be above 0 ns")

    def share(self, at_ns: int) -> float:
        """Return how far the heart rate has gone towards the target, from 0 to 1."""
        if at_ns < self.from_ns:
            return 0.0
        reached = 1 - math.exp((self.from_ns - min(at_ns, self.to_ns)) / self.time_constant_ns)
        return reached * math.exp((self.to_ns - max(at_ns, self.to_ns)) / self.time_constant_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Apnoea(Window):
    """No breath; saturation falls once the reserve is used up and recovers after the window."""

    def lost_percent(self, at_ns: int) -> float:
        """Return by how many points saturation is down."""
        falling_ns = max(0, min(at_ns, self.to_ns) - self.from_ns - RESERVE_NS)
        recovering_ns = max(0, at_ns - self.to_ns)
        return DESATURATION_PERCENT_PER_S * falling_ns / NS_PER_S * math.exp(-recovering_ns / RECOVERY_NS)


@dataclass(frozen=True, slots=True, kw_only=True)
class BreathingRate(Window):
    """Breaths come at this rate and move enough air."""

    rr_bpm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeOff(Window):
    """The oximeter probe is off the finger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CannulaOut(Window):
    """The pump goes on and nothing of it reaches the vein."""


Overlay = PressureSurge | SaturationDip | HeartRateRamp | Apnoea | BreathingRate | ProbeOff | CannulaOut


def overlaid(truth: TrueVitals, overlay: Overlay, at_ns: int) -> TrueVitals:
    """Return the vitals as `overlay` changes them at `at_ns`."""
    match overlay:
        case PressureSurge():
            share = overlay.share(at_ns)
            return replace(
                truth,
                sbp_mmhg=truth.sbp_mmhg + share * overlay.sbp_mmhg,
                dbp_mmhg=truth.dbp_mmhg + share * overlay.dbp_mmhg,
            )
        case SaturationDip():
            return _desaturated(truth, overlay.share(at_ns) * overlay.depth_percent)
        case HeartRateRamp():
            change_bpm = overlay.share(at_ns) * (overlay.target_bpm - truth.hr_bpm)
            return replace(truth, hr_bpm=truth.hr_bpm + change_bpm)
        case Apnoea():
            rr_bpm = 0.0 if overlay.holds(at_ns) else truth.rr_bpm
            return replace(_desaturated(truth, overlay.lost_percent(at_ns)), rr_bpm=rr_bpm)
        case BreathingRate():
            return replace(truth, rr_bpm=overlay.rr_bpm) if overlay.holds(at_ns) else truth
        case ProbeOff():
            return replace(truth, probe_on=False) if overlay.holds(at_ns) else truth
        case CannulaOut():
            return truth
        case _:
            assert_never(overlay)


def _desaturated(truth: TrueVitals, lost_percent: float) -> TrueVitals:
    return replace(truth, spo2_percent=min(100.0, max(0.0, truth.spo2_percent - lost_percent)))
