"""A bed, the pages' server and a real browser, for one test."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import pytest
from playwright.async_api import Browser, Page, async_playwright

from pumpd.mqtt.accounts import provision
from pumpd.mqtt.site import Site
from simulators.harness.elastic_process import READY, start_elastic_bed
from simulators.harness.elastic_theatre import ElasticTheatre, elastic_bed
from simulators.harness.processes import Child, end_or_kill, enter_broker
from simulators.harness.scenario import Scenario
from simulators.harness.site import BED, BedFiles, free_port, make_site
from tests.proxy import Proxy, proxy_to

WAIT_MS = 20_000
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-lcd-text",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
SOUND_WITHOUT_A_GESTURE = "--autoplay-policy=no-user-gesture-required"
PEOPLE = 2.0
"""The bed's time runs no faster than this while people act."""

SHOWN_LOST = "getComputedStyle(document.querySelector('.link-lost')).display !== 'none'"
SOUND_TRIES = 5
HOLD_S = 1.1
"""How long start and resume are held."""


@dataclass
class Window:
    """One person's window, and everything that went wrong in it."""

    page: Page
    line: Proxy
    errors: list[str] = field(default_factory=list)
    requests: set[str] = field(default_factory=set)

    async def text(self, key: str) -> str:
        return await self.page.locator(f'main [data-key="{key}"]').first.inner_text()

    async def until(self, script: str, within_ms: int = WAIT_MS) -> None:
        """Wait until a condition of the page holds."""
        await self.page.wait_for_function(script, timeout=within_ms)

    async def until_mode(self, mode: str, within_ms: int = WAIT_MS) -> None:
        await self.until(f"document.querySelector('[data-bed=\"{BED}\"]').dataset.mode === '{mode}'", within_ms)

    async def press(self, selector: str, *, held: bool = False) -> str:
        """Press a button and return the final word on it."""
        before = await self.page.evaluate("document.querySelector('#presses li')?.dataset.id ?? ''")
        if held:
            await self.click_at(selector, held_s=HOLD_S)
        else:
            await self.page.locator(selector).click()
        return await self.final_word(before)

    async def click_at(self, selector: str, *, held_s: float) -> None:
        """Press the mouse on a button for so long, and wait for no answer."""
        button = self.page.locator(selector)
        await button.scroll_into_view_if_needed()
        await button.hover()
        await self.page.mouse.down()
        await asyncio.sleep(held_s)
        await self.page.mouse.up()

    async def final_word(self, before: str = "") -> str:
        """Return the newest press once it has its final word."""
        await self.until(
            "(() => { const li = document.querySelector('#presses li');"
            f" return li && li.dataset.id !== '{before}'"
            " && ['verified', 'refused', 'unknown'].includes(li.dataset.state); })()"
        )
        return await self.page.locator("#presses li").first.inner_text()

    async def fill(self, form: str, **fields: str) -> None:
        for name, value in fields.items():
            await self.page.fill(f"#{form}-{BED} [name={name}]", value)

    async def listen(self) -> None:
        """Start watching with sound, once more where a busy machine was late, and answer that the tones were heard."""
        for _ in range(SOUND_TRIES):
            await self.page.click("#start-watching")
            await self.until("!document.getElementById('sound-words').textContent.startsWith('You should')")
            if await self.page.locator("#sound-heard").is_visible():
                break
        await self.page.click("#sound-heard")
        await self.until("document.getElementById('sound-badge').dataset.state === 'good'")


@dataclass
class Ward:
    """What a test has: a bed whose time it can slow down, windows, and the lines between browser and server."""

    theatre: ElasticTheatre
    files: BedFiles
    site: Site
    broker: Child
    pages: Child
    browser: Browser
    lines: AsyncExitStack
    port: int
    windows: list[Window] = field(default_factory=list)

    async def window(self, user: str, path: str = f"/bed/{BED}", *, width: int = 1280, height: int = 900) -> Window:
        """Log a person in with a window, and a line to the server, of her own."""
        line = await self.lines.enter_async_context(proxy_to(self.port))
        url = f"http://127.0.0.1:{line.port}"
        context = await self.browser.new_context(viewport={"width": width, "height": height})
        window = Window(await context.new_page(), line)
        window.page.on("pageerror", lambda error: window.errors.append(str(error)))
        window.page.on("request", lambda request: window.requests.add(request.url))
        await window.page.goto(f"{url}/login")
        await window.page.fill("[name=user]", user)
        await window.page.fill("[name=password]", self.site.password(user))
        await window.page.click("button[type=submit]")
        await window.page.goto(f"{url}{path}")
        await window.until("pumpd.truth.mark !== null")
        self.windows.append(window)
        return window


@contextlib.asynccontextmanager
async def ward(
    folder: Path,
    *,
    speed: float = PEOPLE,
    arguments: tuple[str, ...] = (SOUND_WITHOUT_A_GESTURE,),
    changed: Mapping[str, str] = MappingProxyType({}),
    others: tuple[str, ...] = (),
    also: str = "",
) -> AsyncIterator[Ward]:
    """Open the ward for a test; at its end no window may have had an error or asked another host.

    `changed` are words of the profile and what stands there instead; `others` are further beds, left to themselves;
    `also` stands at the end of the site file.
    """
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed")
    site = make_site(folder, (BED, *others))
    with site.site_file.open("a", encoding="utf-8") as file:
        file.write(also)
    provision(site.load())
    profile = site.profile.read_text(encoding="utf-8")
    for words, instead in changed.items():
        assert profile.count(words) == 1
        profile = profile.replace(words, instead)
    site.profile.write_text(profile, encoding="utf-8")
    files = site.bed(BED)
    port = free_port()
    async with contextlib.AsyncExitStack() as stack:
        pages = Child(
            "dashboard",
            ["-m", "pumpd.cli", "dashboard", "--site", str(site.site_file), "--port", str(port)],
            log=folder / "dashboard.log",
        )
        stack.push_async_callback(end_or_kill, pages)
        broker = await enter_broker(stack, site.site_file, site.broker_log)
        theatre = await stack.enter_async_context(elastic_bed(files, speed=speed))
        await theatre.start_daemon()
        for seed, other in enumerate(others, start=2):
            bed = start_elastic_bed(site.bed(other), speed=PEOPLE, seed=seed, scenario=Scenario.NORMAL)
            stack.push_async_callback(end_or_kill, bed)
            await bed.said(READY)
        lines = await stack.enter_async_context(contextlib.AsyncExitStack())
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(
            executable_path=program, headless=True, args=[*ARGUMENTS, *arguments]
        )
        stack.push_async_callback(browser.close)
        await pages.said("dashboard listening")
        opened = Ward(theatre, files, site.load(), broker, pages, browser, lines, port)
        yield opened
        for window in opened.windows:
            assert window.errors == []
            own = (f"http://127.0.0.1:{window.line.port}/", f"ws://127.0.0.1:{window.line.port}/", "data:", "blob:")
            assert {url for url in window.requests if not url.startswith(own)} == set()
    assert "Traceback" not in pages.words, pages.words
