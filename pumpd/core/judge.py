"""Whether a command may act at all: who, whether it is fresh, and whether it was decided on what is still the case.

Stop, pause and symptom never come here: they are accepted in every state, from anyone, late or twice (CTRL-02).
"""

from pumpd.core.commands import (
    CLINICIANS,
    Account,
    Acknowledge,
    Assess,
    Close,
    CommandReceived,
    Confirm,
    ConfirmLoosen,
    Loosen,
    Lower,
    Prepare,
    Presence,
    Resume,
    Role,
    Score,
    Start,
    Witness,
    kind_of,
)
from pumpd.core.quantities import NS_PER_S
from pumpd.core.state import State

_ON_THIS_STATE = (Prepare, Confirm, Start, Resume, Lower, Loosen, ConfirmLoosen, Account, Witness, Close)
"""What must have been decided on the state that is now."""

KEPT_TOKENS = 32
"""Heartbeat tokens remembered; at one a second this is far beyond the oldest that may be used."""


def refusal(command: CommandReceived, state: State) -> str | None:
    """Return why `command` may not act, or None. Applies to every kind but those that halt."""
    role = state.settings.operators.get(command.user)
    if role is None:
        return f"{command.user} is not on this site's operator list; ask the engineer to add the account"
    if command.retained:
        return "the command was delivered as retained, so it may be old; send it again"
    if role not in _roles(command.command):
        return f"the role {role.value} may not {kind_of(command.command)}; ask a nurse or a prescriber"
    if isinstance(command.command, _ON_THIS_STATE):
        return _stale(command, state)
    if isinstance(command.command, Presence):
        return _old_token(command, state)  # it says where somebody is now, whatever the state
    return None


def _roles(command: object) -> frozenset[Role]:
    if isinstance(command, (Acknowledge,)):
        return CLINICIANS | {Role.ENGINEER}
    return CLINICIANS


def _old_token(command: CommandReceived, state: State) -> str | None:
    """Judge by the daemon's own real clock; a token lives in memory only, so a restart makes every command stale."""
    issued = dict(state.tokens).get(command.token or "")
    if issued is None:
        return "the heartbeat token is unknown to this daemon; look at the present state and send again"
    age_ns = command.received_real_ns - issued
    limit_ns = state.settings.profile.token_max_age_ns
    if age_ns > limit_ns:
        return (
            f"the command was decided on a screen {age_ns / NS_PER_S:.1f} s old, limit {limit_ns / NS_PER_S:.0f} s; "
            "look again and send again"
        )
    return None


def _stale(command: CommandReceived, state: State) -> str | None:
    """Judge whether the command was decided on what is still the case."""
    reason = _old_token(command, state)
    if reason is not None:
        return reason
    if isinstance(command.command, Prepare):
        return None
    if command.session != state.session:
        return f"the command is for session {command.session}, this is session {state.session}"
    if command.rev != state.rev:
        return (
            f"the command was decided on state {command.rev}, the state is now {state.rev}; look again and send again"
        )
    return None


def assessment_refusal(command: Assess) -> str | None:
    """Return why an assessment cannot be true, or None."""
    if not 0 <= command.moaas <= 5:
        return f"MOAA/S {command.moaas} is not on the scale of 0 to 5"
    if not 0 <= command.respiration_bpm <= 70:
        return f"respiration {command.respiration_bpm} /min is outside 0 to 70 /min; count again"
    return None


def score_refusal(command: Score) -> str | None:
    """Return why scores cannot be true, or None."""
    for name in type(command).__slots__:
        value = getattr(command, name)
        if not 0 <= value <= 10:
            return f"{name} {value} is not on the scale of 0 to 10"
    return None
