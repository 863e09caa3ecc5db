"""Whole infusions in simulated time: the daemon's own code against byte-level devices, killed, starved, repeated."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from pumpd.bedside.config import Config
from pumpd.core.alarms import Priority
from pumpd.core.commands import Lower, ReceiptState
from pumpd.core.modes import Mode
from pumpd.core.quantities import NS_PER_S
from pumpd.mqtt.payloads import State
from simulators.harness.virtual.bay import OXIMETER, PUMP, Bay
from simulators.harness.virtual.bus import BusFaults
from simulators.harness.virtual.link import LineFaults
from simulators.harness.virtual.nurse import ABSENT, DOUBLING, PROMPT, WRONG, Nurse, attend, begin

REPOSITORY = Path(__file__).resolve().parents[2]
ORDER_NL = 17_500_000
COUNT_NL = 10_000
"""One count of the pump's display at 10 mL and above."""
INFUSION_S = 4_000.0


async def infuse(bay: Bay) -> tuple[Nurse, Nurse]:
    """Bring an infusion to run."""
    anna, ben = bay.nurse("anna"), bay.nurse("ben")
    bay.start_daemon()
    assert await begin(anna, ben), f"not started: {anna.state} {anna.alarms}"
    return anna, ben


async def mode(nurse: Nurse, wanted: Mode, within_s: float = 30.0) -> State:
    """Wait until the screen shows a mode."""

    def look() -> State | None:
        state = nurse.state
        return state if state is not None and state.mode is wanted else None

    state = await nurse.until(look, within_s)
    assert state is not None, f"no {wanted} within {within_s} s: {nurse.state}"
    return state


@pytest.mark.req("DOSE-05")
def test_forty_minutes_give_the_order(config: Config) -> None:
    with Bay(config, seed=1) as bay:

        async def scenario() -> State | None:
            anna, _ = await infuse(bay)
            return await attend(anna, within_s=INFUSION_S)

        state = bay.run(scenario())
        assert state is not None
        assert state.mode is Mode.COMPLETED
        assert ORDER_NL - COUNT_NL <= bay.delivered_nl() <= ORDER_NL
        assert bay.flow_nl_h() == 0
        assert bay.store.check() is None
        assert bay.run(bay.end_daemon()) == 0


def test_the_screen_shows_who_confirmed_and_who_started_the_order(config: Config) -> None:
    with Bay(config, seed=1) as bay:

        async def scenario() -> State:
            anna, _ = await infuse(bay)
            return await mode(anna, Mode.RUNNING)

        order = bay.run(scenario()).order
        assert order is not None
        assert (order.confirmed_by, order.started_by) == ("ben", "anna")


@pytest.mark.req("COMM-02", "LOG-02")
@pytest.mark.parametrize("seed", range(2))
def test_a_kill_at_any_instant_ends_flow_by_the_lease_and_can_be_resumed(config: Config, seed: int) -> None:
    with Bay(config, seed=seed) as bay:
        rng = bay.stream("kill")

        async def scenario() -> State | None:
            anna, _ = await infuse(bay)
            await attend(anna, within_s=rng.uniform(0, 2_000))
            bay.kill_daemon(after_acts=rng.randrange(1, 40))
            await bay.clock.pass_s(10)
            assert bay.life is not None
            assert not bay.life.is_alive
            killed_ns = bay.clock.now_ns() - 10 * NS_PER_S
            stopped_ns = bay.pump.plunger.segments[-1].from_ns
            # the acts that were left took some seconds at most
            assert killed_ns <= stopped_ns <= killed_ns + 10 * NS_PER_S
            assert bay.flow_nl_h() == 0
            given_nl = bay.delivered_nl()
            bay.start_daemon()
            paused = await mode(anna, Mode.PAUSED)
            assert paused.delivery is not None
            assert paused.delivery.low_ml * 1_000_000 <= given_nl <= paused.delivery.high_ml * 1_000_000
            await bay.clock.pass_s(60)
            assert bay.delivered_nl() == given_nl
            return await attend(anna, within_s=INFUSION_S)

        state = bay.run(scenario())
        assert state is not None
        assert state.mode is Mode.COMPLETED
        assert ORDER_NL - 2 * COUNT_NL <= bay.delivered_nl() <= ORDER_NL
        assert bay.store.check() is None


