"""An oximeter on a serial line and sources on the bus, at a whole bed in simulated time."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pumpd.bedside.config import Config
from pumpd.core.modes import Mode
from pumpd.mqtt.site import load_site
from pumpd.records.replay import findings
from simulators.harness.virtual.bay import BED, Bay
from simulators.harness.virtual.nurse import Nurse
from simulators.harness.virtual.publisher import Publisher
from tests.virtual.test_bay import REPOSITORY, infuse, mode

SOURCES = """
[[source]]
name = "ox7"
bed = "bed1"
kinds = ["spo2"]

[[source]]
name = "button1"
bed = "bed1"
kinds = ["comfort"]
"""


@pytest.fixture
def two(config: Config, tmp_path: Path) -> Config:
    site = tmp_path / "site.toml"
    site.write_text((REPOSITORY / "config" / "site.example.toml").read_text() + SOURCES)
    return replace(config, site=load_site(site))


class Worn:
    """What the second sensor and the button are at this moment."""

    def __init__(self, bay: Bay) -> None:
        self.spo2 = 97
        self.is_pressed = False
        self.ox7 = Publisher("ox7", bed=BED, broker=bay.broker, clock=bay.clock)
        self.button1 = Publisher("button1", bed=BED, broker=bay.broker, clock=bay.clock)
        self.ox7.stream("spo2", lambda: self.spo2)
        self.button1.hold(lambda: self.is_pressed)


async def alarm(nurse: Nurse, alarm_id: str, within_s: float) -> None:
    def look() -> bool | None:
        return True if any(each.id == alarm_id for each in nurse.alarms) else None

    assert await nurse.until(look, within_s), f"no {alarm_id} within {within_s} s: {nurse.alarms}"


def at_bed(two: Config, act: Callable[[Bay, Worn, Nurse], object], seed: int = 1) -> None:
    with Bay(two, seed=seed) as bay:

        async def scenario() -> None:
            worn = Worn(bay)
            anna, _ = await infuse(bay)
            await mode(anna, Mode.RUNNING)
            await act(bay, worn, anna)  # type: ignore[misc]  # every act here is a coroutine
            assert bay.crash() is None

        bay.run(scenario())
        assert findings(bay.store.links).is_same, "what the sources brought is decided alike by a replay"


@pytest.mark.req("VIT-11")
def test_the_worse_of_oximeter_and_bus_pauses_and_their_difference_alarms(two: Config) -> None:
    async def act(bay: Bay, worn: Worn, anna: Nurse) -> None:
        bay.oximeter.control(["spo2", "99"], bay.clock.now_ns())
        worn.spo2 = 93
        await alarm(anna, "spo2-disagree", within_s=40)
        state = await mode(anna, Mode.RUNNING)
        shown = next(vital for vital in state.vitals if vital.kind.value == "spo2")
        assert (shown.value, shown.source) == (93, "ox7/spo2")
        worn.spo2 = 91
        await mode(anna, Mode.PAUSED, within_s=25)
        assert bay.flow_nl_h() == 0

    at_bed(two, act)


@pytest.mark.req("VIT-11", "VIT-02")
def test_a_publisher_that_dies_is_told_and_the_oximeter_carries_on_until_it_is_lost_too(two: Config) -> None:
    async def act(bay: Bay, worn: Worn, anna: Nurse) -> None:
        worn.ox7.die()
        await alarm(anna, "source-offline-ox7", within_s=2)
        await bay.clock.pass_s(60)
        await mode(anna, Mode.RUNNING, within_s=2)
        bay.oximeter.control(["probe-off"], bay.clock.now_ns())
        await mode(anna, Mode.PAUSED, within_s=25)
        await alarm(anna, "spo2-stale-pause", within_s=2)

    at_bed(two, act)


@pytest.mark.req("VIT-12")
def test_a_stream_of_another_bed_is_refused_and_told(two: Config) -> None:
    async def act(_bay: Bay, worn: Worn, anna: Nurse) -> None:
        worn.ox7.is_silent = True
        worn.ox7.measure("spo2", 70, bed="bed2")
        await alarm(anna, "source-identity-ox7", within_s=2)
        await mode(anna, Mode.RUNNING, within_s=2)

    at_bed(two, act)


@pytest.mark.req("VIT-04")
def test_a_clock_that_is_ahead_is_refused_and_told(two: Config) -> None:
    async def act(_bay: Bay, worn: Worn, anna: Nurse) -> None:
        worn.ox7.clock_ahead_ns = 3_000_000_000
        worn.spo2 = 70
        await alarm(anna, "source-clock-ox7", within_s=3)
        await mode(anna, Mode.RUNNING, within_s=2)

    at_bed(two, act)


@pytest.mark.req("CLIN-05", "LOG-03")
def test_a_press_pauses_and_a_lost_button_is_told(two: Config) -> None:
    async def act(bay: Bay, worn: Worn, anna: Nurse) -> None:
        worn.button1.button(is_pressed=True)
        await bay.clock.pass_s(1)
        assert bay.flow_nl_h() == 0
        await mode(anna, Mode.PAUSED, within_s=5)
        await alarm(anna, "comfort-stop", within_s=1)
        worn.button1.is_silent = True
        await alarm(anna, "comfort-link", within_s=10)

    at_bed(two, act)
