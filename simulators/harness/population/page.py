"""A cohort's findings as one HTML page that needs nothing else: the table, and for each limit what moving it does."""

from collections.abc import Iterator
from html import escape

from simulators.harness.population import words
from simulators.harness.population.findings import STEP, Findings, Row
from simulators.harness.report.html import document, note, plots, section, table
from simulators.harness.report.svg import Curve, Mark, Scale, curves, histogram, linear

KEYS = {"measured": "the limit, alone", "first": "if no repeat confirmed it", "true": "the true value passes it"}
STYLE = """<style>
polyline { fill: none; stroke-width: 2; } .measured { stroke: #2f6fa8; }
.first { stroke: #d08a1d; stroke-dasharray: 5 3; }
.true { stroke: #2f7d4f; } .key.measured { background: #2f6fa8; } .key.first { background: #d08a1d; }
.key.true { background: #2f7d4f; } body { max-width: 1320px; } td { font-variant-numeric: tabular-nums; }
td:nth-child(n+3), th:nth-child(n+3) { text-align: right; padding: 3px 0 3px 14px; } th { vertical-align: bottom; }
td:nth-child(n+3), td:first-child { white-space: nowrap; }
</style>"""


def page(found: Findings) -> str:
    """Return the whole page."""
    sections = [
        _times("First pause or end", "From the start of the infusion.", found.first_pause_min, "first pause (min)"),
        _times(
            "When a blood-pressure pause could be resumed",
            f"From the pause. {found.pressure_resumable} of {found.pressure_pauses} ever could.",
            found.resumable_after_min,
            "after the pause (min)",
        ),
        *(_moved(row) for row in found.rows),
    ]
    return document("pumpd population", [STYLE, *_head(found), *plots(sections)])


def _head(found: Findings) -> Iterator[str]:
    yield "<h1>pumpd population</h1>"
    yield f"<p><strong>{escape(words.AID)}</strong></p>"
    yield "<ul>" + "".join(f"<li>{escape(each)}</li>" for each in words.head(found)) + "</ul>"
    yield table(words.HEADS, words.rows(found))
    yield from (note(each) for each in words.notes(found))


def _times(title: str, meaning: str, minutes: tuple[float, ...], label: str) -> str:
    longest = max([40.0, *minutes])
    scale = linear(0, 5 * -(-longest // 5), step=1, tick=5, label=label)
    return section(title, meaning, histogram(minutes, scale, title=title, counted="infusions"))


def _moved(row: Row) -> str:
    rule = row.rule
    shifts = tuple(row.alone)
    limits = tuple(float(rule.limit + shift) for shift in shifts)
    tick = STEP[rule.vital]
    scale = Scale(
        edges=limits,
        ticks=tuple((limit, f"{limit:g}") for limit in limits[::tick]),
        label=f"{words.name_of(rule.vital)} limit ({rule.vital.unit}{' above baseline' if rule.relative else ''})",
        is_log=False,
    )
    lines = [
        Curve(points=tuple((rule.limit + shift, row.alone[shift].true) for shift in shifts), style="true"),
        Curve(points=tuple((rule.limit + shift, row.alone[shift].measured) for shift in shifts), style="measured"),
    ]
    keys = {key: KEYS[key] for key in ("measured", "true")}
    if rule.confirm_within_ns is not None:
        lines.insert(0, Curve(points=tuple((rule.limit + at, row.alone[at].first) for at in shifts), style="first"))
        keys = KEYS
    mark = Mark(at=rule.limit, text=f"{rule.limit}")
    plot = curves(lines, scale, title=rule.id, counted="in 100 infusions", marks=[mark])
    return section(rule.id, words.says(rule), plot, keys)
