"""JSON with exact decimals, both ways. Knows no model and no topic.

A number on the wire is the decimal somebody wrote or the daemon computed, digit for digit: `Decimal` becomes a JSON
number without exponent, and a JSON number with a point is read as `Decimal`. A binary float appears on neither side.
"""

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import Enum
from json.encoder import encode_basestring_ascii as quoted
from typing import Annotated, NoReturn

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema

MAX_INTEGER_DIGITS = 18
"""Fits a signed 64-bit integer; counters and revisions stay far below."""
_DECIMAL = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,12})?")
"""No exponent: `1e999999999` is ten bytes on the wire and a gigabyte as an integer."""


class WireError(ValueError):
    """Bytes that are not the JSON pumpd speaks; the message is one sentence."""


def _decimal(text: str) -> Decimal:
    if _DECIMAL.fullmatch(text) is None:
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


def read(payload: bytes) -> dict[str, object]:
    """Return the JSON object in `payload`, or raise `WireError`."""
    try:
        value = json.loads(
            payload.decode("utf-8"),
            parse_float=_decimal,
            parse_int=_integer,
            parse_constant=_constant,
            object_pairs_hook=_object,
        )
    except UnicodeDecodeError:
        raise WireError("the message is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise WireError(f"the message is not JSON: {error.msg} at character {error.pos}") from None
    except RecursionError:
        raise WireError("the message is nested too deeply") from None
    if not isinstance(value, dict):
        raise WireError("the message is not a JSON object")
    return value


def _text(value: object) -> str:
    # by exact type first: this writes some two hundred values a second, nearly all of them of these five types
    kind = type(value)
    if kind is str:
        return quoted(value)  # type: ignore[arg-type]  # mypy does not narrow by the type held in a name
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value)
    if kind is dict:
        return _object_text(value)  # type: ignore[arg-type]  # as above
    return _rarer_text(value)


def _rarer_text(value: object) -> str:
    match value:
        case Decimal() if value.is_finite():
            return format(value, "f")
        case Enum():
            return _text(value.value)
        case int() | str():
            return json.dumps(value)
        case Mapping():
            return _object_text(value)
        case Sequence():
            return "[" + ",".join([_text(member) for member in value]) + "]"
        case _:
            raise TypeError(f"{type(value).__name__} has no exact JSON form; numbers must be int or finite Decimal")


def _object_text(members: Mapping[object, object]) -> str:
    return "{" + ",".join([f"{quoted(str(key))}:{_text(member)}" for key, member in members.items()]) + "}"


def write(value: object) -> bytes:
    """Return `value` as JSON. A float is a programming error and raises `TypeError`."""
    return _text(value).encode()


def _exact(value: object) -> Decimal:
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
        return write(self.model_dump())
