"""The limits of each step of a start, what a read-back may say, and what an answer at its bound means."""

from dataclasses import replace

import pytest

from pumpd.core.commands import ReceiptState
from pumpd.core.effects import Decision, PollPump, Receipt
from pumpd.core.events import DeadlineReached, JournalConfirmed
from pumpd.core.modes import Mode
from pumpd.core.ports import Outcome, ProgramFailed, Programmed, PumpState, PumpStatus, RunAnswered, RunOrder
from pumpd.core.starting import read_back_error
from pumpd.core.state import Starting, Step
from tests.core.support import MS, S, World, frame, paused, ready

ORDER = RunOrder(run_id="r", diameter_um=26_594, rate_nl_h=26_257_190, volume_nl=17_512_390)
HELD = Programmed(run_id="r", diameter_um=26_594, rate_nl_h=26_257_190, volume_nl=17_512_390, read_back=())


def at_step(step: Step) -> World:
    """Return a world whose start has come to a step and hears nothing more."""
    world = ready()
    world.journal_answers = step is not Step.INTENT
    world.program_answers = step is Step.RUN
    world.run_reaches_pump, world.pump_answers = False, False
    world.start()
    while started(world).step is not step:
        world.advance(0.005)
    return world


def started(world: World) -> Starting:
    starting = world.core.state.starting
    assert starting is not None
    return starting


@pytest.mark.req("COMM-11")
@pytest.mark.parametrize(("step", "limit_ns"), [(Step.INTENT, 2 * S), (Step.PROGRAM, 6 * S), (Step.RUN, 2_500 * MS)])
def test_each_step_ends_at_its_limit_and_not_before(step: Step, limit_ns: int) -> None:
    world = at_step(step)
    starting = started(world)
    began_ns = world.now_ns if starting.run_sent_ns is None else starting.run_sent_ns
    assert starting.deadline_ns == began_ns + limit_ns
    for now_ns, goes_on in ((starting.deadline_ns - 1, True), (starting.deadline_ns, False)):
        world.now_ns = now_ns
        world.tell(DeadlineReached(real_ns=now_ns))
        assert (world.core.state.starting is not None) is goes_on
    assert "start-failed" in world.alarm_ids()


def test_the_pump_is_first_asked_a_fifth_of_a_second_after_run() -> None:
    world = ready()
    world.start()
    world.advance(3)
    sent_ns = world.core.state.pump.run_sent_ns
    asked = [at_ns - sent_ns for at_ns, effect in world.effects if isinstance(effect, PollPump) and at_ns >= sent_ns]
    assert asked[0] == 200 * MS


@pytest.mark.req("START-07", "DOSE-03")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, None),
        ({"diameter_um": 26_601}, "a diameter of 26.601 mm, ordered is 26.594 mm"),
        ({"rate_nl_h": 26_257_191}, "a rate of 26.257 mL/h, ordered is 26.257 mL/h"),
        ({"rate_nl_h": 26_204_676}, None),
        ({"rate_nl_h": 26_204_674}, "a rate of 26.204 mL/h, ordered is 26.257 mL/h"),
        ({"volume_nl": 17_512_391}, "an end-stop of 17.512 mL, ordered is 17.512 mL"),
        ({"volume_nl": 17_477_366}, None),
        ({"volume_nl": 17_477_364}, "an end-stop of 17.477 mL, ordered is 17.512 mL"),
    ],
)
def test_a_read_back_is_compared_with_the_order_and_told_with_its_numbers(
    changes: dict[str, int], words: str | None
) -> None:
    found = read_back_error(ORDER, replace(HELD, **changes))
    assert (found is None) if words is None else (found is not None and found.startswith(f"the pump holds {words}"))


@pytest.mark.req("START-07")
@pytest.mark.parametrize(
    ("ordered_nl", "held_nl", "taken"),
    [
        (1_000_000, 990_000, True),
        (1_000_000, 989_999, False),
        (10_000, 1, True),
        (10_000, 0, False),
        (10_001, 1, True),
        (10_002, 1, False),
    ],
)
def test_a_small_end_stop_may_lie_one_digit_below_and_is_never_nought(
    ordered_nl: int, held_nl: int, taken: bool
) -> None:
    order = replace(ORDER, volume_nl=ordered_nl)
    assert (read_back_error(order, replace(HELD, volume_nl=held_nl)) is None) is taken


@pytest.mark.req("CTRL-08")
def test_what_another_run_says_changes_nothing_of_this_one() -> None:
    for step in Step:
        world = at_step(step)
        starting, ledger = started(world), world.core.state.ledger
        other = "another"
        for event in (
            JournalConfirmed(token=other),
            replace(HELD, run_id=other),
            ProgramFailed(run_id=other, reason="x"),
            RunAnswered(run_id=other, outcome=Outcome.REFUSED, reason="x"),
        ):
            world.tell(event)
            assert world.core.state.starting is starting
            assert world.core.state.ledger is ledger


