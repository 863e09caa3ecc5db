"""The simulated cuff module: requests, cycles, the result that stays. Knows no pty and no host clock."""

from collections import deque
from dataclasses import dataclass, replace
from random import Random
from typing import assert_never

from simulators.devices.line import NS_PER_S, BaudLine
from simulators.devices.suntech import wire
from simulators.devices.suntech.cuff import AUTO_ZERO_NS, DUMP_NS, Deflation, Inflation, dumped_mmhg, inflation
from simulators.devices.suntech.faults import ErrorCode, Fault, Phase
from simulators.devices.suntech.wire import Answer, Asked, Reading, Request, RequestReader, Variant
from simulators.devices.vitals import VitalsSource

BAUD = 9600
REPLY_DELAY_NS = 5_000_000
"""From the last bit of a request to the first of its answer (test proposal)."""
REQUEST_GAP_NS = 50_000_000
"""A request that pauses for longer is dropped (test proposal); hosts keep 100 ms between commands."""
SHORTEST_CYCLE_NS, LONGEST_CYCLE_NS = 25 * NS_PER_S, 45 * NS_PER_S
PLAIN_CYCLE_NS = 35 * NS_PER_S
"""Without a generator: the middle of the range."""
SBP_NOISE_MMHG, DBP_NOISE_MMHG, MAP_NOISE_MMHG = 5.0, 3.5, 3.0
BEATS = 30
BP_STATUS = 1
"""Beats and status of published results."""
NO_PRESSURE = -1
INITIAL_MMHG = {Request.START_ADULT: 160, Request.START_PAEDIATRIC: 120, Request.START_NEONATE: 85}
"""Where a start inflates to before a host has set a pressure (usual values of such modules)."""
SECOND_TEXT = "SIMULATED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """How cycles go wrong: this code, and the numbers of the patient beside it only when `with_numbers`."""

    code: int
    with_numbers: bool


class SunTech:
    """A module on one patient's arm, idle at first.

    `vitals` is asked at the begin of a cycle, for the inflation, and at its end, for the reading. With `rng` cycles
    last 25 to 45 s and readings carry noise, unless `cycle_ns` or `noise` say otherwise; without it nothing is random.
    `failure_chance` is the share of cycles that end with an artefact by themselves (about 0.02 in ordinary use).
    """

    def __init__(
        self,
        vitals: VitalsSource,
        *,
        rng: Random | None = None,
        noise: bool = True,
        cycle_ns: int | None = None,
        failure_chance: float = 0.0,
        deflation: Deflation = Deflation.STEP,
        variant: Variant = Variant.ADVANTAGE,
    ) -> None:
        if cycle_ns is not None and cycle_ns <= 0:
            raise ValueError(f"a cycle of {cycle_ns} ns; it must last longer than 0 ns")
        if failure_chance and rng is None:
            raise ValueError("a chance of failure needs a generator")
        self.phase = Phase.IDLE
        self._faults: frozenset[Fault] = frozenset()
        self.self_test = 0
        """The code that STATUS answers; 0 is healthy."""
        self._vitals = vitals
        self._rng = rng
        self._noise = noise
        self._cycle_ns = cycle_ns
        self._failure_chance = failure_chance
        self._deflation = deflation
        self._variant = variant
        self._line = BaudLine(BAUD)
        self._reader = RequestReader()
        self._last_byte_ns = 0
        self._initial_mmhg: int | None = None
        self._result = Reading()
        self._texts = ("", "")
        self._inflation: Inflation | None = None
        self._open_mmhg = 0.0  # pressure when the valve opened, and when that was
        self._open_ns = 0
        self._ends_ns = 0  # end of the cycle, or of the stop
        self._failures: deque[Failure] = deque()
        self._lasting_failure: Failure | None = None
        self._next_answer: Answer | None = None
        self._last_word = Answer.EXECUTED
        self._flip_bits: list[int] = []
        self._drop_answers = 0

    @property
    def faults(self) -> frozenset[Fault]:
        """Return the faults in force."""
        return self._faults

    def receive(self, data: bytes, now_ns: int) -> None:
        """Take bytes of requests; each whole one is answered."""
        self.advance(now_ns)
        if now_ns - self._last_byte_ns > REQUEST_GAP_NS:
            self._reader.clear()
        self._last_byte_ns = now_ns
        if Fault.SILENCE in self._faults:
            self._reader.clear()
            return
        for heard in self._reader.feed(data):
            if isinstance(heard, Answer):
                self._answer(heard, now_ns)
            else:
                self._obey(heard, now_ns)

    def advance(self, now_ns: int) -> None:
        """End the cycle, or the stop, whose time has come."""
        if self.phase is not Phase.IDLE and self._ends_ns <= now_ns:
            self._end()

    def transmit(self, now_ns: int) -> bytes:
        """Return, once each, the bytes that have left by `now_ns`; an answer comes whole."""
        return self._line.take(now_ns)

    def next_deadline_ns(self) -> int | None:
        """Return when an answer has left or a cycle ends, whichever comes first."""
        waiting = [] if self.phase is Phase.IDLE else [self._ends_ns]
        queued_ns = self._line.next_deadline_ns()
        if queued_ns is not None:
            waiting.append(queued_ns)
        return min(waiting, default=None)

    def pressure_mmhg(self, at_ns: int) -> float:
        """Return the true pressure in the cuff, not before the last change."""
        stuck = Fault.STUCK_CUFF in self._faults
        if self._inflation is not None:
            return self._inflation.pressure_mmhg(min(at_ns, self._inflation.dump_ns - 1) if stuck else at_ns)
        if stuck:
            return self._open_mmhg
        return dumped_mmhg(self._open_mmhg, max(0, at_ns - self._open_ns))

    def occludes(self, at_ns: int) -> bool:
        """Tell whether the cuff shuts off the pulse behind it."""
        pressure_mmhg = self.pressure_mmhg(at_ns)
        return pressure_mmhg >= 1.0 and pressure_mmhg >= self._vitals(at_ns).dbp_mmhg

    def begin_fault(self, fault: Fault, now_ns: int) -> None:
        """Put a fault in force from `now_ns`; nothing happens when it is already."""
        self.advance(now_ns)
        self._note_pressure(now_ns)
        self._faults |= {fault}

    def end_fault(self, fault: Fault, now_ns: int) -> None:
        """Put a fault out of force; a stuck cuff lets its air out now."""
        self.advance(now_ns)
        self._note_pressure(now_ns)
        self._faults -= {fault}

    def fail_next(self, code: int, now_ns: int, *, with_numbers: bool = False) -> None:
        """Let the next cycle to end fail with `code`; asked again, the one after it too."""
        self.advance(now_ns)
        self._failures.append(Failure(code=_error_byte(code), with_numbers=with_numbers))

    def fail_always(self, code: int | None, now_ns: int) -> None:
        """Let every cycle fail with `code` from now on; None ends it."""
        self.advance(now_ns)
        self._lasting_failure = None if code is None else Failure(code=_error_byte(code), with_numbers=False)

    def answer_next(self, answer: Answer, now_ns: int) -> None:
        """Give this answer to the next request and do nothing of what it asks."""
        self.advance(now_ns)
        self._next_answer = answer

    def end_next_with(self, answer: Answer, now_ns: int) -> None:
        """Let the next cycle end with this word (E or T) in place of K and leave the old result where it is."""
        self.advance(now_ns)
        self._last_word = answer

    def flip_bit(self, bit: int, now_ns: int) -> None:
        """Flip one bit of the next answer, counted from the lowest of its first byte and wrapping around."""
        self.advance(now_ns)
        self._flip_bits.append(bit)

    def drop_answer(self, now_ns: int) -> None:
        """Lose the next answer; what was asked is done all the same."""
        self.advance(now_ns)
        self._drop_answers += 1

    def _obey(self, asked: Asked, now_ns: int) -> None:
        if self._next_answer is not None:
            self._answer(self._next_answer, now_ns)
            self._next_answer = None
            return
        match asked.request:
            case Request.ABORT:
                self._abort(now_ns)
            case Request.CUFF_PRESSURE:
                self._send(wire.word_answer(self._shown_mmhg(now_ns)), now_ns)
            case Request.RESET:
                self._reset(now_ns)
            case _ if self.phase is not Phase.IDLE:
                self._answer(Answer.BUSY, now_ns)
            case _:
                self._obey_idle(asked, now_ns)

    def _obey_idle(self, asked: Asked, now_ns: int) -> None:
        match asked.request:
            case Request.START_ADULT | Request.START_PAEDIATRIC | Request.START_NEONATE:
                self._start(INITIAL_MMHG[asked.request], now_ns)
            case Request.BP_DATA:
                self._send(wire.result_answer(self._result), now_ns)
            case Request.SET_INITIAL_INFLATION:
                self._initial_mmhg = asked.argument
                self._answer(Answer.EXECUTED, now_ns)
            case Request.MODULE_DATA:
                self._texts = (self._variant.value, SECOND_TEXT)
                self._answer(Answer.EXECUTED, now_ns)
            case Request.RETURN_STRING:
                self._send(wire.text_answer(*self._texts), now_ns)
            case Request.STATUS | Request.STATUS_A_PLUS:
                own = Request.STATUS if self._variant is Variant.ADVANTAGE else Request.STATUS_A_PLUS
                if asked.request is own:
                    self._send(wire.word_answer(self.self_test), now_ns)
                else:
                    self._answer(Answer.UNDEFINED, now_ns)
            case Request.ABORT | Request.CUFF_PRESSURE | Request.RESET:
                raise AssertionError(f"{asked.request.name} is obeyed in every phase")
            case _:
                assert_never(asked.request)

    def _start(self, usual_mmhg: int, now_ns: int) -> None:
        self._answer(Answer.RECEIVED, now_ns)
        truth = self._vitals(now_ns)
        self.phase = Phase.MEASURING
        self._ends_ns = now_ns + self._duration_ns()
        self._inflation = inflation(
            start_ns=now_ns,
            end_ns=self._ends_ns,
            initial_mmhg=usual_mmhg if self._initial_mmhg is None else self._initial_mmhg,
            sbp_mmhg=truth.sbp_mmhg,
            dbp_mmhg=truth.dbp_mmhg,
            deflation=self._deflation,
        )

    def _end(self) -> None:
        ended_ns, was = self._ends_ns, self.phase
        self.phase = Phase.IDLE
        if was is Phase.STOPPING:
            self._answer(Answer.EXECUTED, ended_ns, delay_ns=0)
            return
        self._let_out(ended_ns)
        last_word, self._last_word = self._last_word, Answer.EXECUTED
        if last_word is Answer.EXECUTED:
            self._result = self._measured(ended_ns)
        if Fault.LOSE_EXECUTED not in self._faults:
            self._answer(last_word, ended_ns, delay_ns=0)

    def _abort(self, now_ns: int) -> None:
        if self.phase is Phase.MEASURING:
            self._let_out(now_ns)
            self._result = Reading(error=ErrorCode.ENDED_BY_USER)
        self.phase = Phase.STOPPING
        self._ends_ns = now_ns + DUMP_NS
        self._answer(Answer.ABORTED, now_ns)

    def _reset(self, now_ns: int) -> None:
        self._let_out(now_ns)
        self.phase = Phase.IDLE
        self._result = Reading()
        self._initial_mmhg = None
        self._texts = ("", "")
        self._line.clear()

    def _let_out(self, now_ns: int) -> None:
        self._open_mmhg, self._open_ns = self.pressure_mmhg(now_ns), now_ns
        self._inflation = None

    def _note_pressure(self, now_ns: int) -> None:
        """Begin a new stretch at the pressure of now, because the valve is about to get stuck or to come free."""
        if self._inflation is None:
            self._let_out(now_ns)

    def _shown_mmhg(self, now_ns: int) -> int:
        if self._inflation is not None and now_ns < self._inflation.start_ns + AUTO_ZERO_NS:
            return NO_PRESSURE
        return round(self.pressure_mmhg(now_ns))

    def _duration_ns(self) -> int:
        if self._cycle_ns is not None:
            return self._cycle_ns
        return self._rng.randint(SHORTEST_CYCLE_NS, LONGEST_CYCLE_NS) if self._rng is not None else PLAIN_CYCLE_NS

    def _measured(self, at_ns: int) -> Reading:
        failure = self._failure()
        if failure is not None and not failure.with_numbers:
            return Reading(error=failure.code)
        truth = self._vitals(at_ns)
        sbp_mmhg = truth.sbp_mmhg + self._gauss(SBP_NOISE_MMHG)
        dbp_mmhg = truth.dbp_mmhg + self._gauss(DBP_NOISE_MMHG)
        map_mmhg = dbp_mmhg + (sbp_mmhg - dbp_mmhg) / 3 + self._gauss(MAP_NOISE_MMHG)
        reading = Reading(
            sbp_mmhg=_whole(sbp_mmhg),
            dbp_mmhg=_whole(dbp_mmhg),
            map_mmhg=_whole(map_mmhg),
            pr_bpm=_whole(truth.hr_bpm),
            beats=BEATS,
            bp_status=BP_STATUS,
        )
        return reading if failure is None else replace(reading, error=failure.code)

    def _failure(self) -> Failure | None:
        """Return how the cycle that ends now failed; a test's wish comes before chance."""
        by_chance = self._rng is not None and self._failure_chance > self._rng.random()
        if self._failures:
            return self._failures.popleft()
        if self._lasting_failure is not None:
            return self._lasting_failure
        return Failure(code=ErrorCode.ARTEFACT, with_numbers=False) if by_chance else None

    def _gauss(self, sd_mmhg: float) -> float:
        return self._rng.gauss(0.0, sd_mmhg) if self._rng is not None and self._noise else 0.0

    def _answer(self, answer: Answer, now_ns: int, *, delay_ns: int = REPLY_DELAY_NS) -> None:
        self._send(wire.short_answer(answer), now_ns, delay_ns=delay_ns)

    def _send(self, answer: bytes, now_ns: int, *, delay_ns: int = REPLY_DELAY_NS) -> None:
        if Fault.SILENCE in self._faults:
            return
        if self._drop_answers:
            self._drop_answers -= 1
            return
        if self._flip_bits:
            byte, bit = divmod(self._flip_bits.pop(0) % (8 * len(answer)), 8)
            answer = answer[:byte] + bytes([answer[byte] ^ 1 << bit]) + answer[byte + 1 :]
        self._line.send(answer, now_ns + delay_ns)


def _whole(value: float) -> int:
    return max(0, int(value + 0.5))


def _error_byte(code: int) -> int:
    if not 0 < code <= 0xFF:
        raise ValueError(f"error code is {code:#x}; a failure has 0x01 to 0xff")
    return code
