"""One bed under measurement: three terminals, a simulated pump, and the daemon in its own process."""

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from benchmarks.shared.oximeter import SAFE
from benchmarks.shared.processes import BenchmarkError, Process
from benchmarks.shared.ptys import Pty
from benchmarks.shared.pump_line import PumpLine
from benchmarks.shared.verdict import Verdict

START_S = 90.0
REARM_S = 10.0
PRIMING_PACKETS_S = 0.05
"""Before the start vital signs come faster than three a second; the daemon's clock leaps as well."""


class Bed:
    """A daemon that runs an infusion, and the far ends of its lines."""

    def __init__(self, folder: Path, name: str, module: str = "benchmarks.shared.daemon_process") -> None:
        self._stack = ExitStack()
        self._folder = folder
        self._name = name
        self.pump = self._stack.enter_context(Pty(folder / f"{name}-pump"))
        self.oximeter = self._stack.enter_context(Pty(folder / f"{name}-oximeter"))
        self._stack.enter_context(Pty(folder / f"{name}-cuff"))
        self.pump_line = PumpLine(self.pump)
        self.process = self._stack.enter_context(
            Process(module, str(folder / f"{name}.toml"), log=folder / f"{name}.log")
        )

    async def start(self) -> None:
        """Bring the daemon to a running infusion, and keep that moment."""
        self.pump_line.attach()
        heard = asyncio.create_task(self.line(START_S))
        while not heard.done():
            self.oximeter.write(SAFE)
            await asyncio.sleep(PRIMING_PACKETS_S)
        heard.result()
        self.pump_line.keep()
        self.pump_line.detach()

    def ask_rearm(self) -> None:
        """Ask the daemon to go back to the moment that was kept."""
        self.process.say("rearm")

    def verdict(self) -> Verdict:
        """Return what the trial before came to; waits until the next can begin."""
        return self._checked(Verdict(**self.process.answer(REARM_S)))

    async def rearm(self) -> Verdict:
        """Go back to the moment that was kept, pump and daemon, without blocking the loop."""
        self.pump_line.detach()
        self.ask_rearm()
        await self._readable(REARM_S)
        verdict = self.verdict()
        self.pump_line.restore()
        self.pump_line.attach()
        return verdict

    def _checked(self, verdict: Verdict) -> Verdict:
        if not verdict.armed:
            raise BenchmarkError(
                f"{self._name}: the infusion does not run again; the last stop was for: {verdict.cause}"
            )
        return verdict

    async def line(self, timeout_s: float = START_S) -> str:
        """Return the next line of the daemon, without blocking the loop."""
        await self._readable(timeout_s)
        return self.process.line(REARM_S)

    async def _readable(self, timeout_s: float) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        fd = self.process.stdout_fd
        loop.add_reader(fd, ready.set)
        try:
            async with asyncio.timeout(timeout_s):
                await ready.wait()
        except TimeoutError:
            raise BenchmarkError(f"{self._name}: the daemon said nothing for {timeout_s:g} s") from None
        finally:
            loop.remove_reader(fd)

    def close(self) -> None:
        """End daemon and lines."""
        self.pump_line.detach()
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
