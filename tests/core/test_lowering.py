"""Lowering the rate of a running infusion: intent, permission, read-back, and what follows from each."""

from dataclasses import replace

import pytest

from pumpd.core.commands import ReceiptState
from pumpd.core.counter import Mismatch
from pumpd.core.effects import Decision, LowerRate, SendStop, WriteIntent
from pumpd.core.events import DeadlineReached, JournalConfirmed
from pumpd.core.lowering import planned_with
from pumpd.core.modes import Mode
from pumpd.core.ports import Outcome, PumpCounter, PumpState, PumpStatus, RateChanged, RateChangeFailed
from pumpd.core.quantities import flow_time_ns
from tests.core.support import MS, S, World, frame, only, paused, ready, running


def lowering(world: World, rate_ml_h: str = "20") -> str:
    """Ask for a lower rate that the pump does not answer yet; return the id of the change."""
    world.rate_answers = False
    assert world.lower(rate_ml_h).state is ReceiptState.ACCEPTED
    world.advance(0.1)
    assert world.core.state.lowering is not None
    return world.core.state.lowering.order.run_id


@pytest.mark.req("DOSE-10", "LOG-01")
def test_the_rate_is_lowered_after_a_durable_intent_and_read_back() -> None:
    world = running(60)
    world.journal_answers = False
    assert world.lower("20").state is ReceiptState.ACCEPTED
    world.advance(0.5)
    assert not [effect for _, effect in world.effects if isinstance(effect, LowerRate)]
    token = [effect for _, effect in world.effects if isinstance(effect, WriteIntent)][-1].token
    world.journal_answers = True
    world.tell(JournalConfirmed(token=token))
    world.advance(1)
    assert world.last_answer("lower").state is ReceiptState.VERIFIED
    assert "20 mL/h" in world.last_answer("lower").reason
    assert world.core.state.rate_nl_h == world.pump.rate_nl_h == 20_000_000


@pytest.mark.req("DOSE-10", "DOSE-06")
@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("26.25", "can only be lowered"),
        ("26.251", "can only be lowered"),
        ("0", "above 0 mL/h"),
        ("-5", "above 0 mL/h"),
        ("2", "hard limit is 120 min"),
        ("20.0000001", "more digits"),
    ],
)
def test_what_is_no_lower_rate_is_refused(asked: str, words: str) -> None:
    world = running()
    answer = world.lower(asked)
    assert answer.state is ReceiptState.REFUSED
    assert words in answer.reason
    assert world.mode is Mode.RUNNING
    assert not [effect for _, effect in world.effects if isinstance(effect, LowerRate)]


@pytest.mark.req("DOSE-10")
def test_only_a_running_infusion_is_lowered_and_one_change_at_a_time() -> None:
    assert "only the rate of a running" in ready().lower("20").reason
    assert "only the rate of a running" in paused().lower("20").reason
    world = running()
    lowering(world)
    assert "already" in world.lower("19").reason


@pytest.mark.req("DOSE-08", "DOSE-09")
def test_the_counter_is_watched_against_the_lower_rate_from_then_on() -> None:
    world = running(120)
    world.lower("10")
    world.advance(120)
    assert world.mode is Mode.RUNNING
    watch = world.core.state.watch
    assert watch is not None
    assert watch.rate_nl_h == 10_000_000
    assert watch.mismatch is None
    last = watch.reads[-1]
    at_ns = last.asked_at_ns + 60 * S
    low_nl = last.low_nl + 2 * 10_000_000 // 60
    assert (
        watch.take(PumpCounter(low_nl=low_nl, high_nl=low_nl + 1_000, asked_at_ns=at_ns), at_ns).mismatch
        is Mismatch.OVER
    )


@pytest.mark.req("DOSE-05")
def test_the_expected_running_time_is_recomputed() -> None:
    world = running(1_200)
    world.assess()
    world.lower("13.125")
    world.advance(1_200)
    world.assess()
    world.advance(1_190)
    world.assess()
    assert world.mode is Mode.RUNNING
    world.advance(60)
    assert world.mode is Mode.COMPLETED
    assert world.pump.given_nl == 17_500_000


@pytest.mark.req("DOSE-10")
def test_a_resume_goes_on_at_the_lower_rate() -> None:
    world = running()
    world.lower("20")
    world.advance(5)
    world.pause()
    world.advance(60)
    world.acknowledge_all()
    assert world.resume().state is ReceiptState.ACCEPTED
    world.advance(5)
    assert world.mode is Mode.RUNNING
    assert world.pump.rate_nl_h == 20_000_000


@pytest.mark.req("CTRL-08")
def test_an_unknown_rate_pauses_and_the_next_run_has_the_lower_one() -> None:
    world = running()
    run_id = lowering(world)
    effects = world.tell(RateChangeFailed(run_id=run_id, outcome=Outcome.UNKNOWN, reason="no answer"))
    assert isinstance(effects[0], SendStop)
    assert world.last_answer("lower").state is ReceiptState.UNKNOWN
    world.advance(5)
    assert world.mode is Mode.PAUSED
    assert "rate-unknown" in world.alarm_ids()
    assert world.core.state.rate_nl_h == 20_000_000


