"""What a report says of a session, in the order in which a physician asks for it. Pure; every number has its unit."""

from collections.abc import Iterator
from itertools import groupby

from pumpd.core.alarms import Priority
from pumpd.core.commands import ReceiptState
from pumpd.core.quantities import G_PER_KG, NS_PER_H, in_mg, text
from pumpd.records.report import clinic, words
from pumpd.records.report.document import Block, Caution, Code, Document, Facts, Figure, Heading, Remark, Table
from pumpd.records.report.plots import of_infusion, of_session
from pumpd.records.report.words import NONE
from pumpd.records.summary.findings import beyond, extremes
from pumpd.records.summary.model import Outcome, Pause, Score, Session, Told
from pumpd.records.summary.signs import FEELINGS

NO_DEVICE = (
    "pumpd is not a certified medical device, gives no treatment advice and replaces nobody at the bedside. This "
    "report tells what its journal holds; that pump, cuff and people really did what was recorded, it cannot prove."
)
_ROUTINE = frozenset({"presence", "acknowledge", "audio-pause", "assess", "score"})
"""Commands that are told elsewhere, or often."""
_TIMELINE_LEAVES_OUT = frozenset({"attest", "cuff", "symptom", "score"})
"""Decisions that stand in tables of their own, or in a chart."""


def document(told: Told, session: Session) -> Document:
    """Return the report of one session of a journal."""
    return Document(
        title=f"Infusion report {session.session}",
        subtitle=(
            f"bed {session.bed}, {words.instant(session.zero_wall_ns)} UTC, order prepared by "
            f"{session.order.prepared_by}; all times in UTC, +minutes:seconds from the first run"
        ),
        foot=f"{session.session}, bed {session.bed}, journal head {told.head.seq}:{told.head.hash[:16]}...",
        blocks=tuple(_blocks(told, session)),
    )


def _blocks(told: Told, session: Session) -> Iterator[Block]:
    yield from _cautions(told, session)
    yield from _result(session)
    yield from _pauses(session)
    yield from _vitals(session)
    yield Heading(text="Course of the infusion", new_page=True)
    yield from (Figure(chart=chart) for chart in of_infusion(session))
    yield Remark(
        text="Broken lines are limits that pause, dotted ones limits that end, as they were at the end of the session."
    )
    if observed := of_session(session):
        yield Heading(text="Vital signs of the whole session", new_page=True)
        yield from (Figure(chart=chart) for chart in observed)
    yield Heading(text="The clinic's clearance", new_page=True)
    yield from clinic.clearance(session)
    yield Heading(text="Order")
    yield from _order(session)
    yield from _people(session)
    yield from _departures(session)
    yield Heading(text="How the patient felt: each prompt and its first answer")
    yield from clinic.feelings(session)
    yield from _symptoms(session)
    yield Heading(text="Where the drug went")
    yield from clinic.account(session)
    yield Heading(text="Discharge")
    yield from clinic.discharge(session)
    yield from _alarms(session)
    yield from _timeline(session)
    yield from _others(told, session)
    yield from _chain(told, session)


# ---- the first page -------------------------------------------------------------------------------------------------


def _cautions(told: Told, session: Session) -> Iterator[Block]:
    if told.broken is not None:
        yield Caution(
            text=f"BROKEN RECORD: {told.broken}. This report is made of the {told.head.seq} records before it, and "
            "proves nothing of what came after."
        )
    if session.simulated:
        yield Caution(text="SIMULATED: every device was simulated; no patient was infused.")
    if not session.profile.approved:
        yield Caution(text=f"UNAPPROVED LIMITS: profile {session.profile.name} was approved by no two named people.")
    if not session.order.clearance_hash:
        yield Caution(text=f"CLEARANCE {clinic.clearance_words(session)}.")
    if len(session.profiles) > 1:
        yield Caution(
            text=f"MORE THAN ONE PROFILE: {'; '.join(session.profiles)}. Limits and their times are told by the first."
        )
    if not session.is_closed:
        yield Caution(
            text=f"UNFINISHED: the journal ends at {words.instant(session.last_wall_ns)} UTC in mode "
            f"{session.mode.value}, and nobody had closed the session."
        )
    if session.lost:
        yield Caution(text=f"NOT COMPLETE: a failing disk lost records at {session.lost} places of this session.")
    yield Remark(text=NO_DEVICE)


