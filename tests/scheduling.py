"""Which tests run in one worker, one after the other, when the suite runs on several cores."""

from pathlib import PurePosixPath

from xdist.scheduler import LoadScopeScheduling

THEATRES = {"processes", "scenarios"}
"""Whole beds in real time or near it, several at once: two of these folders at a time would starve each other."""
BY_FILE = {"mqtt"}
"""What a file sets up once, such as a broker, is set up in one worker only."""


class Scheduling(LoadScopeScheduling):
    """Everything by itself, but the theatres together and first, and some folders file by file."""

    def _split_scope(self, nodeid: str) -> str:
        path = PurePosixPath(nodeid.partition("::")[0])
        folders = set(path.parts)
        if folders & THEATRES:
            return "theatres"
        return str(path) if folders & BY_FILE else nodeid
