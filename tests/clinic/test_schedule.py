"""What is due and when: bands, the follow-up's days, reminders that come, and go once somebody has done the thing."""

from datetime import date

import pytest

from pumpd.clinic.calendar import day_of, end_ns, months_after, ns_of
from pumpd.clinic.entries import ScoreReviewed
from pumpd.clinic.schedule import band, exposure_text, follow_up, worklist
from pumpd.core.course_words import Gate, Indication, Meeting
from tests.clinic.support import MORNING, Clinic, after_first, ready


def due(clinic: Clinic) -> list[str]:
    return [str(each) for each in worklist(clinic.see(), clinic.policy, clinic.now)]


def has(clinic: Clinic, words: str) -> bool:
    return any(words in each for each in due(clinic))


@pytest.mark.req("CLIN-12")
@pytest.mark.parametrize(
    ("total", "name"),
    [
        (0, "minimal"), (13, "minimal"), (14, "mild"), (19, "mild"), (20, "moderate"), (28, "moderate"),
        (29, "severe"), (63, "severe"),
    ],
)  # fmt: skip
def test_the_bands_of_the_inventory(total: int, name: str) -> None:
    assert band(total) == name


@pytest.mark.req("CLIN-12")
def test_the_days_of_the_follow_up_count_from_the_last_infusion() -> None:
    clinic = after_first()
    assert follow_up(clinic.see(), clinic.now) == (
        date(2026, 3, 9),
        date(2026, 4, 2),
        date(2026, 6, 2),
        date(2026, 9, 2),
        date(2026, 12, 2),
        date(2027, 3, 2),
    )
    clinic.infuse(clinic.clear(), "2")
    assert follow_up(clinic.see(), clinic.now)[0] == date(2026, 3, 11)


@pytest.mark.req("CLIN-12")
def test_a_score_is_due_on_its_day_overdue_a_week_later_and_done_when_entered() -> None:
    clinic = after_first()
    for day in follow_up(clinic.see(), clinic.now):
        clinic.to_morning_of(day)
        assert has(clinic, f"BDI-II due since {day}")
        assert not has(clinic, "OVERDUE BDI-II")
        clinic.wait(days=8)
        assert has(clinic, f"OVERDUE BDI-II due since {day}")
        clinic.score(12)
        assert not has(clinic, "BDI-II due")


@pytest.mark.req("CLIN-12")
def test_the_baseline_is_asked_for() -> None:
    clinic = Clinic()
    clinic.begin()
    assert not has(clinic, "baseline")
    fresh = Clinic()
    fresh.ask("anna", clinic.see().entries[0].what)  # type: ignore[arg-type]  # the course's first entry opens it
    assert has(fresh, "the baseline BDI-II is due before the first infusion (a nurse)")


@pytest.mark.req("CLIN-12")
def test_a_total_waits_for_its_review_and_so_does_a_rise() -> None:
    clinic = after_first()
    clinic.wait(days=7)
    clinic.score(26, reviewed=False)
    assert has(clinic, f"item 9 of the BDI-II of {clinic.today} waits for a review (a prescriber)")
    clinic.wait(days=1)
    clinic.score(31)
    assert has(clinic, f"BDI-II rose from 26 to 31 (severe) on {clinic.today}: review it")
    clinic.ask("pia", ScoreReviewed(on=clinic.today))
    assert not has(clinic, "rose")
    assert has(clinic, "waits for a review"), "of the total before"


@pytest.mark.req("CLIN-12")
def test_a_severe_total_is_told_until_it_is_reviewed() -> None:
    clinic = Clinic()
    clinic.begin()
    assert has(clinic, "BDI-II 30 on 2026-03-01 is severe: review it (a prescriber)")


@pytest.mark.req("CLIN-12")
def test_mood_check_at_24_h_and_integration_within_72() -> None:
    clinic = ready()
    clinic.infuse(clinic.clear(), "1")
    clinic.now = MORNING
    clinic.wait(hours=23, minutes=59)
    assert not has(clinic, "mood-check")
    clinic.wait(minutes=1)
    assert has(clinic, "mood-check after the infusion of 2026-03-02 (a nurse)")
    assert has(clinic, "integration after the infusion of 2026-03-02 (the therapist")
    clinic.meet(Meeting.MOOD_CHECK)
    assert not has(clinic, "mood-check")
    clinic.wait(hours=48)
    assert not has(clinic, "OVERDUE integration")
    clinic.wait(minutes=1)
    assert has(clinic, "OVERDUE integration")


@pytest.mark.req("CLIN-01")
def test_what_will_lapse_is_told_a_week_before() -> None:
    clinic = Clinic()
    clinic.begin()
    clinic.wait(days=18)
    assert not has(clinic, "the labs of")
    clinic.wait(days=1)
    assert has(clinic, "the labs of 2026-02-25 is valid until 2026-03-27: renew it (a prescriber)")
    clinic.wait(days=7)
    assert has(clinic, "OVERDUE the labs of")


def test_two_preparatory_sessions_are_enough_and_told() -> None:
    clinic = Clinic()
    clinic.begin()
    assert has(clinic, "2 of 2 to 3 preparatory sessions held")
    clinic.meet(Meeting.PREPARATORY)
    assert not has(clinic, "preparatory")


@pytest.mark.req("CLIN-10")
def test_exposure_is_told_and_for_alcohol_reviewed_after_each_infusion() -> None:
    clinic = ready(Indication.ALCOHOL_USE)
    assert exposure_text(clinic.see(), clinic.now) == "no infusion yet"
    clinic.infuse(clinic.clear(), "1")
    words = "1 infusions, the last on 2026-03-02, 34.99 to 35 mg in all"
    assert has(clinic, f"exposure review: {words} (a prescriber)")
    clinic.gate(Gate.EXPOSURE, 0)
    assert not has(clinic, "exposure")


def test_the_calendar() -> None:
    assert months_after(date(2026, 1, 31), 1) == date(2026, 2, 28)
    assert months_after(date(2026, 11, 30), 3) == date(2027, 2, 28)
    assert day_of(ns_of(MORNING), MORNING) == date(2026, 3, 2)
    assert end_ns(date(2026, 3, 2), MORNING) == ns_of(MORNING.replace(day=3, hour=0))
