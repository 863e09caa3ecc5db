"""Real processes on pseudo-terminals in real time: what the plunger does when something is cut, killed or disobeys."""

import pytest

from tests.processes.conftest import Performance
from tests.scenarios.evidence import RATE_NL_H, Evidence, assert_agreement, assert_no_flow_while_paused

pytestmark = [pytest.mark.process, pytest.mark.timeout(420)]

NS_PER_S = 1_000_000_000
LEASE_NS = 5 * NS_PER_S
STOP_LATENCY_NS = NS_PER_S // 2
CONFIRM_NS = 3 * NS_PER_S
STOP = b"STP"
ALARMS = {"cable-cut": "pump-link", "daemon-killed": "restarted"}


def _last_heard_ns(evidence: Evidence, before_ns: int) -> int:
    return max(at_ns for at_ns, _ in evidence.wire() if at_ns < before_ns)


def _first_stop_heard_ns(evidence: Evidence, after_ns: int) -> int:
    return min(at_ns for at_ns, data in evidence.wire() if at_ns >= after_ns and STOP in data)


@pytest.mark.parametrize("play", ["cable-cut", "daemon-killed"])
class TestCut:
    """The cable is cut, or the daemon is killed with signal 9, while the pump runs."""

    @pytest.mark.req("COMM-01", "COMM-02")
    def test_flow_ends_with_the_lease(self, performance: Performance, play: str) -> None:
        evidence = performance(play).evidence
        stopped_ns = evidence.plunger().stops_ns()[0]
        assert stopped_ns - _last_heard_ns(evidence, stopped_ns) <= LEASE_NS + STOP_LATENCY_NS

    @pytest.mark.req("DOSE-11", "LOG-02")
    def test_the_same_session_comes_up_at_rest_with_an_interval_around_the_truth(
        self, performance: Performance, play: str
    ) -> None:
        evidence = performance(play).evidence
        assert_no_flow_while_paused(evidence)
        running, paused = evidence.states("running")[0].payload, evidence.states("paused")[0].payload
        assert paused["session"] == running["session"]
        at_ns = evidence.states("paused")[0].clock_ns
        truth_ml = evidence.plunger().delivered_nl(at_ns) / 1e6
        assert float(paused["delivery"]["low_ml"]) <= truth_ml <= float(paused["delivery"]["high_ml"])

    def test_it_is_told_as_a_high_alarm(self, performance: Performance, play: str) -> None:
        alarms = performance(play).evidence.alarms()
        assert alarms[ALARMS[play]]["priority"] == "high"

    @pytest.mark.req("CTRL-04")
    def test_it_never_goes_on_by_itself_and_a_nurse_resumes_to_counted_flow(
        self, performance: Performance, play: str
    ) -> None:
        evidence = performance(play).evidence
        plunger = evidence.plunger()
        starts_ns = [flow.at_ns for flow in plunger.flows if flow.rate_nl_h]
        assert len(starts_ns) == 2
        resume = evidence.receipts("resume")[-1]
        assert resume.payload["state"] == "verified"
        assert evidence.states("starting")[-1].clock_ns <= starts_ns[1] + NS_PER_S
        assert starts_ns[1] <= resume.clock_ns
        counted = [
            heard.payload["rate"]["counted_ml_h"]
            for heard in evidence.states("running")
            if heard.clock_ns > resume.clock_ns and heard.payload["rate"]["counted_ml_h"] is not None
        ]
        assert counted
        assert all(abs(float(rate) - RATE_NL_H / 1e6) < 1 for rate in counted)

    def test_after_the_stop_all_agree(self, performance: Performance, play: str) -> None:
        evidence = performance(play).evidence
        assert evidence.last_state()["mode"] == "ended"
        assert evidence.plunger().at_rest
        assert_agreement(evidence)


class TestFrozen:
    """The daemon's process is stopped with SIGSTOP for longer than the lease, and goes on after SIGCONT."""

    @pytest.mark.req("COMM-02")
    def test_flow_ends_with_the_lease(self, performance: Performance) -> None:
        played = performance("frozen")
        stopped_ns = played.evidence.plunger().stops_ns()[0]
        assert stopped_ns - _last_heard_ns(played.evidence, stopped_ns) <= LEASE_NS + STOP_LATENCY_NS
        assert played.instants_ns["freeze"] < stopped_ns < played.instants_ns["thaw"]

    @pytest.mark.req("COMM-08")
    def test_nothing_is_sent_meanwhile_and_the_first_packet_afterwards_is_a_stop(
        self, performance: Performance
    ) -> None:
        played = performance("frozen")
        thaw_ns = played.instants_ns["thaw"]
        after = [(at_ns, data) for at_ns, data in played.evidence.wire() if at_ns >= thaw_ns]
        assert STOP in after[0][1]
        stopped_ns = played.evidence.plunger().stops_ns()[0]
        assert _last_heard_ns(played.evidence, thaw_ns) < stopped_ns

    @pytest.mark.req("CTRL-04")
    def test_a_nurse_resumes_and_in_the_end_all_agree(self, performance: Performance) -> None:
        evidence = performance("frozen").evidence
        assert_no_flow_while_paused(evidence)
        assert len([flow for flow in evidence.plunger().flows if flow.rate_nl_h]) == 2
        assert evidence.receipts("resume")[-1].payload["state"] == "verified"
        assert evidence.last_state()["mode"] == "ended"
        assert_agreement(evidence)


