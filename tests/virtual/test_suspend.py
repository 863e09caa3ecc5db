"""A host that was suspended: everything is older by as much, the pump has stopped by itself, and the bed waits."""

import asyncio

import pytest

from pumpd.bedside.config import Config
from pumpd.core.modes import Mode
from pumpd.core.ports import VitalKind
from pumpd.core.quantities import NS_PER_S
from pumpd.core.state import State
from simulators.harness.virtual.bay import PUMP, Bay
from simulators.harness.virtual.nurse import begin

LEASE_AND_LATENCY_NS = 6 * NS_PER_S
DAY_NS = 86_400 * NS_PER_S


def state_of(bay: Bay) -> State:
    assert bay.daemon is not None
    return bay.daemon.bedside.core.state


@pytest.mark.req("COMM-09", "COMM-02")
@pytest.mark.parametrize("suspended_s", [7, 30, 45])
def test_a_suspension_beyond_the_lease_leaves_the_session_paused(config: Config, suspended_s: int) -> None:
    with Bay(config, seed=5) as bay:

        async def scenario() -> None:
            anna, ben = bay.nurse("anna"), bay.nurse("ben")
            bay.start_daemon()
            assert await begin(anna, ben)
            await bay.clock.pass_s(60)
            asleep_ns = bay.clock.now_ns()
            bay.loop.stand_still(suspended_s * NS_PER_S)
            bay.links[PUMP].wake()
            assert bay.flow_nl_h() == 0
            assert bay.pump.plunger.segments[-1].from_ns <= asleep_ns + LEASE_AND_LATENCY_NS
            await bay.clock.pass_s(15)
            assert state_of(bay).mode is Mode.PAUSED
            await bay.clock.pass_s(60)
            assert bay.flow_nl_h() == 0

        bay.run(scenario())


@pytest.mark.req("COMM-09")
def test_a_suspension_of_an_hour_ages_everything_and_ends_what_was_unwatched_for_so_long(config: Config) -> None:
    with Bay(config, seed=6) as bay:

        async def scenario() -> None:
            anna, ben = bay.nurse("anna"), bay.nurse("ben")
            bay.start_daemon()
            assert await begin(anna, ben)
            await bay.clock.pass_s(60)
            token = state_of(bay).tokens[-1]
            bay.loop.stand_still(3_600 * NS_PER_S)
            now_ns = bay.clock.now_ns()
            assert state_of(bay).vitals.age_ns(VitalKind.SPO2, now_ns) >= 3_600 * NS_PER_S
            assert bay.clock.real_ns() - token[1] > state_of(bay).settings.profile.token_max_age_ns
            await bay.clock.pass_s(20)
            assert state_of(bay).mode is Mode.ENDED
            assert bay.flow_nl_h() == 0
            order = state_of(bay).order
            assert state_of(bay).ledger.low() <= bay.delivered_nl() <= order.volume_nl

        bay.run(scenario())


@pytest.mark.req("COMM-09")
def test_a_start_that_was_under_way_is_not_carried_on_after_a_suspension(config: Config) -> None:
    with Bay(config, seed=7) as bay:

        async def scenario() -> None:
            anna, ben = bay.nurse("anna"), bay.nurse("ben")
            bay.start_daemon()
            people = asyncio.create_task(begin(anna, ben), name="people")
            while state_of(bay).mode is not Mode.STARTING:
                await bay.clock.pass_s(0.05)
            people.cancel()
            bay.loop.stand_still(30 * NS_PER_S)
            await bay.clock.pass_s(15)
            assert state_of(bay).mode in {Mode.READY, Mode.PAUSED}
            assert bay.flow_nl_h() == 0
            assert not state_of(bay).awaiting

        bay.run(scenario())


@pytest.mark.req("COMM-09")
@pytest.mark.parametrize("step_ns", [-DAY_NS, DAY_NS, 3_600 * NS_PER_S])
def test_a_step_of_the_wall_clock_changes_the_record_alone(config: Config, step_ns: int) -> None:
    with Bay(config, seed=8) as bay:

        async def scenario() -> None:
            anna, ben = bay.nurse("anna"), bay.nurse("ben")
            bay.start_daemon()
            assert await begin(anna, ben)
            await bay.clock.pass_s(30)
            alarms = state_of(bay).alarms.key()
            bay.clock.wall_offset_ns += step_ns
            for _ in range(30):
                await bay.clock.pass_s(1)
                assert state_of(bay).mode is Mode.RUNNING
                assert state_of(bay).vitals.age_ns(VitalKind.SPO2, bay.clock.now_ns()) < 3 * NS_PER_S
            assert state_of(bay).alarms.key() == alarms

        bay.run(scenario())
