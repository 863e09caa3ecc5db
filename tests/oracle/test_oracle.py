"""Each invariant on both sides of its boundary: a breach is found, a legal neighbour is not."""

import ast
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.oracle.allowances import Path as StopPath
from simulators.oracle.allowances import allowance, condition
from simulators.oracle.judge import judge
from simulators.oracle.observation import (
    NS_PER_S,
    AlarmEpisode,
    Bar,
    Kind,
    Life,
    Mode,
    Observation,
    Replay,
    Stall,
    StopCondition,
    Word,
)
from tests.oracle.support import (
    LATENCY_NS,
    LEASE_NS,
    ORDER,
    at,
    both,
    broken,
    claims,
    flows,
    got,
    heard,
    paused,
    polls,
    recorded,
    resumed,
    said,
    whole,
    wire,
    written,
)

ALLOWED_NL = 5_500
"""What the lease and the stop latency let through beyond the order."""


def alarmed(raised_s: float, gone_s: float | None) -> AlarmEpisode:
    return AlarmEpisode(raised_ns=at(raised_s), gone_ns=None if gone_s is None else at(gone_s), id="pump-link")


@pytest.mark.parametrize("legal", [whole, paused, resumed])
def test_a_legal_run_breaks_nothing(legal: Callable[[], Observation]) -> None:
    assert judge(legal()) == []


def test_violations_come_in_the_order_of_time() -> None:
    spoilt = replace(whole(), intervals=(recorded(20, 0, 0), recorded(21, 0, 0)), stops=(), lives=())
    assert [violation.at_ns for violation in judge(spoilt)] == [at(20), at(21)]


# ---- I1 -------------------------------------------------------------------------------------------------------------


def overrun(extra_nl: int, *, undisturbed: bool) -> Observation:
    """A run whose flow goes on for `extra_nl` beyond the order, under its lease and with a true record."""
    return replace(
        whole(),
        undisturbed=undisturbed,
        flow=(flows(10, 30 + extra_nl / 1_000),),
        wire=wire(both(0, "STP"), both(10, "00RUN"), polls(11, 40)),
        intervals=(),
    )


def test_i1_the_lease_and_the_stop_latency_may_be_given_beyond_the_order() -> None:
    assert broken(overrun(ALLOWED_NL, undisturbed=False)) == []
    assert broken(overrun(ALLOWED_NL + 2, undisturbed=False)) == ["I1"]


def test_i1_an_undisturbed_run_never_passes_the_order() -> None:
    assert broken(overrun(1, undisturbed=True)) == []
    assert broken(overrun(2, undisturbed=True)) == ["I1"]


def test_i1_volume_is_counted_from_the_order() -> None:
    early = flows(1, 9, 3_600_000)
    run = replace(overrun(0, undisturbed=False), keypad_starts_ns=(at(1),))
    run = replace(run, wire=wire(run.wire, polls(1, 9)))
    assert broken(replace(run, flow=(early, *run.flow))) == ["I1"]
    assert broken(replace(run, flow=(early, *run.flow), order=replace(ORDER, from_ns=at(9)))) == []


def test_i1_drawing_back_does_not_hide_what_was_given() -> None:
    run = overrun(ALLOWED_NL + 2, undisturbed=False)
    drawn = flows(35.502, 36, -36_000_000)
    assert broken(replace(run, flow=(*run.flow, drawn))) == ["I1"]


def test_i1_an_undisturbed_run_gives_the_order_within_a_count() -> None:
    run = replace(whole(), intervals=(), claims=())
    assert broken(replace(run, flow=(flows(10, 29),))) == []
    assert broken(replace(run, flow=(flows(10, 28.999),))) == ["I1"]
    assert broken(replace(run, flow=(flows(10, 28.999),), undisturbed=False)) == []


@pytest.mark.parametrize("undisturbed", [True, False])
def test_i1_the_rate_is_kept(undisturbed: bool) -> None:
    run = replace(whole(), intervals=(), undisturbed=undisturbed)
    faster = (flows(10, 20, ORDER.rate_nl_h + 1), flows(20, 29.999))
    assert broken(replace(run, flow=faster)) == ["I1"]
    assert broken(replace(run, flow=(flows(10, 20, ORDER.rate_nl_h), flows(20, 29.999)))) == []


