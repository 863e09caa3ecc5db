"""Limits of a session: tightened by one action and at once, loosened by two people and a reason, within borders."""

import pytest

from pumpd.core.commands import Command, ConfirmLoosen, Loosen, ReceiptState, Tighten
from pumpd.core.effects import Decision, Receipt, SendStop, StateChanged
from pumpd.core.limits import in_force
from pumpd.core.modes import Mode
from pumpd.core.ports import SamplesReceived, VitalKind
from tests.core.support import World, only, paused, prepare, ready, running, vital


def limit(world: World, rule: str) -> int:
    return next(each.limit for each in in_force(world.core.state) if each.id == rule)


def tighten(world: World, rule: str, new: int, user: str = "anna") -> Receipt:
    return world.answer(user, Tighten(rule=rule, limit=new))


def loosen(world: World, rule: str, new: int, *, by: str = "anna", second: str = "pia", reason: str = "athlete") -> str:
    """Loosen by two people; return the last refusal, or nothing."""
    answer = world.answer(by, Loosen(rule=rule, limit=new, reason=reason))
    if answer.state is not ReceiptState.VERIFIED:
        return answer.reason
    asked = world.core.state.loosening
    assert asked is not None
    answer = world.answer(second, ConfirmLoosen(loosening_hash=asked.hash))
    return "" if answer.state is ReceiptState.VERIFIED else answer.reason


@pytest.mark.req("VIT-13")
def test_one_action_tightens_and_what_is_known_is_judged_at_once() -> None:
    world = running(60)
    effects = world.command("anna", Tighten(rule="sbp-low-pause", limit=121))
    assert isinstance(effects[0], SendStop), "the last reading was 120 mmHg"
    world.advance(3)
    assert world.mode is Mode.PAUSED
    assert "SBP 120 mmHg < 121 mmHg" in str(world.core.state.pause_cause)


@pytest.mark.req("VIT-13", "VIT-08")
def test_a_tightened_limit_acts_on_the_next_sample_before_anything_else() -> None:
    world = running(60)
    assert tighten(world, "spo2-very-low-end", 91).state is ReceiptState.VERIFIED
    effects = world.tell(SamplesReceived(samples=(vital(VitalKind.SPO2, 90, world.now_ns + 1),)))
    assert isinstance(effects[0], SendStop)
    world.advance(3)
    assert world.mode is Mode.ENDED


@pytest.mark.req("VIT-13")
@pytest.mark.parametrize(
    ("rule", "new", "words"),
    [
        ("spo2-low-pause", 92, "is not stricter than SPO2 < 92 %"),
        ("spo2-low-pause", 91, "a looser limit takes two people"),
        ("sbp-high-pause", 160, "is not stricter than SBP >= 160 mmHg"),
        ("spo2-low-pause", 98, "outside 80 to 97 %"),
        ("hr-high-pause", 49, "leaves no value of HR"),
        ("no-such-rule", 90, "there is no rule"),
    ],
)
def test_a_tightening_goes_towards_safety_and_leaves_room(rule: str, new: int, words: str) -> None:
    world = ready()
    answer = tighten(world, rule, new)
    assert (answer.state, words in answer.reason) == (ReceiptState.REFUSED, True), answer.reason
    assert not world.core.state.limits


@pytest.mark.req("VIT-13", "CMD-03")
def test_a_tightening_needs_no_version_but_a_clinician() -> None:
    world = ready()
    assert tighten(world, "spo2-low-pause", 94, user="vic").state is ReceiptState.REFUSED
    stale = {"rev": 0, "session": None, "token": None}
    assert world.answer("ben", Tighten(rule="spo2-low-pause", limit=94), **stale).state is ReceiptState.VERIFIED
    assert limit(world, "spo2-low-pause") == 94


@pytest.mark.req("VIT-13", "CMD-03")
def test_a_moved_limit_is_in_the_record_and_moves_the_version() -> None:
    world = ready()
    effects = world.command("anna", Tighten(rule="spo2-low-pause", limit=94))
    assert only(effects, StateChanged)
    (line,) = (each.text for each in only(effects, Decision) if each.cause == "limit")
    assert line == "spo2-low-pause was SPO2 < 92 %, now SPO2 < 94 %, tightened by anna"


@pytest.mark.req("VIT-13")
def test_two_people_with_a_reason_loosen() -> None:
    world = ready()
    assert loosen(world, "hr-low-pause", 45) == ""
    assert limit(world, "hr-low-pause") == 45
    change = world.core.state.limits["hr-low-pause"]
    assert (change.by, change.confirmed_by, change.reason) == ("anna", "pia", "athlete")


