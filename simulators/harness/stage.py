"""The people at a bed and what they see of it: scripted nurses over real MQTT, and a viewer's record of the bus."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from pumpd.core.commands import ReceiptState
from pumpd.mqtt.bell import Bell
from pumpd.mqtt.client import loop_ns
from pumpd.mqtt.nurse import NurseSession
from pumpd.mqtt.payloads import Ack
from pumpd.mqtt.site import Site
from pumpd.mqtt.watch import Screen, watch
from simulators.harness.record import Record, ScriptError
from simulators.harness.site import CONFIRMER, PREPARER, VIEWER, BedFiles
from simulators.harness.theatre import Theatre, pass_time

HUMAN_SPEED = 8.0
"""Simulated time runs no faster than this while somebody acts: a hand takes its second also in a demonstration."""
WAITED_FOR = frozenset({"confirm", "start", "resume", "pause", "stop", "acknowledge"})
"""What others wait for, or what is decided on a screen that time must not outrun."""
WATCH_EVERY_S = 0.2
TEST_EVERY_S = 300.0
"""A station's test counts for ten minutes of real time."""


class Nurse:
    """One scripted person."""

    def __init__(
        self, site: Site, user: str, record: Record, at_most: Callable[[float], AbstractContextManager[None]]
    ) -> None:
        self.user = user
        # she types it each time, as it stands in her file
        self._session = NurseSession(site, user, site.password(user), record.bed, typed=True)
        self._record = record
        self._at_most = at_most

    async def send(self, kind: str, **fields: Any) -> Ack:
        """Send one command and return the final word."""
        with self._at_most(HUMAN_SPEED if kind in WAITED_FOR else math.inf):
            ack = await self._session.send(kind, **fields)
        self._record.receipt(self.user, ack)
        return ack

    async def must(self, kind: str, **fields: Any) -> Ack:
        """Send one command; raise `ScriptError` where it is not verified."""
        ack = await self.send(kind, **fields)
        if ack.state is not ReceiptState.VERIFIED:
            raise ScriptError(f"{kind} of {self.user}: {ack.state.value}: {ack.reason}")
        return ack


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A bed, its people and its clock, as a script sees them."""

    anna: Nurse
    ben: Nurse
    record: Record
    theatre: Theatre

    async def pass_time(self, seconds: float) -> None:
        """Let the bed's clock go on by so much."""
        await pass_time(self.theatre, seconds)


@asynccontextmanager
async def stage_in(theatre: Theatre) -> AsyncIterator[Stage]:
    """Give the stage of a theatre: a viewer's record of the bus, and the two nurses."""
    files = theatre.files
    site = files.site.load()
    record = Record(site, user=VIEWER, bed=files.name, path=files.bus_log, now_ns=theatre.now_ns)
    following = asyncio.create_task(record.run(), name="record")
    try:
        yield Stage(
            anna=Nurse(site, PREPARER, record, theatre.at_most),
            ben=Nurse(site, CONFIRMER, record, theatre.at_most),
            record=record,
            theatre=theatre,
        )
    finally:
        following.cancel()
        await asyncio.wait([following])


@asynccontextmanager
async def seated(
    files: BedFiles, write: Callable[[str], None] = lambda _words: None, *, is_terminal: bool = False
) -> AsyncIterator[None]:
    """Keep anna's screen on meanwhile: it says each second that she watches, and she hears its bell each time."""
    sitting = asyncio.create_task(_sit(files.site.load(), files.name, write, is_terminal=is_terminal), name="station")
    try:
        yield
    finally:
        sitting.cancel()
        await asyncio.wait([sitting])
        if not sitting.cancelled():
            sitting.result()


async def _sit(site: Site, bed: str, write: Callable[[str], None], *, is_terminal: bool) -> None:
    bell = Bell(write=lambda _ring: None)
    screen = Screen(write, is_terminal=is_terminal, bell=bell)
    async with asyncio.TaskGroup() as group:
        group.create_task(_hear(bell), name="station-test")
        group.create_task(watch(site, PREPARER, site.password(PREPARER), bed, screen), name="station-watch")


async def _hear(bell: Bell) -> None:
    while True:
        bell.test(lambda _question: "y", loop_ns())
        await asyncio.sleep(TEST_EVERY_S)


async def watch_over(theatre: Theatre) -> None:
    """Raise `ScriptError` once something has ended that nobody ended."""
    while (fault := theatre.fault()) is None:  # noqa: ASYNC110 - a process tells nobody that it ended
        await asyncio.sleep(WATCH_EVERY_S)
    raise ScriptError(fault)
