"""From entry to order: never up, a table of cases computed elsewhere, and every refusal by its name."""

import csv
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pumpd.core.bounds import DRUG, Measure, plain
from pumpd.core.prescription import Order, OrderRefusedError, RefusalCode, expected_running_ns, hash_of, plan
from pumpd.core.profile import Profile
from pumpd.core.quantities import (
    NL_PER_ML,
    NS_PER_H,
    NS_PER_MIN,
    Concentration,
    QuantityError,
    decimal_from,
    flow_time_ns,
    flowed_at_most_nl,
    flowed_nl,
    rate_nl_h,
    scaled_exactly,
    text,
)
from tests.core.support import S, prepare, profile

D = Decimal
CASES = Path(__file__).resolve().parents[1] / "golden" / "cases" / "dose.csv"


def made(**changes: object) -> Order:
    """Return the order in the largest syringe, so that the syringe is not what refuses.

    Soft limits are passed as a person does it: refused, then named with a reason, unless the test sets the reason.
    """
    entry = prepare(**({"syringe_fill_ml": D(59)} | changes))
    try:
        return plan(entry, profile(), by="anna", seed="x")
    except OrderRefusedError as refused:
        if refused.code is not RefusalCode.SOFT_LIMIT or "soft_limit_reason" in changes:
            raise
        meant = replace(entry, soft_limits=refused.soft_limits, soft_limit_reason="as the test says")
    return plan(meant, profile(), by="anna", seed="x")


def code(**changes: object) -> RefusalCode:
    with pytest.raises(OrderRefusedError) as caught:
        made(**changes)
    assert len(str(caught.value)) > 20
    return caught.value.code


