"""The daemon's side of the bus: one connection after the other, a bounded outbox, callbacks. Never on the control path.

Whatever the library does ends one connection, is told through `on_lost`, and nothing more. What the callbacks do is the
caller's: an exception of theirs is not swallowed here.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from aiomqtt import Client, MqttError, Will

from pumpd.mqtt.connection import (
    LIBRARY_ERRORS,
    BrokerError,
    Endpoint,
    bounded,
    connected,
    payload_bytes,
    subscribe,
)
from pumpd.mqtt.outbox import Outbox, Outgoing
from pumpd.mqtt.payloads import Status
from pumpd.mqtt.topics import BedTopics

FIRST_RETRY_S = 0.2
LONGEST_RETRY_S = 5.0
"""Within the 10 s of COMM-07 the daemon has tried at least twice."""
GOODBYE_S = 1.0
"""How long a daemon that ends waits for its last word to leave; the broker's will says the same later."""


class _SessionError(Exception):
    """This connection is over; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callbacks:
    """What the daemon is told. All are called in the loop, between two awaits, and must return at once."""

    on_connected: Callable[[], None]
    """The bus is there and the subscriptions stand: publish the whole state."""
    on_message: Callable[[str, bytes, bool], None]
    """A message came: topic, payload, whether the broker had retained it."""
    on_lost: Callable[[str], None]
    """The bus is gone, or could not be reached for the first time since; the reason is one sentence."""


class BrokerSession:
    """The `Bus` of the core's ports over aiomqtt. `run` is one task of the caller's task group."""

    def __init__(
        self,
        *,
        endpoint: Endpoint,
        bed: str,
        account: str,
        password: str,
        boot: str,
        filters: Sequence[str],
        callbacks: Callbacks,
    ) -> None:
        self._endpoint = endpoint
        self._account = account
        self._password = password
        self._filters = tuple(filters)
        self._callbacks = callbacks
        self._status_topic = BedTopics(bed=bed).status
        self._online = Status(state="online", boot=boot).to_bytes()
        self._offline = Status(state="offline", boot=boot).to_bytes()
        self._outbox = Outbox()
        self._wake = asyncio.Event()
        self._is_connected = False

    @property
    def is_connected(self) -> bool:
        """Whether the bus is there, as far as is known; proof is a heartbeat that somebody hears."""
        return self._is_connected

    @property
    def waiting(self) -> int:
        """How many messages have not left yet."""
        return len(self._outbox)

    @property
    def dropped(self) -> tuple[int, int]:
        """How many telemetry and how many other messages were given up since the start."""
        return self._outbox.dropped_telemetry, self._outbox.dropped_reliable

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> None:
        """Queue a message; telemetry is dropped first when the link is slow or gone."""
        message = Outgoing(topic=topic, payload=payload, qos=qos, retain=retain)
        if message.is_telemetry and not self._is_connected:
            self._outbox.dropped_telemetry += 1
            return
        self._outbox.put(message)
        self._wake.set()

    async def run(self) -> NoReturn:
        """Keep a connection until cancelled; cancelled, say goodbye and leave nothing behind."""
        retry_s = FIRST_RETRY_S
        told_lost = False
        while True:
            try:
                await self._connection()
            except (BrokerError, _SessionError) as error:
                reason = str(error)
            if self._is_connected:
                self._is_connected = False
                self._outbox.drop_telemetry()
                retry_s, told_lost = FIRST_RETRY_S, False
            if not told_lost:
                told_lost = True
                self._callbacks.on_lost(reason)
            await asyncio.sleep(retry_s)
            retry_s = min(2 * retry_s, LONGEST_RETRY_S)

    async def _connection(self) -> NoReturn:
        will = Will(self._status_topic, self._offline, qos=Status.qos, retain=Status.retained)
        async with connected(self._endpoint, user=self._account, password=self._password, will=will) as client:
            await subscribe(client, self._filters)
            self._is_connected = True
            self.publish(self._status_topic, self._online, qos=Status.qos, retain=Status.retained)
            self._callbacks.on_connected()
            try:
                await self._carry(client)
            except asyncio.CancelledError:
                await self._goodbye(client)
                raise

    async def _carry(self, client: Client) -> NoReturn:
        reasons: list[str] = []
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read(client), name="mqtt-read")
                group.create_task(self._write(client), name="mqtt-write")
        except* _SessionError as ended:
            # raised in here, it would come out in a group
            reasons = [str(error) for error in ended.exceptions]
        raise _SessionError("; ".join(reasons))

    async def _read(self, client: Client) -> NoReturn:
        messages = client.messages
        while True:
            try:
                message = await anext(messages)
            except LIBRARY_ERRORS as error:
                raise _SessionError(f"the broker at {self._endpoint} is gone: {error}") from None
            self._callbacks.on_message(str(message.topic), payload_bytes(message.payload), message.retain)

    async def _write(self, client: Client) -> NoReturn:
        while True:
            message = self._outbox.take()
            if message is None:
                self._wake.clear()
                await self._wake.wait()
            else:
                await self._send(client, message)

    async def _send(self, client: Client, message: Outgoing) -> None:
        try:
            await bounded(
                client.publish(message.topic, message.payload, qos=message.qos, retain=message.retain, timeout=math.inf)
            )
        except asyncio.CancelledError:  # the reader has seen the end first
            self._outbox.put_back(message)
            raise
        except (MqttError, OSError) as error:
            self._outbox.put_back(message)
            raise _SessionError(f"the broker at {self._endpoint} does not take messages: {error}") from None
        except (RuntimeError, ValueError) as error:  # the message itself cannot be sent: again would fail again
            raise _SessionError(f"a message on {message.topic} cannot be sent: {error}") from None

    async def _goodbye(self, client: Client) -> None:
        """Say what still waits, such as the last state, then `offline`: a connection closed well leaves no will."""
        try:
            await bounded(self._last_words(client), GOODBYE_S)
        except LIBRARY_ERRORS:
            return  # the next one to look hears no heartbeat

    async def _last_words(self, client: Client) -> None:
        while (message := self._outbox.take()) is not None:
            await client.publish(
                message.topic, message.payload, qos=message.qos, retain=message.retain, timeout=math.inf
            )
        await client.publish(
            self._status_topic, self._offline, qos=Status.qos, retain=Status.retained, timeout=math.inf
        )
