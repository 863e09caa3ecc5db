"""A daemon that stood still: what waited for it meanwhile is old, and none of it counts as fresh."""

import json
from collections.abc import Callable
from itertools import pairwise
from typing import get_args

import pytest

from drivers.ne1000.line import QUIET_AFTER_LOSS_NS
from pumpd.bedside.bedside import SIGN_EVERY_NS
from pumpd.bedside.config import Config
from pumpd.bedside.notify import ServiceManager
from pumpd.core.events import Event
from pumpd.core.modes import Mode
from pumpd.core.ports import Sample, VitalKind
from pumpd.core.quantities import NS_PER_MS, NS_PER_S
from simulators.harness.virtual.bay import PUMP, Bay
from simulators.harness.virtual.link import SOUND, LineFaults
from simulators.harness.virtual.nurse import begin

STALL_NS = 1_800 * NS_PER_MS
"""Longer than what the daemon calls a stall, shorter than the pump's lease."""


def saturation(bay: Bay) -> Sample:
    assert bay.daemon is not None
    return bay.daemon.bedside.core.state.vitals.latest[VitalKind.SPO2]


def dropped(bay: Bay) -> list[str]:
    notices = (json.loads(link.body) for link in bay.store.links if link.kind == "MonitorNotice")
    return [each["text"] for each in notices if "the daemon had stalled" in each["text"]]


@pytest.mark.req("COMM-08")
@pytest.mark.parametrize("phase_ms", range(0, 1_000, 90))
def test_bytes_that_waited_through_a_stall_are_dropped(config: Config, phase_ms: int) -> None:
    """The phase decides what the daemon does first when it goes on: its evaluation, or the bytes."""
    with Bay(config, seed=1) as bay:

        async def scenario() -> None:
            bay.start_daemon()
            await bay.clock.pass_s(20 + phase_ms / 1_000)
            before = saturation(bay)
            bay.loop.stand_still(STALL_NS)
            went_on_ns = bay.clock.now_ns()
            await bay.clock.reach(went_on_ns)
            assert saturation(bay) == before
            await bay.clock.pass_s(3)
            assert saturation(bay).measured_at_ns > went_on_ns
            assert len(dropped(bay)) == 1

        bay.run(scenario())


