"""One axis of time over all runs of a daemon, in ns since 1970. Pure.

Within a run the daemon's own clock counts, so that a step of the wall clock neither stretches nor turns a pause round.
Between two runs only the wall clock knows, and time never goes back.
"""

from datetime import UTC, datetime, timedelta

from pumpd.core.quantities import NS_PER_US
from pumpd.records.chain import Link

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Axis:
    """Places records, in their order."""

    def __init__(self) -> None:
        self._boot: str | None = None
        self._ahead_ns = 0
        self._latest_wall_ns = 0
        self.strayed_ns = 0
        """How far the wall clock and the daemon's clock have gone apart within a run, at most."""

    def place(self, link: Link) -> int:
        """Return when a record was written."""
        wall_ns = since_1970_ns(link.wall_utc)
        if link.boot != self._boot:
            self._boot = link.boot
            self._ahead_ns = max(wall_ns, self._latest_wall_ns) - link.mono_ns
        at_wall_ns = self.of(link.mono_ns)
        self._latest_wall_ns = max(self._latest_wall_ns, at_wall_ns)
        self.strayed_ns = max(self.strayed_ns, abs(at_wall_ns - wall_ns))
        return at_wall_ns

    def of(self, mono_ns: int) -> int:
        """Return when an instant of the present run was."""
        return mono_ns + self._ahead_ns


def since_1970_ns(wall_utc: str) -> int:
    """Return a recorded wall time, RFC 3339 with its offset, in ns since 1970."""
    return (datetime.fromisoformat(wall_utc) - _EPOCH) // _MICROSECOND * NS_PER_US
