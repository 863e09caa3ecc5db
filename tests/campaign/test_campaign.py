"""Random runs and the scenarios of single faults, judged in process; and what the campaign does with them."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import pytest

from simulators.harness.campaign import register, seed_range
from simulators.harness.faults.draw import draw
from simulators.harness.faults.files import from_toml
from simulators.harness.faults.scenario import End, Mode, Scenario
from simulators.harness.virtual.trial import Outcome, attempt

pytestmark = pytest.mark.timeout(300)
"""Simulated time cannot hang, and a busy machine is slow."""

SCENARIOS = sorted((Path(__file__).parents[1] / "scenarios" / "faults").glob("*.toml"))
EARLIER_MS = 720_000
"""The scenarios' faults begin in the middle of the infusion; here they begin when it has just begun."""
WATCHED_MS = 45_000
"""What is watched of a scenario after its last fault."""


def read(path: Path) -> Scenario:
    return from_toml(path.read_text())


def brought_forward(scenario: Scenario) -> Scenario:
    faults = tuple(replace(fault, start_ms=fault.start_ms - EARLIER_MS) for fault in scenario.faults)
    return replace(scenario, faults=faults, length_ms=max(fault.end_ms for fault in faults) + WATCHED_MS)


def call(*words: str) -> int:
    parser = argparse.ArgumentParser()
    register(parser.add_subparsers())
    parsed = parser.parse_args(["campaign", *words])
    return int(parsed.handler(parsed))


def assert_as_expected(scenario: Scenario, outcome: Outcome) -> None:
    assert outcome.blames == ()
    assert scenario.expect is not None
    match scenario.expect.end:
        case End.PAUSED:
            assert outcome.first_rest == "paused"
        case End.ENDED:
            # where two limits are passed within a second, a pause may come before the end
            assert outcome.ended == "ended"
        case End.COMPLETED:
            assert outcome.first_rest in {None, "completed"}
        case None:
            assert scenario.expect.alarm is not None
    if scenario.expect.alarm is not None:
        assert scenario.expect.alarm in outcome.alarms


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_single_fault_does_what_is_expected(path: Path) -> None:
    scenario = brought_forward(read(path))
    assert_as_expected(scenario, attempt(scenario))


@pytest.mark.long
@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_single_fault_ends_as_expected(path: Path) -> None:
    scenario = read(path)
    outcome = attempt(scenario)
    assert_as_expected(scenario, outcome)
    assert scenario.expect is not None
    assert scenario.expect.end is not End.COMPLETED or outcome.ended == "completed"


@pytest.mark.parametrize("seed", [4, 25])
def test_a_drawn_run_in_safety_mode(seed: int) -> None:
    assert attempt(draw(seed, Mode.SAFETY)).blames == ()


def test_a_drawn_run_in_liveness_mode_comes_to_an_end() -> None:
    outcome = attempt(draw(10, Mode.LIVENESS))
    assert outcome.blames == ()
    assert outcome.ended in {"completed", "ended"}


def test_the_same_seed_gives_the_same_hash() -> None:
    scenario = replace(draw(3, Mode.SAFETY), length_ms=1_000_000, faults=draw(3, Mode.SAFETY).faults[:1])
    assert attempt(scenario).digest == attempt(scenario).digest


def test_outcomes_are_kept_and_not_done_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept, report = tmp_path / "kept.jsonl", tmp_path / "report.json"
    words = ("--mode", "safety", "--seeds", "31..31", "--resume-file", str(kept), "--report", str(report))
    assert call(*words) == 0
    first = kept.read_text()
    assert call(*words) == 0
    assert kept.read_text() == first
    assert json.loads(report.read_text())["runs"] == 1
    assert "nothing violated" in capsys.readouterr().out


def test_a_trace_tells_what_happened(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--mode", "liveness", "--seed", "10", "--trace") == 0
    printed = capsys.readouterr().out
    for word in ("FAULT", "COMMAND", "MODE     running", "PLUNGER", "PACKETS", "ALARM"):
        assert word in printed


@pytest.mark.parametrize("text", ["5", "5..4", "a..b", "..", "-1..2"])
def test_a_range_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        seed_range(text)
