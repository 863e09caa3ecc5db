"""A flood on the bus with a stop in the middle: a thousand bad messages a second hold it up by less than a second."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
import structlog

from pumpd.bedside.config import Config
from pumpd.core.modes import Mode
from pumpd.core.quantities import NS_PER_S
from simulators.harness.virtual.bay import Bay, load_bed
from simulators.harness.virtual.nurse import begin
from tools.prove.hostile import commands
from tools.prove.spoil import spoilt

REPOSITORY = Path(__file__).resolve().parents[2]
A_SECOND = 1_000
USERS = ("ben", "anna", "vera", "nobody")


@pytest.fixture(scope="module")
def config() -> Config:
    return load_bed(REPOSITORY / "config")


@pytest.fixture(autouse=True)
def _silent_log() -> Iterator[None]:
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield
    structlog.reset_defaults()


@pytest.mark.req("CMD-06", "CTRL-02")
def test_a_thousand_bad_messages_a_second_hold_no_stop_up(config: Config) -> None:
    # a spoilt message in which a stop is still to be read is obeyed, which is right, and no flood
    seeds = tuple(seed for seed in commands().seeds if b'"stop"' not in seed and b'"pause"' not in seed)
    rng = Random(6)  # noqa: S311 - a test's stream, no secret
    with Bay(config, seed=6) as bay:

        async def flood(seconds: int) -> None:
            for number in range(seconds * A_SECOND):
                user = USERS[number % len(USERS)]
                bay.broker.publish(f"pumpd/v1/{config.bed}/cmd/{user}/request", spoilt(rng, seeds))
                await bay.clock.pass_s(1 / A_SECOND)

        async def scenario() -> None:
            anna, ben = bay.nurse("anna"), bay.nurse("ben")
            bay.start_daemon()
            assert await begin(anna, ben)
            await bay.clock.pass_s(20)
            before = anna.state
            await flood(2)
            state = anna.state
            assert before is not None
            assert state is not None
            assert state.mode is Mode.RUNNING
            assert (state.rev, state.order) == (before.rev, before.order), "a bad message changed the state"
            assert bay.crash() is None
            pressed_ns = bay.clock.now_ns()
            ben_stops = bay.loop.create_task(ben.stop())
            await flood(2)
            stopped_ns = bay.pump.plunger.segments[-1].from_ns
            assert bay.flow_nl_h() == 0
            assert pressed_ns <= stopped_ns <= pressed_ns + NS_PER_S
            await ben_stops
            assert bay.crash() is None

        bay.run(scenario())
