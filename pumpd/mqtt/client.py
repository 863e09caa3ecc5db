"""A person's own connection, following one bed: what was heard, when, and whether it is live. For nurse and watch."""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Generic, TypeVar

from aiomqtt import Client

from pumpd.core.ports import VitalKind
from pumpd.core.quantities import NS_PER_S
from pumpd.mqtt import topics
from pumpd.mqtt.connection import (
    LIBRARY_ERRORS,
    BrokerError,
    Endpoint,
    bounded,
    connected,
    payload_bytes,
    subscribe,
)
from pumpd.mqtt.payloads import Ack, Alarms, Heartbeat, State, Vital
from pumpd.mqtt.wire import WireError

LINK_LOST_S = 3
"""Without a heartbeat for this long a screen says so: three were missed."""
MAX_RECEIPTS = 100

T = TypeVar("T")

Publish = Callable[[str, bytes, int], Awaitable[None]]
"""Takes topic, payload and QoS; raises `BrokerError` where the broker does not take the message."""


def loop_ns() -> int:
    """Return the time of the running loop: monotonic, and simulated where the loop is."""
    return round(asyncio.get_running_loop().time() * NS_PER_S)


def wall_utc() -> str:
    """Return the wall time as it goes on the wire."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard(Generic[T]):
    """A message, when it came by this process's monotonic clock, and whether it came out of the broker's store."""

    message: T
    at_ns: int
    retained: bool

    def age_ns(self, now_ns: int) -> int:
        """Return how long ago it came."""
        return max(now_ns - self.at_ns, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is known of a bed. Only `is_live` makes any of it true now."""

    bed: str
    heartbeat: Heard[Heartbeat] | None = None
    state: Heard[State] | None = None
    alarms: Heard[Alarms] | None = None
    vitals: Mapping[VitalKind, Heard[Vital]] = field(default_factory=dict)
    receipts: tuple[Ack, ...] = ()

    def is_live(self, now_ns: int) -> bool:
        """Return whether the daemon was heard within `LINK_LOST_S`. What the broker kept is no proof of life."""
        return self.heartbeat is not None and self.heartbeat.age_ns(now_ns) <= LINK_LOST_S * NS_PER_S

    def live_heartbeat(self, now_ns: int) -> Heartbeat | None:
        """Return the last heartbeat while it is live."""
        return self.heartbeat.message if self.heartbeat is not None and self.is_live(now_ns) else None

    def live_state(self, now_ns: int) -> State | None:
        """Return the state while a live heartbeat of the same run of the daemon says that it is the current one."""
        beat = self.live_heartbeat(now_ns)
        if beat is None or self.state is None:
            return None
        state = self.state.message
        return state if (state.boot, state.rev, state.session) == (beat.boot, beat.rev, beat.session) else None

    def after(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> "View":
        """Return the view after a message; one that is not understood changes nothing."""
        found = topics.parse(topic)
        if found is None or found.bed != self.bed:
            return self
        try:
            match found.channel:
                case topics.Channel.HEARTBEAT if not retained:
                    return replace(self, heartbeat=_heard(Heartbeat.from_bytes(payload), now_ns, retained))
                case topics.Channel.STATE:
                    return replace(self, state=_heard(State.from_bytes(payload), now_ns, retained))
                case topics.Channel.ALARMS:
                    return replace(self, alarms=_heard(Alarms.from_bytes(payload), now_ns, retained))
                case topics.Channel.VITALS if not retained:
                    vital = Vital.from_bytes(payload)
                    return replace(self, vitals={**self.vitals, vital.kind: _heard(vital, now_ns, retained)})
                case topics.Channel.ACK if not retained:
                    return replace(self, receipts=(*self.receipts, Ack.from_bytes(payload))[-MAX_RECEIPTS:])
                case _:
                    return self
        except WireError:
            return self


def _heard(message: T, now_ns: int, retained: bool) -> Heard[T]:
    return Heard(message=message, at_ns=now_ns, retained=retained)


class Follower:
    """A live view of one bed over one connection, which tells it what it hears. Made by `following`."""

    def __init__(self, publish: Publish, *, bed: str, user: str) -> None:
        self._publish = publish
        self._topics = topics.BedTopics(bed=bed)
        self._user = user
        self._changed = asyncio.Event()
        self._lost: str | None = None
        self.view = View(bed=bed)

    def hear(self, topic: str, payload: bytes, retained: bool) -> None:
        """Take in a message."""
        self.view = self.view.after(topic, payload, retained=retained, now_ns=loop_ns())
        self._changed.set()

    def lose(self, reason: str) -> None:
        """Learn that the connection has ended."""
        self._lost = reason
        self._changed.set()

    async def changed(self, timeout_s: float) -> None:
        """Return once something was heard since the last call, or after `timeout_s`; raise `BrokerError` at the end."""
        if self._lost is not None:
            raise BrokerError(self._lost)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        self._changed.clear()

    async def until(self, look: Callable[[View], T | None], timeout_s: float) -> T | None:
        """Return what `look` finds in the view within `timeout_s`, else None; raise `BrokerError` where it ended."""
        deadline_ns = loop_ns() + int(timeout_s * NS_PER_S)
        while (found := look(self.view)) is None:
            left_ns = deadline_ns - loop_ns()
            if left_ns <= 0:
                return None
            await self.changed(left_ns / NS_PER_S)
        return found

    async def request(self, payload: bytes) -> None:
        """Publish a command; `BrokerError` means that nobody knows whether it arrived."""
        await self._publish(self._topics.request(self._user), payload, 1)

    async def beat(self, payload: bytes) -> None:
        """Publish this station's sign of life."""
        await self._publish(self._topics.station(self._user), payload, 0)


async def _publish(client: Client, topic: str, payload: bytes, qos: int) -> None:
    try:
        await bounded(client.publish(topic, payload, qos=qos, timeout=math.inf))
    except LIBRARY_ERRORS as error:
        raise BrokerError(f"the broker did not take the message: {error}") from None


async def _read(client: Client, follower: Follower) -> None:
    """Tell `follower` what comes until the connection ends."""
    messages = client.messages
    while True:
        try:
            message = await anext(messages)
        except LIBRARY_ERRORS as error:
            follower.lose(f"the connection to the broker ended: {error}")
            return
        follower.hear(str(message.topic), payload_bytes(message.payload), message.retain)


@contextlib.asynccontextmanager
async def following(endpoint: Endpoint, *, user: str, password: str, bed: str) -> AsyncIterator[Follower]:
    """Give a follower of `bed` over a new connection; raise `BrokerError` where there is none to be had."""
    async with connected(endpoint, user=user, password=password) as client:
        follower = Follower(partial(_publish, client), bed=bed, user=user)
        await subscribe(client, follower_filters(bed, user))
        reader = asyncio.create_task(_read(client, follower), name=f"follow-{bed}")
        try:
            yield follower
        finally:
            reader.cancel()
            await asyncio.wait([reader])


def follower_filters(bed: str, user: str) -> tuple[str, ...]:
    """Return what a person's connection subscribes to."""
    return (*topics.screen_filters(bed), topics.BedTopics(bed=bed).ack(user))
