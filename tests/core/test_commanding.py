"""What a command leaves behind and answers: what a new order forgets, how an order is told, who is refused."""

from dataclasses import replace
from decimal import Decimal

import pytest

from pumpd.core.commanding import KEPT_SYMPTOMS, order_text
from pumpd.core.commands import (
    Acknowledge,
    Assess,
    Attest,
    Attested,
    AudioPause,
    Close,
    CommandMalformed,
    Pause,
    Presence,
    ReceiptState,
    Stop,
    Symptom,
    SymptomKind,
)
from pumpd.core.controller import Core
from pumpd.core.effects import Decision, Receipt
from pumpd.core.lockout import Lockout
from pumpd.core.modes import Mode
from pumpd.core.ports import VitalKind
from pumpd.core.prescription import expected_running_ns
from pumpd.core.state import Difference
from pumpd.core.vitals import Vitals
from tests.core.support import S, World, in_mode, only, paused, prepare, ready, running, settings


def decisions(world: World, cause: str) -> list[str]:
    return [effect.text for _, effect in world.effects if isinstance(effect, Decision) and effect.cause == cause]


# ---- what could not be read, and what came twice --------------------------------------------------------------------


@pytest.mark.req("CMD-01")
@pytest.mark.parametrize(("given", "told"), [("c-77", "c-77"), (None, "unreadable"), ("", "unreadable")])
def test_what_cannot_be_read_is_answered_by_its_id_where_it_has_one(given: str | None, told: str) -> None:
    world = ready()
    state = world.core.state
    (receipt,) = only(world.tell(CommandMalformed(user="anna", id=given, reason="no kind")), Receipt)
    assert (receipt.user, receipt.command_id, receipt.kind) == ("anna", told, "unreadable")
    assert (receipt.state, receipt.reason) == (ReceiptState.REFUSED, "no kind")
    last = state.refusals[-1]
    assert (last.user, last.command_id, last.kind, last.reason, last.at_ns) == (
        "anna",
        told,
        "unreadable",
        "no kind",
        world.now_ns,
    )


@pytest.mark.req("CMD-03")
def test_a_repeated_id_gets_its_own_answer_again_and_another_users_none() -> None:
    world = ready()
    first = world.answer("anna", Presence(), id="same")
    assert world.answer("anna", Presence(), id="same") == first
    before = len(world.core.state.refusals)
    other = world.answer("ben", Presence(), id="same")
    assert (other.user, other.command_id, other.kind, other.state) == ("ben", "same", "presence", ReceiptState.REFUSED)
    assert other.reason == "this command id was used before; it acts at most once"
    assert world.core.state.refusals[-1].reason == other.reason
    assert len(world.core.state.refusals) == before + 1
    assert world.core.state.present_by == "anna"


@pytest.mark.req("CMD-03")
def test_an_id_that_was_used_before_a_restart_is_refused() -> None:
    world = World()
    world.boot(seen=("old",))
    assert "acts at most once" in world.answer("anna", Presence(), id="old").reason


# ---- stop, pause, symptom -------------------------------------------------------------------------------------------


@pytest.mark.req("CTRL-01")
@pytest.mark.parametrize(
    ("what", "cause"),
    [
        (Stop(), "stop by anna"),
        (Stop(reason="in pain"), "stop by anna (in pain)"),
        (Pause(), "pause by anna"),
        (Pause(reason="toilet"), "pause by anna (toilet)"),
        (Symptom(symptom=SymptomKind.NAUSEA), f"symptom {SymptomKind.NAUSEA.value} noted by anna"),
    ],
)
def test_a_halt_names_who_asked_for_it_and_why(what: Stop | Pause | Symptom, cause: str) -> None:
    world = running()
    receipt = world.answer("anna", what)
    assert world.core.state.pause_cause == cause
    assert (receipt.state, receipt.reason) == (ReceiptState.ACCEPTED, "the stop is on the wire")
    assert world.core.state.halt is not None
    assert world.core.state.halt.by_human
    assert world.core.state.ending is isinstance(what, Stop)


def test_a_stop_that_is_said_twice_is_accepted_once_and_both_are_told() -> None:
    world = running()
    world.pump_answers = False
    world.command("anna", Stop(), id="one")
    assert not only(world.command("anna", Stop(), id="one"), Receipt)
    assert only(world.command("anna", Stop(), id="two"), Receipt)
    assert [item.command_id for item in world.core.state.awaiting] == ["one", "two"]


def test_the_symptoms_that_are_shown_are_the_newest_sixteen() -> None:
    world = paused()
    kinds = [SymptomKind.NAUSEA, *[SymptomKind.HEADACHE] * 16]
    assert KEPT_SYMPTOMS == 16
    for count, kind in enumerate(kinds[:-1], start=1):
        world.command("anna", Symptom(symptom=kind))
        assert len(world.core.state.symptoms) == count
    assert world.core.state.symptoms[0].symptom is SymptomKind.NAUSEA
    world.command("anna", Symptom(symptom=kinds[-1]))
    assert {each.symptom for each in world.core.state.symptoms} == {SymptomKind.HEADACHE}
    assert len(world.core.state.symptoms) == 16


