"""The wire format: exact, closed, and never an exception out of it."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pumpd.core.commands import ReceiptState
from pumpd.mqtt.payloads import (
    Ack,
    Alarms,
    EventLine,
    Heartbeat,
    Message,
    ProfilePayload,
    State,
    StationBeat,
    Status,
    Vital,
)
from pumpd.mqtt.wire import WireError, read, write
from tests.mqtt import examples
from tests.mqtt.examples import AT

MESSAGES: list[Message] = [
    Status(state="online", boot="boot-1"),
    examples.heartbeat(1),
    examples.heartbeat(1, session=None),
    examples.state(),
    examples.state(order=None, delivery=None, cause="SBP 190 mmHg"),
    examples.alarms(),
    examples.vital(),
    examples.vital(None),
    EventLine(seq=1, at=AT, kind="decision", text="paused: SBP äöü"),
    ProfilePayload(name="demo", hash="ab", approvers=(), profile={"limit": 180, "share": "0.5", "list": [1, None]}),
    Ack(id="a-1", kind="start", state=ReceiptState.VERIFIED, reason="", at=AT),
    StationBeat(
        user="anna", token=examples.heartbeat(1).token, listening=True, audible_test_age_s=Decimal("12.5"), at=AT
    ),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_every_message_comes_back_as_it_left(message: Message) -> None:
    assert type(message).from_bytes(message.to_bytes()) == message


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_is_written_with_all_its_fields_in_their_order(message: Message) -> None:
    assert message.to_bytes() == write(message.model_dump())


def test_decimals_are_json_numbers_digit_for_digit_and_missing_is_null() -> None:
    text = examples.state(delivery=None).to_bytes().decode()
    assert '"weight_kg":70.0,' in text
    assert '"rate_ml_h":26.25,' in text
    assert '"delivery":null,' in text
    assert json.loads(text)["mode"] == "running"


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**11, places=9))
def test_any_decimal_survives_the_wire(number: Decimal) -> None:
    assert Decimal(str(read(write({"n": number}))["n"])) == number


def test_a_float_is_never_written() -> None:
    with pytest.raises(TypeError):
        write({"rate": 0.1})
    with pytest.raises(TypeError):
        write({"rate": Decimal("NaN")})


@pytest.mark.parametrize("number", [0.5, True, "NaN", "Infinity", "1e5", "0x10", "", " 1", "1" * 13, Decimal("1E+50")])
def test_numbers_that_are_no_plain_decimals_are_refused(number: object) -> None:
    members = examples.order().model_dump()
    with pytest.raises(ValidationError):
        type(examples.order()).model_validate({**members, "weight_kg": number})


@pytest.mark.parametrize("number", [70, "70.0", Decimal("70.0")])
def test_whole_numbers_text_and_decimals_are_the_same_number(number: object) -> None:
    members = examples.order().model_dump()
    assert type(examples.order()).model_validate({**members, "weight_kg": number}).weight_kg == Decimal(70)


@pytest.mark.parametrize(
    ("payload", "complaint"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "UTF-8"),
        (b"[]", "object"),
        (b'{"a":1,"a":2}', "twice"),
        (b'{"a":NaN}', "NaN"),
        (b'{"a":1e9}', "plain decimal"),
        (b'{"a":' + b"9" * 19 + b"}", "18 digits"),
        (b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}", "deeply"),
    ],
)
def test_bytes_that_are_no_message_are_named(payload: bytes, complaint: str) -> None:
    with pytest.raises(WireError, match=complaint):
        read(payload)


def test_an_unknown_field_and_a_wrong_type_are_named() -> None:
    with pytest.raises(WireError, match="extra"):
        Status.from_bytes(b'{"state":"online","boot":"b","extra":1}')
    with pytest.raises(WireError, match="seq"):
        Heartbeat.from_bytes(examples.heartbeat(1).to_bytes().replace(b'"seq":1', b'"seq":"1"'))


@given(st.sampled_from([State, Alarms, Vital, Heartbeat, Ack]), st.binary(max_size=200))
def test_noise_is_refused_and_nothing_else(model: type[Message], payload: bytes) -> None:
    with pytest.raises(WireError):
        model.from_bytes(payload)
