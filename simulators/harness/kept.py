"""The outcomes that a campaign keeps: one a line, with the code that it ran on. What was violated is never dropped."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from simulators.harness.revision import Revision
from simulators.harness.virtual.trial import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An outcome and the code that it came of."""

    revision: Revision
    outcome: Outcome

    @property
    def run(self) -> tuple[str, int]:
        """Return which run it is: mode and seed."""
        return self.outcome.mode, self.outcome.seed


class KeptError(ValueError):
    """A line is no outcome of this version; the message says which, and what to do."""


_ADAPTER = TypeAdapter(Kept)


def append(path: Path, kept: Kept) -> None:
    """Add one line."""
    with path.open("ab") as file:
        file.write(_ADAPTER.dump_json(kept) + b"\n")


def read(path: Path) -> tuple[Kept, ...]:
    """Return the outcomes in the order in which they were written; raises `KeptError` and `OSError`.

    A last line that was torn by a sudden end is left out: its run counts as not done.
    """
    whole, tail = _parted(path.read_bytes())
    kept = [_parsed(line, f"{path}, line {number}") for number, line in enumerate(whole.splitlines(), 1)]
    return (*kept, _parsed(tail, str(path))) if _is_sound(tail) else tuple(kept)


def mend(path: Path) -> None:
    """Make the file end with a whole line, so that another can follow; a torn one is cut off."""
    content = path.read_bytes()
    whole, tail = _parted(content)
    if _is_sound(tail):
        path.write_bytes(content + b"\n")
    elif tail:
        path.write_bytes(whole)


def newest(kept: Iterable[Kept]) -> tuple[Kept, ...]:
    """Return the last outcome of each run, by mode and seed."""
    last = {each.run: each for each in kept}
    return tuple(last[run] for run in sorted(last))


def superseded(kept: Iterable[Kept]) -> tuple[Kept, ...]:
    """Return what was violated in runs that were done again later."""
    lines = tuple(kept)
    last = {each.run: each for each in lines}
    return tuple(each for each in lines if each.outcome.blames and last[each.run] is not each)


def _parted(content: bytes) -> tuple[bytes, bytes]:
    """Return the whole lines, and what follows the last of them."""
    edge = content.rfind(b"\n") + 1
    return content[:edge], content[edge:]


def _is_sound(line: bytes) -> bool:
    try:
        _parsed(line, "")
    except KeptError:
        return False
    return True


def _parsed(line: bytes, place: str) -> Kept:
    todo = "it was written by another version; go on with another file"
    try:
        kept = _ADAPTER.validate_json(line, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the line"
        raise KeptError(f"{place} is no outcome ({where}: {first['msg']}); {todo}") from None
    # a field that this version does not know may say that the outcome does not count
    if json.loads(line) != json.loads(_ADAPTER.dump_json(kept)):
        raise KeptError(f"{place} holds more than an outcome; {todo}")
    return kept
