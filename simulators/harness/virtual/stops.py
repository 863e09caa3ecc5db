"""When flow had to end in a run, and how long that might take: from the scenario and what the sensors put out.

Only what is certain becomes a stop condition: where a disturbed line might have hidden a sign from the daemon, nothing
is demanded of it. What ends an infusion is demanded as the stop that it is.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from simulators.harness.faults.kinds import (
    BrokerGone,
    BytesCorrupted,
    BytesDelayed,
    BytesDuplicated,
    BytesLost,
    BytesSplit,
    CounterLost,
    DiskFull,
    DiskStalled,
    Fault,
    FsyncFails,
    HalfDuplexDropsStp,
    HostStalled,
    IgnoresStp,
    KeyPressed,
    KeyRate,
    KeySetting,
    Line,
    LineUnplugged,
    Occlusion,
    PumpReset,
    PumpStall,
    ReplyLostAfterExecution,
)
from simulators.oracle.allowances import OBEDIENCE_NS, SILENCE_MARGIN_NS, Path, allowance, condition
from simulators.oracle.observation import NS_PER_S, Bar, Kind, Life, Receipt, Received, StopCondition, Word
from simulators.oracle.presence import absences
from simulators.oracle.signs import Limit, Need, Reading, needs

SETTLE_NS = 3 * NS_PER_S
"""What a line's fault leaves behind: a port that is opened again, a reply that is waited for."""
AT_ONCE_NS = 1_000_000
"""A stop that a person asks for leaves in the same callback, and that takes no simulated time."""
NOTICED_NS = 3 * NS_PER_S
"""After so long the journal's failure is a stop condition."""
PRESENCE_NS = 720 * NS_PER_S
"""For so long an infusion may go on with nobody who confirms to be at the bedside."""
OXIMETER_MISSING_NS = 15 * NS_PER_S
LIMITS = (
    Limit(sign="spo2", low=92, high=None, for_ns=15 * NS_PER_S, missing_ns=OXIMETER_MISSING_NS),
    Limit(sign="spo2", low=90, high=None, for_ns=10 * NS_PER_S, missing_ns=OXIMETER_MISSING_NS),
    Limit(sign="spo2", low=85, high=None, for_ns=0, missing_ns=OXIMETER_MISSING_NS),
    Limit(sign="hr", low=50, high=120, for_ns=15 * NS_PER_S, missing_ns=OXIMETER_MISSING_NS),
    Limit(sign="hr", low=40, high=140, for_ns=5 * NS_PER_S, missing_ns=OXIMETER_MISSING_NS),
)
"""The pause and end rules of the profile for the signs of the oximeter, written out here once more."""
CUFF_MISSING_NS = 600 * NS_PER_S
REPEAT_WITHIN_NS = 120 * NS_PER_S
CUFF_LIMITS = (
    Limit(sign="sbp", low=90, high=179, for_ns=0, missing_ns=CUFF_MISSING_NS),
    Limit(sign="dbp", low=None, high=109, for_ns=0, missing_ns=CUFF_MISSING_NS),
    Limit(sign="sbp", low=None, high=159, for_ns=REPEAT_WITHIN_NS, missing_ns=None, or_repeated=True),
    Limit(sign="dbp", low=None, high=99, for_ns=REPEAT_WITHIN_NS, missing_ns=None, or_repeated=True),
)
"""The same for the cuff; what is above `high` here is at or above the profile's limit."""
RISES_MMHG = {"sbp": 40, "dbp": 25}
"""So far above its baseline a pressure pauses as one above an absolute limit does that waits for a repeat."""
CUFF_SETTLE_NS = 10 * NS_PER_S
"""After a fault of its line, and after a start of the daemon, the cuff's driver asks again for as long at most."""
BASELINE_APART_NS = 31 * NS_PER_S
BASELINE_AGE_NS = 899 * NS_PER_S
"""The profile's 30 s and 900 s, and a second: a result leaves the cuff a moment after its cycle has ended."""