@pytest.mark.req("CTRL-08")
def test_a_step_that_is_over_is_not_taken_again() -> None:
    world = at_step(Step.RUN)
    starting, runs = started(world), world.core.state.runs
    world.tell(JournalConfirmed(token=starting.order.run_id))
    world.tell(world.read_back(starting.order))
    assert world.core.state.starting is starting
    assert world.core.state.runs == runs == 1
    assert len(world.runs_sent) == 1


@pytest.mark.req("CTRL-08")
def test_run_that_was_taken_or_of_which_nobody_knows_goes_on_being_a_start() -> None:
    for outcome in (Outcome.ANSWERED, Outcome.UNKNOWN):
        world = at_step(Step.RUN)
        starting = started(world)
        world.tell(RunAnswered(run_id=starting.order.run_id, outcome=outcome, reason="x"))
        assert world.core.state.starting is starting


@pytest.mark.req("CTRL-08", "ALRM-04")
def test_a_refused_run_is_told_and_undone_at_once() -> None:
    world = at_step(Step.RUN)
    run_id = started(world).order.run_id
    world.tell(RunAnswered(run_id=run_id, outcome=Outcome.REFUSED, reason="?NA"))
    assert world.last_answer("start").state is ReceiptState.REFUSED
    assert world.last_answer("start").reason == "?NA"
    assert world.core.state.runs == 0
    assert world.core.state.halt is not None
    assert world.core.state.halt.cause == "the pump refused to run: ?NA"
    assert "run-refused" in world.alarm_ids()


@pytest.mark.req("START-06")
@pytest.mark.parametrize(
    ("state", "after_ns", "goes_on"),
    [
        (PumpState.REST, S - 1, True),
        (PumpState.REST, S, False),
        (PumpState.PAUSED, 0, False),
        (PumpState.OTHER, S - 1, False),
    ],
)
def test_rest_counts_as_commanded_until_a_second_after_run(state: PumpState, after_ns: int, goes_on: bool) -> None:
    world = at_step(Step.RUN)
    starting = started(world)
    assert starting.run_sent_ns is not None
    world.now_ns = starting.run_sent_ns + after_ns
    world.tell(PumpStatus(state=state, asked_at_ns=world.now_ns))
    assert (world.core.state.starting is starting) is goes_on
    assert world.mode is not Mode.RUNNING


def test_who_began_stays_who_began_and_a_run_that_is_seen_ends_the_pause() -> None:
    world = paused()
    state = world.core.state
    first_ns, paused_cause = state.first_run_ns, state.pause_cause
    assert first_ns is not None
    assert paused_cause is not None
    world.advance(31)
    assert world.resume("ben").state is ReceiptState.ACCEPTED
    world.advance(0.55)
    assert started(world).step is Step.RUN
    state.pressure_pause = True
    world.advance(3)
    assert world.mode is Mode.RUNNING
    assert (state.started_by, state.first_run_ns) == ("anna", first_ns)
    assert (state.pause_cause, state.idle_since_ns, state.pressure_pause) == (None, None, False)
    assert state.running_since_ns == state.pump.run_sent_ns
    assert state.watch is not None
    assert state.watch.rate_nl_h == 26_250_000


@pytest.mark.req("CMD-04")
def test_a_start_is_told_step_by_step_and_begins_the_watch_of_the_vital_signs() -> None:
    world = ready()
    start_ns = world.now_ns
    assert world.core.state.interlocks.watched_since_ns < start_ns
    world.start()
    assert world.core.state.interlocks.watched_since_ns == start_ns
    world.advance(3)
    told = [effect for _, effect in world.effects if isinstance(effect, Receipt) and effect.kind == "start"]
    assert [(receipt.state, receipt.reason) for receipt in told] == [
        (ReceiptState.ACCEPTED, "checked; writing the intent"),
        (ReceiptState.EXECUTING, "the pump was programmed and read back; RUN is sent"),
        (ReceiptState.VERIFIED, "the pump reports infusing"),
    ]
    said = [effect.text for _, effect in world.effects if isinstance(effect, Decision) and effect.cause == "start"]
    assert said == ["running, start by anna"]


@pytest.mark.req("CTRL-05", "CTRL-02")
@pytest.mark.parametrize("step", [Step.INTENT, Step.PROGRAM])
def test_a_resume_is_judged_again_at_each_step(step: Step) -> None:
    world = paused()
    world.advance(31)
    world.journal_answers, world.program_answers = step is Step.PROGRAM, False
    assert world.resume().state is ReceiptState.ACCEPTED
    world.advance(0.1)
    starting = started(world)
    assert starting.step is step
    world.now_ns += MS
    world.tell(frame(world.now_ns, hr=111))  # it pauses nothing, and is beyond what a resume allows
    assert world.core.state.starting is starting
    world.tell(JournalConfirmed(token=starting.order.run_id))
    world.tell(world.read_back(starting.order))
    assert len(world.runs_sent) == 1
    assert world.core.state.starting is None
    reason = world.last_answer("resume").reason
    assert reason.startswith("nothing was started: no longer allowed: ")
    assert "HR 111" in reason
