"""Altered functions, tried in forks of one process: what is killed, what survives, and what cannot be tried there."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tools.prove.mutants import mutants
from tools.prove.warm import NOTED, altered_part, noting, parts

ROOT = Path(__file__).parents[2]
SOURCE = '''"""Words."""

LIMIT = 3


class Pump:
    moving: bool = False

    def late(self, age: int, *, most: int = 5) -> bool:
        if age > most:
            return [each for each in (age,) if each][0] > LIMIT
        return False


def slow(pump: Pump) -> int:
    return 7
'''
TRY = """
import json
from tools.prove.altered import source_of, warm_up
from tools.prove.mutants import mutants
from tools.prove.warm import trials
warm_up()
found = list(mutants("pumpd.core.lockout", source_of("pumpd.core.lockout")))
tried = trials(found, {tests!r}, budget_s=60.0)
print(json.dumps([[str(found[trial.index]), trial.found.value, trial.test] for trial in tried]))
"""


def tried(tests: list[str]) -> list[list[str]]:
    run = [sys.executable, "-c", TRY.replace("{tests!r}", repr(tests))]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    found: list[list[str]] = json.loads(done.stdout)
    return found


@pytest.mark.timeout(240)
@pytest.mark.process
def test_a_function_is_altered_in_a_fork_and_what_is_run_at_import_is_left_alone() -> None:
    found = tried(["tests/core/test_lockout.py"])
    assert len(found) == 18
    for words, became, test in found:
        at_import = "in module:" in words or "in Lockout:" in words
        assert became == ("not here" if at_import else "killed"), words
        assert at_import or test.startswith("tests/core/test_lockout.py::")


@pytest.mark.timeout(240)
@pytest.mark.process
def test_what_no_test_runs_survives() -> None:
    found = tried(["tests/core/test_ledger.py"])
    assert {became for words, became, _ in found if " in Lockout.take:" in words} == {"survived"}


def test_which_body_a_change_alters() -> None:
    found = {
        (each.line, each.was, each.now): altered_part(parts(SOURCE), parts(each.source))
        for each in mutants("m", SOURCE)
    }
    assert found[(10, "age > most", "age >= most")] == "Pump.late"
    assert found[(11, "0", "1")] == "Pump.late", "what is inside a function belongs to it"
    assert found[(16, "7", "8")] == "slow"
    assert found[(3, "3", "4")] == "", "the body of the module"
    assert found[(7, "False", "True")] == "Pump"
    assert found[(9, "5", "6")] == "Pump", "a default is made where the function is"
    assert altered_part(parts(SOURCE), parts(SOURCE)) is None


def test_which_statements_of_functions_are_noted() -> None:
    names: dict[str, Any] = {NOTED: set()}
    exec(compile(noting(SOURCE), "m", "exec"), names)  # noqa: S102 - the source above
    assert names[NOTED] == set(), "what is no function is not noted"
    assert names["Pump"]().late(2) is False
    assert names[NOTED] == {10, 12}
    assert names["Pump"]().late(7) is True
    assert names["slow"](None) == 7
    assert names[NOTED] == {10, 11, 12, 16}
