"""Program and motor of the simulated NE-1000: phases, end-stops, counters, true flow. Knows no packet.

Every method takes the instant at which it happens; the caller has first run all events due before that instant.
"""

from collections.abc import Iterable

from simulators.devices.ne1000.faults import Fault, Faults
from simulators.devices.ne1000.values import PHASES, Alarm, Direction, Function, Memory, Phase, Status
from simulators.devices.plunger import Accumulator, Plunger

PPM = 1_000_000


def earliest(times_ns: Iterable[int | None]) -> int | None:
    """Return the first of the times that are known, or None."""
    known_ns = [time_ns for time_ns in times_ns if time_ns is not None]
    return min(known_ns) if known_ns else None


class Motion:
    """A program in state S, P or I/W over a plunger whose true flow may differ from what was commanded."""

    def __init__(self, memory: Memory, faults: Faults, plunger: Plunger, now_ns: int) -> None:
        self.plunger = plunger
        self.phase_number = 1
        self._memory = memory
        self._faults = faults
        self._active = False
        self._paused = False
        self._phase_volume = Accumulator(now_ns)
        self._travel = Accumulator(now_ns)  # true travel in either direction since a stall was set
        self._dispensed = {direction: Accumulator(now_ns) for direction in Direction}
        self._event_ns: int | None = None
        self._event_settings = memory.live
        """The settings from which the next event was worked out."""

    @property
    def status(self) -> Status:
        """Return the prompt."""
        if not self._active:
            return Status.STOPPED
        if self._paused:
            return Status.PAUSED
        return Status.INFUSING if self.phase.direction is Direction.INFUSE else Status.WITHDRAWING

    @property
    def phase(self) -> Phase:
        """Return the phase the program is in."""
        return self._memory.live.phase(self.phase_number)

    def dispensed_nl(self, direction: Direction, now_ns: int) -> int:
        """Return what the counter of one direction has counted, rounded down."""
        return self._dispensed[direction].volume_nl(now_ns)

    def clear_dispensed(self, direction: Direction, now_ns: int) -> None:
        """Set one counter to zero."""
        self._dispensed[direction].clear(now_ns)

    def clear_all_dispensed(self, now_ns: int) -> None:
        """Set both counters to zero."""
        for counter in self._dispensed.values():
            counter.clear(now_ns)

    def start(self, phase_number: int, now_ns: int) -> Alarm | None:
        """Begin the program at a phase with its full volume."""
        self._active, self._paused = True, False
        return self._enter(phase_number, now_ns)

    def resume(self, now_ns: int) -> None:
        """Go on where the pause began."""
        self._paused = False
        self.apply(now_ns)

    def pause(self, now_ns: int) -> None:
        """Stop the motor and keep the place in the program."""
        self._paused = True
        self.apply(now_ns)

    def reset(self, now_ns: int) -> None:
        """Stop the motor and the program; the next start is phase 1 from its beginning."""
        self._active = self._paused = False
        self.phase_number = 1
        self.apply(now_ns)

    def begin_stall_count(self, now_ns: int) -> None:
        """Count travel towards a stall from now on."""
        self._travel.clear(now_ns)
        self._look_ahead()

    def apply(self, now_ns: int) -> None:
        """Bring motor and counters to what program, settings and faults now ask for."""
        commanded = self.phase.rate_nl_h if self.status.moving else 0
        true, counted = commanded, commanded
        if Fault.RATE_ERROR_COUNTED in self._faults:
            true = counted = commanded * (PPM + self._faults.value(Fault.RATE_ERROR_COUNTED)) // PPM
        if Fault.RATE_ERROR in self._faults:
            true = commanded * (PPM + self._faults.value(Fault.RATE_ERROR)) // PPM
        forward = self.phase.direction is Direction.INFUSE
        self._phase_volume.set_rate(counted, now_ns)
        self._travel.set_rate(true, now_ns)
        for direction, counter in self._dispensed.items():
            counter.set_rate(counted if direction is self.phase.direction else 0, now_ns)
        self.plunger.set_rate(true if forward else -true, now_ns)
        self._look_ahead()

    def next_event_ns(self) -> int | None:
        """Return when the phase ends or the motor stalls."""
        if self._event_settings is not self._memory.live:
            self._look_ahead()
        return self._event_ns

    def _look_ahead(self) -> None:
        """Work out the next event, because motor, program, settings or faults changed: it is asked for far oftener."""
        self._event_settings = self._memory.live
        self._event_ns = earliest([self._phase_end_ns(), self._stall_ns()])

    def run_event(self, now_ns: int) -> Alarm | None:
        """Do what is due at `now_ns`; return the alarm it raises."""
        phase_end_ns = self._phase_end_ns()
        if phase_end_ns is not None and phase_end_ns <= now_ns:
            return self._enter(self.phase_number + 1, now_ns)
        self.reset(now_ns)
        return Alarm.STALLED

    def _phase_end_ns(self) -> int | None:
        target_nl = self.phase.volume_thousandths * self._memory.live.volume_unit.nl
        if not self.status.moving or target_nl == 0:
            return None
        return self._phase_volume.reaches_ns(target_nl)

    def _stall_ns(self) -> int | None:
        if not self.status.moving or Fault.STALL not in self._faults:
            return None
        return self._travel.reaches_ns(self._faults.value(Fault.STALL))

    def _enter(self, phase_number: int, now_ns: int) -> Alarm | None:
        if phase_number > PHASES:
            self.reset(now_ns)
            return Alarm.PHASE_OUT_OF_RANGE
        self.phase_number = phase_number
        if self.phase.function is Function.STOP:
            self.reset(now_ns)
            return None
        if not self._memory.live.rate_in_limits(self.phase.rate_nl_h):
            self.reset(now_ns)
            return Alarm.PROGRAM_ERROR
        self._phase_volume.clear(now_ns)
        self.apply(now_ns)
        return None