START_LIMITS = (
    Limit(sign="spo2", low=95, high=None, for_ns=0, missing_ns=5 * NS_PER_S),
    Limit(sign="hr", low=50, high=110, for_ns=0, missing_ns=5 * NS_PER_S),
)
"""What neither a start nor a resume is free beyond, not even with a reason; written out here once more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """From when to when something was so."""

    from_ns: int
    to_ns: int

    def meets(self, from_ns: int, to_ns: int) -> bool:
        """Tell whether the two share an instant."""
        return self.from_ns <= to_ns and from_ns <= self.to_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is known of a run. `begin_ns` is the instant that the times of its faults count from."""

    begin_ns: int
    until_ns: int
    lease_ns: int
    stop_latency_ns: int
    supervision_ns: int
    faults: tuple[Fault, ...]
    lives: tuple[Life, ...]
    openings_ns: tuple[int, ...]
    received: tuple[Received, ...]
    receipts: tuple[Receipt, ...]
    readings: tuple[Reading, ...]


def stops(situation: Situation) -> tuple[StopCondition, ...]:
    """Return the stop conditions of a run in the order of time."""
    found = [*_halts(situation), *_signs(situation), *_absences(situation), *_situations(situation)]
    dead, deaf = _dead(situation), _deaf(situation)
    made = [_made(each, situation, dead, deaf) for each in found if each.from_ns < situation.until_ns]
    return tuple(sorted(made, key=lambda each: each.at_ns))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cause:
    from_ns: int
    until_ns: int
    text: str
    at_once: bool = False


def _halts(situation: Situation) -> Iterator[_Cause]:
    for command in situation.received:
        if command.kind.halts:
            text = f"{command.kind.value} by {command.user}"
            yield _Cause(from_ns=command.at_ns, until_ns=command.at_ns, text=text, at_once=True)


def _situations(situation: Situation) -> Iterator[_Cause]:
    for life in situation.lives:
        if life.to_ns is not None:
            yield _Cause(from_ns=life.to_ns, until_ns=life.to_ns, text="the daemon died")
    dead_ns = situation.lease_ns + situation.stop_latency_ns + SETTLE_NS
    for fault in situation.faults:
        from_ns, to_ns = situation.begin_ns + fault.start_ns, situation.begin_ns + fault.end_ns
        match fault:
            case LineUnplugged(line=Line.PUMP) | HostStalled():
                due_ns, text = from_ns, "the pump is cut off"
                if to_ns - from_ns < dead_ns:
                    continue
            case LineUnplugged(line=Line.OXIMETER):
                due_ns, text = from_ns + OXIMETER_MISSING_NS, "the oximeter's cable is out"
            case LineUnplugged(line=Line.CUFF):
                due_ns, text = from_ns + CUFF_MISSING_NS, "the cuff's cable is out"
            case DiskFull() | FsyncFails() | DiskStalled():
                due_ns, text = from_ns + NOTICED_NS, "the journal takes no record"
            case BrokerGone():
                due_ns, text = from_ns + situation.supervision_ns, "nobody could supervise"
            case _:
                continue
        if due_ns < to_ns and any(life.from_ns < from_ns < (life.to_ns or to_ns + 1) for life in situation.lives):
            yield _Cause(from_ns=due_ns, until_ns=due_ns, text=text)


def _signs(situation: Situation) -> Iterator[_Cause]:
    for watched in _watched(situation, Line.OXIMETER, SETTLE_NS):
        yield from _needed(situation, LIMITS, watched)
    for watched in _watched(situation, Line.CUFF, CUFF_SETTLE_NS):
        yield from _needed(situation, CUFF_LIMITS, watched)
        yield from _rises(situation, watched)


def _absences(situation: Situation) -> Iterator[_Cause]:
    found = absences(
        situation.received,
        situation.receipts,
        from_ns=situation.begin_ns,
        until_ns=situation.until_ns,
        within_ns=PRESENCE_NS,
    )
    for need in found:
        yield _Cause(from_ns=need.from_ns, until_ns=need.until_ns, text=need.cause)


