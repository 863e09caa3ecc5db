"""Who may say and hear what, at real brokers, with the generated rights."""

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiomqtt import Client, MqttError, ProtocolVersion, Will
from amqtt.contexts import Action, BaseContext, BrokerConfig
from amqtt.session import Session

from pumpd.mqtt.broker_rules import Rights, SiteBroker
from pumpd.mqtt.connection import BrokerError, connected, subscribe
from pumpd.mqtt.embedded_broker import run
from pumpd.mqtt.payloads import Status
from pumpd.mqtt.site import Site
from pumpd.mqtt.topics import screen_filters
from tests.mqtt.brokers import REPOSITORY, RunningBroker, amqtt, daemon_side, soon
from tests.mqtt.test_site import GOOD, written

pytestmark = pytest.mark.process

BASE = "pumpd/v1/bed1"
ANNA, BEN, VERA = (f"{BASE}/cmd/{user}/request" for user in ("anna", "ben", "vera"))


@contextlib.asynccontextmanager
async def person(site: Site, user: str, *filters: str) -> AsyncIterator[Client]:
    async with connected(site.endpoint, user=user, password=site.password(user)) as client:
        if filters:
            await subscribe(client, filters)
        yield client


async def heard(client: Client) -> tuple[str, bytes, bool]:
    message = await soon(anext(client.messages))
    assert isinstance(message.payload, bytes)
    return str(message.topic), message.payload, message.retain


@pytest.mark.req("CMD-05")
async def test_a_persons_own_command_arrives_and_a_colleagues_does_not(broker: RunningBroker) -> None:
    async with daemon_side(broker.site) as daemon, person(broker.site, "anna") as anna:
        await anna.publish(BEN, b"forged", qos=1)
        await anna.publish(f"{BASE}/station/ben", b"forged", qos=1)
        await anna.publish(ANNA, b"own", qos=1)
        assert await soon(daemon.messages.get()) == (ANNA, b"own", False)
        assert daemon.messages.empty()


@pytest.mark.req("CMD-05")
async def test_a_viewers_stop_arrives_and_nobody_else_can_write_what_screens_show(broker: RunningBroker) -> None:
    filters = tuple(each.replace("+", "bed1") for each in screen_filters("+"))
    async with (
        daemon_side(broker.site) as daemon,
        person(broker.site, "dashboard", *filters) as screen,
        person(broker.site, "vera") as vera,
    ):
        assert (await heard(screen))[0] == f"{BASE}/status"
        for topic in filters:
            await vera.publish(topic, b"forged", qos=1)
            await screen.publish(topic, b"forged", qos=1)
        await screen.publish(f"{BASE}/cmd/dashboard/request", b"forged", qos=1)
        await vera.publish(f"{BASE}/clearance", b"forged", qos=1)
        await vera.publish(VERA, b"stop", qos=1)
        assert await soon(daemon.messages.get()) == (VERA, b"stop", False)
        daemon.publish(f"{BASE}/heartbeat", b"marker", qos=0)
        assert await heard(screen) == (f"{BASE}/heartbeat", b"marker", False)


@pytest.mark.req("CMD-05")
async def test_the_daemon_cannot_forge_a_command(broker: RunningBroker) -> None:
    async with daemon_side(broker.site) as daemon, person(broker.site, "anna", f"{BASE}/ack/anna") as anna:
        daemon.publish(ANNA, b"forged")
        daemon.publish(f"{BASE}/cmd/pump-bed1/request", b"forged")
        daemon.publish(f"{BASE}/ack/anna", b"marker")
        assert await heard(anna) == (f"{BASE}/ack/anna", b"marker", False)
        await anna.publish(ANNA, b"own", qos=1)
        assert await soon(daemon.messages.get()) == (ANNA, b"own", False)
        assert daemon.messages.empty()


@pytest.mark.req("CMD-05", "VIT-12")
async def test_a_source_publishes_its_own_kinds_and_nothing_else_and_its_will_tells_that_it_has_gone(
    broker: RunningBroker,
) -> None:
    site, own = broker.site, f"{BASE}/in/ox7"
    will = Will(f"{own}/status", b"gone", qos=1, retain=False)
    async with daemon_side(site) as daemon:
        with contextlib.suppress(MqttError):
            async with connected(site.endpoint, user="ox7", password=site.password("ox7"), will=will) as source:
                for topic in (f"{BASE}/in/ox8/spo2", f"{own}/comfort", "pumpd/v1/bed2/in/ox7/spo2", ANNA):
                    await source.publish(topic, b"forged", qos=1)
                await source.publish(f"{own}/spo2", b"own", qos=1)
                assert await soon(daemon.messages.get()) == (f"{own}/spo2", b"own", False)
                client = source._client
                client.socket().shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]  # it is connected
                topic, payload, _ = await soon(daemon.messages.get())
                assert (topic, payload) == (f"{own}/status", b"gone")
        assert daemon.messages.empty()


