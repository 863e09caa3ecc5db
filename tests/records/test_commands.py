"""`pumpd verify` and `pumpd replay` on a real file: what they print, and what their exit status tells."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pumpd.cli import main
from pumpd.core.effects import SettlePump
from pumpd.core.events import DeadlineReached
from pumpd.records import reader
from pumpd.records.encoding import parse
from pumpd.records.journal import GAP_KIND
from tests.records.runs import CONFIG, TYPES, links, written
from tests.records.support import Desk, spoil

DEMO = CONFIG / "profiles" / "demo.toml"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return written(tmp_path / "bed1.journal")


@pytest.mark.req("LOG-04")
def test_a_whole_journal(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head = reader.head(path)
    assert main(["verify", str(path)]) == 0
    told = capsys.readouterr().out
    assert f"head      {head.seq}:{head.hash}" in told
    assert f"records   {len(links())} that fit" in told
    assert "only with --head" in told
    assert main(["verify", str(path), "--head", f"{head.seq}:{head.hash}"]) == 0
    assert f"passes through the noted record {head.seq}" in capsys.readouterr().out


@pytest.mark.req("LOG-04")
@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        ("UPDATE record SET body = body || ' ' WHERE seq = 40", "record 40: was changed after it was written"),
        ("DELETE FROM record WHERE seq = 40", "record 40: is missing or out of order"),
        ("DELETE FROM record WHERE seq >= 40", "record 40: is missing: the chain was cut off before the noted record"),
    ],
    ids=["changed", "gap", "cut"],
)
def test_what_was_done_to_a_journal_is_found(
    path: Path, statement: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    head = reader.head(path)
    spoil(path, statement)
    assert main(["verify", str(path), "--head", f"{head.seq}:{head.hash}"]) == 1
    told = capsys.readouterr().out
    assert complaint in told
    assert "records   39 that fit" in told


@pytest.mark.req("LOG-04")
def test_records_that_were_lost_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bed1.journal"
    journal = Desk().open(path)
    journal.append("fact", {"n": 1}, 1)
    journal.append(GAP_KIND, {"first_ns": 1, "last_ns": 2, "records": 3}, 2)
    journal.close()
    assert main(["verify", str(path)]) == 1
    assert "NOT COMPLETE: nothing was changed, but records were lost" in capsys.readouterr().out


def test_an_empty_journal_is_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bed1.journal"
    Desk().open(path).close()
    assert main(["verify", str(path)]) == 0
    assert "records   none that fit" in capsys.readouterr().out


@pytest.mark.req("LOG-03")
@pytest.mark.process
def test_another_process_decides_the_same(path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "pumpd.cli", "replay", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONHASHSEED": "4711"},
    )
    assert ended.stderr == ""
    assert ended.returncode == 0
    assert "the same, byte for byte" in ended.stdout
    assert "2 runs of the daemon" in ended.stdout


@pytest.mark.req("LOG-03")
def test_a_spoilt_journal_is_not_replayed_to_its_end(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(path, "UPDATE record SET mono_ns = mono_ns + 1 WHERE seq = 40")
    assert main(["replay", str(path)]) == 1
    assert "record 40: was changed after it was written, or the record before it was; see pumpd verify" in (
        capsys.readouterr().err
    )


@pytest.mark.req("LOG-03")
def test_a_decision_that_the_core_does_not_make_is_shown(
    tmp_path: Path, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.journal"
    journal = Desk().open(other, boot=links()[0].boot)
    for body, mono_ns, kind in ((parse(link.body, TYPES), link.mono_ns, link.kind) for link in links()[:12]):
        journal.append(kind, body, mono_ns)
    journal.append("SettlePump", SettlePump(), links()[11].mono_ns)
    journal.append("DeadlineReached", DeadlineReached(real_ns=links()[11].mono_ns), links()[11].mono_ns)
    journal.close()
    assert main(["replay", str(other)]) == 1
    told = capsys.readouterr().out
    assert "DIFFERENT on 1 of" in told
    assert 'recorded {"type":"SettlePump"}' in told
    assert "replayed nothing" in told


def test_under_its_own_profile_nothing_is_other(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(path), "--profile", str(DEMO)]) == 0
    told = capsys.readouterr().out
    assert told.startswith("WHAT IF: profile demo (")
    assert "this profile changes none" in told


@pytest.fixture
def strict(tmp_path: Path) -> Path:
    """A profile that finds the pressure of the patient too low."""
    before, rule, after = DEMO.read_text().partition('id = "sbp-low-pause"')
    profile = tmp_path / "strict.toml"
    profile.write_text(before + rule + after.replace("limit = 90", "limit = 150", 1))
    return profile


def test_under_another_profile_the_other_decisions_are_shown(
    path: Path, strict: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(path), "--profile", str(strict)]) == 0
    told = capsys.readouterr().out
    assert "this happened to nobody" in told
    assert "CommandReceived" in told.splitlines()[2]
    assert '- {"type":"Receipt"' in told.splitlines()[3]
    assert any('+ {"type":"Receipt"' in line and "refused" in line and "SBP" in line for line in told.splitlines()[:8])
    assert "- recorded, + under this profile" in told


def test_where_only_what_is_kept_is_other_that_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    resume = next(at for at, link in enumerate(links()) if '"type":"Resume"' in link.body)
    path = written(tmp_path / "begin.journal", resume)
    worried = tmp_path / "worried.toml"
    worried.write_text(DEMO.read_text().replace("limit = 92", "limit = 97"))  # crossed, and never for its 15 s
    assert main(["replay", str(path), "--profile", str(worried)]) == 0
    told = capsys.readouterr().out
    assert "Other decisions on" in told
    assert "Runs, stops, cuff cycles, receipts and lines of the record are the same" in told


@pytest.mark.parametrize("command", ["verify", "replay"])
def test_what_is_no_journal_is_refused_in_one_sentence(
    tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    no_journal = tmp_path / "notes.txt"
    no_journal.write_text("no database " * 100)
    old = written(tmp_path / "old.journal")
    spoil(old, "UPDATE meta SET schema_version = 7")
    for path, complaint in (
        (tmp_path / "absent", "there is no such file"),
        (no_journal, "file is not a database"),
        (old, "schema version 7, this pumpd writes 1"),
    ):
        assert main([command, str(path)]) == 2
        told = capsys.readouterr()
        assert told.err.startswith(f"pumpd {command}: {path}: ")
        assert complaint in told.err
        assert len(told.err.strip().splitlines()) == 1
        assert told.out == ""


def test_a_profile_that_is_refused_is_no_question(
    tmp_path: Path, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(path), "--profile", str(tmp_path / "absent.toml")]) == 2
    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("head", ["", "5", "5:", "5:xyz", "-1:" + "0" * 64, "5:" + "0" * 63, "5:" + "A" * 64])
def test_a_head_that_is_none_is_refused(head: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["verify", "any", f"--head={head}"])
    assert "is not a head" in capsys.readouterr().err


@pytest.mark.req("LOG-06")
def test_the_evidence_of_each_automatic_pause_is_printed_with_the_bytes_around_it(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evidence", str(path)]) == 0
    told = capsys.readouterr().out
    assert "running -> pause: the daemon was restarted" in told
    assert "  cause HIGH restarted: " in told
    assert " pump-tx " in told
    assert told.endswith("1 halts that no human asked for\n"), "the pause by a person leaves none"


@pytest.mark.req("LOG-04")
def test_evidence_in_a_journal_that_was_changed_is_not_told(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(path, "UPDATE record SET body = body || ' ' WHERE seq = 40")
    assert main(["evidence", str(path)]) == 1
    assert "NOT AS IT WAS WRITTEN: record 40" in capsys.readouterr().out
    assert main(["evidence", str(path.with_name("none"))]) == 2
