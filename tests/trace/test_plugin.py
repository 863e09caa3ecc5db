"""What a run of tests keeps of itself, in one process and in several, and when it fails for a requirement."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.trace.project import INI, make_project
from tools.trace import plugin, record

pytestmark = [pytest.mark.req("LOG-05"), pytest.mark.process]
REPOSITORY = Path(__file__).parents[2]
GOOD = """
import pytest

@pytest.mark.req("DOSE-01")
@pytest.mark.parametrize("dose", [1, 2])
def test_dose(dose):
    assert dose

def test_nothing():
    pass
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    make_project(pytester.path)
    pytester.makeini(INI)
    pytester.syspathinsert(REPOSITORY)
    return pytester


def play(project: pytest.Pytester, test: str, *words: str) -> pytest.RunResult:
    """Run a file of tests in this process; a parallel run cannot share it."""
    project.makepyfile(test_it=test)
    if "-n" in words:
        return project.runpytest_subprocess("-p", "tools.trace.plugin", "-p", "no:cacheprovider", *words)
    return project.runpytest_inprocess("-p", "no:cacheprovider", *words, plugins=[plugin])


def kept(project: pytest.Pytester) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project.path / record.PATH).read_text())
    return found


@pytest.mark.parametrize("words", [(), ("-n", "2", "--dist", "loadgroup")], ids=["one", "two"])
def test_a_run_keeps_what_each_requirements_tests_did(project: pytest.Pytester, words: tuple[str, ...]) -> None:
    grouped = GOOD.replace("@pytest.mark.param", '@pytest.mark.xdist_group("real")\n@pytest.mark.param')
    assert play(project, grouped, "--every-requirement", *words).ret == 0
    found = kept(project)
    assert found["complete"]
    outcomes = {node.partition("@")[0]: outcome for node, outcome in found["outcomes"].pop("DOSE-01").items()}
    assert outcomes == {f"test_it.py::test_dose[{dose}]": "passed" for dose in (1, 2)}
    assert found["outcomes"] == {}


@pytest.mark.parametrize(
    ("old", "new", "outcome"),
    [
        ("assert dose", "assert dose == 1", "failed"),
        ("assert dose", "pytest.skip('not here')", "skipped"),
        ("assert dose", "pytest.xfail('known')", "skipped"),
        ("def test_dose(dose):", "@pytest.mark.xfail\ndef test_dose(dose):", "skipped"),
        ("def test_dose(dose):", "@pytest.mark.usefixtures('broken')\ndef test_dose(dose):", "failed"),
        ("def test_dose(dose):", "@pytest.mark.usefixtures('breaks')\ndef test_dose(dose):", "failed"),
    ],
    ids=["fails", "skips", "xfails", "xpasses", "set-up", "tear-down"],
)
def test_a_whole_run_fails_for_a_requirement_that_no_test_showed(
    project: pytest.Pytester, old: str, new: str, outcome: str
) -> None:
    project.makeconftest(
        "import pytest\n@pytest.fixture\ndef broken(): raise ValueError\n"
        "@pytest.fixture\ndef breaks():\n    yield\n    raise ValueError\n"
    )
    assert old in GOOD
    result = play(project, GOOD.replace(old, new), "--every-requirement")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*requirements without a test that passed in this run*", "DOSE-01: no test*"])
    assert outcome in kept(project)["outcomes"]["DOSE-01"].values()


def test_a_parallel_run_fails_for_it_too(project: pytest.Pytester) -> None:
    result = play(project, GOOD.replace("assert dose", "pytest.skip('not here')"), "--every-requirement", "-n", "1")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["DOSE-01: no test*"])
    result = play(project, GOOD.replace("DOSE-01", "DOSE-02"), "-n", "1")
    assert result.ret != 0
    assert "names requirement 'DOSE-02'" in result.stdout.str()


def test_a_test_amid_which_the_run_ended_has_not_passed(project: pytest.Pytester) -> None:
    assert play(project, GOOD.replace("assert dose", "pytest.exit('enough')")).ret == pytest.ExitCode.INTERRUPTED
    assert kept(project)["outcomes"] == {}


