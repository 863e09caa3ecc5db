"""How a request to the clinic's process is made, and what is said of one, for the terminal and the pages alike."""

import secrets
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter, ValidationError

from pumpd.mqtt.course_payloads import COURSE_REQUEST, AnyCourseRequest, CourseId, CourseRequest, OnCourse
from pumpd.mqtt.payloads import first_complaint

DOWN: Final = "the clinic's process is not there: start it with `pumpd clinic`, then ask again; nothing was sent"

MODELS: Final[Mapping[str, type[BaseModel]]] = {
    str(model.model_fields["kind"].default): model for model in AnyCourseRequest.__args__
}
QUOTING: Final = frozenset(kind for kind, model in MODELS.items() if issubclass(model, OnCourse))
"""What changes a course quotes the revision on which it was decided."""
COMMON: Final = frozenset({*CourseRequest.model_fields, *OnCourse.model_fields, "kind"})
"""What every request carries; the rest is its own."""

_WRITTEN: Final[Mapping[str, str]] = {
    "on": "write the day like 2026-05-28",
    "document": "1 to 64 letters, digits and . _ / - without spaces: the clinic's own reference, never a name",
    "therapist": "1 to 32 letters, digits and hyphens: an id, never a name",
    "rater": "1 to 32 letters, digits and hyphens: an id, never a name",
    "bed": "1 to 32 letters, digits and hyphens: a bed of this site",
    "course": "an id such as c-0a1b2c3d4e5f",
    "reason": "1 to 200 characters",
    "item": "an item as the course lists it",
    "failed_drugs": "a whole number from 0 to 50",
}
"""How a field is written, where the form that it must have says nothing to a person."""


def request_bytes(kind: str, fields: Mapping[str, Any], *, request_id: str, issued_at: str) -> bytes:
    """Return a request as it goes on the wire; raises `ValidationError` for what it cannot carry."""
    common = {"kind": kind, "id": request_id, "issued_at": issued_at}
    return COURSE_REQUEST.validate_python({**common, **fields}).to_bytes()


def complaint(error: ValidationError) -> str:
    """Return what is wrong with a request, as `field: how it is written`, without the value."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    name = str(first["loc"][-1]) if first["loc"] else ""
    if first["type"] == "missing" or name not in _WRITTEN:
        return first_complaint(error)
    return f"{name}: {_WRITTEN[name]}"


def new_course_id() -> str:
    """Return a random id, which says nothing."""
    return f"c-{secrets.token_hex(6)}"


def is_course_id(text: str) -> bool:
    """Return whether `text` can be the id of a course."""
    try:
        _COURSE_ID.validate_python(text)
    except ValidationError:
        return False
    return True


_COURSE_ID: Final[TypeAdapter[str]] = TypeAdapter(CourseId)
