"""One bed with its daemon on an elastic clock, as a process of its own: a stall at one bed never reaches another."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from simulators.devices.serve import OneSentenceParser
from simulators.harness.elastic_theatre import ElasticTheatre, elastic_bed
from simulators.harness.processes import Child
from simulators.harness.record import ScriptError
from simulators.harness.scenario import Scenario, trouble
from simulators.harness.site import BedFiles, ThrowAwaySite
from simulators.harness.stage import watch_over

READY = "bed ready"
EXIT_FAILED = 1


def start_elastic_bed(files: BedFiles, *, speed: float, seed: int, scenario: Scenario) -> Child:
    """Start a bed with its daemon at a broker that is there; it is ready once it has said `READY`."""
    arguments = ["-m", __name__, "--folder", str(files.site.folder), "--bed", files.name]
    arguments += ["--speed", str(speed), "--seed", str(seed), "--scenario", scenario.value]
    return Child(files.name, arguments, log=files.bed_log)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; return 0 only where nothing failed and the pump came to rest."""
    parser = OneSentenceParser(prog="python -m simulators.harness.elastic_process", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="the throw-away site")
    parser.add_argument("--bed", required=True, help="which of its beds")
    parser.add_argument("--speed", type=float, required=True, help="how much faster than real time at most")
    parser.add_argument("--seed", type=int, required=True, help="seed of the oximeter's noise")
    parser.add_argument("--scenario", type=Scenario, required=True, help="what happens during the first infusion")
    return asyncio.run(_serve(parser.parse_args(arguments)))


async def _serve(options: argparse.Namespace) -> int:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    files = ThrowAwaySite(folder=options.folder).bed(options.bed)
    async with elastic_bed(files, speed=options.speed, seed=options.seed) as theatre:
        await theatre.start_daemon()
        print(READY, flush=True)
        failed = False
        try:
            await _until(ended, theatre, options.scenario)
        except* ScriptError as faults:
            print(*faults.exceptions, sep="\n", flush=True)
            failed = True
        status = await theatre.end_daemon()
    return EXIT_FAILED if failed or status != 0 else 0


async def _until(ended: asyncio.Event, theatre: ElasticTheatre, scenario: Scenario) -> None:
    async with asyncio.TaskGroup() as group:
        meanwhile = [
            group.create_task(watch_over(theatre), name="watch-over"),
            group.create_task(trouble(scenario, theatre), name="trouble"),
        ]
        await ended.wait()
        for task in meanwhile:
            task.cancel()


if __name__ == "__main__":
    sys.exit(main())