@pytest.mark.req("COMM-11")
def test_a_stalled_disk_pauses(config: Config) -> None:
    with Bay(config, seed=3) as bay:

        async def scenario() -> None:
            anna, _ = await infuse(bay)
            bay.store.is_stalled = True
            stalled_ns = bay.clock.now_ns()
            state = await mode(anna, Mode.PAUSED)
            assert state.cause is not None
            assert "nothing was written for 1.9 s" in state.cause
            # a record within half a second, its time, and the way of a stop to the pump
            assert bay.pump.plunger.segments[-1].from_ns < stalled_ns + 2_500_000_000
            assert bay.flow_nl_h() == 0
            assert bay.sounder.priority is Priority.HIGH
            bay.store.is_stalled = False
            await bay.clock.pass_s(5)
            assert bay.store.check() is None
            await attend(anna, within_s=300)
            await mode(anna, Mode.RUNNING)

        bay.run(scenario())


@pytest.mark.req("LOG-01")
def test_a_full_disk_pauses_and_names_itself(config: Config) -> None:
    with Bay(config, seed=4) as bay:

        async def scenario() -> None:
            anna, _ = await infuse(bay)
            bay.store.failure = "the disk is full; free some space"
            state = await mode(anna, Mode.PAUSED)
            assert state.cause is not None
            assert "the disk is full" in state.cause
            assert bay.flow_nl_h() == 0

        bay.run(scenario())


@pytest.mark.req("COMM-07")
def test_a_broker_that_goes_and_comes_back_loses_nothing(config: Config) -> None:
    with Bay(config, seed=5) as bay:

        async def scenario() -> None:
            anna, _ = await infuse(bay)
            bay.broker.go_down(forgets_retained=True)
            await bay.clock.pass_s(30)
            assert bay.flow_nl_h() > 0
            assert anna.state is None
            bay.broker.come_up()
            await mode(anna, Mode.RUNNING)

        bay.run(scenario())


def test_a_pulled_cable_pauses_and_heals(config: Config) -> None:
    with Bay(config, seed=6) as bay:

        async def scenario() -> None:
            anna, _ = await infuse(bay)
            bay.links[PUMP].unplug()
            await bay.clock.pass_s(7)
            assert bay.flow_nl_h() == 0
            bay.links[PUMP].plug()
            await mode(anna, Mode.PAUSED)
            await attend(anna, within_s=200)
            await mode(anna, Mode.RUNNING)

        bay.run(scenario())


@pytest.mark.req("COMM-08")
def test_a_fault_while_the_port_is_opened_again_ends_the_daemon(config: Config) -> None:
    with Bay(config, seed=14) as bay:

        async def scenario() -> bool:
            await infuse(bay)
            assert bay.daemon is not None
            bedside = bay.daemon.bedside

            def fault(_now_ns: int) -> None:
                raise ZeroDivisionError("a fault for the test")

            bay.links[PUMP].unplug()
            bedside.parts.pump.driver.opened = fault  # type: ignore[method-assign]  # a bug of ours, made on purpose
            bay.links[PUMP].plug()
            await bay.clock.pass_s(10)
            assert bay.flow_nl_h() == 0
            return bedside.failed.done()

        assert bay.run(scenario())


@pytest.mark.req("CMD-02")
def test_a_doubled_command_acts_once(config: Config) -> None:
    with Bay(config, seed=7) as bay:

        async def scenario() -> int:
            anna, ben = bay.nurse("anna", DOUBLING), bay.nurse("ben", DOUBLING)
            bay.start_daemon()
            assert await begin(anna, ben)
            await bay.clock.pass_s(20)
            return sum(1 for segment in bay.pump.plunger.segments if segment.rate_nl_h > 0)

        assert bay.run(scenario()) == 1


def test_nurses_who_err_are_refused_and_try_again(config: Config) -> None:
    with Bay(config, seed=13) as bay:

        async def scenario() -> int:
            anna, ben = bay.nurse("anna", WRONG), bay.nurse("ben", replace(WRONG, errs=0.7))
            bay.start_daemon()
            assert await begin(anna, ben)
            return sum(1 for _, kind, _ in ben.sent if kind == "Confirm")

        assert bay.run(scenario()) > 1


