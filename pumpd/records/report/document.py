"""A report as a row of blocks: what it says, and nothing of how it is written down."""

from dataclasses import dataclass

from pumpd.records.report.chart import Chart


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """Begins a section."""

    text: str
    new_page: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Names and what they are, in two columns."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under heads; `widths` are shares of the page. An empty one says so in `empty`."""

    heads: tuple[str, ...]
    widths: tuple[int, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A chart."""

    chart: Chart


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A sentence in small print."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Caution:
    """A sentence that nobody may overlook."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A text, also as a QR code."""

    text: str
    caption: str


Block = Heading | Facts | Table | Figure | Remark | Caution | Code


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A whole report. `foot` stands on every page."""

    title: str
    subtitle: str
    foot: str
    blocks: tuple[Block, ...]
