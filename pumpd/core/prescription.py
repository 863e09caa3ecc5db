"""From what a person entered to the order that may be given: one pure function, refusing first and by name.

Dose = weight x mg/kg; concentration is recomputed from the dilution; volume and rate follow, always rounded down.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from enum import Enum, unique
from fractions import Fraction

from pumpd.core.bounds import DRUG, Measure, plain
from pumpd.core.commands import Prepare
from pumpd.core.profile import Drug, DrugLimit, Profile, Syringe
from pumpd.core.quantities import (
    G_PER_KG,
    NG_PER_MG,
    NL_PER_ML,
    NS_PER_H,
    NS_PER_MIN,
    NS_PER_S,
    Concentration,
    QuantityError,
    decimal_from,
    flowed_at_most_nl,
    in_ml,
    rate_nl_h,
    scaled_exactly,
)
from pumpd.core.syringe_label import LabelRefusedError, SyringeLabel, label_of

UNDILUTED_MG_ML = frozenset({Decimal(10), Decimal(50), Decimal(100)})
"""Vial strengths of the US ketamine label; none of them is ever the infused concentration."""


@unique
class RefusalCode(Enum):
    """Why an order is refused."""

    NOT_A_QUANTITY = "not a quantity"
    WEIGHT = "weight"
    DOSE_PER_KG = "dose per kg"
    DURATION = "duration"
    DOSE = "dose"
    STRENGTH = "vial strength"
    CONCENTRATION_MISMATCH = "concentration differs from the dilution"
    CONCENTRATION_UNKNOWN = "concentration not in the library"
    UNDILUTED = "undiluted"
    SYRINGE = "syringe"
    SYRINGE_CAPACITY = "syringe too small"
    SYRINGE_FILL = "syringe not full enough"
    DOSE_RATE = "dose rate"
    WORST_EXTRA = "worst extra drug"
    CONCENTRATION_LIMIT = "concentration"
    VOLUME = "volume"
    FLOW = "flow"
    LABEL = "syringe label"
    SOFT_LIMIT = "soft limit"
    NO_LIMIT = "a limit is missing in the library"


class OrderRefusedError(ValueError):
    """The order is refused as a whole; the message says what was asked, the limit and what to do."""

    def __init__(self, code: RefusalCode, message: str, *, soft_limits: tuple[Measure, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.soft_limits = soft_limits
        """The soft limits that are passed, where they are why."""


_LIMIT_CODES = {
    Measure.WEIGHT: RefusalCode.WEIGHT,
    Measure.DOSE_PER_KG: RefusalCode.DOSE_PER_KG,
    Measure.DOSE: RefusalCode.DOSE,
    Measure.DOSE_RATE: RefusalCode.DOSE_RATE,
    Measure.DURATION: RefusalCode.DURATION,
    Measure.CONCENTRATION: RefusalCode.CONCENTRATION_LIMIT,
    Measure.VOLUME: RefusalCode.VOLUME,
    Measure.FLOW: RefusalCode.FLOW,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What may be given. The hash covers every field before it, so whoever quotes it has seen exactly this order."""

    drug: str
    weight_g: int
    dose_ng_per_g: int  # equals ug/kg
    dose_ng: int
    duration_ns: int
    concentration: Concentration
    volume_nl: int
    rate_nl_h: int
    syringe: Syringe
    fill_nl: int
    label: SyringeLabel
    worst_extra_nl: int
    soft_limits_passed: tuple[str, ...]
    soft_limit_reason: str
    prepared_by: str
    profile_hash: str
    course: str  # the opaque id of the course of treatment; empty where the profile waives the clearance
    clearance_hash: str
    hash: str = ""


def hash_of(order: Order, seed: str) -> str:
    """Return the hash that a confirmation quotes; `seed` gives each preparation its own."""
    lines = [f"{field.name}={getattr(order, field.name)!r}" for field in fields(order) if field.name != "hash"]
    return hashlib.sha256("\n".join([seed, *lines]).encode()).hexdigest()[:16]


