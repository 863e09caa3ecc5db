"""What the pages of a course show and ask, from the payloads themselves."""

import json
from typing import Any

import pytest

from pumpd.clinic import gates
from pumpd.clinic.shown import shown
from pumpd.core.course_words import BANDS, Gate, Indication
from pumpd.dashboard.board import Board
from pumpd.dashboard.course_forms import LISTED, ON_A_COURSE, forms
from pumpd.dashboard.course_picture import OTHER, STEPS, score_line, steps, summary
from pumpd.dashboard.course_requests import CoursePress, course_request
from pumpd.dashboard.course_trend import options
from pumpd.dashboard.requests import PressError, read_press
from pumpd.mqtt.course_payloads import ShownCourse
from pumpd.mqtt.course_requests import COMMON, MODELS
from pumpd.mqtt.payloads import Status
from tests.clinic.support import CODE, COURSE, POLICY, Clinic, after_first, ready
from tests.mqtt.examples import AT

BEDS = ("bed1", "bed2")


def seen(clinic: Clinic) -> ShownCourse:
    return shown(clinic.see(), POLICY, clinic.now)


def press(kind: str, fields: dict[str, Any], *, late_ns: int | None = 0, **members: Any) -> dict[str, Any]:
    whole = {"id": "0a1b", "kind": kind, "fields": fields, "mark": 1_000.0, "pressed": 1_250.0}
    quoted = {"course": COURSE, "revision": 7, **members}
    made = course_request(read_press(CoursePress, {**whole, **quoted}), issued_at=AT, late_ns=late_ns)
    found = json.loads(made)
    assert isinstance(found, dict)
    return found


# ---- what is shown --------------------------------------------------------------------------------------------------


@pytest.mark.req("CLIN-01")
def test_every_gate_stands_in_one_of_the_eight_steps() -> None:
    for clinic in (ready(), after_first(), ready(Indication.ALCOHOL_USE)):
        found = steps(seen(clinic))
        assert [each.title for each in found][-1] != OTHER
        assert sum(len(each.lines) for each in found) == len(gates.examined(clinic.see(), POLICY, clinic.now))
    assert len(STEPS) == 8


@pytest.mark.req("CLIN-01")
def test_a_step_says_what_is_missing_and_up_to_whom_or_who_met_it_and_until_when() -> None:
    clinic = ready()
    documents = steps(seen(clinic))[3]
    assert (documents.title, documents.word) == ("4. ECG and laboratory tests", "MET")
    assert documents.lines[0] == "met ecg, by pia, until 2026-05-27 00:00 UTC"
    clinic.gate(Gate.LABS, met=False)
    documents = steps(seen(clinic))[3]
    assert documents.word == "1 of 2 MISSING"
    assert documents.lines[1] == "MISSING labs (a prescriber): pia found the labs of 2026-02-25 not met"


def test_a_rule_of_a_newer_desk_is_shown_all_the_same() -> None:
    course = seen(ready())
    newer = course.gates[0].model_copy(update={"gate": "newer-rule"})
    assert steps(course.model_copy(update={"gates": (*course.gates, newer)}))[-1].title == OTHER


@pytest.mark.req("CLIN-10")
def test_the_summary_shows_number_amount_spacing_and_the_next_follow_up() -> None:
    lines = summary(seen(after_first()))
    assert "not cleared, nothing is missing" in lines
    assert "1 infusions, the last on 2026-03-02, 34.99 to 35 mg in all" in lines
    assert "infusion 1 on 2026-03-02: 34.99 to 35 mg" in lines
    clinic = ready()
    clinic.infuse(clinic.clear(), "1", given_ng=34_987_654)
    assert "infusion 1 on 2026-03-02: 34.977 to 34.987 mg" in summary(seen(clinic)), "to the microgram"
    assert "next follow-up score on 2026-03-09" in lines


def test_the_summary_of_a_clearance_names_bed_and_end() -> None:
    clinic = ready()
    clinic.clear()
    assert summary(seen(clinic))[0] == "CLEARED for bed1 until 2026-03-02 20:00 UTC"


@pytest.mark.req("CMD-05")
def test_a_patient_s_code_is_in_nothing_that_is_shown() -> None:
    assert CODE not in seen(after_first()).to_bytes().decode()


@pytest.mark.req("CLIN-12")
def test_a_total_is_shown_with_band_change_and_the_mark_of_item_9() -> None:
    clinic = after_first()
    clinic.score(12, reviewed=False)
    first, last = seen(clinic).scores
    assert score_line(first) == "BDI-II 2026-03-01: 30 (severe), the first, item 9 reviewed, rated by tom"
    assert score_line(last).endswith("12 (minimal), -18 since the first, ITEM 9 NOT REVIEWED, rated by tom")


@pytest.mark.req("CLIN-12")
def test_the_trend_has_every_total_on_its_day_the_infusions_and_the_bands() -> None:
    chart = options(seen(after_first()))
    (series,) = chart["series"]
    assert [each["value"] for each in series["data"]] == [["2026-03-01", 30], ["2026-03-04", 22]]
    assert series["markLine"]["data"] == [{"xAxis": "2026-03-02", "name": "1"}]
    assert [(low["yAxis"], low["name"], high["yAxis"]) for low, high in series["markArea"]["data"]] == [
        (0, "minimal", 13),
        (13, "mild", 19),
        (19, "moderate", 28),
        (28, "severe", 63),
    ]
    assert (chart["xAxis"]["min"], chart["xAxis"]["max"], chart["yAxis"]["max"]) == ("2026-02-25", "2026-03-08", 63)
    assert chart["title"]["text"] == ""
    assert BANDS[-1] == (63, "severe")


