"""What a page is told: each text with its age, and nothing as true that is not."""

from decimal import Decimal

import pytest

from pumpd.core.modes import Mode
from pumpd.core.ports import Validity, VitalKind
from pumpd.core.quantities import NS_PER_S
from pumpd.dashboard.board import Board
from pumpd.dashboard.picture import GRACE_MS, STATE_GOOD_MS, Picture, period_ms, picture, urgency
from pumpd.mqtt.clearance import from_core
from pumpd.mqtt.payloads import VitalState, clearance_lines
from tests.dashboard.beds import START_NS, lively, tell
from tests.mqtt.examples import alarms, heartbeat, order, state, vital
from tests.mqtt.test_clearance import GIVEN


def seen(board: Board, after_s: float = 0.0) -> Picture:
    return picture(board.beds["bed1"], START_NS + int(after_s * NS_PER_S), broker_lost=board.broker_lost)


@pytest.mark.req("UI-01")
def test_a_running_bed_in_numbers_with_their_units() -> None:
    shown = {key: value.text for key, value in seen(lively()).values.items()}
    assert shown["mode"] == "RUNNING"
    assert shown["drug"] == "ketamine 2 mg/mL"
    assert shown["dose_per_kg"] == "0.5 mg/kg"
    assert shown["weight"] == "70 kg"
    assert shown["dose"] == "35 mg = 17.5 mL"
    assert shown["rate_commanded"] == "26.25 mL/h = 0.75 mg/kg/h"
    assert shown["rate_counted"] == "26.1 mL/h = 0.746 mg/kg/h"
    assert shown["given"] == "14.42 mg to 14.5 mg = 7.21 mL to 7.25 mL".replace(" mg to", " to").replace(
        " mL to", " to"
    )
    assert shown["remaining"] == "20.5 mg = 10.25 mL"
    assert shown["time_left"] == "23 min 25 s"
    assert shown["lease_left"] == "5 s"
    assert shown["spo2"] == "96"
    assert shown["marks"] == "SIMULATED  NOT FOR PATIENTS"


@pytest.mark.req("UI-01", "CLIN-10")
def test_whose_order_it_is_and_under_which_clearance() -> None:
    cleared = from_core(GIVEN)
    shown = seen(lively(clearance=cleared, order=order().model_copy(update={"course": GIVEN.course})))
    assert shown.values["course"].text == "c-0a1b2c3d"
    assert shown.lists["clearance"] == tuple(clearance_lines(cleared))
    assert shown.clearance_hash == GIVEN.hash
    waived = seen(lively(clearance_waived=True, clearance_trouble="bed1 has no clearance"))
    assert waived.values["course"].text == "no course"
    assert waived.values["marks"].text == "SIMULATED  NOT FOR PATIENTS  CLEARANCE WAIVED"
    assert waived.lists["clearance"] == ("no order: bed1 has no clearance",)
    assert waived.clearance_hash is None


@pytest.mark.req("UI-01")
def test_the_lease_runs_down_with_the_age_of_what_the_pump_said() -> None:
    assert seen(lively(), after_s=2.8).values["lease_left"].text == "2 s"
    assert seen(lively(), after_s=60).values["lease_left"].text == "0 s"


@pytest.mark.req("UI-02")
def test_every_value_has_an_age_that_grows_and_an_age_at_which_it_ends() -> None:
    board = lively()
    for after_s in (0, 1, 2.5):
        shown = seen(board, after_s)
        assert shown.beat_age_ms == after_s * 1_000
        for key in ("mode", "given", "rate_commanded", "pump"):
            value = shown.values[key]
            assert (value.age_ms, value.good_ms) == (after_s * 1_000, STATE_GOOD_MS)
    spo2 = seen(board, 2.5).values["spo2"]
    assert (spo2.age_ms, spo2.good_ms) == (3_000, 1_000 + GRACE_MS)


@pytest.mark.req("UI-02")
def test_without_a_heartbeat_no_text_of_the_state_is_true() -> None:
    shown = seen(lively(), after_s=3.1)
    assert shown.mode == "unknown"
    assert shown.values["mode"].age_ms is None
    assert shown.order_hash is None
    assert {state for _, state in shown.links.values()} == {"good", "bad"}
    assert shown.links["daemon"] == ("NOT HEARD", "bad")
    assert shown.links["pump"][1] == "bad", "what hangs on a broken link is not good"


@pytest.mark.req("UI-02")
@pytest.mark.parametrize("changes", [{"boot": "boot-2"}, {"rev": 8}, {"session": "s-2"}])
def test_a_state_that_is_not_the_heartbeats_is_not_true(changes: dict[str, object]) -> None:
    board = lively()
    tell(board, heartbeat(2, **changes))
    assert seen(board).values["mode"].age_ms is None
    assert seen(board).mode == "unknown"


@pytest.mark.req("UI-02")
def test_what_the_broker_kept_is_of_unknown_age() -> None:
    board = Board(["bed1"])
    tell(board, state(), retained=True)
    shown = seen(board)
    assert shown.beat_age_ms is None
    assert shown.token is None
    assert {value.age_ms for value in shown.values.values()} == {None}


