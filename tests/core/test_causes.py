"""Each cause at its very bound: what it does, how urgent it is, how long it settles, and what it says."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from pumpd.core import causes
from pumpd.core.alarms import Priority
from pumpd.core.causes import Cause
from pumpd.core.commands import ReceiptState
from pumpd.core.counter import Mismatch
from pumpd.core.events import SourceRefused, Trouble
from pumpd.core.interlocks import Interlocks
from pumpd.core.modes import Mode
from pumpd.core.phase import infusion_over
from pumpd.core.ports import PumpAlarmed, PumpAlarmKind, PumpPower, PumpState, PumpStatus
from pumpd.core.profile import Action
from pumpd.core.quantities import NS_PER_H, NS_PER_MIN
from pumpd.core.rest import Aim, Halt
from pumpd.core.state import State
from tests.core.support import MS, S, World, core_in, in_mode, ready

ALERT, PAUSE, END = Action.ALERT, Action.PAUSE, Action.END
LOW, MEDIUM, HIGH = Priority.LOW, Priority.MEDIUM, Priority.HIGH


def found(state: State, now_ns: int) -> dict[str, Cause]:
    return {cause.condition.id: cause for cause in causes.due(state, now_ns)}


def told(cause: Cause) -> tuple[Action, Priority, int]:
    return cause.action, cause.condition.priority, cause.condition.settle_ns


def in_state(mode: Mode) -> tuple[State, int]:
    core, now_ns = core_in(mode)
    assert not found(core.state, now_ns)
    return core.state, now_ns


def journal(state: State, now_ns: int) -> None:
    state.journal_error = "disk full"


def link(state: State, now_ns: int) -> None:
    state.pump = replace(state.pump, link_up=False, link_reason="cable")


def alarm(state: State, now_ns: int) -> None:
    state.pump = replace(state.pump, alarm=PumpAlarmed(kind=PumpAlarmKind.AIR, text="A?A"))


def battery(state: State, now_ns: int) -> None:
    power = PumpPower(mains=False, battery_left_ns=3 * NS_PER_MIN - 1, asked_at_ns=now_ns)
    state.pump = replace(state.pump, power=power)


def silent(state: State, now_ns: int) -> None:
    status = PumpStatus(state=PumpState.MOVING, asked_at_ns=now_ns - 3 * S - 1)
    state.pump = replace(state.pump, status=status, run_sent_ns=0)


def foreign(state: State, now_ns: int) -> None:
    state.pump = replace(state.pump, status=PumpStatus(state=PumpState.OTHER, asked_at_ns=now_ns))


def uncounted(state: State, now_ns: int) -> None:
    assert state.watch is not None
    state.watch = replace(state.watch, reads=(replace(state.watch.reads[-1], asked_at_ns=now_ns - 20 * S - 1),))


def over(state: State, now_ns: int) -> None:
    assert state.watch is not None
    state.watch = replace(state.watch, mismatch=Mismatch.OVER, text="too fast")


def under(state: State, now_ns: int) -> None:
    assert state.watch is not None
    state.watch = replace(state.watch, mismatch=Mismatch.UNDER, text="too slow")


def too_long(state: State, now_ns: int) -> None:
    state.ran_ns, state.running_since_ns = 1_000 * S, now_ns - 1_448 * S - 1


def too_much(state: State, now_ns: int) -> None:
    assert state.rolling is not None
    high_nl = state.ledger.high(now_ns)
    state.rolling = replace(state.rolling, most_nl=high_nl - state.rolling.lows_nl[0] - 1)


def broker(state: State, now_ns: int) -> None:
    state.broker_lost_real_ns = state.real_ns - 120 * S


def broker_at_first(state: State, now_ns: int) -> None:
    state.broker_lost_real_ns = state.real_ns - 5 * S


CAUSES: tuple[tuple[Callable[[State, int], None], str, Action, Priority, int, str], ...] = (
    (journal, "journal", PAUSE, HIGH, 60, "the record cannot be written: disk full"),
    (link, "pump-link", PAUSE, HIGH, 60, "no link to the pump: cable; its own watchdog stops it within the lease"),
    (alarm, "pump-alarm-air", PAUSE, HIGH, 0, f"the pump reports: {PumpAlarmKind.AIR.value} (A?A)"),
    (battery, "battery", PAUSE, MEDIUM, 60, "the pump has no mains and 3.0 min of battery, limit 3 min"),
    (silent, "pump-silent", PAUSE, HIGH, 0, "no status from the pump for 3.0 s, limit 3 s"),
    (foreign, "pump-state", PAUSE, HIGH, 0, PumpState.OTHER.value),
    (uncounted, "counter-silent", PAUSE, HIGH, 0, "the pump's counter was not read for more than 20 s"),
    (over, "counter-over", PAUSE, HIGH, 0, "too fast"),
    (under, "counter-under", ALERT, MEDIUM, 0, "too slow"),
    (too_long, "time-limit", END, MEDIUM, 0, "ran for 40.8 min, limit 40.8 min"),
    (broker, "supervision", PAUSE, HIGH, 0, "the broker is gone for 120 s, pausing at 120 s"),
    (broker_at_first, "supervision", ALERT, HIGH, 0, "the broker is gone for 5 s, pausing at 120 s"),
)


@pytest.mark.req("COMM-03", "ALRM-04", "ALRM-06")
@pytest.mark.parametrize(("make", "name", "action", "priority", "settle_s", "words"), CAUSES)
def test_each_cause_says_what_it_does_and_what_is_the_case(
    make: Callable[[State, int], None], name: str, action: Action, priority: Priority, settle_s: int, words: str
) -> None:
    state, now_ns = in_state(Mode.RUNNING)
    make(state, now_ns)
    (cause,) = found(state, now_ns).values()
    assert (cause.condition.id, *told(cause)) == (name, action, priority, settle_s * S)
    assert cause.condition.text == words
    assert (cause.pressure, cause.vital_limit) == (False, False)
    assert causes.permission(state, now_ns) is (action is ALERT)


@pytest.mark.req("DOSE-07")
def test_too_much_in_ten_minutes_is_told_with_both_numbers() -> None:
    state, now_ns = in_state(Mode.RUNNING)
    assert state.rolling is not None
    state.rolling = replace(state.rolling, most_nl=state.ledger.high(now_ns))
    assert not found(state, now_ns)
    state.rolling = replace(state.rolling, most_nl=state.ledger.high(now_ns) - 1)
    (cause,) = found(state, now_ns).values()
    assert (cause.condition.id, *told(cause)) == ("rolling-dose", PAUSE, HIGH, 0)
    high_nl = state.ledger.high(now_ns)
    assert cause.condition.text == (
        f"up to {high_nl // 1_000 / 1_000:g} mL in the last 10 min, limit {(high_nl - 1) // 1_000 / 1_000:g} mL"
    )


@pytest.mark.req("PUMP-02")
def test_three_minutes_of_battery_are_enough_and_mains_needs_none() -> None:
    state, now_ns = in_state(Mode.RUNNING)
    for mains, left_ns, due in ((False, 3 * NS_PER_MIN, False), (True, 0, False), (False, 3 * NS_PER_MIN - 1, True)):
        state.pump = replace(state.pump, power=PumpPower(mains=mains, battery_left_ns=left_ns, asked_at_ns=now_ns))
        assert ("battery" in found(state, now_ns)) is due


@pytest.mark.req("PUMP-02")
def test_the_end_is_told_when_less_than_three_minutes_of_drug_are_left() -> None:
    state, now_ns = in_state(Mode.RUNNING)
    run = state.ledger.run
    assert run is not None
    left_nl = -(-run.rate_nl_h * 3 * NS_PER_MIN // NS_PER_H)
    for more_nl, due in ((0, False), (-1, True)):
        state.ledger = replace(state.ledger, order_nl=state.ledger.high(now_ns) + left_nl + more_nl)
        assert ("near-end" in found(state, now_ns)) is due
    cause = found(state, now_ns)["near-end"]
    assert told(cause) == (ALERT, LOW, 0)
    assert cause.condition.text == "less than 3 min of drug is left at the present rate"
    state.ledger = replace(state.ledger, order_nl=0)
    assert "near-end" in found(state, now_ns)


@pytest.mark.req("COMM-03")
def test_a_status_of_three_seconds_and_totals_of_twenty_are_young_enough() -> None:
    state, now_ns = in_state(Mode.RUNNING)
    assert state.watch is not None
    last = replace(state.watch.reads[-1], asked_at_ns=now_ns - 20 * S)
    state.watch = replace(state.watch, reads=(last,))
    state.pump = replace(
        state.pump, status=PumpStatus(state=PumpState.MOVING, asked_at_ns=now_ns - 3 * S), run_sent_ns=0
    )
    assert not found(state, now_ns)


@pytest.mark.req("COMM-03")
def test_before_the_first_answer_the_pump_has_three_seconds_from_run() -> None:
    state, now_ns = in_state(Mode.RUNNING)
    for status in (None, PumpStatus(state=PumpState.REST, asked_at_ns=0)):
        for ago_ns, due in ((3 * S, False), (3 * S + 1, True)):
            state.pump = replace(state.pump, status=status, run_sent_ns=now_ns - ago_ns)
            assert ("pump-silent" in found(state, now_ns)) is due


def test_a_link_that_is_lost_is_no_silent_pump_as_well() -> None:
    state, now_ns = in_state(Mode.RUNNING)
    silent(state, now_ns)
    link(state, now_ns)
    assert list(found(state, now_ns)) == ["pump-link"]


def test_a_port_that_was_never_tried_is_no_lost_link_until_something_may_move() -> None:
    state, now_ns = in_state(Mode.PAUSED)
    state.pump = replace(state.pump, link_up=False, link_reason=None)
    assert not found(state, now_ns)
    state, now_ns = in_state(Mode.RUNNING)
    state.pump = replace(state.pump, link_up=False, link_reason=None)
    assert list(found(state, now_ns)) == ["pump-link"]


@pytest.mark.req("DOSE-05")
def test_the_running_time_is_limited_to_two_percent_above_what_is_planned() -> None:
    state, _ = in_state(Mode.RUNNING)
    assert causes.running_limit_ns(state) == 2_448 * S
    state.planned_ns = 99 * S
    assert causes.running_limit_ns(state) == 100_980 * MS


# ---- after the infusion, and without one ----------------------------------------------------------------------------


def observed() -> tuple[State, int]:
    state, now_ns = in_state(Mode.ENDED)
    assert state.observing_since_ns is not None
    return state, now_ns


@pytest.mark.req("CLIN-07")
def test_after_the_infusion_a_lost_link_and_lost_supervision_alert_and_pause_nothing() -> None:
    state, now_ns = observed()
    link(state, now_ns)
    (cause,) = found(state, now_ns).values()
    assert (cause.condition.id, *told(cause)) == ("pump-link", ALERT, MEDIUM, 0)
    assert cause.condition.text == "no link to the pump: cable; the infusion is over"
    state, now_ns = observed()
    state.pump = replace(state.pump, link_up=False, link_reason=None)
    assert not found(state, now_ns)
    for lost_ns, due in ((5 * S - 1, False), (5 * S, True)):
        state, now_ns = observed()
        state.broker_lost_real_ns = state.real_ns - lost_ns
        assert ("supervision" in found(state, now_ns)) is due
    cause = found(state, now_ns)["supervision"]
    assert told(cause) == (ALERT, MEDIUM, 0)
    assert cause.condition.text == "the broker is gone for 5 s; the patient is still observed"


@pytest.mark.req("CLIN-07")
def test_after_the_infusion_a_vital_sign_alerts_with_the_priority_that_it_has_in_one() -> None:
    state, now_ns = observed()
    state.interlocks = Interlocks(watched_since_ns=0)
    state.vitals = replace(state.vitals, latest={})
    due = found(state, now_ns)
    assert due
    assert {cause.action for cause in due.values()} == {ALERT}
    assert HIGH in {cause.condition.priority for cause in due.values()}


def test_nobody_is_told_of_supervision_once_the_session_is_closed() -> None:
    state, now_ns = observed()
    broker(state, now_ns)
    state.observing_since_ns = None
    assert not found(state, now_ns)


@pytest.mark.req("LOG-01")
def test_a_journal_that_fails_without_an_infusion_is_less_urgent() -> None:
    for mode in (Mode.READY, Mode.ENDED):
        state, now_ns = in_state(mode)
        journal(state, now_ns)
        assert told(found(state, now_ns)["journal"]) == (PAUSE, MEDIUM, 60 * S)


@pytest.mark.req("CTRL-03")
def test_a_stop_that_is_not_confirmed_is_told_in_every_mode() -> None:
    for mode in (Mode.READY, Mode.RUNNING, Mode.ENDED):
        core, now_ns = core_in(mode)
        halt = Halt(aim=Aim.PAUSE, cause="x", by_human=True, since_ns=now_ns, phase_since_ns=now_ns, rate_nl_h=None)
        core.state.halt = halt
        assert "stop-unconfirmed" not in found(core.state, now_ns)
        core.state.halt = halt.at(now_ns + 3 * S, 5 * S)
        cause = found(core.state, now_ns)["stop-unconfirmed"]
        assert told(cause) == (PAUSE, HIGH, 0)
        assert cause.condition.text == "rest was not confirmed within 3 s of the stop for: x"


@pytest.mark.req("VIT-20")
def test_vital_signs_are_judged_from_the_first_run_on_and_not_before() -> None:
    state, now_ns = in_state(Mode.PAUSED)
    state.interlocks = Interlocks(watched_since_ns=0)
    state.vitals = replace(state.vitals, latest={})
    assert {"hr-stale-end", "spo2-stale-end"} <= set(found(state, now_ns))
    state.runs = 0
    assert not set(found(state, now_ns))


@pytest.mark.req("VIT-10")
def test_what_a_vital_sign_does_is_told_by_its_rule() -> None:
    world = in_mode(Mode.RUNNING)
    world.sbp, world.hr = 165, 125
    world.advance(400)
    due = found(world.core.state, world.now_ns)
    for name, pressure in (("hr-high-pause", False), ("sbp-high-pause", True)):
        assert told(due[name]) == (PAUSE, MEDIUM, 60 * S)
        assert (due[name].pressure, due[name].vital_limit) == (pressure, True)
    world.sbp = 250
    world.advance(400)
    due = found(world.core.state, world.now_ns)
    assert told(due["sbp-high-end"])[1:] == (HIGH, 0)
    assert (due["sbp-high-end"].pressure, due["sbp-high-end"].vital_limit) == (True, True)
    world.frames = False
    world.advance(121)
    due = found(world.core.state, world.now_ns)
    assert (due["hr-stale-end"].pressure, due["hr-stale-end"].vital_limit) == (False, False)


@pytest.mark.req("COMM-03")
def test_nothing_moves_by_permission_before_run_was_sent() -> None:
    world = ready()
    world.journal_answers = False
    assert world.start().state is ReceiptState.ACCEPTED
    assert not causes.may_move(world.core.state)
    assert not world.core.permission(world.now_ns)


@pytest.mark.req("COMM-07")
def test_a_station_that_was_never_there_is_missed_only_after_a_restart_of_a_begun_infusion() -> None:
    state, _ = in_state(Mode.RUNNING)
    state.stations = {}
    lost_ns = state.settings.profile.station_lost_ns
    state.real_ns = state.began_real_ns + lost_ns
    assert causes.supervision_lost_ns(state) is None
    state.real_ns += 1
    assert causes.supervision_lost_ns(state) == lost_ns + 1
    state.runs = 0
    assert causes.supervision_lost_ns(state) is None


@pytest.mark.req("COMM-07", "ALRM-05")
def test_the_station_that_was_heard_last_is_the_one_that_watches() -> None:
    state, _ = in_state(Mode.RUNNING)
    lost_ns = state.settings.profile.station_lost_ns
    state.stations = {"anna": state.real_ns - 9 * lost_ns, "ben": state.real_ns - lost_ns}
    assert causes.supervision_lost_ns(state) is None
    state.stations = {"anna": state.real_ns - 9 * lost_ns, "ben": state.real_ns - lost_ns - 1}
    assert causes.supervision_lost_ns(state) == lost_ns + 1


def test_an_infusion_that_is_over_is_observed_where_something_may_have_flowed() -> None:
    world = World()
    world.boot()
    state = world.core.state
    infusion_over(state, world.now_ns)
    assert state.observing_since_ns is None


@pytest.mark.req("VIT-12")
@pytest.mark.parametrize(("mode", "told_of"), [(Mode.READY, True), (Mode.IDLE, False), (Mode.PAUSED, True)])
def test_a_source_that_is_refused_is_told_from_the_order_on(mode: Mode, told_of: bool) -> None:
    core, now_ns = core_in(mode)
    refused = SourceRefused(source="ox7", trouble=Trouble.IDENTITY, reason="it names bed2")
    core.state.bus = replace(core.state.bus, troubles={"ox7": (refused, now_ns)})
    due = found(core.state, now_ns)
    assert ("source-identity-ox7" in due) is told_of
    assert not any(cause.pressure or cause.vital_limit for cause in due.values())
