"""What may be asked of a course: wrong dates and totals, two people at once, and commands that come twice."""

from dataclasses import replace
from decimal import Decimal

import pytest

from pumpd.clinic.decide import Clear, RefusedError, Weigh, Withdraw, assign, noted
from pumpd.clinic.entries import (
    CheckAnswered,
    Cleared,
    CourseOpened,
    GateSet,
    MeetingHeld,
    ScoreEntered,
    ScoreReviewed,
    SessionNoted,
    WeightMeasured,
)
from pumpd.core.course_words import Answer, Check, Gate, Indication, Meeting, Scale
from tests.clinic.support import CODE, Clinic, after_first, ready

BDI = ScoreEntered(scale=Scale.BDI_II, total=20, on="2026-03-02", rater="tom", item9_reviewed=False)


@pytest.mark.req("CLIN-12")
@pytest.mark.parametrize("total", [0, 13, 63])
def test_a_total_of_the_inventory_is_0_to_63(total: int) -> None:
    clinic = ready()
    clinic.score(total)
    assert clinic.see().scores[-1][1].total == total


@pytest.mark.req("CLIN-12")
@pytest.mark.parametrize("total", [-1, 64])
def test_another_total_is_refused(total: int) -> None:
    with pytest.raises(RefusedError, match=rf"a BDI-II total of {total} is outside 0 to 63; count it again"):
        ready().score(total)


@pytest.mark.req("CLIN-12")
def test_item_9_is_reviewed_by_a_prescriber() -> None:
    clinic = ready()
    with pytest.raises(RefusedError, match="item 9 is reviewed by a prescriber, anna is a nurse"):
        clinic.ask("anna", replace(BDI, item9_reviewed=True))
    clinic.ask("anna", BDI)
    with pytest.raises(RefusedError, match="a score is reviewed by a prescriber"):
        clinic.ask("anna", ScoreReviewed(on="2026-03-02"))
    with pytest.raises(RefusedError, match="has no score of 2026-01-01"):
        clinic.ask("pia", ScoreReviewed(on="2026-01-01"))
    clinic.ask("pia", ScoreReviewed(on="2026-03-02"))
    clinic.clear()


@pytest.mark.parametrize(
    "wish",
    [
        GateSet(gate=Gate.ECG, met=True, on="2026-03-03", document="D-1"),
        MeetingHeld(meeting=Meeting.PREPARATORY, on="2026-03-03", therapist="tom"),
        replace(BDI, on="2026-03-03"),
    ],
)
def test_a_day_to_come_is_no_day_of_a_document(wish: GateSet | MeetingHeld | ScoreEntered) -> None:
    clinic = ready()
    with pytest.raises(RefusedError, match=r"is dated 2026-03-03, which is later than today, 2026-03-02; look at"):
        clinic.ask("pia", wish)
    with pytest.raises(RefusedError, match="'2026-02-30' is no day of the calendar"):
        clinic.ask("pia", replace(wish, on="2026-02-30"))


def test_a_course_that_is_not_there_is_told() -> None:
    clinic = ready()
    with pytest.raises(RefusedError, match="there is no course c-99999999; look at the list: pumpd course worklist"):
        clinic.ask("anna", CheckAnswered(check=Check.ESCORT, answer=Answer.CLEAR), course="c-99999999")
    with pytest.raises(RefusedError, match="exists already"):
        clinic.ask("anna", CourseOpened(indication=Indication.DEPRESSION))


def test_a_command_acts_at_most_once() -> None:
    clinic = ready()
    revision = clinic.see().revision
    with pytest.raises(RefusedError, match="it acts at most once"):
        clinic.ask("anna", CheckAnswered(check=Check.ESCORT, answer=Answer.CLEAR), command_id="k1")
    assert clinic.see().revision == revision


# ---- two terminals --------------------------------------------------------------------------------------------------


def test_two_people_who_change_the_same_are_not_both_obeyed() -> None:
    clinic = ready()
    seen = clinic.see().revision
    clinic.ask("anna", CheckAnswered(check=Check.FASTING, answer=Answer.NOT_CLEAR), revision=seen)
    with pytest.raises(
        RefusedError, match=f"anna has changed check fasting of course c-0a1b2c3d since revision {seen}; look again"
    ):
        clinic.ask("ben", CheckAnswered(check=Check.FASTING, answer=Answer.CLEAR), revision=seen)
    assert next(clinic.see().said(CheckAnswered))[1].answer is Answer.NOT_CLEAR


