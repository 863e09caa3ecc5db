"""A broker that takes connections and then says nothing: every wait on it has an end, and so has the daemon's."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from pumpd.core.quantities import NS_PER_S
from pumpd.mqtt.connection import CALL_TIMEOUT_S, BrokerError, Endpoint, connected, subscribe
from pumpd.mqtt.session import GOODBYE_S, BrokerSession, Callbacks

pytestmark = [pytest.mark.process, pytest.mark.req("COMM-11")]

WAIT_LIMIT_S = 2.0
"""What the requirement allows for one wait."""
BUSY_S = 0.9
"""What a busy machine may add."""
CONNECT, PUBLISH, SUBSCRIBE = 0x10, 0x30, 0x80
"""Kinds of packet, the upper half of the first byte (MQTT 3.1.1, section 2.2.1)."""


class MuteBroker:
    """Answers packets of the kinds in `answers`, and no others, each once `answers_now` is set."""

    def __init__(self, answers: frozenset[int]) -> None:
        self.answers = answers
        self.answers_now = asyncio.Event()
        self.answers_now.set()
        self.heard: list[int] = []
        self.port = 0

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                first, length = await reader.readexactly(2)
                body = await reader.readexactly(await self._whole(reader, length))
                kind = first & 0xF0
                self.heard.append(kind)
                if kind in self.answers:
                    await self.answers_now.wait()
                    writer.write(_answer(kind, first, body))
        writer.close()

    async def _whole(self, reader: asyncio.StreamReader, length: int) -> int:
        """Return the remaining length, whose first byte was read (MQTT 3.1.1, section 2.2.3)."""
        if length < 0x80:
            return length
        [more] = await reader.readexactly(1)
        assert more < 0x80, "no packet of these tests is longer"
        return length - 0x80 + 0x80 * more


def _answer(kind: int, first: int, body: bytes) -> bytes:
    if kind == CONNECT:
        return bytes((0x20, 2, 0, 0))
    if kind == SUBSCRIBE:
        return bytes((0x90, 3, *body[:2], 1))  # for one filter
    if first & 0x06 == 0:
        return b""
    topic_end = 2 + int.from_bytes(body[:2], "big")
    return bytes((0x40, 2, *body[topic_end : topic_end + 2]))


@contextlib.asynccontextmanager
async def mute_broker(*answers: int) -> AsyncIterator[MuteBroker]:
    """Run such a broker on a port of this host."""
    broker = MuteBroker(frozenset(answers))
    meetings: set[asyncio.Task[None]] = set()

    def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        meetings.add(asyncio.create_task(broker.meet(reader, writer)))

    server = await asyncio.start_server(met, "127.0.0.1", 0)
    broker.port = server.sockets[0].getsockname()[1]
    try:
        yield broker
    finally:
        server.close()
        await asyncio.wait_for(asyncio.gather(*meetings), WAIT_LIMIT_S)


def endpoint(broker: MuteBroker, *, tls: bool = False) -> Endpoint:
    return Endpoint(host="127.0.0.1", port=broker.port, tls=tls)


class Waited:
    """How long a block took."""

    async def __aenter__(self) -> "Waited":
        self._since_ns = time.monotonic_ns()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.s = (time.monotonic_ns() - self._since_ns) / NS_PER_S


@pytest.mark.parametrize("tls", [pytest.param(False, id="plain"), pytest.param(True, id="tls")])
async def test_connecting_ends(tls: bool) -> None:
    async with mute_broker() as broker, Waited() as waited:
        with pytest.raises(BrokerError, match="does not let anna in"):
            async with connected(endpoint(broker, tls=tls), user="anna", password=""):
                raise AssertionError("nobody was let in")
    assert waited.s <= WAIT_LIMIT_S + BUSY_S


async def test_a_connection_of_many_slow_steps_is_given_up_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a name has several addresses, none of which answers."""
    monkeypatch.setattr("pumpd.mqtt.connection.STEP_TIMEOUT_S", 4.0)
    async with mute_broker() as broker:
        async with Waited() as waited:
            with pytest.raises(BrokerError, match=r"no answer within 2\.0 s"):
                async with connected(endpoint(broker), user="anna", password=""):
                    raise AssertionError("nobody was let in")
        assert waited.s <= WAIT_LIMIT_S + BUSY_S
        await undone()


