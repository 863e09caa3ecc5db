"""The table, drawn from a view and a time."""

from dataclasses import replace
from decimal import Decimal

import pytest

from pumpd.core.commands import SymptomKind
from pumpd.core.ports import VitalKind
from pumpd.core.quantities import NS_PER_S
from pumpd.mqtt.client import View
from pumpd.mqtt.nurse import order_lines
from pumpd.mqtt.payloads import Links, MovedLimit, NotedSymptom, Refusal
from pumpd.mqtt.watch import Screen, render, render_line
from tests.mqtt import examples

BASE = "pumpd/v1/bed1"
S = NS_PER_S


def seen(*, retained: bool = False, beat: bool = True, **changes: object) -> View:
    view = View(bed="bed1")
    view = view.after(f"{BASE}/state", examples.state(**changes).to_bytes(), retained=retained, now_ns=0)
    if beat:
        view = view.after(f"{BASE}/heartbeat", examples.heartbeat(1).to_bytes(), retained=False, now_ns=S)
    return view


def with_alarm_and_vital(view: View) -> View:
    view = view.after(f"{BASE}/alarms", examples.alarms().to_bytes(), retained=True, now_ns=S)
    return view.after(f"{BASE}/vitals/spo2", examples.vital().to_bytes(), retained=False, now_ns=S)


GOLDEN = """\
heartbeat 1.5 s ago
ALARM HIGH sbp-high: SBP 190 mmHg, limit 180 mmHg (stands, not acknowledged) -> assess the patient
  then: 190 mmHg, 2 s old; paused
  NOBODY CAME: passed to prescriber
  tone paused by ben until 2026-11-23T09:20:00.000Z
bed1: RUNNING  phase: infusing  SIMULATED  NOT FOR PATIENTS
infusing
profile demo (NOT APPROVED)
ketamine 35 mg in 40 min for 70 kg, 2 mg/mL, BD 50
order c0ffee: prepared by anna, confirmed by ben
syringe label: 1 mL of 50 mg/mL with 24 mL, mixed 5 min ago by clara, witnessed by dan, clear
GIVEN BEFORE AT THIS BED: 3.1 to 3.114 mL (6.2 to 6.228 mg) of ketamine by order b0b, until 2026-11-23T08:10:00+00:00
[################........................] 41 %
given 7.21 to 7.25 mL (14.42 to 14.5 mg) of 17.5 mL, expected end 2026-11-23T10:00:00.000Z
rate 26.25 mL/h commanded, 26.1 counted
pump up, infusing, 2.8 s; stops by itself after 5 s, at most 0.04 mL more
a vital sign beyond a limit: at rest within 15 s, averaging of the sensor included
at the bedside: anna, 42.5 s ago
ASK NOW: sedation (assess); asked at 10 min of the infusion
10:00 UTC: nausea 1, dizziness 2, anxiety 0, dissociation 4 of 10, scored by anna
drug account acc0 by anna, not witnessed yet
  drawn 25 mL (50 mg); primed 2 mL (4 mg), wasted 0 mL (0 mg), left 5.5 mL (11 mg); missing 0 mL
anna proposes hr-low-pause 50 -> 45 /min, because: an athlete; a second person: confirm-loosen
  spo2     96 %            2.0 s  valid       ok (nonin)
  sbp      -- mmHg   age unknown  missing     stale (suntech)
pending sbp-high: SBP above 180 mmHg
no start: already infusing
"""