def plan(entry: Prepare, profile: Profile, *, by: str, seed: str, course: str = "") -> Order:
    """Return the order for what `by` entered, or raise `OrderRefusedError`.

    `seed` makes the hash of this preparation differ from that of an equal one before it. `course` is whose it is.
    """
    drug = profile.drug
    try:
        weight_kg = decimal_from("weight", entry.weight_kg, "kg")
        per_kg = decimal_from("dose", entry.dose_mg_per_kg, "mg/kg")
        duration_min = decimal_from("duration", entry.duration_min, "min")
        weight_g = scaled_exactly("weight", weight_kg, G_PER_KG, "kg")
        dose_ng_per_g = scaled_exactly("dose", per_kg, 1_000, "mg/kg")
        duration_ns = scaled_exactly("duration", duration_min, NS_PER_MIN, "min")
        fill_nl = scaled_exactly(
            "syringe fill", decimal_from("syringe fill", entry.syringe_fill_ml, "mL"), NL_PER_ML, "mL"
        )
    except QuantityError as error:
        raise OrderRefusedError(RefusalCode.NOT_A_QUANTITY, str(error)) from None

    asked = {
        Measure.WEIGHT: Fraction(weight_kg),
        Measure.DOSE_PER_KG: Fraction(per_kg),
        Measure.DURATION: Fraction(duration_min),
    }
    for measure, value in asked.items():
        _within_hard(drug, measure, value)
    dose_ng = weight_g * dose_ng_per_g
    asked[Measure.DOSE] = Fraction(dose_ng, NG_PER_MG)
    asked[Measure.DOSE_RATE] = Fraction(per_kg) * 60 / Fraction(duration_min)
    for measure in (Measure.DOSE, Measure.DOSE_RATE):
        _within_hard(drug, measure, asked[measure])

    concentration = _concentration(entry, drug)
    volume_nl = concentration.volume_nl(dose_ng)
    rate = rate_nl_h(volume_nl, duration_ns)
    syringe = _syringe(entry.syringe, profile, volume_nl, fill_nl)
    asked[Measure.CONCENTRATION] = concentration.ng_per_nl
    asked[Measure.VOLUME] = Fraction(volume_nl, NL_PER_ML)
    asked[Measure.FLOW] = Fraction(rate, NL_PER_ML)
    for measure in (Measure.CONCENTRATION, Measure.VOLUME, Measure.FLOW):
        _within_hard(drug, measure, asked[measure])
    extra_nl = flowed_at_most_nl(rate, profile.lease_ns + profile.stop_latency_ns)
    _worst_extra(extra_nl, volume_nl, profile)
    label = _label(entry)

    passed = _soft_limits_passed(entry, drug, asked)
    order = Order(
        drug=drug.name,
        weight_g=weight_g,
        dose_ng_per_g=dose_ng_per_g,
        dose_ng=dose_ng,
        duration_ns=duration_ns,
        concentration=concentration,
        volume_nl=volume_nl,
        rate_nl_h=rate,
        syringe=syringe,
        fill_nl=fill_nl,
        label=label,
        worst_extra_nl=extra_nl,
        soft_limits_passed=passed,
        soft_limit_reason=entry.soft_limit_reason.strip(),
        prepared_by=by,
        profile_hash=profile.hash,
        course=course,
        clearance_hash=entry.clearance_hash,
    )
    return _with_hash(order, seed)


def _with_hash(order: Order, seed: str) -> Order:
    values = {field.name: getattr(order, field.name) for field in fields(order)}
    return Order(**(values | {"hash": hash_of(order, seed)}))


def _limit(drug: Drug, measure: Measure) -> DrugLimit:
    limit = drug.limit(measure)
    if limit is None:
        raise OrderRefusedError(
            RefusalCode.NO_LIMIT,
            f"the library entry {drug.name} has no limit for {measure.value}; mend the profile, no check is skipped",
        )
    return limit


def _within_hard(drug: Drug, measure: Measure, value: Fraction) -> None:
    """Refuse what is beyond the library's hard limit or the compiled-in ceiling; nothing is ever clipped (DOSE-06)."""
    low, high = _limit(drug, measure).hard
    unit = measure.unit
    if not low <= value <= high:
        raise OrderRefusedError(
            _LIMIT_CODES[measure],
            f"{measure.value} {_shown(value)} {unit} is outside the hard limits {plain(low)} to {plain(high)} {unit}; "
            "check the entry and its units",
        )
    ceiling = DRUG[measure].high
    if value > ceiling:
        raise OrderRefusedError(
            _LIMIT_CODES[measure],
            f"{measure.value} {_shown(value)} {unit} is above {plain(ceiling)} {unit}, which pumpd gives under no "
            "profile; check the entry and its units",
        )


def _shown(value: Fraction) -> str:
    return plain((Decimal(value.numerator) / Decimal(value.denominator)).quantize(Decimal("0.000001")))


