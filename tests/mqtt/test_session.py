"""The daemon's session: birth, loss, reconnection, goodbye, and messages that wait."""

import asyncio
import signal

import pytest

from pumpd.core.commands import CommandMalformed, CommandReceived, Stop
from pumpd.mqtt.intake import MAX_REQUESTS_PER_S, Intake
from pumpd.mqtt.payloads import Status
from pumpd.mqtt.topics import BedTopics
from tests.mqtt.brokers import DaemonSide, RunningBroker, daemon_side, soon
from tests.mqtt.test_broker import ANNA, BASE, heard, person

pytestmark = pytest.mark.process
BED = BedTopics(bed="bed1")
FLOOD = 1000


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
async def test_after_the_broker_was_killed_the_session_comes_back_with_a_new_birth(
    own_of_either: RunningBroker,
) -> None:
    async with daemon_side(own_of_either.site) as daemon:
        assert daemon.session is not None
        daemon.publish(BED.heartbeat, b"before", qos=0)
        own_of_either.kill()
        assert "gone" in await soon(daemon.losses.get())
        assert not daemon.session.is_connected
        daemon.publish(BED.heartbeat, b"late", qos=0)
        daemon.publish(BED.state, b"old", retain=True)
        daemon.publish(BED.state, b"new", retain=True)
        daemon.publish(BED.ack("anna"), b"receipt")
        own_of_either.start()
        await soon(daemon.connects.get())
        assert daemon.session.is_connected
        daemon.publish(BED.heartbeat, b"after", qos=0)
        async with person(own_of_either.site, "anna", BED.status, BED.state) as anna:
            seen: dict[str, bytes] = {}
            while len(seen) < 2:
                topic, payload, _ = await heard(anna)
                seen[topic] = payload
            assert seen[BED.state] == b"new"
            assert Status.from_bytes(seen[BED.status]).state == "online"
            await anna.publish(ANNA, b"own", qos=1)
            assert (await soon(daemon.messages.get()))[1] == b"own"
        assert daemon.losses.empty()
        assert daemon.session.dropped[0] >= 1


async def test_receipts_wait_for_the_broker_and_telemetry_does_not(broker: RunningBroker) -> None:
    def publish(side: DaemonSide) -> None:
        side.publish(BED.heartbeat, b"late", qos=0)
        side.publish(BED.event, b"line")

    async with (
        person(broker.site, "anna", BED.heartbeat, BED.event) as anna,
        daemon_side(broker.site, before=publish) as daemon,
    ):
        assert await heard(anna) == (BED.event, b"line", False)
        assert daemon.session is not None
        assert daemon.session.dropped == (1, 0)


async def test_what_was_on_its_way_when_the_broker_died_waits_again_unless_it_is_telemetry(
    own_of_either: RunningBroker,
) -> None:
    async with daemon_side(own_of_either.site) as daemon:
        assert daemon.session is not None
        async with person(own_of_either.site, "anna", BED.heartbeat) as anna:
            daemon.publish(BED.heartbeat, b"marker", qos=0)
            await heard(anna)  # so nothing waits for an answer any more
        own_of_either.signal(signal.SIGSTOP)
        daemon.publish(BED.ack("anna"), b"receipt")
        await asyncio.sleep(0)  # the one waiting for it takes it
        await asyncio.sleep(0)
        assert daemon.session.waiting == 0
        daemon.publish(BED.event, b"line")
        daemon.publish(BED.heartbeat, b"late", qos=0)
        own_of_either.kill()
        await soon(daemon.losses.get())
        assert daemon.session.waiting == 2
        assert daemon.session.dropped == (1, 0)


@pytest.mark.req("COMM-07")
async def test_a_frozen_broker_is_noticed_and_said_once(own_of_either: RunningBroker) -> None:
    async with daemon_side(own_of_either.site) as daemon:
        own_of_either.signal(signal.SIGSTOP)
        daemon.publish(BED.state, b"state", retain=True)
        async with asyncio.timeout(10):
            reason = await daemon.losses.get()
        assert "does not take messages" in reason
        own_of_either.signal(signal.SIGCONT)
        await soon(daemon.connects.get())
        assert daemon.losses.empty()


@pytest.mark.req("COMM-07")
async def test_a_broker_that_freezes_while_nothing_is_said_is_noticed_within_10_s(own_broker: RunningBroker) -> None:
    async with daemon_side(own_broker.site) as daemon:
        async with person(own_broker.site, "anna", BED.heartbeat) as anna:
            daemon.publish(BED.heartbeat, b"marker", qos=0)
            await heard(anna)  # so nothing waits for an answer any more
        own_broker.signal(signal.SIGSTOP)
        async with asyncio.timeout(10):
            assert "gone" in await daemon.losses.get()


async def test_a_daemon_with_a_wrong_password_says_so_once_and_keeps_trying(own_of_either: RunningBroker) -> None:
    async with daemon_side(own_of_either.site, connected=False, password="wrong") as daemon:  # noqa: S106, that is the point
        assert "does not let pump-bed1 in" in await soon(daemon.losses.get())
        async with asyncio.timeout(5):
            async with person(own_of_either.site, "anna"):
                assert daemon.losses.empty()


async def test_what_a_callback_raises_is_not_swallowed(own_broker: RunningBroker) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    broken = daemon_side(own_broker.site, connected=False, on_connected=fail)
    async with broken:
        (task,) = [task for task in asyncio.all_tasks() if task.get_name() == "broker-session"]
        await soon(asyncio.wait([task]))
        assert isinstance(task.exception(), ZeroDivisionError)


async def test_a_message_that_cannot_be_sent_does_not_stop_the_others(own_of_either: RunningBroker) -> None:
    async with daemon_side(own_of_either.site) as daemon, person(own_of_either.site, "anna", BED.ack("anna")) as anna:
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
        for _ in range(FLOOD):
            await ben.publish(f"{BASE}/cmd/ben/request", b'{"kind":"start"}', qos=0)
        await anna.publish(ANNA, b'{"kind":"stop"}', qos=1)
        let_through = 0
        while True:
            topic, payload, retained = await soon(daemon.messages.get())
            event = under.receive(topic, payload, retained=retained, real_ns=0)
            if isinstance(event, CommandReceived):
                break
            let_through += isinstance(event, CommandMalformed)
        assert event.command == Stop()
        # all that the daemon had to judge before it, however much was sent
        assert let_through <= MAX_REQUESTS_PER_S
