"""The rules on vital signs one by one, without a bed: when each waits, is due, and ends, and in which words."""

from dataclasses import replace

import pytest

from pumpd.core.interlocks import Interlocks, Pending, Trip
from pumpd.core.ports import Sample, Validity, VitalKind
from pumpd.core.profile import Action, AgeRule, Side, VitalRule
from pumpd.core.session import Baseline
from pumpd.core.vitals import Vitals
from tests.core.support import S, profile, vital

HR, SPO2, SBP, DBP = VitalKind.HR, VitalKind.SPO2, VitalKind.SBP, VitalKind.DBP
NOW = 100 * S
LOW = VitalRule(
    id="spo2-low",
    vital=SPO2,
    side=Side.BELOW,
    limit=92,
    relative=False,
    for_ns=15 * S,
    confirm_within_ns=None,
    action=Action.PAUSE,
    clear_by=2,
    owner="test",
    citation="a test",
)
END = replace(LOW, id="spo2-end", limit=85, for_ns=0, action=Action.END, clear_by=0)
HIGH = replace(LOW, id="sbp-high", vital=SBP, side=Side.AT_OR_ABOVE, limit=160, for_ns=0, confirm_within_ns=120 * S)
RISE = replace(HIGH, id="sbp-rise", limit=40, relative=True, for_ns=0, confirm_within_ns=None)
ALERT = replace(LOW, id="spo2-alert", limit=94, for_ns=0, action=Action.ALERT)
BASELINE = Baseline(sbp_mmhg=110, dbp_mmhg=70)
WAITING = Pending(rule=LOW, value=91, limit=92, since_ns=NOW, due_at_ns=NOW + 15 * S)
DUE = replace(WAITING, due_at_ns=NOW)


def beyond(*items: Pending) -> Interlocks:
    return Interlocks(pending={item.rule.id: item for item in items})


def take(
    before: Interlocks,
    sample: Sample,
    *rules: VitalRule,
    baseline: Baseline | None = None,
    others: tuple[int, ...] = (),
) -> Interlocks:
    return before.take(sample, rules, baseline, others=others)


def test_nothing_is_pending_at_first() -> None:
    assert Interlocks() == Interlocks(pending={}, impossible={}, watched_since_ns=0)
    assert not WAITING.confirmed


# ---- a limit is crossed ---------------------------------------------------------------------------------------------


@pytest.mark.req("VIT-16", "VIT-15")
def test_a_limit_that_is_crossed_waits_for_its_time() -> None:
    found = take(Interlocks(), vital(SPO2, 91, NOW), END, LOW)
    assert found == beyond(WAITING)
    later = take(found, vital(SPO2, 90, NOW + S), END, LOW)
    assert later == beyond(replace(WAITING, value=90)), "it goes on waiting from the first sample"
    both = take(found, vital(SPO2, 84, NOW + S), END, LOW)
    at_once = Pending(rule=END, value=84, limit=85, since_ns=NOW + S, due_at_ns=NOW + S)
    assert both == beyond(replace(WAITING, value=84), at_once)


@pytest.mark.req("VIT-05")
@pytest.mark.parametrize(
    ("value", "validity"),
    [(50, Validity.ARTEFACT), (None, Validity.VALID), (None, Validity.PROBE_OFF), (99, Validity.SEARCHING)],
)
def test_an_unusable_sample_neither_starts_nor_clears(value: int | None, validity: Validity) -> None:
    for before in (Interlocks(), beyond(WAITING)):
        assert take(before, vital(SPO2, value, NOW + S, validity), LOW, END) is before


@pytest.mark.req("VIT-16")
def test_a_value_inside_ends_the_wait_and_leaves_the_other_rules() -> None:
    other = replace(WAITING, rule=replace(LOW, id="hr-low", vital=HR))
    found = take(beyond(WAITING, other), vital(SPO2, 92, NOW + S), LOW, END)
    assert found == beyond(other)
    assert take(found, vital(SPO2, 93, NOW + 2 * S), LOW, END) is found