WIDE = ("#", f"{BASE}/#", f"{BASE}/cmd/+/request", BEN, f"{BASE}/ack/+", f"{BASE}/ack/ben", f"{BASE}/+/ben", "+/#")


@pytest.mark.parametrize("wide", WIDE)
@pytest.mark.req("CMD-05")
async def test_no_filter_lets_a_person_hear_a_colleagues_receipts_or_commands(broker: RunningBroker, wide: str) -> None:
    async with (
        daemon_side(broker.site) as daemon,
        person(broker.site, "ben") as ben,
        person(broker.site, "anna") as anna,
    ):
        with contextlib.suppress(BrokerError):  # amqtt refuses; mosquitto grants and delivers nothing
            await subscribe(anna, [wide])
        await subscribe(anna, [f"{BASE}/ack/anna"])
        await ben.publish(BEN, b"secret", qos=1)
        assert (await soon(daemon.messages.get()))[0] == BEN
        daemon.publish(f"{BASE}/ack/ben", b"secret")
        daemon.publish(f"{BASE}/ack/anna", b"marker")
        topics = []
        while not topics or topics[-1] != f"{BASE}/ack/anna":
            topics.append((await heard(anna))[0])
        assert not [topic for topic in topics if "ben" in topic]


async def test_a_wide_filter_is_refused_by_name(own_broker: RunningBroker) -> None:
    async with person(own_broker.site, "anna") as anna:
        with pytest.raises(BrokerError, match="refuses the subscription to #"):
            await subscribe(anna, [f"{BASE}/state", "#"])


@pytest.mark.req("CMD-05")
async def test_a_wrong_password_is_refused(broker: RunningBroker) -> None:
    with pytest.raises(BrokerError, match="does not let anna in"):
        async with connected(broker.site.endpoint, user="anna", password=broker.site.password("ben")):
            pytest.fail("let in")
    with pytest.raises(BrokerError, match="does not let mallory in"):
        async with connected(broker.site.endpoint, user="mallory", password=broker.site.password("ben")):
            pytest.fail("let in")


@pytest.mark.req("CMD-02")
async def test_a_retained_command_arrives_marked_as_such(broker: RunningBroker) -> None:
    async with person(broker.site, "anna") as anna:
        await anna.publish(ANNA, b"old", qos=1, retain=True)
        async with daemon_side(broker.site) as daemon:
            assert await soon(daemon.messages.get()) == (ANNA, b"old", True)
        await anna.publish(ANNA, b"", qos=1, retain=True)


@pytest.mark.req("CMD-05")
async def test_nobody_can_leave_a_will_in_a_colleagues_name(broker: RunningBroker) -> None:
    site = broker.site
    async with daemon_side(site) as daemon, person(site, "ben") as ben:
        for topic in (BEN, f"{BASE}/state"):
            with contextlib.suppress(BrokerError):  # amqtt refuses the log-in; mosquitto drops the will
                will = Will(topic, b"forged", qos=1, retain=True)
                async with connected(site.endpoint, user="anna", password=site.password("anna"), will=will) as anna:
                    await cut(anna)
        await ben.publish(BEN, b"own", qos=1)
        assert await soon(daemon.messages.get()) == (BEN, b"own", False)
    async with person(site, "ben", f"{BASE}/state", f"{BASE}/status") as ben:
        assert (await heard(ben))[0] == f"{BASE}/status"


async def cut(client: Client) -> None:
    """End the connection as a pulled cable would, and wait until the client has noticed."""
    raw = client._client.socket()
    assert isinstance(raw, socket.socket)
    raw.shutdown(socket.SHUT_RDWR)
    with pytest.raises(MqttError):
        await soon(anext(client.messages))


@pytest.mark.req("CMD-05")
async def test_nobody_takes_over_a_running_session_by_its_client_name(own_broker: RunningBroker) -> None:
    site = own_broker.site

    def named(user: str, password: str, *, clean: bool) -> Client:
        return Client(
            site.endpoint.host,
            site.endpoint.port,
            username=user,
            password=password,
            identifier="tablet",
            clean_session=clean,
            protocol=ProtocolVersion.V311,
            timeout=2,
        )

    async with (
        daemon_side(site) as daemon,
        person(site, "ben") as ben,
        named("anna", site.password("anna"), clean=True) as anna,
    ):
        with pytest.raises(MqttError):
            await named("ben", "wrong", clean=False).__aenter__()
        with contextlib.suppress(MqttError):  # the session may be gone; what counts is that it is not ben's
            await anna.publish(BEN, b"forged", qos=1, timeout=1)
        await ben.publish(BEN, b"own", qos=1)
        assert await soon(daemon.messages.get()) == (BEN, b"own", False)


