"""Makes a recording: the simulated monitors' bytes, as the drivers read them, of one simulated healthy patient.

How often a sensor slips, and for how long, are proposals for tests: nobody's patients are in them.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

import numpy as np

from benchmarks.shared.recording import Row
from pumpd.core.ports import NibpReading, SamplesReceived, VitalKind
from pumpd.core.quantities import NS_PER_S
from pumpd.records.chain import Link
from pumpd.records.encoding import parse, registry
from simulators.devices.haemodynamics import Baseline, Gains
from simulators.devices.patient import PatientParameters
from simulators.devices.pharmacokinetics import Model
from simulators.devices.vitals import TrueVitals
from simulators.harness.population.cohort import draw
from simulators.harness.virtual.bay import Bay, load_bed
from simulators.harness.virtual.care import Care

CONFIG = Path(__file__).resolve().parents[2] / "config"
LONGEST_S = 3 * 3_600
SLIPS: tuple[tuple[str, str, float, tuple[float, float]], ...] = (
    # begins, ends, every so many minutes on average, lasts from and to so many seconds
    ("artefact on", "artefact off", 6, (3, 20)),
    ("out-of-track on", "out-of-track off", 15, (5, 30)),
    ("probe-off", "probe-on", 30, (10, 60)),
    ("spo2 89", "spo2 auto", 20, (2, 20)),
    ("hr 128", "hr auto", 20, (2, 20)),
)
"""Movement that the oximeter flags, a lost pulse, a probe that slips off; and, which no flag tells, wrong numbers."""
_KINDS = registry(SamplesReceived, NibpReading)


def record(seed: int, *, profile: str, until_s: float = LONGEST_S) -> tuple[Row, ...]:
    """Return the rows of one infusion, from the first value to its end; the same seed gives the same rows."""
    config = load_bed(CONFIG, profile=profile)
    bounds = {each.vital: (float(each.low), float(each.high or 300)) for each in config.profile.start}
    with Bay(config, seed=seed, patient=_healthy(seed, bounds), is_cuff_noisy=True) as bay:

        async def infusion() -> None:
            anna, ben = bay.nurse("anna"), bay.nurse("ben")
            bay.start_daemon()
            _slip_from_now_on(bay)
            await Care(anna, ben).until_over(bay.clock.now_ns() + round(until_s * NS_PER_S))

        bay.run(infusion())
        return tuple(_rows(bay.store.links, bay.patient.vitals))


def _healthy(seed: int, bounds: dict[VitalKind, tuple[float, float]]) -> PatientParameters:
    """Draw a patient as `pumpd population` does, without the rare surge."""
    cohort = draw(Model.CLEMENTS, 1, np.random.default_rng(seed), bounds, spread=False, surge_share=0)

    def of(kind: VitalKind) -> float:
        return float(cohort.baseline[kind][0])

    return PatientParameters(
        weight_kg=float(cohort.weight_kg[0]),
        baseline=Baseline(
            sbp_mmhg=of(VitalKind.SBP),
            dbp_mmhg=of(VitalKind.DBP),
            hr_bpm=of(VitalKind.HR),
            spo2_percent=of(VitalKind.SPO2),
            rr_bpm=of(VitalKind.RR),
        ),
        gains=Gains(
            sbp_mmhg_per_ng_ml=float(cohort.gain[VitalKind.SBP][0]),
            dbp_mmhg_per_ng_ml=float(cohort.gain[VitalKind.DBP][0]),
            hr_bpm_per_ng_ml=float(cohort.gain[VitalKind.HR][0]),
        ),
    )


def _slip_from_now_on(bay: Bay) -> None:
    for begins, ends, every_min, lasts_s in SLIPS:
        _slip_later(bay, bay.stream(f"slips {begins}"), begins, ends, every_min, lasts_s)


def _slip_later(bay: Bay, rng: Random, begins: str, ends: str, every_min: float, lasts_s: tuple[float, float]) -> None:
    from_ns = bay.clock.now_ns() + round(rng.expovariate(1 / (60 * every_min)) * NS_PER_S)
    to_ns = from_ns + round(rng.uniform(*lasts_s) * NS_PER_S)
    bay.clock.call_at(from_ns, partial(bay.oximeter.control, begins.split(), from_ns))

    def over() -> None:
        bay.oximeter.control(ends.split(), to_ns)
        _slip_later(bay, rng, begins, ends, every_min, lasts_s)

    bay.clock.call_at(to_ns, over)


def _rows(links: list[Link], vitals: Callable[[int], TrueVitals]) -> list[Row]:
    rows: dict[int, dict[VitalKind, int]] = {}
    for link in links:
        if link.kind not in {SamplesReceived.__name__, NibpReading.__name__}:
            continue
        found = rows.setdefault(link.mono_ns // 1_000_000 * 1_000_000, {})
        match parse(link.body, _KINDS):
            case SamplesReceived(samples=samples):
                found.update((sample.kind, sample.value) for sample in samples if sample.value is not None)
            case NibpReading(sbp_mmhg=sbp, dbp_mmhg=dbp, map_mmhg=mean):
                found.update({VitalKind.SBP: sbp, VitalKind.DBP: dbp, VitalKind.MAP: mean})
    begin_ns = min(rows)
    return [
        Row(at_ns=at_ns - begin_ns, values=values, truth=_whole(vitals(at_ns)))
        for at_ns, values in sorted(rows.items())
    ]


def _whole(truth: TrueVitals) -> dict[VitalKind, int]:
    """Return what monitors without any noise would show."""
    return {
        VitalKind.HR: round(truth.hr_bpm),
        VitalKind.SPO2: round(truth.spo2_percent),
        VitalKind.SBP: round(truth.sbp_mmhg),
        VitalKind.DBP: round(truth.dbp_mmhg),
        VitalKind.RR: round(truth.rr_bpm),
    }
