"""The report for the screen: one HTML page that needs nothing else, with its plots as SVG. All text is escaped."""

from collections.abc import Iterator, Sequence

from simulators.harness.kept import Kept
from simulators.harness.report.html import document, note, plots, section, table
from simulators.harness.report.svg import Bar, Mark, bars, decades, histogram, linear
from simulators.harness.report.totals import PATHS, Totals, command
from simulators.harness.virtual.trial import Outcome
from simulators.oracle.observation import Path

NL_PER_UL = 1_000


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
    return document("pumpd campaign", [*_head(sums), *plots(sections)])


def _head(sums: Totals) -> Iterator[str]:
    yield "<h1>pumpd campaign</h1>"
    hours = sum(batch.simulated_s for batch in sums.batches) / 3_600
    yield note(
        f"Tier full: the daemon's own code against simulated devices in simulated time. {sums.runs} runs, "
        f"{hours:,.1f} simulated hours; an order was given in {sums.ordered}."
    )
    if sums.violated:
        yield f'<p class="verdict broken">{len(sums.violated)} of {sums.runs} runs violated something</p>'
        yield table(
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
    yield table(
        ("Mode", "Seeds", "Runs", "Violated", "Commit"),
        ((each.mode, each.seeds, str(each.runs), str(each.violated), each.revision) for each in sums.batches),
    )
    yield table(("Infusions that were", "Runs"), ((end, str(count)) for end, count in sums.ends.items()))


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
    return section("Delivered over order", f"{len(ordered)} runs with an order.", plot)


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
    return section(title, words, histogram(seconds, scale, title=title, counted="reactions", marks=marks))


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
    return section(title, outside, histogram(widths, scale, title=title, counted="runs"))


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
    meaning = "By the alarm raised nearest to the halt, or the command of a person."
    return section(title, meaning, bars(rows, title=title, counted="halts"), keys)


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
    meaning = "Runs with that fault and no violation, of all runs with it."
    return section(title, meaning, bars(rows, title=title, counted="runs"), keys)
