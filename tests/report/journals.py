"""A journal as a bed writes it: an interlock's pause, a person's, a lower rate, a symptom, alarms noted, an end."""

from collections.abc import Iterable
from contextlib import closing
from functools import cache
from pathlib import Path

from pumpd.core.commands import Lower, Symptom, SymptomKind
from pumpd.core.modes import Mode
from pumpd.records import database
from pumpd.records.chain import Link
from pumpd.records.database import Identity
from pumpd.records.summary.fold import told
from pumpd.records.summary.model import Told
from simulators.harness.virtual.bay import BED, OXIMETER, Bay
from simulators.harness.virtual.nurse import Nurse, attend, begin
from tests.records.runs import recorded

IDENTITY = Identity(journal_id=f"virtual-{BED}", bed=BED, created_utc="2026-01-01T08:16:40.000+00:00")


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
    with closing(database.connect(path)) as connection:
        database.prepare(connection, path, identity=IDENTITY)
        database.insert(connection, list(links() if some is None else some))
    return path
