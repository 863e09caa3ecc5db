"""The static checks against brute force: what they call unreachable never acts first, what they pass has an exit."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpd.core.ports import VitalKind
from pumpd.core.profile import RESTRICTION, Action, Profile, Range, Side, VitalRule
from pumpd.core.profile_check import findings
from pumpd.core.quantities import NS_PER_S
from tests.core.support import profile

VALUES = range(20, 221)


def hr_rule(number: int, side: Side, limit: int, for_s: int, action: Action) -> VitalRule:
    return VitalRule(
        id=f"hr-{number}",
        vital=VitalKind.HR,
        side=side,
        limit=limit,
        relative=False,
        for_ns=for_s * NS_PER_S,
        confirm_within_ns=None,
        action=action,
        clear_by=0,
        owner="test",
        citation="a test",
    )


RULE = st.tuples(
    st.sampled_from(list(Side)), st.integers(40, 160), st.sampled_from([0, 5, 15]), st.sampled_from(list(Action))
)
RULES = st.lists(RULE, min_size=1, max_size=5).map(
    lambda drawn: tuple(hr_rule(number, *parts) for number, parts in enumerate(drawn))
)


def with_rules(rules: tuple[VitalRule, ...]) -> Profile:
    kept = tuple(rule for rule in profile().rules if rule.vital is not VitalKind.HR)
    return replace(profile(), rules=(*kept, *rules))


def told(found: Profile, words: str) -> set[str]:
    return {finding.where.removeprefix("rule ") for finding in findings(found) if words in finding.text}


@pytest.mark.req("CFG-05")
@pytest.mark.parametrize("name", ["demo", "ketamine-40min"])
def test_the_shipped_profiles_have_no_findings(name: str) -> None:
    assert findings(profile(name)) == ()


@pytest.mark.req("CFG-05")
@given(RULES)
def test_a_rule_is_unreachable_exactly_when_one_other_always_comes_first(rules: tuple[VitalRule, ...]) -> None:
    named = told(with_rules(rules), "it can never act")
    crossed = told(with_rules(rules), "the milder action comes first")
    for rule in rules:
        hidden = [other for other in rules if other is not rule and _always_before(other, rule)]
        if rule.id in named:
            assert hidden
        elif hidden and rule.id not in crossed:
            # of two equal rules one stays
            assert all(_always_before(rule, other) for other in hidden)


def _always_before(other: VitalRule, rule: VitalRule) -> bool:
    beyond = [value for value in VALUES if rule.side.beyond(value, rule.limit)]
    return (
        RESTRICTION[other.action] >= RESTRICTION[rule.action]
        and other.for_ns <= rule.for_ns
        and all(other.side.beyond(value, other.limit) for value in beyond)
    )


@pytest.mark.req("CFG-05")
@given(RULES, st.integers(30, 180), st.integers(1, 60))
def test_a_pause_has_an_exit_unless_it_is_told(rules: tuple[VitalRule, ...], low: int, width: int) -> None:
    high = low + width
    resume = tuple(one for one in profile().resume if one.vital is not VitalKind.HR)
    changed = replace(with_rules(rules), resume=(*resume, Range(vital=VitalKind.HR, low=low, high=high)))
    exits = [
        value
        for value in range(low, high + 1)
        if not any(rule.side.beyond(value, rule.limit) for rule in rules if rule.action is not Action.ALERT)
    ]
    no_exit = "resume hr" in told(changed, "a pause for HR has no exit")
    assert no_exit is (not exits)