@pytest.mark.req("VIT-11")
@pytest.mark.parametrize(("others", "ends"), [((), True), ((95,), True), ((95, 91), False), ((92,), True)])
def test_a_wait_goes_on_while_another_source_is_beyond_the_limit(others: tuple[int, ...], ends: bool) -> None:
    before = beyond(WAITING)
    found = take(before, vital(SPO2, 97, NOW + S), LOW, others=others)
    assert found == (beyond() if ends else before)
    assert take(Interlocks(), vital(SPO2, 97, NOW + S), LOW, others=(50,)) == Interlocks(), "no rule waits by others"


@pytest.mark.req("ALRM-06")
@pytest.mark.parametrize(("value", "stays"), [(92, True), (93, True), (94, False)])
def test_a_rule_that_was_due_is_left_by_its_margin(value: int, stays: bool) -> None:
    found = take(beyond(DUE), vital(SPO2, value, NOW + S), LOW)
    assert found == (beyond(replace(DUE, value=value)) if stays else beyond())
    if stays:
        (trip,) = found.trips(replace(profile(), ages=()), Vitals(), NOW + S)
        assert trip.text == f"SPO2 {value} % is back inside 92 % by less than 2 %"


@pytest.mark.req("ALRM-06")
@pytest.mark.parametrize(("due_at_ns", "stays"), [(NOW + S, True), (NOW + S + 1, False)])
def test_the_margin_is_for_a_rule_that_is_due(due_at_ns: int, stays: bool) -> None:
    before = replace(WAITING, due_at_ns=due_at_ns)
    assert bool(take(beyond(before), vital(SPO2, 93, NOW + S), LOW).pending) is stays


@pytest.mark.req("ALRM-06")
def test_the_margin_of_a_high_limit_lies_below_it() -> None:
    due = Pending(rule=replace(HIGH, clear_by=5), value=170, limit=160, since_ns=NOW, due_at_ns=NOW)
    for value, stays in ((155, True), (154, False)):
        assert bool(take(beyond(due), vital(SBP, value, NOW + S), due.rule).pending) is stays


@pytest.mark.req("VIT-14")
def test_a_repeat_confirms_or_the_time_for_it_runs_out() -> None:
    found = take(Interlocks(), vital(SBP, 165, NOW), HIGH)
    waiting = Pending(rule=HIGH, value=165, limit=160, since_ns=NOW, due_at_ns=NOW + 120 * S)
    assert found == beyond(waiting)
    repeated = take(found, vital(SBP, 162, NOW + 40 * S), HIGH)
    confirmed = replace(waiting, value=162, due_at_ns=NOW + 40 * S, confirmed=True)
    assert repeated == beyond(confirmed)
    third = take(repeated, vital(SBP, 170, NOW + 80 * S), HIGH)
    assert third == beyond(replace(confirmed, value=170)), "confirmed once is confirmed"
    late = take(found, vital(SBP, 162, NOW + 130 * S), HIGH)
    assert late == beyond(replace(waiting, value=162, confirmed=True)), "it was due when the time had run out"


@pytest.mark.req("VIT-14")
def test_a_repeat_is_wanted_until_it_came_or_its_time_is_over() -> None:
    waiting = Pending(rule=HIGH, value=165, limit=160, since_ns=NOW, due_at_ns=NOW + 120 * S)
    assert beyond(waiting).wants_repeat(NOW + 120 * S - 1)
    assert not beyond(waiting).wants_repeat(NOW + 120 * S)
    assert not beyond(replace(waiting, confirmed=True)).wants_repeat(NOW)
    assert not beyond(WAITING).wants_repeat(NOW), "a rule with a time asks for no cuff"
    assert beyond(WAITING, waiting).wants_repeat(NOW)
    assert not Interlocks().wants_repeat(NOW)


