"""The report for the screen: one HTML page that needs nothing else, with its plots as SVG. All text is escaped."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from types import MappingProxyType

from simulators.harness.kept import Kept
from simulators.harness.report.svg import Bar, Mark, bars, decades, histogram, linear
from simulators.harness.report.totals import PATHS, Totals, command
from simulators.harness.virtual.trial import Outcome
from simulators.oracle.observation import Path

NL_PER_UL = 1_000
STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; color: #1d2733; background: #fff; margin: 0 auto; max-width: 1120px;
  padding: 20px 24px 48px; }
h1 { font-size: 22px; margin: 0 0 4px; } h2 { font-size: 15px; margin: 0 0 2px; }
p { margin: 0 0 8px; } .note { color: #55606e; font-size: 12.5px; }
.verdict { display: inline-block; padding: 5px 12px; border-radius: 4px; font-weight: 600; color: #fff; margin: 8px 0; }
.sound { background: #2f7d4f; } .broken { background: #b3261e; }
table { border-collapse: collapse; margin: 6px 0 14px; font-size: 13px; }
th, td { text-align: left; padding: 3px 14px 3px 0; border-bottom: 1px solid #e3e7ec; vertical-align: top; }
.plots { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 26px 36px; margin-top: 18px; }
.plots section { min-width: 0; } svg { width: 100%; height: auto; display: block; }
svg text { font: 11px system-ui, sans-serif; fill: #3b4654; }
.all, .struck { fill: #2f6fa8; } .unmet { fill: #a9c6df; } .bad { fill: #b3261e; } .paused { fill: #2f6fa8; }
.ended { fill: #7b8794; } .other { fill: #d08a1d; }
.axis { stroke: #7b8794; } .mark { stroke: #b3261e; stroke-dasharray: 4 3; }
.key { display: inline-block; width: 11px; height: 11px; margin: 0 5px 0 0; vertical-align: -1px; }
.key.all, .key.struck, .key.paused { background: #2f6fa8; } .key.unmet { background: #a9c6df; }
.key.bad { background: #b3261e; } .key.ended { background: #7b8794; } .key.other { background: #d08a1d; }
@media (max-width: 820px) { .plots { grid-template-columns: minmax(0, 1fr); } }
"""


def page(sums: Totals, kept: Sequence[Kept]) -> str:
    """Return the whole page."""
    sections = [
        _delivered(kept),
        *(_reactions(path, sums, kept) for path in PATHS),
        _intervals(sums, kept, "final"),
        _intervals(sums, kept, "widest"),
        _halts(sums),
        _faults(sums),
    ]
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        f"<title>pumpd campaign</title><style>{STYLE}</style></head><body>",
        *_head(sums),
        '<div class="plots">',
        *sections,
        "</div></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _head(sums: Totals) -> Iterator[str]:
    yield "<h1>pumpd campaign</h1>"
    hours = sum(batch.simulated_s for batch in sums.batches) / 3_600
    yield _note(
        f"Tier full: the daemon's own code against simulated devices in simulated time. {sums.runs} runs, "
        f"{hours:,.1f} simulated hours; an order was given in {sums.ordered}."
    )
    if sums.violated:
        yield f'<p class="verdict broken">{len(sums.violated)} of {sums.runs} runs violated something</p>'
        yield _table(
            ("Run", "Rule", "At (s)", "What", "Again"),
            (
                (
                    outcome.name,
                    blame.rule,
                    f"{blame.at_ms / 1_000:.3f}",
                    blame.text,
                    _again(outcome),
                )
                for outcome in sums.violated
                for blame in outcome.blames
            ),
        )
    else:
        yield '<p class="verdict sound">Nothing violated</p>'
    yield _table(
        ("Mode", "Seeds", "Runs", "Violated", "Commit"),
        ((each.mode, each.seeds, str(each.runs), str(each.violated), each.revision) for each in sums.batches),
    )
    yield _table(("Infusions that were", "Runs"), ((end, str(count)) for end, count in sums.ends.items()))


def _again(outcome: Outcome) -> str:
    return command(outcome.mode, outcome.seed)


