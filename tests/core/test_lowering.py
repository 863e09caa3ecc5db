"""Lowering the rate of a running infusion: intent, permission, read-back, and what follows from each."""

import pytest

from pumpd.core.commands import ReceiptState
from pumpd.core.counter import Mismatch
from pumpd.core.effects import LowerRate, SendStop, WriteIntent
from pumpd.core.events import JournalConfirmed
from pumpd.core.modes import Mode
from pumpd.core.ports import Outcome, PumpCounter, RateChanged, RateChangeFailed
from tests.core.support import MS, S, World, only, paused, ready, running


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
