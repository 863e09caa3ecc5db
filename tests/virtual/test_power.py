"""How the pump is fed, from the fact of a driver to the nurse's screen. No driver reports it yet, so the test does."""

from decimal import Decimal

import pytest

from pumpd.bedside.config import Config
from pumpd.core.ports import PumpPower
from pumpd.core.quantities import NS_PER_MIN
from simulators.harness.virtual.bay import Bay


@pytest.mark.req("PUMP-02")
def test_lost_mains_are_on_the_screen_with_the_battery_time_that_is_left(config: Config) -> None:
    with Bay(config, seed=1) as bay:

        async def scenario() -> list[tuple[bool | None, Decimal | None]]:
            anna = bay.nurse("anna")
            daemon = bay.start_daemon()
            await bay.clock.pass_s(5)
            shown = []
            for mains, left_min in ((None, 0), (False, 25), (True, 25)):
                if mains is not None:
                    left_ns = left_min * NS_PER_MIN
                    fact = PumpPower(mains=mains, battery_left_ns=left_ns, asked_at_ns=bay.clock.now_ns())
                    daemon.bedside.dispatch(fact)
                await bay.clock.pass_s(8)
                assert anna.state is not None
                shown.append((anna.state.pump.mains, anna.state.pump.battery_min))
            return shown

        assert bay.run(scenario()) == [(None, None), (False, Decimal("24.8")), (True, Decimal("24.8"))]