def test_i1_a_rate_from_the_keypad_is_nobodys_fault() -> None:
    faster = (flows(10, 15), flows(15, 20, ORDER.rate_nl_h + 1), flows(20, 29.999))
    run = replace(whole(), intervals=(), undisturbed=False, flow=faster)
    assert broken(replace(run, keypad_rates_ns=(at(15),))) == []
    assert broken(replace(run, keypad_rates_ns=(at(4),))) == []
    assert broken(replace(run, keypad_rates_ns=(at(3.999),))) == ["I1"]
    assert broken(replace(run, keypad_rates_ns=(at(15.001),))) == ["I1"]
    assert broken(replace(run, keypad_starts_ns=(at(10),))) == []


def test_i1_completed_is_claimed_over_a_given_order_only() -> None:
    run = replace(whole(), undisturbed=False, intervals=())
    assert broken(replace(run, flow=(flows(10, 29),))) == []
    assert broken(replace(run, flow=(flows(10, 28.999),))) == ["I1"]
    twice = replace(resumed(), intervals=())
    assert broken(replace(twice, flow=(flows(10, 20.1), flows(40, 47.9)))) == []
    assert broken(replace(twice, flow=(flows(10, 20.1), flows(40, 47.899)))) == ["I1"]


# ---- I2 -------------------------------------------------------------------------------------------------------------


def lapse(last_poll_s: int, rest_s: float) -> Observation:
    """A link that died after the poll of `last_poll_s`; the pump stops by itself at `rest_s`."""
    return replace(
        whole(),
        undisturbed=False,
        flow=(flows(10, rest_s),),
        wire=wire(both(10, "00RUN"), polls(11, last_poll_s)),
        claims=claims((9.5, Mode.STARTING), (10.2, Mode.RUNNING), (18, Mode.UNKNOWN)),
        alarms=(alarmed(18, None),),
        intervals=(),
    )


def test_i2_flow_ends_with_the_lease() -> None:
    assert broken(lapse(15, 20)) == []
    assert broken(lapse(15, 20.000_000_001)) == ["I2"]


def test_i2_a_gap_in_the_lease_is_found_although_it_is_renewed_later() -> None:
    run = replace(whole(), wire=wire(both(10, "00RUN"), polls(11, 14), polls(19, 30)))
    assert broken(run) == []
    assert broken(replace(run, wire=wire(both(10, "00RUN"), polls(11, 14), polls(20, 30)))) == ["I2"]


def test_i2_only_what_the_pump_heard_renews() -> None:
    run = lapse(15, 20)
    assert broken(replace(run, flow=(flows(10, 20.5),), wire=wire(run.wire, [written(16, "00")]))) == ["I2"]
    assert broken(replace(run, flow=(flows(10, 20.5),), wire=wire(run.wire, [heard(16, "00")]))) == []


def test_i2_a_damaged_packet_renews_nothing() -> None:
    run = replace(lapse(15, 20.5), wire=wire(lapse(15, 20).wire, [heard(16, "00")]))
    assert broken(run) == []
    damaged = replace(heard(16, "00"), data=heard(16, "00").data[:-2] + b"\x00\x03")
    assert broken(replace(run, wire=wire(lapse(15, 20).wire, [damaged]))) == ["I2"]


def test_i2_flow_without_any_packet_is_found() -> None:
    silent = replace(whole(), wire=())
    assert {"I2", "I4"} == set(broken(silent))


def test_i2_a_start_at_the_keypad_needs_a_lease_from_its_first_packet_on() -> None:
    by_hand = replace(paused(), keypad_starts_ns=(at(45),))
    flow = paused().flow
    assert broken(replace(by_hand, flow=(*flow, flows(45, 58)))) == []
    kept = wire(by_hand.wire, both(47, "00"))
    assert broken(replace(by_hand, flow=(*flow, flows(45, 52)), wire=kept)) == []
    assert broken(replace(by_hand, flow=(*flow, flows(45, 52.1)), wire=kept)) == ["I2"]
    assert "I2" in broken(replace(by_hand, flow=(*flow, flows(45, 58)), keypad_starts_ns=()))


