"""The clinic's word before an order: without it nothing is prepared, and what it says of bed, day and weight holds."""

from dataclasses import replace
from decimal import Decimal

import pytest

from pumpd.core.clearance import Clearance, ClearedGate, digest, sealed
from pumpd.core.cleared import course_of
from pumpd.core.commands import ReceiptState
from pumpd.core.controller import Core
from pumpd.core.effects import Decision, Receipt
from pumpd.core.events import BrokerConnected, ClearanceSeen
from pumpd.core.modes import Mode
from pumpd.core.profile_check import findings
from pumpd.core.quantities import NS_PER_H, NS_PER_MIN, NS_PER_S
from tests.core.support import WALL_AHEAD_NS, World, only, prepare, profile, settings

ISSUED_AGO_NS = 5 * NS_PER_MIN


def strict() -> World:
    """Return a world whose profile asks for a clearance."""
    world = World(core=Core(replace(settings(), profile=replace(profile(), clearance_required=True))))
    world.boot()
    world.advance(1)
    return world


def wall_ns(world: World) -> int:
    return (world.now_ns + WALL_AHEAD_NS) // NS_PER_S * NS_PER_S


def clearance(world: World, **changes: object) -> Clearance:
    issued_ns = wall_ns(world) - ISSUED_AGO_NS
    given = Clearance(
        bed="bed1",
        course="c-0a1b2c3d",
        number=2,
        weight_g=70_000,
        last_weight_g=71_000,
        given_low_ng=34_000_000,
        given_high_ng=35_000_000,
        last_infusion_wall_ns=issued_ns - 72 * NS_PER_H,
        gates=(ClearedGate(gate="ecg", by="pia", until_wall_ns=issued_ns + 10 * NS_PER_H),),
        issued_by="pia",
        issued_wall_ns=issued_ns,
        expires_wall_ns=issued_ns + 8 * NS_PER_H,
    )
    return sealed(replace(given, **changes))  # type: ignore[arg-type]  # the tests name the fields


def tell(world: World, given: Clearance) -> str:
    world.tell(ClearanceSeen(clearance=given))
    return given.hash


def asked(world: World, quoted: str, **changes: object) -> Receipt:
    return world.answer("anna", prepare(clearance_hash=quoted, **changes))


def ready_under(world: World, quoted: str) -> None:
    """Bring a world up to a start under a clearance."""
    assert asked(world, quoted).state is ReceiptState.VERIFIED
    world.advance(150)
    assert world.assess().state is ReceiptState.VERIFIED
    world.attest_all()
    assert world.confirm(course="c-0a1b2c3d").state is ReceiptState.VERIFIED


@pytest.mark.req("CLIN-01", "START-11")
def test_without_a_clearance_nothing_is_prepared() -> None:
    world = strict()
    for quoted in ("", "0123456789abcdef"):
        answer = asked(world, quoted)
        assert answer.state is ReceiptState.REFUSED
        assert answer.reason == (
            "bed1 has no clearance; the clinic must clear a course for it today: pumpd course clear"
        )
    assert world.mode is Mode.IDLE


@pytest.mark.req("CLIN-01", "START-11")
def test_an_order_under_a_clearance_names_the_course_and_the_gates_are_recorded() -> None:
    world = strict()
    quoted = tell(world, clearance(world))
    effects = world.command("anna", prepare(clearance_hash=quoted))
    order = world.core.state.order
    assert order is not None
    assert (order.course, order.clearance_hash) == ("c-0a1b2c3d", quoted)
    said = next(each.text for each in only(effects, Decision) if each.cause == "clearance")
    assert "infusion 2" in said
    assert "ecg by pia" in said


def test_a_first_infusion_has_none_before() -> None:
    assert "none before" in clearance(strict(), number=1, last_infusion_wall_ns=None).words()


