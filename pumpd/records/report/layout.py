"""Lays a chart out on paper, in millimetres from its upper left corner: one layout for every form of a report. Pure."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import assert_never

from pumpd.records.report.chart import Band, Chart, Ink, Line, Point, Shape

WIDTH_MM, HEIGHT_MM = 182.0, 45.0
LEFT_MM, RIGHT_MM, TOP_MM, BOTTOM_MM = 11.0, 33.0, 7.0, 6.0
LABEL_MM = 2.5
"""The height of a small letter's line."""
CHARACTER_MM = 1.5
"""How wide a character of the legend is, about."""
MARK_MM = 1.1
TICKS = 5
"""About so many lines on the vertical axis."""
_STEPS = (1, 2, 5, 10, 15, 20, 30, 60)
"""Minutes between two numbers on the horizontal axis."""
_MOST_NUMBERS = 13
_LEGEND_MM = {Shape.UP: 1.8, Shape.DOWN: 3.6, Shape.DOT: 2.7}
"""Where a mark stands in the legend, so that its middle is that of the words."""
THIN_MM = 0.15
"""Points nearer than this are drawn as their lowest and highest: no eye and no printer tells them apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """Points joined by a line; `filled` ones enclose an area."""

    points: tuple[Point, ...]
    ink: Ink
    filled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A text: `anchor` is -1 where it begins at the point, 0 where its middle is there, 1 where it ends."""

    at: Point
    text: str
    anchor: int
    ink: Ink = Ink.TEXT
    bold: bool = False


Item = Path | Words


def layout(chart: Chart) -> tuple[Item, ...]:
    """Return what is to be drawn, the lowest first."""
    paper = _Paper(chart)
    return (
        *paper.shades(),
        *paper.grid(),
        *(item for band in chart.bands for item in paper.band(band)),
        *paper.levels(),
        *(item for line in chart.lines for item in paper.line(line)),
        *paper.foot(),
        *paper.legend(),
    )


class _Paper:
    def __init__(self, chart: Chart) -> None:
        self._chart = chart
        self._right_mm, self._bottom_mm = WIDTH_MM - RIGHT_MM, HEIGHT_MM - BOTTOM_MM

    def _x(self, minute: float) -> float:
        chart = self._chart
        share = (minute - chart.begin) / (chart.end - chart.begin)
        return LEFT_MM + (self._right_mm - LEFT_MM) * min(1.0, max(0.0, share))

    def _y(self, value: float) -> float:
        chart = self._chart
        share = (value - chart.low) / (chart.high - chart.low)
        return self._bottom_mm - (self._bottom_mm - TOP_MM) * min(1.0, max(0.0, share))

    def _box(self, x1: float, x2: float, y1: float, y2: float, ink: Ink) -> Path:
        x2 = max(x2, x1 + THIN_MM)
        return Path(points=((x1, y1), (x2, y1), (x2, y2), (x1, y2)), ink=ink, filled=True)

    def shades(self) -> Iterator[Item]:
        """Yield the spans, and at the foot where nothing is known."""
        for begin, end in self._chart.spans:
            yield self._box(self._x(begin), self._x(end), TOP_MM, self._bottom_mm, Ink.PAUSE)

    def foot(self) -> Iterator[Item]:
        """Yield the bar at the foot: where no valid value stands."""
        for begin, end in self._chart.gaps:
            yield self._box(self._x(begin), self._x(end), self._bottom_mm - 0.9, self._bottom_mm, Ink.GAP)

    def grid(self) -> Iterator[Item]:
        """Yield the axes with their numbers."""
        chart = self._chart
        for value in ticks(chart.low, chart.high):
            y = self._y(value)
            yield Path(points=((LEFT_MM, y), (self._right_mm, y)), ink=Ink.GRID)
            yield Words(at=(LEFT_MM - 1.2, y + LABEL_MM / 3), text=f"{value:g}", anchor=1)
        for minute in _minutes(chart.begin, chart.end):
            x = self._x(minute)
            yield Path(points=((x, self._bottom_mm), (x, self._bottom_mm + 0.9)), ink=Ink.AXIS)
            yield Words(at=(x, self._bottom_mm + 3.6), text=f"{minute:g}", anchor=0)
        yield Path(points=((LEFT_MM, self._bottom_mm), (self._right_mm, self._bottom_mm)), ink=Ink.AXIS)
        yield Words(at=(self._right_mm + 3.5, self._bottom_mm + 3.6), text="min", anchor=-1)

    def levels(self) -> Iterator[Item]:
        """Yield the limits; their words are kept apart from each other."""
        wanted = sorted(self._chart.levels, key=lambda level: -level.at)
        for level, y in zip(wanted, _apart([self._y(level.at) for level in wanted], self._bottom_mm), strict=True):
            own = self._y(level.at)
            yield Path(points=((LEFT_MM, own), (self._right_mm, own)), ink=level.ink)
            yield Path(points=((self._right_mm, own), (self._right_mm + 1.5, y)), ink=Ink.GRID)
            yield Words(at=(self._right_mm + 2, y + LABEL_MM / 3), text=level.words, anchor=-1, ink=level.ink)

    def band(self, band: Band) -> Iterator[Item]:
        """Yield an interval as an area with its two edges."""
        lows = tuple((self._x(minute), self._y(low)) for minute, low, _ in band.points)
        highs = tuple((self._x(minute), self._y(high)) for minute, _, high in band.points)
        if len(lows) > 1:
            yield Path(points=(*_thinned(lows), *reversed(_thinned(highs))), ink=Ink.BAND, filled=True)

    def line(self, line: Line) -> Iterator[Item]:
        """Yield the pieces of a line, or its marks."""
        for piece in line.pieces:
            points = tuple((self._x(minute), self._y(value)) for minute, value in piece)
            if line.shape is not Shape.LINE:
                yield from (_mark(point, line) for point in points)
            elif len(points) == 1:
                ((x, y),) = points
                yield Path(points=((x, y), (x + THIN_MM, y)), ink=line.ink)
            elif points:
                yield Path(points=_thinned(points), ink=line.ink)

    def legend(self) -> Iterator[Item]:
        """Yield the title, and beside it which mark is what."""
        chart = self._chart
        title = f"{chart.title}, {chart.unit}"
        yield Words(at=(0.0, 3.6), text=title, anchor=-1, bold=True)
        x = 62.0
        for line in chart.lines:
            if line.shape is Shape.LINE:
                yield Path(points=((x, 2.7), (x + 4, 2.7)), ink=line.ink)
            else:
                yield _mark((x + 2, _LEGEND_MM[line.shape]), line)
            yield Words(at=(x + 5, 3.6), text=line.name, anchor=-1)
            x += 9 + CHARACTER_MM * len(line.name)
        for band in chart.bands:
            yield self._box(x, x + 4, 1.9, 3.5, Ink.BAND)
            yield Words(at=(x + 5, 3.6), text=band.name, anchor=-1)
            x += 9 + CHARACTER_MM * len(band.name)
        for ink, name, shown in ((Ink.PAUSE, "pause", chart.spans), (Ink.GAP, "no valid value", chart.gaps)):
            if shown:
                yield self._box(x, x + 4, 1.9, 3.5, ink)
                yield Words(at=(x + 5, 3.6), text=name, anchor=-1)
                x += 9 + CHARACTER_MM * len(name)


