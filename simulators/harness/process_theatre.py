"""Daemon and bed as processes of their own, in real time."""

import time
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, nullcontext

from simulators.harness.bed import CYCLE_S
from simulators.harness.processes import Child, enter_broker
from simulators.harness.site import CUFF, OXIMETER, PUMP, BedFiles


class ProcessTheatre:
    """Daemon and bed as processes of their own, in real time."""

    def __init__(self, files: BedFiles, bed: Child) -> None:
        self.files = files
        self.bed = bed
        self.daemon: Child | None = None

    def now_ns(self) -> int:
        """Return real time; all processes of a machine share it."""
        return time.monotonic_ns()

    def at_most(self, _speed: float) -> AbstractContextManager[None]:
        """Real time does not change its pace."""
        return nullcontext()

    def control(self, line: str) -> None:
        """Do something to the simulated bed."""
        self.bed.tell(line)

    async def start_daemon(self) -> None:
        """Start `pumpd run`."""
        self.daemon = start_daemon(self.files)

    async def lose_daemon(self) -> None:
        """Kill the daemon with signal 9."""
        daemon, self.daemon = self.daemon, None
        if daemon is not None:
            daemon.kill()

    async def end_daemon(self) -> int | None:
        """End the daemon in good order."""
        daemon, self.daemon = self.daemon, None
        return None if daemon is None else await daemon.end()

    def fault(self) -> str | None:
        """Return which process is gone although nobody ended it."""
        for child in (self.bed, self.daemon):
            if child is not None and (fault := child.fault()) is not None:
                return fault
        return None


def start_daemon(files: BedFiles) -> Child:
    """Start `pumpd run` for the bed."""
    return Child("daemon", ["-m", "pumpd.cli", "run", "--config", str(files.config)], log=files.daemon_log)


def start_bed(files: BedFiles, *, cycle_s: int = CYCLE_S) -> Child:
    """Start the simulated bed; it is ready once its links are there."""
    arguments = ["-m", "simulators.harness.bed", "--dir", str(files.ports), "--control", "--cycle-s", str(cycle_s)]
    arguments += ["--log", str(files.plunger_log), "--wire-log", str(files.wire_log)]
    return Child("bed", arguments, log=files.bed_log, control=True)


async def bed_ready(bed: Child, files: BedFiles) -> None:
    """Wait until the devices can be reached."""
    links = [files.ports / name for name in (PUMP, OXIMETER, CUFF)]
    await bed.ready(lambda: all(link.exists() for link in links), "the links of the devices")


@asynccontextmanager
async def process_theatre(files: BedFiles, *, cycle_s: int = CYCLE_S) -> AsyncIterator[ProcessTheatre]:
    """Set up broker and bed as processes; on the way out the pump comes to rest first, then everything ends."""
    async with AsyncExitStack() as stack:
        await enter_broker(stack, files.site.site_file, files.site.broker_log)
        bed = start_bed(files, cycle_s=cycle_s)
        stack.push_async_callback(bed.end)
        await bed_ready(bed, files)
        theatre = ProcessTheatre(files, bed)
        stack.push_async_callback(theatre.end_daemon)
        yield theatre
