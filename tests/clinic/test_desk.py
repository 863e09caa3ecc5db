"""The desk between people and beds: answers, retained clearances, and what it learns from a bed's state."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pumpd.clinic import shown as shown_courses
from pumpd.clinic.decide import assign
from pumpd.clinic.desk import Desk
from pumpd.clinic.store import Store
from pumpd.core.commands import ReceiptState
from pumpd.core.course_words import Check
from pumpd.core.modes import Mode
from pumpd.core.phase import SessionPhase
from pumpd.mqtt.clearance import receive
from pumpd.mqtt.course_payloads import CourseAnswer
from pumpd.mqtt.payloads import Delivery, GivenBefore, State
from tests.clinic.support import BEDS, CODE, COURSE, MORNING, PEOPLE, POLICY
from tests.mqtt import examples

AT = "2026-03-02T07:00:00Z"


@dataclass
class Lobby:
    """A desk with the broker's side of the bus: what is retained, and who was answered what."""

    store: Store
    now: datetime = MORNING
    retained: dict[str, bytes] = field(default_factory=dict)
    answers: list[tuple[str, CourseAnswer]] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)
    asked: int = 0

    def __post_init__(self) -> None:
        self.desk = Desk(
            self.store, policy=POLICY, operators=PEOPLE, beds=BEDS, now=lambda: self.now, publish=self._publish
        )
        self.desk.connected()

    def _publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> None:
        assert qos == 1
        self.sent.append(topic.encode() + payload)
        if retain:
            self.retained[topic] = payload
        else:
            self.answers.append((topic, CourseAnswer.from_bytes(payload)))

    def ask(self, user: str, kind: str, **fields: Any) -> CourseAnswer:
        self.asked += 1
        whole = {"v": 1, "id": f"i{self.asked}", "issued_at": AT, "kind": kind, **fields}
        return self.raw(user, json.dumps(whole).encode())

    def raw(self, user: str, payload: bytes, *, retained: bool = False) -> CourseAnswer:
        self.deliver(f"pumpd/v1/clinic/cmd/{user}/request", payload, retained=retained)
        topic, answer = self.answers[-1]
        assert topic == f"pumpd/v1/clinic/ack/{user}"
        return answer

    def must(self, user: str, kind: str, **fields: Any) -> CourseAnswer:
        if kind not in {"new", "show", "worklist"}:
            fields.setdefault("revision", self.ask(user, "show", course=COURSE).revision)
        if kind != "worklist":
            fields.setdefault("course", COURSE)
        answer = self.ask(user, kind, **fields)
        assert answer.state is ReceiptState.VERIFIED, answer.reason
        return answer

    def cleared(self, bed: str) -> str | None:
        """Return the hash of the clearance that the broker holds for a bed."""
        seen = receive(bed, f"pumpd/v1/{bed}/clearance", self.retained[f"pumpd/v1/{bed}/clearance"])
        assert seen is not None
        assert seen.trouble is None
        return None if seen.clearance is None else seen.clearance.hash

    def hear(self, state: State) -> None:
        self.deliver(f"pumpd/v1/{state.bed}/state", state.to_bytes(), retained=True)

    def deliver(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Hand the desk a message of the bus."""
        self.desk.message(topic, payload, retained=retained)


@pytest.fixture
def lobby(tmp_path: Path) -> Iterator[Lobby]:
    with closing(Store(tmp_path / "clinic.db", wall=lambda: AT)) as store:
        yield Lobby(store)


def begun(lobby: Lobby) -> None:
    """Take a course to where only the day's questions are left, over the bus."""
    lobby.must("anna", "new", indication="depression")
    lobby.store.append(assign(COURSE, CODE, lobby.store.register, by="office", command_id="a", now=lobby.now))
    for gate in ("screening", "consultation", "ecg", "labs"):
        drugs = {"failed_drugs": 2} if gate == "screening" else {}
        lobby.must("pia", "gate", gate=gate, met=True, on="2026-02-25", document="D-7", **drugs)
    for on in ("2026-02-26", "2026-02-28"):
        lobby.must("anna", "session", meeting="preparatory", on=on, therapist="tom")
    lobby.must("pia", "score", scale="BDI-II", total=30, on="2026-03-01", rater="tom", item9_reviewed=True)


def day(lobby: Lobby) -> None:
    for check in Check:
        lobby.must("anna", "check", check=check.value, answer="clear")
    lobby.must("anna", "weight", weight_kg="70.0", weight_again_kg="70.0")


def state(lobby: Lobby, clearance: str | None, mode: Mode, **changes: object) -> State:
    shown = {
        "mode": mode,
        "session": "s-c0ffee",
        "order": examples.order().model_copy(update={"course": COURSE, "clearance": clearance}),
        "given_before": (),
        "at": lobby.now.isoformat(),
        "phase": SessionPhase.INFUSING,
    }
    return examples.state().model_copy(update={**shown, **changes})


def delivery(low: str, high: str) -> Delivery:
    return examples.state().delivery.model_copy(update={"low_mg": Decimal(low), "high_mg": Decimal(high)})  # type: ignore[union-attr]  # the example has one


@pytest.mark.req("CLIN-01", "CLIN-02", "CLIN-10")
def test_from_the_first_step_to_a_clearance_at_the_bed(lobby: Lobby) -> None:
    begun(lobby)
    refused = lobby.ask("pia", "clear", course=COURSE, bed="bed1", revision=lobby.must("pia", "show").revision)
    assert refused.state is ReceiptState.REFUSED
    assert "the weight was not measured today (a nurse)" in refused.reason
    assert lobby.cleared("bed1") is None
    day(lobby)
    answer = lobby.must("pia", "clear", bed="bed1")
    given = lobby.cleared("bed1")
    assert given is not None
    assert answer.reason.startswith(f"clearance {given} of course {COURSE} for bed1, infusion 1, 70 kg")
    assert lobby.cleared("bed2") is None
    assert answer.courses[0].cleared_for == "bed1"


@pytest.mark.req("CMD-05")
def test_the_patient_s_code_goes_nowhere(lobby: Lobby) -> None:
    begun(lobby)
    day(lobby)
    lobby.must("pia", "clear", bed="bed1")
    lobby.must("pia", "show")
    lobby.must("pia", "worklist")
    assert lobby.sent
    assert not any(CODE.encode() in each for each in lobby.sent)


@pytest.mark.req("CLIN-01")
def test_a_clearance_leaves_the_bed_when_it_is_taken_back_or_out_of_time(lobby: Lobby) -> None:
    begun(lobby)
    day(lobby)
    lobby.must("pia", "clear", bed="bed1")
    lobby.must("anna", "withdraw")
    assert lobby.cleared("bed1") is None
    lobby.must("pia", "clear", bed="bed2")
    assert lobby.cleared("bed2") is not None
    lobby.now += timedelta(hours=12)
    lobby.desk.tick()
    assert lobby.cleared("bed2") is None


@pytest.mark.req("CLIN-01")
def test_a_desk_that_comes_back_says_again_what_stands_and_takes_back_what_does_not(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "clinic.db", wall=lambda: AT)) as store:
        before = Lobby(store)
        begun(before)
        day(before)
        before.must("pia", "clear", bed="bed1")
    with closing(Store(tmp_path / "clinic.db", wall=lambda: AT)) as store:
        again = Lobby(store, retained={"pumpd/v1/bed2/clearance": before.retained["pumpd/v1/bed1/clearance"]})
        assert again.cleared("bed1") == before.cleared("bed1")
        assert again.retained["pumpd/v1/bed2/clearance"] == b""


