"""`pumpd course`: one request to the clinic's process under a person's account, and its answer."""

import argparse
import asyncio
import contextlib
import math
import sys
import uuid
from collections.abc import AsyncIterator, Mapping
from getpass import getpass
from pathlib import Path
from typing import Any

from aiomqtt import Client
from pydantic import ValidationError

from pumpd.core.commands import ReceiptState
from pumpd.core.course_words import Answer, Check, Gate, Indication, Meeting, Scale
from pumpd.mqtt.accounts import password_for
from pumpd.mqtt.client import wall_utc
from pumpd.mqtt.connection import LIBRARY_ERRORS, BrokerError, bounded, connected, payload_bytes, subscribe
from pumpd.mqtt.course_payloads import CourseAnswer, ShownCourse
from pumpd.mqtt.course_requests import DOWN, QUOTING, complaint, new_course_id, request_bytes
from pumpd.mqtt.nurse import EXIT_REFUSED, EXIT_UNKNOWN, EXIT_USAGE, EXIT_VERIFIED, FINAL_WITHIN_S, decimal
from pumpd.mqtt.payloads import Status, printable
from pumpd.mqtt.site import Site, SiteError, load_site
from pumpd.mqtt.topics import RESERVED_BED, BedTopics
from pumpd.mqtt.wire import WireError

FOUND_WITHIN_S = 3.0
"""How long the broker may take to tell whether the clinic's process is connected."""


class ClinicError(Exception):
    """No answer. The message is one sentence; `sent` says whether the request may have been carried out."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class ClinicLink:
    """A connection of one person to the clinic's process."""

    def __init__(self, client: Client, user: str) -> None:
        self._client = client
        self._topics = BedTopics(bed=RESERVED_BED)
        self._user = user
        self._is_online = False

    async def begin(self) -> None:
        """Subscribe, and learn that the process is there; raises `ClinicError` where it is not."""
        await subscribe(self._client, (self._topics.status, self._topics.ack(self._user)))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FOUND_WITHIN_S):
                while not self._is_online:
                    await self._next()
        if not self._is_online:
            raise ClinicError(DOWN, sent=False)

    async def ask(self, kind: str, **fields: Any) -> CourseAnswer:
        """Send one request and return its answer; raises `ClinicError` and, for what the wire refuses, `ValueError`."""
        request_id = str(uuid.uuid4())
        payload = request_bytes(kind, fields, request_id=request_id, issued_at=wall_utc())
        try:
            await bounded(self._client.publish(self._topics.request(self._user), payload, qos=1, timeout=math.inf))
            async with asyncio.timeout(FINAL_WITHIN_S):
                while True:
                    answer = await self._next()
                    if answer is not None and answer.id == request_id:
                        return answer
        except TimeoutError:
            text = f"no answer of the clinic's process within {FINAL_WITHIN_S} s; look whether it was done: show"
            raise ClinicError(f"unknown: {text}", sent=True) from None
        except LIBRARY_ERRORS as error:
            raise ClinicError(f"unknown: the connection to the broker ended: {error}", sent=True) from None

    async def _next(self) -> CourseAnswer | None:
        message = await anext(self._client.messages)
        payload = payload_bytes(message.payload)
        try:
            if str(message.topic) == self._topics.status:
                self._is_online = Status.from_bytes(payload).state == "online"
                return None
            return CourseAnswer.from_bytes(payload)
        except WireError:
            return None


@contextlib.asynccontextmanager
async def clinic_link(site: Site, user: str, password: str) -> AsyncIterator[ClinicLink]:
    """Give a link to the clinic's process over a new connection; raises `BrokerError` and `ClinicError`."""
    async with connected(site.endpoint, user=user, password=password) as client:
        link = ClinicLink(client, user)
        await link.begin()
        yield link


async def carry_out(link: ClinicLink, kind: str, fields: Mapping[str, Any]) -> CourseAnswer:
    """Send a request; one that changes a course quotes the revision that the course has now, where none is given."""
    if kind in QUOTING and "revision" not in fields:
        shown = await link.ask("show", course=fields["course"])
        if shown.state is not ReceiptState.VERIFIED or shown.revision is None:
            return shown
        fields = {**fields, "revision": shown.revision}
    return await link.ask(kind, **fields)


# ---- command line ---------------------------------------------------------------------------------------------------


def course_lines(course: ShownCourse) -> list[str]:
    """Return a course for people."""
    assigned = "" if course.assigned else ", assigned to no patient yet"
    lines = [
        f"course {course.course}: {course.indication.value}, revision {course.revision}{assigned}",
        f"  {course.exposure}",
    ]
    if course.cleared_for is not None:
        lines.append(f"  cleared for {course.cleared_for} until {course.cleared_until}")
    if course.open_session is not None:
        lines.append(f"  open session {course.open_session}")
    lines += [f"  missing: {each}" for each in course.missing]
    lines += [f"  OVERRIDE {each}" for each in course.overrides]
    lines += [
        f"  {each.by} ({each.role}) asks to pass {each.item}, because: {each.reason}; not signed yet"
        for each in course.waiting
    ]
    if course.overridable:
        lines.append(f"  two people of two roles may pass: {', '.join(course.overridable)}")
    for score in course.scores:
        change = "" if score.change is None else f", {score.change:+d} since the first"
        unseen = "" if score.item9_reviewed else ", item 9 NOT REVIEWED"
        lines.append(f"  BDI-II {score.on}: {score.total} ({score.band}{change}{unseen}), rated by {score.rater}")
    lines += [f"  due: {each}" for each in course.due]
    if course.next_follow_up is not None:
        lines.append(f"  next follow-up score on {course.next_follow_up}")
    return [printable(line) for line in lines]


