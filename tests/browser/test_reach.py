"""Everybody can use the pages: on a phone, by keyboard, with a screen reader."""

from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe

from simulators.harness.site import BED
from tests.browser.theatre import ward

pytestmark = [pytest.mark.process, pytest.mark.timeout(120)]

WIDE = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


@pytest.mark.req("UI-05", "UI-06")
async def test_phone_keyboard_and_screen_reader(tmp_path: Path) -> None:
    async with ward(tmp_path) as opened:
        for path in (f"/bed/{BED}", "/"):
            phone = await opened.window("anna", path, width=320, height=640)
            await phone.until(f"pumpd.truth.pictures.{BED}?.values.spo2?.text > 0")
            assert await phone.page.evaluate(WIDE), f"{path} is wider than a phone"
            stop = await phone.page.locator("[data-press=stop]").bounding_box()
            assert stop is not None
            assert path == "/" or stop["y"] + stop["height"] <= 640, "stop is reached without scrolling"

            found = await Axe().run(phone.page)
            assert found.response["violations"] == [], found.generate_report()

        anna = await opened.window("anna")
        await anna.until(f"pumpd.truth.pictures.{BED}?.values.spo2?.text > 0")
        labels = await anna.page.evaluate(
            "[...document.querySelectorAll('label')].map((label) => label.textContent.trim().split('\\n')[0])"
        )
        assert len(labels) == len(set(labels)), "no two fields share a label"
        for _ in range(200):
            await anna.page.keyboard.press("Tab")
            if await anna.page.evaluate("document.activeElement?.dataset?.press") == "presence":
                break
        await anna.page.keyboard.press("Enter")
        assert "presence: VERIFIED" in await anna.final_word()
        for _ in range(200):
            await anna.page.keyboard.press("Tab")
            if await anna.page.evaluate("document.activeElement?.dataset?.press") == "stop":
                break
        await anna.page.keyboard.press("Space")
        assert "stop" in await anna.final_word()


SIZES = """
[...document.querySelectorAll('main .big, main .dose [data-key=given]')].map((node) => ({
  height: parseFloat(getComputedStyle(node).fontSize), colour: getComputedStyle(node).color }))
"""


@pytest.mark.req("UI-01")
async def test_mode_and_dose_are_large(tmp_path: Path) -> None:
    async with ward(tmp_path) as opened:
        anna = await opened.window("anna")
        await anna.until(f"pumpd.truth.pictures.{BED}?.values.spo2?.text > 0")
        sizes = await anna.page.evaluate(SIZES)
        assert len(sizes) == 2
        assert all(each["height"] >= 900 / 40 for each in sizes)


SIGNALS = """
Object.fromEntries(['high', 'medium', 'low'].map((priority) => {
  const row = document.createElement('li');
  row.className = 'alarm';
  row.dataset.priority = priority;
  row.dataset.noted = 'false';
  document.body.append(row);
  const look = getComputedStyle(row);
  return [priority, [look.borderTopColor, look.animationName === 'none' ? 0 : 1 / parseFloat(look.animationDuration),
    pumpd.sound.signals[priority].tones]];
}))
"""


@pytest.mark.req("ALRM-02")
async def test_priorities_are_told_apart_by_colour_flash_and_tones(tmp_path: Path) -> None:
    async with ward(tmp_path) as opened:
        anna = await opened.window("anna")
        signals = await anna.page.evaluate(SIGNALS)
        assert {priority: tones for priority, (_, _, tones) in signals.items()} == {"high": 10, "medium": 3, "low": 1}
        assert signals["high"][1] == pytest.approx(2)
        assert signals["medium"][1] == pytest.approx(0.6, abs=0.001)
        assert signals["low"][:2] == ["rgb(92, 225, 255)", 0], "steady cyan"
