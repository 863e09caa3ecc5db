"""What is due in a course, what lapses, and what got worse: the clinic's worklist. Pure; reminds, and locks nothing.

Days of the follow-up: the clinic's own protocol asks for the inventory over 3 to 12 months; the days are a proposal.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pumpd.clinic.calendar import day_of, months_after, ns_of
from pumpd.clinic.course import Course, day
from pumpd.clinic.entries import GateSet, MeetingHeld, ScoreReviewed
from pumpd.clinic.gates import NURSE, PRESCRIBER, SECOND, THERAPIST, Policy, all_waiting, unreviewed
from pumpd.core.course_words import BANDS, Gate, Indication, Meeting
from pumpd.core.quantities import NS_PER_H, in_mg

MONTHS = (1, 3, 6, 9, 12)
EARLY = timedelta(days=3)
"""By how much a score may be before its day and still be that of the day."""
GRACE = timedelta(days=7)
"""After this a score that is due is overdue."""
MOOD_NS, MOOD_LATE_NS = 24 * NS_PER_H, 48 * NS_PER_H
INTEGRATION_NS, INTEGRATION_LATE_NS = 24 * NS_PER_H, 72 * NS_PER_H
SOON = timedelta(days=7)
PREPARATION_WISHED = 3
"""Two to three sessions are the clinic's protocol; below three is allowed and said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """One line of the worklist."""

    course: str
    text: str
    owner: str
    overdue: bool = False

    def __str__(self) -> str:
        return f"{'OVERDUE ' if self.overdue else ''}{self.text} ({self.owner})"


def band(total: int) -> str:
    """Return the band of a BDI-II total."""
    return next(name for highest, name in BANDS if total <= highest)


def worklist(course: Course, policy: Policy, now: datetime) -> tuple[Due, ...]:
    """Return everything that somebody should do now."""
    return (
        *_unsigned(course, policy, now),
        *_unreviewed(course),
        *_worse(course, policy),
        *_follow_up(course, now),
        *_after_infusion(course, now),
        *_preparation(course),
        *_lapsing(course, policy, now),
        *_exposure(course, now),
    )


def urgency(course: Course, due: tuple[Due, ...], now: datetime) -> tuple[bool, ...]:
    """Return the order of a course in the clinic's list: what waits or is overdue, is due, is here, the rest."""
    waits = any(each.overdue or each.owner == SECOND for each in due)
    is_here = course.open_session is not None or course.clearance(ns_of(now)) is not None
    return not waits, not due, not is_here


def _unsigned(course: Course, policy: Policy, now: datetime) -> Iterator[Due]:
    for entry, what in all_waiting(course, policy, now):
        text = f"the override of {what.item} that {entry.by} asked for waits for a signature"
        yield Due(course=course.id, text=text, owner=SECOND)


def _unreviewed(course: Course) -> Iterator[Due]:
    for on in unreviewed(course):
        yield Due(course=course.id, text=f"item 9 of the BDI-II of {on} waits for a review", owner=PRESCRIBER)


def _worse(course: Course, policy: Policy) -> Iterator[Due]:
    """Tell of a total that rose or is severe, until a prescriber has reviewed it."""
    if not course.scores:
        return
    entry, last = course.scores[-1]
    if any(what.on == last.on and other.at_ns >= entry.at_ns for other, what in course.said(ScoreReviewed)):
        return
    before = course.scores[-2][1] if len(course.scores) > 1 else None
    if before is not None and last.total - before.total >= policy.score_rise:
        text = f"BDI-II rose from {before.total} to {last.total} ({band(last.total)}) on {last.on}: review it"
        yield Due(course=course.id, text=text, owner=PRESCRIBER)
    elif band(last.total) == "severe":
        yield Due(course=course.id, text=f"BDI-II {last.total} on {last.on} is severe: review it", owner=PRESCRIBER)


def follow_up(course: Course, now: datetime) -> tuple[date, ...]:
    """Return the days of the follow-up scores: a week, then 1, 3, 6, 9 and 12 months after the last infusion."""
    if not course.infusions:
        return ()
    last = day_of(course.infusions[-1][0].at_ns, now)
    return (last + timedelta(days=7), *(months_after(last, months) for months in MONTHS))


