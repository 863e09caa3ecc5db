"""`docs/safety/trace.md` as text: each hazard with its requirements, each requirement with its tests."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path

from tools.trace.catalogue import FOLDER, Catalogue, Gap, Hazard, Requirement, Stage
from tools.trace.judge import Tests

PATH = FOLDER / "trace.md"

_HEAD = """\
# Trace

Rendered by `make trace` from [requirements.toml](requirements.toml), [hazards.toml](hazards.toml),
[waiting.toml](waiting.toml) and the marks in `tests/`; do not edit it. What it is worth: [README.md](README.md)."""


def render(catalogue: Catalogue, tests: Tests) -> str:
    """Return the page; the same files and marks give the same bytes."""
    lines = [_HEAD, "", *_summary(catalogue), "", "## Hazards", "", *_hazards(catalogue), "", "## Requirements", ""]
    for group, requirements in groupby(catalogue.requirements.values(), key=lambda item: item.group):
        lines += [f"### {group[0].upper()}{group[1:]}", ""]
        for requirement in requirements:
            lines += [*_requirement(catalogue, tests, requirement), ""]
    return "\n".join(lines)


def is_current(root: Path, text: str) -> bool:
    """Say whether the page below `root` is `text`."""
    path = root / PATH
    return path.is_file() and path.read_text() == text


def write(root: Path, text: str) -> None:
    """Put `text` in place of the page below `root`."""
    (root / PATH).write_text(text)


def _summary(catalogue: Catalogue) -> Iterator[str]:
    yield "| | tested | tested in part | waiting |"
    yield "|---|---|---|---|"
    full = len(catalogue.requirements) - len(catalogue.waiting) - len(catalogue.partly)
    partly, waiting = len(catalogue.partly), len(catalogue.waiting)
    yield f"| all {len(catalogue.requirements)} requirements | {full} | {partly} | {waiting} |"
    for stage in Stage:
        in_part, none = (_count(gaps, stage) for gaps in (catalogue.partly, catalogue.waiting))
        yield f"| of these for the {stage.value} | | {in_part} | {none} |"


def _count(gaps: Mapping[str, Gap], stage: Stage) -> int:
    return sum(gap.waits_for is stage for gap in gaps.values())


def _hazards(catalogue: Catalogue) -> Iterator[str]:
    yield "| hazard | severity | controlled by |"
    yield "|---|---|---|"
    for hazard in catalogue.hazards.values():
        yield f"| **{hazard.id}** {hazard.title} | {hazard.severity} | {_controls(catalogue, hazard)} |"


def _controls(catalogue: Catalogue, hazard: Hazard) -> str:
    return ", ".join(f"[{each}](#{each.lower()}){_mark(catalogue, each)}" for each in hazard.controls)


def _mark(catalogue: Catalogue, requirement: str) -> str:
    if requirement in catalogue.waiting:
        return f" (waits for the {catalogue.waiting[requirement].waits_for.value})"
    return " (in part)" if requirement in catalogue.partly else ""


def _requirement(catalogue: Catalogue, tests: Tests, requirement: Requirement) -> Iterator[str]:
    yield f"#### {requirement.id}"
    yield ""
    yield requirement.text
    yield ""
    numbers = "; numbers proposed" if requirement.proposed else ""
    yield f"Controls {', '.join(requirement.hazard)}{numbers}. Source: {requirement.source}."
    yield ""
    yield from (f"- `{test}`" for test in tests.get(requirement.id, ()))
    for gaps, word in ((catalogue.partly, "Not tested yet, waits for"), (catalogue.waiting, "Waits for")):
        if (gap := gaps.get(requirement.id)) is not None:
            yield f"- {word} the {gap.waits_for.value}: {gap.reason}"
