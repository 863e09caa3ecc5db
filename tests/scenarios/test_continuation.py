"""An infusion that outlives its daemon: a second one over the same journal finishes it, and never above the order."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path

import pytest

from pumpd.core.modes import Mode
from simulators.harness import script
from simulators.harness.elastic_theatre import ElasticTheatre, elastic_theatre
from simulators.harness.scenario import last_heard_ns
from simulators.harness.site import make_site
from simulators.harness.stage import Stage, seated, stage_in, watch_over
from tests.scenarios.conftest import PLAYED_WITHIN_S, Demo
from tests.scenarios.evidence import ORDER_NL, Evidence, assert_agreement, assert_complete, assert_no_flow_while_paused

LEASE_NS = 5_000_000_000
SLACK_NS = 500_000_000
INTERRUPTED_AFTER_S = 900


@pytest.mark.req("DOSE-04", "LOG-02")
@pytest.mark.process
@pytest.mark.timeout(PLAYED_WITHIN_S)
async def test_a_rebuilt_daemon_over_the_same_journal_completes_the_infusion(
    demos: dict[str, Demo], tmp_path: Path
) -> None:
    """`demos` is asked for so that the demonstrations, which are processes of their own, play meanwhile."""
    files = make_site(tmp_path).bed()
    async with elastic_theatre(files, speed=50) as theatre, stage_in(theatre) as stage, seated(files):
        await _guarded(theatre, stage, _first_half(theatre, stage))
        given_nl = Evidence(files.folder).plunger().volume_nl
        await theatre.start_daemon()
        await _guarded(theatre, stage, _second_half(stage))
        assert await theatre.end_daemon() == 0
    evidence = Evidence(files.folder)
    assert 0 < given_nl < ORDER_NL
    assert_no_flow_while_paused(evidence)
    assert_complete(evidence, runs=2)
    assert_agreement(evidence)
    assert "restarted" in evidence.alarms()
    sessions = {heard.payload["session"] for mode in ("running", "paused") for heard in evidence.states(mode)}
    boots = {heard.payload["boot"] for heard in evidence.states("running")}
    assert len(sessions) == 1
    assert len(boots) == 2


async def _first_half(theatre: ElasticTheatre, stage: Stage) -> None:
    await theatre.start_daemon()
    await script.prepare(stage)
    await script.start(stage)
    await stage.pass_time(INTERRUPTED_AFTER_S)
    await theatre.lose_daemon()
    while not Evidence(theatre.files.folder).plunger().at_rest:
        await stage.pass_time(0.5)
    stopped_ns = Evidence(theatre.files.folder).plunger().stops_ns()[-1]
    assert stopped_ns - last_heard_ns(theatre.files, stopped_ns) <= LEASE_NS + SLACK_NS


async def _second_half(stage: Stage) -> None:
    paused = await stage.record.until(script.in_mode(Mode.PAUSED), "rest after the restart", within_s=60)
    truth_nl = Evidence(stage.theatre.files.folder).plunger().volume_nl
    assert paused.delivery is not None
    assert paused.delivery.low_ml * 1_000_000 <= truth_nl <= paused.delivery.high_ml * 1_000_000
    await script.resume(stage)
    await stage.record.until(script.in_mode(Mode.COMPLETED), "the rest of the order", within_s=2_400)


async def _guarded(theatre: ElasticTheatre, stage: Stage, play: Awaitable[None]) -> None:
    """Play while a nurse makes her rounds, but not on after the daemon has ended by itself."""
    playing = asyncio.ensure_future(play)
    watching = asyncio.create_task(watch_over(theatre))
    rounds = asyncio.create_task(script.make_rounds(stage))
    try:
        done, _ = await asyncio.wait({playing, watching}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (playing, watching, rounds):
            task.cancel()
        await asyncio.wait({playing, watching, rounds})
    for task in done:
        task.result()
