"""Whether what a nurse must read from two metres is large and stands out, measured in the page itself."""

from tests.browser.theatre import Window

CONTRAST = 7.0
PART_OF_THE_HEIGHT = 40
"""Capital letters are at least the fortieth part of the window high."""

MEASURED = """
(selector) => {
  const channels = (words) => words.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b]
    .map((each) => each / 255)
    .map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4))
    .reduce((sum, each, index) => sum + each * [0.2126, 0.7152, 0.0722][index], 0);
  const over = (above, below) => {
    const alpha = above.length > 3 ? above[3] : 1;
    return [0, 1, 2].map((index) => above[index] * alpha + below[index] * (1 - alpha));
  };
  const ground = (node) => {
    if (node === null) return [0, 0, 0];
    const own = channels(getComputedStyle(node).backgroundColor);
    return own.length === 3 ? own : over(own, ground(node.parentElement));
  };
  const pen = document.createElement('canvas').getContext('2d');
  return [...document.querySelectorAll(selector)].filter((node) => node.checkVisibility()).map((node) => {
    const look = getComputedStyle(node);
    pen.font = `${look.fontWeight} ${look.fontSize} ${look.fontFamily}`;
    const below = ground(node);
    const [one, other] = [light(over(channels(look.color), below)), light(below)];
    return {
      words: node.textContent.slice(0, 60),
      part: pen.measureText('H').actualBoundingBoxAscent / window.innerHeight,
      contrast: (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05),
    };
  });
}
"""
"""Contrast as WCAG 2.2 defines it, of the text on all that lies behind it."""

FAR = "main .big, main .dose [data-key=given], main .cause:not(:empty), main .alarm strong"
"""The word of the state, the dose, why it is so, the alarms."""


async def assert_legible(window: Window, *, alarms: bool) -> None:
    """Read from two metres: the word of the state, the dose, the cause, and every alarm."""
    found = await window.page.evaluate(MEASURED, FAR)
    assert len(found) >= (3 if alarms else 2), found
    for each in found:
        assert each["part"] >= 1 / PART_OF_THE_HEIGHT, each
        assert each["contrast"] >= CONTRAST, each
