"""What each command of a person does, once it has been judged."""

from fractions import Fraction
from typing import assert_never

from pumpd.core import (
    accounting,
    answers,
    cleared,
    discharge,
    halting,
    limits,
    lowering,
    phase,
    prompts,
    quarantine,
    readiness,
    starting,
)
from pumpd.core.alarms import AUDIO_PAUSE_NS, Priority
from pumpd.core.causes import supervision_lost_ns
from pumpd.core.commands import (
    DAEMON,
    FOR_DISCHARGE,
    HALTING,
    Account,
    Acknowledge,
    Assess,
    Attest,
    Attested,
    AudioPause,
    Close,
    CommandMalformed,
    CommandReceived,
    Confirm,
    ConfirmLoosen,
    Judged,
    Loosen,
    Lower,
    Pause,
    Prepare,
    Presence,
    ReceiptState,
    Resume,
    Role,
    Score,
    Start,
    Stop,
    Symptom,
    Tighten,
    Witness,
    kind_of,
)
from pumpd.core.delivery import Ledger
from pumpd.core.effects import Decision, Effect, Receipt
from pumpd.core.given import remembered
from pumpd.core.interlocks import Interlocks
from pumpd.core.judge import assessment_refusal, refusal
from pumpd.core.lockout import Lockout
from pumpd.core.modes import TRANSITIONS, Mode, Trigger, after
from pumpd.core.ports import Sample, Validity, VitalKind
from pumpd.core.prescription import OrderRefusedError, expected_running_ns, plan
from pumpd.core.quantities import G_PER_KG, NS_PER_S, QuantityError, decimal_from, in_ml, text
from pumpd.core.rest import Aim, Phase
from pumpd.core.rolling import RollingDose
from pumpd.core.session import Attestation, NotedSymptom
from pumpd.core.state import Awaiting, State
from pumpd.core.vitals import ENTERED_BY, Steady, Vitals

KEPT_SYMPTOMS = 16
"""Symptoms of a session that are shown; the record has them all."""


def take(state: State, command: CommandReceived, now_ns: int, effects: list[Effect]) -> tuple[Sample, ...]:
    """Carry out or refuse one command. Returns the samples that an assessment brings, for the core to take."""
    what, kind = command.command, kind_of(command.command)
    asked = Awaiting(user=command.user, command_id=command.id, kind=kind, since_ns=now_ns)
    if isinstance(what, Symptom) and command.id not in state.answers:
        _note_symptom(state, what, command.user, effects)
    if isinstance(what, HALTING) and _halts(state, what):
        _halt(state, what, asked, now_ns, effects)
        return ()
    if command.id in state.answers:
        _repeat_answer(state, asked, now_ns, effects)
        return ()
    if isinstance(what, HALTING):
        answers.answer(state, effects, asked, ReceiptState.VERIFIED, _done(state, command))
        return ()
    reason = refusal(command, state)
    if command.retained:
        halting.tell_retained(state, command.user, kind)
    samples: tuple[Sample, ...] = ()
    if reason is None:
        reason = _act(state, command, what, now_ns, effects)
    if reason is not None:
        _quarantine(state, asked, reason, now_ns)
        answers.answer(state, effects, asked, ReceiptState.REFUSED, reason)
        return samples
    if isinstance(what, Assess):
        samples = _assessed(state, what, command.user, now_ns)
    if not isinstance(what, (Start, Resume, Lower)):
        answers.answer(state, effects, asked, ReceiptState.VERIFIED, _done(state, command))
    return samples


