"""The journal of a short infusion whose daemon is killed, started again and paused: its records, and as a file."""

from collections.abc import Callable, Coroutine
from functools import cache
from pathlib import Path
from typing import get_args

import structlog

from pumpd.bedside.config import Config
from pumpd.core.effects import Effect
from pumpd.core.events import Event
from pumpd.records.beginning import RunBegins
from pumpd.records.chain import Link
from pumpd.records.encoding import registry
from simulators.harness.virtual.bay import BED, Bay, load_bed
from simulators.harness.virtual.journal_file import write
from simulators.harness.virtual.nurse import attend, begin

CONFIG = Path(__file__).resolve().parents[2] / "config"
TYPES = registry(RunBegins, *get_args(Event), *get_args(Effect))


def recorded(
    infusion: Callable[[Bay], Coroutine[object, object, None]], seed: int, config: Config | None = None
) -> tuple[Link, ...]:
    """Play an infusion at a virtual bed and return the records of its journal."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    try:
        with Bay(config or load_bed(CONFIG), seed=seed) as bay:
            bay.run(infusion(bay))
            return tuple(bay.store.links)
    finally:
        structlog.reset_defaults()


@cache
def links() -> tuple[Link, ...]:
    return recorded(_infuse, seed=21)


async def _infuse(bay: Bay) -> None:
    anna, ben = bay.nurse("anna"), bay.nurse("ben")
    bay.start_daemon()
    assert await begin(anna, ben)
    await attend(anna, within_s=30)
    bay.kill_daemon()
    await bay.clock.pass_s(10)
    bay.start_daemon()
    await attend(anna, within_s=200)
    await ben.pause()
    await bay.clock.pass_s(5)


def written(path: Path, count: int | None = None) -> Path:
    """Write the journal of the infusion, or its first records."""
    return write(path, links()[:count], bed=BED)
