"""A course in the pages: from its beginning to a clearance by two people; and what is said when the desk is gone."""

from contextlib import AsyncExitStack
from pathlib import Path
from signal import SIGKILL, SIGSTOP

import pytest
from axe_playwright_python.async_playwright import Axe

from pumpd.core.course_words import Check
from simulators.harness.site import BED
from tests.browser.desk import (
    CODE,
    CURRENT,
    answer_the_day,
    ask,
    begin,
    document,
    enter_clinic,
    must,
    same_revision,
)
from tests.browser.test_reach import LABELS, WIDE
from tests.browser.theatre import SHOWN_LOST, Ward, Window, ward
from tests.clinic.support import SECTION

pytestmark = [pytest.mark.process, pytest.mark.timeout(180)]

LINE = "(document.getElementById('desk-line')?.textContent ?? '')"
VIEW = "(document.getElementById('desk-view')?.textContent ?? '')"
SOON_MS = 12_000
"""Within so long the end of the clinic's process is told, also on a busy machine."""
RUNS = f"pumpd.truth.pictures.{BED}?.mode === 'idle'"
ON_TOP = """
(() => {
  const place = document.querySelector('[data-press=stop]').getBoundingClientRect();
  return document.elementFromPoint(place.x + place.width / 2, place.y + place.height / 2)?.dataset.press;
})()
"""
"""What is pressed where the stop stands."""
PRESSED_AT = """
([revision, check]) => {
  document.querySelector('#desk-check [name=check]').value = check;
  document.querySelector('#desk-check [name=answer]').value = 'not-clear';
  if (pumpd.desk.revision !== revision) return false;
  document.querySelector('[data-desk-press=check]').click();
  return true;
}
"""
"""Answers a question on the page as it was at that revision, if it still shows that."""


async def assert_an_empty_course_says_so(anna: Window) -> None:
    text = await anna.page.inner_text("#desk-view")
    assert "no total yet" in text
    assert "no infusion yet" in text
    assert "1. Screening: a treatment-resistant depression: MISSING" in text
    assert "MISSING screening (a prescriber): the screening is missing: nobody has set it" in text


async def assert_a_refusal_is_shown_in_the_desk_s_words(anna: Window) -> None:
    word = await ask(anna, "gate", gate="ecg", on="2026-01-02", document="E-1")
    assert word.endswith(": gate: REFUSED: the ecg is set by a prescriber, anna is a nurse")
    word = await ask(anna, "weight", weight_kg="70.0", weight_again_kg="71.0")
    assert "REFUSED: the two entries differ, 70.0 and 71.0 kg; weigh again" in word
    word = await ask(anna, "check", check="", answer="clear")
    assert "REFUSED: nothing was sent: check is missing" in word


async def assert_two_terminals_are_not_both_obeyed(anna: Window, ben: Window) -> Check:
    """Answer the same question twice from the same revision; the one who is second learns who was first."""
    for check in Check:
        revision = await same_revision(anna, ben)
        before = await ben.page.evaluate("document.querySelector('#presses li')?.dataset.id ?? ''")
        await must(anna, "check", check=check.value, answer="clear")
        if await ben.page.evaluate(PRESSED_AT, [revision, check.value]):
            word = await ben.final_word(before)
            assert f"REFUSED: anna has changed check {check.value} of course" in word
            await ben.page.close()
            return check
    raise AssertionError("ben's page was always quicker than he")


async def assert_an_override_takes_two(anna: Window, clara: Window) -> None:
    await must(anna, "override", item="preparation", reason="<b>travels</b> on Thursday")
    await clara.until(f"{VIEW}.includes('asks to pass preparation, because: <b>travels</b>')")
    word = await anna.press("#sign-preparation")
    assert "REFUSED: anna (nurse) asked for this; a second person of another role signs" in word
    assert "VERIFIED" in await clara.press("#sign-preparation")
    await clara.until(f"{VIEW}.includes('PASSED BY OVERRIDE preparation')")


async def assert_stop_is_reached_over_a_lost_link(anna: Window) -> None:
    anna.line.freeze()
    await anna.until(SHOWN_LOST)
    assert await anna.page.evaluate(ON_TOP) == "stop"
    anna.line.thaw()
    await anna.until(f"!({SHOWN_LOST}) && {CURRENT}")


async def assert_strangers_see_no_course(opened: Ward, course: str) -> None:
    url = f"http://127.0.0.1:{opened.port}"
    stranger = await opened.browser.new_context()
    for path in ("/courses", f"/course/{course}"):
        turned_away = await stranger.request.get(f"{url}{path}", max_redirects=0)
        assert (turned_away.status, turned_away.headers["location"]) == (303, "/login")
    await stranger.close()


