"""Hosts a simulated serial device on a pseudo-terminal. Knows asyncio and the pty; knows nothing of any protocol."""

import asyncio
import os
import time
import tty
from pathlib import Path

from simulators.devices.device import Callback, HostClock, SerialDevice, Timer

READ_BYTES = 4096
NS_PER_S = 1_000_000_000


class _LoopTimer:
    """A call that fires once the clock has truly reached its time; loop timers may be early by their resolution."""

    def __init__(self, loop: asyncio.AbstractEventLoop, when_ns: int, callback: Callback) -> None:
        self._loop = loop
        self._when_ns = when_ns
        self._callback = callback
        self._handle = self._arm()

    def cancel(self) -> None:
        self._handle.cancel()

    def _arm(self) -> asyncio.TimerHandle:
        left_ns = self._when_ns - time.monotonic_ns()
        return self._loop.call_later(max(left_ns, 0) / NS_PER_S, self._fire)

    def _fire(self) -> None:
        if time.monotonic_ns() < self._when_ns:
            self._handle = self._arm()
        else:
            self._callback()


class MonotonicClock:
    """Real time: the machine's monotonic clock and the running loop's timers, never early."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def now_ns(self) -> int:
        """Return the monotonic time in nanoseconds."""
        return time.monotonic_ns()

    def call_at(self, when_ns: int, callback: Callback) -> Timer:
        """Call `callback` once the time has reached `when_ns`."""
        return _LoopTimer(self._loop, when_ns, callback)


class PtyHost:
    """A serial device behind a pseudo-terminal, found by a symbolic link; made inside a running loop.

    The device lives in time whether it is plugged in or not. What the far side does not read is lost once the
    terminal's own buffer is full, as on a real line. After a call of a device's own hooks call `wake`.
    """

    def __init__(self, device: SerialDevice, link: Path, clock: HostClock) -> None:
        self.device = device
        self.link = link
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._master: int | None = None
        self._slave: int | None = None
        self._slave_path = ""
        self._timer: Timer | None = None
        self._armed_for_ns: int | None = None
        self.plug()

    @property
    def plugged(self) -> bool:
        """Tell whether the link leads to a terminal."""
        return self._master is not None

    def plug(self) -> None:
        """Open a new terminal and point the link to it; nothing happens when it is plugged in already."""
        if self._master is not None:
            return
        if self.link.exists() and not self.link.is_symlink():
            raise FileExistsError(f"{self.link} exists and is not a symbolic link; choose another path")
        master, slave = os.openpty()
        try:
            tty.setraw(slave)
            os.set_blocking(master, False)
            self._slave_path = os.ttyname(slave)
            replace_link(self.link, self._slave_path)
        except BaseException:
            os.close(master)
            os.close(slave)
            raise
        # The slave stays open here too: without any opener a read of the master would fail with EIO.
        self._master, self._slave = master, slave
        self._loop.add_reader(master, self._on_readable)
        self.wake()

    def unplug(self) -> None:
        """Hang up and remove the link; the device goes on. Nothing happens when it is unplugged already."""
        if self._master is None or self._slave is None:
            return
        self._loop.remove_reader(self._master)
        os.close(self._master)
        os.close(self._slave)
        self._master = self._slave = None
        if self.link.is_symlink() and str(self.link.readlink()) == self._slave_path:
            self.link.unlink()

    def close(self) -> None:
        """Unplug and stop the device's time; the host cannot be used again."""
        self.unplug()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def wake(self) -> None:
        """Bring the device up to now, pass on what it sent, and arm the timer anew."""
        now_ns = self._clock.now_ns()
        self.device.advance(now_ns)
        self._write(self.device.transmit(now_ns))
        deadline_ns = self.device.next_deadline_ns()
        if self._timer is not None and deadline_ns == self._armed_for_ns:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._armed_for_ns = deadline_ns
        self._timer = None if deadline_ns is None else self._clock.call_at(deadline_ns, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self.wake()

    def _on_readable(self) -> None:
        if self._master is None:
            return
        try:
            data = os.read(self._master, READ_BYTES)
        except BlockingIOError:
            return
        self.device.receive(data, self._clock.now_ns())
        self.wake()

    def _write(self, data: bytes) -> None:
        """Pass bytes on; what the terminal does not take now is lost."""
        if not data or self._master is None:
            return
        try:
            os.write(self._master, data)
        except BlockingIOError:
            return


def replace_link(link: Path, target: str) -> None:
    """Make `link` point to `target` in one step, replacing a stale link."""
    temporary = link.with_name(f".{link.name}.{os.getpid()}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(link)
