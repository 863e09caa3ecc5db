"""From a press to a command: exact, complete, of now."""

import json
from typing import Any

import pytest

from pumpd.core.quantities import NS_PER_MS, NS_PER_S
from pumpd.dashboard.preview import preview
from pumpd.dashboard.requests import LATE_NS, Press, PressError, lateness_ns, read_press, request
from pumpd.mqtt.payloads import AnyRequest
from tests.mqtt.examples import AT

PREPARE = {
    "weight_kg": "70",
    "dose_mg_per_kg": "0.5",
    "duration_min": "40",
    "vial_strength_mg_ml": "50",
    "drug_drawn_ml": "2",
    "diluent_ml": "48",
    "declared_concentration_mg_ml": "2",
    "syringe": "BD-60",
    "syringe_fill_ml": "50",
    "made_by": "clara",
    "witnessed_by": "dan",
    "mixed_min_ago": "5",
    "expires_in_min": "",
    "appearance": "clear",
    "soft_limits": "",
    "soft_limit_reason": "",
}


def arguments(kind: str = "presence", **members: Any) -> dict[str, Any]:
    whole = {
        "id": "0a1b",
        "bed": "bed1",
        "kind": kind,
        "fields": {},
        "token": "t-1",
        "session": "s-1",
        "rev": 7,
        "mark": 1_000.0,
        "pressed": 1_250.0,
    }
    return {**whole, **members}


def command(kind: str, fields: dict[str, Any], late_ns: int | None = 0) -> dict[str, Any]:
    made = json.loads(request(read_press(Press, arguments(kind, fields=fields)), issued_at=AT, late_ns=late_ns))
    assert isinstance(made, dict)
    return made


@pytest.mark.req("CMD-01")
def test_a_command_quotes_what_the_page_showed() -> None:
    made = command("presence", {})
    assert (made["token"], made["session"], made["rev"], made["id"]) == ("t-1", "s-1", 7, "0a1b")


def test_numbers_go_as_they_were_typed() -> None:
    made = request(read_press(Press, arguments("prepare", fields=PREPARE)), issued_at=AT, late_ns=0).decode()
    assert '"weight_kg":70,' in made
    assert '"dose_mg_per_kg":0.5,' in made


@pytest.mark.parametrize(
    ("field", "typed", "complaint"),
    [
        ("weight_kg", "", "weight kg is missing"),
        ("weight_kg", "7O", "'7O' is no number"),
        ("weight_kg", "70,5", "one point, like 0.5"),
        ("weight_kg", "1e3", "is no number"),
        ("weight_kg", "nan", "is no number"),
        ("weight_kg", "٧٠", "is no number"),
        ("soft_limit_reason", "x" * 1_001, "more than 1000 characters"),
    ],
)
def test_what_is_no_number_is_refused_by_its_name(field: str, typed: str, complaint: str) -> None:
    with pytest.raises(PressError, match=complaint):
        command("prepare", {**PREPARE, field: typed})


def test_soft_limits_by_name() -> None:
    made = command("prepare", {**PREPARE, "soft_limits": "weight, duration", "soft_limit_reason": "tall"})
    assert made["soft_limits"] == ["weight", "duration"]
    with pytest.raises(PressError, match="soft_limits"):
        command("prepare", {**PREPARE, "soft_limits": "everything"})


def test_whole_numbers_only_where_there_are_no_others() -> None:
    assert command("assess", {"moaas": "5", "respiration_bpm": "14"})["moaas"] == 5
    with pytest.raises(PressError, match="no whole number"):
        command("assess", {"moaas": "4.5", "respiration_bpm": "14"})


def test_fields_of_another_command_do_not_travel() -> None:
    made = command("start", {"order_hash": "c0ffee", "override_reason": "", "password": "secret", "weight_kg": "70"})
    assert "password" not in made
    assert "weight_kg" not in made


@pytest.mark.req("START-11")
def test_a_page_cannot_say_that_a_password_was_typed() -> None:
    read = {
        "order_hash": "c0ffee",
        "weight_kg": "70",
        "concentration_mg_ml": "2",
        "drug": "ketamine",
        "syringe": "BD-60",
    }
    assert command("confirm", {**read, "authenticated": True})["authenticated"] is False
    press = read_press(Press, arguments("confirm", fields=read))
    assert json.loads(request(press, issued_at=AT, late_ns=0, authenticated=True))["authenticated"] is True


def test_an_empty_expiry_is_none_and_a_typed_one_is_a_number() -> None:
    assert command("prepare", PREPARE)["expires_in_min"] is None
    assert command("prepare", {**PREPARE, "expires_in_min": "90"})["expires_in_min"] == 90


@pytest.mark.req("CMD-01")
@pytest.mark.parametrize("kind", ["start", "resume", "lower", "confirm", "acknowledge", "presence"])
@pytest.mark.parametrize("late_ns", [None, LATE_NS + 1, 6 * NS_PER_S])
def test_a_late_press_makes_no_command(kind: str, late_ns: int | None) -> None:
    with pytest.raises(PressError, match="a page that showed the past"):
        command(kind, {"order_hash": "c0ffee"}, late_ns)


@pytest.mark.req("CTRL-02")
@pytest.mark.parametrize(("kind", "fields"), [("stop", {}), ("pause", {}), ("symptom", {"symptom": "nausea"})])
@pytest.mark.parametrize("late_ns", [None, 600 * NS_PER_S])
def test_a_late_stop_is_one_all_the_same(kind: str, fields: dict[str, Any], late_ns: int | None) -> None:
    assert command(kind, fields, late_ns)["kind"] == kind


def test_lateness_is_measured_by_the_servers_clock() -> None:
    press = read_press(Press, arguments())
    heard_ns = 500 * NS_PER_S
    assert lateness_ns(press, heard_ns, heard_ns + 250 * NS_PER_MS) == 0
    assert lateness_ns(press, heard_ns, heard_ns + 3_250 * NS_PER_MS) == 3 * NS_PER_S
    assert lateness_ns(press, None, heard_ns) is None
    assert lateness_ns(read_press(Press, arguments(mark=None)), heard_ns, heard_ns) is None


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        "stop",
        {},
        arguments(id="x" * 65),
        arguments(bed="bed/1"),
        arguments(kind=""),
        arguments(pressed=float("nan")),
        arguments(fields={"a": {"b": 1}}),
        arguments(extra=1),
    ],
)
def test_what_no_page_of_ours_sends_is_refused(wrong: object) -> None:
    with pytest.raises(PressError, match="no command that can be read"):
        read_press(Press, wrong)


def test_there_is_no_command_of_another_name() -> None:
    with pytest.raises(PressError, match="no command 'bolus'"):
        command("bolus", {})


def test_every_command_has_a_kind_of_its_own() -> None:
    kinds = [model.model_fields["kind"].default for model in AnyRequest.__args__]
    assert len(set(kinds)) == len(kinds)


def test_the_preview_computes_as_the_daemon_does() -> None:
    assert preview(PREPARE) == "35 mg at 2 mg/mL = 17.5 mL, at 26.25 mL/h"
    assert preview({}).startswith("still needed: weight kg, dose mg per kg")
    assert "no number" in preview({**PREPARE, "diluent_ml": "4 8"})
    assert "weight" in preview({**PREPARE, "weight_kg": "0"})
