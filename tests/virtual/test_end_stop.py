"""The pump's own end-stop, with nobody left to stop it: the daemon is killed just before, and the lease still holds."""

import pytest

from pumpd.bedside.config import Config
from pumpd.core.modes import Mode
from pumpd.core.quantities import NS_PER_H, NS_PER_S
from simulators.devices.ne1000 import Status
from simulators.harness.virtual.bay import Bay
from simulators.harness.virtual.nurse import Nurse, attend, begin

ORDER_NL = 17_500_000


def left_s(bay: Bay) -> float:
    """Return how long the plunger still moves to the end of the order."""
    return (ORDER_NL - bay.delivered_nl()) / bay.flow_nl_h() * NS_PER_H / NS_PER_S


async def shows(nurse: Nurse, mode: Mode, within_s: float) -> bool:
    """Wait for a screen that shows a mode."""

    def look() -> bool | None:
        return True if nurse.state is not None and nurse.state.mode is mode else None

    return await nurse.until(look, within_s) is not None


@pytest.mark.req("PUMP-07")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("before_s", [0.2, 2.5])
def test_the_end_stop_alone_ends_flow_when_the_daemon_was_killed_just_before(config: Config, before_s: float) -> None:
    with Bay(config, seed=1) as bay:

        async def scenario() -> None:
            anna, ben = bay.nurse("anna"), bay.nurse("ben")
            bay.start_daemon()
            assert await begin(anna, ben)
            await attend(anna, within_s=left_s(bay) - 20)
            await bay.clock.pass_s(left_s(bay) - before_s)
            bay.kill_daemon()
            assert bay.pump.state is Status.INFUSING
            await bay.clock.pass_s(before_s + 0.001)
            assert bay.pump.state is Status.STOPPED
            lease_ns = bay.pump.watchdog_deadline_ns
            assert lease_ns is not None
            assert lease_ns > bay.clock.now_ns(), "the watchdog has not acted"
            assert bay.pump.alarm is None
            assert ORDER_NL <= bay.delivered_nl() <= ORDER_NL + 1
            await bay.clock.pass_s(60)
            assert bay.flow_nl_h() == 0
            assert bay.delivered_nl() <= ORDER_NL + 1
            bay.start_daemon()
            assert await shows(anna, Mode.COMPLETED, 30.0)

        bay.run(scenario())