def disobeyed(*after_stop: tuple[float, str]) -> Observation:
    """A pump that goes on after the stop at 20 s until its lease ends; packets go to it at the instants given."""
    more = [chunk for seconds, command in after_stop for chunk in both(seconds, command)]
    last_s = max([20.0, *(seconds for seconds, _ in after_stop)])
    run = paused()
    return replace(
        run,
        flow=(flows(10, last_s + 5),),
        wire=wire(both(10, "00RUN"), polls(11, 19), both(20, "STP"), more),
        intervals=(),
    )


def test_i2_to_a_pump_that_is_to_stop_only_stops_and_their_queries_are_written() -> None:
    assert broken(disobeyed((20.5, "STP"), (20.6, "00"), (20.7, "00DIS"))) == []
    assert broken(disobeyed((20.5, "00RAT"))) == ["I2"]
    assert broken(disobeyed((20.5, "00VOL1.0"))) == ["I2"]


def test_i2_a_pump_that_does_not_obey_is_left_to_its_lease() -> None:
    assert broken(disobeyed((23.2, "STP"))) == []
    assert broken(disobeyed((23.201, "STP"))) == ["I2"]
    assert broken(disobeyed((23, "STP"), (28, "00"))) == ["I2"]
    assert broken(disobeyed((23.0, "STP"), (27.0, ""), (28.001, "00"))) == ["I2"]


def test_i2_an_opened_port_may_stop_the_pump_again() -> None:
    run = disobeyed((24, "STP"))
    assert broken(run) == ["I2"]
    assert broken(replace(run, openings_ns=(0, at(24)))) == []
    renewed = replace(disobeyed((24, "STP"), (24.1, "00RAT")), openings_ns=(0, at(24)))
    assert broken(renewed) == ["I2"]


# ---- I3 -------------------------------------------------------------------------------------------------------------


def unsafe(rest_s: float, *, until_s: float = 25, within_s: float = 1.5) -> Observation:
    """A stop condition at 19 s; the stop is written at 20 s and the pump rests at `rest_s`."""
    stop = StopCondition(
        at_ns=at(19), until_ns=at(until_s), cause="SpO2 80 %", wire_within_ns=at(1), rest_within_ns=at(within_s)
    )
    return replace(paused(), flow=(flows(10, rest_s),), stops=(stop,), intervals=())


def test_i3_flow_is_zero_in_time() -> None:
    assert broken(unsafe(20.5)) == []
    assert broken(unsafe(20.500_000_001)) == ["I3"]


def test_i3_flow_that_never_ends_is_found() -> None:
    endless = replace(unsafe(20), flow=(flows(10, None),), wire=wire(paused().wire, polls(20, 60)), receipts=())
    assert "I3" in broken(replace(endless, until_ns=at(22)))
    assert "I3" not in broken(replace(endless, until_ns=at(20.5)))


def test_i3_a_pump_at_rest_has_nothing_to_do() -> None:
    late = StopCondition(at_ns=at(30), until_ns=at(31), cause="link lost", wire_within_ns=at(1), rest_within_ns=0)
    assert broken(replace(paused(), stops=(late,))) == []


def test_i3_nothing_flows_again_while_the_condition_holds() -> None:
    stop = StopCondition(at_ns=at(19.9), until_ns=at(40), cause="probe off", wire_within_ns=at(1), rest_within_ns=at(2))
    assert broken(replace(resumed(), stops=(stop,))) == []
    assert broken(replace(resumed(), stops=(replace(stop, until_ns=at(40.1)),))) == ["I3"]
    by_hand = replace(resumed(), stops=(replace(stop, until_ns=at(50)),), keypad_starts_ns=(at(40),))
    assert broken(by_hand) == []


def test_i3_a_run_that_was_on_its_way_may_be_stopped_in_time() -> None:
    stop = StopCondition(at_ns=at(9.99), until_ns=at(50), cause="probe off", wire_within_ns=at(1), rest_within_ns=at(2))
    run = replace(paused(), wire=wire(both(10, "00RUN"), both(11, "STP")), intervals=(), alarms=(alarmed(9.99, None),))
    assert broken(replace(run, stops=(stop,), flow=(flows(10, 11.99),))) == []
    assert broken(replace(run, stops=(stop,), flow=(flows(10, 11.991),))) == ["I3"]


