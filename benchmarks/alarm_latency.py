"""From the daemon's decision to the alarm on a nurse's screen: `make bench ARGS=alarm_latency`.

docs/benchmarks.md says how to read the figures. Exit code 1 when an alarm never came to the screen.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from playwright.async_api import Error as PageError

from benchmarks.shared.figures import Spread, verdict
from simulators.harness import script
from simulators.harness.stage import Stage, stage_in
from tests.browser.nurses import prepared, tend
from tests.browser.theatre import PEOPLE, Window, ward

TRIALS = 100
LOOK_AGAIN_S = 0.2
GOAL_MS = 250.0
NS_PER_MS = 1_000_000
SHOWN_WITHIN_MS = 5_000
ALARM = "hr-high-alert"
UNSAFE, SAFE = "oximeter hr 115", "oximeter hr auto"
"""Above the limit that alerts, below the one that pauses: so the infusion goes on, and the next trial can come."""

PAINTED = """
() => {
  window.painted = new Map();
  new MutationObserver(() => requestAnimationFrame(() => {
    for (const row of document.querySelectorAll('main .alarm[data-noted=false]')) {
      const since = row.textContent;
      if (!window.painted.has(since)) window.painted.set(since, performance.timeOrigin + performance.now());
    }
  })).observe(document.querySelector('main [data-alarms]'), { childList: true, subtree: true });
}
"""
"""Keeps when the browser painted each alarm that it had not shown before."""


async def measure(folder: Path, trials: int) -> tuple[list[int], int]:
    """Return the time of each alarm from decision to paint, and how many never came."""
    found: list[int] = []
    missed = 0
    async with ward(folder, speed=20) as opened, stage_in(opened.theatre) as stage:
        with opened.theatre.at_most(PEOPLE):
            anna = await opened.window("anna")
        await prepared(opened, stage, anna)
        await anna.page.evaluate(PAINTED)
        for _ in range(trials):
            await anna.page.evaluate("window.painted.clear()")
            with opened.theatre.at_most(1.0):
                opened.theatre.control(UNSAFE)
                latency_ns = await _shown(stage, anna)
            missed += latency_ns is None
            if latency_ns is not None:
                found.append(latency_ns)
            opened.theatre.control(SAFE)
            await _over(stage, anna)
    return found, missed


async def _shown(stage: Stage, anna: Window) -> int | None:
    alarm = await stage.record.until(script.alarm_named(ALARM), "the alarm", within_s=10)
    decided_ms = datetime.fromisoformat(alarm.since).timestamp() * 1_000
    try:
        handle = await anna.page.wait_for_function(
            "(cause) => [...window.painted].find(([words]) => words.includes(cause))?.[1]",
            arg=alarm.text,
            timeout=SHOWN_WITHIN_MS,
        )
    except PageError:
        return None
    painted_ms = float(await handle.json_value())
    return int((painted_ms - decided_ms) * NS_PER_MS)


async def _over(stage: Stage, anna: Window) -> None:
    """Wait until the alarm is off the list: noted, passed, and so long ago that its return is another episode."""
    look = script.alarm_named(ALARM)
    while look(stage.record.view) is not None:
        await tend(anna)
        await script.acknowledge_all(stage)
        await asyncio.sleep(LOOK_AGAIN_S)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(prog="alarm_latency", description=__doc__, allow_abbrev=False)
    parser.add_argument("--trials", type=int, default=TRIALS, help="alarms")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="pumpd-bench-") as folder:
        found, missed = asyncio.run(measure(Path(folder), options.trials))
    spread = Spread.of(found)
    p99_ms = spread.p99_ns / NS_PER_MS
    print(f"from the decision to the painted alarm, {spread.trials} alarms, ms:")
    print(
        f"  p50 {spread.p50_ns / NS_PER_MS:.0f}, p99 {p99_ms:.0f} ({verdict(p99_ms, GOAL_MS)}), "
        f"max {spread.max_ns / NS_PER_MS:.0f}; missed: {missed}"
    )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
