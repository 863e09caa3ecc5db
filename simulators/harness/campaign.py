"""`pumpd campaign`: many random runs in simulated time, each judged; the first that fails is shrunk and kept."""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from simulators.harness.faults.draw import draw
from simulators.harness.faults.files import ScenarioError, from_toml, to_toml
from simulators.harness.faults.scenario import Mode, Scenario
from simulators.harness.sabotage.bugs import Sabotage, described
from simulators.harness.sabotage.search import search
from simulators.harness.shrink import shrink
from simulators.harness.timeline import timeline
from simulators.harness.virtual.bay import Bay
from simulators.harness.virtual.trial import Blame, Outcome, attempt
from simulators.oracle.observation import Observation

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

AHEAD = 4
"""So many seeds per worker are handed out at once, so that a violation ends the campaign soon."""


def register(subparsers: "Subparsers") -> None:
    """Add the subcommand; the entry point of `pumpd campaign`."""
    parser = subparsers.add_parser(
        "campaign",
        help="judge random runs of a simulated bed in simulated time",
        description="Runs seeds with random faults against simulated devices and judges each by the oracle.",
    )
    parser.add_argument("--tier", choices=["full"], default="full", help="full: the daemon's own code, every byte")
    parser.add_argument("--mode", choices=[mode.value for mode in Mode], default=Mode.SAFETY.value)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--seeds", type=seed_range, metavar="A..B", help="both included")
    what.add_argument("--seed", type=int, metavar="N", help="one seed")
    what.add_argument("--list-sabotage", action="store_true", help="list the deliberate bugs")
    what.add_argument("--scenario", type=Path, metavar="FILE", help="a scenario that was saved")
    parser.add_argument(
        "--sabotage",
        type=Sabotage,
        metavar="NAME",
        help="put a deliberate bug in place and search --seeds for it: exits 0 when a run is violated, 1 when none is",
    )
    parser.add_argument("--trace", action="store_true", help="print one run as a timeline")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="worker processes")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the outcomes as JSON")
    parser.add_argument(
        "--resume-file", type=Path, metavar="FILE", help="keep outcomes here; what was sound is not done again"
    )
    parser.add_argument("--save", type=Path, default=Path(), metavar="FOLDER", help="where a shrunk scenario goes")
    parser.set_defaults(handler=run)


def seed_range(text: str) -> range:
    """Return the seeds of `A..B`, both included."""
    first, dots, last = text.partition("..")
    try:
        seeds = range(int(first), int(last) + 1)
    except ValueError:
        seeds = range(0)
    if not dots or not seeds or seeds.start < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not A..B with 0 <= A <= B")
    return seeds


