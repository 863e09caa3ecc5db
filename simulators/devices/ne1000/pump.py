"""The simulated NE-1000 as a serial device: replies, alarms, watchdog, keypad and power. Knows no clock or pty."""

import re
from collections import deque
from typing import assert_never

from simulators.devices.line import NS_PER_S, BaudLine
from simulators.devices.ne1000.behaviour import Behaviour
from simulators.devices.ne1000.commands import Commands, RefusedError
from simulators.devices.ne1000.faults import Fault, Faults, flip_bit
from simulators.devices.ne1000.motion import Motion, earliest
from simulators.devices.ne1000.packet import Frame, Framing, Receiver, decode, encode
from simulators.devices.ne1000.values import Alarm, Memory, Refusal, Settings, Status
from simulators.devices.plunger import Plunger

BAUD = 19_200
"""Default line speed (NE-500 manual, quick start)."""
TURNAROUND_NS = 2_000_000
"""From the last byte of a packet to the first of its reply; a real pump's figure is unknown."""
KEYPAD_SETTINGS = ("DIA", "VOL", "DIR", "FUN", "PHN")
"""What the keypad sets besides the rate, by the commands that set the same."""
CORRUPTED_BIT = 20
"""The bit that a corrupting fault flips: in the first data byte of a Safe packet."""

_ADDRESS = re.compile(r"[0-9]{1,2}|\*")