class TestIgnoresStop:
    """The pump answers STP and does not obey."""

    def test_the_watchdog_has_stopped_it_in_time(self, performance: Performance) -> None:
        played = performance("ignores-stop")
        asked_ns = _first_stop_heard_ns(played.evidence, played.instants_ns["stop"])
        stopped_ns = played.evidence.plunger().stops_ns()[0]
        assert asked_ns < stopped_ns <= asked_ns + CONFIRM_NS + LEASE_NS + NS_PER_S

    @pytest.mark.req("COMM-04")
    def test_it_was_the_silence_that_stopped_it(self, performance: Performance) -> None:
        evidence = performance("ignores-stop").evidence
        stopped_ns = evidence.plunger().stops_ns()[0]
        assert LEASE_NS <= stopped_ns - _last_heard_ns(evidence, stopped_ns) <= LEASE_NS + STOP_LATENCY_NS

    def test_it_is_told_as_a_high_alarm(self, performance: Performance) -> None:
        alarm = performance("ignores-stop").evidence.alarms()["stop-unconfirmed"]
        assert alarm["priority"] == "high"
        assert "Stop at the pump" in alarm["advice"]

    @pytest.mark.req("CTRL-03")
    def test_rest_is_shown_only_once_it_is_true(self, performance: Performance) -> None:
        evidence = performance("ignores-stop").evidence
        stopped_ns = evidence.plunger().stops_ns()[0]
        ended = evidence.states("ended")
        assert ended[0].clock_ns > stopped_ns
        assert {heard.payload["stop_target"] for heard in evidence.states("stopping")} == {"ended"}


class TestHalfDuplex:
    """The pump loses every packet that comes while it replies."""

    @pytest.mark.req("CTRL-03")
    def test_repeated_stops_bring_it_to_rest_without_its_watchdog(self, performance: Performance) -> None:
        played = performance("half-duplex")
        stops_ns = played.evidence.plunger().stops_ns()
        assert len(stops_ns) == 3
        for number, stopped_ns in enumerate(stops_ns, start=1):
            asked_ns = _first_stop_heard_ns(played.evidence, played.instants_ns[f"pause {number}"])
            assert asked_ns <= stopped_ns <= asked_ns + NS_PER_S
            assert stopped_ns < played.instants_ns[f"paused {number}"]

    def test_no_alarm_was_needed(self, performance: Performance) -> None:
        played = performance("half-duplex")
        assert "stop-unconfirmed" not in played.evidence.alarms()
        assert {ack.state.value for ack in played.answers.values()} == {"verified"}


class TestSignal:
    """SIGTERM in the middle of an infusion."""

    @pytest.mark.req("CTRL-10")
    def test_the_pump_is_at_rest_before_the_daemon_ends(self, performance: Performance) -> None:
        played = performance("signal")
        plunger = played.evidence.plunger()
        assert played.codes["daemon"] == 0
        assert plunger.at_rest
        assert played.instants_ns["signal"] < plunger.stops_ns()[-1] < played.instants_ns["end"]
        assert plunger.stops_ns()[-1] - played.instants_ns["signal"] < 2 * NS_PER_S

    @pytest.mark.req("CMD-07")
    def test_a_second_daemon_on_the_same_port_is_refused_in_one_sentence(self, performance: Performance) -> None:
        played = performance("signal")
        said = [line for line in played.words["second daemon"].splitlines() if line.startswith("pumpd run:")]
        assert played.codes["second daemon"] == 2
        assert len(said) == 1
        assert "in use by another program" in said[0]
        assert "Traceback" not in played.words["second daemon"]

    def test_the_second_daemon_did_not_disturb_the_first(self, performance: Performance) -> None:
        evidence = performance("signal").evidence
        assert len(evidence.plunger().stops_ns()) == 1
        assert set(evidence.alarms()) == {"paused"}, "the end of the first daemon pauses, and nothing else happens"


class TestWrongEntries:
    """What a person or a pump gets wrong before the start."""

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("weight", "weight"),
            ("label", "not the declared 5 mg/mL"),
            ("dilution", "undiluted"),
            ("syringe", "syringe"),
            ("dose", "dose"),
            ("own order", "second person"),
            ("weight again", "weight"),
            ("label again", "concentration"),
        ],
    )
    def test_each_is_refused_by_name(self, performance: Performance, name: str, words: str) -> None:
        answer = performance("wrong-entries").answers[name]
        assert answer.state.value == "refused"
        assert words in answer.reason
        assert "\n" not in answer.reason

    @pytest.mark.req("START-07")
    def test_a_pump_that_reads_back_something_else_is_not_started(self, performance: Performance) -> None:
        played = performance("wrong-entries")
        answer = played.answers["start"]
        assert answer.state.value == "refused"
        assert "26.25" in answer.reason
        assert "26.75" in answer.reason
        assert played.evidence.alarms()["program-failed"]["priority"] == "high"
        assert [flow for flow in played.evidence.plunger().flows if flow.rate_nl_h] == []
