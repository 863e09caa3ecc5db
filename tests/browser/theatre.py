"""A bed, the pages' server and a real browser, for one test."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright

from pumpd.mqtt.site import Site
from simulators.harness.elastic_theatre import ElasticTheatre, elastic_bed
from simulators.harness.processes import Child, end_or_kill, enter_broker
from simulators.harness.site import BED, BedFiles, free_port, make_site
from tests.browser.proxy import Proxy, proxy_to

WAIT_MS = 20_000
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
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


@dataclass
class Window:
    """One person's window, and everything that went wrong in it."""

    page: Page
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
        button = self.page.locator(selector)
        if held:
            await button.scroll_into_view_if_needed()
            await button.hover()
            await self.page.mouse.down()
            await asyncio.sleep(1.1)
            await self.page.mouse.up()
        else:
            await button.click()
        return await self.final_word(before)

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
        """Start watching with sound, and answer that the tones were heard."""
        await self.page.click("#start-watching")
        await self.page.click("#sound-heard", timeout=WAIT_MS)
        await self.until("document.getElementById('sound-badge').dataset.state === 'good'")


@dataclass
class Ward:
    """What a test has: a bed whose time it can slow down, windows, and the line between browser and server."""

    theatre: ElasticTheatre
    files: BedFiles
    site: Site
    broker: Child
    pages: Child
    line: Proxy
    browser: Browser
    windows: list[Window] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.line.port}"

    async def window(self, user: str, path: str = f"/bed/{BED}", *, width: int = 1280, height: int = 900) -> Window:
        """Log a person in with a window of her own."""
        context = await self.browser.new_context(viewport={"width": width, "height": height})
        window = Window(await context.new_page())
        window.page.on("pageerror", lambda error: window.errors.append(str(error)))
        window.page.on("request", lambda request: window.requests.add(request.url))
        await window.page.goto(f"{self.url}/login")
        await window.page.fill("[name=user]", user)
        await window.page.fill("[name=password]", self.site.password(user))
        await window.page.click("button[type=submit]")
        await window.page.goto(f"{self.url}{path}")
        await window.until("pumpd.truth.mark !== null")
        self.windows.append(window)
        return window


@contextlib.asynccontextmanager
async def ward(
    folder: Path, *, speed: float = PEOPLE, arguments: tuple[str, ...] = (SOUND_WITHOUT_A_GESTURE,)
) -> AsyncIterator[Ward]:
    """Open the ward for a test; at its end no window may have had an error or asked another host."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed")
    site = make_site(folder)
    files = site.bed(BED)
    port = free_port()
    async with contextlib.AsyncExitStack() as stack:
        broker = await enter_broker(stack, site.site_file, site.broker_log)
        theatre = await stack.enter_async_context(elastic_bed(files, speed=speed))
        await theatre.start_daemon()
        pages = Child(
            "dashboard",
            ["-m", "pumpd.cli", "dashboard", "--site", str(site.site_file), "--port", str(port)],
            log=folder / "dashboard.log",
        )
        stack.push_async_callback(end_or_kill, pages)
        await pages.said("dashboard listening")
        line = await stack.enter_async_context(proxy_to(port))
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(
            executable_path=program, headless=True, args=[*ARGUMENTS, *arguments]
        )
        stack.push_async_callback(browser.close)
        opened = Ward(theatre, files, site.load(), broker, pages, line, browser)
        yield opened
        for window in opened.windows:
            assert window.errors == []
            assert {url for url in window.requests if not url.startswith((opened.url, "data:", "blob:"))} == set()
    assert "Traceback" not in pages.words, pages.words