class Ne1000:
    """A simulated pump; a `SerialDevice` with hooks for faults, keys and power.

    It starts switched on, by default with the alarm of a fresh power-up. Every hook takes the instant at which it
    happens. Expiry of the watchdog is at the limit itself: a packet that is complete at that instant comes too late.
    """

    def __init__(
        self,
        *,
        now_ns: int = 0,
        settings: Settings | None = None,
        behaviour: Behaviour | None = None,
        pending_alarm: Alarm | None = Alarm.RESET,
        turnaround_ns: int = TURNAROUND_NS,
        baud: int = BAUD,
    ) -> None:
        self.behaviour = behaviour or Behaviour()
        self.plunger = Plunger(now_ns)
        self.alarm: Alarm | None = None
        self.powered = True
        self.watchdog_deadline_ns: int | None = None
        self.faults = Faults()
        self._memory = Memory(settings or Settings())
        self._motion = Motion(self._memory, self.faults, self.plunger, now_ns)
        self._commands = Commands(self._memory, self._motion, self.faults, self.behaviour)
        self._turnaround_ns = turnaround_ns
        self._receiver = Receiver()
        self._line = BaudLine(baud)
        self._replies: deque[tuple[int, bytes]] = deque()
        self._now_ns = now_ns
        self._was_moving_at_power_off = False
        self._raise(pending_alarm, now_ns)

    @property
    def state(self) -> Status:
        """Return the true status, whatever the pump says on the line."""
        return self._motion.status

    @property
    def settings(self) -> Settings:
        """Return the settings in force."""
        return self._memory.live

    @property
    def phase_number(self) -> int:
        """Return the phase of the program in progress, 1 when none is."""
        return self._motion.phase_number

    def receive(self, data: bytes, now_ns: int) -> None:
        """Take bytes whose last bit arrived at `now_ns`."""
        self.advance(now_ns)
        if not self.powered or Fault.SILENCE in self.faults:
            return
        for frame in self._receiver.feed(data, now_ns, busy=lambda: self._busy(now_ns)):
            self._take_frame(frame, now_ns)

    def advance(self, now_ns: int) -> None:
        """Run every event due by `now_ns`, each at its own instant."""
        if now_ns < self._now_ns:
            raise ValueError(f"time {now_ns} ns is before {self._now_ns} ns")
        while (due_ns := self._next_event_ns()) is not None and due_ns <= now_ns:
            self._now_ns = max(self._now_ns, due_ns)
            self._run_events(self._now_ns)
        self._now_ns = now_ns

    def transmit(self, now_ns: int) -> bytes:
        """Return, once each, the bytes of the packets that have left whole by `now_ns`."""
        self.advance(now_ns)
        return self._line.take(now_ns)

    def next_deadline_ns(self) -> int | None:
        """Return when `advance` and `transmit` are next worth calling."""
        return earliest([self._next_event_ns(), self._line.next_deadline_ns()])

    def begin_fault(self, fault: Fault, now_ns: int, value: int | None = None) -> None:
        """Put a fault in force from `now_ns`; see `Fault` for what `value` means."""
        self.advance(now_ns)
        self.faults.begin(fault, value)
        self._fault_changed(fault, now_ns)

    def end_fault(self, fault: Fault, now_ns: int) -> None:
        """Put a fault out of force."""
        self.advance(now_ns)
        if fault in self.faults:
            self.faults.end(fault)
            self._motion.apply(now_ns)

    def key_pause(self, now_ns: int) -> None:
        """Press Stop once while pumping."""
        if self._key(now_ns, setting=False) and self.state.moving:
            self._motion.pause(now_ns)

    def key_resume(self, now_ns: int) -> None:
        """Press Start while paused."""
        if self._key(now_ns, setting=False) and self.state is Status.PAUSED:
            self._motion.resume(now_ns)

    def key_start(self, now_ns: int) -> None:
        """Press Start: resume when paused, begin the program when stopped."""
        if not self._key(now_ns, setting=False):
            return
        if self.state is Status.PAUSED:
            self._motion.resume(now_ns)
        elif self.state is Status.STOPPED:
            self._raise(self._motion.start(1, now_ns), now_ns)

    def key_stop(self, now_ns: int) -> None:
        """Press Stop until the program is stopped."""
        if self._key(now_ns, setting=False) and self.state is not Status.STOPPED:
            self._commands.reset_program(now_ns)

    def key_rate(self, rate_thousandths: int, now_ns: int) -> bool:
        """Set the rate, in thousandths of the phase's unit, from the keypad; tell whether the pump took it."""
        if not self._key(now_ns, setting=True):
            return False
        try:
            self._commands.change_rate(rate_thousandths, now_ns)
        except RefusedError:
            return False
        return True

    def key_setting(self, command: str, now_ns: int) -> bool:
        """Set from the keypad what `command` would set over the line; tell whether the pump took it.

        The pump takes it in the same states: diameter, volume, direction, function and phase not while it pumps, and
        all but the direction not while it is paused (SP500 manual p.31, public drivers).
        """
        if not command.startswith(KEYPAD_SETTINGS):
            raise ValueError(f"the keypad does not set {command}; it sets {', '.join(KEYPAD_SETTINGS)}")
        if not self._key(now_ns, setting=True):
            return False
        try:
            self._commands.execute(command, now_ns)
        except RefusedError:
            return False
        return True

    def power_off(self, now_ns: int) -> None:
        """Cut the power: motor, timer and line die; settings stay."""
        self.advance(now_ns)
        if not self.powered:
            return
        self._was_moving_at_power_off = self.state.moving
        self.powered = False
        self.watchdog_deadline_ns = None
        self._motion.reset(now_ns)
        self._receiver.clear()
        self._replies.clear()
        self._line.clear()

    def power_on(self, now_ns: int) -> None:
        """Give the power back: stored settings, alarm R, and no watchdog before the first valid packet."""
        self.advance(now_ns)
        if self.powered:
            return
        self.powered = True
        self._memory.reload()
        if self.behaviour.power_loss_clears_dispensed:
            self._motion.clear_all_dispensed(now_ns)
        self._raise(Alarm.RESET, now_ns)
        restarts = self.settings.restarts_after_power_failure and self.behaviour.power_failure_mode_restarts
        if restarts and self._was_moving_at_power_off:
            self._raise(self._motion.start(1, now_ns), now_ns)

    def power_cycle(self, now_ns: int) -> None:
        """Cut the power for an instant."""
        self.power_off(now_ns)
        self.power_on(now_ns)

    @property
    def _framing(self) -> Framing:
        return Framing.SAFE if self.settings.safe_s else Framing.BASIC

    def _busy(self, now_ns: int) -> bool:
        return bool(self._replies) or self._line.busy_until_ns > now_ns

    def _next_event_ns(self) -> int | None:
        event_ns, lapse_ns = self._motion.next_event_ns(), self.watchdog_deadline_ns
        if lapse_ns is not None and (event_ns is None or lapse_ns < event_ns):
            event_ns = lapse_ns
        if self._replies and (event_ns is None or self._replies[0][0] < event_ns):
            event_ns = self._replies[0][0]
        return event_ns

    def _run_events(self, now_ns: int) -> None:
        """Run what is due at `now_ns`; the motor first, so that a phase that ends with the lease has ended."""
        motion_ns = self._motion.next_event_ns()
        if motion_ns is not None and motion_ns <= now_ns:
            self._raise(self._motion.run_event(now_ns), now_ns)
        elif self.watchdog_deadline_ns is not None and self.watchdog_deadline_ns <= now_ns:
            self._expire(now_ns)
        else:
            self._line.send(self._replies.popleft()[1], now_ns)

    def _expire(self, now_ns: int) -> None:
        self.watchdog_deadline_ns = None
        if self.behaviour.watchdog_leaves_paused and self.state is not Status.STOPPED:
            self._motion.pause(now_ns)
        else:
            self._commands.reset_program(now_ns)
        self._raise(Alarm.TIMED_OUT, now_ns)

    def _raise(self, alarm: Alarm | None, now_ns: int) -> None:
        """Set the pending alarm, the newest replacing an older one; in Safe mode say so unasked."""
        if alarm is None:
            return
        self.alarm = alarm
        if self._framing is Framing.SAFE:
            self._queue(self._packet(alarm.value), now_ns)

    def _feed_watchdog(self, now_ns: int) -> None:
        seconds = self.settings.safe_s
        self.watchdog_deadline_ns = now_ns + seconds * NS_PER_S if seconds else None

    def _take_frame(self, frame: Frame, now_ns: int) -> None:
        if frame.while_busy and Fault.HALF_DUPLEX_DROPS_STP in self.faults:
            return
        if frame.raw and self.faults.spend(Fault.CORRUPT_REQUEST):
            frame = Frame(framing=frame.framing, raw=flip_bit(frame.raw, CORRUPTED_BIT), while_busy=frame.while_busy)
        times = 2 if self.faults.spend(Fault.DUPLICATE) else 1
        for _ in range(times):
            self._handle(frame, now_ns)

    def _handle(self, frame: Frame, now_ns: int) -> None:
        basic_in_safe_mode = frame.framing is Framing.BASIC and self._framing is Framing.SAFE
        if basic_in_safe_mode and not self.behaviour.safe_mode_takes_basic_text:
            return
        data = decode(frame)
        if data is None:
            self._answer_bad_packet(now_ns)
            return
        match = _ADDRESS.match(data)
        address = match[0] if match else ""
        command = data.removeprefix(address)
        if address != "*" and int(address or 0) != self.settings.address:
            if self.behaviour.other_address_feeds_watchdog:
                self._feed_watchdog(now_ns)
            return
        self._feed_watchdog(now_ns)
        if self.alarm is not None:
            drawn, self.alarm = self.alarm, None
            self._reply(drawn.value, now_ns)
            return
        self._execute(command, now_ns, system=address == "*")
        self._feed_watchdog(now_ns)  # SAF may have changed the limit

    def _answer_bad_packet(self, now_ns: int) -> None:
        if self.behaviour.bad_packet_feeds_watchdog:
            self._feed_watchdog(now_ns)
        if self.behaviour.bad_packet_answered:
            self._reply(self.state.value + Refusal.BAD_PACKET.value, now_ns)

    def _execute(self, command: str, now_ns: int, *, system: bool) -> None:
        execute = self._commands.execute_system if system else self._commands.execute
        try:
            data = execute(command, now_ns)
        except RefusedError as refused:
            data = refused.refusal.value
        status = self._commands.claimed or self.state
        self._reply(status.value + data, now_ns)

    def _reply(self, text: str, now_ns: int) -> None:
        if self.faults.spend(Fault.DROP_REPLY):
            return
        packet = self._packet(text)
        if self.faults.spend(Fault.CORRUPT_REPLY):
            packet = flip_bit(packet, CORRUPTED_BIT)
        self._queue(packet, now_ns + self._turnaround_ns + self.faults.value(Fault.DELAY_REPLY))

    def _packet(self, text: str) -> bytes:
        return encode(f"{self.settings.address:02d}{text}", self._framing)

    def _queue(self, packet: bytes, due_ns: int) -> None:
        """Queue a packet; packets leave in the order in which they were made, so a late one holds up the next."""
        if Fault.SILENCE not in self.faults:
            self._replies.append((due_ns, packet))

    def _key(self, now_ns: int, *, setting: bool) -> bool:
        """Take a key press; tell whether it acts. A pending alarm uses up the first key (SP500 manual p.30)."""
        self.advance(now_ns)
        if not self.powered:
            return False
        if self.alarm is not None:
            self.alarm = None
            return False
        return not (self.settings.keypad_locked and (setting or self.behaviour.lock_blocks_start_and_stop_keys))

    def _fault_changed(self, fault: Fault, now_ns: int) -> None:
        match fault:
            case Fault.STALL:
                self._motion.begin_stall_count(now_ns)
            case Fault.COUNTER_LOST:
                self.faults.end(fault)
                self._motion.clear_all_dispensed(now_ns)
            case Fault.RATE_ERROR | Fault.RATE_ERROR_COUNTED:
                self._motion.apply(now_ns)
            case Fault.SILENCE:
                self._receiver.clear()
                self._replies.clear()
                self._line.clear()
            case (
                Fault.IGNORES_STP
                | Fault.HALF_DUPLEX_DROPS_STP
                | Fault.DROP_REPLY
                | Fault.DELAY_REPLY
                | Fault.CORRUPT_REPLY
                | Fault.CORRUPT_REQUEST
                | Fault.DUPLICATE
                | Fault.WRONG_RATE_READBACK
                | Fault.WRONG_VOLUME_READBACK
                | Fault.KEEPS_WRONG_SETTING
            ):
                pass
            case _:
                assert_never(fault)