@pytest.mark.req("VIT-14")
@pytest.mark.parametrize(("kind", "limit"), [(SBP, 150), (DBP, 110)])
def test_a_rise_is_counted_from_the_baseline_of_its_own_pressure(kind: VitalKind, limit: int) -> None:
    rule = replace(RISE, vital=kind)
    assert take(Interlocks(), vital(kind, limit - 1, NOW), rule, baseline=BASELINE) == Interlocks()
    found = take(Interlocks(), vital(kind, limit, NOW), rule, baseline=BASELINE)
    assert found == beyond(Pending(rule=rule, value=limit, limit=limit, since_ns=NOW, due_at_ns=NOW))


@pytest.mark.req("VIT-14")
def test_without_a_baseline_no_rise_waits() -> None:
    due = Pending(rule=RISE, value=165, limit=150, since_ns=NOW, due_at_ns=NOW)
    assert take(Interlocks(), vital(SBP, 200, NOW), RISE) == Interlocks()
    assert take(beyond(due), vital(SBP, 149, NOW + S), RISE, others=(200,)) == beyond()


# ---- impossible values ----------------------------------------------------------------------------------------------

ODD = vital(SPO2, 30, NOW, Validity.IMPOSSIBLE)


@pytest.mark.req("VIT-19")
def test_an_impossible_value_stands_by_kind_and_source() -> None:
    other = replace(ODD, source="ox7/spo2")
    found = take(take(beyond(WAITING), ODD, LOW), other, LOW)
    assert found == replace(beyond(WAITING), impossible={(SPO2, "test"): ODD, (SPO2, "ox7/spo2"): other})


@pytest.mark.req("VIT-19")
@pytest.mark.parametrize(
    ("sample", "clears"),
    [
        (vital(SPO2, 97, NOW + 1), True),
        (vital(HR, 72, NOW + 99 * S), False),
        (replace(vital(SPO2, 97, NOW + 15 * S), source="ox7/spo2"), False),
        (replace(vital(SPO2, 97, NOW + 15 * S + 1), source="ox7/spo2"), True),
    ],
)
def test_an_impossible_value_is_cleared_by_its_source_or_by_another_long_after(sample: Sample, clears: bool) -> None:
    standing = vital(HR, 350, NOW + 90 * S, Validity.IMPOSSIBLE)
    kept = {(HR, "monitor"): replace(standing, source="monitor")}
    before = Interlocks(impossible={(SPO2, "test"): ODD, **kept})
    found = before.take(sample, (), None, counts_ns=15 * S)
    assert found.impossible == (kept if clears else before.impossible)
    assert (found is before) is not clears


@pytest.mark.req("VIT-19")
def test_a_value_that_clears_an_impossible_one_is_judged_too() -> None:
    before = Interlocks(impossible={(SPO2, "test"): ODD})
    assert take(before, vital(SPO2, 91, NOW), LOW) == beyond(WAITING)
    without_rules = before.take(vital(SPO2, 97, NOW), (), None)
    assert without_rules == Interlocks()


def test_how_long_a_sample_counts_is_nothing_unless_it_is_said() -> None:
    before = Interlocks(impossible={(SPO2, "test"): ODD})
    other = replace(vital(SPO2, 97, NOW), source="ox7/spo2")
    assert before.take(other, (), None) is before
    assert before.take(replace(other, measured_at_ns=NOW + 1), (), None) == Interlocks()


# ---- a limit that moves ---------------------------------------------------------------------------------------------


@pytest.mark.req("VIT-13")
def test_a_moved_limit_judges_the_newest_sample() -> None:
    moved = replace(LOW, limit=96)
    found = Interlocks().under(moved, vital(SPO2, 95, NOW), None)
    assert found == beyond(replace(WAITING, rule=moved, value=95, limit=96))
    assert Interlocks().under(moved, None, None) == Interlocks()
    going_on = beyond(WAITING).under(moved, vital(SPO2, 99, NOW), None)
    assert going_on == beyond(replace(WAITING, rule=moved, limit=96)), "what waits goes on, by the new limit"
    rise = Pending(rule=RISE, value=165, limit=150, since_ns=NOW, due_at_ns=NOW)
    assert beyond(rise).under(RISE, None, None) == beyond(rise)
    assert beyond(rise).under(RISE, vital(SBP, 165, NOW), None) == beyond(), "no baseline, no rise"