def _result(session: Session) -> Iterator[Block]:
    order, concentration = session.order, session.order.concentration
    low_mg, low_ml = words.low_dose(concentration, session.low_nl)
    high_mg, high_ml = words.high_dose(concentration, session.high_nl)
    ordered_mg = in_mg(order.dose_ng)
    paused_ns = sum(_length_ns(session, pause) for pause in session.pauses)
    yield Heading(text="Result")
    yield Facts(
        rows=(
            ("outcome", _outcome(session)),
            ("given, at least", f"{low_mg} ({low_ml}) of {order.drug}"),
            ("given, at most", f"{high_mg} ({high_ml}) of {order.drug}"),
            (
                "ordered",
                f"{ordered_mg} mg ({words.millilitres(order.volume_nl)}) at {words.rate(order.rate_nl_h)}, over "
                + words.duration(order.duration_ns),
            ),
            ("clearance", clinic.clearance_words(session)),
            ("first run", _when(session, session.first_run_wall_ns)),
            ("infusion over", _when(session, session.over_wall_ns)),
            ("session closed", f"{_when(session, session.closed_wall_ns)}{_by(session.closed_by)}"),
            ("patient left", clinic.leaving_words(session)),
            ("pauses", f"{len(session.pauses)}, together {words.duration(paused_ns)}"),
            ("restarts of pumpd", str(session.restarts)),
            ("alarms", _alarm_count(session)),
            ("symptoms", ", ".join(_symptom_words(session)) or "none noted"),
            ("overrides", _departure_count(session)),
        )
    )


def _alarm_count(session: Session) -> str:
    high = sum(each.priority is Priority.HIGH for each in session.alarms)
    unheard = sum(each.acknowledged_by is None for each in session.alarms)
    return f"{len(session.alarms)}, of them {high} HIGH; {unheard} acknowledged by nobody"


def _symptom_words(session: Session) -> Iterator[str]:
    for each in session.symptoms:
        yield f"{each.symptom} {words.since(each.at_wall_ns, session.zero_wall_ns)}"


def _departure_count(session: Session) -> str:
    count = len(_departure_rows(session))
    return f"{count}, see below" if count else "none"


def _outcome(session: Session) -> str:
    if session.outcome in {Outcome.ENDED_SHORT, Outcome.GIVEN_UP}:
        return f"{session.outcome.value}: {session.halt_cause or 'the record does not say why'}"
    return f"{session.outcome.value}"


def _by(user: str | None) -> str:
    return "" if user is None else f", by {user}"


def _when(session: Session, wall_ns: int | None) -> str:
    if wall_ns is None:
        return NONE
    return f"{words.instant(wall_ns)} ({words.since(wall_ns, session.zero_wall_ns)})"


def _length_ns(session: Session, pause: Pause) -> int:
    until_ns = session.last_wall_ns if pause.until_wall_ns is None else pause.until_wall_ns
    return until_ns - pause.since_wall_ns


def _pauses(session: Session) -> Iterator[Block]:
    yield Heading(text="Pauses")
    yield Table(
        heads=("from", "lasted", "by", "cause", "went on"),
        widths=(15, 13, 16, 38, 18),
        rows=tuple(
            (
                _short(session, pause.since_wall_ns),
                words.duration(_length_ns(session, pause)),
                pause.by or f"pumpd: {', '.join(pause.rules) or 'no rule of its own'}",
                pause.cause,
                _went_on(pause),
            )
            for pause in session.pauses
        ),
        empty="The infusion was never paused.",
    )


def _went_on(pause: Pause) -> str:
    if pause.until_wall_ns is None:
        return "still paused at the end of the journal"
    return "not resumed" if pause.resumed_by is None else f"resumed by {pause.resumed_by}"


def _short(session: Session, wall_ns: int) -> str:
    return f"{words.clock(wall_ns)} ({words.since(wall_ns, session.zero_wall_ns)})"


def _vitals(session: Session) -> Iterator[Block]:
    yield Heading(text="Vital signs from the first run on")
    if session.baseline is not None:
        yield Remark(text=f"Baseline before the start: {session.baseline.sbp_mmhg} / {session.baseline.dbp_mmhg} mmHg.")
    yield Table(
        heads=("vital sign", "lowest", "highest", "valid values", "unusable", "no valid value for"),
        widths=(16, 20, 20, 13, 11, 20),
        rows=tuple(
            (
                f"{each.vital.name}, {each.vital.unit}",
                _extreme(session, each.lowest, each.lowest_wall_ns),
                _extreme(session, each.highest, each.highest_wall_ns),
                str(each.valid),
                str(each.unusable),
                words.duration(each.unknown_ns),
            )
            for each in extremes(session)
        ),
        empty="No vital sign was recorded after a first run.",
    )
    yield Table(
        heads=("limit that was passed", "limit", "what it does", "passed for about"),
        widths=(30, 30, 18, 22),
        rows=tuple(
            (each.rule, each.limit, each.action.value, words.duration(each.beyond_ns)) for each in beyond(session)
        ),
        empty="No value passed a limit.",
    )


