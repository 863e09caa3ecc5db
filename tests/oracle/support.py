"""A run that breaks no invariant, to be spoilt one piece at a time."""

import binascii
from collections.abc import Iterable
from dataclasses import replace

from simulators.oracle.judge import judge
from simulators.oracle.observation import (
    NS_PER_S,
    Bytes,
    Claim,
    FlowSegment,
    Kind,
    Life,
    Mode,
    Observation,
    Order,
    Point,
    Receipt,
    Received,
    RecordedInterval,
    Replay,
    Word,
)

ORDER = Order(from_ns=0, volume_nl=20_000, rate_nl_h=3_600_000, count_nl=1_000)
"""1000 nL a second, for 20 s."""
LEASE_NS = 5 * NS_PER_S
LATENCY_NS = NS_PER_S // 2


def at(seconds: float) -> int:
    return round(seconds * NS_PER_S)


def safe(command: str) -> bytes:
    text = command.encode()
    return bytes([2, len(text) + 4]) + text + binascii.crc_hqx(text, 0).to_bytes(2, "big") + b"\x03"


def written(seconds: float, command: str) -> Bytes:
    return Bytes(at_ns=at(seconds), point=Point.WRITTEN, data=safe(command))


def heard(seconds: float, command: str) -> Bytes:
    return Bytes(at_ns=at(seconds), point=Point.HEARD, data=safe(command))


def both(seconds: float, command: str) -> list[Bytes]:
    return [written(seconds, command), heard(seconds, command)]


def wire(*some: Iterable[Bytes]) -> tuple[Bytes, ...]:
    return tuple(sorted((chunk for chunks in some for chunk in chunks), key=lambda chunk: chunk.at_ns))


def polls(first_s: int, last_s: int) -> list[Bytes]:
    return [chunk for second in range(first_s, last_s + 1) for chunk in both(second, "00DIS")]


def flows(from_s: float, to_s: float | None, rate_nl_h: int = ORDER.rate_nl_h) -> FlowSegment:
    return FlowSegment(from_ns=at(from_s), to_ns=None if to_s is None else at(to_s), rate_nl_h=rate_nl_h)


def got(seconds: float, kind: Kind, name: str, pressed_s: float | None = -1.0) -> Received:
    """A command that came at `seconds`, pressed a tenth of a second before unless said otherwise."""
    pressed = seconds - 0.1 if pressed_s == -1.0 else pressed_s
    return Received(
        at_ns=at(seconds), user="anna", kind=kind, id=name, pressed_ns=None if pressed is None else at(pressed)
    )


def said(seconds: float, name: str, word: Word) -> Receipt:
    return Receipt(at_ns=at(seconds), id=name, word=word)


def claims(*some: tuple[float, Mode]) -> tuple[Claim, ...]:
    return tuple(Claim(at_ns=at(seconds), mode=mode) for seconds, mode in some)


def recorded(seconds: float, low_nl: int, high_nl: int) -> RecordedInterval:
    return RecordedInterval(at_ns=at(seconds), low_nl=low_nl, high_nl=high_nl)


def whole() -> Observation:
    """An infusion from 10 s to 30 s without any disturbance, seen until 60 s."""
    return Observation(
        until_ns=at(60),
        order=ORDER,
        lease_ns=LEASE_NS,
        stop_latency_ns=LATENCY_NS,
        undisturbed=True,
        flow=(flows(0, 10, 0), flows(10, 30), flows(30, None, 0)),
        wire=wire(both(0, "STP"), both(10, "00RUN"), polls(11, 31)),
        received=(got(9.5, Kind.START, "s1"),),
        receipts=(said(9.5, "s1", Word.ACCEPTED), said(10.2, "s1", Word.VERIFIED)),
        claims=claims(
            (0, Mode.IDLE),
            (5, Mode.READY),
            (9.5, Mode.STARTING),
            (10.2, Mode.RUNNING),
            (20, Mode.RUNNING),
            (30.2, Mode.STOPPING),
            (30.5, Mode.COMPLETED),
        ),
        alarms=(),
        intervals=(recorded(10, 0, 0), recorded(20, 9_000, 11_000), recorded(31, 19_000, 20_000)),
        replays=(Replay(at_ns=at(60), live=("start", "rest"), replayed=("start", "rest")),),
        stops=(),
        lives=(Life(from_ns=0, to_ns=None),),
        openings_ns=(0,),
        keypad_starts_ns=(),
    )


def paused() -> Observation:
    """The same infusion, paused by its nurse at 20 s and not resumed."""
    return replace(
        whole(),
        undisturbed=False,
        flow=(flows(10, 20.1),),
        wire=wire(both(0, "STP"), both(10, "00RUN"), polls(11, 19), [written(20, "STP"), heard(20.1, "STP")]),
        received=(got(9.5, Kind.START, "s1"), got(20, Kind.PAUSE, "p1")),
        receipts=(
            said(9.5, "s1", Word.ACCEPTED),
            said(20, "p1", Word.ACCEPTED),
            said(20.5, "p1", Word.VERIFIED),
        ),
        claims=claims(
            (0, Mode.IDLE),
            (9.5, Mode.STARTING),
            (10.2, Mode.RUNNING),
            (20, Mode.STOPPING),
            (20.5, Mode.PAUSED),
        ),
        intervals=(recorded(10, 0, 0), recorded(21, 10_000, 11_000)),
    )


def resumed() -> Observation:
    """The paused infusion, resumed at 40 s for the rest of the order."""
    before = paused()
    return replace(
        before,
        flow=(*before.flow, flows(40, 49.9)),
        wire=wire(before.wire, both(40, "00RUN"), polls(41, 50)),
        received=(*before.received, got(39.5, Kind.RESUME, "r1")),
        receipts=(*before.receipts, said(39.5, "r1", Word.ACCEPTED)),
        claims=(
            *before.claims,
            *claims((39.5, Mode.STARTING), (40.2, Mode.RUNNING), (50, Mode.STOPPING), (50.4, Mode.COMPLETED)),
        ),
        intervals=(*before.intervals, recorded(51, 19_000, 20_000)),
    )


def broken(observation: Observation) -> list[str]:
    """The invariants that an observation breaks, by name, each once for each violation."""
    return [violation.invariant.name for violation in judge(observation)]
