"""The pump's vocabulary: prompts, alarms, refusals, units, and the settings it keeps. No behaviour, no time."""

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Self

PHASES = 41
"""Program phases 1-41 (NE-1000 manual p.38)."""
MAX_UL_DIAMETER_UM = 14_000
"""Up to and including 14.00 mm volumes are in microlitres, above in millilitres (NE-500 manual, quick start)."""
MIN_DIAMETER_UM = 100
MAX_DIAMETER_UM = 50_000
"""Syringe diameters 0.1-50.0 mm: from memory of the NE-1000 manual, not checked."""
MAX_SPEED_NM_H = 3_060_300_000
MIN_SPEED_NM_H = 42_050
"""Plunger speeds 5.1005 cm/min and 0.004205 cm/h (NE-1000 manual section 12.5, as cited by a public driver)."""
PI_E15 = 3_141_592_653_589_793


class Status(Enum):
    """Prompts (NE-1600 manual p.39); T, U and X are absent, for nothing here waits, pauses by program or purges."""

    INFUSING = "I"
    WITHDRAWING = "W"
    STOPPED = "S"
    PAUSED = "P"

    @property
    def moving(self) -> bool:
        """Tell whether the motor turns."""
        return self is Status.INFUSING or self is Status.WITHDRAWING


class Alarm(Enum):
    """Alarms (NE-1600 manual p.40)."""

    RESET = "A?R"
    STALLED = "A?S"
    TIMED_OUT = "A?T"
    PROGRAM_ERROR = "A?E"
    PHASE_OUT_OF_RANGE = "A?O"


class Refusal(Enum):
    """Command errors (NE-1600 manual p.40). `?IGN` needs phase changes slower than this simulator's."""

    UNKNOWN = "?"
    NOT_APPLICABLE = "?NA"
    OUT_OF_RANGE = "?OOR"
    BAD_PACKET = "?COM"


class RateUnit(Enum):
    """Rate units; `nl_h` is one thousandth of the unit in nL/h."""

    UL_MIN = "UM"
    ML_MIN = "MM"
    UL_H = "UH"
    ML_H = "MH"

    @property
    def nl_h(self) -> int:
        """Return one thousandth of the unit in nL/h."""
        return {RateUnit.UL_MIN: 60, RateUnit.ML_MIN: 60_000, RateUnit.UL_H: 1, RateUnit.ML_H: 1000}[self]


class VolumeUnit(Enum):
    """Volume units."""

    UL = "UL"
    ML = "ML"

    @property
    def nl(self) -> int:
        """Return one thousandth of the unit in nL."""
        return 1 if self is VolumeUnit.UL else 1000


class Direction(Enum):
    """Pumping directions."""

    INFUSE = "INF"
    WITHDRAW = "WDR"


class Function(Enum):
    """The phase functions the simulator performs; the others are answered `?NA`."""

    RATE = "RAT"
    STOP = "STP"


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One program phase. Numbers in thousandths of their unit; volume 0 means without end."""

    function: Function
    rate_thousandths: int = 0
    rate_unit: RateUnit = RateUnit.ML_H
    volume_thousandths: int = 0
    direction: Direction = Direction.INFUSE

    @property
    def rate_nl_h(self) -> int:
        """Return the rate in nL/h, exact."""
        return self.rate_thousandths * self.rate_unit.nl_h


def _leftover_program() -> tuple[Phase, ...]:
    first = Phase(function=Function.RATE)
    endless = Phase(function=Function.RATE, rate_thousandths=20_000)
    return (first, endless, *(Phase(function=Function.STOP) for _ in range(PHASES - 2)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the pump remembers without power.

    The defaults are what a careless user left behind: a 1 mL syringe, and in phase 2 a rate of 20.00 mL/h with
    volume 0, so that a driver which does not set everything is caught.
    """

    address: int = 0
    safe_s: int = 0
    diameter_um: int = 4_699
    volume_unit: VolumeUnit = VolumeUnit.UL
    selected_phase: int = 1
    phases: tuple[Phase, ...] = field(default_factory=_leftover_program)
    restarts_after_power_failure: bool = False
    audible_alarm: bool = False
    keypad_locked: bool = False
    low_noise: bool = False
    key_beep: bool = True

    def phase(self, number: int) -> Phase:
        """Return phase `number`, counted from 1."""
        return self.phases[number - 1]

    def with_phase(self, number: int, phase: Phase) -> Self:
        """Return the settings with phase `number` replaced."""
        return replace(self, phases=(*self.phases[: number - 1], phase, *self.phases[number:]))

    def rate_in_limits(self, rate_nl_h: int) -> bool:
        """Tell whether the plunger can move this syringe at `rate_nl_h`: speed x pi (d/2)^2."""
        scaled = rate_nl_h * 4 * 10**15 * 10**9
        area = PI_E15 * self.diameter_um**2
        return MIN_SPEED_NM_H * area <= scaled <= MAX_SPEED_NM_H * area


def default_volume_unit(diameter_um: int) -> VolumeUnit:
    """Return the unit the pump derives when a diameter is set."""
    return VolumeUnit.UL if diameter_um <= MAX_UL_DIAMETER_UM else VolumeUnit.ML


class Memory:
    """The settings in force and the stored ones, which come back after a power cut."""

    __slots__ = ("_stored", "live")

    def __init__(self, settings: Settings) -> None:
        self.live = settings
        self._stored = settings

    def store(self, **changes: object) -> None:
        """Change settings now and for good."""
        self.live = replace(self.live, **changes)  # type: ignore[arg-type]  # names are checked by replace itself
        self._stored = replace(self._stored, **changes)  # type: ignore[arg-type]  # as above

    def store_phase(self, number: int, phase: Phase) -> None:
        """Change a phase now and for good."""
        self.live = self.live.with_phase(number, phase)
        self._stored = self._stored.with_phase(number, phase)

    def change_phase_for_now(self, number: int, phase: Phase) -> None:
        """Change a phase until the power goes (NE-1600 manual p.40: a rate set while pumping is not stored)."""
        self.live = self.live.with_phase(number, phase)

    def replace_all(self, settings: Settings) -> None:
        """Forget everything, now and for good."""
        self.live = settings
        self._stored = settings

    def reload(self) -> None:
        """Come back from a power cut."""
        self.live = self._stored
