"""Canonical text of a record: the same value always gives the same bytes. Pure; knows no file, clock or event by name.

What can be recorded: frozen dataclasses, enums (by their value), `Decimal` and `Fraction` (exactly, as text), `bytes`
(hex), tuples, frozensets, mappings, `int`, `str`, `bool` and None. A float is refused: its digits are not the ones
somebody meant.

Decoding follows the annotations of the dataclass fields. A field annotated `object`, and a mapping outside a dataclass,
come back as plain JSON values with tuples for lists; dataclasses inside them are still recognised by their `"type"`.
"""

import json
import re
import types as pytypes
import typing
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum
from fractions import Fraction
from json.encoder import encode_basestring_ascii as quoted

Types = Mapping[str, type]

TYPE_KEY = "type"

_FRACTION = re.compile(r"-?[0-9]+/[0-9]+")

_Encoder = Callable[[typing.Any], str]
_Decoder = Callable[[object, Types], object]


class EncodingError(ValueError):
    """A value that cannot be recorded, or a text that is not the record of a known type; the message says which."""


# ---- value to text --------------------------------------------------------------------------------------------------


def canonical(value: object) -> str:
    """Return the one ASCII text of `value`, or raise `EncodingError` naming the type that cannot be recorded."""
    kind = type(value)
    return (_ENCODERS.get(kind) or _encoder_for(kind))(value)


def _string(value: str) -> str:
    # Two lone surrogates would come back from JSON as one character.
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise EncodingError(f"text with a lone surrogate cannot be recorded: {value!a}")
    return quoted(value)


def _decimal(value: Decimal) -> str:
    if not value.is_finite():
        raise EncodingError(f"only finite numbers can be recorded, got Decimal {value}")
    return f'"{value}"'


def _list(texts: Iterable[str]) -> str:
    return f"[{','.join(texts)}]"


def _mapping(value: Mapping[object, object]) -> str:
    if set(map(type, value)) <= {str}:
        if TYPE_KEY in value:
            raise EncodingError(f'a recorded mapping cannot have the key "{TYPE_KEY}": it marks a dataclass')
        keys = sorted(typing.cast(Iterable[str], value))
        return f"{{{','.join([f'{_string(key)}:{canonical(value[key])}' for key in keys])}}}"
    return _list(sorted(f"[{canonical(key)},{canonical(item)}]" for key, item in value.items()))


_ENCODERS: dict[type, _Encoder] = {
    int: int.__repr__,
    bool: lambda value: "true" if value else "false",
    type(None): lambda _value: "null",
    str: _string,
    bytes: lambda value: f'"{value.hex()}"',
    Decimal: _decimal,
    Fraction: lambda value: f'"{value.numerator}/{value.denominator}"',
    tuple: lambda value: _list(map(canonical, value)),
    frozenset: lambda value: _list(sorted(map(canonical, value))),
    dict: _mapping,
}


def _encoder_for(kind: type) -> _Encoder:
    """Compile the encoder of a type met for the first time."""
    encoder: _Encoder
    if issubclass(kind, Enum):
        _check_enum(kind)
        encoder = {member: canonical(member.value) for member in kind}.__getitem__
    elif is_dataclass(kind):
        encoder = _dataclass_encoder(kind)
    elif issubclass(kind, Mapping):
        encoder = _mapping
    elif issubclass(kind, float):
        raise EncodingError("a float cannot be recorded; use an int in a small unit, a Decimal or a Fraction")
    else:
        raise EncodingError(f"{kind.__qualname__} cannot be recorded; use a frozen dataclass, a tuple or a plain value")
    _ENCODERS[kind] = encoder
    return encoder


def _field_names(kind: type) -> tuple[str, ...]:
    """Return the fields of a dataclass that can be recorded, or raise `EncodingError`."""
    if not is_dataclass(kind) or not kind.__dataclass_params__.frozen:  # type: ignore[attr-defined]  # not in the stubs
        raise EncodingError(f"{kind.__qualname__} cannot be recorded: it must be a frozen dataclass")
    found = fields(kind)
    for field in found:
        if field.name == TYPE_KEY or not field.init:
            raise EncodingError(
                f'{kind.__qualname__}.{field.name}: a recorded field must be an init field not named "{TYPE_KEY}"'
            )
    return tuple(field.name for field in found)