@pytest.mark.req("DOSE-01")
def test_the_order_of_the_clinic() -> None:
    order = made()
    assert (order.dose_ng, order.volume_nl, order.rate_nl_h) == (35_000_000, 17_500_000, 26_250_000)
    assert expected_running_ns(order) == 40 * NS_PER_MIN
    assert order.worst_extra_nl == -(-26_250_000 * 55 // 36_000)


@pytest.mark.req("DOSE-01")
def test_the_table_of_cases_computed_elsewhere() -> None:
    with CASES.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 30
    for row in rows:
        order = made(
            weight_kg=D(row["weight_kg"]),
            dose_mg_per_kg=D(row["dose_mg_per_kg"]),
            duration_min=D(row["duration_min"]),
            vial_strength_mg_ml=D(row["vial_mg_ml"]),
            drug_drawn_ml=D(row["drawn_ml"]),
            diluent_ml=D(row["diluent_ml"]),
            declared_concentration_mg_ml=D(row["declared_mg_ml"]),
        )
        for found, meant in (
            (D(order.dose_ng) / 1_000_000, row["dose_mg"]),
            (D(order.volume_nl) / NL_PER_ML, row["volume_ml"]),
            (D(order.rate_nl_h) / NL_PER_ML, row["rate_ml_h"]),
        ):
            assert abs(found - D(meant)) <= D(meant) / 1_000, row


@pytest.mark.req("DOSE-01", "DOSE-03", "DOSE-06")
@given(
    grams=st.integers(35_000, 120_000),
    per_kg=st.integers(100, 500),
    minutes=st.integers(30, 120),
    strength=st.sampled_from([(D(50), D(2), D(48), D(2)), (D(10), D(5), D(45), D(1)), (D(50), D(10), D(500), D(1))]),
)
def test_nothing_is_ever_rounded_up(grams: int, per_kg: int, minutes: int, strength: tuple[Decimal, ...]) -> None:
    vial, drawn, diluent, declared = strength
    try:
        order = made(
            weight_kg=D(grams) / 1_000,
            dose_mg_per_kg=D(per_kg) / 1_000,
            duration_min=D(minutes),
            vial_strength_mg_ml=vial,
            drug_drawn_ml=drawn,
            diluent_ml=diluent,
            declared_concentration_mg_ml=declared,
        )
    except OrderRefusedError as refused:
        assume(refused.code not in {RefusalCode.SYRINGE_CAPACITY, RefusalCode.SYRINGE_FILL, RefusalCode.DOSE_RATE})
        raise
    assert order.concentration.mass_ng(order.volume_nl) <= grams * per_kg
    assert flowed_at_most_nl(order.rate_nl_h, order.duration_ns) <= order.volume_nl
    assert order.rate_nl_h * order.duration_ns > order.volume_nl * NS_PER_H - order.duration_ns
    assert order.dose_ng == grams * per_kg


@pytest.mark.req("DOSE-14")
@pytest.mark.parametrize(
    ("vial", "drawn", "diluent", "declared", "result"),
    [
        (50, 5, 45, 1, RefusalCode.CONCENTRATION_MISMATCH),
        (10, 5, 45, 1, D(1)),
        (50, 1, 49, 1, D(1)),
        (50, 2, 48, 2, D(2)),
        (100, 1, 49, 1, RefusalCode.CONCENTRATION_MISMATCH),
        (50, 10, 500, 1, D(50 * 10) / 510),
        (50, 50, 0, 50, RefusalCode.UNDILUTED),
        (50, 2, 48, 50, RefusalCode.UNDILUTED),
        (50, 3, 47, 3, RefusalCode.CONCENTRATION_UNKNOWN),
        (50, 5, 45, 5, RefusalCode.CONCENTRATION_UNKNOWN),
        (D("57.67"), 2, 48, 2, RefusalCode.STRENGTH),
        (D("11.53"), 5, 45, 1, RefusalCode.STRENGTH),
    ],
)
def test_the_dilution_table(
    vial: Decimal | int, drawn: int, diluent: int, declared: int, result: Decimal | RefusalCode
) -> None:
    entry = {
        "weight_kg": D(50),
        "vial_strength_mg_ml": D(vial),
        "drug_drawn_ml": D(drawn),
        "diluent_ml": D(diluent),
        "declared_concentration_mg_ml": D(declared),
    }
    if isinstance(result, RefusalCode):
        assert code(**entry) is result
    else:
        assert abs(D(made(**entry).volume_nl) / NL_PER_ML - 25 / result) < D("0.000002")


@pytest.mark.req("DOSE-14")
@pytest.mark.parametrize(
    ("diluent", "passes"), [("46.7", False), ("46.8", True), ("48", True), ("49.2", True), ("49.3", False)]
)
def test_the_tolerance_of_the_concentration(diluent: str, passes: bool) -> None:
    if passes:
        made(diluent_ml=D(diluent))
    else:
        assert code(diluent_ml=D(diluent)) is RefusalCode.CONCENTRATION_MISMATCH


@pytest.mark.req("DOSE-06", "START-09", "DOSE-02", "DOSE-07", "START-08", "CFG-01", "CFG-02")
@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"weight_kg": D("34.999")}, RefusalCode.WEIGHT),
        ({"weight_kg": D("35")}, None),
        ({"weight_kg": D("150"), "dose_mg_per_kg": D("0.4")}, None),
        ({"weight_kg": D("150.001"), "dose_mg_per_kg": D("0.1")}, RefusalCode.WEIGHT),
        ({"weight_kg": D("7.0")}, RefusalCode.WEIGHT),
        ({"weight_kg": D("700")}, RefusalCode.WEIGHT),
        ({"dose_mg_per_kg": D("0.099")}, RefusalCode.DOSE_PER_KG),
        ({"dose_mg_per_kg": D("0.1")}, None),
        ({"dose_mg_per_kg": D("5")}, RefusalCode.DOSE_PER_KG),
        ({"dose_mg_per_kg": D("0.05")}, RefusalCode.DOSE_PER_KG),
        ({"dose_mg_per_kg": D("1"), "duration_min": D(60), "weight_kg": D("60")}, RefusalCode.NOT_A_QUANTITY),
        ({"duration_min": D("29")}, RefusalCode.DURATION),
        ({"duration_min": D("30")}, None),
        ({"duration_min": D("120")}, None),
        ({"duration_min": D("121")}, RefusalCode.DURATION),
        ({"duration_min": D("4")}, RefusalCode.DURATION),
        ({"duration_min": D("400")}, RefusalCode.DURATION),
        ({"weight_kg": D("120")}, RefusalCode.SYRINGE_FILL),
        ({"weight_kg": D("120.001")}, RefusalCode.DOSE),
        ({"dose_mg_per_kg": D("0.501"), "duration_min": D("30")}, RefusalCode.DOSE_RATE),
        ({"vial_strength_mg_ml": D("20")}, RefusalCode.STRENGTH),
        ({"syringe": "BD-61"}, RefusalCode.SYRINGE),
        ({"syringe": "Terumo-30", "weight_kg": D("116.1")}, RefusalCode.SYRINGE_CAPACITY),
        ({"syringe_fill_ml": D("18.499")}, RefusalCode.SYRINGE_FILL),
        ({"syringe_fill_ml": D("18.5")}, None),
        ({"syringe_fill_ml": D("60.001")}, RefusalCode.SYRINGE_FILL),
        ({"soft_limit_reason": " ", "weight_kg": D("44.999")}, RefusalCode.SOFT_LIMIT),
        ({"soft_limit_reason": "", "weight_kg": D("45")}, None),
        ({"soft_limit_reason": "", "weight_kg": D("100.002")}, RefusalCode.SOFT_LIMIT),
        ({"soft_limit_reason": "", "duration_min": D("37.5")}, RefusalCode.SOFT_LIMIT),
        ({"weight_kg": D("NaN")}, RefusalCode.NOT_A_QUANTITY),
        ({"weight_kg": D("Infinity")}, RefusalCode.NOT_A_QUANTITY),
        ({"weight_kg": D("-70")}, RefusalCode.NOT_A_QUANTITY),
        ({"weight_kg": D("0")}, RefusalCode.NOT_A_QUANTITY),
        ({"weight_kg": 70.0}, RefusalCode.NOT_A_QUANTITY),
        ({"weight_kg": D("1E+999999")}, RefusalCode.NOT_A_QUANTITY),
        ({"weight_kg": D("70.00001")}, RefusalCode.NOT_A_QUANTITY),
        ({"diluent_ml": D("sNaN")}, RefusalCode.NOT_A_QUANTITY),
        ({"diluent_ml": D("-1")}, RefusalCode.NOT_A_QUANTITY),
        ({"drug_drawn_ml": D("0")}, RefusalCode.NOT_A_QUANTITY),
    ],
)
def test_limits_at_their_bounds(changes: dict[str, object], refused: RefusalCode | None) -> None:
    if changes.get("weight_kg") == D("60") and "dose_mg_per_kg" in changes:
        assert made(**changes).dose_ng == 60_000_000  # 1.0 mg/kg needs an hour and at most 60 kg
        assert code(**(changes | {"duration_min": D(59)})) is RefusalCode.DOSE_RATE
        assert code(**(changes | {"weight_kg": D("60.001")})) is RefusalCode.DOSE
    elif refused is RefusalCode.SYRINGE_FILL and changes.get("weight_kg") == D("120"):
        assert code(syringe_fill_ml=D(30), **changes) is refused  # the dose itself is exactly the limit
    elif refused is None:
        made(**changes)
    else:
        assert code(**changes) is refused