@pytest.mark.req("CLIN-10", "CMD-07")
def test_the_desk_follows_a_session_from_order_to_close(lobby: Lobby) -> None:
    begun(lobby)
    day(lobby)
    lobby.must("pia", "clear", bed="bed1")
    given = lobby.cleared("bed1")
    lobby.hear(state(lobby, given, Mode.READY, phase=SessionPhase.PREPARING))
    shown = lobby.must("pia", "show").courses[0]
    assert (shown.infusions, shown.open_session) == (0, "s-c0ffee at bed1")
    assert lobby.cleared("bed1") == given
    lobby.hear(state(lobby, given, Mode.RUNNING))
    assert lobby.cleared("bed1") == given, "a start judges it again at each of its steps"
    revision = lobby.must("pia", "show").revision
    lobby.hear(state(lobby, given, Mode.RUNNING))
    assert lobby.must("pia", "show").revision == revision, "nothing new"
    other = lobby.ask("pia", "clear", course=COURSE, bed="bed2", revision=revision)
    assert "session s-c0ffee of course c-0a1b2c3d is still open at bed1" in other.reason
    lobby.now += timedelta(minutes=40)
    over = {"phase": SessionPhase.OBSERVING, "delivery": delivery("34.9", "35")}
    lobby.hear(state(lobby, given, Mode.COMPLETED, **over))
    assert lobby.cleared("bed1") is None, "it is used up"
    lobby.hear(state(lobby, given, Mode.COMPLETED, **{**over, "phase": SessionPhase.CLOSED}))
    shown = lobby.must("pia", "show").courses[0]
    assert (shown.infusions, shown.open_session) == (1, None)
    assert shown.exposure == "1 infusions, the last on 2026-03-02, 34.9 to 35 mg in all"


