"""Histograms, bars and curves as SVG text. Knows numbers and labels, not what they mean; escapes every label."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import pairwise

WIDTH = 520
LEFT, RIGHT, TOP, BOTTOM = 54, 26, 18, 40
HISTOGRAM_HEIGHT = 190
ROW, BAR = 20, 13
CHARACTER = 6.5
"""How wide a character of the labels is, about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """The horizontal axis, with the edges of the bins; `ticks` are where a number stands."""

    edges: tuple[float, ...]
    ticks: tuple[tuple[float, str], ...]
    label: str
    is_log: bool

    def place(self, value: float) -> float:
        """Return where a value lies, from 0 to 1; what lies outside is put at the edge."""
        low, high = self._on(self.edges[0]), self._on(self.edges[-1])
        return min(1.0, max(0.0, (self._on(value) - low) / (high - low)))

    def counts(self, values: Sequence[float]) -> list[int]:
        """Return how many values lie in each bin, its upper edge included; what lies outside is in the outermost."""
        counts = [0] * (len(self.edges) - 1)
        for value in values:
            counts[min(max(bisect_left(self.edges, value), 1), len(counts)) - 1] += 1
        return counts

    def cut(self, places: Iterable[float]) -> "Scale":
        """Return the scale with an edge at each place, so that no bin reaches across."""
        within = (place for place in places if self.edges[0] < place < self.edges[-1])
        return replace(self, edges=tuple(sorted({*self.edges, *within})))

    def _on(self, value: float) -> float:
        return math.log10(max(value, self.edges[0])) if self.is_log else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A vertical line with a word."""

    at: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One row: its parts, one after the other, each a length and a style, and what is written behind them."""

    label: str
    parts: tuple[tuple[int, str], ...]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Points joined by a line, and how it looks."""

    points: tuple[tuple[float, float], ...]
    style: str


def linear(low: float, high: float, *, step: float, tick: float, label: str) -> Scale:
    """Return an even scale with bins of `step` and a number at every `tick`."""
    edges = tuple(low + step * number for number in range(round((high - low) / step) + 1))
    ticks = tuple(low + tick * number for number in range(int((high - low) / tick + 1e-9) + 1))
    return Scale(edges=edges, ticks=tuple((at, f"{at:g}") for at in ticks), label=label, is_log=False)


def decades(low: int, high: int, *, bins: int, label: str) -> Scale:
    """Return a logarithmic scale from 10^low to 10^high with so many bins in each decade."""
    edges = tuple(10 ** (low + number / bins) for number in range((high - low) * bins + 1))
    ticks = tuple((10.0**power, f"{10.0**power:,g}") for power in range(low, high + 1))
    return Scale(edges=edges, ticks=ticks, label=label, is_log=True)


def histogram(values: Sequence[float], scale: Scale, *, title: str, counted: str, marks: Sequence[Mark] = ()) -> str:
    """Return how often values fall into each bin, which ends at every mark; `counted` labels the vertical axis."""
    scale = scale.cut(mark.at for mark in marks)
    counts = scale.counts(values)
    most = max(1, *counts)
    bottom = HISTOGRAM_HEIGHT - BOTTOM
    high, wide = bottom - TOP, WIDTH - LEFT - RIGHT
    parts = [_text(LEFT - 6, TOP + 4, f"{most}", "end"), _text(LEFT - 6, bottom + 4, "0", "end")]
    for (low, upper), count in zip(pairwise(scale.edges), counts, strict=True):
        if count:
            x, tall = LEFT + wide * scale.place(low), max(1.0, high * count / most)
            width = max(1.0, wide * (scale.place(upper) - scale.place(low)) - 1)
            tip = f"above {low:.3g} to {upper:.3g}: {count}"
            parts.append(_rect(x, bottom - tall, width, tall, "all", tip))
    parts += [_line(LEFT, bottom, WIDTH - RIGHT, bottom, "axis"), *_ticks(scale, bottom)]
    for mark in marks:
        x = LEFT + wide * scale.place(mark.at)
        anchor = "end" if x > WIDTH / 2 else "start"
        parts.append(_line(x, TOP - 6, x, bottom, "mark"))
        parts.append(_text(x + (-4 if anchor == "end" else 4), TOP - 6, mark.text, anchor))
    if not values:
        parts.append(_text(LEFT + wide / 2, TOP + high / 2, "nothing to show", "middle"))
    parts.append(_text(LEFT + wide / 2, HISTOGRAM_HEIGHT - 6, scale.label, "middle"))
    parts.append(_turned(counted, TOP + high / 2))
    return _svg(title, HISTOGRAM_HEIGHT, parts)


def bars(rows: Sequence[Bar], *, title: str, counted: str) -> str:
    """Return one row for each bar, all on one scale that begins at 0; `counted` labels it."""
    if not rows:
        return _svg(title, 2 * ROW, [_text(WIDTH / 2, ROW, "nothing to show", "middle")])
    left = 10 + CHARACTER * max(len(row.label) for row in rows)
    right = 10 + CHARACTER * max(len(row.text) for row in rows)
    wide = max(60.0, WIDTH - left - right)
    most = max(1, *(sum(length for length, _ in row.parts) for row in rows))
    parts = []
    for number, row in enumerate(rows):
        y = 4 + ROW * number
        parts.append(_text(left - 6, y + BAR - 2, row.label, "end"))
        x = left
        for length, style in row.parts:
            width = wide * length / most
            if length:
                parts.append(_rect(x, y, width, BAR, style, f"{row.label}: {length}"))
            x += width
        parts.append(_text(x + 6, y + BAR - 2, row.text, "start"))
    bottom = 4 + ROW * len(rows)
    parts.append(_line(left, 0, left, bottom, "axis"))
    parts.append(_line(left, bottom, left + wide, bottom, "axis"))
    parts += [_text(left, bottom + 15, "0", "middle"), _text(left + wide, bottom + 15, str(most), "middle")]
    parts.append(_text(left + wide / 2, bottom + 15, counted, "middle"))
    return _svg(title, bottom + 22, parts)


def curves(lines: Sequence[Curve], scale: Scale, *, title: str, counted: str, marks: Sequence[Mark] = ()) -> str:
    """Return lines over one scale that begins at 0; `counted` labels the vertical axis."""
    most = max([0.0, *(y for line in lines for _, y in line.points)]) or 1.0
    bottom = HISTOGRAM_HEIGHT - BOTTOM
    high, wide = bottom - TOP, WIDTH - LEFT - RIGHT
    parts = [_text(LEFT - 6, TOP + 4, f"{most:.3g}", "end"), _text(LEFT - 6, bottom + 4, "0", "end")]
    for mark in marks:
        x = LEFT + wide * scale.place(mark.at)
        parts += [_line(x, TOP - 6, x, bottom, "mark"), _text(x + 4, TOP - 6, mark.text, "start")]
    for line in lines:
        drawn = " ".join(f"{LEFT + wide * scale.place(x):.1f},{bottom - high * y / most:.1f}" for x, y in line.points)
        parts.append(f'<polyline points="{drawn}" class="{escape(line.style)}"/>')
    parts += [_line(LEFT, bottom, WIDTH - RIGHT, bottom, "axis"), *_ticks(scale, bottom)]
    parts.append(_text(LEFT + wide / 2, HISTOGRAM_HEIGHT - 6, scale.label, "middle"))
    parts.append(_turned(counted, TOP + high / 2))
    return _svg(title, HISTOGRAM_HEIGHT, parts)


def _ticks(scale: Scale, bottom: float) -> Sequence[str]:
    parts = []
    for at, word in scale.ticks:
        x = LEFT + (WIDTH - LEFT - RIGHT) * scale.place(at)
        parts += [_line(x, bottom, x, bottom + 4, "axis"), _text(x, bottom + 16, word, "middle")]
    return parts


def _turned(words: str, middle: float) -> str:
    turned = f'transform="rotate(-90 14 {middle:.1f})"'
    return f'<text x="14" y="{middle:.1f}" text-anchor="middle" {turned}>{escape(words)}</text>'


def _svg(title: str, height: float, parts: Sequence[str]) -> str:
    head = f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}">'
    return "\n".join([head, *parts, "</svg>"])


def _rect(x: float, y: float, width: float, height: float, style: str, tip: str) -> str:
    box = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect {box} class="{escape(style)}"><title>{escape(tip)}</title></rect>'


def _line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{style}"/>'


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