@pytest.mark.req("VIT-13")
@pytest.mark.parametrize(
    ("rule", "new", "people", "words"),
    [
        ("hr-low-pause", 45, {"reason": "  "}, "needs a reason"),
        ("hr-low-pause", 45, {"second": "anna"}, "a second person must confirm"),
        ("hr-low-pause", 45, {"second": "ben"}, "a prescriber must be one of the two"),
        ("hr-low-pause", 45, {"second": "vic"}, "may not confirm-loosen"),
        ("hr-low-pause", 45, {"by": "eva"}, "may not loosen"),
        ("hr-low-pause", 50, {}, "is not looser"),
        ("hr-low-pause", 40, {}, "reaches rule hr-low-end"),
        ("hr-low-end", 39, {}, "never loosened past the profile"),
        ("sbp-high-pause", 180, {}, "reaches rule sbp-high-end"),
        ("sbp-high-end", 181, {}, "never loosened past the profile"),
        ("spo2-low-pause", 90, {}, "reaches rule spo2-low-end"),
        ("rr-high-pause", 41, {}, "outside 4 to 40 /min"),
        ("sbp-rise-pause", 81, {}, "outside 1 to 80 mmHg"),
        ("moaas-pause", 3, {}, "reaches rule moaas-end"),
        ("no-such-rule", 3, {}, "there is no rule"),
    ],
)
def test_what_does_not_loosen(rule: str, new: int, people: dict[str, str], words: str) -> None:
    world = ready()
    refusal = loosen(world, rule, new, **people)
    assert words in refusal
    assert not world.core.state.limits


@pytest.mark.req("VIT-13")
def test_two_nurses_may_take_back_what_was_tightened() -> None:
    world = ready()
    tighten(world, "hr-low-end", 45)
    assert loosen(world, "hr-low-end", 40, second="ben") == ""
    assert limit(world, "hr-low-end") == 40


@pytest.mark.req("VIT-13")
def test_a_proposal_lapses_after_five_minutes_and_loosens_nothing_alone() -> None:
    world = ready()
    world.command("anna", Loosen(rule="hr-low-pause", limit=45, reason="athlete"))
    asked = world.core.state.loosening
    assert asked is not None
    assert limit(world, "hr-low-pause") == 50
    assert "look again" in world.answer("pia", ConfirmLoosen(loosening_hash="0" * 16)).reason
    world.advance(301)
    assert "propose it again" in world.answer("pia", ConfirmLoosen(loosening_hash=asked.hash)).reason


@pytest.mark.req("VIT-13", "CMD-01")
@pytest.mark.parametrize("changes", [{"token": None}, {"rev": 0}, {"session": None}, {"retained": True}])
def test_a_loosening_must_be_fresh_on_both_sides(changes: dict[str, object]) -> None:
    world = ready()
    wish = Loosen(rule="hr-low-pause", limit=45, reason="athlete")
    assert world.answer("anna", wish, **changes).state is ReceiptState.REFUSED
    assert world.core.state.loosening is None
    world.command("anna", wish)
    asked = world.core.state.loosening
    assert asked is not None
    assert world.answer("pia", ConfirmLoosen(loosening_hash=asked.hash), **changes).state is ReceiptState.REFUSED
    assert not world.core.state.limits


@pytest.mark.req("VIT-13", "CTRL-04")
def test_loosening_ends_no_pause() -> None:
    world = running(60)
    world.hr = 47
    world.advance(20)
    assert world.mode is Mode.PAUSED
    assert loosen(world, "hr-low-pause", 42) == ""
    world.advance(20)
    assert world.mode is Mode.PAUSED


@pytest.mark.req("VIT-13", "LOG-02")
def test_moved_limits_survive_a_restart_and_end_with_the_session() -> None:
    world = paused()
    tighten(world, "spo2-low-pause", 94)
    restarted = World(pump=world.pump, now_ns=world.now_ns)
    restarted.boot(world.core.session_record(world.now_ns))
    assert limit(restarted, "spo2-low-pause") == 94
    world.stop()
    world.advance(5)
    world.observe()
    assert world.answer("anna", prepare()).state is ReceiptState.VERIFIED
    assert limit(world, "spo2-low-pause") == 92


@pytest.mark.req("VIT-13")
@pytest.mark.parametrize(
    "wish", [Tighten(rule="hr-low-pause", limit=55), Loosen(rule="hr-low-pause", limit=45, reason="x")]
)
def test_without_a_session_there_is_no_limit_to_move(wish: Command) -> None:
    world = World()
    world.boot()
    assert "open session only" in world.answer("anna", wish).reason


@pytest.mark.req("VIT-13")
def test_an_alert_may_be_tightened_to_where_every_value_alerts() -> None:
    world = ready()
    assert tighten(world, "hr-high-alert", 50).state is ReceiptState.VERIFIED
    assert limit(world, "hr-high-alert") == 50


@pytest.mark.req("VIT-13")
def test_a_proposal_is_judged_again_when_it_is_confirmed() -> None:
    world = ready()
    world.command("anna", Loosen(rule="hr-low-pause", limit=45, reason="athlete"))
    asked = world.core.state.loosening
    assert asked is not None
    assert tighten(world, "hr-low-end", 46).state is ReceiptState.VERIFIED
    assert "reaches rule hr-low-end" in world.answer("pia", ConfirmLoosen(loosening_hash=asked.hash)).reason
    assert limit(world, "hr-low-pause") == 50