# ---- what is due ----------------------------------------------------------------------------------------------------


def trips(found: Interlocks, at_ns: int = NOW, ages: tuple[AgeRule, ...] = (), **more: object) -> tuple[Trip, ...]:
    vitals = more.pop("vitals", Vitals())
    return found.trips(replace(profile(), ages=ages), vitals, at_ns, **more)  # type: ignore[arg-type]


@pytest.mark.req("VIT-01", "VIT-17")
@pytest.mark.parametrize(
    ("item", "at_ns", "text"),
    [
        (WAITING, NOW + 15 * S, "SPO2 91 % < 92 %, for 15 s"),
        (Pending(rule=END, value=84, limit=85, since_ns=NOW, due_at_ns=NOW), NOW, "SPO2 84 % < 85 %, at once"),
        (
            Pending(rule=HIGH, value=165, limit=160, since_ns=NOW, due_at_ns=NOW, confirmed=True),
            NOW,
            "SBP 165 mmHg >= 160 mmHg, confirmed by a repeat",
        ),
        (
            Pending(rule=HIGH, value=165, limit=160, since_ns=NOW, due_at_ns=NOW),
            NOW,
            "SBP 165 mmHg >= 160 mmHg, not disproved by a repeat in time",
        ),
        (
            Pending(rule=RISE, value=165, limit=150, since_ns=NOW, due_at_ns=NOW),
            NOW,
            "SBP 165 mmHg >= 150 mmHg (40 above baseline), at once",
        ),
    ],
)
def test_a_rule_that_is_due_says_why(item: Pending, at_ns: int, text: str) -> None:
    rule = item.rule
    assert trips(beyond(item), at_ns) == (
        Trip(rule=rule.id, interlock=rule.vital.value, action=rule.action, text=text),
    )
    assert trips(beyond(item), item.due_at_ns - 1) == ()


@pytest.mark.req("VIT-19")
def test_an_impossible_value_pauses_and_says_of_which_source() -> None:
    (trip,) = trips(Interlocks(impossible={(SPO2, "test"): ODD}))
    assert (trip.rule, trip.interlock, trip.action) == ("spo2-impossible", "spo2", Action.PAUSE)
    assert trip.text.startswith("SPO2 30 % is beyond the possible range although test calls it good")


AGE = AgeRule(vital=HR, alert_ns=5 * S, pause_ns=15 * S, end_ns=120 * S)


@pytest.mark.req("VIT-02")
@pytest.mark.parametrize(
    ("age_ns", "action", "limit_s"),
    [
        (5 * S - 1, None, 0),
        (5 * S, Action.ALERT, 5),
        (15 * S - 1, Action.ALERT, 5),
        (15 * S, Action.PAUSE, 15),
        (120 * S - 1, Action.PAUSE, 15),
        (120 * S, Action.END, 120),
    ],
)
@pytest.mark.parametrize("later_s", [0, 600])
@pytest.mark.parametrize("measured", [True, False])
def test_an_age_acts_at_its_bounds(
    age_ns: int, action: Action | None, limit_s: int, later_s: int, measured: bool
) -> None:
    """A cuff value may be older by as much as its cycle is longer; a stream may not. What never came is as old."""
    for kind in (HR, SBP, DBP):
        later_ns = later_s * S if kind in {SBP, DBP} else 0
        since_ns = NOW if measured else 7 * S
        found = trips(
            Interlocks(watched_since_ns=7 * S),
            since_ns + age_ns + later_ns,
            (replace(AGE, vital=kind),),
            vitals=Vitals(latest={kind: vital(kind, 72, NOW)} if measured else {}),
            cuff_later_ns=later_s * S,
        )
        if action is None:
            assert found == ()
            continue
        text = f"no usable {kind.name} for {(age_ns + later_ns) / S:.0f} s, limit {limit_s + later_ns // S} s"
        assert found == (Trip(rule=f"{kind.value}-stale-{action.value}", interlock="stale", action=action, text=text),)


