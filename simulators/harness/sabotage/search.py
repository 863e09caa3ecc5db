"""Looks for a bug with random runs, seed by seed, until one is violated."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

import structlog

from simulators.harness.faults.draw import draw
from simulators.harness.faults.scenario import Mode
from simulators.harness.sabotage.bugs import Sabotage, applied
from simulators.harness.virtual.trial import Outcome, attempt

AHEAD = 2
"""So many seeds per worker are handed out at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The run that was violated, and the number of runs that the search needed, this one included."""

    sabotage: Sabotage
    runs: int
    outcome: Outcome

    def to_toml(self) -> str:
        """Return what is kept of it, so that the suite can run it again."""
        rules = ", ".join(f'"{rule}"' for rule in sorted({blame.rule for blame in self.outcome.blames}))
        lines = (
            "[[found]]",
            f'sabotage = "{self.sabotage.value}"',
            f'mode = "{self.outcome.mode}"',
            f"seed = {self.outcome.seed}",
            f"runs = {self.runs}",
            f"at_ms = {self.outcome.blames[0].at_ms}",
            f"rules = [{rules}]",
        )
        return "\n".join(lines) + "\n"


def search(sabotage: Sabotage, seeds: Sequence[int], mode: Mode, jobs: int) -> Iterator[Found | None]:
    """Yield None for each sound run in the order of the seeds, then the first that was not."""
    for runs, outcome in enumerate(_outcomes(sabotage, seeds, mode, jobs), 1):
        if outcome.blames:
            yield Found(sabotage=sabotage, runs=runs, outcome=outcome)
            return
        yield None


def sabotaged(sabotage: Sabotage, mode: Mode, seed: int, until_ms: int | None = None) -> Outcome:
    """Run one seed with a bug in place; a worker calls this, so that the bug is in its process."""
    with applied(sabotage):
        return attempt(draw(seed, mode), until_ms=until_ms)


def _outcomes(sabotage: Sabotage, seeds: Sequence[int], mode: Mode, jobs: int) -> Iterator[Outcome]:
    one = partial(sabotaged, sabotage, mode)
    if jobs <= 1:
        yield from map(one, seeds)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_silence) as pool:
        for first in range(0, len(seeds), jobs * AHEAD):
            yield from pool.map(one, seeds[first : first + jobs * AHEAD])


def _silence() -> None:
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
