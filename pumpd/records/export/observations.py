"""The Observations of a session: weight, vital signs, symptoms, and what was given. Pure.

A device gives a value each second. Of each minute the lowest and the highest valid one are told, so that no excursion
is lost; a minute without any says so with its reason. Every value is in the CSV.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import groupby

from pumpd.core.ports import Validity, VitalKind
from pumpd.core.quantities import G_PER_KG, NG_PER_MG, NL_PER_ML, NS_PER_MIN
from pumpd.records.export import codes
from pumpd.records.export.cells import utc
from pumpd.records.export.codes import Json, concept
from pumpd.records.summary.model import CuffCycle, Session, Sign

_VITAL: Json = {"category": [concept(((codes.CATEGORY, "vital-signs", "Vital Signs"),))]}
_SURVEY: Json = {"category": [concept(((codes.CATEGORY, "survey", "Survey"),))]}
_ENTERED = frozenset({VitalKind.RR, VitalKind.MOAAS})
_BY_MINUTE = (VitalKind.HR, VitalKind.SPO2, VitalKind.RR, VitalKind.MOAAS)
_ABSENT = {
    Validity.VALID: ("unknown", "Unknown"),
    Validity.MISSING: ("unknown", "Unknown"),
    Validity.ARTEFACT: ("error", "Error"),
    Validity.SEARCHING: ("temporarily-unknown", "Temporarily Unknown"),
    Validity.PROBE_OFF: ("not-performed", "Not Performed"),
    Validity.IMPOSSIBLE: ("error", "Error"),
    Validity.CUFF_INFLATING: ("temporarily-unknown", "Temporarily Unknown"),
}
"""FHIR R4B, data-absent-reason: the nearest to each validity."""


def quantity(amount: int, factor: int, unit: str) -> Json:
    """Return `amount / factor` with a UCUM unit, every digit of it."""
    return {"value": _decimal(Fraction(amount, factor)), "unit": unit, "system": codes.UCUM, "code": unit}


def _decimal(value: Fraction) -> Decimal:
    """Return an exact decimal: the factors are powers of ten."""
    return Decimal(value.numerator) / Decimal(value.denominator)


def of(session: Session) -> Iterator[tuple[str, Json]]:
    """Yield the Observations with their names, without what all of them share."""
    yield (
        "weight",
        {
            **_VITAL,
            "code": concept(codes.WEIGHT),
            "effectiveDateTime": utc(session.begun_wall_ns),
            "valueQuantity": quantity(session.order.weight_g, G_PER_KG, "kg"),
        },
    )
    for number, cycle in enumerate(session.cuff, 1):
        yield f"pressure-{number}", _pressure(cycle)
    for kind in _BY_MINUTE:
        yield from _signs(session, kind)
    for number, symptom in enumerate(session.symptoms, 1):
        yield (
            f"symptom-{number}",
            {
                **_SURVEY,
                "code": concept(codes.SYMPTOM),
                "effectiveDateTime": utc(symptom.at_wall_ns),
                "performer": [{"display": symptom.by}],
                "valueCodeableConcept": {"text": symptom.symptom},
            },
        )
    yield from _given(session)


def _given(session: Session) -> Iterator[tuple[str, Json]]:
    ratio = session.order.concentration.ng_per_nl
    low_ng = session.order.concentration.mass_ng(session.low_nl)
    high_ng = -(-ratio.numerator * session.high_nl // ratio.denominator)
    for name, code, low, high, factor, unit in (
        ("delivered-volume", codes.VOLUME, session.low_nl, session.high_nl, NL_PER_ML, "mL"),
        ("delivered-dose", codes.MASS, low_ng, high_ng, NG_PER_MG, "mg"),
    ):
        yield (
            name,
            {
                "code": concept(code),
                "effectiveDateTime": utc(session.last_wall_ns),
                "valueRange": {"low": quantity(low, factor, unit), "high": quantity(high, factor, unit)},
            },
        )


def _pressure(cycle: CuffCycle) -> Json:
    found: Json = {
        **_VITAL,
        "code": concept(((codes.LOINC, *codes.PANEL),)),
        "effectiveDateTime": utc(cycle.at_wall_ns),
        "component": [
            _component(kind, value)
            for kind, value in (
                (VitalKind.SBP, cycle.sbp_mmhg),
                (VitalKind.DBP, cycle.dbp_mmhg),
                (VitalKind.MAP, cycle.map_mmhg),
            )
        ],
    }
    if cycle.failure is not None:
        found["dataAbsentReason"] = concept(((codes.ABSENT, "error", "Error"),))
        found["note"] = [{"text": cycle.failure}]
    return found


def _component(kind: VitalKind, value: int | None) -> Json:
    return {"code": concept(codes.SIGNS[kind]), **_value(kind, value, Validity.MISSING)}


def _value(kind: VitalKind, value: int | None, validity: Validity) -> Json:
    if value is None:
        code, display = _ABSENT[validity]
        return {"dataAbsentReason": concept(((codes.ABSENT, code, display),))}
    unit, ucum = codes.UNITS[kind]
    return {"valueQuantity": {"value": value, "unit": unit, "system": codes.UCUM, "code": ucum}}


def _signs(session: Session, kind: VitalKind) -> Iterator[tuple[str, Json]]:
    signs = [sign for sign in session.signs if sign.vital is kind]
    number = 0
    for _, minute in groupby(signs, key=lambda sign: (sign.at_wall_ns // NS_PER_MIN, sign.source)):
        for sign in _told(tuple(minute)):
            number += 1
            entered: Json = {"performer": [{"display": sign.source}]} if kind in _ENTERED else {}
            yield (
                f"{kind.value}-{number}",
                {
                    **(_SURVEY if kind is VitalKind.MOAAS else _VITAL),
                    "code": concept(codes.SIGNS[kind]),
                    "effectiveDateTime": utc(sign.at_wall_ns),
                    **entered,
                    **_value(kind, sign.usable, sign.validity),
                },
            )


def _told(minute: Sequence[Sign]) -> Iterator[Sign]:
    """Yield of one minute what is told: the lowest and the highest, or why there is none."""
    valid = [(sign.usable, number) for number, sign in enumerate(minute) if sign.usable is not None]
    if not valid:
        yield minute[0]
        return
    places = {min(valid)[1], max(valid, key=lambda each: (each[0], -each[1]))[1]}
    values = {minute[place].usable for place in places}
    chosen = sorted(places) if len(values) > 1 else [min(places)]
    yield from (minute[place] for place in chosen)
