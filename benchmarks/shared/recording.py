"""Recorded vital signs as CSV: what a row holds, and what is refused. Knows no profile and no core.

One row for each instant at which a monitor gave something. Rates and saturation that are empty were not usable then; an
empty pressure or respiration was not measured then. The true values may be left out: only a simulator knows them.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from pumpd.core.ports import POSSIBLE, VitalKind
from pumpd.core.quantities import NS_PER_S

STREAMS = {"hr_bpm": VitalKind.HR, "spo2_percent": VitalKind.SPO2}
PRESSURES = {"sbp_mmhg": VitalKind.SBP, "dbp_mmhg": VitalKind.DBP, "map_mmhg": VitalKind.MAP}
MEASURED = {**STREAMS, **PRESSURES, "rr_bpm": VitalKind.RR}
TRUE = {
    "true_hr_bpm": VitalKind.HR,
    "true_spo2_percent": VitalKind.SPO2,
    "true_sbp_mmhg": VitalKind.SBP,
    "true_dbp_mmhg": VitalKind.DBP,
    "true_rr_bpm": VitalKind.RR,
}
COLUMNS = ("at_s", *MEASURED)
MOST_BYTES = 64 * 1024 * 1024
LONGEST_GAP_S = 3_600
"""A longer silence is two recordings."""
MS_PER_S = 1_000
NS_PER_MS = NS_PER_S // MS_PER_S


class RecordingError(ValueError):
    """A file that is no recording; the message names the file, the line and what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What the monitors gave at one instant, counted from the begin of the recording."""

    at_ns: int
    values: Mapping[VitalKind, int]
    truth: Mapping[VitalKind, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Rows in the order of time."""

    name: str
    rows: tuple[Row, ...]

    @property
    def hours(self) -> float:
        """Return how long it is."""
        return (self.rows[-1].at_ns - self.rows[0].at_ns) / NS_PER_S / 3_600

    @property
    def has_truth(self) -> bool:
        """Whether somebody knows what was true."""
        return self.rows[0].truth is not None


def load(path: Path) -> Recording:
    """Return the recording in a file, or raise `RecordingError`."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror}") from None
    if len(data) > MOST_BYTES:
        raise RecordingError(f"{path}: {len(data)} bytes; a recording has at most {MOST_BYTES}. Split it")
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError as error:
        raise RecordingError(f"{path}: byte {error.start} is not ASCII; save it as plain CSV") from None
    return parse(text, str(path))


def parse(text: str, name: str) -> Recording:
    """Return the recording in a text, or raise `RecordingError`."""
    lines = csv.reader(io.StringIO(text))
    header = tuple(next(lines, ()))
    if header not in (COLUMNS, (*COLUMNS, *TRUE)):
        raise RecordingError(
            f"{name}, line 1: the columns are {','.join(header)[:200]!r}; they must be {','.join(COLUMNS)}, with or "
            f"without {','.join(TRUE)} after them"
        )
    rows: list[Row] = []
    try:
        for cells in lines:
            rows.append(_row(cells, header, rows[-1].at_ns if rows else None))
    except (ValueError, csv.Error) as error:
        raise RecordingError(f"{name}, line {lines.line_num}: {error}") from None
    if not rows:
        raise RecordingError(f"{name}: there is no row after the columns")
    return Recording(name=name, rows=tuple(rows))


def _row(cells: list[str], header: tuple[str, ...], before_ns: int | None) -> Row:
    if len(cells) != len(header):
        raise ValueError(f"{len(cells)} cells; there are {len(header)} columns")
    named = dict(zip(header, cells, strict=True))
    at_ns = _instant_ns(named["at_s"])
    if before_ns is not None and not before_ns < at_ns <= before_ns + LONGEST_GAP_S * NS_PER_S:
        raise ValueError(
            f"at_s is {named['at_s']}, {(at_ns - before_ns) / NS_PER_S:g} s after the row before; it must be later, "
            f"and by at most {LONGEST_GAP_S} s"
        )
    values = {kind: _value(column, named[column], kind) for column, kind in MEASURED.items() if named[column]}
    found = [kind for kind in PRESSURES.values() if kind in values]
    if found and len(found) < len(PRESSURES):
        raise ValueError(f"{', '.join(kind.name for kind in found)} alone; a cuff reading has all of {list(PRESSURES)}")
    if found and not values[VitalKind.DBP] < values[VitalKind.MAP] < values[VitalKind.SBP]:
        raise ValueError("the mean pressure is not between the diastolic and the systolic one")
    truth = None
    if len(header) > len(COLUMNS):
        truth = {kind: _whole(column, named[column]) for column, kind in TRUE.items()}
    return Row(at_ns=at_ns, values=values, truth=truth)


def _instant_ns(cell: str) -> int:
    try:
        at_ms = Decimal(cell) * MS_PER_S
    except InvalidOperation:
        raise ValueError(f"at_s is {cell[:40]!r}, which is no number of seconds") from None
    if not at_ms.is_finite() or at_ms < 0 or at_ms != int(at_ms) or at_ms > 10**10:
        raise ValueError(f"at_s is {cell[:40]}; it must be 0 or more, to the millisecond, counted from the begin")
    return int(at_ms) * NS_PER_MS


def _value(column: str, cell: str, kind: VitalKind) -> int:
    value = _whole(column, cell)
    possible = POSSIBLE[kind]
    if value not in possible:
        raise ValueError(
            f"{column} is {value}; {possible.start} to {possible.stop - 1} {kind.unit} is possible, empty is no value"
        )
    return value


def _whole(column: str, cell: str) -> int:
    if not cell.isdecimal() or len(cell) > 4:
        raise ValueError(f"{column} is {cell[:40]!r}, which is no whole number")
    return int(cell)


def written(rows: Iterable[Row]) -> str:
    """Return rows with their truth as CSV."""
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow((*COLUMNS, *TRUE))
    for row in rows:
        truth = row.truth or {}
        cells = [row.values.get(kind, "") for kind in MEASURED.values()]
        lines.writerow((f"{row.at_ns / NS_PER_S:.3f}", *cells, *(truth.get(kind, "") for kind in TRUE.values())))
    return out.getvalue()