@pytest.mark.req("VIT-12")
def test_a_session_is_of_the_order_s_course_and_before_it_of_the_clearance_s() -> None:
    world = strict()
    assert course_of(world.core.state) is None
    quoted = tell(world, clearance(world))
    assert course_of(world.core.state) == "c-0a1b2c3d"
    assert asked(world, quoted).state is ReceiptState.VERIFIED
    tell(world, clearance(world, course="c-9f8e7d6c"))
    assert course_of(world.core.state) == "c-0a1b2c3d", "the order's patient, whoever is cleared next"


@pytest.mark.req("CLIN-01")
def test_an_override_stands_in_the_record_of_the_order() -> None:
    world = strict()
    words = "the second infusion is early; passed by anna (nurse) and pia (prescriber), because: travel"
    gate = ClearedGate(gate="early-infusion", by="pia", until_wall_ns=None, override=words)
    effects = world.command("anna", prepare(clearance_hash=tell(world, clearance(world, gates=(gate,)))))
    said = next(each.text for each in only(effects, Decision) if each.cause == "clearance")
    assert f"OVERRIDE early-infusion: {words}" in said


@pytest.mark.req("CLIN-01")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bed": "bed2"}, "the clearance is for bed2, this is bed1"),
        ({"expires_wall_ns": -1}, "the clearance expired at"),
        ({"issued_wall_ns": 120 * NS_PER_S}, "set the clocks of both machines"),
        ({"expires_wall_ns": 25 * NS_PER_H}, "valid for more than 24 h"),
        ({"gates": (ClearedGate(gate="consent", by="ben", until_wall_ns=0),)}, "consent, set by ben, lapsed at"),
    ],
)
def test_bed_and_day_of_a_clearance_are_judged(changes: dict[str, object], words: str) -> None:
    world = strict()
    now_ns = wall_ns(world)
    times = {key: now_ns + value if isinstance(value, int) else value for key, value in changes.items()}
    answer = asked(world, tell(world, clearance(world, **times)))
    assert answer.state is ReceiptState.REFUSED
    assert words in answer.reason


@pytest.mark.req("CLIN-01")
def test_the_day_ends_for_an_order_that_was_not_started() -> None:
    world = strict()
    given = clearance(world, expires_wall_ns=wall_ns(world) + 300 * NS_PER_S)
    ready_under(world, tell(world, given))
    world.advance(160)
    assert "the clearance expired at" in world.start().reason


@pytest.mark.req("CLIN-01")
def test_another_clearance_than_the_quoted_one_is_looked_at_first() -> None:
    world = strict()
    answer = asked(world, "0" * 16) if tell(world, clearance(world)) else None
    assert answer is not None
    assert "look again, prepare again" in answer.reason


@pytest.mark.req("CLIN-01")
def test_a_clearance_that_was_taken_back_or_replaced_starts_nothing() -> None:
    for later in (None, "another"):
        world = strict()
        ready_under(world, tell(world, clearance(world)))
        assert not [each for each in world.core.state.alarms.listed if each.active]
        world.tell(ClearanceSeen(clearance=None if later is None else clearance(world, number=3)))
        answer = world.start()
        assert answer.state is ReceiptState.REFUSED
        assert "clearance" in answer.reason


@pytest.mark.req("CLIN-01")
def test_what_stood_before_the_connection_was_lost_counts_only_when_it_is_told_again() -> None:
    world = strict()
    given = clearance(world)
    ready_under(world, tell(world, given))
    world.tell(BrokerConnected(real_ns=world.now_ns))
    assert "bed1 has no clearance" in world.start().reason
    tell(world, given)
    assert world.start().state is ReceiptState.ACCEPTED


