"""What a nurse does in her window, step by step."""

import asyncio

from simulators.harness import script
from simulators.harness.site import BED
from simulators.harness.stage import Stage
from tests.browser.theatre import PEOPLE, Ward, Window

BLOCKERS = "[data-list=blockers] li"
NOTHING_IS_IN_THE_WAY = f"document.querySelectorAll('{BLOCKERS}').length === 0"
IN_A_PAUSE = 15.0
"""Every two minutes of a pause somebody is reminded of it, and must take note before a resume."""
LOOKS = 80
SHORT_ORDER = {
    **{name: str(value) for name, value in script.ORDER.items()},
    "weight_kg": "80",
    "dose_mg_per_kg": "0.25",
    "duration_min": "20",
    "soft_limits": "dose-per-kg duration",
    "soft_limit_reason": "a short one",
}
"""20 mg in 10 mL, in the shortest time that any profile may allow."""
SHORTEST = {"hard = [30, 120]": "hard = [20, 120]"}
"""What the profile has and must have for the short order."""
IN_A_HURRY = 20.0
"""How fast the bed's time runs while people wait for the cuff before a start."""


async def tend(window: Window) -> None:
    """Do once what keeps away absence and old assessments."""
    await window.press("[data-press=presence]")
    await window.fill("assess", moaas="5", respiration_bpm="14")
    await window.press("[data-press=assess]")


async def attend(window: Window) -> None:
    """Keep away what a nurse would: absence and old assessments."""
    while True:
        await tend(window)
        await asyncio.sleep(4)


async def ready_by_hand(anna: Window, ben: Window, password: str) -> None:
    """Prepare, confirm with ben's `password`, and say what was seen."""
    await anna.fill("prepare", **SHORT_ORDER)
    await anna.until("document.getElementById('preview').textContent.includes('10 mL, at 30 mL/h')")
    assert "VERIFIED" in await anna.press("[data-press=prepare]")
    await ben.until(f"pumpd.truth.pictures.{BED}.order_hash !== null")
    read = {name: str(value) for name, value in script.CHECKED.items()}
    await ben.fill("confirm", **{**read, "weight_kg": "80", "password": password})
    assert "VERIFIED" in await ben.press("[data-press=confirm]")
    for item in script.SEEN:
        assert "VERIFIED" in await anna.press(f"""[data-press=attest][data-fields*='"{item.value}"']""")


async def started(opened: Ward, anna: Window) -> None:
    """Start as soon as nothing blocks it; her presence must be fresh."""
    with opened.theatre.at_most(IN_A_HURRY):
        for _ in range(LOOKS):
            await tend(anna)
            if await anna.page.locator(BLOCKERS).count() == 0:
                break
            await asyncio.sleep(0.5)
    with opened.theatre.at_most(PEOPLE):
        await anna.fill("start", password=opened.site.password("anna"))
        word = await anna.press("[data-press=start]", held=True)
        assert "VERIFIED: the pump reports infusing" in word
        await anna.until_mode("running")


async def prepared(opened: Ward, stage: Stage, anna: Window) -> None:
    """Bring the bed to a running infusion: the order by scripted nurses, the start in the window."""
    with opened.theatre.at_most(IN_A_HURRY):
        await script.prepare(stage)
        await anna.listen()
    await started(opened, anna)


async def resumed(opened: Ward, anna: Window) -> None:
    """Resume as soon as nothing blocks it; look again where the state changed under her finger."""
    word = ""
    with opened.theatre.at_most(IN_A_PAUSE):
        for _ in range(LOOKS):
            await tend(anna)
            await noted(anna)
            if await anna.page.locator(BLOCKERS).count() > 0:
                await asyncio.sleep(0.3)
                continue
            with opened.theatre.at_most(PEOPLE):
                word = await anna.press("[data-press=resume]", held=True)
                if "VERIFIED" in word:
                    await anna.until_mode("running")
                    return
    raise AssertionError(word or await anna.page.locator(BLOCKERS).all_inner_texts())


async def noted(anna: Window) -> None:
    """Take note of every alarm."""
    unnoted = anna.page.locator(".alarm button:has-text('Note')")
    while await unnoted.count() > 0:
        assert "VERIFIED" in await anna.press(".alarm button:has-text('Note') >> nth=0")
        await asyncio.sleep(0.2)
