"""One simulated infusion by scripted nurses, watched on the terminal, and its summary."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from simulators.harness import script
from simulators.harness.elastic_theatre import elastic_theatre
from simulators.harness.process_theatre import process_theatre
from simulators.harness.record import Record, ScriptError
from simulators.harness.scenario import Scenario, play
from simulators.harness.site import BedFiles, ThrowAwaySite
from simulators.harness.stage import Stage, seated, stage_in, watch_over
from simulators.harness.summary import summarise
from simulators.harness.theatre import Theatre

SHORT_CYCLE_S = 15
"""In scenarios that are about the pump nobody wants to wait for the cuff."""
EXIT_DISAGREES, EXIT_INTERRUPTED = 1, 130


async def perform(
    scenario: Scenario, speed: float, site: ThrowAwaySite, interrupted: asyncio.Event, *, view: bool
) -> int:
    """Play a scenario from the order to its end and sum it up; return 0 only where all agree on what was given."""
    async with (
        _theatre(scenario, speed, site.bed()) as theatre,
        stage_in(theatre) as stage,
        seated(theatre.files, _show if view else _hide, is_terminal=sys.stdout.isatty()),
    ):
        await theatre.start_daemon()
        try:
            ended = await _until_ended(scenario, stage, interrupted)
        finally:
            status = await theatre.end_daemon()
        if ended:
            print(f"{scenario.value}: everything that this scenario asserts held")
        else:
            print("interrupted: the pump was stopped first")
        if status != 0:
            raise ScriptError(f"the daemon ended with status {status}: rest was not confirmed")
        agree = _conclude(stage.record, theatre.files, must=ended)
    if not ended:
        return EXIT_INTERRUPTED
    return 0 if agree else EXIT_DISAGREES


def _conclude(record: Record, files: BedFiles, *, must: bool) -> bool:
    try:
        summary = summarise(record, files)
    except ScriptError:
        if must:
            raise
        return False
    print(f"\n{summary}", end="")
    return not summary.disagreements()


@asynccontextmanager
async def _theatre(scenario: Scenario, speed: float, files: BedFiles) -> AsyncIterator[Theatre]:
    if speed != 1:
        async with elastic_theatre(files, speed=speed) as elastic:
            yield elastic
    elif scenario.needs_processes:
        async with process_theatre(files, cycle_s=SHORT_CYCLE_S) as short:
            yield short
    else:
        async with process_theatre(files) as real:
            yield real


async def _until_ended(scenario: Scenario, stage: Stage, interrupted: asyncio.Event) -> bool:
    """Play the scenario; return whether it came to its end, False where somebody interrupted it."""
    playing = asyncio.create_task(play(scenario, stage), name="scenario")
    rounds = asyncio.create_task(script.make_rounds(stage), name="rounds")
    tasks = {
        playing,
        asyncio.create_task(watch_over(stage.theatre), name="watch-over"),
        asyncio.create_task(interrupted.wait(), name="interrupted"),
    }
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks | {rounds}:
            task.cancel()
        await asyncio.wait(tasks | {rounds})
    for task in done:
        task.result()
    return playing in done


def _show(words: str) -> None:
    sys.stdout.write(words)
    sys.stdout.flush()


def _hide(_words: str) -> None:
    """Nobody looks at the screen."""
