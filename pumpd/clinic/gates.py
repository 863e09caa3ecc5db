"""What must hold before an infusion: each rule says what is open, by whom and until when, or what is missing. Pure.

One rule, one place. Nothing holds by default; a time that the clinic has not set blocks. What may be passed by two
people of different roles is marked so where the rule stands; all else has no override.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from pumpd.clinic.calendar import day_of, end_ns, ns_of
from pumpd.clinic.course import Course, day
from pumpd.clinic.entries import (
    CheckAnswered,
    Entry,
    GateSet,
    MeetingHeld,
    OverrideAsked,
    OverrideSigned,
    PatientAssigned,
    ScoreReviewed,
    WeightMeasured,
)
from pumpd.core.clearance import ClearedGate
from pumpd.core.commands import Role
from pumpd.core.course_words import Answer, Check, Gate, Indication, Meeting
from pumpd.core.quantities import NS_PER_H

DAY_CHECK_NS = 12 * NS_PER_H
"""How long an answer of the day holds (requirement CLIN-02), and how long a signed override does."""
FAILED_DRUGS = 2
"""Without effect so often, a depression is called treatment-resistant (the clinic's own first step)."""

PRESCRIBER, NURSE, THERAPIST = "a prescriber", "a nurse", "the therapist, entered by a nurse"
SECOND = "a second person of another role"
OFFICE, LEAD = "the clinic's office, at its own machine", "the clinic's lead, in the site file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the clinic has chosen. None for a time: not set, which blocks."""

    screening_valid_days: int | None
    consultation_valid_days: int | None
    preparation_valid_days: int | None
    ecg_valid_days: int | None
    labs_valid_days: int | None
    preparatory_sessions: int
    infusions: int
    least_days_between: int
    alcohol_least_days_between: int
    score_valid_days: int
    score_rise: int
    contraindications: tuple[str, ...]

    def unset(self) -> tuple[str, ...]:
        """Return what the clinic has not chosen yet, so that nobody can be cleared."""
        return tuple(field.name for field in fields(self) if getattr(self, field.name) in (None, ()))

    def days_between(self, indication: Indication) -> int:
        """Return the least number of days from one infusion to the next."""
        return self.alcohol_least_days_between if indication is Indication.ALCOHOL_USE else self.least_days_between


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """One thing that stands in the way, in a sentence, and who can put it right."""

    item: str
    text: str
    owner: str
    has_override: bool = False

    def __str__(self) -> str:
        return f"{self.text} ({self.owner})"


Found = ClearedGate | Missing


def examined(course: Course, policy: Policy, now: datetime) -> tuple[Found, ...]:
    """Return what every rule finds, overrides taken into account."""
    return tuple(_passed(course, found, now) for found in _rules(course, policy, now))


def missing(found: tuple[Found, ...]) -> tuple[Missing, ...]:
    """Return what stands in the way."""
    return tuple(each for each in found if isinstance(each, Missing))


def _rules(course: Course, policy: Policy, now: datetime) -> Iterator[Found]:
    yield _assigned(course)
    yield _document(course, Gate.SCREENING, policy.screening_valid_days, now, has_override=True)
    yield _document(course, Gate.CONSULTATION, policy.consultation_valid_days, now, has_override=True)
    yield _preparation(course, policy, now)
    yield _document(course, Gate.ECG, policy.ecg_valid_days, now)
    yield _document(course, Gate.LABS, policy.labs_valid_days, now)
    for check in Check:
        yield _answer(course, check, policy, now)
    yield _weight(course, now)
    yield _count(course, policy)
    yield _spacing(course, policy, now)
    yield _integration(course, now)
    yield _score(course, policy, now)
    yield _review(course)
    yield _exposure(course, now)


# ---- the course -----------------------------------------------------------------------------------------------------


def _assigned(course: Course) -> Found:
    found = next(course.said(PatientAssigned), None)
    if found is None:
        return Missing(
            item="patient-code", text=f"course {course.id} is assigned to no patient: pumpd clinic assign", owner=OFFICE
        )
    return ClearedGate(gate="patient-code", by=found[0].by, until_wall_ns=None)


def _document(
    course: Course, gate: Gate, valid_days: int | None, now: datetime, *, has_override: bool = False
) -> Found:
    item = gate.value
    if valid_days is None:
        key = f"{item}_valid_days"
        return Missing(item=item, text=f"the clinic has not set how long the {item} is valid: {key}", owner=LEAD)
    found = next(((entry, what) for entry, what in course.said(GateSet) if what.gate is gate), None)
    if found is None:
        text = f"the {item} is missing: nobody has set it"
        return Missing(item=item, text=text, owner=PRESCRIBER, has_override=has_override)
    entry, what = found
    if not what.met:
        return Missing(
            item=item,
            text=f"{entry.by} found the {item} of {what.on} not met",
            owner=PRESCRIBER,
            has_override=has_override,
        )
    last = day(what.on) + timedelta(days=valid_days)
    if now.date() > last:
        text = f"the {item} of {what.on} expired on {last}: it is valid for {valid_days} days"
        return Missing(item=item, text=text, owner=PRESCRIBER, has_override=has_override)
    if gate is Gate.SCREENING and course.indication is Indication.DEPRESSION:
        drugs = what.failed_drugs or 0
        if drugs < FAILED_DRUGS:
            text = f"the screening names {drugs} antidepressants without effect, {FAILED_DRUGS} or more are needed"
            return Missing(item=item, text=text, owner=PRESCRIBER, has_override=has_override)
    return ClearedGate(gate=item, by=entry.by, until_wall_ns=end_ns(last, now))


def _preparation(course: Course, policy: Policy, now: datetime) -> Found:
    item, days = "preparation", policy.preparation_valid_days
    if days is None:
        text = "the clinic has not set how long preparatory sessions count: preparation_valid_days"
        return Missing(item=item, text=text, owner=LEAD)
    first = now.date() - timedelta(days=days)
    counted = [
        (entry, what)
        for entry, what in course.said(MeetingHeld)
        if what.meeting is Meeting.PREPARATORY and day(what.on) >= first
    ]
    wanted = policy.preparatory_sessions
    if len(counted) < wanted:
        text = f"{len(counted)} preparatory sessions within {days} days, {wanted} are needed"
        return Missing(item=item, text=text, owner=THERAPIST, has_override=True)
    lasts = sorted((day(what.on) + timedelta(days=days) for _, what in counted), reverse=True)
    return ClearedGate(gate=item, by=counted[0][1].therapist, until_wall_ns=end_ns(lasts[wanted - 1], now))


def _count(course: Course, policy: Policy) -> Found:
    number = len(course.infusions) + 1
    if number > policy.infusions:
        text = f"infusion {number} of a course of {policy.infusions}"
        return Missing(
            item="further-infusion", text=text, owner="two people of two roles, with a reason", has_override=True
        )
    return ClearedGate(gate="count", by="pumpd", until_wall_ns=None)


def _spacing(course: Course, policy: Policy, now: datetime) -> Found:
    least = policy.days_between(course.indication)
    if course.infusions:
        last = day_of(course.infusions[-1][0].at_ns, now)
        if (now.date() - last).days < least:
            due = last + timedelta(days=least)
            text = f"the last infusion was on {last}; the next may be on {due}, {least} days later"
            return Missing(
                item="early-infusion", text=text, owner="two people of two roles, with a reason", has_override=True
            )
    return ClearedGate(gate="spacing", by="pumpd", until_wall_ns=None)


def _integration(course: Course, now: datetime) -> Found:
    since = _last_infusion(course)
    if since is None:
        return ClearedGate(gate="integration", by="pumpd", until_wall_ns=None)
    held = next(
        (
            what
            for _, what in course.said(MeetingHeld)
            if what.meeting is Meeting.INTEGRATION and day(what.on) > day_of(since.at_ns, now)
        ),
        None,
    )
    if held is None:
        text = f"no integration session since the infusion of {day_of(since.at_ns, now)}"
        return Missing(item="integration", text=text, owner=THERAPIST, has_override=True)
    return ClearedGate(gate="integration", by=held.therapist, until_wall_ns=None)


def _score(course: Course, policy: Policy, now: datetime) -> Found:
    """Ask for a total before each infusion: of the last days, and of a day after the infusion before."""
    first = now.date() - timedelta(days=policy.score_valid_days)
    since = _last_infusion(course)
    if since is not None:
        first = max(first, day_of(since.at_ns, now) + timedelta(days=1))
    if not course.scores or day(course.scores[-1][1].on) < first:
        text = f"no BDI-II total of {first} or later"
        return Missing(item="score", text=text, owner=NURSE, has_override=True)
    _, score = course.scores[-1]
    last = day(score.on) + timedelta(days=policy.score_valid_days)
    return ClearedGate(gate="score", by=score.rater, until_wall_ns=end_ns(last, now))


def _review(course: Course) -> Found:
    unseen = unreviewed(course)
    if unseen:
        text = f"item 9 of the BDI-II of {', '.join(unseen)} is not marked as reviewed"
        return Missing(item="item-9", text=text, owner=PRESCRIBER)
    return ClearedGate(gate="item-9", by="pumpd", until_wall_ns=None)


def unreviewed(course: Course) -> tuple[str, ...]:
    """Return the days of the totals of which nobody has reviewed item 9 since they were entered."""
    return tuple(
        score.on
        for entry, score in course.scores
        if not score.item9_reviewed
        and not any(what.on == score.on and other.at_ns >= entry.at_ns for other, what in course.said(ScoreReviewed))
    )


def _exposure(course: Course, now: datetime) -> Found:
    """Where alcohol or another use is the indication, somebody looks for signs of dependence after each infusion."""
    since = _last_infusion(course)
    if course.indication is not Indication.ALCOHOL_USE or since is None:
        return ClearedGate(gate=Gate.EXPOSURE.value, by="pumpd", until_wall_ns=None)
    found = next(((entry, what) for entry, what in course.said(GateSet) if what.gate is Gate.EXPOSURE), None)
    if found is None or found[0].at_ns < since.at_ns or not found[1].met:
        text = f"no exposure review that found no sign of dependence since {day_of(since.at_ns, now)}"
        return Missing(item=Gate.EXPOSURE.value, text=text, owner=PRESCRIBER)
    return ClearedGate(gate=Gate.EXPOSURE.value, by=found[0].by, until_wall_ns=None)


def _last_infusion(course: Course) -> Entry | None:
    return course.infusions[-1][0] if course.infusions else None


# ---- the day --------------------------------------------------------------------------------------------------------


def _answer(course: Course, check: Check, policy: Policy, now: datetime) -> Found:
    item = check.value
    if check is Check.CONTRAINDICATIONS and not policy.contraindications:
        return Missing(item=item, text="the clinic has not set its list of contraindications", owner=LEAD)
    found = next(((entry, what) for entry, what in course.said(CheckAnswered) if what.check is check), None)
    if found is None:
        return Missing(item=item, text=f"{item} was not checked", owner=NURSE)
    entry, what = found
    until_ns = entry.at_ns + DAY_CHECK_NS
    if ns_of(now) >= until_ns:
        text = f"the check of {item} by {entry.by} lapsed after {DAY_CHECK_NS // NS_PER_H} h"
        return Missing(item=item, text=text, owner=NURSE)
    if what.answer is Answer.NOT_CLEAR:
        return Missing(item=item, text=f"{item} is not clear, says {entry.by}; there is no infusion today", owner=NURSE)
    return ClearedGate(gate=item, by=entry.by, until_wall_ns=until_ns)


def weighed(course: Course, now: datetime) -> tuple[Entry, WeightMeasured] | None:
    """Return the weight that was measured today and has not lapsed."""
    found = next(course.said(WeightMeasured), None)
    if found is None or day_of(found[0].at_ns, now) != now.date() or ns_of(now) >= found[0].at_ns + DAY_CHECK_NS:
        return None
    return found


def _weight(course: Course, now: datetime) -> Found:
    found = weighed(course, now)
    if found is None:
        return Missing(item="weight", text="the weight was not measured today", owner=NURSE)
    return ClearedGate(gate="weight", by=found[0].by, until_wall_ns=found[0].at_ns + DAY_CHECK_NS)


# ---- overrides ------------------------------------------------------------------------------------------------------


def _passed(course: Course, found: Found, now: datetime) -> Found:
    """Return a missing item as passed where two people of two roles have signed for it since the last infusion."""
    if not isinstance(found, Missing) or not found.has_override:
        return found
    asked = waiting(course, found.item, now)
    if asked is None:
        return found
    entry, what = asked
    for other, signed in course.said(OverrideSigned):
        if signed.item == found.item and other.at_ns >= entry.at_ns and may_sign(entry, other.by, other.role):
            who = f"{entry.by} ({_role(entry)}) and {other.by} ({_role(other)})"
            words = f"{found.text}; passed by {who}, because: {what.reason}"
            return ClearedGate(gate=found.item, by=other.by, until_wall_ns=entry.at_ns + DAY_CHECK_NS, override=words)
    return found


def waiting(course: Course, item: str, now: datetime) -> tuple[Entry, OverrideAsked] | None:
    """Return the last wish to pass `item` that has not lapsed, with the infusion or after 12 h."""
    since = _last_infusion(course)
    found = next(((entry, what) for entry, what in course.said(OverrideAsked) if what.item == item), None)
    if found is None or ns_of(now) >= found[0].at_ns + DAY_CHECK_NS:
        return None
    return None if since is not None and found[0].at_ns <= since.at_ns else found


def all_waiting(course: Course, policy: Policy, now: datetime) -> tuple[tuple[Entry, OverrideAsked], ...]:
    """Return the wishes to pass what is still missing: nobody has signed for them."""
    lacking = missing(examined(course, policy, now))
    found = (waiting(course, each.item, now) for each in lacking if each.has_override)
    return tuple(each for each in found if each is not None)


def may_sign(asked: Entry, by: str, role: Role | None) -> bool:
    """Say whether somebody can be the second for what was asked: another person, of another role."""
    return by != asked.by and role is not asked.role


def _role(entry: Entry) -> str:
    return "clinic" if entry.role is None else entry.role.value
