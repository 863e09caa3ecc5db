"""The simulated oximeter: 75 frames a second, three packets a second. Knows no pty and no host clock."""

from collections.abc import Callable
from enum import Enum
from random import Random
from typing import assert_never

from simulators.devices.line import BITS_PER_BYTE, NS_PER_S, BaudLine
from simulators.devices.nonin import frames
from simulators.devices.nonin.averaging import Averager
from simulators.devices.nonin.faults import Fault, Probe
from simulators.devices.nonin.frames import FRAME_BYTES, FRAMES_PER_PACKET, FRAMES_PER_S, NO_NUMBERS, Numbers, Perfusion
from simulators.devices.nonin.pleth import FLAT, STRONG, WEAK, PulseWave
from simulators.devices.vitals import TrueVitals, VitalsSource

BAUD = 9600
REVISION = 0x30
"""The firmware revision in a packet seen in a public test suite."""
REACQUIRE_NS = 4 * NS_PER_S
"""How long the device searches once a lost pulse is back (test proposal)."""
NO_PULSE = frames.SENSOR_DISCONNECTED | frames.SENSOR_ALARM | frames.OUT_OF_TRACK
BITS_PER_FRAME = 8 * FRAME_BYTES


class Pacing(Enum):
    """When bytes reach the host; which bytes, and when the last of a packet comes, is the same."""

    FRAME = "frame"
    """Each frame when it has left the device: faithful."""
    PACKET = "packet"
    """A packet as a whole when its last frame has left, as behind a buffering adapter: wakes a host less often."""


