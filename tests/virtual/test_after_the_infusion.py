"""After the infusion and at the end of the daemon, with driver, lines and journal, in simulated time."""

import json
from dataclasses import replace

import pytest

from pumpd.bedside.config import Config
from pumpd.core.alarms import Priority
from pumpd.core.commands import Close, Resume
from pumpd.core.modes import Mode
from pumpd.core.phase import SessionPhase, phase
from pumpd.core.ports import VitalKind
from pumpd.core.quantities import NS_PER_MIN, NS_PER_S
from pumpd.core.state import State
from simulators.harness.virtual.bay import Bay
from simulators.harness.virtual.nurse import ORDER, Nurse, begin, discharge


def state_of(bay: Bay) -> State:
    assert bay.daemon is not None
    return bay.daemon.bedside.core.state


def count(bay: Bay, kind: str, since_ns: int) -> int:
    return sum(link.kind == kind and link.mono_ns > since_ns for link in bay.store.links)


async def stopped(bay: Bay, rest_s: float) -> tuple[Nurse, Nurse]:
    """Infuse for a minute, stop, and let `rest_s` pass after that."""
    anna, ben = bay.nurse("anna"), bay.nurse("ben")
    bay.start_daemon()
    assert await begin(anna, ben)
    await bay.clock.pass_s(60)
    await anna.stop("enough")
    await bay.clock.pass_s(rest_s)
    return anna, ben


@pytest.mark.req("CLIN-07", "VIT-20")
def test_vital_signs_are_watched_after_the_end_and_the_pump_is_sent_no_stop_for_them(config: Config) -> None:
    with Bay(config, seed=21) as bay:

        async def scenario() -> None:
            anna, _ = await stopped(bay, 10)
            ended_ns = bay.clock.now_ns()
            assert phase(state_of(bay)) is SessionPhase.OBSERVING
            await bay.clock.pass_s(20 * 60)
            assert count(bay, "MeasureNibp", ended_ns) in {3, 4}
            age_ns = state_of(bay).vitals.age_ns(VitalKind.SPO2, bay.clock.now_ns())
            assert age_ns is not None
            assert age_ns < 3 * NS_PER_S
            bay.oximeter.control(["probe-off"], bay.clock.now_ns())
            await bay.clock.pass_s(40)
            assert any(alarm.id.startswith("spo2-stale") and alarm.active for alarm in state_of(bay).alarms.listed)
            assert bay.sounder.priority is not None
            assert bay.sounder.priority >= Priority.MEDIUM
            assert count(bay, "SendStop", ended_ns) == 0
            await anna.command(Close())
            assert phase(state_of(bay)) is SessionPhase.OBSERVING

        bay.run(scenario())


@pytest.mark.req("CLIN-07", "LOG-02")
def test_a_killed_daemon_goes_on_observing(config: Config) -> None:
    with Bay(config, seed=22) as bay:

        async def scenario() -> None:
            await stopped(bay, 10 * 60)
            session = state_of(bay).session
            bay.kill_daemon()
            await bay.clock.pass_s(20)
            born_ns = bay.clock.now_ns()
            bay.start_daemon()
            await bay.clock.pass_s(30)
            state = state_of(bay)
            assert (state.session, state.mode, phase(state)) == (session, Mode.ENDED, SessionPhase.OBSERVING)
            assert state.observing_since_ns is not None
            assert bay.clock.now_ns() - state.observing_since_ns > 9 * NS_PER_MIN
            assert state.pump.at_rest
            assert count(bay, "SendRun", born_ns) == 0
            assert bay.flow_nl_h() == 0

        bay.run(scenario())


@pytest.mark.req("CTRL-05", "LOG-02")
def test_a_new_order_shows_what_the_ended_one_gave_also_to_a_daemon_that_was_killed_since(config: Config) -> None:
    with Bay(config, seed=27) as bay:

        async def scenario() -> None:
            anna, ben = await stopped(bay, 10)
            state = state_of(bay)
            assert state.order is not None
            ended = state.order.hash
            refused = await anna.command(Resume(order_hash=ended))
            assert refused is not None
            assert "needs a paused session" in refused.reason
            state.settings = replace(
                state.settings, profile=replace(state.settings.profile, observe_min_ns=30 * NS_PER_S)
            )
            assert await discharge(anna, ben, within_s=1_200)
            bay.kill_daemon()
            await bay.clock.pass_s(3_600)
            bay.start_daemon()
            await bay.clock.pass_s(10)
            ack = await anna.insist(lambda _state: ORDER, tries=3)
            assert ack is not None
            assert ack.reason.startswith("given before at this bed: ")
            assert f"by order {ended}, until 2026-01-01 08:1" in ack.reason
            shown = await anna.until(lambda: anna.state and anna.state.given_before, within_s=5)
            assert shown
            (given,) = shown
            assert given.order == ended
            assert given.low_ml * 1_000_000 <= bay.delivered_nl() <= given.high_ml * 1_000_000

        bay.run(scenario())


