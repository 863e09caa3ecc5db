"""A SunTech Advantage module as the cuff of pumpd: runs one cycle when told to. Sans-IO.

Rules that hold in every state:
- After opening, and after every cycle that did not end by itself, the recipe is ABORT, then the self test: the module
  may still hold pressure in a cuff, or a result that is none of ours.
- "Executed" after a START says that the cycle ended, not that it gave anything; only the error code tells.
- The module repeats its last result as often as it is asked: one result is taken for one START, with the time at which
  the cycle ended.
"""

from enum import Enum, unique
from typing import ClassVar, assert_never

from drivers.suntech.errors import GOOD, error_of
from drivers.suntech.exchange import BUSY_PAUSE_NS, Cause, Exchange
from drivers.suntech.frame import Answer, BpData, CuffPressure, Letter, Request, SelfTest, Unexpected
from drivers.suntech.plausibility import contradiction, described, impossible_values
from pumpd.core.ports import (
    MonitorEvent,
    MonitorNotice,
    NibpFailed,
    NibpReading,
    Sample,
    SamplesReceived,
    Validity,
)
from pumpd.core.quantities import NS_PER_MS, NS_PER_S

POLL_NS = 200 * NS_PER_MS
"""How often the cuff pressure is asked during a cycle: it proves that the module is still there."""
CYCLE_LIMIT_NS = 120 * NS_PER_S
"""Longest time under pressure that an adult's cycle may take."""
READY_LIMIT_NS = 10 * NS_PER_S
"""A cycle that was asked for while the module was not ready is given up after this."""
UNANSWERED_TOLERATED = 3
"""As many requests without an answer are told as a lost link, and end a cycle."""


@unique
class _State(Enum):
    CLOSED = "port closed"
    STOPPING = "waiting for the module to stop"
    TESTING = "waiting for the self test"
    IDLE = "ready"
    STARTING = "waiting for the start to be taken"
    MEASURING = "cycle under way"
    READING = "waiting for the result"
    FAULT = "not to be used until the port is opened anew"


_UNDER_WAY = frozenset({_State.STARTING, _State.MEASURING, _State.READING})


