"""The core: one event and `now_ns` in, effects out, and the next deadline. It decides; it never waits, reads or writes.

`handle` yields a stop before it does its bookkeeping, so that the bytes are on the wire before anything is recorded.
Every event ends in a complete evaluation: what is due pauses or ends, whoever sent the event and whatever it was.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import assert_never

from pumpd.core import (
    causes,
    cleared,
    comfort,
    commanding,
    discharge,
    gathering,
    halting,
    limits,
    lowering,
    phase,
    routine,
    sources,
    starting,
    stations,
)
from pumpd.core.alarms import PASSED_TO, Alarm, Alarms, Condition, Priority
from pumpd.core.causes import Cause
from pumpd.core.commands import FOR_DISCHARGE, Attested, CommandMalformed, CommandReceived
from pumpd.core.effects import (
    AlarmsChanged,
    Decision,
    Effect,
    KeepEvidence,
    SaveSession,
    SendStop,
    StateChanged,
    WriteIntent,
)
from pumpd.core.events import (
    Booted,
    BrokerConnected,
    BrokerLost,
    ClearanceSeen,
    ComfortPressed,
    ComfortSeen,
    CuffInflating,
    DeadlineReached,
    Event,
    JournalConfirmed,
    JournalFailed,
    JournalRecovered,
    PumpLinkDown,
    PumpLinkUp,
    SelfTested,
    SourceOnline,
    SourceRefused,
    StationSeen,
    TokenIssued,
)
from pumpd.core.evidence import Halted
from pumpd.core.given import remembered
from pumpd.core.judge import KEPT_TOKENS
from pumpd.core.lockout import Lockout
from pumpd.core.modes import MAY_MOVE_MODES, OPEN_MODES, Mode, Trigger, after
from pumpd.core.ports import (
    LinePolicy,
    MonitorNotice,
    NibpFailed,
    NibpReading,
    ProgramFailed,
    Programmed,
    PumpAlarmed,
    PumpAlarmKind,
    PumpAttached,
    PumpAttachFailed,
    PumpCounter,
    PumpPower,
    PumpSetting,
    PumpState,
    PumpStatus,
    RateChanged,
    RateChangeFailed,
    ReplyDiscarded,
    ReplyLost,
    RunAnswered,
    Sample,
    SamplesReceived,
    SettingChanged,
    Validity,
    VitalKind,
    from_bus,
)
from pumpd.core.profile import Action, VitalRule
from pumpd.core.pump_alarms import meaning
from pumpd.core.quantities import NS_PER_MIN, NS_PER_S
from pumpd.core.rest import Aim, Halt, Phase
from pumpd.core.rolling import RollingDose
from pumpd.core.session import SessionRecord
from pumpd.core.state import Settings, State
from pumpd.core.vitals import Steady

EVALUATE_EVERY_NS = NS_PER_S
"""An evaluation is never later than this after the last one, so that no lack of samples can suppress it (VIT-07)."""

SAVE_OBSERVED_NS = NS_PER_MIN
"""How much of an observation a restart may lose at most."""
TOTALS_TOLERANCE_NL = 50_000
"""The pump's totals may lie above the record by at most this, 0.05 mL (DOSE-12)."""


