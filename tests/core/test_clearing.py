"""A limit that was crossed is left only by a margin: the rule stays due, and a resume waits."""

import pytest

from pumpd.core.interlocks import Interlocks
from pumpd.core.modes import Mode
from pumpd.core.ports import VitalKind
from pumpd.core.profile import Side, VitalRule
from tests.core.support import T0, S, paused, profile, running, vital


def rule(rule_id: str) -> VitalRule:
    return next(each for each in profile().rules if each.id == rule_id)


def after(rule_id: str, *values: int, apart_ns: int = 200 * S) -> Interlocks:
    found = Interlocks()
    wanted = rule(rule_id)
    for number, value in enumerate(values):
        found = found.take(vital(wanted.vital, value, T0 + number * apart_ns), (wanted,), None)
    return found


@pytest.mark.req("CTRL-05", "VIT-01")
@pytest.mark.parametrize(
    ("rule_id", "beyond", "held", "clear"),
    [
        ("spo2-low-pause", 91, 93, 94),
        ("hr-high-pause", 121, 116, 115),
        ("hr-low-pause", 49, 54, 55),
        ("sbp-low-pause", 89, 94, 95),
        ("sbp-high-end", 180, 175, 174),
        ("dbp-high-pause", 100, 95, 94),
        ("rr-low-pause", 9, 11, 12),
        ("moaas-pause", 3, 3, 4),
    ],
)
def test_a_rule_that_was_due_is_left_by_its_margin(rule_id: str, beyond: int, held: int, clear: int) -> None:
    assert after(rule_id, beyond, held).pending
    assert not after(rule_id, beyond, clear).pending
    assert not after(rule_id, beyond, held, clear).pending


@pytest.mark.req("VIT-01", "VIT-14")
@pytest.mark.parametrize(("rule_id", "beyond", "inside"), [("spo2-low-pause", 91, 92), ("sbp-high-pause", 160, 159)])
def test_a_rule_that_still_waits_is_left_without_a_margin(rule_id: str, beyond: int, inside: int) -> None:
    assert not after(rule_id, beyond, inside, apart_ns=S).pending


@pytest.mark.req("CTRL-05")
def test_a_resume_waits_for_the_margin_and_says_so() -> None:
    world = paused()
    world.hr = 47
    world.advance(20)
    world.hr = 52
    world.advance(40)
    world.acknowledge_all()
    assert "HR 52 /min is back inside 50 /min by less than 5 /min" in world.resume().reason
    world.hr = 60
    world.advance(40)
    world.acknowledge_all()
    world.resume()
    world.advance(5)
    assert world.mode is Mode.RUNNING


@pytest.mark.req("ALRM-06")
def test_a_value_at_an_alert_limit_gives_one_alarm() -> None:
    world = running()
    for spo2 in (94, 95, 94, 96, 94, 95):
        world.spo2 = spo2
        world.advance(25)
    assert dict(world.core.state.alarms.episodes or {}) == {"spo2-low-alert": 1}


def test_a_margin_is_on_the_safe_side_of_each_kind_of_limit() -> None:
    assert [Side.BELOW.is_clear(value, 92, 2) for value in (93, 94)] == [False, True]
    assert [Side.ABOVE.is_clear(value, 120, 5) for value in (116, 115)] == [False, True]
    assert [Side.AT_OR_ABOVE.is_clear(value, 160, 5) for value in (155, 154)] == [False, True]


def test_the_shipped_profiles_have_a_margin_for_each_measured_sign() -> None:
    margins = {each.vital: each.clear_by for each in profile("ketamine-40min").rules}
    expected = {VitalKind.SPO2: 2, VitalKind.HR: 5, VitalKind.SBP: 5, VitalKind.DBP: 5, VitalKind.RR: 2}
    assert margins == {**expected, VitalKind.MOAAS: 0}
