"""Courses as people see them on the wire: one whole, or all in the order in which they need somebody. Pure.

The code of a patient stays here: only whether there is one is told.
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from pumpd.clinic import gates, schedule
from pumpd.clinic.calendar import day_of, ns_of
from pumpd.clinic.course import Course, Register
from pumpd.clinic.entries import Entry, OverrideAsked, SessionNoted
from pumpd.clinic.gates import Found, Missing, Policy
from pumpd.core.quantities import NG_PER_MG
from pumpd.mqtt import clearance
from pumpd.mqtt.broker_config import MAX_MESSAGE_BYTES
from pumpd.mqtt.course_payloads import (
    ListedCourse,
    ShownCourse,
    ShownGate,
    ShownInfusion,
    ShownScore,
    WaitingOverride,
)

TEXT_LIMIT = 900
LIST_BYTES = MAX_MESSAGE_BYTES * 3 // 4
"""What the list of all courses may take of a message: a broker ends a connection that sends a longer one."""


def short(text: str) -> str:
    """Return `text` as long as a message has room for it."""
    return text if len(text) <= TEXT_LIMIT else text[: TEXT_LIMIT - 1] + "…"


def shown(course: Course, policy: Policy, now: datetime) -> ShownCourse:
    """Return a course as it stands at `now`."""
    found = gates.examined(course, policy, now)
    given = course.clearance(ns_of(now))
    upcoming = [due for due in schedule.follow_up(course, now) if due > now.date()]
    return ShownCourse(
        course=course.id,
        indication=course.indication,
        revision=course.revision,
        assigned=course.patient_code is not None,
        infusions=len(course.infusions),
        given=tuple(_infusion(entry, note, now) for entry, note in course.infusions),
        exposure=schedule.exposure_text(course, now),
        gates=tuple(map(_gate, found)),
        overridable=tuple(each.item for each in gates.missing(found) if each.has_override),
        waiting=tuple(_waiting(entry, what) for entry, what in gates.all_waiting(course, policy, now)),
        due=tuple(short(str(each)) for each in schedule.worklist(course, policy, now)),
        next_follow_up=upcoming[0].isoformat() if upcoming else None,
        scores=tuple(_scores(course)),
        cleared_for=None if given is None else given.bed,
        cleared_until=None if given is None else clearance.utc(given.expires_wall_ns),
        open_session=_open_session(course),
    )


def listed(register: Register, policy: Policy, now: datetime) -> tuple[tuple[ListedCourse, ...], int]:
    """Return the courses, who needs somebody next first, and how many more there are than one message has room for."""
    due = {course.id: schedule.worklist(course, policy, now) for course in register.courses.values()}
    in_order = sorted(register.courses.values(), key=lambda each: (schedule.urgency(each, due[each.id], now), each.id))
    room, kept = LIST_BYTES, []
    for course in in_order:
        line = _line(course, due[course.id], policy, now)
        room -= len(line.to_bytes())
        if room < 0:
            break
        kept.append(line)
    return tuple(kept), len(in_order) - len(kept)


def _line(course: Course, due: tuple[schedule.Due, ...], policy: Policy, now: datetime) -> ListedCourse:
    lacking = gates.missing(gates.examined(course, policy, now))
    given = course.clearance(ns_of(now))
    return ListedCourse(
        course=course.id,
        indication=course.indication,
        assigned=course.patient_code is not None,
        infusions=len(course.infusions),
        due=tuple(short(str(each)) for each in due),
        missing=tuple(_by_owner(lacking)),
        cleared_for=None if given is None else given.bed,
        cleared_until=None if given is None else clearance.utc(given.expires_wall_ns),
        open_session=_open_session(course),
    )


def _by_owner(lacking: tuple[Missing, ...]) -> Iterator[str]:
    for owner in dict.fromkeys(each.owner for each in lacking):
        yield f"{', '.join(each.item for each in lacking if each.owner == owner)} ({owner})"


def _gate(found: Found) -> ShownGate:
    if isinstance(found, Missing):
        return ShownGate(gate=found.item, met=False, owner=found.owner, until=None, words=short(found.text))
    until = None if found.until_wall_ns is None else clearance.utc(found.until_wall_ns)
    return ShownGate(gate=found.gate, met=True, owner=found.by, until=until, words=short(found.override))


def _waiting(entry: Entry, what: OverrideAsked) -> WaitingOverride:
    return WaitingOverride(
        item=what.item,
        by=entry.by,
        role="" if entry.role is None else entry.role.value,
        reason=what.reason,
        until=clearance.utc(entry.at_ns + gates.DAY_CHECK_NS),
    )


def _infusion(entry: Entry, note: SessionNoted, now: datetime) -> ShownInfusion:
    return ShownInfusion(
        on=day_of(entry.at_ns, now).isoformat(),
        low_mg=Decimal(note.low_ng) / NG_PER_MG,
        high_mg=Decimal(note.high_ng) / NG_PER_MG,
    )


def _scores(course: Course) -> Iterator[ShownScore]:
    unseen = gates.unreviewed(course)
    for number, (_, score) in enumerate(course.scores):
        yield ShownScore(
            on=score.on,
            total=score.total,
            band=schedule.band(score.total),
            change=None if number == 0 else score.total - course.scores[0][1].total,
            rater=score.rater,
            item9_reviewed=score.on not in unseen,
        )


def _open_session(course: Course) -> str | None:
    found = course.open_session
    return None if found is None else f"{found.session} at {found.bed}"