class Core:
    """One bedside. The shell calls `handle` and `next_deadline_ns`, and asks `line_policy` before each pump packet."""

    def __init__(self, settings: Settings) -> None:
        self.state = State(settings=settings)
        self._rules: Mapping[VitalKind, tuple[VitalRule, ...]] = {}
        self._immediate: Mapping[VitalKind, tuple[VitalRule, ...]] = {}
        self._limits = self.state.limits
        self._sort_rules()
        self._counts_ns = {kind: sources.counts_ns(settings.profile, kind) for kind in VitalKind}
        self.state.start_steady = {wanted.vital: Steady(range=wanted) for wanted in settings.profile.start}
        self.state.override_steady = {
            wanted.vital: Steady(range=replace(wanted, high=wanted.override_high or wanted.high))
            for wanted in settings.profile.start
        }
        self.state.resume_steady = {wanted.vital: Steady(range=wanted) for wanted in settings.profile.resume}
        self._passed_after_ns = {
            Priority.HIGH: settings.profile.alarm_escalate_high_ns,
            Priority.MEDIUM: settings.profile.alarm_escalate_medium_ns,
        }
        self._published: tuple[object, ...] = ()
        self._alarms: Alarms = self.state.alarms
        self._saved_ledger = self.state.ledger
        self._saved_entries: tuple[object, ...] = ()
        self._saved_at_ns = 0

    # ---- what the shell asks ----------------------------------------------------------------------------------------

    def handle(self, event: Event, now_ns: int) -> Iterator[Effect]:
        """Take one event and yield what is to be done, a stop first. The caller must exhaust the iterator."""
        effects: list[Effect] = []
        if isinstance(event, SamplesReceived):
            event = sources.seen_through_cuff(self.state, event, now_ns)
        stopped = isinstance(event, SamplesReceived) and self._acts_at_once(event.samples, now_ns)
        if stopped:
            yield SendStop()
        self._take(event, now_ns, effects)
        if self.state.limits is not self._limits:
            self._move_limits()
        self._let_time_pass(now_ns, effects)
        acting = self._halt_what_is_due(now_ns, effects)
        if not stopped and effects and any(isinstance(effect, SendStop) for effect in effects):
            yield SendStop()
        was_halted = self.state.halt is not None
        routine.advance(self.state, now_ns, effects, vitals_frame=isinstance(event, SamplesReceived))
        # a halt, and confirmed rest at its end, change what is due; nothing else that is done by the clock does
        self._keep_books(now_ns, effects, None if was_halted else acting)
        # the session with the run it authorises is recorded before the intent, so that durable is said of both
        if effects:
            yield from (effect for effect in effects if not isinstance(effect, (SendStop, WriteIntent)))
            yield from (effect for effect in effects if isinstance(effect, WriteIntent))

    def next_deadline_ns(self, now_ns: int) -> int:
        """Return when the core must next be called if nothing happens before."""
        state = self.state
        times = [now_ns + EVALUATE_EVERY_NS]
        rule_ns = state.interlocks.next_deadline_ns(
            state.settings.profile, state.vitals, now_ns, cuff_later_ns=phase.cuff_later_ns(state, now_ns)
        )
        if rule_ns is not None:
            times.append(rule_ns)
        times.extend(routine.deadlines_ns(state, now_ns))
        if state.alarms.listed:
            times.extend(due_ns for due_ns in state.alarms.deadlines_ns(self._passed_after_ns) if due_ns > now_ns)
        times.extend(due_ns for due_ns in sources.deadlines_ns(state) if due_ns > now_ns)
        return min(times)

    def permission(self, now_ns: int) -> bool:
        """Say whether the pump may move at `now_ns`."""
        return causes.permission(self.state, now_ns)

    def line_policy(self, now_ns: int) -> LinePolicy:
        """Say what may be sent to the pump at `now_ns`."""
        state = self.state
        if state.halt is not None:
            return LinePolicy.SILENT if state.halt.phase is Phase.SILENT else LinePolicy.STOPPING
        if causes.may_move(state):
            return LinePolicy.MOVING if causes.permission(state, now_ns) else LinePolicy.STOPPING
        return LinePolicy.FREE if state.pump.at_rest else LinePolicy.STOPPING

    def _acts_at_once(self, samples: tuple[Sample, ...], now_ns: int) -> bool:
        """Say whether a sample is beyond a limit that needs no time, no repeat and no baseline.

        A shortcut to the stop and nothing else: the evaluation that follows finds the same rule due and halts for it.
        """
        if not causes.may_move(self.state):
            return False
        for sample in samples:
            value = sample.value
            if value is None or sample.validity is not Validity.VALID:
                continue
            for rule in self._immediate.get(sample.kind, ()):
                if rule.side.beyond(value, rule.limit) and self.state.vitals.accepts(sample, now_ns):
                    return True
        return False

    def _sort_rules(self) -> None:
        """Sort the rules in force by vital sign, and out of them those that act at once."""
        rules: dict[VitalKind, list[VitalRule]] = {}
        for rule in limits.in_force(self.state):
            rules.setdefault(rule.vital, []).append(rule)
        self._rules = {kind: tuple(found) for kind, found in rules.items()}
        self._immediate = {
            kind: tuple(rule for rule in found if rule.acts_at_once) for kind, found in self._rules.items()
        }

    def _move_limits(self) -> None:
        """Judge by limits that have just been moved; what is known already counts."""
        state, before = self.state, self._limits
        self._limits = state.limits
        self._sort_rules()
        for kind, rules in self._rules.items():
            for rule in rules:
                if before.get(rule.id) != state.limits.get(rule.id):
                    state.interlocks = state.interlocks.under(rule, state.vitals.latest.get(kind), state.baseline)

    # ---- what happened ----------------------------------------------------------------------------------------------

    def _take(self, event: Event, now_ns: int, effects: list[Effect]) -> None:  # noqa: C901 - one line per event
        state = self.state
        match event:
            case SamplesReceived():
                for sample in event.samples:
                    sources.heard(state, sample.source)
                    self._take_sample(sample, now_ns)
            case PumpStatus():
                self._take_status(event, now_ns, effects)
            case PumpCounter():
                self._take_counter(event, now_ns, effects)
            case DeadlineReached():
                self._see_real_time(event.real_ns)
            case CommandReceived():
                self._see_real_time(event.received_real_ns)
                for sample in commanding.take(state, event, now_ns, effects):
                    self._take_sample(sample, now_ns)
            case CommandMalformed():
                commanding.refuse_malformed(state, event, now_ns, effects)
            case NibpReading():
                self._take_reading(event, now_ns, effects)
            case NibpFailed():
                sources.deflated(state, event.source)
                if not from_bus(event.source):
                    state.cuff = state.cuff.failed(now_ns, retry=event.retry)
                effects.append(Decision(cause="cuff", text=f"no cuff reading from {event.source}: {event.reason}"))
            case MonitorNotice():
                effects.append(Decision(cause="monitor", text=f"{event.source}: {event.text}"))
            case TokenIssued():
                self._see_real_time(event.real_ns)
                state.tokens = (*state.tokens, (event.token, event.real_ns))[-KEPT_TOKENS:]
            case BrokerConnected():
                self._see_real_time(event.real_ns)
                state.broker_lost_real_ns = None
                cleared.forgotten(state)  # what was taken back meanwhile is not told: what stands, the broker tells now
            case BrokerLost():
                self._see_real_time(event.real_ns)
                if state.broker_lost_real_ns is None:
                    state.broker_lost_real_ns = event.real_ns
            case StationSeen():
                self._see_real_time(event.real_ns)
                stations.seen(state, event)
            case SelfTested():
                state.self_test = event
            case JournalConfirmed():
                starting.journal_confirmed(state, event.token, now_ns, effects)
                lowering.journal_confirmed(state, event.token, now_ns, effects)
            case JournalFailed():
                state.journal_error = event.reason
            case JournalRecovered():
                state.journal_error = None
            case PumpLinkUp():
                self._link_up(now_ns, effects)
            case PumpLinkDown():
                self._link_down(event, now_ns, effects)
            case PumpAttached():
                state.pump = replace(state.pump, attached=event, attach_error=None)
            case PumpAttachFailed():
                state.pump = replace(state.pump, attached=None, attach_error=event.reason)
                effects.append(Decision(cause="pump", text=f"the pump cannot be used: {event.reason}"))
            case PumpAlarmed():
                self._take_pump_alarm(event, now_ns, effects)
            case PumpPower():
                state.pump = replace(state.pump, power=event)
            case Programmed():
                starting.programmed(state, event, now_ns, effects)
            case ProgramFailed():
                starting.program_failed(state, event, now_ns, effects)
            case RunAnswered():
                starting.run_answered(state, event, now_ns, effects)
            case RateChanged():
                lowering.changed(state, event, now_ns, effects)
            case RateChangeFailed():
                lowering.failed(state, event, now_ns, effects)
            case SettingChanged():
                self._take_changed_setting(event, now_ns, effects)
            case ReplyLost() | ReplyDiscarded():
                pass  # recorded by the shell; status age and time-outs do the judging
            case Booted():
                self._boot(event, now_ns, effects)
            case SourceRefused():
                if sources.refused(state, event, now_ns):
                    effects.append(Decision(cause="source", text=f"{event.source} refused: {event.reason}"))
            case SourceOnline():
                sources.online(state, event)
            case CuffInflating():
                sources.inflation(state, event, now_ns)
            case ComfortPressed():
                comfort.pressed(state, event, now_ns, effects)
            case ComfortSeen():
                comfort.seen(state, event, now_ns)
            case ClearanceSeen():
                cleared.seen(state, event, effects)
            case _:
                assert_never(event)

    def _see_real_time(self, real_ns: int) -> None:
        state = self.state
        if state.real_ns == 0:
            state.began_real_ns = real_ns
            if state.broker_lost_real_ns is not None:
                state.broker_lost_real_ns = real_ns  # the real clock begins anywhere; no loss is older than the daemon
        state.real_ns = max(state.real_ns, real_ns)

    def _take_sample(self, sample: Sample, now_ns: int) -> None:
        state = self.state
        valid = sample.validity is Validity.VALID
        if valid and not state.vitals.accepts(sample, now_ns):
            return
        if sample.measured_at_ns > now_ns:
            sample = replace(sample, measured_at_ns=now_ns)  # age counts at least from receipt (VIT-04)
        state.vitals = state.vitals.take(sample, now_ns)
        kind = sample.kind
        if valid:
            discharge.take(state, sample)
        if valid or not state.vitals.carried_elsewhere(sample):
            self._watch_steady(sample)
        state.interlocks = state.interlocks.take(
            sample,
            self._rules.get(kind, ()),
            state.baseline,
            others=sources.others(state, sample, now_ns),
            counts_ns=self._counts_ns[kind],
        )
        sources.compare(state, kind, now_ns)

    def _watch_steady(self, sample: Sample) -> None:
        """All sources of a vital sign must be in range; one without a value does not count while another gives one."""
        state = self.state
        kind = sample.kind
        if (watch := state.start_steady.get(kind)) is not None:
            state.start_steady = {**state.start_steady, kind: watch.take(sample)}
        if (watch := state.override_steady.get(kind)) is not None:
            state.override_steady = {**state.override_steady, kind: watch.take(sample)}
        if (watch := state.resume_steady.get(kind)) is not None:
            state.resume_steady = {**state.resume_steady, kind: watch.take(sample)}

    def _take_reading(self, reading: NibpReading, now_ns: int, effects: list[Effect]) -> None:
        state = self.state
        commanded = not from_bus(reading.source)  # the schedule is that of the cuff we inflate
        sources.heard(state, reading.source)
        sources.deflated(state, reading.source)
        if not state.vitals.accepts_reading(reading, now_ns):
            if commanded:
                state.cuff = state.cuff.failed(now_ns, retry=False)
            effects.append(Decision(cause="cuff", text=f"reading {reading.cycle} of {reading.source} is not usable"))
            return
        if commanded:
            state.cuff = state.cuff.ended(now_ns)
        state.vitals = state.vitals.with_reading(reading)
        for kind, value in (
            (VitalKind.SBP, reading.sbp_mmhg),
            (VitalKind.DBP, reading.dbp_mmhg),
            (VitalKind.MAP, reading.map_mmhg),  # no rule judges it, but it ends an impossible one
        ):
            sample = Sample(
                kind=kind,
                value=value,
                validity=Validity.VALID,
                measured_at_ns=reading.measured_at_ns,
                source=reading.source,
                seq=reading.cycle,
            )
            self._take_sample(sample, now_ns)

    def _take_status(self, status: PumpStatus, now_ns: int, effects: list[Effect]) -> None:
        state = self.state
        if status.asked_at_ns < state.pump.run_sent_ns:
            return
        state.pump = replace(state.pump, status=status)
        before = state.halt
        if before is not None:
            state.halt = before.with_status(status, now_ns)
            if before.phase is Phase.ASKING and state.halt.phase is Phase.SILENT:
                effects.append(SendStop())  # one, then silence again: more would keep the pump's watchdog content
            return
        if causes.may_move(state):
            starting.status_while_moving(state, status, now_ns, effects)
        elif status.state in {PumpState.MOVING, PumpState.OTHER} and state.pump.at_rest:
            # started at its own keypad: obeyed as what it is, a run that nobody here permitted
            since_ns = state.pump.counter.asked_at_ns if state.pump.counter else now_ns
            state.ledger = state.ledger.moves_unasked(since_ns)
            halting.halt(state, Aim.PAUSE, "the pump moves although nobody started it here", now_ns, effects)
            halting.tell_keypad_start(state)
        elif status.state is PumpState.PAUSED and state.pump.at_rest:
            halting.halt(state, Aim.LOOK, "the pump is paused at its keypad, not at rest", now_ns, effects)

    def _take_counter(self, counter: PumpCounter, now_ns: int, effects: list[Effect]) -> None:
        state = self.state
        if counter.asked_at_ns < state.pump.run_sent_ns:
            return
        status = state.pump.status
        moving = status is None or status.state in {PumpState.MOVING, PumpState.OTHER}
        lost_before = state.ledger.run is not None and state.ledger.run.counter_lost
        before = state.pump.counter
        state.pump = replace(state.pump, counter=counter)
        rose = before is not None and counter.low_nl > before.low_nl
        if rose and before is not None and state.session is not None:
            # also while a pump that was started at its keypad is being stopped: no run of ours counts that flow
            least_nl = max(counter.low_nl - before.high_nl, 0)
            state.ledger = state.ledger.flowed_outside_runs(least_nl, counter.high_nl - before.low_nl)
        if rose and before is not None and state.pump.at_rest:
            halting.halt(state, Aim.PAUSE, "the pump's counter rose at rest", now_ns, effects)
            halting.tell_flow_at_rest(state, before, counter)
        excess_nl = state.ledger.excess_nl(counter, now_ns)
        if excess_nl > TOTALS_TOLERANCE_NL:
            halting.tell_totals_differ(state, counter, excess_nl, now_ns)
            halting.halt(state, Aim.PAUSE, "the pump's totals differ from the record", now_ns, effects)
        state.ledger = state.ledger.with_counter(counter, moving=moving, now_ns=now_ns)
        if state.rolling is not None:
            state.rolling = state.rolling.take(state.ledger.low(), now_ns)
        if state.ledger.run is not None and state.ledger.run.counter_lost and not lost_before:
            halting.tell_counter_lost(state, counter, now_ns)
            halting.halt(state, Aim.PAUSE, "the pump's totals fell", now_ns, effects)
        if state.halt is not None:
            state.halt = state.halt.with_counter(counter)
        elif state.watch is not None and state.mode is Mode.RUNNING:
            state.watch = state.watch.take(counter, now_ns)

    def _take_changed_setting(self, event: SettingChanged, now_ns: int, effects: list[Effect]) -> None:
        state = self.state
        if event.asked_at_ns < state.pump.run_sent_ns:
            return
        if event.setting is not PumpSetting.RATE:
            state.ledger = state.ledger.end_stop_gone()  # that takes a stop and a start at the pump's own keys
        halting.halt(state, Aim.PAUSE, f"the pump's {event.setting.value} was changed at the pump", now_ns, effects)
        halting.tell_setting_changed(state, event)

    def _take_pump_alarm(self, event: PumpAlarmed, now_ns: int, effects: list[Effect]) -> None:
        state = self.state
        state.pump = replace(state.pump, alarm=event)
        if event.kind is PumpAlarmKind.RESET:
            state.ledger = state.ledger.counter_reset()
        means = meaning(event.kind)
        if means.pressure and state.runs:
            state.line_unrelieved = True
            state.attested = {item: seen for item, seen in state.attested.items() if item is not Attested.LINE_RELIEVED}
        if causes.may_move(state):
            state.lockout = state.lockout.take(event.kind, now_ns)
        effects.append(Decision(cause="pump", text=f"pump alarm: {event.kind.value} ({event.text})"))
        if means.over and state.mode in OPEN_MODES:
            halting.halt(state, Aim.FAULT, f"pump alarm: {event.kind.value}", now_ns, effects)
        elif state.halt is None and state.mode not in MAY_MOVE_MODES:
            # nothing was to move; make sure that nothing does, and clear the alarm through confirmed rest
            halting.halt(state, Aim.LOOK, f"pump alarm: {event.kind.value}", now_ns, effects)

    def _link_up(self, now_ns: int, effects: list[Effect]) -> None:
        state = self.state
        state.pump = replace(
            state.pump, link_up=True, link_reason=None, attached=None, attach_error=None, at_rest=False, power=None
        )
        state.ledger = state.ledger.link_back()
        before = state.halt
        if before is None:
            halting.halt(state, Aim.LOOK, "the pump's port was opened", now_ns, effects)
            return
        # a link that comes and goes must not keep the watchdog of a pump alive that does not obey
        sent_ns = state.pump.last_packet_ns
        fed = sent_ns is not None and now_ns - sent_ns < state.settings.profile.lease_ns + NS_PER_S
        if fed and before.phase is not Phase.REPEATING:
            state.halt = before.heard_anew(now_ns)
            return
        state.halt = None
        halting.halt(state, before.aim, before.cause, now_ns, effects, by_human=before.by_human)
        state.halted = None  # begun before; its evidence is recorded
        if fed and state.halt is not None:
            state.halt = replace(state.halt, phase_since_ns=before.phase_since_ns)

    def _link_down(self, event: PumpLinkDown, now_ns: int, effects: list[Effect]) -> None:
        state = self.state
        profile = state.settings.profile
        state.pump = replace(
            state.pump, link_up=False, link_reason=event.reason, attached=None, at_rest=False, status=None, power=None
        )
        state.pump = replace(state.pump, last_packet_ns=event.last_packet_ns)
        if event.last_packet_ns is not None:
            flows_until_ns = event.last_packet_ns + profile.lease_ns + profile.stop_latency_ns
            state.ledger = state.ledger.link_lost(flows_until_ns)
        if state.mode in OPEN_MODES:
            halting.pump_lost(state, f"pump link lost: {event.reason}", now_ns, effects)

    def _boot(self, event: Booted, now_ns: int, effects: list[Effect]) -> None:
        state = self.state
        state.boot, state.bed = event.boot, event.bed
        state.answers = dict.fromkeys(event.seen_ids)
        state.interlocks = replace(state.interlocks, watched_since_ns=now_ns)
        state.alarms = event.alarms.after_restart(now_ns)
        self._see_real_time(event.real_ns)
        state.wall_ahead_ns = event.wall_ns - event.real_ns
        record = event.recovered
        if record is None:
            return
        state.before = record.before
        if record.mode not in OPEN_MODES and record.observed_ns is None:
            until_wall_ns = event.wall_ns if record.over_wall_ns is None else record.over_wall_ns
            ledger = record.ledger.after_restart()
            state.before = remembered(record.before, record.order, ledger, until_wall_ns=until_wall_ns, now_ns=now_ns)
            return
        state.over_wall_ns = record.over_wall_ns
        state.session, state.rev, state.order = record.session, record.rev, record.order
        state.mode = after(record.mode, Trigger.RESTARTED)
        state.ledger = record.ledger.after_restart()
        state.pump = replace(state.pump, counter=record.counter)
        state.confirmed_by, state.started_by, state.baseline = record.confirmed_by, record.started_by, record.baseline
        state.confirmed_at_ns = now_ns
        state.pause_cause = "the daemon was restarted"
        state.paused_at_ns = now_ns
        state.pressure_pause = record.pressure_pause
        # a run that was authorised may have begun; one that certainly never was leaves an order to confirm again
        state.runs = max(record.runs, 1) if record.ledger.run is not None else record.runs
        state.ran_ns, state.ending = record.ran_ns, record.ending
        if record.observed_ns is not None:
            state.observing_since_ns = now_ns - record.observed_ns
        state.rate_nl_h, state.planned_ns = record.rate_nl_h, record.planned_ns
        state.idle_since_ns = now_ns if state.runs else None
        if record.since_first_run_ns is not None:
            state.first_run_ns = now_ns - record.since_first_run_ns
        state.limits = {change.rule: change for change in record.limits}
        state.symptoms = record.symptoms
        state.pauses, state.account, state.scores = record.pauses, record.account, record.scores
        state.peaks = {peak.vital: peak for peak in record.peaks}
        state.scored_ns = None if record.scored_ago_ns is None else now_ns - record.scored_ago_ns
        state.attested = {seen.item: replace(seen, at_ns=now_ns) for seen in record.for_discharge}
        state.vital_pauses, state.line_unrelieved = record.vital_pauses, record.line_unrelieved
        state.lockout = Lockout(reason=record.locked)
        state.rolling = RollingDose.of_order(
            record.order, state.settings.profile.drug, low_nl=state.ledger.low(), now_ns=now_ns
        )
        effects.append(Decision(cause="restart", text=f"session {record.session} recovered from the journal"))
        if phase.is_observing(state):
            state.pause_cause = record.pause_cause
            halting.halt(state, Aim.LOOK, "the daemon was restarted", now_ns, effects)
            halting.tell_restarted_observing(state)
            return
        if state.runs == 0:
            state.confirmed_by = None
        aim = Aim.END if record.ending else Aim.FAULT if record.mode is Mode.FAULT else Aim.PAUSE
        state.halt = Halt(
            aim=aim,
            cause=state.pause_cause,
            by_human=record.ending,
            since_ns=now_ns,
            phase_since_ns=now_ns,
            rate_nl_h=record.order.rate_nl_h,
        )
        if not record.ending:
            state.halted = Halted(
                mode=record.mode, moving=record.mode in MAY_MOVE_MODES, aim=aim, cause=state.pause_cause
            )
        halting.tell_restarted(state)

    # ---- what follows -----------------------------------------------------------------------------------------------

    def _let_time_pass(self, now_ns: int, effects: list[Effect]) -> None:
        state = self.state
        halt = state.halt
        if halt is not None and state.pump.link_up:
            state.halt = halt.at(now_ns, state.settings.profile.lease_ns)
        step = state.starting
        if step is not None and now_ns >= step.deadline_ns:
            starting.timed_out(state, step, now_ns, effects)
        if state.lowering is not None and now_ns >= state.lowering.deadline_ns:
            lowering.timed_out(state, state.lowering, now_ns, effects)

    def _halt_what_is_due(self, now_ns: int, effects: list[Effect]) -> tuple[Cause, ...]:
        """Begin or sharpen a halt for what pauses or ends now; return what was due before it."""
        state = self.state
        acting = tuple(causes.acting(state, now_ns))
        found = [cause for cause in acting if cause.action is not Action.ALERT]
        if found and state.mode in OPEN_MODES:
            self._halt_for(found, now_ns, effects)
        return acting

    def _halt_for(self, found: list[Cause], now_ns: int, effects: list[Effect]) -> None:
        state = self.state
        if any(cause.pressure for cause in found):
            state.pressure_pause = True  # also where something else had paused before
        if state.mode is Mode.RUNNING and any(cause.vital_limit for cause in found):
            state.vital_pauses += 1
        ending = next((cause for cause in found if cause.action is Action.END), None)
        if ending is not None and not state.ending:
            aim, text = Aim.END, ending.condition.text
        elif state.mode is Mode.RUNNING and state.vital_pauses >= state.settings.profile.vital_pauses_max:
            aim, text = Aim.END, f"pause number {state.vital_pauses} for a vital sign: {found[0].condition.text}"
        elif state.mode in MAY_MOVE_MODES:
            aim, text = Aim.PAUSE, found[0].condition.text
        else:
            return
        if state.mode not in MAY_MOVE_MODES:
            found = [cause for cause in found if cause.action is Action.END]  # the others stand already
        # some causes are over as soon as the pump is told to stop; what led to the halt is an alarm all the same
        state.happened = (*state.happened, *(cause.condition for cause in found))
        halting.halt(state, aim, text, now_ns, effects)

    def _keep_books(self, now_ns: int, effects: list[Effect], acting: tuple[Cause, ...] | None) -> None:
        state = self.state
        self._keep_alarms(now_ns, effects, acting)
        alarms = state.alarms
        watched = state.mode in OPEN_MODES or phase.is_observing(state)
        tripped = state.interlocks.restricting() if watched else ()
        key = (
            state.mode,
            phase.phase(state),
            state.halt.aim if state.halt else None,
            state.session,
            state.confirmed_by,
            tripped,
            alarms.key(),
            state.limits,
            state.loosening,
        )
        if key != self._published:
            self._published = key
            state.rev += 1
            effects.append(StateChanged(rev=state.rev))
        elif not self._knows_more(now_ns):
            return
        # also what a counter read has just proven, so that a restart does not know less than people were shown
        if state.session is not None and state.order is not None:
            self._saved_ledger = state.ledger
            self._saved_entries = _entries(state)
            self._saved_at_ns = now_ns
            effects.append(SaveSession(record=self.session_record(now_ns)))

    def _knows_more(self, now_ns: int) -> bool:
        """Say whether a restart would know less than the core does now, although people were shown nothing new."""
        state = self.state
        if _entries(state) != self._saved_entries:
            return True
        if phase.is_observing(state):
            return now_ns - self._saved_at_ns >= SAVE_OBSERVED_NS
        return (
            state.mode in OPEN_MODES and state.ledger is not self._saved_ledger and state.ledger != self._saved_ledger
        )

    def _keep_alarms(self, now_ns: int, effects: list[Effect], acting: tuple[Cause, ...] | None) -> None:
        """List what is the case, pass on what nobody acknowledges, and record the evidence of a halt.

        `acting` is what `causes.acting` yields now, where it is known.
        """
        state = self.state
        due = (*(causes.acting(state, now_ns) if acting is None else acting), *causes.reminding(state, now_ns))
        halted = state.halted
        conditions = (*state.happened, *(cause.condition for cause in due))
        if conditions or state.alarms.listed or halted is not None:
            anew = {condition.id for condition in state.happened}
            if halted is not None and halted.moving:
                # an acknowledgement of the same cause before this pause is none of this pause
                anew.update(cause.condition.id for cause in due if cause.action is not Action.ALERT)
                if not any(each.id in anew and each.priority >= Priority.MEDIUM for each in conditions):
                    conditions = (*conditions, _unnamed(halted))
            # told once: what is over by the next evaluation stays listed as an episode to acknowledge
            state.happened = ()
            alarms = state.alarms.update(conditions, now_ns, lambda: gathering.circumstances(state, now_ns), anew=anew)
            if causes.supervision_lost_ns(state) is not None:
                alarms = alarms.audible()
            alarms, late = alarms.pass_on(self._passed_after_ns, now_ns)
            effects.extend(Decision(cause="escalation", text=_passed_text(alarm, now_ns)) for alarm in late)
            state.alarms = alarms
        if halted is not None:
            state.halted = None
            effects.append(KeepEvidence(evidence=gathering.evidence(state, halted, conditions, now_ns)))
        if state.alarms is not self._alarms and state.alarms != self._alarms:
            self._alarms = state.alarms
            effects.append(AlarmsChanged(sound=state.alarms.sounding(), alarms=state.alarms))

    def session_record(self, now_ns: int) -> SessionRecord:
        """Return the session as a restarted daemon must know it; only while there is an order."""
        state = self.state
        assert state.session is not None  # noqa: S101 - callers check
        assert state.order is not None  # noqa: S101
        return SessionRecord(
            session=state.session,
            rev=state.rev,
            mode=state.mode,
            order=state.order,
            ledger=state.ledger,
            counter=state.pump.counter,
            confirmed_by=state.confirmed_by,
            started_by=state.started_by,
            baseline=state.baseline,
            ending=state.ending,
            pause_cause=state.pause_cause,
            pressure_pause=state.pressure_pause,
            ran_ns=state.ran_ns,
            runs=state.runs,
            rate_nl_h=state.rate_nl_h,
            planned_ns=state.planned_ns,
            observed_ns=phase.observed_ns(state, now_ns),
            since_first_run_ns=None if state.first_run_ns is None else now_ns - state.first_run_ns,
            vital_pauses=state.vital_pauses,
            locked=state.lockout.reason,
            line_unrelieved=state.line_unrelieved,
            limits=tuple(state.limits.values()),
            symptoms=state.symptoms,
            pauses=state.pauses,
            peaks=tuple(state.peaks.values()),
            scores=state.scores,
            scored_ago_ns=None if state.scored_ns is None else now_ns - state.scored_ns,
            for_discharge=tuple(seen for item, seen in state.attested.items() if item in FOR_DISCHARGE),
            account=state.account,
            over_wall_ns=state.over_wall_ns,
            before=state.before,
        )


def _entries(state: State) -> tuple[object, ...]:
    """Return what people have entered and a restarted daemon must know, although no revision moves for it."""
    return state.scores, state.account, tuple([item for item in FOR_DISCHARGE if item in state.attested])


def _unnamed(halted: Halted) -> Condition:
    """Return the alarm of a pause that no rule of its own has told: none is ever silent (requirement ALRM-04)."""
    return Condition(
        id="paused",
        priority=Priority.MEDIUM,
        cause="paused by the daemon",
        text=halted.cause,
        advice="Look at the pump and the patient; acknowledge, and resume when the cause has gone.",
    )


def _passed_text(alarm: Alarm, now_ns: int) -> str:
    waited_s = (now_ns - alarm.unheard_since_ns) / NS_PER_S
    return (
        f"alarm {alarm.id} episode {alarm.episode} ({alarm.priority.name}), not acknowledged for {waited_s:.0f} s, "
        f"is passed to: {PASSED_TO.value}"
    )