def test_a_symptom_is_in_the_record_and_an_emergency_says_so() -> None:
    world = running()
    world.command("anna", Symptom(symptom=SymptomKind.NAUSEA))
    world.command("ben", Symptom(symptom=SymptomKind.OTHER, emergency=True))
    assert decisions(world, "symptom") == [
        f"{SymptomKind.NAUSEA.value}, noted by anna",
        f"{SymptomKind.OTHER.value}, an emergency, noted by ben",
    ]


@pytest.mark.req("CTRL-01")
def test_an_emergency_at_rest_ends_a_paused_infusion_and_a_symptom_only_names_it() -> None:
    world = paused()
    assert world.answer("anna", Symptom(symptom=SymptomKind.NAUSEA)).state is ReceiptState.VERIFIED
    assert world.core.state.halt is None
    assert world.answer("anna", Symptom(symptom=SymptomKind.OTHER, emergency=True)).state is ReceiptState.ACCEPTED
    world.advance(5)
    assert world.mode is Mode.ENDED


# ---- a new order ----------------------------------------------------------------------------------------------------


def closed(mode: Mode) -> World:
    """Return a world whose session is over and closed, after an observation that took no time."""
    world = in_mode(mode)
    state = world.core.state
    assert state.observing_since_ns is not None
    state.observing_since_ns -= state.settings.profile.observe_min_ns
    sample = state.vitals.latest[VitalKind.HR]
    state.differing = {VitalKind.HR: Difference(low=sample, high=sample, since_ns=world.now_ns)}
    world.acknowledge_all()
    assert world.account().state is world.witness().state is ReceiptState.VERIFIED
    receipt = world.answer("pia", Close(transfer_reason="as the test says"))
    assert (receipt.state, receipt.reason) == (ReceiptState.VERIFIED, f"session {state.session} is closed")
    return world


def over() -> World:
    """Return a world whose session is over and closed, and whose state is as full as it can be."""
    world = closed(Mode.ENDED)
    state = world.core.state
    state.runs, state.ran_ns, state.vital_pauses = 3, 7 * S, 2
    state.ending = state.pressure_pause = state.line_unrelieved = True
    state.lockout = Lockout(reason="locked")
    return world


@pytest.mark.req("START-01", "CTRL-05")
def test_a_new_order_begins_a_session_of_its_own() -> None:
    world = over()
    state = world.core.state
    before = state.session
    world.frames = False
    receipt = world.answer("anna", prepare())
    assert receipt.state is ReceiptState.VERIFIED
    order = state.order
    assert order is not None
    assert state.mode is Mode.READY
    assert state.session == f"s-{order.hash}" != before
    assert (state.runs, state.ran_ns, state.vital_pauses) == (0, 0, 0)
    assert (state.ending, state.pressure_pause, state.line_unrelieved) == (False, False, False)
    assert (state.confirmed_by, state.started_by, state.baseline, state.pause_cause) == (None, None, None, None)
    assert (state.first_run_ns, state.idle_since_ns, state.observing_since_ns) == (None, None, None)
    assert state.over_wall_ns is None
    assert (state.stations, state.tested, state.attested) == ({}, {}, {})
    assert (state.limits, state.loosening, state.symptoms) == ({}, None, ())
    assert state.lockout == Lockout()
    assert (state.rate_nl_h, state.planned_ns) == (order.rate_nl_h, expected_running_ns(order))
    assert (state.ledger.order_nl, state.ledger.low(), state.ledger.high(world.now_ns)) == (17_500_000, 0, 0)
    assert state.rolling is not None
    assert (state.rolling.lows_nl, state.rolling.times_ns) == ((0,), (world.now_ns,))
    assert state.vitals == Vitals()
    assert decisions(world, "prepare")[-1].endswith(f"order {order.hash}, prepared by anna")


@pytest.mark.req("CTRL-05")
@pytest.mark.parametrize("over_wall_ns", [123 * S, None])
def test_a_new_order_remembers_what_the_one_before_gave_and_when_it_was_over(over_wall_ns: int | None) -> None:
    world = closed(Mode.ENDED)
    state = world.core.state
    ended, given_nl = world.order_hash, world.pump.given_nl
    state.over_wall_ns = over_wall_ns
    world.answer("anna", prepare())
    (given,) = state.before
    assert given.order_hash == ended
    assert given.low_nl <= given_nl <= given.high_nl
    assert given.until_wall_ns == (state.wall_ns() if over_wall_ns is None else over_wall_ns)