def _check_enum(kind: type[Enum]) -> None:
    for member in kind:
        if type(member.value) not in (int, str):
            raise EncodingError(
                f"{kind.__qualname__} cannot be recorded: the value of {member.name} is neither int nor str"
            )


def _dataclass_encoder(kind: type) -> _Encoder:
    starts = [(name, f",{quoted(name)}:") for name in _field_names(kind)]
    begin = f"{{{quoted(TYPE_KEY)}:{quoted(kind.__name__)}"
    known = _ENCODERS

    def encode_fields(value: object) -> str:
        text = begin
        for name, start in starts:
            item = getattr(value, name)
            item_kind = type(item)
            text += start + (known.get(item_kind) or _encoder_for(item_kind))(item)
        return text + "}"

    return _remembering(encode_fields) if _is_constant(kind) else encode_fields


def _remembering(encode: _Encoder) -> _Encoder:
    """Return an encoder that knows the text of the last value: an order is a part of each of some thousand records."""
    last: tuple[object, str] = (None, "")

    def encode_anew(value: object) -> str:
        nonlocal last
        known, text = last
        if value is not known:
            text = encode(value)
            last = (value, text)
        return text

    return encode_anew


def _is_constant(hint: object) -> bool:
    """Say whether values of an annotation can never change: no mapping and nothing unknown in them, at any depth."""
    hint = _plain(hint)
    if hint is object or typing.get_origin(hint) in (Mapping, dict):
        return False
    inner = _hints(hint).values() if isinstance(hint, type) and is_dataclass(hint) else typing.get_args(hint)
    return all(map(_is_constant, inner))


# ---- JSON to value --------------------------------------------------------------------------------------------------


def registry(*kinds: type) -> Types:
    """Return the registry of `kinds` and of every dataclass that their fields name.

    Raises `EncodingError` when two classes share a name or one cannot be recorded.
    """
    found: dict[str, type] = {}
    waiting = list(kinds)
    while waiting:
        kind = waiting.pop()
        known = found.setdefault(kind.__name__, kind)
        if known is not kind:
            raise EncodingError(
                f"two recorded classes are named {kind.__name__}: {known.__module__} and {kind.__module__}"
            )
        for hint in _hints(kind).values():
            waiting.extend(inner for inner in _dataclasses_in(hint) if found.get(inner.__name__) is not inner)
    return found


def decode(data: object, types: Types) -> object:
    """Return the value whose JSON form is `data`; dataclasses are looked up by name in `types`.

    Raises `EncodingError` for an unknown type, a missing or extra field, or a field value that does not fit its
    annotation.
    """
    if isinstance(data, dict):
        if TYPE_KEY in data:
            return _decode_dataclass(data, types)
        return {key: decode(item, types) for key, item in data.items()}
    if isinstance(data, list):
        return tuple(decode(item, types) for item in data)
    if data is None or type(data) in (bool, int, str):
        return data
    raise EncodingError(f"not the JSON form of a record: {data!r}")


def parse(text: str, types: Types) -> object:
    """Return the value whose canonical text is `text`; raises `EncodingError` as `decode`, or when it is not JSON."""
    try:
        return decode(json.loads(text), types)
    except EncodingError:
        raise
    except ValueError as error:
        raise EncodingError(f"not JSON: {error}") from error
    except RecursionError:
        raise EncodingError("nested too deeply for a record") from None


_FIELD_DECODERS: dict[type, Mapping[str, _Decoder]] = {}


def _field_decoders(kind: type) -> Mapping[str, _Decoder]:
    """Return how each field of a dataclass is decoded, compiled once."""
    decoders = _FIELD_DECODERS.get(kind)
    if decoders is None:
        decoders = {name: _decoder_for(hint, f"{kind.__qualname__}.{name}") for name, hint in _hints(kind).items()}
        _FIELD_DECODERS[kind] = decoders
    return decoders