def _act(  # noqa: C901 - one line per command
    state: State, command: CommandReceived, what: Judged, now_ns: int, effects: list[Effect]
) -> str | None:
    """Do what a command that may act asks for, or return why not."""
    match what:
        case Prepare():
            return _prepare(state, command, what, now_ns, effects)
        case Confirm():
            return _confirm(state, command, what, now_ns, effects)
        case Start():
            return _start(state, command, what, now_ns, effects)
        case Resume():
            return _resume(state, command, what, now_ns, effects)
        case Lower():
            return lowering.begin(state, command, what, now_ns, effects)
        case Acknowledge():
            return _acknowledge(state, what, command.user)
        case AudioPause():
            return _pause_audio(state, what, command.user, now_ns)
        case Assess():
            return assessment_refusal(what)
        case Attest():
            return _attest(state, what, command.user, now_ns, effects)
        case Close():
            return _close(state, what, command.user, now_ns, effects)
        case Presence():
            state.present_by, state.present_ns = command.user, now_ns
            return None
        case Tighten():
            return limits.tighten(state, what, command.user, effects)
        case Loosen():
            return limits.propose(state, what, command.user, now_ns, effects)
        case ConfirmLoosen():
            return limits.confirm(state, what, command.user, now_ns, effects)
        case Score():
            return prompts.score(state, what, command.user, now_ns, effects)
        case Account():
            return accounting.count(state, what, command.user, now_ns, effects)
        case Witness():
            return accounting.witness(state, what, command.user, now_ns, effects)
        case _:
            assert_never(what)


def refuse_malformed(state: State, event: CommandMalformed, now_ns: int, effects: list[Effect]) -> None:
    """Answer what could not be read, and list it; nothing else changes."""
    unread = Awaiting(user=event.user, command_id=event.id or "unreadable", kind="unreadable", since_ns=now_ns)
    _quarantine(state, unread, event.reason, now_ns)
    effects.append(
        Receipt(
            user=event.user,
            command_id=event.id or "unreadable",
            kind="unreadable",
            state=ReceiptState.REFUSED,
            reason=event.reason,
        )
    )


def _quarantine(state: State, asked: Awaiting, reason: str, now_ns: int) -> None:
    refusal = quarantine.Refusal(
        user=asked.user, kind=asked.kind, command_id=asked.command_id, reason=reason, at_ns=now_ns
    )
    state.refusals = quarantine.noted(state.refusals, refusal)


def _repeat_answer(state: State, asked: Awaiting, now_ns: int, effects: list[Effect]) -> None:
    stored = state.answers[asked.command_id]
    if stored is not None and stored.user == asked.user:
        effects.append(stored)
        return
    reason = "this command id was used before; it acts at most once"
    _quarantine(state, asked, reason, now_ns)
    effects.append(
        Receipt(
            user=asked.user,
            command_id=asked.command_id,
            kind=asked.kind,
            state=ReceiptState.REFUSED,
            reason=reason,
        )
    )


def _note_symptom(state: State, command: Symptom, user: str, effects: list[Effect]) -> None:
    """Keep a symptom for whoever decides on a resume; an emergency calls everybody."""
    mark = ", an emergency" if command.ends else ""
    effects.append(Decision(cause="symptom", text=f"{command.symptom.value}{mark}, noted by {user}"))
    if state.order is not None:
        symptom = NotedSymptom(symptom=command.symptom, ended=command.ends, by=user)
        state.symptoms = (*state.symptoms, symptom)[-KEPT_SYMPTOMS:]
    if command.ends:
        halting.tell(
            state,
            "emergency",
            Priority.HIGH,
            "emergency at the bedside",
            f"{command.symptom.value}, noted by {user}; the infusion ends",
            "Go to the patient. What was not given is not given.",
        )


def _halts(state: State, command: Stop | Pause | Symptom) -> bool:
    """Say whether there is anything to bring to rest: a symptom at rest only names a pause, unless it ends."""
    at_rest = state.halt is None and halting.pause_aim(state) is Aim.LOOK
    return not (isinstance(command, Symptom) and at_rest and not command.ends)


