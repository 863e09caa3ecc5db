"""Daemon and bed on one loop with an elastic clock; the bytes, the broker and the journal are real ones."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from typing import TextIO

import structlog

from pumpd.bedside.config import load_config
from pumpd.bedside.daemon import Daemon
from pumpd.core.modes import Mode
from simulators.devices.nonin import Pacing
from simulators.harness.bed import Bed
from simulators.harness.elastic_clock import ElasticClock
from simulators.harness.processes import enter_broker
from simulators.harness.site import BedFiles

REST_WITHIN_S = 12.0
"""A daemon that ends needs up to ten seconds to confirm rest."""


class ElasticTheatre:
    """Daemon and devices in this process and on this loop, with an elastic clock."""

    def __init__(self, files: BedFiles, bed: Bed, clock: ElasticClock) -> None:
        self.files = files
        self.bed = bed
        self.clock = clock
        self.daemon: Daemon | None = None
        self._task: asyncio.Task[int] | None = None

    def now_ns(self) -> int:
        """Return simulated time."""
        return self.clock.now_ns()

    def at_most(self, speed: float) -> AbstractContextManager[None]:
        """Run no faster than this for the time of the block."""
        return self.clock.at_most(speed)

    def control(self, line: str) -> None:
        """Do something to the simulated bed."""
        self.bed.control(line)

    async def start_daemon(self) -> None:
        """Build a daemon over the journal that is there, and run it."""
        daemon = Daemon(load_config(self.files.config), clock=self.clock, loop=asyncio.get_running_loop())
        state = daemon.bedside.core.state
        # a disk does not hurry, nor does the kernel with what it carries from one end of a line to the other
        self.clock.holds = lambda: state.mode in {Mode.STARTING, Mode.STOPPING} or self.bed.has_unread()
        self.daemon = daemon
        self._task = asyncio.create_task(daemon.run(), name="daemon")

    async def lose_daemon(self) -> None:
        """End the daemon as a kill would: no stop, no goodbye."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def end_daemon(self) -> int | None:
        """End the daemon in good order."""
        task, self._task = self._task, None
        if task is None or self.daemon is None:
            return None
        self.daemon.end()
        await asyncio.wait([task], timeout=REST_WITHIN_S)
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
            return None
        return task.result()

    def fault(self) -> str | None:
        """Return why the daemon is gone although nobody ended it."""
        if self._task is None or not self._task.done():
            return None
        error = self._task.exception()
        return f"the daemon ended by itself: {error if error is not None else self._task.result()}"


@asynccontextmanager
async def elastic_theatre(files: BedFiles, *, speed: float, seed: int = 1) -> AsyncIterator[ElasticTheatre]:
    """Set up broker and bed; on the way out the pump comes to rest first, then everything ends."""
    async with AsyncExitStack() as stack:
        await enter_broker(stack, files.site.site_file, files.site.broker_log)
        yield await stack.enter_async_context(elastic_bed(files, speed=speed, seed=seed))


@asynccontextmanager
async def elastic_bed(files: BedFiles, *, speed: float, seed: int = 1) -> AsyncIterator[ElasticTheatre]:
    """Set up a bed at a broker that is there; on the way out the pump comes to rest first."""
    async with AsyncExitStack() as stack:
        log = stack.enter_context(files.daemon_log.open("a", encoding="utf-8"))
        stack.enter_context(_logging_to(log))
        clock = ElasticClock(asyncio.get_running_loop(), speed)
        stack.callback(clock.close)
        plunger_log = stack.enter_context(files.plunger_log.open("a", encoding="utf-8"))
        wire_log = stack.enter_context(files.wire_log.open("a", encoding="utf-8"))
        bed = Bed(files.ports, clock, seed=seed, pacing=Pacing.PACKET, log=plunger_log, wire_log=wire_log)
        stack.callback(bed.close)
        theatre = ElasticTheatre(files, bed, clock)
        stack.push_async_callback(theatre.end_daemon)
        yield theatre


@contextmanager
def _logging_to(out: TextIO) -> Iterator[None]:
    """Write the daemon's log into a file: the terminal shows the bed."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer(colors=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(out),
    )
    try:
        yield
    finally:
        structlog.reset_defaults()
