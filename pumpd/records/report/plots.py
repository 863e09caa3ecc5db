"""The charts of a session: vital signs with limits and pauses, the rate, and what was given. Draws nothing."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

from pumpd.core.ports import VitalKind
from pumpd.core.profile import Action
from pumpd.core.quantities import NL_PER_ML
from pumpd.records.report import words
from pumpd.records.report.chart import Band, Chart, Ink, Level, Line, Point, Shape
from pumpd.records.summary.findings import hold_ns, limit_at
from pumpd.records.summary.model import Session, Sign

BEFORE_MIN = 5.0
"""How much of the time before the first run is shown."""
AFTER_MIN = 10.0
"""How much of the observation is shown with the infusion."""
SHORTEST_MIN = 1.0

Window = tuple[float, float]


def of_infusion(session: Session) -> tuple[Chart, ...]:
    """Return the charts of the infusion, all over the same minutes."""
    begin, end = whole(session)
    if session.over_wall_ns is not None:
        end = min(end, minute(session, session.over_wall_ns) + AFTER_MIN)
    return (*_vitals(session, (begin, end)), _rate(session, (begin, end)), _delivered(session, (begin, end)))


def of_session(session: Session) -> tuple[Chart, ...]:
    """Return the vital signs of the whole session; none where the infusion's charts show all of it."""
    begin, end = whole(session)
    over_ns = session.over_wall_ns
    if over_ns is None or end <= minute(session, over_ns) + AFTER_MIN:
        return ()
    return _vitals(session, (begin, end))


def _vitals(session: Session, window: Window) -> tuple[Chart, ...]:
    return (
        _curve(session, window, VitalKind.SPO2, "Oxygen saturation", step=5, most=100),
        _curve(session, window, VitalKind.HR, "Heart rate", step=20, most=None),
        _pressure(session, window),
    )


def minute(session: Session, wall_ns: int) -> float:
    """Return an instant in minutes from the first run."""
    return words.minutes(wall_ns - session.zero_wall_ns)


def whole(session: Session) -> Window:
    """Return the first and the last minute that is shown."""
    begin = max(minute(session, session.begun_wall_ns), -BEFORE_MIN)
    return begin, max(minute(session, session.last_wall_ns), begin + SHORTEST_MIN)


def _curve(session: Session, window: Window, kind: VitalKind, title: str, *, step: int, most: int | None) -> Chart:
    begin, end = window
    signs = [each for each in session.signs if each.vital is kind and begin <= minute(session, each.at_wall_ns) <= end]
    pieces = tuple(_pieces(session, signs))
    levels = _levels(session, (kind,))
    values = [value for piece in pieces for _, value in piece]
    low, high = _range([*values, *(level.at for level in levels)], step)
    return Chart(
        title=title,
        unit=kind.unit,
        summary=_extremes(values, kind.unit),
        begin=begin,
        end=end,
        low=low,
        high=high if most is None else most,
        lines=(Line(name=kind.name, ink=Ink.FIRST, shape=Shape.LINE, pieces=pieces),),
        levels=levels,
        spans=_spans(session),
        gaps=tuple(_gaps(pieces, max(begin, 0.0), end)) if session.first_run_wall_ns is not None else (),
    )


def _pressure(session: Session, window: Window) -> Chart:
    begin, end = window
    cycles = [each for each in session.cuff if begin <= minute(session, each.at_wall_ns) <= end]

    def points(values: Iterable[tuple[int, int | None]]) -> tuple[tuple[Point, ...], ...]:
        return (tuple((minute(session, at_ns), float(value)) for at_ns, value in values if value is not None),)

    lines = (
        Line(
            name="systolic",
            ink=Ink.FIRST,
            shape=Shape.DOWN,
            pieces=points((each.at_wall_ns, each.sbp_mmhg) for each in cycles),
        ),
        Line(
            name="diastolic",
            ink=Ink.SECOND,
            shape=Shape.UP,
            pieces=points((each.at_wall_ns, each.dbp_mmhg) for each in cycles),
        ),
        Line(
            name="mean",
            ink=Ink.THIRD,
            shape=Shape.DOT,
            pieces=points((each.at_wall_ns, each.map_mmhg) for each in cycles),
        ),
    )
    levels = _levels(session, (VitalKind.SBP, VitalKind.DBP))
    values = [value for line in lines for piece in line.pieces for _, value in piece]
    low, high = _range([*values, *(level.at for level in levels)], 20)
    return Chart(
        title="Blood pressure, cuff",
        unit="mmHg",
        summary=f"{sum(each.failure is None for each in cycles)} readings; {_extremes(values, 'mmHg')}",
        begin=begin,
        end=end,
        low=low,
        high=high,
        lines=lines,
        levels=levels,
        spans=_spans(session),
    )


def _rate(session: Session, window: Window) -> Chart:
    begin, end = window
    pieces = tuple(_steps(session, end))
    counted = tuple(_counted(session, end))
    values = [value for piece in (*pieces, *counted) for _, value in piece]
    return Chart(
        title="Rate",
        unit="mL/h",
        summary=f"{len(session.rates)} rates were run",
        begin=begin,
        end=end,
        low=0.0,
        high=_above([*values, session.order.rate_nl_h / NL_PER_ML]),
        lines=(
            Line(name="commanded", ink=Ink.FIRST, shape=Shape.LINE, pieces=pieces),
            Line(name="counted, mean of each rate", ink=Ink.SECOND, shape=Shape.LINE, pieces=counted),
        ),
        spans=_spans(session),
    )


