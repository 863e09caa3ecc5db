"""What a cuff put out, and what is demanded because of it: only what is certain."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from pumpd.bedside.profile_file import load_profile
from pumpd.core.ports import VitalKind
from pumpd.core.profile import Action, Side
from simulators.harness.faults.kinds import BytesLost, Direction, Fault, Line, LineUnplugged
from simulators.harness.virtual.pressures import pressures
from simulators.harness.virtual.stops import (
    BASELINE_AGE_NS,
    CUFF_LIMITS,
    CUFF_MISSING_NS,
    REPEAT_WITHIN_NS,
    RISES_MMHG,
    Situation,
    stops,
)
from simulators.harness.virtual.tape import Entry
from simulators.oracle.observation import NS_PER_S, Kind, Life, Receipt, Received, Word
from simulators.oracle.signs import Reading
from tests.golden import suntech

DEMO = Path(__file__).resolve().parents[2] / "config" / "profiles" / "demo.toml"


def read(*frames: bytes) -> list[tuple[str, int | None]]:
    return [(each.sign, each.value) for each in pressures(Entry(7, "cuff<", frame) for frame in frames)]


def at(second: float) -> int:
    return round(second * NS_PER_S)


def cuff(*values: tuple[float, int | None, int | None]) -> tuple[Reading, ...]:
    return tuple(
        Reading(at_ns=at(second), sign=sign, value=value)
        for second, sbp, dbp in values
        for sign, value in (("sbp", sbp), ("dbp", dbp))
    )


def demanded(
    readings: Iterable[Reading],
    *,
    faults: tuple[Fault, ...] = (),
    lives: tuple[Life, ...] = (Life(from_ns=0, to_ns=None),),
    started: tuple[float, Word] | None = None,
    until_s: float = 580,
) -> list[tuple[int, str]]:
    """Return second and cause of what the cuff demands; the oximeter, which is not there, demands its own."""
    received, receipts = (), ()
    if started is not None:
        second, word = started
        received = (Received(at_ns=at(second), user="anna", kind=Kind.START, id="a", pressed_ns=at(second)),)
        receipts = (Receipt(at_ns=at(second), id="a", word=word),)
    situation = Situation(
        begin_ns=0,
        until_ns=at(until_s),
        lease_ns=at(5),
        stop_latency_ns=at(0.5),
        supervision_ns=at(120),
        faults=faults,
        lives=lives,
        openings_ns=(),
        received=received,
        receipts=receipts,
        readings=tuple(readings),
    )
    told = ("sbp", "dbp", "cuff")
    return [
        (each.at_ns // NS_PER_S, each.cause) for each in stops(situation) if any(word in each.cause for word in told)
    ]


# ---- bytes ----------------------------------------------------------------------------------------------------------


def test_a_result_is_read() -> None:
    assert read(suntech.PUBLISHED) == [("sbp", 115), ("dbp", 74)]
    assert read(suntech.B4) == [("sbp", 84), ("dbp", 48)]


@pytest.mark.parametrize("frame", [suntech.B2, suntech.B3, suntech.B5, suntech.B6])
def test_an_error_is_no_reading_whatever_stands_beside_it(frame: bytes) -> None:
    assert read(frame) == [("sbp", None), ("dbp", None)]


@pytest.mark.parametrize(
    ("sbp", "dbp", "mean", "pulse"),
    [
        (39, 25, 30, 72),
        (281, 80, 140, 72),
        (120, 19, 60, 72),
        (118, 76, 76, 72),
        (118, 76, 118, 72),
        (118, 109, 112, 72),
        (118, 76, 90, 19),
    ],
)
def test_numbers_that_no_patient_has_demand_nothing(sbp: int, dbp: int, mean: int, pulse: int) -> None:
    body = bytearray(suntech.B1[:-1])
    body[2:4], body[4:6] = sbp.to_bytes(2, "little"), dbp.to_bytes(2, "little")
    body[16] = pulse
    body[18:20] = mean.to_bytes(2, "little")
    assert read(bytes((*body, -sum(body) & 0xFF))) == [("sbp", None), ("dbp", None)]


def test_what_is_not_one_sound_result_says_nothing() -> None:
    spoilt = bytes((*suntech.B1[:2], suntech.B1[2] ^ 1, *suntech.B1[3:]))
    assert read(spoilt, suntech.B1[:-1], suntech.B1 * 2, suntech.LETTERS["K"]) == []


# ---- limits ---------------------------------------------------------------------------------------------------------


def test_the_limits_are_those_of_the_profile() -> None:
    profile = load_profile(DEMO)
    signs = {"sbp": VitalKind.SBP, "dbp": VitalKind.DBP}
    rules = [rule for rule in profile.rules if rule.vital in signs.values() and rule.action is not Action.ALERT]
    for rule in rules:
        sign, waits = rule.vital.value, rule.confirm_within_ns is not None
        if rule.relative:
            assert (RISES_MMHG[sign], REPEAT_WITHIN_NS) == (rule.limit, rule.confirm_within_ns)
            continue
        unsafe = rule.limit - 1 if rule.side is Side.BELOW else rule.limit
        covering = [each for each in CUFF_LIMITS if each.sign == sign and each.or_repeated == waits]
        assert any(each.unsafe(unsafe) for each in covering), rule.id
        assert waits is False or all(each.for_ns == rule.confirm_within_ns for each in covering)
    for limit in CUFF_LIMITS:
        edges = [value for value in (limit.low, limit.high) if value is not None]
        assert not any(limit.unsafe(value) for value in edges)
        strictest = [rule.limit for rule in rules if rule.vital.value == limit.sign and not rule.relative]
        assert {value if value == limit.low else value + 1 for value in edges} <= set(strictest)
    assert all(age.pause_ns == CUFF_MISSING_NS for age in profile.ages if age.vital in signs.values())


def test_at_once() -> None:
    assert demanded(cuff((20, 89, 60), (80, 90, 60), (140, 180, 60), (200, 120, 110), (260, 120, 80))) == [
        (20, "sbp 89"),
        (140, "sbp 180"),
        (200, "dbp 110"),
    ]


def test_by_a_repeat_or_without_one_by_time() -> None:
    assert demanded(cuff((20, 160, 80), (90, 161, 100), (150, 150, 80))) == [(90, "sbp 160")]
    assert demanded(cuff((20, 120, 100), (300, 120, 80))) == [(140, "dbp 100")]


def test_a_pressure_that_is_too_old() -> None:
    assert demanded(cuff((20, 120, 80)), until_s=700) == [(620, "no usable sbp"), (620, "no usable dbp")]


def test_the_cuffs_cable_is_out_for_too_long() -> None:
    out = LineUnplugged(start_ms=20_000, duration_ms=700_000, line=Line.CUFF)
    assert demanded((), faults=(out,), until_s=800) == [(620, "the cuff's cable is out")]


def test_a_disturbed_line_may_have_hidden_anything() -> None:
    lossy = BytesLost(start_ms=10_000, duration_ms=20_000, line=Line.CUFF, direction=Direction.BOTH, chance_permille=1)
    assert demanded(cuff((20, 89, 60), (39, 89, 60)), faults=(lossy,)) == []
    assert demanded(cuff((20, 160, 80), (41, 160, 80), (80, 120, 80)), faults=(lossy,)) == []
    assert demanded(cuff((41, 89, 60)), faults=(lossy,)) == [(41, "sbp 89")]


def test_another_life_knows_nothing_of_the_one_before() -> None:
    lives = (Life(from_ns=0, to_ns=at(50)), Life(from_ns=at(60), to_ns=None))
    assert demanded(cuff((20, 160, 80), (90, 160, 80), (120, 120, 80)), lives=lives) == []


# ---- the baseline ---------------------------------------------------------------------------------------------------

BEFORE = ((20.0, 101, 60), (80.0, 100, 61))
"""The mean is 100 over 60, rounded down."""


@pytest.mark.parametrize(
    ("sbp", "dbp", "found"),
    [(139, 84, []), (140, 84, [(220, "sbp 140")]), (139, 85, [(220, "dbp 85")])],
)
def test_a_rise_above_the_baseline(sbp: int, dbp: int, found: list[tuple[int, str]]) -> None:
    readings = cuff(*BEFORE, (100, sbp, dbp), (300, 100, 60))
    assert demanded(readings, started=(90, Word.ACCEPTED)) == found


def test_without_a_start_that_was_taken_on_there_is_no_baseline() -> None:
    readings = cuff(*BEFORE, (100, 150, 60), (300, 100, 60))
    assert demanded(readings) == []
    assert demanded(readings, started=(90, Word.REFUSED)) == []


@pytest.mark.parametrize(
    "before",
    [((80.0, 100, 60),), ((20.0, 100, 60), (50.0, 100, 60)), ((60.0, 100, 60), (80.0, None, None))],
    ids=["one reading", "too close together", "no second value"],
)
def test_a_baseline_that_is_not_certain_demands_nothing(
    before: tuple[tuple[float, int | None, int | None], ...],
) -> None:
    assert demanded(cuff(*before, (100, 150, 60), (300, 100, 60)), started=(90, Word.ACCEPTED)) == []


def test_a_baseline_that_may_be_too_old_demands_nothing() -> None:
    start_s = 20 + BASELINE_AGE_NS / NS_PER_S + 1
    readings = cuff(*BEFORE, (start_s - 20, 99, 60), (start_s + 10, 150, 60), (start_s + 150, 99, 60))
    found = demanded(readings[:4] + readings[6:], started=(start_s, Word.ACCEPTED), until_s=start_s + 300)
    assert not any("150" in cause for _, cause in found)