async def assert_pages_are_for_everybody(opened: Ward, course: str) -> None:
    for path in ("/courses", f"/course/{course}"):
        phone = await opened.window("anna", path, width=320, height=640)
        await phone.until(f"{CURRENT} && {RUNS}")
        assert await phone.page.evaluate(WIDE), f"{path} is wider than a phone"
        assert await phone.page.locator(".tile-lost:visible, .link-lost:visible").count() == 0, "nothing is lost here"
        for halt in ("stop", "pause"):
            button = await phone.page.locator(f"[data-press={halt}]").bounding_box()
            assert button is not None
            assert button["y"] + button["height"] <= 640, "reached without scrolling"
        labels = await phone.page.evaluate(LABELS)
        assert len(labels) == len(set(labels)), "no two fields share a label"
        found = await Axe().run(phone.page)
        assert found.response["violations"] == [], found.generate_report()
        await phone.page.close()


async def assert_everybody_sees_who_is_cleared_and_may_stop(opened: Ward, course: str) -> None:
    vera = await opened.window("vera", "/")
    await vera.page.click("header a[href='/courses']")
    await vera.until(f"{CURRENT} && {VIEW}.includes('CLEARED for {BED} until') && {RUNS}")
    assert await vera.page.locator("[data-desk-press]").count() == 0
    await vera.page.click(f"a[href='/course/{course}']")
    await vera.until(f"{CURRENT} && {VIEW}.includes('CLEARED for {BED} until')")
    assert await vera.page.locator("[data-desk-press]").count() == 0
    await vera.page.evaluate("pumpd.desk.press('withdraw', {})")
    assert "REFUSED: the role viewer may not change a course" in await vera.final_word()
    assert f"{BED}: stop: VERIFIED" in await vera.press("[data-press=stop]")
    assert CODE not in await vera.page.content()
    named = await vera.page.request.get(f"http://127.0.0.1:{vera.line.port}/course/{CODE}")
    assert (named.status, await named.text()) == (404, "There is no such course here.")
    await vera.page.close()


@pytest.mark.req("CLIN-01", "CLIN-10", "CLIN-12", "CMD-04", "CMD-05", "UI-05", "UI-06")
async def test_two_people_bring_a_course_to_its_clearance_and_see_when_the_desk_is_gone(tmp_path: Path) -> None:
    async with ward(tmp_path, speed=1.0, also=SECTION) as opened, AsyncExitStack() as stack:
        anna = await opened.window("anna", "/courses")
        await anna.until(f"{LINE}.includes('start it with `pumpd clinic`')")
        clinic = await enter_clinic(stack, opened)
        await anna.until(f"{CURRENT} && {VIEW}.includes('There is no course yet.')")
        course = await begin(opened, anna)
        await assert_an_empty_course_says_so(anna)
        await assert_a_refusal_is_shown_in_the_desk_s_words(anna)

        clara = await opened.window("clara", f"/course/{course}")
        ben = await opened.window("ben", f"/course/{course}")
        await clara.until(CURRENT)
        await assert_an_override_takes_two(anna, clara)
        await document(clara, anna)
        both = await assert_two_terminals_are_not_both_obeyed(anna, ben)
        await answer_the_day(anna, tuple(check for check in Check if check is not both))
        await same_revision(anna, clara)
        assert f"for {BED}, infusion 1, 70 kg" in await must(clara, "clear", bed=BED)
        await clara.until(f"{VIEW}.includes('CLEARED for {BED} until')")
        await assert_everybody_sees_who_is_cleared_and_may_stop(opened, course)
        await assert_strangers_see_no_course(opened, course)
        await assert_pages_are_for_everybody(opened, course)

        await assert_stop_is_reached_over_a_lost_link(anna)

        clinic.send(SIGSTOP)
        word = await ask(clara, "withdraw")
        assert "UNKNOWN: no answer of the clinic's desk within 10 s: look at the course whether it was done" in word
        await anna.until(f"{LINE}.startsWith('NOT CURRENT, as of')", SOON_MS)
        clinic.send(SIGKILL)
        await anna.until(f"{LINE}.includes('start it with `pumpd clinic`')", SOON_MS)
        assert await anna.page.locator("[data-needs-desk]:not(:disabled)").count() == 0
        await anna.page.evaluate("pumpd.desk.press('withdraw', {})")
        assert "REFUSED: nothing was sent: the clinic's process is not there" in await anna.final_word()
        await enter_clinic(stack, opened)
        await anna.until(f"{CURRENT} && {VIEW}.includes('CLEARED for {BED} until')")