def test_i3_the_stop_is_on_the_wire_in_time() -> None:
    run = unsafe(21, within_s=9)
    assert broken(run) == []
    late = wire(both(10, "00RUN"), polls(11, 19), [written(20.001, "STP")])
    assert broken(replace(run, wire=late)) == ["I3"]
    assert broken(replace(run, wire=late, flow=(flows(10, 20),))) == []
    assert broken(replace(run, wire=late, stops=(replace(run.stops[0], wire_within_ns=None),))) == []
    begun = wire(both(10, "00RUN"), polls(11, 17), both(18, "STP"), [heard(19, "00")])
    assert broken(replace(run, wire=begun)) == []


@pytest.mark.parametrize(
    ("path", "wire_s", "rest_s"), [(StopPath.CLEAR, 1, 1.5), (StopPath.DEAD, None, 6), (StopPath.DEAF, 1, 9)]
)
def test_i3_times_by_what_the_stop_meets(path: StopPath, wire_s: int | None, rest_s: float) -> None:
    times = allowance(path, lease_ns=LEASE_NS, stop_latency_ns=LATENCY_NS)
    assert times.wire_within_ns == (None if wire_s is None else wire_s * NS_PER_S)
    assert times.rest_within_ns == at(rest_s)
    made = condition("x", path, at_ns=1, until_ns=2, lease_ns=LEASE_NS, stop_latency_ns=LATENCY_NS)
    assert (made.at_ns, made.until_ns, made.rest_within_ns) == (1, 2, times.rest_within_ns)


def test_a_stop_condition_does_not_end_before_it_began() -> None:
    with pytest.raises(ValueError, match="before it began"):
        StopCondition(at_ns=2, until_ns=1, cause="x", wire_within_ns=None, rest_within_ns=0)


# ---- I4 -------------------------------------------------------------------------------------------------------------


def test_i4_flow_without_a_command_is_found() -> None:
    nobody = replace(resumed(), received=paused().received, receipts=paused().receipts)
    assert set(broken(nobody)) == {"I4", "I5"}


def test_i4_the_press_is_newer_than_the_pause() -> None:
    def pressed(seconds: float | None) -> Observation:
        run = resumed()
        return replace(run, received=(*run.received[:-1], got(39.5, Kind.RESUME, "r1", seconds)))

    assert broken(pressed(20.501)) == []
    assert broken(pressed(20.5)) == ["I4"]
    assert broken(pressed(None)) == ["I4"]


def test_i4_a_pause_between_the_press_and_the_run_wins() -> None:
    run = resumed()
    pause = got(39.8, Kind.PAUSE, "p2")
    told = replace(run, receipts=(*run.receipts, said(39.8, "p2", Word.ACCEPTED)))
    assert broken(replace(told, received=(*run.received, pause))) == ["I4"]
    after = replace(told, received=(*run.received, replace(pause, at_ns=at(40))))
    assert "I4" not in broken(after)


def test_i4_a_halted_claim_and_a_restart_are_pauses() -> None:
    run = resumed()
    claimed = claims((39.6, Mode.UNKNOWN), (39.7, Mode.STARTING))
    again = replace(run, claims=(*run.claims[:6], *claimed, *run.claims[6:]), alarms=(alarmed(30, None),))
    assert broken(again) == ["I4"]
    lives = (Life(from_ns=0, to_ns=at(39.6)), Life(from_ns=at(39.7), to_ns=None))
    assert broken(replace(run, lives=lives)) == ["I4"]
    before = (Life(from_ns=0, to_ns=at(30)), Life(from_ns=at(31), to_ns=None))
    assert broken(replace(run, lives=before)) == []


def test_i4_no_run_is_written_while_something_bars_it() -> None:
    def barred(from_s: float, until_s: float) -> list[str]:
        return broken(replace(resumed(), bars=(Bar(from_ns=at(from_s), until_ns=at(until_s), cause="hr 120"),)))

    assert barred(39, 41) == ["I4"]
    assert barred(39.899, 40.001) == ["I4"]
    assert barred(39.9, 41) == []
    assert barred(39, 40) == []


def test_i4_a_refused_command_starts_nothing() -> None:
    run = resumed()
    refused = replace(run, receipts=(*paused().receipts, said(39.5, "r1", Word.REFUSED)))
    assert set(broken(refused)) == {"I4", "I5"}


