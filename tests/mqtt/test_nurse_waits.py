"""The command-line nurse and her time limits, against a scripted daemon on a simulated broker in simulated time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from random import Random

import pytest

from pumpd.core.commands import ReceiptState as Receipt
from pumpd.core.commands import Start, Stop
from pumpd.core.quantities import NS_PER_S
from pumpd.mqtt.client import LINK_LOST_S, loop_ns
from pumpd.mqtt.nurse import FINAL_WITHIN_S, WARN_AFTER_S, NotSent, NurseSession
from pumpd.mqtt.site import Site
from simulators.harness.virtual.bus import LATENCY_NS, VirtualBroker
from simulators.harness.virtual.loop import VirtualLoop
from simulators.harness.virtual.tape import Tape
from tests import simulated_time
from tests.mqtt import examples
from tests.mqtt.brokers import new_site
from tests.mqtt.peers import BEAT_S, VERIFIED, Peer, SimulatedSide, following_at, played


class Ward:
    """A site, a simulated broker, and what the people at its screens are told."""

    def __init__(self, site: Site, loop: VirtualLoop) -> None:
        self.site = site
        self.broker = VirtualBroker(loop, Random(1), Tape())  # noqa: S311 - a simulation
        self.lines: list[str] = []

    @contextlib.asynccontextmanager
    async def daemon(self, *, alive: bool = True, script: tuple[str, ...] = VERIFIED) -> AsyncIterator[Peer]:
        users = tuple(self.site.operators)
        async with played(Peer(SimulatedSide(self.broker, users), users, script), alive=alive) as peer:
            yield peer

    def anna(self) -> NurseSession:
        return NurseSession(self.site, "anna", "", "bed1", show=self.lines.append, follow=following_at(self.broker))


def on_the_ward(tmp_path: Path, scenario: Callable[[Ward], Awaitable[None]]) -> None:
    site = new_site(tmp_path)

    async def begin(loop: VirtualLoop) -> None:
        await scenario(Ward(site, loop))

    simulated_time.run(begin)


@pytest.mark.req("CMD-04")
def test_without_an_answer_a_start_is_unknown_after_10_s_and_never_repeated(tmp_path: Path) -> None:
    async def scenario(ward: Ward) -> None:
        async with ward.daemon(script=("accepted",)) as daemon:
            began_ns = loop_ns()
            ack = await ward.anna().send("start")
            assert ack.state is Receipt.UNKNOWN
            # it counts from the heartbeat that she decided on
            assert 0 <= loop_ns() - began_ns - FINAL_WITHIN_S * NS_PER_S <= BEAT_S * NS_PER_S
            assert ward.lines == [
                "start accepted",
                "waiting, watch the pump",
                f"start unknown: unknown, check the pump: no answer within {FINAL_WITHIN_S} s",
            ]
            await asyncio.sleep(60)
            (received,) = daemon.received
            assert isinstance(received.command, Start)

    on_the_ward(tmp_path, scenario)


@pytest.mark.req("CMD-04")
def test_without_an_answer_a_stop_is_repeated_under_one_id_and_unknown_after_10_s(tmp_path: Path) -> None:
    async def scenario(ward: Ward) -> None:
        async with ward.daemon(script=("accepted",)) as daemon:
            began_ns = loop_ns()
            ack = await ward.anna().send("stop")
            assert ack.state is Receipt.UNKNOWN
            assert loop_ns() - began_ns == FINAL_WITHIN_S * NS_PER_S
            await asyncio.sleep(1)
            assert {each.id for each in daemon.received} == {ack.id}
            assert all(isinstance(each.command, Stop) for each in daemon.received)
            assert len(daemon.received) == FINAL_WITHIN_S // WARN_AFTER_S
            assert ward.lines.count("waiting, watch the pump") == len(daemon.received) - 1

    on_the_ward(tmp_path, scenario)


@pytest.mark.req("CMD-01")
def test_what_the_broker_has_kept_is_not_believed_without_a_heartbeat(tmp_path: Path) -> None:
    async def scenario(ward: Ward) -> None:
        async with ward.daemon(alive=False) as daemon:
            began_ns = loop_ns()
            ack = await ward.anna().send("start")
            assert ack.state is Receipt.REFUSED
            assert "nothing was sent" in ack.reason
            assert loop_ns() - began_ns == LINK_LOST_S * NS_PER_S
            with pytest.raises(NotSent, match="no current state and live heartbeat from bed1 within 3 s"):
                await ward.anna().look()
            assert daemon.received == []
            stopped = await ward.anna().send("stop", reason="r" * 5000)
            assert stopped.state is Receipt.VERIFIED
            assert isinstance(daemon.received[0].command, Stop)

    on_the_ward(tmp_path, scenario)


def test_a_state_of_another_rev_is_not_the_one_to_start_from(tmp_path: Path) -> None:
    async def scenario(ward: Ward) -> None:
        async with ward.daemon() as daemon:
            daemon.state = examples.state(rev=6)
            daemon.show()
            ack = await ward.anna().send("start")
            assert ack.state is Receipt.REFUSED
            assert daemon.received == []

    on_the_ward(tmp_path, scenario)


def test_an_alarm_that_is_not_listed_is_waited_for_and_then_refused(tmp_path: Path) -> None:
    async def scenario(ward: Ward) -> None:
        async with ward.daemon() as daemon:
            unknown = await ward.anna().send("acknowledge", alarm="none")
            assert unknown.state is Receipt.REFUSED
            assert "lists no alarm 'none'" in unknown.reason
            assert daemon.received == []

    on_the_ward(tmp_path, scenario)


def test_a_broker_that_dies_leaves_a_start_unknown_and_a_stop_on_its_way(tmp_path: Path) -> None:
    async def scenario(ward: Ward) -> None:
        async with ward.daemon(script=("accepted",)):
            starting = asyncio.create_task(ward.anna().send("start"))
            stopping = asyncio.create_task(ward.anna().send("stop"))
            await asyncio.sleep(1)
            began_ns = loop_ns()
            ward.broker.go_down()
            assert (await starting).state is Receipt.UNKNOWN
            assert loop_ns() - began_ns <= LATENCY_NS
            await asyncio.sleep(3)
            assert not stopping.done()
            ward.broker.come_up()
            async with ward.daemon() as again:
                assert (await stopping).state is Receipt.VERIFIED
                assert isinstance(again.received[0].command, Stop)

    on_the_ward(tmp_path, scenario)
