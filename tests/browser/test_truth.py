"""Nothing on a page looks true that may have changed: whatever died, values are struck out within 3 s."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP

import pytest

from simulators.harness.site import BED
from simulators.harness.stage import stage_in
from tests.browser.test_infusion import prepared
from tests.browser.theatre import PEOPLE, Ward, Window, ward
from tests.scenarios.evidence import Evidence

pytestmark = [pytest.mark.process, pytest.mark.timeout(180)]

STRUCK = (
    "document.querySelector('main [data-key=mode]').hasAttribute('data-old')"
    " && document.querySelector('main [data-key=spo2]').hasAttribute('data-old')"
)
SHOWN_LOST = "getComputedStyle(document.querySelector('.link-lost')).display !== 'none'"
WITHIN_S = 3.3
"""3 s, and what a browser on a busy machine takes to say that it has seen it."""


async def is_struck_out_after(window: Window, act: Callable[[], object]) -> None:
    await window.until(f"!({STRUCK}) && !({SHOWN_LOST})")
    begun_s = time.monotonic()
    done = act()
    if asyncio.iscoroutine(done):
        await done
    await window.until(f"{STRUCK} && {SHOWN_LOST}", within_ms=8_000)
    assert time.monotonic() - begun_s < WITHIN_S
    assert await window.text("mode") == "UNKNOWN", "an old mode is no mode"
    assert await window.page.locator("[data-press=stop]").is_enabled()
    assert not await window.page.locator("[data-press=start]").is_enabled()


@pytest.mark.req("UI-02", "UI-05")
async def test_whatever_dies_or_freezes_is_seen_within_three_seconds(tmp_path: Path) -> None:
    async with ward(tmp_path) as opened:
        anna = await opened.window("anna")
        await anna.until(f"pumpd.truth.pictures.{BED}?.values.spo2?.text > 0")
        await is_struck_out_after(anna, opened.theatre.lose_daemon)
        await opened.theatre.start_daemon()
        await anna.until(f"!({SHOWN_LOST})", 20_000)

        await is_struck_out_after(anna, lambda: opened.pages.send(SIGSTOP))
        opened.pages.send(SIGCONT)
        await anna.until(f"!({SHOWN_LOST})", 20_000)

        await is_struck_out_after(anna, opened.line.freeze)
        opened.line.thaw()
        await anna.until(f"!({SHOWN_LOST})", 20_000)

        await is_struck_out_after(anna, lambda: opened.pages.send(SIGKILL))


@pytest.mark.req("UI-02")
async def test_a_dead_broker_is_seen_within_three_seconds(tmp_path: Path) -> None:
    async with ward(tmp_path) as opened:
        anna = await opened.window("anna")
        await anna.until(f"pumpd.truth.pictures.{BED}?.values.spo2?.text > 0")
        await is_struck_out_after(anna, lambda: opened.broker.send(SIGKILL))


async def pressed_while_cut(opened: Ward, window: Window, cut_s: float, act: Callable[[], object]) -> None:
    opened.line.freeze()
    done = act()
    if asyncio.iscoroutine(done):
        await done
    await asyncio.sleep(cut_s)
    opened.line.thaw()


@pytest.mark.long
@pytest.mark.req("CMD-01", "CMD-04", "CTRL-02")
@pytest.mark.parametrize("cut_s", [3.0, 6.0, 12.0])
async def test_a_start_pressed_on_a_cut_page_starts_nothing_and_a_stop_stops(tmp_path: Path, cut_s: float) -> None:
    async with ward(tmp_path, speed=10) as opened, stage_in(opened.theatre) as stage:
        with opened.theatre.at_most(PEOPLE):
            anna = await opened.window("anna")
        await prepared(opened, stage, anna)
        with opened.theatre.at_most(1.0):
            assert "VERIFIED" in await anna.press("[data-press=pause]")
            await anna.until_mode("paused")
            await anna.until("document.querySelectorAll('[data-list=blockers] li').length === 0", 60_000)

            async def hold_resume() -> None:
                button = anna.page.locator("[data-press=resume]")
                await button.hover()
                await anna.page.mouse.down()
                await asyncio.sleep(1.1)
                await anna.page.mouse.up()

            await pressed_while_cut(opened, anna, cut_s, hold_resume)
            await anna.until(f"!({SHOWN_LOST})", 30_000)
            await asyncio.sleep(2)
            first = await anna.page.locator("#presses li").first.inner_text()
            assert "resume: REFUSED" in first or "resume: UNKNOWN" in first
            assert await anna.text("mode") == "PAUSED"

            async def press_stop() -> None:
                await anna.page.click("[data-press=stop]")

            await pressed_while_cut(opened, anna, cut_s, press_stop)
            await anna.until_mode("ended", 30_000)
    runs = [packet for _, packet in Evidence(opened.files.folder).wire() if b"RUN" in packet]
    assert len(runs) == 1, "one run, and none after the pause"


@pytest.mark.req("CMD-04")
async def test_a_press_without_an_answer_says_so_and_never_falls_silent(tmp_path: Path) -> None:
    async with ward(tmp_path) as opened:
        anna = await opened.window("anna")
        await anna.until(f"pumpd.truth.pictures.{BED}?.values.spo2?.text > 0")
        opened.line.freeze()
        await anna.page.click("[data-press=stop]")
        await anna.until("document.querySelector('#presses li').textContent.includes('WATCH THE PUMP')", 4_000)
        await anna.until("document.querySelector('#presses li').dataset.state === 'unknown'", 12_000)
        opened.line.thaw()
        await anna.until("document.querySelector('#presses li').dataset.state === 'verified'", 30_000)