def run(parsed: argparse.Namespace) -> int:
    """Run what was asked for; return 1 when anything was violated."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    mode = Mode(parsed.mode)
    if parsed.list_sabotage:
        print("\n".join(f"{each.value:30} {described(each)}" for each in Sabotage))
        return 0
    if parsed.sabotage is not None:
        return _search(parsed, mode)
    if parsed.scenario is not None:
        try:
            scenario = from_toml(parsed.scenario.read_text())
        except (OSError, ScenarioError) as error:
            print(f"{parsed.scenario}: {error}", file=sys.stderr)
            return 1
        return _one(scenario, trace=parsed.trace, save=parsed.save)
    if parsed.seed is not None:
        return _one(draw(parsed.seed, mode), trace=parsed.trace, save=parsed.save)
    if parsed.trace:
        print("--trace needs --seed or --scenario: it shows one run", file=sys.stderr)
        return 1
    return _many(parsed, mode)


def _search(parsed: argparse.Namespace, mode: Mode) -> int:
    """Search for a deliberate bug; success is that it was found."""
    if parsed.seeds is None or parsed.trace:
        print(
            "--sabotage needs --seeds, and takes no --trace: it searches for a run that shows the bug", file=sys.stderr
        )
        return 2
    begun_s = time.monotonic()
    for count, found in enumerate(search(parsed.sabotage, parsed.seeds, mode, parsed.jobs), 1):
        _show_progress(count, len(parsed.seeds), time.monotonic() - begun_s)
        if found is not None:
            print(file=sys.stderr)
            print(_summary(found.outcome))
            print(f"{parsed.sabotage.value} was found after {found.runs} runs; to keep it:\n{found.to_toml()}")
            return 0
    print(file=sys.stderr)
    print(f"{parsed.sabotage.value} was not found in {len(parsed.seeds)} runs in {mode.value} mode")
    return 1


def _one(scenario: Scenario, *, trace: bool, save: Path) -> int:
    def show(_bay: Bay, observation: Observation | None, begin_ns: int) -> None:
        if trace and observation is not None:
            for line in timeline(scenario, observation, begin_ns):
                print(line)

    outcome = attempt(scenario, show)
    print(_summary(outcome))
    if outcome.blames and not trace:
        _keep_shrunk(scenario, outcome, save)
    return 1 if outcome.blames else 0


def _many(parsed: argparse.Namespace, mode: Mode) -> int:
    done = _read(parsed.resume_file, mode)
    left = [seed for seed in parsed.seeds if seed not in done]
    begun_s = time.monotonic()
    for count, outcome in enumerate(_outcomes(left, mode, parsed.jobs), 1):
        done[outcome.seed] = outcome
        if parsed.resume_file is not None:
            with parsed.resume_file.open("a") as file:
                file.write(json.dumps(asdict(outcome)) + "\n")
        _show_progress(count, len(left), time.monotonic() - begun_s)
        if outcome.blames:
            break
    if left:
        print(file=sys.stderr)
    outcomes = [done[seed] for seed in parsed.seeds if seed in done]
    if parsed.report is not None:
        parsed.report.write_text(json.dumps(report(outcomes, mode), indent=1) + "\n")
    bad = next((outcome for outcome in outcomes if outcome.blames), None)
    if bad is None:
        print(f"{len(outcomes)} runs in {mode.value} mode, nothing violated")
        return 0
    print(_summary(bad))
    print(f"again: pumpd campaign --tier {parsed.tier} --mode {mode.value} --seed {bad.seed} --trace")
    _keep_shrunk(draw(bad.seed, mode), bad, parsed.save)
    return 1


def _outcomes(seeds: Sequence[int], mode: Mode, jobs: int) -> Iterator[Outcome]:
    """Yield the outcomes in the order of the seeds, whichever worker is done first."""
    if jobs <= 1:
        yield from (attempt(draw(seed, mode)) for seed in seeds)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_silence) as pool:
        for first in range(0, len(seeds), jobs * AHEAD):
            yield from pool.map(partial(_attempt_seed, mode), seeds[first : first + jobs * AHEAD])


def _silence() -> None:
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())


def _attempt_seed(mode: Mode, seed: int) -> Outcome:
    return attempt(draw(seed, mode))


def _show_progress(count: int, of: int, elapsed_s: float) -> None:
    rate = count / elapsed_s if elapsed_s > 0 else 0.0
    left_s = (of - count) / rate if rate else 0.0
    filled = 30 * count // of
    bar = "#" * filled + "-" * (30 - filled)
    line = f"\r[{bar}] {count}/{of} runs, {60 * rate:.1f} /min, {left_s / 60:.1f} min left "
    print(line, end="", file=sys.stderr, flush=True)


def _summary(outcome: Outcome) -> str:
    given = f"{outcome.given_nl / 1_000_000:.3f} of {outcome.ordered_nl / 1_000_000:.3f} mL given"
    lines = [f"{outcome.name}: {outcome.ended or 'not over'} after {outcome.simulated_s} s, {given}"]
    lines += [f"  VIOLATED {blame.rule} at {blame.at_ms / 1_000:.3f} s: {blame.text}" for blame in outcome.blames]
    return "\n".join(lines)


def _keep_shrunk(scenario: Scenario, outcome: Outcome, folder: Path) -> None:
    """Save the fewest faults with which one of the same rules is broken."""
    rules = {blame.rule for blame in outcome.blames}
    fails = partial(_breaks, rules)
    small = shrink(scenario, fails)
    path = folder / f"{scenario.name}.toml"
    path.write_text(to_toml(replace(small, name=scenario.name)))
    kinds = ", ".join(fault.name for fault in small.faults) or "no fault at all"
    print(f"shrunk from {len(scenario.faults)} faults to {kinds}; saved as {path}")


def _breaks(rules: set[str], scenario: Scenario) -> bool:
    return any(blame.rule in rules for blame in attempt(scenario).blames)


def _read(path: Path | None, mode: Mode) -> dict[int, Outcome]:
    """Return the runs that were without blame; the others are done again, for something may have been mended."""
    if path is None or not path.exists():
        return {}
    outcomes = (_outcome(json.loads(line)) for line in path.read_text().splitlines())
    return {outcome.seed: outcome for outcome in outcomes if outcome.mode == mode.value and not outcome.blames}


def _outcome(fields: Mapping[str, object]) -> Outcome:
    """Return the outcome that was written as JSON."""
    values = dict(fields)
    blames, faults, alarms = values.pop("blames"), values.pop("faults"), values.pop("alarms")
    if not isinstance(blames, list) or not isinstance(faults, list) or not isinstance(alarms, list):
        raise TypeError("the resume file holds a line that is no outcome")
    build: type = Outcome  # the keys are those that asdict wrote
    made: Outcome = build(
        **values, blames=tuple(Blame(**each) for each in blames), faults=tuple(faults), alarms=tuple(alarms)
    )
    return made


def report(outcomes: Sequence[Outcome], mode: Mode) -> dict[str, object]:
    """Return what a campaign found, ready for JSON."""
    return {
        "tier": "full",
        "mode": mode.value,
        "runs": len(outcomes),
        "violated": sum(bool(outcome.blames) for outcome in outcomes),
        "simulated_s": sum(outcome.simulated_s for outcome in outcomes),
        "faults": dict(sorted(Counter(name for outcome in outcomes for name in outcome.faults).items())),
        "ends": dict(sorted(Counter(outcome.ended or "not over" for outcome in outcomes).items())),
        "worst_over_nl": max((outcome.given_nl - outcome.ordered_nl for outcome in outcomes), default=0),
        "outcomes": [asdict(outcome) for outcome in outcomes],
    }