def bars(situation: Situation) -> tuple[Bar, ...]:
    """Return what barred every start and resume, in the order of time."""
    found = [
        Bar(from_ns=need.from_ns, until_ns=need.until_ns, cause=need.cause)
        for watched in _watched(situation, Line.OXIMETER, SETTLE_NS)
        for need in _needs(situation, START_LIMITS, watched)
    ]
    for fault in situation.faults:
        if isinstance(fault, BrokerGone):
            from_ns, until_ns = situation.begin_ns + fault.start_ns, situation.begin_ns + fault.end_ns
            found.append(Bar(from_ns=from_ns, until_ns=until_ns, cause="the broker is gone"))
    return tuple(sorted(found, key=lambda each: each.from_ns))


def _needed(situation: Situation, limits: Iterable[Limit], watched: Stretch) -> Iterator[_Cause]:
    for need in _needs(situation, limits, watched):
        yield _Cause(from_ns=need.from_ns, until_ns=need.until_ns, text=need.cause)


def _needs(situation: Situation, limits: Iterable[Limit], watched: Stretch) -> Iterator[Need]:
    seen = _seen(situation, watched)
    for limit in limits:
        yield from needs(seen, limit, watched_from_ns=watched.from_ns, until_ns=watched.to_ns)


def _seen(situation: Situation, watched: Stretch) -> list[Reading]:
    return [each for each in situation.readings if watched.from_ns <= each.at_ns < watched.to_ns]


def _rises(situation: Situation, watched: Stretch) -> Iterator[_Cause]:
    """Yield when a pressure was too far above its baseline, which every start that is taken on sets anew."""
    starts_ns = [at_ns for at_ns in _starts_ns(situation) if watched.from_ns <= at_ns < watched.to_ns]
    for start_ns, next_ns in pairwise([*starts_ns, watched.to_ns]):
        before = _seen(situation, Stretch(from_ns=watched.from_ns, to_ns=start_ns))
        limits = []
        for sign, rise_mmhg in RISES_MMHG.items():
            mean = _baseline([each for each in before if each.sign == sign and each.value is not None], start_ns)
            if mean is not None:
                high = mean + rise_mmhg - 1
                limits.append(
                    Limit(sign=sign, low=None, high=high, for_ns=REPEAT_WITHIN_NS, missing_ns=None, or_repeated=True)
                )
        yield from _needed(situation, limits, Stretch(from_ns=start_ns, to_ns=next_ns))


def _starts_ns(situation: Situation) -> list[int]:
    ids = {each.id for each in situation.received if each.kind is Kind.START}
    taken: dict[str, int] = {}
    for receipt in situation.receipts:
        if receipt.id in ids and receipt.word is not Word.REFUSED:
            taken.setdefault(receipt.id, receipt.at_ns)
    return sorted(taken.values())


def _baseline(readings: Sequence[Reading], start_ns: int) -> int | None:
    """Return the mean of the two newest values, rounded down, or None where others may have been taken for it."""
    if len(readings) < 2:
        return None
    first, second = readings[-2:]
    certain = second.at_ns - first.at_ns >= BASELINE_APART_NS and start_ns - first.at_ns <= BASELINE_AGE_NS
    if first.value is None or second.value is None or not certain:
        return None
    return (first.value + second.value) // 2


def _watched(situation: Situation, line: Line, settle_ns: int) -> Iterator[Stretch]:
    """Yield when a life of the daemon saw what is on a line undisturbed."""
    disturbed = sorted(
        _stretches(situation, (each for each in situation.faults if _hides(each, line)), settle_ns),
        key=lambda each: each.from_ns,
    )
    for life in situation.lives:
        from_ns, end_ns = life.from_ns + settle_ns, situation.until_ns if life.to_ns is None else life.to_ns
        for each in disturbed:
            if from_ns < min(each.from_ns, end_ns):
                yield Stretch(from_ns=from_ns, to_ns=min(each.from_ns, end_ns))
            from_ns = max(from_ns, each.to_ns)
        if from_ns < end_ns:
            yield Stretch(from_ns=from_ns, to_ns=end_ns)


