"""The NE-1000 as a pump of pumpd: decides what leaves when, under the core's policy, and turns answers into facts.

Sans-IO: bytes and `now_ns` go in, packets, facts and the next deadline come out. The shell calls `transmit` after
every other call and after every change of policy. The pump's answer to STP or RUN is never reported as its state: the
prompt may be the old one, so a status query follows.
"""

from collections.abc import Generator
from enum import Enum, unique
from typing import ClassVar, assert_never

from drivers.ne1000.line import AlarmSeen, Answer, Discarded, Line, LineEvent
from drivers.ne1000.models import Model
from drivers.ne1000.numbers import parse_counters
from drivers.ne1000.packet import encode
from drivers.ne1000.recipes import (
    LONGEST_PAUSE_NS,
    Ask,
    Hold,
    Identity,
    Lowered,
    RecipeError,
    Rested,
    Step,
    attach,
    look_after_silence,
    lower,
    plan,
    program,
    stop_and_look,
)
from drivers.ne1000.replies import COUNTER, RUN, STATUS, STOP, Reply
from drivers.ne1000.settings import WATCHED, asked, change, held
from pumpd.core.ports import (
    LinePolicy,
    Outcome,
    ProgramFailed,
    Programmed,
    PumpAlarmed,
    PumpAttached,
    PumpAttachFailed,
    PumpCounter,
    PumpFact,
    PumpState,
    PumpStatus,
    RateChangeFailed,
    ReplyDiscarded,
    ReplyLost,
    RunAnswered,
    RunOrder,
)
from pumpd.core.quantities import NS_PER_S

IDLE_POLL_NS = NS_PER_S
"""How often a pump at rest is asked without being told to; its watchdog also runs at rest."""
RUN_WAIT_NS = NS_PER_S
"""A RUN that could not leave within this is given up: the judgement behind it has aged."""
NEWS_NS = NS_PER_S // 4
"""Every reply to a poll says the state: what was told within this is told again only where it differs."""
ATTACH_AGAIN_NS = NS_PER_S // 2
"""The first pause after a start-up that failed for a lost reply; it doubles up to `LONGEST_PAUSE_NS`."""
UNHEARD_PACKETS = 5
"""As many unanswered packets after opening are told as a pump that cannot be attached."""
MAX_LEASE_S = 20
"""The longest lease pumpd permits; the pump itself takes up to 255 s."""
MAX_ADDRESS = 99


@unique
class _Task(Enum):
    RESTING = "coming to rest"
    ATTACHING = "start-up"
    PROGRAMMING = "programming a run"
    LOWERING = "lowering the rate"


@unique
class _Asker(Enum):
    RECIPE = "the recipe in hand"
    POLL = "a poll"
    RUN = "the start of a run"


_Recipe = Generator[Step, Answer | None, Identity | Programmed | Lowered | None]
_MOVING = LinePolicy.MOVING
_CONFIRMING = frozenset({STOP, STATUS, COUNTER})
"""What may be sent while rest is not confirmed."""


