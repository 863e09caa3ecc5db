"""A daemon that beats, shows a state and answers by script, at a real broker or at a simulated one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from pumpd.core.commands import CommandReceived, ReceiptState, kind_of
from pumpd.core.events import StationSeen
from pumpd.mqtt.client import Follower, follower_filters, loop_ns
from pumpd.mqtt.connection import BrokerError, Endpoint
from pumpd.mqtt.intake import Intake
from pumpd.mqtt.nurse import Follow
from pumpd.mqtt.payloads import Ack, Heartbeat, State
from pumpd.mqtt.topics import BedTopics, daemon_filters
from simulators.harness.virtual.bus import BrokerDownError, VirtualBroker
from tests.mqtt import examples
from tests.mqtt.brokers import Message

BED = BedTopics(bed="bed1")
BEAT_S = 0.1
VERIFIED = ("accepted", "executing", "verified")


class Side(Protocol):
    """The daemon's side of a bus."""

    messages: asyncio.Queue[Message]

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        """Send a message."""


@dataclass
class Peer:
    """The scripted daemon and what it has received."""

    side: Side
    users: tuple[str, ...]
    script: tuple[str, ...] = VERIFIED
    state: State = field(default_factory=examples.state)
    beats: list[Heartbeat] = field(default_factory=list)
    received: list[CommandReceived] = field(default_factory=list)
    stations: asyncio.Queue[StationSeen] = field(default_factory=asyncio.Queue)

    def show(self) -> None:
        self.side.publish(BED.state, self.state.to_bytes(), retain=True)
        self.side.publish(BED.alarms, examples.alarms().to_bytes(), retain=True)

    async def beat(self) -> None:
        while True:
            self.beats.append(examples.heartbeat(len(self.beats)))
            self.side.publish(BED.heartbeat, self.beats[-1].to_bytes(), qos=0)
            await asyncio.sleep(BEAT_S)

    async def answer(self) -> None:
        under = Intake(bed="bed1", users=frozenset(self.users))
        while True:
            topic, payload, retained = await self.side.messages.get()
            event = under.receive(topic, payload, retained=retained, real_ns=loop_ns())
            if isinstance(event, StationSeen):
                self.stations.put_nowait(event)
            if isinstance(event, CommandReceived):
                self.received.append(event)
                for word in self.script:
                    ack = Ack(
                        id=event.id,
                        kind=kind_of(event.command),
                        state=ReceiptState(word),
                        reason="the weight differs" if word == "refused" else "",
                        at=examples.AT,
                    )
                    self.side.publish(BED.ack(event.user), ack.to_bytes())


@contextlib.asynccontextmanager
async def played(peer: Peer, *, alive: bool) -> AsyncIterator[Peer]:
    """Let the daemon live for the time of the block; one that is not `alive` answers, and does not beat."""
    peer.show()
    tasks = [asyncio.create_task(peer.answer())]
    if alive:
        tasks.append(asyncio.create_task(peer.beat()))
    try:
        yield peer
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


class SimulatedSide:
    """The daemon's side of a simulated broker."""

    def __init__(self, broker: VirtualBroker, users: tuple[str, ...]) -> None:
        self.messages: asyncio.Queue[Message] = asyncio.Queue()
        self._connection = broker.connect(
            "pump-bed1",
            daemon_filters("bed1", users),
            on_message=lambda *message: self.messages.put_nowait(message),
            on_lost=lambda: None,
        )

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:  # noqa: ARG002
        """Send a message; on a simulated bus every QoS is the same."""
        self._connection.publish(topic, payload, retain=retain)


def following_at(broker: VirtualBroker) -> Follow:
    """Return what opens a person's connection at a simulated broker."""
    return partial(_following, broker)


@contextlib.asynccontextmanager
async def _following(
    broker: VirtualBroker, endpoint: Endpoint, *, user: str, password: str, bed: str
) -> AsyncIterator[Follower]:
    async def publish(topic: str, payload: bytes, _qos: int) -> None:
        if not connection.is_open:
            raise BrokerError("the broker did not take the message: it is gone")
        connection.publish(topic, payload, retain=False)

    follower = Follower(publish, bed=bed, user=user)
    try:
        connection = broker.connect(
            user,
            follower_filters(bed, user),
            on_message=follower.hear,
            on_lost=lambda: follower.lose("the connection to the broker ended"),
        )
    except BrokerDownError as error:
        raise BrokerError(f"the broker at {endpoint} does not let {user} in: {error}") from None
    try:
        yield follower
    finally:
        connection.close()