def _delivered(session: Session, window: Window) -> Chart:
    begin, end = window
    points = [
        (minute(session, each.at_wall_ns), each.low_nl / NL_PER_ML, each.high_nl / NL_PER_ML)
        for each in session.delivered
    ]
    points = [point for point in points if begin <= point[0] <= end]
    if points:
        points.append((end, *points[-1][1:]))
    order_ml = session.order.volume_nl / NL_PER_ML
    low_ml, high_ml = session.low_nl / NL_PER_ML, session.high_nl / NL_PER_ML
    return Chart(
        title="Given",
        unit="mL",
        summary=f"between {low_ml:.3f} and {high_ml:.3f} of {order_ml:.3f} mL",
        begin=begin,
        end=end,
        low=0.0,
        high=_above([order_ml, high_ml]),
        lines=(
            Line(
                name="proven at least",
                ink=Ink.FIRST,
                shape=Shape.LINE,
                pieces=(tuple((at, low) for at, low, _ in points),),
            ),
        ),
        bands=(Band(name="up to", points=tuple(points)),),
        levels=(Level(at=order_ml, words=f"order {order_ml:g}", ink=Ink.AXIS),),
        spans=_spans(session),
    )


def _pieces(session: Session, signs: Sequence[Sign]) -> Iterator[tuple[Point, ...]]:
    """Yield runs of valid values; what is not valid, or late, breaks the line."""
    piece: list[Point] = []
    before_ns: int | None = None
    for sign in sorted(signs, key=lambda each: each.at_wall_ns):
        value = sign.usable
        is_late = before_ns is not None and sign.at_wall_ns - before_ns > hold_ns(session, sign)
        if piece and (value is None or is_late):
            yield tuple(piece)
            piece = []
        if value is not None:
            piece.append((minute(session, sign.at_wall_ns), float(value)))
            before_ns = sign.at_wall_ns
    if piece:
        yield tuple(piece)


def _gaps(pieces: Sequence[tuple[Point, ...]], begin: float, end: float) -> Iterator[tuple[float, float]]:
    known_until = begin
    for piece in pieces:
        if piece[0][0] - known_until > 0.1:
            yield known_until, piece[0][0]
        known_until = max(known_until, piece[-1][0])
    if end - known_until > 0.1:
        yield known_until, end


def _levels(session: Session, kinds: Sequence[VitalKind]) -> tuple[Level, ...]:
    """Return the limits that pause and end, as they were at the end of the session."""
    found = []
    for rule in session.profile.rules:
        limit = limit_at(session, rule, session.last_wall_ns)
        if rule.vital not in kinds or rule.action is Action.ALERT or limit is None:
            continue
        name = f"{rule.vital.name} " if len(kinds) > 1 else ""
        rise = f" (+{limit - _base(session, rule.vital)})" if rule.relative else ""
        ink = Ink.END_LIMIT if rule.action is Action.END else Ink.PAUSE_LIMIT
        found.append(
            Level(at=float(limit), words=f"{rule.action.value} {name}{rule.side.value} {limit}{rise}", ink=ink)
        )
    return tuple(found)


def _base(session: Session, kind: VitalKind) -> int:
    assert session.baseline is not None  # noqa: S101 - a rise has a limit only above one
    return session.baseline.sbp_mmhg if kind is VitalKind.SBP else session.baseline.dbp_mmhg


def _spans(session: Session) -> tuple[tuple[float, float], ...]:
    return tuple(
        (
            minute(session, pause.since_wall_ns),
            minute(session, session.last_wall_ns if pause.until_wall_ns is None else pause.until_wall_ns),
        )
        for pause in session.pauses
    )


def _steps(session: Session, end: float) -> Iterator[tuple[Point, ...]]:
    """Yield each commanded rate from nothing to nothing."""
    for each in session.rates:
        since, until = minute(session, each.since_wall_ns), _until(session, each.until_wall_ns, end)
        rate = each.commanded_nl_h / NL_PER_ML
        yield (since, 0.0), (since, rate), (until, rate), (until, 0.0)


def _counted(session: Session, end: float) -> Iterator[tuple[Point, ...]]:
    for each in session.rates:
        since, until = minute(session, each.since_wall_ns), _until(session, each.until_wall_ns, end)
        if until > since:
            rate = each.counted_nl / NL_PER_ML / ((until - since) / 60)
            yield (since, rate), (until, rate)


def _until(session: Session, wall_ns: int | None, end: float) -> float:
    return end if wall_ns is None else minute(session, wall_ns)


def _range(values: Sequence[float], step: int) -> tuple[float, float]:
    """Return round borders around all values."""
    if not values:
        return 0.0, float(step)
    low, high = _rounded(min(values), step, math.floor), _rounded(max(values), step, math.ceil)
    return low, high if high > low else low + step


def _rounded(value: float, step: int, to: Callable[[float], int]) -> float:
    return float(step * to(value / step))


def _above(values: Sequence[float]) -> float:
    """Return an upper border that leaves some air over all values."""
    return max(values, default=0.0) * 1.15 or 1.0


def _extremes(values: Sequence[float], unit: str) -> str:
    return f"from {min(values):g} to {max(values):g} {unit}" if values else "no valid value"
