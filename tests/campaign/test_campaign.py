"""Random runs and the scenarios of single faults, judged in process; and what the campaign does with them."""

import argparse
import json
import weakref
from dataclasses import replace
from pathlib import Path

import pytest

from simulators.harness.campaign import register, seed_range
from simulators.harness.faults.draw import draw
from simulators.harness.faults.files import from_toml
from simulators.harness.faults.scenario import End, Mode, Scenario
from simulators.harness.virtual.bay import Bay
from simulators.harness.virtual.trial import Outcome, attempt

pytestmark = pytest.mark.timeout(300)
"""Simulated time cannot hang, and a busy machine is slow."""

SCENARIOS = sorted((Path(__file__).parents[1] / "scenarios" / "faults").glob("*.toml"))
EARLIER_MS = 720_000
"""The scenarios' faults begin in the middle of the infusion; here they begin when it has just begun."""
WATCHED_MS = 45_000
"""What is watched of a scenario after its last fault."""
SHOWS: dict[str, tuple[str, ...]] = {
    "apnoea": ("VIT-08", "VIT-16"),
    "broker-gone": ("COMM-07",),
    "bytes-corrupted": ("COMM-10",),
    "bytes-delayed": ("COMM-10",),
    "bytes-duplicated": ("COMM-10",),
    "bytes-lost": ("COMM-03",),
    "bytes-split": ("COMM-10",),
    "clock-jump": ("COMM-09",),
    "command-forged": ("CMD-01",),
    "command-retained": ("CMD-02",),
    "commands-doubled": ("CMD-02",),
    "commands-late": ("CMD-01",),
    "counter-lost": ("DOSE-11", "DOSE-12"),
    "cuff-fails": ("VIT-03",),
    "daemon-killed": ("COMM-02", "LOG-02"),
    "desaturation": ("VIT-08", "VIT-16"),
    "disk-full": ("LOG-01",),
    "disk-stalled": ("COMM-11", "LOG-01"),
    "fsync-fails": ("LOG-01",),
    "half-duplex-drops-stp": ("CTRL-03",),
    "heart-rate-change": ("VIT-08", "VIT-15"),
    "host-stalled": ("COMM-02", "COMM-08"),
    "ignores-stp": ("COMM-04", "CTRL-03"),
    "journal-torn": ("LOG-02",),
    "key-pressed": ("PUMP-06",),
    "key-rate": ("DOSE-08", "PUMP-06"),
    "key-setting": ("PUMP-06",),
    "line-unplugged": ("COMM-02", "COMM-11"),
    "occlusion": ("PUMP-01",),
    "pressure-surge": ("VIT-14",),
    "probe-off": ("VIT-01", "VIT-02", "VIT-05"),
    "pump-reset": ("PUMP-05",),
    "pump-stall": ("PUMP-01",),
    "reply-lost-after-execution": ("COMM-11",),
    "sensor-frozen": ("VIT-06",),
    "sensor-lying": ("VIT-08", "VIT-16"),
    "setting-wrong": ("START-07",),
}
"""The requirements that the scenario of each fault shows, by its expected end and alarm and by the oracle."""


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


@pytest.mark.parametrize(
    "path", [pytest.param(path, id=path.stem, marks=pytest.mark.req(*SHOWS[path.stem])) for path in SCENARIOS]
)
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


@pytest.mark.req("DOSE-04", "DOSE-11", "COMM-01", "COMM-04", "CTRL-02", "CTRL-04", "ALRM-04", "CMD-02")
@pytest.mark.parametrize(
    "seed", [4, 25, 287, 323277724]
)  # 287: a counter lost in a young run; the last: a keypad start at the end-stop
def test_a_drawn_run_in_safety_mode(seed: int) -> None:
    assert attempt(draw(seed, Mode.SAFETY)).blames == ()


@pytest.mark.parametrize("seed", [10, 375])  # the last: a keypad start that a record precedes by less than a poll
def test_a_drawn_run_in_liveness_mode_comes_to_an_end(seed: int) -> None:
    outcome = attempt(draw(seed, Mode.LIVENESS))
    assert outcome.blames == ()
    assert outcome.ended in {"completed", "ended"}


def test_the_same_seed_gives_the_same_hash() -> None:
    drawn = draw(3, Mode.SAFETY)
    faults = tuple(fault for fault in drawn.faults if fault.end_ms <= 1_000_000)[:1]
    scenario = replace(drawn, length_ms=1_000_000, faults=faults)
    assert attempt(scenario).digest == attempt(scenario).digest


def test_what_a_run_leaves_behind_is_gone_when_the_next_one_runs() -> None:
    bays: list[weakref.ref[Bay]] = []
    scenario = draw(1, Mode.SAFETY)
    for _ in range(3):
        attempt(scenario, lambda bay, _observation, _begin_ns: bays.append(weakref.ref(bay)), until_ms=1_000)
    assert [bay() for bay in bays[:2]] == [None, None], "a campaign does some thousand runs in one process"


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