def test_a_course_without_a_total_and_one_that_is_not_known_say_so() -> None:
    course = seen(ready()).model_copy(update={"scores": ()})
    assert options(course)["title"]["text"] == "no BDI-II total yet"
    assert options(None)["title"]["text"] == "the course is not known yet"


# ---- what is asked --------------------------------------------------------------------------------------------------


def test_every_field_of_every_request_has_one_place_and_a_label_of_its_own() -> None:
    made = forms((*LISTED, *ON_A_COURSE), BEDS)
    for form in made:
        said = {name for button in form.buttons for name in button.fields}
        assert {each.name for each in form.entries} | said == set(MODELS[form.kind].model_fields) - COMMON, form.kind
    labels = [entry.label for form in made for entry in form.entries]
    assert len(labels) == len(set(labels))
    # signed and reviewed beside what is signed and reviewed; shown and listed by themselves
    assert {form.kind for form in made} | {"sign", "review", "show", "worklist"} == set(MODELS)


def test_choices_days_and_lengths_are_those_of_the_payloads() -> None:
    made = {(form.kind, entry.name): entry for form in forms(ON_A_COURSE, BEDS) for entry in form.entries}
    assert made["gate", "gate"].choices == ("screening", "consultation", "ecg", "labs", "exposure-review")
    assert made["clear", "bed"].choices == BEDS
    assert (made["gate", "on"].type, made["session", "on"].type, made["gate", "document"].type) == (
        "date",
        "date",
        "text",
    )
    assert (made["weight", "weight_kg"].type, made["score", "total"].type) == ("decimal", "numeric")
    assert made["score", "item9_reviewed"].type == "checkbox"
    assert made["override", "reason"].max_length == 200


@pytest.mark.req("CMD-01")
def test_a_request_quotes_the_revision_that_the_page_showed() -> None:
    made = press("weight", {"weight_kg": "70.0", "weight_again_kg": "70.0"})
    assert (made["course"], made["revision"], made["weight_kg"]) == (COURSE, 7, 70.0)
    gate = {"gate": "screening", "met": True, "on": "2026-03-01", "document": "D-1", "failed_drugs": "2"}
    assert press("gate", gate)["failed_drugs"] == 2
    assert press("gate", {**gate, "failed_drugs": ""})["failed_drugs"] is None


def test_a_new_course_has_a_random_id_of_ours() -> None:
    made = [press("new", {"indication": "depression"}, course=None, revision=None)["course"] for _ in range(2)]
    assert made[0] != made[1]
    assert made[0].startswith("c-")


@pytest.mark.parametrize(
    ("kind", "fields", "members", "words"),
    [
        ("check", {"check": "", "answer": "clear"}, {}, "check is missing"),
        ("weight", {"weight_kg": "70,0", "weight_again_kg": "70"}, {}, "'70,0' is no number"),
        ("score", {"scale": "BDI-II", "total": "12.5", "on": "2026-03-01", "rater": "tom"}, {}, "no whole number"),
        ("gate", {"gate": "ecg", "met": True, "on": "1.3.26", "document": "D-1"}, {}, "on: write the day like"),
        ("gate", {"gate": "ecg", "met": True, "on": "2026-03-01", "document": "Mrs M"}, {}, "never a name"),
        ("gate", {"gate": "ecg", "on": "2026-03-01", "document": "D-1"}, {}, "met: Field required"),
        ("session", {"meeting": "integration", "on": "2026-03-01", "therapist": "T. M."}, {}, "an id, never a name"),
        ("override", {"item": "score", "reason": "x" * 201}, {}, "reason: 1 to 200 characters"),
        ("withdraw", {}, {"revision": None}, "has not shown the course yet"),
        ("withdraw", {}, {"late_ns": None}, "let go at a time that nobody knows"),
        ("withdraw", {}, {"late_ns": 2_100_000_000}, "let go 2.1 s ago"),
        ("show", {}, {}, "there is no request 'show'"),
        ("start", {}, {}, "there is no request 'start'"),
        ("clear", {"bed": "bed1", "course": "c-99999999", "revision": 99}, {"course": "x"}, "course: "),
    ],
)
def test_what_cannot_be_asked_is_told_in_a_sentence(
    kind: str, fields: dict[str, Any], members: dict[str, Any], words: str
) -> None:
    with pytest.raises(PressError, match="(?s).*" + words.replace(".", r"\.")):
        press(kind, fields, **members)


@pytest.mark.req("CMD-01")
def test_what_the_page_smuggles_into_the_fields_does_not_count() -> None:
    made = press("clear", {"bed": "bed1", "course": "c-99999999", "revision": 99, "id": "other", "v": 2})
    assert (made["course"], made["revision"], made["id"], made["v"]) == (COURSE, 7, "0a1b", 1)


# ---- whether the desk is there --------------------------------------------------------------------------------------


def test_the_desk_is_there_while_it_says_so_and_a_new_broker_must_say_it_anew() -> None:
    board = Board(BEDS)
    board.connected()

    def hear(payload: bytes) -> bool:
        board.hear("pumpd/v1/clinic/status", payload, retained=True, now_ns=0)
        return board.is_clinic_there

    online, offline = (Status(state=state, boot="b").to_bytes() for state in ("online", "offline"))
    assert not board.is_clinic_there
    assert hear(online)
    assert hear(b"nonsense"), "not understood changes nothing"
    assert not hear(offline)
    assert hear(online)
    board.connected()
    assert not board.is_clinic_there
