"""When the cuff inflates: to the nanosecond, after each way in which a cycle can end."""

from dataclasses import replace

import pytest

from pumpd.core.cuff import CuffSchedule
from tests.core.support import S

RESTING = CuffSchedule(started_ns=100 * S, ended_ns=120 * S)
INTERVAL_NS = 300 * S


def due_s(
    cuff: CuffSchedule, interval_ns: int | None = INTERVAL_NS, *, from_end: bool = False, repeat: bool = False
) -> float | None:
    due_ns = cuff.due_at_ns(interval_ns, from_end=from_end, repeat=repeat, now_ns=200 * S)
    return None if due_ns is None else due_ns / S


def test_a_schedule_begins_with_no_cycle() -> None:
    assert CuffSchedule() == CuffSchedule(
        started_ns=None, ended_ns=None, measuring=False, retry=False, retried=False, barred=False
    )


@pytest.mark.req("VIT-03")
@pytest.mark.parametrize(
    "unmeasured", [{"started_ns": None}, {"ended_ns": None}, {"started_ns": None, "ended_ns": None}]
)
def test_the_first_cycle_is_due_at_once(unmeasured: dict[str, None]) -> None:
    assert due_s(replace(RESTING, **unmeasured)) == 200  # type: ignore[arg-type]


@pytest.mark.req("VIT-03")
def test_the_interval_counts_from_the_start_of_the_last_cycle_or_from_its_end() -> None:
    assert due_s(RESTING) == 400
    assert due_s(RESTING, from_end=True) == 420
    assert due_s(RESTING, None) is None


@pytest.mark.req("VIT-03")
def test_the_limb_rests_for_30_s_whatever_asks() -> None:
    assert due_s(RESTING, 10 * S) == 150
    assert due_s(RESTING, repeat=True) == 150
    assert due_s(replace(RESTING, retry=True)) == 150


@pytest.mark.req("VIT-03")
def test_a_cycle_of_which_nothing_is_heard_is_over_after_150_s() -> None:
    measuring = replace(RESTING, measuring=True)
    assert due_s(measuring) == 250
    assert due_s(measuring, repeat=True) == 250
    assert due_s(replace(measuring, started_ns=None)) == 200


@pytest.mark.req("VIT-03")
def test_a_barred_cuff_waits_for_its_interval_though_a_repeat_is_wanted() -> None:
    assert due_s(replace(RESTING, barred=True), repeat=True) == 400
    assert due_s(replace(RESTING, barred=True)) == 400
    assert due_s(replace(RESTING, barred=True, retry=True)) == 150


@pytest.mark.req("VIT-03")
@pytest.mark.parametrize("retry", [True, False])
def test_a_cycle_that_begins_remembers_whether_it_is_the_repeat(retry: bool) -> None:
    found = replace(RESTING, retry=retry, barred=True).begun(300 * S)
    assert found == CuffSchedule(started_ns=300 * S, ended_ns=120 * S, measuring=True, retried=retry)


@pytest.mark.req("VIT-03")
def test_a_reading_ends_the_cycle_and_every_bar() -> None:
    before = CuffSchedule(started_ns=300 * S, ended_ns=120 * S, measuring=True, retry=True, retried=True, barred=True)
    assert before.ended(330 * S) == CuffSchedule(started_ns=300 * S, ended_ns=330 * S, retried=True)


@pytest.mark.req("VIT-03")
@pytest.mark.parametrize(
    ("retried", "permits", "again"),
    [(False, True, True), (False, False, False), (True, True, False), (True, False, False)],
)
def test_a_failure_is_repeated_once_and_only_where_its_cause_permits(retried: bool, permits: bool, again: bool) -> None:
    before = CuffSchedule(started_ns=300 * S, ended_ns=120 * S, measuring=True, retried=retried)
    found = before.failed(330 * S, retry=permits)
    assert found == CuffSchedule(started_ns=300 * S, ended_ns=330 * S, retry=again, retried=retried, barred=not again)
