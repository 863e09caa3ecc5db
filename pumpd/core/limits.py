"""Limits that are moved during a session: tightened by one action, loosened by two people (requirement VIT-13).

The profile stays as it was signed; a session has changes on top, which end with it. The borders of a loosening: the
compiled bounds, an end rule of the same vital sign and side, and for an end rule the profile itself.
"""

import hashlib
from dataclasses import replace

from pumpd.core import bounds, phase
from pumpd.core.commands import ConfirmLoosen, Loosen, Role, Tighten
from pumpd.core.effects import Decision, Effect
from pumpd.core.profile import Action, Side, VitalRule
from pumpd.core.profile_check import free_values
from pumpd.core.quantities import NS_PER_MIN
from pumpd.core.session import LimitChange, Loosening
from pumpd.core.state import State

LOOSEN_VALID_NS = 5 * NS_PER_MIN
"""A proposal that nobody has confirmed by then is void; decision of the project."""


def in_force(state: State) -> tuple[VitalRule, ...]:
    """Return the profile's rules with the limits of this session."""
    rules = state.settings.profile.rules
    if not state.limits:
        return rules
    return tuple(
        rule if (change := state.limits.get(rule.id)) is None else replace(rule, limit=change.limit) for rule in rules
    )


def tighten(state: State, wish: Tighten, user: str, effects: list[Effect]) -> str | None:
    """Move a limit towards safety at once, or return why not."""
    rule = _rule(state, wish.rule)
    if rule is None:
        return _unknown(state, wish.rule)
    if not _is_stricter(rule, wish.limit):
        return f"{wish.limit} is not stricter than {_words(rule)}; a looser limit takes two people: loosen"
    complaint = _bound_complaint(rule, wish.limit)
    if complaint is not None:
        return complaint
    moved = replace(rule, limit=wish.limit)
    if rule.action is not Action.ALERT and not rule.relative:
        low, high = free_values(rule.vital, tuple(moved if each.id == rule.id else each for each in in_force(state)))
        if low > high:
            return (
                f"{_words(moved)} leaves no value of {rule.vital.name} that neither pauses nor ends; "
                "pause instead, or choose a limit that leaves some"
            )
    change = LimitChange(rule=rule.id, limit=wish.limit, by=user, confirmed_by=None, reason="")
    _apply(state, rule, change, f"tightened by {user}", effects)
    return None


def propose(state: State, wish: Loosen, user: str, now_ns: int, effects: list[Effect]) -> str | None:
    """Keep the proposal of a looser limit for a second person, or return why not."""
    refusal = _loosen_refusal(state, wish.rule, wish.limit)
    if refusal is not None:
        return refusal
    if not wish.reason.strip():
        return "a looser limit needs a reason; say why"
    content = f"{state.session}|{wish.rule}|{wish.limit}|{wish.reason}|{user}|{now_ns}"
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    state.loosening = Loosening(
        hash=digest, rule=wish.rule, limit=wish.limit, reason=wish.reason.strip(), by=user, at_ns=now_ns
    )
    words = f"{user} proposes {wish.rule} at {wish.limit}, because: {wish.reason.strip()}; loosening {digest}"
    effects.append(Decision(cause="limit", text=words))
    return None


def confirm(state: State, wish: ConfirmLoosen, user: str, now_ns: int, effects: list[Effect]) -> str | None:
    """Let a second person's word loosen a limit, or return why not."""
    asked = state.loosening
    if asked is None or now_ns - asked.at_ns > LOOSEN_VALID_NS:
        return f"no loosening waits, or it is older than {LOOSEN_VALID_NS // NS_PER_MIN} min; propose it again"
    if wish.loosening_hash != asked.hash:
        return (
            f"the confirmation quotes loosening {wish.loosening_hash}, the one that waits is {asked.hash}; look again"
        )
    if user == asked.by:
        return f"{user} proposed this loosening; a second person must confirm it"
    refusal = _loosen_refusal(state, asked.rule, asked.limit)
    if refusal is not None:
        return refusal
    rule = _rule(state, asked.rule)
    signed = _signed(state, asked.rule)
    assert rule is not None  # noqa: S101 - the refusal above names an unknown rule
    assert signed is not None  # noqa: S101
    roles = {state.settings.operators.get(person) for person in (asked.by, user)}
    if _is_stricter(replace(signed, limit=asked.limit), signed.limit) and Role.PRESCRIBER not in roles:
        return f"{asked.limit} is past the signed profile, {_words(signed)}; a prescriber must be one of the two"
    change = LimitChange(rule=rule.id, limit=asked.limit, by=asked.by, confirmed_by=user, reason=asked.reason)
    _apply(state, rule, change, f"loosened by {asked.by} and {user}, because: {asked.reason}", effects)
    return None


def _apply(state: State, rule: VitalRule, change: LimitChange, how: str, effects: list[Effect]) -> None:
    moved = replace(rule, limit=change.limit)
    state.limits = {**state.limits, rule.id: change}
    if state.loosening is not None and state.loosening.rule == rule.id:
        state.loosening = None
    effects.append(Decision(cause="limit", text=f"{rule.id} was {_words(rule)}, now {_words(moved)}, {how}"))


def _loosen_refusal(state: State, rule_id: str, limit: int) -> str | None:
    rule, signed = _rule(state, rule_id), _signed(state, rule_id)
    if rule is None or signed is None:
        return _unknown(state, rule_id)
    moved = replace(rule, limit=limit)
    if not _is_stricter(moved, rule.limit):
        return f"{limit} is not looser than {_words(rule)}; a stricter limit takes one action: tighten"
    complaint = _bound_complaint(rule, limit)
    if complaint is not None:
        return complaint
    if rule.action is Action.END:
        if _is_stricter(moved, signed.limit):
            return f"an infusion ends at {_words(signed)}; this is never loosened past the profile"
        return None
    for end in in_force(state):
        if end.action is Action.END and end.is_like(rule) and not _is_stricter(end, limit):
            return f"{_words(moved)} reaches rule {end.id}, which ends at {_words(end)}; stay before it"
    return None


def _rule(state: State, rule_id: str) -> VitalRule | None:
    if not phase.has_open_order(state):
        return None
    return next((rule for rule in in_force(state) if rule.id == rule_id), None)


def _signed(state: State, rule_id: str) -> VitalRule | None:
    return next((rule for rule in state.settings.profile.rules if rule.id == rule_id), None)


def _unknown(state: State, rule_id: str) -> str:
    if not phase.has_open_order(state):
        return f"the mode is {state.mode.value}; limits are moved for an open session only"
    known = ", ".join(rule.id for rule in state.settings.profile.rules)
    return f"there is no rule {rule_id[:40]!r}; the profile has {known}"


def _is_stricter(rule: VitalRule, limit: int) -> bool:
    """Say whether `limit` is stricter than the limit that `rule` has."""
    return limit > rule.limit if rule.side is Side.BELOW else limit < rule.limit


def _bound_complaint(rule: VitalRule, limit: int) -> str | None:
    bound = bounds.RISE if rule.relative else bounds.VITALS[rule.vital]
    return bound.complaint(limit)


def _words(rule: VitalRule) -> str:
    return f"{rule.vital.name} {rule.limit_text}"
