"""The evidence of a pause against the whole daemon: the pump's bytes that belong to it are found in the journal."""

import pytest

from pumpd.bedside.config import Config
from pumpd.core.modes import Mode
from pumpd.core.quantities import NS_PER_S
from pumpd.records.evidence_command import evidence_in, wire_of
from simulators.harness.virtual.bay import OXIMETER, Bay
from simulators.harness.virtual.nurse import begin


@pytest.mark.req("LOG-06", "ALRM-01")
def test_a_pause_for_a_lost_probe_leaves_its_bytes_both_ways_and_an_alarm_that_tells_what_was_done(
    config: Config,
) -> None:
    with Bay(config, seed=3) as bay:

        async def scenario() -> None:
            anna, ben = bay.nurse("anna"), bay.nurse("ben")
            bay.start_daemon()
            assert await begin(anna, ben)
            await bay.clock.pass_s(30)
            bay.links[OXIMETER].unplug()
            await bay.clock.pass_s(40)
            assert anna.state is not None
            assert anna.state.mode is Mode.PAUSED
            (alarm,) = (alarm for alarm in anna.alarms if alarm.id == "spo2-stale-pause")
            assert alarm.text.startswith("no usable SPO2 for")
            assert "SBP" in alarm.values
            assert "given: " in alarm.values
            assert alarm.action == "The infusion was paused; the pump was told to stop."

        bay.run(scenario())
        links = bay.store.links
        ((link, evidence),) = evidence_in(links)
        wire = wire_of(link, evidence, links)
        before = {each.kind for each in wire if each.mono_ns < evidence.at_ns}
        stop_ns = [each.mono_ns for each in wire if each.kind == "pump-tx" and each.mono_ns >= evidence.at_ns]
        assert before == {"pump-tx", "pump-rx"}
        assert stop_ns[0] - evidence.at_ns < NS_PER_S
        assert any(each.kind == "pump-rx" and each.mono_ns > stop_ns[0] for each in wire)
