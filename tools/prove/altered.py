"""Runs some tests against code that was altered in memory, each time in a process of its own. No file is touched.

The parent imports what is slow and never altered, then forks. A child puts the altered source in the place of the
module before anything imports it, so that every importer has the altered one.
"""

import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, unique
from pathlib import Path
from types import CodeType, ModuleType
from typing import IO, NoReturn

import pytest

from tools.trace.collect import collect

ROOT = Path(__file__).parents[2]
IGNORED = "ignore::pytest.PytestAssertRewriteWarning"  # of plugins that the parent has imported already
OPTIONS = ("-q", "-x", "--no-header", "--tb=short", "-p", "no:cacheprovider", "-W", IGNORED)
SLOW_TO_IMPORT = ("hypothesis", "hypothesis.strategies", "pydantic", "structlog", "aiomqtt", "amqtt.broker", "xdist")
LOOK_EVERY_S = 0.01
LAST_LINES = 12


@unique
class Outcome(Enum):
    """What the tests made of it."""

    GREEN = "green"
    RED = "red"
    BROKEN = "broken"  # a test file could not be collected, so no test was run
    TIMED_OUT = "timed out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The end of one run, and the first test that turned red."""

    outcome: Outcome
    test: str = ""
    words: str = ""
    took_s: float = 0.0


def source_of(module: str) -> str:
    """Return the source of a module of this project, without importing it."""
    return path_of(module).read_text()


def path_of(module: str) -> Path:
    """Return the file of a module of this project."""
    return ROOT / f"{module.replace('.', '/')}.py"


class _Loader(importlib.abc.InspectLoader):
    """Gives a module the altered source, and never a cached one."""

    def __init__(self, source: str, path: Path) -> None:
        self._source, self._path = source, path

    def get_source(self, fullname: str) -> str:  # noqa: ARG002 - the loader is of one module
        return self._source

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002
        return compile(self._source, str(self._path), "exec")

    def exec_module(self, module: ModuleType) -> None:
        exec(self.get_code(module.__name__), vars(module))  # noqa: S102 - the project's own code


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, sources: Mapping[str, str]) -> None:
        self._sources = sources

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - as importlib calls it
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> importlib.machinery.ModuleSpec | None:
        source = self._sources.get(fullname)
        if source is None:
            return None
        where = path_of(fullname)
        return importlib.util.spec_from_file_location(fullname, where, loader=_Loader(source, where))


@dataclass(slots=True, eq=False)
class Seen:
    """A pytest plugin: keeps the first red test, and lets no record be written of a run that shows nothing."""

    red: str = ""
    words: str = ""
    ran: int = 0

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Take out the plugin that writes the record of a run."""
        for plugin in list(config.pluginmanager.get_plugins()):
            if type(plugin).__name__ == "Recorder":
                config.pluginmanager.unregister(plugin)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Keep the first report that is red."""
        report = yield
        self.ran += report.when == "call"
        if report.failed and not self.red:
            self.red = report.nodeid
            self.words = "\n".join(report.longreprtext.splitlines()[-LAST_LINES:])
        return report


def warm_up() -> None:
    """Import what is slow and never altered. Nothing of pumpd may be imported in this process."""
    for name in SLOW_TO_IMPORT:
        importlib.import_module(name)
    os.environ.setdefault("HYPOTHESIS_PROFILE", "ci")
    own = [name for name in sys.modules if name.split(".")[0] in {"pumpd", "drivers", "simulators"}]
    if own:
        raise RuntimeError(f"already imported, so an altered source would come too late: {', '.join(own[:3])}")


def run(sources: Mapping[str, str], tests: Sequence[str], *, limit_s: float) -> Verdict:
    """Run `tests` against the altered `sources` in a fork, which is ended when its time is up."""
    reading, writing = os.pipe()
    began_s = time.monotonic()
    with tempfile.TemporaryFile() as said_aloud:
        child = os.fork()
        if child == 0:
            os.close(reading)
            os.setsid()
            _in_child(sources, tests, writing, said_aloud.fileno())
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            return _verdict(child, pipe, said_aloud, began_s, limit_s)


def _verdict(child: int, pipe: IO[bytes], said_aloud: IO[bytes], began_s: float, limit_s: float) -> Verdict:
    ended = _wait(child, began_s + limit_s)
    took_s = time.monotonic() - began_s
    if not ended:
        return Verdict(outcome=Outcome.TIMED_OUT, took_s=took_s)
    code, red, words, ran = json.loads(pipe.read() or b'[1, "", "", 0]')
    if red:
        outcome = Outcome.RED
    elif code == pytest.ExitCode.OK and ran:
        outcome = Outcome.GREEN
    else:
        outcome = Outcome.BROKEN
        said_aloud.seek(0)
        words = "\n".join(said_aloud.read().decode(errors="replace").splitlines()[-LAST_LINES:])
    return Verdict(outcome=outcome, test=red, words=words, took_s=took_s)


def _wait(child: int, until_s: float) -> bool:
    """Wait for a child of ours; one whose time is up is ended with all that it started."""
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > until_s:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return False
        time.sleep(LOOK_EVERY_S)
    return True


def _in_child(sources: Mapping[str, str], tests: Sequence[str], writing: int, aloud: int) -> NoReturn:
    code = 1
    try:
        os.dup2(aloud, 1)
        os.dup2(aloud, 2)
        sys.meta_path.insert(0, _Finder(sources))
        seen = Seen()
        code = int(pytest.main([*OPTIONS, *tests], plugins=[seen]))
        os.write(writing, json.dumps([code, seen.red, seen.words, seen.ran]).encode())
    finally:
        os._exit(code)


def tests_by_requirement() -> dict[str, tuple[str, ...]]:
    """Return which test functions name which requirement; collected in a fork, for that imports everything."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            with os.fdopen(writing, "wb") as pipe, contextlib.chdir(ROOT):
                pipe.write(json.dumps(collect(ROOT)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    found: dict[str, list[str]] = json.loads(said)
    return {requirement: tuple(tests) for requirement, tests in found.items()}
