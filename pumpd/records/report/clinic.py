"""What a report says of the clinic's side: clearance, syringe label, prompts, the drug's account, the discharge. Pure.

All of it stands in the bed's journal. Values are told beside what was asked for; whether they suffice, the core judged.
"""

from collections.abc import Iterator

from pumpd.core.accounting import allowed_ng
from pumpd.core.bounds import plain
from pumpd.core.clearance import Clearance, clock_text
from pumpd.core.commands import FOR_DISCHARGE, Attested
from pumpd.core.discharge import ALERT_MOAAS, READINGS
from pumpd.core.ports import VitalKind
from pumpd.core.prompts import EARLY_NS
from pumpd.core.quantities import G_PER_KG, NL_PER_ML, NS_PER_H, NS_PER_MIN, in_mg, text
from pumpd.records.report import words
from pumpd.records.report.document import Block, Facts, Remark, Table
from pumpd.records.report.words import NONE
from pumpd.records.summary.model import DrugAccount, Score, Session
from pumpd.records.summary.prompts import prompts
from pumpd.records.summary.signs import FEELINGS

_NS_PER_DAY = 24 * NS_PER_H
_NAUSEA = FEELINGS[0]
_SEEN = {
    Attested.ROOM_AIR: "SpO2 measured without added oxygen",
    Attested.FLUIDS_TOLERATED: "drinks without trouble",
    Attested.ESCORT_PRESENT: "an escort is here",
    Attested.NO_DRIVING: "patient and escort told of the ban on driving",
}


# ---- the clearance --------------------------------------------------------------------------------------------------


def clearance_words(session: Session) -> str:
    """Return in one line under what the order was made."""
    order, found = session.order, session.clearance
    if not order.clearance_hash:
        return f"WAIVED by profile {session.profile.name}, which is for simulators only: the clinic cleared nobody"
    if found is None:
        return f"{order.clearance_hash} of course {order.course}; the journal does not hold what it says"
    gates = ", ".join(gate.gate for gate in found.gates if gate.override)
    passed = f"; passed by override: {gates}" if gates else ""
    return f"{found.hash} of course {found.course}, infusion {found.number}, by {found.issued_by}{passed}"


def clearance(session: Session) -> Iterator[Block]:
    """Yield the clearance with its gates."""
    found = session.clearance
    if found is None:
        yield Remark(text=f"{clearance_words(session)}.")
        return
    yield Facts(
        rows=(
            ("clearance", f"{found.hash}, by {found.issued_by} at {clock_text(found.issued_wall_ns)}"),
            ("stands until", clock_text(found.expires_wall_ns)),
            ("course", f"{found.course}, infusion {found.number}"),
            ("given in the course", f"{_given_before(found)} by the infusions before this one"),
            ("infusion before", _spacing(found)),
            ("weight", _weight(found)),
        )
    )
    yield Table(
        heads=("gate", "found open by", "until", "override"),
        widths=(20, 15, 21, 44),
        rows=tuple(
            (
                gate.gate,
                gate.by,
                "does not lapse" if gate.until_wall_ns is None else clock_text(gate.until_wall_ns),
                gate.override or "none",
            )
            for gate in found.gates
        ),
        empty="The clearance names no gate.",
    )


def _given_before(found: Clearance) -> str:
    low, high = in_mg(found.given_low_ng), in_mg(found.given_high_ng)
    return f"{low} mg" if low == high else f"{low} to {high} mg"


def _spacing(found: Clearance) -> str:
    if found.last_infusion_wall_ns is None:
        return "none in this course"
    days = (found.issued_wall_ns - found.last_infusion_wall_ns) // _NS_PER_DAY
    return f"{clock_text(found.last_infusion_wall_ns)}; full days until the clearance: {days}"


def _weight(found: Clearance) -> str:
    before = "" if found.last_weight_g is None else f"; {text(found.last_weight_g, G_PER_KG, 3)} kg at the last session"
    return f"{text(found.weight_g, G_PER_KG, 3)} kg on the day{before}"


def override_rows(session: Session) -> tuple[tuple[str, str, str, str], ...]:
    """Return each gate that was passed by override: kind, what, who, why."""
    found = session.clearance
    if found is None:
        return ()
    return tuple(("gate", gate.gate, gate.by, gate.override) for gate in found.gates if gate.override)


# ---- the syringe ----------------------------------------------------------------------------------------------------


