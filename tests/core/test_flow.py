"""Start and resume, step by step: two core steps, judged again between, and every blocker by its name."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from pumpd.core.commands import ReceiptState, Start
from pumpd.core.effects import ProgramPump, SaveSession, SendRun, SendStop, WriteIntent
from pumpd.core.events import BrokerLost, JournalConfirmed, JournalFailed
from pumpd.core.modes import Mode
from pumpd.core.ports import (
    Outcome,
    ProgramFailed,
    Programmed,
    PumpAttached,
    PumpAttachFailed,
    PumpCounter,
    PumpState,
    PumpStatus,
    RunAnswered,
    Validity,
)
from pumpd.core.readiness import resume_blockers
from pumpd.core.state import Step
from tests.core.support import MS, S, World, in_mode, only, paused, prepare, ready, running


@pytest.mark.req("LOG-01", "START-01")
def test_a_start_takes_two_core_steps_and_run_leaves_after_the_read_back() -> None:
    world = ready()
    world.journal_answers = world.program_answers = False
    accepted = world.command("anna", Start(order_hash=world.order_hash))
    (intent,) = only(accepted, WriteIntent)
    assert not only(accepted, ProgramPump)
    assert accepted[-1] is intent, "everything of the session is recorded before the intent"
    confirmed = world.tell(JournalConfirmed(token=intent.token))
    assert only(confirmed, ProgramPump) == [ProgramPump(order=intent.order)]
    assert not only(confirmed, SendRun)
    world.load(intent.order)
    programmed = world.tell(world.read_back(intent.order))
    assert only(programmed, SendRun) == [SendRun(run_id=intent.order.run_id)]
    world.advance(1)
    assert world.mode is Mode.RUNNING
    assert world.last_answer("start").state is ReceiptState.VERIFIED


@pytest.mark.req("DOSE-04", "LOG-01")
def test_the_authorised_run_is_in_the_record_that_is_durable_before_run() -> None:
    world = ready()
    world.journal_answers = False
    effects = world.command("anna", Start(order_hash=world.order_hash))
    record = only(effects, SaveSession)[-1].record
    assert record.mode is Mode.STARTING
    assert record.ledger.run is not None
    assert record.ledger.run.volume_nl == 17_500_000
    assert record.ledger.after_restart().high(0) == 17_500_000


def bad_value(world: World) -> None:
    world.spo2 = 80


def lose_link(world: World) -> None:
    world.cut()


def stop(world: World) -> None:
    world.stop()


def pause(world: World) -> None:
    world.pause()


def lose_journal(world: World) -> None:
    world.tell(JournalFailed(reason="disk full"))


def lose_broker(world: World) -> None:
    world.tell(BrokerLost(reason="gone", real_ns=world.now_ns))


@pytest.mark.req("START-06", "CTRL-02", "CTRL-09")
@pytest.mark.parametrize("step", [Step.INTENT, Step.PROGRAM])
@pytest.mark.parametrize("between", [bad_value, lose_link, stop, pause, lose_journal, lose_broker])
def test_what_comes_between_the_steps_undoes_the_start(step: Step, between: Callable[[World], None]) -> None:
    world = ready()
    world.journal_answers = step is Step.PROGRAM
    world.program_answers = False
    world.start()
    world.advance(0.1)
    starting = world.core.state.starting
    assert starting is not None
    assert starting.step is step
    between(world)
    world.advance(1.2)
    world.tell(JournalConfirmed(token=starting.order.run_id))
    world.tell(world.read_back(starting.order))
    assert not world.runs_sent
    if not world.link_up:
        world.connect()
    world.spo2 = 98
    world.advance(8)
    assert world.last_answer("start").state is ReceiptState.REFUSED
    assert world.mode in {Mode.READY, Mode.ENDED}
    assert world.pump.given_nl == 0


@pytest.mark.req("CTRL-08")
def test_a_run_whose_reply_is_lost_but_that_is_seen_moving_is_verified() -> None:
    world = ready()
    world.run_outcome = Outcome.UNKNOWN
    world.start()
    world.advance(3)
    assert world.mode is Mode.RUNNING
    assert len(world.runs_sent) == 1


@pytest.mark.req("CTRL-08", "ALRM-04")
def test_a_run_that_never_reached_the_pump_is_refused_after_a_read_back_and_never_repeated() -> None:
    world = ready()
    world.run_outcome, world.run_reaches_pump = Outcome.UNKNOWN, False
    world.start()
    world.advance(8)
    assert world.mode is Mode.PAUSED
    assert world.last_answer("start").state is ReceiptState.REFUSED
    assert "pump-stopped" in world.alarm_ids()
    assert len(world.runs_sent) == 1


@pytest.mark.req("CTRL-08", "ALRM-04")
def test_a_run_that_moved_and_stopped_again_tells_that_it_began() -> None:
    world = ready()
    world.run_outcome = Outcome.UNKNOWN
    world.start()
    world.pump_answers = False
    world.advance(0.8)
    assert world.runs_sent
    world.advance(0.6)
    world.pump.stop(world.now_ns)
    world.pump_answers = True
    world.advance(8)
    assert world.mode is Mode.PAUSED
    assert world.last_answer("start").state is ReceiptState.VERIFIED
    assert world.pump.given_nl > 0
    assert world.alarm_ids() & {"pump-stopped", "start-failed"}


@pytest.mark.req("CTRL-08")
def test_a_refused_run_leaves_nothing_behind() -> None:
    world = ready()
    world.run_outcome, world.run_reaches_pump = Outcome.REFUSED, False
    world.start()
    world.advance(8)
    assert world.mode is Mode.READY
    assert world.core.state.ledger.high(world.now_ns) == 0
    assert world.last_answer("start").state is ReceiptState.REFUSED


def test_a_refusal_that_comes_before_run_was_sent_says_nothing_about_the_ledger() -> None:
    world = paused()
    given = world.core.state.ledger.low()
    world.program_answers = False
    world.advance(31)
    assert world.resume().state is ReceiptState.ACCEPTED
    world.advance(0.1)
    starting = world.core.state.starting
    assert starting is not None
    world.tell(RunAnswered(run_id=starting.order.run_id, outcome=Outcome.REFUSED, reason="x"))
    assert world.core.state.ledger.low() == given
    assert world.core.state.runs == 1


@pytest.mark.req("START-07")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"diameter_um": 26_600}, "diameter"),
        ({"rate_nl_h": 26_250_001}, "rate"),
        ({"rate_nl_h": 26_197_499}, "rate"),
        ({"volume_nl": 17_500_001}, "end-stop"),
        ({"volume_nl": 17_464_999}, "end-stop"),
    ],
)
def test_a_read_back_that_differs_blocks_and_alarms(changes: dict[str, int], words: str) -> None:
    world = ready()
    world.program_answers = False
    world.start()
    world.advance(0.1)
    starting = world.core.state.starting
    assert starting is not None
    world.tell(replace(world.read_back(starting.order), **changes))
    assert not world.runs_sent
    assert words in world.last_answer("start").reason
    assert "read-back" in world.alarm_ids()
    world.advance(5)
    assert world.mode is Mode.READY


@pytest.mark.req("START-07", "DOSE-03")
@pytest.mark.parametrize("changes", [{"rate_nl_h": 26_197_500}, {"volume_nl": 17_465_000}])
def test_a_read_back_at_most_two_thousandths_below_passes(changes: dict[str, int]) -> None:
    world = ready()
    world.program_answers = False
    world.start()
    world.advance(0.1)
    starting = world.core.state.starting
    assert starting is not None
    assert only(world.tell(replace(world.read_back(starting.order), **changes)), SendRun)


@pytest.mark.parametrize("step", Step)
@pytest.mark.req("COMM-11", "CMD-04")
def test_a_step_that_hangs_ends_at_its_limit(step: Step) -> None:
    world = ready()
    world.journal_answers = step is not Step.INTENT
    world.program_answers = step is not Step.PROGRAM
    world.run_reaches_pump = False
    world.start()
    if step is Step.RUN:
        world.advance(0.4)
        world.pump_answers = False
    world.advance(7)
    world.pump_answers = True
    world.advance(10)
    assert world.core.state.starting is None
    assert world.mode is (Mode.PAUSED if step is Step.RUN else Mode.READY)
    assert "start-failed" in world.alarm_ids()


@pytest.mark.req("START-07")
def test_a_failed_program_starts_nothing() -> None:
    world = ready()
    world.program_answers = False
    world.start()
    world.advance(0.1)
    starting = world.core.state.starting
    assert starting is not None
    effects = world.tell(ProgramFailed(run_id=starting.order.run_id, reason="the pump answers ?OOR"))
    assert isinstance(effects[0], SendStop)
    world.advance(5)
    assert world.mode is Mode.READY
    assert "program-failed" in world.alarm_ids()


# ---- what blocks a start --------------------------------------------------------------------------------------------


def blocked(world: World, words: str) -> None:
    answer = world.start()
    assert answer.state is ReceiptState.REFUSED
    assert words in answer.reason, answer.reason
    assert not world.runs_sent


@pytest.mark.req("START-02")
def test_without_a_second_person_nothing_starts() -> None:
    world = World()
    world.boot()
    world.answer("anna", prepare())
    world.advance(150)
    world.assess()
    blocked(world, "not confirmed by a second person")
    same = world.confirm("anna")
    assert same.state is ReceiptState.REFUSED
    assert "second person" in same.reason


@pytest.mark.req("START-02")
def test_a_confirmation_lapses_after_thirty_minutes() -> None:
    world = ready()
    world.core.state.confirmed_at_ns = world.now_ns - 1_800 * S
    assert world.start().state is ReceiptState.ACCEPTED
    world = ready()
    world.core.state.confirmed_at_ns = world.now_ns - 1_800 * S - 1
    blocked(world, "older than 30 min")


@pytest.mark.req("START-11")
def test_three_minutes_after_the_order_a_confirmation_needs_the_password_anew() -> None:
    world = World()
    world.boot()
    world.answer("anna", prepare())
    world.advance(180)
    assert world.confirm().state is ReceiptState.VERIFIED
    world.answer("anna", prepare())
    world.advance(180.001)
    assert "type your password anew" in world.confirm().reason
    assert world.confirm(authenticated=True).state is ReceiptState.VERIFIED


@pytest.mark.req("START-01")
def test_an_edit_voids_the_confirmation_and_the_hash() -> None:
    world = ready()
    old = world.order_hash
    world.answer("anna", prepare())
    assert world.order_hash != old
    blocked(world, "not confirmed")
    answer = world.answer("anna", Start(order_hash=old))
    assert "not the prepared order" in answer.reason


@pytest.mark.req("START-02", "START-09")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"order_hash": "0" * 16}, "quotes order"),
        ({"weight_kg": Decimal("70.1")}, "weight entered again"),
        ({"weight_kg": Decimal("NaN")}, "finite"),
        ({"concentration_mg_ml": Decimal(1)}, "concentration entered again"),
        ({"concentration_mg_ml": Decimal("Infinity")}, "finite"),
        ({"drug": "ketorolac"}, "the drug read again, 'ketorolac', is not that of the order"),
        ({"syringe": "Terumo-30"}, "the syringe read again, 'Terumo-30', is not that of the order"),
    ],
)
def test_a_confirmation_that_differs_is_refused(changes: dict[str, object], words: str) -> None:
    world = ready()
    world.answer("anna", prepare())
    answer = world.confirm(**changes)
    assert answer.state is ReceiptState.REFUSED
    assert words in answer.reason


@pytest.mark.req("START-04", "START-05")
@pytest.mark.parametrize(
    ("field", "value", "free", "override"),
    [
        ("sbp", 89, False, False),
        ("sbp", 90, True, True),
        ("sbp", 140, True, True),
        ("sbp", 141, False, True),
        ("sbp", 150, False, True),
        ("sbp", 151, False, False),
        ("dbp", 49, False, False),
        ("dbp", 50, True, True),
        ("dbp", 90, True, True),
        ("dbp", 91, False, True),
        ("dbp", 95, False, True),
        ("dbp", 96, False, False),
        ("hr", 49, False, False),
        ("hr", 50, True, True),
        ("hr", 100, True, True),
        ("hr", 101, False, True),
        ("hr", 110, False, True),
        ("hr", 111, False, False),
        ("spo2", 94, False, False),
        ("spo2", 95, True, True),
        ("spo2", 100, True, True),
    ],
)
def test_start_ranges_at_their_bounds(field: str, value: int, free: bool, override: bool) -> None:
    def world() -> World:
        world = World(sbp=120, dbp=70)
        if field == "dbp" and value > 70:
            world.sbp = 130
        if field == "sbp" and value < 100:
            world.dbp = 60
        setattr(world, field, value)
        world.boot()
        world.answer("anna", prepare())
        world.advance(150)
        world.assess()
        world.attest_all()
        world.confirm()
        world.acknowledge_all()
        return world

    assert (world().start().state is ReceiptState.ACCEPTED) is free
    with_reason = world().start("pia", override_reason="known white-coat effect")
    assert (with_reason.state is ReceiptState.ACCEPTED) is override
    nurse = world().start("anna", override_reason="not hers to give")
    assert (nurse.state is ReceiptState.ACCEPTED) is free


@pytest.mark.req("START-05")
@pytest.mark.parametrize(
    ("moaas", "rr", "free"), [(5, 10, True), (5, 24, True), (5, 9, False), (5, 25, False), (4, 14, False)]
)
def test_assessed_values_at_their_bounds(moaas: int, rr: int, free: bool) -> None:
    world = ready()
    world.assess(moaas, rr)
    assert (world.start().state is ReceiptState.ACCEPTED) is free


@pytest.mark.req("START-05")
def test_an_assessment_counts_for_ten_minutes() -> None:
    world = ready()
    world.now_ns += 1
    samples = world.core.state.vitals.latest
    world.core.state.vitals = replace(
        world.core.state.vitals,
        latest={
            kind: replace(sample, measured_at_ns=world.now_ns - 601 * S) if kind.value in {"rr", "moaas"} else sample
            for kind, sample in samples.items()
        },
    )
    blocked(world, "RR is 601 s old")


@pytest.mark.req("START-04")
def test_sixty_seconds_in_range_and_two_readings_are_needed() -> None:
    world = World(cuff_answers=False)
    world.boot()
    world.answer("anna", prepare())
    world.advance(58)
    world.assess()
    world.attest_all()
    world.confirm()
    answer = world.start()
    assert "HR has been in range for" in answer.reason
    assert "SPO2 has been in range for" in answer.reason
    assert "no baseline" in answer.reason
    assert "SBP is missing" in answer.reason


@pytest.mark.req("START-04")
def test_the_baseline_is_the_mean_that_relative_limits_use() -> None:
    world = World(sbp=110, dbp=70)
    world.boot()
    world.answer("anna", prepare())
    world.advance(40)
    world.sbp, world.dbp = 121, 75
    world.advance(60)
    world.assess()
    world.attest_all()
    world.confirm()
    assert world.start().state is ReceiptState.ACCEPTED
    baseline = world.core.state.baseline
    assert baseline is not None
    assert (baseline.sbp_mmhg, baseline.dbp_mmhg) == (115, 72)


@pytest.mark.req("START-06", "ALRM-08")
def test_an_alarm_that_nobody_acknowledged_blocks() -> None:
    world = ready()
    world.tell(PumpStatus(state=PumpState.MOVING, asked_at_ns=world.now_ns))
    world.advance(5)
    assert world.mode is Mode.READY
    blocked(world, "alarm keypad-start is not acknowledged")
    world.acknowledge_all()
    assert world.start().state is ReceiptState.ACCEPTED


@pytest.mark.req("START-06")
def test_a_standing_cause_refuses_the_start_instead_of_halting_it() -> None:
    world = ready()
    world.assess(moaas=2)
    effects = world.command("anna", Start(order_hash=world.order_hash))
    assert not only(effects, WriteIntent)
    assert not only(effects, SendStop)
    assert "the cause stands: MOAAS 2" in world.last_answer("start").reason


@pytest.mark.req("START-06", "START-07", "START-03", "COMM-06")
def test_what_is_wrong_with_pump_journal_or_broker_blocks() -> None:
    world = ready()
    world.tell(PumpAttachFailed(reason="model 500"))
    blocked(world, "model 500")
    world = ready()
    world.tell(PumpAttached(model="NE1000", firmware="3.923", serial=None, lease_ns=20 * S))
    blocked(world, "lease is not the one of the profile")
    world = ready()
    world.core.state.pump = replace(world.core.state.pump, attached=None)
    blocked(world, "not been identified")
    world = ready()
    world.cut()
    blocked(world, "no link to the pump: cable")
    world = ready()
    world.pump.ignores_stop = True
    world.pause()
    blocked(world, "a stop is not yet confirmed")
    world = ready()
    lose_journal(world)
    blocked(world, "journal is not writable: disk full")
    world = ready()
    lose_broker(world)
    blocked(world, "broker is not connected")


# ---- resume ---------------------------------------------------------------------------------------------------------


@pytest.mark.req("CTRL-04", "CTRL-05", "DOSE-10")
def test_a_resume_gives_what_is_left_counting_the_high_bound_at_the_ordered_rate() -> None:
    world = paused()
    world.advance(31)
    high = world.core.state.ledger.high(world.now_ns)
    assert world.resume().state is ReceiptState.ACCEPTED
    world.advance(5)
    assert world.mode is Mode.RUNNING
    assert world.programmed is not None
    assert world.programmed.volume_nl == 17_500_000 - high
    assert world.programmed.rate_nl_h == 26_250_000
    world.assess()
    world.advance(2_420)
    assert world.mode is Mode.COMPLETED
    assert 17_500_000 - 2 * 10_000 <= world.pump.given_nl <= 17_500_000


@pytest.mark.req("CTRL-05", "CTRL-04", "VIT-20")
def test_a_resume_is_refused_while_the_cause_stands_or_is_not_acknowledged() -> None:
    world = running()
    world.spo2 = 91
    world.advance(20)
    assert world.mode is Mode.PAUSED
    refused = world.resume()
    assert refused.state is ReceiptState.REFUSED
    assert "the cause stands: SPO2 91 %" in refused.reason
    world.spo2 = 98
    world.advance(60)
    assert world.mode is Mode.PAUSED, "the daemon never resumes by itself"
    assert "not acknowledged" in world.resume().reason
    world.acknowledge_all()
    assert world.resume().state is ReceiptState.ACCEPTED


@pytest.mark.req("CTRL-05")
def test_the_resume_range_must_have_held_for_thirty_seconds() -> None:
    world = paused()
    world.hr = 111
    world.advance(3)
    world.hr = 110
    world.advance(29)
    assert "HR has been in range for" in world.resume().reason
    world.acknowledge_all()
    world.advance(3)
    assert world.resume().state is ReceiptState.ACCEPTED


def pressure_paused() -> World:
    world = running()
    world.sbp = 165
    world.advance(400)
    assert world.mode is Mode.PAUSED
    assert "sbp-high-pause" in world.alarm_ids()
    return world


@pytest.mark.req("CTRL-05", "VIT-14")
def test_after_a_pressure_pause_two_readings_in_range_are_needed() -> None:
    world = pressure_paused()
    world.sbp = 130
    readings = len(world.core.state.vitals.readings)
    while len(world.core.state.vitals.readings) == readings:
        world.advance(5)
    world.assess()
    world.acknowledge_all()
    assert "two consecutive cuff readings" in world.resume().reason
    world.tell(world.core.state.vitals.readings[-1])
    assert "two consecutive cuff readings" in world.resume().reason, "a repeated reading is not a second one"
    world.advance(150)
    world.acknowledge_all()
    assert world.resume().state is ReceiptState.ACCEPTED


@pytest.mark.req("CTRL-05")
def test_a_link_loss_does_not_wipe_out_that_the_pause_was_one_of_pressure() -> None:
    world = pressure_paused()
    world.sbp = 130
    world.cut()
    world.advance(10)
    world.connect()
    world.advance(10)
    assert world.mode is Mode.PAUSED
    world.advance(40)
    world.acknowledge_all()
    assert "two consecutive cuff readings" in world.resume().reason


@pytest.mark.req("CTRL-05")
def test_an_ended_infusion_is_not_resumed() -> None:
    world = in_mode(Mode.ENDED)
    world.advance(40)
    assert "needs a paused session" in world.resume().reason
    world.observe()
    assert world.answer("anna", prepare()).state is ReceiptState.VERIFIED


def test_a_stop_ends_a_paused_session() -> None:
    world = paused()
    world.stop()
    world.advance(5)
    assert world.mode is Mode.ENDED
    assert world.last_answer("stop").state is ReceiptState.VERIFIED


def test_counter_reads_while_a_resume_is_programmed_do_not_count_as_lost_totals() -> None:
    world = paused()
    world.advance(31)
    world.resume()
    world.advance(2)
    assert world.mode is Mode.RUNNING
    assert "counter-lost" not in world.alarm_ids()


def test_the_next_order_knows_nothing_of_the_patient_before() -> None:
    world = in_mode(Mode.ENDED)
    world.observe()
    world.assess(moaas=2)
    world.answer("anna", prepare())
    state = world.core.state
    assert not state.vitals.latest
    assert not state.vitals.readings
    assert not state.interlocks.pending
    assert state.baseline is None
    assert state.ledger.high(world.now_ns) == 0
    assert state.runs == 0


def test_an_unusable_probe_blocks_the_start() -> None:
    world = ready()
    world.probe = Validity.PROBE_OFF
    world.advance(6)
    blocked(world, "SPO2 is 6 s old")


@pytest.mark.req("START-07")
def test_the_read_back_of_another_run_is_ignored() -> None:
    world = ready()
    world.program_answers = False
    world.start()
    world.advance(0.1)
    starting = world.core.state.starting
    assert starting is not None
    other = Programmed(run_id="another", diameter_um=26_590, rate_nl_h=26_250_000, volume_nl=17_500_000, read_back=())
    assert not only(world.tell(other), SendRun)
    world.now_ns += MS
    assert only(world.tell(world.read_back(starting.order)), SendRun)


@pytest.mark.req("LOG-02", "DOSE-11")
def test_what_a_counter_read_proved_is_recorded_with_it() -> None:
    world = running(60)
    core = world.core
    run = core.state.ledger.run
    assert run is not None
    world.now_ns += 5 * MS
    read = PumpCounter(low_nl=run.low_nl + 1_000, high_nl=run.low_nl + 2_000, asked_at_ns=world.now_ns)
    saved = only(core.handle(read, world.now_ns), SaveSession)
    assert [each.record.ledger.low() for each in saved] == [core.state.ledger.low()]


def test_a_remainder_that_a_pump_cannot_give_blocks_a_resume() -> None:
    world = paused()
    ledger = world.core.state.ledger
    assert ledger.run is not None
    for left_nl, blocked in ((10_000, False), (9_999, True)):
        high_nl = ledger.order_nl - left_nl
        world.core.state.ledger = replace(ledger, run=replace(ledger.run, high_nl=high_nl, moving_since_ns=None))
        blockers = resume_blockers(world.core.state, world.now_ns)
        assert any("left to give" in each for each in blockers) == blocked


@pytest.mark.req("START-06")
def test_an_answer_to_a_question_from_before_run_says_nothing_of_the_run() -> None:
    world = running()
    sent_ns = world.core.state.pump.run_sent_ns
    world.tell(PumpStatus(state=PumpState.REST, asked_at_ns=sent_ns - 1))
    assert world.mode is Mode.RUNNING
