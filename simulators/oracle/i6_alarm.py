"""I6: pauses are told."""

from collections.abc import Iterator

from simulators.oracle.observation import MOVING_MODES, NS_PER_H, NS_PER_S, Mode
from simulators.oracle.seen import Seen, last_before
from simulators.oracle.verdict import Invariant, Violation

TOLD_NS = NS_PER_S
"""A pause and its alarm, or the command that asked for it, lie no further apart."""
NOTICED_NS = 5 * NS_PER_S
"""Flow that ended by itself is noticed: 3 s for the oldest permitted status, 1 s to evaluate, 1 s to tell."""
SETTLED_MODES = frozenset({Mode.READY, Mode.PAUSED, Mode.COMPLETED, Mode.ENDED, Mode.FAULT})


def alarm(seen: Seen) -> Iterator[Violation]:
    """I6: for every pause that no human asked for there is an alarm.

    (a) The claim changes from STARTING or RUNNING to a mode that is neither: an alarm's condition holds in the second
        before, or by 1 s after the halt settles, which alone tells a pump that stopped short from one that gave the
        order, or by 5 s after where it settles later. No alarm is needed where the daemon received a pause or stop in
        the second before, the halt settles as COMPLETED, or nothing flowed since STARTING was claimed.
    (b) True flow ended short of the order and 5 s of one life of the daemon later it still claims STARTING or RUNNING:
        an alarm's condition held in these 5 s.
    """
    yield from _claimed(seen)
    yield from _unnoticed(seen)


def _claimed(seen: Seen) -> Iterator[Violation]:
    for index, (before, claim) in enumerate(zip(seen.changes, seen.changes[1:], strict=False), 1):
        if before.mode not in MOVING_MODES:
            continue
        settled = next((later for later in seen.changes[index:] if later.mode in SETTLED_MODES), None)
        complete = settled is not None and settled.mode is Mode.COMPLETED
        if claim.mode in MOVING_MODES or complete or _asked(seen, claim.at_ns):
            continue
        if before.mode is Mode.STARTING and not _flowed(seen, before.at_ns, claim.at_ns):
            continue
        latest_ns = claim.at_ns + NOTICED_NS
        if settled is not None:
            latest_ns = min(latest_ns, settled.at_ns + TOLD_NS)
        if latest_ns < seen.observation.until_ns and not _alarmed(seen, claim.at_ns - TOLD_NS, latest_ns):
            text = f"{before.mode.value} became {claim.mode.value} unasked and without an alarm"
            yield Violation(invariant=Invariant.I6, at_ns=claim.at_ns, text=text)


def _unnoticed(seen: Seen) -> Iterator[Violation]:
    observation = seen.observation
    whole_nl = observation.order.volume_nl - observation.order.count_nl
    for stretch in seen.flow.stretches:
        ended_ns, noticed_ns = stretch.to_ns, stretch.to_ns + NOTICED_NS
        if not stretch.ended or noticed_ns >= observation.until_ns or seen.given(ended_ns) >= whole_nl * NS_PER_H:
            continue
        if not _lived(seen, ended_ns, noticed_ns) or _asked(seen, ended_ns):
            continue
        claims = [claim for claim in seen.changes if claim.at_ns <= noticed_ns]
        if not claims or claims[-1].mode not in MOVING_MODES or claims[-1].at_ns > ended_ns:
            continue
        if not _alarmed(seen, ended_ns, noticed_ns):
            text = f"flow ended, and {claims[-1].mode.value} is still claimed {NOTICED_NS / NS_PER_S:.0f} s later"
            yield Violation(invariant=Invariant.I6, at_ns=noticed_ns, text=text)


def _asked(seen: Seen, at_ns: int) -> bool:
    halts_ns = (command.at_ns for command in seen.observation.received if command.kind.halts)
    asked_ns = last_before(halts_ns, at_ns + 1)
    return asked_ns is not None and asked_ns >= at_ns - TOLD_NS


def _flowed(seen: Seen, from_ns: int, to_ns: int) -> bool:
    return any(stretch.from_ns <= to_ns and stretch.to_ns > from_ns for stretch in seen.flow.stretches)


def _alarmed(seen: Seen, from_ns: int, to_ns: int) -> bool:
    return any(
        episode.raised_ns <= to_ns and (episode.gone_ns is None or episode.gone_ns >= from_ns)
        for episode in seen.observation.alarms
    )


def _lived(seen: Seen, from_ns: int, to_ns: int) -> bool:
    """Whether the daemon's process ran all that time: one that is gone or stands still can notice nothing."""
    observation = seen.observation
    if any(stall.from_ns < to_ns and (stall.to_ns is None or stall.to_ns > from_ns) for stall in observation.stalls):
        return False
    return any(life.from_ns <= from_ns and (life.to_ns is None or life.to_ns >= to_ns) for life in observation.lives)
