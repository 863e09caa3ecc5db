"""What happens to a bed that people command: when it begins, and how fast its clock may run meanwhile."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from simulators.harness.record import ScriptError
from simulators.harness.scenario import PROBE_OFF_AFTER_S, PROBE_OFF_S, SURGE, SURGE_AFTER_S, Scenario, trouble
from simulators.harness.site import BedFiles, ThrowAwaySite
from simulators.harness.virtual.loop import NS_PER_S, VirtualLoop
from tests import simulated_time

BEGINS_S = 200
FLOW = '{"monotonic_ns": 0, "rate_nl_h": 26250000, "delivered_nl": 0}\n'
SLACK_S = 1.1
"""The plunger is looked at once a second."""


@dataclass(slots=True)
class Bench:
    """A bed whose plunger begins to move after a while, and which keeps what is done to it."""

    files: BedFiles
    loop: VirtualLoop
    done: list[tuple[float, str, float]] = field(default_factory=list)
    limits: list[float] = field(default_factory=list)

    def now_ns(self) -> int:
        return self.loop.now_ns() - simulated_time.START_NS

    def control(self, line: str) -> None:
        self.done.append((self.now_ns() / NS_PER_S - BEGINS_S, line, min(self.limits, default=5)))

    @contextmanager
    def at_most(self, speed: float) -> Iterator[None]:
        self.limits.append(speed)
        yield
        self.limits.remove(speed)


def _done(folder: Path, scenario: Scenario) -> list[tuple[float, str, float]]:
    files = ThrowAwaySite(folder=folder).bed()
    files.folder.mkdir()
    files.plunger_log.touch()

    async def happen(loop: VirtualLoop) -> list[tuple[float, str, float]]:
        bench = Bench(files, loop)
        loop.call_later(BEGINS_S, files.plunger_log.write_text, FLOW)
        async with asyncio.timeout(3_600):
            await trouble(scenario, bench)
        assert bench.now_ns() >= BEGINS_S * NS_PER_S
        return bench.done

    return simulated_time.run(happen)


def _about(after_s: float) -> object:
    return pytest.approx(after_s, abs=SLACK_S)


def test_nothing_happens_where_nothing_is_to_happen(tmp_path: Path) -> None:
    assert _done(tmp_path, Scenario.NORMAL) == []


def test_a_surge_comes_minutes_after_the_infusion_has_begun(tmp_path: Path) -> None:
    assert _done(tmp_path, Scenario.HYPERTENSION) == [(_about(SURGE_AFTER_S), SURGE, 5)]


def test_a_probe_is_off_for_a_minute_of_real_time(tmp_path: Path) -> None:
    off, on = _done(tmp_path, Scenario.PROBE_OFF)
    assert off == (_about(PROBE_OFF_AFTER_S), "patient probe-off", 1)
    assert on == (_about(off[0] + PROBE_OFF_S), "patient probe-on", 1)


@pytest.mark.parametrize("scenario", [each for each in Scenario if each.needs_processes])
def test_what_needs_processes_of_its_own_is_refused(tmp_path: Path, scenario: Scenario) -> None:
    with pytest.raises(ScriptError, match=scenario.value):
        _done(tmp_path, scenario)
