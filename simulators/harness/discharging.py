"""What a nurse does next in the observation, by what her screen asks for and what bars a close. Knows no connection."""

from decimal import Decimal

from pumpd.core.commands import FOR_DISCHARGE, Account, Assess, Attest, Close, Command, Score, Witness
from pumpd.mqtt.payloads import State

PRIMED_ML = Decimal(2)
"""What the line of the simulated beds takes."""


def next_step(state: State) -> tuple[Command, bool] | None:
    """Return what to send, and whether a second person must; None while there is nothing to do but to wait."""
    words = "; ".join(state.close_blockers)
    asked = "" if state.prompt is None else "; ".join(state.prompt.asks)
    if "MOAAS" in words or "(assess)" in asked:
        return Assess(moaas=5, respiration_bpm=14), False
    if "nausea" in words or "(score)" in asked:
        return Score(nausea=0, dizziness=1, anxiety=0, dissociation=0), False
    if not words:
        return Close(), False
    for item in FOR_DISCHARGE:
        if f"attest {item.value}" in words:
            return Attest(item=item), False
    if "witness" in words and state.account is not None:
        return Witness(account_hash=state.account.hash), True
    if "account" in words and "alarm" not in words:
        return _account(state), False
    return None


def _account(state: State) -> Account:
    """Count what is left: of the simulated drug none is ever lost."""
    label, delivery = state.syringe_label, state.delivery
    assert label is not None  # noqa: S101 - it came with the order
    assert delivery is not None  # noqa: S101 - something was given
    left_ml = label.drug_drawn_ml + label.diluent_ml - delivery.high_ml - PRIMED_ML
    return Account(primed_ml=PRIMED_ML, wasted_ml=Decimal(0), left_ml=left_ml)
