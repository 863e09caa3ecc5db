"""Each registered rule of the core, taken out, turns a test of its requirement red; here a few of them are."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools.prove.altered import Outcome, Verdict
from tools.prove.removal import complaint, core_requirements, gaps
from tools.prove.removals import Removal, RemovalError, load

ROOT = Path(__file__).parents[2]
SAMPLE = ("DOSE-04", "CTRL-02", "COMM-03", "CMD-02")
"""All of them take two minutes: `make removal`."""
ONE = Removal(requirement="DOSE-04", module="pumpd.core.delivery", right="def low(", wrong="def lower(", says="no low")


@pytest.mark.timeout(240)
@pytest.mark.process
def test_the_rules_of_a_sample_taken_out_turn_their_tests_red() -> None:
    run = [sys.executable, "-m", "tools.prove.removal", *SAMPLE]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=230, check=False)
    assert done.returncode == 0, done.stderr
    for requirement in SAMPLE:
        assert f"{requirement:<9} red" in done.stdout


@pytest.mark.parametrize("removal", load(), ids=lambda removal: removal.requirement)
def test_each_removal_fits_the_source_and_leaves_python(removal: Removal) -> None:
    source = removal.source()
    compile(source, removal.module, "exec")
    assert removal.right not in source or removal.right in removal.wrong


def test_a_removal_that_no_longer_fits_is_refused() -> None:
    gone = Removal(requirement="X-01", module=ONE.module, right="no such line", wrong="", says="")
    with pytest.raises(RemovalError, match="occurs 0 times"):
        gone.source()


def test_what_the_tests_made_of_a_removal() -> None:
    assert complaint(ONE, Verdict(outcome=Outcome.RED)) is None
    assert "stay green" in str(complaint(ONE, Verdict(outcome=Outcome.GREEN)))
    assert "no test could be run" in str(complaint(ONE, Verdict(outcome=Outcome.BROKEN)))


def test_a_core_requirement_without_a_removal_is_a_gap() -> None:
    tests = {"A-01": ("tests/core/test_a.py::x",), "B-01": ("tests/mqtt/test_b.py::y",), "DOSE-04": ("tests/core/z",)}
    assert core_requirements(tests) == ("A-01", "DOSE-04")
    assert gaps(tests, (ONE,)) == ("A-01",)


@pytest.mark.parametrize("text", ["schema = 2", "schema = 1", "schema = 1\n[[removal]]\nright = 'x'", "schema ="])
def test_a_registry_that_cannot_be_read_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "removals.toml"
    path.write_text(text)
    with pytest.raises(RemovalError, match=r"removals\.toml"):
        load(path)
