"""`pumpd demo`: one simulated infusion from the order to the summary, or two beds that people command in a browser."""

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

from pumpd.mqtt.site import ClinicSection
from simulators.harness import course_play, infusion, ward
from simulators.harness.processes import ProcessError
from simulators.harness.record import ScriptError
from simulators.harness.scenario import Scenario
from simulators.harness.site import BED, CLINIC, ThrowAwaySite, make_site

DEFAULT_SPEED = 50.0
"""A turn of the elastic clock each millisecond goes as far as a turn may go; forty minutes take a good one."""
Perform = Callable[[ThrowAwaySite, asyncio.Event], Awaitable[int]]
"""Shows something at a throw-away site until it has ended or is interrupted, and returns the exit code."""
EXIT_FAILED, EXIT_USAGE = 1, 2
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `pumpd demo` to the command line."""
    parser = subparsers.add_parser(
        "demo", help="show one simulated infusion, or two beds to command in a browser", allow_abbrev=False
    )
    parser.add_argument(
        "--dashboard", action="store_true", help="two beds that wait for people who command them in a browser"
    )
    parser.add_argument(
        "--speed",
        type=_speed,
        metavar="N",
        help=f"how much faster than real time at most, {DEFAULT_SPEED:.0f} by default; 1 runs separate processes; "
        f"with --dashboard at most {ward.FASTEST:.0f}",
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
    parser.add_argument(
        "--course", action="store_true", help="one simulated patient through all eight steps, three infusions, a year"
    )
    parser.add_argument("--gates", action="store_true", help="with --course: show each gate refuse before it is met")
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
    wrong = _wrong(scenario, options)
    if wrong is not None:
        print(f"pumpd demo: {wrong}", file=sys.stderr)
        return EXIT_USAGE
    if options.course:
        return course_play.run(options.keep, gates=options.gates)
    if options.dashboard:
        return show(partial(ward.perform, scenario, options.speed or ward.FASTEST), ward.BEDS, options.keep, CLINIC)
    speed = 1.0 if scenario.needs_processes else options.speed or DEFAULT_SPEED
    return show(partial(infusion.perform, scenario, speed, view=not options.no_view), (BED,), options.keep)


def _wrong(scenario: Scenario, options: argparse.Namespace) -> str | None:
    """Return in a sentence why these options do not go together, None where they do."""
    speed: float | None = options.speed
    keep: Path | None = options.keep
    if options.gates and not options.course:
        return "--gates shows the gates of a course: name --course as well"
    if options.course and (options.dashboard or speed is not None or scenario is not Scenario.NORMAL):
        return "--course runs in simulated time by itself: without --dashboard, --speed and --scenario"
    if options.dashboard and scenario.needs_processes:
        possible = ", ".join(each.value for each in Scenario if not each.needs_processes)
        return f"{scenario.value} is a play of scripted nurses in processes of its own; --dashboard has {possible}"
    if options.dashboard and speed is not None and speed > ward.FASTEST:
        return f"the speed is {speed:g}; with --dashboard, where people act, it must be 1 to {ward.FASTEST:g}"
    if scenario.needs_processes and speed not in (None, 1):
        return f"{scenario.value} is about processes and runs in real time: --speed 1"
    if keep is not None and keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        return f"{keep} is not an empty directory; name a new one"
    return None


def show(perform: Perform, beds: Sequence[str], keep: Path | None = None, clinic: ClinicSection | None = None) -> int:
    """Perform at a throw-away site with these beds, in `keep` or else where its secrets are removed again."""
    return asyncio.run(_show(perform, beds, keep, clinic))


async def _show(perform: Perform, beds: Sequence[str], keep: Path | None, clinic: ClinicSection | None) -> int:
    interrupted = asyncio.Event()
    for number in ENDING_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, interrupted.set)
    folder = Path(tempfile.mkdtemp(prefix="pumpd-demo-")) if keep is None else keep
    site = make_site(folder, beds, clinic)
    try:
        code = await perform(site, interrupted)
    except (ScriptError, ProcessError, OSError) as error:
        print(f"pumpd demo: {error}", file=sys.stderr)
        code = EXIT_FAILED
    finally:
        if keep is None:
            forget_secrets(site)
    print(f"the record is in {folder}")
    return code


def forget_secrets(site: ThrowAwaySite) -> None:
    """Remove passwords and links; the record stays."""
    shutil.rmtree(site.credentials, ignore_errors=True)
    for bed in site.beds:
        shutil.rmtree(bed.ports, ignore_errors=True)
