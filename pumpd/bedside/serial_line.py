"""A serial port on the event loop: pyserial opens it, the loop owns the descriptor, bytes come and go in callbacks.

The descriptor is taken from the loop before it is closed: a hung-up one left behind would spin a core. A lost port is
tried again with growing pauses, under its stable name, for ever.
"""

import asyncio
import errno
import os
import termios
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import serial

FIRST_RETRY_S = 0.1
LONGEST_RETRY_S = 2.0
"""Every wait ends within 2 s (requirement COMM-11)."""
READ_BYTES = 4096
"""A pty's whole buffer; a serial driver hands over less."""
UNSENT_LIMIT_BYTES = 1024
"""A line that takes nothing for so long is dead; the longest packet has 22 bytes."""


class PortInUseError(OSError):
    """Another program holds the port; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineCallbacks:
    """What the owner of a line is told. All are called in the loop."""

    on_opened: Callable[[], None]
    on_bytes: Callable[[bytes], None]
    on_closed: Callable[[str], None]


def open_port(port: Path, baud: int) -> serial.Serial:
    """Open a serial port for ourselves alone, 8N1, never blocking.

    Raises `PortInUseError` when another program holds it and `OSError` when it is not there.
    """
    try:
        opened = serial.Serial(str(port), baud, timeout=0, write_timeout=0, exclusive=True, xonxoff=False, rtscts=False)
    except serial.SerialException as error:
        if error.errno in {errno.EAGAIN, errno.EBUSY} or "lock" in str(error):
            raise PortInUseError(f"{port} is in use by another program; end that program first") from None
        raise OSError(error.errno, os.strerror(error.errno) if error.errno else str(error)) from None
    with suppress(ValueError, NotImplementedError, OSError):
        opened.set_low_latency_mode(True)  # a pty has none
    with suppress(OSError, termios.error):
        opened.reset_input_buffer()
    os.set_blocking(opened.fileno(), False)
    return opened


class SerialLine:
    """One port, opened again whenever it is lost."""

    def __init__(self, *, port: Path, baud: int, loop: asyncio.AbstractEventLoop, callbacks: LineCallbacks) -> None:
        self.port = port
        self._baud = baud
        self._loop = loop
        self._callbacks = callbacks
        self._serial: serial.Serial | None = None
        self._fd = -1
        self._unsent = b""
        self._retry: asyncio.TimerHandle | None = None
        self._retry_s = FIRST_RETRY_S
        self._closed = False

    @property
    def is_open(self) -> bool:
        """Whether the port is open."""
        return self._serial is not None

    def start(self) -> None:
        """Open the port, or keep trying in the background.

        Raises `PortInUseError` when another program holds it: that is not a matter of time.
        """
        try:
            self._open()
        except PortInUseError:
            raise
        except OSError as error:
            self._try_again(f"{self.port.name}: {error.strerror or error}")

    def write(self, data: bytes) -> None:
        """Write now; what the port does not take at once follows as soon as it does."""
        if self._serial is None:
            return
        if self._unsent:
            self._unsent += data
            if len(self._unsent) > UNSENT_LIMIT_BYTES:
                self._lost(OSError(errno.EIO, "the port takes no bytes"))
            return
        try:
            sent = os.write(self._fd, data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._lost(error)
            return
        if sent < len(data):
            self._unsent = data[sent:]
            self._loop.add_writer(self._fd, self._write_rest)

    def close(self) -> None:
        """Close for good."""
        self._closed = True
        if self._retry is not None:
            self._retry.cancel()
        self._release()

    def _open(self) -> None:
        port = open_port(self.port, self._baud)
        self._serial, self._fd, self._unsent = port, port.fileno(), b""
        self._retry_s = FIRST_RETRY_S
        self._loop.add_reader(self._fd, self._readable)
        self._callbacks.on_opened()

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._lost(error)
            return
        if data:
            self._callbacks.on_bytes(data)
        else:
            self._lost(OSError(errno.EIO, "the far end hung up"))

    def _write_rest(self) -> None:
        try:
            sent = os.write(self._fd, self._unsent)
        except BlockingIOError:
            return
        except OSError as error:
            self._lost(error)
            return
        self._unsent = self._unsent[sent:]
        if not self._unsent:
            self._loop.remove_writer(self._fd)

    def _lost(self, error: OSError) -> None:
        reason = f"{self.port.name}: {error.strerror or error}"
        self._release()
        self._try_again(reason)

    def _release(self) -> None:
        port, self._serial = self._serial, None
        if port is None:
            return
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        self._fd, self._unsent = -1, b""
        with suppress(OSError, termios.error):  # a port that is gone cannot always be closed in good order
            port.close()

    def _try_again(self, reason: str) -> None:
        self._callbacks.on_closed(reason)
        self._schedule()

    def _schedule(self) -> None:
        if not self._closed:
            self._retry = self._loop.call_later(self._retry_s, self._reopen)
            self._retry_s = min(2 * self._retry_s, LONGEST_RETRY_S)

    def _reopen(self) -> None:
        try:
            self._open()
        except OSError:
            self._schedule()
