"""Deliberate bugs: the runs that found them find them again, and are sound without them."""

import argparse
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from simulators.harness.campaign import register
from simulators.harness.faults.draw import draw
from simulators.harness.faults.scenario import Mode
from simulators.harness.sabotage.bugs import BUGS, Sabotage, applied, described
from simulators.harness.sabotage.search import sabotaged
from simulators.harness.virtual.trial import attempt

FILE = Path(__file__).parent / "sabotage_found.toml"
MOST_RUNS = 2_000
JUDGED_MS = 30_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A find of `pumpd campaign --sabotage`: after how many runs from seed 1 on, and when in the run it showed."""

    sabotage: Sabotage
    mode: Mode
    seed: int
    runs: int
    at_ms: int
    rules: frozenset[str]

    @property
    def until_ms(self) -> int:
        """So far the run is done again: what was found needs some time to be judged."""
        return self.at_ms + JUDGED_MS


def kept() -> list[Kept]:
    return [
        Kept(
            sabotage=Sabotage(each["sabotage"]),
            mode=Mode(each["mode"]),
            seed=each["seed"],
            runs=each["runs"],
            at_ms=each["at_ms"],
            rules=frozenset(each["rules"]),
        )
        for each in tomllib.loads(FILE.read_text())["found"]
    ]


def call(*words: str) -> int:
    parser = argparse.ArgumentParser()
    register(parser.add_subparsers())
    parsed = parser.parse_args(["campaign", *words])
    return int(parsed.handler(parsed))


@pytest.mark.parametrize("find", kept(), ids=lambda find: find.sabotage.value)
def test_the_run_that_found_a_bug_finds_it_again(find: Kept) -> None:
    outcome = sabotaged(find.sabotage, find.mode, find.seed, find.until_ms)
    assert {blame.rule for blame in outcome.blames} & find.rules
    assert 1 <= find.runs <= MOST_RUNS


@pytest.mark.parametrize(("mode", "seed"), sorted({(find.mode.value, find.seed) for find in kept()}))
def test_without_the_bug_the_same_run_is_sound(mode: str, seed: int) -> None:
    until_ms = max(find.until_ms for find in kept() if (find.mode.value, find.seed) == (mode, seed))
    assert attempt(draw(seed, Mode(mode)), until_ms=until_ms).blames == ()


@pytest.mark.parametrize("sabotage", Sabotage)
def test_a_bug_is_in_place_for_as_long_as_it_is_wanted(sabotage: Sabotage) -> None:
    bug = BUGS[sabotage]()
    right = vars(bug.owner)[bug.name]

    def fail() -> None:
        with applied(sabotage):
            assert vars(bug.owner)[bug.name] is not right
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert vars(bug.owner)[bug.name] is right


def test_every_bug_says_in_one_line_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--list-sabotage") == 0
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed] == [each.value for each in Sabotage]
    assert all(described(each).endswith(".") for each in Sabotage)


def test_a_search_that_finds_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    [find] = [each for each in kept() if each.sabotage is Sabotage.ROUNDING_UP]
    assert call("--sabotage", find.sabotage.value, "--seeds", f"{find.seed}..{find.seed + 9}") == 0
    printed = capsys.readouterr().out
    assert "rounding-up was found after 1 runs" in printed
    assert tomllib.loads(printed.partition("[[found]]")[1] + printed.partition("[[found]]")[2])["found"][0]["runs"] == 1


def test_a_search_needs_a_range(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--sabotage", "rounding-up", "--seed", "1") == 2
    assert "--sabotage needs --seeds" in capsys.readouterr().err
