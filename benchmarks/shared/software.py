"""Software latency: from the write of an unsafe packet's last frame to the read of STP's last byte, over a floor.

Floor and daemon take turns in short blocks. Both rest as long between trials; both get the same bytes.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.shared.bed import Bed
from benchmarks.shared.figures import Spread, median
from benchmarks.shared.machine import Busy, BusyMeter
from benchmarks.shared.oximeter import FRAME_BYTES, UNSAFE
from benchmarks.shared.processes import Process
from benchmarks.shared.ptys import Pty
from benchmarks.shared.pump_line import STOP_PACKET

BLOCK_TRIALS = 100
WARM_UP_TRIALS = 50
GAP_S = (0.0005, 0.0015)
MISS_MS = 1_000
FLOOR_START_S = 10.0
FIRST_REST_S = 0.005
CONTAMINATED_SHARE = 0.30
"""A round in which others kept more of the machine busy says little about the daemon; set before any run."""
EXPECTED_CAUSE = "SPO2 84 % < 85 %"
HEAD, LAST_FRAME = UNSAFE[:-FRAME_BYTES], UNSAFE[-FRAME_BYTES:]


class Tally:
    """Latencies of one side in one round, and how many trials had none."""

    def __init__(self) -> None:
        self.latencies_ns: list[int] = []
        self.misses = 0

    def take(self, latency_ns: int | None) -> None:
        """Count one trial; None is a miss."""
        if latency_ns is None:
            self.misses += 1
        else:
            self.latencies_ns.append(latency_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round of floor and daemon, interleaved."""

    floor: Spread
    daemon: Spread
    misses: int
    busy: Busy

    @property
    def clean(self) -> bool:
        """Whether others left the machine alone."""
        return self.busy.others <= CONTAMINATED_SHARE

    @property
    def ratio_p50(self) -> float:
        """Daemon over floor at the median."""
        return self.daemon.p50_ns / self.floor.p50_ns

    @property
    def ratio_p99(self) -> float:
        """Daemon over floor at the 99th percentile."""
        return self.daemon.p99_ns / self.floor.p99_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftwareLatency:
    """All rounds."""

    rounds: tuple[Round, ...]
    floor: Spread
    daemon: Spread

    @property
    def judged(self) -> tuple[Round, ...]:
        """The clean rounds, or all where none was clean."""
        return tuple(each for each in self.rounds if each.clean) or self.rounds

    @property
    def ratio_p50(self) -> float:
        """Median of the judged rounds' ratios."""
        return median([each.ratio_p50 for each in self.judged])

    @property
    def ratio_p99(self) -> float:
        """Median of the judged rounds' ratios."""
        return median([each.ratio_p99 for each in self.judged])

    @property
    def misses(self) -> int:
        """Trials without a stop, or with a stop that the core's rule did not cause."""
        return sum(each.misses for each in self.rounds)


class _Floor:
    def __init__(self, folder: Path) -> None:
        self.oximeter, self.pump = Pty(folder / "floor-oximeter"), Pty(folder / "floor-pump")
        self.process = Process(
            "benchmarks.shared.floor",
            str(self.oximeter.link),
            str(self.pump.link),
            STOP_PACKET.hex(),
            log=folder / "floor.log",
        )
        self.process.line(FLOOR_START_S)

    def close(self) -> None:
        self.oximeter.close()
        self.pump.close()
        self.process.end()


@contextmanager
def floor_in(folder: Path) -> Iterator[_Floor]:
    """Run a floor for the time of the block."""
    floor = _Floor(folder)
    try:
        yield floor
    finally:
        floor.close()


class SoftwareBench:
    """Runs the rounds. `bed` has a running infusion; its pump's terminal is read raw from here on."""

    def __init__(self, bed: Bed, floor: _Floor, *, seed: int, other_pids: tuple[int, ...]) -> None:
        self._bed = bed
        self._floor = floor
        self._random = random.Random(seed)  # noqa: S311 - gaps between trials
        self._pids = (*other_pids, bed.process.pid, floor.process.pid)
        self._rest_s = FIRST_REST_S

    def run(self, *, trials: int, rounds: int, progress: Callable[[Round], None]) -> SoftwareLatency:
        """Return the latencies of `trials` trials a side."""
        floor_ns: list[int] = []
        daemon_ns: list[int] = []
        done = []
        for side in (self._floor_block, self._daemon_block):
            side(WARM_UP_TRIALS, Tally())
        for number in range(rounds):
            count = trials * (number + 1) // rounds - trials * number // rounds
            meter = BusyMeter(self._pids)
            floor, daemon = self._round(count, daemon_first=bool(number % 2))
            floor_ns += floor.latencies_ns
            daemon_ns += daemon.latencies_ns
            done.append(
                Round(
                    floor=Spread.of(floor.latencies_ns),
                    daemon=Spread.of(daemon.latencies_ns),
                    misses=floor.misses + daemon.misses,
                    busy=meter.read(),
                )
            )
            progress(done[-1])
        return SoftwareLatency(rounds=tuple(done), floor=Spread.of(floor_ns), daemon=Spread.of(daemon_ns))

    def _round(self, trials: int, *, daemon_first: bool) -> tuple[Tally, Tally]:
        floor, daemon = Tally(), Tally()
        sides = [(self._floor_block, floor), (self._daemon_block, daemon)]
        if daemon_first:
            sides.reverse()
        left = trials
        while left:
            block = min(left, BLOCK_TRIALS)
            for side, tally in sides:
                side(block, tally)
            left -= block
        return floor, daemon

    def _floor_block(self, trials: int, tally: Tally) -> None:
        for _ in range(trials):
            time.sleep(self._rest_s)
            tally.take(self._trial(self._floor.oximeter, self._floor.pump))

    def _daemon_block(self, trials: int, tally: Tally) -> None:
        rests_s = [self._rearm()[1]]
        for _ in range(trials):
            latency_ns = self._trial(self._bed.oximeter, self._bed.pump)
            cause, rest_s = self._rearm()
            rests_s.append(rest_s)
            tally.take(latency_ns if cause.startswith(EXPECTED_CAUSE) else None)
        self._rest_s = median(rests_s)

    def _rearm(self) -> tuple[str, float]:
        """Return why the trial before was stopped, and how long it took until the next can begin."""
        began_s = time.monotonic()
        self._bed.ask_rearm()
        return self._bed.verdict().cause, time.monotonic() - began_s

    def _trial(self, oximeter: Pty, pump: Pty) -> int | None:
        pump.drain()
        oximeter.write(HEAD)
        time.sleep(self._random.uniform(*GAP_S))
        received = b""
        began_ns = time.monotonic_ns()
        oximeter.write(LAST_FRAME)
        while len(received) < len(STOP_PACKET):
            data = pump.wait(MISS_MS)
            if not data:
                return None
            received += data
        ended_ns = time.monotonic_ns()
        return ended_ns - began_ns if received.startswith(STOP_PACKET) else None