def _halt(state: State, command: Stop | Pause | Symptom, asked: Awaiting, now_ns: int, effects: list[Effect]) -> None:
    """Stop, pause and symptom: accepted in every mode, from everyone, twice or late, and never queued."""
    match command:
        case Symptom():
            ends, cause = command.ends, f"symptom {command.symptom.value} noted by {asked.user}"
        case Stop() | Pause():
            ends = isinstance(command, Stop)
            because = f" ({command.reason})" if command.reason else ""
            cause = f"{'stop' if ends else 'pause'} by {asked.user}{because}"
        case _:
            assert_never(command)
    halts = Trigger.HALT in TRANSITIONS[state.mode] or state.mode in {Mode.STOPPING, Mode.UNKNOWN}
    aim = Aim.END if ends and halts else halting.pause_aim(state)
    halting.halt(state, aim, cause, now_ns, effects, by_human=asked.user != DAEMON)
    if state.halt is not None and state.halt.phase is not Phase.REPEATING:
        reason = "the pump does not obey and is left silent so that its watchdog acts: stop at the pump"
    elif not state.pump.link_up:
        reason = f"{state.pump.no_link()}; stop at the pump"
    else:
        reason = "the stop is on the wire"
    if any(item.command_id == asked.command_id for item in state.awaiting):
        return
    answers.accept(state, effects, asked, reason)


def _prepare(state: State, command: CommandReceived, entry: Prepare, now_ns: int, effects: list[Effect]) -> str | None:
    if Trigger.PREPARED not in TRANSITIONS[state.mode]:
        return f"the mode is {state.mode.value}; stop and end this session before a new order is prepared"
    if phase.is_observing(state):
        return f"the patient of session {state.session} is still observed; close that session before a new order"
    if (reason := cleared.refusal(state, entry.clearance_hash)) is not None:
        return reason
    course = "" if state.clearance is None or not entry.clearance_hash else state.clearance.course
    try:
        order = plan(entry, state.settings.profile, by=command.user, seed=f"{state.boot}/{command.id}", course=course)
    except OrderRefusedError as refused:
        return str(refused)
    if (reason := cleared.weight_refusal(state, order, change_confirmed=entry.weight_change_confirmed)) is not None:
        return reason
    if state.mode in phase.OVER_MODES:
        _forget_patient(state, now_ns)
    state.mode = after(state.mode, Trigger.PREPARED)
    until_wall_ns = state.wall_ns() if state.over_wall_ns is None else state.over_wall_ns
    state.before = remembered(state.before, state.order, state.ledger, until_wall_ns=until_wall_ns, now_ns=now_ns)
    state.order = order
    state.session = f"s-{order.hash}"
    state.ledger = Ledger(order_nl=order.volume_nl)
    state.confirmed_by = state.started_by = state.baseline = state.pause_cause = None
    state.stations, state.tested = {}, {}
    state.runs = state.ran_ns = state.vital_pauses = 0
    state.ending = state.pressure_pause = state.line_unrelieved = False
    state.observing_since_ns = state.over_wall_ns = None
    state.first_run_ns = state.idle_since_ns = None
    state.rate_nl_h, state.planned_ns = order.rate_nl_h, expected_running_ns(order)
    state.lockout = Lockout()
    state.rolling = RollingDose.of_order(order, state.settings.profile.drug, low_nl=0, now_ns=now_ns)
    state.attested = {}
    state.limits, state.loosening, state.symptoms = {}, None, ()
    state.prepared_ns = now_ns
    state.pauses, state.peaks = 0, {}
    state.scores, state.scored_ns, state.account = (), None, None
    effects.append(Decision(cause="prepare", text=f"{prepared_text(state)}, prepared by {command.user}"))
    effects.append(Decision(cause="clearance", text=cleared.order_words(state, order)))
    versions = "; ".join(str(version) for version in state.settings.versions)
    simulated = "SIMULATED " if state.settings.simulated else ""
    words = f"{simulated}session {state.session} under {versions or 'no known version'}"
    effects.append(Decision(cause="versions", text=words))
    return None


def _close(state: State, wish: Close, user: str, now_ns: int, effects: list[Effect]) -> str | None:
    reason = discharge.close_refusal(state, wish, user, now_ns, effects)
    if reason is not None:
        return reason
    words = f"session {state.session} closed by {user}: {halting.delivered_text(state, now_ns)}"
    effects.append(Decision(cause="close", text=words))
    state.observing_since_ns = state.baseline = None
    _forget_patient(state, now_ns)
    return None