@pytest.mark.req("COMM-12")
async def test_a_session_that_outlives_its_connection_is_refused(own_broker: RunningBroker) -> None:
    site = own_broker.site
    lasting = Client(
        site.endpoint.host,
        site.endpoint.port,
        username="anna",
        password=site.password("anna"),
        identifier="tablet",
        clean_session=False,
        protocol=ProtocolVersion.V311,
        timeout=2,
    )
    with pytest.raises(MqttError):
        await lasting.__aenter__()


@pytest.mark.req("CMD-05")
async def test_a_new_client_hears_nothing_retained_before_it_asks(broker: RunningBroker) -> None:
    site = broker.site
    async with daemon_side(site) as daemon, person(site, "ben", f"{BASE}/status") as ben:
        assert (await heard(ben))[0] == f"{BASE}/status"
        async with person(site, "anna", f"{BASE}/ack/anna") as anna:
            daemon.publish(f"{BASE}/ack/anna", b"marker")
            assert await heard(anna) == (f"{BASE}/ack/anna", b"marker", False)


@pytest.mark.req("COMM-12")
async def test_a_killed_daemon_leaves_its_will(broker: RunningBroker) -> None:
    command = [sys.executable, "-m", "tests.mqtt.daemon_process", str(broker.site.path)]
    async with person(broker.site, "anna", f"{BASE}/status") as anna:
        process = await asyncio.create_subprocess_exec(*command, cwd=REPOSITORY)
        try:
            states = [""]
            while states[-1] != "online":
                states.append(Status.from_bytes((await heard(anna))[1]).state)
        finally:
            process.kill()
            await process.wait()
        assert Status.from_bytes((await heard(anna))[1]) == Status(state="offline", boot="boot-1")
    async with person(broker.site, "anna", f"{BASE}/status") as anna:
        _, payload, retained = await heard(anna)
        assert retained
        assert Status.from_bytes(payload).state == "offline"


async def test_a_session_whose_user_no_password_has_proven_may_do_nothing() -> None:
    context = BaseContext()
    context.config = Rights.Config(publish_acl={"ben": [BEN]}, subscribe_acl={"ben": [BEN]}, receive_acl={"ben": [BEN]})
    session = Session()
    session.username = "ben"
    assert not await Rights(context).topic_filtering(session=session, topic=BEN, action=Action.PUBLISH)


async def test_the_table_of_subscriptions_may_change_while_a_message_is_handed_out() -> None:
    table = SiteBroker(BrokerConfig(plugins={})).subscriptions
    anna, ben = (Session(), 1), (Session(), 1)
    table["a"] = [anna, ben]
    walked = []
    for each, holders in table.items():
        table[f"{each}-new"] = [ben]
        for holder in holders:
            walked.append(holder)
            table["a"] = [ben]
            table[each].clear()
    assert walked == [anna, ben]
    for each in table:
        table[f"{each}-newer"] = []
    assert len(table) == 4


# ---- the process ----------------------------------------------------------------------------------------------------


def test_the_daemons_process_never_holds_the_broker() -> None:
    code = (
        "import sys, pumpd.mqtt.session, pumpd.mqtt.intake, pumpd.mqtt.site, pumpd.mqtt.nurse, pumpd.mqtt.watch,"
        " pumpd.mqtt.broker_command; sys.exit('amqtt' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY).returncode == 0


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
async def test_a_signal_ends_the_broker_cleanly_with_clients_connected(own_broker: RunningBroker, number: str) -> None:
    async with person(own_broker.site, "anna") as anna:
        own_broker.signal(signal.Signals[number])
        assert await asyncio.to_thread(own_broker.wait) == 0
        with pytest.raises(MqttError):
            await soon(anext(anna.messages))


def test_a_taken_port_is_one_sentence(own_broker: RunningBroker) -> None:
    done = subprocess.run(own_broker.command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert f"cannot listen on 127.0.0.1:{own_broker.site.broker.port}" in done.stderr


def test_the_broker_says_once_that_it_listens(tmp_path: Path) -> None:
    command = amqtt(tmp_path).command
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.terminate()
        rest, complaints = process.communicate()
    assert first.startswith("broker listening on 127.0.0.1:")
    assert (rest, complaints, process.returncode) == ("", "", 0)


def test_the_embedded_broker_serves_loopback_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, GOOD.replace("port = 1883", 'host = "0.0.0.0"\ntls = true'))
    assert run(path, None) == 2
    assert "not loopback" in capsys.readouterr().err