class SunTechAdvantage:
    """SunTech Advantage serial protocol, as read in public implementations; fulfils `CuffDriver`."""

    baud: ClassVar[int] = 9_600
    averaging_ns: ClassVar[int] = 0
    """A reading is that of one cycle."""

    def __init__(self, source: str = "cuff") -> None:
        self._source = source
        self._events: list[MonitorEvent] = []
        self._cycle = 0
        self._forget()

    def _forget(self) -> None:
        self._state = _State.CLOSED
        self._exchange = Exchange()
        self._in_hand = False
        self._ready_by_ns: int | None = None
        self._limit_ns = 0
        self._ended_ns = 0
        self._aborted = False
        self._polls = True
        self._fault: str | None = None
        self._unanswered = 0

    # ---- what the shell says ----------------------------------------------------------------------------------------

    def opened(self, now_ns: int) -> None:
        """The port is open: stop whatever the module does, then ask how it is."""
        self._end_cycle("link lost")
        self._forget()
        self._stop(now_ns)

    def closed(self, now_ns: int) -> None:  # noqa: ARG002 - the contract of every driver
        """The port is gone: a cycle in hand has failed."""
        self._end_cycle("link lost")
        self._forget()

    def measure(self, now_ns: int) -> None:
        """Start one adult cycle; it ends in one `NibpReading` or one `NibpFailed`. Ignored during a cycle."""
        if self._in_hand:
            return
        self._cycle += 1
        self._in_hand = True
        if self._fault is not None:
            self._end_cycle(f"module fault: {self._fault}")
        elif self._state is _State.CLOSED:
            self._end_cycle("the port is not open")
        elif self._state is _State.IDLE:
            self._start(now_ns)
        else:
            self._ready_by_ns = now_ns + READY_LIMIT_NS

    def receive(self, data: bytes, now_ns: int) -> None:
        """Take bytes that were read at `now_ns`."""
        if self._state is _State.CLOSED:
            return
        self.advance(now_ns)
        for frame in self._exchange.feed(data, now_ns):
            self._take(self._exchange.interpret(frame), now_ns)

    def advance(self, now_ns: int) -> None:
        """Let time-outs that have passed by `now_ns` take effect."""
        frames, came_ns = self._exchange.stalled(now_ns)
        while frames:
            for frame in frames:
                self._take(self._exchange.interpret(frame), came_ns)
            frames, came_ns = self._exchange.stalled(now_ns)
        if self._ready_by_ns is not None and now_ns >= self._ready_by_ns:
            self._end_cycle(f"the module was not ready within {READY_LIMIT_NS // NS_PER_S} s: check cable and power")
        if self._state is _State.MEASURING and now_ns >= self._limit_ns:
            limit_s = CYCLE_LIMIT_NS // NS_PER_S
            self._break_off(f"measurement time exceeded: stopped after {limit_s} s; check the cuff", now_ns, retry=True)
        if self._exchange.silent(now_ns):
            self._silence(now_ns)

    def next_deadline_ns(self) -> int | None:
        """Return when `advance` or `transmit` is next worth calling, or None."""
        deadlines = [
            self._exchange.next_deadline_ns(),
            self._ready_by_ns,
            self._limit_ns if self._state is _State.MEASURING else None,
        ]
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def transmit(self, now_ns: int) -> bytes:
        """Return the packet to write now, or `b""`."""
        return self._exchange.transmit(now_ns)

    def take_events(self) -> tuple[MonitorEvent, ...]:
        """Return, once each and in order, what was learnt since the last call."""
        events, self._events = tuple(self._events), []
        return events

    # ---- what the module says ---------------------------------------------------------------------------------------

    def _take(self, answer: Answer, now_ns: int) -> None:
        if self._unanswered >= UNANSWERED_TOLERATED:
            self._notice("link back: the module answers again")
        self._unanswered = 0
        match answer:
            case Letter():
                self._take_letter(answer, now_ns)
            case CuffPressure():
                self._exchange.answered()
                self._poll_at(self._exchange.sent_ns + POLL_NS)
            case SelfTest():
                self._exchange.answered()
                self._tested(answer.fault_code, now_ns)
            case BpData():
                self._exchange.answered()
                self._take_result(answer, now_ns)
            case Unexpected():
                pass  # the answer to something older
            case _:
                assert_never(answer)

    def _take_letter(self, letter: Letter, now_ns: int) -> None:
        asked = self._exchange.open_request
        match letter:
            case Letter.RECEIVED:
                if asked is Request.START_ADULT:
                    self._started()
            case Letter.EXECUTED:
                self._executed(now_ns)
            case Letter.ABORTED:
                if asked is Request.ABORT:
                    self._aborted = True
                    self._exchange.stop_goes_on(now_ns)
            case Letter.BUSY:
                self._busy(asked, now_ns)
            case Letter.ERROR:
                self._break_off("the module reports an error: check cuff and hose", now_ns)
            case Letter.TIMED_OUT:
                self._break_off("the module reports a time-out: check cuff and hose", now_ns)
            case Letter.UNDEFINED | Letter.NOT_RECOGNISED:
                self._not_understood(asked, now_ns)
            case Letter.ASLEEP:
                if asked is not None and not self._exchange.repeat(Cause.ASLEEP, now_ns):
                    self._module_fault(
                        "it stays asleep; take the cuff off the arm, switch the module off and on", now_ns
                    )
            case _:
                assert_never(letter)

    def _started(self) -> None:
        self._exchange.answered()
        self._state = _State.MEASURING
        self._limit_ns = self._exchange.sent_ns + CYCLE_LIMIT_NS
        self._poll_at(self._exchange.sent_ns + POLL_NS)

    def _executed(self, now_ns: int) -> None:
        if self._state is _State.STOPPING and self._aborted:
            self._exchange.drop()
            if self._fault is not None:
                self._state = _State.FAULT
                return
            self._state = _State.TESTING
            self._exchange.ask(Request.SELF_TEST, now_ns)
        elif self._state is _State.MEASURING:
            self._state = _State.READING
            self._ended_ns = now_ns
            self._exchange.ask(Request.BP_DATA, now_ns)

    def _busy(self, asked: Request | None, now_ns: int) -> None:
        if asked is Request.CUFF_PRESSURE:
            self._exchange.answered()
            self._poll_at(now_ns + BUSY_PAUSE_NS)
        elif asked is not None and not self._exchange.repeat(Cause.BUSY, now_ns + BUSY_PAUSE_NS):
            self._give_up("the module stays busy: check what it is doing", now_ns)

    def _not_understood(self, asked: Request | None, now_ns: int) -> None:
        if asked is Request.CUFF_PRESSURE:
            self._exchange.answered()
            self._polls = False
            self._notice("the module does not tell the cuff pressure")
        elif asked is Request.SELF_TEST:
            self._exchange.answered()
            self._exchange.ask(Request.SELF_TEST_A_PLUS, now_ns)
        elif asked is not None:
            self._module_fault(f"it does not know a request ({asked.name}); take the cuff off the arm", now_ns)

    def _tested(self, fault_code: int, now_ns: int) -> None:
        if fault_code:
            self._module_fault(f"self test says {fault_code}; use another module", now_ns)
            return
        self._state = _State.IDLE
        if self._in_hand:
            self._start(now_ns)

    def _take_result(self, data: BpData, now_ns: int) -> None:
        self._state = _State.IDLE
        if data.error_code != GOOD:
            error = error_of(data.error_code)
            if error.module_fault:
                self._module_fault(error.text, now_ns)
            else:
                self._end_cycle(error.text, retry=error.retry)
        elif impossible := impossible_values(data):
            samples = tuple(
                Sample(
                    kind=kind,
                    value=value,
                    validity=Validity.IMPOSSIBLE,
                    measured_at_ns=self._ended_ns,
                    source=self._source,
                    seq=self._cycle,
                )
                for kind, value in impossible
            )
            self._events.append(SamplesReceived(samples=samples))
            self._end_cycle(f"impossible value: {described(impossible)}; look at the patient and measure by hand")
        elif (reason := contradiction(data)) is not None:
            self._end_cycle(f"{reason}; measure by hand")
        else:
            self._in_hand = False
            self._events.append(
                NibpReading(
                    source=self._source,
                    cycle=self._cycle,
                    sbp_mmhg=data.sbp_mmhg,
                    dbp_mmhg=data.dbp_mmhg,
                    map_mmhg=data.map_mmhg,
                    pulse_bpm=data.pulse_bpm,
                    measured_at_ns=self._ended_ns,
                )
            )

    # ---- what follows -----------------------------------------------------------------------------------------------

    def _silence(self, now_ns: int) -> None:
        self._unanswered += 1
        if self._unanswered == UNANSWERED_TOLERATED:
            self._notice(f"link lost: {UNANSWERED_TOLERATED} requests without an answer; check cable and power")
        if self._exchange.open_request is Request.CUFF_PRESSURE:
            self._exchange.answered()
            if self._unanswered >= UNANSWERED_TOLERATED:
                self._give_up("the module stopped answering: check cable and power", now_ns)
            else:
                self._poll_at(now_ns)
        elif not self._exchange.repeat(Cause.SILENCE, now_ns):
            self._give_up("the module does not answer: check cable and power", now_ns)

    def _start(self, now_ns: int) -> None:
        self._ready_by_ns = None
        self._state = _State.STARTING
        self._exchange.ask(Request.START_ADULT, now_ns)

    def _poll_at(self, at_ns: int) -> None:
        if self._state is _State.MEASURING and self._polls:
            self._exchange.ask(Request.CUFF_PRESSURE, at_ns)

    def _stop(self, now_ns: int) -> None:
        self._state = _State.STOPPING
        self._aborted = False
        self._exchange.drop()
        self._exchange.ask(Request.ABORT, now_ns)

    def _break_off(self, reason: str, now_ns: int, *, retry: bool = False) -> None:
        """End the cycle that is under way in the module, if one is."""
        if self._state in _UNDER_WAY:
            self._give_up(reason, now_ns, retry=retry)

    def _give_up(self, reason: str, now_ns: int, *, retry: bool = False) -> None:
        """Stop the module whatever it does; a cycle that still waits for it to be ready goes on waiting."""
        if self._state in _UNDER_WAY:
            self._end_cycle(reason, retry=retry)
        self._stop(now_ns)

    def _module_fault(self, text: str, now_ns: int) -> None:
        refuses_abort = self._state is _State.STOPPING
        self._fault = text
        self._notice(f"module fault: {text}")
        self._end_cycle(f"module fault: {text}")
        if refuses_abort:
            self._exchange.drop()
            self._state = _State.FAULT
        else:
            self._stop(now_ns)

    def _end_cycle(self, reason: str, *, retry: bool = False) -> None:
        if not self._in_hand:
            return
        self._in_hand = False
        self._ready_by_ns = None
        self._events.append(NibpFailed(source=self._source, cycle=self._cycle, reason=reason, retry=retry))

    def _notice(self, text: str) -> None:
        self._events.append(MonitorNotice(source=self._source, text=text))
