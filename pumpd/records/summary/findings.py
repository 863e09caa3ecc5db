"""What the vital signs of a session amount to: extremes, gaps, and for how long a limit was passed. Pure.

A device's value stands for the time until its next one, valid or not, but for no longer than the age at which the
profile calls that vital sign old; a person's entry until the next is due. What lies beyond is unknown, not normal.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pumpd.core.ports import VitalKind
from pumpd.core.profile import Action, VitalRule
from pumpd.core.session import Baseline
from pumpd.records.summary.model import Session, Sign


@dataclass(frozen=True, slots=True, kw_only=True)
class Extremes:
    """Lowest and highest of the valid values of one vital sign, each with when it came first."""

    vital: VitalKind
    lowest: int | None
    lowest_wall_ns: int | None
    highest: int | None
    highest_wall_ns: int | None
    valid: int
    unusable: int
    unknown_ns: int
    """For how long no valid value stood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beyond:
    """For how long a vital sign was beyond a limit, as far as its values tell."""

    rule: str
    limit: str
    action: Action
    beyond_ns: int


def extremes(session: Session) -> tuple[Extremes, ...]:
    """Return the extremes of every vital sign from the first run on."""
    begin_wall_ns = session.first_run_wall_ns
    if begin_wall_ns is None:
        return ()
    found = []
    for kind in VitalKind:
        all_signs = [sign for sign in session.signs if sign.vital is kind]
        of_kind = [sign for sign in all_signs if sign.at_wall_ns >= begin_wall_ns]
        if not of_kind:
            continue
        known_ns = sum(until_ns - since_ns for _, since_ns, until_ns in _standing(session, all_signs))
        valid = [sign for sign in of_kind if sign.usable is not None]
        lowest = min(valid, key=_value, default=None)
        highest = max(valid, key=_value, default=None)
        found.append(
            Extremes(
                vital=kind,
                lowest=None if lowest is None else lowest.usable,
                lowest_wall_ns=None if lowest is None else lowest.at_wall_ns,
                highest=None if highest is None else highest.usable,
                highest_wall_ns=None if highest is None else highest.at_wall_ns,
                valid=len(valid),
                unusable=len(of_kind) - len(valid),
                unknown_ns=session.last_wall_ns - begin_wall_ns - known_ns,
            )
        )
    return tuple(found)


def beyond(session: Session) -> tuple[Beyond, ...]:
    """Return the rules whose limit was passed from the first run on, in the order of the profile."""
    standing = {
        kind: tuple(_standing(session, [sign for sign in session.signs if sign.vital is kind])) for kind in VitalKind
    }
    found = []
    for rule in session.profile.rules:
        beyond_ns = sum(
            until_ns - since_ns for sign, since_ns, until_ns in standing[rule.vital] if _is_beyond(session, rule, sign)
        )
        if beyond_ns:
            found.append(Beyond(rule=rule.id, limit=rule.limit_text, action=rule.action, beyond_ns=beyond_ns))
    return tuple(found)


def limit_at(session: Session, rule: VitalRule, at_wall_ns: int) -> int | None:
    """Return the limit of a rule at an instant; None where it hangs on a baseline that is missing."""
    moved = [each.limit for each in session.limits if each.rule == rule.id and each.at_wall_ns <= at_wall_ns]
    limit = moved[-1] if moved else rule.limit
    if not rule.relative:
        return limit
    base = _base(session.baseline, rule.vital)
    return None if base is None else base + limit


def _base(baseline: Baseline | None, vital: VitalKind) -> int | None:
    if baseline is None:
        return None
    return {VitalKind.SBP: baseline.sbp_mmhg, VitalKind.DBP: baseline.dbp_mmhg}.get(vital)


def _is_beyond(session: Session, rule: VitalRule, sign: Sign) -> bool:
    limit = limit_at(session, rule, sign.at_wall_ns)
    value = sign.usable
    return limit is not None and value is not None and rule.side.beyond(value, limit)


def _standing(session: Session, signs: Sequence[Sign]) -> Iterator[tuple[Sign, int, int]]:
    """Yield each valid value with from when to when it stood, from the first run on."""
    begin_wall_ns = session.first_run_wall_ns
    if not signs or begin_wall_ns is None:
        return
    ordered = sorted(signs, key=lambda sign: sign.at_wall_ns)
    ends = [*(following.at_wall_ns for _, following in pairwise(ordered)), session.last_wall_ns]
    for sign, next_ns in zip(ordered, ends, strict=True):
        since_ns = max(sign.at_wall_ns, begin_wall_ns)
        until_ns = min(next_ns, sign.at_wall_ns + hold_ns(session, sign), session.last_wall_ns)
        if sign.usable is not None and until_ns > since_ns:
            yield sign, since_ns, until_ns


def hold_ns(session: Session, sign: Sign) -> int:
    """Return for how long a value stands at most."""
    profile, vital = session.profile, sign.vital
    ages = {age.vital: age.alert_ns for age in profile.ages}
    if vital not in _BY_CUFF:
        return ages.get(vital, profile.assess_interval_ns)
    # late in the observation the cuff's cycle is longer, and so is the age at which its value is old (CLIN-07)
    over_ns = session.over_wall_ns
    is_later = over_ns is not None and sign.at_wall_ns >= over_ns + profile.observe_first_ns - profile.nibp_interval_ns
    later_ns = max(profile.observe_nibp_later_ns - profile.nibp_interval_ns, 0) if is_later else 0
    return ages.get(VitalKind.SBP, 0) + later_ns


_BY_CUFF = frozenset({VitalKind.SBP, VitalKind.DBP, VitalKind.MAP})


def _value(sign: Sign) -> int:
    assert sign.value is not None  # noqa: S101 - only valid ones are compared
    return sign.value
