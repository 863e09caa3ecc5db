"""Transmit side of a simulated serial line: when queued bytes leave. Knows no device, pty or clock."""

from collections import deque

NS_PER_S = 1_000_000_000
BITS_PER_BYTE = 10
"""Start bit, eight data bits, stop bit (8N1, or 7 data bits and parity)."""


class BaudLine:
    """A first-in first-out transmitter at a fixed speed; integer nanoseconds, no drift over a long message.

    The k-th byte of an unbroken run has left `k` x 10 bits after the run began, rounded up to a nanosecond.
    With `per_byte` False a message is handed over whole when its last bit has left; with True byte by byte.
    """

    __slots__ = ("_baud", "_messages", "_per_byte", "_run_bytes", "_run_start_ns")

    def __init__(self, baud: int, *, per_byte: bool = False) -> None:
        if baud <= 0:
            raise ValueError(f"baud rate is {baud}; it must be above 0")
        self._baud = baud
        self._per_byte = per_byte
        self._messages: deque[tuple[int, bytes]] = deque()
        self._run_start_ns = 0
        self._run_bytes = 0

    @property
    def busy_until_ns(self) -> int:
        """When the last bit queued so far leaves; in the past (0 at first) when the line is free."""
        return self._leaves_ns(self._run_bytes)

    def send(self, data: bytes, now_ns: int) -> None:
        """Queue `data` behind what is still leaving."""
        if not data:
            return
        if now_ns >= self.busy_until_ns:
            self._run_start_ns, self._run_bytes = now_ns, 0
        pieces = [data[i : i + 1] for i in range(len(data))] if self._per_byte else [data]
        for piece in pieces:
            self._run_bytes += len(piece)
            self._messages.append((self._leaves_ns(self._run_bytes), piece))

    def take(self, now_ns: int) -> bytes:
        """Return, once, what has left by `now_ns`."""
        left = bytearray()
        while self._messages and self._messages[0][0] <= now_ns:
            left += self._messages.popleft()[1]
        return bytes(left)

    def next_deadline_ns(self) -> int | None:
        """Return when `take` next has something, or None while nothing is queued."""
        return self._messages[0][0] if self._messages else None

    def clear(self) -> None:
        """Lose everything queued: the line was cut or the device lost its power."""
        self._messages.clear()
        self._run_start_ns = self._run_bytes = 0

    def _leaves_ns(self, count: int) -> int:
        return self._run_start_ns - (-count * BITS_PER_BYTE * NS_PER_S // self._baud)