@pytest.mark.req("CLIN-10")
def test_an_infusion_that_the_desk_slept_through_is_counted(lobby: Lobby) -> None:
    begun(lobby)
    day(lobby)
    lobby.must("pia", "clear", bed="bed1")
    lobby.now += timedelta(hours=1)
    given = GivenBefore(
        order="c0ffee",
        course=COURSE,
        drug="ketamine",
        low_ml=Decimal(17),
        high_ml=Decimal("17.5"),
        low_mg=Decimal(34),
        high_mg=Decimal(35),
        until="2026-03-02T08:45:00+00:00",
    )
    later = examples.state().model_copy(update={"order": None, "session": None, "given_before": (given,)})
    lobby.hear(later)
    lobby.hear(later)
    shown = lobby.must("pia", "show").courses[0]
    assert shown.exposure == "1 infusions, the last on 2026-03-02, 34 to 35 mg in all"
    assert lobby.cleared("bed1") is None, "it is used up, whatever hash the bed still knows"


@pytest.mark.req("CMD-07")
def test_a_session_that_its_bed_shows_no_longer_is_closed_with_what_was_known(lobby: Lobby) -> None:
    begun(lobby)
    day(lobby)
    lobby.must("pia", "clear", bed="bed1")
    given = lobby.cleared("bed1")
    lobby.hear(state(lobby, given, Mode.READY, phase=SessionPhase.PREPARING))
    lobby.hear(examples.state().model_copy(update={"order": None, "given_before": (), "at": AT}))
    shown = lobby.must("pia", "show").courses[0]
    assert (shown.infusions, shown.open_session) == (0, None)
    assert lobby.cleared("bed1") == given, "nothing flowed under it"


def test_what_a_bed_says_in_the_name_of_another_is_not_heard(lobby: Lobby) -> None:
    begun(lobby)
    lobby.desk.message("pumpd/v1/bed2/state", state(lobby, None, Mode.RUNNING).to_bytes(), retained=True)
    lobby.desk.message("pumpd/v1/bed1/state", b"{}", retained=True)
    assert lobby.must("pia", "show").courses[0].infusions == 0


