import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from types import MappingProxyType
from typing import Literal, NewType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpd.core import ports
from pumpd.core.ports import Programmed, Sample, SamplesReceived, Validity, VitalKind
from pumpd.records.encoding import EncodingError, canonical, decode, parse, registry

RunId = NewType("RunId", str)


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Sound(Enum):
    NONE = "none"
    HORN = "horn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    number: int
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    flag: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Everything:
    number: int
    flag: bool
    text: str
    raw: bytes
    exact: Decimal
    ratio: Fraction
    level: Level
    sound: Sound | int | None
    run: RunId
    word: Literal["a", "b"]
    either: Inner | Other | None
    many: tuple[Inner, ...]
    pair: tuple[int, Decimal]
    names: frozenset[str]
    levels: frozenset[Level]
    by_name: Mapping[str, Fraction]
    by_sound: Mapping[Sound, tuple[int, ...]]
    anything: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Fussy:
    value: int

    def __post_init__(self) -> None:
        if self.value < 0:
            raise ValueError("below 0")


TYPES = registry(Everything, Fussy)
INNER = st.builds(Inner, number=st.integers(), note=st.none() | st.text())
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False)
EVERYTHING = st.builds(
    Everything,
    number=st.integers(),
    flag=st.booleans(),
    text=st.text(),
    raw=st.binary(),
    exact=DECIMALS,
    ratio=st.fractions(),
    level=st.sampled_from(Level),
    sound=st.none() | st.sampled_from(Sound) | st.integers(),
    run=st.text(),
    word=st.sampled_from(["a", "b"]),
    either=st.none() | INNER | st.builds(Other, flag=st.booleans()),
    many=st.lists(INNER).map(tuple),
    pair=st.tuples(st.integers(), DECIMALS),
    names=st.frozensets(st.text()),
    levels=st.frozensets(st.sampled_from(Level)),
    by_name=st.dictionaries(st.text().filter(lambda key: key != "type"), st.fractions()),
    by_sound=st.dictionaries(st.sampled_from(Sound), st.lists(st.integers()).map(tuple)),
    anything=st.none() | st.integers() | st.text() | st.tuples(st.booleans(), INNER),
)


@pytest.mark.req("LOG-03")
@given(EVERYTHING)
def test_a_record_comes_back_exactly(value: Everything) -> None:
    text = canonical(value)
    back = parse(text, TYPES)
    assert back == value
    assert canonical(back) == text
    assert isinstance(back, Everything)
    assert str(back.exact) == str(value.exact)
    assert type(back.level) is Level
    assert text.isascii()
    assert "\n" not in text


@pytest.mark.req("LOG-03")
def test_the_text_of_a_record_is_settled() -> None:
    sample = Sample(
        kind=VitalKind.SPO2, value=None, validity=Validity.PROBE_OFF, measured_at_ns=5, source="Brustgürtel", seq=1
    )
    assert canonical(SamplesReceived(samples=(sample,))) == (
        '{"type":"SamplesReceived","samples":[{"type":"Sample","kind":"spo2","value":null,"validity":"probe off",'
        '"measured_at_ns":5,"source":"Brustg\\u00fcrtel","seq":1}]}'
    )
    assert canonical({"b": Fraction(4, 2), "a": Decimal("1.50"), "c": b"\x00\xff", "d": (True, None)}) == (
        '{"a":"1.50","b":"2/1","c":"00ff","d":[true,null]}'
    )


@given(st.dictionaries(st.text().filter(lambda key: key != "type"), st.integers()), st.randoms())
def test_the_order_of_a_mapping_does_not_show(value: dict[str, int], random: object) -> None:
    items = list(value.items())
    random.shuffle(items)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    assert canonical(dict(items)) == canonical(value)
    assert canonical(MappingProxyType(dict(items))) == canonical(value)


@given(st.lists(st.sampled_from(Sound) | st.text() | st.integers()))
def test_the_order_of_a_set_does_not_show(items: list[object]) -> None:
    assert canonical(frozenset(items)) == canonical(frozenset(reversed(items)))


def test_every_fact_of_the_ports_can_be_recorded() -> None:
    types = registry(*ports.PumpFact.__args__, *ports.MonitorEvent.__args__)
    fact = Programmed(run_id="r", diameter_um=26_590, rate_nl_h=1, volume_nl=2, read_back=(("DIA", "26.59"),))
    assert parse(canonical(fact), types) == fact
    assert types["Sample"] is Sample


