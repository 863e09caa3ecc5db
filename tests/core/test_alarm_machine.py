"""Random lives of the alarms against what is promised: none is lost, and what sounds is the highest that should."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pumpd.core.alarms import AUDIO_PAUSE_NS, Alarm, Alarms, Circumstances, Condition, Priority
from pumpd.core.effects import AlarmsChanged
from pumpd.records import encoding
from tests.core.support import S

AFTER_NS = {Priority.HIGH: 30 * S, Priority.MEDIUM: 120 * S}
IDS = st.sampled_from(["a", "b", "c"])
SETTLES_S = {"a": 0, "b": 60, "c": 10}
_TYPES = encoding.registry(AlarmsChanged)


@dataclass
class Owed:
    """What people are owed of one id: the priority that nobody has acknowledged, and since when."""

    priority: Priority
    since_ns: int
    quiet_until_ns: int = 0
    passed: bool = False


class AlarmLives(RuleBasedStateMachine):
    """Raises, clears, acknowledges, silences, waits and restarts, beside a plain account of what is owed."""

    nothing: ClassVar = Circumstances(values="v", action="a")

    def __init__(self) -> None:
        super().__init__()
        self.alarms = Alarms()
        self.now_ns = 1_000 * S
        self.standing: dict[str, Priority] = {}
        self.owed: dict[str, Owed] = {}
        self.episodes: dict[str, int] = {}

    def look(self, anew: frozenset[str] = frozenset()) -> None:
        before = {alarm.id: alarm for alarm in self.alarms.listed}
        conditions = tuple(
            Condition(id=name, priority=priority, cause="c", text="t", advice="a", settle_ns=SETTLES_S[name] * S)
            for name, priority in self.standing.items()
        )
        self.alarms = self.alarms.update(conditions, self.now_ns, lambda: self.nothing, anew=anew)
        self.alarms, late = self.alarms.pass_on(AFTER_NS, self.now_ns)
        raised = [alarm for alarm in self.alarms.listed if before.get(alarm.id, alarm).episode != alarm.episode]
        raised += [alarm for alarm in self.alarms.listed if alarm.id not in before]
        for alarm in raised:
            assert alarm.episode == self.episodes.get(alarm.id, 0) + 1, "each episode has a number of its own"
            self.episodes[alarm.id] = alarm.episode
            since_ns = self.owed[alarm.id].since_ns if alarm.id in self.owed else self.now_ns
            self.owed[alarm.id] = Owed(priority=alarm.priority, since_ns=since_ns)
        if raised:
            for owed in self.owed.values():
                owed.quiet_until_ns = 0
        for alarm in late:
            assert not self.owed[alarm.id].passed, "passed once"
            self.owed[alarm.id].passed = True

    @rule(name=IDS, priority=st.sampled_from(Priority))
    def begins(self, name: str, priority: Priority) -> None:
        self.standing[name] = priority
        self.look()

    @rule(name=IDS)
    def acts(self, name: str) -> None:
        if name in self.standing:
            self.look(anew=frozenset({name}))
            assert name in self.owed, "what acts is owed again, whoever acknowledged it before"

    @rule(name=IDS)
    def ends(self, name: str) -> None:
        self.standing.pop(name, None)
        self.look()

    @rule(seconds=st.integers(1, 130))
    def waits(self, seconds: int) -> None:
        end_ns = self.now_ns + seconds * S
        while self.now_ns < end_ns:
            due_ns = min((due for due in self.alarms.deadlines_ns(AFTER_NS) if due > self.now_ns), default=end_ns)
            self.now_ns = min(due_ns, end_ns)
            self.look()

    @rule(name=IDS, back=st.integers(0, 1))
    def acknowledged(self, name: str, back: int) -> None:
        episode = self.episodes.get(name, 0) - back
        noted = self.alarms.acknowledge(name, episode, "anna")
        assert noted is None or (back == 0 and noted.find(name, episode) is not None), "only the episode that is listed"
        if noted is not None:
            self.alarms = noted
            self.owed.pop(name, None)
            self.look()

    @rule(name=IDS)
    def silenced(self, name: str) -> None:
        found = self.alarms.pause_audio(name, self.episodes.get(name, 0), "ben", self.now_ns)
        assert (found is None) is (name not in self.owed)
        if found is not None:
            owed = self.owed[name]
            if owed.quiet_until_ns <= self.now_ns:
                owed.quiet_until_ns = self.now_ns + AUDIO_PAUSE_NS
            self.alarms = found
            self.look()

    @rule()
    def loses_the_remote_link(self) -> None:
        self.alarms = self.alarms.audible()
        for owed in self.owed.values():
            owed.quiet_until_ns = 0

    @rule(seconds=st.integers(0, 600))
    def restarts(self, seconds: int) -> None:
        saved = encoding.canonical(AlarmsChanged(sound=None, alarms=self.alarms))
        read = encoding.parse(saved, _TYPES)
        assert isinstance(read, AlarmsChanged)
        self.now_ns += seconds * S
        self.alarms = read.alarms.after_restart(self.now_ns)
        for owed in self.owed.values():
            owed.quiet_until_ns, owed.since_ns = 0, self.now_ns
        self.look()

    @invariant()
    def nothing_owed_is_lost(self) -> None:
        waiting = {alarm.id: alarm for alarm in self.alarms.listed if alarm.acknowledged_by is None}
        assert set(waiting) == set(self.owed)
        for name, owed in self.owed.items():
            assert waiting[name].priority is owed.priority
            self.check(waiting[name], owed)

    def check(self, alarm: Alarm, owed: Owed) -> None:
        late = self.now_ns >= owed.since_ns + AFTER_NS.get(alarm.priority, 2**63)
        assert (alarm.passed_to is not None) is (owed.passed or late)
        assert alarm.audio_paused_until_ns <= self.now_ns + AUDIO_PAUSE_NS

    @invariant()
    def what_stands_is_listed_and_active(self) -> None:
        assert {alarm.id for alarm in self.alarms.listed if alarm.active} == set(self.standing)
        assert len({alarm.id for alarm in self.alarms.listed}) == len(self.alarms.listed)

    @invariant()
    def the_highest_that_is_not_silenced_sounds(self) -> None:
        loud = (owed.priority for owed in self.owed.values() if owed.quiet_until_ns <= self.now_ns)
        assert self.alarms.sounding() is max(loud, default=None)

    @invariant()
    def a_look_at_the_same_changes_nothing(self) -> None:
        before = self.alarms
        self.look()
        assert self.alarms is before


TestAlarmLives = pytest.mark.req("ALRM-01", "ALRM-03", "ALRM-07", "ALRM-08")(AlarmLives.TestCase)
