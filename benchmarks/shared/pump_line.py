"""A simulated pump behind a line that takes its time: every byte needs ten bits at 19200 baud, in either direction."""

import asyncio
import copy
import time
from collections import deque
from collections.abc import Callable

from benchmarks.shared.ptys import Pty
from drivers.ne1000.driver import Ne1000 as Driver
from simulators.devices.ne1000 import Ne1000

BAUD = 19_200
BITS_PER_BYTE = 10
NS_PER_S = 1_000_000_000
STOP_PACKET = Driver.stop_packet
WIRE_TIME_NS = len(STOP_PACKET) * BITS_PER_BYTE * NS_PER_S // BAUD
"""W: the stop alone on the line, 4.167 ms."""


class PumpLine:
    """Carries bytes between the daemon's terminal and a simulated pump.

    A byte that the daemon has written begins to leave when the one before it has left; it reaches the pump with its
    last bit. The pump paces its replies by itself.
    """

    def __init__(self, pty: Pty) -> None:
        self._pty = pty
        self._pump = Ne1000(now_ns=time.monotonic_ns())
        self._kept: dict[str, tuple[int, Ne1000]] = {}
        self._ahead_ns = 0
        self._free_ns = 0
        self._leaving: deque[tuple[int, bytes]] = deque()
        self._tail = b""
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.on_stop: Callable[[int], None] | None = None
        """Told when the last bit of a stop reaches the pump, as soon as that is known."""
        self.on_reply: Callable[[int], None] | None = None
        """Told when bytes of the pump are about to be there for the daemon to read."""

    def attach(self) -> None:
        """Serve the pump in the running loop."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._pty.fd, self._on_readable)
        self._wake()

    def detach(self) -> None:
        """Serve it no more; what was on the line is lost."""
        if self._loop is None:
            return
        self._loop.remove_reader(self._pty.fd)
        if self._timer is not None:
            self._timer.cancel()
        self._loop = None
        self._leaving.clear()
        self._tail = b""

    def keep(self, name: str = "running") -> None:
        """Remember the pump as it is now, by a name."""
        self._kept[name] = (time.monotonic_ns() + self._ahead_ns, copy.deepcopy(self._pump))

    def restore(self, name: str = "running") -> None:
        """Go back to the pump as it was, and to its time, with an idle line."""
        self._pty.drain()
        kept_ns, pump = self._kept[name]
        self._pump = copy.deepcopy(pump)
        self._ahead_ns = kept_ns - time.monotonic_ns()
        self._free_ns = 0

    def _on_readable(self) -> None:
        data = self._pty.read()
        now_ns = time.monotonic_ns()
        self._free_ns = max(self._free_ns, now_ns)
        for index in range(len(data)):
            self._free_ns += BITS_PER_BYTE * NS_PER_S // BAUD
            byte = data[index : index + 1]
            self._leaving.append((self._free_ns, byte))
            self._tail = (self._tail + byte)[-len(STOP_PACKET) :]
            if self._tail == STOP_PACKET and self.on_stop is not None:
                self.on_stop(self._free_ns)
        self._wake()

    def _wake(self) -> None:
        assert self._loop is not None
        now_ns = time.monotonic_ns()
        while self._leaving and self._leaving[0][0] <= now_ns:
            arrived_ns, byte = self._leaving.popleft()
            self._pump.receive(byte, arrived_ns + self._ahead_ns)
        reply = self._pump.transmit(now_ns + self._ahead_ns)
        if reply:
            if self.on_reply is not None:
                self.on_reply(time.monotonic_ns())
            self._pty.write(reply)
        due_ns = self._pump.next_deadline_ns()
        times_ns = [] if due_ns is None else [due_ns - self._ahead_ns]
        if self._leaving:
            times_ns.append(self._leaving[0][0])
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(min(times_ns) / NS_PER_S, self._wake) if times_ns else None
