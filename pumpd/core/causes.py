"""Permission: the one predicate. Which rules that alert, pause or end are due now, and why; nothing due is permission.

`permission` is asked before every packet to a moving pump, before RUN, and by every evaluation. The default is no:
what is missing, late or unknown is a cause.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pumpd.core import pausing, phase, prompts, sources, tending
from pumpd.core.alarms import Condition, Priority
from pumpd.core.counter import STALL_NS, Mismatch
from pumpd.core.interlocks import Trip
from pumpd.core.modes import MAY_MOVE_MODES, OPEN_MODES, Mode
from pumpd.core.ports import PumpState
from pumpd.core.profile import Action
from pumpd.core.pump_alarms import LOOK_AT_PUMP, meaning
from pumpd.core.quantities import NS_PER_MIN, NS_PER_S, flow_time_ns, in_ml
from pumpd.core.rolling import WINDOW_NS
from pumpd.core.state import State, Step

STATUS_MAX_AGE_NS = 3 * NS_PER_S
"""How old the pump's status may be while it may move (requirement COMM-03)."""
STARTING_GRACE_NS = NS_PER_S
"""After RUN was sent, rest and infusing both count as commanded for so long."""
SETTLE_NS = NS_PER_MIN
"""What swings over its limit gives one alarm, not one at each crossing (requirement ALRM-06).

It hides nothing: what pauses a running infusion is a new episode in any case, and a resume needs the cause gone. What
ends an infusion, a stop that is not confirmed and lost supervision do not settle: they are told each time.
"""
NEAR_END_NS = 3 * NS_PER_MIN
"""Less drug than for this gives a low-priority alarm (requirement PUMP-02)."""
BATTERY_LEAST_NS = 3 * NS_PER_MIN
"""A pump without mains and with less battery than for this pauses (requirement PUMP-02)."""
RUNNING_TIME_MARGIN_PERCENT = 2
"""Running longer than expected by more than this ends the infusion (requirement DOSE-05)."""

