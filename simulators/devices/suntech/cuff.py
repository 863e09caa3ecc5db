"""The air in the cuff: pressure over one cycle. Knows no protocol and no patient beyond two pressures."""

import math
from dataclasses import dataclass
from enum import Enum
from typing import assert_never

AUTO_ZERO_NS = 300_000_000
"""At the begin of a cycle the transducer is set to zero and there is no pressure to tell."""
DUMP_TIME_CONSTANT_NS = 150_000_000
DUMP_NS = 1_000_000_000
"""How long before its end a cycle lets out the rest of its air; after an abort the module reports the end then."""
INFLATION_MMHG_PER_S = 30
ABOVE_SYSTOLIC_MMHG = 25
BELOW_DIASTOLIC_MMHG = 20
LOWEST_MEASURED_MMHG = 15
STEP_MMHG = 8
NS_PER_S = 1_000_000_000


class Deflation(Enum):
    """How the pressure comes down while the module listens for the pulse."""

    LINEAR = "linear"
    STEP = "step"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inflation:
    """One cycle: up to `peak_mmhg`, down to `floor_mmhg`, and the rest let out at the end."""

    start_ns: int
    end_ns: int
    peak_mmhg: float
    floor_mmhg: float
    deflation: Deflation

    @property
    def peak_ns(self) -> int:
        """Return when the pressure is highest."""
        return self.start_ns + AUTO_ZERO_NS + int(self.peak_mmhg / INFLATION_MMHG_PER_S * NS_PER_S)

    @property
    def dump_ns(self) -> int:
        """Return when the valve opens for the rest of the air."""
        return max(self.peak_ns + 1, self.end_ns - DUMP_NS)

    def pressure_mmhg(self, at_ns: int) -> float:
        """Return the pressure at an instant inside the cycle."""
        peak_ns, dump_ns = self.peak_ns, self.dump_ns
        if at_ns < peak_ns:
            return max(0.0, (at_ns - self.start_ns - AUTO_ZERO_NS) / NS_PER_S * INFLATION_MMHG_PER_S)
        if at_ns >= dump_ns:
            return dumped_mmhg(self.floor_mmhg, at_ns - dump_ns)
        fallen_mmhg = (self.peak_mmhg - self.floor_mmhg) * (at_ns - peak_ns) / (dump_ns - peak_ns)
        match self.deflation:
            case Deflation.LINEAR:
                return self.peak_mmhg - fallen_mmhg
            case Deflation.STEP:
                return self.peak_mmhg - fallen_mmhg // STEP_MMHG * STEP_MMHG
            case _:
                assert_never(self.deflation)


def inflation(
    *, start_ns: int, end_ns: int, initial_mmhg: int, sbp_mmhg: float, dbp_mmhg: float, deflation: Deflation
) -> Inflation:
    """Return the cycle of a patient, pumped up further than asked where the artery would stay open."""
    return Inflation(
        start_ns=start_ns,
        end_ns=end_ns,
        peak_mmhg=max(float(initial_mmhg), sbp_mmhg + ABOVE_SYSTOLIC_MMHG),
        floor_mmhg=max(float(LOWEST_MEASURED_MMHG), dbp_mmhg - BELOW_DIASTOLIC_MMHG),
        deflation=deflation,
    )


def dumped_mmhg(from_mmhg: float, since_ns: int) -> float:
    """Return what is left of a pressure once the valve has been open for `since_ns`."""
    return from_mmhg * math.exp(-since_ns / DUMP_TIME_CONSTANT_NS)
