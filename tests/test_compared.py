"""The page that compares pumpd with its peers names tests that exist, and none of its rows goes without."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs/safety/compared.md").read_text()
NAMED = re.compile(r"`([\w/]+\.py)((?:::\w+)+)`")
PEERS = 12, 6, 13
"""Weak points of OpenICE, other systems, threads."""


def tables() -> Iterator[list[str]]:
    """The rows of each table, without its head."""
    for section in PAGE.split("\n## ")[1:]:
        yield [line for line in section.splitlines() if line.startswith("| ")][1:]


def test_every_row_is_there_and_names_a_test() -> None:
    found = list(tables())
    assert tuple(map(len, found)) == PEERS
    assert [row for rows in found for row in rows if NAMED.search(row) is None] == []


def test_every_test_that_is_named_exists() -> None:
    named = {(file, tuple(path.split("::")[1:])) for file, path in NAMED.findall(PAGE)}
    assert len(named) > 40
    assert PAGE.count(".py::") == len(NAMED.findall(PAGE)), "a test is named in another form"
    missing = [f"{file}::{'::'.join(names)}" for file, names in sorted(named) if not exists(TESTS / file, names)]
    assert missing == []


def exists(path: Path, names: tuple[str, ...]) -> bool:
    """Say whether a file holds a test of that name, in its class where one is named."""
    if not path.is_file() or not names[-1].startswith("test_"):
        return False
    body: list[ast.stmt] = ast.parse(path.read_text()).body
    for name in names:
        found = [
            each
            for each in body
            if isinstance(each, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and each.name == name
        ]
        if not found:
            return False
        body = found[0].body
    return True


def test_a_test_that_was_renamed_would_be_found() -> None:
    assert exists(Path(__file__), ("test_every_test_that_is_named_exists",))
    assert not exists(Path(__file__), ("test_that_is_not_there",))
    assert not exists(Path(__file__), ("exists",))