def _extreme(session: Session, value: int | None, wall_ns: int | None) -> str:
    if value is None or wall_ns is None:
        return NONE
    return f"{value} at {words.since(wall_ns, session.zero_wall_ns)}"


# ---- the other pages ------------------------------------------------------------------------------------------------


def _order(session: Session) -> Iterator[Block]:
    order, profile = session.order, session.profile
    numerator, denominator = order.concentration.ng_per_nl.as_integer_ratio()
    pump, weight = session.pump, text(order.weight_g, G_PER_KG, 3)
    yield Facts(
        rows=(
            ("order", order.hash),
            ("drug", f"{order.drug}, {text(numerator, denominator, 3)} mg/mL"),
            (
                "dose",
                f"{text(order.dose_ng_per_g, 1_000, 3)} mg/kg at {weight} kg: {in_mg(order.dose_ng)} mg",
            ),
            ("syringe", f"{order.syringe.name}, filled to {words.millilitres(order.fill_nl)}"),
            *clinic.label_rows(session),
            ("worst extra drug", words.millilitres(order.worst_extra_nl)),
            ("profile", f"{profile.name}, version {profile.version}, hash {profile.hash}"),
            ("approved by", "; ".join(each.name for each in profile.approvals) or "nobody: unapproved limits"),
            ("program", "; ".join(session.programs)),
            ("versions", "; ".join(map(str, session.versions)) or NONE),
            ("pump", NONE if pump is None else f"{pump.model}, firmware {pump.firmware}, serial {pump.serial or NONE}"),
        )
    )
    yield Table(
        heads=("rate, commanded and read back", "from", "until", "counted by the pump", "mean of that"),
        widths=(26, 19, 19, 18, 18),
        rows=tuple(
            (
                words.rate(each.commanded_nl_h),
                _short(session, each.since_wall_ns),
                "still" if each.until_wall_ns is None else _short(session, each.until_wall_ns),
                words.millilitres(each.counted_nl),
                _mean(each.counted_nl, each.since_wall_ns, each.until_wall_ns),
            )
            for each in session.rates
        ),
        empty="The pump was never started.",
    )
    yield Remark(text="The counter is read about once in a second: the shorter a rate lasted, the rougher its mean.")


