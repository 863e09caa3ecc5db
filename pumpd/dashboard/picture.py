"""What one bed's page shows at one moment: texts with their ages, from what was heard of the bed. Pure.

The page gets each value together with its age and the age at which it stops to be true. It strikes values out by its
own clock, so that nothing which died on the way can keep an old value looking new (requirement UI-02).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Literal

from pumpd.core.modes import Mode
from pumpd.core.ports import Validity, VitalKind
from pumpd.core.quantities import NS_PER_MS
from pumpd.dashboard.board import CUFF, Bed
from pumpd.mqtt.client import LINK_LOST_S, Heard, View
from pumpd.mqtt.payloads import (
    Alarm,
    Delivery,
    Order,
    State,
    VitalState,
    account_lines,
    clearance_lines,
    prompt_line,
    score_line,
    soft_limit_lines,
    syringe_label_line,
)
from pumpd.mqtt.words import interval, number

STATE_GOOD_MS = LINK_LOST_S * 1_000
"""A state comes once a second and is believed 2 s longer."""
GRACE_MS = 2_000
"""Beyond its period by so much a value is marked as old (UI-02)."""
STREAM_PERIOD_MS = 1_000
DEFAULT_CUFF_PERIOD_MS = 300_000
DEFAULT_COUNT_PERIOD_MS = 600_000
"""Until the profile says otherwise."""
THOUSANDTH = Decimal("0.001")

Level = Literal["", "alert", "pause", "missing"]

NAMES: Mapping[VitalKind, str] = {
    VitalKind.SBP: "systolic",
    VitalKind.DBP: "diastolic",
    VitalKind.MAP: "mean pressure",
    VitalKind.HR: "heart rate",
    VitalKind.SPO2: "SpO₂",
    VitalKind.RR: "respiration",
    VitalKind.MOAAS: "sedation MOAA/S",
}

UNKNOWN_ADVICE = "Look at the pump: is it running? Stop it there if in doubt. pumpd does not know."
"""Said wherever the mode is UNKNOWN (requirement UI-03)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One text of the page. `age_ms` is None where nobody knows how old it is: then it is never shown as true."""

    text: str
    age_ms: int | None
    good_ms: int
    level: Level = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Everything of one bed's page that can change."""

    bed: str
    beat_age_ms: int | None
    """Age of the last heartbeat, None where none was heard."""
    token: str | None
    session: str | None
    rev: int | None
    """Of the last heartbeat: what a command quotes that is pressed now."""
    order_hash: str | None
    loosening_hash: str | None
    clearance_hash: str | None
    account_hash: str | None
    values: Mapping[str, Value] = field(default_factory=dict)
    alarms: tuple[Mapping[str, Any], ...] = ()
    sounding: str | None = None
    listening: int = 0
    """Stations where somebody answered an audible test in time; 0 where that is not known."""
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    links: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """By link: a word, and `good` or `bad`."""
    progress: int = 0
    """Per mille of the order that has certainly been given."""
    mode: str = "unknown"


def picture(bed: Bed, now_ns: int, *, broker_lost: str | None = None) -> Picture:
    """Return what the page of `bed` shows at `now_ns`."""
    view = bed.view
    beat = view.heartbeat
    heard = view.state
    state = view.live_state(now_ns)
    alarms = None if view.alarms is None else view.alarms.message
    return Picture(
        bed=view.bed,
        beat_age_ms=None if beat is None else beat.age_ns(now_ns) // NS_PER_MS,
        token=None if beat is None else beat.message.token,
        session=None if beat is None else beat.message.session,
        rev=None if beat is None else beat.message.rev,
        order_hash=None if state is None or state.order is None else state.order.hash,
        loosening_hash=None if state is None or state.loosening is None else state.loosening.hash,
        clearance_hash=None if state is None or state.clearance is None else state.clearance.hash,
        account_hash=None if state is None or state.account is None else state.account.hash,
        values={} if heard is None else dict(_values(bed, heard, state is not None, now_ns)),
        alarms=() if alarms is None else tuple(_alarm(each) for each in _most_urgent_first(alarms.alarms)),
        sounding=None if alarms is None else alarms.sounding,
        listening=0 if state is None else state.links.stations_heard,
        lists={} if heard is None else _lists(bed, heard.message),
        links=_links(state, broker_lost=broker_lost),
        progress=0 if heard is None else _progress(heard.message.delivery),
        mode="unknown" if state is None else state.mode.value,
    )


