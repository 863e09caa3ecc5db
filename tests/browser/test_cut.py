"""What is pressed on a page without a link, or said a second time, starts nothing; what stops, stops."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from pumpd.core.commands import ReceiptState, Resume
from pumpd.core.modes import Mode
from pumpd.core.quantities import NS_PER_S
from pumpd.mqtt.client import wall_utc
from pumpd.mqtt.connection import connected, payload_bytes, subscribe
from pumpd.mqtt.intake import to_request
from pumpd.mqtt.payloads import Ack
from pumpd.mqtt.topics import BedTopics
from simulators.harness import script
from simulators.harness.scenario import plunger
from simulators.harness.site import BED
from simulators.harness.stage import Stage, stage_in
from tests.browser.legible import assert_legible
from tests.browser.nurses import NOTHING_IS_IN_THE_WAY, noted, prepared, resumed
from tests.browser.theatre import HOLD_S, PEOPLE, SHOWN_LOST, Ward, Window, ward
from tests.scenarios.evidence import Evidence

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

CUTS_S = (3.0, 6.0, 12.0)
FIRST = "document.querySelector('#presses li')"
SOONER = {
    "station_lost = { value = 10,": "station_lost = { value = 5,",
    "supervision_alarm = { value = 5,": "supervision_alarm = { value = 3,",
}
KEPT = """
() => {
  window.sent = [];
  const emit = window.emitEvent;
  window.emitEvent = (name, message) => {
    if (name === 'press') window.sent.push(structuredClone(message));
    emit(name, message);
  };
}
"""
"""Keeps what the page sends, so that it can be sent again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """What a command quotes of one moment."""

    session: str | None
    rev: int
    token: str
    order_hash: str

    def resume(self, command_id: str) -> bytes:
        return to_request(
            Resume(order_hash=self.order_hash),
            command_id=command_id,
            session=self.session,
            rev=self.rev,
            token=self.token,
            issued_at=wall_utc(),
        ).to_bytes()


async def quoted(stage: Stage) -> Quoted:
    state = await stage.record.until(script.live, "a live state", within_s=10)
    beat = stage.record.view.heartbeat
    assert beat is not None
    assert state.order is not None
    message = beat.message
    return Quoted(session=message.session, rev=message.rev, token=message.token, order_hash=state.order.hash)


async def assert_a_symptom_brings_rest(opened: Ward, anna: Window) -> None:
    """One press on its button, the symptom as it is picked: the plunger stands within 3 s."""
    await anna.page.select_option(f"#symptom-{BED} [name=symptom]", "nausea")
    pressed_ns = opened.theatre.now_ns()
    assert "VERIFIED" in await anna.press("[data-press=symptom]")
    await anna.until_mode("paused")
    stopped_ns = plunger(opened.files).stops_ns()[-1]
    assert 0 < stopped_ns - pressed_ns < 3 * NS_PER_S
    await anna.until(f"pumpd.truth.pictures.{BED}.lists.symptoms.some((line) => line.startsWith('nausea'))")


async def pressed_while_cut(window: Window, selector: str, *, held_s: float, cut_s: float) -> str:
    """Press on a page whose line is frozen, thaw the line after that time, and return the final word."""
    before = await window.page.evaluate(f"{FIRST}?.dataset.id ?? ''")
    window.line.freeze()
    await window.click_at(selector, held_s=held_s)
    await asyncio.sleep(cut_s)
    window.line.thaw()
    await window.until(f"!({SHOWN_LOST})", 60_000)
    return await window.final_word(before)


async def assert_nothing_old_starts(opened: Ward, old: Quoted, fresh: Quoted, used_id: str) -> None:
    """Say it late, under a used name, and under another's name."""
    topics = BedTopics(bed=BED)
    names = {name: f"{name}-{uuid4()}" for name in ("stale", "forged")}
    said = [
        (topics.request("anna"), old.resume(names["stale"])),
        (topics.request("ben"), fresh.resume(names["forged"])),
        (topics.request("anna"), fresh.resume(used_id)),
    ]
    site = opened.site
    words: dict[str, Ack] = {}
    async with (
        connected(site.endpoint, user="anna", password=site.password("anna")) as client,
        connected(site.endpoint, user="ben", password=site.password("ben")) as bens,
        asyncio.timeout(15),
    ):
        await subscribe(client, [topics.ack("anna")])
        await subscribe(bens, [topics.ack("ben")])
        for topic, payload in said:
            await client.publish(topic, payload, qos=1)
        while set(words) < {names["stale"], used_id}:
            ack = Ack.from_bytes(payload_bytes((await anext(client.messages)).payload))
            words[ack.id] = ack
        assert len(bens.messages) == 0, "what is forged is not even answered"
    assert words[names["stale"]].state is ReceiptState.REFUSED


