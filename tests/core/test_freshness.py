"""Whether a command may act, judged without a bed: each role, each staleness, and what is asked of which command."""

from dataclasses import replace
from decimal import Decimal

import pytest

from pumpd.core.commands import (
    Account,
    Acknowledge,
    Assess,
    Attest,
    Attested,
    AudioPause,
    Close,
    Command,
    CommandReceived,
    Confirm,
    ConfirmLoosen,
    Loosen,
    Lower,
    Presence,
    Resume,
    Score,
    Start,
    Tighten,
    Witness,
)
from pumpd.core.judge import refusal
from pumpd.core.state import State
from tests.core.support import S, prepare, settings

NOW = 100 * S
SHOWN, OLDER, GUESSED = "the token on her screen", "the one before", "guessed"
FRESH: tuple[Command, ...] = (
    Confirm(order_hash="x", weight_kg=Decimal(70), concentration_mg_ml=Decimal(2), drug="x", syringe="x"),
    Start(order_hash="x"),
    Resume(order_hash="x"),
    Lower(rate_ml_h=Decimal(20)),
    Loosen(rule="x", limit=1, reason="x"),
    ConfirmLoosen(loosening_hash="x"),
    Account(primed_ml=Decimal(0), wasted_ml=Decimal(0), left_ml=Decimal(0)),
    Witness(account_hash="x"),
    Close(),
)
"""What must have been decided on the state that is now."""
ANY: tuple[Command, ...] = (
    Acknowledge(alarm="x", episode=1),
    AudioPause(alarm="x", episode=1),
    Assess(moaas=5, respiration_bpm=12),
    Attest(item=Attested.PRIMED),
    Tighten(rule="x", limit=1),
    Score(nausea=0, dizziness=0, anxiety=0, dissociation=0),
)
"""What says something that no other state makes wrong."""


def judge(what: Command, **changes: object) -> str | None:
    state = State(settings=settings(), session="s", rev=7, tokens=((OLDER, NOW - S), (SHOWN, NOW)))
    command = CommandReceived(
        user="anna", id="c", command=what, session="s", rev=7, token=SHOWN, retained=False, received_real_ns=NOW
    )
    return refusal(replace(command, **changes), state)  # type: ignore[arg-type]  # the tests name the fields


@pytest.mark.parametrize("what", [*FRESH, *ANY, prepare(), Presence()])
def test_a_fresh_command_of_a_clinician_may_act(what: Command) -> None:
    for user in ("anna", "pia"):
        assert judge(what, user=user) is None


@pytest.mark.req("CMD-03")
@pytest.mark.parametrize("what", [*FRESH, *ANY, prepare(), Presence()])
def test_a_stranger_a_viewer_and_what_is_retained_may_not(what: Command) -> None:
    assert "not on this site's operator list" in str(judge(what, user="mallory"))
    assert "the role viewer may not" in str(judge(what, user="vic"))
    assert "delivered as retained" in str(judge(what, retained=True))
    engineer = judge(what, user="eva")
    assert engineer is None if isinstance(what, Acknowledge) else "the role engineer may not" in str(engineer)


@pytest.mark.req("CMD-01", "CMD-02")
@pytest.mark.parametrize("what", FRESH)
def test_what_moves_or_loosens_is_decided_on_the_state_that_is_now(what: Command) -> None:
    assert "token is unknown" in str(judge(what, token=GUESSED))
    assert "token is unknown" in str(judge(what, token=None))
    assert judge(what, session="other") == "the command is for session other, this is session s"
    assert "decided on state 6, the state is now 7" in str(judge(what, rev=6))


@pytest.mark.req("CMD-01")
@pytest.mark.parametrize("what", [prepare(), Presence()])
def test_some_commands_need_a_fresh_token_and_no_state(what: Command) -> None:
    assert "token is unknown" in str(judge(what, token=GUESSED))
    assert judge(what, session=None, rev=None) is None


@pytest.mark.parametrize("what", ANY)
def test_the_others_need_neither(what: Command) -> None:
    assert judge(what, token=None, session=None, rev=None) is None


@pytest.mark.req("CMD-01")
@pytest.mark.parametrize("what", [*FRESH, prepare(), Presence()])
def test_a_token_is_good_for_five_seconds(what: Command) -> None:
    assert judge(what, received_real_ns=NOW + 5 * S) is None
    late = judge(what, received_real_ns=NOW + 5 * S + 1)
    assert late == ("the command was decided on a screen 5.0 s old, limit 5 s; look again and send again")
    assert "6.0 s old" in str(judge(what, token=OLDER, received_real_ns=NOW + 5 * S))