def _values(bed: Bed, heard: Heard[State], is_current: bool, now_ns: int) -> Iterator[tuple[str, Value]]:
    state = heard.message
    since_ms = heard.age_ns(now_ns) // NS_PER_MS
    age_ms = since_ms if is_current else None
    for key, text in _texts(state):
        yield key, Value(text=text, age_ms=age_ms, good_ms=STATE_GOOD_MS)
    lease_ms = int(state.pump.lease_s * 1_000)
    pump_age_ms = None if state.pump.age_s is None else int(state.pump.age_s * 1_000) + since_ms
    left = "unknown" if pump_age_ms is None else f"{max(lease_ms - pump_age_ms, 0) / 1_000:.0f} s"
    yield "lease_left", Value(text=left, age_ms=age_ms if pump_age_ms is not None else None, good_ms=STATE_GOOD_MS)
    for vital in state.vitals:
        yield from _vital(bed, vital, heard, now_ns)


def _texts(state: State) -> Iterator[tuple[str, str]]:
    yield "mode", state.mode.value.upper()
    yield "mode_text", UNKNOWN_ADVICE if state.mode is Mode.UNKNOWN else state.mode_text
    yield "phase", state.phase.value
    yield "cause", state.cause or ""
    yield "marks", "  ".join(state.marks())
    yield "profile", f"{state.profile.name} {state.profile.hash[:8]}"
    yield "approved", "approved" if state.profile.approved else "NOT APPROVED"
    presence = state.presence
    yield (
        "presence",
        "nobody yet" if presence is None else f"{presence.by}, {int(presence.age_s) // 60} min ago",
    )
    yield "pump", f"{state.pump.model or 'no pump'}: {state.pump.state}"
    yield "worst_extra", f"{number(state.pump.worst_extra_ml)} mL"
    yield "stations", f"{state.links.stations}, of which {state.links.stations_heard} were heard in a test"
    yield from _order_texts(state.order)
    yield from _rate_texts(state)
    yield from _delivery_texts(state)


def _order_texts(order: Order | None) -> Iterator[tuple[str, str]]:
    if order is None:
        yield "order", "no order"
        yield "course", "no course"
        return
    yield "course", order.course or "no course"
    yield "order", f"order {order.hash[:8]}, prepared by {order.prepared_by}"
    yield "drug", f"{order.drug} {number(order.concentration_mg_ml)} mg/mL"
    yield "dose_per_kg", f"{number(order.dose_mg_per_kg)} mg/kg"
    yield "weight", f"{number(order.weight_kg)} kg"
    yield "dose", f"{number(order.dose_mg)} mg = {number(order.volume_ml)} mL"
    yield "duration", f"{number(order.duration_min)} min"
    yield "ordered_rate", f"{number(order.rate_ml_h)} mL/h"
    yield "syringe", order.syringe
    yield "confirmed_by", order.confirmed_by or "nobody yet"
    yield "started_by", order.started_by or "nobody yet"


def _per_kg(rate_ml_h: Decimal, order: Order | None) -> str:
    if order is None or order.weight_kg <= 0:
        return ""
    rate = (rate_ml_h * order.concentration_mg_ml / order.weight_kg).quantize(THOUSANDTH, ROUND_HALF_EVEN)
    return f" = {number(rate)} mg/kg/h"


def _rate_texts(state: State) -> Iterator[tuple[str, str]]:
    commanded, counted = state.rate.commanded_ml_h, state.rate.counted_ml_h
    yield "rate_commanded", f"{number(commanded)} mL/h{_per_kg(commanded, state.order)}"
    yield "rate_counted", "not counted" if counted is None else f"{number(counted)} mL/h{_per_kg(counted, state.order)}"


def _delivery_texts(state: State) -> Iterator[tuple[str, str]]:
    delivery = state.delivery
    if delivery is None or state.order is None:
        yield "given", "nothing yet"
        return
    given_mg = interval(delivery.low_mg, delivery.high_mg, "mg")
    yield "given", f"{given_mg} = {interval(delivery.low_ml, delivery.high_ml, 'mL')}"
    remaining_mg = (delivery.remaining_ml * state.order.concentration_mg_ml).quantize(THOUSANDTH, ROUND_HALF_EVEN)
    yield "remaining", f"{number(remaining_mg)} mg = {number(delivery.remaining_ml)} mL"
    rate = state.rate.commanded_ml_h
    if rate > 0:
        left_s = int(delivery.remaining_ml / rate * 3_600)
        yield "time_left", f"{left_s // 60} min {left_s % 60:02} s"
    else:
        yield "time_left", "not running"
    yield "expected_end", "" if delivery.expected_end is None else f"{delivery.expected_end[11:16]} UTC"


