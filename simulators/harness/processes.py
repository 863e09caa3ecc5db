"""Processes of our own: started away from the terminal's signals, waited for with a bound, ended by their own id."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path

LOOK_AGAIN_S = 0.02
READY_WITHIN_S = 60.0
"""A busy machine takes its time to load a process; one that has ended is noticed at once."""
END_WITHIN_S = 30.0
"""A daemon needs up to ten seconds to confirm rest."""


class ProcessError(RuntimeError):
    """A process did not do what it was started for; the message is one sentence with its last words."""


class Child:
    """One process with its output in a file. Ctrl-C at the terminal does not reach it: who started it ends it."""

    def __init__(self, name: str, arguments: Sequence[str], *, log: Path, control: bool = False) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as out:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
                [sys.executable, *arguments],
                stdin=subprocess.PIPE if control else subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def code(self) -> int | None:
        """The exit status, None while it runs."""
        return self._process.poll()

    @property
    def words(self) -> str:
        """What it has said so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def fault(self) -> str | None:
        """Return that it has ended although nobody ended it, with its last words; None where it runs."""
        code = self.code
        return None if code is None else f"{self.name} ended by itself with status {code}: {self.words[-500:]}"

    def tell(self, line: str) -> None:
        """Send a control line."""
        assert self._process.stdin is not None, "started without control"  # noqa: S101 - programmer error
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()

    async def ready(self, is_ready: Callable[[], bool], what: str) -> None:
        """Wait until `is_ready`; raise `ProcessError` where the process ends or takes too long."""
        deadline_s = time.monotonic() + READY_WITHIN_S
        while not is_ready():
            if self.code is not None:
                raise ProcessError(f"{self.name} ended with status {self.code} instead of {what}: {self.words[-500:]}")
            if time.monotonic() > deadline_s:
                raise ProcessError(f"{self.name}: no {what} within {READY_WITHIN_S} s: {self.words[-500:]}")
            await asyncio.sleep(LOOK_AGAIN_S)

    async def said(self, words: str) -> None:
        """Wait until it has said `words`; raise `ProcessError` where the process ends or takes too long."""
        await self.ready(lambda: words in self.words, repr(words))

    def send(self, number: signal.Signals) -> None:
        """Send a signal to this process, if it still runs."""
        if self.code is None:
            self._process.send_signal(number)

    async def ended(self, within_s: float = END_WITHIN_S) -> int:
        """Wait for the end and return the exit status; raise `ProcessError` where it takes too long."""
        deadline_s = time.monotonic() + within_s
        while (code := self.code) is None:
            if time.monotonic() > deadline_s:
                raise ProcessError(f"{self.name} did not end within {within_s} s")
            await asyncio.sleep(LOOK_AGAIN_S)
        self._close()
        return code

    async def end(self) -> int:
        """Ask it to end and return the exit status; kill it where it does not."""
        self.send(signal.SIGTERM)
        try:
            return await self.ended()
        except ProcessError:
            self.kill()
            raise

    def kill(self) -> None:
        """End it at once."""
        self.send(signal.SIGKILL)
        self._process.wait()
        self._close()

    def _close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()


async def enter_broker(stack: AsyncExitStack, site_file: Path, log: Path) -> Child:
    """Start the embedded broker, wait until it listens, and have `stack` end it."""
    broker = Child("broker", ["-m", "pumpd.mqtt.embedded_broker", "--site", str(site_file)], log=log)
    stack.push_async_callback(end_or_kill, broker)
    await broker.said("broker listening")
    return broker


async def end_or_kill(child: Child) -> None:
    """End a process that keeps nothing that matters, by force where it does not obey."""
    with suppress(ProcessError):
        await child.end()
