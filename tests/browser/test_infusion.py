"""What two nurses do at the pages, from the order to the end, and what the pages do for them."""

import asyncio
from pathlib import Path

import pytest

from simulators.harness import script
from simulators.harness.site import BED
from simulators.harness.stage import Stage, stage_in
from tests.browser.theatre import PEOPLE, Ward, Window, ward
from tests.scenarios.evidence import Evidence

pytestmark = [pytest.mark.process, pytest.mark.timeout(240)]


async def attend(window: Window) -> None:
    """Keep away what a nurse would: absence and old assessments."""
    while True:
        await window.press("[data-press=presence]")
        await window.fill("assess", moaas="5", respiration_bpm="14")
        await window.press("[data-press=assess]")
        await asyncio.sleep(4)


async def ready_by_hand(opened: Ward, anna: Window, ben: Window) -> None:
    await anna.fill("prepare", **{name: str(value) for name, value in script.ORDER.items()})
    await anna.until("document.getElementById('preview').textContent.includes('17.5 mL, at 26.25 mL/h')")
    assert "VERIFIED" in await anna.press("[data-press=prepare]")
    await ben.until(f"pumpd.truth.pictures.{BED}.order_hash !== null")
    await ben.fill("confirm", **{name: str(value) for name, value in script.CHECKED.items()})
    assert "VERIFIED" in await ben.press("[data-press=confirm]")
    for item in script.SEEN:
        assert "VERIFIED" in await anna.press(f"""[data-press=attest][data-fields*='"{item.value}"']""")
    await anna.listen()


async def started(opened: Ward, anna: Window) -> None:
    """Start as soon as nothing blocks it; her presence must be fresh."""
    for _ in range(40):
        await anna.press("[data-press=presence]")
        await anna.fill("assess", moaas="5", respiration_bpm="14")
        await anna.press("[data-press=assess]")
        if await anna.page.locator("[data-list=blockers] li").count() == 0:
            break
        await asyncio.sleep(1)
    await anna.fill("start", password=opened.site.password("anna"))
    word = await anna.press("[data-press=start]", held=True)
    assert "VERIFIED: the pump reports infusing" in word


@pytest.mark.long
@pytest.mark.req("UI-01", "UI-05", "UI-06", "ALRM-05", "CMD-04", "START-02")
async def test_two_nurses_give_a_whole_infusion(tmp_path: Path) -> None:
    async with ward(tmp_path, speed=40) as opened:
        with opened.theatre.at_most(PEOPLE):
            anna, ben = await opened.window("anna"), await opened.window("ben")
            await ready_by_hand(opened, anna, ben)
        with opened.theatre.at_most(5.0):
            await started(opened, anna)
        assert await anna.page.input_value(f"#start-{BED} [name=password]") == "", "a password is not left on the page"
        await anna.until_mode("running")
        assert await anna.text("rate_commanded") == "26.25 mL/h = 0.75 mg/kg/h"
        attending = asyncio.create_task(attend(anna))
        await ben.until_mode("completed", 150_000)
        attending.cancel()
        await asyncio.wait([attending])
        assert (await ben.text("given")).endswith("17.5 mL")
    evidence = Evidence(opened.files.folder)
    assert evidence.plunger().volume_nl == pytest.approx(17_500_000, abs=20_000)


async def prepared(opened: Ward, stage: Stage, anna: Window) -> None:
    """Bring the bed to a running infusion: the order by scripted nurses, the start in the window."""
    with opened.theatre.at_most(5.0):
        await script.prepare(stage)
        await anna.listen()
        await started(opened, anna)


@pytest.mark.long
@pytest.mark.req("UI-04", "ALRM-02", "ALRM-04", "ALRM-08", "CTRL-05")
async def test_a_pause_by_pressure_is_seen_heard_noted_and_resumed(tmp_path: Path) -> None:
    async with ward(tmp_path, speed=30) as opened, stage_in(opened.theatre) as stage:
        with opened.theatre.at_most(PEOPLE):
            anna = await opened.window("anna")
        await prepared(opened, stage, anna)
        assert await anna.page.evaluate("pumpd.sound.level()") == 0
        opened.theatre.control("patient surge 170 92 400")
        await anna.until_mode("paused", 60_000)
        with opened.theatre.at_most(PEOPLE):
            await anna.until("document.querySelector('.alarm[data-priority]') !== null")
            await anna.until("pumpd.sound.bursts.at(-1)?.priority === pumpd.truth.pictures.bed1.sounding")
            await anna.until("pumpd.sound.level() > 0.05")
            assert "SBP" in await anna.text("cause")
            assert await anna.page.locator("[data-list=blockers] li").count() > 0
            word = await anna.press(".alarm button:has-text('Note')")
            assert "VERIFIED" in word
        attending = asyncio.create_task(attend(anna))
        await anna.until("document.querySelectorAll('[data-list=blockers] li').length === 0", 120_000)
        attending.cancel()
        await asyncio.wait([attending])
        with opened.theatre.at_most(PEOPLE):
            assert "VERIFIED" in await anna.press("[data-press=resume]", held=True)
            await anna.until_mode("running")


@pytest.mark.req("CTRL-02", "UI-05")
async def test_one_press_stops_and_a_short_press_starts_nothing(tmp_path: Path) -> None:
    async with ward(tmp_path, speed=10) as opened, stage_in(opened.theatre) as stage:
        with opened.theatre.at_most(PEOPLE):
            anna, vera = await opened.window("anna"), await opened.window("vera", "/")
        await prepared(opened, stage, anna)
        with opened.theatre.at_most(PEOPLE):
            assert "VERIFIED" in await anna.press(f"[data-press=pause][data-press-bed={BED}]")
            await anna.until_mode("paused")
            presses = await anna.page.locator("#presses li").count()
            await anna.page.click("[data-press=resume]")
            assert await anna.page.locator("#presses li").count() == presses, "a click is not a hold"
            # a viewer may stop, from the ward
            assert "VERIFIED" in await vera.press(f"[data-press=stop][data-press-bed={BED}]")
            await anna.until_mode("ended")


@pytest.mark.req("CMD-05", "START-11")
async def test_a_viewer_sees_no_start_and_a_forged_press_is_refused(tmp_path: Path) -> None:
    async with ward(tmp_path) as opened:
        vera = await opened.window("vera")
        assert await vera.page.locator("[data-press=start], [data-press=prepare]").count() == 0
        assert await vera.page.locator("[data-press=stop]").count() == 1
        await vera.page.evaluate(f"pumpd.press('{BED}', 'presence', {{}})")
        word = await vera.final_word()
        assert "REFUSED" in word
        assert "viewer" in word


@pytest.mark.req("ALRM-05")
async def test_without_a_gesture_the_badge_says_that_nothing_is_heard(tmp_path: Path) -> None:
    async with ward(tmp_path, arguments=()) as opened:
        anna = await opened.window("anna")
        assert await anna.page.inner_text("#sound-badge") == "SOUND OFF: alarms are silent here"
        await anna.until(f"pumpd.truth.pictures.{BED}.values.stations !== undefined")
        assert (await anna.text("stations")).startswith("0, of which 0")
        await anna.listen()
        await anna.until(f"pumpd.truth.pictures.{BED}.values.stations.text.startsWith('1, of which 1')")