@pytest.mark.req("VIT-03")
def test_the_cuff_has_no_longer_cycle_unless_it_is_said() -> None:
    pressure = replace(AGE, vital=SBP)
    assert trips(Interlocks(), 5 * S - 1, (pressure,)) == ()
    assert len(trips(Interlocks(), 5 * S, (pressure,))) == 1
    ages = replace(profile(), ages=(pressure,))
    assert Interlocks().next_deadline_ns(ages, Vitals(), 0) == 5 * S


@pytest.mark.req("VIT-02", "VIT-05")
def test_a_stale_vital_sign_says_what_its_source_last_refused() -> None:
    refused = vital(HR, None, NOW, Validity.PROBE_OFF)
    (trip,) = trips(Interlocks(), 5 * S, (AGE,), vitals=Vitals(refused={HR: refused}))
    assert trip.text == "no usable HR for 5 s, limit 5 s (test: probe off)"


@pytest.mark.req("VIT-01")
def test_the_most_restrictive_comes_first() -> None:
    alert = Pending(rule=ALERT, value=84, limit=94, since_ns=NOW, due_at_ns=NOW)
    end = Pending(rule=END, value=84, limit=85, since_ns=NOW, due_at_ns=NOW)
    found = trips(beyond(alert, DUE, end))
    assert [trip.action for trip in found] == [Action.END, Action.PAUSE, Action.ALERT]
    assert [trip.action for trip in trips(beyond(alert, end))] == [Action.END, Action.ALERT]


def test_what_restricts_is_listed_by_name_and_what_alerts_is_not() -> None:
    alert = Pending(rule=ALERT, value=84, limit=94, since_ns=NOW, due_at_ns=NOW)
    end = Pending(rule=END, value=84, limit=85, since_ns=NOW, due_at_ns=NOW)
    assert beyond(WAITING, alert, end).restricting() == ("spo2-end", "spo2-low")
    assert Interlocks().restricting() == ()


# ---- when the timer is set ------------------------------------------------------------------------------------------


@pytest.mark.req("VIT-07")
@pytest.mark.parametrize(
    ("now_ns", "due_ns"),
    [
        (NOW, NOW + 5 * S),
        (NOW + 5 * S - 1, NOW + 5 * S),
        (NOW + 5 * S, NOW + 15 * S),
        (NOW + 15 * S, NOW + 120 * S),
        (NOW + 120 * S, None),
    ],
)
def test_the_next_age_to_come_is_the_next_deadline(now_ns: int, due_ns: int | None) -> None:
    found, demo = Interlocks(), replace(profile(), ages=(AGE,))
    vitals = Vitals(latest={HR: vital(HR, 72, NOW)})
    assert found.next_deadline_ns(demo, vitals, now_ns) == due_ns
    assert found.next_deadline_ns(demo, vitals, now_ns, cuff_later_ns=S) == due_ns, "a stream knows no cuff"
    cuff = replace(profile(), ages=(replace(AGE, vital=SBP),))
    measured = Vitals(latest={SBP: vital(SBP, 120, NOW - 600 * S)})
    assert found.next_deadline_ns(cuff, measured, now_ns, cuff_later_ns=600 * S) == due_ns
    never = replace(found, watched_since_ns=NOW)
    assert never.next_deadline_ns(demo, Vitals(), now_ns) == due_ns


@pytest.mark.req("VIT-07")
def test_a_rule_that_waits_is_a_deadline_until_it_is_due() -> None:
    calm = replace(profile(), ages=())
    assert beyond(WAITING).next_deadline_ns(calm, Vitals(), NOW) == NOW + 15 * S
    assert beyond(WAITING).next_deadline_ns(calm, Vitals(), NOW + 15 * S - 1) == NOW + 15 * S
    assert beyond(WAITING).next_deadline_ns(calm, Vitals(), NOW + 15 * S) is None
    sooner = replace(WAITING, rule=END, due_at_ns=NOW + S)
    assert beyond(WAITING, sooner).next_deadline_ns(calm, Vitals(), NOW) == NOW + S