def test_a_refused_rate_changes_nothing() -> None:
    world = running()
    run_id = lowering(world)
    world.tell(RateChangeFailed(run_id=run_id, outcome=Outcome.REFUSED, reason="?NA"))
    assert world.last_answer("lower").state is ReceiptState.REFUSED
    assert world.mode is Mode.RUNNING
    assert world.core.state.rate_nl_h == 26_250_000
    assert world.core.state.lowering is None


@pytest.mark.req("START-07", "DOSE-03")
@pytest.mark.parametrize(
    ("held_nl_h", "taken"), [(20_000_000, True), (19_960_000, True), (19_959_999, False), (20_000_001, False)]
)
def test_the_rate_that_is_read_back_is_the_one_asked_for(held_nl_h: int, taken: bool) -> None:
    world = running()
    run_id = lowering(world)
    world.tell(RateChanged(run_id=run_id, rate_nl_h=held_nl_h))
    assert (world.mode is Mode.RUNNING) == taken
    assert ("rate-unknown" in world.alarm_ids()) != taken


@pytest.mark.req("COMM-11")
@pytest.mark.parametrize("journal", [True, False])
def test_a_step_that_takes_too_long_ends(journal: bool) -> None:
    world = running()
    world.rate_answers = False
    world.journal_answers = journal
    world.lower("20")
    world.advance(2.5)
    state = ReceiptState.UNKNOWN if journal else ReceiptState.REFUSED
    assert world.last_answer("lower").state is state
    assert (world.mode is Mode.RUNNING) != journal


@pytest.mark.req("COMM-04")
def test_without_permission_the_rate_is_not_sent() -> None:
    world = running()
    world.journal_answers = False
    world.lower("20")
    token = world.core.state.lowering.order.run_id  # type: ignore[union-attr]  # it was just asked for
    world.spo2 = 80
    world.advance(1)
    effects = world.tell(JournalConfirmed(token=token))
    assert not only(effects, LowerRate)
    assert world.last_answer("lower").state is ReceiptState.UNKNOWN


@pytest.mark.req("COMM-04")
def test_what_came_due_while_the_journal_wrote_keeps_the_rate_from_the_pump() -> None:
    world = running()
    world.journal_answers = False
    world.lower("20")
    token = world.core.state.lowering.order.run_id  # type: ignore[union-attr]  # it was just asked for
    world.now_ns += 16 * S  # no vital sign came, and nobody has noticed yet
    effects = world.tell(JournalConfirmed(token=token))
    assert isinstance(effects[0], SendStop)
    assert not only(effects, LowerRate)
    assert world.last_answer("lower").state is ReceiptState.REFUSED
    assert "no longer runs by permission" in world.last_answer("lower").reason


@pytest.mark.req("DOSE-11")
def test_what_flowed_before_the_read_back_counts_at_the_former_rate() -> None:
    world = running()
    run_id = lowering(world)
    before_ns, high_nl = world.now_ns, world.core.state.ledger.high(world.now_ns)
    world.now_ns += 700 * MS
    world.pump.settle(world.now_ns)
    world.tell(RateChanged(run_id=run_id, rate_nl_h=20_000_000))
    grown_nl = world.core.state.ledger.high(world.now_ns) - high_nl
    assert grown_nl >= 26_250_000 * (world.now_ns - before_ns) // (3_600 * S)
    later_nl = world.core.state.ledger.high(world.now_ns + S) - world.core.state.ledger.high(world.now_ns)
    assert later_nl <= 21_000_000 // 3_600 + 1


def test_an_answer_to_another_change_is_nobodys() -> None:
    world = running()
    lowering(world)
    world.tell(RateChanged(run_id="another", rate_nl_h=20_000_000))
    world.tell(RateChangeFailed(run_id="another", outcome=Outcome.UNKNOWN, reason="x"))
    assert world.core.state.lowering is not None
    assert world.mode is Mode.RUNNING
    world.tell(PumpCounter(low_nl=0, high_nl=1_000, asked_at_ns=0))


@pytest.mark.req("COMM-11")
@pytest.mark.parametrize("journal", [False, True])
def test_each_step_has_two_seconds(journal: bool) -> None:
    world = running()
    world.rate_answers = False
    world.journal_answers = journal
    world.lower("20")
    if journal:
        world.advance(0.005)  # the journal answers after this
        assert [effect for _, effect in world.effects if isinstance(effect, LowerRate)]
        assert world.last_answer("lower").state is ReceiptState.EXECUTING
        assert world.last_answer("lower").reason == "the rate is sent"
    asked_ns = world.now_ns
    assert world.core.state.lowering is not None
    assert world.core.state.lowering.deadline_ns == asked_ns + 2 * S
    for now_ns, goes_on in ((asked_ns + 2 * S - 1, True), (asked_ns + 2 * S, False)):
        world.now_ns = now_ns
        world.tell(frame(now_ns))
        status = PumpStatus(state=PumpState.MOVING, asked_at_ns=now_ns)
        world.tell(status)
        world.tell(DeadlineReached(real_ns=now_ns))
        assert (world.core.state.lowering is not None) is goes_on


