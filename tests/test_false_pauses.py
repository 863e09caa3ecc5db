"""Recordings played to the real core: what is refused, what is a pause, and which pause is false (ALRM-06)."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.false_pauses import main
from benchmarks.shared.playback import Halt, play
from benchmarks.shared.recorded_bed import record
from benchmarks.shared.recording import COLUMNS, TRUE, RecordingError, Row, load, parse, written
from pumpd.bedside.profile_file import load_profile
from pumpd.core.ports import VitalKind
from pumpd.core.quantities import NS_PER_S

PROFILE = load_profile(Path(__file__).parents[1] / "config" / "profiles" / "ketamine-40min.toml")
TRUTH = {VitalKind.HR: 72, VitalKind.SPO2: 98, VitalKind.SBP: 120, VitalKind.DBP: 75, VitalKind.RR: 14}
MINUTES = 11
Change = Callable[[int, dict[VitalKind, int], dict[VitalKind, int]], None]


def rows(change: Change) -> list[Row]:
    """Return a quiet while, a row a second and a cuff reading every five minutes, changed by `change`."""
    found = []
    for at_s in range(MINUTES * 60):
        values, truth = {VitalKind.HR: 72, VitalKind.SPO2: 98}, dict(TRUTH)
        if at_s % 300 == 5:
            values |= {VitalKind.SBP: 120, VitalKind.DBP: 75, VitalKind.MAP: 90}
        change(at_s, values, truth)
        found.append(Row(at_ns=at_s * NS_PER_S, values=values, truth=truth))
    return found


def halts(change: Change) -> tuple[Halt, ...]:
    played = play(parse(written(rows(change)), "made"), PROFILE)
    assert played.running_s > 100
    return played.halts


def false_dip(at_s: int, values: dict[VitalKind, int], _truth: dict[VitalKind, int]) -> None:
    if 500 <= at_s < 530:
        values[VitalKind.SPO2] = 91


def true_dip(at_s: int, values: dict[VitalKind, int], truth: dict[VitalKind, int]) -> None:
    false_dip(at_s, values, truth)
    if 500 <= at_s < 530:
        truth[VitalKind.SPO2] = 91


def brief(at_s: int, values: dict[VitalKind, int], _truth: dict[VitalKind, int]) -> None:
    if at_s >= 400 and at_s % 60 < 10:
        values[VitalKind.SPO2] = 91


def probe_off(at_s: int, values: dict[VitalKind, int], _truth: dict[VitalKind, int]) -> None:
    if 500 <= at_s < 620:
        del values[VitalKind.SPO2], values[VitalKind.HR]


@pytest.mark.req("ALRM-06")
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (false_dip, [("spo2-low-pause", True)]),
        (true_dip, [("spo2-low-pause", False)]),
        (brief, []),
        (probe_off, [("spo2-stale-pause", True)]),
    ],
)
def test_a_pause_is_false_where_nothing_true_was_beyond_a_limit(
    change: Change, expected: list[tuple[str, bool]]
) -> None:
    assert [(halt.rule, halt.false) for halt in halts(change)] == expected


@pytest.mark.req("ALRM-06")
def test_on_a_recording_that_knows_no_truth_every_pause_is_to_be_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bed.csv"
    lines = [",".join(line.split(",")[: len(COLUMNS)]) for line in written(rows(false_dip)).splitlines()]
    path.write_text("\n".join(lines))
    assert main(["--csv", str(path)]) == 0
    page = capsys.readouterr().out
    assert "pauses for each hour of infusion** on recordings that know no truth: 1, to be looked at by hand" in page
    assert f"| {path} | 51" in page
    assert "| spo2-low-pause | 1 | 0 | 0 | 0.00 |" in page


@pytest.mark.req("ALRM-06")
def test_a_simulated_recording_is_made_of_its_seed_and_tells_false_pauses_per_hour() -> None:
    text = written(record(1, profile="demo", until_s=900))
    assert text == written(record(1, profile="demo", until_s=900))
    recording = parse(text, "seed-1")
    assert recording.has_truth
    assert any(VitalKind.SBP in row.values for row in recording.rows)
    played = play(recording, load_profile(Path(__file__).parents[1] / "config" / "profiles" / "demo.toml"))
    assert played.infusions
    assert all(halt.false is not None for halt in played.halts)


HEADER = ",".join(COLUMNS)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "line 1: the columns are ''"),
        ("time,hr\n0,72", "line 1: the columns are 'time,hr'; they must be at_s,hr_bpm"),
        (HEADER, "there is no row"),
        (f"{HEADER}\n0,72,98", "line 2: 3 cells; there are 7 columns"),
        (f"{HEADER}\nnow,72,98,,,,", "line 2: at_s is 'now', which is no number of seconds"),
        (f"{HEADER}\n-1,72,98,,,,", "line 2: at_s is -1; it must be 0 or more"),
        (f"{HEADER}\n0.0001,72,98,,,,", "to the millisecond"),
        (f"{HEADER}\nNaN,72,98,,,,", "line 2: at_s is NaN"),
        (f"{HEADER}\n5,72,98,,,,\n5,72,98,,,,", "line 3: at_s is 5, 0 s after the row before"),
        (f"{HEADER}\n0,72,98,,,,\n3601,72,98,,,,", "line 3: at_s is 3601, 3601 s after the row before"),
        (f"{HEADER}\n0,72.5,98,,,,", "line 2: hr_bpm is '72.5', which is no whole number"),
        (f"{HEADER}\n0,72,0,,,,", "line 2: spo2_percent is 0; 50 to 100 % is possible, empty is no value"),
        (f"{HEADER}\n0,72,98,120,,,", "line 2: SBP alone; a cuff reading has all of"),
        (f"{HEADER}\n0,72,98,120,75,75,", "line 2: the mean pressure is not between"),
        (
            f"{HEADER},{','.join(TRUE)}\n0,72,98,,,,,72,98,120,75,",
            "line 2: true_rr_bpm is '', which is no whole number",
        ),
    ],
)
def test_what_is_no_recording_is_refused_by_line(text: str, complaint: str) -> None:
    with pytest.raises(RecordingError) as refusal:
        parse(text, "bed.csv")
    assert complaint in str(refusal.value)
    assert str(refusal.value).startswith("bed.csv")


def test_a_file_that_cannot_be_played_is_refused_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bed.csv"
    with pytest.raises(RecordingError, match="cannot be read: No such file"):
        load(path)
    path.write_bytes(b"at_s\xff")
    with pytest.raises(RecordingError, match="byte 4 is not ASCII"):
        load(path)
    path.write_text(f"{HEADER}\n0,72,98,,,,\n1,72,98,,,,")
    assert main(["--csv", str(path)]) == 2
    assert "no infusion could be started on it" in capsys.readouterr().err
