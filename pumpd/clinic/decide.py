"""Whether what somebody asks of a course may be done, and what is then recorded. Pure: the calendar is an argument."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import assert_never

from pumpd.clinic import gates
from pumpd.clinic.calendar import end_ns, ns_of
from pumpd.clinic.course import Course, Register
from pumpd.clinic.entries import (
    CheckAnswered,
    Cleared,
    CourseOpened,
    Entry,
    GateSet,
    MeetingHeld,
    OverrideAsked,
    OverrideSigned,
    PatientAssigned,
    ScoreEntered,
    ScoreReviewed,
    SessionNoted,
    WeightMeasured,
    What,
    Withdrawn,
    subject_of,
)
from pumpd.clinic.gates import Policy
from pumpd.core.bounds import DRUG, Measure
from pumpd.core.clearance import Clearance, ClearedGate, sealed
from pumpd.core.commands import CLINICIANS, Role
from pumpd.core.course_words import Answer, Check, Scale
from pumpd.core.quantities import G_PER_KG, QuantityError, decimal_from, scaled_exactly

HIGHEST_TOTAL = {Scale.BDI_II: 63}
"""21 items of 0 to 3 (scoring guides of the BDI-II)."""


class RefusedError(ValueError):
    """What was asked is not done; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weigh:
    """Two entries of one weight, in kg as they were typed."""

    weight_kg: Decimal
    weight_again_kg: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Clear:
    """Let the patient be infused at `bed` today."""

    bed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw:
    """Take the clearance back."""


