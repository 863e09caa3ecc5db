"""A demonstration as a process of its own, and everything that it may have left when it has ended."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import Signals

from simulators.harness.site import ThrowAwaySite

REPOSITORY = Path(__file__).parents[2]
WITHIN_S = 120.0
ENDS_WITHIN_S = 45.0
"""Beds, dashboard and broker end one after the other."""


@dataclass(frozen=True, slots=True)
class Demonstration:
    """One process that was started with `temporary` as its place for temporary files."""

    process: "subprocess.Popen[bytes]"
    temporary: Path

    @property
    def printed(self) -> str:
        return self._output.read_text()

    @property
    def complaints(self) -> str:
        return (self.temporary / "stderr").read_text()

    @property
    def _output(self) -> Path:
        return self.temporary / "stdout"

    @property
    def site(self) -> ThrowAwaySite:
        (folder,) = self.temporary.glob("pumpd-demo-*")
        return ThrowAwaySite(folder=folder)

    def wait_until(self, came: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + WITHIN_S
        while not came():
            assert self.process.poll() is None, self.complaints
            assert time.monotonic() < deadline_s, self.printed + self.complaints
            time.sleep(0.02)

    def ended(self) -> int:
        """Wait for the end and return the exit status."""
        return self.process.wait(WITHIN_S)

    def end(self, number: Signals) -> int:
        """Send a signal, wait for the end and return the exit status."""
        self.process.send_signal(number)
        return self.ended()

    def assert_nothing_is_left(self) -> None:
        """No process that names the folder, no secret, no link; and nothing that a person could not read."""
        assert _processes_of(self.temporary) == []
        site = self.site
        assert not site.credentials.exists()
        assert [bed.ports for bed in site.beds if bed.ports.exists()] == []
        assert "Traceback" not in self.complaints, self.complaints


@contextmanager
def demonstration(temporary: Path, *words: str) -> Iterator[Demonstration]:
    """Start `python WORDS`, and end it as a person would where the block gives it up, with all that it started."""
    with (temporary / "stdout").open("wb") as stdout, (temporary / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, *words],
            cwd=REPOSITORY,
            env={**os.environ, "TMPDIR": str(temporary)},
            stdout=stdout,
            stderr=stderr,
        )
    try:
        yield Demonstration(process, temporary)
    finally:
        process.terminate()
        try:
            process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _processes_of(folder: Path) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has just ended
            continue
        if str(folder) in words:
            found.append(words)
    return found
