"""Where the drug went: the balance to the nanogram, its tolerance, and the second person (CLIN-09)."""

from decimal import Decimal

import pytest

from pumpd.core.accounting import allowed_ng
from pumpd.core.commands import Account, ReceiptState, Witness
from pumpd.core.effects import Decision
from pumpd.core.modes import Mode
from pumpd.core.ports import PumpCounter
from tests.core.support import World, in_mode, prepare

MG = 1_000_000


def ended() -> World:
    """Return a world whose infusion has ended short; 50 mL at 2 mg/mL were mixed."""
    return in_mode(Mode.ENDED)


def rest_ml(world: World) -> Decimal:
    """Return what neither the patient nor the line of 2 mL has."""
    order = world.core.state.order
    assert order is not None
    return Decimal(order.label.mixed_nl - world.core.state.ledger.high(world.now_ns)).scaleb(-6) - 2


@pytest.mark.req("CLIN-09")
@pytest.mark.parametrize(
    ("drawn_mg", "allowed_mg"), [(10, "1"), (50, "1"), (51, "1.02"), (100, "2"), (0, "1")], ids=str
)
def test_the_larger_of_1_mg_and_2_percent_is_allowed(drawn_mg: int, allowed_mg: str) -> None:
    assert allowed_ng(drawn_mg * MG) == Decimal(allowed_mg) * MG


@pytest.mark.req("CLIN-09")
def test_drawn_is_given_primed_wasted_and_left_in_volume_and_in_mass() -> None:
    world = ended()
    receipt = world.account(primed="2", wasted="10.5")
    assert receipt.state is ReceiptState.VERIFIED
    account = world.core.state.account
    assert account is not None
    assert receipt.reason == f"account {account.hash} waits for a second person: witness"
    assert (account.missing_nl, account.has_gap, account.witness) == (0, False, None)
    (line,) = (each.text for _, each in world.effects if isinstance(each, Decision) and each.cause == "account")
    assert line.startswith("50 mL (100 mg) drawn and mixed; given ")
    assert "primed 2 mL (4 mg), wasted 10.5 mL (21 mg), left " in line
    assert "no gap, allowed 2 mg" in line


@pytest.mark.req("CLIN-09")
@pytest.mark.parametrize("side", [1, -1], ids=["missing", "too much"])
def test_a_gap_is_refused_by_its_numbers_one_nanolitre_beyond_what_is_allowed(side: int) -> None:
    """2 mg are 1 mL; the width of the delivered interval is on top of it."""
    world = ended()
    state = world.core.state
    width_ml = Decimal(state.ledger.high(world.now_ns) - state.ledger.low()).scaleb(-6)
    edge_ml = rest_ml(world) - 1 if side > 0 else rest_ml(world) + width_ml + 1
    refused = world.account(left=str(edge_ml - side * Decimal("0.000001")))
    assert refused.state is ReceiptState.REFUSED
    assert "count again, or explain the gap" in refused.reason
    assert ("missing" if side > 0 else "too much") in refused.reason
    assert state.account is None
    assert world.account(left=str(edge_ml)).state is ReceiptState.VERIFIED


@pytest.mark.req("CLIN-09")
def test_a_gap_closes_with_an_explanation_that_both_have_signed() -> None:
    world = ended()
    short = str(rest_ml(world) - 3)
    assert world.account(left=short, explanation="  ").state is ReceiptState.REFUSED
    explained = world.account(left=short, explanation="a syringe leaked into the tray")
    assert explained.state is ReceiptState.VERIFIED
    account = world.core.state.account
    assert account is not None
    assert account.has_gap
    assert any("waits for a second person: witness" in each for each in blockers(world))
    assert world.witness("ben").state is ReceiptState.VERIFIED
    (line,) = (each.text for _, each in world.effects if isinstance(each, Decision) and "witnessed" in each.text)
    assert "of anna witnessed by ben with its gap (3 mL (6 mg) missing) and explanation" in line
    assert not any("account" in each for each in blockers(world))


def blockers(world: World) -> list[str]:
    return world.close().reason.split("; ")


@pytest.mark.req("CLIN-09")
def test_nobody_witnesses_her_own_count_nor_one_that_she_was_not_shown() -> None:
    world = ended()
    assert "no account of the drug waits" in world.witness("ben").reason
    assert any("the drug is not accounted for" in each for each in blockers(world))
    world.account()
    assert "anna counted; a second person must witness it" in world.witness("anna").reason
    assert "may not witness" in world.witness("vic").reason
    old = world.core.state.account
    assert old is not None
    world.account(wasted="1")
    shown = world.core.state.account
    assert shown is not None
    quoted_old = world.answer("ben", Witness(account_hash=old.hash))
    assert quoted_old.reason.startswith(f"the witness quotes account {old.hash}, the one that waits is {shown.hash}")
    assert world.witness("ben").state is ReceiptState.VERIFIED
    assert "ben has witnessed this account already" in world.witness("pia").reason


@pytest.mark.req("CLIN-09")
def test_what_flows_after_the_count_voids_it() -> None:
    world = ended()
    world.account()
    world.pump.given_nl += 100_000
    world.pump.counted_nl += 100_000
    low_nl, high_nl = world.pump.counter()
    world.tell(PumpCounter(low_nl=low_nl, high_nl=high_nl, asked_at_ns=world.now_ns))
    assert "flow-at-rest" in world.alarm_ids()
    world.advance(10)
    assert "what was given is not what it was when the drug was counted" in world.witness("ben").reason
    assert any("account again" in each for each in blockers(world))
    assert world.account().state is ReceiptState.VERIFIED
    assert world.witness("ben").state is ReceiptState.VERIFIED


@pytest.mark.req("CLIN-09")
@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"primed_ml": Decimal(-1)}, "primed volume must be above 0 mL"),
        ({"wasted_ml": Decimal("NaN")}, "wasted volume must be a finite number"),
        ({"left_ml": Decimal("0.0000001")}, "volume left has more digits"),
    ],
)
def test_what_is_no_volume_is_refused(entry: dict[str, Decimal], words: str) -> None:
    world = ended()
    whole = {"primed_ml": Decimal(0), "wasted_ml": Decimal(0), "left_ml": Decimal(0)} | entry
    assert words in world.answer("anna", Account(**whole)).reason


@pytest.mark.req("CLIN-09")
@pytest.mark.parametrize("mode", [Mode.READY, Mode.RUNNING, Mode.PAUSED])
def test_the_drug_is_counted_once_the_infusion_is_over(mode: Mode) -> None:
    assert "once the infusion is over" in in_mode(mode).account().reason


@pytest.mark.req("CLIN-09")
def test_a_witnessed_account_is_known_after_a_restart_and_not_by_the_next_order() -> None:
    world = ended()
    world.account()
    world.witness()
    world.advance(1)
    assert world.saved is not None
    again = World(now_ns=world.now_ns * 2, pump=world.pump)
    again.boot(recovered=world.saved)
    assert again.core.state.account == world.core.state.account
    world.observe()
    world.answer("anna", prepare())
    assert world.core.state.account is None
