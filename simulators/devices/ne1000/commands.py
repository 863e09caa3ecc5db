"""What each NE-1000 command does (New Era manuals, command summary). Knows no packet, address, alarm or timer."""

import re
from collections.abc import Callable
from dataclasses import replace

from simulators.devices.ne1000.behaviour import Behaviour
from simulators.devices.ne1000.faults import Fault, Faults
from simulators.devices.ne1000.motion import Motion
from simulators.devices.ne1000.numbers import (
    LIMIT_THOUSANDTHS,
    NumberTooLongError,
    format_thousandths,
    parse_thousandths,
)
from simulators.devices.ne1000.values import (
    MAX_DIAMETER_UM,
    MIN_DIAMETER_UM,
    PHASES,
    Direction,
    Function,
    Memory,
    RateUnit,
    Refusal,
    Settings,
    Status,
    VolumeUnit,
    default_volume_unit,
)

VERSION = "NE1000V3.923"
MAX_SAFE_S = 255
PERMILLE = 1_000
MAX_ADDRESS = 99
OTHER_FUNCTIONS = re.compile(r"FIL|INC|DEC|LPS|LPE|PRI|EVR|CLD|BEP|(JMP|PRL|LOP|PAS|IF|EVN|EVS|TRG|OUT)[0-9.]+")
NOT_PERFORMED = ("PUR", "TRG", "DIN", "ROM", "OUT", "IN", "E")
"""Real commands that this simulator refuses as not applicable."""


