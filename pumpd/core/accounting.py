"""Where the drug went: mixed = given + primed + wasted + left; one person counts and another witnesses (CLIN-09).

Everything is the mixed solution, in nL, and the drug in it, in ng. What was given is an interval; the distance of the
mixed amount from the interval that the sum makes is the gap, so that the interval's own width never counts as one.
"""

import hashlib
from collections.abc import Iterator
from decimal import Decimal

from pumpd.core import phase
from pumpd.core.commands import Account, Witness
from pumpd.core.effects import Decision, Effect
from pumpd.core.quantities import NG_PER_MG, NL_PER_ML, QuantityError, decimal_from, in_mg, in_ml, scaled_exactly
from pumpd.core.session import Accounted
from pumpd.core.state import State

LEAST_ALLOWED_NG = NG_PER_MG
"""A gap of 1 mg is always allowed (CLIN-09)."""
ALLOWED_PERCENT = 2
"""Of the drug that was drawn; the larger of the two counts."""


def allowed_ng(drawn_ng: int) -> int:
    """Return the largest gap that needs no explanation."""
    return max(LEAST_ALLOWED_NG, drawn_ng * ALLOWED_PERCENT // 100)


def count(state: State, entry: Account, user: str, now_ns: int, effects: list[Effect]) -> str | None:
    """Keep a count of the drug for a second person to witness, or return why not."""
    order = state.order
    if order is None or not phase.is_observing(state):
        return f"the phase is {phase.phase(state).value}; the drug is accounted for once the infusion is over"
    try:
        primed_nl, wasted_nl, left_nl = (
            _volume_nl(name, value)
            for name, value in (
                ("primed volume", entry.primed_ml),
                ("wasted volume", entry.wasted_ml),
                ("volume left", entry.left_ml),
            )
        )
    except QuantityError as error:
        return str(error)
    low_nl, high_nl = state.ledger.low(), state.ledger.high(now_ns)
    counted_nl = primed_nl + wasted_nl + left_nl
    mixed_nl, concentration = order.label.mixed_nl, order.concentration
    missing_nl = max(mixed_nl - high_nl - counted_nl, 0) - max(low_nl + counted_nl - mixed_nl, 0)
    gap_ng = -concentration.mass_ng(-abs(missing_nl))  # rounded up
    explanation = entry.explanation.strip()
    has_gap = gap_ng > allowed_ng(concentration.mass_ng(mixed_nl))
    words = (
        f"{_amount(state, mixed_nl)} drawn and mixed; given {_between(state, low_nl, high_nl)}, primed "
        f"{_amount(state, primed_nl)}, wasted {_amount(state, wasted_nl)}, left {_amount(state, left_nl)}; "
        f"{_gap(state, missing_nl)}, allowed {in_mg(allowed_ng(concentration.mass_ng(mixed_nl)))} mg"
    )
    if has_gap and not explanation:
        return f"{words}: count again, or explain the gap"
    content = f"{state.session}|{words}|{explanation}|{user}|{now_ns}"
    state.account = Accounted(
        hash=hashlib.sha256(content.encode()).hexdigest()[:16],
        primed_nl=primed_nl,
        wasted_nl=wasted_nl,
        left_nl=left_nl,
        low_nl=low_nl,
        high_nl=high_nl,
        missing_nl=missing_nl,
        has_gap=has_gap,
        explanation=explanation,
        by=user,
        witness=None,
    )
    because = f"; explained: {explanation}" if explanation else ""
    effects.append(Decision(cause="account", text=f"{words}{because}, counted by {user}; account {state.account.hash}"))
    return None


def witness(state: State, word: Witness, user: str, now_ns: int, effects: list[Effect]) -> str | None:
    """Let a second person sign the count and, where there is a gap, its explanation; or return why not."""
    asked = state.account
    if asked is None or not phase.is_observing(state):
        return "no account of the drug waits for a witness; somebody counts first: account"
    if word.account_hash != asked.hash:
        return f"the witness quotes account {word.account_hash}, the one that waits is {asked.hash}; look again"
    if asked.witness is not None:
        return f"{asked.witness} has witnessed this account already"
    if user == asked.by:
        return f"{user} counted; a second person must witness it"
    changed = tuple(_changed(state, asked, now_ns))
    if changed:
        return changed[0]
    state.account = asked.witnessed(user)
    gap = f" with its gap ({_gap(state, asked.missing_nl)}) and explanation" if asked.has_gap else ""
    effects.append(Decision(cause="account", text=f"account {asked.hash} of {asked.by} witnessed by {user}{gap}"))
    return None


def blockers(state: State, now_ns: int) -> Iterator[str]:
    """Yield what keeps a session from being closed."""
    account = state.account
    if account is None:
        yield "the drug is not accounted for: primed, wasted and left in the set (account)"
        return
    yield from _changed(state, account, now_ns)
    if account.witness is None:
        yield f"the account of {account.by} waits for a second person: witness"


def _changed(state: State, account: Accounted, now_ns: int) -> Iterator[str]:
    if (state.ledger.low(), state.ledger.high(now_ns)) != (account.low_nl, account.high_nl):
        yield "what was given is not what it was when the drug was counted: account again"


def _volume_nl(name: str, value: Decimal) -> int:
    """Return a volume that may be nothing at all."""
    number = Decimal(0) if value.is_zero() else decimal_from(name, value, "mL")
    return scaled_exactly(name, number, NL_PER_ML, "mL")


def _amount(state: State, volume_nl: int) -> str:
    order = state.order
    assert order is not None  # noqa: S101 - something was given
    mass = in_mg(order.concentration.mass_ng(volume_nl))
    return f"{in_ml(volume_nl)} mL ({mass} mg)"


def _between(state: State, low_nl: int, high_nl: int) -> str:
    return " to ".join(_amount(state, bound) for bound in sorted({low_nl, high_nl}))


def _gap(state: State, missing_nl: int) -> str:
    if missing_nl == 0:
        return "no gap"
    return f"{_amount(state, abs(missing_nl))} {'missing' if missing_nl > 0 else 'too much'}"