def _decode_dataclass(data: object, types: Types) -> object:
    if not isinstance(data, dict):
        raise EncodingError(f"expected a recorded dataclass, got {data!r}")
    type_name = data.get(TYPE_KEY)
    kind = types.get(type_name) if isinstance(type_name, str) else None
    if kind is None:
        raise EncodingError(f"unknown record type {type_name!r}")
    decoders = _field_decoders(kind)
    missing = [name for name in decoders if name not in data]
    extra = [name for name in data if name not in decoders and name != TYPE_KEY]
    if missing or extra:
        raise EncodingError(f"{type_name}: missing fields {missing}, unknown fields {extra}")
    values = {}
    for name, decoder in decoders.items():
        try:
            values[name] = decoder(data[name], types)
        except EncodingError as error:
            raise EncodingError(f"{type_name}.{name}: {error}") from error
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise EncodingError(f"{type_name} refuses its recorded fields: {error}") from error


def _hints(kind: type) -> dict[str, object]:
    names = _field_names(kind)
    try:
        hints = typing.get_type_hints(kind)
    except NameError as error:
        raise EncodingError(f"{kind.__qualname__} cannot be recorded: {error}") from error
    return {name: _plain(hints[name]) for name in names}


def _plain(hint: object) -> object:
    """Return `hint` without the name that `NewType` gave it."""
    while isinstance(hint, typing.NewType):
        hint = hint.__supertype__
    return hint


def _dataclasses_in(hint: object) -> Iterable[type]:
    hint = _plain(hint)
    if isinstance(hint, type) and is_dataclass(hint):
        yield hint
    for inner in typing.get_args(hint):
        yield from _dataclasses_in(inner)


def _decoder_for(hint: object, where: str) -> _Decoder:  # noqa: C901  # one flat table of annotations
    """Compile the decoder of one annotation; `where` names the field in errors."""
    hint = _plain(hint)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is object:
        return decode
    if hint is None or hint is type(None):
        return _expect(type(None))
    if hint in (int, bool, str):
        return _expect(typing.cast(type, hint))
    if hint is Decimal:
        return _from_text(Decimal, "a decimal number")
    if hint is Fraction:
        return _from_text(_fraction, "a fraction n/d")
    if hint is bytes:
        return _from_text(bytes.fromhex, "bytes in hex")
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _enum_decoder(hint)
    if isinstance(hint, type) and is_dataclass(hint):
        return _dataclass_decoder(hint)
    if origin is typing.Literal:
        return _literal_decoder(arguments)
    if origin is typing.Union or origin is pytypes.UnionType:
        return _union_decoder(tuple(_plain(argument) for argument in arguments), where)
    if origin is tuple:
        return _tuple_decoder(arguments, where)
    if origin is frozenset or origin is AbstractSet:
        return _frozenset_decoder(arguments[0], where)
    if origin is Mapping or origin is dict:
        return _mapping_decoder(arguments, where)
    raise EncodingError(f"{where}: a field annotated {hint} cannot be recorded")


def _expect(kind: type) -> _Decoder:
    def decode_plain(data: object, _: Types) -> object:
        if type(data) is not kind:
            raise EncodingError(f"expected {kind.__name__}, got {data!r}")
        return data

    return decode_plain


def _from_text(convert: Callable[[str], object], meaning: str) -> _Decoder:
    def decode_text(data: object, _: Types) -> object:
        if type(data) is not str:
            raise EncodingError(f"expected {meaning} as text, got {data!r}")
        try:
            return convert(data)
        except (ValueError, InvalidOperation, ZeroDivisionError):
            raise EncodingError(f"expected {meaning}, got {data!r}") from None

    return decode_text


def _fraction(text: str) -> Fraction:
    """Read only what is written: `1e999999999` would be a gigabyte of digits."""
    if _FRACTION.fullmatch(text) is None:
        raise ValueError(text)
    return Fraction(text)


def _enum_decoder(kind: type[Enum]) -> _Decoder:
    _check_enum(kind)
    return _choice({(type(member.value), member.value): member for member in kind}, kind.__name__)