def test_i4_a_pump_that_begins_by_itself_is_found() -> None:
    alone = replace(paused(), flow=(*paused().flow, flows(22, 25)))
    assert broken(alone) == ["I4"]
    assert broken(replace(alone, keypad_starts_ns=(at(22),))) == []
    foreign = replace(alone, wire=wire(paused().wire, [heard(22, "00RUN")]), received=paused().received)
    assert broken(foreign) == ["I4"]
    first = replace(whole(), wire=wire([heard(10, "00RUN")], polls(11, 31)))
    assert broken(first) == ["I4"]


def test_i4_flow_that_ended_needs_a_newer_press_although_a_run_is_repeated() -> None:
    again = replace(resumed(), flow=(flows(10, 20.1), flows(40, 45), flows(46, 50.9)), wire=resumed().wire)
    again = replace(again, wire=wire(again.wire, both(46, "00RUN")))
    assert set(broken(again)) == {"I4", "I5"}


# ---- I5 -------------------------------------------------------------------------------------------------------------


def test_i5_a_run_is_written_once_for_each_command() -> None:
    run = whole()
    assert broken(replace(run, wire=wire(run.wire, [written(12, "00RUN")]))) == ["I5"]
    assert broken(replace(run, wire=wire(run.wire, [heard(12, "00RUN")]))) == []


def test_i5_a_doubled_command_acts_once() -> None:
    run = resumed()
    doubled = tuple(sorted((*run.received, got(39.6, Kind.RESUME, "r1")), key=lambda command: command.at_ns))
    assert broken(replace(run, received=doubled)) == []
    twice = replace(run, received=doubled, wire=wire(run.wire, [written(40.5, "00RUN")]))
    assert broken(twice) == ["I5"]


def test_i5_an_id_of_an_earlier_life_stays_spent() -> None:
    run = resumed()
    renamed = tuple(replace(command, id="s1") if command.id == "r1" else command for command in run.received)
    assert "I5" in broken(replace(run, received=renamed))


def test_i5_a_run_before_any_acceptance_is_found() -> None:
    run = whole()
    receipts = (said(10.001, "s1", Word.ACCEPTED),)
    assert set(broken(replace(run, receipts=receipts))) == {"I4", "I5"}
    assert broken(replace(run, receipts=(said(10, "s1", Word.ACCEPTED),))) == []


# ---- I6 -------------------------------------------------------------------------------------------------------------


def unasked(*alarms: AlarmEpisode) -> Observation:
    """The paused run without its nurse's pause."""
    return replace(paused(), received=paused().received[:1], receipts=paused().receipts[:1], alarms=alarms)


def test_i6_a_pause_has_an_alarm_or_was_asked_for() -> None:
    assert broken(unasked()) == ["I6"]
    assert broken(unasked(alarmed(20, 20))) == []
    assert broken(unasked(alarmed(21.5, None))) == []
    assert broken(unasked(alarmed(21.501, None))) == ["I6"]
    assert broken(unasked(alarmed(12, 19))) == []
    assert broken(unasked(alarmed(12, 18.999))) == ["I6"]


def test_i6_an_alarm_does_not_wait_for_a_halt_that_does_not_settle() -> None:
    def settling(seconds: float, raised_s: float) -> Observation:
        run = unasked(alarmed(raised_s, None))
        return replace(run, claims=(*run.claims[:-1], *claims((seconds, Mode.PAUSED))))

    assert broken(settling(40, 25)) == []
    assert broken(settling(40, 25.001)) == ["I6"]
    assert broken(replace(settling(40, 25.001), until_ns=at(25))) == []


def test_i6_a_command_that_asks_lies_close_before() -> None:
    def asked(seconds: float) -> Observation:
        receipts = (*unasked().receipts, said(seconds, "p1", Word.ACCEPTED))
        return replace(
            unasked(), received=(got(9.5, Kind.START, "s1"), got(seconds, Kind.STOP, "p1")), receipts=receipts
        )

    assert broken(asked(19)) == []
    assert broken(asked(18.999)) == ["I6"]
    assert broken(asked(20.001)) == ["I6"]


def test_i6_a_start_that_gave_nothing_needs_no_alarm() -> None:
    aborted = replace(
        unasked(),
        flow=(),
        wire=wire(both(0, "STP")),
        claims=claims((9.5, Mode.STARTING), (9.8, Mode.STOPPING), (10.1, Mode.READY)),
        intervals=(),
    )
    assert broken(aborted) == []
    moved = replace(aborted, flow=(flows(9.7, 9.9),), wire=wire(both(9.7, "00RUN")))
    assert broken(moved) == ["I6"]


