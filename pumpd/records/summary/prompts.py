"""When the patient's state was asked for, and the entries that answered (CLIN-06). Pure.

The journal holds the entries; when a prompt came follows from the first run, the end, and the profile. An entry answers
every prompt before it, and the next one where that is near.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pumpd.core.ports import VitalKind
from pumpd.core.prompts import EARLY_NS, where
from pumpd.records.summary.model import Score, Session
from pumpd.records.summary.signs import FEELINGS, SCALES


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredPrompt:
    """One prompt with the first entries that answer it; empty and None where nobody has."""

    due_wall_ns: int
    where: str
    felt: tuple[Score, ...]
    sedation: Score | None


def prompts(session: Session) -> tuple[AnsweredPrompt, ...]:
    """Return the prompts of a session, the oldest first."""
    sedation = [each for each in session.scores if each.scale == SCALES[VitalKind.MOAAS]]
    felt = [each for each in session.scores if each.scale in FEELINGS]
    return tuple(
        AnsweredPrompt(
            due_wall_ns=due_wall_ns,
            where=place,
            felt=_first_entry(felt, due_wall_ns),
            sedation=next(iter(_first_entry(sedation, due_wall_ns)), None),
        )
        for due_wall_ns, place in _due(session)
    )


def _first_entry(scores: list[Score], due_wall_ns: int) -> tuple[Score, ...]:
    """Return what was entered together first from when the prompt could be answered."""
    answering = [each for each in scores if each.at_wall_ns >= due_wall_ns - EARLY_NS]
    return tuple(each for each in answering if each.at_wall_ns == answering[0].at_wall_ns)


def _due(session: Session) -> Iterator[tuple[int, str]]:
    first_wall_ns, over_wall_ns, profile = session.first_run_wall_ns, session.over_wall_ns, session.profile
    if first_wall_ns is None:
        return
    end_wall_ns = session.last_wall_ns + 1
    infusing = range(first_wall_ns, end_wall_ns if over_wall_ns is None else over_wall_ns, profile.prompt_infusing_ns)
    observing = () if over_wall_ns is None else range(over_wall_ns, end_wall_ns, profile.prompt_observing_ns)
    for due_wall_ns in (*infusing, *observing):
        yield due_wall_ns, where(due_wall_ns, first_wall_ns, over_wall_ns)
