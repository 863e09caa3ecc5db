"""The clearance on the wire: exact both ways, refused when anything in it was changed, gone with an empty message."""

from dataclasses import replace

import pytest

from pumpd.core.clearance import Clearance, ClearedGate, sealed
from pumpd.core.events import ClearanceSeen
from pumpd.core.quantities import NS_PER_S
from pumpd.mqtt import payloads
from pumpd.mqtt.clearance import MAX_BYTES, from_core, receive, to_core
from pumpd.mqtt.payloads import clearance_lines

TOPIC = "pumpd/v1/bed1/clearance"
GIVEN = sealed(
    Clearance(
        bed="bed1",
        course="c-0a1b2c3d",
        number=2,
        weight_g=70_500,
        last_weight_g=None,
        given_low_ng=34_990_001,
        given_high_ng=35_000_000,
        last_infusion_wall_ns=1_772_438_400 * NS_PER_S,
        gates=(
            ClearedGate(gate="ecg", by="pia", until_wall_ns=1_772_700_000 * NS_PER_S),
            ClearedGate(gate="early-infusion", by="pia", until_wall_ns=None, override="anna and pia, because: travel"),
        ),
        issued_by="pia",
        issued_wall_ns=1_772_611_200 * NS_PER_S,
        expires_wall_ns=1_772_640_000 * NS_PER_S,
    )
)


@pytest.mark.req("CLIN-01")
def test_it_arrives_as_it_was_given() -> None:
    payload = from_core(GIVEN).to_bytes()
    assert receive("bed1", TOPIC, payload) == ClearanceSeen(clearance=GIVEN)
    assert to_core(payloads.Clearance.from_bytes(payload)) == GIVEN


@pytest.mark.req("CLIN-01")
def test_an_empty_message_takes_it_back() -> None:
    assert receive("bed1", TOPIC, b"") == ClearanceSeen(clearance=None)


@pytest.mark.req("CLIN-01")
@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (from_core(replace(GIVEN, weight_g=75_000)).to_bytes(), "its hash is not that of its content"),
        (from_core(GIVEN).to_bytes().replace(b"c-0a1b2c3d", b"c-0a1b2c3e"), "its hash is not that of its content"),
        (b"{}", "the clearance cannot be read"),
        (b"\xff", "the clearance cannot be read"),
        (from_core(GIVEN).to_bytes().replace(b"2026-03-04T08:00:00", b"2026-02-30T08:00:00"), "cannot be read"),
        (b" " * (MAX_BYTES + 1), "the limit is"),
    ],
)
def test_what_is_not_wholly_right_is_no_clearance(payload: bytes, words: str) -> None:
    seen = receive("bed1", TOPIC, payload)
    assert seen is not None
    assert seen.clearance is None
    assert words in (seen.trouble or "")


def test_other_topics_are_not_its_own() -> None:
    assert receive("bed1", "pumpd/v1/bed2/clearance", b"") is None
    assert receive("bed1", "pumpd/v1/bed1/state", b"") is None


@pytest.mark.req("CLIN-10")
def test_number_amount_spacing_and_overrides_are_shown_before_an_order() -> None:
    assert clearance_lines(from_core(GIVEN)) == [
        "course c-0a1b2c3d: infusion 2, weight 70.5 kg, cleared by pia until 2026-03-04T16:00:00+00:00",
        "given so far in this course: 34.990001 to 35 mg, the last on 2026-03-02T08:00:00+00:00",
        "OVERRIDE early-infusion: anna and pia, because: travel",
    ]
    assert clearance_lines(None) == []


@pytest.mark.req("CMD-05")
def test_it_has_no_place_for_a_patient() -> None:
    fields = set(payloads.Clearance.model_fields) | set(payloads.ClearedGate.model_fields)
    assert not {name for name in fields if "patient" in name or "name" in name}
