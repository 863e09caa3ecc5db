"""On a line of 19200 baud: from a frame's arrival, or a nurse's stop, to the last bit of STP; the daemon polls."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from benchmarks.shared.bed import Bed
from benchmarks.shared.figures import Spread
from benchmarks.shared.oximeter import FRAME_BYTES, FRAMES, PACKET_NS, SAFE, UNSAFE
from benchmarks.shared.pump_line import NS_PER_S, WIRE_TIME_NS

UNSAFE_PACKETS = (3, 8)
"""Which packet after the re-arm is the unsafe one: six in a row, whole cycles of a poll at each second or third."""
NURSE_WAIT_S = (1.0, 3.0)
"""When the nurse's stop comes after the re-arm: two whole seconds, whole cycles as well."""
MISS_S = 1.0
VITALS_CAUSE = "SPO2 84 % < 85 %"
NURSE_CAUSE = "stop by anna"


@dataclass(frozen=True, slots=True, kw_only=True)
class PacedLatency:
    """One kind of stop on the paced line."""

    spread: Spread
    misses: int

    @property
    def p50_w(self) -> float:
        """The median in wire times."""
        return self.spread.p50_ns / WIRE_TIME_NS

    @property
    def p99_w(self) -> float:
        """The 99th percentile in wire times."""
        return self.spread.p99_ns / WIRE_TIME_NS

    @property
    def max_w(self) -> float:
        """The longest in wire times."""
        return self.spread.max_ns / WIRE_TIME_NS


class _Trials:
    """Trials of one bed; every frame leaves at its own time."""

    def __init__(self, bed: Bed, seed: str) -> None:
        self._bed = bed
        self._random = random.Random(seed)  # noqa: S311 - when the stop comes
        self.latencies_ns: list[int] = []
        self.misses = 0

    async def vitals(self, trials: int) -> None:
        """Have the infusion stopped by an unsafe packet."""
        await self._repeat(trials, VITALS_CAUSE, self._send_unsafe)

    async def nurse(self, trials: int) -> None:
        """Have the infusion stopped by a nurse at a random moment."""
        await self._repeat(trials, NURSE_CAUSE, self._stop_at_random)

    async def _repeat(self, trials: int, cause: str, act: Callable[[], Awaitable[int]]) -> None:
        await self._bed.rearm()
        for _ in range(trials):
            stops_ns: asyncio.Queue[int] = asyncio.Queue()
            self._bed.pump_line.on_stop = stops_ns.put_nowait
            began_ns = await act()
            ended_ns = None
            with suppress(TimeoutError):
                async with asyncio.timeout(MISS_S):
                    ended_ns = await stops_ns.get()
            verdict = await self._bed.rearm()
            if ended_ns is None or not verdict.cause.startswith(cause):
                self.misses += 1
            else:
                self.latencies_ns.append(ended_ns - began_ns)

    async def _send_unsafe(self) -> int:
        """Stream packets up to an unsafe one; return when its last frame was written."""
        good = self._random.randint(*UNSAFE_PACKETS) - 1
        return await self._stream([SAFE] * good + [UNSAFE])

    async def _stop_at_random(self) -> int:
        """Stream packets until a nurse stops; return when her stop was handed to the daemon."""
        stream = asyncio.create_task(self._stream([SAFE] * (int(NURSE_WAIT_S[1]) + 1) * 3))
        await asyncio.sleep(self._random.uniform(*NURSE_WAIT_S))
        began_ns = time.monotonic_ns()
        self._bed.process.say("stop")
        stream.cancel()
        return began_ns

    async def _stream(self, packets: Sequence[bytes]) -> int:
        began_ns = time.monotonic_ns()
        written_ns = began_ns
        for number, packet in enumerate(packets):
            for frame in range(FRAMES):
                due_ns = began_ns + number * PACKET_NS + (frame + 1) * PACKET_NS // FRAMES
                await asyncio.sleep((due_ns - time.monotonic_ns()) / NS_PER_S)
                written_ns = time.monotonic_ns()
                self._bed.oximeter.write(packet[frame * FRAME_BYTES : (frame + 1) * FRAME_BYTES])
        return written_ns


async def measure(beds: Sequence[Bed], *, trials: int, seed: int) -> tuple[PacedLatency, PacedLatency]:
    """Return the latencies of stops by vital signs and by a nurse, `trials` of each, over all beds at once."""
    shares = [trials * (number + 1) // len(beds) - trials * number // len(beds) for number in range(len(beds))]
    vitals = [_Trials(bed, f"{seed} vitals {number}") for number, bed in enumerate(beds)]
    nurses = [_Trials(bed, f"{seed} nurse {number}") for number, bed in enumerate(beds)]
    async with asyncio.TaskGroup() as group:
        for each, share in zip(vitals, shares, strict=True):
            group.create_task(each.vitals(share))
    async with asyncio.TaskGroup() as group:
        for each, share in zip(nurses, shares, strict=True):
            group.create_task(each.nurse(share))
    return _joined(vitals), _joined(nurses)


def _joined(series: Sequence[_Trials]) -> PacedLatency:
    latencies_ns = [latency_ns for each in series for latency_ns in each.latencies_ns]
    return PacedLatency(spread=Spread.of(latencies_ns), misses=sum(each.misses for each in series))