def _delivered(kept: Sequence[Kept]) -> str:
    ordered = [each.outcome for each in kept if each.outcome.ordered_nl > 0]
    percents = [100 * outcome.given_nl / outcome.ordered_nl for outcome in ordered]
    most = [
        100 * (1 + outcome.figures.allowed_over_nl / outcome.ordered_nl)
        for outcome in ordered
        if outcome.figures is not None
    ]
    scale = linear(0, 110, step=2.5, tick=10, label="delivered by the plunger / ordered (%)")
    marks = (Mark(at=min(most), text=f"most allowed {min(most):.2f} %"),) if most else ()
    plot = histogram(percents, scale, title="Delivered over order", counted="runs", marks=marks)
    return _section("Delivered over order", f"{len(ordered)} runs with an order.", plot)


def _reactions(path: str, sums: Totals, kept: Sequence[Kept]) -> str:
    figures = [each.outcome.figures for each in kept if each.outcome.figures is not None]
    found = [reaction for each in figures for reaction in each.reactions if reaction.path == path]
    seconds = [each.slowest_ms / 1_000 for each in found]
    bounds = sorted({each.allowed_ms for each in found})
    marks = [Mark(at=bounds[0] / 1_000, text=f"allowed {bounds[0] / 1_000:g} s")] if bounds else []
    scale = decades(-3, 3, bins=6, label="from the condition to zero flow (s); slowest of each run and cause")
    title = f"Reaction time: {path}"
    meaning = Path[path.upper()].value
    words = f"{meaning[0].upper()}{meaning[1:]}. {sums.reactions[path]:,} of {sums.stops:,} stop conditions."
    if len(bounds) > 1:
        words += f" Where the daemon opened the port anew up to {bounds[-1] / 1_000:g} s are allowed."
    if path in sums.slowest:
        worst = sums.slowest[path]
        words += f" Slowest: {worst.value / 1_000:.3f} s ({worst.what}, {worst.mode} seed {worst.seed})."
    if any(each.unended for each in found):
        words += f" Still flowing when the watching ended: {sum(each.unended for each in found)}."
    return _section(title, words, histogram(seconds, scale, title=title, counted="reactions", marks=marks))


def _intervals(sums: Totals, kept: Sequence[Kept], which: str) -> str:
    intervals = [
        each.outcome.figures.interval
        for each in kept
        if each.outcome.figures is not None and each.outcome.figures.interval is not None
    ]
    widths = [(each.final_nl if which == "final" else each.widest_nl) / NL_PER_UL for each in intervals]
    scale = decades(-1, 5, bins=6, label="high - low of the recorded interval (µL); what is narrower is in the first")
    title = f"Interval of what was given: {which} width"
    outside = f"{sums.records:,} records, the truth outside of {sums.outside:,}."
    return _section(title, outside, histogram(widths, scale, title=title, counted="runs"))


def _halts(sums: Totals) -> str:
    ordered = sorted(sums.halts, key=lambda each: (-each.paused, -each.ended, -each.other))
    rows = [
        Bar(
            label=each.cause,
            parts=((each.paused, "paused"), (each.ended, "ended"), (each.other, "other")),
            text=f"{each.paused} paused, mean {each.paused_s / each.paused:.0f} s" if each.paused else "0 paused",
        )
        for each in ordered
    ]
    title = "Pauses and other halts by cause"
    keys = {"paused": "paused", "ended": "ended the infusion", "other": "fault, or not settled"}
    note = "By the alarm raised nearest to the halt, or the command of a person."
    return _section(title, note, bars(rows, title=title, counted="halts"), keys)


def _faults(sums: Totals) -> str:
    rows = [
        Bar(
            label=each.kind,
            parts=(
                (each.struck - each.struck_and_violated, "struck"),
                (each.runs - each.struck - each.violated + each.struck_and_violated, "unmet"),
                (each.violated, "bad"),
            ),
            text=f"{each.runs - each.violated} of {each.runs}, {each.struck} in flow",
        )
        for each in sums.faults
    ]
    title = "Faults survived by kind"
    keys = {"struck": "in force while something flowed", "unmet": "only at rest", "bad": "violated"}
    note = "Runs with that fault and no violation, of all runs with it."
    return _section(title, note, bars(rows, title=title, counted="runs"), keys)


def _section(title: str, note: str, plot: str, keys: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return a plot under its title; `keys` says what each style of it means."""
    words = escape(note)
    if keys:
        meanings = (f'<span class="key {style}"></span>{escape(text)}' for style, text in keys.items())
        words = f"{words}<br>{'&emsp;'.join(meanings)}"
    return f'<section><h2>{escape(title)}</h2><p class="note">{words}</p>\n{plot}\n</section>'


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(each)}</th>" for each in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"