Wish = (
    CourseOpened
    | GateSet
    | MeetingHeld
    | CheckAnswered
    | ScoreEntered
    | ScoreReviewed
    | OverrideAsked
    | OverrideSigned
    | Weigh
    | Clear
    | Withdraw
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A wish with who has it. `revision` is the course as she saw it."""

    course: str
    revision: int
    command_id: str
    by: str
    role: Role
    wish: Wish


def entry_for(asked: Asked, register: Register, policy: Policy, beds: tuple[str, ...], now: datetime) -> Entry:
    """Return what is to be recorded for a wish, or raise `RefusedError`."""
    if asked.role not in CLINICIANS:
        raise RefusedError(f"the role {asked.role.value} may not change a course; ask a nurse or a prescriber")
    if asked.command_id in register.command_ids:
        raise RefusedError("this command id was used before; it acts at most once")
    if isinstance(asked.wish, CourseOpened):
        if asked.course in register.courses:
            raise RefusedError(f"course {asked.course} exists already")
        return _entry(asked, asked.wish, now)
    course = register.courses.get(asked.course)
    if course is None:
        raise RefusedError(f"there is no course {asked.course}; look at the list: pumpd course worklist")
    if asked.revision > course.revision:
        raise RefusedError(f"course {course.id} has no revision {asked.revision} yet, it has {course.revision}")
    what = _what(asked, course, register, policy, beds, now)
    _unchanged(asked, course, what)
    return _entry(asked, what, now)


def assign(course: str, code: str, register: Register, *, by: str, command_id: str, now: datetime) -> Entry:
    """Return the entry that gives a course its patient, at the clinic's own machine, or raise `RefusedError`."""
    known = register.courses.get(course)
    if known is None:
        raise RefusedError(f"there is no course {course}")
    if known.patient_code is not None:
        raise RefusedError(f"course {course} has its patient already; a wrong one is mended by a new course")
    other = register.of_patient(code)
    if other is not None:
        raise RefusedError(f"this patient has course {other.id} already; go on with it")
    what = PatientAssigned(patient_code=code)
    return Entry(course=course, command_id=command_id, by=by, role=None, at_ns=ns_of(now), what=what)


def _entry(asked: Asked, what: What, now: datetime) -> Entry:
    return Entry(
        course=asked.course, command_id=asked.command_id, by=asked.by, role=asked.role, at_ns=ns_of(now), what=what
    )


def _unchanged(asked: Asked, course: Course, what: What) -> None:
    """Refuse what was decided on a course that has changed since, unless what has changed is something else."""
    if asked.revision == course.revision:
        return
    if isinstance(asked.wish, (Clear, OverrideSigned)):
        raise RefusedError(
            f"this was decided on revision {asked.revision} of course {course.id}, it is now at {course.revision}; "
            "look again, then decide anew"
        )
    other = course.changed_since(asked.revision, subject_of(what))
    if other is not None:
        raise RefusedError(
            f"{other.by} has changed {subject_of(what)} of course {course.id} since revision {asked.revision}; "
            "look again, then decide anew"
        )


def _what(
    asked: Asked, course: Course, register: Register, policy: Policy, beds: tuple[str, ...], now: datetime
) -> What:
    wish = asked.wish
    match wish:
        case GateSet():
            return _gate(asked, wish, now)
        case MeetingHeld():
            _not_later("the session", wish.on, now)
            return wish
        case CheckAnswered():
            return _check(wish)
        case ScoreEntered():
            return _score(asked, wish, now)
        case ScoreReviewed():
            return _review(asked, wish, course)
        case OverrideAsked():
            return _override(wish, course, policy, now)
        case OverrideSigned():
            return _signature(asked, wish, course, now)
        case Weigh():
            return _weight(wish)
        case Clear():
            return Cleared(clearance=_clearance(asked, wish, course, register, policy, beds, now))
        case Withdraw():
            return _withdrawal(course, now)
        case CourseOpened():
            raise RefusedError(f"course {course.id} exists already")
        case _:
            assert_never(wish)


def _day(what: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise RefusedError(f"{what}: {text!r} is no day of the calendar; write it like 2026-05-28") from None


def _not_later(what: str, text: str, now: datetime) -> None:
    if _day(what, text) > now.date():
        raise RefusedError(f"{what} is dated {text}, which is later than today, {now.date()}; look at the date")


def _gate(asked: Asked, wish: GateSet, now: datetime) -> GateSet:
    if asked.role is not Role.PRESCRIBER:
        raise RefusedError(f"the {wish.gate.value} is set by a prescriber, {asked.by} is a {asked.role.value}")
    _not_later(f"the {wish.gate.value}", wish.on, now)
    return wish


def _check(wish: CheckAnswered) -> CheckAnswered:
    if wish.answer is Answer.NOT_APPLICABLE and wish.check is not Check.PREGNANCY:
        raise RefusedError(f"{wish.check.value} applies to everybody: answer clear or not-clear")
    return wish


def _score(asked: Asked, wish: ScoreEntered, now: datetime) -> ScoreEntered:
    highest = HIGHEST_TOTAL[wish.scale]
    if not 0 <= wish.total <= highest:
        raise RefusedError(f"a {wish.scale.value} total of {wish.total} is outside 0 to {highest}; count it again")
    _not_later("the score", wish.on, now)
    if wish.item9_reviewed and asked.role is not Role.PRESCRIBER:
        raise RefusedError(
            f"item 9 is reviewed by a prescriber, {asked.by} is a {asked.role.value}; leave the mark out"
        )
    return wish


def _review(asked: Asked, wish: ScoreReviewed, course: Course) -> ScoreReviewed:
    if asked.role is not Role.PRESCRIBER:
        raise RefusedError(f"a score is reviewed by a prescriber, {asked.by} is a {asked.role.value}")
    if wish.on not in {score.on for _, score in course.scores}:
        raise RefusedError(f"course {course.id} has no score of {wish.on}")
    return wish


def _weight(wish: Weigh) -> WeightMeasured:
    if wish.weight_kg != wish.weight_again_kg:
        raise RefusedError(f"the two entries differ, {wish.weight_kg} and {wish.weight_again_kg} kg; weigh again")
    complaint = DRUG[Measure.WEIGHT].complaint(wish.weight_kg)
    if complaint is not None:
        raise RefusedError(f"weight {complaint}")
    try:
        weight_kg = decimal_from("weight", wish.weight_kg, "kg")
        return WeightMeasured(weight_g=scaled_exactly("weight", weight_kg, G_PER_KG, "kg"))
    except QuantityError as error:
        raise RefusedError(str(error)) from None


# ---- overrides ------------------------------------------------------------------------------------------------------


def _override(wish: OverrideAsked, course: Course, policy: Policy, now: datetime) -> OverrideAsked:
    if not wish.reason.strip():
        raise RefusedError("an override needs a reason")
    lacking = gates.missing(gates.examined(course, policy, now))
    found = next((each for each in lacking if each.item == wish.item), None)
    if found is None:
        names = ", ".join(each.item for each in lacking if each.has_override) or "nothing"
        raise RefusedError(f"{wish.item} is not missing; what can be passed by two people: {names}")
    if not found.has_override:
        raise RefusedError(f"{wish.item} has no override: {found}")
    return wish


def _signature(asked: Asked, wish: OverrideSigned, course: Course, now: datetime) -> OverrideSigned:
    waits = gates.waiting(course, wish.item, now)
    if waits is None:
        raise RefusedError(f"nobody has asked to pass {wish.item} today")
    entry, _ = waits
    if not gates.may_sign(entry, asked.by, asked.role):
        role = "nobody" if entry.role is None else entry.role.value
        raise RefusedError(
            f"{entry.by} ({role}) asked for this; a second person of another role signs, not {asked.by} "
            f"({asked.role.value})"
        )
    return wish


# ---- the clearance --------------------------------------------------------------------------------------------------


def _clearance(
    asked: Asked,
    wish: Clear,
    course: Course,
    register: Register,
    policy: Policy,
    beds: tuple[str, ...],
    now: datetime,
) -> Clearance:
    if wish.bed not in beds:
        raise RefusedError(f"there is no bed {wish.bed}; the site has {', '.join(beds)}")
    now_ns = ns_of(now)
    is_open = course.open_session
    if is_open is not None:
        raise RefusedError(
            f"session {is_open.session} of course {course.id} is still open at {is_open.bed}; close it there first"
        )
    given = course.clearance(now_ns)
    if given is not None:
        raise RefusedError(f"course {course.id} is cleared for {given.bed} already; withdraw that first")
    other = register.of_clearance(wish.bed, now_ns)
    if other is not None:
        raise RefusedError(f"{wish.bed} is cleared for course {other.course}; withdraw that first, or take another bed")
    found = gates.examined(course, policy, now)
    lacking = gates.missing(found)
    if lacking:
        raise RefusedError(f"not cleared: {'; '.join(map(str, lacking))}")
    weighed = gates.weighed(course, now)
    assert weighed is not None  # noqa: S101 - the weight's own rule has just passed
    opened = tuple(each for each in found if isinstance(each, ClearedGate))
    lapses = [each.until_wall_ns for each in opened if each.until_wall_ns is not None]
    low_ng, high_ng = course.given_ng
    last = course.infusions[-1] if course.infusions else None
    return sealed(
        Clearance(
            bed=wish.bed,
            course=course.id,
            number=len(course.infusions) + 1,
            weight_g=weighed[1].weight_g,
            last_weight_g=None if last is None else last[1].weight_g,
            given_low_ng=low_ng,
            given_high_ng=high_ng,
            last_infusion_wall_ns=None if last is None else last[0].at_ns,
            gates=opened,
            issued_by=asked.by,
            issued_wall_ns=now_ns,
            expires_wall_ns=min([end_ns(now.date(), now), *lapses]),
        )
    )


def _withdrawal(course: Course, now: datetime) -> Withdrawn:
    given = course.clearance(ns_of(now))
    if given is None:
        raise RefusedError(f"course {course.id} has no clearance that stands")
    if any(note.begun and note.clearance_hash == given.hash for _, note in course.sessions):
        raise RefusedError(f"the infusion at {given.bed} has begun; it is paused or stopped there, by anybody")
    return Withdrawn(hash=given.hash)


def noted(register: Register, course: str, note: SessionNoted, *, command_id: str, at_ns: int) -> Entry | None:
    """Return the entry for what a bed says of a session, None where it says nothing new or of no course here."""
    known = register.courses.get(course)
    if known is None:
        return None
    last = next((before for _, before in known.sessions if before.session == note.session), None)
    if last is not None:
        # nothing that was once known of a session is forgotten because a bed, started anew, no longer says it
        note = replace(
            note,
            clearance_hash=note.clearance_hash or last.clearance_hash,
            weight_g=note.weight_g or last.weight_g,
            begun=note.begun or last.begun,
            over=note.over or last.over,
            low_ng=max(note.low_ng, last.low_ng),
        )
    if note == last:
        return None
    return Entry(course=course, command_id=command_id, by=note.bed, role=None, at_ns=at_ns, what=note)
