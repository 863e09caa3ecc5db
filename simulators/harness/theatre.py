"""What a scenario plays in: a bed with its daemon, in whatever form."""

import asyncio
from contextlib import AbstractContextManager
from typing import Protocol

from pumpd.core.quantities import NS_PER_S
from simulators.harness.site import BedFiles

LOOK_EVERY_S = 0.05


class Theatre(Protocol):
    """A bed with its daemon, and what can be done to them."""

    files: BedFiles

    def now_ns(self) -> int:
        """Return the time by the bed's clock."""

    def at_most(self, speed: float) -> AbstractContextManager[None]:
        """Run the bed's clock no faster than this for the time of the block."""

    def control(self, line: str) -> None:
        """Do something to the simulated bed: a device's name and its control line."""

    async def start_daemon(self) -> None:
        """Start the daemon, over the journal that is there."""

    async def lose_daemon(self) -> None:
        """End the daemon without any warning; it sends nothing more."""

    async def end_daemon(self) -> int | None:
        """End the daemon in good order; return its exit status, None where it does not run."""

    def fault(self) -> str | None:
        """Return why the play cannot go on, or None."""


async def pass_time(theatre: Theatre, seconds: float) -> None:
    """Let the bed's clock go on by so much."""
    until_ns = theatre.now_ns() + int(seconds * NS_PER_S)
    while theatre.now_ns() < until_ns:  # noqa: ASYNC110 - no event: the clock is not the loop's
        await asyncio.sleep(LOOK_EVERY_S)
