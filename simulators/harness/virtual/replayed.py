"""The journal of a run, replayed for the oracle: what was decided, and what a fresh core decides on the same events."""

from collections.abc import Iterable
from typing import assert_never

from pumpd.records.chain import Link
from pumpd.records.replay import Begin, Gap, MakeCore, Step, replay, same_core
from simulators.oracle.observation import Replay


class _Course:
    """One run of the daemon, up to the first difference."""

    def __init__(self, from_ns: int) -> None:
        self._at_ns = from_ns
        self._live: list[str] = []
        self._replayed: list[str] = []
        self._is_same = True

    def take(self, step: Step) -> None:
        if not self._is_same:
            return
        recorded, replayed = tuple(each.body for each in step.recorded), step.comparable
        self._is_same = recorded == replayed
        self._at_ns = step.event.mono_ns
        self._live += recorded
        # equal text is kept once
        self._replayed += recorded if self._is_same else replayed

    def told(self) -> Replay:
        return Replay(at_ns=self._at_ns, live=tuple(self._live), replayed=tuple(self._replayed))


def replays(links: Iterable[Link], make_core: MakeCore = same_core) -> tuple[Replay, ...]:
    """Return every run of the daemon that the journal holds, each replayed to its first difference or its end."""
    courses: list[_Course] = []
    for item in replay(links, make_core):
        match item:
            case Begin():
                courses.append(_Course(item.link.mono_ns))
            case Step():
                courses[-1].take(item)
            case Gap():
                pass  # what follows it is in no step
            case _:
                assert_never(item)
    return tuple(course.told() for course in courses)
