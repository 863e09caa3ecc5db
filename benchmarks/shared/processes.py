"""Processes of a benchmark, ended with it, and the broker among them."""

import json
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any, Self

REPOSITORY = Path(__file__).parents[2]
END_S = 5.0


class BenchmarkError(Exception):
    """A measurement that cannot be made; the message says why."""


class Process:
    """A Python module run as a process that speaks lines."""

    def __init__(self, *arguments: str, log: Path) -> None:
        self._name = arguments[0]
        self._log_path = log
        self._log: IO[bytes] = log.open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        self._unread = b""

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def stdout_fd(self) -> int:
        """Where its lines can be waited for."""
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def say(self, word: str) -> None:
        """Send one line."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n".encode())
        self._process.stdin.flush()

    def line(self, timeout_s: float) -> str:
        """Return its next line, or raise `BenchmarkError`."""
        deadline_s = time.monotonic() + timeout_s
        assert self._process.stdout is not None
        while b"\n" not in self._unread:
            ready, _, _ = select.select([self._process.stdout], [], [], max(deadline_s - time.monotonic(), 0))
            read = self._process.stdout.read1() if ready else b""  # type: ignore[attr-defined]  # a BufferedReader
            if not read:
                raise BenchmarkError(self._complaint("ended" if ready else f"said nothing for {timeout_s:g} s"))
            self._unread += read
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode()

    def answer(self, timeout_s: float) -> dict[str, Any]:
        """Return its next line, read as JSON."""
        answer: dict[str, Any] = json.loads(self.line(timeout_s))
        return answer

    def end(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.terminate()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _complaint(self, what: str) -> str:
        last = self._log_path.read_text(errors="replace").splitlines()[-12:]
        return "\n".join([f"the process {self._name} {what}; the end of its log:", *last])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
