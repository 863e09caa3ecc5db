"""The resume file: what is written is read again, and nothing that was violated is lost."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from simulators.harness.kept import KeptError, append, mend, newest, read, superseded
from simulators.harness.revision import UNKNOWN, Revision, revision
from tests.campaign.support import BLAME, CODE, made, on_later_code


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kept.jsonl"


def test_what_is_kept_is_read_as_it_was(path: Path) -> None:
    lines = (made(3), made(4, blames=(BLAME,)), made(5, "liveness", figures=None))
    for each in lines:
        append(path, each)
    assert read(path) == lines


def test_the_last_outcome_of_a_run_counts_and_a_violation_before_it_stays_known() -> None:
    bad, mended = made(4, blames=(BLAME,)), on_later_code(made(4))
    lines = (bad, made(4, "liveness"), made(3), mended)
    assert newest(lines) == (made(4, "liveness"), made(3), mended)
    assert superseded(lines) == (bad,)
    assert superseded((mended, bad)) == ()


def test_a_torn_line_is_as_if_not_done_and_the_next_one_is_whole(path: Path) -> None:
    append(path, made(3))
    append(path, made(4))
    path.write_bytes(path.read_bytes()[:-50])
    assert read(path) == (made(3),)
    mend(path)
    append(path, made(5))
    assert read(path) == (made(3), made(5))


def test_a_line_without_its_end_is_not_lost(path: Path) -> None:
    append(path, made(4, blames=(BLAME,)))
    path.write_bytes(path.read_bytes()[:-1])
    assert read(path) == (made(4, blames=(BLAME,)),)
    mend(path)
    append(path, made(5))
    assert read(path) == (made(4, blames=(BLAME,)), made(5))


@pytest.mark.parametrize("spoil", ["older", "newer", "no JSON", "another type"])
def test_a_line_of_another_version_is_refused_by_its_number(path: Path, spoil: str) -> None:
    append(path, made(3))
    append(path, made(4))
    first, second = path.read_text().splitlines()
    fields = json.loads(second)
    if spoil == "older":
        fields = fields["outcome"]
    elif spoil == "newer":
        fields["outcome"]["sabotaged"] = True
    elif spoil == "another type":
        fields["outcome"]["seed"] = "4"
    line = "{" if spoil == "no JSON" else json.dumps(fields)
    path.write_text(f"{first}\n{line}\n")
    with pytest.raises(KeptError, match=r"line 2 .* go on with another file"):
        read(path)


def git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    subprocess.run(["git", *identity, "-C", str(folder), *words], check=True, capture_output=True)


def test_the_revision_is_the_commit_and_whether_the_code_differs(tmp_path: Path) -> None:
    code = tmp_path / "simulators" / "code.py"
    code.parent.mkdir()
    code.write_text("1")
    assert revision(tmp_path) == UNKNOWN
    git(tmp_path, "init", "-q")
    assert revision(tmp_path) == UNKNOWN
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "x")
    (tmp_path / "outcomes.jsonl").write_text("")
    clean = revision(tmp_path)
    assert len(clean.commit) == 40
    assert not clean.dirty
    code.write_text("2")
    assert revision(tmp_path) == Revision(commit=clean.commit, dirty=True)


def test_a_revision_says_that_it_is_not_the_commit_alone() -> None:
    assert str(CODE) == "0123456789ab"
    assert "not committed" in str(replace(CODE, dirty=True))
    assert str(UNKNOWN) == "outside of a checkout"
