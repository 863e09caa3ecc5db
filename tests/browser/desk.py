"""The clinic's desk for a ward in a browser, and what people do on the pages of a course."""

import asyncio
import re
from contextlib import AsyncExitStack
from datetime import date, datetime, timedelta

from pumpd.cli import main
from pumpd.core.course_words import Check
from simulators.harness.processes import Child, end_or_kill
from tests.browser.theatre import WAIT_MS, Ward, Window

CODE = "P-0042"
LOOK_S = 0.1
CURRENT = "(document.getElementById('desk-line')?.textContent ?? '').startsWith('as of')"


def today() -> date:
    return datetime.now().astimezone().date()


def day(days_ago: int) -> str:
    return (today() - timedelta(days=days_ago)).isoformat()


async def enter_clinic(stack: AsyncExitStack, opened: Ward) -> Child:
    """Start the clinic's process and have `stack` end it."""
    site = opened.files.site
    log = site.folder / f"clinic-{len(list(site.folder.glob('clinic-*.log')))}.log"
    clinic = Child("clinic", ["-m", "pumpd.cli", "clinic", "--site", str(site.site_file)], log=log)
    stack.push_async_callback(end_or_kill, clinic)
    await clinic.said("clinic: ")
    return clinic


def assign(opened: Ward, course: str) -> None:
    """Give a course its patient, at the clinic's own machine."""
    assert main(["clinic", "--site", str(opened.files.site.site_file), "assign", course, CODE]) == 0


async def ask(window: Window, kind: str, *, button: int = 0, **fields: str | bool) -> str:
    """Fill in a form, press one of its buttons and return the final word."""
    for name, value in fields.items():
        entry = window.page.locator(f"#desk-{kind} [name={name}]")
        if isinstance(value, bool):
            await entry.set_checked(value)
        elif await entry.evaluate("node => node.tagName") == "SELECT":
            await entry.select_option(value)
        else:
            await entry.fill(value)
    return await window.press(f"[data-form=desk-{kind}] >> nth={button}")


async def must(window: Window, kind: str, *, button: int = 0, **fields: str | bool) -> str:
    """Ask for what must be done."""
    word = await ask(window, kind, button=button, **fields)
    assert ": VERIFIED: " in word, word
    return word


async def begin(opened: Ward, window: Window) -> str:
    """Begin a course from the list and open its page."""
    await window.until(CURRENT)
    found = re.search(r"course (c-[0-9a-f]+): recorded", await must(window, "new", indication="depression"))
    assert found is not None
    course = found.group(1)
    assign(opened, course)
    await window.page.click(f"#desk-view a[href='/course/{course}']")
    await window.until(CURRENT)
    return course


async def document(clara: Window, anna: Window) -> None:
    """Go the steps up to the first infusion's day."""
    for gate in ("screening", "consultation", "ecg", "labs"):
        drugs = "2" if gate == "screening" else ""
        await must(clara, "gate", gate=gate, on=day(5), document="D-7", failed_drugs=drugs)
    for days in (4, 2):
        await must(anna, "session", meeting="preparatory", on=day(days), therapist="tom")
    await must(clara, "score", total="30", on=day(1), rater="tom", item9_reviewed=True)


async def answer_the_day(anna: Window, checks: tuple[Check, ...] = tuple(Check)) -> None:
    """Answer the questions of the day, and weigh."""
    for check in checks:
        await must(anna, "check", check=check.value, answer="clear")
    await must(anna, "weight", weight_kg="70.0", weight_again_kg="70.0")


async def same_revision(one: Window, other: Window) -> int:
    """Wait until two windows show the same revision, whichever is ahead, and return it."""
    async with asyncio.timeout(WAIT_MS / 1_000):
        while True:
            revision: int = await one.page.evaluate("pumpd.desk.revision")
            if await other.page.evaluate("pumpd.desk.revision") == revision:
                return revision
            await asyncio.sleep(LOOK_S)
