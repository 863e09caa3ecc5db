"""The mutator: what it changes, what it leaves alone, and how a survivor is listed."""

from pathlib import Path

import pytest

from tools.prove.mutants import mutants
from tools.prove.mutate import MODULES, ListError, judges, listed, main

ROOT = Path(__file__).parents[2]
SOURCE = '''"""Words."""
import os

LIMIT = 3


class Pump:
    """Words."""

    moving: bool = False

    def late(self, age: int) -> bool:
        """Words."""
        assert age is not None
        if age > LIMIT and not self.moving:
            raise ValueError(f"{age + 1} is late")
        return age - 1 < 0
'''


def changes(source: str) -> list[tuple[str, str, str]]:
    return [(each.where, each.was, each.now) for each in mutants("m", source)]


def test_each_small_slip_is_made_once_and_words_are_left_alone() -> None:
    found = changes(SOURCE)
    assert found[:2] == [("module", "3", "4"), ("module", "3", "2")]
    assert ("Pump", "False", "True") in found
    late = [(was, now) for where, was, now in found if where == "Pump.late"]
    assert ("age > LIMIT", "age >= LIMIT") in late
    assert ("age > LIMIT", "age <= LIMIT") in late
    assert ("age > LIMIT and (not self.moving)", "age > LIMIT or not self.moving") in late
    assert ("not self.moving", "self.moving") in late
    assert ("raise ValueError(f'{age + 1} is late')", "pass") in late
    assert ("return age - 1 < 0", "return None") in late
    assert ("age - 1", "age + 1") in late
    assert not [was for _, was, _ in found if "Words" in was or was in {"age is not None", "age + 1"}]
    assert len(set(found)) == len(found)


def test_each_mutant_is_python_and_changes_one_thing() -> None:
    originals = {each.source for each in mutants("m", SOURCE)}
    assert len(originals) == len(changes(SOURCE))
    for source in originals:
        compile(source, "m", "exec")


def test_what_the_types_exclude_is_left_alone() -> None:
    assert changes("def f(x):\n    assert_never(x)\n    g(x)\n") == [("f", "g(x)", "pass")]


def test_where_a_mutant_stands_is_told() -> None:
    first = next(iter(mutants("pumpd.core.rest", "A = 1\n")))
    assert str(first) == "pumpd.core.rest:1 in module: '1' -> '2'"


def test_each_module_of_the_core_can_be_altered_and_each_file_that_judges_is_there() -> None:
    assert {"causes", "halting", "state"} <= set(MODULES)
    for path in judges():
        assert (ROOT / path).exists(), path
    assert "tests/core/test_alarms.py" in judges()
    assert "tests/core/test_exploration.py" not in judges(), "it takes longer than all the others"


def test_every_listed_survivor_is_still_a_mutant_and_has_an_argument() -> None:
    for (name, where, was, now), because in listed().items():
        source = (ROOT / "pumpd" / "core" / f"{name}.py").read_text()
        assert (where, was, now) in changes(source), f"{name}: {was} -> {now} is no mutant any more; take it out"
        assert len(because) > 20


def test_a_list_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mutation.toml"
    for text in ("x =", "[[survivor]]\nmodule = 'a'"):
        path.write_text(text)
        with pytest.raises(ListError, match=r"mutation\.toml"):
            listed(path)


def test_the_command_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--count", "lockout"]) == 0
    assert "lockout" in capsys.readouterr().out