@pytest.mark.req("CLIN-01", "CLIN-10")
def test_a_clearance_is_for_one_infusion() -> None:
    world = strict()
    given = clearance(world)
    quoted = tell(world, given)
    ready_under(world, quoted)
    assert world.start().state is ReceiptState.ACCEPTED
    world.advance(30)
    world.stop()
    world.advance(10)
    world.observe()
    assert "was used by an infusion before" in asked(world, quoted).reason
    record = world.saved
    assert record is not None
    after = World(core=Core(world.core.state.settings), now_ns=world.now_ns)
    after.boot(record)
    after.advance(1)
    tell(after, given)
    assert "was used by an infusion before" in asked(after, quoted).reason


@pytest.mark.req("START-09")
def test_the_weight_is_that_of_the_day() -> None:
    world = strict()
    quoted = tell(world, clearance(world))
    answer = asked(world, quoted, weight_kg=Decimal("70.5"))
    assert answer.reason.startswith("the weight entered, 70.5 kg, is not the 70 kg measured today")


@pytest.mark.req("START-09")
@pytest.mark.parametrize(("last_g", "free"), [(None, True), (63_637, True), (63_636, False), (77_778, False)])
def test_a_large_change_of_weight_is_confirmed_a_second_time(last_g: int | None, free: bool) -> None:
    world = strict()
    quoted = tell(world, clearance(world, last_weight_g=last_g))
    answer = asked(world, quoted)
    assert (answer.state is ReceiptState.VERIFIED) is free
    if not free:
        assert "more than 10 %" in answer.reason
        assert asked(world, quoted, weight_change_confirmed=True).state is ReceiptState.VERIFIED


@pytest.mark.req("CLIN-01", "CFG-05")
def test_only_a_profile_for_simulators_may_waive_it() -> None:
    waived = replace(profile(), clearance_required=False, simulators_only=False)
    found = [each for each in findings(waived) if each.where == "clearance_required"]
    assert len(found) == 1
    assert not [each for each in findings(replace(waived, simulators_only=True)) if each.where == "clearance_required"]


def test_where_it_is_waived_an_order_has_no_course_and_the_record_says_so() -> None:
    world = World()
    world.boot()
    world.advance(1)
    effects = world.command("anna", prepare())
    order = world.core.state.order
    assert order is not None
    assert order.course == ""
    assert any("clearance waived" in each.text for each in only(effects, Decision))


def test_an_order_that_quotes_no_clearance_is_not_of_the_course_that_is_cleared() -> None:
    world = World()
    world.boot()
    world.advance(1)
    tell(world, clearance(world))
    assert world.answer("anna", prepare()).state is ReceiptState.VERIFIED
    order = world.core.state.order
    assert order is not None
    assert order.course == ""


def test_who_quotes_a_clearance_is_held_to_it_also_where_it_is_waived() -> None:
    world = World()
    world.boot()
    world.advance(1)
    assert asked(world, "0" * 16).state is ReceiptState.REFUSED


def test_the_hash_covers_every_field() -> None:
    world = strict()
    given = clearance(world)
    assert digest(given) == given.hash
    for field, value in (("course", "c-1"), ("weight_g", 1), ("number", 9), ("gates", ()), ("issued_by", "eva")):
        assert digest(replace(given, **{field: value})) != given.hash  # type: ignore[arg-type]  # named above


def test_a_start_needs_no_clearance_once_it_runs() -> None:
    world = strict()
    ready_under(world, tell(world, clearance(world)))
    assert world.start().state is ReceiptState.ACCEPTED
    world.advance(30)
    world.tell(ClearanceSeen(clearance=None))
    world.advance(30)
    assert world.mode is Mode.RUNNING


@pytest.mark.req("START-02", "START-11")
@pytest.mark.parametrize("read", ["", "c-0a1b2c3e"])
def test_the_second_person_reads_whose_order_it_is(read: str) -> None:
    world = strict()
    asked(world, tell(world, clearance(world)))
    answer = world.confirm(course=read)
    assert answer.state is ReceiptState.REFUSED
    assert "is not that of the order, c-0a1b2c3d; look whose bed this is" in answer.reason
    assert world.confirm(course="c-0a1b2c3d").state is ReceiptState.VERIFIED
