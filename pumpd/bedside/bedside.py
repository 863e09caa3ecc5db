"""One bed: events go to the core, its effects are carried out in the same callback, one timer asks it to look again.

The order inside `dispatch` is the safety argument: a stop is written to the pump before anything is recorded or
published; an intent is durable before the run it speaks of can leave.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, assert_never

import structlog

from pumpd.bedside.alarm_clock import AlarmClock
from pumpd.bedside.local_alarm import LocalAlarm
from pumpd.bedside.monitor_port import CuffPort, MonitorPort
from pumpd.bedside.notify import ServiceManager
from pumpd.bedside.pump_port import PumpPort
from pumpd.bedside.self_test import SelfTest
from pumpd.core.commands import DAEMON, CommandReceived, Pause
from pumpd.core.controller import Core
from pumpd.core.effects import (
    AlarmsChanged,
    Decision,
    Effect,
    KeepEvidence,
    LowerRate,
    MeasureNibp,
    PollPump,
    ProgramPump,
    Receipt,
    SaveSession,
    SendRun,
    SendStop,
    SettlePump,
    StateChanged,
    TestItself,
    WriteIntent,
)
from pumpd.core.events import (
    DeadlineReached,
    Event,
    JournalConfirmed,
    JournalFailed,
    JournalRecovered,
    PumpLinkDown,
    PumpLinkUp,
)
from pumpd.core.ports import Clock, Journal, LinePolicy
from pumpd.core.quantities import NS_PER_S

_log = structlog.get_logger("pumpd.bedside")

STALL_NS = 500_000_000
"""An evaluation later than its deadline by more than this is a stall of the daemon, and one that was made so long ago
lets no packet go to the pump any more (requirement COMM-08)."""
STALL_TURNS = 2
"""Turns of the loop in which bytes that waited through a stall are still read: this one and one more."""
SIGN_EVERY_NS = NS_PER_S
"""How often the service manager hears that evaluations go on; its own limit is five times as long."""
STALLED_JOURNAL_NS = 1_900_000_000
"""A journal that has not written for so long has failed, whatever it says: below 2 s (requirement COMM-11), and above
its own wait for a lock, after which it says why."""


class Screen(Protocol):
    """Where the bedside shows what is the case; the bus stands behind it."""

    def state_changed(self) -> None:
        """Publish the state."""

    def alarms_changed(self) -> None:
        """Publish the alarms."""

    def receipt(self, receipt: Receipt) -> None:
        """Tell a person what became of a command."""

    def line(self, kind: str, text: str) -> None:
        """Publish one line of the record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a bedside is made of besides its core."""

    clock: Clock
    journal: Journal
    screen: Screen
    local_alarm: LocalAlarm
    service_manager: ServiceManager
    pump: PumpPort
    oximeter: MonitorPort
    cuff: CuffPort
    self_test: SelfTest


class Bedside:
    """Joins core and shell. Everything runs in the callbacks of one event loop."""

    def __init__(
        self, *, core: Core, loop: asyncio.AbstractEventLoop, make_parts: Callable[["Bedside"], Parts]
    ) -> None:
        self.core = core
        self.failed: asyncio.Future[str] = loop.create_future()
        """Done, with the reason, when a callback raised: the pump was told to stop and the daemon must end."""
        self._loop = loop
        self._looked = asyncio.Event()
        self._waiting: deque[Event] = deque()
        self._busy = False
        self._deadline_ns: int | None = None
        self._evaluated_ns = 0
        self._stalled_turns = 0
        self._sign_ns: int | None = None
        self._journal_failed = False
        self._journal_stalled = False
        self._journal_left_ns: int | None = None
        self.parts = make_parts(self)
        self._timer = AlarmClock(self.parts.clock, lambda: self.guard(self._look))

    # ---- events in --------------------------------------------------------------------------------------------------

    def dispatch(self, event: Event) -> None:
        """Give the core an event and carry out what it wants, now; an event born of an effect waits its turn."""
        self._waiting.append(event)
        if self._busy:
            return
        self._notice_stall()
        self._busy = True
        try:
            while self._waiting:
                self._handle(self._waiting.popleft())
        finally:
            self._busy = False
        self._evaluated_ns = self.parts.clock.now_ns()
        self.parts.pump.drive()
        self._watch_journal()
        self._arm()
        self._looked.set()
        self._give_sign()

    def guard(self, callback: Callable[[], None]) -> None:
        """Run a callback of the loop; whatever it raises ends in a stop and in the end of the daemon.

        A loop's callback has no caller that could catch its exception, so each one is registered through here.
        """
        try:
            callback()
        except Exception as error:  # noqa: BLE001 - the one place: any fault of ours ends in the safe state
            self.parts.pump.stop_blindly()
            _log.exception("a fault in the daemon; the pump was told to stop")
            if not self.failed.done():
                self.failed.set_result(f"{type(error).__name__}: {error}")

    def journal_confirmed(self, token: str) -> None:
        """Everything before `token` is durable."""
        self.guard(lambda: self.dispatch(JournalConfirmed(token=token)))

    def journal_failed(self, reason: str) -> None:
        """The journal cannot be written."""
        self._journal_failed = True
        self.guard(lambda: self.dispatch(JournalFailed(reason=reason)))

    def journal_recovered(self) -> None:
        """The journal can be written again."""
        self._journal_failed = self._journal_stalled = False
        self.guard(lambda: self.dispatch(JournalRecovered()))

    def pump_opened(self) -> None:
        """The pump's port is open, and a stop has been written to it."""
        self.guard(lambda: self.dispatch(PumpLinkUp()))

    def pump_closed(self, reason: str, last_packet_ns: int | None) -> None:
        """The pump's port is gone."""
        self.guard(lambda: self.dispatch(PumpLinkDown(reason=reason, last_packet_ns=last_packet_ns)))

    def pause_to_end(self) -> None:
        """The daemon is to end: bring the pump to rest as a person's pause would."""
        clock = self.parts.clock
        self.dispatch(
            CommandReceived(
                user=DAEMON,
                id=f"end-{self.core.state.boot}",
                command=Pause(reason="the daemon is ending"),
                session=None,
                rev=None,
                token=None,
                retained=False,
                received_real_ns=clock.real_ns(),
            )
        )

    @property
    def is_at_rest(self) -> bool:
        """Whether rest is confirmed, or nothing was ever known to move."""
        return self.core.state.pump.at_rest and self.core.state.halt is None

    async def wait_for_rest(self) -> None:
        """Return once rest is confirmed."""
        while not self.is_at_rest:
            self._looked.clear()
            await self._looked.wait()

    # ---- effects out ------------------------------------------------------------------------------------------------

    def _handle(self, event: Event) -> None:
        parts = self.parts
        now_ns = parts.clock.now_ns()
        effects = self.core.handle(event, now_ns)
        first: Effect | None = None
        try:
            first = next(effects, None)
            if isinstance(first, SendStop):
                parts.pump.stop()
        finally:
            # also what the core failed at is in the record
            self._record(type(event).__name__, event, now_ns)
        if isinstance(first, SendStop):
            self._record(SendStop.__name__, first, now_ns)
        elif first is not None:
            self._carry_out(first, now_ns)
        for effect in effects:
            self._carry_out(effect, now_ns)

    def _carry_out(self, effect: Effect, now_ns: int) -> None:  # noqa: C901 - one line per effect
        parts = self.parts
        self._record(type(effect).__name__, effect, now_ns)
        match effect:
            case SendStop():
                parts.pump.stop()
            case PollPump():
                parts.pump.poll()
            case SettlePump():
                parts.pump.settle()
            case ProgramPump():
                parts.pump.program(effect.order)
            case WriteIntent():
                parts.journal.confirm(effect.token)
            case SendRun():
                parts.pump.run(effect.run_id)
            case LowerRate():
                parts.pump.lower(effect.order)
            case MeasureNibp():
                parts.cuff.measure()
            case TestItself():
                parts.self_test.begin(effect.begun_ns)
            case Receipt():
                parts.screen.receipt(effect)
            case StateChanged():
                parts.screen.state_changed()
            case AlarmsChanged():
                parts.local_alarm.sound(effect.sound)
                parts.screen.alarms_changed()
            case Decision():
                parts.screen.line(effect.cause, effect.text)
            case SaveSession() | KeepEvidence():
                pass  # recording it is carrying it out
            case _:
                assert_never(effect)

    def _record(self, kind: str, body: object, now_ns: int) -> None:
        self.parts.journal.append(kind, body, now_ns)

    def record_wire(self, kind: str, data: bytes) -> None:
        """Record raw bytes of the pump."""
        self.parts.journal.append(kind, {"bytes": data}, self.parts.clock.now_ns())

    # ---- time -------------------------------------------------------------------------------------------------------

    def line_policy(self, now_ns: int) -> LinePolicy:
        """Say what may leave for the pump, by an evaluation that is neither overdue nor old.

        So no packet renews the pump's lease before a complete evaluation, whatever the loop does first after a hang.
        """
        deadline_ns = self._evaluated_ns if self._deadline_ns is None else self._deadline_ns
        overdue = self._evaluated_ns < deadline_ns < now_ns
        if overdue or now_ns > self._evaluated_ns + STALL_NS:
            self._look()
        return self.core.line_policy(now_ns)

    def has_stalled(self) -> bool:
        """Say whether the daemon has just stood still, so that bytes it reads now may be old."""
        self._notice_stall()
        return self._stalled_turns > 0

    def _notice_stall(self) -> None:
        """Whatever comes first after a stall notices it, before it sets the next deadline."""
        if self._deadline_ns is None or self.parts.clock.now_ns() <= self._deadline_ns + STALL_NS:
            return
        if self._stalled_turns == 0:
            self._loop.call_soon(self._turn_after_stall)
        self._stalled_turns = STALL_TURNS

    def _turn_after_stall(self) -> None:
        self._stalled_turns -= 1
        if self._stalled_turns > 0:
            self._loop.call_soon(self._turn_after_stall)

    def _look(self) -> None:
        self.dispatch(DeadlineReached(real_ns=self.parts.clock.real_ns()))

    def _give_sign(self) -> None:
        """A complete evaluation has passed: tell the service manager now and then.

        Not by the timer: while samples come, its deadline moves on and it may never ring.
        """
        real_ns = self.parts.clock.real_ns()
        if self._sign_ns is not None and real_ns - self._sign_ns < SIGN_EVERY_NS:
            return
        self._sign_ns = real_ns
        if self.parts.journal.alive:
            self.parts.service_manager.alive(self.core.state.mode.value)

    def _watch_journal(self) -> None:
        """A disk that neither fails nor answers has failed; a journal that has failed says so itself, and why."""
        waited_ns = self.parts.journal.unwritten_for_ns
        left_ns = None if waited_ns is None else STALLED_JOURNAL_NS - waited_ns
        stalled = left_ns is not None and left_ns <= 0
        if not self._journal_failed and stalled is not self._journal_stalled:
            self._journal_stalled = stalled
            limit_s = STALLED_JOURNAL_NS / NS_PER_S
            self.dispatch(
                JournalFailed(reason=f"nothing was written for {limit_s} s") if stalled else JournalRecovered()
            )
        self._journal_left_ns = None if stalled else left_ns

    def _arm(self) -> None:
        now_ns = self.parts.clock.now_ns()
        self._deadline_ns = self.core.next_deadline_ns(now_ns)
        if self._journal_left_ns is not None:
            self._deadline_ns = min(self._deadline_ns, now_ns + self._journal_left_ns)
        self._timer.set(self._deadline_ns)

    def close(self) -> None:
        """Let go of ports and timers; the pump was brought to rest before, or its lease will."""
        self._timer.cancel()
        self.parts.self_test.close()
        for port in (self.parts.pump, self.parts.oximeter, self.parts.cuff):
            port.close()
