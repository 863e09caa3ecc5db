"""Shows what is the case: core state to payloads to the bus. Publishes; decides nothing."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from operator import is_
from typing import Generic, TypeVar, TypeVarTuple

from pydantic import JsonValue

from pumpd.core import cleared, discharge, limits, phase, prompts, readiness, sources, stations, tending
from pumpd.core.causes import due, vital_trips
from pumpd.core.commands import Attested
from pumpd.core.controller import Core
from pumpd.core.effects import Receipt
from pumpd.core.given import Given
from pumpd.core.modes import OPEN_MODES, Mode
from pumpd.core.ports import Bus, Clock, Sample, Validity, VitalKind
from pumpd.core.prescription import Order
from pumpd.core.profile import Action
from pumpd.core.quantities import G_PER_KG, NG_PER_MG, NL_PER_ML, NS_PER_H, NS_PER_MIN, NS_PER_S, flow_time_ns
from pumpd.core.rest import Aim
from pumpd.core.session import Attestation, Peak, Scores
from pumpd.core.state import State as CoreState
from pumpd.mqtt import clearance, payloads
from pumpd.mqtt.topics import BedTopics

SHOWN_VITALS = (VitalKind.SBP, VitalKind.DBP, VitalKind.HR, VitalKind.SPO2, VitalKind.RR, VitalKind.MOAAS)
TEXT_LIMIT = 900
"""The longest text a payload carries is 1000 characters."""

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

_MODE_TEXTS = {
    Mode.IDLE: "No order",
    Mode.READY: "Order prepared, not started",
    Mode.STARTING: "Starting",
    Mode.RUNNING: "Infusing",
    Mode.STOPPING: "Stopping: rest is not confirmed yet",
    Mode.PAUSED: "Paused, pump at rest",
    Mode.COMPLETED: "Completed: the ordered dose was given",
    Mode.ENDED: "Ended short of the order",
    Mode.FAULT: "Fault: this run cannot be resumed",
    Mode.UNKNOWN: "UNKNOWN: the pump cannot be asked; look at the pump",
}


class _Remembered(Generic[*_Ts, _T]):
    """Makes a part of a payload anew when one of the core values behind it is another: most change rarely."""

    def __init__(self, make: Callable[[*_Ts], _T]) -> None:
        self._make = make
        self._last: tuple[tuple[*_Ts], _T] | None = None

    def __call__(self, *values: *_Ts) -> _T:
        if self._last is None or not all(map(is_, self._last[0], values)):
            self._last = (values, self._make(*values))
        return self._last[1]


class BusScreen:
    """Publishes state, alarms, vitals, receipts and the heartbeat of one bed."""

    def __init__(
        self,
        *,
        core: Core,
        bus: Bus,
        clock: Clock,
        bed: str,
        clinical: bool,
        respiration_measured: bool,
        later: Callable[[Callable[[], None]], object],
        token_hex: Callable[[int], str],
    ) -> None:
        self._core = core
        self._bus = bus
        self._clock = clock
        topics = BedTopics(bed=bed)
        self._topics = topics
        self._state_topic, self._heartbeat_topic = topics.state, topics.heartbeat
        self._vital_topics = {kind: topics.vital(kind) for kind in SHOWN_VITALS}
        self._bed = bed
        self._clinical = clinical
        self._respiration_measured = respiration_measured
        self._token_hex = token_hex
        self._heartbeats = 0
        self._lines = 0
        self._later = later
        self._state_is_due = False
        self._alarms_are_due = False
        profile = core.state.settings.profile
        self._profile = payloads.Profile(name=profile.name, hash=profile.hash, approved=profile.approved)
        self._clearance = _Remembered(clearance.from_core)
        self._order = _Remembered(_order)
        self._attested = _Remembered(_attested)
        self._scores = _Remembered(_scores)
        self._handover = _Remembered(_handover)

    # ---- what the bedside asks for ----------------------------------------------------------------------------------

    def state_changed(self) -> None:
        """Publish the whole state in the loop's next turn: one event may change it more than once."""
        if not self._state_is_due:
            self._state_is_due = True
            self._later(self._publish_state)

    def alarms_changed(self) -> None:
        """Publish the alarm list in the loop's next turn."""
        if not self._alarms_are_due:
            self._alarms_are_due = True
            self._later(self._publish_alarms)

    def _publish_state(self) -> None:
        self._state_is_due = False
        self._publish(self._state_topic, self._state())

    def _publish_alarms(self) -> None:
        self._alarms_are_due = False
        state = self._core.state
        now_ns = self._clock.now_ns()
        listed = tuple(
            payloads.Alarm(
                id=alarm.id,
                episode=alarm.episode,
                priority=_priority(alarm.priority.name),
                cause=_short(alarm.cause),
                text=_short(alarm.text),
                values=_short(alarm.values),
                action=_short(alarm.action),
                advice=_short(alarm.advice),
                since=self._utc(now_ns - alarm.since_ns),
                active=alarm.active,
                acknowledged_by=alarm.acknowledged_by,
                passed_to=alarm.passed_to,
                audio_paused_by=alarm.audio_paused_by,
                audio_paused_until=None
                if alarm.audio_paused_by is None
                else self._utc(now_ns - alarm.audio_paused_until_ns),
            )
            for alarm in state.alarms.listed
        )
        sound = state.alarms.sounding()
        shown = payloads.Alarms(rev=state.rev, sounding=None if sound is None else _priority(sound.name), alarms=listed)
        self._publish(self._topics.alarms, shown)

    def receipt(self, receipt: Receipt) -> None:
        """Tell a person what became of a command."""
        ack = payloads.Ack(
            id=receipt.command_id,
            kind=receipt.kind,
            state=receipt.state,
            reason=_short(receipt.reason),
            at=self._utc(0),
        )
        self._publish(self._topics.ack(receipt.user), ack)

    def line(self, kind: str, text: str) -> None:
        """Publish one line of the record."""
        self._lines += 1
        line = payloads.EventLine(seq=self._lines, at=self._utc(0), kind=kind, text=_short(text))
        self._publish(self._topics.event, line)

    # ---- what the clock asks for ------------------------------------------------------------------------------------

    def heartbeat(self, issue: Callable[[str], None]) -> None:
        """Make a fresh token, let the core know it through `issue`, then show it with state and vitals."""
        token = self._token_hex(16)
        issue(token)
        state = self._core.state
        self._heartbeats += 1
        beat = payloads.Heartbeat(
            boot=state.boot, session=state.session, rev=state.rev, seq=self._heartbeats, token=token, at=self._utc(0)
        )
        self._publish(self._heartbeat_topic, beat)
        self.state_changed()
        now_ns = self._clock.now_ns()
        for kind in SHOWN_VITALS:
            sample = sources.used(state, kind, now_ns)
            if sample is None:
                continue
            vital = payloads.Vital(
                kind=kind,
                value=sample.value,
                unit=kind.unit,
                validity=sample.validity,
                at=self._utc(now_ns - sample.measured_at_ns),
                age_s=_seconds(now_ns - sample.measured_at_ns),
                source=sample.source,
                seq=sample.seq,
            )
            self._publish(self._vital_topics[kind], vital)

    def everything(self) -> None:
        """Publish what a fresh broker does not know: state, alarms and profile."""
        self.state_changed()
        self.alarms_changed()
        profile = self._core.state.settings.profile
        shown = payloads.ProfilePayload(
            name=profile.name,
            hash=profile.hash,
            approvers=tuple(approval.name for approval in profile.approvals),
            profile=_plain_dict(profile),
        )
        self._publish(self._topics.profile, shown)

    # ---- from core values to payloads -------------------------------------------------------------------------------

    def _publish(self, topic: str, payload: payloads.Message) -> None:
        self._bus.publish(topic, payload.to_bytes(), qos=payload.qos, retain=payload.retained)

    def _utc(self, ago_ns: int) -> str:
        now = self._clock.wall_utc()
        if ago_ns == 0:
            return now
        then = datetime.fromisoformat(now) - timedelta(microseconds=ago_ns // 1_000)
        return then.isoformat(timespec="milliseconds")

    def _state(self) -> payloads.State:
        state = self._core.state
        now_ns = self._clock.now_ns()
        halt = state.halt
        ends = state.ending or (halt is not None and halt.aim is Aim.END)
        return payloads.State(
            bed=self._bed,
            boot=state.boot,
            session=state.session,
            rev=state.rev,
            mode=state.mode,
            mode_text=_MODE_TEXTS[state.mode],
            stop_target=("ended" if ends else "paused") if state.mode is Mode.STOPPING else None,
            phase=phase.phase(state),
            simulated=state.settings.simulated,
            clinical=self._clinical,
            profile=self._profile,
            clearance=None if state.clearance is None else self._clearance(state.clearance),
            clearance_trouble=_clearance_trouble(state),
            clearance_waived=not state.settings.profile.clearance_required,
            order=None if state.order is None else self._order(state.order, state.confirmed_by, state.started_by),
            syringe_label=_syringe_label(state, now_ns),
            attested=self._attested(state.attested),
            presence=_presence(state, now_ns),
            respiration_measured=tending.is_respiration_measured(state),
            symptoms=tuple(
                payloads.NotedSymptom(symptom=each.symptom, ended=each.ended, by=each.by) for each in state.symptoms
            ),
            prompt=_prompt(state, now_ns),
            scores=self._scores(state.scores),
            account=_account(state),
            handover=self._handover(state.pauses, state.peaks) if state.order is not None and state.runs else None,
            limits=tuple(_moved_limits(state)),
            loosening=_loosening(state, now_ns),
            refusals=tuple(
                payloads.Refusal(
                    user=each.user,
                    kind=each.kind,
                    id=each.command_id,
                    reason=each.reason,
                    count=each.count,
                    age_s=_seconds(now_ns - each.at_ns),
                )
                for each in state.refusals
            ),
            delivery=self._delivery(state, now_ns),
            given_before=tuple(_given_before(given) for given in state.before),
            rate=_rate(state),
            pump=_pump(state, now_ns),
            vitals=tuple(_vital_states(state, now_ns, respiration_measured=self._respiration_measured)),
            interlocks=tuple(_interlocks(state, now_ns)),
            start_blockers=_texts(readiness.start_blockers(state, now_ns)) if state.mode is Mode.READY else (),
            resume_blockers=_texts(readiness.resume_blockers(state, now_ns)) if state.mode is Mode.PAUSED else (),
            close_blockers=_texts(discharge.close_blockers(state, now_ns)) if phase.is_observing(state) else (),
            links=payloads.Links(
                journal="ok" if state.journal_error is None else "failed",
                broker="ok" if state.broker_lost_real_ns is None else "failed",
                stations=stations.watching(state),
                stations_heard=stations.heard(state),
            ),
            cause=None if state.pause_cause is None else _short(state.pause_cause),
            at=self._utc(0),
        )

    def _delivery(self, state: CoreState, now_ns: int) -> payloads.Delivery | None:
        order = state.order
        if order is None:
            return None
        ledger = state.ledger
        low_nl, high_nl = ledger.low(), ledger.high(now_ns)
        running_ns = state.ran_ns + (now_ns - state.running_since_ns if state.running_since_ns is not None else 0)
        end = None
        if state.mode is Mode.RUNNING:
            end = self._utc(-flow_time_ns(ledger.remaining(now_ns), state.rate_nl_h))
        return payloads.Delivery(
            low_ml=_ml(_down(low_nl)),
            high_ml=_ml(_up(high_nl)),
            low_mg=_mg(_down(order.concentration.mass_ng(low_nl))),
            high_mg=_mg(_up(order.concentration.mass_ng(high_nl))),
            ordered_ml=_ml(order.volume_nl),
            remaining_ml=_ml(_down(ledger.remaining(now_ns))),
            running_s=_seconds(running_ns),
            expected_end=end,
        )


def _short(text: str) -> str:
    return text if len(text) <= TEXT_LIMIT else text[: TEXT_LIMIT - 1] + "…"


def _texts(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_short(text) for text in texts)


def _down(value: int) -> int:
    """Round down to a thousandth of a mL or mg: what a person can read, never less cautious than the truth."""
    return value // 1_000 * 1_000


def _up(value: int) -> int:
    """Round up to a thousandth of a mL or mg."""
    return -(-value // 1_000) * 1_000


def _ml(volume_nl: int) -> Decimal:
    return Decimal(volume_nl) / NL_PER_ML


def _mg(mass_ng: int) -> Decimal:
    return Decimal(mass_ng) / NG_PER_MG


def _seconds(duration_ns: int) -> Decimal:
    return Decimal(duration_ns // 1_000_000).scaleb(-3)


def _minutes(duration_ns: int) -> Decimal:
    return Decimal(duration_ns // NS_PER_S * 10 // 60).scaleb(-1)


def _decimal(fraction: Fraction) -> Decimal:
    return Decimal(int(fraction * 1_000_000)).scaleb(-6).normalize() + 0


def _priority(name: str) -> payloads.PriorityName:
    return "high" if name == "HIGH" else "medium" if name == "MEDIUM" else "low"


def _order(order: Order, confirmed_by: str | None, started_by: str | None) -> payloads.Order:
    return payloads.Order(
        course=order.course or None,
        clearance=order.clearance_hash or None,
        hash=order.hash,
        drug=order.drug,
        weight_kg=Decimal(order.weight_g) / G_PER_KG,
        dose_mg_per_kg=Decimal(order.dose_ng_per_g) / 1_000,
        dose_mg=Decimal(order.dose_ng) / NG_PER_MG,
        duration_min=Decimal(order.duration_ns) / NS_PER_MIN,
        concentration_mg_ml=_decimal(order.concentration.ng_per_nl),
        volume_ml=Decimal(order.volume_nl) / NL_PER_ML,
        rate_ml_h=Decimal(order.rate_nl_h) / NL_PER_ML,
        syringe=order.syringe.name,
        soft_limits_passed=_texts(order.soft_limits_passed),
        soft_limit_reason=_short(order.soft_limit_reason),
        prepared_by=order.prepared_by,
        confirmed_by=confirmed_by,
        started_by=started_by,
    )


def _clearance_trouble(state: CoreState) -> str | None:
    """Return why no order can be made now for want of a clearance; None while nobody would make one."""
    if state.mode in OPEN_MODES or not state.settings.profile.clearance_required:
        return None
    reason = cleared.refusal(state, "" if state.clearance is None else state.clearance.hash)
    return None if reason is None else _short(reason)


def _given_before(given: Given) -> payloads.GivenBefore:
    return payloads.GivenBefore(
        order=given.order_hash,
        course=given.course or None,
        drug=given.drug,
        low_ml=_ml(_down(given.low_nl)),
        high_ml=_ml(_up(given.high_nl)),
        low_mg=_mg(_down(given.concentration.mass_ng(given.low_nl))),
        high_mg=_mg(_up(given.concentration.mass_ng(given.high_nl))),
        until=given.until.isoformat(),
    )


def _syringe_label(state: CoreState, now_ns: int) -> payloads.SyringeLabel | None:
    if state.order is None:
        return None
    label = state.order.label
    since_ns = None if state.prepared_ns is None else now_ns - state.prepared_ns
    mixed_max_ns = state.settings.profile.mixed_max_ns
    return payloads.SyringeLabel(
        vial_strength_mg_ml=label.vial_strength_mg_ml,
        drug_drawn_ml=label.drug_drawn_ml,
        diluent_ml=label.diluent_ml,
        made_by=label.made_by,
        witnessed_by=label.witnessed_by,
        appearance=label.appearance,
        mixed_age_s=None if since_ns is None else _seconds(label.age_ns(since_ns)),
        left_s=None
        if since_ns is None or state.mode is not Mode.READY
        else _seconds(label.left_ns(since_ns, mixed_max_ns)),
    )


def _prompt(state: CoreState, now_ns: int) -> payloads.Prompt | None:
    prompt = prompts.unanswered(state, now_ns)
    if prompt is None:
        return None
    return payloads.Prompt(where=prompt.where, asks=prompt.asks, age_s=_seconds(now_ns - prompt.due_ns))


def _attested(attested: Mapping[Attested, Attestation]) -> tuple[payloads.AttestedItem, ...]:
    return tuple(payloads.AttestedItem(item=each.item, by=each.by) for each in attested.values())


def _scores(scores: tuple[Scores, ...]) -> tuple[payloads.Scores, ...]:
    return tuple(
        payloads.Scores(
            nausea=each.nausea,
            dizziness=each.dizziness,
            anxiety=each.anxiety,
            dissociation=each.dissociation,
            by=each.by,
            at=datetime.fromtimestamp(each.wall_ns // NS_PER_S, UTC).isoformat(),
        )
        for each in scores
    )


def _account(state: CoreState) -> payloads.Account | None:
    account, order = state.account, state.order
    if account is None or order is None:
        return None
    mass_ng = order.concentration.mass_ng
    mixed_nl = order.label.mixed_nl
    return payloads.Account(
        hash=account.hash,
        drawn_ml=_ml(mixed_nl),
        drawn_mg=_mg(mass_ng(mixed_nl)),
        primed_ml=_ml(account.primed_nl),
        primed_mg=_mg(mass_ng(account.primed_nl)),
        wasted_ml=_ml(account.wasted_nl),
        wasted_mg=_mg(mass_ng(account.wasted_nl)),
        left_ml=_ml(account.left_nl),
        left_mg=_mg(mass_ng(account.left_nl)),
        missing_ml=_ml(account.missing_nl),
        has_gap=account.has_gap,
        explanation=_short(account.explanation),
        by=account.by,
        witness=account.witness,
    )


def _handover(pauses: int, peaks: Mapping[VitalKind, Peak]) -> payloads.Handover:
    shown = tuple(
        payloads.Peak(kind=peak.vital, low=peak.low, high=peak.high, unit=peak.vital.unit) for peak in peaks.values()
    )
    return payloads.Handover(pauses=pauses, peaks=shown)


def _presence(state: CoreState, now_ns: int) -> payloads.Presence | None:
    if state.present_by is None or state.present_ns is None:
        return None
    return payloads.Presence(by=state.present_by, age_s=_seconds(now_ns - state.present_ns))


def _moved_limits(state: CoreState) -> Iterator[payloads.MovedLimit]:
    if not state.limits:
        return
    for rule in state.settings.profile.rules:
        change = state.limits.get(rule.id)
        if change is not None:
            yield payloads.MovedLimit(
                rule=rule.id,
                limit=change.limit,
                profile_limit=rule.limit,
                unit=rule.vital.unit,
                by=change.by,
                confirmed_by=change.confirmed_by,
                reason=_short(change.reason),
            )


def _loosening(state: CoreState, now_ns: int) -> payloads.WaitingLoosening | None:
    asked = state.loosening
    if asked is None or now_ns - asked.at_ns > limits.LOOSEN_VALID_NS:
        return None
    rule = next(rule for rule in limits.in_force(state) if rule.id == asked.rule)
    return payloads.WaitingLoosening(
        hash=asked.hash,
        rule=asked.rule,
        limit=asked.limit,
        present_limit=rule.limit,
        unit=rule.vital.unit,
        by=asked.by,
        reason=_short(asked.reason),
    )


def _rate(state: CoreState) -> payloads.Rate:
    run = state.ledger.run
    commanded = run.rate_nl_h if run is not None and state.mode is Mode.RUNNING else 0
    counted = None
    if state.watch is not None and len(state.watch.reads) > 1:
        first, last = state.watch.reads[0], state.watch.reads[-1]
        elapsed_ns = last.asked_at_ns - first.asked_at_ns
        if elapsed_ns >= 10 * NS_PER_S:
            counted = _ml((last.low_nl - first.low_nl) * NS_PER_H // elapsed_ns)
    return payloads.Rate(commanded_ml_h=_ml(commanded), counted_ml_h=counted)


def _pump(state: CoreState, now_ns: int) -> payloads.Pump:
    pump = state.pump
    profile = state.settings.profile
    extra_nl = state.order.worst_extra_nl if state.order is not None else 0
    return payloads.Pump(
        link="up" if pump.link_up else "down",
        state=pump.status.state.value if pump.status is not None else "not known",
        model=pump.attached.model if pump.attached is not None else None,
        firmware=pump.attached.firmware if pump.attached is not None else None,
        age_s=None if pump.status is None else _seconds(now_ns - pump.status.asked_at_ns),
        mains=None if pump.power is None else pump.power.mains,
        battery_min=None if pump.power is None else _minutes(pump.power.left_ns(now_ns)),
        lease_s=_seconds(profile.lease_ns),
        worst_extra_ml=_ml(_up(extra_nl)),
        reaction_s=_seconds(state.settings.reaction_ns),
    )


def _is_watched(state: CoreState) -> bool:
    return state.mode in OPEN_MODES or phase.is_observing(state)


def _vital_states(state: CoreState, now_ns: int, *, respiration_measured: bool) -> Iterator[payloads.VitalState]:
    trips = vital_trips(state, now_ns) if _is_watched(state) else ()
    for kind in SHOWN_VITALS:
        sample = sources.used(state, kind, now_ns)
        refused = state.vitals.refused.get(kind)
        words = [trip.action.value for trip in trips if trip.rule.startswith(f"{kind.value}-")] if trips else []
        yield payloads.VitalState(
            kind=kind,
            value=None if sample is None else sample.value,
            unit=kind.unit,
            validity=refused.validity
            if refused is not None
            else Validity.MISSING
            if sample is None
            else Validity.VALID,
            age_s=None if sample is None else _seconds(now_ns - sample.measured_at_ns),
            source=_source(kind, sample, respiration_measured=respiration_measured),
            status=words[0] if words else "missing" if sample is None else "ok",
        )


def _source(kind: VitalKind, sample: Sample | None, *, respiration_measured: bool) -> str:
    """Name the source; where no monitor measures respiration, say so (VIT-17)."""
    by_hand = kind is VitalKind.RR and not respiration_measured
    if sample is None:
        return "not measured, to be counted" if by_hand else "none"
    return f"not measured, counted by {sample.source}" if by_hand else sample.source


def _interlocks(state: CoreState, now_ns: int) -> Iterator[payloads.Interlock]:
    if not _is_watched(state):
        return
    tripped = set()
    for cause in due(state, now_ns):
        tripped.add(cause.condition.id)
        yield payloads.Interlock(
            rule=cause.condition.id,
            state="pending" if cause.action is Action.ALERT else "tripped",
            text=_short(cause.condition.text),
        )
    for item in state.interlocks.pending.values():
        if item.rule.id not in tripped:
            text = f"{item.rule.vital.name} {item.value} {item.rule.side.value} {item.limit} {item.rule.vital.unit}"
            yield payloads.Interlock(rule=item.rule.id, state="pending", text=text)


def _plain_dict(value: object) -> dict[str, JsonValue]:
    assert is_dataclass(value)  # noqa: S101 - called with a profile
    return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}


def _plain(value: object) -> JsonValue:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if is_dataclass(value):
        return _plain_dict(value)
    return str(value)
