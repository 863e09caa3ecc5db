"""The last commands that were refused: who asked for what, why not, and how often. A bounded list, for people."""

from dataclasses import dataclass, replace

KEPT = 10
"""So many different refusals; a screen shows them all."""
REASON_CHARACTERS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One refused command, or several alike; `command_id`, `reason` and `at_ns` are those of the last."""

    user: str
    kind: str
    command_id: str
    reason: str
    at_ns: int
    count: int = 1


def noted(refusals: tuple[Refusal, ...], refusal: Refusal) -> tuple[Refusal, ...]:
    """Return the list with one more refusal, the newest last; one that is like another is counted with it."""
    refusal = replace(refusal, reason=refusal.reason[:REASON_CHARACTERS])
    alike = next((known for known in refusals if _key(known) == _key(refusal)), None)
    if alike is None:
        return (*refusals, refusal)[-KEPT:]
    others = tuple(known for known in refusals if known is not alike)
    return (*others, replace(refusal, count=alike.count + 1))


def _key(refusal: Refusal) -> tuple[str, str, str]:
    """Ages and values change from one repeat to the next, so digits do not tell two reasons apart."""
    words = "".join(character for character in refusal.reason if not character.isdigit())
    return refusal.user, refusal.kind, words
