"""The play of a whole course, as `pumpd demo --course --gates` shows it."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from pumpd.cli import main
from pumpd.core.quantities import NS_PER_MIN
from pumpd.records import reader
from simulators.harness.course_play import COURSE, cleared_bed, run

OBSERVED_NS = 10 * NS_PER_MIN
"""Long enough for the two cuff readings that a discharge asks for; the demo itself observes for two hours."""


@pytest.mark.req("CLIN-01", "CLIN-02", "CLIN-10", "CLIN-12")
@pytest.mark.timeout(400)
def test_a_simulated_patient_goes_through_all_eight_steps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "course"
    bed = cleared_bed()
    sooner = replace(bed, profile=replace(bed.profile, observe_min_ns=OBSERVED_NS))
    assert run(folder, gates=True, bed=sooner) == 0
    shown = capsys.readouterr().out
    assert shown.count("bed1: completed, 35 to 35 mg") == 3
    for words in (
        "is assigned to no patient",
        "the screening is missing: nobody has set it (a prescriber)",
        "the labs is missing",
        "0 preparatory sessions within 60 days, 2 are needed",
        "the weight was not measured today (a nurse)",
        "bed1: prepare refused: bed1 has no clearance",
        "no integration session since the infusion of",
        "the last infusion was on",
        "infusion 4 of a course of 3",
        "bed1: 6 of 6 prompts answered",
        "bed1: the drug counted by anna, witnessed by ben",
        "bed1: discharge signed by anna; given 17.5 mL (35 mg) of 17.5 mL in 40 min of flow; pauses: 0",
    ):
        assert words in shown, words
    assert "3 infusions, 7, 7 days apart" in shown
    assert reader.check(folder / "clinic.db") is None
    for number in (1, 2, 3):
        journal, page, paper = (folder / f"infusion-{number}.{form}" for form in ("journal", "html", "pdf"))
        assert all(str(each) in shown for each in (journal, page, paper))
        assert stat.S_IMODE(journal.stat().st_mode) == 0o600
        assert f"{COURSE}, infusion {number}" in page.read_text(encoding="utf-8")
        assert paper.read_bytes().startswith(b"%PDF-")


@pytest.mark.parametrize("words", [["--gates"], ["--course", "--dashboard"], ["--course", "--speed", "2"]])
def test_options_that_do_not_go_together_are_told(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", *words]) == 2
    assert "--course" in capsys.readouterr().err