def test_two_people_who_change_different_things_are_both_obeyed() -> None:
    clinic = ready()
    seen = clinic.see().revision
    clinic.ask("anna", CheckAnswered(check=Check.FASTING, answer=Answer.CLEAR), revision=seen)
    clinic.ask("ben", Weigh(weight_kg=Decimal(71), weight_again_kg=Decimal(71)), revision=seen)
    assert clinic.see().revision == seen + 2
    assert next(clinic.see().said(WeightMeasured))[1].weight_g == 71_000


def test_a_clearance_is_decided_on_the_whole_course() -> None:
    clinic = ready()
    seen = clinic.see().revision
    clinic.meet(Meeting.PREPARATORY)
    with pytest.raises(RefusedError, match=f"decided on revision {seen} of course c-0a1b2c3d, it is now at {seen + 1}"):
        clinic.ask("pia", Clear(bed="bed1"), revision=seen)
    assert not list(clinic.see().said(Cleared))


def test_a_revision_that_never_was_is_refused() -> None:
    clinic = ready()
    with pytest.raises(RefusedError, match="has no revision 999 yet"):
        clinic.ask("anna", CheckAnswered(check=Check.FASTING, answer=Answer.CLEAR), revision=999)


# ---- whose course, and what beds tell -------------------------------------------------------------------------------


@pytest.mark.req("CMD-07")
def test_one_patient_has_one_course() -> None:
    clinic = ready()
    clinic.course = "c-11111111"
    clinic.ask("anna", CourseOpened(indication=Indication.DEPRESSION))
    with pytest.raises(RefusedError, match="this patient has course c-0a1b2c3d already; go on with it"):
        assign("c-11111111", CODE, clinic.register, by="office", command_id="x", now=clinic.now)
    entry = assign("c-11111111", "P-0043", clinic.register, by="office", command_id="x", now=clinic.now)
    clinic.register = clinic.register.after(entry)
    with pytest.raises(RefusedError, match="has its patient already"):
        assign("c-11111111", "P-0044", clinic.register, by="office", command_id="y", now=clinic.now)
    with pytest.raises(RefusedError, match="there is no course c-2"):
        assign("c-2", "P-0045", clinic.register, by="office", command_id="y", now=clinic.now)


@pytest.mark.req("CLIN-10")
def test_what_was_once_known_of_a_session_stays() -> None:
    clinic = after_first()
    _, last = clinic.see().sessions[0]
    poor = SessionNoted(
        session=last.session,
        bed="bed1",
        clearance_hash=None,
        begun=False,
        over=False,
        closed=True,
        low_ng=0,
        high_ng=last.high_ng,
        weight_g=None,
    )
    assert noted(clinic.register, clinic.course, poor, command_id="x", at_ns=0) is None
    wider = noted(clinic.register, clinic.course, replace(poor, high_ng=36_000_000), command_id="x", at_ns=0)
    assert wider is not None
    assert wider.what == replace(last, high_ng=36_000_000)
    assert noted(clinic.register, "c-2", poor, command_id="x", at_ns=0) is None


def test_a_clearance_can_be_taken_back_until_the_infusion_begins() -> None:
    clinic = ready()
    with pytest.raises(RefusedError, match="has no clearance that stands"):
        clinic.ask("anna", Withdraw())
    clinic.clear()
    clinic.ask("anna", Withdraw())
    given = clinic.clear(bed="bed2")
    note = SessionNoted(
        session="s-1",
        bed="bed2",
        clearance_hash=given.hash,
        begun=True,
        over=False,
        closed=False,
        low_ng=0,
        high_ng=35_000_000,
        weight_g=70_000,
    )
    clinic.add(note)
    with pytest.raises(RefusedError, match="the infusion at bed2 has begun"):
        clinic.ask("anna", Withdraw())


def test_a_clinic_begins_empty() -> None:
    assert not Clinic().register.courses