def _literal_decoder(values: tuple[object, ...]) -> _Decoder:
    return _choice({(type(value), value): value for value in values}, f"one of {values}")


def _choice(members: Mapping[tuple[type, object], object], meaning: str) -> _Decoder:
    def decode_choice(data: object, _: Types) -> object:
        if isinstance(data, (dict, list)) or (type(data), data) not in members:
            raise EncodingError(f"expected {meaning}, got {data!r}")
        return members[type(data), data]

    return decode_choice


def _dataclass_decoder(kind: type) -> _Decoder:
    def decode_expected(data: object, types: Types) -> object:
        value = _decode_dataclass(data, types)
        if not isinstance(value, kind):
            raise EncodingError(f"expected {kind.__name__}, got {type(value).__name__}")
        return value

    return decode_expected


def _json_kinds(hint: object, where: str) -> frozenset[str]:
    """Return the JSON forms that values of `hint` take, by which the members of a union are told apart."""
    origin = typing.get_origin(hint)
    if hint is type(None):
        return frozenset({"NoneType"})
    if hint in (int, bool, str):
        return frozenset({typing.cast(type, hint).__name__})
    if hint in (Decimal, Fraction, bytes):
        return frozenset({"str"})
    if isinstance(hint, type) and issubclass(hint, Enum):
        return frozenset(type(member.value).__name__ for member in hint)
    if isinstance(hint, type) and is_dataclass(hint):
        return frozenset({hint.__name__})
    if origin in (tuple, frozenset, AbstractSet):
        return frozenset({"list"})
    if origin is typing.Literal:
        return frozenset(type(value).__name__ for value in typing.get_args(hint))
    raise EncodingError(f"{where}: {hint} cannot be recorded as a member of a union")


def _union_decoder(members: tuple[object, ...], where: str) -> _Decoder:
    by_kind: dict[str, _Decoder] = {}
    for member in members:
        decoder = _decoder_for(member, where)
        for kind in _json_kinds(member, where):
            if by_kind.setdefault(kind, decoder) is not decoder:
                raise EncodingError(f"{where}: two members of the union are recorded alike ({kind}); use a dataclass")

    def decode_union(data: object, types: Types) -> object:
        kind = str(data.get(TYPE_KEY)) if isinstance(data, dict) else type(data).__name__
        decoder = by_kind.get(kind)
        if decoder is None:
            raise EncodingError(f"expected one of {sorted(by_kind)}, got {data!r}")
        return decoder(data, types)

    return decode_union


def _listed(data: object) -> list[object]:
    if not isinstance(data, list):
        raise EncodingError(f"expected a list, got {data!r}")
    return data


def _tuple_decoder(arguments: tuple[object, ...], where: str) -> _Decoder:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        each = _decoder_for(arguments[0], where)
        return lambda data, types: tuple(each(item, types) for item in _listed(data))
    decoders = tuple(_decoder_for(argument, where) for argument in arguments)

    def decode_tuple(data: object, types: Types) -> object:
        items = _listed(data)
        if len(items) != len(decoders):
            raise EncodingError(f"expected {len(decoders)} items, got {len(items)}")
        return tuple(decoder(item, types) for decoder, item in zip(decoders, items, strict=True))

    return decode_tuple


def _frozenset_decoder(argument: object, where: str) -> _Decoder:
    each = _decoder_for(argument, where)
    return lambda data, types: frozenset(each(item, types) for item in _listed(data))


def _mapping_decoder(arguments: tuple[object, ...], where: str) -> _Decoder:
    key_decoder, item_decoder = (_decoder_for(argument, where) for argument in arguments)

    def decode_mapping(data: object, types: Types) -> object:
        if isinstance(data, dict):
            return {key_decoder(key, types): item_decoder(item, types) for key, item in data.items()}
        pairs = [_listed(pair) for pair in _listed(data)]
        if any(len(pair) != 2 for pair in pairs):
            raise EncodingError(f"expected pairs of key and value, got {data!r}")
        return {key_decoder(key, types): item_decoder(item, types) for key, item in pairs}

    return decode_mapping
