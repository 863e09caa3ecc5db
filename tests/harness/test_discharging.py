"""What the scripted nurse does next in the observation: the prompt first, then what bars a close, then the close."""

from decimal import Decimal

from pumpd.core.commands import Assess, Attest, Attested, Close, Score, Witness
from pumpd.mqtt.payloads import Prompt
from simulators.harness.discharging import next_step
from tests.mqtt import examples

NOTHING = {"prompt": None, "close_blockers": ()}


def asked(*what: str) -> Prompt:
    return Prompt(where="at 120 min of the observation", asks=what, age_s=Decimal(1))


def test_a_prompt_is_answered_before_the_close_that_nothing_bars() -> None:
    sedation, feeling = "sedation (assess)", "nausea, dizziness, anxiety and dissociation (score)"
    step = next_step(examples.state(**NOTHING | {"prompt": asked(feeling, sedation)}))
    assert step is not None
    assert isinstance(step[0], Assess)
    step = next_step(examples.state(**NOTHING | {"prompt": asked(feeling)}))
    assert step is not None
    assert isinstance(step[0], Score)
    assert next_step(examples.state(**NOTHING)) == (Close(), False)


def test_what_bars_a_close_is_done_by_whoever_may() -> None:
    unwitnessed = examples.state(**NOTHING | {"close_blockers": ("the account of anna waits: witness",)})
    assert next_step(unwitnessed) == (Witness(account_hash="acc0"), True)
    alone = examples.state(**NOTHING | {"close_blockers": ("nobody has attested: attest escort-present",)})
    assert next_step(alone) == (Attest(item=Attested.ESCORT_PRESENT), False)
    assert next_step(examples.state(**NOTHING | {"close_blockers": ("observed for 3 min",)})) is None