@pytest.mark.req("CLIN-06", "CLIN-07", "CLIN-08", "CLIN-09")
def test_two_hours_after_the_end_a_patient_who_is_fit_is_discharged_and_the_drug_is_accounted_for(
    config: Config,
) -> None:
    with Bay(config, seed=28) as bay:

        async def scenario() -> None:
            anna, ben = await stopped(bay, 10)
            ended_ns = bay.clock.now_ns()
            assert await discharge(anna, ben, within_s=3 * 3_600)
            assert 119 * NS_PER_MIN < bay.clock.now_ns() - ended_ns < 130 * NS_PER_MIN
            account = state_of(bay).account
            assert account is not None
            assert (account.by, account.witness, account.has_gap) == ("anna", "ben", False)
            bodies = [json.loads(link.body) for link in bay.store.links if link.kind == "Decision"]
            (handed,) = [body["text"] for body in bodies if body["cause"] == "handover"]
            assert handed.startswith("discharge signed by anna: given ")

        bay.run(scenario())


@pytest.mark.req("CTRL-10")
def test_a_daemon_that_is_ended_while_infusing_brings_the_pump_to_rest_and_closes_its_journal(config: Config) -> None:
    with Bay(config, seed=23) as bay:

        async def scenario() -> None:
            anna, ben = bay.nurse("anna"), bay.nurse("ben")
            daemon = bay.start_daemon()
            assert await begin(anna, ben)
            await bay.clock.pass_s(60)
            assert await bay.end_daemon() == 0
            assert bay.flow_nl_h() == 0
            saved = [json.loads(link.body)["record"]["mode"] for link in bay.store.links if link.kind == "SaveSession"]
            assert str(saved[-1]).lower() == "paused"
            with pytest.raises(OSError, match="the journal is closed"):
                daemon.bedside.parts.journal.append("late", {}, bay.clock.now_ns())

        bay.run(scenario())


@pytest.mark.req("CTRL-10")
def test_a_daemon_that_cannot_confirm_rest_ends_after_10_s_with_high_raised_and_the_lease_unrenewed(
    config: Config,
) -> None:
    with Bay(config, seed=24) as bay:

        async def scenario() -> None:
            anna, ben = bay.nurse("anna"), bay.nurse("ben")
            daemon = bay.start_daemon()
            assert await begin(anna, ben)
            await bay.clock.pass_s(60)
            bay.pump.control(["fault", "silence"], bay.clock.now_ns())
            asked_ns = bay.clock.now_ns()
            assert await bay.end_daemon() == 1
            assert 10 * NS_PER_S <= bay.clock.now_ns() - asked_ns <= 11 * NS_PER_S
            assert bay.flow_nl_h() == 0, "the pump's own watchdog"
            sent_ns = [link.mono_ns for link in bay.store.links if link.kind == "pump-tx"]
            silent_from_ns = asked_ns + 3_500_000_000
            assert not [at_ns for at_ns in sent_ns if silent_from_ns < at_ns < silent_from_ns + 5 * NS_PER_S]
            alarms = daemon.bedside.core.state.alarms
            assert alarms.sounding() is Priority.HIGH
            assert "stop-unconfirmed" in {alarm.id for alarm in alarms.listed}

        bay.run(scenario())


@pytest.mark.req("CTRL-10")
def test_a_pump_that_obeys_only_its_watchdog_is_seen_at_rest_within_the_10_s(config: Config) -> None:
    with Bay(config, seed=25) as bay:

        async def scenario() -> None:
            anna, ben = bay.nurse("anna"), bay.nurse("ben")
            bay.start_daemon()
            assert await begin(anna, ben)
            await bay.clock.pass_s(60)
            bay.pump.control(["fault", "ignores-stp"], bay.clock.now_ns())
            asked_ns = bay.clock.now_ns()
            assert await bay.end_daemon() == 0
            assert bay.flow_nl_h() == 0
            assert bay.clock.now_ns() - asked_ns <= 10 * NS_PER_S

        bay.run(scenario())


@pytest.mark.req("PUMP-06")
def test_a_stop_at_the_keypad_is_obeyed_as_a_pause(config: Config) -> None:
    with Bay(config, seed=26) as bay:

        async def scenario() -> None:
            anna, ben = bay.nurse("anna"), bay.nurse("ben")
            bay.start_daemon()
            assert await begin(anna, ben)
            await bay.clock.pass_s(60)
            pressed_ns = bay.clock.now_ns()
            bay.pump.control(["key-stop"], pressed_ns)
            await bay.clock.pass_s(5)
            assert state_of(bay).mode is Mode.PAUSED
            assert count(bay, "SendRun", pressed_ns) == 0
            await bay.clock.pass_s(30)
            assert bay.flow_nl_h() == 0

        bay.run(scenario())