@pytest.mark.req("UI-02")
def test_missing_is_no_number_and_true_for_as_long_as_the_state() -> None:
    shown = seen(lively(), after_s=1)
    sbp = shown.values["sbp"]
    assert (sbp.text, sbp.level) == ("––", "missing")
    assert shown.values["sbp_words"].text == "missing"
    assert (sbp.age_ms, sbp.good_ms) == (1_000, STATE_GOOD_MS)
    off = lively()
    tell(off, vital(None))
    assert seen(off).values["spo2"].text == "––"
    assert seen(off).values["spo2_words"].text == "probe off"


@pytest.mark.req("UI-02")
def test_a_cuffs_value_is_good_for_its_cycle_and_a_count_for_its_interval() -> None:
    bed = lively().beds["bed1"]
    assert period_ms(bed, VitalKind.SBP) == 300_000
    assert period_ms(bed, VitalKind.MOAAS) == 600_000
    assert period_ms(bed, VitalKind.RR) == 1_000, "measured here"
    counted = lively(respiration_measured=False).beds["bed1"]
    assert period_ms(counted, VitalKind.RR) == 600_000
    assert period_ms(counted, VitalKind.SPO2) == 1_000


@pytest.mark.req("UI-03")
def test_unknown_says_what_to_do() -> None:
    shown = seen(lively(mode=Mode.UNKNOWN))
    assert shown.values["mode"].text == "UNKNOWN"
    assert "Look at the pump" in shown.values["mode_text"].text


@pytest.mark.req("UI-04")
def test_a_paused_bed_says_why_and_what_is_still_needed() -> None:
    blockers = ("SBP must be below 150 mmHg for 30 s",)
    shown = seen(lively(mode=Mode.PAUSED, cause="SBP 190 mmHg, limit 160 mmHg", resume_blockers=blockers))
    assert shown.values["cause"].text == "SBP 190 mmHg, limit 160 mmHg"
    assert shown.lists["blockers"] == blockers
    assert shown.values["given"].text == "14.42 to 14.5 mg = 7.21 to 7.25 mL"
    assert shown.values["remaining"].text == "20.5 mg = 10.25 mL"


def test_interlocks_name_what_is_armed_with_the_limit_in_force() -> None:
    lines = seen(lively()).lists["interlocks"]
    assert lines[0] == "ARMED: spo2-low: SpO2 below 90 %"
    assert "armed: sbp-high-pause: sbp >= 160: pause" in lines
    assert "armed: sbp-rise-pause: sbp >= 40 above baseline: pause" in lines


def test_an_alarm_is_shown_whole() -> None:
    alarm = seen(lively()).alarms[0]
    assert (alarm["id"], alarm["episode"], alarm["priority"]) == ("sbp-high", 2, "high")
    for member in ("text", "values", "action", "advice"):
        assert alarm[member]
    assert alarm["passed_to"] == "prescriber"
    assert alarm["audio_paused_by"] == "ben"


def test_progress_claims_only_what_is_certain() -> None:
    assert seen(lively()).progress == 412
    delivery = state().delivery
    assert delivery is not None
    assert seen(lively(delivery=delivery.model_copy(update={"low_ml": Decimal("17.5")}))).progress == 1_000
    assert seen(lively(delivery=None)).progress == 0


def test_who_needs_a_nurse_next_comes_first() -> None:
    def rank(board: Board, after_s: float = 0) -> int:
        return urgency(seen(board, after_s))[0]

    calm = lively()
    tell(calm, alarms().model_copy(update={"alarms": ()}))
    paused = lively(mode=Mode.PAUSED)
    tell(paused, alarms().model_copy(update={"alarms": ()}))
    ready = lively(mode=Mode.READY)
    tell(ready, alarms().model_copy(update={"alarms": ()}))
    assert rank(lively()) == 0, "a high alarm"
    assert rank(calm, after_s=4) == 0, "not heard"
    assert rank(paused) == 1
    assert rank(calm) == 3
    assert rank(ready) == 4


def test_an_order_of_no_weight_breaks_nothing() -> None:
    shown = seen(lively(order=order().model_copy(update={"weight_kg": Decimal(0)})))
    assert shown.values["rate_commanded"].text == "26.25 mL/h"


def test_a_limit_that_is_reached_colours_the_value() -> None:
    def spo2(status: str) -> str:
        beyond = VitalState(
            kind=VitalKind.SPO2,
            value=90,
            unit="%",
            validity=Validity.VALID,
            age_s=Decimal(1),
            source="nonin",
            status=status,
        )
        board = Board(["bed1"])
        tell(board, state(vitals=(beyond,)))
        tell(board, heartbeat(1))
        return seen(board).values["spo2"].level

    assert [spo2(status) for status in ("ok", "alert", "pause", "end")] == ["", "alert", "pause", "pause"]


@pytest.mark.req("ALRM-04")
def test_what_nobody_noted_comes_first_then_the_most_urgent_then_the_newest() -> None:
    board = lively()
    (alarm,) = alarms().alarms
    listed = tuple(
        alarm.model_copy(update={"id": name, "priority": priority, "acknowledged_by": by})
        for name, priority, by in (
            ("noted", "high", "ben"),
            ("first", "medium", None),
            ("second", "medium", None),
            ("low", "low", None),
            ("high", "high", None),
        )
    )
    tell(board, alarms().model_copy(update={"alarms": listed}))
    assert [each["id"] for each in seen(board).alarms] == ["high", "second", "first", "low", "noted"]


def test_how_many_listen_is_told_only_by_a_live_state() -> None:
    board = lively()
    heard = state().links.stations_heard
    assert heard > 0
    assert seen(board).listening == heard
    assert seen(board, after_s=60).listening == 0
