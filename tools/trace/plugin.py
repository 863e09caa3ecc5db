"""Pytest plugin: refuses marks with unknown ids, keeps what each requirement's tests did, and judges a whole run.

The ids travel in each report's `user_properties`, which also come back from the worker processes of a parallel run.
"""

from collections.abc import Generator

import pytest

from tools.trace import catalogue, judge, record

OPTION = "--every-requirement"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the option that `make test` gives when it runs everything."""
    parser.addoption(
        OPTION,
        action="store_true",
        help="fail unless each requirement that does not wait has a test that passed in this run",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Read the requirements; record in the process that sees all reports, and only when tests run."""
    try:
        found = catalogue.load(config.rootpath)
    except catalogue.CatalogueError as error:
        raise pytest.UsageError(str(error)) from None
    config.pluginmanager.register(Marks(found))
    if not hasattr(config, "workerinput") and not config.option.collectonly:
        config.pluginmanager.register(Recorder(found, config))


def ids_of(item: pytest.Item) -> list[str]:
    """Return the requirement ids that a test names, in the order it names them."""
    ids = [each for mark in item.iter_markers("req") for each in mark.args]
    return list(dict.fromkeys(ids))


def fault_of(item: pytest.Item, found: catalogue.Catalogue) -> str | None:
    """Return what is wrong with the marks of a test."""
    for mark in item.iter_markers("req"):
        if not mark.args or mark.kwargs:
            return f'{item.name}: req takes one id or more, as in @pytest.mark.req("DOSE-04")'
        for each in mark.args:
            if each not in found.requirements:
                return f"{item.name} names requirement {each!r}, which is not in {catalogue.FOLDER}/requirements.toml"
    return None


class Marks:
    """Judges the marks where a file is collected, and puts the ids where the reports will carry them."""

    def __init__(self, found: catalogue.Catalogue) -> None:
        self._found = found

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Turn a wrong mark into an error of its file."""
        report = yield
        items = [node for node in report.result or () if isinstance(node, pytest.Item)]
        faults = dict.fromkeys(fault for item in items if (fault := fault_of(item, self._found)))
        if faults:
            report.outcome = "failed"
            report.longrepr = "\n".join(faults)
            report.result = []
        return report

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Let each report of the test tell its requirements."""
        item.user_properties.extend((record.KEY, each) for each in ids_of(item))


class Recorder:
    """Keeps the outcomes, writes the record, and fails a whole run that leaves a requirement unproven."""

    def __init__(self, found: catalogue.Catalogue, config: pytest.Config) -> None:
        self._found = found
        self._root = config.rootpath
        self._complete = bool(config.getoption(OPTION))
        self._outcomes: dict[str, dict[str, str]] = {}
        self._unproven: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep how the call ended, or a worse end of set-up or tear-down; without a call a test has not passed."""
        if report.when != "call" and report.passed:
            return
        for key, value in report.user_properties:
            if key == record.KEY:
                tests = self._outcomes.setdefault(str(value), {})
                tests[report.nodeid] = _worse(tests.get(report.nodeid), _outcome(report))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the record; a whole run is judged by it."""
        commit, clean = record.commit_of(self._root)
        run = record.Run(commit=commit, clean=clean, complete=self._complete, outcomes=self._outcomes)
        record.write(self._root, run)
        if self._complete:
            self._unproven = list(judge.unproven(self._found, run))
        if self._unproven and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say which requirements this run did not show."""
        if self._unproven:
            terminalreporter.section("requirements without a test that passed in this run")
            for line in self._unproven:
                terminalreporter.write_line(line)


_BADNESS = {record.PASSED: 0, record.SKIPPED: 1, record.FAILED: 2}


def _worse(before: str | None, now: str) -> str:
    return now if before is None else max(before, now, key=_BADNESS.__getitem__)


def _outcome(report: pytest.TestReport) -> str:
    """A test that is expected to fail shows nothing, whether it does or not."""
    return record.SKIPPED if hasattr(report, "wasxfail") else report.outcome
