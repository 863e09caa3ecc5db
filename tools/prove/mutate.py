"""`make mutate ARGS=quantities` alters a module of the core in every small way and expects its tests to turn red.

What survives is either killed by a better test or listed in docs/safety/mutation.toml with the argument why no input
tells it from the original. A survivor that is not listed fails the command.
"""

import argparse
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tools.prove.altered import ROOT, Outcome, Verdict, run, source_of, warm_up
from tools.prove.mutants import Mutant, mutants

PATH = ROOT / "docs" / "safety" / "mutation.toml"
CORE = "tests/core/test_{}.py"
TESTS: Mapping[str, tuple[str, ...]] = {
    "quantities": ("quantities", "prescription"),
    "prescription": ("prescription", "soft_limits", "flow"),
    "delivery": ("ledger", "delivery", "delivery_limits", "flow", "review", "lowering", "halting"),
    "rolling": ("delivery_limits",),
    "counter": ("counter", "alarms", "lowering"),
    "lockout": ("lockout", "attested"),
    "interlocks": ("vital_rules", "interlocks", "respiration", "shortcut", "flow", "alarms"),
    "vitals": ("vitals", "interlocks", "respiration", "flow", "review"),
    "causes": ("alarms", "delivery_limits", "halting", "lowering", "pausing", "flow"),
    "judge": ("freshness", "judge", "modes"),
    "commanding": ("judge", "flow", "modes", "attested", "review"),
    "alarms": ("alarms", "flow", "halting"),
    "modes": ("modes", "halting"),
    "rest": ("rest", "halting", "review"),
    "halting": ("halting", "flow", "modes", "review"),
    "starting": ("flow", "halting", "review"),
    "lowering": ("lowering",),
    "readiness": ("flow", "attested", "review", "soft_limits"),
    "pausing": ("pausing",),
    "answers": ("answers", "judge", "flow", "halting"),
    "cuff": ("cuff", "interlocks", "flow"),
}
"""Which test files of the core judge a module, the quickest to see it first."""
LEAST_LIMIT_S = 20.0
SLOWER = 5
"""A mutant may take so many times as long as the original; what hangs is found."""


def tests_of(name: str) -> tuple[str, ...]:
    """Return the test files that judge a module."""
    return tuple(CORE.format(each) for each in TESTS[name])


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


def survived(name: str, found: Sequence[Mutant]) -> Iterator[tuple[Mutant, Verdict]]:
    """Yield each mutant that no test killed; raises `RuntimeError` where the original is not green."""
    tests = tests_of(name)
    original = run({}, tests, limit_s=600.0)
    if original.outcome is not Outcome.GREEN:
        raise RuntimeError(f"the tests of {name} are not green as it is: {original.test} {original.words}")
    limit_s = max(LEAST_LIMIT_S, SLOWER * original.took_s)
    for mutant in found:
        verdict = run({mutant.module: mutant.source}, tests, limit_s=limit_s)
        # a module that cannot even be imported is found by every test
        if verdict.outcome is Outcome.GREEN:
            yield mutant, verdict


def main(arguments: list[str] | None = None) -> int:
    """Return 0 when every survivor is listed, else 1."""
    parser = argparse.ArgumentParser(prog="make mutate", description=__doc__)
    parser.add_argument("module", nargs="+", choices=sorted(TESTS))
    parser.add_argument("--count", action="store_true", help="only tell how many mutants there are")
    asked = parser.parse_args(arguments)
    known = listed()
    if not asked.count:
        warm_up()
    unlisted = 0
    for name in asked.module:
        module = f"pumpd.core.{name}"
        found = list(mutants(module, source_of(module)))
        if asked.count:
            print(f"{name:<14}{len(found):>5} mutants")
            continue
        alive = 0
        for mutant, _ in survived(name, found):
            alive += 1
            because = known.get((name, mutant.where, mutant.was, mutant.now))
            unlisted += because is None
            print(f"{'listed' if because else 'SURVIVED'}  {mutant}", flush=True)
        percent = 100 * alive / max(len(found), 1)
        print(f"{name:<14}{len(found):>5} mutants, {len(found) - alive} killed, {alive} survived ({percent:.1f} %)")
    if unlisted:
        print(f"mutate: {unlisted} survivors are not listed in {PATH.relative_to(ROOT)}", file=sys.stderr)
    return 1 if unlisted else 0


if __name__ == "__main__":
    sys.exit(main())
