"""I4: who makes it flow."""

from collections.abc import Iterator

from simulators.oracle.flow import Stretch
from simulators.oracle.observation import HALTED_MODES, NS_PER_S
from simulators.oracle.seen import Seen, last_by
from simulators.oracle.verdict import Invariant, Violation

NOTICED_NS = 100_000_000
"""What comes between the last judgement and the RUN that leaves in the same instant is no older than this."""


def human(seen: Seen) -> Iterator[Violation]:
    """I4: no flow begins without a start or resume that a person pressed after the last pause.

    Each beginning of true flow, but for one at the pump's own keys, follows a RUN that the pump heard since the last
    rest began. A start or resume had been accepted when that RUN was written, and a person had pressed for it after
    every pause before: the last end of true flow, the last pause or stop that the daemon received, the last change of
    its claim to a halted mode, and the daemon's own last start.

    Nor is a RUN written while something bars every start: what was accepted is judged again until RUN leaves.
    """
    yield from _barred(seen)
    ended_ns: int | None = None
    for stretch in seen.flow.stretches:
        if stretch.from_ns not in seen.observation.keypad_starts_ns:
            why = _unasked(seen, stretch, ended_ns)
            if why is not None:
                yield Violation(invariant=Invariant.I4, at_ns=stretch.from_ns, text=f"flow began {why}")
        ended_ns = stretch.to_ns


def _barred(seen: Seen) -> Iterator[Violation]:
    for bar in seen.observation.bars:
        for run_ns in seen.runs_written_ns:
            if bar.from_ns + NOTICED_NS < run_ns < bar.until_ns:
                text = f"RUN was written {(run_ns - bar.from_ns) / NS_PER_S:.3f} s after this barred it: {bar.cause}"
                yield Violation(invariant=Invariant.I4, at_ns=run_ns, text=text)


def _unasked(seen: Seen, stretch: Stretch, ended_ns: int | None) -> str | None:
    """Return why nobody can have asked for this flow, or None."""
    heard_ns = last_by(seen.runs_heard_ns, stretch.from_ns)
    if heard_ns is None or (ended_ns is not None and heard_ns < ended_ns):
        return "without a RUN since the last rest began"
    run_ns = last_by(seen.runs_written_ns, heard_ns)
    if run_ns is None:
        return "with a RUN that the daemon never wrote"
    pressed = [
        command.pressed_ns
        for accepted_ns, command in seen.starts
        if command.pressed_ns is not None and max(accepted_ns, command.at_ns) <= run_ns
    ]
    if not pressed:
        return "without an accepted start or resume that a person pressed"
    paused_ns = max(_pauses_ns(seen, run_ns, ended_ns), default=None)
    if paused_ns is not None and max(pressed) <= paused_ns:
        return f"{(run_ns - paused_ns) / NS_PER_S:.3f} s after a pause that no start or resume is newer than"
    return None


def _pauses_ns(seen: Seen, run_ns: int, ended_ns: int | None) -> Iterator[int]:
    if ended_ns is not None:
        yield ended_ns
    for command in seen.observation.received:
        if command.kind.halts and command.at_ns < run_ns:
            yield command.at_ns
    for claim in seen.changes:
        if claim.mode in HALTED_MODES and claim.at_ns < run_ns:
            yield claim.at_ns
    for life in seen.observation.lives:
        if life.from_ns < run_ns:
            yield life.from_ns
