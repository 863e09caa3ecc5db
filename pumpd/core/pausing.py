"""What a pause costs: reminders while it lasts, and the end of the infusion when it lasts or recurs too long (CTRL-06).

What was not given by then is not given.
"""

from collections.abc import Iterator

from pumpd.core import halting
from pumpd.core.alarms import Priority
from pumpd.core.modes import OPEN_MODES, Mode
from pumpd.core.quantities import NS_PER_MIN
from pumpd.core.state import State

PAUSE_TOO_LONG, SESSION_TOO_LONG = "pause-too-long", "session-too-long"
_NOT_GIVEN = "The infusion ends; what was not given is not given. See what was given, and observe the patient."


def remind(state: State, now_ns: int) -> None:
    """Tell people that a pause is still standing, at each interval of the profile."""
    due_ns = _next_reminder_ns(state)
    if due_ns is None or now_ns < due_ns:
        return
    state.reminders += 1
    halting.tell(
        state,
        "pause-reminder",
        Priority.LOW,
        "still paused",
        f"paused for {(now_ns - state.paused_at_ns) / NS_PER_MIN:.0f} min: {state.pause_cause or 'no cause is known'}",
        "Resume when nothing blocks it, or end the infusion.",
    )


def deadlines_ns(state: State) -> Iterator[int]:
    """Yield when a reminder or an end is next due."""
    reminder_ns = _next_reminder_ns(state)
    if reminder_ns is not None:
        yield reminder_ns
    yield from (due_ns for due_ns, _ in _ends(state))


def too_long(state: State, now_ns: int) -> Iterator[tuple[str, str, str]]:
    """Yield id, words and advice of each reason for which the infusion must end now."""
    for due_ns, alarm_id in _ends(state):
        if now_ns >= due_ns:
            yield alarm_id, _words(state, alarm_id), _NOT_GIVEN


def _next_reminder_ns(state: State) -> int | None:
    if state.mode is not Mode.PAUSED:
        return None
    return state.paused_at_ns + (state.reminders + 1) * state.settings.profile.pause_reminder_ns


def _ends(state: State) -> Iterator[tuple[int, str]]:
    """Yield when the infusion must end, and the alarm of it."""
    if state.mode not in OPEN_MODES or state.order is None or state.runs == 0:
        return
    if state.idle_since_ns is not None:
        yield state.idle_since_ns + state.settings.profile.pause_max_ns, PAUSE_TOO_LONG
    if state.first_run_ns is not None:
        yield state.first_run_ns + _session_longest_ns(state), SESSION_TOO_LONG


def _session_longest_ns(state: State) -> int:
    return state.planned_ns + state.settings.profile.session_extra_ns


def _words(state: State, alarm_id: str) -> str:
    profile = state.settings.profile
    if alarm_id == PAUSE_TOO_LONG:
        return f"the pause has lasted {profile.pause_max_ns // NS_PER_MIN} min, the longest allowed"
    return (
        f"the infusion began {_session_longest_ns(state) / NS_PER_MIN:.0f} min ago: "
        f"{state.planned_ns / NS_PER_MIN:.0f} min planned and {profile.session_extra_ns // NS_PER_MIN} min for pauses"
    )
