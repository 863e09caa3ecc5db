"""Who watches, and who can be heard: the nurses' stations as their signs of life tell (requirement ALRM-05).

All of it runs on the real clock. Knows no screen; what the loss of the last station does is in `causes.py`.
"""

from collections.abc import Iterator

from pumpd.core.commands import CLINICIANS
from pumpd.core.events import StationSeen
from pumpd.core.quantities import NS_PER_MIN
from pumpd.core.state import State, Tested


def seen(state: State, event: StationSeen) -> None:
    """Note a sign of life, as of the heartbeat that it quotes: so long ago its screen showed this daemon for certain.

    What was kept or repeated on its way is as old as that, and one that quotes no heartbeat of this daemon is none.
    It takes no test back by saying nothing of one: an account may have two screens.
    """
    shown_real_ns = dict(state.tokens).get(event.token)
    if shown_real_ns is None or not _is_there(state, shown_real_ns):
        return
    last_real_ns = max(shown_real_ns, state.stations.get(event.user, shown_real_ns))
    state.stations = {**state.stations, event.user: last_real_ns}
    if event.test_age_ns is not None:
        # what was said after the heartbeat was shown can only have been answered later than this
        tested = Tested(said_real_ns=last_real_ns, at_real_ns=shown_real_ns - event.test_age_ns)
        state.tested = {**state.tested, event.user: tested}


def watching(state: State) -> int:
    """Return how many stations are not lost."""
    return sum(1 for seen_ns in state.stations.values() if _is_there(state, seen_ns))


def heard(state: State) -> int:
    """Return at how many stations that are not lost a clinician has answered an audible test in time."""
    max_age_ns = state.settings.profile.audible_test_max_age_ns
    return sum(
        1
        for user, tested in state.tested.items()
        if state.settings.operators.get(user) in CLINICIANS
        and _is_there(state, tested.said_real_ns)
        and state.real_ns - tested.at_real_ns <= max_age_ns
    )


def blockers(state: State) -> Iterator[str]:
    """Ask for somebody who will hear an alarm before anything flows."""
    profile = state.settings.profile
    if profile.station_required and not heard(state):
        limit_min = profile.audible_test_max_age_ns // NS_PER_MIN
        yield (
            f"no nurse station has answered an audible test within {limit_min} min: "
            "open one with sound (pumpd watch --sound) and answer its test"
        )


def _is_there(state: State, seen_real_ns: int) -> bool:
    return state.real_ns - seen_real_ns <= state.settings.profile.station_lost_ns
