"""Receipts: every command gets `accepted`, perhaps `executing`, and one final word that one later word may replace."""

from dataclasses import replace

from pumpd.core.commands import HALTING_KINDS, ReceiptState
from pumpd.core.effects import Effect, Receipt
from pumpd.core.quantities import NS_PER_S
from pumpd.core.state import Awaiting, State

FINAL_WORD_NS = 9 * NS_PER_S
"""When a command without a result is answered `unknown`; a second inside the 10 s of requirement CMD-04."""
KEPT_ANSWERS = 4_096
"""Command ids remembered in memory; those of a session before a restart come from the journal."""


def accept(state: State, effects: list[Effect], awaiting: Awaiting, reason: str) -> None:
    """Say that a command is on its way and remember that a final word is owed."""
    state.awaiting = (*state.awaiting, awaiting)
    _say(state, effects, awaiting, ReceiptState.ACCEPTED, reason)


def executing(state: State, effects: list[Effect], command_id: str, reason: str) -> None:
    """Say that a command has reached the pump."""
    for awaiting in state.awaiting:
        if awaiting.command_id == command_id:
            _say(state, effects, awaiting, ReceiptState.EXECUTING, reason)


def finish(state: State, effects: list[Effect], command_id: str, result: ReceiptState, reason: str) -> None:
    """Give the final word on one command."""
    for awaiting in state.awaiting:
        if awaiting.command_id == command_id:
            _say(state, effects, awaiting, result, reason)
    state.awaiting = tuple(awaiting for awaiting in state.awaiting if awaiting.command_id != command_id)


def finish_kinds(state: State, effects: list[Effect], kinds: frozenset[str], result: ReceiptState, reason: str) -> None:
    """Give the same final word on every command of these kinds."""
    for awaiting in state.awaiting:
        if awaiting.kind in kinds:
            finish(state, effects, awaiting.command_id, result, reason)


def answer(state: State, effects: list[Effect], awaiting: Awaiting, result: ReceiptState, reason: str) -> None:
    """Give the final word on a command that never waited."""
    _say(state, effects, awaiting, result, reason)


def overdue(state: State, now_ns: int, effects: list[Effect]) -> None:
    """Say `unknown` where the final word is late; a later one still replaces it."""
    if not any(not item.unknown_said and now_ns - item.since_ns >= FINAL_WORD_NS for item in state.awaiting):
        return
    waiting = []
    for item in state.awaiting:
        if not item.unknown_said and now_ns - item.since_ns >= FINAL_WORD_NS:
            why = "the pump has not confirmed it" if state.pump.link_up else state.pump.no_link()
            advice = "stop at the pump" if item.kind in HALTING_KINDS else "watch the pump"
            _say(state, effects, item, ReceiptState.UNKNOWN, f"{why}; {advice}")
            item = replace(item, unknown_said=True)
        waiting.append(item)
    state.awaiting = tuple(waiting)


def _say(state: State, effects: list[Effect], awaiting: Awaiting, result: ReceiptState, reason: str) -> None:
    receipt = Receipt(
        user=awaiting.user, command_id=awaiting.command_id, kind=awaiting.kind, state=result, reason=reason
    )
    effects.append(receipt)
    answers = {**state.answers, awaiting.command_id: receipt}
    while len(answers) > KEPT_ANSWERS:
        del answers[next(iter(answers))]
    state.answers = answers