def label_rows(session: Session) -> tuple[tuple[str, str], ...]:
    """Return what the syringe's label said when the order was entered."""
    label, at_wall_ns, concentration = session.order.label, session.begun_wall_ns, session.order.concentration
    drawn = f"{plain(label.drug_drawn_ml)} mL of {session.order.drug} {plain(label.vial_strength_mg_ml)} mg/mL"
    made = f"{words.millilitres(label.mixed_nl)}, {words.milligrams(concentration.mass_ng(label.mixed_nl))}"
    mixed_wall_ns = at_wall_ns - label.mixed_min_ago * NS_PER_MIN
    expiry = "no expiry on the label"
    if label.expires_in_min is not None:
        expiry = f"expires at {words.clock(at_wall_ns + label.expires_in_min * NS_PER_MIN)}"
    return (
        ("syringe label", f"{drawn} and {plain(label.diluent_ml)} mL of diluent: {made}"),
        (
            "mixed",
            f"by {label.made_by}, witnessed by {label.witnessed_by}, about {words.clock(mixed_wall_ns)}; {expiry}",
        ),
        ("solution", f"attested as {label.appearance.value}"),
    )


# ---- prompts --------------------------------------------------------------------------------------------------------


def feelings(session: Session) -> Iterator[Block]:
    """Yield each prompt with what was entered for it."""
    yield Remark(
        text=f"An entry answers the prompts before it, and one that comes within {EARLY_NS // NS_PER_MIN} min. Scores "
        "are from 0 to 10. What else was entered stands under symptoms and scores."
    )
    yield Table(
        heads=("asked", "due", *FEELINGS, "scored", "MOAA/S", "assessed"),
        widths=(23, 8, 7, 9, 7, 11, 14, 8, 13),
        rows=tuple(
            (
                each.where,
                words.since(each.due_wall_ns, session.zero_wall_ns),
                *(_value(each.felt, scale) for scale in FEELINGS),
                _entered(session, each.felt),
                NONE if each.sedation is None else str(each.sedation.value),
                _entered(session, () if each.sedation is None else (each.sedation,)),
            )
            for each in prompts(session)
        ),
        empty="The pump was never started, so nobody was asked.",
    )


def _value(scores: tuple[Score, ...], scale: str) -> str:
    return next((str(each.value) for each in scores if each.scale == scale), NONE)


def _entered(session: Session, scores: tuple[Score, ...]) -> str:
    if not scores:
        return "nobody"
    return f"{scores[0].by}, {words.since(scores[0].at_wall_ns, session.zero_wall_ns)}"


# ---- the drug -------------------------------------------------------------------------------------------------------


def account(session: Session) -> Iterator[Block]:
    """Yield where the drug went: drawn equals given, primed, wasted and left."""
    found = session.account
    if found is None:
        yield Remark(text="Nobody has accounted for the drug.")
        return
    counted, concentration = found.counted, session.order.concentration
    drawn_nl = session.order.label.mixed_nl
    low_mg, low_ml = words.low_dose(concentration, counted.low_nl)
    high_mg, high_ml = words.high_dose(concentration, counted.high_nl)
    gap = "missing" if counted.missing_nl >= 0 else "too much"
    yield Table(
        heads=("the mixed solution", "mL", "mg"),
        widths=(40, 30, 30),
        rows=(
            ("drawn and mixed", *_amount(session, drawn_nl)),
            ("given, at least", low_ml, low_mg),
            ("given, at most", high_ml, high_mg),
            ("primed", *_amount(session, counted.primed_nl)),
            ("wasted", *_amount(session, counted.wasted_nl)),
            ("left in syringe and line", *_amount(session, counted.left_nl)),
            (gap, *_gap(session, counted.missing_nl)),
        ),
        empty="",
    )
    allowed = words.milligrams(allowed_ng(concentration.mass_ng(drawn_nl)))
    yield Facts(
        rows=(
            ("counted by", f"{counted.by}, {words.instant(found.counted_wall_ns)}"),
            ("witnessed by", _witness(found)),
            ("explanation", counted.explanation or f"none; up to {allowed} missing or too much needs none"),
        )
    )


def _amount(session: Session, volume_nl: int) -> tuple[str, str]:
    return words.millilitres(volume_nl), words.milligrams(session.order.concentration.mass_ng(volume_nl))


