"""An orphan of either kind is a fault; so is a reason that is no longer true, and a test that did not pass."""

from pathlib import Path

import pytest

from tests.trace.project import WAITING, make_project
from tools.trace import judge
from tools.trace.catalogue import Catalogue, load
from tools.trace.page import render
from tools.trace.record import FAILED, PASSED, SKIPPED, Run, function_of

pytestmark = pytest.mark.req("LOG-05")
DOSE, SHOWN = "tests/test_dose.py::test_dose", "tests/test_screen.py::test_shown"


@pytest.fixture
def found(tmp_path: Path) -> Catalogue:
    return load(make_project(tmp_path))


@pytest.fixture
def partly(tmp_path: Path) -> Catalogue:
    return load(make_project(tmp_path / "partly", waiting=WAITING.replace("[[waiting]]", "[[partly]]")))


def run(**outcomes: dict[str, str]) -> Run:
    named = {name.replace("_", "-"): tests for name, tests in outcomes.items()}
    return Run(commit=None, clean=False, complete=True, outcomes=named)


def test_a_test_or_a_reason_for_each_is_enough(found: Catalogue, partly: Catalogue) -> None:
    assert list(judge.gaps(found, {"DOSE-01": (DOSE,)}, strict=True)) == []
    assert list(judge.gaps(partly, {"DOSE-01": (DOSE,), "UI-01": (SHOWN,)}, strict=True)) == []


def test_a_requirement_without_a_test_or_a_reason_is_an_orphan(found: Catalogue) -> None:
    (fault,) = judge.gaps(found, {})
    assert fault.startswith("DOSE-01 has no test and no reason")


def test_a_reason_is_stale_once_there_is_a_test(found: Catalogue) -> None:
    (fault,) = judge.gaps(found, {"DOSE-01": (DOSE,), "UI-01": (SHOWN,)})
    assert fault.startswith(f"UI-01 waits in waiting.toml, and {SHOWN} names it")


def test_what_is_partly_tested_has_a_test(partly: Catalogue) -> None:
    (fault,) = judge.gaps(partly, {"DOSE-01": (DOSE,)})
    assert fault.startswith("UI-01 is partly tested by waiting.toml, and no test names it")


def test_a_test_of_nothing_is_an_orphan_too(found: Catalogue) -> None:
    (fault,) = judge.gaps(found, {"DOSE-01": (DOSE,), "DOSE-99": (DOSE,)})
    assert fault == f"{DOSE} names DOSE-99, which is not in requirements.toml"


@pytest.mark.parametrize("table", ["waiting", "partly"])
def test_strict_lets_nothing_wait_for_the_safety_core(tmp_path: Path, table: str) -> None:
    waiting = WAITING.replace("dashboard", "safety core").replace("[[waiting]]", f"[[{table}]]")
    core = load(make_project(tmp_path, waiting=waiting))
    tests = {"DOSE-01": (DOSE,)} | ({"UI-01": (SHOWN,)} if table == "partly" else {})
    assert list(judge.gaps(core, tests)) == []
    (fault,) = judge.gaps(core, tests, strict=True)
    assert fault == "UI-01 still waits for the safety core: There is no screen yet."


@pytest.mark.parametrize(
    ("tests", "says"),
    [
        ({}, "none ran"),
        ({DOSE: FAILED}, f"{DOSE} failed"),
        ({DOSE: SKIPPED}, f"{DOSE} skipped"),
        ({f"{DOSE}[1]": PASSED, f"{DOSE}[2]": FAILED}, f"{DOSE}[2] failed"),
        ({f"{DOSE}[1]@process": PASSED, f"{DOSE}[2]@process": SKIPPED}, f"{DOSE}[2]@process skipped"),
    ],
)
def test_only_a_test_of_which_every_case_passed_shows_something(
    found: Catalogue, tests: dict[str, str], says: str
) -> None:
    (fault,) = judge.unproven(found, run(DOSE_01=tests))
    assert fault == f"DOSE-01: no test that names it passed in this run ({says})"


def test_one_test_that_passed_is_enough_and_what_waits_needs_none(found: Catalogue, partly: Catalogue) -> None:
    outcomes = {DOSE: FAILED, f"{SHOWN}[1]": PASSED, f"{SHOWN}[2]": PASSED}
    assert list(judge.unproven(found, run(DOSE_01=outcomes))) == []
    (fault,) = judge.unproven(partly, run(DOSE_01=outcomes))
    assert fault.startswith("UI-01:"), "what is tested in part must have passed"


@pytest.mark.parametrize("node", ["a.py::test", "a.py::test[x-@y]", "a.py::test@process", "a.py::test[x]@process"])
def test_the_cases_of_a_test_are_one(node: str) -> None:
    assert function_of(node) == "a.py::test"


def test_the_page_is_the_same_for_the_same_files_and_tells_all(found: Catalogue, partly: Catalogue) -> None:
    tests = {"DOSE-01": (DOSE, SHOWN)}
    text = render(found, tests)
    assert text == render(found, dict(tests))
    for part in (
        "| all 2 requirements | 1 | 0 | 1 |",
        "| **H-02** Not seen | minor | [UI-01](#ui-01) (waits for the dashboard) |",
        "#### DOSE-01\n\nThe dose is right.\n\nControls H-01; numbers proposed. Source: a manual.\n",
        f"- `{DOSE}`\n- `{SHOWN}`\n",
        "- Waits for the dashboard: There is no screen yet.",
    ):
        assert part in text
    assert "- Not tested yet, waits for the dashboard: There is no screen yet." in render(partly, tests)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
