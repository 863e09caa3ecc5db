"""What is counted of one run, on runs written out by hand."""

from dataclasses import replace

from simulators.harness.faults.kinds import BrokerGone, DaemonKilled
from simulators.harness.virtual.figures import Halts, Reaction, figures
from simulators.oracle.allowances import Path, condition
from simulators.oracle.observation import AlarmEpisode, Kind, Mode, Observation, StopCondition
from tests.oracle.support import LATENCY_NS, LEASE_NS, at, claims, flows, got, paused, recorded, whole


def stop(seconds: float, cause: str, path: Path = Path.CLEAR) -> StopCondition:
    at_ns = at(seconds)
    return condition(cause, path, at_ns=at_ns, until_ns=at_ns, lease_ns=LEASE_NS, stop_latency_ns=LATENCY_NS)


def halted(cause_alarm: str | None, *, end: Mode = Mode.PAUSED) -> Observation:
    """A run that leaves RUNNING at 20 s for `end` at 21 s and runs again from 30 s."""
    alarms = [AlarmEpisode(raised_ns=at(5), gone_ns=None, id="an-old-alert")]
    if cause_alarm is not None:
        alarms.append(AlarmEpisode(raised_ns=at(20), gone_ns=at(25), id=cause_alarm))
    return replace(
        whole(),
        claims=claims((5, Mode.RUNNING), (20, Mode.STOPPING), (21, end), (30, Mode.STARTING)),
        received=(),
        alarms=tuple(alarms),
    )


def test_a_reaction_lasts_from_its_condition_to_rest() -> None:
    seen = replace(whole(), stops=(stop(29.75, "spo2 84"),))
    assert figures(seen, (), 0).reactions == (
        Reaction(
            cause="spo2 beyond its limit",
            path="clear",
            count=1,
            slowest_ms=250,
            allowed_ms=1_500,
            least_left_ms=1_250,
            unended=0,
        ),
    )


def test_reactions_are_rounded_towards_longer() -> None:
    late = replace(stop(29, "x"), at_ns=at(29) + 1, until_ns=at(30))
    assert figures(replace(whole(), stops=(late,)), (), 0).reactions[0].slowest_ms == 1_000


def test_of_one_cause_and_path_the_slowest_is_kept_and_all_are_counted() -> None:
    stops = (stop(28, "stop by anna"), stop(29, "stop by ben"), stop(29, "stop by ben", Path.DEAF))
    clear, deaf = figures(replace(whole(), stops=stops), (), 0).reactions
    assert (clear.cause, clear.count, clear.slowest_ms, clear.least_left_ms) == ("stop by a person", 2, 2_000, -500)
    assert (deaf.path, deaf.count, deaf.allowed_ms) == ("deaf", 1, 9_000)


def test_a_condition_that_met_no_flow_is_no_reaction() -> None:
    counted = figures(replace(whole(), stops=(stop(5, "spo2 84"), stop(40, "spo2 84"))), (), 0)
    assert counted.reactions == ()
    assert counted.stops == 2


def test_flow_that_outlasts_the_watching_is_counted_as_such() -> None:
    seen = replace(whole(), flow=(flows(10, None),), stops=(stop(59, "spo2 84"),))
    assert figures(seen, (), 0).reactions[0].unended == 1


def test_what_was_given_is_the_most_of_any_instant() -> None:
    withdrawn = replace(whole(), flow=(flows(10, 31), flows(31, 33, -3_600_000)))
    counted = figures(withdrawn, (), 0)
    assert counted.over_nl == 1_000
    assert counted.allowed_over_nl == 5_500
    assert figures(replace(whole(), flow=()), (), 0).over_nl == -20_000


def test_the_interval_is_the_last_and_the_widest_and_knows_where_the_truth_was() -> None:
    seen = replace(whole(), intervals=(recorded(10, 0, 0), recorded(20, 2_000, 9_999), recorded(31, 19_000, 20_000)))
    interval = figures(seen, (), 0).interval
    assert interval is not None
    assert (interval.final_nl, interval.widest_nl, interval.records, interval.outside) == (1_000, 7_999, 3, 1)
    assert figures(replace(whole(), intervals=()), (), 0).interval is None


def test_a_pause_has_the_alarm_raised_nearest_to_it() -> None:
    counted = figures(halted("pump-link"), (), 0)
    assert counted.halts == (Halts(cause="pump-link", became="paused", count=1, total_ms=10_000),)


def test_a_pause_by_a_person_is_no_alarms() -> None:
    seen = replace(halted("pump-link"), received=(got(19.5, Kind.PAUSE, "p1"),))
    assert figures(seen, (), 0).halts[0].cause == "pause by a person"


def test_a_pause_without_command_or_alarm_says_so() -> None:
    assert figures(replace(halted(None), alarms=()), (), 0).halts[0].cause == "none"


def test_the_end_of_an_order_needs_no_cause() -> None:
    (halt,) = figures(whole(), (), 0).halts
    assert (halt.cause, halt.became) == ("the order is given", "completed")


def test_pauses_of_one_cause_are_summed() -> None:
    seen = paused()
    again = replace(
        seen,
        claims=claims((5, Mode.RUNNING), (20, Mode.PAUSED), (22, Mode.RUNNING), (30, Mode.PAUSED)),
        alarms=(AlarmEpisode(raised_ns=at(1), gone_ns=None, id="journal"),),
        received=(),
    )
    assert figures(again, (), 0).halts == (Halts(cause="journal", became="paused", count=2, total_ms=32_000),)


def test_a_fault_strikes_where_something_flows() -> None:
    before = BrokerGone(start_ms=1_000, duration_ms=2_000)
    during = DaemonKilled(start_ms=3_000, duration_ms=9_000, acts=0)
    assert figures(whole(), (before, during), 0).struck == ("daemon-killed",)
    assert figures(whole(), (before, during), at(8)).struck == ("broker-gone", "daemon-killed")
