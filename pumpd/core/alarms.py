"""Alarms: conditions that come and go, and the episodes that people must take note of.

An alarm is raised when its condition begins, and latches: it stays listed until its condition has gone *and* somebody
has acknowledged this very episode. An acknowledged alarm whose condition persists stays listed. A condition that comes
back after that is a new episode.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum, unique

from pumpd.core.session import LatchedAlarm


@unique
class Priority(IntEnum):
    """How urgent; a larger number is more urgent."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Something that is the case now and that people must know."""

    id: str
    priority: Priority
    cause: str  # the rule, in a few words
    text: str  # what happened, with values, ages and limit
    advice: str  # what to do next
    settle_ns: int = 0  # a return within this after the end is the same episode, so that a swinging value alarms once


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One episode of one condition."""

    id: str
    episode: int
    priority: Priority
    cause: str
    text: str
    advice: str
    since_ns: int
    active: bool
    acknowledged_by: str | None = None
    settle_ns: int = 0
    settles_ns: int = 0  # until when an episode that has ended may still go on


@dataclass(frozen=True, slots=True)
class Alarms:
    """All listed alarms, in the order in which they were raised, and the last episode number of each id."""

    listed: tuple[Alarm, ...] = ()
    episodes: Mapping[str, int] | None = None

    def update(self, conditions: tuple[Condition, ...], now_ns: int) -> "Alarms":
        """Return the alarms after a look at what is the case now; `self` where nothing changed."""
        present = {condition.id: condition for condition in conditions}
        listed: list[Alarm] = []
        changed = False
        for alarm in self.listed:
            condition = present.get(alarm.id)
            settled = not alarm.active and now_ns >= alarm.settles_ns
            # an episode that had ended is listed until it is acknowledged; its return is a new episode in its place
            if settled and (condition is not None or alarm.acknowledged_by is not None):
                changed = True
                continue
            present.pop(alarm.id, None)
            active = condition is not None
            if active != alarm.active:
                changed = True
                alarm = replace(alarm, active=active, settles_ns=now_ns + alarm.settle_ns)
            if active or now_ns < alarm.settles_ns or alarm.acknowledged_by is None:
                listed.append(alarm)
        if not present and not changed:
            return self
        episodes = dict(self.episodes or {})
        for condition in present.values():
            episodes[condition.id] = episodes.get(condition.id, 0) + 1
            listed.append(
                Alarm(
                    id=condition.id,
                    episode=episodes[condition.id],
                    priority=condition.priority,
                    cause=condition.cause,
                    text=condition.text,
                    advice=condition.advice,
                    since_ns=now_ns,
                    active=True,
                    settle_ns=condition.settle_ns,
                )
            )
        return Alarms(tuple(listed), episodes)

    def acknowledge(self, alarm_id: str, episode: int, by: str) -> "Alarms | None":
        """Return the alarms after `by` took note of one episode, or None when no such episode is listed."""
        if not any(alarm.id == alarm_id and alarm.episode == episode for alarm in self.listed):
            return None
        listed = []
        for alarm in self.listed:
            if alarm.id == alarm_id and alarm.episode == episode:
                alarm = replace(alarm, acknowledged_by=alarm.acknowledged_by or by)
            listed.append(alarm)
        return Alarms(tuple(listed), self.episodes)

    def sounding(self) -> Priority | None:
        """Return the highest priority that nobody has acknowledged."""
        return max((alarm.priority for alarm in self.listed if alarm.acknowledged_by is None), default=None)

    def key(self) -> tuple[tuple[str, int], ...]:
        """Return what counts as the alarm set for `rev`: neither acknowledging nor a swinging value moves it."""
        return tuple((alarm.id, alarm.episode) for alarm in self.listed)

    def latched(self) -> tuple[LatchedAlarm, ...]:
        """Return what a restarted daemon must still show."""
        return tuple(
            LatchedAlarm(
                id=alarm.id,
                episode=alarm.episode,
                priority=alarm.priority.name,
                cause=alarm.cause,
                text=alarm.text,
                advice=alarm.advice,
                acknowledged_by=alarm.acknowledged_by,
            )
            for alarm in self.listed
        )

    @classmethod
    def recovered(cls, latched: tuple[LatchedAlarm, ...], now_ns: int) -> "Alarms":
        """Return the alarms as a restarted daemon lists them: none is active until its condition is seen again."""
        listed = tuple(
            Alarm(
                id=alarm.id,
                episode=alarm.episode,
                priority=Priority[alarm.priority],
                cause=alarm.cause,
                text=alarm.text,
                advice=alarm.advice,
                since_ns=now_ns,
                active=False,
                acknowledged_by=alarm.acknowledged_by,
            )
            for alarm in latched
        )
        return cls(listed, {alarm.id: alarm.episode for alarm in listed})
