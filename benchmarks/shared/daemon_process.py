"""The daemon under measurement: what `pumpd run` builds, brought to a running infusion and re-armed between trials.

`python -m benchmarks.shared.daemon_process CONFIG`. On standard input, one word a line: `rearm`, `stop`. On standard
output `running` once, then for each `rearm` one line of JSON (`Verdict`). Ends when standard input does.
"""

import asyncio
import gc
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from benchmarks.shared.clock import SettableClock
from benchmarks.shared.infusion import Infusion, Moment
from benchmarks.shared.verdict import Verdict
from benchmarks.shared.waiting import until
from pumpd.bedside.config import load_config
from pumpd.bedside.daemon import Daemon
from pumpd.bedside.run_command import configure_log

LOOK_S = 0.002
QUIET_NS = 150_000
"""A process that used less than this of `LOOK_S` did nothing but look."""
QUIET_LOOKS = 4
"""Longer than the broker takes to acknowledge one message."""
RECORD_LIMIT_S = 2.0


class DaemonProcess:
    """Obeys the measuring process."""

    def __init__(self, daemon: Daemon, clock: SettableClock) -> None:
        self._daemon = daemon
        self._clock = clock
        self.infusion = Infusion(daemon.bedside, clock)
        self._moment: Moment | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._trials = 0

    async def serve(self) -> None:
        """Start the infusion and obey until standard input ends."""
        await self.infusion.start()
        self._moment = Moment(self._daemon.bedside, self._clock)
        ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._obey, ended.set)
        print("running", flush=True)
        await ended.wait()

    def _obey(self, end: Callable[[], None]) -> None:
        for word in os.read(sys.stdin.fileno(), 4096).decode().split() or ["end"]:
            if word == "stop":
                self.infusion.stop()
            elif word == "rearm":
                task = asyncio.create_task(self._rearm())
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            else:
                end()

    async def _rearm(self) -> None:
        """Say why the pump was stopped, let record and bus finish, and go back to the running infusion."""
        assert self._moment is not None
        cause = self.infusion.stop_cause
        await self.finish()
        lost = self._daemon.bedside.core.state.broker_lost_real_ns is not None
        self._moment.restore()
        self.infusion.watch()  # the real clock went on, and with it the silence of the station
        verdict = Verdict(cause=cause, armed=self.infusion.may_move, broker_lost=lost)
        print(json.dumps(asdict(verdict)), flush=True)

    async def finish(self) -> None:
        """Let record and bus finish with the trial that was."""
        await self._finish_the_record()
        await _come_to_rest()

    async def _finish_the_record(self) -> None:
        """Make the trial's records durable, as they would be long before the next vital sign."""
        journal = self._daemon.bedside.parts.journal
        self._trials += 1
        asked_ns = time.monotonic_ns()
        journal.confirm(f"benchmark-trial-{self._trials}")
        async with asyncio.timeout(RECORD_LIMIT_S):
            await until(lambda: (journal.unwritten_for_ns or 0) <= time.monotonic_ns() - asked_ns)


async def _come_to_rest() -> None:
    """Wait until the messages are out and acknowledged: nothing happens for several looks in a row."""
    quiet = 0
    while quiet < QUIET_LOOKS:
        before_ns = time.process_time_ns()
        await asyncio.sleep(LOOK_S)
        quiet = quiet + 1 if time.process_time_ns() - before_ns < QUIET_NS else 0


async def main(config: Path, make: Callable[[Daemon, SettableClock], DaemonProcess]) -> None:
    """Run a daemon, and obey, until standard input ends."""
    loop = asyncio.get_running_loop()
    clock = SettableClock(loop)
    daemon = Daemon(load_config(config), clock=clock, loop=loop)
    process = make(daemon, clock)
    gc.freeze()
    gc.disable()
    running = asyncio.create_task(daemon.run())
    serving = asyncio.create_task(process.serve())
    await asyncio.wait({running, serving}, return_when=asyncio.FIRST_COMPLETED)
    for task in (serving, running):
        if task.done():
            task.result()
    os._exit(0)  # the pump that this daemon would bring to rest is gone with the measuring process


if __name__ == "__main__":
    configure_log()
    asyncio.run(main(Path(sys.argv[1]), DaemonProcess))
