"""What is exported reads back as it was: every table, every value, and the bundle by the models of FHIR R4B."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from hypothesis import given
from hypothesis import strategies as st

from pumpd.core.modes import Mode
from pumpd.core.ports import Validity, VitalKind
from pumpd.records.chain import ChainError
from pumpd.records.export.cells import CellError, read, written
from pumpd.records.export.fhir import bundle, status
from pumpd.records.export.fhir_check import checked
from pumpd.records.export.rows import TABLES, VitalRow, session_row, vital_row
from pumpd.records.summary.findings import extremes
from pumpd.records.summary.model import Deed, Note, Session, Sign
from tests.report.journals import cleared_story, given_clearance, story

VITALS = st.builds(
    Sign,
    at_wall_ns=st.integers(0, 2**62),
    vital=st.sampled_from(VitalKind),
    value=st.none() | st.integers(0, 300),
    validity=st.sampled_from(Validity),
    source=st.text(max_size=20),
    seq=st.integers(0, 2**40),
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def only() -> Session:
    (session,) = story().sessions
    return session


@pytest.mark.req("LOG-03")
@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_table_reads_back_as_it_was(table: Any) -> None:
    for told in (story(), cleared_story()):
        (session,) = told.sessions
        rows = [(session.session, row) for row in table.rows(told, session)]
        assert list(read(table.kind, written(table.kind, rows))) == rows


def test_the_clinic_s_side_is_in_tables() -> None:
    told = cleared_story()
    (session,) = told.sessions
    held = {table.name: list(table.rows(told, session)) for table in TABLES}
    (clearance,), gates = held["clearances"], held["gates"]
    assert (clearance.hash, clearance.number) == (given_clearance().hash, 2)
    assert tuple(gates) == given_clearance().gates
    (account,) = held["account"]
    assert account.drawn_nl == account.high_nl + account.primed_nl + account.wasted_nl + account.left_nl + 1_692_000
    assert (account.by, account.witness) == ("anna", "ben")
    assert len(held["attested"]) == 4
    assert held["discharge"] == [session.leaving]
    assert [list(table.rows(story(), only())) for table in TABLES if table.name in {"account", "discharge"}] == [[], []]


def test_the_tables_hold_all_that_a_session_is_made_of() -> None:
    held = {table.name: table for table in TABLES}
    signs = [
        row.sign for _, row in read(VitalRow, written(VitalRow, [("s", vital_row(each)) for each in only().signs]))
    ]
    assert tuple(signs) == only().signs
    assert set(held) >= {"sessions", "vitals", "cuff", "rates", "delivered", "pauses", "alarms", "commands"}


@pytest.mark.req("LOG-03")
@given(st.lists(VITALS, max_size=8))
def test_zero_is_zero_and_missing_is_missing(signs: list[Sign]) -> None:
    text = written(VitalRow, [("s", vital_row(sign)) for sign in signs])
    assert [row.sign for _, row in read(VitalRow, text)] == signs
    for sign, line in zip(signs, (vital_row(sign) for sign in signs), strict=True):
        values = [getattr(line, name) for name in ("sbp_mmhg", "hr_per_min", "spo2_percent", "moaas_of_5")]
        assert sum(value is not None for value in values) <= 1
        assert line.sign.value == sign.value


@given(st.lists(st.none() | st.just(0) | st.integers(1, 100), max_size=12))
def test_a_missing_value_is_no_extreme_and_a_zero_is_one(values: list[int | None]) -> None:
    signs = tuple(
        replace(
            only().signs[0],
            vital=VitalKind.SPO2,
            at_wall_ns=only().zero_wall_ns + number,
            value=value,
            validity=Validity.VALID if value is not None else Validity.MISSING,
        )
        for number, value in enumerate(values)
    )
    found = extremes(replace(only(), signs=signs))
    known = [value for value in values if value is not None]
    if not values:
        assert found == ()
        return
    (spo2,) = found
    assert (spo2.lowest, spo2.highest) == (min(known, default=None), max(known, default=None))
    assert (spo2.valid, spo2.unusable) == (len(known), len(values) - len(known))


@given(TEXT, TEXT)
def test_any_text_of_people_reads_back(text: str, reason: str) -> None:
    note = Note(at_wall_ns=1, cause=text, text=reason)
    assert list(read(Note, written(Note, [(text, note)]))) == [(text, note)]
    deed = replace(only().deeds[0], details=text, reason=reason, role=None, state=None)
    assert list(read(Deed, written(Deed, [("s", deed)]))) == [("s", deed)]


def test_a_table_follows_rfc_4180_and_names_its_units() -> None:
    text = written(VitalRow, [("s", vital_row(only().signs[0]))])
    head, row, end = text.split("\r\n")
    assert end == ""
    assert head.split(",")[:5] == ["session", "at_wall_ns", "at_utc", "vital", "validity"]
    assert "spo2_percent" in head
    assert len(head.split(",")) == len(row.split(","))


def test_a_table_that_is_not_ours_is_refused() -> None:
    with pytest.raises(CellError, match="expected are session, at_wall_ns"):
        list(read(Note, "when,what\r\n1,2\r\n"))
    text = written(Note, [("s", Note(at_wall_ns=1, cause="a", text="b"))])
    with pytest.raises(CellError, match="column at_wall_ns: 'x' is not to be read"):
        list(read(Note, text.replace("s,1,", "s,x,")))
    with pytest.raises(CellError, match="a row has 2 cells"):
        list(read(Note, f"{text}s,1\r\n"))


def resources(session: Session, kind: str) -> list[Any]:
    found: Any = json.loads(checked(bundle(story(), session)))
    return [entry["resource"] for entry in found["entry"] if entry["resource"]["resourceType"] == kind]


def test_the_bundle_is_valid_and_reads_back() -> None:
    text = checked(bundle(story(), only()))
    model = Bundle.model_validate_json(text)
    again = json.loads(model.model_dump_json())
    assert Bundle.model_validate_json(json.dumps(again)) == model
    urls = {entry["fullUrl"] for entry in json.loads(text)["entry"]}
    assert len(urls) == len(json.loads(text)["entry"])
    for reference in _references(json.loads(text)):
        assert reference in urls


def _references(part: Any) -> list[str]:
    if isinstance(part, list):
        return [each for item in part for each in _references(item)]
    if isinstance(part, dict):
        own = [part["reference"]] if "reference" in part else []
        return own + [each for item in part.values() for each in _references(item)]
    return []


def test_the_same_journal_gives_the_same_bundle() -> None:
    assert checked(bundle(story(), only())) == checked(bundle(story(), only()))


def test_the_administration_says_what_was_given_and_under_which_code() -> None:
    (given_,) = resources(only(), "MedicationAdministration")
    assert given_["status"] == "stopped"
    assert given_["statusReason"] == [{"text": "stop by anna (enough for today)"}]
    assert given_["medicationCodeableConcept"]["coding"][0]["code"] == "N01AX03"
    assert given_["dosage"]["text"] == "given between 1.868 mg (0.934 mL) and 1.874 mg (0.937 mL)"
    assert given_["dosage"]["rateQuantity"]["value"] == 26.25
    assert {"text": "unapproved limits"} in given_["note"]
    assert {each["actor"]["display"] for each in given_["performer"]} == {"anna", "ben"}


def test_rates_holds_and_the_interval_are_observations_with_ucum_units() -> None:
    found = resources(only(), "Observation")
    codes = [each["code"]["coding"][0]["code"] for each in found]
    assert codes.count("157784") == 4
    assert codes.count("hold") == 3
    dose = next(each for each in found if each["code"]["coding"][0]["code"] == "delivered-dose")
    assert dose["valueRange"]["low"] == {
        "value": 1.868,
        "unit": "mg",
        "system": "http://unitsofmeasure.org",
        "code": "mg",
    }
    assert dose["valueRange"]["high"]["value"] >= 1.873
    held = next(each for each in found if each["code"]["coding"][0]["code"] == "hold")
    assert [each["code"] for each in held["valueCodeableConcept"]["coding"]] == ["spo2-stale-pause", "hr-stale-pause"]
    panels = [each for each in found if each["code"]["coding"][0]["code"] == "85354-9"]
    assert [each["code"]["coding"][0]["code"] for each in panels[0]["component"]] == ["8480-6", "8462-4", "8478-0"]
    assert panels[0]["component"][0]["valueQuantity"]["code"] == "mm[Hg]"
    saturations = [each for each in found if each["code"]["coding"][0]["code"] == "2708-6"]
    assert saturations[0]["code"]["coding"][1]["code"] == "59408-5"


def test_a_missing_value_is_no_number_and_a_zero_is_one() -> None:
    zero = only().zero_wall_ns
    signs = tuple(
        replace(
            only().signs[0], vital=VitalKind.SPO2, at_wall_ns=zero + minute * 60 * 10**9, value=value, validity=validity
        )
        for minute, value, validity in (
            (0, None, Validity.PROBE_OFF),
            (1, 0, Validity.VALID),
            (2, 97, Validity.ARTEFACT),
        )
    )
    found = resources(replace(only(), signs=signs, cuff=()), "Observation")
    told = [each for each in found if each["code"]["coding"][0]["code"] == "2708-6"]
    assert [each.get("valueQuantity", {}).get("value") for each in told] == [None, 0, None]
    assert ["dataAbsentReason" in each for each in told] == [True, False, True]


def test_no_excursion_within_a_minute_is_lost() -> None:
    zero = only().zero_wall_ns // (60 * 10**9) * 60 * 10**9
    values = [97] * 20 + [81] + [99] + [97] * 20
    signs = tuple(
        replace(only().signs[0], vital=VitalKind.SPO2, at_wall_ns=zero + number * 10**9, value=value)
        for number, value in enumerate(values)
    )
    found = resources(replace(only(), signs=signs), "Observation")
    told = [each["valueQuantity"]["value"] for each in found if each["code"]["coding"][0]["code"] == "2708-6"]
    assert told == [81, 99]


def test_each_change_tells_who_made_it_and_from_which_journal() -> None:
    found = resources(only(), "Provenance")
    head = story().head
    assert all(each["entity"][0]["what"]["display"] == f"chain head {head.seq}:{head.hash}" for each in found)
    activities = [each["activity"]["text"] for each in found]
    assert activities.count("a rate began") == 4
    assert activities.count("the infusion was held") == 3
    assert activities.count("the infusion was resumed") == 2


@pytest.mark.parametrize(
    ("mode", "ran", "expected"),
    [
        (Mode.READY, False, None),
        (Mode.ENDED, False, "not-done"),
        (Mode.RUNNING, True, "in-progress"),
        (Mode.STARTING, True, "in-progress"),
        (Mode.PAUSED, True, "on-hold"),
        (Mode.STOPPING, True, "on-hold"),
        (Mode.COMPLETED, True, "completed"),
        (Mode.ENDED, True, "stopped"),
        (Mode.FAULT, True, "stopped"),
        (Mode.UNKNOWN, True, "on-hold"),
    ],
)
def test_the_status_follows_the_mode(mode: Mode, ran: bool, expected: str | None) -> None:
    spans = tuple(span for span in only().modes if span.mode is not Mode.ENDED)
    first = only().first_run_wall_ns if ran else None
    session = replace(only(), mode=mode, first_run_wall_ns=first, modes=spans)
    assert status(session) == expected
    assert len(resources(session, "MedicationAdministration")) == (expected is not None)


def test_a_pump_that_was_lost_while_it_ran_is_still_in_progress() -> None:
    session = replace(only(), mode=Mode.UNKNOWN, modes=only().modes[:3])
    assert status(session) == "in-progress"


def test_a_broken_journal_is_marked() -> None:
    broken = replace(story(), broken=ChainError(40, "was changed after it was written"))
    found: Any = json.loads(checked(bundle(broken, only())))
    notes = [entry["resource"].get("note", []) for entry in found["entry"]]
    assert [each for note in notes for each in note if "broken" in each["text"]] == [
        {"text": "broken record: record 40: was changed after it was written"}
    ]
    assert session_row(broken, only()).broken == "record 40: was changed after it was written"


def test_what_the_documents_say_of_the_tables_is_so() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "report.md").read_text(encoding="utf-8")
    for table in TABLES:
        assert f"`{table.name}.csv`" in text
