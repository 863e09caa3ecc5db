"""How a stop becomes confirmed rest, step by step: what counts as an answer, and when silence and question follow."""

from dataclasses import replace

import pytest

from pumpd.core.ports import PumpCounter, PumpState, PumpStatus
from pumpd.core.rest import Aim, Halt, Phase
from tests.core.support import MS, S

NOW = 100 * S
LEASE_NS = 5 * S
RATE = 36_000_000
"""10 000 nL in a second: a count of 1 000 nL takes 100 ms, one of 20 000 nL takes 2 s."""
HALT = Halt(aim=Aim.PAUSE, cause="x", by_human=False, since_ns=NOW, rate_nl_h=RATE, phase_since_ns=NOW)
ASKING = replace(HALT, phase=Phase.ASKING, overdue=True)
RESTED = replace(HALT, rest_asked_ns=NOW + S)


def status(state: PumpState, at_ns: int = NOW + S) -> PumpStatus:
    return PumpStatus(state=state, asked_at_ns=at_ns)


def read(at_ns: int, low_nl: int = 5_000, count_nl: int = 1_000) -> PumpCounter:
    return PumpCounter(low_nl=low_nl, high_nl=low_nl + count_nl, asked_at_ns=at_ns)


def test_a_halt_begins_with_stops_and_nothing_heard() -> None:
    assert (
        Halt(
            aim=Aim.PAUSE,
            cause="x",
            by_human=False,
            since_ns=NOW,
            rate_nl_h=RATE,
            phase=Phase.REPEATING,
            phase_since_ns=NOW,
            overdue=False,
            rest_asked_ns=None,
            first=None,
            confirmed=False,
            by_itself=False,
        )
        == HALT
    )


@pytest.mark.req("CTRL-04")
def test_a_stricter_aim_replaces_a_milder_one_and_never_the_other_way() -> None:
    assert list(Aim) == [Aim.LOOK, Aim.UNDO, Aim.PAUSE, Aim.FAULT, Aim.END]
    assert [int(aim) for aim in Aim] == [0, 1, 2, 3, 4]
    assert HALT.raised_to(Aim.END, "y", by_human=False) == replace(HALT, aim=Aim.END, cause="y")
    for aim in (Aim.PAUSE, Aim.UNDO):
        assert HALT.raised_to(aim, "y", by_human=False) == HALT


@pytest.mark.parametrize("aim", [Aim.LOOK, Aim.END])
@pytest.mark.parametrize(("before", "asked", "after"), [(0, 0, 0), (1, 0, 1), (0, 1, 1), (1, 1, 1)])
def test_what_a_person_wished_stays_her_wish(aim: Aim, before: bool, asked: bool, after: bool) -> None:
    assert replace(HALT, by_human=bool(before)).raised_to(aim, "y", by_human=bool(asked)).by_human is bool(after)


# ---- what the pump reports ------------------------------------------------------------------------------------------


@pytest.mark.req("CTRL-03")
def test_only_an_answer_to_a_question_after_the_stop_counts() -> None:
    assert HALT.with_status(status(PumpState.REST, NOW), NOW + S) is HALT
    assert HALT.with_status(status(PumpState.REST, NOW + 1), NOW + S) == replace(HALT, rest_asked_ns=NOW + 1)


@pytest.mark.req("CTRL-03")
def test_rest_counts_from_the_first_report_of_it_and_anything_else_begins_anew() -> None:
    assert RESTED.with_status(status(PumpState.REST, NOW + 2 * S), NOW + 2 * S) is RESTED
    seen = replace(RESTED, first=read(NOW + S))
    for state in set(PumpState) - {PumpState.REST}:
        assert seen.with_status(status(state, NOW + 2 * S), NOW + 2 * S) == HALT


@pytest.mark.req("COMM-04")
@pytest.mark.parametrize("state", PumpState)
def test_the_answer_after_the_silence_leads_to_stops_or_to_silence_again(state: PumpState) -> None:
    flows = state in {PumpState.MOVING, PumpState.OTHER}
    found = ASKING.with_status(status(state), NOW + 2 * S)
    assert found == replace(
        ASKING,
        phase=Phase.SILENT if flows else Phase.REPEATING,
        phase_since_ns=NOW + 2 * S,
        rest_asked_ns=NOW + S if state is PumpState.REST else None,
    )


# ---- what the counter shows -----------------------------------------------------------------------------------------


@pytest.mark.req("CTRL-03")
def test_a_read_before_the_report_of_rest_says_nothing() -> None:
    assert HALT.with_counter(read(NOW + S)) is HALT
    assert RESTED.with_counter(read(NOW + S - 1)) is RESTED


@pytest.mark.req("CTRL-03")
def test_a_counter_that_stands_for_one_count_confirms_rest() -> None:
    first = read(NOW + S)
    seen = RESTED.with_counter(first)
    assert seen == replace(RESTED, first=first)
    early = seen.with_counter(read(NOW + S + 100 * MS - 1))
    assert early == seen, "not yet a count's time"
    assert seen.with_counter(read(NOW + S + 100 * MS)) == replace(seen, confirmed=True)


@pytest.mark.req("CTRL-03")
def test_a_counter_that_moved_is_watched_anew() -> None:
    seen = RESTED.with_counter(read(NOW + S))
    moved = read(NOW + 2 * S, 6_000)
    assert seen.with_counter(moved) == replace(RESTED, first=moved)
    slow = replace(RESTED, rate_nl_h=None, first=read(NOW + S))
    assert slow.with_counter(moved) == replace(slow, first=moved), "what moved is not at rest, whatever its rate"


@pytest.mark.req("CTRL-03")
@pytest.mark.parametrize(
    ("rate_nl_h", "count_nl", "at_once"), [(RATE, 20_000, False), (RATE, 20_001, True), (None, 1, True), (0, 1, True)]
)
def test_where_a_count_takes_long_the_first_read_confirms(rate_nl_h: int | None, count_nl: int, at_once: bool) -> None:
    rested = replace(RESTED, rate_nl_h=rate_nl_h)
    assert rested.with_counter(read(NOW + S, count_nl=count_nl)).confirmed is at_once


# ---- as time passes -------------------------------------------------------------------------------------------------


@pytest.mark.req("CTRL-03", "COMM-04")
@pytest.mark.parametrize(
    ("phase", "after_ns", "then"),
    [
        (Phase.REPEATING, 3 * S, replace(HALT, phase=Phase.SILENT, phase_since_ns=NOW + 3 * S, overdue=True)),
        (Phase.SILENT, LEASE_NS + S, replace(HALT, phase=Phase.ASKING, phase_since_ns=NOW + 6 * S)),
        (Phase.ASKING, 1_200 * MS, replace(HALT, phase=Phase.SILENT, phase_since_ns=NOW + 1_200 * MS)),
    ],
)
def test_each_phase_ends_at_its_time(phase: Phase, after_ns: int, then: Halt) -> None:
    halt = replace(HALT, phase=phase)
    assert halt.deadline_ns(LEASE_NS) == NOW + after_ns
    assert halt.at(NOW + after_ns - 1, LEASE_NS) is halt
    assert halt.at(NOW + after_ns, LEASE_NS) == then


@pytest.mark.req("COMM-04")
def test_a_link_that_came_back_in_the_silence_forgets_what_was_heard_and_stays_silent() -> None:
    before = replace(RESTED, phase=Phase.SILENT, overdue=True, first=read(NOW + S))
    found = before.heard_anew(NOW + 2 * S)
    assert found == replace(before, since_ns=NOW + 2 * S, rest_asked_ns=None, first=None)
