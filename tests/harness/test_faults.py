"""The language of faults: closed, bounded, written and read without loss, drawn the same everywhere."""

import os
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.harness.faults.draw import FAULTS_END_MS, LENGTH_MS, draw
from simulators.harness.faults.files import ScenarioError, from_toml, to_toml
from simulators.harness.faults.hazards import Hazard
from simulators.harness.faults.hooks import HOOKS, hook
from simulators.harness.faults.kinds import (
    KINDS,
    BrokerGone,
    BytesLost,
    CounterLost,
    Desaturation,
    Direction,
    Fault,
    Line,
    ProbeOff,
    bounds_of,
    choices_of,
    parameters_of,
)
from simulators.harness.faults.scenario import Expectation, Manner, Mode, Nurse, Scenario

REPOSITORY = Path(__file__).parents[2]
FILES = sorted((REPOSITORY / "tests" / "scenarios" / "faults").glob("*.toml"))
SEEDS = 500

modes = st.sampled_from(Mode)
seeds = st.integers(0, 2**64)

DESIGN = {
    "bytes-lost",
    "bytes-split",
    "bytes-delayed",
    "bytes-corrupted",
    "bytes-duplicated",
    "reply-lost-after-execution",
    "pump-reset",
    "pump-stall",
    "key-pressed",
    "occlusion",
    "ignores-stp",
    "half-duplex-drops-stp",
    "counter-lost",
    "setting-wrong",
    "probe-off",
    "sensor-frozen",
    "sensor-lying",
    "cuff-fails",
    "clock-jump",
    "broker-gone",
    "commands-late",
    "commands-doubled",
    "command-retained",
    "command-forged",
    "disk-full",
    "fsync-fails",
    "journal-torn",
    "daemon-killed",
}
"""The faults that a simulation must know; more are welcome."""


def scenario(*faults: Fault) -> Scenario:
    return Scenario(
        name="small",
        seed=3,
        mode=Mode.SAFETY,
        length_ms=60_000,
        faults_end_ms=None,
        hazards=(Hazard.SERIAL_LINK,),
        nurse=Nurse(manner=Manner.PROMPT, until_ms=0),
        expect=Expectation(end=None, alarm="pump-link"),
        faults=faults,
    )


LOST = BytesLost(start_ms=1, duration_ms=2, line=Line.PUMP, direction=Direction.BOTH, chance_permille=1_000)
TEXT = to_toml(scenario(LOST))


def test_every_fault_that_must_be_known_is() -> None:
    assert set(KINDS) >= DESIGN


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_fault_has_hazards_a_hook_and_bounded_parameters(kind: type[Fault]) -> None:
    assert kind.hazards
    assert len(set(kind.hazards)) == len(kind.hazards)
    assert HOOKS[kind].isidentifier()
    assert set(parameters_of(kind)) == set(bounds_of(kind)) | set(choices_of(kind))


def test_hooks_are_of_known_faults_only() -> None:
    assert set(HOOKS) == set(KINDS.values())
    assert hook(LOST) == "spoil_line"


def test_hazard_ids_are_the_whole_list() -> None:
    assert [hazard.value for hazard in Hazard] == [f"H-{number:02}" for number in range(1, 36)]


# ---- scenario files -------------------------------------------------------------------------------------------------


