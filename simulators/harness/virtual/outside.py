"""What a daemon stands on in simulated time: fulfils `pumpd.bedside.outside.Outside` for one run of the daemon."""

from collections.abc import Callable, Mapping

from pumpd.bedside.config import Config
from pumpd.bedside.local_alarm import LocalAlarm
from pumpd.bedside.notify import ServiceManager
from pumpd.bedside.outside import BusSession, JournalCallbacks, Line
from pumpd.bedside.self_test import Examined
from pumpd.bedside.serial_line import LineCallbacks
from pumpd.core.alarms import Alarms, Priority
from pumpd.core.ports import Journal
from pumpd.core.session import SessionRecord
from pumpd.mqtt.session import Callbacks
from pumpd.mqtt.topics import daemon_filters
from pumpd.records.selftest import StorageTest
from simulators.harness.virtual.bus import VirtualBroker, VirtualBusSession
from simulators.harness.virtual.life import Life
from simulators.harness.virtual.link import VirtualLine, VirtualLink
from simulators.harness.virtual.loop import VirtualLoop
from simulators.harness.virtual.store import VirtualJournal, VirtualStore

FREE_BYTES = 50_000_000_000
"""What is free on the disk of a simulated bed."""


class Sounder:
    """The alarm at the bedside: what sounds now, or None; the daemon's death silences it."""

    def __init__(self) -> None:
        self.priority: Priority | None = None

    def sound(self, priority: Priority | None) -> None:
        """Sound this priority."""
        self.priority = priority

    def fault(self) -> str | None:
        """Return None: it always could."""
        return None


class VirtualOutside:
    """Links by the names of their ports, one store, one broker."""

    def __init__(
        self,
        config: Config,
        *,
        life: Life,
        loop: VirtualLoop,
        links: Mapping[str, VirtualLink],
        store: VirtualStore,
        broker: VirtualBroker,
        sounder: Sounder,
        manager: ServiceManager,
    ) -> None:
        self._config = config
        self._life = life
        self._loop = loop
        self._links = links
        self._store = store
        self._broker = broker
        self._sounder = sounder
        self._manager = manager

    def is_simulated(self, port: str) -> bool:
        """Whether the port is one of the links: there is nothing else."""
        return port in self._links

    def recovered(self) -> SessionRecord | None:
        """Return the newest session that is durable."""
        return self._store.recovered()

    def alarms(self) -> Alarms:
        """Return the newest alarms that are durable."""
        return self._store.alarms()

    def seen_ids(self) -> tuple[str, ...]:
        """Return the ids that are durable."""
        return self._store.seen_ids()

    def line(self, port: str, baud: int, callbacks: LineCallbacks) -> Line:
        """Return the daemon's end of a link."""
        link = self._links[port]
        if baud != link.baud:
            raise ValueError(f"{port} was asked for {baud} baud; its device has {link.baud}")
        return VirtualLine(link, life=self._life, loop=self._loop, callbacks=callbacks)

    def journal(self, boot: str, wall: Callable[[], str], callbacks: JournalCallbacks) -> Journal:
        """Return a journal over the store."""
        return VirtualJournal(self._store, boot=boot, wall=wall, life=self._life, loop=self._loop, callbacks=callbacks)

    def bus(self, boot: str, callbacks: Callbacks) -> BusSession:
        """Return a session at the broker."""
        bed = self._config.bed
        return VirtualBusSession(
            self._broker,
            bed=bed,
            boot=boot,
            filters=daemon_filters(bed, tuple(self._config.site.operators), self._config.site.sources(bed)),
            life=self._life,
            callbacks=callbacks,
        )

    def examine(self, done: Callable[[Examined], None]) -> None:
        """Find the store as it is, and a library that nobody has touched."""
        fault = "the disk does not answer" if self._store.is_stalled else self._store.failure
        storage = StorageTest(free_bytes=FREE_BYTES, fault=fault)
        found = Examined(storage=storage, profile_fault=None)
        self._loop.call_soon(self._life.tell, lambda: done(found))

    def local_alarm(self) -> LocalAlarm:
        """Return the alarm at the bedside."""
        return self._sounder

    def service_manager(self) -> ServiceManager:
        """Return what the host's service manager hears through."""
        return self._manager
