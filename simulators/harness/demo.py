"""`pumpd demo`: one simulated infusion from the order to the summary, or one thing that goes wrong on the way."""

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from simulators.harness import script
from simulators.harness.elastic_theatre import elastic_theatre
from simulators.harness.process_theatre import process_theatre
from simulators.harness.processes import ProcessError
from simulators.harness.record import Record, ScriptError
from simulators.harness.scenario import Scenario, play
from simulators.harness.site import ThrowAwaySite, make_site
from simulators.harness.stage import Stage, sit, stage_in, watch_over
from simulators.harness.summary import summarise
from simulators.harness.theatre import Theatre

DEFAULT_SPEED = 50.0
"""A turn of the elastic clock each millisecond goes as far as a turn may go; forty minutes take a good one."""
SHORT_CYCLE_S = 15
"""In scenarios that are about the pump nobody wants to wait for the cuff."""
EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `pumpd demo` to the command line."""
    parser = subparsers.add_parser("demo", help="show one simulated infusion", allow_abbrev=False)
    parser.add_argument(
        "--speed",
        type=_speed,
        metavar="N",
        help=f"how much faster than real time at most, {DEFAULT_SPEED:.0f} by default; 1 runs separate processes",
    )
    parser.add_argument(
        "--scenario",
        choices=[scenario.value for scenario in Scenario],
        default=Scenario.NORMAL.value,
        help="what happens; pump-unplugged and daemon-killed always run at speed 1, and are short",
    )
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="keep everything in DIR, also the throw-away passwords"
    )
    parser.add_argument("--no-view", action="store_true", help="show no live view, only the summary")
    parser.set_defaults(handler=run_demo)


def _speed(written: str) -> float:
    try:
        speed = float(written)
    except ValueError:
        raise argparse.ArgumentTypeError(f"the speed is {written!r}; it must be a number from 1 to 1000") from None
    if not 1 <= speed <= 1_000:
        raise argparse.ArgumentTypeError(f"the speed is {written}; it must be 1 to 1000")
    return speed


def run_demo(options: argparse.Namespace) -> int:
    """Carry out `pumpd demo`; return the exit code: 0 only when everything the scenario asserts held."""
    scenario = Scenario(options.scenario)
    if scenario.needs_processes and options.speed not in (None, 1):
        print(f"pumpd demo: {scenario.value} is about processes and runs in real time: --speed 1", file=sys.stderr)
        return EXIT_USAGE
    speed = 1.0 if scenario.needs_processes else options.speed or DEFAULT_SPEED
    keep: Path | None = options.keep
    if keep is not None and keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        print(f"pumpd demo: {keep} is not an empty directory; name a new one", file=sys.stderr)
        return EXIT_USAGE
    return asyncio.run(_run(scenario, speed, keep, view=not options.no_view))


async def _run(scenario: Scenario, speed: float, keep: Path | None, *, view: bool) -> int:
    interrupted = asyncio.Event()
    for number in ENDING_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, interrupted.set)
    folder = Path(tempfile.mkdtemp(prefix="pumpd-demo-")) if keep is None else keep
    site = make_site(folder)
    try:
        code = await _perform(scenario, speed, site, interrupted, view=view)
    except (ScriptError, ProcessError, OSError) as error:
        print(f"pumpd demo: {scenario.value}: {error}", file=sys.stderr)
        code = EXIT_FAILED
    finally:
        if keep is None:
            forget_secrets(site)
    print(f"the record is in {folder}")
    return code


async def _perform(
    scenario: Scenario, speed: float, site: ThrowAwaySite, interrupted: asyncio.Event, *, view: bool
) -> int:
    async with _theatre(scenario, speed, site) as theatre, stage_in(theatre) as stage:
        await theatre.start_daemon()
        try:
            ended = await _until_ended(scenario, stage, interrupted, view=view)
        finally:
            status = await theatre.end_daemon()
        if ended:
            print(f"{scenario.value}: everything that this scenario asserts held")
        else:
            print("interrupted: the pump was stopped first")
        if status != 0:
            raise ScriptError(f"the daemon ended with status {status}: rest was not confirmed")
        agree = _conclude(stage.record, site, must=ended)
    if not ended:
        return EXIT_INTERRUPTED
    return 0 if agree else EXIT_FAILED


def _conclude(record: Record, site: ThrowAwaySite, *, must: bool) -> bool:
    try:
        summary = summarise(record, site)
    except ScriptError:
        if must:
            raise
        return False
    print(f"\n{summary}", end="")
    return not summary.disagreements()


@asynccontextmanager
async def _theatre(scenario: Scenario, speed: float, site: ThrowAwaySite) -> AsyncIterator[Theatre]:
    if speed != 1:
        async with elastic_theatre(site, speed=speed) as elastic:
            yield elastic
    elif scenario.needs_processes:
        async with process_theatre(site, cycle_s=SHORT_CYCLE_S) as short:
            yield short
    else:
        async with process_theatre(site) as real:
            yield real


async def _until_ended(scenario: Scenario, stage: Stage, interrupted: asyncio.Event, *, view: bool) -> bool:
    """Play the scenario; return whether it came to its end, False where somebody interrupted it."""
    playing = asyncio.create_task(play(scenario, stage), name="scenario")
    tasks = {
        playing,
        asyncio.create_task(watch_over(stage.theatre), name="watch-over"),
        asyncio.create_task(interrupted.wait(), name="interrupted"),
    }
    helpers = {
        asyncio.create_task(_station(stage.theatre.site, view=view), name="station"),
        asyncio.create_task(script.make_rounds(stage), name="rounds"),
    }
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks | helpers:
            task.cancel()
        await asyncio.wait(tasks | helpers)
    for task in done:
        task.result()
    return playing in done


async def _station(site: ThrowAwaySite, *, view: bool) -> None:
    """Anna's screen, shown or not."""

    def write(words: str) -> None:
        if view:
            sys.stdout.write(words)
            sys.stdout.flush()

    await sit(site.load(), write, is_terminal=sys.stdout.isatty())


def forget_secrets(site: ThrowAwaySite) -> None:
    """Remove passwords and links; the record stays."""
    shutil.rmtree(site.credentials, ignore_errors=True)
    shutil.rmtree(site.ports, ignore_errors=True)
