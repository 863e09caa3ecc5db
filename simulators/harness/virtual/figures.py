"""What a report counts of one run: how soon flow ended, how much was given, why it halted. Judges nothing.

All of it comes from what the oracle was given. Times are rounded towards longer, volumes towards more.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeVar

from simulators.harness.faults.kinds import NS_PER_MS, Fault
from simulators.oracle.flow import Flow
from simulators.oracle.i6_alarm import TOLD_NS
from simulators.oracle.observation import MOVING_MODES, NS_PER_H, Claim, Mode, Observation, Path, StopCondition
from simulators.oracle.seen import changes

T = TypeVar("T")

_WHO, _HOW_MUCH = re.compile(r" by \S+$"), re.compile(r" -?\d+(\.\d+)?$")
_OVER = MOVING_MODES | {Mode.COMPLETED, Mode.ENDED, Mode.FAULT}
_SETTLED = _OVER | {Mode.READY, Mode.PAUSED}
GIVEN, UNTOLD = "the order is given", "none"
"""The causes of halts that need neither a command nor an alarm, and of those that had neither."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """The slowest end of true flow after stop conditions of one cause and path."""

    cause: str
    """The condition without its number or person."""
    path: str
    count: int
    slowest_ms: int
    allowed_ms: int
    """For the slowest one."""
    least_left_ms: int
    """The shortest time between rest and the end of what was allowed."""
    unended: int
    """So many still flowed when the watching ended; of them `slowest_ms` is only what was seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """The recorded interval of what was given: high - low."""

    final_nl: int
    widest_nl: int
    records: int
    outside: int
    """So many records without the truth between their bounds, allowed or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Halts:
    """Halts of one cause and end. The cause is an alarm's id or a person's command."""

    cause: str
    became: str
    """The mode in which they settled."""
    count: int
    total_ms: int
    """Until the next start, or the end of the infusion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The figures of one run. Plain values."""

    over_nl: int
    """What had been given at most, less the order; negative where the order was not reached."""
    allowed_over_nl: int
    """Rate x (lease + stop latency)."""
    stops: int
    """Stop conditions, whether or not anything flowed at their instant."""
    reactions: tuple[Reaction, ...]
    interval: Interval | None
    halts: tuple[Halts, ...]
    struck: tuple[str, ...]
    """The kinds of faults that were in force while anything flowed."""


def figures(observation: Observation, faults: Sequence[Fault], begin_ns: int) -> Figures:
    """Return the figures of a run whose faults count from `begin_ns`."""
    flow, order = Flow(observation.flow, observation.until_ns), observation.order
    before = flow.exact(order.from_ns)
    peak = max((flow.exact(flow.end_ns(each)) - before for each in flow.segments), default=0)
    allowed = order.rate_nl_h * (observation.lease_ns + observation.stop_latency_ns)
    return Figures(
        over_nl=_up(max(0, peak), NS_PER_H) - order.volume_nl,
        allowed_over_nl=allowed // NS_PER_H,
        stops=sum(each.at_ns < observation.until_ns for each in observation.stops),
        reactions=_joined(_reactions(flow, observation), lambda each: (each.cause, each.path), _slower),
        interval=_interval(flow, observation, before),
        halts=_joined(_halts(observation), lambda each: (each.cause, each.became), _together),
        struck=tuple(sorted({fault.name for fault in faults if _strikes(fault, begin_ns, flow)})),
    )


def _reactions(flow: Flow, observation: Observation) -> Iterator[Reaction]:
    """Yield a reaction for each condition that names its path and met flow."""
    for condition in observation.stops:
        if condition.path is None or condition.at_ns >= observation.until_ns or not flow.flows_at(condition.at_ns):
            continue
        yield _reaction(condition, condition.path, flow.rest_ns(condition.at_ns), observation.until_ns)


def _reaction(condition: StopCondition, path: Path, rest_ns: int | None, until_ns: int) -> Reaction:
    took_ms = _up((until_ns if rest_ns is None else rest_ns) - condition.at_ns, NS_PER_MS)
    allowed_ms = condition.rest_within_ns // NS_PER_MS
    return Reaction(
        cause=_HOW_MUCH.sub(" beyond its limit", _WHO.sub(" by a person", condition.cause)),
        path=path.name.lower(),
        count=1,
        slowest_ms=took_ms,
        allowed_ms=allowed_ms,
        least_left_ms=allowed_ms - took_ms,
        unended=int(rest_ns is None),
    )


def _slower(one: Reaction, other: Reaction) -> Reaction:
    slower = max(one, other, key=lambda each: each.slowest_ms)
    return replace(
        slower,
        count=one.count + other.count,
        least_left_ms=min(one.least_left_ms, other.least_left_ms),
        unended=one.unended + other.unended,
    )


def _interval(flow: Flow, observation: Observation, before: int) -> Interval | None:
    recorded = [each for each in observation.intervals if each.at_ns < observation.until_ns]
    if not recorded:
        return None
    inside = sum(
        each.low_nl * NS_PER_H <= flow.exact(each.at_ns) - before <= each.high_nl * NS_PER_H for each in recorded
    )
    return Interval(
        final_nl=recorded[-1].high_nl - recorded[-1].low_nl,
        widest_nl=max(each.high_nl - each.low_nl for each in recorded),
        records=len(recorded),
        outside=len(recorded) - inside,
    )


def _halts(observation: Observation) -> Iterator[Halts]:
    claims = changes(observation.claims)
    for index, (before, claim) in enumerate(pairwise(claims), 1):
        if before.mode not in MOVING_MODES or claim.mode in MOVING_MODES:
            continue
        settled = next((later for later in claims[index:] if later.mode in _SETTLED), claims[-1])
        over_ns = next((later.at_ns for later in claims[index:] if later.mode in _OVER), observation.until_ns)
        cause = _cause(observation, claim, settled)
        total_ms = _up(over_ns - claim.at_ns, NS_PER_MS)
        yield Halts(cause=cause, became=settled.mode.value, count=1, total_ms=total_ms)


def _cause(observation: Observation, halt: Claim, settled: Claim) -> str:
    """Return the command of a person in the second before, or else the alarm that was raised nearest to the halt."""
    if settled.mode is Mode.COMPLETED:
        return GIVEN
    first_ns, last_ns = halt.at_ns - TOLD_NS, settled.at_ns + TOLD_NS
    for command in observation.received:
        if command.kind.halts and first_ns <= command.at_ns <= halt.at_ns:
            return f"{command.kind.value} by a person"
    held = [
        episode
        for episode in observation.alarms
        if episode.raised_ns <= last_ns and (episode.gone_ns is None or episode.gone_ns >= first_ns)
    ]
    nearest = min(held, key=lambda episode: abs(episode.raised_ns - halt.at_ns), default=None)
    return UNTOLD if nearest is None else nearest.id


def _together(one: Halts, other: Halts) -> Halts:
    return replace(one, count=one.count + other.count, total_ms=one.total_ms + other.total_ms)


def _strikes(fault: Fault, begin_ns: int, flow: Flow) -> bool:
    from_ns, to_ns = begin_ns + fault.start_ns, begin_ns + fault.end_ns
    return any(stretch.from_ns <= to_ns and from_ns < stretch.to_ns for stretch in flow.stretches)


def _joined(found: Iterable[T], key: Callable[[T], tuple[str, str]], join: Callable[[T, T], T]) -> tuple[T, ...]:
    joined: dict[tuple[str, str], T] = {}
    for each in found:
        place = key(each)
        joined[place] = join(joined[place], each) if place in joined else each
    return tuple(joined[place] for place in sorted(joined))


def _up(amount: int, unit: int) -> int:
    return -(-amount // unit)
