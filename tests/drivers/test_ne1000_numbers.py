"""Numbers, replies and limits."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.ne1000.models import MODELS, identify
from drivers.ne1000.numbers import (
    format_number,
    format_rate,
    parse_counters,
    parse_number,
    parse_rate_nl_h,
    parse_volume_nl,
)
from drivers.ne1000.packet import Frame, Framing
from drivers.ne1000.recipes import RecipeError, plan
from drivers.ne1000.replies import PumpError, parse_reply
from pumpd.core.ports import PumpAlarmKind, PumpState, RunOrder

MODEL = MODELS["1000"]


@pytest.mark.req("DOSE-03")
@given(st.integers(1_000_000, 9_999_999_999))
def test_a_number_is_never_rounded_up_and_loses_little(value: int) -> None:
    text = format_number(value, 1_000_000)
    assert text is not None
    number = parse_number(text)
    assert number is not None
    assert len(text) <= 5
    assert number.thousandths * 1_000 <= value
    assert number.thousandths * 1_000 * 1_000 >= value * 998


@pytest.mark.req("DOSE-03")
@given(st.integers(1_000, 9_999_999_999))
def test_a_rate_is_never_rounded_up_and_loses_little(rate_nl_h: int) -> None:
    formatted = format_rate(rate_nl_h)
    assert formatted is not None
    held_nl_h = parse_rate_nl_h(formatted[0] + formatted[1].value)
    assert held_nl_h is not None
    assert rate_nl_h * 998 <= held_nl_h * 1_000 <= rate_nl_h * 1_000


@pytest.mark.parametrize(
    ("value", "text"),
    [(18_525, "18.52"), (18_000, "18.00"), (123_456, "123.4"), (308_750, "308.7"), (1_234_999, "1234"), (12, "0.012")],
)
def test_format(value: int, text: str) -> None:
    assert format_number(value, 1_000) == text


def test_what_does_not_fit_has_no_text() -> None:
    assert format_number(10_000_000, 1_000) is None
    assert format_rate(999) is None
    assert format_rate(10_000_000_000) is None


@pytest.mark.parametrize(
    ("text", "thousandths", "count"), [("1234.", 1_234_000, 1_000), (".5", 500, 100), ("3.512", 3_512, 1)]
)
def test_parse(text: str, thousandths: int, count: int) -> None:
    number = parse_number(text)
    assert number is not None
    assert (number.thousandths, number.count_thousandths) == (thousandths, count)


@pytest.mark.parametrize("text", ["", ".", "1.2.3", "-1", "1e3", "1.2345", "12345"])
def test_no_number(text: str) -> None:
    assert parse_number(text) is None


@given(st.integers(0, 9_999_999_999), st.sampled_from(["ML", "UL"]))
def test_the_counter_interval_contains_the_truth(truth: int, unit: str) -> None:
    unit_nl = 1_000_000 if unit == "ML" else 1_000
    truth_nl = truth * unit_nl // 1_000_000
    whole, rest = divmod(truth * 1_000 // 1_000_000, 1_000)
    shown = f"{whole}.{rest:03d}"[:5]
    counters = parse_counters(f"I{shown}W0.000{unit}")
    assert counters is not None
    assert counters.low_nl <= truth_nl <= counters.high_nl


def test_units() -> None:
    assert parse_volume_nl("12.35ML") == 12_350_000
    assert parse_volume_nl("12.35UL") == 12_350
    assert parse_volume_nl("12.35") is None
    assert parse_rate_nl_h("300.0UM") == 18_000_000
    assert parse_rate_nl_h("1.000MM") == 60_000_000
    assert parse_rate_nl_h("18.52XX") is None


def reply(data: str, address: int = 0) -> object:
    return parse_reply(Frame(data=data.encode(), framing=Framing.SAFE), address)


@pytest.mark.req("PUMP-01")
@pytest.mark.parametrize(
    ("letter", "kind"),
    [
        ("R", PumpAlarmKind.RESET),
        ("S", PumpAlarmKind.STALL),
        ("T", PumpAlarmKind.WATCHDOG),
        ("E", PumpAlarmKind.PROGRAM),
        ("O", PumpAlarmKind.PROGRAM),
        ("Z", PumpAlarmKind.UNKNOWN),
    ],
)
def test_alarms(letter: str, kind: PumpAlarmKind) -> None:
    found = parse_reply(Frame(data=f"00A?{letter}".encode(), framing=Framing.SAFE), 0)
    assert found is not None
    assert (found.alarm, found.state) == (kind, None)


@pytest.mark.parametrize("error", PumpError)
def test_errors(error: PumpError) -> None:
    found = parse_reply(Frame(data=f"00S{error.value}".encode(), framing=Framing.SAFE), 0)
    assert found is not None
    assert (found.error, found.state) == (error, PumpState.REST)


@pytest.mark.parametrize("data", ["01S", "0S", "00", "00Q", "00S?WHAT", "00A?", "00A?RS", "00 S", "00s", "00S\xff"])
def test_no_reply_of_this_pump(data: str) -> None:
    assert parse_reply(Frame(data=data.encode("latin-1"), framing=Framing.SAFE), 0) is None


@pytest.mark.parametrize(
    ("diameter_um", "least_nl_h", "most_nl_h"),
    [
        (4_699, 729, 53_070_000),
        (11_990, 4_748, 345_500_000),
        (26_590, 23_350, 1_699_000_000),
        (29_200, 28_160, 2_049_000_000),
    ],
)
def test_rate_limits(diameter_um: int, least_nl_h: int, most_nl_h: int) -> None:
    assert abs(Fraction(MODEL.min_rate_nl_h(diameter_um), least_nl_h) - 1) < Fraction(1, 500)
    assert abs(Fraction(MODEL.max_rate_nl_h(diameter_um), most_nl_h) - 1) < Fraction(1, 1_000)


def test_models() -> None:
    assert identify("NE1000V3.923") == (MODEL, "3.923")
    assert identify("NE1000XV3.923") is None
    assert identify("NE500V3.9") is None


@pytest.mark.req("DOSE-06")
@pytest.mark.parametrize(
    ("rate_nl_h", "volume_nl", "diameter_um", "says"),
    [
        (1_800_000_000, 1_000_000, 26_590, "1800 mL/h is outside"),
        (20_000, 1_000_000, 26_590, "0.02 mL/h is outside"),
        (900, 1_000_000, 4_699, "0.0009 mL/h is outside"),
        (20_000_000, 999, 26_590, "pump without end"),
        (20_000_000, 0, 26_590, "pump without end"),
        (20_000_000, 10_000_000_000, 26_590, "outside 0.001 to 9999 mL"),
        (20_000_000, 1_000_000, 26_591, "26.591 mm has more than four digits"),
        (20_000_000, 1_000_000, 0, "more than four digits"),
    ],
)
def test_an_order_beyond_a_limit_is_refused_by_name(
    rate_nl_h: int, volume_nl: int, diameter_um: int, says: str
) -> None:
    order = RunOrder(run_id="r", diameter_um=diameter_um, rate_nl_h=rate_nl_h, volume_nl=volume_nl)
    with pytest.raises(RecipeError, match=says):
        plan(order, MODEL)
