"""The clinic's desk: requests in, answers and clearances out. File and calendar are given; it has no connection."""

import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Protocol, assert_never

import structlog
from pydantic import ValidationError

from pumpd.clinic import gates, schedule
from pumpd.clinic.beds import Told, told
from pumpd.clinic.calendar import ns_of
from pumpd.clinic.course import Course
from pumpd.clinic.decide import Asked, Clear, RefusedError, Weigh, Wish, Withdraw, entry_for, noted
from pumpd.clinic.entries import (
    CheckAnswered,
    CourseOpened,
    Entry,
    GateSet,
    MeetingHeld,
    OverrideAsked,
    OverrideSigned,
    ScoreEntered,
    ScoreReviewed,
)
from pumpd.clinic.gates import Policy
from pumpd.clinic.store import MovedError, Store
from pumpd.core.clearance import ClearedGate
from pumpd.core.commands import ReceiptState, Role
from pumpd.mqtt import clearance, topics
from pumpd.mqtt.course_payloads import (
    COURSE_REQUEST,
    AnyCourseRequest,
    ChangeRequest,
    CheckRequest,
    ClearRequest,
    CourseAnswer,
    GateRequest,
    NewCourseRequest,
    OverrideRequest,
    ReviewRequest,
    ScoreRequest,
    SessionRequest,
    ShownCourse,
    ShownScore,
    ShowRequest,
    SignRequest,
    WeightRequest,
    WithdrawRequest,
    WorklistRequest,
)
from pumpd.mqtt.intake import MAX_REQUEST_BYTES
from pumpd.mqtt.payloads import State, first_complaint
from pumpd.mqtt.wire import WireError, read
from pumpd.records.database import JournalError

TEXT_LIMIT = 900
TRIES = 5
"""How often a decision is made anew because another program has written first."""
_log = structlog.get_logger("pumpd.clinic")


