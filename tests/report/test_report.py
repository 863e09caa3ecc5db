"""The report of a session: the figures of the journal, on pages that people can read."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from functools import cache
from html import unescape
from io import BytesIO

import pypdf
import pypdfium2
import pytest

from pumpd.core.modes import Mode
from pumpd.core.quantities import NS_PER_MIN
from pumpd.records.chain import ChainError
from pumpd.records.report.chart import Ink, Line, Shape
from pumpd.records.report.content import document
from pumpd.records.report.html import html
from pumpd.records.report.layout import HEIGHT_MM, WIDTH_MM, Path, layout, ticks
from pumpd.records.report.pdf import Pdf, pdf, printable
from pumpd.records.report.plots import of_infusion, of_session
from pumpd.records.report.qr import modules
from pumpd.records.report.style import LOOKS
from pumpd.records.report.svg import svg
from pumpd.records.summary.model import Note, Session
from tests.report.journals import PASSED, cleared_story, given_clearance, story

DOTS_PER_MM = 4


def only() -> Session:
    (session,) = story().sessions
    return session


@cache
def made() -> Pdf:
    return pdf(document(story(), only()))


def text_of(file: Pdf) -> str:
    reader = pypdf.PdfReader(BytesIO(file.data))
    return " ".join(" ".join(page.extract_text() for page in reader.pages).split())


def figures() -> tuple[str, ...]:
    head = story().head
    return (
        only().session,
        "1.868 mg (0.934 mL) of ketamine",
        "1.874 mg (0.937 mL) of ketamine",
        "35 mg (17.5 mL) at 26.25 mL/h",
        "0.5 mg/kg at 70 kg: 35 mg",
        "ended short: stop by anna (enough for today)",
        f"hash {only().profile.hash}",
        f"{head.seq}:{head.hash}",
        "pause by ben (the patient asks for it)",
        "Baseline before the start: 122 / 76 mmHg.",
        "SIMULATED",
        "UNAPPROVED LIMITS",
        "unapproved limits",
        "UNFINISHED",
        "not a certified medical device",
        "spo2-stale-pause: no usable SPO2 for 15 s, limit 15 s",
        "Prepared by anna, confirmed by ben, started by anna.",
    )


@pytest.mark.req("LOG-04")
def test_the_text_of_the_pdf_has_the_figures_of_the_journal_and_the_head_of_its_chain() -> None:
    text = text_of(made())
    assert [each for each in figures() if each not in text] == []
    for rate in only().rates:
        assert f"{rate.counted_nl / 1_000_000:g} mL" in text


@pytest.mark.req("LOG-04")
def test_the_page_says_the_same_and_needs_nothing_else() -> None:
    page = html(document(story(), only()))
    assert [each for each in figures() if each not in page] == []
    for foreign in ("http://", "https://", "<script", "<link", "src=", "url("):
        assert foreign not in page


def cleared_figures() -> tuple[str, ...]:
    """Return what the journal of the cleared session holds of the clinic's side, as a report says it."""
    (session,) = cleared_story().sessions
    given = given_clearance()
    return (
        f"{given.hash} of course c-0a1b2c3d, infusion 2, by clara; passed by override: early-infusion",
        "34.98 to 35 mg by the infusions before this one",
        "2025-12-31 07:16 UTC; full days until the clearance: 1",
        "70 kg on the day; 69.5 kg at the last session",
        f"early-infusion clara 2026-01-01 20:16 UTC {PASSED}",
        f"gate early-infusion clara {PASSED}",
        "overrides 1, see below",
        "exposure-review pumpd does not lapse none",
        "consent anna 2026-01-01 19:16 UTC none",
        "1 mL of ketamine 50 mg/mL and 24 mL of diluent: 25 mL, 50 mg",
        "by clara, witnessed by dan, about 08:16:44; no expiry on the label",
        "attested as clear",
        "drawn and mixed 25 mL 50 mg",
        "given, at least 0.307 mL 0.614 mg",
        "given, at most 0.308 mL 0.616 mg",
        "primed 2 mL 4 mg",
        "wasted 1 mL 2 mg",
        "left in syringe and line 20 mL 40 mg",
        "missing 1.692 mL 3.384 mg",
        "spilt <1 mL>",
        "with its gap and explanation",
        "discharged, signed by anna (nurse)",
        "122/76 mmHg, 122/76 mmHg",
        "an escort is here attested anna",
        "the drug accounted for and witnessed counted and witnessed anna and ben",
        "discharge signed by anna: given 0.307 to 0.308 mL (0.614 to 0.616 mg) of 17.5 mL in 0 min of flow; pauses: 0",
        f"{session.scores[2].scale} 1, dizziness 2, anxiety 0, dissociation 4",
        "at 0 min of the infusion +0:00 1 2 0 4 anna",
    )


