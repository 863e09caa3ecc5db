"""`pumpd population`: its figures, its page, and that nothing else ever loads numpy."""

import re
import subprocess
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from pumpd.bedside.profile_file import load_profile
from pumpd.cli import main
from pumpd.core.profile import Action, Side
from simulators.devices.pharmacokinetics import Model
from simulators.harness.population import words
from simulators.harness.population.findings import STEP, Findings, findings
from simulators.harness.population.page import page

PROFILE = Path(__file__).parents[2] / "config/profiles/ketamine-40min.toml"
PATIENTS = 300


@cache
def found() -> Findings:
    return few(1, patients=PATIENTS)


def few(seed: int, *, patients: int = 60) -> Findings:
    return findings(
        load_profile(PROFILE),
        model=Model.CLEMENTS,
        patients=patients,
        seed=seed,
        resume_delay_s=60,
        progress=lambda _done: None,
    )


def test_the_same_seed_gives_the_same_figures_and_another_gives_others() -> None:
    again, other = few(1), few(2)
    assert again == few(1)
    assert other.rows != again.rows


def test_what_is_counted_adds_up() -> None:
    rows = found().rows
    assert sum(found().ends.values()) == PATIENTS
    assert sum(row.pauses for row in rows) == found().pressure_pauses + found().other_pauses
    assert sum(row.resumable for row in rows) == found().pressure_resumable + found().other_resumable
    assert sum(row.first for row in rows) == len(found().first_pause_min) >= found().paused > 0
    for row in rows:
        assert row.met_false <= row.met
        assert row.pauses_false <= row.pauses
        assert row.resumed <= row.resumable <= row.pauses
        if row.rule.action is Action.ALERT:
            assert row.first == row.pauses == row.ended == 0


def test_a_limit_that_is_moved_outwards_acts_more_seldom_and_a_repeat_too() -> None:
    for row in found().rows:
        curve = [row.alone[shift] for shift in sorted(row.alone, reverse=row.rule.side is Side.BELOW)]
        for strict, wide in pairwise(curve):
            assert strict.measured >= wide.measured
            assert strict.true >= wide.true
        assert all(each.first >= each.measured for each in curve)
        assert {-STEP[row.rule.vital], 0, STEP[row.rule.vital]} <= set(row.alone)


def test_two_batches_are_told_of_and_counted_together() -> None:
    told: list[int] = []
    both = findings(
        load_profile(PROFILE),
        model=Model.HIJAZI,
        patients=130,
        seed=3,
        resume_delay_s=0,
        progress=told.append,
        batch=100,
    )
    assert told == [100, 130]
    assert sum(both.ends.values()) == 130


def test_the_page_needs_nothing_else_and_says_what_it_is() -> None:
    html = page(found())
    assert re.search(r"(?:src|href)=|url\(|https?:", html) is None
    assert "no advice" in html
    assert "shows a model, not patients" in html
    for row in found().rows:
        assert f"<h2>{row.rule.id}</h2>" in html
    assert html.count("<svg") == len(found().rows) + 2
    assert "moaas-pause" in html


def test_the_table_has_a_line_for_each_limit_under_its_heads() -> None:
    lines = words.text(found()).splitlines()
    assert lines[0] == words.AID
    for row in found().rows:
        assert sum(line.startswith(f"{row.rule.id} ") for line in lines) == 1
    assert all(len(cells) == len(words.HEADS) for cells in words.rows(found()))


def test_the_command_writes_table_page_and_progress(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    html = tmp_path / "page.html"
    assert main(["population", "--profile", str(PROFILE), "--patients", "100", "--html", str(html)]) == 0
    shown = capsys.readouterr()
    assert "Blood-pressure pauses: " in shown.out
    assert "could ever be resumed" in shown.out
    assert "100/100 patients" in shown.err
    assert html.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("words_", "said"),
    [
        (["--profile", "no-such-file.toml"], "cannot be read"),
        (["--profile", str(PROFILE), "--html", "no-such-folder/page.html", "--patients", "100"], "no-such-folder"),
    ],
)
def test_what_cannot_be_done_is_said(words_: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["population", *words_]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(("option", "value"), [("--patients", "99"), ("--patients", "x"), ("--resume-delay", "1801")])
def test_bounds_of_the_options(option: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["population", "--profile", str(PROFILE), option, value])
    assert f"{value} " in capsys.readouterr().err


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.process
def test_without_numpy_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['numpy'] = None; from pumpd.cli import main; sys.exit(main(sys.argv[1:]))"
    done = python(code, "population", "--profile", str(PROFILE))
    assert done.returncode == 1
    assert "install pumpd[analysis]" in done.stderr


@pytest.mark.process
def test_neither_the_daemon_nor_the_list_of_commands_loads_numpy() -> None:
    code = """
import sys
from contextlib import suppress
from pumpd.bedside import run_command
from pumpd.cli import main
with suppress(SystemExit):
    main(["--help"])
sys.exit("numpy" in sys.modules)
"""
    done = python(code)
    assert done.returncode == 0, done.stderr
    assert "population" in done.stdout
