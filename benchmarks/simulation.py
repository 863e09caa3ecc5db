"""How fast simulated time passes: `make bench ARGS=simulation`, or `ARGS="simulation --minutes 5"`.

One whole bay, all bytes at full rate: simulated seconds per second of processor time on one core, then where the time
goes. The exit code is 0; a missed goal is printed and changes nothing, since the figure belongs to the machine too.
"""

import argparse
import cProfile
import gc
import pstats
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import structlog

from simulators.harness.virtual.bay import Bay, load_bed
from simulators.harness.virtual.loop import VirtualLoop
from simulators.harness.virtual.nurse import attend, begin

REPOSITORY = Path(__file__).resolve().parents[1]
GOAL = 500
SLICE_S = 20
"""Simulated seconds per figure: the median of many slices is less at the mercy of what else the machine does."""
SHOWN_FUNCTIONS = 15
FLOOR_TURNS = 200_000
PLACES = (
    "pumpd/core",
    "pumpd/bedside",
    "pumpd/mqtt",
    "pumpd/records",
    "drivers",
    "simulators/devices",
    "simulators/harness",
    "pydantic",
    "asyncio",
    "json",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(prog="simulation", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=int, default=15, help="simulated minutes of infusion to measure")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    rates, messages_per_s = _measure(options.seed, options.minutes)
    rates.sort()
    print(f"Python {sys.version.split()[0]}, {len(rates)} slices of {SLICE_S} simulated s, one core")
    print(f"  lines, bus and journal: {messages_per_s:.0f} messages a simulated second")
    print(f"  simulated s per s of processor time: median {statistics.median(rates):.0f}", end="")
    print(f"  (slowest tenth {rates[len(rates) // 10]:.0f}, fastest tenth {rates[-1 - len(rates) // 10]:.0f})")
    met = "met" if statistics.median(rates) >= GOAL else "missed"
    print(f"  goal: {GOAL} in the median: {met}")
    turn_s = _bare_turn_s()
    print(
        f"  a simulated s costs as much as {1 / statistics.median(rates) / turn_s:.0f} turns of the bare loop", end=""
    )
    print(f" at {1e6 * turn_s:.2f} us each: that ratio belongs to the code, the figures above to the machine, too")
    print()
    _show_profile(options.seed)
    return 0


def _measure(seed: int, minutes: int) -> tuple[list[float], float]:
    rates = []
    with Bay(load_bed(REPOSITORY / "config"), seed=seed) as bay:

        async def infusion() -> None:
            anna, ben = bay.nurse("anna"), bay.nurse("ben")
            bay.start_daemon()
            if not await begin(anna, ben):
                raise SystemExit("the infusion could not be started")
            bay.loop.create_task(attend(anna, within_s=60.0 * minutes), name="attend")
            for _ in range(60 * minutes // SLICE_S):
                began_s = time.process_time()
                await bay.clock.pass_s(SLICE_S)
                rates.append(SLICE_S / (time.process_time() - began_s))

        gc.collect()
        gc.disable()
        messages, began_ns = bay.tape.messages, bay.clock.now_ns()
        bay.run(infusion())
        gc.enable()
        return rates, (bay.tape.messages - messages) * 1e9 / (bay.clock.now_ns() - began_ns)


def _bare_turn_s() -> float:
    """Return the processor time of one turn of the loop with nothing but a timer that sets the next: the floor."""
    loop = VirtualLoop()
    left = FLOOR_TURNS

    def turn() -> None:
        nonlocal left
        left -= 1
        if left:
            loop.call_at_ns(loop.now_ns() + 1, turn)
        else:
            loop.stop()

    loop.call_at_ns(0, turn)
    began_s = time.process_time()
    loop.run_forever()
    spent_s = time.process_time() - began_s
    loop.close()
    return spent_s / FLOOR_TURNS


def _show_profile(seed: int) -> None:
    profile = cProfile.Profile()
    profile.enable()
    _measure(seed, 2)
    profile.disable()
    # the typeshed stubs do not know what Stats keeps
    found: dict[tuple[str, int, str], tuple[int, int, float, float, object]] = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    total_s = sum(own_s for _, _, own_s, _, _ in found.values())
    by_place: dict[str, float] = defaultdict(float)
    for (file, _, _), (_, _, own_s, _, _) in found.items():
        by_place[next((place for place in PLACES if f"/{place}" in file), "the rest of Python")] += own_s
    print("where the time goes (own time under the profiler)")
    for place, own_s in sorted(by_place.items(), key=lambda item: -item[1]):
        print(f"  {100 * own_s / total_s:5.1f} %  {place}")
    print()
    slowest = sorted(found.items(), key=lambda item: -item[1][2])[:SHOWN_FUNCTIONS]
    for (file, line, name), (_, calls, own_s, _, _) in slowest:
        where = "/".join(Path(file).parts[-2:])
        print(f"  {100 * own_s / total_s:5.1f} %  {calls:8d} calls  {name} ({where}:{line})")


if __name__ == "__main__":
    sys.exit(main())
