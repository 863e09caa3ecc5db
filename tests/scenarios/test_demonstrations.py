"""What the demonstrations show is true of the plunger, the bus and the journal, whatever they print."""

import re
from decimal import Decimal

import pytest

from tests.scenarios.conftest import PLAYED_WITHIN_S, Demo
from tests.scenarios.evidence import (
    COUNT_NL,
    ORDER_NL,
    RATE_NL_H,
    assert_agreement,
    assert_complete,
    assert_no_flow_while_paused,
    assert_resume_refused_then_accepted,
)

pytestmark = [pytest.mark.process, pytest.mark.timeout(PLAYED_WITHIN_S + 60)]

NS_PER_S = 1_000_000_000
ORDERED_S = 2_400
LIMIT_S = ORDERED_S * 0.005
STALE_S = 15
PRESSURE_PAUSES = {"sbp-high-pause", "sbp-rise-pause", "dbp-high-pause", "dbp-rise-pause"}


# ---- normal ---------------------------------------------------------------------------------------------------------


@pytest.mark.req("DOSE-01")
def test_the_order_is_computed_from_the_weight(normal: Demo) -> None:
    order = normal.evidence.last_state()["order"]
    shown = {name: Decimal(str(order[name])) for name in ("dose_mg", "volume_ml", "rate_ml_h", "concentration_mg_ml")}
    assert shown == {
        "dose_mg": Decimal(35),
        "volume_ml": Decimal("17.5"),
        "rate_ml_h": Decimal("26.25"),
        "concentration_mg_ml": Decimal(2),
    }
    assert order["prepared_by"] == order["started_by"] == "anna"
    assert order["confirmed_by"] == "ben"


def test_the_plunger_ends_within_one_count_of_the_order_and_never_above(normal: Demo) -> None:
    assert_complete(normal.evidence, runs=1)
    assert normal.evidence.last_state()["mode"] == "completed"


def test_the_infusion_takes_forty_minutes_of_the_sessions_clock(normal: Demo) -> None:
    ran_s = normal.evidence.plunger().running_ns() / NS_PER_S
    assert abs(ran_s - ORDERED_S) <= LIMIT_S
    assert abs(float(normal.evidence.last_state()["delivery"]["running_s"]) - ORDERED_S) <= LIMIT_S


def test_an_infusion_without_incident_gives_no_alarm(normal: Demo) -> None:
    assert set(normal.evidence.alarms()) == {"near-end"}, "what is said of every infusion before its end"
    assert normal.evidence.states("paused") == []


@pytest.mark.parametrize("scenario", ["normal", "hypertension", "probe-off"])
def test_summary_journal_and_plunger_agree(demos: dict[str, Demo], scenario: str) -> None:
    demo = demos[scenario].wait()
    assert_agreement(demo.evidence)
    printed = demo.summary()
    low_nl, high_nl = (_nl(number) for number in re.findall(r"[\d.]+", printed["delivered"])[:2])
    session = demo.evidence.session()
    assert (low_nl, high_nl) == (session.ledger.low(), session.ledger.high(0))
    plunger_nl = demo.evidence.plunger().volume_nl
    assert low_nl <= plunger_nl <= high_nl
    assert _nl(re.findall(r"[\d.]+", printed["plunger"])[0]) == plunger_nl
    assert printed["journal file"] == str(demo.evidence.journal)
    assert printed["agreement"] == "yes"


# ---- hypertension ---------------------------------------------------------------------------------------------------


@pytest.mark.req("CTRL-07", "VIT-14")
def test_a_surge_pauses_and_nothing_flows_in_the_pause(hypertension: Demo) -> None:
    assert_no_flow_while_paused(hypertension.evidence)
    cause = hypertension.evidence.states("paused")[0].payload["cause"]
    assert cause.startswith("SBP ")
    assert "confirmed by a repeat" in cause


def test_the_alarm_of_a_surge_names_the_pressure(hypertension: Demo) -> None:
    alarms = hypertension.evidence.alarms()
    pausing = PRESSURE_PAUSES & set(alarms)
    assert pausing
    assert {alarms[name]["cause"] for name in pausing} <= {"sbp", "dbp"}
    assert not any("stale" in name for name in alarms)


@pytest.mark.req("CTRL-05")
def test_resume_is_refused_while_the_pressure_is_high_and_accepted_after(hypertension: Demo) -> None:
    assert_resume_refused_then_accepted(hypertension.evidence, "SBP", "DBP")


def test_after_a_surge_the_rest_of_the_order_is_given(hypertension: Demo) -> None:
    assert_complete(hypertension.evidence, runs=2)
    ran_s = hypertension.evidence.plunger().running_ns() / NS_PER_S
    assert abs(ran_s - ORDERED_S) <= LIMIT_S


# ---- probe off ------------------------------------------------------------------------------------------------------


@pytest.mark.req("CTRL-07", "VIT-02")
def test_a_probe_that_is_off_pauses_when_the_last_value_is_fifteen_seconds_old(probe_off: Demo) -> None:
    evidence = probe_off.evidence
    assert_no_flow_while_paused(evidence)
    stopped_ns = evidence.plunger().stops_ns()[0]
    before = [heard for heard in evidence.bus("vitals/spo2") if heard.clock_ns <= stopped_ns]
    measured_ns = before[-1].clock_ns - int(float(before[-1].payload["age_s"]) * NS_PER_S)
    # the message took some of the clock's time to arrive, so the measurement was a little earlier than that says
    late_s = (stopped_ns - measured_ns) / NS_PER_S
    assert STALE_S - 1.5 <= late_s <= STALE_S + 1.5


@pytest.mark.req("VIT-05")
def test_a_probe_that_is_off_is_no_desaturation(probe_off: Demo) -> None:
    alarms = probe_off.evidence.alarms()
    assert alarms["spo2-stale-pause"]["cause"] == "stale"
    assert "probe off" in alarms["spo2-stale-pause"]["text"]
    assert not any(name.startswith(("spo2-low", "spo2-very-low")) for name in alarms)


def test_resume_is_refused_while_the_probe_is_off_and_accepted_after(probe_off: Demo) -> None:
    assert_resume_refused_then_accepted(probe_off.evidence, "SPO2", "HR")


def test_after_the_probe_is_back_the_rest_of_the_order_is_given(probe_off: Demo) -> None:
    assert_complete(probe_off.evidence, runs=2)


@pytest.mark.req("DOSE-10")
def test_what_is_left_of_a_paused_order_is_never_rounded_up(probe_off: Demo) -> None:
    plunger = probe_off.evidence.plunger()
    first_nl = next(flow.delivered_nl for flow in plunger.flows if flow.at_ns == plunger.stops_ns()[0])
    assert 0 < first_nl < ORDER_NL
    assert ORDER_NL - 2 * COUNT_NL <= plunger.volume_nl <= ORDER_NL
    assert plunger.rate_nl_h(plunger.stops_ns()[0] - 1) == RATE_NL_H


def _nl(volume_ml: str) -> int:
    return int(Decimal(volume_ml) * 1_000_000)