class Publish(Protocol):
    """Puts a message on the bus."""

    def __call__(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> None:
        """Queue a message."""


class Desk:
    """One clinic: its courses, its beds, its people."""

    def __init__(
        self,
        store: Store,
        *,
        policy: Policy,
        operators: dict[str, Role],
        beds: tuple[str, ...],
        now: Callable[[], datetime],
        publish: Publish,
    ) -> None:
        self._store = store
        self._policy = policy
        self._operators = operators
        self._beds = beds
        self._now = now
        self._publish = publish
        self._shown: dict[str, str | None] = {}
        """The hash of the clearance that each bed was last told, None for none."""

    def connected(self) -> None:
        """Tell every bed anew what stands: the broker may hold what was taken back while it was away."""
        self._shown = {}
        self.tick()

    def tick(self) -> None:
        """Tell each bed what has changed: a clearance given, taken back, used up or out of time."""
        with suppress(JournalError):
            self._store.catch_up()
        now_ns = ns_of(self._now())
        for bed in self._beds:
            given = self._store.register.of_clearance(bed, now_ns)
            given_hash = None if given is None else given.hash
            if bed not in self._shown or self._shown[bed] != given_hash:
                self._shown[bed] = given_hash
                payload = b"" if given is None else clearance.from_core(given).to_bytes()
                self._publish(topics.BedTopics(bed=bed).clearance, payload, qos=1, retain=True)

    def message(self, topic: str, payload: bytes, retained: bool) -> None:
        """Take in a message of a person or a bed; whatever is wrong with it changes nothing."""
        found = topics.parse(topic)
        if found is None:
            return
        if found.channel is topics.Channel.STATE and found.bed in self._beds:
            self._hear_bed(found.bed, payload)
        elif found.channel is topics.Channel.REQUEST and found.bed == topics.RESERVED_BED and found.name is not None:
            self._answer(found.name, payload, retained=retained)

    # ---- beds -------------------------------------------------------------------------------------------------------

    def _hear_bed(self, bed: str, payload: bytes) -> None:
        try:
            state = State.from_bytes(payload)
        except WireError as error:
            _log.warning("state not understood", bed=bed, reason=str(error))
            return
        if state.bed != bed:
            return
        try:
            changed = [self._note(each) for each in told(state, self._store.register)]
        except JournalError as error:
            _log.error("a session could not be recorded; its bed tells it again", bed=bed, reason=str(error))
            return
        if any(changed):
            self.tick()

    def _note(self, told_now: Told) -> bool:
        """Record what a bed says, where it is new; say whether it was."""
        for _ in range(TRIES):
            entry = noted(
                self._store.register,
                told_now.course,
                told_now.note,
                command_id=f"{told_now.note.session}-{secrets.token_hex(4)}",
                at_ns=told_now.at_ns,
            )
            if entry is None:
                return False
            if self._append(entry):
                return True
        raise JournalError("another program writes the clinic's record all the time; end it")

    def _append(self, entry: Entry) -> bool:
        """Record an entry; False: another program was first, which has been read now."""
        try:
            self._store.append(entry)
        except MovedError:
            self._store.catch_up()
            return False
        return True

    # ---- people -----------------------------------------------------------------------------------------------------

    def _answer(self, user: str, payload: bytes, *, retained: bool) -> None:
        request_id, kind = "unreadable", "unreadable"
        courses: tuple[ShownCourse, ...] = ()
        revision = None
        try:
            request = _read(payload)
            request_id, kind = request.id, request.kind
            role = self._operators.get(user)
            if role is None:
                raise RefusedError(f"{user} is not on this site's operator list; ask the engineer to add the account")
            if retained:
                raise RefusedError("the request was delivered as retained, so it may be old; send it again")
            courses, reason = self._carry_out(user, role, request)
            revision = courses[0].revision if len(courses) == 1 else None
            state = ReceiptState.VERIFIED
        except (RefusedError, JournalError) as error:
            state, reason = ReceiptState.REFUSED, str(error)
        self.tick()
        answer = CourseAnswer(
            id=request_id,
            kind=kind,
            state=state,
            reason=_short(reason),
            revision=revision,
            courses=courses,
            at=self._now().astimezone(UTC).isoformat(timespec="seconds"),
        )
        if topics.is_name(user):
            self._publish(
                topics.BedTopics(bed=topics.RESERVED_BED).ack(user), answer.to_bytes(), qos=answer.qos, retain=False
            )

    def _carry_out(self, user: str, role: Role, request: AnyCourseRequest) -> tuple[tuple[ShownCourse, ...], str]:
        self._store.catch_up()
        match request:
            case ShowRequest():
                course = self._store.register.courses.get(request.course)
                if course is None:
                    raise RefusedError(f"there is no course {request.course}; look at the list: pumpd course worklist")
                return (self.shown(course),), ""
            case WorklistRequest():
                return tuple(map(self.shown, self._store.register.courses.values())), ""
            case _:
                self._change(_asked(user, role, request))
                course = self._store.register.courses[request.course]
                given = course.clearance(ns_of(self._now()))
                words = given.words() if given is not None and isinstance(request, ClearRequest) else "recorded"
                return (self.shown(course),), words

    def _change(self, asked: Asked) -> None:
        """Record what was asked, or raise. Another program's entry in between is read, and everything judged again."""
        for _ in range(TRIES):
            entry = entry_for(asked, self._store.register, self._policy, self._beds, self._now())
            try:
                if self._append(entry):
                    return
            except JournalError:
                # a commit that was called failed may have happened: what the file holds, counts
                self._store.catch_up()
                if asked.command_id in self._store.register.command_ids:
                    return
                raise
        raise RefusedError("another program writes the clinic's record all the time; send it again")

    def shown(self, course: Course) -> ShownCourse:
        """Return a course as people see it; its patient's code stays here."""
        now = self._now()
        found = gates.examined(course, self._policy, now)
        lacking = gates.missing(found)
        given = course.clearance(ns_of(now))
        is_open = course.open_session
        unseen = gates.unreviewed(course)
        first = course.scores[0][1].total if course.scores else None
        upcoming = [due for due in schedule.follow_up(course, now) if due > now.date()]
        return ShownCourse(
            course=course.id,
            indication=course.indication,
            revision=course.revision,
            assigned=course.patient_code is not None,
            infusions=len(course.infusions),
            exposure=schedule.exposure_text(course, now),
            missing=tuple(_short(str(each)) for each in lacking),
            overridable=tuple(each.item for each in lacking if each.has_override),
            overrides=tuple(_short(each.override) for each in found if isinstance(each, ClearedGate) and each.override),
            due=tuple(_short(str(each)) for each in schedule.worklist(course, self._policy, now)),
            next_follow_up=upcoming[0].isoformat() if upcoming else None,
            scores=tuple(
                ShownScore(
                    on=score.on,
                    total=score.total,
                    band=schedule.band(score.total),
                    change=None if first is None or number == 0 else score.total - first,
                    rater=score.rater,
                    item9_reviewed=score.on not in unseen,
                )
                for number, (_, score) in enumerate(course.scores)
            ),
            cleared_for=None if given is None else given.bed,
            cleared_until=None if given is None else clearance.utc(given.expires_wall_ns),
            open_session=None if is_open is None else f"{is_open.session} at {is_open.bed}",
        )


def _short(text: str) -> str:
    return text if len(text) <= TEXT_LIMIT else text[: TEXT_LIMIT - 1] + "…"


def _read(payload: bytes) -> AnyCourseRequest:
    if len(payload) > MAX_REQUEST_BYTES:
        raise RefusedError(f"a request of {len(payload)} bytes; the limit is {MAX_REQUEST_BYTES}")
    try:
        return COURSE_REQUEST.validate_python(read(payload))
    except WireError as error:
        raise RefusedError(str(error)) from None
    except ValidationError as error:
        raise RefusedError(first_complaint(error)) from None


def _asked(user: str, role: Role, request: ChangeRequest) -> Asked:
    revision = 0 if isinstance(request, NewCourseRequest) else request.revision
    return Asked(
        course=request.course,
        revision=revision,
        command_id=request.id,
        by=user,
        role=role,
        wish=_wish(request),
    )


def _wish(request: ChangeRequest) -> Wish:
    match request:
        case NewCourseRequest():
            return CourseOpened(indication=request.indication)
        case GateRequest():
            return GateSet(
                gate=request.gate,
                met=request.met,
                on=request.on,
                document=request.document,
                failed_drugs=request.failed_drugs,
            )
        case SessionRequest():
            return MeetingHeld(meeting=request.meeting, on=request.on, therapist=request.therapist)
        case WeightRequest():
            return Weigh(weight_kg=request.weight_kg, weight_again_kg=request.weight_again_kg)
        case CheckRequest():
            return CheckAnswered(check=request.check, answer=request.answer)
        case ScoreRequest():
            return ScoreEntered(
                scale=request.scale,
                total=request.total,
                on=request.on,
                rater=request.rater,
                item9_reviewed=request.item9_reviewed,
            )
        case ReviewRequest():
            return ScoreReviewed(on=request.on)
        case OverrideRequest():
            return OverrideAsked(item=request.item, reason=request.reason)
        case SignRequest():
            return OverrideSigned(item=request.item)
        case ClearRequest():
            return Clear(bed=request.bed)
        case WithdrawRequest():
            return Withdraw()
        case _:
            assert_never(request)
