"""The clinic's desk: requests in, answers and clearances out. File and calendar are given; it has no connection."""

import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Protocol, assert_never

import structlog
from pydantic import ValidationError

from pumpd.clinic.beds import Told, told
from pumpd.clinic.calendar import ns_of
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
from pumpd.clinic.shown import listed, short, shown
from pumpd.clinic.store import MovedError, Store
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
    ListedCourse,
    NewCourseRequest,
    OverrideRequest,
    ReviewRequest,
    ScoreRequest,
    SessionRequest,
    ShownCourse,
    ShowRequest,
    SignRequest,
    WeightRequest,
    WithdrawRequest,
    WorklistRequest,
)
from pumpd.mqtt.course_requests import complaint
from pumpd.mqtt.intake import MAX_REQUEST_BYTES
from pumpd.mqtt.payloads import State
from pumpd.mqtt.wire import WireError, read
from pumpd.records.database import JournalError

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
        worklist: tuple[ListedCourse, ...] = ()
        left_off, revision, reason = 0, None, ""
        try:
            request = _read(payload)
            request_id, kind = request.id, request.kind
            role = self._operators.get(user)
            if role is None:
                raise RefusedError(f"{user} is not on this site's operator list; ask the engineer to add the account")
            if retained:
                raise RefusedError("the request was delivered as retained, so it may be old; send it again")
            if isinstance(request, WorklistRequest):
                self._store.catch_up()
                worklist, left_off = listed(self._store.register, self._policy, self._now())
            else:
                course, reason = self._carry_out(user, role, request)
                courses, revision = (course,), course.revision
            state = ReceiptState.VERIFIED
        except (RefusedError, JournalError) as error:
            state, reason = ReceiptState.REFUSED, str(error)
        self.tick()
        answer = CourseAnswer(
            id=request_id,
            kind=kind,
            state=state,
            reason=short(reason),
            revision=revision,
            courses=courses,
            worklist=worklist,
            left_off=left_off,
            at=self._now().astimezone(UTC).isoformat(timespec="seconds"),
        )
        if topics.is_name(user):
            self._publish(
                topics.BedTopics(bed=topics.RESERVED_BED).ack(user), answer.to_bytes(), qos=answer.qos, retain=False
            )

    def _carry_out(self, user: str, role: Role, request: ChangeRequest | ShowRequest) -> tuple[ShownCourse, str]:
        self._store.catch_up()
        if isinstance(request, ShowRequest):
            course = self._store.register.courses.get(request.course)
            if course is None:
                raise RefusedError(f"there is no course {request.course}; look at the list: pumpd course worklist")
            return shown(course, self._policy, self._now()), ""
        self._change(_asked(user, role, request))
        course = self._store.register.courses[request.course]
        given = course.clearance(ns_of(self._now()))
        words = given.words() if given is not None and isinstance(request, ClearRequest) else "recorded"
        return shown(course, self._policy, self._now()), words

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


def _read(payload: bytes) -> AnyCourseRequest:
    if len(payload) > MAX_REQUEST_BYTES:
        raise RefusedError(f"a request of {len(payload)} bytes; the limit is {MAX_REQUEST_BYTES}")
    try:
        return COURSE_REQUEST.validate_python(read(payload))
    except WireError as error:
        raise RefusedError(str(error)) from None
    except ValidationError as error:
        raise RefusedError(complaint(error)) from None


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
