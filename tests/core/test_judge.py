"""Who may command, from how old a screen, and what a second delivery of the same command does."""

from decimal import Decimal

import pytest

from pumpd.core.commands import Acknowledge, Assess, Pause, Prepare, ReceiptState, Resume, Start, Stop
from pumpd.core.effects import Receipt, SendRun, SendStop, WriteIntent
from pumpd.core.events import CommandMalformed, TokenIssued
from pumpd.core.judge import assessment_refusal
from pumpd.core.modes import Mode
from tests.core.support import S, World, core_in, only, prepare, ready, running

SHOWN = "the token on her screen"


def ask(world: World, **changes: object) -> Receipt:
    return world.answer("anna", Start(order_hash=world.order_hash), **changes)


@pytest.mark.req("CMD-01")
@pytest.mark.parametrize(("late_ns", "accepted"), [(-1, True), (0, True), (1, False)])
def test_the_age_of_the_token_at_five_seconds(late_ns: int, accepted: bool) -> None:
    world = ready()
    world.tell(TokenIssued(token=SHOWN, real_ns=world.now_ns))
    answer = ask(world, token=SHOWN, received_real_ns=world.now_ns + 5 * S + late_ns)
    assert (answer.state is ReceiptState.ACCEPTED) is accepted
    assert accepted or "limit 5 s" in answer.reason


@pytest.mark.req("CMD-01", "CMD-02", "CMD-03")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"token": None}, "token is unknown"),
        ({"token": "guessed"}, "token is unknown"),
        ({"session": "s-other"}, "the command is for session"),
        ({"session": None}, "the command is for session"),
        ({"rev": 0}, "decided on state 0"),
        ({"rev": None}, "decided on state None"),
        ({"retained": True}, "retained"),
        ({"user": "vic"}, "the role viewer may not start"),
        ({"user": "eva"}, "the role engineer may not start"),
        ({"user": "mallory"}, "operator list"),
    ],
)
def test_a_command_that_is_not_fresh_or_not_allowed_is_refused(changes: dict[str, object], words: str) -> None:
    world, changes = ready(), dict(changes)
    user = str(changes.pop("user", "anna"))
    effects = world.command(user, Start(order_hash=world.order_hash), **changes)
    (answer,) = only(effects, Receipt)
    assert answer.state is ReceiptState.REFUSED
    assert words in answer.reason
    assert not only(effects, WriteIntent)


@pytest.mark.req("CMD-02")
def test_a_retained_command_raises_low() -> None:
    world = ready()
    world.command("anna", Assess(moaas=2, respiration_bpm=5), retained=True)
    (alarm,) = world.core.state.alarms.listed
    assert (alarm.id, alarm.priority.name) == ("retained-command", "LOW")
    assert ask(world).state is ReceiptState.ACCEPTED, "LOW blocks nothing"


@pytest.mark.req("CMD-02")
def test_a_command_id_acts_at_most_once() -> None:
    world = ready()
    world.command("anna", Start(order_hash=world.order_hash), id="same")
    world.advance(5)
    world.pause()
    world.advance(35)
    again = world.command("anna", Resume(order_hash=world.order_hash), id="same")
    assert not only(again, WriteIntent)
    assert only(again, Receipt)[0].state is ReceiptState.VERIFIED, "the answer that was given is given again"
    other = world.command("ben", Resume(order_hash=world.order_hash), id="same")
    assert "acts at most once" in only(other, Receipt)[0].reason


@pytest.mark.req("CMD-02")
def test_an_id_from_before_a_restart_does_not_act() -> None:
    world = World()
    world.boot(seen=("old",))
    answer = world.answer("anna", prepare(), id="old")
    assert "acts at most once" in answer.reason
    assert world.mode is Mode.IDLE


@pytest.mark.req("CTRL-02", "CMD-02")
@pytest.mark.parametrize("kind", [Stop, Pause])
@pytest.mark.parametrize("user", ["anna", "vic", "mallory"])
def test_stop_and_pause_are_obeyed_retained_late_twice_and_from_anybody(kind: type[Stop], user: str) -> None:
    world = running()
    stale = {"retained": True, "token": None, "session": "s-other", "rev": None, "id": "same"}
    effects = world.command(user, kind(), received_real_ns=world.now_ns + 3_600 * S, **stale)
    assert isinstance(effects[0], SendStop)
    assert only(effects, Receipt)[0].state is ReceiptState.ACCEPTED
    assert isinstance(world.command(user, kind(), **stale)[0], SendStop)
    world.advance(5)
    assert world.last_answer(kind.__name__.lower()).state is ReceiptState.VERIFIED
    assert isinstance(world.command(user, kind(), **stale)[0], SendStop)


@pytest.mark.parametrize("entry", [Assess(moaas=6, respiration_bpm=12), Assess(moaas=-1, respiration_bpm=12)])
def test_an_assessment_off_the_scale_is_refused(entry: Assess) -> None:
    assert "scale" in ready().answer("anna", entry).reason
    assert "count again" in ready().answer("anna", Assess(moaas=5, respiration_bpm=71)).reason


def test_a_correction_in_the_same_instant_counts() -> None:
    world = running()
    world.assess(moaas=5)
    world.assess(moaas=2)
    world.advance(5)
    assert world.mode is Mode.ENDED


def test_an_engineer_may_acknowledge() -> None:
    world = ready()
    assert "no episode" in world.answer("eva", Acknowledge(alarm="x", episode=1)).reason


def test_what_is_no_command_changes_nothing() -> None:
    world = ready()
    rev = world.core.state.rev
    (receipt,) = only(world.tell(CommandMalformed(user="anna", id=None, reason="not JSON")), Receipt)
    assert receipt.state is ReceiptState.REFUSED
    assert world.core.state.rev == rev


@pytest.mark.parametrize("mode_user", ["anna", "pia"])
def test_prepare_needs_no_session_but_a_fresh_token(mode_user: str) -> None:
    world = World()
    world.boot()
    entry: Prepare = prepare(weight_kg=Decimal(70))
    assert world.answer(mode_user, entry, token=SHOWN).state is ReceiptState.REFUSED
    assert world.answer(mode_user, entry, session=None, rev=None).state is ReceiptState.VERIFIED
    assert not [effect for _, effect in world.effects if isinstance(effect, SendRun)]


@pytest.mark.req("CMD-01")
def test_the_last_32_tokens_are_remembered() -> None:
    core, now_ns = core_in(Mode.READY)
    for number in range(40):
        list(core.handle(TokenIssued(token=f"x{number}", real_ns=now_ns), now_ns))
    assert [token for token, _ in core.state.tokens] == [f"x{number}" for number in range(8, 40)]


@pytest.mark.req("VIT-18")
@pytest.mark.parametrize(
    ("moaas", "respiration", "words"),
    [
        (0, 12, None),
        (5, 12, None),
        (5, 0, None),
        (5, 70, None),
        (-1, 12, "not on the scale"),
        (6, 12, "not on the scale"),
        (5, -1, "outside 0 to 70"),
        (5, 71, "outside 0 to 70"),
    ],
)
def test_an_assessment_at_the_ends_of_its_scales(moaas: int, respiration: int, words: str | None) -> None:
    refused = assessment_refusal(Assess(moaas=moaas, respiration_bpm=respiration))
    assert refused is None if words is None else words in str(refused)