def plain(page: str) -> str:
    """Return the text of a page of HTML."""
    return " ".join(unescape(re.sub("<[^>]*>", " ", page)).split())


@pytest.mark.req("CLIN-06", "CLIN-08", "CLIN-09", "CLIN-10", "CLIN-11", "LOG-04")
def test_the_clinic_s_side_stands_in_pdf_and_page_as_the_journal_has_it() -> None:
    (session,) = cleared_story().sessions
    content = document(cleared_story(), session)
    for text in (text_of(pdf(content)), plain(html(content))):
        assert [each for each in cleared_figures() if each not in text] == []
        assert "WAIVED" not in text
        assert "no more than their kind" not in text


@pytest.mark.req("CLIN-01")
def test_where_no_clearance_was_asked_for_the_first_page_says_so() -> None:
    words = "CLEARANCE WAIVED by profile demo, which is for simulators only: the clinic cleared nobody."
    assert words in html(document(story(), only()))
    first = pypdf.PdfReader(BytesIO(made().data)).pages[0].extract_text()
    assert words in " ".join(first.split())


def test_what_was_not_done_is_said_and_never_left_out() -> None:
    text = plain(html(document(story(), only())))
    for words in (
        "Nobody has accounted for the drug.",
        "patient left not yet",
        "an escort is here attested by nobody --",
        "the drug accounted for and witnessed not accounted for --",
        "signed at --",
    ):
        assert words in text, words
    never = replace(only(), first_run_wall_ns=None, over_wall_ns=None, mode=Mode.READY)
    text = plain(html(document(story(), never)))
    assert "There is no infusion that is over, so no discharge was asked for." in text
    assert "nobody was asked" in text
    nothing = replace(only(), first_run_wall_ns=None, high_nl=0, closed_wall_ns=only().last_wall_ns)
    assert "patient left nothing was given, so nobody was observed" in plain(html(document(story(), nothing)))
    lost = replace(only(), closed_wall_ns=only().last_wall_ns)
    assert "patient left the session is closed, and the journal does not say how" in plain(
        html(document(story(), lost))
    )


def test_an_account_without_its_witness_and_with_too_much_says_both() -> None:
    (session,) = cleared_story().sessions
    assert session.account is not None
    counted = replace(session.account.counted, missing_nl=-1, witness=None, explanation="")
    account = replace(session.account, counted=counted, witnessed_wall_ns=None)
    text = plain(html(document(cleared_story(), replace(session, account=account))))
    assert "too much 0.000001 mL 0.001 mg" in text, "rounded up"
    assert "witnessed by nobody" in text
    assert "up to 1 mg missing or too much needs none" in text


def test_each_chart_is_drawn_in_the_pdf_with_its_own_ink() -> None:
    file = pypdfium2.PdfDocument(made().data)
    try:
        pages = {
            number: file[number - 1].render(scale=DOTS_PER_MM * 25.4 / 72).to_pil().convert("RGB")
            for number in {place.page for place in made().charts}
        }
    finally:
        file.close()
    assert len(made().charts) == len(of_infusion(only())) == 5
    for place in made().charts:
        left, top = int(place.x_mm * DOTS_PER_MM), int(place.y_mm * DOTS_PER_MM)
        box = (left, top, left + int(WIDTH_MM * DOTS_PER_MM), top + int(HEIGHT_MM * DOTS_PER_MM))
        colours = pages[place.page].crop(box).getcolors(maxcolors=1 << 24)
        assert colours is not None
        seen = {colour: count for count, colour in colours}
        for ink in (Ink.FIRST, Ink.PAUSE):
            assert seen.get(LOOKS[ink].colour, 0) > 20, (place, ink)


