"""The tables of an export: which rows each has, and the flat form of what is no flat row by itself. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from fractions import Fraction

from pumpd.core.clearance import ClearedGate
from pumpd.core.commands import Appearance
from pumpd.core.modes import Mode
from pumpd.core.ports import Validity, VitalKind
from pumpd.records.summary.model import (
    CuffCycle,
    Deed,
    Delivered,
    Episode,
    Leaving,
    LimitMoved,
    ModeSpan,
    Note,
    NotedSign,
    OtherRecords,
    Outcome,
    Overridden,
    Pause,
    RateSegment,
    Score,
    Seen,
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
    vial_strength_ng_per_nl: Fraction
    drug_drawn_ml: Fraction
    diluent_ml: Fraction
    made_by: str
    witnessed_by: str
    mixed_min_ago: int
    expires_in_min: int | None
    appearance: Appearance
    course: str
    clearance_hash: str
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
class ClearanceRow:
    """The clinic's clearance that the order quotes; its gates are a table of their own."""

    hash: str
    course: str
    number: int
    weight_g: int
    last_weight_g: int | None
    given_low_ng: int
    given_high_ng: int
    last_infusion_wall_ns: int | None
    issued_by: str
    issued_wall_ns: int
    expires_wall_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """Where the drug went, in the mixed solution."""

    hash: str
    drawn_nl: int
    low_nl: int
    high_nl: int
    primed_nl: int
    wasted_nl: int
    left_nl: int
    missing_nl: int
    has_gap: bool
    explanation: str
    by: str
    counted_wall_ns: int
    witness: str | None
    witnessed_wall_ns: int | None


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
        vial_strength_ng_per_nl=Fraction(order.label.vial_strength_mg_ml),
        drug_drawn_ml=Fraction(order.label.drug_drawn_ml),
        diluent_ml=Fraction(order.label.diluent_ml),
        made_by=order.label.made_by,
        witnessed_by=order.label.witnessed_by,
        mixed_min_ago=order.label.mixed_min_ago,
        expires_in_min=order.label.expires_in_min,
        appearance=order.label.appearance,
        course=order.course,
        clearance_hash=order.clearance_hash,
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


def _clearance_rows(_: Told, session: Session) -> Iterator[ClearanceRow]:
    found = session.clearance
    if found is not None:
        yield ClearanceRow(**{field.name: getattr(found, field.name) for field in fields(ClearanceRow)})


def _gate_rows(_: Told, session: Session) -> Iterator[ClearedGate]:
    if session.clearance is not None:
        yield from session.clearance.gates


def _account_rows(_: Told, session: Session) -> Iterator[AccountRow]:
    found = session.account
    if found is not None:
        counted = found.counted
        yield AccountRow(
            hash=counted.hash,
            drawn_nl=session.order.label.mixed_nl,
            low_nl=counted.low_nl,
            high_nl=counted.high_nl,
            primed_nl=counted.primed_nl,
            wasted_nl=counted.wasted_nl,
            left_nl=counted.left_nl,
            missing_nl=counted.missing_nl,
            has_gap=counted.has_gap,
            explanation=counted.explanation,
            by=counted.by,
            counted_wall_ns=found.counted_wall_ns,
            witness=counted.witness,
            witnessed_wall_ns=found.witnessed_wall_ns,
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
    Table(name="clearances", kind=ClearanceRow, rows=_clearance_rows),
    Table(name="gates", kind=ClearedGate, rows=_gate_rows),
    Table(name="overrides", kind=Overridden, rows=lambda _, session: iter(session.overrides)),
    Table(name="account", kind=AccountRow, rows=_account_rows),
    Table(name="attested", kind=Seen, rows=lambda _, session: iter(session.attested)),
    Table(
        name="discharge",
        kind=Leaving,
        rows=lambda _, session: iter(() if session.leaving is None else (session.leaving,)),
    ),
    Table(name="commands", kind=Deed, rows=lambda _, session: iter(session.deeds)),
    Table(name="decisions", kind=Note, rows=lambda _, session: iter(session.notes)),
    Table(name="other_records", kind=OtherRecords, rows=lambda _, session: iter(session.others)),
)
"""Every table of an export, one file each."""
