"""Any simulated device driven by hand: time is whatever the test says."""

from random import Random

from simulators.devices.device import SerialDevice

MS_NS = 1_000_000
SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS


def seeded(seed: int) -> Random:
    """Return the one generator of a run."""
    return Random(seed)  # noqa: S311  # a run must be repeatable, nothing is secret


class Bench:
    """A device and a clock that moves only when told to; notes when each piece of output came."""

    def __init__(self, device: SerialDevice, start_ns: int = 0) -> None:
        self.device = device
        self.now_ns = start_ns
        self.arrivals: list[tuple[int, bytes]] = []

    def run_for(self, duration_ns: int) -> bytes:
        """Let time pass deadline by deadline, as a host does; return what the device sent."""
        return self.run_until(self.now_ns + duration_ns)

    def run_until(self, end_ns: int) -> bytes:
        """Let time pass until `end_ns`; return what the device sent."""
        sent = b""
        while (due_ns := self.device.next_deadline_ns()) is not None and due_ns <= end_ns:
            self.now_ns = max(self.now_ns, due_ns)
            self.device.advance(self.now_ns)
            sent += self._take()
        self.now_ns = end_ns
        self.device.advance(end_ns)
        return sent + self._take()

    def ask(self, data: bytes, wait_ns: int = 100 * MS_NS) -> bytes:
        """Send bytes at once and return everything that comes back within `wait_ns`."""
        self.device.receive(data, self.now_ns)
        return self.run_for(wait_ns)

    def _take(self) -> bytes:
        data = self.device.transmit(self.now_ns)
        if data:
            self.arrivals.append((self.now_ns, data))
        return data