@pytest.mark.req("CLIN-12", "START-09")
@pytest.mark.parametrize(
    ("kind", "fields", "words"),
    [
        ("score", {"scale": "BDI-II", "total": 64, "on": "2026-03-02", "rater": "tom"}, "outside 0 to 63"),
        ("weight", {"weight_kg": "7.0", "weight_again_kg": "7.0"}, "weight 7 kg is outside 30 to 200 kg"),
        ("weight", {"weight_kg": "700", "weight_again_kg": "700"}, "weight 700 kg is outside 30 to 200 kg"),
        ("gate", {"gate": "ecg", "met": True, "on": "2027-03-02", "document": "D-1"}, "later than today"),
        ("gate", {"gate": "ecg", "on": "2026-03-02", "document": "D-1"}, "met: Field required"),
        ("gate", {"gate": "ecg", "met": True, "on": "2026-03-02", "document": "Mrs Miller"}, "document: "),
        ("show", {"course": "c-99999999"}, "there is no course c-99999999"),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence_and_changes_nothing(
    lobby: Lobby, kind: str, fields: dict[str, Any], words: str
) -> None:
    begun(lobby)
    revision = lobby.must("pia", "show").revision
    if kind != "show":
        fields = {"course": COURSE, "revision": revision, **fields}
    answer = lobby.ask("pia", kind, **fields)
    assert answer.state is ReceiptState.REFUSED
    assert words in answer.reason
    assert lobby.must("pia", "show").revision == revision


def test_two_terminals_on_one_course(lobby: Lobby) -> None:
    begun(lobby)
    revision = lobby.must("pia", "show").revision
    quoted = {"course": COURSE, "revision": revision}
    assert lobby.ask("anna", "check", check="fasting", answer="not-clear", **quoted).state is ReceiptState.VERIFIED
    second = lobby.ask("ben", "check", check="fasting", answer="clear", **quoted)
    assert second.state is ReceiptState.REFUSED
    assert "anna has changed check fasting" in second.reason
    assert lobby.ask("ben", "check", check="escort", answer="clear", **quoted).state is ReceiptState.VERIFIED


def test_strangers_retained_and_unreadable_requests(lobby: Lobby) -> None:
    begun(lobby)
    show = json.dumps({"v": 1, "id": "x", "issued_at": AT, "kind": "show", "course": COURSE}).encode()
    assert "is not on this site's operator list" in lobby.raw("mallory", show).reason
    assert "delivered as retained" in lobby.raw("anna", show, retained=True).reason
    assert "not JSON" in lobby.raw("anna", b"{").reason
    assert "the limit is 4096" in lobby.raw("anna", b" " * 5_000).reason
    lobby.desk.message("somewhere/else", b"", retained=False)


def test_an_entry_by_the_office_in_between_is_read_first(lobby: Lobby, tmp_path: Path) -> None:
    begun(lobby)
    revision = lobby.must("pia", "show").revision
    with closing(Store(tmp_path / "clinic.db", wall=lambda: AT)) as office:
        register = office.register
        other = next(iter(register.courses.values())).entries[0]
        office.append(replace(other, course="c-22222222", command_id="z"))
    answer = lobby.ask("anna", "check", check="escort", answer="clear", course=COURSE, revision=revision)
    assert answer.state is ReceiptState.VERIFIED
    assert len(lobby.must("anna", "worklist").worklist) == 2


@pytest.mark.req("CLIN-01", "CLIN-10")
def test_a_course_is_shown_with_every_gate_its_owner_and_its_end(lobby: Lobby) -> None:
    begun(lobby)
    course = lobby.must("anna", "show").courses[0]
    gates = {each.gate: each for each in course.gates}
    assert (gates["ecg"].met, gates["ecg"].owner, gates["ecg"].until) == (True, "pia", "2026-05-27T00:00:00+00:00")
    assert (gates["weight"].met, gates["weight"].owner, gates["weight"].until) == (False, "a nurse", None)
    assert "the weight was not measured today (a nurse)" in course.missing


@pytest.mark.req("CLIN-01")
def test_an_override_is_shown_while_it_waits_and_when_it_stands(lobby: Lobby) -> None:
    lobby.must("anna", "new", indication="depression")
    lobby.must("anna", "override", item="preparation", reason="travels on Thursday")
    course = lobby.must("pia", "show").courses[0]
    (waiting,) = course.waiting
    assert (waiting.item, waiting.by, waiting.role, waiting.reason) == (
        "preparation",
        "anna",
        "nurse",
        "travels on Thursday",
    )
    assert waiting.until == (lobby.now + timedelta(hours=12)).isoformat()
    assert "the override of preparation that anna asked for waits for a signature" in course.due[0]
    assert course.overrides == ()
    signed = lobby.must("pia", "sign", item="preparation").courses[0]
    assert (signed.waiting, len(signed.overrides)) == ((), 1)
    assert "passed by anna (nurse) and pia (prescriber), because: travels on Thursday" in signed.overrides[0]


@pytest.mark.req("CLIN-12")
def test_the_list_begins_with_who_needs_somebody_next(lobby: Lobby) -> None:
    begun(lobby)
    lobby.must("anna", "session", meeting="preparatory", on="2026-03-01", therapist="tom")
    lobby.must("pia", "review", on="2026-03-01")
    lobby.must("anna", "new", course="c-00000001", indication="other")
    lobby.must("anna", "new", course="c-00000002", indication="alcohol-use")
    lobby.must("pia", "gate", course="c-00000002", revision=1, gate="labs", met=True, on="2026-01-02", document="L")
    lobby.must("anna", "new", course="c-00000003", indication="other")
    lobby.must("anna", "override", course="c-00000003", revision=1, item="score", reason="cannot read")
    listed = lobby.must("vera", "worklist").worklist
    assert [each.course for each in listed] == ["c-00000002", "c-00000003", "c-00000001", COURSE]
    assert any(each.startswith("OVERDUE the labs of 2026-01-02") for each in listed[0].due)
    assert listed[1].due[0].startswith("the override of score that anna asked for waits for a signature")
    assert listed[3].due == ()
    assert listed[2].missing[:2] == (
        "patient-code (the clinic's office, at its own machine)",
        "screening, consultation, ecg, labs (a prescriber)",
    )


def test_a_list_that_one_message_has_no_room_for_says_how_many_are_left_off(
    lobby: Lobby, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        lobby.must("anna", "new", course=f"c-0000000{number}", indication="other")
    whole = lobby.must("anna", "worklist")
    assert (len(whole.worklist), whole.left_off) == (4, 0)
    monkeypatch.setattr(shown_courses, "LIST_BYTES", len(whole.worklist[0].to_bytes()) * 2)
    part = lobby.must("anna", "worklist")
    assert (part.worklist, part.left_off) == (whole.worklist[:2], 2)