def ticks(low: float, high: float) -> tuple[float, ...]:
    """Return round numbers from `low` to `high`."""
    rough = (high - low) / TICKS
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * share for share in (1, 2, 4, 5, 10) if size * share >= rough)
    first = math.ceil(low / step - 1e-9)
    return tuple(round(step * number, 9) for number in range(first, math.floor(high / step + 1e-9) + 1))


def _minutes(begin: float, end: float) -> tuple[int, ...]:
    step = next((step for step in _STEPS if (end - begin) / step <= _MOST_NUMBERS), None)
    if step is None:
        step = 60 * math.ceil((end - begin) / 60 / _MOST_NUMBERS)
    return tuple(step * number for number in range(math.ceil(begin / step), math.floor(end / step) + 1))


def _apart(places: Sequence[float], bottom_mm: float) -> list[float]:
    """Return the places, from top to bottom, moved so that each keeps a line's height from the one before."""
    found: list[float] = []
    for place in places:
        found.append(max(place, found[-1] + LABEL_MM) if found else place)
    over_mm = found[-1] - bottom_mm if found else 0.0
    limit = bottom_mm
    if over_mm > 0:
        for number in reversed(range(len(found))):
            found[number] = min(found[number], limit)
            limit = found[number] - LABEL_MM
    return found


def _mark(at: Point, line: Line) -> Path:
    """Return the mark of a value; the tip of a triangle touches it, as on an anaesthetic chart."""
    x, y = at
    match line.shape:
        case Shape.UP:
            points: tuple[Point, ...] = ((x, y), (x - MARK_MM, y + 1.7 * MARK_MM), (x + MARK_MM, y + 1.7 * MARK_MM))
        case Shape.DOWN:
            points = ((x, y), (x - MARK_MM, y - 1.7 * MARK_MM), (x + MARK_MM, y - 1.7 * MARK_MM))
        case Shape.DOT | Shape.LINE:
            half = MARK_MM / 2
            points = ((x - half, y), (x, y - half), (x + half, y), (x, y + half))
        case _:
            assert_never(line.shape)
    return Path(points=points, ink=line.ink, filled=True)


def _thinned(points: Sequence[Point]) -> tuple[Point, ...]:
    """Return fewer points that look the same: of all in one narrow column the first, both extremes, and the last."""
    found: list[Point] = []
    column: list[Point] = []
    for point in points:
        if column and point[0] - column[0][0] > THIN_MM:
            found.extend(_extremes(column))
            column = []
        column.append(point)
    found.extend(_extremes(column))
    return tuple(found)


def _extremes(column: list[Point]) -> Iterator[Point]:
    if len(column) <= 4:
        yield from column
        return
    lowest = min(range(len(column)), key=lambda place: column[place][1])
    highest = max(range(len(column)), key=lambda place: column[place][1])
    for place in sorted({0, lowest, highest, len(column) - 1}):
        yield column[place]