def _follow_up(course: Course, now: datetime) -> Iterator[Due]:
    today = now.date()
    days = [day(score.on) for _, score in course.scores]
    if not course.infusions and not days:
        yield Due(course=course.id, text="the baseline BDI-II is due before the first infusion", owner=NURSE)
    for due in reversed(follow_up(course, now)):
        if due > today:
            continue
        if not any(on >= due - EARLY for on in days):
            yield Due(course=course.id, text=f"BDI-II due since {due}", owner=NURSE, overdue=today > due + GRACE)
        return  # a later one stands for those before it; the trend shows the gap


def _after_infusion(course: Course, now: datetime) -> Iterator[Due]:
    if not course.infusions:
        return
    entry, _ = course.infusions[-1]
    passed_ns = ns_of(now) - entry.at_ns
    on = day_of(entry.at_ns, now)
    for meeting, due_ns, late_ns, owner in (
        (Meeting.MOOD_CHECK, MOOD_NS, MOOD_LATE_NS, NURSE),
        (Meeting.INTEGRATION, INTEGRATION_NS, INTEGRATION_LATE_NS, THERAPIST),
    ):
        held = any(what.meeting is meeting and day(what.on) > on for _, what in course.said(MeetingHeld))
        if not held and passed_ns >= due_ns:
            yield Due(
                course=course.id,
                text=f"{meeting.value} after the infusion of {on}",
                owner=owner,
                overdue=passed_ns > late_ns,
            )


def _preparation(course: Course) -> Iterator[Due]:
    held = sum(what.meeting is Meeting.PREPARATORY for _, what in course.said(MeetingHeld))
    if not course.infusions and held < PREPARATION_WISHED:
        yield Due(course=course.id, text=f"{held} of 2 to 3 preparatory sessions held", owner=THERAPIST)


def _lapsing(course: Course, policy: Policy, now: datetime) -> Iterator[Due]:
    if len(course.infusions) >= policy.infusions:
        return
    for gate, valid_days in (
        (Gate.SCREENING, policy.screening_valid_days),
        (Gate.CONSULTATION, policy.consultation_valid_days),
        (Gate.ECG, policy.ecg_valid_days),
        (Gate.LABS, policy.labs_valid_days),
    ):
        found = next((what for _, what in course.said(GateSet) if what.gate is gate), None)
        if found is None or valid_days is None:
            continue
        last = day(found.on) + timedelta(days=valid_days)
        if now.date() > last - SOON:
            text = f"the {gate.value} of {found.on} is valid until {last}: renew it"
            yield Due(course=course.id, text=text, owner=PRESCRIBER, overdue=now.date() > last)


def _exposure(course: Course, now: datetime) -> Iterator[Due]:
    """Where alcohol is the indication, ask for a look at signs of dependence after each infusion."""
    if course.indication is not Indication.ALCOHOL_USE or not course.infusions:
        return
    since_ns = course.infusions[-1][0].at_ns
    if not any(what.gate is Gate.EXPOSURE and entry.at_ns >= since_ns for entry, what in course.said(GateSet)):
        yield Due(course=course.id, text=f"exposure review: {exposure_text(course, now)}", owner=PRESCRIBER)


def exposure_text(course: Course, now: datetime) -> str:
    """Return number, amount and spacing of the infusions (requirement CLIN-10)."""
    if not course.infusions:
        return "no infusion yet"
    low_ng, high_ng = course.given_ng
    low, high = in_mg(low_ng), in_mg(high_ng)
    amount = f"{low} mg" if low == high else f"{low} to {high} mg"
    days = [day_of(entry.at_ns, now) for entry, _ in course.infusions]
    gaps = ", ".join(str((later - earlier).days) for earlier, later in itertools.pairwise(days))
    spacing = f", {gaps} days apart" if gaps else ""
    return f"{len(days)} infusions{spacing}, the last on {days[-1]}, {amount} in all"
