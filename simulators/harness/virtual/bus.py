"""An MQTT broker in memory and the daemon's session at it. Knows topics, retained messages and wills; no payloads.

What a broker does over TCP holds here too: while a connection stands its messages come once and in order, unless a
fault says otherwise.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import NoReturn

from pumpd.mqtt.outbox import Outbox, Outgoing
from pumpd.mqtt.payloads import Status
from pumpd.mqtt.session import FIRST_RETRY_S, LONGEST_RETRY_S, Callbacks
from pumpd.mqtt.topics import BedTopics
from simulators.harness.virtual.life import Life
from simulators.harness.virtual.loop import NS_PER_S, VirtualLoop
from simulators.harness.virtual.tape import Tape

LATENCY_NS = 2_000_000
"""From a publisher to a subscriber on a local network."""
WILL_NS = 50_000_000
"""From the death of a client's process to its last will: the kernel closes the socket."""

OnMessage = Callable[[str, bytes, bool], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class BusFaults:
    """What goes wrong with messages: chances per delivery, from 0 to 1."""

    loss: float = 0.0
    duplication: float = 0.0
    delay: float = 0.0
    """A late message does not hold up the next: it comes out of order."""
    longest_delay_ns: int = 3 * NS_PER_S


SOUND = BusFaults()


class BrokerDownError(ConnectionError):
    """Nobody listens."""


class Connection:
    """One client's connection. `on_lost` is called when the broker ends it."""

    def __init__(
        self,
        broker: "VirtualBroker",
        name: str,
        filters: Sequence[str],
        on_message: OnMessage,
        on_lost: Callable[[], None],
        will: Outgoing | None,
    ) -> None:
        self.name = name
        self.filters = tuple(tuple(each.split("/")) for each in filters)
        self.on_message = on_message
        self.on_lost = on_lost
        self.will = will
        self.is_open = True
        self._broker = broker

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> None:
        """Send a message; on a closed connection it is lost."""
        if self.is_open:
            self._broker.publish(topic, payload, retain=retain)

    def close(self) -> None:
        """Leave in good order: no will."""
        self.will = None
        self._broker.forget(self)

    def die(self) -> None:
        """Leave as a killed process does: the will is published."""
        self._broker.forget(self)


class VirtualBroker:
    """The broker of a site."""

    def __init__(self, loop: VirtualLoop, rng: Random, tape: Tape) -> None:
        self.faults = SOUND
        self.spoils: Callable[[str], bool] = lambda _topic: True
        """Whether messages of a topic meet the faults."""
        self.is_up = True
        self._loop = loop
        self._rng = rng
        self._tape = tape
        self._connections: list[Connection] = []
        self._retained: dict[str, bytes] = {}
        self._routes: dict[str, tuple[Connection, ...]] = {}

    def connect(
        self,
        name: str,
        filters: Sequence[str],
        *,
        on_message: OnMessage,
        on_lost: Callable[[], None],
        will: Outgoing | None = None,
    ) -> Connection:
        """Return a connection that has subscribed; raises `BrokerDownError`."""
        if not self.is_up:
            raise BrokerDownError(f"no broker for {name}")
        connection = Connection(self, name, filters, on_message, on_lost, will)
        self._connections.append(connection)
        self._routes.clear()
        for topic, payload in self._retained.items():
            if _matches(connection, topic.split("/")):
                self._deliver_later((connection,), topic, payload, kept=True)
        return connection

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Take a message from anybody and pass it on."""
        if not self.is_up:
            return
        self._tape.note(self._loop.now_ns(), topic, payload)
        if retain:
            self._retained[topic] = payload
        route = self._routes.get(topic)
        if route is None:
            levels = topic.split("/")
            route = self._routes[topic] = tuple(each for each in self._connections if _matches(each, levels))
        if route:
            self._deliver_later(route, topic, payload, kept=False)

    def note(self, source: str, payload: bytes) -> None:
        """Put on the tape what a client saw of the bus."""
        self._tape.note(self._loop.now_ns(), source, payload)

    def forget(self, connection: Connection) -> None:
        """End a connection; its will, if it has one, goes out a little later."""
        if not connection.is_open:
            return
        connection.is_open = False
        self._connections.remove(connection)
        self._routes.clear()
        will = connection.will
        if will is not None:
            at_ns = self._loop.now_ns() + WILL_NS
            self._loop.call_at_ns(at_ns, partial(self.publish, will.topic, will.payload, retain=will.retain))

    def drop(self, name: str) -> None:
        """Cut the connections of one client from outside."""
        for connection in [each for each in self._connections if each.name == name]:
            self.forget(connection)
            connection.on_lost()

    def go_down(self, *, forgets_retained: bool = False) -> None:
        """Go away: every connection is lost and nobody can connect."""
        self.is_up = False
        connections, self._connections = self._connections, []
        self._routes.clear()
        if forgets_retained:
            self._retained.clear()
        for connection in connections:
            connection.is_open = False
            connection.on_lost()

    def come_up(self) -> None:
        """Listen again."""
        self.is_up = True

    def _deliver_later(self, route: tuple[Connection, ...], topic: str, payload: bytes, *, kept: bool) -> None:
        due_ns = self._loop.now_ns() + LATENCY_NS
        if self.faults is SOUND or not self.spoils(topic):
            self._loop.call_at_ns(due_ns, lambda: _deliver(route, topic, payload, kept=kept), independent=True)
            return
        faults, rng = self.faults, self._rng
        for connection in route:
            lost, double, late, extra, again = (rng.random() for _ in range(5))
            if lost < faults.loss:
                continue
            delays_ns = [int(extra * faults.longest_delay_ns) if late < faults.delay else 0]
            if double < faults.duplication:
                delays_ns.append(int(again * faults.longest_delay_ns))
            for delay_ns in delays_ns:
                one = partial(_deliver, (connection,), topic, payload, kept=kept)
                self._loop.call_at_ns(due_ns + delay_ns, one, independent=True)


def _matches(connection: Connection, levels: Sequence[str]) -> bool:
    return any(
        len(wanted) == len(levels) and all(each in ("+", level) for each, level in zip(wanted, levels, strict=True))
        for wanted in connection.filters
    )


def _deliver(route: tuple[Connection, ...], topic: str, payload: bytes, *, kept: bool) -> None:
    for connection in route:
        if connection.is_open:
            connection.on_message(topic, payload, kept)


class VirtualBusSession:
    """The daemon's side: fulfils the `BusSession` of its outside with the real outbox and the real retries."""

    def __init__(
        self,
        broker: VirtualBroker,
        *,
        bed: str,
        boot: str,
        filters: Sequence[str],
        life: Life,
        callbacks: Callbacks,
    ) -> None:
        self._broker = broker
        self._name = f"pump-{bed}"
        self._filters = tuple(filters)
        self._life = life
        self._tell = callbacks
        self._status_topic = BedTopics(bed=bed).status
        self._online = Status(state="online", boot=boot).to_bytes()
        self._offline = Status(state="offline", boot=boot).to_bytes()
        self._outbox = Outbox()
        self._connection: Connection | None = None
        self._lost = asyncio.Event()
        life.on_end.append(self._cut_off)

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> None:
        """Send a message, or keep it for the next connection as the real outbox does."""
        if not self._life.acts():
            return
        self._broker.note(f"daemon>{topic}", payload)
        if self._connection is not None and self._connection.is_open:
            self._connection.publish(topic, payload, retain=retain)
            return
        message = Outgoing(topic=topic, payload=payload, qos=qos, retain=retain)
        if not message.is_telemetry:
            self._outbox.put(message)

    async def run(self) -> NoReturn:
        """Keep a connection until cancelled."""
        retry_s = FIRST_RETRY_S
        told_lost = False
        while True:
            if self._connect():
                retry_s, told_lost = FIRST_RETRY_S, False
                try:
                    await self._lost.wait()
                finally:
                    self._leave()
            if not told_lost:
                told_lost = True
                self._tell.on_lost("the broker is gone")
            await asyncio.sleep(retry_s)
            retry_s = min(2 * retry_s, LONGEST_RETRY_S)

    def _connect(self) -> bool:
        self._lost.clear()
        will = Outgoing(topic=self._status_topic, payload=self._offline, qos=1, retain=True)
        try:
            self._connection = self._broker.connect(
                self._name, self._filters, on_message=self._message, on_lost=self._lost.set, will=will
            )
        except BrokerDownError:
            return False
        self.publish(self._status_topic, self._online, qos=1, retain=True)
        while (message := self._outbox.take()) is not None:
            self._connection.publish(message.topic, message.payload, retain=message.retain)
        self._tell.on_connected()
        return True

    def _message(self, topic: str, payload: bytes, kept: bool) -> None:
        self._life.tell(lambda: self._hear(topic, payload, kept))

    def _hear(self, topic: str, payload: bytes, kept: bool) -> None:
        self._broker.note(f"daemon<{topic}", payload)
        self._tell.on_message(topic, payload, kept)

    def _leave(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and self._life.is_alive:
            connection.publish(self._status_topic, self._offline, retain=True)
            connection.close()

    def _cut_off(self) -> None:
        if self._connection is not None:
            self._connection.die()
