"""The daemon's session: birth, loss, reconnection, goodbye, and messages that wait."""

import asyncio
import signal
import time

import pytest

from pumpd.core.commands import CommandReceived, Stop
from pumpd.mqtt.connection import BrokerError
from pumpd.mqtt.intake import Intake
from pumpd.mqtt.payloads import Status
from pumpd.mqtt.topics import BedTopics
from tests.mqtt.brokers import RunningBroker, daemon_side, soon
from tests.mqtt.test_broker import ANNA, BASE, heard, person

pytestmark = pytest.mark.process
BED = BedTopics(bed="bed1")


@pytest.mark.req("COMM-12")
async def test_birth_and_whole_state_on_connecting_and_goodbye_at_the_end(broker: RunningBroker) -> None:
    async with person(broker.site, "anna", BED.status, BED.state) as anna:
        async with daemon_side(broker.site) as daemon:
            daemon.publish(BED.state, b"whole", retain=True)
            births = {await heard(anna), await heard(anna)}
            while (BED.state, b"whole", False) not in births:
                births.add(await heard(anna))
            assert Status(state="online", boot="boot-1").to_bytes() in {payload for _, payload, _ in births}
        last = (await heard(anna))[1]
        assert Status.from_bytes(last) == Status(state="offline", boot="boot-1")
    async with person(broker.site, "ben", BED.state) as ben:
        assert await heard(ben) == (BED.state, b"whole", True)
    async with daemon_side(broker.site) as daemon, person(broker.site, "ben", BED.state) as ben:
        daemon.publish(BED.state, b"", retain=True)
        while (await heard(ben))[1]:
            pass


@pytest.mark.req("COMM-12")
async def test_after_the_broker_was_killed_the_session_comes_back_with_a_new_birth(own_broker: RunningBroker) -> None:
    async with daemon_side(own_broker.site) as daemon:
        assert daemon.session is not None
        daemon.publish(BED.heartbeat, b"before", qos=0)
        own_broker.kill()
        assert "gone" in await soon(daemon.losses.get())
        assert not daemon.session.is_connected
        daemon.publish(BED.heartbeat, b"late", qos=0)
        daemon.publish(BED.state, b"old", retain=True)
        daemon.publish(BED.state, b"new", retain=True)
        daemon.publish(BED.ack("anna"), b"receipt")
        own_broker.start()
        await soon(daemon.connects.get())
        assert daemon.session.is_connected
        daemon.publish(BED.heartbeat, b"after", qos=0)
        async with person(own_broker.site, "anna", BED.status, BED.state) as anna:
            seen = dict([(await heard(anna))[:2], (await heard(anna))[:2]])
            assert seen[BED.state] == b"new"
            assert Status.from_bytes(seen[BED.status]).state == "online"
            await anna.publish(ANNA, b"own", qos=1)
            assert (await soon(daemon.messages.get()))[1] == b"own"
        assert daemon.losses.empty()
        assert daemon.session.dropped[0] >= 1


async def test_receipts_wait_for_the_broker_and_telemetry_does_not(own_broker: RunningBroker) -> None:
    own_broker.kill()
    async with daemon_side(own_broker.site, connected=False) as daemon:
        await soon(daemon.losses.get())
        daemon.publish(BED.heartbeat, b"late", qos=0)
        daemon.publish(BED.event, b"line")
        own_broker.start()
        deadline_s = time.monotonic() + 5
        heard_first: tuple[str, bytes, bool] | None = None
        while heard_first is None and time.monotonic() < deadline_s:
            try:
                async with person(own_broker.site, "anna", BED.heartbeat, BED.event) as anna:
                    await soon(daemon.connects.get())
                    heard_first = await heard(anna)
            except BrokerError:
                continue
        assert heard_first == (BED.event, b"line", False)


@pytest.mark.req("COMM-07")
async def test_a_frozen_broker_is_noticed_and_said_once(own_broker: RunningBroker) -> None:
    async with daemon_side(own_broker.site) as daemon:
        own_broker.signal(signal.SIGSTOP)
        started_s = time.monotonic()
        daemon.publish(BED.state, b"state", retain=True)
        reason = await soon(daemon.losses.get())
        assert time.monotonic() - started_s < 5
        assert "does not take messages" in reason
        own_broker.signal(signal.SIGCONT)
        await soon(daemon.connects.get())
        assert daemon.losses.empty()


@pytest.mark.req("COMM-07")
async def test_a_broker_that_freezes_while_nothing_is_said_is_noticed_within_10_s(own_broker: RunningBroker) -> None:
    async with daemon_side(own_broker.site) as daemon:
        own_broker.signal(signal.SIGSTOP)
        async with asyncio.timeout(10):
            assert "gone" in await daemon.losses.get()


async def test_a_daemon_with_a_wrong_password_says_so_once_and_keeps_trying(own_broker: RunningBroker) -> None:
    async with daemon_side(own_broker.site, connected=False, password="wrong") as daemon:  # noqa: S106, that is the point
        assert "does not let pump-bed1 in" in await soon(daemon.losses.get())
        async with asyncio.timeout(5):
            async with person(own_broker.site, "anna"):
                assert daemon.losses.empty()


async def test_what_a_callback_raises_is_not_swallowed(own_broker: RunningBroker) -> None:
    class Broken(Exception):
        pass

    def fail() -> None:
        raise Broken

    with pytest.raises(Broken):
        async with daemon_side(own_broker.site, connected=False, on_connected=fail) as daemon:
            assert daemon.session is not None
            tasks = [task for task in asyncio.all_tasks() if task.get_name() == "broker-session"]
            await soon(asyncio.wait(tasks))


async def test_a_message_that_cannot_be_sent_does_not_stop_the_others(own_broker: RunningBroker) -> None:
    async with daemon_side(own_broker.site) as daemon, person(own_broker.site, "anna", BED.ack("anna")) as anna:
        daemon.publish("pumpd/+/bad", b"x")
        daemon.publish(BED.ack("anna"), b"receipt")
        assert await heard(anna) == (BED.ack("anna"), b"receipt", False)


@pytest.mark.req("CMD-06", "CTRL-02")
async def test_a_stop_comes_through_a_flood(broker: RunningBroker) -> None:
    async with (
        daemon_side(broker.site) as daemon,
        person(broker.site, "ben") as ben,
        person(broker.site, "anna") as anna,
    ):
        under = Intake(bed="bed1", users=frozenset(broker.site.operators))
        for _ in range(1000):
            await ben.publish(f"{BASE}/cmd/ben/request", b'{"kind":"start"}', qos=0)
        started_s = time.monotonic()
        await anna.publish(ANNA, b'{"kind":"stop"}', qos=1)
        while True:
            topic, payload, retained = await soon(daemon.messages.get())
            event = under.receive(topic, payload, retained=retained, real_ns=time.monotonic_ns())
            if isinstance(event, CommandReceived):
                break
        assert event.command == Stop()
        assert time.monotonic() - started_s < 1
