"""Whether a full ward delays a stop: `make bench ARGS=ward_load`. docs/benchmarks.md says how to read the figures.

One real daemon, whose stop latency is measured with and without forty replayed beds and ten stations at its broker.
"""

import argparse
import asyncio
import gc
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.shared import machine
from benchmarks.shared.bed import Bed
from benchmarks.shared.figures import Spread, median, shown_us, verdict
from benchmarks.shared.processes import BenchmarkError, Process
from benchmarks.shared.site import start_broker, write_site
from benchmarks.shared.software import SoftwareBench, SoftwareLatency, floor_in
from benchmarks.shared.ward_feeds import RECORDED_S, TOLD_S

BED = "bed1"
FEEDS = 40
STATIONS = 10
TRIALS = 200
PAIRS = 3
GOAL = 1.5


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(prog="ward_load", description=__doc__, allow_abbrev=False)
    parser.add_argument("--trials", type=int, default=TRIALS, help="in each part of a pair")
    parser.add_argument("--pairs", type=int, default=PAIRS, help="of a quiet and a loaded part")
    options = parser.parse_args(arguments)
    gc.disable()
    with tempfile.TemporaryDirectory(prefix="pumpd-bench-") as folder:
        try:
            return _measure(Path(folder), trials=options.trials, pairs=options.pairs)
        except BenchmarkError as error:
            print(f"ward_load: {error}", file=sys.stderr)
            return 1


def _measure(folder: Path, *, trials: int, pairs: int) -> int:
    feeds = [f"feed{number + 1}" for number in range(FEEDS)]
    nurses = [f"nurse{number + 1}" for number in range(STATIONS)]
    with ExitStack() as stack:
        site = write_site(folder, [BED, *feeds], nurses)
        broker = stack.enter_context(start_broker(site))
        bed = stack.enter_context(Bed(folder, BED))
        floor = stack.enter_context(floor_in(folder))
        asyncio.run(bed.start())
        arguments = ("--site", str(site), "--bed", BED, "--feeds", *feeds, "--stations", *nurses)
        ward = stack.enter_context(Process("benchmarks.shared.ward_feeds", *arguments, log=folder / "ward.log"))
        ward.line(RECORDED_S + TOLD_S)
        # the daemon as its unit starts it (systemd/pumpd@.service), and the floor and the far end like it
        if not machine.give_priority([os.getpid(), bed.process.pid, floor.process.pid]):
            print("no right to real-time priority: broker and clients share the processors with the daemon")
        print(f"stop latency of one daemon, {trials} trials a part, microseconds")
        bench = SoftwareBench(bed, floor, seed=1, other_pids=(broker.pid, ward.pid, os.getpid()))
        ratios: list[tuple[float, float]] = []
        floors: list[tuple[float, float]] = []
        misses = 0
        for _ in range(pairs):
            quiet = _part(bench, trials, "quiet")
            ward.say("go")
            print(f"  the ward says {ward.line(TOLD_S)}", flush=True)
            loaded = _part(bench, trials, "loaded")
            ward.say("rest")
            ward.line(TOLD_S)
            misses += quiet.misses + loaded.misses
            ratios.append(_over(loaded.daemon, quiet.daemon))
            floors.append(_over(loaded.floor, quiet.floor))
    p50, p99 = (median([each[index] for each in ratios]) for index in (0, 1))
    floor_p50, floor_p99 = (median([each[index] for each in floors]) for index in (0, 1))
    print(f"{FEEDS} beds and {STATIONS} stations beside it, over quiet, median of {pairs} pairs:")
    print(f"  p50 {p50:.2f} ({verdict(p50, GOAL)}), p99 {p99:.2f} ({verdict(p99, GOAL)}); missed trials: {misses}")
    print(f"  the floor, which knows nothing of the ward: p50 {floor_p50:.2f}, p99 {floor_p99:.2f}")
    return 1 if misses else 0


def _over(loaded: Spread, quiet: Spread) -> tuple[float, float]:
    return loaded.p50_ns / quiet.p50_ns, loaded.p99_ns / quiet.p99_ns


def _part(bench: SoftwareBench, trials: int, name: str) -> SoftwareLatency:
    found = bench.run(trials=trials, rounds=1, progress=lambda _round: None)
    print(
        f"  {name:7} p50 {shown_us(found.daemon.p50_ns)}  p99 {shown_us(found.daemon.p99_ns)}"
        f"   floor p50 {shown_us(found.floor.p50_ns)}  p99 {shown_us(found.floor.p99_ns)}   {found.rounds[0].busy}",
        flush=True,
    )
    return found


if __name__ == "__main__":
    sys.exit(main())
