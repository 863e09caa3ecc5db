"""A serial cable in memory between a simulated device and the daemon that opens its port. Knows no protocol."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from random import Random

from pumpd.bedside.serial_line import FIRST_RETRY_S, LONGEST_RETRY_S, LineCallbacks, PortInUseError
from simulators.devices.device import SerialDevice, Timer
from simulators.devices.line import BITS_PER_BYTE
from simulators.harness.virtual.clock import VirtualClock
from simulators.harness.virtual.life import Life
from simulators.harness.virtual.loop import NS_PER_S, VirtualLoop
from simulators.harness.virtual.tape import Tape


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFaults:
    """What goes wrong in one direction: chances per message, from 0 to 1. A late message holds up those behind it."""

    loss: float = 0.0
    corruption: float = 0.0
    """One bit is flipped."""
    duplication: float = 0.0
    split: float = 0.0
    """The message comes in two pieces, the second one later by up to `longest_delay_ns`."""
    delay: float = 0.0
    longest_delay_ns: int = 50_000_000


SOUND = LineFaults()


class Channel:
    """One direction of a cable. With `baud` a message arrives with its last bit; without, the sender has paced it."""

    def __init__(self, loop: VirtualLoop, rng: Random, deliver: Callable[[bytes], None], *, baud: int | None) -> None:
        self.faults = SOUND
        self._loop = loop
        self._rng = rng
        self._deliver = deliver
        self._baud = baud
        self._free_ns = 0
        self._last_ns = 0
        self._coming: deque[bytes] = deque()
        self._epoch = 0

    def send(self, data: bytes) -> None:
        """Take a message."""
        now_ns = self._loop.now_ns()
        arrives_ns = now_ns
        if self._baud is not None:
            arrives_ns = self._free_ns = max(self._free_ns, now_ns) + len(data) * BITS_PER_BYTE * NS_PER_S // self._baud
        if self.faults is SOUND and arrives_ns == now_ns and not self._coming:
            self._deliver(data)
            return
        for at_ns, piece in ((arrives_ns, data),) if self.faults is SOUND else self._spoilt(arrives_ns, data):
            self._last_ns = max(at_ns, self._last_ns)
            self._coming.append(piece)
            self._loop.call_at_ns(self._last_ns, partial(self._arrive, self._epoch), independent=True)

    def clear(self) -> None:
        """Lose what is under way."""
        self._coming.clear()
        self._free_ns = self._last_ns = 0
        self._epoch += 1

    def _arrive(self, epoch: int) -> None:
        if epoch == self._epoch:
            self._deliver(self._coming.popleft())

    def _spoilt(self, at_ns: int, data: bytes) -> Iterator[tuple[int, bytes]]:
        faults, rng = self.faults, self._rng
        # every message takes the same number of draws, so that one fault more does not move all later ones
        lost, corrupt, double, split, late, extra, place = (rng.random() for _ in range(7))
        if lost < faults.loss:
            return
        delay_ns = int(extra * faults.longest_delay_ns)
        if corrupt < faults.corruption:
            byte, bit = divmod(int(place * len(data) * 8), 8)
            data = data[:byte] + bytes([data[byte] ^ 1 << bit]) + data[byte + 1 :]
        if late < faults.delay:
            at_ns += delay_ns
        cut = int(place * len(data)) if split < faults.split else 0
        if cut:
            yield at_ns, data[:cut]
        yield at_ns + (delay_ns if cut else 0), data[cut:]
        if double < faults.duplication:
            yield at_ns, data


class VirtualLink:
    """A device, its cable, and the port that the daemon sees.

    The device lives in time whether it is plugged in or not. What nobody reads is lost. After a call of a device's own
    hooks call `wake`.
    """

    def __init__(
        self,
        name: str,
        device: SerialDevice,
        *,
        baud: int,
        clock: VirtualClock,
        loop: VirtualLoop,
        rngs: tuple[Random, Random],
        tape: Tape,
    ) -> None:
        self.name = name
        self.device = device
        self.baud = baud
        self.is_plugged = True
        self.to_device = Channel(loop, rngs[0], self._at_device, baud=baud)
        self.to_host = Channel(loop, rngs[1], self._at_host, baud=None)
        self._clock = clock
        self._tape = tape
        self.opened_ns: list[int] = []
        """When a daemon opened the port."""
        self._sources = (f"{name}>", f"{name}<", f"{name}>heard")
        self._line: VirtualLine | None = None
        self._timer: Timer | None = None
        self._armed_for_ns: int | None = None
        self.wake()

    def unplug(self) -> None:
        """Pull the cable; bytes under way are lost."""
        self.is_plugged = False
        self.to_device.clear()
        self.to_host.clear()
        line, self._line = self._line, None
        if line is not None:
            line.lost(f"{self.name}: the far end hung up")

    def plug(self) -> None:
        """Put the cable back; the daemon finds it by itself."""
        self.is_plugged = True

    def open(self, line: "VirtualLine") -> bool:
        """Give the port to `line`; tell whether there is one. Raises `PortInUseError`."""
        if not self.is_plugged:
            return False
        if self._line is not None:
            raise PortInUseError(f"{self.name} is in use by another program; end that program first")
        self._line = line
        self.opened_ns.append(self._clock.now_ns())
        self.to_host.clear()
        return True

    def release(self, line: "VirtualLine") -> None:
        """Take the port back; what was written is still sent."""
        if self._line is line:
            self._line = None

    def write(self, data: bytes) -> None:
        """Take bytes from the daemon."""
        self._tape.note(self._clock.now_ns(), self._sources[0], data)
        self.to_device.send(data)

    def wake(self) -> None:
        """Bring the device up to now, pass on what it sent, and arm the timer anew."""
        now_ns = self._clock.now_ns()
        device = self.device
        device.advance(now_ns)
        data = device.transmit(now_ns)
        if data and self.is_plugged and self._line is not None:
            self.to_host.send(data)
        deadline_ns = device.next_deadline_ns()
        if self._timer is not None:
            if deadline_ns == self._armed_for_ns:
                return
            self._timer.cancel()
        self._armed_for_ns = deadline_ns
        self._timer = None if deadline_ns is None else self._clock.call_at(deadline_ns, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self.wake()

    def _at_device(self, data: bytes) -> None:
        self._tape.note(self._clock.now_ns(), self._sources[2], data)
        self.device.receive(data, self._clock.now_ns())
        self.wake()

    def _at_host(self, data: bytes) -> None:
        self._tape.note(self._clock.now_ns(), self._sources[1], data)
        if self._line is not None:
            self._line.deliver(data)


class VirtualLine:
    """The daemon's end: fulfils the `Line` of its outside, and tries again as a serial port does."""

    def __init__(self, link: VirtualLink, *, life: Life, loop: VirtualLoop, callbacks: LineCallbacks) -> None:
        self._link = link
        self._life = life
        self._loop = loop
        self._callbacks = callbacks
        self._retry_s = FIRST_RETRY_S
        self._closed = False
        self._unread = b""
        self.is_open = False
        life.on_end.append(lambda: link.release(self))

    def start(self) -> None:
        """Open the port, or keep trying; raises `PortInUseError`."""
        if not self._open():
            self.lost(f"{self._link.name}: no such port")

    def write(self, data: bytes) -> None:
        """Write now; without an open port the bytes are lost."""
        if self.is_open and self._life.acts():
            self._link.write(data)

    def close(self) -> None:
        """Close for good."""
        self._closed = True
        self.is_open = False
        self._link.release(self)

    def deliver(self, data: bytes) -> None:
        """Hand bytes to the daemon, which reads at once all that has come while it stood still."""
        if not self._life.stands_still:
            self._read(data)
            return
        if not self._unread:
            self._life.tell(self._read_waiting)
        self._unread += data

    def _read_waiting(self) -> None:
        data, self._unread = self._unread, b""
        self._read(data)

    def _read(self, data: bytes) -> None:
        if self._life.is_alive and self.is_open:
            self._callbacks.on_bytes(data)

    def lost(self, reason: str) -> None:
        """The port is gone."""
        self.is_open = False
        self._life.tell(lambda: self._closed_by(reason))

    def _closed_by(self, reason: str) -> None:
        """Tell the daemon, and try again."""
        self._callbacks.on_closed(reason)
        self._schedule()

    def _open(self) -> bool:
        if not self._link.open(self):
            return False
        self.is_open = True
        self._retry_s = FIRST_RETRY_S
        self._callbacks.on_opened()
        return True

    def _schedule(self) -> None:
        if not self._closed:
            self._loop.call_later(self._retry_s, self._life.tell, self._reopen)
            self._retry_s = min(2 * self._retry_s, LONGEST_RETRY_S)

    def _reopen(self) -> None:
        if not self._closed and not self._open():
            self._schedule()