@pytest.mark.req("COMM-07", "ALRM-05")
def test_without_nurses_it_sounds_at_the_bed_and_the_infusion_pauses(config: Config) -> None:
    with Bay(config, seed=10) as bay:

        async def scenario() -> None:
            anna, _ = await infuse(bay)
            running = await mode(anna, Mode.RUNNING)
            assert (running.links.stations, running.links.stations_heard) == (2, 2)
            left_ns = bay.clock.now_ns()
            for nurse in bay.nurses:
                nurse.habits = ABSENT
            await bay.clock.pass_s(12)
            assert bay.sounder.priority is Priority.HIGH
            assert bay.flow_nl_h() > 0
            await bay.clock.pass_s(128)
            assert bay.flow_nl_h() == 0
            stopped_ns = bay.pump.plunger.segments[-1].from_ns
            # the station's last sign of life, how long until it counts as lost, and the profile's 120 s
            assert 115 * NS_PER_S <= stopped_ns - left_ns <= 136 * NS_PER_S
            anna.habits = PROMPT
            await mode(anna, Mode.PAUSED)

        bay.run(scenario())


@pytest.mark.req("CTRL-02")
def test_what_stays_paused_is_ended_by_the_nurse(config: Config) -> None:
    with Bay(config, seed=12) as bay:

        async def scenario() -> State | None:
            anna, _ = await infuse(bay)
            await bay.clock.pass_s(30)
            bay.oximeter.control(["probe-off"], bay.clock.now_ns())
            anna.habits = replace(anna.habits, gives_up_after_s=60.0)
            return await attend(anna, within_s=300)

        state = bay.run(scenario())
        assert state is not None
        assert state.mode is Mode.ENDED
        assert bay.flow_nl_h() == 0


@pytest.mark.parametrize("seed", range(3))
def test_noise_on_every_line_never_gives_more(config: Config, seed: int) -> None:
    with Bay(config, seed=seed, shuffles=True) as bay:
        noise = LineFaults(loss=0.02, corruption=0.02, duplication=0.02, split=0.05, delay=0.05)

        async def scenario() -> None:
            anna, _ = await infuse(bay)
            for link in bay.links.values():
                link.to_device.faults = link.to_host.faults = noise
            bay.broker.faults = BusFaults(loss=0.02, duplication=0.05, delay=0.1)
            await attend(anna, within_s=600)

        bay.run(scenario())
        assert 0 < bay.delivered_nl() <= ORDER_NL
        assert bay.store.check() is None


def test_bytes_nobody_reads_are_lost(config: Config) -> None:
    with Bay(config, seed=8, kept=(f"{OXIMETER}<",)) as bay:
        bay.run(bay.clock.pass_s(10))
        assert not bay.tape.entries


_RUN = f"""
from pathlib import Path
import structlog
structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
from simulators.harness.virtual.bay import Bay, load_bed
from simulators.harness.virtual.link import LineFaults
from simulators.harness.virtual.nurse import WRONG, attend, begin
with Bay(load_bed(Path({str(REPOSITORY / "config")!r})), seed=11, shuffles=True) as bay:
    async def scenario():
        anna, ben = bay.nurse("anna", WRONG), bay.nurse("ben")
        bay.start_daemon()
        await begin(anna, ben)
        bay.links["pump"].to_host.faults = LineFaults(loss=0.02, delay=0.1)
        await bay.clock.pass_s(40)
        bay.kill_daemon(after_acts=17)
        await bay.clock.pass_s(8)
        bay.start_daemon()
        await attend(anna, within_s=120)
    bay.run(scenario())
    print(bay.tape.digest(), bay.store.links[-1].hash, bay.clock.now_ns())
"""


@pytest.mark.process
def test_one_seed_gives_one_hash_in_every_process() -> None:
    seen = set()
    for hash_seed in ("0", "1", "4711"):
        done = subprocess.run(
            [sys.executable, "-c", _RUN],
            capture_output=True,
            text=True,
            timeout=50,
            check=True,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(REPOSITORY)},
        )
        seen.add(done.stdout)
    assert len(seen) == 1


def test_a_lower_rate_moves_the_expected_end(config: Config) -> None:
    with Bay(config, seed=1) as bay:

        async def scenario() -> None:
            anna, _ = await infuse(bay)
            ack = await anna.insist(lambda _state: Lower(rate_ml_h=Decimal(20)))
            assert ack is not None
            assert ack.state is ReceiptState.VERIFIED, ack
            await bay.clock.pass_s(2)
            state = await mode(anna, Mode.RUNNING)
            delivery = state.delivery
            assert delivery is not None
            assert delivery.expected_end is not None
            left = datetime.fromisoformat(delivery.expected_end) - datetime.fromisoformat(state.at)
            expected_s = float(delivery.remaining_ml / 20 * 3_600)
            assert left.total_seconds() == pytest.approx(expected_s, abs=0.5)

        bay.run(scenario())