@pytest.mark.req("CTRL-05")
def test_nothing_of_the_patient_before_speaks_for_the_next() -> None:
    for world in (closed(Mode.ENDED), closed(Mode.COMPLETED)):
        state = world.core.state
        assert (state.vitals, state.differing) == (Vitals(), {})
        assert state.interlocks.watched_since_ns == world.now_ns
        assert not state.interlocks.pending
        for steady in (state.start_steady, state.override_steady, state.resume_steady):
            assert steady
            assert all(watch.since_ns is None for watch in steady.values())
            assert all(watch.range.vital is kind for kind, watch in steady.items())
        assert (state.observing_since_ns, state.baseline) == (None, None)
        assert f"session {state.session} closed by pia: " in decisions(world, "close")[-1]


@pytest.mark.req("START-01")
def test_an_edit_before_the_start_keeps_what_is_known_of_the_patient() -> None:
    world = ready()
    known = world.core.state.vitals
    assert world.answer("anna", prepare()).state is ReceiptState.VERIFIED
    assert world.core.state.vitals == known


@pytest.mark.req("START-01")
@pytest.mark.parametrize("make", [running, paused])
def test_no_order_takes_the_place_of_one_that_is_open(make: object) -> None:
    world = make()  # type: ignore[operator]  # one of the two above
    old = world.order_hash
    answer = world.answer("anna", prepare())
    assert answer.state is ReceiptState.REFUSED
    assert answer.reason == (
        f"the mode is {world.mode.value}; stop and end this session before a new order is prepared"
    )
    assert world.order_hash == old


def test_an_order_is_told_with_every_number_rounded_down() -> None:
    state = ready().core.state
    assert state.order is not None
    state.order = replace(
        state.order,
        dose_ng=23_343_999,
        dose_ng_per_g=1_999,
        weight_g=70_159,
        volume_nl=11_671_690,
        rate_nl_h=17_507_590,
        hash="h",
    )
    assert order_text(state) == (
        "ketamine 23.343 mg (1.999 mg/kg at 70.1 kg), 11.671 mL at 17.507 mL/h, syringe BD-60, order h"
    )
    state.order = replace(state.order, soft_limits_passed=("a", "b"), soft_limit_reason="as meant")
    assert order_text(state).endswith("order h, past soft limits: a; b, because: as meant")


@pytest.mark.parametrize(("simulated", "words"), [(True, "SIMULATED session"), (False, "session")])
def test_a_session_says_under_what_it_runs(simulated: bool, words: str) -> None:
    world = World(core=Core(replace(settings(), simulated=simulated)))
    world.boot()
    world.advance(1)
    world.answer("anna", prepare())
    assert decisions(world, "versions") == [f"{words} {world.core.state.session} under no known version"]


# ---- confirmation, attestation, assessment --------------------------------------------------------------------------


@pytest.mark.req("START-02")
def test_a_confirmation_is_by_whom_and_when() -> None:
    world = ready()
    world.answer("anna", prepare())
    assert world.confirm("pia").reason == f"order {world.order_hash} confirmed; it can be started"
    state = world.core.state
    assert (state.confirmed_by, state.confirmed_at_ns) == ("pia", world.now_ns)
    assert decisions(world, "confirm")[-1] == f"order {world.order_hash} confirmed by pia"


@pytest.mark.req("START-02")
@pytest.mark.parametrize(
    ("mg_ml", "taken"), [("1.9499", False), ("1.95", True), ("2.05", True), ("2.0501", False), ("2.5", False)]
)
def test_the_concentration_entered_again_may_differ_by_the_tolerance(mg_ml: str, taken: bool) -> None:
    world = ready()
    world.answer("anna", prepare())
    tolerance = world.core.state.settings.profile.drug.concentration_tolerance_percent
    assert tolerance == Decimal("2.5")
    assert (world.confirm(concentration_mg_ml=Decimal(mg_ml)).state is ReceiptState.VERIFIED) is taken


@pytest.mark.req("START-02")
def test_there_is_nothing_to_confirm_without_a_prepared_order() -> None:
    world = running()
    assert world.confirm().reason == "the mode is running; there is no prepared order to confirm"


@pytest.mark.req("START-10")
def test_of_two_contrary_attestations_the_newer_holds() -> None:
    world = ready()
    world.attest(Attested.LIMB_SHARED, user="ben")
    held = world.core.state.attested
    assert Attested.LIMBS_APART not in held
    assert (held[Attested.LIMB_SHARED].by, held[Attested.LIMB_SHARED].at_ns) == ("ben", world.now_ns)
    assert Attested.PRIMED in held
    world.attest(Attested.LIMBS_APART)
    assert Attested.LIMB_SHARED not in world.core.state.attested
    assert decisions(world, "attest")[-1] == f"{Attested.LIMBS_APART.value} attested by anna"


