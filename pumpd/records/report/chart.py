"""A chart over minutes as values: lines with their gaps, a band, limits, shaded spans. Knows nothing of paper."""

from dataclasses import dataclass
from enum import Enum, unique

Point = tuple[float, float]


@unique
class Ink(Enum):
    """What a mark stands for; how it looks is the business of whoever draws it."""

    FIRST = "first"
    SECOND = "second"
    THIRD = "third"
    BAND = "band"
    PAUSE = "pause"
    GAP = "gap"
    PAUSE_LIMIT = "pause-limit"
    END_LIMIT = "end-limit"
    GRID = "grid"
    AXIS = "axis"
    TEXT = "text"


@unique
class Shape(Enum):
    """How the points of a line are shown, so that no meaning hangs on colour alone."""

    LINE = "line"
    UP = "triangle"
    DOWN = "triangle upside down"
    DOT = "dot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Values in pieces: between two pieces nothing is known."""

    name: str
    ink: Ink
    shape: Shape
    pieces: tuple[tuple[Point, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """An interval over time: instant, low, high."""

    name: str
    points: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A horizontal line with a word."""

    at: float
    words: str
    ink: Ink


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One chart. `spans` are shaded over the whole height; `gaps` are marked at the foot."""

    title: str
    unit: str
    summary: str
    begin: float
    end: float
    low: float
    high: float
    lines: tuple[Line, ...]
    bands: tuple[Band, ...] = ()
    levels: tuple[Level, ...] = ()
    spans: tuple[tuple[float, float], ...] = ()
    gaps: tuple[tuple[float, float], ...] = ()
