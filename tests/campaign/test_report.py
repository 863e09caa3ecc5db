"""The report in its three forms, over made-up outcomes; and what the command does with them."""

import argparse
import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from simulators.harness.campaign import register
from simulators.harness.kept import append, read
from simulators.harness.report.as_json import as_json
from simulators.harness.report.evidence import evidence
from simulators.harness.report.page import page
from simulators.harness.report.svg import Bar, bars, decades, histogram, linear
from simulators.harness.report.totals import ranges, totals
from tests.campaign.support import BLAME, CODE, FIGURES, LATER, made, on_later_code

PLOTS = (
    "Delivered over order",
    "Reaction time: clear",
    "Reaction time: dead",
    "Reaction time: deaf",
    "Interval of what was given: final width",
    "Interval of what was given: widest width",
    "Pauses and other halts by cause",
    "Faults survived by kind",
)
VOID = {"meta", "br"}


class Reader(HTMLParser):
    """Reads a page and refuses tags that do not close one another."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def call(*words: str) -> int:
    parser = argparse.ArgumentParser()
    register(parser.add_subparsers())
    parsed = parser.parse_args(["campaign", *words])
    return int(parsed.handler(parsed))


def test_the_page_holds_every_plot_and_needs_nothing_else() -> None:
    kept = [made(seed) for seed in range(3)]
    read_page = Reader(page(totals(kept), kept))
    plots = [attributes["aria-label"] for tag, attributes in read_page.tags if tag == "svg"]
    assert plots == list(PLOTS)
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in read_page.tags}
    assert not {"src", "href"} & {name for _, attributes in read_page.tags for name in attributes}
    text = " ".join(read_page.words)
    for words in ("Nothing violated", "0..2", "0123456789ab", "(%)", "(s)", "(µL)", "allowed 1.5 s", "allowed 6 s"):
        assert words in text


def test_the_page_shows_violations_as_text() -> None:
    kept = [made(3), made(4, blames=(BLAME,))]
    text = page(totals(kept), kept)
    assert "<b>" not in text
    words = Reader(text).words
    assert BLAME.text in words
    assert "pumpd campaign --tier full --mode safety --seed 4 --trace" in words
    assert "1 of 2 runs violated something" in words


def test_labels_of_plots_are_text() -> None:
    drawn = bars([Bar(label="<i>&", parts=((1, "all"),), text="</svg>")], title='"<', counted="<u>")
    drawn += histogram([1.0], linear(0, 2, step=1, tick=1, label="<s>"), title="<", counted="<p>")
    assert {tag for tag, _ in Reader(drawn).tags} <= {"svg", "text", "rect", "line", "title"}


def test_a_page_of_nothing_can_be_drawn() -> None:
    assert Reader(page(totals([]), [])).words.count("nothing to show") == len(PLOTS)


def test_a_value_on_an_edge_is_in_the_bin_below() -> None:
    percents = linear(0, 110, step=2.5, tick=10, label="%")
    counts = percents.counts([0, 97.5, 100, 100.0001, 200])
    assert (counts[0], counts[38], counts[39], counts[40], counts[-1]) == (1, 1, 1, 1, 1)
    assert decades(-3, 3, bins=6, label="s").counts([0, 0.001, 1_000, 9_999]) == [2, *[0] * 34, 2]


def test_no_bin_reaches_across_a_mark() -> None:
    scale = decades(0, 1, bins=1, label="s").cut([0.5, 3, 10])
    assert scale.edges == (1, 3, 10)
    assert scale.counts([2.999, 3, 3.001]) == [2, 1]


def test_the_totals_name_the_run_of_each_extreme() -> None:
    slow = replace(FIGURES.reactions[0], slowest_ms=900, least_left_ms=600)
    worse = replace(
        FIGURES, over_nl=31_000, reactions=(slow,), interval=replace(FIGURES.interval, widest_nl=99_000, outside=2)
    )
    sums = totals([made(1), made(2, figures=worse), made(3, "liveness", figures=None)])
    assert sums.over is not None
    assert (sums.over.seed, sums.over.value, sums.over.allowed) == (2, 31_000, 40_104)
    assert (sums.slowest["clear"].seed, sums.slowest["clear"].value, sums.nearest["clear"].value) == (2, 900, 600)
    assert sums.slowest["dead"].seed == 1
    assert sums.widest is not None
    assert (sums.widest.seed, sums.widest.value) == (2, 99_000)
    assert (sums.runs, sums.ordered, sums.stops, sums.records, sums.outside) == (3, 2, 10, 908, 2)
    assert sums.reactions == {"clear": 4, "dead": 1, "deaf": 0}


def test_a_fault_counts_once_in_a_run_and_apart_where_nothing_flowed() -> None:
    faults = {each.kind: each for each in totals([made(1), made(2, blames=(BLAME,))]).faults}
    killed, gone = faults["daemon-killed"], faults["broker-gone"]
    assert (killed.runs, killed.struck, killed.violated, killed.struck_and_violated) == (2, 2, 1, 1)
    assert (gone.runs, gone.struck, gone.violated, gone.struck_and_violated) == (2, 0, 1, 0)


def test_halts_are_counted_by_cause_and_end() -> None:
    halts = {each.cause: each for each in totals([made(1), made(2)]).halts}
    assert set(halts) == {"journal", "hr-high-end"}
    assert (halts["journal"].paused, halts["journal"].paused_s, halts["journal"].ended) == (4, 18, 0)
    assert halts["hr-high-end"].ended == 2


def test_seeds_are_told_as_ranges() -> None:
    assert ranges([5, 0, 1, 2, 7, 8]) == "0..2, 5, 7..8"


def test_the_evidence_tells_what_ran_where_and_what_it_cannot_show() -> None:
    kept = [made(1), made(2), on_later_code(made(7)), made(1, "liveness")]
    text = evidence(totals(kept), ())
    for words in (
        "**Nothing was violated.**",
        "| safety | 0123456789ab | 1..2 | 2 | 0 |",
        "| safety | fedcba987654 with changes that are not committed | 7 | 1 | 0 |",
        "| daemon-killed | 4 | 4 | 0 |",
        "| slowest reaction, dead: the daemon died | 1.354 s | 6.000 s |",
        "| most given beyond the order | none; 0.000220 mL short | 0.040104 mL |",
        "| widest recorded interval | 0.011143 mL |",
        "--mode safety --seeds 1..2 --jobs 2",
        "--mode safety --seeds 7..7 --jobs 2",
        "## What such a campaign cannot show",
        "**No real device.**",
        "**Chance is no proof.**",
    ):
        assert words in text


def test_the_evidence_holds_violations_also_those_that_are_over() -> None:
    kept = [made(1), made(2, blames=(BLAME, replace(BLAME, at_ms=BLAME.at_ms + 1, text="again")))]
    text = evidence(totals(kept), (made(1, blames=(BLAME,)),))
    assert "Something was violated in 1." in text
    assert f"| safety-2 | {BLAME.rule} | 2 | {BLAME.at_ms / 1_000:.3f} |" in text
    assert "again |" not in text
    assert text.count(r"\<b\>link\</b\> lost & found \| flow never ended") == 2
    assert "    pumpd campaign --tier full --mode safety --seed 2 --trace" in text
    assert "## Violated before, and done again" in text


def test_the_report_for_programs_is_json_with_the_same_sums() -> None:
    kept = [made(1), made(2, blames=(BLAME,))]
    found = json.loads(json.dumps(as_json(totals(kept), kept)))
    assert found["runs"] == 2
    assert found["violated"][0]["seed"] == 2
    assert found["over"]["value"] == -220
    assert found["outcomes"][0]["revision"]["commit"] == CODE.commit


def test_reports_are_written_from_a_file_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept, html, pages = tmp_path / "kept.jsonl", tmp_path / "page.html", tmp_path / "evidence" / "campaign.md"
    for each in (made(1), made(1, "liveness")):
        append(kept, each)
    words = ("--resume-file", str(kept), "--html", str(html), "--evidence", str(pages))
    assert call(*words) == 0
    assert "| liveness | 0123456789ab | 1 | 1 | 0 |" in pages.read_text()
    assert "Nothing violated" in html.read_text()
    append(kept, made(2, blames=(BLAME,)))
    assert call(*words) == 1
    assert "Something was violated in 1." in pages.read_text()
    assert "--mode safety --seed 2 --trace" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "nothing to do"),
        (("--resume-file", "kept.jsonl"), "nothing to do"),
        (("--seeds", "1..2", "--evidence", "x.md"), "--evidence needs --resume-file"),
        (("--seeds", "1..2", "--trace"), "--trace needs --seed"),
        (("--resume-file", "none.jsonl", "--html", "x.html"), "none.jsonl"),
    ],
)
def test_what_cannot_be_meant_is_refused(words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(*words) == 1
    assert said in capsys.readouterr().err


def test_a_violated_run_is_done_again_and_stays_in_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept, pages = tmp_path / "kept.jsonl", tmp_path / "campaign.md"
    append(kept, on_later_code(made(31, blames=(BLAME,))))
    assert call("--seeds", "31..31", "--resume-file", str(kept), "--evidence", str(pages)) == 0
    first, second = read(kept)
    assert first.outcome.blames == (BLAME,)
    assert first.revision == LATER
    assert second.outcome.blames == ()
    assert second.outcome.figures is not None
    assert "**Nothing was violated.**" in pages.read_text()
    assert "## Violated before, and done again" in pages.read_text()
    assert "1 runs in safety mode, nothing violated" in capsys.readouterr().out


def test_a_file_of_another_version_is_refused_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "kept.jsonl"
    kept.write_text('{"name": "safety-31", "seed": 31}\n')
    assert call("--seeds", "31..31", "--resume-file", str(kept)) == 1
    assert "line 1 is no outcome" in capsys.readouterr().err
    assert kept.read_text() == '{"name": "safety-31", "seed": 31}\n'