@pytest.mark.req("DOSE-10", "DOSE-05")
def test_a_rate_is_refused_from_the_first_nanosecond_past_the_longest_duration() -> None:
    world = running()
    state = world.core.state
    assert state.running_since_ns is not None
    limit_ns = 120 * 60 * S
    left_nl = state.ledger.order_nl - state.ledger.low()
    rate_nl_h = 9_000_000
    need_ns = planned_with(state, rate_nl_h, world.now_ns)
    assert need_ns - (world.now_ns - state.running_since_ns) == flow_time_ns(left_nl, rate_nl_h)
    for more_ns, taken in ((0, True), (1, False)):
        state.ran_ns = limit_ns - need_ns + more_ns
        assert planned_with(state, rate_nl_h, world.now_ns) == limit_ns + more_ns
        answer = world.lower("9")
        assert (answer.state is ReceiptState.ACCEPTED) is taken
        state.lowering = None
    assert answer.reason == (
        "at 9 mL/h the infusion would run for 120 min, the hard limit is 120 min; choose a higher rate, or end the "
        "infusion"
    )


def test_what_is_left_is_never_less_than_nothing_and_a_pump_at_rest_adds_no_time() -> None:
    world = paused()
    state = world.core.state
    state.ran_ns = 5 * S
    low_nl = state.ledger.low()
    for order_nl, left_nl in ((low_nl - 1, 0), (low_nl, 0), (low_nl + 1_000, 1_000)):
        state.ledger = replace(state.ledger, order_nl=order_nl)
        assert planned_with(state, 1_000_000, world.now_ns) == 5 * S + flow_time_ns(left_nl, 1_000_000)


def test_rates_are_told_rounded_down() -> None:
    world = running()
    world.core.state.rate_nl_h = 26_257_190
    assert "is not below the present 26.257 mL/h" in world.lower("30").reason
    run_id = lowering(world, "20.12345")
    world.tell(RateChanged(run_id=run_id, rate_nl_h=20_119_990))
    assert world.last_answer("lower").reason == "the pump reads back 20.119 mL/h"
    run_id = lowering(world, "19.12345")
    world.tell(RateChanged(run_id=run_id, rate_nl_h=19_987_690))
    (alarm,) = (alarm for alarm in world.core.state.alarms.listed if alarm.id == "rate-unknown")
    assert alarm.text.startswith("the pump holds 19.987 mL/h, asked for was 19.123 mL/h")


@pytest.mark.req("DOSE-03")
@pytest.mark.parametrize(("held_nl_h", "taken"), [(19_952_022, True), (19_952_021, False), (19_992_006, True)])
def test_two_thousandths_are_counted_to_the_nanolitre(held_nl_h: int, taken: bool) -> None:
    world = running()
    run_id = lowering(world, "19.992007")
    assert 19_992_007 * 998 // 1_000 == 19_952_022
    world.tell(RateChanged(run_id=run_id, rate_nl_h=held_nl_h))
    assert (world.mode is Mode.RUNNING) is taken


def test_a_change_that_was_sent_is_not_sent_again() -> None:
    world = running()
    run_id = lowering(world)
    before = world.core.state.lowering
    effects = world.tell(JournalConfirmed(token=run_id))
    assert not only(effects, LowerRate)
    assert world.core.state.lowering is before


@pytest.mark.req("DOSE-05", "DOSE-10")
def test_a_change_that_is_read_back_moves_rate_plan_and_watch_and_is_recorded() -> None:
    world = running()
    run_id = lowering(world)
    effects = world.tell(RateChanged(run_id=run_id, rate_nl_h=19_990_000))
    state = world.core.state
    assert (state.rate_nl_h, state.lowering) == (20_000_000, None)
    assert state.planned_ns == planned_with(state, 19_990_000, world.now_ns)
    assert state.watch is not None
    assert state.watch.rate_nl_h == 19_990_000
    assert [effect.text for effect in only(effects, Decision)] == ["the rate is 19.99 mL/h from now on"]


def test_a_halt_amid_a_change_tells_at_what_rate_it_would_go_on() -> None:
    world = running()
    lowering(world, "20.12345")
    world.pause()
    assert world.last_answer("lower").state is ReceiptState.UNKNOWN
    assert world.last_answer("lower").reason == (
        "the infusion was halted (pause by anna); if it goes on, then at 20.123 mL/h"
    )
    assert world.core.state.lowering is None
    assert world.core.state.rate_nl_h == 20_123_450