_WATCH_PATIENT = "Look at the patient and the sensor; acknowledge, and resume when the cause has gone."


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Something that alerts, pauses or ends, with the words for the alarm."""

    action: Action
    condition: Condition
    pressure: bool = False  # a blood pressure is beyond its limits
    vital_limit: bool = False  # a vital sign is beyond its limits, other than missing


def permission(state: State, now_ns: int) -> bool:
    """Say whether the pump may move at `now_ns`: it was commanded to, and nothing that pauses or ends is due."""
    if state.halt is not None or not may_move(state):
        return False
    return all(cause.action is Action.ALERT for cause in acting(state, now_ns))


def may_move(state: State) -> bool:
    """Say whether RUN was sent and the pump may move by permission."""
    starting = state.starting
    return state.mode is Mode.RUNNING or (starting is not None and starting.step is Step.RUN)


def due(state: State, now_ns: int) -> Iterator[Cause]:
    """Yield every cause that is due, also of rules that only ever alert."""
    yield from acting(state, now_ns)
    yield from reminding(state, now_ns)


def reminding(state: State, now_ns: int) -> Iterator[Cause]:
    """Yield every cause that is due of rules that only ever alert."""
    for condition in prompts.overdue(state, now_ns):
        yield Cause(action=Action.ALERT, condition=condition)


def acting(state: State, now_ns: int) -> Iterator[Cause]:
    """Yield every cause that is due of rules that may pause or end; with nobody infused only what needs no patient.

    It is judged before each packet to a moving pump, so what can never act on the pump stays out of it.
    """
    if state.halt is not None and state.halt.overdue:
        yield _cause(
            Action.PAUSE,
            Priority.HIGH,
            "stop-unconfirmed",
            "pump does not confirm the stop",
            f"rest was not confirmed within 3 s of the stop for: {state.halt.cause}",
            "Stop at the pump and clamp the line.",
        )
    if state.mode in OPEN_MODES:
        # before the first run nobody is infused yet, and a start judges the vitals by itself
        yield from standing(state, now_ns, vitals=state.runs > 0 or state.mode is Mode.STARTING)
        return
    if phase.is_observing(state):
        yield from _observing_causes(state, now_ns)
    yield from _journal_causes(state, Priority.MEDIUM)
    if state.mode is Mode.READY:
        yield from _source_causes(state, now_ns)


def standing(state: State, now_ns: int, *, vitals: bool = True) -> Iterator[Cause]:
    """Yield every cause that is due at `now_ns`, whether or not a session is open."""
    if vitals:
        yield from _vital_causes(state, now_ns)
    yield from _source_causes(state, now_ns)
    yield from _pump_causes(state, now_ns)
    yield from _pause_causes(state, now_ns)
    for action, condition in tending.owed(state, now_ns):
        yield Cause(action=action, condition=condition)
    yield from _journal_causes(state, Priority.HIGH)
    lost_ns = supervision_lost_ns(state)
    if lost_ns is not None:
        yield from _supervision_causes(state, lost_ns)


def _observing_causes(state: State, now_ns: int) -> Iterator[Cause]:
    """What people must know of after the infusion. The pump is at rest, so nothing of it acts on the pump."""
    for cause in _vital_causes(state, now_ns):
        yield replace(cause, action=Action.ALERT)
    if not state.pump.link_up and state.pump.link_reason is not None:
        yield _cause(
            Action.ALERT,
            Priority.MEDIUM,
            "pump-link",
            "pump link lost",
            f"{state.pump.no_link()}; the infusion is over",
            "See that the pump is at rest and the line clamped or disconnected.",
        )
    lost_ns = supervision_lost_ns(state)
    if lost_ns is not None and lost_ns >= state.settings.profile.supervision_alarm_ns:
        yield _cause(
            Action.ALERT,
            Priority.MEDIUM,
            "supervision",
            "supervision lost",
            f"{_unwatched(state)} for {lost_ns / NS_PER_S:.0f} s; the patient is still observed",
            "Go to the bedside; restore the network, or open a station (pumpd watch).",
        )


def _cause(
    action: Action, priority: Priority, cause_id: str, cause: str, text: str, advice: str, *, settle_ns: int = 0
) -> Cause:
    condition = Condition(id=cause_id, priority=priority, cause=cause, text=text, advice=advice, settle_ns=settle_ns)
    return Cause(action=action, condition=condition)


def _journal_causes(state: State, priority: Priority) -> Iterator[Cause]:
    if state.journal_error is not None:
        yield _cause(
            Action.PAUSE,
            priority,
            "journal",
            "journal not writable",
            f"the record cannot be written: {state.journal_error}",
            "Tell the engineer; nothing is started without a record.",
            settle_ns=SETTLE_NS,
        )


def vital_trips(state: State, now_ns: int) -> tuple[Trip, ...]:
    """Return every rule on a vital sign that is due, the most restrictive first."""
    later_ns = phase.cuff_later_ns(state, now_ns)
    return state.interlocks.trips(state.settings.profile, state.vitals, now_ns, cuff_later_ns=later_ns)


def _vital_causes(state: State, now_ns: int) -> Iterator[Cause]:
    for trip in vital_trips(state, now_ns):
        priority = Priority.HIGH if trip.action is Action.END else Priority.MEDIUM
        condition = Condition(
            id=trip.rule,
            priority=priority,
            cause=trip.interlock,
            text=trip.text,
            advice=_WATCH_PATIENT,
            settle_ns=0 if trip.action is Action.END else SETTLE_NS,
        )
        yield Cause(
            action=trip.action,
            pressure=trip.interlock in {"sbp", "dbp"},
            condition=condition,
            vital_limit=trip.interlock != "stale",
        )


def _source_causes(state: State, now_ns: int) -> Iterator[Cause]:
    for complaint in sources.complaints(state, now_ns):
        action = Action.PAUSE if complaint.pauses else Action.ALERT
        yield Cause(action=action, condition=complaint.condition)


def _pump_causes(state: State, now_ns: int) -> Iterator[Cause]:
    pump = state.pump
    if not pump.link_up and (pump.link_reason is not None or state.mode in MAY_MOVE_MODES):
        yield _cause(
            Action.PAUSE,
            Priority.HIGH,
            "pump-link",
            "pump link lost",
            f"{pump.no_link()}; its own watchdog stops it within the lease",
            LOOK_AT_PUMP,
            settle_ns=SETTLE_NS,
        )
    if pump.alarm is not None:
        kind = pump.alarm.kind
        yield _cause(
            Action.PAUSE,
            Priority.HIGH,
            f"pump-alarm-{kind.name.lower()}",
            f"pump alarm: {kind.value}",
            f"the pump reports: {kind.value} ({pump.alarm.text})",
            meaning(kind).advice,
        )
    if pump.power is not None and not pump.power.mains:
        yield from _battery_causes(pump.power.left_ns(now_ns))
    if state.mode in MAY_MOVE_MODES:
        yield from _moving_causes(state, now_ns)


def _battery_causes(left_ns: int) -> Iterator[Cause]:
    if left_ns < BATTERY_LEAST_NS:
        yield _cause(
            Action.PAUSE,
            Priority.MEDIUM,
            "battery",
            "pump battery nearly empty",
            f"the pump has no mains and {left_ns / NS_PER_MIN:.1f} min of battery, limit "
            f"{BATTERY_LEAST_NS // NS_PER_MIN} min",
            "Connect the pump to the mains; it can be resumed when it is fed again.",
            settle_ns=SETTLE_NS,
        )


def _moving_causes(state: State, now_ns: int) -> Iterator[Cause]:
    pump = state.pump
    starting = state.starting
    if starting is None or starting.step is Step.RUN:
        asked_ns = pump.run_sent_ns if pump.status is None else max(pump.status.asked_at_ns, pump.run_sent_ns)
        age_ns = now_ns - asked_ns
        if pump.link_up and age_ns > STATUS_MAX_AGE_NS:
            yield _cause(
                Action.PAUSE,
                Priority.HIGH,
                "pump-silent",
                "pump does not answer",
                f"no status from the pump for {age_ns / NS_PER_S:.1f} s, limit {STATUS_MAX_AGE_NS / NS_PER_S:.0f} s",
                LOOK_AT_PUMP,
            )
    if pump.status is not None and pump.status.state is PumpState.OTHER:
        yield _cause(
            Action.PAUSE, Priority.HIGH, "pump-state", "pump in a foreign state", PumpState.OTHER.value, LOOK_AT_PUMP
        )
    if state.watch is not None and now_ns - state.watch.reads[-1].asked_at_ns > STALL_NS:
        yield _cause(
            Action.PAUSE,
            Priority.HIGH,
            "counter-silent",
            "no totals from the pump",
            f"the pump's counter was not read for more than {STALL_NS / NS_PER_S:.0f} s",
            LOOK_AT_PUMP,
        )
    if state.watch is not None and state.watch.mismatch is not None:
        mismatch = state.watch.mismatch
        milder = mismatch is Mismatch.UNDER
        yield _cause(
            Action.ALERT if milder else Action.PAUSE,
            Priority.MEDIUM if milder else Priority.HIGH,
            f"counter-{mismatch.name.lower()}",
            mismatch.value,
            state.watch.text,
            LOOK_AT_PUMP,
        )
    if state.order is not None and state.running_since_ns is not None:
        ran_ns = state.ran_ns + now_ns - state.running_since_ns
        limit_ns = running_limit_ns(state)
        if ran_ns > limit_ns:
            yield _cause(
                Action.END,
                Priority.MEDIUM,
                "time-limit",
                "running time used up",
                f"ran for {ran_ns / NS_PER_MIN:.1f} min, limit {limit_ns / NS_PER_MIN:.1f} min",
                "The infusion has ended short; see what was given.",
            )

    yield from _delivery_causes(state, now_ns)


def _delivery_causes(state: State, now_ns: int) -> Iterator[Cause]:
    run, rolling = state.ledger.run, state.rolling
    assert run is not None  # noqa: S101 - it starts or runs
    assert rolling is not None  # noqa: S101
    high_nl = state.ledger.high(now_ns)
    given_nl = rolling.given_nl(high_nl, now_ns)
    if given_nl > rolling.most_nl:
        yield _cause(
            Action.PAUSE,
            Priority.HIGH,
            "rolling-dose",
            "too much drug in ten minutes",
            f"up to {in_ml(given_nl)} mL in the last {WINDOW_NS // NS_PER_MIN} min, limit {in_ml(rolling.most_nl)} mL",
            LOOK_AT_PUMP,
        )
    if flow_time_ns(state.ledger.order_nl - high_nl, run.rate_nl_h) < NEAR_END_NS:
        yield _cause(
            Action.ALERT,
            Priority.LOW,
            "near-end",
            "the infusion is about to end",
            f"less than {NEAR_END_NS // NS_PER_MIN} min of drug is left at the present rate",
            "Be at the bedside; the pump stops by itself.",
        )


def _pause_causes(state: State, now_ns: int) -> Iterator[Cause]:
    for alarm_id, words, advice in pausing.too_long(state, now_ns):
        yield _cause(Action.END, Priority.MEDIUM, alarm_id, "paused for too long", words, advice)


def running_limit_ns(state: State) -> int:
    """Return the longest running time of the order."""
    return state.planned_ns * (100 + RUNNING_TIME_MARGIN_PERCENT) // 100


def _supervision_causes(state: State, lost_ns: int) -> Iterator[Cause]:
    profile = state.settings.profile
    if lost_ns < profile.supervision_alarm_ns:
        return
    pauses = lost_ns >= profile.supervision_pause_ns
    lost_s, limit_s = lost_ns / NS_PER_S, profile.supervision_pause_ns / NS_PER_S
    yield _cause(
        Action.PAUSE if pauses else Action.ALERT,
        Priority.HIGH,
        "supervision",
        "supervision lost",
        f"{_unwatched(state)} for {lost_s:.0f} s, pausing at {limit_s:.0f} s",
        "Go to the bedside; restore the network, or open a station (pumpd watch).",
    )


def _unwatched(state: State) -> str:
    return "the broker is gone" if state.broker_lost_real_ns is not None else "no nurse station is watching"


def supervision_lost_ns(state: State) -> int | None:
    """Return for how long, by the real clock, nobody can have been watching; None while somebody can (COMM-07).

    Where no station is required, a session that none ever joined is watched through the broker alone. Where one is, an
    infusion has begun with one, so that after a restart the last one is lost until it says otherwise.
    """
    if state.broker_lost_real_ns is not None:
        return state.real_ns - state.broker_lost_real_ns
    seen_ns = max(state.stations.values(), default=None)
    if seen_ns is None and state.settings.profile.station_required and state.runs > 0:
        seen_ns = state.began_real_ns
    if seen_ns is None:
        return None
    silent_ns = state.real_ns - seen_ns
    return silent_ns if silent_ns > state.settings.profile.station_lost_ns else None