class Ne1000:
    """A New Era NE-1000 in Safe mode; fulfils `PumpDriver`."""

    baud: ClassVar[int] = 19_200
    """The pump's default (New Era NE-500 manual, quick start)."""
    clinical: ClassVar[bool] = False
    """The maker's manual forbids use on humans (New Era NE-1000 manual, Publication 1200-01, cover)."""
    stop_packet: ClassVar[bytes] = encode(STOP)
    """Unaddressed STP in Safe framing, which the pump takes in either mode."""

    def __init__(self, address: int = 0, lease_s: int = 5) -> None:
        if not 0 <= address <= MAX_ADDRESS:
            raise ValueError(f"pump address is {address}; it must be 0 to {MAX_ADDRESS}")
        if not 1 <= lease_s <= MAX_LEASE_S:
            raise ValueError(f"lease is {lease_s} s; it must be 1 to {MAX_LEASE_S} s")
        self._address = address
        self._lease_s = lease_s
        self._facts: list[PumpFact] = []
        self._forget(0)

    def _forget(self, now_ns: int) -> None:
        self._now_ns = now_ns
        self._open = False
        self._line = Line(self._address)
        self._policy = LinePolicy.STOPPING
        self._silenced = False
        self._model: Model | None = None
        self._state: PumpState | None = None
        self._state_told_ns = now_ns
        self._task: _Task | None = None
        self._recipe: _Recipe | None = None
        self._wanted: Ask | None = None
        self._rested = False
        self._asker: _Asker | None = None
        self._order: RunOrder | None = None
        self._programmed: str | None = None
        self._held: dict[str, str] = {}
        self._run: str | None = None
        self._run_since_ns = now_ns
        self._wants: set[str] = set()
        self._polled_ns = now_ns
        self._polls = 0
        self._lost: str | None = None
        self._unheard_packets = 0
        self._attach_at_ns: int | None = None
        self._attach_pause_ns = ATTACH_AGAIN_NS
        self._attach_told = False

    # ---- what the shell says ----------------------------------------------------------------------------------------

    def opened(self, now_ns: int) -> None:
        """The port is open: the first packet is a stop, then status and counter; the rest waits for policy FREE."""
        self._forget(now_ns)
        self._open = True
        self._attach_at_ns = now_ns
        self._begin(_Task.RESTING, stop_and_look(heard=False))

    def closed(self, now_ns: int) -> None:
        """The port is gone: end what was in hand and forget the pump."""
        self._abandon("the port was closed")
        self._forget(now_ns)

    def receive(self, data: bytes, now_ns: int) -> None:
        """Take bytes that were read at `now_ns`."""
        self._now_ns = now_ns
        if self._open:
            for event in self._line.receive(data, now_ns):
                self._take(event)

    def advance(self, now_ns: int) -> None:
        """Let time-outs that have passed by `now_ns` take effect."""
        self._now_ns = now_ns
        if not self._open:
            return
        for event in self._line.advance(now_ns):
            self._take(event)
        if self._run_waits() and now_ns >= self._run_since_ns + RUN_WAIT_NS:
            self._end_run(Outcome.REFUSED, "RUN could not leave in time, the line was busy; it was not sent")

    def next_deadline_ns(self) -> int | None:
        """Return when `advance` or `transmit` is next worth calling, or None. What the policy withholds has no time."""
        if not self._open:
            return None
        if self._facts:
            return self._now_ns
        times_ns = [self._line.next_deadline_ns(), self._idle_ns()]
        if (following := self._next()) is not None:
            times_ns.append(following[0])
        if self._run_waits():
            times_ns.append(self._run_since_ns + RUN_WAIT_NS)
        return min((time_ns for time_ns in times_ns if time_ns is not None), default=None)

    def stop_sent(self, now_ns: int) -> None:
        """`stop_packet` was written at `now_ns`: end what was in hand, then work towards S until `settle`."""
        self._now_ns = now_ns
        if not self._open:
            return
        self._abandon("a stop was sent")
        self._silenced = False
        self._line.stop_written(now_ns)
        self._begin(_Task.RESTING, stop_and_look(heard=True))
        self._left(STOP, _Asker.RECIPE)

    def settle(self, now_ns: int) -> None:
        """The core has confirmed rest: send no more stops, poll once a second."""
        self._now_ns = now_ns
        if self._task is _Task.RESTING:
            self._drop_recipe()
            self._polled_ns = now_ns

    def poll(self, now_ns: int) -> None:
        """Ask for the counter, whose reply says the state too, then a moving pump for some of its settings.

        A status query would tell no more. After a counter that was lost it goes first all the same: a late reply to the
        lost question does not fit it, and must not be taken for the present count.
        """
        self._now_ns = now_ns
        self._polled_ns = now_ns
        if self._open and self._task is not _Task.RESTING:
            wanted = {STATUS, COUNTER} if self._lost == COUNTER else {COUNTER}
            self._wants |= wanted - {self._line.asking}
            if self._held and self._policy is _MOVING:
                self._polls += 1
                self._wants.update(asked(self._polls))

    def program(self, order: RunOrder, now_ns: int) -> None:
        """Program a run at rest and read everything back."""
        self._now_ns = now_ns
        if self._model is None:
            self._refuse(order, "the pump is not attached")
        elif self._task is not None or self._run is not None:
            self._refuse(order, f"the pump is busy with {self._task.value if self._task else 'the start of a run'}")
        elif self._state is not PumpState.REST:
            self._refuse(order, f"the pump is {self._state.value if self._state else 'in no known state'}, not at rest")
        else:
            self._programmed = None
            try:
                wanted = plan(order, self._model)
            except RecipeError as error:
                self._refuse(order, str(error))
                return
            self._order = order
            self._begin(_Task.PROGRAMMING, program(wanted))

    def run(self, run_id: str, now_ns: int) -> None:
        """Start the run that was programmed last; RUN is sent once, whatever comes."""
        self._now_ns = now_ns
        if self._run is not None or self._programmed != run_id:
            reason = f"run {run_id} is not the one that is programmed; RUN was not sent"
            self._facts.append(RunAnswered(run_id=run_id, outcome=Outcome.REFUSED, reason=reason))
            return
        self._programmed = None
        self._run, self._run_since_ns = run_id, now_ns

    def lower(self, order: RunOrder, now_ns: int) -> None:
        """Send a moving pump a lower rate, once, and read it back."""
        self._now_ns = now_ns
        if self._task is not None or self._run is not None or self._model is None or self._policy is not _MOVING:
            reason = "the pump does not run by permission, or is busy; the rate was not sent"
            self._facts.append(RateChangeFailed(run_id=order.run_id, outcome=Outcome.REFUSED, reason=reason))
            return
        try:
            recipe = lower(order, self._model)
        except RecipeError as error:
            self._facts.append(RateChangeFailed(run_id=order.run_id, outcome=Outcome.REFUSED, reason=str(error)))
            return
        self._order = order
        self._begin(_Task.LOWERING, recipe)

    def transmit(self, now_ns: int, policy: LinePolicy) -> bytes:
        """Return the packet to write now, or `b""`."""
        self._now_ns = now_ns
        if not self._open:
            return b""
        if policy is not self._policy:
            self._obey(policy)
        idle_ns = self._idle_ns()
        if idle_ns is not None and now_ns >= idle_ns:
            self._start_idle_work()
        following = self._next()
        if following is None or now_ns < following[0]:
            return b""
        _, command, asker = following
        self._left(command, asker)
        return self._line.ask(command, now_ns)

    def take_facts(self) -> tuple[PumpFact, ...]:
        """Return, once each and in order, what was learnt since the last call."""
        if not self._facts:
            return ()
        facts = tuple(self._facts)
        self._facts.clear()
        return facts

    # ---- what leaves when -------------------------------------------------------------------------------------------

    def _obey(self, policy: LinePolicy) -> None:
        """Take note of a change of policy."""
        self._policy = policy
        if policy is not _MOVING:
            self._wants &= _CONFIRMING
        match policy:
            case LinePolicy.SILENT:
                self._silenced = True
                self._refuse_waiting_run()
            case LinePolicy.STOPPING:
                self._refuse_waiting_run()
                if self._silenced:
                    self._abandon("the pump was left to its watchdog")
                    self._begin(_Task.RESTING, look_after_silence())
                self._silenced = False
            case LinePolicy.FREE | LinePolicy.MOVING:
                self._silenced = False
            case _:
                assert_never(policy)

    def _next(self) -> tuple[int, str, _Asker] | None:
        """Return what may leave next, from when, and for whom."""
        policy = self._policy
        if self._line.busy or policy is LinePolicy.SILENT:
            return None
        quiet_ns = self._line.quiet_until_ns
        if self._run_waits() and policy in {LinePolicy.FREE, LinePolicy.MOVING}:
            return quiet_ns, RUN, _Asker.RUN
        wanted = self._wanted
        lowers = policy is _MOVING and self._task is _Task.LOWERING
        if wanted is not None and (policy is LinePolicy.FREE or lowers or wanted.command in _CONFIRMING):
            at_ns = wanted.not_before_ns if wanted.command == STOP else max(wanted.not_before_ns, quiet_ns)
            return at_ns, wanted.command, _Asker.RECIPE
        if self._wants and self._task is None:
            return quiet_ns, self._poll_command(), _Asker.POLL
        return None

    def _poll_command(self) -> str:
        """Return what a poll asks next."""
        return next(command for command in (STATUS, COUNTER, *WATCHED) if command in self._wants)

    def _left(self, command: str, asker: _Asker) -> None:
        """Take note of what is on its way."""
        self._asker = asker
        if command == STOP:
            self._rested = False
        if asker is _Asker.RECIPE:
            self._wanted = None
        elif asker is _Asker.POLL:
            self._wants.discard(command)

    def _idle_ns(self) -> int | None:
        """Return when the driver begins something by itself; only at rest and with nothing in hand."""
        if self._policy is not LinePolicy.FREE or self._run is not None:
            return None
        if self._task is not None:
            return self._now_ns if self._rested else None
        poll_ns = self._polled_ns + IDLE_POLL_NS
        return poll_ns if self._attach_at_ns is None else min(self._attach_at_ns, poll_ns)

    def _start_idle_work(self) -> None:
        if self._rested:
            self.settle(self._now_ns)
        if self._attach_at_ns is not None and self._now_ns >= self._attach_at_ns:
            self._attach_at_ns = None
            self._begin(_Task.ATTACHING, attach(self._lease_s))
        elif self._now_ns >= self._polled_ns + IDLE_POLL_NS:
            self.poll(self._now_ns)

    # ---- recipes ----------------------------------------------------------------------------------------------------

    def _begin(self, task: _Task, recipe: _Recipe) -> None:
        self._task, self._recipe = task, recipe
        self._proceed(None)

    def _proceed(self, answer: Answer | None) -> None:
        """Hand the recipe its answer and take what it wants next."""
        assert self._recipe is not None  # noqa: S101 - only called with a recipe in hand
        try:
            step = self._recipe.send(answer)
        except StopIteration as end:
            self._finished(end.value)
        except RecipeError as error:
            self._failed(error)
        else:
            match step:
                case Ask():
                    self._wanted = step
                case Rested():
                    self._rested = True
                    self._proceed(None)
                case Hold():
                    self._wanted = None
                case _:
                    assert_never(step)

    def _finished(self, result: Identity | Programmed | Lowered | None) -> None:
        self._drop_recipe()
        if isinstance(result, Programmed):
            self._order = None
            self._programmed = result.run_id
            self._held = held(result.read_back)
            self._facts.append(result)
        elif isinstance(result, Lowered):
            self._order = None
            self._held["RAT"] = result.held
            self._facts.append(result.changed)
        elif isinstance(result, Identity):
            self._model = result.model
            self._attach_told = False
            self._attach_pause_ns = ATTACH_AGAIN_NS
            lease_ns = self._lease_s * NS_PER_S
            self._facts.append(
                PumpAttached(model=result.model.name, firmware=result.firmware, serial=None, lease_ns=lease_ns)
            )

    def _failed(self, error: RecipeError) -> None:
        task = self._task
        self._drop_recipe()
        if task is _Task.PROGRAMMING:
            self._fail_program(str(error))
        elif task is _Task.LOWERING:
            self._fail_lower(str(error), Outcome.UNKNOWN if error.again else Outcome.REFUSED)
        elif task is _Task.ATTACHING:
            self._fail_attach(str(error), again=error.again)

    def _fail_program(self, reason: str) -> None:
        order, self._order = self._order, None
        if order is not None:
            self._refuse(order, reason)

    def _fail_lower(self, reason: str, outcome: Outcome) -> None:
        order, self._order = self._order, None
        if order is not None:
            self._facts.append(RateChangeFailed(run_id=order.run_id, outcome=outcome, reason=reason))

    def _fail_attach(self, reason: str, *, again: bool) -> None:
        """Say why once per series of attempts, and try again only where that can help: settings wear the memory."""
        if again:
            self._attach_at_ns = self._now_ns + self._attach_pause_ns
            self._attach_pause_ns = min(2 * self._attach_pause_ns, LONGEST_PAUSE_NS)
        if not (again and self._attach_told):
            self._facts.append(PumpAttachFailed(reason=reason))
        self._attach_told = True

    def _drop_recipe(self) -> None:
        if self._recipe is not None:
            self._recipe.close()
        self._task = self._recipe = self._wanted = None
        self._rested = False
        if self._asker is _Asker.RECIPE:
            self._asker = None

    def _abandon(self, reason: str) -> None:
        """End whatever is in hand, each with its own last word."""
        if self._task is _Task.ATTACHING:
            self._attach_at_ns = self._now_ns
        if self._task is _Task.LOWERING:
            self._fail_lower(f"{reason} before the rate was read back", Outcome.UNKNOWN)
        self._drop_recipe()
        self._wants.clear()
        self._held = {}
        self._programmed = None
        self._fail_program(f"{reason} before the run was programmed and read back")
        if self._run_waits():
            self._end_run(Outcome.REFUSED, f"{reason} before RUN left")
        elif self._run is not None:
            self._end_run(Outcome.UNKNOWN, f"{reason} before RUN was answered; read status and counter")
        self._asker = None

    def _refuse(self, order: RunOrder, reason: str) -> None:
        self._facts.append(ProgramFailed(run_id=order.run_id, reason=reason))

    # ---- the start of a run -----------------------------------------------------------------------------------------

    def _run_waits(self) -> bool:
        """Say whether a RUN is wanted that has not left."""
        return self._run is not None and self._asker is not _Asker.RUN

    def _refuse_waiting_run(self) -> None:
        if self._run_waits():
            self._end_run(Outcome.REFUSED, "permission was withdrawn before RUN left; it was not sent")

    def _end_run(self, outcome: Outcome, reason: str) -> None:
        assert self._run is not None  # noqa: S101 - only called with a run in hand
        self._facts.append(RunAnswered(run_id=self._run, outcome=outcome, reason=reason))
        self._run = None

    def _run_answered(self, reply: Reply | None) -> None:
        if reply is None:
            self._end_run(Outcome.UNKNOWN, "no answer to RUN; read status and counter")
        elif reply.alarm is not None or (reply.error is not None and reply.state is PumpState.REST):
            self._end_run(Outcome.REFUSED, f"the pump answered RUN with {reply.text}; it did not start")
        elif reply.error is not None:  # "not applicable" from a pump that moves: perhaps the packet arrived twice
            self._end_run(Outcome.UNKNOWN, f"the pump answered RUN with {reply.text}; read status and counter")
        else:
            self._end_run(Outcome.ANSWERED, f"the pump answered RUN with {reply.text}")

    # ---- what the line says -----------------------------------------------------------------------------------------

    def _take(self, event: LineEvent) -> None:
        match event:
            case Discarded():
                self._facts.append(ReplyDiscarded(reason=event.reason, data=event.data))
            case AlarmSeen():
                self._take_alarm(event.reply)
            case Answer():
                if not event.stale:
                    self._take_answer(event)
            case _:
                assert_never(event)

    def _take_alarm(self, reply: Reply) -> None:
        assert reply.alarm is not None  # noqa: S101 - only alarms come here
        self._facts.append(PumpAlarmed(kind=reply.alarm, text=f"the pump sent {reply.text}: {reply.alarm.value}"))
        self._programmed = None
        if self._task is _Task.PROGRAMMING:
            self._failed(RecipeError(f"the pump alarmed while it was programmed: {reply.alarm.value}", again=False))

    def _take_answer(self, answer: Answer) -> None:
        asker, self._asker = self._asker, None
        if answer.reply is None:
            self._take_loss(answer)
        else:
            self._lost = None
            self._report(answer, answer.reply, asker)
        if asker is _Asker.RUN:
            self._run_answered(answer.reply)
        elif asker is _Asker.POLL and answer.reply is not None and answer.reply.alarm is not None:
            self._wants.add(answer.command)
        elif asker is _Asker.POLL:
            self._compare(answer)
        elif asker is _Asker.RECIPE:
            self._proceed(answer)

    def _take_loss(self, answer: Answer) -> None:
        self._lost = answer.command
        self._facts.append(ReplyLost(command=answer.command or "status"))
        if self._line.answered:
            return
        self._unheard_packets += 1
        if self._unheard_packets >= UNHEARD_PACKETS and not self._attach_told:
            self._attach_told = True
            reason = (
                f"the pump does not answer: {self._unheard_packets} packets such as {self.stop_packet.hex(' ')} were "
                f"sent, {self._line.bytes_received} bytes came back, none of them a reply of address {self._address}; "
                f"check power and cable, and that the pump is set to {self.baud} baud and address {self._address}"
            )
            self._facts.append(PumpAttachFailed(reason=reason))

    def _report(self, answer: Answer, reply: Reply, asker: _Asker | None) -> None:
        """Turn a reply into facts; the state first, because it says how the counter is to be read."""
        if reply.state is None or answer.command in {STOP, RUN}:
            return
        told_ns = answer.asked_at_ns - self._state_told_ns
        if reply.state is not self._state or asker is not _Asker.POLL or told_ns >= NEWS_NS:
            self._facts.append(PumpStatus(state=reply.state, asked_at_ns=answer.asked_at_ns))
            self._state_told_ns = answer.asked_at_ns
        self._state = reply.state
        counters = parse_counters(reply.data) if answer.command == COUNTER else None
        if counters is not None:
            self._facts.append(
                PumpCounter(low_nl=counters.low_nl, high_nl=counters.high_nl, asked_at_ns=answer.asked_at_ns)
            )

    def _compare(self, answer: Answer) -> None:
        """Tell a setting that a poll found changed."""
        programmed = self._held.get(answer.command)
        changed = change(answer, programmed) if programmed is not None else None
        if changed is not None:
            self._facts.append(changed)