async def undone() -> None:
    """Return once what was given up has ended: it leaves nothing behind."""
    tasks = [task for task in asyncio.all_tasks() if task.get_name() == "mqtt-undo"]
    assert tasks
    await asyncio.wait_for(asyncio.gather(*tasks), 5)


async def test_subscribing_ends() -> None:
    async with (
        mute_broker(CONNECT) as broker,
        connected(endpoint(broker), user="anna", password="") as client,
        Waited() as waited,
    ):
        with pytest.raises(BrokerError, match=r"no answer within 2\.0 s"):
            await subscribe(client, ("pumpd/v1/bed1/state",))
    assert waited.s <= WAIT_LIMIT_S + BUSY_S


async def test_an_answer_that_comes_when_nobody_waits_any_more_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async with (
        mute_broker(CONNECT, SUBSCRIBE) as broker,
        connected(endpoint(broker), user="anna", password="") as client,
    ):
        broker.answers_now.clear()
        giving_up = asyncio.create_task(subscribe(client, ("pumpd/v1/bed1/state",)))
        while SUBSCRIBE not in broker.heard:
            await asyncio.sleep(0.01)
        giving_up.cancel()
        await asyncio.wait([giving_up])
        broker.answers_now.set()
        # the second answer follows the first
        await subscribe(client, ("pumpd/v1/bed1/state",))
    assert caplog.records == []


class Daemon:
    """The daemon's session, and when it was told what."""

    def __init__(self, broker: MuteBroker) -> None:
        self.connected = asyncio.Event()
        self.lost: asyncio.Queue[str] = asyncio.Queue()
        self.session = BrokerSession(
            endpoint=endpoint(broker),
            bed="bed1",
            account="pump-bed1",
            password="",
            boot="boot-1",
            filters=("pumpd/v1/bed1/cmd/+/request",),
            callbacks=Callbacks(
                on_connected=self.connected.set, on_message=lambda *_: None, on_lost=self.lost.put_nowait
            ),
        )
        self.task = asyncio.create_task(self.session.run(), name="broker-session")

    async def end(self) -> float:
        """End it as a daemon does that ends, and return how long that took."""
        async with Waited() as waited:
            self.task.cancel()
            await asyncio.wait([self.task])
        return waited.s


async def test_publishing_ends_and_is_told() -> None:
    async with mute_broker(CONNECT, SUBSCRIBE) as broker:
        daemon = Daemon(broker)
        async with Waited() as waited:
            await asyncio.wait_for(daemon.connected.wait(), 10)
            assert "does not take messages" in await asyncio.wait_for(daemon.lost.get(), 10)
        assert waited.s <= WAIT_LIMIT_S + BUSY_S
        assert PUBLISH in broker.heard
        await daemon.end()


ANSWERS = {"connect": (), "subscribe": (CONNECT,), "publish": (CONNECT, SUBSCRIBE)}


@pytest.mark.req("CTRL-10")
@pytest.mark.parametrize("wait", ANSWERS)
async def test_a_daemon_that_ends_is_held_up_by_none_of_these_waits(wait: str) -> None:
    async with mute_broker(*ANSWERS[wait]) as broker:
        daemon = Daemon(broker)
        async with asyncio.timeout(10):
            while {"connect": CONNECT, "subscribe": SUBSCRIBE, "publish": PUBLISH}[wait] not in broker.heard:
                await asyncio.sleep(0)
        assert await daemon.end() <= GOODBYE_S + 1 + BUSY_S
        assert daemon.task.cancelled()


def test_no_limit_is_longer_than_the_requirement_allows() -> None:
    assert CALL_TIMEOUT_S <= WAIT_LIMIT_S
