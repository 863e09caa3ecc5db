"""`pumpd campaign`: many random runs in simulated time, each judged; the first that fails is shrunk and kept."""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from simulators.harness import kept
from simulators.harness.faults.draw import draw
from simulators.harness.faults.files import ScenarioError, from_toml, to_toml
from simulators.harness.faults.scenario import Mode, Scenario
from simulators.harness.kept import Kept, KeptError
from simulators.harness.report.as_json import as_json
from simulators.harness.report.evidence import evidence
from simulators.harness.report.page import page
from simulators.harness.report.totals import command, totals
from simulators.harness.revision import revision
from simulators.harness.sabotage.bugs import Sabotage, described
from simulators.harness.sabotage.search import search
from simulators.harness.shrink import shrink
from simulators.harness.timeline import timeline
from simulators.harness.virtual.bay import Bay
from simulators.harness.virtual.trial import Outcome, attempt
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
    what = parser.add_mutually_exclusive_group()
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
    parser.add_argument(
        "--resume-file", type=Path, metavar="FILE", help="keep outcomes here; what was sound is not done again"
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the outcomes as JSON")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with plots of the outcomes")
    parser.add_argument(
        "--evidence",
        type=Path,
        metavar="FILE",
        help="write what the resume file shows and cannot show as Markdown",
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
    try:
        if parsed.scenario is not None:
            return _one(from_toml(parsed.scenario.read_text()), trace=parsed.trace, save=parsed.save)
        if parsed.seed is not None:
            return _one(draw(parsed.seed, mode), trace=parsed.trace, save=parsed.save)
        wrong = _unfit(parsed)
        if wrong is not None:
            print(wrong, file=sys.stderr)
            return 1
        return _only_report(parsed) if parsed.seeds is None else _many(parsed, mode)
    except ScenarioError as error:
        print(f"{parsed.scenario}: {error}", file=sys.stderr)
    except (OSError, KeptError) as error:
        print(error, file=sys.stderr)
    return 1


def _unfit(parsed: argparse.Namespace) -> str | None:
    """Return why a campaign over many runs cannot be what was meant."""
    if parsed.trace:
        return "--trace needs --seed or --scenario: it shows one run"
    if parsed.evidence is not None and parsed.resume_file is None:
        return "--evidence needs --resume-file: it tells what that file holds"
    if parsed.seeds is None and (parsed.resume_file is None or not (parsed.report or parsed.html or parsed.evidence)):
        return "nothing to do: give --seeds, --seed or --scenario, or a report to write from --resume-file"
    return None


def _search(parsed: argparse.Namespace, mode: Mode) -> int:
    """Search for a deliberate bug; success is that it was found."""
    kept = (parsed.resume_file, parsed.report, parsed.html, parsed.evidence)
    if parsed.seeds is None or parsed.trace or any(path is not None for path in kept):
        print(
            "--sabotage needs --seeds, and takes neither --trace nor a file: it searches for a run that shows the bug, "
            "and what it finds is no outcome of pumpd",
            file=sys.stderr,
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
    done = _done(parsed.resume_file, mode)
    left = [seed for seed in parsed.seeds if seed not in done]
    code = revision()
    older = sum(each.revision != code or code.dirty for each in done.values())
    if older:
        print(f"{older} runs are kept that may have run on other code than {code}", file=sys.stderr)
    begun_s = time.monotonic()
    for count, outcome in enumerate(_outcomes(left, mode, parsed.jobs), 1):
        done[outcome.seed] = Kept(revision=code, outcome=outcome)
        if parsed.resume_file is not None:
            kept.append(parsed.resume_file, done[outcome.seed])
        _show_progress(count, len(left), time.monotonic() - begun_s)
        if outcome.blames:
            break
    if left:
        print(file=sys.stderr)
    shown = [done[seed] for seed in parsed.seeds if seed in done]
    _write_reports(parsed, shown)
    bad = next((each.outcome for each in shown if each.outcome.blames), None)
    if bad is None:
        print(f"{len(shown)} runs in {mode.value} mode, nothing violated")
        return 0
    _tell(bad)
    _keep_shrunk(draw(bad.seed, mode), bad, parsed.save)
    return 1


def _only_report(parsed: argparse.Namespace) -> int:
    """Report what the resume file holds; return 1 when the last outcome of any run is a violation."""
    shown = kept.newest(kept.read(parsed.resume_file))
    _write_reports(parsed, shown)
    bad = [each.outcome for each in shown if each.outcome.blames]
    for outcome in bad:
        _tell(outcome)
    print(f"{len(shown)} runs, {len(bad)} violated")
    return 1 if bad else 0


def _write_reports(parsed: argparse.Namespace, shown: Sequence[Kept]) -> None:
    if parsed.report is not None:
        parsed.report.write_text(json.dumps(as_json(totals(shown), shown), indent=1) + "\n", encoding="utf-8")
    if parsed.html is not None:
        parsed.html.write_text(page(totals(shown), shown), encoding="utf-8")
    if parsed.evidence is not None:
        lines = kept.read(parsed.resume_file)
        parsed.evidence.parent.mkdir(parents=True, exist_ok=True)
        parsed.evidence.write_text(evidence(totals(kept.newest(lines)), kept.superseded(lines)), encoding="utf-8")


def _tell(bad: Outcome) -> None:
    print(_summary(bad))
    print(f"again: {command(bad.mode, bad.seed)}")


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
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{scenario.name}.toml"
    path.write_text(to_toml(replace(small, name=scenario.name)))
    kinds = ", ".join(fault.name for fault in small.faults) or "no fault at all"
    print(f"shrunk from {len(scenario.faults)} faults to {kinds}; saved as {path}")


def _breaks(rules: set[str], scenario: Scenario) -> bool:
    return any(blame.rule in rules for blame in attempt(scenario).blames)


def _done(path: Path | None, mode: Mode) -> dict[int, Kept]:
    """Return the runs that were without blame; the others are done again, for something may have been mended."""
    if path is None or not path.exists():
        return {}
    kept.mend(path)
    last = kept.newest(kept.read(path))
    return {each.outcome.seed: each for each in last if each.outcome.mode == mode.value and not each.outcome.blames}
