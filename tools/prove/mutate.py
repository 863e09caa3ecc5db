"""`make mutate ARGS=quantities` alters a module of the core in every small way and expects its tests to turn red.

Each mutant meets every test that runs the function it alters, first those that run its lines and have killed before.
What survives is either killed by a better test or listed in docs/safety/mutation.toml with the argument why no input
tells it from the original. A survivor that is not listed fails the command.
"""

import argparse
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.prove.altered import ROOT, Outcome, run, source_of, warm_up
from tools.prove.mutants import Mutant, mutants
from tools.prove.removal import CORE_TESTS, SLOW
from tools.prove.warm import Found, trials

PATH = ROOT / "docs" / "safety" / "mutation.toml"
MODULES = tuple(sorted(path.stem for path in (ROOT / "pumpd" / "core").glob("[a-z]*.py")))
FIRST = 3
"""So many test files, those that have killed most, are imported for what must be imported anew; then the others."""
BUDGET_S = 60.0
LIMIT_S = 600.0
"""For all the tests of the core on a slow machine; a mutant that makes them hang is found as well."""


def judges() -> tuple[str, ...]:
    """Return the test files that judge the core, but for those that walk at random and take long."""
    found = sorted(str(path.relative_to(ROOT)) for path in (ROOT / CORE_TESTS).glob("test_*.py"))
    return (*(path for path in found if path not in SLOW), "tests/bedside/test_profile_file.py")


class ListError(ValueError):
    """The list of survivors cannot be read; the message says why."""


def listed(path: Path = PATH) -> dict[tuple[str, str, str, str], str]:
    """Return the argument for each survivor that is known, by module, place, and change."""
    try:
        found = tomllib.loads(path.read_text()).get("survivor", [])
        return {
            (each["module"], each["where"], each["was"], each["now"]): each["because"]
            for each in found
            if each["because"].strip()
        }
    except (OSError, tomllib.TOMLDecodeError, KeyError) as error:
        raise ListError(f"{path.name}: {error}") from None


def survivors(found: Sequence[Mutant], *, budget_s: float) -> Iterator[Mutant]:
    """Yield each mutant that no test killed; raises `WarmError` where the original is not green."""
    kills: Counter[tuple[str, str]] = Counter()
    anew = []
    for trial in trials(found, judges(), budget_s=budget_s):
        mutant = found[trial.index]
        match trial.found:
            case Found.KILLED | Found.HUNG:
                kills[(mutant.module, trial.test.split("::")[0])] += 1
            case Found.SURVIVED:
                yield mutant
            case Found.NOT_HERE:
                anew.append(mutant)
    for mutant in anew:
        own = f"test_{mutant.module.rsplit('.', 1)[1]}.py"
        order = sorted(judges(), key=lambda path: (-kills[(mutant.module, path)], not path.endswith(own)))
        if not any(_killed_anew(mutant, part) for part in (order[:FIRST], order[FIRST:])):
            yield mutant


def _killed_anew(mutant: Mutant, tests: Sequence[str]) -> bool:
    # a module that cannot even be imported is found by every test
    return run({mutant.module: mutant.source}, tests, limit_s=LIMIT_S).outcome is not Outcome.GREEN


def main(arguments: list[str] | None = None) -> int:
    """Return 0 when every survivor is listed, else 1."""
    parser = argparse.ArgumentParser(prog="make mutate", description=__doc__)
    parser.add_argument("module", nargs="+", choices=MODULES)
    parser.add_argument("--count", action="store_true", help="only tell how many mutants there are")
    parser.add_argument("--budget", type=float, default=BUDGET_S, help="seconds of tests that one mutant may meet")
    asked = parser.parse_args(arguments)
    known = listed()
    found = {name: list(mutants(f"pumpd.core.{name}", source_of(f"pumpd.core.{name}"))) for name in asked.module}
    if asked.count:
        for name, own in found.items():
            print(f"{name:<14}{len(own):>5} mutants")
        return 0
    warm_up()
    began_s = time.monotonic()
    alive: Counter[str] = Counter()
    unlisted = 0
    for mutant in survivors([mutant for own in found.values() for mutant in own], budget_s=asked.budget):
        name = mutant.module.rsplit(".", 1)[1]
        alive[name] += 1
        because = known.get((name, mutant.where, mutant.was, mutant.now))
        unlisted += because is None
        print(f"{'listed' if because else 'SURVIVED'}  {mutant}", flush=True)
    for name, own in found.items():
        percent = 100 * alive[name] / max(len(own), 1)
        killed = len(own) - alive[name]
        print(f"{name:<14}{len(own):>5} mutants, {killed} killed, {alive[name]} survived ({percent:.1f} %)")
    print(f"{sum(map(len, found.values()))} mutants in {time.monotonic() - began_s:.0f} s")
    if unlisted:
        print(f"mutate: {unlisted} survivors are not listed in {PATH.relative_to(ROOT)}", file=sys.stderr)
    return 1 if unlisted else 0


if __name__ == "__main__":
    sys.exit(main())
