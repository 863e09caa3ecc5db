"""What may happen at the small bed, and how its state is seen: the alphabet and the abstraction of the exploration."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from pumpd.core.alarms import Priority
from pumpd.core.commands import (
    HALTING,
    Acknowledge,
    Assess,
    AudioPause,
    Close,
    Lower,
    Pause,
    ReceiptState,
    Resume,
    Start,
    Stop,
)
from pumpd.core.effects import Receipt, SendRun, SendStop, StateChanged, WriteIntent
from pumpd.core.events import (
    BrokerConnected,
    BrokerLost,
    DeadlineReached,
    JournalConfirmed,
    JournalFailed,
    JournalRecovered,
    PumpLinkDown,
)
from pumpd.core.phase import phase
from pumpd.core.ports import (
    Outcome,
    ProgramFailed,
    PumpAlarmed,
    PumpAlarmKind,
    RateChanged,
    ReplyLost,
    RunAnswered,
    Validity,
)
from pumpd.core.quantities import NS_PER_S
from pumpd.core.rest import Phase
from pumpd.core.vitals import ENTERED
from tools.prove.small_world import Bed, hold

LONGEST_WAIT_S = 130
"""A silence or a sound time goes on for so long, or until the bed is seen in another state."""

Act = Callable[[Bed], object]
View = tuple[object, ...]


def view(bed: Bed) -> View:
    """Return the abstraction: beds with the same view are taken for the same state."""
    state = bed.core.state
    halt, starting, run = state.halt, state.starting, state.ledger.run
    return (
        state.mode,
        None if halt is None else (halt.aim, halt.phase, halt.overdue, halt.rest_asked_ns is not None, halt.by_human),
        None if starting is None else (starting.step, starting.kind),
        None if state.lowering is None else state.lowering.step,
        (bed.link_up, state.pump.attached is not None, state.pump.at_rest),
        None if state.pump.status is None else state.pump.status.state,
        None if state.pump.alarm is None else state.pump.alarm.kind,
        (bed.pump.moving_since_ns is not None, bed.pump.disobeys),
        (bed.asked_ns is not None, bed.intent is not None, bed.to_program is not None, bed.run_out is not None),
        _vitals(bed),
        state.journal_error is not None,
        state.broker_lost_real_ns is not None,
        _alarms(bed),
        _ledger(bed),
        None if run is None else (run.begun, run.unbounded, run.counter_lost, run.moving_since_ns is not None),
        (min(state.runs, 2), state.ending, state.pressure_pause, min(state.vital_pauses, 3), state.line_unrelieved),
        state.lockout.reason is not None,
        phase(state),
    )


def _vitals(bed: Bed) -> View:
    state, now_ns = bed.core.state, bed.now_ns
    worst = {trip.action.value for trip in state.interlocks.trips(state.settings.profile, state.vitals, now_ns)}
    ages = [state.vitals.age_ns(kind, now_ns) for kind in ENTERED]
    entered = all(age_ns is not None and age_ns <= state.settings.profile.assess_valid_ns for age_ns in ages)
    return (frozenset(worst), frozenset(state.interlocks.pending), entered)


def _alarms(bed: Bed) -> View:
    listed = bed.core.state.alarms.listed
    unseen = [alarm for alarm in listed if alarm.acknowledged_by is None]
    return (
        max((alarm.priority for alarm in unseen), default=None),
        any(alarm.active for alarm in listed),
        any(alarm.priority is Priority.HIGH for alarm in listed),
    )


def _ledger(bed: Bed) -> str:
    state = bed.core.state
    if state.order is None or not state.runs:
        return "none"
    if state.ledger.is_complete():
        return "full"
    return "one" if state.ledger.low() == state.ledger.high(bed.now_ns) else "interval"


# ---- the alphabet ---------------------------------------------------------------------------------------------------


def _order_hash(bed: Bed) -> str:
    order = bed.core.state.order
    return "" if order is None else order.hash


def _start(user: str, *, stale: bool = False) -> Act:
    def act(bed: Bed) -> None:
        effects = bed.command(user, Start(order_hash=_order_hash(bed)), stale=stale)
        _nothing_begins_by(user, effects, stale=stale)

    return act


def _resume(user: str, *, stale: bool = False) -> Act:
    def act(bed: Bed) -> None:
        effects = bed.command(user, Resume(order_hash=_order_hash(bed)), stale=stale)
        _nothing_begins_by(user, effects, stale=stale)

    return act


def _nothing_begins_by(user: str, effects: Sequence[object], *, stale: bool) -> None:
    if stale or user not in {"anna", "ben"}:
        hold(not any(isinstance(effect, (WriteIntent, SendRun)) for effect in effects), f"{user} began a run")


def _again(bed: Bed) -> None:
    """The last command comes once more: it changes nothing, unless it stops."""
    command = bed.last_command
    if command is None or isinstance(command.command, HALTING):
        return
    bed.tell(DeadlineReached(real_ns=bed.now_ns))  # what is due now is none of the command's doing
    effects = bed.tell(command)
    done = [effect for effect in effects if isinstance(effect, (WriteIntent, SendRun, StateChanged))]
    hold(not done, f"a command acted twice: {done}")


def _halted(user: str, what: Stop | Pause) -> Act:
    def act(bed: Bed) -> None:
        effects = bed.command(user, what)
        own = bed.last_command
        said = [
            effect.state for effect in effects if isinstance(effect, Receipt) and own and effect.command_id == own.id
        ]
        hold(bool(said) and ReceiptState.REFUSED not in said, f"{what} of {user} was refused: {said}")
        halt = bed.core.state.halt
        hold(not bed.core.permission(bed.now_ns), "permission outlived a stop")
        sent = bool(effects) and isinstance(effects[0], SendStop)
        hold(sent or (halt is not None and halt.phase is not Phase.REPEATING), f"{what} sent no stop")

    return act


def _acknowledge(bed: Bed) -> None:
    for alarm in bed.core.state.alarms.listed:
        bed.command("anna", Acknowledge(alarm=alarm.id, episode=alarm.episode))


def _hush(bed: Bed) -> None:
    for alarm in bed.core.state.alarms.listed:
        bed.command("anna", AudioPause(alarm=alarm.id, episode=alarm.episode))


def _silence(bed: Bed) -> None:
    _until_another_view(bed, lambda: bed.pass_to(bed.now_ns + NS_PER_S))


def _sound_time(bed: Bed) -> None:
    _until_another_view(bed, bed.live_second)


def _until_another_view(bed: Bed, pass_time: Callable[[], None]) -> None:
    begun = view(bed)
    for _ in range(LONGEST_WAIT_S):
        pass_time()
        if view(bed) != begun:
            return


def _driven(bed: Bed) -> None:
    bed.drive()
    bed.reply()


def _lost(bed: Bed) -> None:
    bed.asked_ns = None
    bed.tell(ReplyLost(command="DIS"))


def _late(bed: Bed) -> None:
    if bed.earlier is not None and bed.link_up:
        bed.tell(bed.earlier)


def _reset(bed: Bed) -> None:
    bed.pump.moving_since_ns = None
    bed.pump.volume_nl = bed.pump.run_nl = bed.pump.counted_nl = 0
    bed.asked_ns = bed.to_program = bed.run_out = None
    bed.tell(PumpAlarmed(kind=PumpAlarmKind.RESET, text="A?R"))


def _stall(bed: Bed) -> None:
    bed.pump.moving_since_ns = None
    bed.tell(PumpAlarmed(kind=PumpAlarmKind.STALL, text="A?S"))


def _program_failed(bed: Bed) -> None:
    order, bed.to_program = bed.to_program, None
    if order is not None:
        bed.tell(ProgramFailed(run_id=order.run_id, reason="the pump says no"))


def _ran(outcome: Outcome, *, reaches: bool) -> Act:
    def act(bed: Bed) -> None:
        run_id = bed.run_out
        if reaches:
            bed.begin_run()
        bed.run_out = None
        if run_id is not None:
            bed.tell(RunAnswered(run_id=run_id, outcome=outcome, reason="as it went"))

    return act


def _lowered(bed: Bed) -> None:
    order, bed.to_lower = bed.to_lower, None
    if order is not None and bed.link_up and bed.pump.moving_since_ns is not None:
        bed.pump.rate_nl_h = order.rate_nl_h // 10_000 * 10_000
        bed.tell(RateChanged(run_id=order.run_id, rate_nl_h=bed.pump.rate_nl_h))


def _confirmed(bed: Bed) -> None:
    token, bed.intent = bed.intent, None
    if token is not None:
        bed.tell(JournalConfirmed(token=token))


def _cut(bed: Bed) -> None:
    if bed.link_up:
        bed.link_up = False
        bed.asked_ns = bed.to_program = bed.run_out = None
        bed.tell(PumpLinkDown(reason="cable", last_packet_ns=bed.last_packet_ns))


def _connect(bed: Bed) -> None:
    if not bed.link_up:
        bed.connect()


def _disobey(bed: Bed) -> None:
    bed.pump.disobeys = not bed.pump.disobeys


def _frame(spo2: int, validity: Validity = Validity.VALID) -> Act:
    def act(bed: Bed) -> None:
        bed.pass_to(bed.now_ns + NS_PER_S)
        bed.frame(spo2, validity)

    return act


ACTS: Mapping[str, Act] = {
    "silence": _silence,
    "sound time": _sound_time,
    "a second": lambda bed: bed.pass_to(bed.now_ns + NS_PER_S),
    "good values": _frame(98),
    "spo2 91": _frame(91),
    "spo2 80": _frame(80),
    "probe off": _frame(98, Validity.PROBE_OFF),
    "good cuff": lambda bed: bed.cuff(),
    "high cuff": lambda bed: bed.cuff(185),
    "assess": lambda bed: bed.command("anna", Assess(moaas=5, respiration_bpm=14)),
    "sedated": lambda bed: bed.command("anna", Assess(moaas=3, respiration_bpm=14)),
    "start": _start("anna"),
    "start, stale": _start("anna", stale=True),
    "start, viewer": _start("vic"),
    "start, stranger": _start("eve"),
    "resume": _resume("ben"),
    "resume, stale": _resume("ben", stale=True),
    "resume, viewer": _resume("vic"),
    "lower": lambda bed: bed.command("anna", Lower(rate_ml_h=Decimal(20))),
    "again": _again,
    "acknowledge": _acknowledge,
    "audio pause": _hush,
    "close": lambda bed: bed.command("anna", Close()),
    "pause": _halted("anna", Pause()),
    "stop": _halted("anna", Stop()),
    "stop, stranger": _halted("eve", Stop()),
    "reply": _driven,
    "reply lost": _lost,
    "late status": _late,
    "reset": _reset,
    "stall": _stall,
    "disobey": _disobey,
    "programmed": lambda bed: bed.program(),
    "not programmed": _program_failed,
    "run answered": _ran(Outcome.ANSWERED, reaches=True),
    "run unknown, reached": _ran(Outcome.UNKNOWN, reaches=True),
    "run unknown, lost": _ran(Outcome.UNKNOWN, reaches=False),
    "run refused": _ran(Outcome.REFUSED, reaches=False),
    "rate read back": _lowered,
    "journal confirms": _confirmed,
    "journal fails": lambda bed: bed.tell(JournalFailed(reason="disk full")),
    "journal is back": lambda bed: bed.tell(JournalRecovered()),
    "broker lost": lambda bed: bed.tell(BrokerLost(reason="x", real_ns=bed.now_ns)),
    "broker back": lambda bed: bed.tell(BrokerConnected(real_ns=bed.now_ns)),
    "cut": _cut,
    "connect": _connect,
    "restart": lambda bed: bed.boot(),
}
"""Every act, by the name under which a failure tells it."""
