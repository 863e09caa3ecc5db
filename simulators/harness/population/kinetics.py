"""The compartment models for many patients at once: exact steps, one matrix for each patient. Knows no circulation.

Written for arrays and apart from `simulators.devices.pharmacokinetics`; a test holds the two together.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.devices.pharmacokinetics import KE0_PER_MIN, NG_ML_PER_MG_L, Model, compartments

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

S_PER_MIN = 60
TAYLOR_TERMS = 18
SCALED_ROW_SUM = 0.5
STATES = 4
"""Drug in three compartments, and the concentration at the effect site; the inflow is a fifth, constant one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kinetics:
    """One model with the volume and clearance of each patient; flows between compartments are the typical ones."""

    v1_l: Floats
    system: Floats  # patients x 5 x 5, per minute

    @property
    def patients(self) -> int:
        """Return how many there are."""
        return len(self.v1_l)

    def step(self, duration_s: float) -> "Step":
        """Return the step of `duration_s` with constant inflow."""
        rows = _exponential(self.system * (duration_s / S_PER_MIN))[:, :STATES, :]
        return Step(matrix=np.ascontiguousarray(np.moveaxis(rows, 0, -1)))

    def empty(self) -> Floats:
        """Return the amounts of patients without drug."""
        return np.zeros((STATES, self.patients))


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What takes amounts and inflow over one step; the patients lie along the last axis."""

    matrix: Floats

    def after(self, amounts: Floats, inflow_mg_min: Floats) -> Floats:
        """Return the amounts after the step."""
        taken = np.concatenate((amounts, inflow_mg_min[None]))
        moved: Floats = (self.matrix * taken).sum(axis=1)
        return moved


def effect_site_ng_ml(amounts: Floats) -> Floats:
    """Return the effect-site concentrations."""
    found: Floats = NG_ML_PER_MG_L * amounts[STATES - 1]
    return found


def plasma_ng_ml(kinetics: Kinetics, amounts: Floats) -> Floats:
    """Return the plasma concentrations."""
    found: Floats = NG_ML_PER_MG_L * amounts[0] / kinetics.v1_l
    return found


def kinetics_of(model: Model, weight_kg: Floats, volume_factor: Floats, clearance_factor: Floats) -> Kinetics:
    """Return the model at these weights, the central volume and the clearance of each patient times their factors."""
    typical = [compartments(model, float(weight)) for weight in weight_kg]
    volume = np.array([each.v1_l for each in typical])
    v1_l = volume * volume_factor
    k10 = np.array([each.k10_per_min for each in typical]) * volume * clearance_factor / v1_l
    k12 = np.array([each.k12_per_min for each in typical]) * volume / v1_l
    k13 = np.array([each.k13_per_min for each in typical]) * volume / v1_l
    system = np.zeros((len(weight_kg), STATES + 1, STATES + 1))
    system[:, 0, 0] = -(k10 + k12 + k13)
    system[:, 0, 1] = system[:, 1, 1] = [each.k21_per_min for each in typical]
    system[:, 0, 2] = system[:, 2, 2] = [each.k31_per_min for each in typical]
    system[:, 1, 1] *= -1
    system[:, 2, 2] *= -1
    system[:, 0, 4] = 1.0
    system[:, 1, 0] = k12
    system[:, 2, 0] = k13
    system[:, 3, 0] = KE0_PER_MIN / v1_l
    system[:, 3, 3] = -KE0_PER_MIN
    return Kinetics(v1_l=v1_l, system=system)


def uninterrupted(
    kinetics: Kinetics, rate_mg_min: Floats, *, planned_s: int, until_s: int, step_s: int
) -> Iterator[tuple[int, Floats]]:
    """Yield the instant and the effect-site concentrations of an infusion that nothing pauses, from 0 on."""
    if planned_s % step_s:
        raise ValueError(f"a step of {step_s} s does not meet the end of the infusion at {planned_s} s")
    step, amounts, nothing = kinetics.step(step_s), kinetics.empty(), np.zeros_like(rate_mg_min)
    for now_s in range(0, until_s + 1, step_s):
        yield now_s, effect_site_ng_ml(amounts)
        amounts = step.after(amounts, rate_mg_min if now_s < planned_s else nothing)


def _exponential(matrices: Floats) -> Floats:
    """Return the exponential of each matrix: scale down, sum the Taylor series, square back up."""
    row_sum = float(np.abs(matrices).sum(axis=2).max())
    squarings = 0
    while row_sum >= SCALED_ROW_SUM:
        row_sum /= 2
        squarings += 1
    scaled = matrices / 2**squarings
    term = np.broadcast_to(np.eye(matrices.shape[1]), matrices.shape)
    total: Floats = term.copy()
    for order in range(1, TAYLOR_TERMS + 1):
        term = term @ scaled / order
        total += term
    for _ in range(squarings):
        total = total @ total
    return total
