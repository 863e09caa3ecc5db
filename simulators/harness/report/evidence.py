"""The report for the documents: Markdown made from outcomes, with what they cannot show. No line of it is by hand."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from simulators.harness.kept import Kept
from simulators.harness.report.totals import PATHS, Totals, Worst, command
from simulators.harness.virtual.trial import Blame, Outcome
from simulators.oracle.observation import Path as StopPath

NL_PER_ML = 1_000_000
CANNOT_SHOW = Path(__file__).with_name("cannot_show.md")
_MARKUP = re.compile(r"([\\`*_{}\[\]<>|#])")


def evidence(sums: Totals, superseded: Sequence[Kept]) -> str:
    """Return the page; `superseded` are runs that were violated and done again since."""
    parts = [
        *_head(sums),
        *_violations(sums, superseded),
        *_extremes(sums),
        *_faults(sums),
        *_halts(sums),
        *_again(sums),
        CANNOT_SHOW.read_text(encoding="utf-8"),
    ]
    return "\n".join(parts)


def _head(sums: Totals) -> Iterator[str]:
    hours = sum(batch.simulated_s for batch in sums.batches) / 3_600
    broken = f"Something was violated in {len(sums.violated):,}." if sums.violated else "Nothing was violated."
    yield "# The campaign\n"
    yield "<!-- Written by pumpd campaign with --evidence; do not edit. -->\n"
    yield (
        "Random runs of one simulated bed, drawn from seeds: the daemon's own code in simulated time (tier full),\n"
        "judged by a physical oracle that sees plunger, wire and bus. In *safety* mode faults may last to the end,\n"
        "and no invariant may break. In *liveness* mode faults end, and then the nurses must be able to finish the\n"
        "infusion or end it.\n"
    )
    yield f"{sums.runs:,} runs, {hours:,.1f} simulated hours; an order was given in {sums.ordered:,}. **{broken}**\n"
    yield _table(
        ("mode", "commit", "seeds", "runs", "violated", "digest"),
        (
            (each.mode, each.revision, each.seeds, f"{each.runs:,}", f"{each.violated:,}", each.digest[:16])
            for each in sums.batches
        ),
    )
    yield "The digest is over all that happened in these runs; the same code and seeds give it again.\n"
    yield _table(
        ("the infusion was", "runs"),
        ((end, f"{count:,}") for end, count in sums.ends.items()),
    )


def _violations(sums: Totals, superseded: Sequence[Kept]) -> Iterator[str]:
    if sums.violated:
        yield "## Violations\n"
        yield _table(
            ("run", "rule", "times", "first at (s)", "what"),
            (row for outcome in sums.violated for row in _blamed(outcome)),
        )
        yield "\n".join(f"    {command(outcome.mode, outcome.seed)}" for outcome in sums.violated) + "\n"
    if superseded:
        yield "## Violated before, and done again\n"
        yield "The newer outcome of these runs is the one that counts above.\n"
        yield _table(
            ("run", "rule", "times", "first at (s)", "what", "commit"),
            ((*row, str(each.revision)) for each in superseded for row in _blamed(each.outcome)),
        )


def _blamed(outcome: Outcome) -> Iterator[tuple[str, ...]]:
    """Yield for each rule that a run broke how often, and the first time."""
    rules: dict[str, list[Blame]] = {}
    for blame in outcome.blames:
        rules.setdefault(blame.rule, []).append(blame)
    for rule, blames in rules.items():
        yield outcome.name, rule, str(len(blames)), f"{blames[0].at_ms / 1_000:.3f}", blames[0].text


def _extremes(sums: Totals) -> Iterator[str]:
    yield "## Extremes\n"
    rows = []
    if sums.over is not None:
        rows.append(("most given beyond the order", _volume(sums.over), _allowed(sums.over, _ml), *_from(sums.over)))
    if sums.widest is not None:
        rows.append(("widest recorded interval", _ml(sums.widest.value), "", *_from(sums.widest)))
    for path, worst in sums.slowest.items():
        what = f"slowest reaction, {path}: {worst.what}"
        rows.append((what, _seconds(worst.value), _allowed(worst, _seconds), *_from(worst)))
    for path, worst in sums.nearest.items():
        rows.append((f"least time left, {path}: {worst.what}", _seconds(worst.value), "", *_from(worst)))
    yield _table(("what", "value", "allowed", "mode", "seed"), rows)
    met = sum(sums.reactions.values())
    yield (
        "A reaction lasts from a stop condition that met true flow to the end of that flow.\n"
        f"Of {sums.stops:,} stop conditions {met:,} met flow; at the others the pump rested already.\n"
    )
    yield _table(
        ("path", "what a stop meets on it", "conditions that met flow"),
        ((path, StopPath[path.upper()].value, f"{sums.reactions[path]:,}") for path in PATHS),
    )
    yield (
        f"In {sums.unended:,} of them it still flowed when the watching ended, before the time allowed was over.\n"
        f"The truth was outside of {sums.outside:,} of the {sums.records:,} recorded intervals that were judged; I8\n"
        "allows that only where somebody had set a higher rate at the pump's own keys.\n"
    )


def _faults(sums: Totals) -> Iterator[str]:
    yield "## Faults\n"
    yield "Runs with each kind of fault, and those of them in which it was in force while something flowed.\n"
    yield _table(
        ("fault", "runs", "in flow", "violated"),
        ((each.kind, f"{each.runs:,}", f"{each.struck:,}", f"{each.violated:,}") for each in sums.faults),
    )


def _halts(sums: Totals) -> Iterator[str]:
    yield "## Halts\n"
    yield "By the alarm that was raised nearest to the halt, or the command of a person.\n"
    yield _table(
        ("cause", "paused", "mean pause (s)", "ended", "other"),
        (
            (
                each.cause,
                f"{each.paused:,}",
                f"{each.paused_s / each.paused:.0f}" if each.paused else "",
                f"{each.ended:,}",
                f"{each.other:,}",
            )
            for each in sums.halts
        ),
    )


def _again(sums: Totals) -> Iterator[str]:
    yield "## Again\n"
    yield "Each with the commit checked out that it names; all may go on in one file:\n"
    for batch in sums.batches:
        yield f"At {batch.revision}:\n"
        for span in batch.seeds.split(", "):
            both = span if ".." in span else f"{span}..{span}"
            words = f"--tier full --mode {batch.mode} --seeds {both} --jobs 2 --resume-file campaign.jsonl"
            yield f"    pumpd campaign {words}"
        yield ""
    yield "The page:\n"
    yield "    pumpd campaign --resume-file campaign.jsonl --evidence docs/evidence/campaign.md\n"


def _from(worst: Worst) -> tuple[str, str]:
    return worst.mode, str(worst.seed)


def _volume(worst: Worst) -> str:
    return _ml(worst.value) if worst.value >= 0 else f"none; {_ml(-worst.value)} short"


def _allowed(worst: Worst, shown: Callable[[int], str]) -> str:
    return "" if worst.allowed is None else shown(worst.allowed)


def _ml(volume_nl: int) -> str:
    return f"{volume_nl / NL_PER_ML:.6f} mL"


def _seconds(time_ms: int) -> str:
    return f"{time_ms / 1_000:.3f} s"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *([_cell(cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))
