"""Feeds the events of a journal to fresh cores and sets what they decide beside what was recorded. Knows no file.

Two cores that were told the same must decide the same, to the byte. What the shell asks a core between events changes
nothing in it, so that events and their times are all a replay needs besides what each run began with.
"""

import typing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest

from pumpd.core.controller import Core
from pumpd.core.effects import Effect
from pumpd.core.events import Event
from pumpd.records.beginning import RunBegins
from pumpd.records.chain import Link
from pumpd.records.encoding import EncodingError, canonical, parse, registry
from pumpd.records.journal import GAP_KIND

WIRE_KINDS = frozenset({"pump-tx", "pump-rx"})
"""Raw bytes of the pump: kept as evidence, decided upon only as the facts that the driver read in them."""
_EVENTS: dict[str, type] = {kind.__name__: kind for kind in typing.get_args(Event)}
_EFFECTS = frozenset(kind.__name__ for kind in typing.get_args(Effect))
_TYPES = registry(RunBegins, *_EVENTS.values())
_FAULTS = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)
"""What a mistake in a core raises: shown as what it decided, with the record at which it did."""

MakeCore = Callable[[RunBegins], Core]


class ReplayError(ValueError):
    """Records that cannot be replayed; the message names the first of them and says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The first decision on one event that is not as recorded. `seq` is its record, or that of the event."""

    seq: int
    recorded: str | None
    replayed: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One recorded event, the decisions recorded after it, and the canonical text of those of a fresh core.

    A `cut_off` step is the last that was recorded of its run, or before a gap: the daemon may have decided more than
    became durable.
    """

    event: Link
    recorded: tuple[Link, ...]
    replayed: tuple[str, ...]
    cut_off: bool

    @property
    def comparable(self) -> tuple[str, ...]:
        """The decisions of the fresh core that the record must hold."""
        return self.replayed[: len(self.recorded)] if self.cut_off else self.replayed

    @property
    def difference(self) -> Difference | None:
        """The first difference, or None."""
        for recorded, replayed in zip_longest(self.recorded, self.comparable):
            body = None if recorded is None else recorded.body
            if body != replayed:
                seq = self.event.seq if recorded is None else recorded.seq
                return Difference(seq=seq, recorded=body, replayed=replayed)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """A run of the daemon begins."""

    link: Link
    run: RunBegins


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Records were lost here, so that the rest of this run cannot be replayed."""

    link: Link


def same_core(run: RunBegins) -> Core:
    """Return a fresh core with the settings that the run had."""
    return Core(run.settings)


def replay(links: Iterable[Link], make_core: MakeCore = same_core) -> Iterator[Begin | Step | Gap]:
    """Yield the runs of a journal, each with every event that was recorded of it, in order.

    Raises `ReplayError` at a record that no replay can use.
    """
    core: Core | None = None
    boot: str | None = None
    event: Link | None = None
    recorded: list[Link] = []
    for link in links:
        if link.boot != boot:
            if core is not None and event is not None:
                yield _step(core, event, recorded, cut_off=True)
            run = _run(link)
            core, boot, event, recorded = make_core(run), link.boot, None, []
            yield Begin(link=link, run=run)
        elif core is None or link.kind in WIRE_KINDS:
            continue
        elif link.kind in _EFFECTS:
            recorded.append(link)
        elif link.kind in _EVENTS:
            if event is not None:
                yield _step(core, event, recorded, cut_off=False)
            elif recorded:
                raise ReplayError(f"record {recorded[0].seq}: a decision stands before the first event of its run")
            event, recorded = link, []
        elif link.kind == GAP_KIND:
            if event is not None:
                yield _step(core, event, recorded, cut_off=True)
            core = None
            yield Gap(link=link)
        else:
            raise ReplayError(f"record {link.seq}: its kind {link.kind!r} is unknown here; use the pumpd that wrote it")
    if core is not None and event is not None:
        yield _step(core, event, recorded, cut_off=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a replay of a whole journal found. `programs` are the versions that wrote it."""

    programs: tuple[str, ...]
    runs: int
    events: int
    decisions: int
    differing: int
    """On how many events the decisions are not those that were recorded."""
    first: Difference | None
    gaps: tuple[int, ...]
    """The records at which others are missing; from each to the end of its run nothing could be replayed."""

    @property
    def is_same(self) -> bool:
        """Whether everything was replayed, with the same decisions."""
        return self.differing == 0 and not self.gaps


def findings(
    links: Iterable[Link], make_core: MakeCore = same_core, *, on_difference: Callable[[Step], None] = lambda _: None
) -> Findings:
    """Replay a journal and return what was found; raises `ReplayError`."""
    programs: dict[str, None] = {}
    gaps = []
    runs = events = decisions = differing = 0
    first = None
    for item in replay(links, make_core):
        match item:
            case Begin():
                runs += 1
                programs[item.run.program] = None
            case Gap():
                gaps.append(item.link.seq)
            case Step():
                events += 1
                decisions += len(item.recorded)
                difference = item.difference
                if difference is not None:
                    differing += 1
                    first = first or difference
                    on_difference(item)
            case _:
                typing.assert_never(item)
    return Findings(
        programs=tuple(programs),
        runs=runs,
        events=events,
        decisions=decisions,
        differing=differing,
        first=first,
        gaps=tuple(gaps),
    )


def _run(link: Link) -> RunBegins:
    if link.kind != RunBegins.__name__:
        raise ReplayError(
            f"record {link.seq}: run {link.boot} of the daemon begins without its settings; no replay can know them"
        )
    run = _parsed(link)
    assert isinstance(run, RunBegins)  # noqa: S101 - the kind says so
    return run


def _step(core: Core, event: Link, recorded: list[Link], *, cut_off: bool) -> Step:
    value = typing.cast(Event, _parsed(event))
    replayed: list[str] = []
    try:
        replayed.extend(canonical(effect) for effect in core.handle(value, event.mono_ns))
    except _FAULTS as error:
        replayed.append(f"a fault in the core: {type(error).__name__}: {error}")
    return Step(event=event, recorded=tuple(recorded), replayed=tuple(replayed), cut_off=cut_off)


def _parsed(link: Link) -> object:
    try:
        value = parse(link.body, _TYPES)
    except EncodingError as error:
        raise ReplayError(f"record {link.seq}: {error}; use the pumpd that wrote it") from error
    if type(value).__name__ != link.kind:
        raise ReplayError(f"record {link.seq}: its kind is {link.kind}, its content {type(value).__name__}")
    return value
