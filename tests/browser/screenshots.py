"""Takes the pictures of the documents from a ward that runs: `make screenshots`, or `ARGS=FOLDER` for a folder."""

import argparse
import asyncio
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from simulators.harness.scenario import SURGE
from simulators.harness.site import BED
from simulators.harness.stage import stage_in
from tests.browser.clinic_record import FOLLOWED, keep_record
from tests.browser.desk import CURRENT, enter_clinic
from tests.browser.legible import assert_legible
from tests.browser.nurses import prepared, resumed
from tests.browser.theatre import PEOPLE, SHOWN_LOST, Ward, Window, ward
from tests.clinic.support import SECTION

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
SIZE = {"width": 1152, "height": 780}
SHOWN = f"pumpd.truth.pictures.{BED}?.values.spo2?.text > 0"
UNKNOWN = "document.querySelector('#presses li')?.dataset.state === 'unknown'"


async def take(window: Window, folder: Path, name: str) -> None:
    """Take one picture of what the window shows now."""
    await window.page.evaluate("scrollTo(0, 0)")
    await window.page.screenshot(path=folder / f"{name}.png")
    print(f"{name}.png", flush=True)


async def take_courses(opened: Ward, stack: AsyncExitStack, folder: Path) -> None:
    """Take the list of all courses, and one course with its steps and its totals."""
    keep_record(opened.site.clinic_database)
    await enter_clinic(stack, opened)
    with opened.theatre.at_most(PEOPLE):
        clara = await opened.window("clara", "/courses", **SIZE)
        await clara.until(CURRENT)
        await take(clara, folder, "courses")
        await clara.page.click(f"#desk-view a[href='/course/{FOLLOWED}']")
        await clara.until(f"{CURRENT} && document.querySelector('.trend canvas') !== null")
        await take(clara, folder, "course")
        await clara.page.locator(".trend").screenshot(path=folder / "course-trend.png")
        await clara.page.close()


async def take_all(site: Path, folder: Path) -> None:
    """Play an infusion with its troubles, and take a picture of each; before it, of the clinic's courses."""
    async with (
        ward(site, speed=30, others=("bed2",), also=SECTION) as opened,
        stage_in(opened.theatre) as stage,
        AsyncExitStack() as stack,
    ):
        await take_courses(opened, stack, folder)
        with opened.theatre.at_most(PEOPLE):
            anna = await opened.window("anna", **SIZE)
        await prepared(opened, stage, anna)
        await stage.pass_time(240)
        with opened.theatre.at_most(1.0):
            vera = await opened.window("vera", "/", **SIZE)
            phone = await opened.window("anna", width=390, height=844)
            for window in (vera, phone):
                await window.until(SHOWN)
            await assert_legible(anna, alarms=False)
            await take(vera, folder, "ward")
            await take(anna, folder, "bed-running")
            await take(phone, folder, "phone")
            await phone.page.close()
        opened.theatre.control(SURGE)
        await anna.until_mode("paused", 60_000)
        with opened.theatre.at_most(PEOPLE):
            await assert_legible(anna, alarms=True)
            await take(anna, folder, "paused")
        opened.theatre.control("patient calm")
        await resumed(opened, anna)
        with opened.theatre.at_most(1.0):
            opened.theatre.control("pump unplug")
            await anna.page.click(f"[data-press=pause][data-press-bed={BED}]")
            await anna.until(UNKNOWN)
            await anna.until_mode("unknown")
            await assert_legible(anna, alarms=True)
            await take(anna, folder, "unknown-outcome")
            opened.theatre.control("pump plug")
            await anna.until_mode("paused", 30_000)
            anna.line.freeze()
            await anna.until(SHOWN_LOST)
            await take(anna, folder, "link-lost")
            anna.line.thaw()


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(prog="screenshots", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER, help="where the pictures go")
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pumpd-screenshots-") as site:
        asyncio.run(take_all(Path(site), folder))


if __name__ == "__main__":
    main()