def _forget_patient(state: State, now_ns: int) -> None:
    """The next order may be for somebody else: no value of the session before speaks for it."""
    state.vitals = Vitals()
    state.differing = {}
    state.interlocks = Interlocks(watched_since_ns=now_ns)
    state.start_steady = {kind: Steady(range=watch.range) for kind, watch in state.start_steady.items()}
    state.override_steady = {kind: Steady(range=watch.range) for kind, watch in state.override_steady.items()}
    state.resume_steady = {kind: Steady(range=watch.range) for kind, watch in state.resume_steady.items()}


def order_text(state: State) -> str:
    """Return the order in one line, every number with its unit."""
    order = state.order
    assert order is not None  # noqa: S101 - callers have just prepared it
    soft = f", past soft limits: {'; '.join(order.soft_limits_passed)}, because: {order.soft_limit_reason}"
    return (
        f"{order.drug} {text(order.dose_ng, 1_000_000, 3)} mg ({text(order.dose_ng_per_g, 1_000, 3)} mg/kg at "
        f"{text(order.weight_g, G_PER_KG, 1)} kg), {in_ml(order.volume_nl)} mL at "
        f"{in_ml(order.rate_nl_h)} mL/h, syringe {order.syringe.name}, order {order.hash}"
        f"{f' of course {order.course}' if order.course else ''}"
        f"{soft if order.soft_limits_passed else ''}"
    )


def prepared_text(state: State) -> str:
    """Return the order with what was given before it, which comes first: a long line may be cut at its end."""
    return "; ".join([*(given.words() for given in state.before), order_text(state)])


def _confirm(state: State, command: CommandReceived, check: Confirm, now_ns: int, effects: list[Effect]) -> str | None:
    order = state.order
    if state.mode is not Mode.READY or order is None:
        return f"the mode is {state.mode.value}; there is no prepared order to confirm"
    if command.user == order.prepared_by:
        return f"{command.user} prepared this order; a second person must confirm it"
    if check.order_hash != order.hash:
        return f"the confirmation quotes order {check.order_hash}, the prepared order is {order.hash}; look again"
    if check.course != order.course:
        return (
            f"the course read from the patient's papers, {check.course or 'none'}, is not that of the order, "
            f"{order.course or 'none'}; look whose bed this is"
        )
    try:
        weight_kg = decimal_from("weight", check.weight_kg, "kg")
        concentration = decimal_from("concentration", check.concentration_mg_ml, "mg/mL")
    except QuantityError as error:
        return str(error)
    if Fraction(weight_kg) * G_PER_KG != order.weight_g:
        return f"the weight entered again, {check.weight_kg} kg, is not that of the order"
    tolerance = Fraction(state.settings.profile.drug.concentration_tolerance_percent) / 100
    if abs(Fraction(concentration) - order.concentration.ng_per_nl) > tolerance * order.concentration.ng_per_nl:
        return f"the concentration entered again, {check.concentration_mg_ml} mg/mL, is not that of the order"
    for what, read, ordered in (("drug", check.drug, order.drug), ("syringe", check.syringe, order.syringe.name)):
        if " ".join(read.split()).casefold() != ordered.casefold():
            return f"the {what} read again, {read[:40]!r}, is not that of the order"
    login_ns = state.settings.profile.confirm_login_ns
    waited_long = state.prepared_ns is None or now_ns - state.prepared_ns > login_ns
    if waited_long and not check.authenticated:
        return (
            f"the order was prepared more than {login_ns // NS_PER_S} s ago; type your password anew and confirm again"
        )
    state.confirmed_by = command.user
    state.confirmed_at_ns = now_ns
    effects.append(Decision(cause="confirm", text=f"order {order.hash} confirmed by {command.user}"))
    return None


def _start(state: State, command: CommandReceived, wish: Start, now_ns: int, effects: list[Effect]) -> str | None:
    if state.order is None or wish.order_hash != state.order.hash:
        return f"the start quotes order {wish.order_hash}, which is not the prepared order"
    override = _overrides(state, command.user, wish.override_reason)
    blockers = readiness.start_blockers(state, now_ns, override=override)
    if blockers:
        return "; ".join(blockers)
    if override:
        words = f"start override by {command.user}: {wish.override_reason.strip()}"
        effects.append(Decision(cause="override", text=words))
    starting.begin(state, command, "start", now_ns, effects, override=override)
    return None


