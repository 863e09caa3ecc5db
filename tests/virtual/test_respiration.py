"""Respiration measured by a capnograph on the bus, and not measured at all, at a whole bed in simulated time."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pumpd.bedside.config import Config
from pumpd.core.commands import Presence
from pumpd.core.modes import Mode
from pumpd.core.ports import VitalKind
from pumpd.core.quantities import NS_PER_S
from pumpd.mqtt.payloads import State, VitalState
from pumpd.mqtt.site import load_site
from simulators.devices.overlays import BreathingRate
from simulators.harness.virtual.bay import BED, Bay
from simulators.harness.virtual.nurse import Nurse
from simulators.harness.virtual.publisher import Publisher
from tests.virtual.test_bay import REPOSITORY, infuse, mode

SOURCE = """
[[source]]
name = "capno3"
bed = "bed1"
kinds = ["rr"]
"""
SEEN_WITHIN_S = 3
"""A sample a second, its way over the bus, and the way of the stop."""

Scenario = Callable[[Bay, Nurse], Awaitable[None]]


@pytest.fixture
def measured(config: Config, tmp_path: Path) -> Config:
    site = tmp_path / "site.toml"
    site.write_text((REPOSITORY / "config" / "site.example.toml").read_text() + SOURCE)
    return replace(config, site=load_site(site))


def at_bed(config: Config, scenario: Scenario, *, publishes: bool = True) -> None:
    with Bay(config, seed=17) as bay:

        async def infusion() -> None:
            if publishes:
                Publisher("capno3", bed=BED, broker=bay.broker, clock=bay.clock).breathe(bay.patient.vitals)
            anna, _ = await infuse(bay)
            await scenario(bay, anna)
            assert bay.crash() is None

        bay.run(infusion())


def breathes_now(bay: Bay, rr_bpm: float) -> None:
    """Let the patient breathe at another rate from now on."""
    now_ns = bay.clock.now_ns()
    change = BreathingRate(from_ns=now_ns, to_ns=now_ns + 3_600 * NS_PER_S, rr_bpm=rr_bpm)
    bay.patient.parameters = replace(bay.patient.parameters, overlays=(change,))


def shown(state: State) -> VitalState:
    return next(vital for vital in state.vitals if vital.kind is VitalKind.RR)


@pytest.mark.req("VIT-17")
@pytest.mark.parametrize(
    ("rr_bpm", "after_s", "rest"), [(9, 30, Mode.PAUSED), (31, 30, Mode.PAUSED), (7, 15, Mode.ENDED)]
)
def test_a_measured_rate_beyond_its_limit_pauses_or_ends_when_its_time_is_up(
    measured: Config, rr_bpm: int, after_s: int, rest: Mode
) -> None:
    async def scenario(bay: Bay, anna: Nurse) -> None:
        breathes_now(bay, rr_bpm)
        await bay.clock.pass_s(after_s - 1)
        assert bay.flow_nl_h() > 0
        await bay.clock.pass_s(1 + SEEN_WITHIN_S)
        assert bay.flow_nl_h() == 0
        state = await mode(anna, rest, within_s=3)
        assert state.cause is not None
        assert state.cause.startswith(f"RR {rr_bpm} /min")

    at_bed(measured, scenario)


@pytest.mark.req("VIT-17")
def test_the_limits_themselves_and_a_short_spell_beyond_them_do_not_pause(measured: Config) -> None:
    async def scenario(bay: Bay, anna: Nurse) -> None:
        for rr_bpm, seconds in ((10, 45), (30, 45), (9, 25), (14, 10), (9, 25), (14, 10)):
            breathes_now(bay, rr_bpm)
            await bay.clock.pass_s(seconds)
        await mode(anna, Mode.RUNNING, within_s=1)

    at_bed(measured, scenario)


@pytest.mark.req("VIT-17")
def test_a_measured_rate_is_shown_with_its_source_and_no_count_is_asked_for(measured: Config) -> None:
    async def scenario(bay: Bay, anna: Nurse) -> None:
        await ten_minutes(bay, anna)
        state = await mode(anna, Mode.RUNNING, within_s=1)
        assert state.respiration_measured
        assert (shown(state).value, shown(state).source) == (14, "capno3/rr")
        assert prompt(anna) == "due every 10 min: MOAA/S"

    at_bed(measured, scenario)


@pytest.mark.req("VIT-17")
def test_where_nothing_measures_it_the_screen_says_so_and_a_count_is_prompted_after_ten_minutes(config: Config) -> None:
    async def scenario(bay: Bay, anna: Nurse) -> None:
        state = await mode(anna, Mode.RUNNING, within_s=1)
        assert not state.respiration_measured
        assert shown(state).source.startswith("not measured, counted by ")
        assert prompt(anna) is None
        await ten_minutes(bay, anna)
        text = prompt(anna)
        assert text is not None
        assert text.endswith("and a counted respiration, which nothing measures here")

    at_bed(config, scenario, publishes=False)


async def ten_minutes(bay: Bay, anna: Nurse) -> None:
    """Let ten minutes pass in which somebody is there and nobody enters anything."""
    for _ in range(2):
        await bay.clock.pass_s(300)
        await anna.command(Presence())
    await bay.clock.pass_s(5)


def prompt(anna: Nurse) -> str | None:
    return next((alarm.text for alarm in anna.alarms if alarm.id == "assess-due"), None)