@pytest.mark.req("COMM-05")
def test_an_order_whose_worst_extra_is_too_large_is_refused() -> None:
    slow = replace(profile(), lease_ns=20 * S, stop_latency_ns=4 * S)
    with pytest.raises(OrderRefusedError) as caught:
        plan(prepare(), replace(slow, stop_latency_ns=4 * S + 1), by="anna", seed="x")
    assert caught.value.code is RefusalCode.WORST_EXTRA
    plan(prepare(), slow, by="anna", seed="x")


@pytest.mark.req("START-01", "START-11")
def test_the_hash_covers_every_field_and_the_preparation() -> None:
    first = made()
    assert first.hash == made().hash
    assert first.hash != made(weight_kg=D("70.1")).hash
    assert first.hash != plan(prepare(syringe_fill_ml=D(59)), profile(), by="anna", seed="y").hash
    assert first.hash != plan(prepare(), profile(), by="ben", seed="x").hash
    for each in fields(first):
        if each.name != "hash":
            other = replace(first, **{each.name: f"not {getattr(first, each.name)!r}"})
            assert hash_of(other, "x") != hash_of(first, "x"), f"{each.name} is not in the hash"


@pytest.mark.req("CFG-01", "START-09")
@pytest.mark.parametrize(
    ("changes", "passed"),
    [
        ({"weight_kg": D("44.999")}, (Measure.WEIGHT,)),
        ({"weight_kg": D("115.001"), "dose_mg_per_kg": D("0.4")}, (Measure.WEIGHT,)),
        ({"weight_kg": D("110")}, (Measure.DOSE,)),
        ({"dose_mg_per_kg": D("0.399")}, (Measure.DOSE_PER_KG,)),
        ({"dose_mg_per_kg": D("0.501")}, (Measure.DOSE_PER_KG,)),
        ({"duration_min": D("37.9")}, (Measure.DURATION,)),
        ({"duration_min": D("45.1")}, (Measure.DURATION,)),
        ({"duration_min": D("37")}, (Measure.DOSE_RATE, Measure.DURATION)),
    ],
)
def test_a_soft_limit_is_passed_only_by_its_name_with_a_reason(
    changes: dict[str, object], passed: tuple[Measure, ...]
) -> None:
    entry = prepare(syringe_fill_ml=D(59), **changes)
    with pytest.raises(OrderRefusedError) as caught:
        plan(entry, profile(), by="anna", seed="x")
    assert caught.value.code is RefusalCode.SOFT_LIMIT
    assert caught.value.soft_limits == passed
    assert all(measure.value in str(caught.value) for measure in passed)
    named = replace(entry, soft_limits=passed)
    for wrong in (
        named,
        replace(named, soft_limit_reason="  "),
        replace(entry, soft_limit_reason="as meant"),
        replace(entry, soft_limit_reason="as meant", soft_limits=passed[1:]),
        replace(entry, soft_limit_reason="as meant", soft_limits=(*passed, Measure.VOLUME)),
        replace(entry, soft_limit_reason="as meant", soft_limits=tuple(Measure)),
    ):
        with pytest.raises(OrderRefusedError) as caught:
            plan(wrong, profile(), by="anna", seed="x")
        assert caught.value.code is RefusalCode.SOFT_LIMIT
    order = plan(replace(named, soft_limit_reason=" as meant "), profile(), by="anna", seed="x")
    assert order.soft_limit_reason == "as meant"
    assert len(order.soft_limits_passed) == len(passed)
    for measure, words in zip(passed, order.soft_limits_passed, strict=True):
        assert words.startswith(f"{measure.value} ")
        assert measure.unit in words
    other = plan(replace(named, soft_limit_reason="another reason"), profile(), by="anna", seed="x")
    assert other.hash != order.hash