def _resume(state: State, command: CommandReceived, wish: Resume, now_ns: int, effects: list[Effect]) -> str | None:
    if state.order is None or wish.order_hash != state.order.hash:
        return f"the resume quotes order {wish.order_hash}, which is not the order of this session"
    override = _overrides(state, command.user, wish.override_reason)
    blockers = readiness.resume_blockers(state, now_ns, override=override)
    if blockers:
        return "; ".join(blockers)
    if override:
        words = f"unlocked by {command.user}: {wish.override_reason.strip()}"
        effects.append(Decision(cause="override", text=words))
    starting.begin(state, command, "resume", now_ns, effects, override=override)
    return None


def _overrides(state: State, user: str, reason: str) -> bool:
    """Say whether a reason is that of somebody who may override: a prescriber's, and not an empty one."""
    return bool(reason.strip()) and state.settings.operators.get(user) is Role.PRESCRIBER


_CONTRARY = {Attested.LIMBS_APART: Attested.LIMB_SHARED, Attested.LIMB_SHARED: Attested.LIMBS_APART}


def _attest(state: State, note: Attest, user: str, now_ns: int, effects: list[Effect]) -> str | None:
    if note.item in FOR_DISCHARGE:
        if not phase.is_observing(state):
            return f"the phase is {phase.phase(state).value}; {note.item.value} is attested once the infusion is over"
    elif not phase.has_open_order(state):
        return f"the mode is {state.mode.value}; there is no order that {note.item.value} could be attested for"
    contrary = _CONTRARY.get(note.item)
    attested = {item: seen for item, seen in state.attested.items() if item is not contrary}
    state.attested = {**attested, note.item: Attestation(item=note.item, by=user, at_ns=now_ns)}
    if note.item is Attested.LINE_RELIEVED:
        state.line_unrelieved = False
    effects.append(Decision(cause="attest", text=f"{note.item.value} attested by {user}"))
    return None


def _acknowledge(state: State, note: Acknowledge, user: str) -> str | None:
    alarms = state.alarms.acknowledge(note.alarm, note.episode, user)
    if alarms is None:
        return f"there is no episode {note.episode} of alarm {note.alarm}; look at the alarm list again"
    state.alarms = alarms
    return None


def _pause_audio(state: State, note: AudioPause, user: str, now_ns: int) -> str | None:
    if supervision_lost_ns(state) is not None:
        return "no station is watching, so no tone is paused; open a station (pumpd watch), or acknowledge the alarm"
    alarms = state.alarms.pause_audio(note.alarm, note.episode, user, now_ns)
    if alarms is None:
        return f"no unacknowledged episode {note.episode} of alarm {note.alarm} is listed; look at the alarm list again"
    state.alarms = alarms
    return None


def _assessed(state: State, entry: Assess, user: str, now_ns: int) -> tuple[Sample, ...]:
    before = state.vitals.latest.get(VitalKind.MOAAS)
    seq = 0 if before is None else before.seq + 1
    values = ((VitalKind.MOAAS, entry.moaas), (VitalKind.RR, entry.respiration_bpm))
    return tuple(
        Sample(
            kind=kind,
            value=value,
            validity=Validity.VALID,
            measured_at_ns=now_ns,
            source=f"{ENTERED_BY}{user}",
            seq=seq,
        )
        for kind, value in values
    )


def _done(state: State, command: CommandReceived) -> str:
    match command.command:
        case Prepare():
            return prepared_text(state)
        case Confirm():
            return f"order {state.order.hash if state.order else ''} confirmed; it can be started"
        case Close():
            return f"session {state.session} is closed"
        case Acknowledge():
            return f"alarm {command.command.alarm} acknowledged by {command.user}"
        case AudioPause():
            return f"the tone of {command.command.alarm} is paused for {AUDIO_PAUSE_NS // NS_PER_S} s at most"
        case Loosen():
            waits = state.loosening
            return f"loosening {waits.hash if waits else ''} waits for a second person: confirm-loosen"
        case Account():
            return f"account {state.account.hash if state.account else ''} waits for a second person: witness"
        case _:
            return "recorded"