def _vital(bed: Bed, vital: VitalState, heard: Heard[State], now_ns: int) -> Iterator[tuple[str, Value]]:
    """The newest of what the state and the vital's own topic say. Out of the broker's store an age is unknown."""
    value, validity, age_s = vital.value, vital.validity, vital.age_s
    since_ns, is_known = heard.age_ns(now_ns), not heard.retained
    own = bed.view.vitals.get(vital.kind)
    if own is not None and own.at_ns >= heard.at_ns:
        value, validity, age_s = own.message.value, own.message.validity, own.message.age_s
        since_ns, is_known = own.age_ns(now_ns), True
    is_missing = value is None or validity is not Validity.VALID or age_s is None
    # that nothing is measured is as true as the state that says so
    age_ms = int((age_s or 0) * 1_000) + since_ns // NS_PER_MS if is_known else None
    level: Level = "missing" if is_missing else "pause" if vital.status in _STOPPING else ""
    if vital.status == "alert":
        level = "alert"
    name = vital.kind.value
    good_ms = STATE_GOOD_MS if age_s is None else period_ms(bed, vital.kind) + GRACE_MS
    yield name, Value(text="––" if value is None else str(value), age_ms=age_ms, good_ms=good_ms, level=level)
    words = validity.value if validity is not Validity.VALID else vital.status
    yield f"{name}_words", Value(text=words, age_ms=age_ms, good_ms=good_ms, level=level)
    yield f"{name}_source", Value(text=vital.source, age_ms=age_ms, good_ms=good_ms)


_STOPPING = frozenset({"pause", "end"})


def period_ms(bed: Bed, kind: VitalKind) -> int:
    """Return how often a vital sign comes when all is well, by the profile in force."""
    if kind in CUFF:
        return _profile_ms(bed, "nibp_interval_ns", DEFAULT_CUFF_PERIOD_MS)
    if kind is VitalKind.MOAAS or (kind is VitalKind.RR and not _is_respiration_measured(bed.view)):
        return _profile_ms(bed, "assess_interval_ns", DEFAULT_COUNT_PERIOD_MS)
    return STREAM_PERIOD_MS


def _is_respiration_measured(view: View) -> bool:
    return view.state is not None and view.state.message.respiration_measured


def _profile_ms(bed: Bed, name: str, otherwise_ms: int) -> int:
    value = None if bed.profile is None else bed.profile.profile.get(name)
    return value // NS_PER_MS if isinstance(value, int) and not isinstance(value, bool) else otherwise_ms


_URGENCY = ("high", "medium", "low")


def _most_urgent_first(alarms: tuple[Alarm, ...]) -> list[Alarm]:
    """What nobody noted yet, then by priority; among equals the newest, for it tells what stands now."""
    newest_first = alarms[::-1]
    return sorted(newest_first, key=lambda each: (each.acknowledged_by is not None, _URGENCY.index(each.priority)))


def _alarm(alarm: Alarm) -> Mapping[str, Any]:
    return {
        "id": alarm.id,
        "episode": alarm.episode,
        "priority": alarm.priority,
        "cause": alarm.cause,
        "text": alarm.text,
        "values": alarm.values,
        "action": alarm.action,
        "advice": alarm.advice,
        "since": alarm.since[11:19],
        "active": alarm.active,
        "acknowledged_by": alarm.acknowledged_by,
        "passed_to": None if alarm.passed_to is None else alarm.passed_to.value,
        "audio_paused_by": alarm.audio_paused_by,
    }


def _lists(bed: Bed, state: State) -> Mapping[str, tuple[str, ...]]:
    blockers = {
        Mode.READY: state.start_blockers,
        Mode.PAUSED: state.resume_blockers,
    }.get(state.mode, state.close_blockers)
    return {
        "blockers": blockers,
        "clearance": tuple(_clearance_lines(state)),
        "soft_limits": () if state.order is None else tuple(soft_limit_lines(state.order)),
        "label": () if state.syringe_label is None else (syringe_label_line(state.syringe_label),),
        "prompt": () if state.prompt is None else (prompt_line(state.prompt),),
        "scores": tuple(score_line(each) for each in reversed(state.scores)),
        "account": () if state.account is None else tuple(account_lines(state.account)),
        "handover": tuple(_handover_lines(state)),
        "interlocks": tuple(_interlock_lines(bed, state)),
        "moved": tuple(_moved_lines(state)),
        "symptoms": tuple(
            f"{each.symptom.value}, noted by {each.by}{', ENDED THE INFUSION' if each.ended else ''}"
            for each in state.symptoms
        ),
        "attested": tuple(f"{each.item.value}: {each.by}" for each in state.attested),
        "refusals": tuple(f"{each.count} × {each.kind} of {each.user}: {each.reason}" for each in state.refusals),
        "events": tuple(f"{each.at[11:19]}  {each.kind}  {each.text}" for each in reversed(bed.lines)),
        "approvers": () if bed.profile is None else bed.profile.approvers,
    }


