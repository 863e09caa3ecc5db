"""Which tests run in one worker, one after the other, when the suite runs on several cores."""

from pathlib import PurePosixPath

from xdist.scheduler import LoadScopeScheduling

THEATRES = {"processes", "scenarios"}
"""Whole beds in real time or near it, several at once: two of these folders at a time would starve each other."""
BY_FILE = {"mqtt"}
"""What a file sets up once, such as a broker, is set up in one worker only."""


def scope(nodeid: str) -> str:
    """Return what a test shares with those that stay in its worker; most share it with none."""
    path = PurePosixPath(nodeid.partition("::")[0])
    folders = set(path.parent.parts)
    if folders & THEATRES:
        return "theatres"
    return str(path) if folders & BY_FILE else nodeid


class Scheduling(LoadScopeScheduling):
    """The largest scope first: the theatres, then files, then everything else as it comes."""

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)
