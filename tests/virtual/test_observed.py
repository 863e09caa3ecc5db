"""The oracle over runs in a bay: nothing to blame in a sound one, and it sees a pump that does not obey its lease."""

from dataclasses import replace

from pumpd.bedside.config import Config
from pumpd.core.controller import Core
from pumpd.core.effects import SaveSession
from pumpd.records.beginning import RunBegins
from pumpd.records.replay import MakeCore, same_core
from simulators.harness.virtual.bay import Bay
from simulators.harness.virtual.nurse import attend, begin
from simulators.harness.virtual.observed import OBSERVED, observe
from simulators.harness.virtual.replayed import replays
from simulators.oracle.judge import judge
from simulators.oracle.observation import Observation


async def infuse(bay: Bay) -> None:
    anna, ben = bay.nurse("anna"), bay.nurse("ben")
    bay.start_daemon()
    assert await begin(anna, ben)
    await attend(anna, within_s=60)
    bay.kill_daemon()
    await bay.clock.pass_s(10)
    bay.start_daemon()
    await attend(anna, within_s=200)
    await ben.pause()
    await bay.clock.pass_s(20)


def run(config: Config, *, disobeys: bool, make_core: MakeCore = same_core) -> Observation:
    with Bay(config, seed=21, kept=OBSERVED) as bay:

        async def scenario() -> None:
            await infuse(bay)
            if disobeys:
                bay.pump.key_start(bay.clock.now_ns())
                bay.pump.plunger.set_rate(26_250_000, bay.clock.now_ns())
                await bay.clock.pass_s(20)

        bay.run(scenario())
        return replace(observe(bay), replays=replays(bay.store.links, make_core))


def test_a_sound_run_has_nothing_to_blame(config: Config) -> None:
    observation = run(config, disobeys=False)
    assert judge(observation) == []
    assert len(observation.lives) == 2
    assert len(observation.openings_ns) == 2
    assert len(observation.replays) == 2
    assert all(len(each.live) > 10 for each in observation.replays)
    assert observation.intervals
    assert {received.kind.value for received in observation.received} >= {"start", "resume", "pause"}
    assert sum(1 for segment in observation.flow if segment.rate_nl_h > 0) == 2


def test_flow_that_nobody_asked_for_is_seen(config: Config) -> None:
    assert {violation.invariant.name for violation in judge(run(config, disobeys=True))} >= {"I4"}


def test_the_interval_that_people_are_left_with_is_judged(config: Config) -> None:
    with Bay(config, seed=21, kept=OBSERVED) as bay:
        bay.run(infuse(bay))
        saved_ns = [link.mono_ns for link in bay.store.links if link.kind == SaveSession.__name__]
        assert observe(bay).intervals[-1].at_ns == saved_ns[-1]


def test_a_journal_that_another_core_would_have_written_is_seen(config: Config) -> None:
    def strict(run: RunBegins) -> Core:
        rules = tuple(replace(rule, limit=150) if rule.id == "sbp-low-pause" else rule for rule in run.profile.rules)
        return Core(replace(run.settings, profile=replace(run.profile, rules=rules)))

    assert {violation.invariant.name for violation in judge(run(config, disobeys=False, make_core=strict))} == {"I7"}
