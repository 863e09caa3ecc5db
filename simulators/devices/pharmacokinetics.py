"""Compartment models of ketamine and their exact stepping. Knows no patient, pump or clock.

Parameters are those of the named papers as carried by published programs. They serve tests of software, not dosing.
Drug in mg of base, volumes in L, rate constants in 1/min; 1 mg/L is 1000 ng/mL.
"""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, assert_never

NS_PER_MIN = 60_000_000_000
MIN_PER_H = 60
NG_ML_PER_MG_L = 1000.0
KE0_PER_MIN = 0.652
"""Effect-site rate constant for every model. A guess: no measured value is published for ketamine."""
REFERENCE_WEIGHT_KG = 70.0
CLEARANCE_EXPONENT = 0.75


class Model(Enum):
    """The closed list of parameter sets."""

    CLEMENTS = "clements"
    """Clements et al., Br J Anaesth 1981;53:27, 250 ug/kg; two compartments. The default."""
    FANTA_OTTO = "fanta-otto"
    """Fanta et al., Eur J Clin Pharmacol 2015 (doi 10.1007/s00228-015-1826-y), and Otto et al. 2021; S-ketamine."""
    DOMINO = "domino"
    """Domino et al., Clin Pharmacol Ther 1984;36:645; three compartments, fast: a stress model."""
    HIJAZI = "hijazi"
    """Hijazi et al., Br J Anaesth 2003 (PMID 12538370), intensive care; fast elimination: a stress model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compartments:
    """One central compartment and up to two peripheral ones; a two-compartment set has k13 = k31 = 0."""

    v1_l: float
    k10_per_min: float
    k12_per_min: float
    k21_per_min: float
    k13_per_min: float = 0.0
    k31_per_min: float = 0.0

    @property
    def clearance_l_h(self) -> float:
        """Return what the central compartment is cleared of per hour."""
        return self.k10_per_min * self.v1_l * MIN_PER_H


@dataclass(frozen=True, slots=True, kw_only=True)
class PerKilogram:
    """A set whose volume grows with weight while its rate constants stay, so that weight cancels at a fixed mg/kg."""

    v1_l_per_kg: float
    k10_per_min: float
    k12_per_min: float
    k21_per_min: float
    k13_per_min: float = 0.0
    k31_per_min: float = 0.0


PER_KILOGRAM = {
    Model.CLEMENTS: PerKilogram(v1_l_per_kg=1.7522, k10_per_min=0.0109, k12_per_min=0.0186, k21_per_min=0.0137),
    Model.DOMINO: PerKilogram(
        v1_l_per_kg=0.063,
        k10_per_min=0.438,
        k12_per_min=0.592,
        k21_per_min=0.247,
        k13_per_min=0.590,
        k31_per_min=0.0146,
    ),
    Model.HIJAZI: PerKilogram(v1_l_per_kg=1.08, k10_per_min=0.0333, k12_per_min=0.0088, k21_per_min=0.0030),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearances:
    """A set given as volumes and clearances at 70 kg; peripheral volumes and flows do not change with weight."""

    v1_l: float
    clearance_l_h: float
    q1_l_h: float
    peripheral1_l: float
    q2_l_h: float
    peripheral2_l: float


FANTA_OTTO = Clearances(
    v1_l=133.0, clearance_l_h=95.2, q1_l_h=23.2, peripheral1_l=187.0, q2_l_h=157.0, peripheral2_l=98.8
)


def compartments(model: Model, weight_kg: float) -> Compartments:
    """Return the parameters of `model` for an adult of `weight_kg`."""
    if not weight_kg > 0:
        raise ValueError(f"weight is {weight_kg} kg; it must be above 0 kg")
    match model:
        case Model.CLEMENTS | Model.DOMINO | Model.HIJAZI:
            row = PER_KILOGRAM[model]
            return Compartments(
                v1_l=row.v1_l_per_kg * weight_kg,
                k10_per_min=row.k10_per_min,
                k12_per_min=row.k12_per_min,
                k21_per_min=row.k21_per_min,
                k13_per_min=row.k13_per_min,
                k31_per_min=row.k31_per_min,
            )
        case Model.FANTA_OTTO:
            share = weight_kg / REFERENCE_WEIGHT_KG
            v1_l = FANTA_OTTO.v1_l * share
            return Compartments(
                v1_l=v1_l,
                k10_per_min=FANTA_OTTO.clearance_l_h * share**CLEARANCE_EXPONENT / MIN_PER_H / v1_l,
                k12_per_min=FANTA_OTTO.q1_l_h / MIN_PER_H / v1_l,
                k21_per_min=FANTA_OTTO.q1_l_h / MIN_PER_H / FANTA_OTTO.peripheral1_l,
                k13_per_min=FANTA_OTTO.q2_l_h / MIN_PER_H / v1_l,
                k31_per_min=FANTA_OTTO.q2_l_h / MIN_PER_H / FANTA_OTTO.peripheral2_l,
            )
        case _:
            assert_never(model)


class Amounts(NamedTuple):
    """Drug in the body and out of it. A tuple, because one is made for each simulated second."""

    central_mg: float
    second_mg: float
    third_mg: float
    effect_site_mg_l: float
    eliminated_mg: float

    @property
    def body_mg(self) -> float:
        """Return the drug still in the body."""
        return self.central_mg + self.second_mg + self.third_mg


EMPTY = Amounts(0.0, 0.0, 0.0, 0.0, 0.0)
Matrix = tuple[tuple[float, ...], ...]

TAYLOR_TERMS = 18
SCALED_ROW_SUM = 0.5
"""Below this the 18th Taylor term is under 1e-21 of the first."""
CACHED_STEPS = 1024
"""Distinct step lengths kept: a run needs a few, each flow change adds two; a bound for runs without end."""


class Kinetics:
    """Steps a model exactly over stretches of constant inflow: no truncation error, whatever the length."""

    def __init__(self, model: Compartments, *, ke0_per_min: float = KE0_PER_MIN) -> None:
        self.model = model
        self._system = _system(model, ke0_per_min)
        self._steps: dict[int, Matrix] = {}

    def step(self, amounts: Amounts, inflow_mg_min: float, duration_ns: int) -> Amounts:
        """Return the amounts after `duration_ns` of constant inflow into the vein."""
        rows = self._steps.get(duration_ns)
        if rows is None:
            rows = self._remember(duration_ns)
        x1, x2, x3, ce, out = amounts
        return Amounts(
            *[r[0] * x1 + r[1] * x2 + r[2] * x3 + r[3] * ce + r[4] * out + r[5] * inflow_mg_min for r in rows]
        )

    def plasma_ng_ml(self, amounts: Amounts) -> float:
        """Return the plasma concentration."""
        return NG_ML_PER_MG_L * amounts.central_mg / self.model.v1_l

    def effect_site_ng_ml(self, amounts: Amounts) -> float:
        """Return the effect-site concentration."""
        return NG_ML_PER_MG_L * amounts.effect_site_mg_l

    def _remember(self, duration_ns: int) -> Matrix:
        if duration_ns < 0:
            raise ValueError(f"a step of {duration_ns} ns leads back in time")
        if len(self._steps) >= CACHED_STEPS:
            self._steps.clear()
        duration_min = duration_ns / NS_PER_MIN
        scaled = tuple(tuple(duration_min * entry for entry in row) for row in self._system)
        rows = exponential(scaled)[:-1]
        self._steps[duration_ns] = rows
        return rows


def _system(model: Compartments, ke0_per_min: float) -> Matrix:
    """Return the system of five amounts and, as a sixth constant one, the inflow."""
    k10, k12, k21 = model.k10_per_min, model.k12_per_min, model.k21_per_min
    k13, k31 = model.k13_per_min, model.k31_per_min
    return (
        (-(k10 + k12 + k13), k21, k31, 0.0, 0.0, 1.0),
        (k12, -k21, 0.0, 0.0, 0.0, 0.0),
        (k13, 0.0, -k31, 0.0, 0.0, 0.0),
        (ke0_per_min / model.v1_l, 0.0, 0.0, -ke0_per_min, 0.0, 0.0),
        (k10, 0.0, 0.0, 0.0, 0.0, 0.0),
        (0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    )


def exponential(matrix: Matrix) -> Matrix:
    """Return the matrix exponential: scale down, sum the Taylor series, square back up."""
    row_sum = max(sum(abs(entry) for entry in row) for row in matrix)
    squarings = 0
    while row_sum >= SCALED_ROW_SUM:
        row_sum /= 2
        squarings += 1
    scaled = tuple(tuple(entry / 2**squarings for entry in row) for row in matrix)
    size = range(len(matrix))
    term: Matrix = tuple(tuple(float(i == j) for j in size) for i in size)
    total = term
    for order in range(1, TAYLOR_TERMS + 1):
        term = tuple(tuple(entry / order for entry in row) for row in _product(term, scaled))
        total = tuple(tuple(map(sum, zip(a, b, strict=True))) for a, b in zip(total, term, strict=True))
    for _ in range(squarings):
        total = _product(total, total)
    return total


def _product(left: Matrix, right: Matrix) -> Matrix:
    columns = tuple(zip(*right, strict=True))
    return tuple(tuple(sum(a * b for a, b in zip(row, column, strict=True)) for column in columns) for row in left)
