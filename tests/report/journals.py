"""Journals as a bed writes them: one of pauses, a symptom and an early end; one of a cleared visit to its discharge."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path

from pumpd.bedside.config import Config
from pumpd.clinic.calendar import ns_of
from pumpd.core.clearance import Clearance, ClearedGate, sealed
from pumpd.core.commands import Account, Lower, Symptom, SymptomKind
from pumpd.core.modes import Mode
from pumpd.core.quantities import NS_PER_H, NS_PER_MIN
from pumpd.mqtt.clearance import from_core
from pumpd.mqtt.topics import BedTopics
from pumpd.records.chain import Link
from pumpd.records.summary.fold import told
from pumpd.records.summary.model import Told
from simulators.harness.virtual.bay import BED, OXIMETER, START_NS, Bay, load_bed
from simulators.harness.virtual.clock import EPOCH
from simulators.harness.virtual.journal_file import identity, write
from simulators.harness.virtual.nurse import Nurse, attend, begin, discharge
from tests.records.runs import CONFIG, recorded

IDENTITY = identity(BED, "2026-01-01T08:16:40.000+00:00")


@cache
def links() -> tuple[Link, ...]:
    return recorded(_infuse, seed=41)


async def _infuse(bay: Bay) -> None:
    anna, ben = bay.nurse("anna"), bay.nurse("ben")
    bay.start_daemon()
    assert await begin(anna, ben)
    await attend(anna, within_s=60)
    bay.links[OXIMETER].unplug()
    await bay.clock.pass_s(25)
    bay.links[OXIMETER].plug()
    await _runs_again(anna, within_s=200)
    await ben.pause("the patient asks for it")
    await _runs_again(anna, within_s=120)
    await anna.command(Lower(rate_ml_h=20))
    await attend(anna, within_s=40)
    await ben.command(Symptom(symptom=SymptomKind.NAUSEA))
    await bay.clock.pass_s(20)
    await anna.stop("enough for today")
    await bay.clock.pass_s(30)


async def _runs_again(nurse: Nurse, *, within_s: float) -> None:
    limit_ns = nurse.clock.now_ns() + round(within_s * 1e9)
    while nurse.clock.now_ns() < limit_ns:
        await attend(nurse, within_s=10)
        if nurse.state is not None and nurse.state.mode is Mode.RUNNING:
            return
    raise AssertionError("it does not run again")


@cache
def story() -> Told:
    return told(links(), IDENTITY)


def written(path: Path, some: Iterable[Link] | None = None) -> Path:
    """Write records as the file of a journal, each with its own time and hash."""
    return write(path, links() if some is None else tuple(some), bed=BED)


# ---- a cleared session, to the discharge ----------------------------------------------------------------------------

PASSED = (
    "the last infusion was 1 day ago, 2 are needed; passed by anna (nurse) and clara (prescriber), because: travels"
)
OBSERVED_NS = 12 * NS_PER_MIN


def cleared_bed() -> Config:
    """Return a bed that asks for a clearance and lets a patient go after 12 minutes."""
    bed = load_bed(CONFIG)
    return replace(bed, profile=replace(bed.profile, clearance_required=True, observe_min_ns=OBSERVED_NS))


def clearance(at_ns: int) -> Clearance:
    """Return a clearance for a second infusion, a day too early, which two people have let through."""
    day_ns = 24 * NS_PER_H
    return sealed(
        Clearance(
            bed=BED,
            course="c-0a1b2c3d",
            number=2,
            weight_g=70_000,
            last_weight_g=69_500,
            given_low_ng=34_980_000,
            given_high_ng=35_000_000,
            last_infusion_wall_ns=at_ns - day_ns - NS_PER_H,
            gates=(
                ClearedGate(gate="screening", by="clara", until_wall_ns=at_ns + 300 * day_ns),
                ClearedGate(gate="consent", by="anna", until_wall_ns=at_ns + 11 * NS_PER_H),
                ClearedGate(gate="early-infusion", by="clara", until_wall_ns=at_ns + 12 * NS_PER_H, override=PASSED),
                ClearedGate(gate="exposure-review", by="pumpd", until_wall_ns=None),
            ),
            issued_by="clara",
            issued_wall_ns=at_ns,
            expires_wall_ns=at_ns + 11 * NS_PER_H,
        )
    )


def given_clearance() -> Clearance:
    """Return the clearance of the session."""
    return clearance(ns_of(EPOCH) + START_NS)


@cache
def cleared_links() -> tuple[Link, ...]:
    """Return the records of a cleared session: stopped early, accounted for with a gap, observed, discharged."""
    return recorded(_treat, seed=43, config=cleared_bed())


async def _treat(bay: Bay) -> None:
    anna, ben = bay.nurse("anna"), bay.nurse("ben")
    topic = BedTopics(bed=BED).clearance
    bay.broker.publish(topic, from_core(given_clearance()).to_bytes(), retain=True)
    bay.start_daemon()
    await bay.clock.pass_s(3)
    assert await begin(anna, ben)
    await attend(anna, within_s=40)
    await anna.stop("enough for today")
    await bay.clock.pass_s(10)
    spilt = Account(primed_ml=Decimal(2), wasted_ml=Decimal(1), left_ml=Decimal(20), explanation="spilt <1 mL>")
    assert await anna.command(spilt)
    assert await discharge(anna, ben, within_s=1_800)


@cache
def cleared_story() -> Told:
    """Return what the journal of the cleared session tells."""
    return told(cleared_links(), IDENTITY)
