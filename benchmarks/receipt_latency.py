"""From the reply that proves a command's effect to its receipt at the nurse: `make bench ARGS=receipt_latency`.

docs/benchmarks.md says how to read the figures. Exit code 1 when a command was not verified.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from aiomqtt import Client

from benchmarks.shared import machine
from benchmarks.shared.bed import Bed
from benchmarks.shared.commanded_process import Point, Reached
from benchmarks.shared.figures import Spread
from benchmarks.shared.oximeter import PACKET_NS, SAFE
from benchmarks.shared.processes import BenchmarkError
from benchmarks.shared.site import start_broker, write_site
from pumpd.core.commands import ReceiptState
from pumpd.core.effects import Receipt
from pumpd.mqtt.client import wall_utc
from pumpd.mqtt.connection import connected, subscribe
from pumpd.mqtt.nurse import NurseSession
from pumpd.mqtt.payloads import Ack
from pumpd.mqtt.site import Site, load_site
from pumpd.mqtt.topics import BedTopics
from pumpd.records import reader

BED, FLOOR_BED, NURSE = "bed1", "floor", "anna"
TRIALS = 100
WARM_UP = 3
"""Trials of each kind before those that count."""
LIMIT_MS = 1_000.0
NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
HEARD_WITHIN_S = 5.0
PRIMING_PACKETS_S = 0.05
"""Until every moment is kept vital signs come faster than three a second; the daemon's clock leaps as well."""
COMMANDS: Mapping[str, tuple[Point, Mapping[str, Any]]] = {
    "start": (Point.READY, {}),
    "pause": (Point.RUNNING, {}),
    "lower": (Point.RUNNING, {"rate_ml_h": Decimal(20)}),
    "stop": (Point.RUNNING, {}),
    "resume": (Point.PAUSED, {}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One command that was verified: when she heard of it, and how far the daemon's clock was ahead."""

    kind: str
    command_id: str
    heard_ns: int
    ahead_ns: int


class CommandedBed(Bed):
    """A bed whose daemon goes to the moment from which a command is measured."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, BED, "benchmarks.shared.commanded_process")
        self.replies_ns: list[int] = []
        self.pump_line.on_reply = self.replies_ns.append
        self._streams = asyncio.Event()
        self._every_s = PRIMING_PACKETS_S

    async def reach_all(self) -> None:
        """Bring the daemon to each point once, and keep the pump as it is there."""
        self.pump_line.attach()
        self._streams.set()
        for point in Point:
            self.process.say(point.value)
            await self._reached(point)
            self.pump_line.keep(point.value)
        self._every_s = PACKET_NS / NS_PER_S

    async def go_to(self, point: Point) -> Reached:
        """Go back to a point, pump and daemon; the line rests meanwhile."""
        self._streams.clear()
        self.pump_line.detach()
        self.process.say(point.value)
        reached = await self._reached(point)
        self.pump_line.restore(point.value)
        self.pump_line.attach()
        self._streams.set()
        return reached

    async def stream(self) -> None:
        """Send vital signs, until cancelled."""
        while True:
            await self._streams.wait()
            self.oximeter.write(SAFE)
            await asyncio.sleep(self._every_s)

    async def _reached(self, point: Point) -> Reached:
        reached = Reached(**json.loads(await self.line()))
        if reached.mode != point.value:
            raise BenchmarkError(f"the daemon is {reached.mode} where it was to be {point.value}")
        return reached


@dataclass
class Floor:
    """What the broker itself takes: a receipt that nobody had to decide, from one bare connection to another."""

    said: Client
    heard: Client
    latencies_ns: list[int] = field(default_factory=list)

    async def measure(self) -> None:
        """Send one."""
        ack = Ack(id="floor", kind="start", state=ReceiptState.VERIFIED, reason="", at=wall_utc())
        began_ns = time.monotonic_ns()
        await self.said.publish(BedTopics(bed=FLOOR_BED).ack(NURSE), ack.to_bytes(), qos=1)
        async with asyncio.timeout(HEARD_WITHIN_S):
            await anext(self.heard.messages)
        self.latencies_ns.append(time.monotonic_ns() - began_ns)


@asynccontextmanager
async def floor_of(site: Site) -> AsyncIterator[Floor]:
    """Connect both ends of the floor."""
    async with (
        connected(site.endpoint, user=site.account_of(FLOOR_BED), password=site.daemon_password(FLOOR_BED)) as said,
        connected(site.endpoint, user=NURSE, password=site.password(NURSE)) as heard,
    ):
        await subscribe(heard, [BedTopics(bed=FLOOR_BED).ack(NURSE)])
        yield Floor(said, heard)


async def measure(bed: CommandedBed, site: Site, trials: int) -> tuple[list[Trial], list[str], list[int]]:
    """Return the trials, what was not verified and why, and the floor's latencies."""
    found: list[Trial] = []
    missed: list[str] = []
    async with asyncio.TaskGroup() as group, floor_of(site) as floor:
        streaming = group.create_task(bed.stream(), name="vital-signs")
        await bed.reach_all()
        for number in range(-WARM_UP, trials):
            for kind in COMMANDS:
                trial = await _trial(bed, site, kind)
                await floor.measure()
                if number < 0:
                    continue
                if isinstance(trial, Trial):
                    found.append(trial)
                else:
                    missed.append(trial)
        await bed.go_to(Point.READY)  # which makes the last records durable
        streaming.cancel()
    return found, missed, floor.latencies_ns[WARM_UP * len(COMMANDS) :]


async def _trial(bed: CommandedBed, site: Site, kind: str) -> Trial | str:
    """Have the nurse send one command; return why, where it was not verified."""
    point, fields = COMMANDS[kind]
    reached = await bed.go_to(point)
    heard_ns = 0

    def show(_line: str) -> None:
        nonlocal heard_ns
        heard_ns = time.monotonic_ns()

    ack = await NurseSession(site, NURSE, site.password(NURSE), BED, show=show).send(kind, **fields)
    if ack.state is not ReceiptState.VERIFIED:
        return f"{kind} {ack.state.value}: {ack.reason}"
    return Trial(kind=kind, command_id=ack.id, heard_ns=heard_ns, ahead_ns=reached.ahead_ns)


def proofs_ns(journal: Path) -> Mapping[str, int]:
    """Return when, by the daemon's clock, the bytes were read on which it called each command verified."""
    found: dict[str, int] = {}
    read_ns = 0
    for link in reader.read(journal):
        if link.kind == "pump-rx":
            read_ns = link.mono_ns
        elif link.kind == Receipt.__name__:
            receipt = json.loads(link.body)
            if receipt["state"] == ReceiptState.VERIFIED.value:
                found[receipt["command_id"]] = read_ns
    return found


def latencies_ns(trials: Sequence[Trial], proofs: Mapping[str, int], replies_ns: Sequence[int]) -> dict[str, list[int]]:
    """Return how long each receipt took from the moment when the pump sent the last byte of what proves it."""
    found: dict[str, list[int]] = {kind: [] for kind in COMMANDS}
    for trial in trials:
        read_ns = proofs[trial.command_id] - trial.ahead_ns
        sent_ns = replies_ns[bisect_right(replies_ns, read_ns) - 1]
        found[trial.kind].append(trial.heard_ns - sent_ns)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(prog="receipt_latency", description=__doc__, allow_abbrev=False)
    parser.add_argument("--trials", type=int, default=TRIALS, help="of each command")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="pumpd-bench-") as folder:
        try:
            return _run(Path(folder), options.trials)
        except BenchmarkError as error:
            print(f"receipt_latency: {error}", file=sys.stderr)
            return 1


def _run(folder: Path, trials: int) -> int:
    with ExitStack() as stack:
        site_file = write_site(folder, [BED, FLOOR_BED])
        broker = stack.enter_context(start_broker(site_file))
        with CommandedBed(folder) as bed:
            meter = machine.BusyMeter((broker.pid, bed.process.pid, os.getpid()))
            found, missed, floor_ns = asyncio.run(measure(bed, load_site(site_file), trials))
            busy = meter.read()
        shown = latencies_ns(found, proofs_ns(folder / f"{BED}.journal"), bed.replies_ns)
    floor = Spread.of(floor_ns)
    print(f"from the proving reply of the pump to the verified receipt, {trials} trials each, ms, and over the floor:")
    for each in missed:
        print(f"  missed: {each}")
    for kind, values in shown.items():
        spread = Spread.of(values)
        held = "held" if spread.max_ns <= LIMIT_MS * NS_PER_MS else "NOT HELD"
        ratios = f"x {spread.p50_ns / floor.p50_ns:.1f}  x {spread.p99_ns / floor.p99_ns:.1f}"
        print(f"  {kind:7} {_ms(spread)}   {ratios}   within {LIMIT_MS:.0f} ms: {held}")
    print(f"  floor   {_ms(floor)}   a receipt from one bare connection to another; {busy}")
    return 1 if missed else 0


def _ms(spread: Spread) -> str:
    values = (spread.p50_ns, spread.p99_ns, spread.max_ns)
    p50, p99, longest = (f"{value / NS_PER_MS:6.1f}" for value in values)
    return f"p50 {p50}  p99 {p99}  max {longest}"


if __name__ == "__main__":
    sys.exit(main())