def test_i6_a_restart_out_of_running_is_told() -> None:
    run = unasked()
    restarted = replace(run, claims=claims((9.5, Mode.STARTING), (10.2, Mode.RUNNING), (20, Mode.UNKNOWN)))
    assert broken(restarted) == ["I6"]
    assert broken(replace(restarted, alarms=(alarmed(20, None),))) == []


def unnoticed(still_s: float) -> Observation:
    """Flow ends by itself at 20.1 s and RUNNING is claimed until `still_s`."""
    run = unasked()
    return replace(run, claims=claims((9.5, Mode.STARTING), (10.2, Mode.RUNNING), (still_s, Mode.STOPPING)))


def test_i6_flow_that_ends_by_itself_is_noticed() -> None:
    told = alarmed(25.1, None)
    assert broken(replace(unnoticed(25.1), alarms=(told,))) == []
    late = replace(unnoticed(25.102), alarms=(alarmed(25.102, None),))
    assert broken(late) == ["I6"]
    assert broken(replace(late, alarms=(told,))) == []
    assert broken(replace(late, lives=(Life(from_ns=0, to_ns=at(25)),))) == []
    assert broken(replace(late, until_ns=at(25.1))) == []


@pytest.mark.parametrize(
    ("from_s", "to_s", "found"), [(15, 20.1, ["I6"]), (15, 20.2, []), (25, None, []), (25.1, None, ["I6"])]
)
def test_i6_a_process_that_stands_still_notices_nothing(from_s: float, to_s: float | None, found: list[str]) -> None:
    late = replace(unnoticed(60), alarms=(alarmed(60, None),))
    stall = Stall(from_ns=at(from_s), to_ns=None if to_s is None else at(to_s))
    assert broken(replace(late, stalls=(stall,))) == found


def test_i6_the_end_of_the_order_needs_no_alarm() -> None:
    run = whole()
    slow = (*run.claims[:-2], *claims((36, Mode.STOPPING), (36.5, Mode.COMPLETED)))
    assert broken(replace(run, claims=slow)) == []


# ---- I7 -------------------------------------------------------------------------------------------------------------


@given(st.lists(st.text(max_size=3), max_size=4), st.lists(st.text(max_size=3), max_size=4))
def test_i7_any_difference_is_found_once(live: list[str], replayed: list[str]) -> None:
    run = replace(whole(), replays=(Replay(at_ns=at(60), live=tuple(live), replayed=tuple(replayed)),))
    assert broken(run) == ([] if live == replayed else ["I7"])


# ---- I8 -------------------------------------------------------------------------------------------------------------


def test_i8_the_interval_holds_the_truth_at_both_ends() -> None:
    run = replace(whole(), intervals=())
    assert broken(replace(run, intervals=(recorded(20, 10_000, 10_000),))) == []
    assert broken(replace(run, intervals=(recorded(20, 10_001, 10_001),))) == ["I8"]
    assert broken(replace(run, intervals=(recorded(20, 9_000, 9_999),))) == ["I8"]
    assert broken(replace(run, intervals=(recorded(20.000_000_001, 9_000, 10_000),))) == ["I8"]


def test_i8_the_low_bound_never_falls() -> None:
    run = replace(whole(), intervals=(recorded(20, 9_000, 11_000), recorded(21, 9_000, 12_000)))
    assert broken(run) == []
    assert broken(replace(run, intervals=(recorded(20, 9_000, 11_000), recorded(21, 8_999, 12_000)))) == ["I8"]
    assert broken(replace(run, intervals=(recorded(5, -1, 0),))) == ["I8"]


@given(st.floats(min_value=0, max_value=59), st.integers(0, 25_000), st.integers(0, 25_000))
def test_i8_agrees_with_the_plunger(seconds: float, low_nl: int, high_nl: int) -> None:
    truth_nl = min(max((at(seconds) - at(10)) / 1_000_000, 0), 20_000)
    holds = low_nl <= truth_nl <= high_nl
    assert broken(replace(whole(), intervals=(recorded(seconds, low_nl, high_nl),))) == ([] if holds else ["I8"])