def _dead(situation: Situation) -> list[Stretch]:
    found = list(_stretches(situation, (each for each in situation.faults if _cuts_off_pump(each))))
    born_ns = [*(life.from_ns for life in situation.lives[1:]), situation.until_ns]
    for life, again_ns in zip(situation.lives, born_ns, strict=True):
        if life.to_ns is not None:
            found.append(Stretch(from_ns=life.to_ns, to_ns=again_ns + SETTLE_NS))
    return found


def _went_on_ns(situation: Situation) -> Iterator[int]:
    for fault in situation.faults:
        if isinstance(fault, HostStalled):
            yield situation.begin_ns + fault.end_ns


def _deaf(situation: Situation) -> list[Stretch]:
    return list(
        _stretches(situation, (each for each in situation.faults if _is_on(each, Line.PUMP) or _troubles_pump(each)))
    )


def _is_on(fault: Fault, line: Line) -> bool:
    match fault:
        case BytesLost() | BytesSplit() | BytesDelayed() | BytesCorrupted() | BytesDuplicated() | LineUnplugged():
            return fault.line is line
        case _:
            return False


def _hides(fault: Fault, line: Line) -> bool:
    return isinstance(fault, HostStalled) or _is_on(fault, line)


def _cuts_off_pump(fault: Fault) -> bool:
    return isinstance(fault, HostStalled) or (isinstance(fault, LineUnplugged) and fault.line is Line.PUMP)


def _troubles_pump(fault: Fault) -> bool:
    return isinstance(
        fault,
        IgnoresStp
        | HalfDuplexDropsStp
        | ReplyLostAfterExecution
        | PumpReset
        | PumpStall
        | Occlusion
        | KeyPressed
        | KeyRate
        | KeySetting
        | CounterLost,
    )


def _stretches(situation: Situation, faults: Iterable[Fault], settle_ns: int = SETTLE_NS) -> Iterator[Stretch]:
    for fault in faults:
        yield Stretch(from_ns=situation.begin_ns + fault.start_ns, to_ns=situation.begin_ns + fault.end_ns + settle_ns)


def _made(cause: _Cause, situation: Situation, dead: Sequence[Stretch], deaf: Sequence[Stretch]) -> StopCondition:
    """Return the condition with the times of the worst path that its stop may meet."""
    lease_ns, latency_ns = situation.lease_ns, situation.stop_latency_ns
    longest_ns = OBEDIENCE_NS + lease_ns + SILENCE_MARGIN_NS
    is_dead = any(each.meets(cause.from_ns, cause.from_ns + longest_ns) for each in dead)
    is_deaf = any(each.meets(cause.from_ns, cause.from_ns + longest_ns) for each in deaf)
    path = Path.DEAF if is_deaf else Path.DEAD if is_dead else Path.CLEAR
    made = condition(
        cause.text,
        path,
        at_ns=cause.from_ns,
        until_ns=max(cause.from_ns, min(cause.until_ns, situation.until_ns)),
        lease_ns=lease_ns,
        stop_latency_ns=latency_ns,
    )
    if cause.at_once and made.wire_within_ns is not None:
        made = replace(made, wire_within_ns=AT_ONCE_NS)
    if not is_dead:
        return made
    # each time the daemon opens the port, or goes on, it may take the whole path anew
    whole_ns = allowance(Path.DEAF if is_deaf else Path.CLEAR, lease_ns=lease_ns, stop_latency_ns=latency_ns)
    rest_ns = made.at_ns + made.rest_within_ns
    for anew_ns in sorted((*situation.openings_ns, *_went_on_ns(situation))):
        if made.at_ns < anew_ns <= rest_ns:
            rest_ns = max(rest_ns, anew_ns + whole_ns.rest_within_ns)
    return replace(made, wire_within_ns=None, rest_within_ns=rest_ns - made.at_ns)