class RefusedError(Exception):
    """A command answered with an error code; nothing was changed."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


UNKNOWN = Refusal.UNKNOWN
NOT_APPLICABLE = Refusal.NOT_APPLICABLE
OUT_OF_RANGE = Refusal.OUT_OF_RANGE


class Commands:
    """Carries out one command at an instant and returns the data of its reply."""

    def __init__(self, memory: Memory, motion: Motion, faults: Faults, behaviour: Behaviour) -> None:
        self._memory = memory
        self._motion = motion
        self._faults = faults
        self._behaviour = behaviour
        self._buzzing = False
        self.claimed: Status | None = None
        """The prompt to show in the present reply instead of the true one; set by a faulty STP only."""
        self._table: dict[str, Callable[[str, int], str]] = {
            "VER": self._version,
            "DIA": self._diameter,
            "PHN": self._select_phase,
            "FUN": self._function,
            "RAT": self._rate,
            "VOL": self._volume,
            "DIR": self._direction,
            "RUN": self._run,
            "STP": self._stop,
            "DIS": self._dispensed,
            "CLD": self._clear,
            "SAF": self._safe,
            "BUZ": self._buzzer,
            "LOC": lambda argument, _: self._switch("keypad_locked", argument),
            "AL": lambda argument, _: self._switch("audible_alarm", argument),
            "PF": lambda argument, _: self._switch("restarts_after_power_failure", argument),
            "LN": lambda argument, _: self._switch("low_noise", argument),
            "BP": lambda argument, _: self._switch("key_beep", argument),
            **dict.fromkeys(NOT_PERFORMED, self._not_performed),
        }

    @property
    def _live(self) -> Settings:
        return self._memory.live

    def execute(self, command: str, now_ns: int) -> str:
        """Carry out a command without address; raise `RefusedError` when the pump would not."""
        self.claimed = None
        if not command:
            return ""
        for length in (3, 2, 1):
            handler = self._table.get(command[:length])
            if handler is not None:
                return handler(command[length:], now_ns)
        raise RefusedError(UNKNOWN)

    def execute_system(self, command: str, now_ns: int) -> str:
        """Carry out a `*` command, which is valid whatever the address (NE-4000 manual p.38)."""
        self.claimed = None
        if command == "RESET":
            self._motion.reset(now_ns)
            self._memory.replace_all(Settings())
            self._motion.clear_all_dispensed(now_ns)
            return ""
        if command == "ADR":
            return f"{self._live.address:02d}"
        if command.startswith("ADR"):
            self._memory.store(address=_whole(command[3:], 0, MAX_ADDRESS))
            return ""
        raise RefusedError(UNKNOWN)

    def change_rate(self, rate_thousandths: int, now_ns: int) -> None:
        """Change the rate of the present phase, in its unit; stored only at rest (NE-1600 manual p.40)."""
        number = self._phase_number
        changed = replace(self._live.phase(number), rate_thousandths=rate_thousandths)
        if not self._live.rate_in_limits(changed.rate_nl_h):
            raise RefusedError(OUT_OF_RANGE)
        if self._motion.status.moving:
            self._memory.change_phase_for_now(number, changed)
            self._motion.apply(now_ns)
        else:
            self._memory.store_phase(number, changed)

    def _needs_stopped(self) -> None:
        if self._motion.status is not Status.STOPPED:
            raise RefusedError(NOT_APPLICABLE)

    @property
    def _phase_number(self) -> int:
        running = self._motion.status is not Status.STOPPED
        return self._motion.phase_number if running else self._live.selected_phase

    def _not_performed(self, _argument: str, _now_ns: int) -> str:
        raise RefusedError(NOT_APPLICABLE)

    def _version(self, argument: str, _now_ns: int) -> str:
        if argument:
            raise RefusedError(UNKNOWN)
        return VERSION

    def _diameter(self, argument: str, now_ns: int) -> str:
        if not argument:
            return format_thousandths(self._live.diameter_um)
        diameter_um = _number(argument, state=self._needs_stopped)
        if not MIN_DIAMETER_UM <= diameter_um <= MAX_DIAMETER_UM:
            raise RefusedError(OUT_OF_RANGE)
        if diameter_um != self._live.diameter_um or self._behaviour.same_diameter_clears:
            self._memory.store(diameter_um=diameter_um, volume_unit=default_volume_unit(diameter_um))
            self._motion.clear_all_dispensed(now_ns)
        return ""

    def _select_phase(self, argument: str, _now_ns: int) -> str:
        if not argument:
            return f"{self._phase_number:0{self._behaviour.phase_reply_digits}d}"
        number = _whole(argument, 1, PHASES, state=self._needs_stopped)
        self._memory.store(selected_phase=number)
        return ""

    def _function(self, argument: str, _now_ns: int) -> str:
        phase = self._live.phase(self._phase_number)
        if not argument:
            return phase.function.value
        for function in Function:
            if argument == function.value:
                self._needs_stopped()
                self._memory.store_phase(self._live.selected_phase, replace(phase, function=function))
                return ""
        raise RefusedError(NOT_APPLICABLE if OTHER_FUNCTIONS.fullmatch(argument) else UNKNOWN)

    def _rate(self, argument: str, now_ns: int) -> str:
        number = self._phase_number
        phase = self._live.phase(number)
        if not argument:
            self._needs_rate_phase()
            error = self._faults.value(Fault.WRONG_RATE_READBACK)
            return _read_back(phase.rate_thousandths, error) + phase.rate_unit.value
        unit = phase.rate_unit
        for candidate in RateUnit:
            if argument.endswith(candidate.value):
                unit, argument = candidate, argument[:-2]
        thousandths = _number(argument, state=self._needs_rate_phase)
        if self._motion.status is not Status.STOPPED:
            if unit is not phase.rate_unit:
                raise RefusedError(NOT_APPLICABLE)
            self.change_rate(thousandths, now_ns)
            return ""
        thousandths = self._kept(thousandths)
        changed = replace(phase, rate_thousandths=thousandths, rate_unit=unit)
        if not self._live.rate_in_limits(changed.rate_nl_h):
            raise RefusedError(OUT_OF_RANGE)
        self._memory.store_phase(number, changed)
        return ""

    def _volume(self, argument: str, _now_ns: int) -> str:
        phase = self._live.phase(self._phase_number)
        if not argument:
            self._needs_rate_phase()
            error = self._faults.value(Fault.WRONG_VOLUME_READBACK)
            return _read_back(phase.volume_thousandths, error) + self._live.volume_unit.value
        for unit in VolumeUnit:
            if argument == unit.value:
                self._needs_stopped()
                self._memory.store(volume_unit=unit)
                return ""
        thousandths = _number(argument, state=self._needs_stopped)
        self._needs_rate_phase()
        thousandths = self._kept(thousandths)
        self._memory.store_phase(self._live.selected_phase, replace(phase, volume_thousandths=thousandths))
        return ""

    def _kept(self, thousandths: int) -> int:
        """Return what a faulty memory keeps of a setting, once, in the pump's four digits; else the setting."""
        if Fault.KEEPS_WRONG_SETTING not in self._faults:
            return thousandths
        wrong = max(thousandths * (PERMILLE + self._faults.value(Fault.KEEPS_WRONG_SETTING)) // PERMILLE, 0)
        self._faults.end(Fault.KEEPS_WRONG_SETTING)
        return parse_thousandths(format_thousandths(min(wrong, LIMIT_THOUSANDTHS - 1))) or 0

    def _needs_rate_phase(self) -> None:
        if self._live.phase(self._phase_number).function is not Function.RATE:
            raise RefusedError(NOT_APPLICABLE)

    def _direction(self, argument: str, now_ns: int) -> str:
        number = self._phase_number
        phase = self._live.phase(number)
        if not argument:
            return phase.direction.value
        if argument == "STK":
            raise RefusedError(NOT_APPLICABLE)
        if argument == "REV":
            argument = "WDR" if phase.direction is Direction.INFUSE else "INF"
        direction = _direction_named(argument)
        if self._motion.status is not Status.STOPPED and phase.volume_thousandths:
            raise RefusedError(NOT_APPLICABLE)
        self._memory.store_phase(number, replace(phase, direction=direction))
        self._motion.apply(now_ns)
        return ""

    def _run(self, argument: str, now_ns: int) -> str:
        number = _whole(argument, 1, PHASES) if argument else 1
        status = self._motion.status
        if status.moving:
            if self._behaviour.run_while_running_is_na:
                raise RefusedError(NOT_APPLICABLE)
            return ""
        if status is Status.PAUSED:
            if argument:
                raise RefusedError(NOT_APPLICABLE)
            self._motion.resume(now_ns)
            return ""
        phase = self._live.phase(number)
        if phase.function is Function.RATE and not self._live.rate_in_limits(phase.rate_nl_h):
            raise RefusedError(OUT_OF_RANGE)
        self._motion.start(number, now_ns)
        return ""

    def _stop(self, argument: str, now_ns: int) -> str:
        if argument:
            raise RefusedError(UNKNOWN)
        status = self._motion.status
        if status is Status.STOPPED:
            if self._behaviour.stp_while_stopped_is_na:
                raise RefusedError(NOT_APPLICABLE)
            return ""
        if Fault.IGNORES_STP in self._faults:
            self.claimed = Status.PAUSED if status.moving else Status.STOPPED
            return ""
        if status.moving:
            self._motion.pause(now_ns)
        else:
            self.reset_program(now_ns)
        return ""

    def reset_program(self, now_ns: int) -> None:
        """Stop motor and program."""
        self._motion.reset(now_ns)
        if self._behaviour.stop_clears_dispensed:
            self._motion.clear_all_dispensed(now_ns)

    def _dispensed(self, argument: str, now_ns: int) -> str:
        if argument:
            raise RefusedError(UNKNOWN)
        infused, withdrawn = (self._counter(direction, now_ns) for direction in Direction)
        return f"I{infused}W{withdrawn}{self._live.volume_unit.value}"

    def _counter(self, direction: Direction, now_ns: int) -> str:
        thousandths = self._motion.dispensed_nl(direction, now_ns) // self._live.volume_unit.nl
        if self._behaviour.dispensed_rolls_over:
            return format_thousandths(thousandths % LIMIT_THOUSANDTHS)
        return format_thousandths(min(thousandths, LIMIT_THOUSANDTHS - 1))

    def _clear(self, argument: str, now_ns: int) -> str:
        direction = _direction_named(argument)
        self._needs_stopped()
        self._motion.clear_dispensed(direction, now_ns)
        return ""

    def _safe(self, argument: str, _now_ns: int) -> str:
        if not argument:
            return str(self._live.safe_s)
        self._memory.store(safe_s=_whole(argument, 0, MAX_SAFE_S))
        return ""

    def _switch(self, name: str, argument: str) -> str:
        if not argument:
            return str(int(getattr(self._live, name)))
        self._memory.store(**{name: bool(_whole(argument, 0, 1))})
        return ""

    def _buzzer(self, argument: str, _now_ns: int) -> str:
        if not argument:
            return str(int(self._buzzing))
        if not re.fullmatch(r"0|1[0-9]{0,2}", argument):
            raise RefusedError(UNKNOWN)
        self._buzzing = argument == "1"  # `1n` beeps n times and ends by itself
        return ""


def _whole(text: str, low: int, high: int, *, state: Callable[[], None] | None = None) -> int:
    """Return a whole number; the order of checks is: understood, allowed in this state, within range."""
    if not re.fullmatch(r"[0-9]+", text):
        raise RefusedError(UNKNOWN)
    if state is not None:
        state()
    if len(text) > 4 or not low <= int(text) <= high:
        raise RefusedError(OUT_OF_RANGE)
    return int(text)


def _number(text: str, *, state: Callable[[], None] | None = None) -> int:
    """Return a number in thousandths; checks in the order of `_whole`."""
    try:
        value = parse_thousandths(text)
    except NumberTooLongError:
        if state is not None:
            state()
        raise RefusedError(OUT_OF_RANGE) from None
    if value is None:
        raise RefusedError(UNKNOWN)
    if state is not None:
        state()
    return value


def _direction_named(text: str) -> Direction:
    for direction in Direction:
        if direction.value == text:
            return direction
    raise RefusedError(UNKNOWN)


def _read_back(thousandths: int, error_thousandths: int) -> str:
    return format_thousandths(min(thousandths + error_thousandths, LIMIT_THOUSANDTHS - 1))