def test_each_chart_of_the_page_is_well_formed_and_says_in_words_what_it_shows() -> None:
    for chart in of_infusion(only()):
        root = ET.fromstring(svg(chart))  # noqa: S314 - our own text
        assert chart.title in root.attrib["aria-label"]
        assert chart.summary in root.attrib["aria-label"]
        assert sum(each.tag in {"polyline", "polygon"} for each in root) > 5


def test_nothing_is_drawn_outside_the_chart() -> None:
    for chart in of_infusion(only()):
        for item in layout(chart):
            points = item.points if isinstance(item, Path) else (item.at,)
            assert all(-0.01 <= x <= WIDTH_MM and -0.01 <= y <= HEIGHT_MM for x, y in points)


def test_no_line_is_drawn_where_no_value_was_known() -> None:
    saturation = of_infusion(only())[0]
    (line,) = saturation.lines
    assert len(line.pieces) == 2
    (gap,) = saturation.gaps
    assert gap == (line.pieces[0][-1][0], line.pieces[1][0][0])
    assert 25 / 60 < gap[1] - gap[0] < 27 / 60


def test_a_dip_of_one_value_among_ten_thousand_is_still_drawn() -> None:
    points = tuple((second / 60, 80.0 if second == 5_000 else 97.0) for second in range(10_000))
    saturation = of_infusion(only())[0]
    wide = replace(
        saturation,
        end=170.0,
        lines=(Line(name="SPO2", ink=Ink.FIRST, shape=Shape.LINE, pieces=(points,)),),
        low=80.0,
        high=100.0,
        spans=(),
        levels=(),
    )
    drawn = next(item for item in layout(wide) if isinstance(item, Path) and len(item.points) > 100)
    assert len(drawn.points) < 5_000
    assert max(y for _, y in drawn.points) == pytest.approx(HEIGHT_MM - 6)


@pytest.mark.parametrize(("low", "high"), [(80, 100), (0, 1.1), (40, 180), (0, 30.2), (0, 0.0004)])
def test_the_numbers_of_an_axis_are_few_and_round(low: float, high: float) -> None:
    found = ticks(low, high)
    assert 2 <= len(found) <= 6
    assert all(low <= each <= high * 1.000_001 for each in found)


def test_a_broken_journal_is_marked_on_its_first_page() -> None:
    broken = replace(story(), broken=ChainError(40, "was changed after it was written"))
    page = html(document(broken, only()))
    assert "BROKEN RECORD: record 40: was changed after it was written" in page
    assert "every record fits" not in page


def test_what_people_wrote_stays_text() -> None:
    note = Note(at_wall_ns=only().zero_wall_ns, cause="override", text='<script>alert("x")</script> Łódź')
    session = replace(only(), notes=(*only().notes, note))
    content = document(story(), session)
    assert "<script" not in html(content)
    assert "Łódź" in html(content)
    assert r"\u0141ód\u017a" in text_of(pdf(content))
    assert printable("é≥") == r"é\u2265"


def test_a_session_that_was_never_started_has_a_report() -> None:
    bare = replace(
        only(), first_run_wall_ns=None, rates=(), pauses=(), delivered=(), signs=(), cuff=(), modes=(), baseline=None
    )
    text = text_of(pdf(document(story(), bare)))
    assert "The pump was never started." in text
    assert "No vital sign was recorded after a first run." in text


def test_a_pause_that_never_ended_is_shaded_to_the_end() -> None:
    pause = replace(only().pauses[0], until_wall_ns=None)
    session = replace(only(), pauses=(pause,))
    (span,) = of_infusion(session)[0].spans
    assert span[1] == (session.last_wall_ns - session.zero_wall_ns) / NS_PER_MIN
    assert "still paused at the end of the journal" in html(document(story(), session))


def test_a_long_observation_has_charts_of_its_own() -> None:
    assert of_session(only()) == ()
    long = replace(only(), last_wall_ns=only().last_wall_ns + 120 * NS_PER_MIN)
    assert len(of_session(long)) == 3
    assert of_session(long)[0].end - of_infusion(long)[0].end > 100


def test_the_code_holds_the_head() -> None:
    dark = modules("6409:ed24")
    assert len(dark) == len(dark[0])
    assert not any(dark[0])
    assert dark[4][4:11] == (True,) * 7  # the upper edge of the finder pattern
