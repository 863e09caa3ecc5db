"""`make removal` takes each registered rule out of the core and expects a test of its requirement to turn red.

A core requirement is one that a test in tests/core names. `--strict` also refuses one without a registered removal.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence

from tools.prove.altered import Outcome, Verdict, run, tests_by_requirement, warm_up
from tools.prove.removals import Removal, RemovalError, load

CORE_TESTS = "tests/core/"
SLOW = frozenset({f"{CORE_TESTS}test_exploration.py", f"{CORE_TESTS}test_fuzz.py"})
"""They see much and take long, so they come last."""
LIMIT_S = 240.0
"""For the tests of one requirement on a slow machine; a removal that makes them hang is found as well."""


def core_requirements(tests: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the requirements that the tests of the core name."""
    return tuple(sorted(each for each, found in tests.items() if _of_core(found)))


def _of_core(tests: Sequence[str]) -> list[str]:
    found = [test for test in tests if test.startswith(CORE_TESTS)]
    return sorted(found, key=lambda test: test.split("::")[0] in SLOW)


def gaps(tests: Mapping[str, Sequence[str]], removals: Sequence[Removal]) -> tuple[str, ...]:
    """Return the core requirements that no registered removal takes out."""
    registered = {removal.requirement for removal in removals}
    return tuple(each for each in core_requirements(tests) if each not in registered)


def complaint(removal: Removal, verdict: Verdict) -> str | None:
    """Return what is wrong with how the tests took a removal; None where one of them turned red."""
    match verdict.outcome:
        case Outcome.RED | Outcome.TIMED_OUT:
            return None
        case Outcome.GREEN:
            return f"{removal.requirement}: {removal.says}, and its tests stay green"
        case Outcome.BROKEN:
            return f"{removal.requirement}: {removal.says}: no test could be run: {verdict.words}"


def main(arguments: list[str] | None = None) -> int:
    """Return 0 when every removal turned a test red, else 1."""
    parser = argparse.ArgumentParser(prog="make removal", description=__doc__)
    parser.add_argument("requirement", nargs="*", help="only these (all)")
    parser.add_argument("--strict", action="store_true", help="refuse a core requirement without a removal")
    asked = parser.parse_args(arguments)
    registered = load()
    tests = tests_by_requirement()
    missing = gaps(tests, registered)
    chosen = [each for each in registered if not asked.requirement or each.requirement in asked.requirement]
    warm_up()
    faults: list[str] = []
    for removal in chosen:
        own = _of_core(tests.get(removal.requirement, ()))
        try:
            sources = {removal.module: removal.source()}
        except RemovalError as error:
            faults.append(str(error))
            continue
        verdict = run(sources, own, limit_s=LIMIT_S)
        fault = complaint(removal, verdict)
        if verdict.outcome is Outcome.RED and run({}, [verdict.test], limit_s=LIMIT_S).outcome is not Outcome.GREEN:
            fault = f"{removal.requirement}: {verdict.test} is not green with the rule in place either"
        if fault is not None:
            faults.append(fault)
        word = "red" if fault is None else "FAULT"
        print(f"{removal.requirement:<9} {word:<6}{verdict.took_s:5.1f} s  {removal.says}: {verdict.test}", flush=True)
    if missing:
        print(f"without a removal: {', '.join(missing)}")
        if asked.strict:
            faults.append(f"{len(missing)} core requirements have no removal: {', '.join(missing)}")
    for fault in faults:
        print(f"removal: {fault}", file=sys.stderr)
    print(f"{len(chosen)} removals of {len(core_requirements(tests))} core requirements, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
