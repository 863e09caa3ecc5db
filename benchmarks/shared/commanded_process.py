"""The daemon under measurement for a nurse's client: it goes back to a kept moment from which her command can act.

`python -m benchmarks.shared.commanded_process CONFIG`. On standard input, one word a line: the name of a `Point`, which
is reached the first time, in their order, and gone back to from then on. On standard output one line of JSON for each
(`Reached`). Ends when standard input does.
"""

import asyncio
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import assert_never

from benchmarks.shared.clock import SettableClock
from benchmarks.shared.daemon_process import DaemonProcess, main
from benchmarks.shared.infusion import Moment
from pumpd.bedside.daemon import Daemon
from pumpd.bedside.run_command import configure_log
from pumpd.core.commands import Presence


class Point(StrEnum):
    """A moment from which commands are measured."""

    READY = "ready"
    RUNNING = "running"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """Where the daemon is, and how far its clock is ahead of the machine's from now on."""

    mode: str
    ahead_ns: int


class CommandedProcess(DaemonProcess):
    """Obeys the measuring process."""

    def __init__(self, daemon: Daemon, clock: SettableClock) -> None:
        super().__init__(daemon, clock)
        self._bedside = daemon.bedside
        self._settable = clock
        self._moments: dict[Point, Moment] = {}

    async def serve(self) -> None:
        """Go from point to point until standard input ends."""
        words: asyncio.Queue[str] = asyncio.Queue()

        def hear() -> None:
            for word in os.read(sys.stdin.fileno(), 4096).decode().split() or [""]:
                words.put_nowait(word)

        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), hear)
        while word := await words.get():
            await self._go_to(Point(word))
            ahead_ns = self._settable.now_ns() - time.monotonic_ns()
            reached = Reached(mode=self._bedside.core.state.mode.value, ahead_ns=ahead_ns)
            print(json.dumps(asdict(reached)), flush=True)

    async def _go_to(self, point: Point) -> None:
        if point in self._moments:
            await self.finish()
            self._moments[point].restore()
            self.infusion.watch()  # the real clock went on, and with it the silence of station and nurse
            self.infusion.command("anna", Presence())
            return
        match point:
            case Point.READY:
                await self.infusion.make_ready()
            case Point.RUNNING:
                await self.infusion.run()
            case Point.PAUSED:
                await self.infusion.pause()
            case _:
                assert_never(point)
        self._moments[point] = Moment(self._bedside, self._settable)


if __name__ == "__main__":
    configure_log()
    asyncio.run(main(Path(sys.argv[1]), CommandedProcess))