@pytest.mark.req("CMD-01", "CMD-02", "CMD-04", "CTRL-02", "CLIN-04", "UI-03", "UI-05", "ALRM-05")
async def test_what_is_late_or_old_starts_nothing_and_a_late_stop_stops(tmp_path: Path) -> None:
    async with ward(tmp_path, speed=20, changed=SOONER) as opened, stage_in(opened.theatre) as stage:
        with opened.theatre.at_most(PEOPLE):
            anna = await opened.window("anna")
            await anna.page.evaluate(KEPT)
        await prepared(opened, stage, anna)
        with opened.theatre.at_most(1.0):
            old = await quoted(stage)
            start = await anna.page.evaluate("window.sent.find((message) => message.kind === 'start')")
            await assert_a_symptom_brings_rest(opened, anna)
            cut = await asyncio.gather(*(opened.window("anna") for _ in CUTS_S))
        await anna.until(NOTHING_IS_IN_THE_WAY, 60_000)
        with opened.theatre.at_most(1.0):
            await noted(anna)
            presses = await anna.page.locator("#presses li").count()
            await anna.page.click("[data-press=resume]")
            assert await anna.page.locator("#presses li").count() == presses, "a click is not a hold"

            resume = "[data-press=resume]"
            words = await asyncio.gather(
                *(
                    pressed_while_cut(window, resume, held_s=HOLD_S, cut_s=cut_s)
                    for window, cut_s in zip(cut, CUTS_S, strict=True)
                )
            )
            assert all("resume: REFUSED" in word or "resume: UNKNOWN" in word for word in words), words
            # the very message that started the infusion, once more
            await anna.page.evaluate("(message) => emitEvent('press', message)", start)
            await assert_nothing_old_starts(opened, old, await quoted(stage), start["id"])
            await anna.until_mode("paused")
            assert runs(opened) == 1, "one run, and none after the pause"
            for window in cut:
                await window.page.close()
        await resumed(opened, anna)
        await assert_unknown_is_shown(opened, anna)
        with opened.theatre.at_most(PEOPLE):
            vera = await opened.window("vera", "/")
            await assert_the_last_sound_is_missed(anna, vera)
            vera.line.freeze()
            await vera.until(SHOWN_LOST)
            await vera.page.click(f"[data-press=stop][data-press-bed={BED}]", timeout=2_000)
            assert "STOP AT THE PUMP" in await vera.page.locator("#presses li").first.inner_text()
            vera.line.thaw()
            assert "VERIFIED" in await vera.final_word(), "a viewer may stop, from the ward, and late"
            await vera.until_mode("ended", 30_000)
    assert runs(opened) == 2


def runs(opened: Ward) -> int:
    return len([packet for _, packet in Evidence(opened.files.folder).wire() if b"RUN" in packet])


async def assert_unknown_is_shown(opened: Ward, anna: Window) -> None:
    """A pump that answers no more: neither running nor stopped, and what to do."""
    with opened.theatre.at_most(1.0):
        opened.theatre.control("pump unplug")
        await anna.until_mode(Mode.UNKNOWN.value)
        assert await anna.text("mode") == "UNKNOWN"
        assert "Look at the pump: is it running?" in await anna.text("mode_text")
        assert " mL" in await anna.text("given")
        await assert_legible(anna, alarms=True)
        await anna.page.locator(".light:has-text('pump: NO ANSWER')").wait_for()
        opened.theatre.control("pump plug")
        await anna.until_mode("paused", 30_000)


async def assert_the_last_sound_is_missed(anna: Window, vera: Window) -> None:
    """Closing the only window that sounds is told to whoever still looks, as an alarm of high priority."""
    await anna.page.close()
    await vera.until(
        "[...document.querySelectorAll('.alarm[data-priority=high]')].some((row) => "
        "row.textContent.includes('no nurse station is watching'))"
    )
