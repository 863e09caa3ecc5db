"""The alarms of a bed as they were raised, ended and acknowledged. Pure."""

from dataclasses import replace

from pumpd.core.alarms import Alarm, Alarms
from pumpd.records.summary.model import Episode


class Episodes:
    """Takes the alarm lists in their order."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int], Episode] = {}

    def take(self, alarms: Alarms, at_wall_ns: int) -> None:
        """Take the list as it was from an instant on."""
        for alarm in alarms.listed:
            key = (alarm.id, alarm.episode)
            self._found[key] = _after(self._found.get(key), alarm, at_wall_ns)

    @property
    def found(self) -> tuple[Episode, ...]:
        """All episodes, in the order in which they were raised."""
        return tuple(self._found.values())


def _after(before: Episode | None, alarm: Alarm, at_wall_ns: int) -> Episode:
    seen = before or Episode(
        alarm=alarm.id,
        episode=alarm.episode,
        priority=alarm.priority,
        cause=alarm.cause,
        text=alarm.text,
        action=alarm.action,
        raised_wall_ns=at_wall_ns,
        ended_wall_ns=None,
        acknowledged_by=None,
        acknowledged_wall_ns=None,
        passed_to=None,
    )
    if seen.acknowledged_by is None and alarm.acknowledged_by is not None:
        seen = replace(seen, acknowledged_by=alarm.acknowledged_by, acknowledged_wall_ns=at_wall_ns)
    if alarm.active is (seen.ended_wall_ns is not None):
        seen = replace(seen, ended_wall_ns=None if alarm.active else at_wall_ns)
    return replace(seen, passed_to=seen.passed_to or alarm.passed_to)
