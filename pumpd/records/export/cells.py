"""Rows of plain dataclasses as CSV (RFC 4180) and back, by their annotations. An empty cell is missing, never zero.

A field that ends in `_wall_ns` has a second column in `_utc` that says the same for people and is not read back.
"""

import csv
import io
import json
import types
import typing
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from enum import Enum, IntEnum
from fractions import Fraction

from pumpd.core.quantities import NS_PER_US

WALL, UTC_COLUMN = "_wall_ns", "_utc"
T = typing.TypeVar("T")


class CellError(ValueError):
    """A table that does not say what it should; the message names column and cell."""


def columns(kind: type) -> tuple[str, ...]:
    """Return the names of the columns."""
    return tuple(name for field in fields(kind) for name in _names(field.name))


def _names(name: str) -> Iterator[str]:
    yield name
    if name.endswith(WALL):
        yield name.removesuffix(WALL) + UTC_COLUMN


def written(kind: type, rows: Iterable[tuple[str, object]]) -> str:
    """Return a table whose first column is the session of each row."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(("session", *columns(kind)))
    for session, row in rows:
        writer.writerow((session, *(cell for field in fields(kind) for cell in _cells(row, field.name))))
    return out.getvalue()


def _cells(row: object, name: str) -> Iterator[str]:
    value = getattr(row, name)
    yield _text(name, value)
    if name.endswith(WALL):
        yield "" if value is None else utc(value)


def utc(wall_ns: int) -> str:
    """Return an instant as RFC 3339 in UTC, to the microsecond that has begun."""
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=wall_ns // NS_PER_US)
    return at.isoformat(timespec="microseconds")


def _text(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, IntEnum):
        return value.name
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, tuple):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    if isinstance(value, (int, str)):
        return str(value)
    raise CellError(f"column {name}: a {type(value).__name__} is no cell")


def read(kind: type[T], text: str) -> Iterator[tuple[str, T]]:
    """Yield session and row of a table that was written here; raises `CellError`."""
    reader = csv.reader(io.StringIO(text, newline=""))
    heads = tuple(next(reader, ()))
    if heads != ("session", *columns(kind)):
        raise CellError(f"the columns are {', '.join(heads)}, expected are session, {', '.join(columns(kind))}")
    hints = typing.get_type_hints(kind)
    for cells in reader:
        yield cells[0], kind(**dict(_values(kind, hints, heads, cells)))


def _values(
    kind: type, hints: dict[str, object], heads: Sequence[str], cells: Sequence[str]
) -> Iterator[tuple[str, object]]:
    if len(cells) != len(heads):
        raise CellError(f"a row has {len(cells)} cells, expected are {len(heads)}: {cells[:3]}")
    found = dict(zip(heads, cells, strict=True))
    for field in fields(kind):
        yield field.name, _value(field.name, hints[field.name], found[field.name])


def _value(name: str, hint: object, cell: str) -> object:
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if cell == "" and type(None) in options:
        return None
    (plain,) = (each for each in options if each is not type(None))
    try:
        return _plain(plain, cell)
    except (KeyError, ValueError) as error:
        raise CellError(f"column {name}: {cell!r} is not to be read: {error}") from error


def _plain(hint: object, cell: str) -> object:
    if typing.get_origin(hint) is tuple:
        return tuple(json.loads(cell))
    assert isinstance(hint, type)  # noqa: S101 - rows have plain fields
    if hint is bool:
        return {"true": True, "false": False}[cell]
    if issubclass(hint, IntEnum):
        return hint[cell]
    make: typing.Callable[[str], object] = hint
    return make(cell)
