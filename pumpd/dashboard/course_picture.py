"""What the pages show of a course: the clinic's eight steps with their gates, and what else is said of it. Pure.

Everything is in words: nothing is told by colour alone, and a patient's code never comes here.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pumpd.core.course_words import Check
from pumpd.core.quantities import NG_PER_MG, in_mg
from pumpd.mqtt.course_payloads import ShownCourse, ShownGate, ShownScore
from pumpd.mqtt.payloads import printable

STEPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Screening: a treatment-resistant depression", ("screening",)),
    ("Psychiatric consultation", ("consultation",)),
    ("Preparatory sessions", ("preparation",)),
    ("ECG and laboratory tests", ("ecg", "labs")),
    ("The day of the infusion", ("patient-code", *(check.value for check in Check), "weight")),
    ("Integration", ("integration",)),
    ("Number and spacing of the infusions", ("count", "further-infusion", "spacing", "early-infusion")),
    ("Follow-up", ("score", "item-9", "exposure-review")),
)
"""The steps of the clinic's own description, each with the gates that stand for it."""
OTHER = "Further rules"
"""What a newer clinic's process may ask for besides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step, a word for it, and a line for each of its gates."""

    title: str
    word: str
    lines: tuple[str, ...]


def steps(course: ShownCourse) -> tuple[Step, ...]:
    """Return the eight steps, and what belongs to none of them."""
    known = {gate for _, gates in STEPS for gate in gates}
    other = tuple(each.gate for each in course.gates if each.gate not in known)
    numbered = [(f"{number}. {title}", gates) for number, (title, gates) in enumerate(STEPS, start=1)]
    return tuple(_step(course, title, gates) for title, gates in (*numbered, *([(OTHER, other)] if other else ())))


def _step(course: ShownCourse, title: str, gates: tuple[str, ...]) -> Step:
    found = [each for each in course.gates if each.gate in gates]
    missing = sum(not each.met for each in found)
    word = "MET" if missing == 0 else "MISSING" if len(found) == 1 else f"{missing} of {len(found)} MISSING"
    return Step(title=title, word=word, lines=tuple(map(_gate_line, found)))


def _gate_line(gate: ShownGate) -> str:
    if not gate.met:
        return printable(f"MISSING {gate.gate} ({gate.owner}): {gate.words}")
    until = "" if gate.until is None else f", until {moment(gate.until)}"
    if gate.words:
        return printable(f"PASSED BY OVERRIDE {gate.gate}{until}: {gate.words}")
    return printable(f"met {gate.gate}, by {gate.owner}{until}")


def moment(text: str) -> str:
    """Return a time of the wire to the minute."""
    return f"{text[:10]} {text[11:16]} UTC"


def summary(course: ShownCourse) -> tuple[str, ...]:
    """Return what holds of the course as a whole."""
    return tuple(map(printable, _summary(course)))


def _summary(course: ShownCourse) -> Iterator[str]:
    if course.cleared_for is not None and course.cleared_until is not None:
        yield f"CLEARED for {course.cleared_for} until {moment(course.cleared_until)}"
    else:
        yield f"not cleared: {len(course.missing)} missing" if course.missing else "not cleared, nothing is missing"
    if course.open_session is not None:
        yield f"session {course.open_session} is open"
    if not course.assigned:
        yield f"assigned to no patient yet: at the clinic's own machine, pumpd clinic assign {course.course} CODE"
    yield course.exposure
    for number, each in enumerate(course.given, start=1):
        low, high = (in_mg(int(mass_mg * NG_PER_MG)) for mass_mg in (each.low_mg, each.high_mg))
        yield f"infusion {number} on {each.on}: {low if low == high else f'{low} to {high}'} mg"
    yield (
        "no follow-up score has a day yet"
        if course.next_follow_up is None
        else f"next follow-up score on {course.next_follow_up}"
    )


def score_line(score: ShownScore) -> str:
    """Return a total with its band, its change and whether item 9 was looked at."""
    change = "the first" if score.change is None else f"{score.change:+d} since the first"
    seen = "item 9 reviewed" if score.item9_reviewed else "ITEM 9 NOT REVIEWED"
    return printable(f"BDI-II {score.on}: {score.total} ({score.band}), {change}, {seen}, rated by {score.rater}")