def test_a_part_of_the_tests_does_not_fail_for_it(project: pytest.Pytester) -> None:
    assert play(project, GOOD, "-k", "nothing").ret == 0
    assert not kept(project)["complete"]
    assert play(project, GOOD, "-k", "nothing", "--every-requirement").ret == pytest.ExitCode.TESTS_FAILED


@pytest.mark.parametrize(
    ("mark", "says"),
    [
        ('"DOSE-02"', "names requirement 'DOSE-02', which is not in docs/safety/requirements.toml"),
        ('"DOSE-01", "dose-01"', "names requirement 'dose-01', which"),
        ("", "req takes one id or more"),
        ('id="DOSE-01"', "req takes one id or more"),
    ],
)
def test_a_wrong_mark_fails_where_the_file_is_collected(project: pytest.Pytester, mark: str, says: str) -> None:
    result = play(project, GOOD.replace('"DOSE-01"', mark))
    assert result.ret != 0
    assert says in result.stdout.str()
    result.stdout.fnmatch_lines(["*ERROR*test_it.py*"])
    result.assert_outcomes(errors=1)


@pytest.mark.parametrize(
    "where", ["pytestmark = pytest.mark.req('DOSE-99')", "class TestX:\n    @pytest.mark.req('DOSE-99')\n"]
)
def test_a_mark_on_a_module_or_in_a_class_is_judged_too(project: pytest.Pytester, where: str) -> None:
    body = "    def test_x(self): pass" if where.startswith("class") else "\ndef test_x(): pass"
    result = play(project, f"import pytest\n{where}{body}\n")
    assert result.ret != 0
    assert "DOSE-99" in result.stdout.str()


def test_broken_files_end_the_run_before_it_begins(project: pytest.Pytester) -> None:
    (project.path / "docs" / "safety" / "hazards.toml").write_text("schema = 1\nhazard = []\n")
    result = play(project, GOOD)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*DOSE-01 names H-01, which does not name DOSE-01*"])


def test_the_record_names_the_commit_and_says_whether_the_tree_is_that(project: pytest.Pytester) -> None:
    assert play(project, GOOD).ret == 0
    assert (kept(project)["commit"], kept(project)["clean"]) == (None, False)
    (project.path / ".gitignore").write_text("*.pyc\n__pycache__/\n.trace/\n")
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *words], cwd=project.path, check=True)
    assert play(project, GOOD).ret == 0
    assert len(kept(project)["commit"]) == 40
    assert kept(project)["clean"]
    assert play(project, GOOD + "X = 1").ret == 0
    assert not kept(project)["clean"]


# ---- the command ----------------------------------------------------------------------------------------------------


def trace(project: pytest.Pytester, *words: str) -> "subprocess.CompletedProcess[str]":
    code = "import pathlib, sys, tools.trace.__main__ as tool; sys.exit(tool.main(sys.argv[1:], pathlib.Path()))"
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(command, cwd=project.path, capture_output=True, text=True, check=False)


def test_the_page_must_be_rendered_and_stay_so(project: pytest.Pytester) -> None:
    project.makeconftest('pytest_plugins = ("tools.trace.plugin",)')
    project.makepyfile(test_it=GOOD)
    page = project.path / "docs" / "safety" / "trace.md"
    first = trace(project, "check")
    assert (first.returncode, first.stderr) == (1, "docs/safety/trace.md is not up to date; run 'make trace'\n")
    assert trace(project, "render").returncode == 0
    assert "- `test_it.py::test_dose`\n" in page.read_text()
    assert trace(project, "check", "--strict").returncode == 0
    assert not (project.path / record.PATH).exists(), "nothing was run"
    project.makepyfile(test_it=GOOD.replace("test_dose", "test_another"))
    assert trace(project, "check").returncode == 1


def test_an_orphan_and_a_file_that_cannot_be_collected_are_refused(project: pytest.Pytester) -> None:
    project.makeconftest('pytest_plugins = ("tools.trace.plugin",)')
    project.makepyfile(test_it=GOOD.replace('@pytest.mark.req("DOSE-01")', ""))
    assert "DOSE-01 has no test and no reason why it waits" in trace(project, "check").stderr
    project.makepyfile(test_it="import nothing_of_that_name")
    assert "nothing_of_that_name" in trace(project, "check").stderr