@pytest.mark.req("DOSE-11", "COMM-05", "CFG-06", "UI-01", "CTRL-05")
def test_the_whole_screen() -> None:
    assert render(with_alarm_and_vital(seen()), 5 * S // 2) == GOLDEN


@pytest.mark.req("PUMP-02")
def test_a_pump_on_battery_is_named_with_the_time_that_is_left() -> None:
    pump = examples.state().pump
    on_battery = pump.model_copy(update={"mains": False, "battery_min": Decimal("24.8")})
    assert "PUMP ON BATTERY, left: 24.8 min" in render(seen(pump=on_battery), S)
    assert "BATTERY" not in render(seen(pump=pump.model_copy(update={"mains": True})), S)


@pytest.mark.req("VIT-13", "VIT-17", "CLIN-04", "CMD-05")
def test_what_people_said_moved_and_were_refused_is_on_the_screen() -> None:
    moved = MovedLimit(
        rule="hr-low-pause", limit=45, profile_limit=50, unit="/min", by="anna", confirmed_by="pia", reason="an athlete"
    )
    tightened = MovedLimit(
        rule="spo2-low-pause", limit=94, profile_limit=92, unit="%", by="ben", confirmed_by=None, reason=""
    )
    refused = Refusal(user="vic", kind="start", id="v1", reason="may not start", count=3, age_s=Decimal(7))
    screen = render(
        seen(
            respiration_measured=False,
            symptoms=(NotedSymptom(symptom=SymptomKind.CHEST_PAIN, ended=True, by="ben"),),
            limits=(moved, tightened),
            refusals=(refused,),
        ),
        2 * S,
    ).splitlines()
    for line in (
        "RESPIRATION IS NOT MEASURED HERE: count it, and enter it with assess",
        "symptom: chest-pain, noted by ben, ENDED",
        "LIMIT MOVED: hr-low-pause 50 -> 45 /min by anna and pia: an athlete",
        "LIMIT MOVED: spo2-low-pause 92 -> 94 % by ben",
        "refused 3 x start of vic, 7.0 s before this state: may not start",
    ):
        assert line in screen


@pytest.mark.req("UI-02")
def test_without_a_heartbeat_for_three_seconds_the_link_is_lost() -> None:
    view = seen()
    assert "LINK LOST" not in render(view, 4 * S)
    first = render(view, 4 * S + 1).splitlines()[0]
    assert first == "*** LINK LOST, WATCH THE PUMP ***  bed1 silent for 3.0 s; everything below is old"
    assert "never heard" in render(seen(beat=False), 0)
    assert render_line(view, 4 * S + 1) == "bed1: LINK LOST, WATCH THE PUMP"


def test_a_retained_heartbeat_is_no_sign_of_life() -> None:
    view = View(bed="bed1").after(f"{BASE}/heartbeat", examples.heartbeat(1).to_bytes(), retained=True, now_ns=0)
    assert not view.is_live(0)


@pytest.mark.req("UI-02")
def test_a_value_out_of_the_brokers_store_is_not_shown_as_a_measurement() -> None:
    lines = [line for line in render(seen(retained=True), 2 * S).splitlines() if "spo2" in line]
    assert lines == ["  spo2     -- %      age unknown  valid       ok (nonin)"]
    stored = View(bed="bed1").after(f"{BASE}/vitals/spo2", examples.vital().to_bytes(), retained=True, now_ns=0)
    assert VitalKind.SPO2 not in stored.vitals


@pytest.mark.req("UI-02")
def test_an_age_grows_with_the_watchers_own_clock() -> None:
    for now_s in (1, 2, 3):
        assert f"{now_s + 1}.0 s" in next(line for line in render(seen(), now_s * S).splitlines() if "spo2" in line)


@pytest.mark.parametrize("changes", [{"rev": 6}, {"boot": "boot-0"}, {"session": None}])
def test_a_state_that_the_heartbeat_does_not_confirm_is_not_the_current_one(changes: dict[str, object]) -> None:
    view = seen(**changes)
    assert view.live_state(S) is None
    assert "not the current one" in render(view, S)
    assert seen().live_state(S) is not None
    assert seen().live_state(10 * S) is None


def test_the_bar_claims_only_what_is_certain() -> None:
    delivery = examples.state().delivery
    assert delivery is not None
    nearly = delivery.model_copy(update={"low_ml": Decimal("17.499"), "high_ml": Decimal("17.5")})
    assert f"[{'#' * 39}.] 99 %" in render(seen(delivery=nearly), S)
    done = delivery.model_copy(update={"low_ml": Decimal("17.5"), "high_ml": Decimal("17.5")})
    text = render(seen(delivery=done), S)
    assert f"[{'#' * 40}] 100 %" in text
    assert "given 17.5 mL" in text


def test_causes_and_a_failed_journal_are_named() -> None:
    links = Links(journal="failed", broker="ok", stations=0, stations_heard=0)
    text = render(seen(cause="SBP 190 mmHg", links=links), S)
    assert "because: SBP 190 mmHg" in text
    assert "the journal cannot be written" in text


def test_text_from_the_wire_cannot_steer_the_terminal() -> None:
    assert "\x1b" not in render(seen(mode_text="\x1b[2Jall well"), S)


def test_a_message_that_is_not_understood_changes_nothing() -> None:
    view = seen()
    assert view.after(f"{BASE}/state", b"{", retained=False, now_ns=9) is view
    assert view.after("pumpd/v1/bed2/state", examples.state().to_bytes(), retained=False, now_ns=9) is view


@pytest.mark.req("CFG-06")
def test_a_log_gets_one_line_per_change() -> None:
    written: list[str] = []
    screen = Screen(written.append, is_terminal=False)
    view = View(bed="bed1")
    screen.draw(view, 0)
    screen.draw(replace(view), S)
    assert written == ["bed1: LINK LOST, WATCH THE PUMP\n"]
    assert render_line(with_alarm_and_vital(seen()), S) == (
        "bed1: RUNNING; SIMULATED; NOT FOR PATIENTS; given 7.21 to 7.25 mL; rate 26.25 mL/h; ALARM HIGH sbp-high"
    )


def test_a_terminal_is_redrawn_in_place() -> None:
    written: list[str] = []
    Screen(written.append, is_terminal=True).draw(View(bed="bed1"), 0)
    assert written[0].startswith("\x1b[H\x1b[2J*** LINK LOST")


@pytest.mark.req("CFG-01")
def test_a_passed_soft_limit_is_shown_with_its_reason_to_who_watches_and_who_confirms() -> None:
    order = examples.order().model_copy(
        update={"soft_limits_passed": ("weight 118 kg (soft limits 45 to 115)",), "soft_limit_reason": "two\x1bscales"}
    )
    for screen in (render(seen(order=order), 0), "\n".join(order_lines(order))):
        assert "PAST A SOFT LIMIT: weight 118 kg (soft limits 45 to 115)" in screen
        assert "reason: two?scales" in screen
    assert "SOFT LIMIT" not in render(seen(), 0)
