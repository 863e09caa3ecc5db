"""Receipts: who gets which word on which command, when nothing was heard for too long, and how much is remembered."""

import pytest

from pumpd.core import answers
from pumpd.core.commands import ReceiptState
from pumpd.core.effects import Effect, Receipt
from pumpd.core.ports import PumpAttached
from pumpd.core.state import Awaiting, PumpView, State
from tests.core.support import S, settings

START = Awaiting(user="anna", command_id="c1", kind="start", since_ns=0)
STOP = Awaiting(user="ben", command_id="c2", kind="stop", since_ns=0)
PAUSE = Awaiting(user="pia", command_id="c3", kind="pause", since_ns=0)


def waiting(*awaiting: Awaiting) -> State:
    return State(settings=settings(), awaiting=awaiting, pump=PumpView(link_up=True))


def receipt(asked: Awaiting, state: ReceiptState, reason: str) -> Receipt:
    return Receipt(user=asked.user, command_id=asked.command_id, kind=asked.kind, state=state, reason=reason)


@pytest.mark.req("CMD-04")
def test_an_accepted_command_waits_for_its_final_word() -> None:
    state, effects = waiting(START), list[Effect]()
    answers.accept(state, effects, STOP, "on the wire")
    accepted = receipt(STOP, ReceiptState.ACCEPTED, "on the wire")
    assert effects == [accepted]
    assert state.awaiting == (START, STOP)
    assert state.answers == {"c2": accepted}


@pytest.mark.req("CMD-04")
def test_a_word_goes_to_the_command_it_is_about_and_to_no_other() -> None:
    state, effects = waiting(START, STOP), list[Effect]()
    answers.executing(state, effects, "c2", "at the pump")
    assert effects == [receipt(STOP, ReceiptState.EXECUTING, "at the pump")]
    assert state.awaiting == (START, STOP)
    answers.finish(state, effects, "c2", ReceiptState.VERIFIED, "rest")
    assert effects[1:] == [receipt(STOP, ReceiptState.VERIFIED, "rest")]
    assert state.awaiting == (START,)
    assert state.answers == {"c2": effects[1]}


@pytest.mark.req("CMD-04")
def test_a_final_word_for_some_kinds_leaves_the_others_waiting() -> None:
    state, effects = waiting(START, STOP, PAUSE), list[Effect]()
    answers.finish_kinds(state, effects, frozenset({"stop", "pause"}), ReceiptState.VERIFIED, "rest")
    assert effects == [receipt(each, ReceiptState.VERIFIED, "rest") for each in (STOP, PAUSE)]
    assert state.awaiting == (START,)


def test_a_command_that_never_waited_is_answered_and_remembered() -> None:
    state, effects = waiting(START), list[Effect]()
    answers.answer(state, effects, STOP, ReceiptState.REFUSED, "no")
    assert effects == [receipt(STOP, ReceiptState.REFUSED, "no")]
    assert (state.awaiting, state.answers) == ((START,), {"c2": effects[0]})


@pytest.mark.req("CMD-04")
def test_the_result_is_unknown_after_nine_seconds_and_is_said_once() -> None:
    late = Awaiting(user="ben", command_id="c4", kind="lower", since_ns=S)
    state, effects = waiting(START, late, STOP), list[Effect]()
    answers.overdue(state, 9 * S - 1, effects)
    assert (effects, state.awaiting) == ([], (START, late, STOP))
    answers.overdue(state, 9 * S, effects)
    why = "the pump has not confirmed it"
    assert effects == [
        receipt(START, ReceiptState.UNKNOWN, f"{why}; watch the pump"),
        receipt(STOP, ReceiptState.UNKNOWN, f"{why}; stop at the pump"),
    ]
    assert [(each.command_id, each.unknown_said) for each in state.awaiting] == [
        ("c1", True),
        ("c4", False),
        ("c2", True),
    ]
    answers.overdue(state, 10 * S, effects)
    assert effects[2:] == [receipt(late, ReceiptState.UNKNOWN, f"{why}; watch the pump")]
    before = state.awaiting
    answers.overdue(state, 99 * S, effects)
    assert len(effects) == 3
    assert state.awaiting is before


def test_before_its_time_nothing_is_said() -> None:
    state, effects = waiting(Awaiting(user="ben", command_id="c4", kind="lower", since_ns=S)), list[Effect]()
    before = state.awaiting
    answers.overdue(state, 10 * S - 1, effects)
    assert not effects
    assert state.awaiting is before


@pytest.mark.req("CMD-04")
def test_a_later_word_replaces_unknown() -> None:
    state, effects = waiting(START), list[Effect]()
    answers.overdue(state, 9 * S, effects)
    answers.finish(state, effects, "c1", ReceiptState.VERIFIED, "it runs")
    assert state.answers == {"c1": receipt(START, ReceiptState.VERIFIED, "it runs")}
    assert state.awaiting == ()


def test_a_lost_link_is_the_reason_that_nothing_is_known() -> None:
    state, effects = waiting(STOP), list[Effect]()
    state.pump = PumpView(
        link_up=False,
        link_reason="cable",
        attached=PumpAttached(model="x", firmware="x", serial=None, lease_ns=5 * S),
    )
    answers.overdue(state, 9 * S, effects)
    assert effects == [receipt(STOP, ReceiptState.UNKNOWN, "no link to the pump: cable; stop at the pump")]


@pytest.mark.req("CMD-02")
def test_the_last_4096_answers_are_remembered() -> None:
    state, effects = waiting(), list[Effect]()
    state.answers = dict.fromkeys(str(number) for number in range(4_095))
    answers.answer(state, effects, START, ReceiptState.REFUSED, "no")
    assert len(state.answers) == 4_096
    assert "0" in state.answers
    answers.answer(state, effects, STOP, ReceiptState.REFUSED, "no")
    assert len(state.answers) == 4_096
    assert "0" not in state.answers
    assert list(state.answers)[-2:] == ["c1", "c2"]
