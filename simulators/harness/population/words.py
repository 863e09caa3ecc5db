"""The sentences and the table of a cohort's findings, for a terminal and for a page. Knows no markup."""

from collections.abc import Iterator, Sequence

from pumpd.core.ports import VitalKind
from pumpd.core.profile import VitalRule
from pumpd.core.quantities import NS_PER_S
from simulators.harness.population.course import MARGIN
from simulators.harness.population.findings import STEP, Findings, Row

HEADS = (
    "limit",
    "what it says",
    "met",
    "met falsely",
    "first",
    "pauses",
    "false pauses",
    "resumable",
    "ended",
    "alone",
    "truly",
    "alone, lower",
    "alone, higher",
)
AID = (
    "An aid for choosing limits. It shows a model, not patients: drawn people whose pressure rises as published means "
    "and spreads say, read by a noisy cuff. It is no advice, and no limit is right because a figure here is small."
)


def name_of(kind: VitalKind) -> str:
    """Return the name of a vital sign as clinicians write it."""
    return "SpO2" if kind is VitalKind.SPO2 else kind.name


def says(rule: VitalRule) -> str:
    """Return a limit in short."""
    above = " above baseline" if rule.relative else ""
    wait = ""
    if rule.confirm_within_ns is not None:
        wait = f", repeated in {rule.confirm_within_ns // NS_PER_S} s"
    elif rule.for_ns:
        wait = f", {rule.for_ns / NS_PER_S:g} s"
    return f"{rule.action.value}: {name_of(rule.vital)} {rule.side.value} {rule.limit} {rule.vital.unit}{above}{wait}"


def head(found: Findings) -> Iterator[str]:
    """Yield what was simulated and what came of it, one sentence each."""
    yield (
        f"{found.patients:,} infusions of 0.5 mg/kg in 40 min under {found.profile} ({found.hash}), model "
        f"{found.model.value}, seed {found.seed}; the nurse resumes {found.resume_delay_s} s after she may."
    )
    yield "Ended: " + "; ".join(f"{end.value} {per_100(count, found)}" for end, count in found.ends.items()) + "."
    yield (
        f"Paused at least once: {per_100(found.paused, found)}, of which {found.completed_after_pause} went on to "
        "completion."
    )
    minutes = found.pause_max_s // 60
    yield (
        f"Blood-pressure pauses: {found.pressure_pauses}. Within the {minutes} min that a pause may last "
        f"{found.pressure_resumable} could ever be resumed, {found.pressure_pauses - found.pressure_resumable} never; "
        f"{found.pressure_false} were false."
    )
    yield f"Other pauses: {found.other_pauses}, of which {found.other_resumable} could be resumed."
    if found.first_pause_min:
        yield f"First pause or end after {_quartiles(found.first_pause_min)} min."
    if found.resumable_after_min:
        yield f"Where such a pause could be resumed, it could after {_quartiles(found.resumable_after_min)} min."
    if found.given_percent:
        yield f"Infusions that did not complete gave {_quartiles(found.given_percent)} % of their order."
    yield (
        f"Newest reading before the start outside the start range, though the truth was inside: "
        f"{per_100(found.unfit, found)}. They were infused all the same; a daemon would have refused and asked again."
    )


def notes(found: Findings) -> Iterator[str]:
    """Yield how to read the table."""
    yield (
        "Met: infusions in which the limit was due while the pump ran, with all limits in force and pauses stopping "
        "the flow. First: it was the first to pause or end. Pauses and ended: by this limit; ended also counts a pause "
        "that was one too many. Resumable: pauses in which a resume was ever possible. Met, first, pauses and ended "
        "are per 100 infusions."
    )
    margins = ", ".join(f"{margin:g} {kind.unit} {name_of(kind)}" for kind, margin in MARGIN.items())
    yield (
        "Falsely: when it was due, the true value lay on the safe side of the limit by more than one standard "
        f"deviation of the reading's noise ({margins}); a rise is judged from the true baseline. Where the truth was "
        "nearer, the crossing is not called false."
    )
    yield (
        "Alone: per 100 infusions in which the limit would act if it were the only one and nothing paused; truly: in "
        "which the true value passes it. Lower and higher: alone, with the limit moved by 5 mmHg, by 5 heart beats "
        "/min, by 1 % of saturation or by 1 breath /min."
    )
    share = 0.05
    error = 100 * (share * (1 - share) / found.patients) ** 0.5
    yield f"Chance: a share of 5 in 100 has a standard error of {error:.2f}; what is rare is known badly."
    if found.unwatched:
        names = ", ".join(rule.id for rule in found.unwatched)
        yield f"Not judged, because the model has no such effect: {names}."
    yield (
        "The model has no desaturation, apnoea, faint or artefact: rows of SpO2 and of respiration show what noise "
        "alone does to a limit, not how often a patient would need it."
    )


def rows(found: Findings) -> Iterator[tuple[str, ...]]:
    """Yield the cells of each limit, in the order of `HEADS`."""
    for row in found.rows:
        step = STEP[row.rule.vital]
        yield (
            row.rule.id,
            says(row.rule),
            _share(row.met, found),
            _of(row.met_false, row.met),
            *_restricting(row, found),
            _alone(row, 0),
            f"{row.alone[0].true:.2f}",
            _alone(row, -step),
            _alone(row, step),
        )


def text(found: Findings) -> str:
    """Return everything for a terminal."""
    cells = [HEADS, *rows(found)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEADS))]
    lines = [AID, "", *head(found), ""]
    lines += ["  ".join(_padded(number, word, widths) for number, word in enumerate(row)).rstrip() for row in cells]
    return "\n".join([*lines, "", *notes(found)]) + "\n"


def per_100(count: int, found: Findings) -> str:
    """Return a count with its share."""
    return f"{count} ({100 * count / found.patients:.2f} in 100)"


def _padded(column: int, word: str, widths: Sequence[int]) -> str:
    return word.ljust(widths[column]) if column < 2 else word.rjust(widths[column])


def _restricting(row: Row, found: Findings) -> tuple[str, ...]:
    if row.rule.action.value == "alert":
        return ("",) * 5
    return (
        _share(row.first, found),
        _share(row.pauses, found),
        _of(row.pauses_false, row.pauses),
        _of(row.resumable, row.pauses),
        _share(row.ended, found),
    )


def _share(count: int, found: Findings) -> str:
    return f"{100 * count / found.patients:.2f}"


def _alone(row: Row, shift: int) -> str:
    return f"{row.alone[shift].measured:.2f}"


def _of(part: int, whole: int) -> str:
    return f"{part} of {whole}" if whole else "-"


def _quartiles(values: Sequence[float]) -> str:
    ordered = sorted(values)
    low, middle, high = (ordered[round(share * (len(ordered) - 1))] for share in (0.25, 0.5, 0.75))
    return f"{middle:.1f} (half of them between {low:.1f} and {high:.1f})"