@pytest.mark.req("CFG-01")
def test_a_needless_override_is_refused() -> None:
    with pytest.raises(OrderRefusedError, match="no soft limit is passed for weight"):
        plan(prepare(soft_limits=(Measure.WEIGHT,), soft_limit_reason="always"), profile(), by="anna", seed="x")


def narrowed(measure: Measure, **changes: object) -> Profile:
    found = profile()
    limits = tuple(
        replace(one, **changes) if one.measure is measure else one  # type: ignore[arg-type]  # the tests name the fields
        for one in found.drug.limits
    )
    return replace(found, drug=replace(found.drug, limits=limits))


@pytest.mark.req("CFG-01", "DOSE-06")
@pytest.mark.parametrize(
    ("measure", "value", "code"),
    [
        (Measure.WEIGHT, D(70), RefusalCode.WEIGHT),
        (Measure.DOSE_PER_KG, D("0.5"), RefusalCode.DOSE_PER_KG),
        (Measure.DOSE, D(35), RefusalCode.DOSE),
        (Measure.DOSE_RATE, D("0.75"), RefusalCode.DOSE_RATE),
        (Measure.DURATION, D(40), RefusalCode.DURATION),
        (Measure.CONCENTRATION, D(2), RefusalCode.CONCENTRATION_LIMIT),
        (Measure.VOLUME, D("17.5"), RefusalCode.VOLUME),
        (Measure.FLOW, D("26.25"), RefusalCode.FLOW),
    ],
)
def test_each_hard_limit_holds_at_its_bound_and_clips_nothing(
    measure: Measure, value: Decimal, code: RefusalCode
) -> None:
    """The order of the clinic has exactly `value`; one step inside refuses it by name, with value, limit and unit."""
    step = D("0.000001")
    for hard in ((value, value + 1), (value - step, value)):
        assert plan(prepare(), narrowed(measure, hard=hard), by="anna", seed="x").dose_ng == 35_000_000
    for hard in ((value + step, value + 1), (D("0.001"), value - step)):
        with pytest.raises(OrderRefusedError) as caught:
            plan(prepare(), narrowed(measure, hard=hard), by="anna", seed="x")
        assert caught.value.code is code
        shown = f"{measure.value} {plain(value)} {measure.unit} is outside the hard limits {plain(hard[0])} to "
        assert str(caught.value).startswith(f"{shown}{plain(hard[1])} {measure.unit}")
    for soft in ((value + step, value + 1), (D("0.001"), value - step)):
        with pytest.raises(OrderRefusedError) as caught:
            plan(prepare(), narrowed(measure, soft=soft), by="anna", seed="x")
        assert caught.value.soft_limits == (measure,)


