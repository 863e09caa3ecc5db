"""What every simulated serial device offers. Knows no pty, socket, loop or clock: the host passes `now_ns` in."""

from typing import Protocol


class SerialDevice(Protocol):
    """A device at the far end of a serial line, driven by whoever hosts it (a pty, an in-memory link, a test).

    Times are integer nanoseconds of one clock that never goes back. The host calls `advance` when `next_deadline_ns`
    is reached and before it asks for anything that depends on time.
    """

    def receive(self, data: bytes, now_ns: int) -> None:
        """Take bytes whose last bit arrived at `now_ns`."""

    def advance(self, now_ns: int) -> None:
        """Bring motion, timers and pending replies up to `now_ns`."""

    def transmit(self, now_ns: int) -> bytes:
        """Return, once each, the bytes whose last bit has left the device by `now_ns`, paced at the line's rate."""

    def next_deadline_ns(self) -> int | None:
        """Return when `advance` and `transmit` are next worth calling, or None while only input can change anything."""


class Timer(Protocol):
    """A scheduled call that can be called off."""

    def cancel(self) -> None:
        """Call it off; a second time changes nothing."""


class HostClock(Protocol):
    """The clock a host runs devices on: real, elastic or virtual."""

    def now_ns(self) -> int:
        """Return the time in integer nanoseconds; it never goes back."""

    def call_at(self, when_ns: int, callback: "Callback") -> Timer:
        """Call `callback` once the clock has reached `when_ns`."""


class Callback(Protocol):
    """A call without arguments."""

    def __call__(self) -> object:
        """Do it."""
