"""Driver and simulated pump joined by an in-memory line with its delays; time is whatever the test says."""

from collections.abc import Callable

from drivers.ne1000 import Ne1000
from pumpd.core.ports import LinePolicy, PumpFact, RunOrder
from simulators.devices.ne1000 import Alarm, Behaviour, Settings
from simulators.devices.ne1000 import Ne1000 as SimulatedPump

MS_NS = 1_000_000
SECOND_NS = 1_000_000_000
BYTE_NS = 520_834
ORDER = RunOrder(run_id="r1", diameter_um=26_590, rate_nl_h=26_257_000, volume_nl=17_505_000)

Bend = Callable[[bytes], bytes]


class Bench:
    """One driver, one pump, one clock. `policy` is what the core would say."""

    def __init__(
        self,
        *,
        settings: Settings | None = None,
        alarm: Alarm | None = None,
        behaviour: Behaviour | None = None,
        bytewise: bool = False,
    ) -> None:
        self.now_ns = 0
        self.pump = SimulatedPump(settings=settings, pending_alarm=alarm, behaviour=behaviour)
        self.driver = Ne1000()
        self.policy = LinePolicy.FREE
        self.bytewise = bytewise
        self.bend_reply: Bend = lambda data: data
        self.bend_packet: Bend = lambda data: data
        self.facts: list[PumpFact] = []
        self.sent: list[tuple[int, str]] = []
        self._to_pump: list[tuple[int, bytes]] = []
        self._to_driver: list[tuple[int, bytes]] = []

    def open(self) -> None:
        """Open the port."""
        self.driver.opened(self.now_ns)
        self.turn()

    def attached(self, seconds: int = 3) -> "Bench":
        """Open the port and let the start-up recipe end."""
        self.open()
        self.run_for(seconds * SECOND_NS)
        return self

    def programmed(self, order: RunOrder = ORDER) -> "Bench":
        """Program a run."""
        self.driver.program(order, self.now_ns)
        self.run_for(3 * SECOND_NS)
        return self

    def running(self) -> "Bench":
        """Attach, program and start."""
        self.attached().programmed()
        self.policy = LinePolicy.MOVING
        self.driver.run(ORDER.run_id, self.now_ns)
        self.run_for(200 * MS_NS)
        return self

    def stop(self) -> None:
        """Do what the shell does for a stop."""
        self.policy = LinePolicy.STOPPING
        self._write(self.driver.stop_packet)
        self.driver.stop_sent(self.now_ns)
        self.turn()

    def poll(self, duration_ns: int = 300 * MS_NS) -> None:
        """Poll once and wait."""
        self.driver.poll(self.now_ns)
        self.run_for(duration_ns)

    def run_for(self, duration_ns: int) -> None:
        """Let time pass deadline by deadline."""
        end_ns = self.now_ns + duration_ns
        self.turn()
        for _ in range(200_000):
            due_ns = self._due_ns()
            if due_ns is None or due_ns > end_ns:
                break
            self.now_ns = max(self.now_ns, due_ns)
            self.turn()
        else:
            raise AssertionError("the driver never comes to wait")
        self.now_ns = end_ns
        self.turn()

    def turn(self) -> None:
        """Do everything that is due now."""
        while self._to_pump and self._to_pump[0][0] <= self.now_ns:
            self.pump.receive(self._to_pump.pop(0)[1], self.now_ns)
        self.pump.advance(self.now_ns)
        if data := self.pump.transmit(self.now_ns):
            self._queue_replies(self.bend_reply(data))
        while self._to_driver and self._to_driver[0][0] <= self.now_ns:
            self.driver.receive(self._to_driver.pop(0)[1], self.now_ns)
        self.driver.advance(self.now_ns)
        if packet := self.driver.transmit(self.now_ns, self.policy):
            self._write(packet)
        self.facts += self.driver.take_facts()

    def of(self, *kinds: type[PumpFact]) -> list[PumpFact]:
        """Return the facts of some kinds."""
        return [fact for fact in self.facts if isinstance(fact, kinds)]

    def commands(self, since_ns: int = 0) -> list[str]:
        """Return what was sent, without address."""
        return [command for at_ns, command in self.sent if at_ns >= since_ns]

    def delivered_nl(self) -> int:
        """Return what truly left the syringe."""
        return self.pump.plunger.delivered_nl(self.now_ns)

    def _write(self, packet: bytes) -> None:
        self.sent.append((self.now_ns, packet[2:-3].decode().removeprefix("00")))
        start_ns = max([self.now_ns, *(at_ns for at_ns, _ in self._to_pump)])
        bent = self.bend_packet(packet)
        if bent:
            self._to_pump.append((start_ns + len(packet) * BYTE_NS, bent))

    def _queue_replies(self, data: bytes) -> None:
        pieces = [data[i : i + 1] for i in range(len(data))] if self.bytewise else [data]
        for count, piece in enumerate(pieces):
            self._to_driver.append((self.now_ns + count * BYTE_NS, piece))

    def _due_ns(self) -> int | None:
        times = [self.pump.next_deadline_ns(), self.driver.next_deadline_ns()]
        times += [queue[0][0] for queue in (self._to_pump, self._to_driver) if queue]
        return min((time_ns for time_ns in times if time_ns is not None), default=None)
