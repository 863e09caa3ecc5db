"""Alarms: conditions that come and go, and the episodes that people must take note of.

An alarm is raised when its condition begins, and latches: it stays listed until its condition has gone *and* somebody
has acknowledged this very episode. An acknowledged alarm whose condition persists stays listed. A condition that comes
back after that is a new episode. What an episode says is what was the case when it began, so that a person acknowledges
what she has read; how the values move on, the state shows.
"""

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from enum import IntEnum, unique

from pumpd.core.commands import Role
from pumpd.core.quantities import NS_PER_MIN

AUDIO_PAUSE_NS = 2 * NS_PER_MIN
"""How long an audio pause lasts at most (requirement ALRM-03)."""
PASSED_TO = Role.PRESCRIBER
"""Who is told of an alarm that nobody has acknowledged in time: the clinical role that does not sit at the bedside."""


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
class Circumstances:
    """What else was the case when an episode began, and what the daemon had done by then."""

    values: str  # vital signs, pump and what was given, with their ages
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One episode of one condition."""

    id: str
    episode: int
    priority: Priority
    cause: str
    text: str
    values: str
    action: str
    advice: str
    since_ns: int
    unheard_since_ns: int  # as `since_ns`, or that of the unacknowledged episode whose place it took
    active: bool
    acknowledged_by: str | None = None
    passed_to: Role | None = None  # who was told because nobody had acknowledged it in time
    audio_paused_by: str | None = None
    audio_paused_until_ns: int = 0
    settle_ns: int = 0
    settles_ns: int = 0  # until when an episode that has ended may still go on

    @property
    def sounds(self) -> bool:
        """Whether it is to be heard: nobody has acknowledged it, and its tone is not paused."""
        return self.acknowledged_by is None and self.audio_paused_by is None

    def audible(self) -> "Alarm":
        """Return the alarm without an audio pause."""
        return self if self.audio_paused_by is None else replace(self, audio_paused_by=None, audio_paused_until_ns=0)

    def is_replaced_by(self, condition: Condition | None, anew: AbstractSet[str], now_ns: int) -> bool:
        """Say whether `condition` is a new episode: it came back late, it acted anew, or it is more urgent now."""
        if condition is None:
            return False
        return self.has_settled(now_ns) or self.id in anew or condition.priority > self.priority

    def has_settled(self, now_ns: int) -> bool:
        """Say whether the condition has gone for so long that its return would be another episode."""
        return not self.active and now_ns >= self.settles_ns

    def at(self, now_ns: int, *, active: bool) -> "Alarm":
        """Return the alarm as it is now; itself where nothing changed."""
        alarm = self.audible() if now_ns >= self.audio_paused_until_ns else self
        if active is alarm.active:
            return alarm
        return replace(alarm, active=active, settles_ns=now_ns + alarm.settle_ns)


@dataclass(frozen=True, slots=True)
class Alarms:
    """All listed alarms, in the order in which they were raised, and the last episode number of each id."""

    listed: tuple[Alarm, ...] = ()
    episodes: Mapping[str, int] = field(default_factory=dict)

    def update(
        self,
        conditions: tuple[Condition, ...],
        now_ns: int,
        circumstances: Callable[[], Circumstances],
        *,
        anew: AbstractSet[str] = frozenset(),
    ) -> "Alarms":
        """Return the alarms after a look at what is the case now; `self` where nothing changed.

        `anew` names what has acted in this very event: a new episode, even where the one before still settles.
        """
        present = {condition.id: condition for condition in conditions}
        unheard: dict[str, int] = {}
        listed: list[Alarm] = []
        for alarm in self.listed:
            condition = present.get(alarm.id)
            if alarm.is_replaced_by(condition, anew, now_ns):
                if alarm.acknowledged_by is None:
                    unheard[alarm.id] = alarm.unheard_since_ns
                continue
            present.pop(alarm.id, None)
            seen = alarm.at(now_ns, active=condition is not None)
            if seen.acknowledged_by is None or not seen.has_settled(now_ns):
                listed.append(seen)
        if not present:
            unchanged = len(listed) == len(self.listed) and all(map(_is, listed, self.listed))
            return self if unchanged else Alarms(tuple(listed), self.episodes)
        raised = _raised(present, self.episodes, unheard, circumstances(), now_ns)
        # whoever paused a tone did not know of this one
        return Alarms(
            (*(alarm.audible() for alarm in listed), *raised),
            {**self.episodes, **{alarm.id: alarm.episode for alarm in raised}},
        )

    def find(self, alarm_id: str, episode: int) -> Alarm | None:
        """Return one episode by its name and number, or None when it is not listed."""
        return next((alarm for alarm in self.listed if (alarm.id, alarm.episode) == (alarm_id, episode)), None)

    def acknowledge(self, alarm_id: str, episode: int, by: str) -> "Alarms | None":
        """Return the alarms after `by` took note of one episode, or None when no such episode is listed."""
        found = self.find(alarm_id, episode)
        if found is None:
            return None
        noted = replace(found.audible(), acknowledged_by=found.acknowledged_by or by)
        return self if noted == found else self._with(found, noted)

    def pause_audio(self, alarm_id: str, episode: int, by: str, now_ns: int) -> "Alarms | None":
        """Return the alarms after `by` silenced the tone of one episode, or None when no such episode sounds.

        A pause that runs is not made longer.
        """
        found = self.find(alarm_id, episode)
        if found is None or found.acknowledged_by is not None:
            return None
        if found.audio_paused_by is not None:
            return self
        return self._with(found, replace(found, audio_paused_by=by, audio_paused_until_ns=now_ns + AUDIO_PAUSE_NS))

    def audible(self) -> "Alarms":
        """Return the alarms without any audio pause; `self` where there is none."""
        if all(alarm.audio_paused_by is None for alarm in self.listed):
            return self
        return replace(self, listed=tuple(alarm.audible() for alarm in self.listed))

    def pass_on(self, after_ns: Mapping[Priority, int], now_ns: int) -> "tuple[Alarms, tuple[Alarm, ...]]":
        """Return the alarms after those that nobody acknowledged in time were passed on, and these (ALRM-07)."""
        late = tuple(
            alarm for alarm in self.listed if (due_ns := _passes_ns(alarm, after_ns)) is not None and now_ns >= due_ns
        )
        if not late:
            return self, ()
        listed = tuple(replace(alarm, passed_to=PASSED_TO) if alarm in late else alarm for alarm in self.listed)
        return replace(self, listed=listed), late

    def blockers(self) -> Iterator[str]:
        """Yield each alarm that somebody must acknowledge before anything is started, resumed or closed."""
        for alarm in self.listed:
            if alarm.priority >= Priority.MEDIUM and alarm.acknowledged_by is None:
                yield f"alarm {alarm.id} is not acknowledged: {alarm.text}"

    def deadlines_ns(self, after_ns: Mapping[Priority, int]) -> Iterator[int]:
        """Yield when time alone may next change the alarms."""
        for alarm in self.listed:
            if alarm.audio_paused_by is not None:
                yield alarm.audio_paused_until_ns
            if not alarm.active and alarm.acknowledged_by is not None:
                yield alarm.settles_ns
            passes_ns = _passes_ns(alarm, after_ns)
            if passes_ns is not None:
                yield passes_ns

    def sounding(self) -> Priority | None:
        """Return the highest priority that is to be heard."""
        return max((alarm.priority for alarm in self.listed if alarm.sounds), default=None)

    def key(self) -> tuple[tuple[str, int], ...]:
        """Return what counts as the alarm set for `rev`: neither acknowledging nor a swinging value moves it."""
        return tuple((alarm.id, alarm.episode) for alarm in self.listed)

    def after_restart(self, now_ns: int) -> "Alarms":
        """Return the alarms as a restarted daemon lists them: none is active until its condition is seen again.

        Everything that nobody has acknowledged sounds.
        """
        listed = (
            replace(alarm.audible(), since_ns=now_ns, unheard_since_ns=now_ns, active=False, settles_ns=now_ns)
            for alarm in self.listed
        )
        return replace(self, listed=tuple(listed))

    def _with(self, found: Alarm, changed: Alarm) -> "Alarms":
        return replace(self, listed=tuple(changed if alarm is found else alarm for alarm in self.listed))


def _is(one: object, other: object) -> bool:
    return one is other


def _passes_ns(alarm: Alarm, after_ns: Mapping[Priority, int]) -> int | None:
    """Return when an alarm is passed on if nobody acknowledges it; None: never."""
    wait_ns = after_ns.get(alarm.priority)
    if wait_ns is None or alarm.acknowledged_by is not None or alarm.passed_to is not None:
        return None
    return alarm.unheard_since_ns + wait_ns


def _raised(
    present: Mapping[str, Condition],
    episodes: Mapping[str, int],
    unheard: Mapping[str, int],
    seen: Circumstances,
    now_ns: int,
) -> tuple[Alarm, ...]:
    return tuple(
        Alarm(
            id=condition.id,
            episode=episodes.get(condition.id, 0) + 1,
            priority=condition.priority,
            cause=condition.cause,
            text=condition.text,
            values=seen.values,
            action=seen.action,
            advice=condition.advice,
            since_ns=now_ns,
            unheard_since_ns=unheard.get(condition.id, now_ns),
            active=True,
            settle_ns=condition.settle_ns,
        )
        for condition in present.values()
    )
