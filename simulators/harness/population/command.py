"""`pumpd population`: what a profile's limits would have done to a cohort of simulated patients. Loads numpy late."""

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pumpd.bedside.profile_file import ProfileError, load_profile
from simulators.devices.pharmacokinetics import Model

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

PATIENTS = (100, 1_000_000)
LONGEST_DELAY_S = 1_800
EXIT_REFUSED = 1


def register(subparsers: "Subparsers") -> None:
    """Add the subcommand; the entry point of `pumpd population`."""
    parser = subparsers.add_parser(
        "population",
        help="show what a profile's limits would do to simulated patients",
        description="An aid for choosing limits: a model, not patients, and no advice. Needs numpy.",
        allow_abbrev=False,
    )
    parser.add_argument("--profile", type=Path, required=True, metavar="FILE", help="the profile to look at")
    parser.add_argument("--patients", type=_patients, default=10_000, metavar="N", help="10000 by default")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="the same seed gives the same figures")
    parser.add_argument(
        "--model", type=Model, choices=list(Model), default=Model.CLEMENTS, metavar="NAME", help=_models()
    )
    parser.add_argument(
        "--resume-delay", type=_delay_s, default=60, metavar="S", help="how long a nurse needs once she may resume (s)"
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with a curve for each limit")
    parser.set_defaults(handler=run)


def _models() -> str:
    return f"the kinetics: {', '.join(model.value for model in Model)}; {Model.CLEMENTS.value} by default"


def _patients(written: str) -> int:
    return _within(written, *PATIENTS, "patients")


def _delay_s(written: str) -> int:
    return _within(written, 0, LONGEST_DELAY_S, "s")


def _within(written: str, low: int, high: int, unit: str) -> int:
    if not written.isdecimal() or not low <= int(written) <= high:
        raise argparse.ArgumentTypeError(f"{written} {unit} were asked for; give {low} to {high}")
    return int(written)


def run(options: argparse.Namespace) -> int:
    """Carry out `pumpd population`; return the exit code."""
    try:
        # numpy belongs to an extra, so that no bedside has to carry it
        from simulators.harness.population.findings import findings
        from simulators.harness.population.page import page
        from simulators.harness.population.words import text
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "numpy":
            raise
        print("pumpd population needs numpy, which is not installed: install pumpd[analysis]", file=sys.stderr)
        return EXIT_REFUSED
    begun_s = time.monotonic()

    def progress(done: int) -> None:
        elapsed_s = time.monotonic() - begun_s
        print(f"\r{done}/{options.patients} patients, {elapsed_s:.0f} s ", end="", file=sys.stderr, flush=True)

    try:
        found = findings(
            load_profile(options.profile),
            model=options.model,
            patients=options.patients,
            seed=options.seed,
            resume_delay_s=options.resume_delay,
            progress=progress,
        )
        print(file=sys.stderr)
        if options.html is not None:
            options.html.write_text(page(found), encoding="utf-8")
    except (ProfileError, OSError, ValueError) as error:
        print(f"pumpd population: {error}", file=sys.stderr)
        return EXIT_REFUSED
    print(text(found), end="")
    return 0
