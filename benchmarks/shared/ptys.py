"""Pseudo-terminals as serial lines: one end for the program under test, the other in the measuring process."""

import os
import select
import tty
from pathlib import Path
from typing import Self

READ_BYTES = 4096


class Pty:
    """A raw pseudo-terminal. `link` leads to the end that the program under test opens."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self.fd, self._slave = os.openpty()  # the slave stays open: without any opener a read of the master fails
        tty.setraw(self._slave)
        os.set_blocking(self.fd, False)
        link.symlink_to(os.ttyname(self._slave))
        self._poller = select.poll()
        self._poller.register(self.fd, select.POLLIN)

    def write(self, data: bytes) -> None:
        """Write what a device sends."""
        os.write(self.fd, data)

    def read(self) -> bytes:
        """Return what is there, or `b""`."""
        try:
            return os.read(self.fd, READ_BYTES)
        except BlockingIOError:
            return b""

    def wait(self, timeout_ms: int) -> bytes:
        """Return the next bytes, or `b""` when none came in time."""
        return self.read() if self._poller.poll(timeout_ms) else b""

    def drain(self) -> None:
        """Forget what has not been read."""
        while self.read():
            pass

    def close(self) -> None:
        """Hang up."""
        os.close(self.fd)
        os.close(self._slave)
        self.link.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