@pytest.mark.req("DOSE-06", "DOSE-07")
@pytest.mark.parametrize(
    ("measure", "changes", "code"),
    [
        (Measure.WEIGHT, {"weight_kg": D("200.1"), "dose_mg_per_kg": D("0.1")}, RefusalCode.WEIGHT),
        (Measure.DOSE_PER_KG, {"dose_mg_per_kg": D("1.001"), "duration_min": D(90)}, RefusalCode.DOSE_PER_KG),
        (Measure.DOSE_RATE, {"dose_mg_per_kg": D("0.501"), "duration_min": D(30)}, RefusalCode.DOSE_RATE),
        (Measure.DURATION, {"duration_min": D(181)}, RefusalCode.DURATION),
    ],
)
def test_no_library_lifts_an_order_over_the_compiled_in_ceiling(
    measure: Measure, changes: dict[str, object], code: RefusalCode
) -> None:
    loose = narrowed(measure, hard=(D("0.000001"), D(10) ** 9), soft=(D("0.000001"), D(10) ** 9))
    with pytest.raises(OrderRefusedError) as caught:
        plan(prepare(**changes), loose, by="anna", seed="x")
    assert caught.value.code is code
    assert f"is above {plain(DRUG[measure].high)} {measure.unit}" in str(caught.value)


@pytest.mark.req("DOSE-07")
@given(grams=st.integers(35_000, 120_000), per_kg=st.integers(100, 1_000), minutes=st.integers(30, 120))
def test_no_order_exceeds_one_mg_per_kg_and_hour(grams: int, per_kg: int, minutes: int) -> None:
    assume(grams * per_kg <= 60_000_000)
    entry = {"weight_kg": D(grams) / 1_000, "dose_mg_per_kg": D(per_kg) / 1_000, "duration_min": D(minutes)}
    if per_kg * 60 > 1_000 * minutes:
        assert code(**entry) is RefusalCode.DOSE_RATE
    else:
        assert made(**entry).dose_ng == grams * per_kg


@pytest.mark.req("CFG-03")
@pytest.mark.parametrize("measure", list(Measure))
def test_no_check_is_skipped_because_its_limit_is_missing(measure: Measure) -> None:
    found = profile()
    limits = tuple(one for one in found.drug.limits if one.measure is not measure)
    with pytest.raises(OrderRefusedError, match=f"has no limit for {measure.value}") as caught:
        plan(prepare(), replace(found, drug=replace(found.drug, limits=limits)), by="anna", seed="x")
    assert caught.value.code is RefusalCode.NO_LIMIT


# ---- quantities -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "factor", "places", "shown"),
    [
        (26_250_000, NL_PER_ML, 3, "26.25"),
        (500_000, NL_PER_ML, 3, "0.5"),
        (0, NL_PER_ML, 3, "0"),
        (17_499_999, NL_PER_ML, 3, "17.499"),
        (1_000_000, NL_PER_ML, 3, "1"),
        (70_000, 1_000, 1, "70"),
        (9_999_999, NL_PER_ML, 0, "9"),
        (-1, NL_PER_ML, 3, "-0.001"),
    ],
)
def test_numbers_for_people(value: int, factor: int, places: int, shown: str) -> None:
    assert text(value, factor, places) == shown


@pytest.mark.req("DOSE-03")
@given(st.integers(0, 10**10), st.integers(0, 6))
def test_a_shown_number_is_never_above_the_true_one(value: int, places: int) -> None:
    shown = D(text(value, NL_PER_ML, places)) * NL_PER_ML
    assert 0 <= value - shown < D(10) ** (6 - places) or places == 0


@given(st.integers(1, 10**9), st.integers(1, 10**14))
def test_bounds_of_a_flow(rate: int, duration_ns: int) -> None:
    low, high = flowed_nl(rate, duration_ns), flowed_at_most_nl(rate, duration_ns)
    assert low <= high <= low + 1
    assert rate_nl_h(low, duration_ns) <= rate
    if low:
        assert flow_time_ns(low, rate) <= duration_ns
    assert flowed_nl(rate, -1) == flowed_at_most_nl(rate, -1) == 0


@pytest.mark.req("DOSE-02")
@pytest.mark.parametrize("value", [1.5, True, None, "x", "", "nan", "inf", "-1", "0", "1e13", "1e-13", b"1"])
def test_what_is_no_quantity_is_refused_with_its_unit(value: object) -> None:
    with pytest.raises(QuantityError, match=r"volume .* mL"):
        decimal_from("volume", value, "mL")


def test_more_digits_than_resolved_are_refused() -> None:
    assert scaled_exactly("x", D("1.234"), 1_000, "mL") == 1_234
    with pytest.raises(QuantityError, match="more digits"):
        scaled_exactly("x", D("1.2345"), 1_000, "mL")


def test_a_concentration_is_above_zero() -> None:
    made_of = Concentration.from_dilution(strength_mg_ml=D(50), drawn_ml=D(10), diluent_ml=D(500))
    assert made_of.mass_ng(made_of.volume_nl(35_000_000)) <= 35_000_000
    with pytest.raises(QuantityError):
        Concentration(ng_per_nl=made_of.ng_per_nl * 0)
