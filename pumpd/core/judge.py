"""Whether a command may act at all: who, whether it is fresh, and whether it was decided on what is still the case.

Stop and pause never come here: they are accepted in every state, from anyone, late or twice (requirement CTRL-02).
"""

from pumpd.core.commands import (
    CLINICIANS,
    Acknowledge,
    Assess,
    Close,
    CommandReceived,
    Confirm,
    Lower,
    Prepare,
    Resume,
    Role,
    Start,
    kind_of,
)
from pumpd.core.quantities import NS_PER_S
from pumpd.core.state import State

KEPT_TOKENS = 32
"""Heartbeat tokens remembered; at one a second this is far beyond the oldest that may be used."""


def refusal(command: CommandReceived, state: State) -> str | None:
    """Return why `command` may not act, or None. Applies to every kind but stop and pause."""
    role = state.settings.operators.get(command.user)
    if role is None:
        return f"{command.user} is not on this site's operator list; ask the engineer to add the account"
    if command.retained:
        return "the command was delivered as retained, so it may be old; send it again"
    if role not in _roles(command.command):
        return f"the role {role.value} may not {kind_of(command.command)}; ask a nurse or a prescriber"
    if isinstance(command.command, (Prepare, Confirm, Start, Resume, Lower, Close)):
        return _stale(command, state)
    return None


def _roles(command: object) -> frozenset[Role]:
    if isinstance(command, (Acknowledge,)):
        return CLINICIANS | {Role.ENGINEER}
    return CLINICIANS


def _stale(command: CommandReceived, state: State) -> str | None:
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