@dataclass
class Changeable:
    value: int


@dataclass(frozen=True)
class NamedType:
    type: str


class Odd(Enum):
    FLOAT = 0.5


class Plain:
    pass


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (0.5, "float"),
        ({"rate": 1.0}, "float"),
        ((1, (2.0,)), "float"),
        (Inner(number=1.5, note=None), "float"),  # type: ignore[arg-type]  # the wrong type is the point
        (Decimal("NaN"), "finite"),
        (Decimal("-Infinity"), "finite"),
        ([1], "list"),
        ({1}, "set"),
        (Changeable(1), "frozen"),
        (NamedType("x"), '"type"'),
        ({"type": 1}, '"type"'),
        (Odd.FLOAT, "FLOAT"),
        (Plain(), "Plain"),
        ("\ud83d\ude00", "surrogate"),
    ],
)
def test_what_cannot_be_recorded_is_refused_by_name(value: object, says: str) -> None:
    for _ in range(2):  # a refusal must not leave a half-compiled encoder behind
        with pytest.raises(EncodingError, match=says):
            canonical(value)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"type": "Unheard", "number": 1}, "unknown record type 'Unheard'"),
        ({"type": 3}, "unknown record type 3"),
        ({"type": "Inner", "number": 1}, r"missing fields \['note'\]"),
        ({"type": "Inner", "number": 1, "note": None, "more": 1}, r"unknown fields \['more'\]"),
        ({"type": "Inner", "number": True, "note": None}, "Inner.number: expected int, got True"),
        ({"type": "Inner", "number": "1", "note": None}, "Inner.number"),
        ({"type": "Inner", "number": 1, "note": 4}, "Inner.note"),
        ({"type": "Fussy", "value": -1}, "below 0"),
        (0.5, "not the JSON form"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(data: object, says: str) -> None:
    with pytest.raises(EncodingError, match=says):
        decode(data, TYPES)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("raw", "0g"),
        ("exact", "one"),
        ("exact", 1),
        ("ratio", "1/0"),
        ("level", 3),
        ("level", [1]),
        ("sound", "whistle"),
        ("word", "c"),
        ("either", {"type": "Fussy", "value": 1}),
        ("either", []),
        ("many", {"type": "Inner"}),
        ("many", [None]),
        ("pair", [1]),
        ("names", "abc"),
        ("by_name", [["a"]]),
        ("by_sound", {"whistle": []}),
    ],
)
def test_each_kind_of_field_refuses_what_is_not_its_own(field: str, wrong: object) -> None:
    value = Everything(
        number=1,
        flag=True,
        text="",
        raw=b"",
        exact=Decimal(1),
        ratio=Fraction(1),
        level=Level.LOW,
        sound=None,
        run=RunId("r"),
        word="a",
        either=None,
        many=(),
        pair=(1, Decimal(1)),
        names=frozenset(),
        levels=frozenset(),
        by_name={},
        by_sound={},
        anything=None,
    )
    data = json.loads(canonical(value))
    assert isinstance(data, dict)
    data[field] = wrong
    with pytest.raises(EncodingError, match=f"Everything.{field}"):
        decode(data, TYPES)


def test_text_that_is_no_json_is_refused() -> None:
    with pytest.raises(EncodingError, match="not JSON"):
        parse('{"type":', TYPES)


@dataclass(frozen=True)
class FloatField:
    value: float


@dataclass(frozen=True)
class Ambiguous:
    value: str | Decimal


@pytest.mark.parametrize(("kind", "data"), [(FloatField, 1), (Ambiguous, "1")])
def test_annotations_that_cannot_be_decoded_are_refused(kind: type, data: object) -> None:
    with pytest.raises(EncodingError, match=f"{kind.__name__}.value"):
        decode({"type": kind.__name__, "value": data}, registry(kind))


def test_two_classes_of_one_name_are_refused() -> None:
    with pytest.raises(EncodingError, match="two recorded classes are named Inner"):
        registry(Inner, dataclass(frozen=True)(type("Inner", (), {"__annotations__": {"x": int}})))
