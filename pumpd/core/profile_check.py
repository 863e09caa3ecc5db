"""Static checks of a profile: what can never act, never end, or contradicts itself. Pure; knows no file and no patient.

Bounds of single values are in `bounds.py`. Here values are compared with each other, before anybody relies on them
(requirement CFG-05). Every finding is listed, each in one sentence that names the key and says what to do.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from pumpd.core.bounds import Measure, plain
from pumpd.core.ports import VitalKind
from pumpd.core.prescription import UNDILUTED_MG_ML
from pumpd.core.profile import (
    REQUIRED_AGES,
    REQUIRED_PAUSE_RULES,
    REQUIRED_START,
    RESTRICTION,
    Action,
    AgeRule,
    Drug,
    Profile,
    Range,
    Side,
    VitalRule,
)
from pumpd.core.quantities import NS_PER_S

_LOWEST, _HIGHEST = 0, 300
"""Ends of the numbers that a vital sign can take, for limits that have none on one side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fault of a file: the key it is at, and a sentence."""

    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.where}: {self.text}" if self.where else self.text


def findings(profile: Profile) -> tuple[Finding, ...]:
    """Return every contradiction in `profile`."""
    return (
        *_missing(profile),
        *_doubled(profile),
        *_drug(profile.drug),
        *_ranges(profile),
        *_rules(profile.rules),
        *_rises(profile),
        *_ages(profile),
        *_times(profile),
    )


# ---- what must be there ---------------------------------------------------------------------------------------------


def _missing(profile: Profile) -> Iterator[Finding]:
    if not profile.station_required and not profile.simulators_only:
        text = "only a profile for simulators may do without a nurse station that can be heard (ALRM-05); write true"
        yield Finding(where="station_required", text=text)
    if not profile.clearance_required and not profile.simulators_only:
        text = "only a profile for simulators may waive the clinic's clearance of the day (CLIN-01); write true"
        yield Finding(where="clearance_required", text=text)
    for measure in Measure:
        if profile.drug.limit(measure) is None:
            yield Finding(where="drug.limit", text=f"no soft and hard limit for {measure.value}; add one")
    for kind, sides in REQUIRED_PAUSE_RULES.items():
        for side in sides:
            if not any(_pauses(rule) and rule.vital is kind and rule.side is side for rule in profile.rules):
                text = f"no absolute {side.value} limit that pauses or ends for {kind.name}; add one"
                yield Finding(where="rule", text=text)
    for kind in REQUIRED_AGES:
        if not any(age.vital is kind for age in profile.ages):
            yield Finding(where="age", text=f"no age limit for {kind.name}; add one")
    for name, ranges, kinds in (
        ("start", profile.start, REQUIRED_START),
        ("resume", profile.resume, REQUIRED_AGES),
    ):
        missing = [kind.name for kind in kinds if not any(wanted.vital is kind for wanted in ranges)]
        if missing:
            yield Finding(where=name, text=f"no {name} range for {', '.join(missing)}; add one for each")


def _doubled(profile: Profile) -> Iterator[Finding]:
    for where, names in (
        ("rule id", [rule.id for rule in profile.rules]),
        ("age", [age.vital.value for age in profile.ages]),
        ("start", [wanted.vital.value for wanted in profile.start]),
        ("resume", [wanted.vital.value for wanted in profile.resume]),
        ("drug.limit", [limit.measure.value for limit in profile.drug.limits]),
        ("syringe", [syringe.name for syringe in profile.syringes]),
    ):
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield Finding(where=where, text=f"{where} {name} is used twice; keep one")


def _pauses(rule: VitalRule) -> bool:
    return not rule.relative and rule.action is not Action.ALERT


# ---- drug -----------------------------------------------------------------------------------------------------------


def _drug(drug: Drug) -> Iterator[Finding]:
    for limit in drug.limits:
        where, unit = f"drug.limit {limit.measure.value}", limit.measure.unit
        for name, (low, high) in (("hard", limit.hard), ("soft", limit.soft)):
            if low >= high:
                text = f"{name} limits {plain(low)} to {plain(high)} {unit} leave nothing; write the lower one first"
                yield Finding(where=where, text=text)
        (hard_low, hard_high), (soft_low, soft_high) = limit.hard, limit.soft
        if soft_low < hard_low or soft_high > hard_high:
            yield Finding(
                where=where,
                text=f"soft limits {plain(soft_low)} to {plain(soft_high)} {unit} reach beyond the hard limits "
                f"{plain(hard_low)} to {plain(hard_high)} {unit}; a soft limit lies inside",
            )
    yield from _reachable_order(drug, "hard")
    yield from _reachable_order(drug, "soft")
    concentration = drug.limit(Measure.CONCENTRATION)
    for value in drug.concentrations_mg_ml:
        where = "drug.concentrations_mg_ml"
        if value in UNDILUTED_MG_ML:
            yield Finding(where=where, text=f"{plain(value)} mg/mL is an undiluted vial; it is never infused")
        elif concentration is not None and not concentration.hard[0] <= value <= concentration.hard[1]:
            low, high = concentration.hard
            text = f"{plain(value)} mg/mL is outside the hard limits {plain(low)} to {plain(high)} mg/mL; drop one"
            yield Finding(where=where, text=text)


def _reachable_order(drug: Drug, name: str) -> Iterator[Finding]:
    """Find limits under which no order can be made at all: product and quotient of two miss the range of a third."""
    spans: dict[Measure, tuple[Decimal, Decimal]] = {
        limit.measure: limit.hard if name == "hard" else limit.soft for limit in drug.limits
    }
    if len(spans) < len(Measure) or any(low <= 0 or low >= high for low, high in spans.values()):
        return
    per_kg, weight, minutes = (spans[one] for one in (Measure.DOSE_PER_KG, Measure.WEIGHT, Measure.DURATION))
    derived = (
        (Measure.DOSE, per_kg[0] * weight[0], per_kg[1] * weight[1]),
        (Measure.DOSE_RATE, per_kg[0] * 60 / minutes[1], per_kg[1] * 60 / minutes[0]),
    )
    for measure, low, high in derived:
        if low > spans[measure][1] or high < spans[measure][0]:
            shown = " to ".join(plain(number) for number in spans[measure])
            yield Finding(
                where=f"drug.limit {measure.value}",
                text=f"no order can lie inside the {name} limits {shown} {measure.unit}: the {name} limits of the "
                f"other measures give {low:.4g} to {high:.4g} {measure.unit}; check the units of both",
            )


# ---- ranges ---------------------------------------------------------------------------------------------------------


def _ranges(profile: Profile) -> Iterator[Finding]:
    for name, ranges in (("start", profile.start), ("resume", profile.resume)):
        for wanted in ranges:
            yield from _range(name, wanted, profile.rules)
    resumes = {wanted.vital: wanted for wanted in profile.resume}
    for start in profile.start:
        resume = resumes.get(start.vital)
        if resume is not None and (start.low < resume.low or _top(start) > _top(resume)):
            yield Finding(
                where=f"start {start.vital.value}",
                text=f"a start is allowed at {_span(start)}, wider than the resume range {_span(resume)}: who started "
                "there could not resume there; narrow the start or widen the resume",
            )


def _range(name: str, wanted: Range, rules: tuple[VitalRule, ...]) -> Iterator[Finding]:
    where, unit = f"{name} {wanted.vital.value}", wanted.vital.unit
    if wanted.high is not None and wanted.low >= wanted.high:
        yield Finding(where=where, text=f"low {wanted.low} is not below high {wanted.high} {unit}; write low first")
    if wanted.override_high is not None and (wanted.high is None or wanted.override_high <= wanted.high):
        yield Finding(where=where, text=f"override_high {wanted.override_high} {unit} must lie above high")
    if name == "resume" and wanted.override_high is not None:
        yield Finding(where=where, text="a resume has no override; take override_high out")
    if wanted.vital is VitalKind.SPO2 and wanted.high is not None:
        yield Finding(where=where, text=f"SPO2 has no upper limit, 100 % is well; take high = {wanted.high} out")
    safe_low, safe_high = free_values(wanted.vital, rules, by_margin=name == "resume")
    if max(wanted.low, safe_low) > min(_top(wanted), safe_high):
        if name == "resume":
            yield Finding(
                where=where,
                text=f"a pause for {wanted.vital.name} has no exit: no value in {_span(wanted)} is free of the rules "
                f"that pause or end, which leave {safe_low} to {safe_high} {unit}; widen the resume or move the limits",
            )
        else:
            text = f"no start is possible: every value in {_span(wanted)} pauses or ends; move one of them"
            yield Finding(where=where, text=text)
        return
    for rule in rules:
        if wanted.vital is rule.vital and _pauses(rule) and _acts_inside(rule, wanted):
            yield Finding(
                where=where,
                text=f"the range {_span(wanted)} allows values at which rule {rule.id} ({rule.limit_text}) acts; "
                "end the range before that limit",
            )


def _acts_inside(rule: VitalRule, wanted: Range) -> bool:
    return any(rule.side.beyond(value, rule.limit) for value in _ends(wanted))


def _ends(wanted: Range) -> tuple[int, ...]:
    tops = (wanted.high, wanted.override_high)
    return (wanted.low, *(top for top in tops if top is not None))


def _top(wanted: Range) -> int:
    return max(_ends(wanted)) if wanted.high is not None else _HIGHEST


def _span(wanted: Range) -> str:
    unit = wanted.vital.unit
    if wanted.high is None:
        return f"{wanted.low} {unit} and more"
    override = f" ({wanted.override_high} by override)" if wanted.override_high is not None else ""
    return f"{wanted.low} to {wanted.high}{override} {unit}"


def free_values(kind: VitalKind, rules: tuple[VitalRule, ...], *, by_margin: bool = False) -> tuple[int, int]:
    """Return the values of a vital sign at which no absolute rule pauses or ends; `by_margin`: or goes on pausing."""
    low, high = _LOWEST, _HIGHEST
    for rule in rules:
        if rule.vital is kind and _pauses(rule):
            margin = rule.clear_by if by_margin and rule.action is Action.PAUSE else 0
            if rule.side is Side.BELOW:
                low = max(low, rule.limit + margin)
            else:
                high = min(high, _first(rule) - 1 - margin)
    return low, high


# ---- rules ----------------------------------------------------------------------------------------------------------


def _rules(rules: tuple[VitalRule, ...]) -> Iterator[Finding]:
    for rule in rules:
        if rule.vital is VitalKind.SPO2 and rule.side is not Side.BELOW:
            text = "SPO2 has no upper limit, 100 % never alarms; take the rule out"
            yield Finding(where=f"rule {rule.id}", text=text)
    for index, rule in enumerate(rules):
        others = (other for at, other in enumerate(rules) if at != index and rule.is_like(other))
        for other in others:
            if _crossed_order(rule, other):
                yield Finding(
                    where=f"rule {rule.id}",
                    text=f"{rule.action.value} at {rule.limit_text} lies beyond rule {other.id}, which already does "
                    f"{other.action.value} at {other.limit_text}; the milder action comes first",
                )
                break
            if _hides(other, rule, is_before=rules.index(other) < index):
                yield Finding(
                    where=f"rule {rule.id}",
                    text=f"it can never act: rule {other.id} does {other.action.value} at {other.limit_text}"
                    f"{_wait(other)}, so before {rule.action.value} at {rule.limit_text}{_wait(rule)}; "
                    "move it or take it out",
                )
                break


def _crossed_order(rule: VitalRule, stricter: VitalRule) -> bool:
    """Say whether a milder action waits for a worse value than a stricter one."""
    milder = RESTRICTION[rule.action] < RESTRICTION[stricter.action]
    return milder and _first(rule) != _first(stricter) and _covers(stricter, rule)


def _hides(other: VitalRule, rule: VitalRule, *, is_before: bool) -> bool:
    """Say whether `other` always acts before `rule`, and at least as strictly."""
    if not _covers(other, rule) or _wait_ns(other) > _wait_ns(rule):
        return False
    if RESTRICTION[other.action] != RESTRICTION[rule.action]:
        return RESTRICTION[other.action] > RESTRICTION[rule.action]
    equal = _first(other) == _first(rule) and _wait_ns(other) == _wait_ns(rule)
    return is_before or not equal


def _covers(other: VitalRule, rule: VitalRule) -> bool:
    """Say whether every value beyond the limit of `rule` is beyond that of `other`."""
    if rule.side is Side.BELOW:
        return _first(other) >= _first(rule)
    return _first(other) <= _first(rule)


def _first(rule: VitalRule) -> int:
    """Return the value nearest to normal that is beyond the limit."""
    if rule.side is Side.BELOW:
        return rule.limit - 1
    return rule.limit + 1 if rule.side is Side.ABOVE else rule.limit


def _wait_ns(rule: VitalRule) -> int:
    return rule.for_ns if rule.confirm_within_ns is None else rule.confirm_within_ns


def _wait(rule: VitalRule) -> str:
    return f" for {_wait_ns(rule) // NS_PER_S} s" if _wait_ns(rule) else " at once"


def _rises(profile: Profile) -> Iterator[Finding]:
    """Compare each rise with the absolute limits, over every baseline that a start allows."""
    starts = {wanted.vital: wanted for wanted in profile.start}
    resumes = {wanted.vital: wanted for wanted in profile.resume}
    for rule in profile.rules:
        start, resume = starts.get(rule.vital), resumes.get(rule.vital)
        if not rule.relative or start is None:
            continue
        if rule.side is Side.BELOW:
            yield Finding(where=f"rule {rule.id}", text="a rise above baseline needs when = '>=' or '>'")
            continue
        lowest = start.low + _first(rule)
        for other in profile.rules:
            rank = RESTRICTION[other.action] >= RESTRICTION[rule.action]
            comparable = other.vital is rule.vital and other.side is not Side.BELOW and not other.relative
            if comparable and rank and _first(other) <= lowest and _wait_ns(other) <= _wait_ns(rule):
                yield Finding(
                    where=f"rule {rule.id}",
                    text=f"it can never act: even from the lowest baseline {start.low} {rule.vital.unit} it acts at "
                    f"{lowest}, where rule {other.id} ({other.limit_text}) has acted; lower the rise or take it out",
                )
                break
        if rule.action is Action.PAUSE and resume is not None:
            least = max(resume.low, free_values(rule.vital, profile.rules, by_margin=True)[0])
            if least + rule.clear_by >= lowest:
                yield Finding(
                    where=f"rule {rule.id}",
                    text=f"a pause has no exit for a baseline of {start.low} {rule.vital.unit}: it pauses from "
                    f"{lowest} on, and a resume asks for {least} and more; raise the rise or widen the resume",
                )


# ---- ages and times -------------------------------------------------------------------------------------------------


def _ages(profile: Profile) -> Iterator[Finding]:
    for age in profile.ages:
        where = f"age {age.vital.value}"
        if not age.alert_ns < age.pause_ns < age.end_ns:
            alert, pause, end = (value // NS_PER_S for value in (age.alert_ns, age.pause_ns, age.end_ns))
            text = f"alert {alert} s, pause {pause} s and end {end} s must rise; one hides the next"
            yield Finding(where=where, text=text)
        if age.vital in {VitalKind.SBP, VitalKind.DBP}:
            yield from _cuff_cycle(where, age, profile)
    cuffs = [age for age in profile.ages if age.vital in {VitalKind.SBP, VitalKind.DBP}]
    if len({(age.alert_ns, age.pause_ns, age.end_ns) for age in cuffs}) > 1:
        yield Finding(where="age", text="SBP and DBP come from one cuff reading and need equal ages; make them equal")


def _cuff_cycle(where: str, age: AgeRule, profile: Profile) -> Iterator[Finding]:
    for name, interval_ns in (
        ("nibp_interval", profile.nibp_interval_ns),
        ("nibp_pause_interval", profile.nibp_pause_interval_ns),
        ("observe_nibp_first", profile.observe_nibp_first_ns),
    ):
        if interval_ns >= age.alert_ns:
            yield Finding(
                where=where,
                text=f"the cuff measures every {interval_ns // NS_PER_S} s ({name}) and its value alerts at "
                f"{age.alert_ns // NS_PER_S} s: it would alert in every cycle and no resume could follow; shorten the "
                "cycle or raise the alert age",
            )


def _times(profile: Profile) -> Iterator[Finding]:
    pairs = (
        ("baseline_spacing", profile.baseline_spacing_ns, "baseline_max_age", profile.baseline_max_age_ns),
        ("supervision_alarm", profile.supervision_alarm_ns, "supervision_pause", profile.supervision_pause_ns),
        ("observe_first", profile.observe_first_ns, "observe_min", profile.observe_min_ns),
        ("presence_start", profile.presence_start_ns, "presence_alarm", profile.presence_alarm_ns),
        ("presence_alarm", profile.presence_alarm_ns, "presence_pause", profile.presence_pause_ns),
        ("prompt_overdue", profile.prompt_overdue_ns, "prompt_infusing", profile.prompt_infusing_ns),
        ("start_steady", profile.start_steady_ns, "confirm_valid", profile.confirm_valid_ns),
    )
    for shorter, short_ns, longer, long_ns in pairs:
        if short_ns >= long_ns:
            yield Finding(
                where=f"times.{shorter}",
                text=f"{short_ns // NS_PER_S} s must be shorter than {longer}, which is {long_ns // NS_PER_S} s",
            )
