"""The play of a whole course, as `pumpd demo --course --gates` shows it."""

from pathlib import Path

import pytest

from pumpd.cli import main
from pumpd.records import reader


@pytest.mark.req("CLIN-01", "CLIN-02", "CLIN-10", "CLIN-12")
@pytest.mark.timeout(400)
def test_a_simulated_patient_goes_through_all_eight_steps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "course"
    assert main(["demo", "--course", "--gates", "--keep", str(folder)]) == 0
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
    ):
        assert words in shown, words
    assert "3 infusions, 7, 7 days apart" in shown
    assert reader.check(folder / "clinic.db") is None


@pytest.mark.parametrize("words", [["--gates"], ["--course", "--dashboard"], ["--course", "--speed", "2"]])
def test_options_that_do_not_go_together_are_told(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", *words]) == 2
    assert "--course" in capsys.readouterr().err