def _gap(session: Session, missing_nl: int) -> tuple[str, str]:
    """Return a gap, its mass rounded up."""
    gap_ng = -session.order.concentration.mass_ng(-abs(missing_nl))
    return f"{text(abs(missing_nl), NL_PER_ML, 6)} mL", words.milligrams(-(-gap_ng // 1_000) * 1_000)


def _witness(found: DrugAccount) -> str:
    if found.counted.witness is None or found.witnessed_wall_ns is None:
        return "nobody"
    signed = " with its gap and explanation" if found.counted.has_gap else ""
    return f"{found.counted.witness}, {words.instant(found.witnessed_wall_ns)}{signed}"


# ---- the discharge --------------------------------------------------------------------------------------------------


def leaving_words(session: Session) -> str:
    """Return in one line how the patient left."""
    left = session.leaving
    if left is None:
        if not session.is_closed:
            return "not yet"
        if not _is_observed(session):
            return "nothing was given, so nobody was observed"
        return "the session is closed, and the journal does not say how"
    role = session.roles.get(left.by)
    who = left.by if role is None else f"{left.by} ({role.value})"
    if left.transfer_reason:
        return f"NOT DISCHARGED: handed over to other care by {who}, because: {left.transfer_reason}"
    return f"discharged, signed by {who}"


def discharge(session: Session) -> Iterator[Block]:
    """Yield what a discharge asks for beside what the journal holds of it, and the hand-over."""
    if not _is_observed(session):
        yield Remark(text="There is no infusion that is over, so no discharge was asked for.")
        return
    yield Table(
        heads=("asked for", "last in the journal", "by, at"),
        widths=(38, 38, 24),
        rows=tuple(_checklist(session)),
        empty="",
    )
    left = session.leaving
    yield Facts(
        rows=(
            ("left", leaving_words(session)),
            ("signed at", NONE if left is None else words.instant(left.at_wall_ns)),
            ("handed over", NONE if left is None else left.handover or NONE),
        )
    )


def _is_observed(session: Session) -> bool:
    """Say whether the infusion is over and any drug may have flowed in it."""
    return session.over_wall_ns is not None and (session.first_run_wall_ns is not None or session.high_nl > 0)


def _checklist(session: Session) -> Iterator[tuple[str, str, str]]:
    profile, baseline, over_wall_ns = session.profile, session.baseline, session.over_wall_ns
    assert over_wall_ns is not None  # noqa: S101 - only who is observed is discharged
    until_wall_ns = session.last_wall_ns if session.closed_wall_ns is None else session.closed_wall_ns
    yield (
        f"observed for {profile.observe_min_ns // NS_PER_MIN} min",
        words.duration(until_wall_ns - over_wall_ns),
        NONE,
    )
    asked = "there is no baseline" if baseline is None else f"{baseline.sbp_mmhg}/{baseline.dbp_mmhg} mmHg"
    readings = [each for each in session.cuff if each.failure is None and each.at_wall_ns >= over_wall_ns][-READINGS:]
    yield (
        f"blood pressure within {profile.discharge_pressure_percent} % of the baseline ({asked}), {READINGS} readings",
        ", ".join(f"{each.sbp_mmhg}/{each.dbp_mmhg} mmHg" for each in readings) or NONE,
        ", ".join(words.since(each.at_wall_ns, session.zero_wall_ns) for each in readings) or NONE,
    )
    for wanted in (*(each for each in profile.start if each.vital is VitalKind.SPO2), ALERT_MOAAS):
        signs = [each for each in session.signs if each.vital is wanted.vital and each.usable is not None]
        newest = max(signs, key=lambda each: each.at_wall_ns, default=None)
        unit = wanted.vital.unit
        yield (
            f"{wanted.vital.name} {_span(wanted.low, wanted.high)} {unit}",
            NONE if newest is None else f"{newest.value} {unit}",
            NONE if newest is None else f"{newest.source}, {words.since(newest.at_wall_ns, session.zero_wall_ns)}",
        )
    nausea = next((each for each in reversed(session.scores) if each.scale == _NAUSEA), None)
    yield (
        f"nausea at most {profile.discharge_nausea_score} of 10",
        NONE if nausea is None else f"{nausea.value} of 10",
        NONE if nausea is None else _entered(session, (nausea,)),
    )
    seen = {each.item: each for each in session.attested}
    for item in FOR_DISCHARGE:
        found = seen.get(item)
        yield (
            _SEEN[item],
            "attested by nobody" if found is None else "attested",
            NONE if found is None else f"{found.by}, {words.since(found.at_wall_ns, session.zero_wall_ns)}",
        )
    drug = session.account
    yield (
        "the drug accounted for and witnessed",
        "not accounted for" if drug is None else "counted" if drug.counted.witness is None else "counted and witnessed",
        NONE if drug is None else " and ".join(each for each in (drug.counted.by, drug.counted.witness) if each),
    )


def _span(low: int, high: int | None) -> str:
    return f"at least {low}" if high is None else f"{low} to {high}"
