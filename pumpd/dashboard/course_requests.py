"""From a press on a course's page to a request for the desk, quoting the revision that the page showed. Pure."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from pumpd.dashboard.requests import Finger, PressError, field_types, refuse_late, typed_fields
from pumpd.mqtt.course_payloads import CourseId
from pumpd.mqtt.course_requests import COMMON, MODELS, QUOTING, complaint, new_course_id, request_bytes

ASKING = frozenset({"show", "worklist"})
"""What the pages ask by themselves and nobody presses."""


class CoursePress(Finger):
    """What the page sends when a button of a course is let go."""

    course: CourseId | None
    """None on the list of all courses."""
    revision: int | None
    """Of the course as the page showed it, None where it showed none."""


def course_request(press: CoursePress, *, issued_at: str, late_ns: int | None) -> bytes:
    """Return the request as it goes on the wire, or raise `PressError`."""
    model = MODELS.get(press.kind)
    if model is None or press.kind in ASKING:
        raise PressError(f"there is no request {press.kind!r}")
    refuse_late(late_ns)
    fields = typed_fields(model, _filled(model, press.fields), COMMON)
    if press.kind in QUOTING:
        if press.course is None or press.revision is None:
            raise PressError("the page has not shown the course yet: wait until it does, then press again")
        fields |= {"course": press.course, "revision": press.revision}
    else:
        fields["course"] = new_course_id()
    try:
        return request_bytes(press.kind, fields, request_id=press.id, issued_at=issued_at)
    except ValidationError as error:
        raise PressError(complaint(error)) from None


def _filled(model: type[BaseModel], given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what was typed, or raise `PressError` where something that must be there is not."""
    for name, field in model.model_fields.items():
        is_needed = name not in COMMON and type(None) not in field_types(field) and bool not in field_types(field)
        if is_needed and not str(given.get(name, "")).strip():
            raise PressError(f"{name.replace('_', ' ')} is missing")
    return given
