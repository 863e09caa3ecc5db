"""The tables of an export: which rows each has, and the flat form of what is no flat row by itself. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from pumpd.core.modes import Mode
from pumpd.core.ports import Validity, VitalKind
from pumpd.records.summary.model import (
    CuffCycle,
    Deed,
    Delivered,
    Episode,
    LimitMoved,
    ModeSpan,
    Note,
    NotedSign,
    OtherRecords,
    Outcome,
    Pause,
    RateSegment,
    Score,
    Session,
    Sign,
    Told,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """A session, its order and what came of it."""

    bed: str
    journal: str
    head_seq: int
    head_hash: str
    broken: str | None
    simulated: bool
    mode: Mode
    outcome: Outcome
    begun_wall_ns: int
    first_run_wall_ns: int | None
    over_wall_ns: int | None
    closed_wall_ns: int | None
    last_wall_ns: int
    low_nl: int
    high_nl: int
    low_ng: int
    high_ng: int
    order_hash: str
    drug: str
    weight_g: int
    dose_ng_per_g: int
    dose_ng: int
    duration_ns: int
    concentration_ng_per_nl: Fraction
    volume_nl: int
    rate_nl_h: int
    syringe: str
    diameter_um: int
    fill_nl: int
    worst_extra_nl: int
    soft_limits_passed: tuple[str, ...]
    soft_limit_reason: str
    prepared_by: str
    confirmed_by: str | None
    started_by: str | None
    closed_by: str | None
    baseline_sbp_mmhg: int | None
    baseline_dbp_mmhg: int | None
    profile: str
    profile_version: int
    profile_hash: str
    profile_approved: bool
    profiles: tuple[str, ...]
    programs: tuple[str, ...]
    versions: tuple[str, ...]
    pump_model: str | None
    pump_firmware: str | None
    pump_serial: str | None
    restarts: int
    lost_places: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VitalRow:
    """One value: in the column of its vital sign and unit, or in none where there was no value."""

    at_wall_ns: int
    vital: VitalKind
    validity: Validity
    sbp_mmhg: int | None
    dbp_mmhg: int | None
    map_mmhg: int | None
    hr_per_min: int | None
    spo2_percent: int | None
    rr_per_min: int | None
    moaas_of_5: int | None
    source: str
    seq: int

    @property
    def sign(self) -> Sign:
        """The value as a session holds it."""
        return Sign(
            at_wall_ns=self.at_wall_ns,
            vital=self.vital,
            value=getattr(self, _COLUMNS[self.vital]),
            validity=self.validity,
            source=self.source,
            seq=self.seq,
        )


_COLUMNS = {
    VitalKind.SBP: "sbp_mmhg",
    VitalKind.DBP: "dbp_mmhg",
    VitalKind.MAP: "map_mmhg",
    VitalKind.HR: "hr_per_min",
    VitalKind.SPO2: "spo2_percent",
    VitalKind.RR: "rr_per_min",
    VitalKind.MOAAS: "moaas_of_5",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One file: its name without the ending, the form of its rows, and which a session has."""

    name: str
    kind: type
    rows: Callable[[Told, Session], Iterator[object]]


def vital_row(sign: Sign) -> VitalRow:
    """Return the row of one value."""
    values = {column: sign.value if kind is sign.vital else None for kind, column in _COLUMNS.items()}
    return VitalRow(
        at_wall_ns=sign.at_wall_ns,
        vital=sign.vital,
        validity=sign.validity,
        source=sign.source,
        seq=sign.seq,
        **values,
    )


def session_row(told: Told, session: Session) -> SessionRow:
    """Return the row of one session. Bounds of mass are those of the volumes, low down and high up to a whole ng."""
    order, baseline, pump = session.order, session.baseline, session.pump
    ratio = order.concentration.ng_per_nl
    return SessionRow(
        bed=session.bed,
        journal=told.identity.journal_id,
        head_seq=told.head.seq,
        head_hash=told.head.hash,
        broken=None if told.broken is None else str(told.broken),
        simulated=session.simulated,
        mode=session.mode,
        outcome=session.outcome,
        begun_wall_ns=session.begun_wall_ns,
        first_run_wall_ns=session.first_run_wall_ns,
        over_wall_ns=session.over_wall_ns,
        closed_wall_ns=session.closed_wall_ns,
        last_wall_ns=session.last_wall_ns,
        low_nl=session.low_nl,
        high_nl=session.high_nl,
        low_ng=order.concentration.mass_ng(session.low_nl),
        high_ng=-(-ratio.numerator * session.high_nl // ratio.denominator),
        order_hash=order.hash,
        drug=order.drug,
        weight_g=order.weight_g,
        dose_ng_per_g=order.dose_ng_per_g,
        dose_ng=order.dose_ng,
        duration_ns=order.duration_ns,
        concentration_ng_per_nl=ratio,
        volume_nl=order.volume_nl,
        rate_nl_h=order.rate_nl_h,
        syringe=order.syringe.name,
        diameter_um=order.syringe.diameter_um,
        fill_nl=order.fill_nl,
        worst_extra_nl=order.worst_extra_nl,
        soft_limits_passed=order.soft_limits_passed,
        soft_limit_reason=order.soft_limit_reason,
        prepared_by=order.prepared_by,
        confirmed_by=session.confirmed_by,
        started_by=session.started_by,
        closed_by=session.closed_by,
        baseline_sbp_mmhg=None if baseline is None else baseline.sbp_mmhg,
        baseline_dbp_mmhg=None if baseline is None else baseline.dbp_mmhg,
        profile=session.profile.name,
        profile_version=session.profile.version,
        profile_hash=session.profile.hash,
        profile_approved=session.profile.approved,
        profiles=session.profiles,
        programs=session.programs,
        versions=tuple(map(str, session.versions)),
        pump_model=None if pump is None else pump.model,
        pump_firmware=None if pump is None else pump.firmware,
        pump_serial=None if pump is None else pump.serial,
        restarts=session.restarts,
        lost_places=session.lost,
    )


TABLES = (
    Table(name="sessions", kind=SessionRow, rows=lambda told, session: iter((session_row(told, session),))),
    Table(name="vitals", kind=VitalRow, rows=lambda _, session: map(vital_row, session.signs)),
    Table(name="cuff", kind=CuffCycle, rows=lambda _, session: iter(session.cuff)),
    Table(name="rates", kind=RateSegment, rows=lambda _, session: iter(session.rates)),
    Table(name="delivered", kind=Delivered, rows=lambda _, session: iter(session.delivered)),
    Table(name="modes", kind=ModeSpan, rows=lambda _, session: iter(session.modes)),
    Table(name="pauses", kind=Pause, rows=lambda _, session: iter(session.pauses)),
    Table(name="limits", kind=LimitMoved, rows=lambda _, session: iter(session.limits)),
    Table(name="alarms", kind=Episode, rows=lambda _, session: iter(session.alarms)),
    Table(name="symptoms", kind=NotedSign, rows=lambda _, session: iter(session.symptoms)),
    Table(name="scores", kind=Score, rows=lambda _, session: iter(session.scores)),
    Table(name="commands", kind=Deed, rows=lambda _, session: iter(session.deeds)),
    Table(name="decisions", kind=Note, rows=lambda _, session: iter(session.notes)),
    Table(name="other_records", kind=OtherRecords, rows=lambda _, session: iter(session.others)),
)
"""Every table of an export, one file each."""
