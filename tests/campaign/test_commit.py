"""Runs that nobody has seen before: their seeds are drawn from the commit, so that each can be repeated by anybody."""

import hashlib
import os
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from simulators.harness.faults.draw import draw
from simulators.harness.faults.scenario import Mode
from simulators.harness.virtual.trial import attempt

REPOSITORY = Path(__file__).parents[2]
IN_CI = os.environ.get("CI") == "true"
RUNS = {Mode.SAFETY: 40, Mode.LIVENESS: 10} if IN_CI else {Mode.SAFETY: 3, Mode.LIVENESS: 1}
FIRST_SEED = 1_000_001
"""Smaller seeds are those of collected campaigns."""
SEEDS = 10**9


def origin() -> str:
    """Return what the seeds are drawn from: the commit, or the version where there is no checkout."""
    try:
        asked = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return f"version {version('pumpd')}, for this is no git checkout"
    return f"commit {asked.stdout.strip()}"


def seeds_of(drawn_from: str, mode: Mode) -> list[int]:
    """Return the seeds of one mode; the first ones are the same whether few or many are asked for."""
    texts = (f"{drawn_from}/{mode.value}/{number}" for number in range(RUNS[mode]))
    return [FIRST_SEED + int.from_bytes(hashlib.sha256(text.encode()).digest()) % SEEDS for text in texts]


ORIGIN = origin()
DRAWN = [pytest.param(mode, seed, id=f"{mode.value}-{seed}") for mode in RUNS for seed in seeds_of(ORIGIN, mode)]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("mode", "seed"), DRAWN)
def test_a_run_of_this_commit(mode: Mode, seed: int) -> None:
    outcome = attempt(draw(seed, mode))
    blamed = "\n".join(f"{blame.rule} at {blame.at_ms} ms: {blame.text}" for blame in outcome.blames)
    again = f"pumpd campaign --mode {mode.value} --seed {seed} --trace"
    assert not blamed, f"seed {seed} in {mode.value} mode, drawn from {ORIGIN}:\n{blamed}\nagain: {again}"


def test_every_commit_has_seeds_of_its_own_and_always_the_same() -> None:
    one, other = seeds_of("commit 1", Mode.SAFETY), seeds_of("commit 2", Mode.SAFETY)
    assert one == seeds_of("commit 1", Mode.SAFETY)
    assert not set(one) & (set(other) | set(seeds_of("commit 1", Mode.LIVENESS)))
    assert min(one) >= FIRST_SEED
    assert len(set(one)) == len(one) == RUNS[Mode.SAFETY]