def _clearance_lines(state: State) -> Iterator[str]:
    """What the clinic says of this bed, and why no order can be made under it."""
    yield from clearance_lines(state.clearance)
    if state.clearance_trouble is not None:
        yield f"no order: {state.clearance_trouble}"


def _interlock_lines(bed: Bed, state: State) -> Iterator[str]:
    """What has tripped or waits first, then what is armed, each with its limit."""
    shown = set()
    for lock in sorted(state.interlocks, key=lambda lock: lock.state != "tripped"):
        shown.add(lock.rule)
        yield f"{lock.state.upper()}: {lock.rule}: {lock.text}"
    moved = {each.rule: each.limit for each in state.limits}
    for rule in rules(bed):
        if rule["id"] not in shown:
            limit = moved.get(rule["id"], rule["limit"])
            above = " above baseline" if rule["relative"] else ""
            yield f"armed: {rule['id']}: {rule['vital']} {rule['side']} {limit}{above}: {rule['action']}"


def rules(bed: Bed) -> list[dict[str, Any]]:
    """Return the profile's limits of vital signs, none where no profile was heard."""
    return _profile_list(bed, "rules")


def syringes(bed: Bed) -> list[str]:
    """Return the names of the profile's syringes, none where no profile was heard."""
    return [each["name"] for each in _profile_list(bed, "syringes")]


def _profile_list(bed: Bed, name: str) -> list[dict[str, Any]]:
    found = [] if bed.profile is None else bed.profile.profile.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _handover_lines(state: State) -> Iterator[str]:
    if state.handover is None:
        return
    yield f"pauses: {state.handover.pauses}"
    for peak in state.handover.peaks:
        yield f"{NAMES[peak.kind]}: {peak.low} to {peak.high} {peak.unit}"


def _moved_lines(state: State) -> Iterator[str]:
    for each in state.limits:
        hands = f"{each.by} and {each.confirmed_by}" if each.confirmed_by else each.by
        yield f"{each.rule}: {each.profile_limit} → {each.limit} {each.unit}, by {hands}: {each.reason}"
    if (asked := state.loosening) is not None:
        yield (
            f"{asked.by} proposes {asked.rule} {asked.present_limit} → {asked.limit} {asked.unit}, because: "
            f"{asked.reason}. A second person must confirm"
        )


def _links(state: State | None, *, broker_lost: str | None) -> Mapping[str, tuple[str, str]]:
    """Word each link; where the one before is broken the next are unknown, and that is bad too."""
    broker = ("connected", "good") if broker_lost is None else (f"LOST: {broker_lost}", "bad")
    if state is None:
        unknown = ("unknown", "bad")
        return {"broker": broker, "daemon": ("NOT HEARD", "bad"), "pump": unknown, "journal": unknown}
    links = {
        "broker": broker,
        "daemon": ("heard", "good"),
        "pump": ("answers", "good") if state.pump.link == "up" else ("NO ANSWER", "bad"),
        "journal": ("written", "good") if state.links.journal == "ok" else ("NOT WRITTEN", "bad"),
    }
    for vital in state.vitals:
        if vital.kind in (VitalKind.SPO2, VitalKind.HR, VitalKind.SBP):
            is_good = vital.validity is Validity.VALID and vital.value is not None
            links[NAMES[vital.kind]] = ("measured", "good") if is_good else (vital.validity.value.upper(), "bad")
    return links


def _progress(delivery: Delivery | None) -> int:
    if delivery is None or delivery.ordered_ml <= 0:
        return 0
    return min(int(delivery.low_ml * 1_000 / delivery.ordered_ml), 1_000)


def urgency(shown: Picture) -> tuple[int, str]:
    """Return the order of a bed in the ward: who needs a nurse next comes first."""
    priorities = {each["priority"] for each in shown.alarms if each["acknowledged_by"] is None or each["active"]}
    is_lost = shown.beat_age_ms is None or shown.beat_age_ms > STATE_GOOD_MS
    rank = (
        0
        if is_lost or "high" in priorities or shown.mode in ("unknown", "fault")
        else 1
        if "medium" in priorities or shown.mode == "paused"
        else 2
        if "low" in priorities or shown.mode in ("stopping", "starting")
        else 3
        if shown.mode == "running"
        else 4
    )
    return rank, shown.bed
