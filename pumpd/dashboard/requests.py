"""From a press on a page to a command on the wire: fields by their names, numbers exact, nothing guessed. Pure."""

import re
from collections.abc import Container, Mapping
from decimal import Decimal
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic.fields import FieldInfo

from pumpd.core.commands import HALTING_KINDS
from pumpd.core.quantities import NS_PER_MS, NS_PER_S
from pumpd.mqtt.payloads import COMMAND_REQUEST, VERSION, AnyRequest, Id, Name, first_complaint

LATE_NS = 2 * NS_PER_S
"""A press that took longer from the finger to the server was made on a page that showed the past."""
MAX_FIELD_CHARACTERS = 1_000

_MODELS: Mapping[str, type[BaseModel]] = {model.model_fields["kind"].default: model for model in AnyRequest.__args__}
_NUMBER = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,12})?")
"""A comma is refused: nobody can tell whether 1,000 is one or a thousand."""
_COMMON = frozenset({"v", "id", "kind", "session", "rev", "token", "issued_at", "authenticated"})
"""What is not the page's to say; whether a password was typed, the server knows."""


class PressError(ValueError):
    """A press that makes no command; the message is one sentence for the person."""


class Finger(BaseModel):
    """What every press has in common. `mark` and `pressed` are the page's own clock, in ms."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    id: Id
    kind: Annotated[str, StringConstraints(min_length=1, max_length=32)]
    fields: dict[str, bool | int | str] = {}
    mark: float | None
    """The last question of the page that had an answer, None where none had."""
    pressed: float


class Press(Finger):
    """What the page sends when a button of a bed is let go."""

    bed: Name
    token: Id | None
    session: Id | None
    rev: int | None

    @property
    def is_halting(self) -> bool:
        """Whether it may come late, twice and from anybody."""
        return self.kind in HALTING_KINDS


F = TypeVar("F", bound=Finger)


def read_press(kind: type[F], arguments: object) -> F:
    """Return the press in an event's arguments, or raise `PressError`."""
    try:
        return kind.model_validate(arguments)
    except ValidationError as error:
        raise PressError(f"the page sent no command that can be read: {first_complaint(error)}") from None


def lateness_ns(press: Finger, mark_heard_ns: int | None, now_ns: int) -> int | None:
    """Return how long ago the button was let go by the server's clock, None where that is not known.

    `mark_heard_ns` is when the page's question with the press's mark came here.
    """
    if mark_heard_ns is None or press.mark is None:
        return None
    return now_ns - mark_heard_ns - int((press.pressed - press.mark) * NS_PER_MS)


def refuse_late(late_ns: int | None) -> None:
    """Raise `PressError` for a press that was made on a page which showed the past, or may have."""
    if late_ns is None or late_ns > LATE_NS:
        when = "at a time that nobody knows" if late_ns is None else f"{late_ns / NS_PER_S:.1f} s ago"
        raise PressError(f"the button was let go {when}, on a page that showed the past: look again, then press again")


def request(press: Press, *, issued_at: str, late_ns: int | None, authenticated: bool = False) -> bytes:
    """Return the command as it goes on the wire, or raise `PressError`.

    `authenticated` says that it goes over a connection which the broker gives for the password typed with this press.

    A late press that could start or change something makes none: whoever let the button go saw another state.
    """
    model = _MODELS.get(press.kind)
    if model is None:
        raise PressError(f"there is no command {press.kind!r}")
    if not press.is_halting:
        refuse_late(late_ns)
    common: dict[str, Any] = {"v": VERSION, "kind": press.kind, "id": press.id, "issued_at": issued_at}
    quoted: dict[str, Any] = {"session": press.session, "rev": press.rev, "token": press.token}
    if authenticated and "authenticated" in model.model_fields:
        quoted["authenticated"] = True
    try:
        return COMMAND_REQUEST.validate_python(
            {**common, **quoted, **typed_fields(model, press.fields, _COMMON)}
        ).to_bytes()
    except ValidationError as error:
        raise PressError(first_complaint(error)) from None


def typed_fields(model: type[BaseModel], given: Mapping[str, Any], common: Container[str]) -> dict[str, Any]:
    """Return the fields that are the command's own, each in its type."""
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if name in common or name not in given:
            continue
        value, types = given[name], field_types(field)
        if isinstance(value, str) and len(value) > MAX_FIELD_CHARACTERS:
            raise PressError(f"{name} has more than {MAX_FIELD_CHARACTERS} characters")
        if Decimal in types:
            value = decimal_field(name, value)
        elif {int, type(None)} <= types and not str(value).strip():
            continue
        elif int in types:
            value = _whole(name, value)
        elif name == "soft_limits":
            value = [each for each in str(value).replace(",", " ").split() if each]
        found[name] = value
    return found


def field_types(field: FieldInfo) -> frozenset[type]:
    """Return the types that a field may have, without their bounds."""
    is_choice = get_origin(field.annotation) in (Union, UnionType)
    parts = get_args(field.annotation) if is_choice else (field.annotation,)
    return frozenset(get_args(part)[0] if get_origin(part) is Annotated else part for part in parts)


def decimal_field(name: str, value: object) -> Decimal:
    """Return the number that was typed into a field, or raise `PressError`."""
    text = str(value).strip()
    if not text:
        raise PressError(f"{_words(name)} is missing")
    if _NUMBER.fullmatch(text) is None:
        raise PressError(f"{_words(name)}: {text[:20]!r} is no number; write it with digits and one point, like 0.5")
    return Decimal(text)


def _whole(name: str, value: object) -> int:
    number = decimal_field(name, value)
    if number != number.to_integral_value():
        raise PressError(f"{_words(name)}: {number} is no whole number")
    return int(number)


def _words(name: str) -> str:
    return name.replace("_", " ")
