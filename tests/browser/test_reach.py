"""Everybody can use the pages: on a phone, by keyboard, with a screen reader."""

from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe

from simulators.harness.site import BED
from tests.browser.theatre import Ward, Window, ward

pytestmark = [pytest.mark.process, pytest.mark.timeout(120)]

MEASURED = f"pumpd.truth.pictures.{BED}?.values.spo2?.text > 0"
WIDE = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


SIZES = """
[...document.querySelectorAll('main .big, main .dose [data-key=given]')].map(
  (node) => parseFloat(getComputedStyle(node).fontSize))
"""
SIGNALS = """
Object.fromEntries(['high', 'medium', 'low'].map((priority) => {
  const row = document.createElement('li');
  row.className = 'alarm';
  row.dataset.priority = priority;
  row.dataset.noted = 'false';
  document.body.append(row);
  const look = getComputedStyle(row);
  const found = [look.borderTopColor, look.animationName === 'none' ? 0 : 1 / parseFloat(look.animationDuration),
    pumpd.sound.signals[priority].tones];
  row.remove();
  return [priority, found];
}))
"""
HEARD_IN = """
([place, sounding, listening, passed_to]) => {
  const before = pumpd.sound.place;
  pumpd.sound.place = place;
  const alarm = { passed_to, acknowledged_by: null };
  const heard = (name) => pumpd.sound.wanted({
    pictures: { [name]: { bed: name, sounding, listening, alarms: [alarm] } },
    settings: { quiet_ms: 30000 },
    isLost: () => false,
  });
  const found = heard(crypto.randomUUID());
  pumpd.sound.place = before;
  return found;
}
"""
QUIET = {
    ("room", "medium", 2, None): None,
    ("room", "low", 3, None): None,
    ("room", "high", 2, None): "high",
    ("room", "medium", 1, None): "medium",
    ("room", "medium", 0, None): "medium",
    ("room", "medium", 2, "prescriber"): "medium",
    ("station", "medium", 2, None): "medium",
    ("station", "low", 1, None): "low",
}
"""Where, how urgent, how many stations were heard in a test, whom it was passed to: what sounds in the first moment."""
LABELS = "[...document.querySelectorAll('label')].map((label) => label.textContent.trim().split('\\n')[0])"
UNITS = (", kg", ", mg/kg", ", min", ", mg/mL", ", mL", ", mL/h", " /min", ", 0 to 5", ", /min")


async def assert_a_phone_shows_it_all(opened: Ward) -> None:
    for path in (f"/bed/{BED}", "/"):
        phone = await opened.window("anna", path, width=320, height=640)
        await phone.until(MEASURED)
        assert await phone.page.evaluate(WIDE), f"{path} is wider than a phone"
        stop = await phone.page.locator("[data-press=stop]").bounding_box()
        assert stop is not None
        assert path == "/" or stop["y"] + stop["height"] <= 640, "stop is reached without scrolling"

        assert await phone.page.locator(".tile-lost:visible, .link-lost:visible").count() == 0, "nothing is lost here"

        found = await Axe().run(phone.page)
        assert found.response["violations"] == [], found.generate_report()
        await phone.page.close()


async def assert_fields_are_told_apart(anna: Window) -> None:
    labels = await anna.page.evaluate(LABELS)
    assert len(labels) == len(set(labels)), "no two fields share a label"
    numbers = await anna.page.evaluate(
        "[...document.querySelectorAll('label:has([inputmode=decimal])')].map((label) => label.textContent.trim())"
    )
    assert numbers
    assert [each for each in numbers if not each.endswith(UNITS)] == [], "a number's field names its unit"


async def assert_the_keyboard_is_enough(anna: Window) -> None:
    for press, key, word in (("presence", "Enter", "presence: VERIFIED"), ("stop", "Space", "stop")):
        for _ in range(200):
            await anna.page.keyboard.press("Tab")
            if await anna.page.evaluate("document.activeElement?.dataset?.press") == press:
                break
        await anna.page.keyboard.press(key)
        assert word in await anna.final_word()


async def assert_priorities_are_told_apart(anna: Window) -> None:
    signals = await anna.page.evaluate(SIGNALS)
    assert {priority: tones for priority, (_, _, tones) in signals.items()} == {"high": 10, "medium": 3, "low": 1}
    assert signals["high"][1] == pytest.approx(2)
    assert signals["medium"][1] == pytest.approx(0.6, abs=0.001)
    assert signals["low"][:2] == ["rgb(92, 225, 255)", 0], "steady cyan"


async def assert_a_quiet_room_is_quiet_where_another_station_hears(anna: Window) -> None:
    for case, heard in QUIET.items():
        assert await anna.page.evaluate(HEARD_IN, list(case)) == heard, case


async def assert_a_viewer_may_only_stop(opened: Ward) -> None:
    vera = await opened.window("vera")
    assert await vera.page.locator("[data-press=start], [data-press=prepare]").count() == 0
    assert await vera.page.locator("[data-press=stop]").count() == 1
    await vera.page.evaluate(f"pumpd.press('{BED}', 'presence', {{}})")
    word = await vera.final_word()
    assert "REFUSED" in word
    assert "viewer" in word
    assert await vera.page.locator("a[href='/courses']").count() == 0
    answer = await vera.page.request.get(f"http://127.0.0.1:{vera.line.port}/courses")
    assert (answer.status, "no [clinic] section" in await answer.text()) == (404, True)


@pytest.mark.req("UI-01", "UI-05", "UI-06", "ALRM-02", "ALRM-07", "CMD-05", "START-11")
async def test_everybody_reads_reaches_and_may_what_is_theirs(tmp_path: Path) -> None:
    async with ward(tmp_path) as opened:
        await assert_a_phone_shows_it_all(opened)
        await assert_a_viewer_may_only_stop(opened)
        anna = await opened.window("anna")
        await anna.until(MEASURED)
        assert all(height >= 900 / 40 for height in await anna.page.evaluate(SIZES))
        await assert_fields_are_told_apart(anna)
        await assert_priorities_are_told_apart(anna)
        await assert_a_quiet_room_is_quiet_where_another_station_hears(anna)
        await assert_the_keyboard_is_enough(anna)