class Nonin:
    """An oximeter that talks unasked.

    `vitals` is asked once per packet. Without `rng` the numbers are free of noise. `occluded` tells whether a cuff
    on the probe's arm shuts off the pulse. `pleth` holds the waveform at one level; `display_hold_ns` is how long
    the display (-D) values outlive a lost signal.
    """

    def __init__(
        self,
        vitals: VitalsSource,
        *,
        start_ns: int,
        rng: Random | None = None,
        pacing: Pacing = Pacing.FRAME,
        occluded: Callable[[int], bool] | None = None,
        perfusion: Perfusion = Perfusion.GREEN,
        pleth: int | None = None,
        has_timer: bool = False,
        smart_point: bool = False,
        display_hold_ns: int = 0,
        reacquire_ns: int = REACQUIRE_NS,
    ) -> None:
        self._perfusion = perfusion
        self._probe = Probe.ON
        self._faults: frozenset[Fault] = frozenset()
        self._vitals = vitals
        self._start_ns = start_ns
        self._averager = Averager(rng)
        self._pacing = pacing
        self._occluded = occluded
        self._fixed_pleth = pleth
        self._has_timer = has_timer
        self._smart_point = smart_point
        self._display_hold_ns = display_hold_ns
        self._reacquire_ns = reacquire_ns
        self._line = BaudLine(BAUD)
        self._frames = 0  # frames made so far, sent or not
        self._data = bytes(FRAMES_PER_PACKET)
        self._packet = bytearray()  # what of this packet waits for its end
        self._wave = PulseWave()
        self._level = FLAT
        self._beat = STRONG
        self._hr_bpm = 0.0
        self._status = frames.ALWAYS
        self._packet_flags = 0  # flags that the patient and the cuff cause, found at the start of a packet
        self._numbers = NO_NUMBERS
        self._good_numbers = NO_NUMBERS
        self._good_ns: int | None = None
        self._search_until_ns: int | None = None
        self._forced_pr_bpm: int | None = None
        self._forced_spo2_percent: int | None = None
        self._flip_bits: list[int] = []
        self._lose_numbers: list[int | None] = []
        self._look()

    @property
    def probe(self) -> Probe:
        """Return where the probe was put."""
        return self._probe

    @property
    def faults(self) -> frozenset[Fault]:
        """Return the faults in force."""
        return self._faults

    def receive(self, data: bytes, now_ns: int) -> None:
        """Take bytes; the device needs no request and heeds none."""
        del data
        self.advance(now_ns)

    def advance(self, now_ns: int) -> None:
        """Make every frame whose time has come."""
        while (frame_ns := self._frame_ns(self._frames)) <= now_ns:
            if self._makes_whole_packet(now_ns):
                self._make_packet(frame_ns)
            else:
                self._make_frame(frame_ns)
                self._frames += 1

    def transmit(self, now_ns: int) -> bytes:
        """Return, once each, the bytes that the host has got by `now_ns`."""
        return self._line.take(now_ns)

    def next_deadline_ns(self) -> int:
        """Return when the next bytes arrive, or would if the device were not silent."""
        queued_ns = self._line.next_deadline_ns()
        if queued_ns is not None:
            return queued_ns
        match self._pacing:
            case Pacing.FRAME:
                frame = self._frames
            case Pacing.PACKET:
                frame = self._frames - self._frames % FRAMES_PER_PACKET + FRAMES_PER_PACKET - 1
            case _:
                assert_never(self._pacing)
        return self._frame_ns(frame) + _line_ns(FRAME_BYTES)

    def begin_fault(self, fault: Fault, now_ns: int) -> None:
        """Put a fault in force from `now_ns`; nothing happens when it is already."""
        self.advance(now_ns)
        self._faults |= {fault}
        self._look()

    def end_fault(self, fault: Fault, now_ns: int) -> None:
        """Put a fault out of force; nothing happens when it is not in force."""
        self.advance(now_ns)
        self._faults -= {fault}
        self._look()

    def move_probe(self, probe: Probe, now_ns: int) -> None:
        """Take the probe off, unplug it or put it on."""
        self.advance(now_ns)
        self._probe = probe
        self._look()

    def force_pr(self, pr_bpm: int | None, now_ns: int) -> None:
        """Send this pulse rate, without mean or noise, from the next packet on; None ends it."""
        self.advance(now_ns)
        self._forced_pr_bpm = Numbers(pr_bpm=pr_bpm, spo2_percent=None).pr_bpm

    def force_spo2(self, spo2_percent: int | None, now_ns: int) -> None:
        """Send this saturation, without mean or noise, from the next packet on; None ends it."""
        self.advance(now_ns)
        self._forced_spo2_percent = Numbers(pr_bpm=None, spo2_percent=spo2_percent).spo2_percent

    def flip_bit(self, bit: int, now_ns: int) -> None:
        """Flip one of the 40 bits of the next frame, counted from the lowest of its first byte."""
        if not 0 <= bit < BITS_PER_FRAME:
            raise ValueError(f"a frame has bits 0 to {BITS_PER_FRAME - 1}, not {bit}")
        self.advance(now_ns)
        self._flip_bits.append(bit)

    def lose_frame(self, number: int | None, now_ns: int) -> None:
        """Lose the next frame, or the next one with `number` 1 to 25 in its packet."""
        if number is not None and not 1 <= number <= FRAMES_PER_PACKET:
            raise ValueError(f"a packet has frames 1 to {FRAMES_PER_PACKET}, not {number}")
        self.advance(now_ns)
        self._lose_numbers.append(number)

    def _frame_ns(self, frame: int) -> int:
        return self._start_ns + frame * NS_PER_S // FRAMES_PER_S

    def _makes_whole_packet(self, now_ns: int) -> bool:
        """Tell whether a packet begins that only the patient shapes and that is over by now: 25 frames in one go."""
        return (
            self._pacing is Pacing.PACKET
            and self._frames % FRAMES_PER_PACKET == 0
            and self._frame_ns(self._frames + FRAMES_PER_PACKET - 1) <= now_ns
            and not (self._faults or self._lose_numbers or self._flip_bits)
        )

    def _make_packet(self, packet_ns: int) -> None:
        self._begin_packet(packet_ns)
        if self._fixed_pleth is None and self._status & NO_PULSE == 0:
            levels = self._wave.next_levels(FRAMES_PER_PACKET, self._hr_bpm, self._beat)
        else:
            levels = [self._next_level() for _ in range(FRAMES_PER_PACKET)]
        self._level = levels[-1]
        packet = frames.packet(self._status, levels, self._data)
        self._frames += FRAMES_PER_PACKET
        self._send_packet(packet, self._frame_ns(self._frames - 1))

    def _make_frame(self, frame_ns: int) -> None:
        index = self._frames % FRAMES_PER_PACKET
        if index == 0:
            self._begin_packet(frame_ns)
        self._level = self._next_level()
        status = self._status | (frames.SYNC if index == 0 else 0)
        made = self._spoilt(frames.frame(status, self._level, self._data[index]), index + 1)
        match self._pacing:
            case Pacing.FRAME:
                self._line.send(made, frame_ns)
            case Pacing.PACKET:
                self._packet += made
                if index == FRAMES_PER_PACKET - 1:
                    self._send_packet(bytes(self._packet), frame_ns)
                    self._packet.clear()
            case _:
                assert_never(self._pacing)

    def _send_packet(self, packet: bytes, last_frame_ns: int) -> None:
        """Send so early that the last bit leaves when that of the last frame does."""
        self._line.send(packet, last_frame_ns - (_line_ns(len(packet)) - _line_ns(FRAME_BYTES)))

    def _begin_packet(self, at_ns: int) -> None:
        if Fault.FROZEN in self._faults:
            self._data = self._packed()
            return
        truth = self._vitals(at_ns)
        self._hr_bpm = truth.hr_bpm if self._forced_pr_bpm is None else self._forced_pr_bpm
        flags_before, self._packet_flags = self._packet_flags, 0
        self._numbers = self._measured(truth, at_ns)
        if self._numbers != NO_NUMBERS:
            self._good_numbers, self._good_ns = self._numbers, at_ns
        self._data = self._packed(self._display(at_ns))
        if self._packet_flags != flags_before:
            self._look()

    def _measured(self, truth: TrueVitals, at_ns: int) -> Numbers:
        """Return the numbers of a packet and note the flags that go with them."""
        if self._probe is not Probe.ON or not truth.probe_on:
            self._packet_flags = 0 if truth.probe_on else frames.SENSOR_ALARM
            return self._lost(at_ns)
        if Fault.OCCLUDED in self._faults or (self._occluded is not None and self._occluded(at_ns)):
            self._packet_flags = frames.OUT_OF_TRACK
            return self._lost(at_ns)
        if self._search_until_ns is not None and at_ns < self._search_until_ns:
            self._packet_flags = frames.OUT_OF_TRACK
            return NO_NUMBERS
        self._search_until_ns = None
        fresh = self._averager.observe(truth)
        if fresh is None:
            self._packet_flags = frames.OUT_OF_TRACK
        if Fault.NO_NUMBERS in self._faults:
            return NO_NUMBERS
        if Fault.OUT_OF_TRACK in self._faults and self._good_ns is not None:
            return self._good_numbers
        return self._forced(fresh or NO_NUMBERS)

    def _lost(self, at_ns: int) -> Numbers:
        self._averager.forget()
        self._search_until_ns = at_ns + self._reacquire_ns
        return NO_NUMBERS

    def _forced(self, fresh: Numbers) -> Numbers:
        pr_bpm, spo2_percent = self._forced_pr_bpm, self._forced_spo2_percent
        return Numbers(
            pr_bpm=fresh.pr_bpm if pr_bpm is None else pr_bpm,
            spo2_percent=fresh.spo2_percent if spo2_percent is None else spo2_percent,
        )

    def _display(self, at_ns: int) -> Numbers:
        held = self._good_ns is not None and at_ns - self._good_ns < self._display_hold_ns
        return self._good_numbers if held else self._numbers

    def _packed(self, display: Numbers | None = None) -> bytes:
        return frames.packet_data(
            self._numbers,
            display or self._numbers,
            revision=REVISION,
            timer=self._frames // FRAMES_PER_PACKET % frames.TIMER_PERIOD if self._has_timer else 0,
            stat2=(frames.SMART_POINT if self._smart_point else 0)
            | (frames.LOW_BATTERY if Fault.LOW_BATTERY in self._faults else 0),
        )

    def _look(self) -> None:
        """Work out status and waveform anew, because something changed; frames are too many to do it for each."""
        self._status = self._status_bits()
        self._beat = WEAK if self._status & Perfusion.YELLOW == Perfusion.RED else STRONG

    def _status_bits(self) -> int:
        status = frames.ALWAYS | self._packet_flags
        match self._probe:
            case Probe.ON:
                pass
            case Probe.OFF_FINGER:
                status |= frames.SENSOR_ALARM
            case Probe.UNPLUGGED:
                status |= frames.SENSOR_DISCONNECTED | frames.SENSOR_ALARM
            case _:
                assert_never(self._probe)
        if status & frames.SENSOR_ALARM:
            return status
        if Fault.ARTEFACT in self._faults:
            status |= frames.ARTEFACT
        if self._faults & {Fault.OUT_OF_TRACK, Fault.OCCLUDED}:
            status |= frames.OUT_OF_TRACK
        return status | (Perfusion.RED if Fault.LOW_PERFUSION in self._faults else self._perfusion)

    def _next_level(self) -> int:
        if self._fixed_pleth is not None:
            return self._fixed_pleth
        if self._faults and Fault.FROZEN in self._faults:
            return self._level
        level = self._wave.next_level(self._hr_bpm, self._beat)
        if not self._faults and self._status & NO_PULSE == 0:
            return level
        if self._probe is not Probe.ON or self._packet_flags or Fault.OCCLUDED in self._faults:
            return FLAT
        if Fault.ARTEFACT in self._faults:
            return level ^ self._frames * 37 & 0x3F  # jagged, and the same in every run
        return level

    def _spoilt(self, made: bytes, number: int) -> bytes:
        """Return the frame as the faults of the line leave it."""
        if self._faults and Fault.SILENCE in self._faults:
            return b""
        for wanted in self._lose_numbers:
            if wanted in (None, number):
                self._lose_numbers.remove(wanted)
                return b""
        if self._flip_bits:
            byte, bit = divmod(self._flip_bits.pop(0), 8)
            return made[:byte] + bytes([made[byte] ^ 1 << bit]) + made[byte + 1 :]
        return made


def _line_ns(count: int) -> int:
    """Return how long `count` bytes take on the line."""
    return -(-count * BITS_PER_BYTE * NS_PER_S // BAUD)
