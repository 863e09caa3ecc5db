"""The pump's side of the shell: driver and serial line joined, every packet gated by the core's line policy."""

from collections.abc import Callable
from dataclasses import dataclass

from pumpd.bedside.alarm_clock import AlarmClock
from pumpd.bedside.outside import Line
from pumpd.bedside.serial_line import LineCallbacks
from pumpd.core.ports import Clock, LinePolicy, PumpDriver, PumpFact, RunOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class PumpCallbacks:
    """What the pump's port tells the bedside."""

    on_fact: Callable[[PumpFact], None]
    on_opened: Callable[[], None]
    on_closed: Callable[[str, int | None], None]
    on_wire: Callable[[str, bytes], None]
    policy: Callable[[int], LinePolicy]
    guard: Callable[[Callable[[], None]], None]


class PumpPort:
    """Carries what the core wants to the pump and what the pump says to the core."""

    def __init__(
        self,
        *,
        driver: PumpDriver,
        make_line: Callable[[LineCallbacks], Line],
        clock: Clock,
        callbacks: PumpCallbacks,
    ) -> None:
        self.driver = driver
        self._clock = clock
        self._tell = callbacks
        self._last_packet_ns: int | None = None
        self._driving = False
        self._alarm_clock = AlarmClock(clock, lambda: callbacks.guard(self.drive))
        self._line = make_line(
            LineCallbacks(
                on_opened=lambda: callbacks.guard(self._opened),
                on_bytes=lambda data: callbacks.guard(lambda: self._received(data)),
                on_closed=lambda reason: callbacks.guard(lambda: self._closed(reason)),
            )
        )

    @property
    def is_open(self) -> bool:
        """Whether the port is open."""
        return self._line.is_open

    def start(self) -> None:
        """Open the port; raises `PortInUseError`."""
        self._line.start()

    def close(self) -> None:
        """Close the port for good."""
        self._alarm_clock.cancel()
        self._line.close()

    def stop(self) -> None:
        """Write the stop now, before anything else; record it afterwards."""
        self._line.write(self.driver.stop_packet)
        now_ns = self._clock.now_ns()
        self.driver.stop_sent(now_ns)
        self._note_sent(self.driver.stop_packet, now_ns)

    def stop_blindly(self) -> None:
        """Write the stop and nothing else: the last resort of a daemon that has lost its mind."""
        self._line.write(self.driver.stop_packet)

    def settle(self) -> None:
        """Rest is confirmed."""
        self.driver.settle(self._clock.now_ns())

    def poll(self) -> None:
        """Ask for state and counter."""
        self.driver.poll(self._clock.now_ns())

    def program(self, order: RunOrder) -> None:
        """Program a run."""
        self.driver.program(order, self._clock.now_ns())

    def run(self, run_id: str) -> None:
        """Start the programmed run."""
        self.driver.run(run_id, self._clock.now_ns())

    def lower(self, order: RunOrder) -> None:
        """Lower the rate of the run."""
        self.driver.lower(order, self._clock.now_ns())

    def drive(self) -> None:
        """Let the driver send what it may and say what it learnt, until it has nothing left."""
        if self._driving:
            return
        self._driving = True
        try:
            self._drive()
        finally:
            self._driving = False

    def _drive(self) -> None:
        driver = self.driver
        due_ns: int | None = None
        while self._line.is_open:
            now_ns = self._clock.now_ns()
            driver.advance(now_ns)
            facts = driver.take_facts()
            for fact in facts:
                self._tell.on_fact(fact)
            packet = driver.transmit(now_ns, self._tell.policy(now_ns))
            if packet:
                self._line.write(packet)
                self._note_sent(packet, now_ns)
            due_ns = driver.next_deadline_ns()
            if not (packet or facts) or due_ns is None or due_ns > now_ns:
                break
        self._alarm_clock.set(due_ns if self._line.is_open else None)

    def _note_sent(self, packet: bytes, now_ns: int) -> None:
        """Record what has left; a port that was closed, or lost in the write, took nothing."""
        if self._line.is_open:
            self._last_packet_ns = now_ns
            self._tell.on_wire("pump-tx", packet)

    def _opened(self) -> None:
        self.driver.opened(self._clock.now_ns())
        self._tell.on_opened()  # and the core's first answer is a stop, except in the silence

    def _closed(self, reason: str) -> None:
        self.driver.closed(self._clock.now_ns())
        self._alarm_clock.set(None)
        for fact in self.driver.take_facts():
            self._tell.on_fact(fact)
        self._tell.on_closed(reason, self._last_packet_ns)

    def _received(self, data: bytes) -> None:
        self.driver.receive(data, self._clock.now_ns())
        self._tell.on_wire("pump-rx", data)
        self.drive()
