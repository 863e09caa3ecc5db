"""When a nurse is asked how the patient feels, and what a high score proposes. Pauses nothing: a person decides.

Prompts come at the beginning and every ten minutes of the infusion, at its end, and every fifteen minutes of the
observation (CLIN-06). Sedation is asked with them, because nobody else asks for it once the infusion is over.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pumpd.core import halting, phase
from pumpd.core.alarms import Condition, Priority
from pumpd.core.commands import Score
from pumpd.core.effects import Decision, Effect
from pumpd.core.judge import score_refusal
from pumpd.core.modes import OPEN_MODES
from pumpd.core.ports import VitalKind
from pumpd.core.quantities import NS_PER_MIN
from pumpd.core.session import Scores
from pumpd.core.state import State

EARLY_NS = 5 * NS_PER_MIN
"""An entry answers a prompt that is at most so far ahead: half of the shortest distance between two in the profile."""
KEPT_SCORES = 24
"""Scores of a session that are shown: those of an infusion of two hours and an observation of three."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """The oldest prompt that nobody has answered wholly."""

    due_ns: int
    asks: tuple[str, ...]
    where: str  # such as "at 20 min of the infusion"


def score(state: State, entry: Score, user: str, now_ns: int, effects: list[Effect]) -> str | None:
    """Keep how the patient feels, and propose a pause where a score is at its threshold; or return why not."""
    refusal = score_refusal(entry)
    if refusal is not None:
        return refusal
    if not (phase.has_open_order(state) or phase.is_observing(state)):
        return f"the mode is {state.mode.value}; there is nobody here whose scores could be kept"
    scores = Scores(
        nausea=entry.nausea,
        dizziness=entry.dizziness,
        anxiety=entry.anxiety,
        dissociation=entry.dissociation,
        by=user,
        wall_ns=state.wall_ns(),
    )
    state.scores = (*state.scores, scores)[-KEPT_SCORES:]
    state.scored_ns = now_ns
    effects.append(Decision(cause="score", text=f"{scores.words()}, scored by {user}"))
    high = tuple(_high(state, scores))
    if high:
        _propose(state, high)
    return None


def unanswered(state: State, now_ns: int) -> Prompt | None:
    """Return the oldest prompt that nobody has answered wholly; None while there is none."""
    if state.first_run_ns is None or not (state.mode in OPEN_MODES or phase.is_observing(state)):
        return None
    sedation = state.vitals.latest.get(VitalKind.MOAAS)
    score_ns = _due_ns(state, state.first_run_ns, state.scored_ns)
    sedation_ns = _due_ns(state, state.first_run_ns, None if sedation is None else sedation.measured_at_ns)
    oldest_ns = min(score_ns, sedation_ns)
    if oldest_ns > now_ns:
        return None
    due_ns = {"nausea, dizziness, anxiety and dissociation (score)": score_ns, "sedation (assess)": sedation_ns}
    asks = tuple(what for what, each_ns in due_ns.items() if each_ns <= now_ns)
    return Prompt(due_ns=oldest_ns, asks=asks, where=where(oldest_ns, state.first_run_ns, state.observing_since_ns))


def overdue(state: State, now_ns: int) -> Iterator[Condition]:
    """Yield what to remind people of: a prompt that nobody has answered in time."""
    prompt = unanswered(state, now_ns)
    limit_ns = state.settings.profile.prompt_overdue_ns
    if prompt is None or now_ns - prompt.due_ns < limit_ns:
        return
    yield Condition(
        id="prompt-overdue",
        priority=Priority.LOW,
        cause="a prompt was not answered",
        text=f"asked {prompt.where}, not answered for {limit_ns // NS_PER_MIN} min: {' and '.join(prompt.asks)}",
        advice="Ask the patient, and enter what is missing.",
    )


def _due_ns(state: State, first_ns: int, given_ns: int | None) -> int:
    """Return when the first prompt comes that an entry of `given_ns` does not answer."""
    # what was asked before somebody could answer, for the daemon had not begun to watch, is not asked again
    never_ns = state.interlocks.watched_since_ns - EARLY_NS - 1
    from_ns = (never_ns if given_ns is None else max(given_ns, never_ns)) + EARLY_NS + 1
    profile, over_ns = state.settings.profile, state.observing_since_ns
    at_ns = _step(first_ns, profile.prompt_infusing_ns, from_ns)
    return at_ns if over_ns is None or at_ns < over_ns else _step(over_ns, profile.prompt_observing_ns, from_ns)


def _step(begin_ns: int, interval_ns: int, from_ns: int) -> int:
    return begin_ns + max(-((begin_ns - from_ns) // interval_ns), 0) * interval_ns


def where(at_ns: int, first_ns: int, over_ns: int | None) -> str:
    """Return when a prompt comes, for people: first run and end of the infusion are told by the same clock."""
    if over_ns is None or at_ns < over_ns:
        return f"at {(at_ns - first_ns) // NS_PER_MIN} min of the infusion"
    return f"at {(at_ns - over_ns) // NS_PER_MIN} min of the observation"


def _high(state: State, scores: Scores) -> Iterator[str]:
    profile = state.settings.profile
    for name, value, limit in (
        ("nausea", scores.nausea, profile.nausea_pause_score),
        ("dizziness", scores.dizziness, profile.dizziness_pause_score),
        ("anxiety", scores.anxiety, profile.anxiety_pause_score),
        ("dissociation", scores.dissociation, profile.dissociation_pause_score),
    ):
        if value >= limit:
            yield f"{name} {value} of 10, threshold {limit}"


def _propose(state: State, high: tuple[str, ...]) -> None:
    infusing = not phase.is_observing(state)
    halting.tell(
        state,
        "score-high",
        Priority.MEDIUM,
        "a pause is proposed" if infusing else "the patient does not feel well",
        "; ".join(high),
        "Ask the patient: pause, or acknowledge and go on. Nothing pauses by itself for a score."
        if infusing
        else "Stay with the patient; there is no discharge while the nausea is more than little.",
    )
