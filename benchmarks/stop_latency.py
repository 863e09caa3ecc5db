"""How long a stop takes: `make bench ARGS=stop_latency`, or `ARGS="stop_latency --trials 200"`.

Software latency over a floor, then on a line of 19200 baud; docs/benchmarks.md says how to read the figures. The exit
code is 1 when a trial was missed. A missed goal is printed and changes nothing: tails belong to the machine too.
"""

import argparse
import asyncio
import gc
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.shared import machine, paced
from benchmarks.shared.bed import Bed
from benchmarks.shared.figures import shown_us, verdict
from benchmarks.shared.processes import BenchmarkError
from benchmarks.shared.pump_line import WIRE_TIME_NS
from benchmarks.shared.site import PROFILE, start_broker, write_site
from benchmarks.shared.software import Round, SoftwareBench, SoftwareLatency, floor_in

TRIALS = 5_000
PACED_TRIALS = 300
PACED_BEDS = 6
"""Daemons side by side on the paced line: each needs about two seconds a trial and next to no processor."""
MOST_ROUNDS = 5
LEAST_ROUND_TRIALS = 100

GOAL_FLOOR = 1.5
GOAL_PACED_P50_W = 1.10
GOAL_PACED_P99_W = 1.25

_HEADER = "             floor p50      p99   daemon p50      p99   ratio p50   p99   misses"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit code."""
    options = _parser().parse_args(arguments)
    gc.disable()
    with tempfile.TemporaryDirectory(prefix="pumpd-bench-") as folder:
        try:
            software, vitals, nurse = _measure(Path(folder), options)
        except BenchmarkError as error:
            print(f"stop_latency: {error}", file=sys.stderr)
            return 1
    misses = 0
    if software is not None:
        misses += software.misses
    if vitals is not None and nurse is not None:
        _print_paced(vitals, nurse)
        misses += vitals.misses + nurse.misses
    print(f"\nmissed trials: {misses}")
    if options.json is not None:
        options.json.write_text(json.dumps(_figures(options, software, vitals, nurse), indent=2) + "\n")
    return 1 if misses else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="stop_latency", description="How long a stop takes.", allow_abbrev=False)
    parser.add_argument("--trials", type=_count, default=TRIALS, help="of the software latency, a side")
    parser.add_argument(
        "--paced-trials", type=_count, help=f"on the paced line, a kind; at most {PACED_TRIALS} if unset"
    )
    parser.add_argument("--only", choices=("software", "paced"), help="one of the two parts")
    parser.add_argument(
        "--realtime", action="store_true", help="daemon and floor at real-time priority, as a service may be"
    )
    parser.add_argument("--seed", type=int, default=1, help="of gaps and moments")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to this file")
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} trials measure nothing; at least 1")
    return number


def _paced_trials(options: argparse.Namespace) -> int:
    trials: int = options.paced_trials or min(options.trials, PACED_TRIALS)
    return trials


def _measure(
    folder: Path, options: argparse.Namespace
) -> tuple[SoftwareLatency | None, paced.PacedLatency | None, paced.PacedLatency | None]:
    software_bed, *paced_beds = [f"bed{number + 1}" for number in range(1 + PACED_BEDS)]
    software = vitals = nurse = None
    with ExitStack() as stack:
        broker = stack.enter_context(start_broker(write_site(folder, [software_bed, *paced_beds])))
        if options.only != "paced":
            with Bed(folder, software_bed) as bed, floor_in(folder) as floor:
                asyncio.run(bed.start())
                pids = [bed.process.pid, floor.process.pid] if options.realtime else []
                _prioritise(pids)
                print(f"software latency, {options.trials} trials a side, microseconds")
                print(_HEADER, flush=True)
                bench = SoftwareBench(bed, floor, seed=options.seed, other_pids=(broker.pid, os.getpid()))
                rounds = max(min(MOST_ROUNDS, options.trials // LEAST_ROUND_TRIALS), 1)
                software = bench.run(trials=options.trials, rounds=rounds, progress=_print_round)
                _print_software(software)
        if options.only != "software":
            vitals, nurse = asyncio.run(_paced(folder, paced_beds, broker.pid, options))
    return software, vitals, nurse


def _prioritise(measured: Sequence[int]) -> None:
    """Let the far end run when it is due, as a wire would, and the measured processes too where that was asked for.

    Otherwise the far end's read waits on a busy machine until the daemon has done its work after the stop.
    """
    if not machine.give_priority([os.getpid(), *measured]):
        print("no right to real-time priority: a busy machine delays the far end's reads")


async def _paced(
    folder: Path, names: Sequence[str], broker_pid: int, options: argparse.Namespace
) -> tuple[paced.PacedLatency, paced.PacedLatency]:
    with ExitStack() as stack:
        beds = []
        for name in names:  # one after the other: a daemon gives up a pump that nobody serves
            beds.append(stack.enter_context(Bed(folder, name)))
            await beds[-1].start()
        _prioritise([bed.process.pid for bed in beds] if options.realtime else [])
        meter = machine.BusyMeter([os.getpid(), broker_pid, *(bed.process.pid for bed in beds)])
        found = await paced.measure(beds, trials=_paced_trials(options), seed=options.seed)
        print(f"on a line of 19200 baud, to the last bit of STP, in wire times W; {meter.read()}")
        return found


def _print_round(each: Round) -> None:
    print(
        f"  a round   {shown_us(each.floor.p50_ns)} {shown_us(each.floor.p99_ns)}     {shown_us(each.daemon.p50_ns)} "
        f"{shown_us(each.daemon.p99_ns)}        {each.ratio_p50:4.2f}  {each.ratio_p99:4.2f}"
        f"   {each.misses:6}   {each.busy}{'' if each.clean else ' (contaminated)'}",
        flush=True,
    )


def _print_software(found: SoftwareLatency) -> None:
    for name, spread in (("floor", found.floor), ("daemon", found.daemon)):
        print(
            f"  {name:7} all rounds: p50 {shown_us(spread.p50_ns)}  p99 {shown_us(spread.p99_ns)}  "
            f"(p99.9 {shown_us(spread.p999_ns)}, max {shown_us(spread.max_ns)}: of this machine and hour)"
        )
    clean = sum(each.clean for each in found.rounds)
    over = f"{clean} clean rounds" if clean else f"all {len(found.rounds)} rounds, none of them clean"
    print(f"  over the floor, median of {over}: p50 {found.ratio_p50:.2f} ({verdict(found.ratio_p50, GOAL_FLOOR)}),")
    print(f"    p99 {found.ratio_p99:.2f} ({verdict(found.ratio_p99, GOAL_FLOOR)})")
    print(
        f"  over the wire time W = {WIRE_TIME_NS / 1e6:.3f} ms: p50 {_in_w(found.daemon.p50_ns):.3f}, "
        f"p99 {_in_w(found.daemon.p99_ns):.3f}"
    )


def _print_paced(vitals: paced.PacedLatency, nurse: paced.PacedLatency) -> None:
    print(
        f"  by an unsafe vital sign ({vitals.spread.trials} trials): "
        f"p50 {vitals.p50_w:.3f} ({verdict(vitals.p50_w, GOAL_PACED_P50_W)}), "
        f"p99 {vitals.p99_w:.3f} ({verdict(vitals.p99_w, GOAL_PACED_P99_W)}), max {vitals.max_w:.2f}"
    )
    print(
        f"  by a nurse at a random moment ({nurse.spread.trials} trials): "
        f"p50 {nurse.p50_w:.3f}, p99 {nurse.p99_w:.3f}, max {nurse.max_w:.2f}"
    )


def _in_w(nanoseconds: int) -> float:
    return nanoseconds / WIRE_TIME_NS


def _figures(
    options: argparse.Namespace,
    software: SoftwareLatency | None,
    vitals: paced.PacedLatency | None,
    nurse: paced.PacedLatency | None,
) -> dict[str, object]:
    figures: dict[str, object] = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine.described(),
        "python": sys.version.split()[0],
        "profile": PROFILE.stem,
        "seed": options.seed,
        "realtime": options.realtime,
        "wire_time_ns": WIRE_TIME_NS,
    }
    if software is not None:
        rounds = [
            asdict(each) | {"ratio_p50": each.ratio_p50, "ratio_p99": each.ratio_p99, "clean": each.clean}
            for each in software.rounds
        ]
        figures["software"] = {
            "floor": asdict(software.floor),
            "daemon": asdict(software.daemon),
            "ratio_p50": software.ratio_p50,
            "ratio_p99": software.ratio_p99,
            "p50_w": _in_w(software.daemon.p50_ns),
            "p99_w": _in_w(software.daemon.p99_ns),
            "misses": software.misses,
            "rounds": rounds,
        }
    for name, found in (("paced_vitals", vitals), ("paced_nurse", nurse)):
        if found is not None:
            figures[name] = asdict(found) | {"p50_w": found.p50_w, "p99_w": found.p99_w, "max_w": found.max_w}
    return figures


if __name__ == "__main__":
    sys.exit(main())
