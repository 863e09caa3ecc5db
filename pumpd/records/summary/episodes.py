"""The alarms of a bed as they were raised, ended and acknowledged. Pure."""

from dataclasses import replace

from pumpd.core.alarms import Alarm, Alarms
from pumpd.core.commands import Acknowledge
from pumpd.records.summary.model import Episode


class Episodes:
    """Takes the alarm lists in their order."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int], Episode] = {}

    def take(self, alarms: Alarms, at_wall_ns: int) -> None:
        """Take the list as it was from an instant on."""
        listed = {(alarm.id, alarm.episode): alarm for alarm in alarms.listed}
        for key, alarm in listed.items():
            self._found[key] = _after(self._found.get(key), alarm, at_wall_ns)
        for key, gone in self._found.items():
            if key not in listed and gone.ended_wall_ns is None:
                self._found[key] = replace(gone, ended_wall_ns=at_wall_ns)

    def acknowledged(self, note: Acknowledge, by: str, at_wall_ns: int) -> None:
        """Take that somebody took note of an episode, which may leave the list by it at once."""
        key = (note.alarm, note.episode)
        seen = self._found.get(key)
        if seen is not None and seen.acknowledged_by is None:
            self._found[key] = replace(seen, acknowledged_by=by, acknowledged_wall_ns=at_wall_ns)

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
        acknowledged_by=alarm.acknowledged_by,
        acknowledged_wall_ns=None,
        passed_to=None,
    )
    if alarm.active is (seen.ended_wall_ns is not None):
        seen = replace(seen, ended_wall_ns=None if alarm.active else at_wall_ns)
    return replace(seen, passed_to=seen.passed_to or alarm.passed_to)
