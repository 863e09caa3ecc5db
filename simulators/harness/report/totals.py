"""The sums over many outcomes that every form of the report shows. Knows no form."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from simulators.harness.kept import Kept
from simulators.harness.virtual.trial import Outcome
from simulators.oracle.observation import Mode, Path

PATHS = tuple(path.name.lower() for path in Path)
"""What a stop may meet on its way, as `Reaction.path` says it, the best first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The runs of one mode on one revision."""

    mode: str
    revision: str
    seeds: str
    runs: int
    violated: int
    simulated_s: int
    digest: str
    """SHA-256 over the digests of the runs in the order of their seeds: the same code repeats it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultCount:
    """How often one kind of fault was met, in runs."""

    kind: str
    runs: int
    struck: int
    """Runs in which it was in force while anything flowed."""
    violated: int
    struck_and_violated: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltCount:
    """How often the infusion was halted for one cause, in halts."""

    cause: str
    paused: int
    ended: int
    other: int
    """Came to a fault, to the state before the start, or was not settled when the watching ended."""
    paused_s: int
    """All pauses together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worst:
    """One extreme and the run that it comes from. Times in ms, volumes in nL."""

    mode: str
    seed: int
    value: int
    allowed: int | None
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The sums."""

    batches: tuple[Batch, ...]
    seeds: dict[str, str]
    """As ranges, by mode."""
    runs: int
    ordered: int
    """Runs in which an order was given; the others have no figures."""
    violated: tuple[Outcome, ...]
    ends: dict[str, int]
    faults: tuple[FaultCount, ...]
    halts: tuple[HaltCount, ...]
    over: Worst | None
    slowest: dict[str, Worst]
    """By path."""
    nearest: dict[str, Worst]
    """The least time that was left of what was allowed, by path."""
    stops: int
    """Stop conditions. At most of them it rests already, because the pump was stopped in time."""
    reactions: dict[str, int]
    """Stop conditions that met flow, by path."""
    unended: int
    """Stop conditions after which it still flowed when the watching ended."""
    widest: Worst | None
    records: int
    outside: int


def totals(kept: Sequence[Kept]) -> Totals:
    """Return the sums over one outcome of each run."""
    outcomes = [each.outcome for each in kept]
    with_figures = [(outcome, outcome.figures) for outcome in outcomes if outcome.figures is not None]
    reactions = [(outcome, each) for outcome, figures in with_figures for each in figures.reactions]
    intervals = [(outcome, figures.interval) for outcome, figures in with_figures if figures.interval is not None]
    reactions.sort(key=lambda pair: PATHS.index(pair[1].path))
    slowest = [
        (each.path, _worst(outcome, each.slowest_ms, each.allowed_ms, each.cause)) for outcome, each in reactions
    ]
    nearest = [(each.path, _worst(outcome, each.least_left_ms, None, each.cause)) for outcome, each in reactions]
    return Totals(
        batches=tuple(_batches(kept)),
        seeds={
            mode: ranges(outcome.seed for outcome in outcomes if outcome.mode == mode)
            for mode in sorted({outcome.mode for outcome in outcomes})
        },
        runs=len(outcomes),
        ordered=len(with_figures),
        violated=tuple(outcome for outcome in outcomes if outcome.blames),
        ends=dict(sorted(Counter(outcome.ended or "not over" for outcome in outcomes).items())),
        faults=tuple(_faults(outcomes)),
        halts=tuple(_halts(outcomes)),
        over=_most(
            _worst(outcome, figures.over_nl, figures.allowed_over_nl, "given beyond the order")
            for outcome, figures in with_figures
        ),
        slowest=_by_path(slowest, sign=1),
        nearest=_by_path(nearest, sign=-1),
        stops=sum(figures.stops for _, figures in with_figures),
        reactions={path: sum(each.count for _, each in reactions if each.path == path) for path in PATHS},
        unended=sum(each.unended for _, each in reactions),
        widest=_most(_worst(outcome, each.widest_nl, None, "high - low") for outcome, each in intervals),
        records=sum(each.records for _, each in intervals),
        outside=sum(each.outside for _, each in intervals),
    )


def command(mode: str, seed: int) -> str:
    """Return the command that shows one run."""
    return f"pumpd campaign --tier full --mode {mode} --seed {seed} --trace"


def ranges(seeds: Iterable[int]) -> str:
    """Return seeds as ranges for people: `0..9, 12`."""
    ordered = enumerate(sorted(set(seeds)))
    runs = [[seed for _, seed in group] for _, group in groupby(ordered, key=lambda pair: pair[1] - pair[0])]
    return ", ".join(f"{run[0]}..{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def _batches(kept: Sequence[Kept]) -> Iterator[Batch]:
    ordered = sorted(kept, key=lambda each: (each.outcome.mode, str(each.revision), each.outcome.seed))
    for (mode, revision), group in groupby(ordered, key=lambda each: (each.outcome.mode, str(each.revision))):
        outcomes = [each.outcome for each in group]
        yield Batch(
            mode=mode,
            revision=revision,
            seeds=ranges(outcome.seed for outcome in outcomes),
            runs=len(outcomes),
            violated=sum(bool(outcome.blames) for outcome in outcomes),
            simulated_s=sum(outcome.simulated_s for outcome in outcomes),
            digest=hashlib.sha256("".join(outcome.digest for outcome in outcomes).encode()).hexdigest(),
        )


def _faults(outcomes: Sequence[Outcome]) -> Iterator[FaultCount]:
    for kind in sorted({name for outcome in outcomes for name in outcome.faults}):
        met = [outcome for outcome in outcomes if kind in outcome.faults]
        struck = [outcome for outcome in met if outcome.figures is not None and kind in outcome.figures.struck]
        yield FaultCount(
            kind=kind,
            runs=len(met),
            struck=len(struck),
            violated=sum(bool(outcome.blames) for outcome in met),
            struck_and_violated=sum(bool(outcome.blames) for outcome in struck),
        )


def _halts(outcomes: Sequence[Outcome]) -> Iterator[HaltCount]:
    halts = [each for outcome in outcomes if outcome.figures is not None for each in outcome.figures.halts]
    for cause in sorted({each.cause for each in halts if each.became != Mode.COMPLETED.value}):
        mine = [each for each in halts if each.cause == cause]
        paused = [each for each in mine if each.became == Mode.PAUSED.value]
        ended = [each for each in mine if each.became == Mode.ENDED.value]
        yield HaltCount(
            cause=cause,
            paused=sum(each.count for each in paused),
            ended=sum(each.count for each in ended),
            other=sum(each.count for each in mine) - sum(each.count for each in (*paused, *ended)),
            paused_s=-(-sum(each.total_ms for each in paused) // 1_000),
        )


def _worst(outcome: Outcome, value: int, allowed: int | None, what: str) -> Worst:
    return Worst(mode=outcome.mode, seed=outcome.seed, value=value, allowed=allowed, what=what)


def _most(found: Iterable[Worst]) -> Worst | None:
    return max(found, key=lambda each: each.value, default=None)


def _by_path(found: Sequence[tuple[str, Worst]], *, sign: int) -> dict[str, Worst]:
    """Return the largest of each path, or with `sign` -1 the smallest."""
    best: dict[str, Worst] = {}
    for path, worst in found:
        if path not in best or sign * worst.value > sign * best[path].value:
            best[path] = worst
    return best
