"""The alarm that needs no network: a port, and the plainest thing behind it."""

from typing import Protocol

import structlog

from pumpd.core.alarms import Priority

_log = structlog.get_logger("pumpd.alarm")


class LocalAlarm(Protocol):
    """Sounds at the bedside."""

    def sound(self, priority: Priority | None) -> None:
        """Sound this priority until told otherwise; None is silence."""

    def fault(self) -> str | None:
        """Say in a sentence why it could not sound now; None when it could (requirement START-03)."""


class LogAlarm:
    """Says it in the log, for a host without a sound device. A tone needs a device of the site's own."""

    def __init__(self) -> None:
        self._last: Priority | None = None

    def sound(self, priority: Priority | None) -> None:
        """Log a change of the sounding priority."""
        if priority is self._last:
            return
        self._last = priority
        if priority is None:
            _log.info("alarm silent")
        else:
            _log.warning("alarm sounding", priority=priority.name)

    def fault(self) -> str | None:
        """Return None: the log is always there."""
        return None