def test_every_fault_has_a_scenario_of_its_own() -> None:
    assert {path.stem for path in FILES} == set(KINDS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_scenario_file(path: Path) -> None:
    read = from_toml(path.read_text())
    assert to_toml(read) == path.read_text()
    assert read.name == path.stem
    assert read.expect is not None
    [own] = [fault for fault in read.faults if fault.name == path.stem]
    assert read.hazards
    assert set(read.hazards) <= set(own.hazards)


@given(seeds, modes)
def test_what_is_written_reads_back_the_same(seed: int, mode: Mode) -> None:
    drawn = draw(seed, mode)
    assert from_toml(to_toml(drawn)) == drawn


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 3", "sede = 3", "scenario: unknown key sede; known are name, seed"),
        ("seed = 3\n", "", "scenario: key seed is missing"),
        ("seed = 3", "seed = true", "scenario: seed is True; it must be a whole number"),
        ("seed = 3", "seed = -3", "seed is -3; it must be 0 or more"),
        ("seed = 3", "seed = ", "not TOML: Invalid value"),
        ('"small"', "7", "scenario: name is 7; it must be a text"),
        ('"small"', '"Small one"', "name is 'Small one'; it must have small letters"),
        ('"safety"', '"fun"', "scenario: mode is 'fun'; known are safety, liveness"),
        ('"safety"', '"liveness"', "faults_end_ms is None in mode liveness; liveness has one, safety none"),
        ("60000", "0", "length_ms is 0; it must be 1 to 86400000"),
        ('["H-18"]', '"H-18"', "scenario: hazards is 'H-18'; it must be a list of ids"),
        ('["H-18"]', '["H-36"]', "scenario: hazards is 'H-36'; known are H-01"),
        ("[nurse]", "[[nurse]]", "scenario: nurse must be written as [nurse]"),
        ("until_ms = 0", "until_s = 0", "nurse: unknown key until_s; known are manner, until_ms"),
        ("until_ms = 0", "until_ms = -1", "nurse: until_ms is -1; it must be 0 to 86400000"),
        ('alarm = "pump-link"', "", "expect: neither end nor alarm is given; name at least one"),
        ('alarm = "pump-link"', 'alarm = "Link!"', "expect: alarm is 'Link!'; an alarm id has"),
        ('alarm = "pump-link"', 'end = "late"', "expect: end is 'late'; known are paused, ended, completed"),
        ("[[fault]]", "[fault]", "scenario: fault must be written as [[fault]]"),
        ('kind = "bytes-lost"', "", "fault 1: key kind is missing"),
        ('"bytes-lost"', '"bytes-found"', "fault 1: kind is 'bytes-found'; known are bytes-lost"),
        ('line = "pump"', 'lane = "pump"', "fault 1 (bytes-lost): unknown key lane; known are kind, start_ms"),
        ('line = "pump"', 'line = "phone"', "fault 1 (bytes-lost): line is 'phone'; known are pump, oximeter, cuff"),
        ("= 1000", "= 1001", "fault bytes-lost: chance_permille is 1001; it must be 1 to 1000"),
        ("= 1000", "= 0.5", "fault 1 (bytes-lost): chance_permille is 0.5; it must be a whole number"),
        ("start_ms = 1", "start_ms = -1", "fault bytes-lost: start_ms is -1; it must be 0 to 86400000"),
        ("duration_ms = 2", "duration_ms = 0", "fault bytes-lost: duration_ms is 0; it must be 1 to 86400000"),
        ("duration_ms = 2", "duration_ms = 60000", "fault bytes-lost ends at 60001 ms, after the last permitted 60000"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(old: str, new: str, message: str) -> None:
    assert old in TEXT
    with pytest.raises(ScenarioError) as refused:
        from_toml(TEXT.replace(old, new, 1))
    assert str(refused.value).startswith(message)
    assert "\n" not in str(refused.value)


def test_a_fault_that_is_no_table_is_refused() -> None:
    head = TEXT.partition("[[fault]]")[0]
    with pytest.raises(ScenarioError, match="fault 1: it must be a table"):
        from_toml("fault = [1]\n" + head)


def test_a_momentary_fault_has_no_duration() -> None:
    assert CounterLost(start_ms=5, duration_ms=0).end_ms == 5
    with pytest.raises(ValueError, match="duration_ms is 1; it must be 0 to 0"):
        CounterLost(start_ms=5, duration_ms=1)


def test_times_in_nanoseconds() -> None:
    assert (LOST.start_ns, LOST.end_ns) == (1_000_000, 3_000_000)


def test_in_liveness_everything_mends_before_the_end() -> None:
    probe = ProbeOff(start_ms=10, duration_ms=10)
    lively = replace(scenario(probe), mode=Mode.LIVENESS, faults_end_ms=20)
    assert lively.faults == (probe,)
    with pytest.raises(ValueError, match="after the last permitted 19 ms"):
        replace(lively, faults_end_ms=19)
    with pytest.raises(ValueError, match="must mend before the end"):
        replace(lively, faults_end_ms=60_000)
    with pytest.raises(ValueError, match="must mend before the end"):
        replace(lively, nurse=Nurse(manner=Manner.ABSENT, until_ms=60_000))


# ---- drawing --------------------------------------------------------------------------------------------------------


@given(seeds)
def test_faults_of_liveness_end(seed: int) -> None:
    drawn = draw(seed, Mode.LIVENESS)
    assert drawn.faults_end_ms == FAULTS_END_MS < LENGTH_MS
    assert all(fault.end_ms <= FAULTS_END_MS for fault in drawn.faults)


@given(seeds, modes, st.sampled_from(list(KINDS.values())))
def test_a_source_less_shifts_no_other(seed: int, mode: Mode, left_out: type[Fault]) -> None:
    all_of_them = draw(seed, mode)
    fewer = draw(seed, mode, [kind for kind in KINDS.values() if kind is not left_out])
    assert fewer.faults == tuple(fault for fault in all_of_them.faults if type(fault) is not left_out)
    assert fewer.nurse == all_of_them.nurse


def test_the_same_seed_gives_the_same_scenario_in_every_process() -> None:
    code = (
        "from simulators.harness.faults.draw import draw\n"
        "from simulators.harness.faults.files import to_toml\n"
        "from simulators.harness.faults.scenario import Mode\n"
        "print(''.join(to_toml(draw(seed, mode)) for seed in range(40) for mode in Mode))\n"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("0", "1", "4242")
    }
    assert len(printed) == 1
    assert "[[fault]]" in printed.pop()


@pytest.mark.parametrize("mode", Mode)
def test_500_seeds_meet_every_fault_every_choice_and_every_nurse(mode: Mode) -> None:
    drawn = [draw(seed, mode) for seed in range(SEEDS)]
    faults = [fault for one in drawn for fault in one.faults]
    assert {fault.name for fault in faults} == set(KINDS)
    assert {one.nurse.manner for one in drawn} == set(Manner)
    assert any(not one.faults for one in drawn)
    assert 1_500 < sum(fault.name != "broker-gone" for fault in faults) < 3_000
    for kind in KINDS.values():
        of_kind = [fault for fault in faults if type(fault) is kind]
        for name, choices in choices_of(kind).items():
            assert {getattr(fault, name) for fault in of_kind} == set(choices), f"{kind.name}: {name}"


def test_small_numbers_are_met_as_often_as_large_ones() -> None:
    drawn = [fault for seed in range(SEEDS) for fault in draw(seed, Mode.SAFETY, [BytesLost]).faults]
    noise = [fault for fault in drawn if fault.duration_ms == LENGTH_MS]
    assert SEEDS // 10 < len(noise) < SEEDS // 3
    chances = [fault.chance_permille for fault in drawn if isinstance(fault, BytesLost) and fault not in noise]
    assert sum(chance < 64 for chance in chances) > len(chances) // 5
    assert sum(chance > 500 for chance in chances) > len(chances) // 5


def test_a_network_that_comes_and_goes_is_met() -> None:
    gone = [len(draw(seed, Mode.SAFETY, [BrokerGone]).faults) for seed in range(SEEDS)]
    assert SEEDS // 20 < sum(count > 50 for count in gone) < SEEDS // 5


def test_faults_come_in_storms() -> None:
    kinds = [kind for kind in KINDS.values() if kind is not BrokerGone]
    drawn = [draw(seed, Mode.SAFETY, kinds).faults for seed in range(100)]
    gaps_ms = [later.start_ms - earlier.start_ms for faults in drawn for earlier, later in pairwise(faults)]
    assert sum(gap_ms < 20_000 for gap_ms in gaps_ms) > len(gaps_ms) // 4


def test_a_fault_of_the_patient_is_a_fault_like_any_other() -> None:
    dip = Desaturation(start_ms=0, duration_ms=1, depth_percent=9)
    assert from_toml(to_toml(scenario(dip))).faults == (dip,)
