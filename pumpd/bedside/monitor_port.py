"""A monitor's side of the shell: driver and serial line joined."""

from collections.abc import Callable

from pumpd.bedside.alarm_clock import AlarmClock
from pumpd.bedside.outside import Line
from pumpd.bedside.serial_line import LineCallbacks
from pumpd.core.ports import Clock, CuffDriver, MonitorDriver, MonitorEvent, MonitorNotice, NibpFailed


class MonitorPort:
    """Carries what a monitor says to the core."""

    def __init__(
        self,
        *,
        name: str,
        driver: MonitorDriver,
        make_line: Callable[[LineCallbacks], Line],
        clock: Clock,
        on_event: Callable[[MonitorEvent], None],
        guard: Callable[[Callable[[], None]], None],
        has_stalled: Callable[[], bool],
    ) -> None:
        self.name = name
        self.driver = driver
        self._clock = clock
        self._on_event = on_event
        self._has_stalled = has_stalled
        self._alarm_clock = AlarmClock(clock, lambda: guard(self.drive))
        self._line = make_line(
            LineCallbacks(
                on_opened=lambda: guard(self._opened),
                on_bytes=lambda data: guard(lambda: self._received(data)),
                on_closed=lambda reason: guard(lambda: self._closed(reason)),
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

    def drive(self) -> None:
        """Let the driver send what it wants and say what it learnt, until it has nothing left."""
        driver = self.driver
        while self._line.is_open:
            now_ns = self._clock.now_ns()
            driver.advance(now_ns)
            events = driver.take_events()
            for event in events:
                self._on_event(event)
            packet = driver.transmit(now_ns)
            if packet:
                self._line.write(packet)
            elif not events:
                break
        self._alarm_clock.set(driver.next_deadline_ns() if self._line.is_open else None)

    def _opened(self) -> None:
        self.driver.opened(self._clock.now_ns())
        self._on_event(MonitorNotice(source=self.name, text="port open"))
        self.drive()

    def _closed(self, reason: str) -> None:
        self.driver.closed(self._clock.now_ns())
        for event in self.driver.take_events():
            self._on_event(event)
        self._alarm_clock.set(None)
        self._on_event(MonitorNotice(source=self.name, text=f"port lost: {reason}"))

    def _received(self, data: bytes) -> None:
        if self._has_stalled():
            # these bytes waited in the kernel for nobody knows how long: no value of theirs may count as fresh
            self.driver.closed(self._clock.now_ns())
            self.driver.opened(self._clock.now_ns())
            self._on_event(MonitorNotice(source=self.name, text=f"{len(data)} bytes dropped: the daemon had stalled"))
            self.drive()
            return
        self.driver.receive(data, self._clock.now_ns())
        self.drive()


class CuffPort(MonitorPort):
    """A cuff, which measures when it is told to."""

    driver: CuffDriver

    def measure(self) -> None:
        """Start one cycle, or say at once that it cannot be."""
        if not self.is_open:
            self._on_event(NibpFailed(source=self.name, cycle=0, reason="the cuff's port is not open", retry=True))
            return
        self.driver.measure(self._clock.now_ns())
        self.drive()
