"""The demonstrations that the tests of this folder judge, each played once by the command that people type."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from simulators.harness.site import ThrowAwaySite
from tests.scenarios.evidence import Evidence

REPOSITORY = Path(__file__).parents[2]
SCENARIOS = ("normal", "hypertension", "probe-off")
PLAYED_WITHIN_S = 500
"""About a minute and a half each on an idle machine."""


@dataclass(slots=True)
class Demo:
    """One `pumpd demo` on its way."""

    scenario: str
    evidence: Evidence
    process: "subprocess.Popen[str]"
    printed: str = ""
    complaints: str = ""
    _ended: bool = field(default=False)

    def wait(self) -> "Demo":
        if not self._ended:
            self.printed, self.complaints = self.process.communicate(timeout=PLAYED_WITHIN_S)
            self._ended = True
        assert self.process.returncode == 0, f"{self.scenario}: {self.complaints}\n{self.printed[-3000:]}"
        return self

    def summary(self) -> dict[str, str]:
        """The printed summary, by the names of its lines."""
        rows = re.findall(r"^(\w[\w ]{0,11}\w) +(\S.*)$", self.printed, flags=re.MULTILINE)
        return dict(rows)


@pytest.fixture(scope="session")
def demos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Demo]]:
    """Start every demonstration; a test waits for the one it judges."""
    started: dict[str, Demo] = {}
    try:
        for scenario in SCENARIOS:
            folder = tmp_path_factory.mktemp(scenario)
            command = [sys.executable, "-m", "pumpd.cli", "demo", "--scenario", scenario, "--keep", str(folder)]
            process = subprocess.Popen(
                command,
                cwd=REPOSITORY,
                env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            evidence = Evidence(ThrowAwaySite(folder=folder).bed().folder)
            started[scenario] = Demo(scenario=scenario, evidence=evidence, process=process)
        yield started
    finally:
        for demo in started.values():
            if demo.process.poll() is None:
                demo.process.send_signal(signal.SIGTERM)
                demo.process.communicate(timeout=60)
            for pipe in (demo.process.stdout, demo.process.stderr):
                if pipe is not None:
                    pipe.close()


@pytest.fixture(scope="session")
def normal(demos: dict[str, Demo]) -> Demo:
    return demos["normal"].wait()


@pytest.fixture(scope="session")
def hypertension(demos: dict[str, Demo]) -> Demo:
    return demos["hypertension"].wait()


@pytest.fixture(scope="session")
def probe_off(demos: dict[str, Demo]) -> Demo:
    return demos["probe-off"].wait()