@pytest.mark.req("PUMP-03")
def test_only_its_own_attestation_relieves_the_line() -> None:
    world = paused()
    world.core.state.line_unrelieved = True
    world.attest(Attested.PRIMED)
    assert world.core.state.line_unrelieved
    world.attest(Attested.LINE_RELIEVED)
    assert not world.core.state.line_unrelieved


def test_nothing_is_attested_without_an_open_order() -> None:
    world = in_mode(Mode.ENDED)
    answer = world.answer("anna", Attest(item=Attested.PRIMED))
    assert answer.reason == f"the mode is ended; there is no order that {Attested.PRIMED.value} could be attested for"


def test_each_assessment_is_newer_than_the_one_before() -> None:
    world = ready()
    latest = world.core.state.vitals.latest
    first = latest[VitalKind.MOAAS].seq
    assert first == latest[VitalKind.RR].seq == 0
    world.advance(1)
    assert world.answer("ben", Assess(moaas=5, respiration_bpm=15)).reason == "recorded"
    found = world.core.state.vitals.latest
    assert (found[VitalKind.MOAAS].seq, found[VitalKind.RR].seq) == (1, 1)
    assert (found[VitalKind.RR].value, found[VitalKind.RR].measured_at_ns) == (15, world.now_ns)
    assert found[VitalKind.RR].source.endswith("ben")


@pytest.mark.parametrize(("moaas", "rr"), [(6, 14), (-1, 14), (5, -1), (5, 71)])
def test_an_assessment_that_cannot_be_brings_no_value(moaas: int, rr: int) -> None:
    world = ready()
    before = world.core.state.vitals
    world.advance(0.1)
    answer = world.answer("anna", Assess(moaas=moaas, respiration_bpm=rr))
    assert answer.state is ReceiptState.REFUSED
    assert world.core.state.vitals.latest[VitalKind.RR] is before.latest[VitalKind.RR]
    assert world.core.state.vitals.latest[VitalKind.MOAAS] is before.latest[VitalKind.MOAAS]


def test_presence_is_by_whom_and_when() -> None:
    world = ready()
    world.advance(1)
    world.present("ben")
    assert (world.core.state.present_by, world.core.state.present_ns) == ("ben", world.now_ns)


# ---- alarms ---------------------------------------------------------------------------------------------------------


@pytest.mark.req("ALRM-03", "ALRM-08")
def test_alarms_are_acknowledged_and_silenced_by_name_and_episode() -> None:
    world = running()
    world.hr = 115
    world.advance(2)
    silenced = world.answer("anna", AudioPause(alarm="hr-high-alert", episode=1))
    assert silenced.reason == "the tone of hr-high-alert is paused for 120 s at most"
    assert world.core.state.alarms.listed[0].audio_paused_by == "anna"
    assert (
        "no unacknowledged episode 2 of alarm hr-high-alert"
        in world.answer("anna", AudioPause(alarm="hr-high-alert", episode=2)).reason
    )
    noted = world.answer("anna", Acknowledge(alarm="hr-high-alert", episode=1))
    assert noted.reason == "alarm hr-high-alert acknowledged by anna"
    refused = world.answer("anna", Acknowledge(alarm="hr-high-alert", episode=2))
    assert refused.reason == "there is no episode 2 of alarm hr-high-alert; look at the alarm list again"


# ---- overrides ------------------------------------------------------------------------------------------------------


@pytest.mark.req("START-05", "CTRL-05")
def test_an_override_is_a_prescribers_with_a_reason_and_is_recorded() -> None:
    for user, reason, taken in (("pia", " white coat ", True), ("pia", "  ", False), ("anna", "white coat", False)):
        world = ready()
        world.start(user, override_reason=reason)
        starting = world.core.state.starting
        assert starting is not None
        assert starting.override is taken
        assert decisions(world, "override") == (["start override by pia: white coat"] if taken else [])
        world = paused()
        world.advance(31)
        assert world.resume(user, override_reason=reason).state is ReceiptState.ACCEPTED
        assert decisions(world, "override") == (["unlocked by pia: white coat"] if taken else [])


@pytest.mark.req("START-01", "CTRL-05")
def test_a_start_and_a_resume_quote_the_order() -> None:
    world = ready()
    assert world.start(order_hash="x").reason == "the start quotes order x, which is not the prepared order"
    world = paused()
    assert world.resume(order_hash="x").reason == "the resume quotes order x, which is not the order of this session"


@pytest.mark.req("CMD-02")
def test_a_retained_command_is_told_besides_being_refused() -> None:
    world = running()
    receipt = world.answer("anna", Presence(), retained=True)
    assert receipt.state is ReceiptState.REFUSED
    alarm = next(alarm for alarm in world.core.state.alarms.listed if alarm.id == "retained-command")
    assert alarm.text == "presence of anna came as retained and was not obeyed"
