"""JSON with exact decimals, both ways. Knows no model and no topic.

A number on the wire is the decimal somebody wrote or the daemon computed, digit for digit: `Decimal` becomes a JSON
number without exponent, and a JSON number with a point is read as `Decimal`. A binary float appears on neither side.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from json.encoder import encode_basestring_ascii as quoted
from typing import Annotated, Any, NoReturn

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema

MAX_INTEGER_DIGITS = 18
"""Fits a signed 64-bit integer; counters and revisions stay far below."""
_is_plain = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,12})?").fullmatch
"""No exponent: `1e999999999` is ten bytes on the wire and a gigabyte as an integer."""


class WireError(ValueError):
    """Bytes that are not the JSON pumpd speaks; the message is one sentence."""


def _decimal(text: str) -> Decimal:
    if _is_plain(text) is None:
        raise WireError(f"{text[:40]!r} is no plain decimal number of at most 12 digits before and 12 after the point")
    return Decimal(text)


def _integer(text: str) -> int:
    if len(text) > MAX_INTEGER_DIGITS:
        raise WireError(f"a whole number of more than {MAX_INTEGER_DIGITS} digits")
    return int(text)


def _constant(text: str) -> NoReturn:
    raise WireError(f"{text} is no number")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise WireError("a field is given twice")
    return members


_DECODER = json.JSONDecoder(
    parse_float=_decimal, parse_int=_integer, parse_constant=_constant, object_pairs_hook=_object
)


def read(payload: bytes) -> dict[str, object]:
    """Return the JSON object in `payload`, or raise `WireError`."""
    try:
        value = _DECODER.decode(payload.decode("utf-8"))
    except UnicodeDecodeError:
        raise WireError("the message is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise WireError(f"the message is not JSON: {error.msg} at character {error.pos}") from None
    except RecursionError:
        raise WireError("the message is nested too deeply") from None
    if not isinstance(value, dict):
        raise WireError("the message is not a JSON object")
    return value


_Writer = Callable[[Any], str]


def _text(value: object) -> str:
    kind = type(value)
    return (_WRITERS.get(kind) or _writer_for(kind))(value)


def _decimal_text(value: Decimal) -> str:
    if not value.is_finite():
        raise TypeError(f"{value} has no exact JSON form; numbers must be int or finite Decimal")
    return format(value, "f")


def _list_text(value: Sequence[object]) -> str:
    return f"[{','.join([_text(member) for member in value])}]"


def _object_text(members: Mapping[object, object]) -> str:
    return f"{{{','.join([f'{quoted(str(key))}:{_text(member)}' for key, member in members.items()])}}}"


_WRITERS: dict[type, _Writer] = {
    str: quoted,
    int: int.__str__,
    bool: lambda value: "true" if value else "false",
    type(None): lambda _value: "null",
    Decimal: _decimal_text,
    dict: _object_text,
    tuple: _list_text,
    list: _list_text,
}


def _writer_for(kind: type) -> _Writer:
    """Compile the writer of a type met for the first time."""
    writer: _Writer
    if issubclass(kind, BaseModel):
        writer = _model_writer(kind)
    elif issubclass(kind, Enum):
        writer = {member: _text(member.value) for member in kind}.__getitem__
    elif issubclass(kind, Decimal):
        writer = _decimal_text
    elif issubclass(kind, (int, str)):
        writer = json.dumps
    elif issubclass(kind, Mapping):
        writer = _object_text
    elif issubclass(kind, Sequence):
        writer = _list_text
    else:
        raise TypeError(f"{kind.__name__} has no exact JSON form; numbers must be int or finite Decimal")
    _WRITERS[kind] = writer
    return writer


def _model_writer(kind: type[BaseModel]) -> _Writer:
    starts = [(name, f"{quoted(name)}:") for name in kind.model_fields]
    known = _WRITERS
    last: tuple[BaseModel | None, str] = (None, "")

    def model_text(model: BaseModel) -> str:
        nonlocal last
        shown, text = last
        if model is shown:
            return text  # a part that has not changed since the message before
        values = model.__dict__
        members = []
        for name, start in starts:
            value = values[name]
            value_kind = type(value)
            members.append(start + (known.get(value_kind) or _writer_for(value_kind))(value))
        text = f"{{{','.join(members)}}}"
        last = (model, text)
        return text

    return model_text


def write(value: object) -> bytes:
    """Return `value` as JSON. A float is a programming error and raises `TypeError`."""
    return _text(value).encode()


def _exact(value: object) -> Decimal:
    if type(value) is Decimal and _is_plain(str(value)) is not None:
        return value  # as a plain decimal it is already what it would be read as
    if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)):
        raise ValueError("must be a decimal number, or one as text such as '70.0'")
    return _decimal(format(value, "f") if isinstance(value, Decimal) and value.is_finite() else str(value))


Exact = Annotated[Decimal, BeforeValidator(_exact), WithJsonSchema({"type": "number"})]
"""A decimal number; read from a JSON number or from text, written as a JSON number, exact both ways."""


class Payload(BaseModel):
    """What every message has in common: closed, strict, frozen."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    def to_bytes(self) -> bytes:
        """Return the message as it goes on the wire. A missing value is null, never zero and never left out."""
        return write(self)
