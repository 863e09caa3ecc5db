"""The simulated patient: true flow goes in, true vitals come out. Knows no monitor, protocol or noise.

It tests software. It is not a dosing tool.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from simulators.devices.haemodynamics import Baseline, Gains
from simulators.devices.infusion_line import FlowSource, Segment, Steps, inflow
from simulators.devices.overlays import CannulaOut, Overlay, overlaid
from simulators.devices.pharmacokinetics import (
    EMPTY,
    KE0_PER_MIN,
    Amounts,
    Kinetics,
    Model,
    compartments,
)
from simulators.devices.vitals import TrueVitals

GRID_NS = 1_000_000_000
"""Distance of the instants whose amounts are kept."""
NG_PER_MG = 1_000_000
MIN_PER_H = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientParameters:
    """One patient: weight, kinetics, circulation, and what else happens."""

    weight_kg: float = 70.0
    model: Model = Model.CLEMENTS
    ke0_per_min: float = KE0_PER_MIN
    baseline: Baseline = field(default_factory=Baseline)
    gains: Gains = field(default_factory=Gains)
    overlays: tuple[Overlay, ...] = ()
    dead_volume_nl: int = 0
    """Volume between pump and vein that the drug has to fill first."""

    def __post_init__(self) -> None:
        if self.dead_volume_nl < 0:
            raise ValueError(f"dead volume is {self.dead_volume_nl} nL; it must not be below 0 nL")


class Patient:
    """A patient on a line from a pump, empty of drug at `start_ns`.

    What it tells of an instant depends on the flow up to that instant and on nothing else: not on how often or in
    which order it was asked, nor on whether a pump reported a change of flow late.
    """

    def __init__(
        self,
        parameters: PatientParameters,
        flow: FlowSource,
        concentration_ng_per_nl: Fraction | float,
        start_ns: int,
    ) -> None:
        self.parameters = parameters
        self._flow = flow
        self._mg_min_per_nl_h = float(concentration_ng_per_nl) / MIN_PER_H / NG_PER_MG
        self._start_ns = start_ns
        self._kinetics = Kinetics(
            compartments(parameters.model, parameters.weight_kg), ke0_per_min=parameters.ke0_per_min
        )
        self._grid = [EMPTY]
        self._blocked = tuple(overlay for overlay in parameters.overlays if isinstance(overlay, CannulaOut))
        self._known: tuple[int, int, int] | None = None
        self._inflow: Steps = []
        self._inflow_from_ns: list[int] = []

    def advance(self, now_ns: int) -> None:
        """Bring the amounts of drug up to `now_ns`."""
        self._take_in_flow()
        index = self._grid_index(now_ns)
        while len(self._grid) <= index:
            from_ns = self._start_ns + (len(self._grid) - 1) * GRID_NS
            self._grid.append(self._stepped(self._grid[-1], from_ns, from_ns + GRID_NS))

    def amounts(self, at_ns: int) -> Amounts:
        """Return the drug in the compartments, at the effect site and eliminated, at an instant past or present."""
        self.advance(at_ns)
        index = self._grid_index(at_ns)
        return self._stepped(self._grid[index], self._start_ns + index * GRID_NS, at_ns)

    def plasma_ng_ml(self, at_ns: int) -> float:
        """Return the plasma concentration."""
        return self._kinetics.plasma_ng_ml(self.amounts(at_ns))

    def effect_site_ng_ml(self, at_ns: int) -> float:
        """Return the effect-site concentration."""
        return self._kinetics.effect_site_ng_ml(self.amounts(at_ns))

    def vitals(self, at_ns: int) -> TrueVitals:
        """Return the truth that a monitor would measure, at an instant past or present."""
        baseline, gains = self.parameters.baseline, self.parameters.gains
        acting_ng_ml = gains.effective_ng_ml(self.effect_site_ng_ml(at_ns))
        truth = TrueVitals(
            sbp_mmhg=baseline.sbp_mmhg + gains.sbp_mmhg_per_ng_ml * acting_ng_ml,
            dbp_mmhg=baseline.dbp_mmhg + gains.dbp_mmhg_per_ng_ml * acting_ng_ml,
            hr_bpm=baseline.hr_bpm + gains.hr_bpm_per_ng_ml * acting_ng_ml,
            spo2_percent=baseline.spo2_percent,
            rr_bpm=baseline.rr_bpm,
        )
        for overlay in self.parameters.overlays:
            truth = overlaid(truth, overlay, at_ns)
        return truth

    def _grid_index(self, at_ns: int) -> int:
        if at_ns < self._start_ns:
            raise ValueError(f"the patient begins at {self._start_ns} ns and was asked for {at_ns} ns")
        return (at_ns - self._start_ns) // GRID_NS

    def _stepped(self, amounts: Amounts, from_ns: int, to_ns: int) -> Amounts:
        """Return `amounts` taken from one instant to another, split wherever the flow changes."""
        index = bisect_right(self._inflow_from_ns, from_ns)
        while from_ns < to_ns:
            next_ns = self._inflow_from_ns[index] if index < len(self._inflow) else to_ns
            until_ns = min(next_ns, to_ns)
            rate_nl_h = self._inflow[index - 1][1] if index else 0
            amounts = self._kinetics.step(amounts, rate_nl_h * self._mg_min_per_nl_h, until_ns - from_ns)
            from_ns, index = until_ns, index + 1
        return amounts

    def _take_in_flow(self) -> None:
        segments = self._flow.segments
        last = segments[-1]
        known = (len(segments), last.from_ns, last.rate_nl_h)
        if known == self._known:
            return
        self._forget_from(self._first_news_ns(segments))
        self._known = known
        self._inflow = inflow(segments, dead_volume_nl=self.parameters.dead_volume_nl, blocked=self._blocked)
        self._inflow_from_ns = [at_ns for at_ns, _ in self._inflow]

    def _first_news_ns(self, segments: Sequence[Segment]) -> int:
        """Return the first instant from which the flow differs from what is known."""
        if self._known is None:
            return self._start_ns
        count, from_ns, rate_nl_h = self._known
        if len(segments) > count and segments[count - 1].rate_nl_h == rate_nl_h:
            return segments[count].from_ns
        return from_ns

    def _forget_from(self, at_ns: int) -> None:
        """Drop the amounts that were worked out for instants after `at_ns`."""
        del self._grid[max(0, at_ns - self._start_ns) // GRID_NS + 1 :]