def _mean(counted_nl: int, since_wall_ns: int, until_wall_ns: int | None) -> str:
    if until_wall_ns is None or until_wall_ns <= since_wall_ns:
        return NONE
    return words.rate(counted_nl * NS_PER_H // (until_wall_ns - since_wall_ns))


def _people(session: Session) -> Iterator[Block]:
    deeds = [deed for deed in session.deeds if deed.kind not in _ROUTINE]
    yield Heading(text="What people commanded")
    yield Remark(
        text=f"Prepared by {session.order.prepared_by}, confirmed by {session.confirmed_by or NONE}, started by "
        f"{session.started_by or NONE}. Presence was confirmed {_count(session, 'presence')} times, an assessment "
        f"entered {_count(session, 'assess')} times, scores {_count(session, 'score')} times, an alarm acknowledged "
        f"{_count(session, 'acknowledge')} times."
    )
    yield Table(
        heads=("when", "who", "what", "details", "outcome"),
        widths=(16, 15, 12, 37, 20),
        rows=tuple(
            (
                _short(session, deed.at_wall_ns),
                f"{deed.user} ({NONE if deed.role is None else deed.role.value})",
                deed.kind,
                deed.details or NONE,
                _final(deed.state, deed.reason),
            )
            for deed in deeds
        ),
        empty="Nobody commanded anything.",
    )


def _count(session: Session, kind: str) -> int:
    return sum(deed.kind == kind and deed.state is ReceiptState.VERIFIED for deed in session.deeds)


def _final(state: ReceiptState | None, reason: str) -> str:
    if state is None:
        return "no answer recorded"
    return f"{state.value}: {reason}" if state in {ReceiptState.REFUSED, ReceiptState.UNKNOWN} else state.value


def _departures(session: Session) -> Iterator[Block]:
    yield Heading(text="Overrides and moved limits")
    yield Table(
        heads=("kind", "what", "by", "reason"),
        widths=(12, 44, 18, 26),
        rows=_departure_rows(session),
        empty="None.",
    )


def _departure_rows(session: Session) -> tuple[tuple[str, ...], ...]:
    """Return whatever was allowed beside the rule, and who allowed it."""
    order = session.order
    soft = (
        ("soft limit", passed, order.prepared_by, order.soft_limit_reason or NONE)
        for passed in order.soft_limits_passed
    )
    overrides = (
        ("override", f"{each.what} at {_short(session, each.at_wall_ns)}", each.by, each.reason)
        for each in session.overrides
    )
    moved = (
        (
            "limit",
            f"{each.rule} at {each.limit} from {_short(session, each.at_wall_ns)}",
            _two(each.by, each.confirmed_by),
            each.reason or NONE,
        )
        for each in session.limits
    )
    return (*clinic.override_rows(session), *soft, *overrides, *moved)


def _two(by: str, confirmed_by: str | None) -> str:
    return by if confirmed_by is None else f"{by} and {confirmed_by}"


def _symptoms(session: Session) -> Iterator[Block]:
    yield Heading(text="Symptoms and scores")
    rows = [
        (each.at_wall_ns, each.symptom, "ends the infusion" if each.ends else "noted", each.by)
        for each in session.symptoms
    ]
    for (at_wall_ns, by, is_felt), scores in groupby(session.scores, key=_entry):
        what = "scores, of 10" if is_felt else "assessment"
        rows.append((at_wall_ns, what, ", ".join(f"{each.scale} {each.value}" for each in scores), by))
    yield Table(
        heads=("when", "what", "value", "by"),
        widths=(20, 30, 35, 15),
        rows=tuple((_short(session, at_wall_ns), *rest) for at_wall_ns, *rest in sorted(rows)),
        empty="None was recorded.",
    )


def _entry(score: Score) -> tuple[int, str, bool]:
    """Return what scores that were entered together have in common."""
    return score.at_wall_ns, score.by, score.scale in FEELINGS


def _alarms(session: Session) -> Iterator[Block]:
    yield Heading(text="Alarms")
    yield Table(
        heads=("raised", "priority", "what", "pumpd did", "condition over", "acknowledged"),
        widths=(15, 9, 31, 19, 11, 15),
        rows=tuple(
            (
                _short(session, each.raised_wall_ns),
                each.priority.name,
                f"{each.alarm}: {each.text}",
                each.action,
                "no" if each.ended_wall_ns is None else words.since(each.ended_wall_ns, session.zero_wall_ns),
                _noted(session, each.acknowledged_by, each.acknowledged_wall_ns),
            )
            for each in session.alarms
        ),
        empty="No alarm was raised.",
    )


def _noted(session: Session, by: str | None, wall_ns: int | None) -> str:
    if by is None or wall_ns is None:
        return "by nobody"
    return f"{by}, {words.since(wall_ns, session.zero_wall_ns)}"


def _timeline(session: Session) -> Iterator[Block]:
    yield Heading(text="Timeline: what was decided")
    yield Table(
        heads=("when", "about", "decision"),
        widths=(17, 12, 71),
        rows=tuple(
            (_short(session, note.at_wall_ns), note.cause, note.text)
            for note in session.notes
            if note.cause not in _TIMELINE_LEAVES_OUT
        ),
        empty="Nothing was decided.",
    )


def _others(told: Told, session: Session) -> Iterator[Block]:
    """Kinds of which nothing else is told here, by name, so that nobody takes silence for absence."""
    if session.others:
        yield Heading(text="Records of which this report tells no more than their kind")
        yield Table(
            heads=("kind", "records"),
            widths=(60, 40),
            rows=tuple((each.kind, str(each.count)) for each in session.others),
            empty="None.",
        )
    if told.strayed_ns > _STRAYED_NS:
        yield Remark(
            text=f"The wall clock and the daemon's clock went apart by up to {words.duration(told.strayed_ns)}; times "
            "here are those of the daemon's clock."
        )


_STRAYED_NS = 2_000_000_000
"""A wall clock that strays by more than this was set while the daemon ran."""


def _chain(told: Told, session: Session) -> Iterator[Block]:
    yield Heading(text="The record")
    yield Code(
        text=f"{told.head.seq}:{told.head.hash}",
        caption="Head of the chain when this report was made. pumpd verify JOURNAL --head with it shows later whether "
        "any record up to here was changed, removed or cut off.",
    )
    yield Facts(
        rows=(
            ("journal", f"{told.identity.journal_id} of bed {told.identity.bed}, begun {told.identity.created_utc}"),
            ("profile hash", session.profile.hash),
            ("chain", "every record fits" if told.broken is None else f"BROKEN: {told.broken}"),
        )
    )
