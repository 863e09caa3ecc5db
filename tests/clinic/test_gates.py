"""The gates before an infusion: each refuses by itself and says what is missing and who owns it; none is a default."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from pumpd.clinic.decide import Clear, RefusedError
from pumpd.clinic.entries import CheckAnswered, CourseOpened, GateSet, OverrideAsked, OverrideSigned
from pumpd.clinic.gates import examined, missing
from pumpd.core.course_words import Answer, Check, Gate, Indication, Meeting
from tests.clinic.support import Clinic, after_first, ready


def refused(clinic: Clinic, bed: str = "bed1") -> str:
    with pytest.raises(RefusedError) as caught:
        clinic.clear(bed=bed)
    return str(caught.value)


def items(clinic: Clinic) -> set[str]:
    return {each.item for each in missing(examined(clinic.see(), clinic.policy, clinic.now))}


@pytest.mark.req("CLIN-01", "CLIN-02")
def test_a_new_course_lacks_everything_and_says_who_owns_each() -> None:
    clinic = Clinic()
    clinic.ask("anna", CourseOpened(indication=Indication.DEPRESSION))
    lacking = {each.item: each for each in missing(examined(clinic.see(), clinic.policy, clinic.now))}
    assert set(lacking) == {
        "patient-code", "screening", "consultation", "preparation", "ecg", "labs", "weight", "score",
        *(check.value for check in Check),
    }  # fmt: skip
    assert all(each.owner for each in lacking.values())
    text = refused(clinic)
    assert "the ecg is missing: nobody has set it (a prescriber)" in text
    assert "course c-0a1b2c3d is assigned to no patient: pumpd clinic assign (the clinic's office" in text


@pytest.mark.req("CLIN-01", "CLIN-02")
def test_a_course_that_lacks_nothing_is_cleared_for_bed_and_day() -> None:
    clinic = ready()
    given = clinic.clear()
    assert (given.bed, given.course, given.number, given.weight_g) == ("bed1", clinic.course, 1, 70_000)
    assert {gate.gate: gate.by for gate in given.gates}["ecg"] == "pia"
    assert given.issued_wall_ns < given.expires_wall_ns <= given.issued_wall_ns + 12 * 3_600 * 10**9
    assert not given.overrides


@pytest.mark.req("CLIN-01")
@pytest.mark.parametrize(
    ("key", "item"),
    [
        ("screening_valid_days", "screening"),
        ("consultation_valid_days", "consultation"),
        ("preparation_valid_days", "preparation"),
        ("ecg_valid_days", "ecg"),
        ("labs_valid_days", "labs"),
    ],
)
def test_a_time_that_the_clinic_has_not_set_blocks(key: str, item: str) -> None:
    clinic = ready()
    clinic.policy = replace(clinic.policy, **{key: None})  # type: ignore[arg-type]  # named above
    assert items(clinic) == {item}
    assert key in refused(clinic)
    assert clinic.policy.unset() == (key,)


@pytest.mark.req("CLIN-01")
@pytest.mark.parametrize(
    ("gate", "valid"), [(Gate.SCREENING, 365), (Gate.CONSULTATION, 90), (Gate.ECG, 90), (Gate.LABS, 30)]
)
def test_a_document_holds_to_its_last_day_and_no_longer(gate: Gate, valid: int) -> None:
    clinic = ready()
    clinic.gate(gate, valid, failed_drugs=2)
    assert items(clinic) == set()
    clinic.gate(gate, valid + 1, failed_drugs=2)
    assert items(clinic) == {gate.value}
    assert f"expired on {clinic.days_ago(1)}: it is valid for {valid} days" in refused(clinic)


@pytest.mark.req("CLIN-01")
def test_a_gate_that_was_found_not_met_is_not_open() -> None:
    clinic = ready()
    clinic.gate(Gate.CONSULTATION, met=False)
    assert "pia found the consultation of" in refused(clinic)


@pytest.mark.req("CLIN-01")
def test_depression_is_treatment_resistant_from_two_drugs_on() -> None:
    for indication, drugs, lacks in (
        (Indication.DEPRESSION, 1, {"screening"}),
        (Indication.DEPRESSION, None, {"screening"}),
        (Indication.DEPRESSION, 2, set()),
        (Indication.ALCOHOL_USE, None, set()),
    ):
        clinic = ready(indication)
        clinic.gate(Gate.SCREENING, failed_drugs=drugs)
        assert items(clinic) == lacks


@pytest.mark.req("CLIN-01")
def test_one_preparatory_session_is_not_enough_and_old_ones_do_not_count() -> None:
    clinic = ready()
    clinic.policy = replace(clinic.policy, preparation_valid_days=3)
    assert "1 preparatory sessions within 3 days, 2 are needed (the therapist" in refused(clinic)


# ---- the day --------------------------------------------------------------------------------------------------------


@pytest.mark.req("CLIN-02")
@pytest.mark.parametrize("check", Check)
def test_an_answer_of_the_day_lapses_after_twelve_hours(check: Check) -> None:
    clinic = Clinic()
    clinic.begin()
    clinic.now = clinic.now.replace(hour=1)
    clinic.check(check)
    clinic.wait(hours=12, seconds=-1)
    assert check.value not in items(clinic)
    clinic.wait(seconds=1)
    assert check.value in items(clinic)
    clinic.day()
    assert items(clinic) == set()


@pytest.mark.req("CLIN-02")
@pytest.mark.parametrize("check", Check)
def test_an_answer_against_it_has_no_override(check: Check) -> None:
    clinic = ready()
    clinic.check(check, Answer.NOT_CLEAR)
    assert f"{check.value} is not clear, says anna; there is no infusion today" in refused(clinic)
    with pytest.raises(RefusedError, match=f"{check.value} has no override"):
        clinic.ask("anna", OverrideAsked(item=check.value, reason="it is nothing"))


@pytest.mark.req("CLIN-02")
def test_only_pregnancy_can_be_without_application() -> None:
    clinic = ready()
    clinic.check(Check.PREGNANCY, Answer.NOT_APPLICABLE)
    assert items(clinic) == set()
    with pytest.raises(RefusedError, match="applies to everybody"):
        clinic.check(Check.ALLERGIES, Answer.NOT_APPLICABLE)


@pytest.mark.req("CLIN-02")
def test_an_empty_list_of_contraindications_is_no_list() -> None:
    clinic = ready()
    clinic.policy = replace(clinic.policy, contraindications=())
    assert items(clinic) == {"contraindications"}


@pytest.mark.req("START-09")
def test_the_weight_is_of_this_day() -> None:
    clinic = ready()
    clinic.now = clinic.now.replace(hour=23)
    clinic.day()
    assert items(clinic) == set()
    clinic.wait(hours=2)
    assert items(clinic) == {"weight"}


@pytest.mark.req("START-09")
@pytest.mark.parametrize(
    ("first", "again", "words"),
    [
        ("7.0", None, "weight 7 kg is outside 30 to 200 kg"),
        ("700", None, "weight 700 kg is outside 30 to 200 kg"),
        ("70", "71", "the two entries differ, 70 and 71 kg"),
        ("70.00001", None, "more digits than pumpd resolves"),
    ],
)
def test_a_weight_that_cannot_be_is_refused(first: str, again: str | None, words: str) -> None:
    clinic = ready()
    with pytest.raises(RefusedError, match=words):
        clinic.weigh(first, again)


# ---- count, spacing, what comes between -----------------------------------------------------------------------------


@pytest.mark.req("CLIN-10")
def test_two_days_lie_between_infusions() -> None:
    assert items(after_first(days=2)) == set()
    early = after_first(days=1)
    assert items(early) == {"early-infusion"}
    assert "the last infusion was on 2026-03-02; the next may be on 2026-03-04, 2 days later" in refused(early)


@pytest.mark.req("CLIN-10")
def test_the_clearance_shows_number_amount_and_spacing() -> None:
    clinic = after_first()
    given = clinic.clear()
    assert given.number == 2
    assert (given.given_low_ng, given.given_high_ng) == (34_990_000, 35_000_000)
    assert "given so far 34.99 to 35 mg, the last on 2026-03-02 08:00 UTC, 2 full days before" in given.words()
    assert given.last_weight_g == 70_000


def after_three() -> Clinic:
    clinic = after_first()
    for name in ("2", "3"):
        clinic.infuse(clinic.clear(), name)
        clinic.to_morning_of(clinic.now.date() + timedelta(days=2))
        clinic.meet(Meeting.INTEGRATION)
        clinic.score(18)
        clinic.day()
    return clinic


@pytest.mark.req("CLIN-10", "CLIN-01")
def test_a_fourth_infusion_needs_two_people_of_two_roles_and_a_reason() -> None:
    clinic = after_three()
    assert items(clinic) == {"further-infusion"}
    with pytest.raises(RefusedError, match="an override needs a reason"):
        clinic.ask("anna", OverrideAsked(item="further-infusion", reason=" "))
    with pytest.raises(RefusedError, match="nobody has asked to pass further-infusion today"):
        clinic.ask("pia", OverrideSigned(item="further-infusion"))
    clinic.ask("anna", OverrideAsked(item="further-infusion", reason="partial response"))
    assert items(clinic) == {"further-infusion"}, "one person is not two"
    for other in ("anna", "ben"):
        with pytest.raises(RefusedError, match="a second person of another role signs"):
            clinic.ask(other, OverrideSigned(item="further-infusion"))
    clinic.ask("pia", OverrideSigned(item="further-infusion"))
    given = clinic.clear()
    assert given.overrides == (
        (
            "further-infusion: infusion 4 of a course of 3; passed by anna (nurse) and pia (prescriber), "
            "because: partial response"
        ),
    )
    clinic.infuse(given, "4")
    clinic.to_morning_of(clinic.now.date() + timedelta(days=2))
    clinic.meet(Meeting.INTEGRATION)
    clinic.score(18)
    clinic.day()
    assert items(clinic) == {"further-infusion"}, "an override is for one infusion"


@pytest.mark.req("CLIN-10")
def test_an_override_lapses_with_the_day() -> None:
    clinic = after_first(days=1)
    clinic.now = clinic.now.replace(hour=0, minute=30)
    clinic.ask("anna", OverrideAsked(item="early-infusion", reason="travel"))
    clinic.ask("pia", OverrideSigned(item="early-infusion"))
    assert "early-infusion" not in items(clinic)
    clinic.wait(hours=12)
    assert "early-infusion" in items(clinic)


@pytest.mark.req("CLIN-01")
def test_what_is_not_missing_and_what_has_no_override_cannot_be_passed() -> None:
    clinic = ready()
    with pytest.raises(RefusedError, match="ecg is not missing; what can be passed by two people: nothing"):
        clinic.ask("anna", OverrideAsked(item="ecg", reason="x"))
    clinic.gate(Gate.ECG, 91)
    with pytest.raises(RefusedError, match="ecg has no override: the ecg of"):
        clinic.ask("anna", OverrideAsked(item="ecg", reason="x"))


def without(clinic: Clinic, act: Callable[[Clinic], None]) -> set[str]:
    clinic.to_morning_of(clinic.now.date() + timedelta(days=2))
    act(clinic)
    clinic.day()
    return items(clinic)


@pytest.mark.req("CLIN-01", "CLIN-12")
def test_integration_and_a_score_come_between_two_infusions() -> None:
    for act, lacks in (
        (lambda clinic: clinic.score(22), {"integration"}),
        (lambda clinic: clinic.meet(Meeting.INTEGRATION), {"score"}),
    ):
        clinic = ready()
        clinic.infuse(clinic.clear(), "1")
        assert without(clinic, act) == lacks


@pytest.mark.req("CLIN-01", "CLIN-12")
def test_what_was_held_on_the_morning_of_an_infusion_is_not_after_it() -> None:
    clinic = ready()
    clinic.meet(Meeting.INTEGRATION)
    clinic.infuse(clinic.clear(), "1")
    clinic.meet(Meeting.INTEGRATION)
    assert without(clinic, lambda later: later.score(22)) == {"integration"}


@pytest.mark.req("CLIN-12")
def test_a_total_without_its_review_clears_nothing() -> None:
    clinic = ready()
    clinic.score(31, reviewed=False)
    assert "item 9 of the BDI-II of 2026-03-02 is not marked as reviewed (a prescriber)" in refused(clinic)


@pytest.mark.req("CLIN-10")
def test_alcohol_is_watched_more_strictly() -> None:
    clinic = ready(Indication.ALCOHOL_USE)
    clinic.infuse(clinic.clear(), "1")

    def between(days: int) -> set[str]:
        clinic.to_morning_of(clinic.now.date() + timedelta(days=days))
        clinic.meet(Meeting.INTEGRATION)
        clinic.score(22)
        clinic.day()
        return items(clinic)

    assert between(2) == {"early-infusion", "exposure-review"}
    assert between(5) == {"exposure-review"}
    clinic.gate(Gate.EXPOSURE, 0)
    assert items(clinic) == set()


# ---- one session at a time ------------------------------------------------------------------------------------------


@pytest.mark.req("CMD-07")
def test_a_course_with_an_open_session_is_cleared_nowhere_else() -> None:
    clinic = ready()
    clinic.infuse(clinic.clear(), "1", closed=False)
    text = refused(clinic, "bed2")
    assert text == "session s-1 of course c-0a1b2c3d is still open at bed1; close it there first"


@pytest.mark.req("CMD-07")
def test_a_course_is_cleared_for_one_bed_at_a_time() -> None:
    clinic = ready()
    clinic.clear()
    assert refused(clinic, "bed2") == "course c-0a1b2c3d is cleared for bed1 already; withdraw that first"


@pytest.mark.req("CMD-07")
def test_a_bed_is_cleared_for_one_course_at_a_time() -> None:
    clinic = ready()
    clinic.clear()
    clinic.course, code = "c-11111111", "P-0043"
    clinic.begin(code=code)
    clinic.day()
    assert refused(clinic) == "bed1 is cleared for course c-0a1b2c3d; withdraw that first, or take another bed"
    assert clinic.clear(bed="bed2").course == "c-11111111"


def test_a_bed_that_the_site_does_not_have_is_refused() -> None:
    assert refused(ready(), "bed9") == "there is no bed bed9; the site has bed1, bed2"


def test_only_clinicians_clear_and_only_prescribers_set_gates() -> None:
    clinic = ready()
    with pytest.raises(RefusedError, match="the role engineer may not change a course"):
        clinic.ask("eva", Clear(bed="bed1"))
    with pytest.raises(RefusedError, match="the ecg is set by a prescriber, anna is a nurse"):
        clinic.ask("anna", GateSet(gate=Gate.ECG, met=True, on=clinic.today, document="D-1"))
    with pytest.raises(RefusedError, match="the role viewer may not"):
        clinic.ask("vera", CheckAnswered(check=Check.ESCORT, answer=Answer.CLEAR))
