"""What is done by the clock: polls that renew the lease, cuff cycles, late final words."""

from collections.abc import Iterator
from dataclasses import replace

from pumpd.core import answers, halting, pausing, phase
from pumpd.core.causes import may_move, permission, running_limit_ns
from pumpd.core.effects import Effect, MeasureNibp, PollPump
from pumpd.core.modes import OPEN_MODES, Mode
from pumpd.core.quantities import NS_PER_S
from pumpd.core.state import State

POLL_EVERY_NS = NS_PER_S
POLL_EARLY_NS = 500_000_000
"""From this long after the last poll a vitals frame triggers the next, so that the line is idle at the frame after."""


def advance(state: State, now_ns: int, effects: list[Effect], *, vitals_frame: bool) -> None:
    """Do what is due by the clock."""
    halting.conclude(state, now_ns, effects)
    _poll(state, now_ns, effects, vitals_frame=vitals_frame)
    due_ns = _cuff_due_ns(state, now_ns)
    if due_ns is not None and now_ns >= due_ns:
        if state.cuff.measuring:
            state.cuff = state.cuff.failed(now_ns, retry=False)
        else:
            state.cuff = state.cuff.begun(now_ns)
            effects.append(MeasureNibp())
    pausing.remind(state, now_ns)
    answers.overdue(state, now_ns, effects)


def deadlines_ns(state: State, now_ns: int) -> Iterator[int]:
    """Yield when something is next due by the clock."""
    if state.halt is not None and state.pump.link_up:
        yield state.halt.deadline_ns(state.settings.profile.lease_ns)
    if state.starting is not None:
        yield state.starting.deadline_ns
    if state.lowering is not None:
        yield state.lowering.deadline_ns
    yield from (due_ns for due_ns in pausing.deadlines_ns(state) if due_ns > now_ns)
    if may_move(state):
        yield state.pump.polled_ns + POLL_EVERY_NS
    if state.running_since_ns is not None:
        yield state.running_since_ns + running_limit_ns(state) - state.ran_ns + 1
    due_ns = _cuff_due_ns(state, now_ns)
    if due_ns is not None:
        yield due_ns
    yield from phase.deadlines_ns(state, now_ns)
    yield from (item.since_ns + answers.FINAL_WORD_NS for item in state.awaiting if not item.unknown_said)


def _poll(state: State, now_ns: int, effects: list[Effect], *, vitals_frame: bool) -> None:
    if not may_move(state):
        return
    since_ns = now_ns - state.pump.polled_ns
    if (since_ns >= POLL_EVERY_NS or (vitals_frame and since_ns >= POLL_EARLY_NS)) and permission(state, now_ns):
        state.pump = replace(state.pump, polled_ns=now_ns)
        effects.append(PollPump())


def _cuff_due_ns(state: State, now_ns: int) -> int | None:
    profile = state.settings.profile
    interval_ns: int | None = None
    from_end = False
    if state.mode is Mode.READY:
        baseline = state.vitals.baseline(profile.baseline_spacing_ns, profile.baseline_max_age_ns, now_ns)
        from_end = baseline is None
        interval_ns = profile.baseline_spacing_ns if from_end else profile.nibp_interval_ns
    elif state.mode is Mode.PAUSED:
        interval_ns = profile.nibp_pause_interval_ns
    elif state.mode in OPEN_MODES:
        interval_ns = profile.nibp_interval_ns
    else:
        interval_ns = phase.cuff_interval_ns(state, now_ns)
    return state.cuff.due_at_ns(
        interval_ns, from_end=from_end, repeat=state.interlocks.wants_repeat(now_ns), now_ns=now_ns
    )
