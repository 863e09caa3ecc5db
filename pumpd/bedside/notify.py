"""Tells the service manager how the daemon is (sd_notify(3)): a datagram to the socket it named, or nothing."""

import os
import socket


class ServiceManager:
    """The service manager's notification socket, if there is one."""

    def __init__(self, address: str | None = None) -> None:
        path = os.environ.get("NOTIFY_SOCKET") if address is None else address
        self._address = None if not path else ("\0" + path[1:] if path.startswith("@") else path)

    def ready(self) -> None:
        """The daemon is up."""
        self._send("READY=1")

    def stopping(self) -> None:
        """The daemon is ending in good order."""
        self._send("STOPPING=1")

    def alive(self, status: str) -> None:
        """A complete evaluation has passed and the journal's writer lives. Says nothing of health."""
        self._send(f"WATCHDOG=1\nSTATUS={status}")

    def _send(self, message: str) -> None:
        if self._address is None:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as out:
            try:
                out.sendto(message.encode(), self._address)
            except OSError:
                return  # a manager that does not listen must not harm the pump's daemon
