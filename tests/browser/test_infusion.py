"""What two nurses do at the pages, from the order to the end, and what the pages do for them."""

import asyncio
import re
from pathlib import Path

import pytest

from pumpd.core.quantities import NL_PER_ML
from simulators.harness.site import BED
from tests.browser.legible import assert_legible
from tests.browser.nurses import BLOCKERS, SHORTEST, attend, noted, ready_by_hand, resumed, started
from tests.browser.theatre import PEOPLE, Ward, Window, ward
from tests.scenarios.evidence import COUNT_NL, Evidence

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

WITH_UNITS = ("drug", "dose_per_kg", "weight", "dose", "ordered_rate", "rate_commanded", "remaining", "given")
SURGE = "patient surge 42 11 400"
"""To some 165/90 mmHg: above the limit that pauses, below the one that ends."""
ORDERED_NL = 10_000_000
NUMBER = re.compile(r"(0|[1-9]\d*)(\.\d*[1-9])?")
SOUNDING = f"pumpd.truth.pictures.{BED}.sounding"


async def assert_numbers_keep_their_units(anna: Window) -> None:
    for key in WITH_UNITS:
        shown = await anna.text(key)
        numbers = re.findall(r"(\S+) (?:mg/kg/h|mg/kg|mg/mL|mL/h|mg|mL|kg)\b", shown)
        assert numbers, f"{key} has no number with a unit: {shown}"
        assert [each for each in numbers if not NUMBER.fullmatch(each)] == [], shown


async def assert_a_pause_is_seen_and_heard(anna: Window) -> None:
    await anna.until("document.querySelector('.alarm[data-priority]') !== null")
    await anna.until(f"pumpd.sound.bursts.at(-1)?.priority === {SOUNDING}")
    await anna.until("pumpd.sound.level() > 0.05")
    assert re.match(r"SBP 1[6-7]\d mmHg >= 160 mmHg", await anna.text("cause")), await anna.text("cause")
    assert " mL" in await anna.text("given")
    assert " mL" in await anna.text("remaining")
    assert await anna.page.locator(BLOCKERS).count() > 0


async def assert_a_paused_tone_comes_back_with_a_new_alarm(opened: Ward, anna: Window) -> None:
    for number in range(await anna.page.locator(".alarm").count()):
        assert "VERIFIED" in await anna.press(f".alarm >> nth={number} >> button:has-text('Pause tone')")
    await anna.until(f"{SOUNDING} === null")
    await anna.until("pumpd.sound.level() === 0")
    unnoted = anna.page.locator(".alarm[data-noted=false]").first
    assert await unnoted.is_visible(), "what is silent is still seen"
    assert "tone paused by anna" in await unnoted.inner_text()
    bursts = await anna.page.evaluate("pumpd.sound.bursts.length")
    opened.theatre.control("patient probe-off")
    await anna.until(f"{SOUNDING} !== null && pumpd.sound.bursts.length > {bursts}")
    opened.theatre.control("patient probe-on")
    assert await anna.page.locator(".alarm:has-text('tone paused')").count() == 0


@pytest.mark.req(
    *("UI-01", "UI-04", "UI-05", "UI-06"),
    *("ALRM-02", "ALRM-03", "ALRM-04", "ALRM-05", "ALRM-08", "CMD-04", "CTRL-05", "START-02"),
)
async def test_two_nurses_give_a_whole_infusion_with_a_pause_by_pressure(tmp_path: Path) -> None:
    async with ward(tmp_path, speed=50, changed=SHORTEST) as opened:
        with opened.theatre.at_most(PEOPLE):
            anna, ben = await asyncio.gather(opened.window("anna"), opened.window("ben"))
            await ready_by_hand(anna, ben, opened.site.password("ben"))
            await anna.listen()
        await started(opened, anna)
        assert await anna.page.input_value(f"#start-{BED} [name=password]") == "", "a password is not left on the page"
        assert await anna.text("rate_commanded") == "30 mL/h = 0.75 mg/kg/h"
        await assert_numbers_keep_their_units(anna)
        await assert_legible(anna, alarms=False)
        assert await anna.page.evaluate("pumpd.sound.level()") == 0

        opened.theatre.control(SURGE)
        await anna.until_mode("paused", 60_000)
        with opened.theatre.at_most(PEOPLE):
            await assert_a_pause_is_seen_and_heard(anna)
            await assert_legible(anna, alarms=True)
            await assert_a_paused_tone_comes_back_with_a_new_alarm(opened, anna)
            opened.theatre.control("patient calm")
            await noted(anna)
        await resumed(opened, anna)

        attending = asyncio.create_task(attend(anna))
        await ben.until_mode("completed", 150_000)
        attending.cancel()
        await asyncio.wait([attending])
        shown = re.fullmatch(r".* = (\S+) to (\S+) mL", await ben.text("given"))
        assert shown is not None
        low_nl, high_nl = (round(float(each) * NL_PER_ML) for each in shown.groups())
    given_nl = Evidence(opened.files.folder).plunger().volume_nl
    assert ORDERED_NL - 2 * COUNT_NL <= low_nl <= given_nl <= high_nl <= ORDERED_NL, "two runs, one count each"


@pytest.mark.req("ALRM-05")
async def test_without_a_gesture_the_badge_says_that_nothing_is_heard(tmp_path: Path) -> None:
    async with ward(tmp_path, arguments=()) as opened:
        anna = await opened.window("anna")
        assert await anna.page.inner_text("#sound-badge") == "SOUND OFF: alarms are silent here"
        await anna.until(f"pumpd.truth.pictures.{BED}.values.stations !== undefined")
        assert (await anna.text("stations")).startswith("0, of which 0")
        await anna.listen()
        await anna.until(f"pumpd.truth.pictures.{BED}.values.stations.text.startsWith('1, of which 1')")
