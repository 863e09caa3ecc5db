"""A laid out chart as SVG text that stands in a page by itself. Escapes every word."""

from html import escape

from pumpd.records.report.chart import Chart
from pumpd.records.report.layout import HEIGHT_MM, WIDTH_MM, Item, Path, Words, layout
from pumpd.records.report.style import LOOKS

_ANCHORS = {-1: "start", 0: "middle", 1: "end"}


def svg(chart: Chart) -> str:
    """Return the chart; whoever cannot see it is told its summary."""
    label = escape(f"{chart.title}, {chart.unit}. {chart.summary}")
    head = f'<svg viewBox="0 0 {WIDTH_MM:g} {HEIGHT_MM:g}" role="img" aria-label="{label}">'
    return "\n".join([head, *map(_item, layout(chart)), "</svg>"])


def _item(item: Item) -> str:
    look = LOOKS[item.ink]
    match item:
        case Words():
            x, y = item.at
            weight = ' font-weight="bold"' if item.bold else ""
            place = f'x="{x:.2f}" y="{y:.2f}" text-anchor="{_ANCHORS[item.anchor]}"{weight}'
            return f'<text {place} fill="{look.hex}">{escape(item.text)}</text>'
        case Path():
            points = " ".join(f"{x:.2f},{y:.2f}" for x, y in item.points)
            if item.filled:
                return f'<polygon points="{points}" fill="{look.hex}"/>'
            dash = "" if look.dash_mm is None else f' stroke-dasharray="{look.dash_mm[0]:g} {look.dash_mm[1]:g}"'
            stroke = f'stroke="{look.hex}" stroke-width="{look.width_mm:g}"{dash}'
            return f'<polyline points="{points}" fill="none" {stroke} stroke-linejoin="round"/>'