def worklist_lines(answer: CourseAnswer) -> list[str]:
    """Return what is due in all courses."""
    lines = [printable(f"{each.course}: {due}") for each in answer.worklist for due in each.due]
    if answer.left_off:
        lines.append(f"{answer.left_off} more courses need somebody later: show each by its id")
    return lines or [f"nothing is due in {len(answer.worklist)} courses"]


async def _asked(site: Site, options: argparse.Namespace) -> CourseAnswer:
    password = password_for(site, options.user, getpass)
    fields = {name: getattr(options, name) for name in options.fields if getattr(options, name) is not None}
    if options.kind == "new":
        fields["course"] = new_course_id()
    async with clinic_link(site, options.user, password) as link:
        return await carry_out(link, options.kind, fields)


def run_course(options: argparse.Namespace) -> int:
    """Carry out `pumpd course`; return the exit code."""
    try:
        answer = asyncio.run(_asked(load_site(options.site), options))
    except SiteError as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE
    except ValidationError as error:
        print(f"{options.kind} refused: {complaint(error)}", file=sys.stderr)
        return EXIT_REFUSED
    except BrokerError as error:
        print(f"{options.kind} refused: nothing was sent: {error}", file=sys.stderr)
        return EXIT_REFUSED
    except ClinicError as error:
        print(f"{options.kind} {'' if error.sent else 'refused: '}{error}", file=sys.stderr)
        return EXIT_UNKNOWN if error.sent else EXIT_REFUSED
    if answer.state is not ReceiptState.VERIFIED:
        print(printable(f"{options.kind} refused: {answer.reason}"), file=sys.stderr)
        return EXIT_REFUSED
    if answer.reason:
        print(printable(f"{options.kind}: {answer.reason}"))
    show = (
        worklist_lines(answer)
        if options.kind == "worklist"
        else [line for course in answer.courses for line in course_lines(course)]
    )
    print("\n".join(show))
    return EXIT_VERIFIED


def add_course_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `pumpd course` to the command line."""
    course = subparsers.add_parser("course", help="ask the clinic's process: courses, gates, scores, clearances")
    course.add_argument("--site", type=Path, required=True, help="the site file")
    course.add_argument("--user", required=True, help="your account")
    course.set_defaults(handler=run_course)
    commands = course.add_subparsers(title="request", metavar="REQUEST", required=True)

    def add(word: str, meaning: str, *fields: str) -> argparse.ArgumentParser:
        parser = commands.add_parser(word, help=meaning, allow_abbrev=False)
        on_course = word not in {"new", "worklist"}
        parser.set_defaults(kind=word, fields=(*(("course",) if on_course else ()), *fields, "revision"))
        parser.set_defaults(revision=None)
        if on_course:
            parser.add_argument("course", metavar="COURSE", help="its id, such as c-0a1b2c3d4e5f")
        if on_course and word != "show":
            parser.add_argument("--revision", type=int, help="of the course as you saw it; by default as it is now")
        return parser

    new = add("new", "begin a course", "indication")
    new.add_argument("--indication", required=True, choices=_values(Indication))
    gate = add("gate", "find a gate met or not met", "gate", "met", "on", "document", "failed_drugs")
    gate.add_argument("gate", choices=_values(Gate))
    _yes_or_no(gate, "met", "--met", "--not-met")
    gate.add_argument("--on", required=True, metavar="DAY", help="day of the document, like 2026-05-28")
    gate.add_argument("--document", required=True, help="the clinic's own reference; never a name")
    gate.add_argument("--failed-drugs", type=int, metavar="N", help="for screening: antidepressants without effect")
    session = add("session", "note a session that was held", "meeting", "on", "therapist")
    session.add_argument("meeting", choices=_values(Meeting))
    session.add_argument("--on", required=True, metavar="DAY")
    session.add_argument("--therapist", required=True, help="her id, no name")
    weight = add("weight", "enter the weight of the day, twice", "weight_kg", "weight_again_kg")
    weight.add_argument("weight_kg", type=decimal, metavar="KG")
    weight.add_argument("weight_again_kg", type=decimal, metavar="KG-AGAIN")
    check = add("check", "answer a question of the day", "check", "answer")
    check.add_argument("check", choices=_values(Check))
    check.add_argument("answer", choices=_values(Answer))
    score = add("score", "enter a total", "scale", "total", "on", "rater", "item9_reviewed")
    score.add_argument("total", type=int, metavar="TOTAL")
    score.add_argument("--scale", default=Scale.BDI_II.value, choices=_values(Scale))
    score.add_argument("--on", required=True, metavar="DAY")
    score.add_argument("--rater", required=True, help="her id, no name")
    score.add_argument("--item9-reviewed", action="store_true", help="you, a prescriber, have looked at item 9")
    review = add("review", "mark item 9, and a rise, as reviewed", "on")
    review.add_argument("--on", required=True, metavar="DAY", help="day of the score")
    override = add("override", "ask to pass what is missing", "item", "reason")
    override.add_argument("item", help="as `show` lists it")
    override.add_argument("--reason", required=True)
    sign = add("sign", "agree, as a person of another role", "item")
    sign.add_argument("item")
    clear = add("clear", "let the patient be infused at a bed today", "bed")
    clear.add_argument("--bed", required=True)
    add("withdraw", "take the clearance back")
    add("show", "show a course")
    add("worklist", "show what is due in all courses")


def _values(kind: Any) -> list[str]:
    return [each.value for each in kind]


def _yes_or_no(parser: argparse.ArgumentParser, name: str, yes: str, no: str) -> None:
    """Add two options of which one must be given: nothing is met by default."""
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument(yes, dest=name, action="store_true", default=None)
    group.add_argument(no, dest=name, action="store_false", default=None)