class Manager(ServiceManager):
    """A service manager that notes when it heard a sign of life."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        super().__init__("")
        self.signs_ns: list[int] = []
        self._now_ns = now_ns

    def alive(self, status: str) -> None:  # noqa: ARG002 - the contract's
        self.signs_ns.append(self._now_ns())


@pytest.mark.req("COMM-08")
def test_the_service_manager_hears_of_evaluations_while_samples_keep_coming_and_of_nothing_in_a_stall(
    config: Config,
) -> None:
    with Bay(config, seed=3) as bay:
        manager = bay.manager = Manager(bay.clock.now_ns)

        async def scenario() -> None:
            bay.start_daemon()
            await bay.clock.pass_s(60)
            assert saturation(bay).measured_at_ns > bay.clock.now_ns() - 2 * NS_PER_S
            assert all(
                SIGN_EVERY_NS <= later_ns - sign_ns <= 2 * SIGN_EVERY_NS
                for sign_ns, later_ns in pairwise(manager.signs_ns)
            )
            assert manager.signs_ns[-1] >= bay.clock.now_ns() - 2 * SIGN_EVERY_NS
            stood_ns = bay.clock.now_ns()
            bay.loop.stand_still(20 * NS_PER_S)
            await bay.clock.pass_s(5)
            assert not [sign_ns for sign_ns in manager.signs_ns if stood_ns < sign_ns < stood_ns + 20 * NS_PER_S]
            assert manager.signs_ns[-1] > stood_ns + 20 * NS_PER_S

        bay.run(scenario())


@pytest.mark.req("COMM-08")
def test_a_daemon_that_does_not_stall_drops_nothing(config: Config) -> None:
    with Bay(config, seed=1) as bay:

        async def scenario() -> None:
            bay.start_daemon()
            for _ in range(40):
                await bay.clock.pass_s(0.5)
                bay.loop.stand_still(300 * NS_PER_MS)
            assert dropped(bay) == []

        bay.run(scenario())


@pytest.mark.req("COMM-08")
def test_after_a_stall_nothing_keeps_the_pump_alive_before_an_evaluation_wants_it(config: Config) -> None:
    with Bay(config, seed=2) as bay:

        async def scenario() -> None:
            anna, ben = bay.nurse("anna"), bay.nurse("ben")
            bay.start_daemon()
            assert await begin(anna, ben)
            for step in range(27):
                await bay.clock.pass_s(5 + 0.037 * step)
                assert bay.flow_nl_h() > 0
                bay.loop.stand_still(1_200 * NS_PER_MS)
                went_on_ns = bay.clock.now_ns()
                await bay.clock.pass_s(1)
                kinds = [link.kind for link in bay.store.links if link.mono_ns >= went_on_ns]
                assert kinds.index("PollPump") < kinds.index("pump-tx")

        bay.run(scenario())


@pytest.mark.req("COMM-02", "COMM-08")
def test_a_stall_beyond_the_lease_leaves_the_pump_stopped_by_itself_and_the_bed_paused(config: Config) -> None:
    with Bay(config, seed=2) as bay:

        async def scenario() -> None:
            anna, ben = bay.nurse("anna"), bay.nurse("ben")
            bay.start_daemon()
            assert await begin(anna, ben)
            await bay.clock.pass_s(60)
            bay.loop.stand_still(30 * NS_PER_S)
            went_on_ns = bay.clock.now_ns()
            bay.links[PUMP].wake()
            stopped_ns = bay.pump.plunger.segments[-1].from_ns
            assert went_on_ns - 30 * NS_PER_S < stopped_ns <= went_on_ns - 24 * NS_PER_S
            assert bay.flow_nl_h() == 0
            await bay.clock.pass_s(20)
            assert bay.daemon is not None
            assert bay.daemon.bedside.core.state.mode is Mode.PAUSED
            assert bay.flow_nl_h() == 0

        bay.run(scenario())


EVENTS = {kind.__name__ for kind in get_args(Event)}
"""Each ends in a complete evaluation."""


async def reply_lost(bay: Bay) -> int:
    """Return, once the record says that one more reply was lost, when that was."""
    since_ns = bay.clock.now_ns()
    while True:
        await bay.clock.pass_s(0.02)
        for link in bay.store.links:
            if link.kind == "ReplyLost" and link.mono_ns > since_ns:
                return link.mono_ns


@pytest.mark.req("COMM-08")
@pytest.mark.parametrize("hang_ms", [600, 1_200])
def test_no_query_that_waited_through_a_hang_leaves_before_an_evaluation(config: Config, hang_ms: int) -> None:
    """A reply is lost, so that the next query waits for a quiet line; the daemon stands still before it may leave."""
    with Bay(config, seed=5) as bay:

        async def scenario() -> None:
            anna, ben = bay.nurse("anna"), bay.nurse("ben")
            bay.start_daemon()
            assert await begin(anna, ben)
            link = bay.links[PUMP]
            for step in range(12):
                await bay.clock.pass_s(5 + 0.037 * step)
                link.to_host.faults = LineFaults(loss=1.0)
                lost_ns = await reply_lost(bay)
                link.to_host.faults = SOUND
                await bay.clock.reach(lost_ns + QUIET_AFTER_LOSS_NS - 10 * NS_PER_MS)
                bay.stall_daemon()
                await bay.clock.pass_s(hang_ms / 1_000)
                went_on_ns = bay.clock.now_ns()
                bay.resume_daemon()
                await bay.clock.pass_s(1)
                kinds = [link.kind for link in bay.store.links if link.mono_ns >= went_on_ns]
                assert "pump-tx" in kinds
                assert EVENTS & set(kinds[: kinds.index("pump-tx")])
                assert bay.flow_nl_h() > 0

        bay.run(scenario())


@pytest.mark.req("COMM-02", "COMM-08")
@pytest.mark.parametrize("phase_ms", range(0, 1_000, 90))
def test_a_frozen_process_gives_no_flow_and_begins_again_with_a_stop(config: Config, phase_ms: int) -> None:
    with Bay(config, seed=2, kept=(f"{PUMP}>",)) as bay:

        async def scenario() -> None:
            anna, ben = bay.nurse("anna"), bay.nurse("ben")
            bay.start_daemon()
            assert await begin(anna, ben)
            await bay.clock.pass_s(10 + phase_ms / 1_000)
            froze_ns = bay.clock.now_ns()
            bay.stall_daemon()
            profile = config.profile
            await bay.clock.reach(froze_ns + profile.lease_ns + profile.stop_latency_ns)
            assert bay.flow_nl_h() == 0
            await bay.clock.pass_s(2)
            went_on_ns = bay.clock.now_ns()
            bay.resume_daemon()
            await bay.clock.pass_s(20)
            heard = [entry for entry in bay.tape.entries if entry.source == f"{PUMP}>heard" and entry.at_ns > froze_ns]
            # what was on the wire when it froze still arrives
            [first, *_] = [entry for entry in heard if entry.at_ns > froze_ns + 20 * NS_PER_MS]
            assert first.at_ns >= went_on_ns
            assert b"STP" in first.data
            assert bay.daemon is not None
            assert bay.daemon.bedside.core.state.mode is Mode.PAUSED
            assert bay.flow_nl_h() == 0

        bay.run(scenario())


def test_a_daemon_that_is_killed_while_it_stands_still_says_no_more(config: Config) -> None:
    with Bay(config, seed=3, kept=("daemon>",)) as bay:

        async def scenario() -> None:
            bay.start_daemon()
            await bay.clock.pass_s(10)
            bay.stall_daemon()
            said = len(bay.tape.entries)
            written = len(bay.store.links)
            await bay.clock.pass_s(3)
            bay.kill_daemon()
            await bay.clock.pass_s(3)
            assert len(bay.store.links) <= written + 1, "the group that the disk had in hand may survive"
            assert [entry for entry in bay.tape.entries[said:] if entry.source.startswith("daemon>")] == []
            bay.start_daemon()
            await bay.clock.pass_s(10)
            assert bay.crash() is None
            assert saturation(bay).measured_at_ns > bay.clock.now_ns() - 2 * NS_PER_S

        bay.run(scenario())