# ---- I9 -------------------------------------------------------------------------------------------------------------


def test_i9_a_refused_stop_is_found() -> None:
    run = paused()
    refused = replace(run, receipts=(*run.receipts[:2], said(20.5, "p1", Word.REFUSED)))
    assert broken(refused) == ["I9"]
    unknown = replace(run, receipts=(*run.receipts[:2], said(29, "p1", Word.UNKNOWN)))
    assert broken(unknown) == []
    again = replace(run, received=(*run.received, got(50, Kind.STOP, "p2", None)))
    assert broken(replace(again, receipts=(*run.receipts, said(50, "p2", Word.REFUSED)))) == ["I9"]


def test_i9_a_stop_is_answered() -> None:
    run = replace(paused(), receipts=(*paused().receipts[:1], said(22, "p1", Word.ACCEPTED)))
    assert broken(run) == []
    late = replace(run, receipts=(*run.receipts[:1], said(22.001, "p1", Word.ACCEPTED)))
    assert broken(late) == ["I9"]
    assert broken(replace(late, lives=(Life(from_ns=0, to_ns=at(22)),))) == []
    assert broken(replace(late, until_ns=at(22))) == []


def test_i9_a_copy_of_what_the_same_life_has_answered_needs_no_answer() -> None:
    copied = replace(paused(), received=(*paused().received, got(23, Kind.PAUSE, "p1")))
    assert broken(copied) == []
    reborn = (Life(from_ns=0, to_ns=at(22)), Life(from_ns=at(22.5), to_ns=None))
    assert broken(replace(copied, lives=reborn)) == ["I9"]


def test_i9_a_start_may_be_refused() -> None:
    run = paused()
    refused = replace(run, received=(*run.received, got(30, Kind.RESUME, "r1")))
    assert broken(replace(refused, receipts=(*run.receipts, said(30, "r1", Word.REFUSED)))) == []


# ---- what is judged -------------------------------------------------------------------------------------------------


def test_a_series_out_of_order_is_refused() -> None:
    with pytest.raises(ValueError, match="claims is not in the order of time"):
        replace(whole(), claims=claims((2, Mode.IDLE), (1, Mode.READY)))
    with pytest.raises(ValueError, match="overlaps the next"):
        replace(whole(), flow=(flows(1, 3), flows(2, 4)))
    with pytest.raises(ValueError, match="overlaps the next"):
        replace(whole(), flow=(flows(1, None), flows(2, 4)))


def test_the_oracle_imports_the_standard_library_only() -> None:
    folder = Path(__file__).parents[2] / "simulators" / "oracle"
    found = set()
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0
                found.add(node.module or "")
            elif isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
    foreign = {
        name
        for name in found
        if name.split(".")[0] not in sys.stdlib_module_names and not name.startswith("simulators.oracle.")
    }
    assert foreign == set()


def test_i8_a_start_at_the_keys_is_unknown_until_the_pump_is_asked() -> None:
    run = replace(whole(), undisturbed=False, claims=(), keypad_starts_ns=(at(10),))
    assert broken(replace(run, intervals=(recorded(12, 0, 0),))).count("I8") == 0
    assert broken(replace(run, intervals=(recorded(13, 0, 0),))).count("I8") == 1
    assert broken(replace(run, intervals=(recorded(12, 2_001, 3_000),))).count("I8") == 1
    assert broken(replace(run, keypad_starts_ns=(), intervals=(recorded(12, 0, 0),))).count("I8") == 1
    assert broken(replace(run, keypad_starts_ns=(at(13),), intervals=(recorded(12, 0, 0),))).count("I8") == 1


def test_i8_a_rate_from_the_keypad_is_unknown_until_the_next_count() -> None:
    faster = replace(flows(10, 12), rate_nl_h=7_200_000)
    run = replace(whole(), undisturbed=False, flow=(faster,), claims=(), intervals=(recorded(12, 0, 1_000),))
    assert broken(replace(run, keypad_rates_ns=(at(10),))).count("I8") == 0
    assert broken(run).count("I8") == 1
    assert broken(replace(run, keypad_rates_ns=(at(13),))).count("I8") == 1
    assert broken(replace(run, keypad_rates_ns=(at(10),), intervals=(recorded(12, 0, 999),))).count("I8") == 1
