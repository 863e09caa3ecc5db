"""How the mode of a session went, and the pauses in it. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pumpd.core.commands import CommandReceived
from pumpd.core.effects import Decision, KeepEvidence
from pumpd.core.modes import MAY_MOVE_MODES, Mode
from pumpd.core.phase import OVER_MODES
from pumpd.core.session import SessionRecord
from pumpd.records.summary.model import ModeSpan, Pause
from pumpd.records.summary.turns import Turn

_CAUSES = frozenset({"halt", "rest", "close"})
"""The decisions that tell why a mode changed."""
_STANDING = frozenset({Mode.STOPPING, Mode.PAUSED, Mode.UNKNOWN, Mode.FAULT})
_BEFORE = frozenset({Mode.IDLE, Mode.READY})


class Modes:
    """Takes a session's records in their order."""

    def __init__(self) -> None:
        self.spans: list[ModeSpan] = []

    def take(self, turn: Turn, record: SessionRecord) -> None:
        """Take what one turn has led to."""
        if self.spans and self.spans[-1].mode is record.mode:
            return
        self.end(turn.at_wall_ns)
        by = turn.event.user if isinstance(turn.event, CommandReceived) else None
        if record.mode is Mode.RUNNING and self.spans:
            by = self.spans[-1].by  # whoever began the start or resume that the pump has now taken
        self.spans.append(
            ModeSpan(
                mode=record.mode,
                since_wall_ns=turn.at_wall_ns,
                until_wall_ns=None,
                cause=_cause(turn, record),
                by=by,
                rules=tuple(dict.fromkeys(_rules(turn))),
            )
        )

    def end(self, at_wall_ns: int) -> None:
        """The present mode holds no longer."""
        if self.spans:
            self.spans[-1] = replace(self.spans[-1], until_wall_ns=at_wall_ns)


def _cause(turn: Turn, record: SessionRecord) -> str | None:
    if record.mode in _STANDING and record.pause_cause is not None:
        return record.pause_cause
    told = [each.text for each in turn.effects if isinstance(each, Decision) and each.cause in _CAUSES]
    return told[0] if told else None


def _rules(turn: Turn) -> Iterator[str]:
    for effect in turn.effects:
        if isinstance(effect, KeepEvidence):
            yield from (cause.id for cause in effect.evidence.causes)


def pauses(spans: Sequence[ModeSpan]) -> tuple[Pause, ...]:
    """Return the pauses. A stop that leads straight to the end is none: nobody could have resumed."""
    found: list[Pause] = []
    first: ModeSpan | None = None
    stood = False
    may_have_run = False
    for span in spans:
        may_have_run = may_have_run or span.mode in MAY_MOVE_MODES
        if first is None:
            if span.mode in _STANDING and may_have_run:
                first, stood = span, span.mode is not Mode.STOPPING
            continue
        stood = stood or (span.mode in _STANDING and span.mode is not Mode.STOPPING)
        if span.mode is Mode.RUNNING or span.mode in OVER_MODES or span.mode in _BEFORE:
            if stood:
                found.append(_pause(first, span.since_wall_ns, span.by if span.mode is Mode.RUNNING else None))
            first, stood = None, False
            may_have_run = span.mode is Mode.RUNNING
    if first is not None:
        found.append(_pause(first, None, None))
    return tuple(found)


def _pause(first: ModeSpan, until_wall_ns: int | None, resumed_by: str | None) -> Pause:
    return Pause(
        since_wall_ns=first.since_wall_ns,
        until_wall_ns=until_wall_ns,
        cause=first.cause or "the record does not say",
        by=first.by,
        rules=first.rules,
        resumed_by=resumed_by,
    )