def _concentration(entry: Prepare, drug: Drug) -> Concentration:
    """Recompute the concentration from vial strength and volumes (requirement DOSE-14)."""
    try:
        strength = decimal_from("vial strength", entry.vial_strength_mg_ml, "mg/mL")
        drawn = decimal_from("drug drawn", entry.drug_drawn_ml, "mL")
        declared = decimal_from("declared concentration", entry.declared_concentration_mg_ml, "mg/mL")
    except QuantityError as error:
        raise OrderRefusedError(RefusalCode.NOT_A_QUANTITY, str(error)) from None
    if strength not in drug.strengths_mg_ml:
        known = ", ".join(plain(known) for known in drug.strengths_mg_ml)
        raise OrderRefusedError(
            RefusalCode.STRENGTH,
            f"vial strength {plain(strength)} mg/mL is not in the library ({known} mg/mL as base)",
        )
    if entry.diluent_ml.is_zero() or declared in UNDILUTED_MG_ML:
        raise OrderRefusedError(
            RefusalCode.UNDILUTED,
            f"{plain(strength)} mg/mL with {plain(entry.diluent_ml)} mL of diluent, declared {plain(declared)}, "
            "is an undiluted vial; it is never infused, dilute it first",
        )
    try:
        diluent = decimal_from("diluent", entry.diluent_ml, "mL")
    except QuantityError as error:
        raise OrderRefusedError(RefusalCode.NOT_A_QUANTITY, str(error)) from None
    computed = Concentration.from_dilution(strength_mg_ml=strength, drawn_ml=drawn, diluent_ml=diluent)
    shown = f"{float(computed.ng_per_nl):.3f}".rstrip("0").rstrip(".")
    tolerance = Fraction(drug.concentration_tolerance_percent) / 100
    if abs(computed.ng_per_nl - Fraction(declared)) > tolerance * Fraction(declared):
        raise OrderRefusedError(
            RefusalCode.CONCENTRATION_MISMATCH,
            f"{plain(drawn)} mL of {plain(strength)} mg/mL in {plain(drawn + diluent)} mL is {shown} mg/mL, not the "
            f"declared {plain(declared)} mg/mL (allowed difference {plain(drug.concentration_tolerance_percent)} %); "
            "check vial and volumes",
        )
    if declared not in drug.concentrations_mg_ml:
        known = ", ".join(plain(known) for known in drug.concentrations_mg_ml)
        raise OrderRefusedError(
            RefusalCode.CONCENTRATION_UNKNOWN, f"{plain(declared)} mg/mL is not in the library ({known} mg/mL)"
        )
    return computed


def _syringe(name: str, profile: Profile, volume_nl: int, fill_nl: int) -> Syringe:
    syringe = profile.syringe(name)
    if syringe is None:
        known = ", ".join(known.name for known in profile.syringes)
        raise OrderRefusedError(RefusalCode.SYRINGE, f"syringe {name!r} is not in the profile; choose one of: {known}")
    needed_nl = volume_nl + profile.spare_volume_nl
    if needed_nl > syringe.usable_nl:
        raise OrderRefusedError(
            RefusalCode.SYRINGE_CAPACITY,
            f"{in_ml(volume_nl)} mL plus {in_ml(profile.spare_volume_nl)} mL to spare does "
            f"not fit syringe {name} (usable {in_ml(syringe.usable_nl)} mL); use a larger one or 2 mg/mL",
        )
    if fill_nl < needed_nl or fill_nl > syringe.usable_nl:
        raise OrderRefusedError(
            RefusalCode.SYRINGE_FILL,
            f"the syringe holds {in_ml(fill_nl)} mL; it must hold {in_ml(needed_nl)} mL "
            f"(order plus spare) to {in_ml(syringe.usable_nl)} mL",
        )
    return syringe


def _worst_extra(extra_nl: int, volume_nl: int, profile: Profile) -> None:
    """Refuse an order whose worst extra drug after total loss is too large (requirement COMM-05)."""
    limit = Fraction(profile.worst_extra_percent_max) / 100
    if Fraction(extra_nl, volume_nl) > limit:
        lease_s = (profile.lease_ns + profile.stop_latency_ns) / NS_PER_S
        raise OrderRefusedError(
            RefusalCode.WORST_EXTRA,
            f"if all contact is lost, {in_ml(extra_nl)} mL would still flow in {lease_s:g} s, more than "
            f"{plain(profile.worst_extra_percent_max)} % of the order; choose a longer duration",
        )


def _label(entry: Prepare) -> SyringeLabel:
    try:
        return label_of(entry)
    except LabelRefusedError as error:
        raise OrderRefusedError(RefusalCode.LABEL, str(error)) from None
    except QuantityError as error:
        raise OrderRefusedError(RefusalCode.NOT_A_QUANTITY, str(error)) from None


def _soft_limits_passed(entry: Prepare, drug: Drug, asked: Mapping[Measure, Fraction]) -> tuple[str, ...]:
    """Return the soft limits that the order passes, in words, or refuse it (requirement CFG-01).

    The reason must name exactly these: who leaves a reason in every order has not looked at this one.
    """
    passed = {}
    for measure in Measure:
        low, high = _limit(drug, measure).soft
        if not low <= asked[measure] <= high:
            span = f"soft limits {plain(low)} to {plain(high)}"
            passed[measure] = f"{measure.value} {_shown(asked[measure])} {measure.unit} ({span})"
    named = frozenset(entry.soft_limits)
    needless = [measure.value for measure in Measure if measure in named and measure not in passed]
    if needless:
        raise OrderRefusedError(
            RefusalCode.SOFT_LIMIT,
            f"no soft limit is passed for {', '.join(needless)}, but the entry names it; look at the order again",
            soft_limits=tuple(passed),
        )
    if passed and (named != passed.keys() or not entry.soft_limit_reason.strip()):
        raise OrderRefusedError(
            RefusalCode.SOFT_LIMIT,
            f"soft limit passed: {'; '.join(passed.values())}. Check the entry; if it is meant, prepare again with a "
            f"reason that names {', '.join(measure.value for measure in passed)}",
            soft_limits=tuple(passed),
        )
    return tuple(passed.values())


def expected_running_ns(order: Order) -> int:
    """Return how long the order takes at its rate."""
    return order.volume_nl * NS_PER_H // order.rate_nl_h
