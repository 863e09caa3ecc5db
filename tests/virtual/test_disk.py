"""The daemon in simulated time on a disk that fails or stands still from one commit on, at each one around a start."""

import asyncio
import itertools
from dataclasses import dataclass

import pytest

from pumpd.bedside.config import Config
from pumpd.core.alarms import Priority
from pumpd.core.effects import WriteIntent
from pumpd.core.events import TokenIssued
from pumpd.core.modes import Mode
from pumpd.core.quantities import NS_PER_S
from pumpd.records.chain import Link
from simulators.harness.virtual.bay import Bay
from simulators.harness.virtual.nurse import begin
from simulators.harness.virtual.tape import Entry

SEED = 4
FULL = "the disk is full; free some space"
BROKEN = "the disk reports an input or output error; check the disk"
STILL = "nothing was written for 1.9 s"
BEFORE_NS, AFTER_NS = NS_PER_S // 5, 2 * NS_PER_S
"""Around the commit of the intent: from the press of the button until the infusion has run for a second."""
PAUSED_WITHIN_NS = 2_500_000_000
"""The next record, the 2 s of a wait on the disk, and a stop's way to the pump."""


@dataclass(frozen=True)
class Good:
    """What the disk of a run without a fault took, and when."""

    links: list[Link]
    at_ns: list[int]

    def around_the_start(self) -> list[int]:
        """Return when each commit ended."""
        kinds = [each.kind for each in self.links]
        intent_ns = self.at_ns[kinds.index(WriteIntent.__name__)]
        return [at_ns for at_ns in sorted(set(self.at_ns)) if intent_ns - BEFORE_NS <= at_ns <= intent_ns + AFTER_NS]


@pytest.fixture(scope="module")
def good(config: Config) -> Good:
    with Bay(config, seed=SEED, kept=("journal",)) as bay:

        async def scenario() -> None:
            anna, ben = bay.nurse("anna"), bay.nurse("ben")
            bay.start_daemon()
            assert await begin(anna, ben)
            await bay.clock.pass_s(5)

        bay.run(scenario())
        return Good(list(bay.store.links), [entry.at_ns for entry in bay.tape.entries])


def runs(entries: list[Entry]) -> list[int]:
    """Return when a packet that starts the pump left."""
    return [entry.at_ns for entry in entries if b"RUN" in entry.data]


def has_gap(links: list[Link]) -> bool:
    """Say whether a heartbeat, one each second, is missing in the record."""
    beats = [each.mono_ns for each in links if each.kind == TokenIssued.__name__]
    return any(later - earlier > 1_001_000_000 for earlier, later in itertools.pairwise(beats))


@pytest.mark.req("LOG-01", "COMM-11")
@pytest.mark.parametrize("every", [16, pytest.param(1, marks=[pytest.mark.long, pytest.mark.timeout(600)])])
@pytest.mark.parametrize("reason", [FULL, BROKEN, STILL])
def test_from_any_commit_on_a_failing_disk_starts_nothing_pauses_and_loses_nothing(
    config: Config, good: Good, reason: str, every: int
) -> None:
    places = good.around_the_start()
    assert len(places) >= 30, "a start takes tens of commits"
    places = [*places[:-1:every], places[-1]]
    started = [fail_from(config, good, at_ns, reason) for at_ns in places]
    assert not started[0], "nothing was started where the intent could not be written"
    assert started[-1], "an infusion ran before the disk failed"


def fail_from(config: Config, good: Good, at_ns: int, reason: str) -> bool:
    """Let the disk fail from the commit that would have ended at `at_ns`; return whether a run had begun."""
    with Bay(config, seed=SEED, kept=("pump>",)) as bay:

        def fail() -> None:
            if reason == STILL:
                bay.store.is_stalled = True
            else:
                bay.store.failure = reason

        bay.loop.call_at_ns(at_ns - 1, fail)

        async def scenario() -> bool:
            anna, ben = bay.nurse("anna"), bay.nurse("ben")
            bay.start_daemon()
            beginning = asyncio.create_task(begin(anna, ben))
            await bay.clock.reach(at_ns)
            beginning.cancel()
            durable = list(bay.store.links)
            intended = any(each.kind == WriteIntent.__name__ for each in durable)
            assert durable == good.links[: len(durable)]
            assert len(durable) == sum(1 for taken_ns in good.at_ns if taken_ns < at_ns)

            await bay.clock.reach(at_ns + PAUSED_WITHIN_NS)
            assert bay.flow_nl_h() == 0
            await bay.clock.pass_s(5)
            sent = runs(bay.tape.entries)
            assert intended or not sent, "a run without a record"
            assert bay.store.links == durable
            state = anna.state
            assert state is not None
            assert state.mode is (Mode.PAUSED if sent else Mode.READY)
            assert bay.sounder.priority in {Priority.MEDIUM, Priority.HIGH}
            (alarm,) = (alarm for alarm in anna.alarms if alarm.id == "journal")
            assert alarm.active
            assert alarm.text == f"the record cannot be written: {reason}"
            blockers = state.resume_blockers if sent else state.start_blockers
            assert f"the journal is not writable: {reason}" in blockers, "the reason stays the one that helps"

            bay.store.failure, bay.store.is_stalled = None, False
            await bay.clock.pass_s(30)
            assert bay.flow_nl_h() == 0
            assert runs(bay.tape.entries) == sent, "nothing resumes by itself"
            assert anna.state is not None
            assert anna.state.mode is state.mode
            assert not next(alarm for alarm in anna.alarms if alarm.id == "journal").active
            assert bay.store.links[: len(durable)] == durable
            assert bay.store.check() is None
            assert not has_gap(bay.store.links)
            return bool(sent)

        return bay.run(scenario())
