"""The cuff driver: the start-up recipe, a cycle, every letter and error code, silence, limits."""

from itertools import pairwise

import pytest

from drivers.suntech import SunTechAdvantage
from pumpd.core.ports import (
    CuffDriver,
    MonitorEvent,
    MonitorNotice,
    NibpFailed,
    NibpReading,
    SamplesReceived,
    Validity,
    VitalKind,
)
from simulators.devices.suntech import Answer as Word
from simulators.devices.suntech import ErrorCode, Fault, SunTech, Variant
from simulators.devices.vitals import constant
from tests.golden import suntech

MS_NS = 1_000_000
SECOND_NS = 1_000_000_000
START_NS = 10 * SECOND_NS
LIMIT_NS = 120 * SECOND_NS

START = suntech.COMMANDS["start adult"]
ABORT = suntech.COMMANDS["abort"]
PRESSURE = suntech.COMMANDS["get cuff pressure"]
BP_DATA = suntech.COMMANDS["get BP data"]
STATUS = suntech.COMMANDS["status"]
STATUS_A_PLUS = suntech.COMMANDS["status on A+"]
O, K, A, B, E, N, D, S, T = (suntech.LETTERS[letter] for letter in "OKABENDST")  # noqa: E741 - the module's letters
HEALTHY = suntech.WORDS[0]


class Bench:
    """A driver and a clock; the test plays the module."""

    def __init__(self) -> None:
        self.driver = SunTechAdvantage()
        self.now_ns = START_NS
        self.driver.opened(self.now_ns)

    def sent(self, after_ns: int = 0) -> bytes:
        """Let time pass, then say what the driver sends."""
        self.now_ns += after_ns
        self.driver.advance(self.now_ns)
        return self.driver.transmit(self.now_ns)

    def next_sent(self, within_ns: int = 3 * SECOND_NS) -> tuple[bytes, int]:
        """Follow the driver's deadlines until it sends; return what and after how long."""
        began_ns = self.now_ns
        while not (packet := self.sent()):
            deadline_ns = self.driver.next_deadline_ns()
            if deadline_ns is None or deadline_ns > began_ns + within_ns:
                return b"", self.now_ns - began_ns
            assert deadline_ns > self.now_ns, "a deadline that has passed does nothing"
            self.now_ns = deadline_ns
        return packet, self.now_ns - began_ns

    def answer(self, *frames: bytes, after_ns: int = 20 * MS_NS) -> None:
        self.now_ns += after_ns
        self.driver.receive(b"".join(frames), self.now_ns)

    def events(self) -> tuple[MonitorEvent, ...]:
        return self.driver.take_events()

    def failure(self) -> NibpFailed:
        (failed,) = [event for event in self.events() if isinstance(event, (NibpFailed, NibpReading))]
        assert isinstance(failed, NibpFailed)
        return failed

    def notices(self) -> list[str]:
        return [event.text for event in self.events() if isinstance(event, MonitorNotice)]

    def ready(self) -> "Bench":
        assert self.next_sent()[0] == ABORT
        self.answer(A, K)
        assert self.next_sent()[0] == STATUS
        self.answer(HEALTHY)
        assert self.next_sent() == (b"", 0)
        return self

    def starting(self) -> "Bench":
        self.ready()
        self.now_ns += SECOND_NS
        self.driver.measure(self.now_ns)
        assert self.sent() == START
        return self

    def measuring(self) -> "Bench":
        """The start is taken and no poll is open."""
        self.starting()
        self.answer(O)
        return self

    def reading(self) -> "Bench":
        self.measuring()
        self.answer(K, after_ns=30 * MS_NS)
        assert self.next_sent()[0] == BP_DATA
        return self


def restarts(bench: Bench) -> bool:
    """Say whether the driver goes through its start-up recipe again and is ready after it."""
    if bench.next_sent()[0] != ABORT:
        return False
    bench.answer(A, K)
    assert bench.next_sent()[0] == STATUS
    bench.answer(HEALTHY)
    bench.events()
    bench.driver.measure(bench.now_ns)
    return bench.next_sent()[0] == START


def is_ready(bench: Bench) -> bool:
    bench.driver.measure(bench.now_ns)
    return bench.next_sent()[0] == START


def is_in_fault(bench: Bench) -> bool:
    while (packet := bench.next_sent()[0]) == ABORT:
        bench.answer(A, K)
    assert packet == b""
    bench.events()
    bench.driver.measure(bench.now_ns)
    failed = bench.failure()
    assert not failed.retry
    return failed.reason.startswith("module fault: ") and bench.next_sent()[0] == b""


# ---- start-up -------------------------------------------------------------------------------------------------------


def test_it_is_a_cuff_driver() -> None:
    driver: CuffDriver = SunTechAdvantage()
    assert driver.baud == 9600
    assert driver.transmit(START_NS) == b""
    assert driver.next_deadline_ns() is None


def test_abort_and_self_test_come_before_the_first_start() -> None:
    bench = Bench()
    bench.driver.measure(bench.now_ns)
    assert bench.next_sent() == (ABORT, 0)
    bench.answer(A)
    assert bench.next_sent(SECOND_NS)[0] == b""
    bench.answer(K)
    assert bench.next_sent()[0] == STATUS
    bench.answer(HEALTHY)
    assert bench.next_sent()[0] == START
    assert bench.events() == ()


def test_executed_without_aborted_does_not_end_the_stop() -> None:
    bench = Bench()
    bench.next_sent()
    bench.answer(K)
    assert bench.next_sent()[0] == ABORT


@pytest.mark.parametrize(("after_ns", "again"), [(-1, b""), (0, ABORT), (1, ABORT)])
def test_a_stop_that_does_not_end_is_ordered_again_after_five_seconds(after_ns: int, again: bytes) -> None:
    bench = Bench()
    bench.next_sent()
    bench.answer(A)
    assert bench.sent(5 * SECOND_NS + after_ns) == again


def test_an_abort_is_repeated_until_it_is_answered_and_the_lost_link_is_told_once() -> None:
    bench = Bench()
    assert bench.next_sent() == (ABORT, 0)
    for _ in range(10):
        assert bench.next_sent() == (ABORT, SECOND_NS)
    assert [text.split(":")[0] for text in bench.notices()] == ["link lost"]
    for _ in range(10):
        bench.answer(B)
        assert bench.next_sent() == (ABORT, 500 * MS_NS)
    assert [text.split(":")[0] for text in bench.notices()] == ["link back"]
    bench.answer(A, K)
    assert bench.next_sent()[0] == STATUS


def test_a_cycle_that_waits_for_the_module_fails_after_ten_seconds() -> None:
    bench = Bench()
    bench.sent()
    bench.driver.measure(bench.now_ns)
    bench.driver.measure(bench.now_ns)
    bench.sent(10 * SECOND_NS - 1)
    assert [event for event in bench.events() if isinstance(event, NibpFailed)] == []
    bench.sent(1)
    failed = bench.failure()
    assert (failed.cycle, failed.retry) == (1, False)
    assert "not ready" in failed.reason


def test_a_failed_self_test_is_a_module_fault() -> None:
    bench = Bench()
    bench.next_sent()
    bench.answer(A, K)
    bench.next_sent()
    bench.answer(suntech.WORDS[1])
    assert "self test says 1" in bench.notices()[0]
    assert is_in_fault(bench)
    bench.driver.closed(bench.now_ns)
    bench.driver.opened(bench.now_ns)
    bench.ready()
    assert is_ready(bench)


@pytest.mark.parametrize("refusal", [N, D])
def test_the_other_variant_has_another_self_test(refusal: bytes) -> None:
    bench = Bench()
    bench.next_sent()
    bench.answer(A, K)
    assert bench.next_sent()[0] == STATUS
    bench.answer(refusal)
    assert bench.next_sent()[0] == STATUS_A_PLUS
    bench.answer(HEALTHY)
    assert is_ready(bench)


def test_a_silent_self_test_is_repeated_once_and_then_the_recipe_begins_again() -> None:
    bench = Bench()
    bench.next_sent()
    bench.answer(A, K)
    assert bench.next_sent()[0] == STATUS
    assert bench.next_sent() == (STATUS, SECOND_NS)
    assert bench.next_sent() == (ABORT, SECOND_NS)


# ---- a cycle --------------------------------------------------------------------------------------------------------


@pytest.mark.req("VIT-19")
@pytest.mark.parametrize(
    ("frame", "sbp", "dbp", "mean", "pulse"),
    [
        (suntech.PUBLISHED, 115, 74, 88, 85),
        (suntech.B1, 118, 76, 90, 72),
        (suntech.B4, 84, 48, 60, 118),
        (suntech.result(280, 220, 250, 255), 280, 220, 250, 255),
        (suntech.result(40, 20, 30, 20), 40, 20, 30, 20),
        (suntech.result(90, 80, 85, 60), 90, 80, 85, 60),
    ],
)
def test_a_good_cycle_gives_one_reading_with_the_time_of_its_end(
    frame: bytes, sbp: int, dbp: int, mean: int, pulse: int
) -> None:
    bench = Bench().measuring()
    bench.answer(K, after_ns=130 * MS_NS)
    ended_ns = bench.now_ns
    assert bench.next_sent()[0] == BP_DATA
    bench.answer(frame, after_ns=500 * MS_NS)
    assert bench.events() == (
        NibpReading(
            source="cuff",
            cycle=1,
            sbp_mmhg=sbp,
            dbp_mmhg=dbp,
            map_mmhg=mean,
            pulse_bpm=pulse,
            measured_at_ns=ended_ns,
        ),
    )
    assert bench.next_sent() == (b"", 0)
    assert is_ready(bench)


@pytest.mark.parametrize("size", [1, 7])
def test_a_cycle_byte_by_byte(size: int) -> None:
    bench = Bench().starting()
    for frame, sent in ((O, PRESSURE), (suntech.WORDS[140], PRESSURE), (HEALTHY + K, BP_DATA), (suntech.B1, b"")):
        for at in range(0, len(frame), size):
            bench.answer(frame[at : at + size], after_ns=MS_NS)
        assert bench.next_sent()[0] == sent
    assert [type(event) for event in bench.events()] == [NibpReading]


def test_polls_keep_their_distance_and_never_two_are_open() -> None:
    bench = Bench().measuring()
    assert bench.next_sent() == (PRESSURE, 180 * MS_NS)
    assert bench.sent(999 * MS_NS) == b""
    bench.answer(suntech.WORDS[-1], after_ns=0)
    assert bench.next_sent() == (PRESSURE, 0)
    bench.answer(suntech.WORDS[140])
    assert bench.next_sent() == (PRESSURE, 180 * MS_NS)
    bench.answer(suntech.WORDS[258], K)
    assert bench.next_sent() == (BP_DATA, 80 * MS_NS)


def test_the_result_is_not_asked_for_while_a_poll_is_open() -> None:
    bench = Bench().measuring()
    bench.next_sent()
    bench.answer(K)
    assert bench.sent(200 * MS_NS) == b""
    bench.answer(suntech.WORDS[140])
    assert bench.next_sent()[0] == BP_DATA
    bench = Bench().measuring()
    bench.next_sent()
    bench.answer(K)
    assert bench.next_sent()[0] == BP_DATA  # the poll's answer was lost
    bench.answer(suntech.B1)
    assert [type(event) for event in bench.events()] == [NibpReading]


def test_measure_during_a_cycle_is_ignored() -> None:
    for bench in (Bench().starting(), Bench().measuring(), Bench().reading()):
        bench.driver.measure(bench.now_ns)
    bench.answer(suntech.B1)
    (reading,) = bench.events()
    assert isinstance(reading, NibpReading)
    assert reading.cycle == 1
    assert bench.next_sent()[0] == b""


@pytest.mark.req("VIT-03")
def test_a_result_that_no_start_of_ours_produced_gives_nothing() -> None:
    bench = Bench().reading()
    bench.answer(suntech.B1, suntech.B1, suntech.B4)
    assert [type(event) for event in bench.events()] == [NibpReading]
    bench.answer(K, suntech.B4)
    for other in (Bench(), Bench().ready(), Bench().starting(), Bench().measuring()):
        other.answer(suntech.B1)
        assert other.events() == ()
    assert bench.events() == ()


@pytest.mark.parametrize("frames", [(K,), (K, K), (O, K)])
def test_executed_without_a_start_of_ours_gives_nothing(frames: tuple[bytes, ...]) -> None:
    bench = Bench().ready()
    bench.answer(*frames)
    assert bench.next_sent() == (b"", 0)
    bench.answer(suntech.B1)
    assert bench.events() == ()


def test_executed_before_the_start_was_taken_ends_nothing() -> None:
    bench = Bench().starting()
    bench.answer(K)
    assert bench.next_sent() == (START, 980 * MS_NS)


def test_each_cycle_needs_its_own_start() -> None:
    bench = Bench().reading()
    bench.answer(suntech.B1)
    bench.now_ns += 30 * SECOND_NS
    bench.driver.measure(bench.now_ns)
    assert bench.next_sent()[0] == START
    bench.answer(O, K)
    assert bench.next_sent()[0] == BP_DATA
    bench.answer(suntech.B1)
    readings = [event for event in bench.events() if isinstance(event, NibpReading)]
    assert [reading.cycle for reading in readings] == [1, 2]
    assert readings[1].measured_at_ns - readings[0].measured_at_ns > 30 * SECOND_NS


# ---- results that are no reading ------------------------------------------------------------------------------------


@pytest.mark.req("VIT-03")
@pytest.mark.parametrize(
    ("code", "retry", "fault", "word"),
    [
        (0x01, True, False, "weak"),
        (0x02, True, False, "artefact"),
        (0x03, False, False, "extreme"),
        (0x04, True, False, "time exceeded"),
        (0x55, False, False, "hose"),
        (0x56, False, False, "ended by the user"),
        (0x57, False, False, "check cuff"),
        (0x58, False, False, "safety time-out"),
        (0x59, False, False, "take the cuff off"),
        (0x5A, False, True, "supply"),
        (0x5B, False, True, "auto-zero"),
        (0x61, False, True, "transducer"),
        (0x63, False, True, "calibration"),
        (0x05, False, True, "05h"),
        (0x85, False, True, "unknown error code 85h"),
        (0xFF, False, True, "ffh"),
    ],
)
def test_every_error_code_is_no_reading(code: int, retry: bool, fault: bool, word: str) -> None:
    bench = Bench().reading()
    bench.answer(suntech.result(118, 76, 90, 72, error=code))
    failed = bench.failure()
    assert (failed.retry, failed.cycle, failed.source) == (retry, 1, "cuff")
    assert word in failed.reason
    assert is_in_fault(bench) is fault if fault else is_ready(bench)


@pytest.mark.req("VIT-03")
@pytest.mark.parametrize("code", range(1, 256))
def test_no_error_code_lets_numbers_through(code: int) -> None:
    bench = Bench().reading()
    bench.answer(suntech.result(118, 76, 90, 72, error=code))
    assert [event for event in bench.events() if isinstance(event, (NibpReading, SamplesReceived))] == []


@pytest.mark.req("VIT-03")
@pytest.mark.parametrize("frame", [suntech.B2, suntech.B3, suntech.B5, suntech.B6, suntech.B7])
def test_golden_failures(frame: bytes) -> None:
    bench = Bench().reading()
    bench.answer(frame)
    assert bench.failure().retry is (frame in (suntech.B2, suntech.B5))


@pytest.mark.req("VIT-05")
@pytest.mark.parametrize(
    ("numbers", "offending"),
    [
        ((281, 90, 150, 72), [(VitalKind.SBP, 281)]),
        ((39, 22, 31, 72), [(VitalKind.SBP, 39)]),
        ((100, 19, 60, 72), [(VitalKind.DBP, 19)]),
        ((250, 221, 235, 72), [(VitalKind.DBP, 221)]),
        ((270, 200, 251, 72), [(VitalKind.MAP, 251)]),
        ((60, 25, 29, 72), [(VitalKind.MAP, 29)]),
        ((118, 76, 90, 19), [(VitalKind.HR, 19)]),
        ((118, 76, 90, 0), [(VitalKind.HR, 0)]),
        ((0, 0, 0, 0), [(VitalKind.SBP, 0), (VitalKind.DBP, 0), (VitalKind.MAP, 0), (VitalKind.HR, 0)]),
    ],
)
def test_impossible_values_are_told_at_once(
    numbers: tuple[int, int, int, int], offending: list[tuple[VitalKind, int]]
) -> None:
    bench = Bench().measuring()
    bench.answer(K, after_ns=30 * MS_NS)
    ended_ns = bench.now_ns
    bench.next_sent()
    bench.answer(suntech.result(*numbers))
    samples, failed = bench.events()
    assert isinstance(samples, SamplesReceived)
    assert [(sample.kind, sample.value) for sample in samples.samples] == offending
    assert {(sample.validity, sample.measured_at_ns) for sample in samples.samples} == {(Validity.IMPOSSIBLE, ended_ns)}
    assert isinstance(failed, NibpFailed)
    assert failed.reason.startswith("impossible value: ")
    assert all(str(value) in failed.reason for _, value in offending)
    assert not failed.retry
    assert is_ready(bench)


@pytest.mark.req("VIT-19")
@pytest.mark.parametrize(
    "frame",
    [
        suntech.B8,
        suntech.result(118, 76, 118, 72),
        suntech.result(118, 76, 76, 72),
        suntech.result(118, 90, 80, 72),
        suntech.result(76, 118, 90, 72),
        suntech.result(89, 80, 85, 72),
    ],
)
def test_a_set_that_contradicts_itself_is_refused_as_a_whole(frame: bytes) -> None:
    bench = Bench().reading()
    bench.answer(frame)
    (failed,) = bench.events()
    assert isinstance(failed, NibpFailed)
    assert not failed.retry
    assert "SYS" in failed.reason


@pytest.mark.parametrize("bit", range(8 * len(suntech.B1)))
def test_a_result_with_a_flipped_bit_is_asked_for_again(bit: int) -> None:
    bench = Bench().reading()
    flipped = bytearray(suntech.B1)
    flipped[bit // 8] ^= 1 << bit % 8
    bench.answer(bytes(flipped))
    assert bench.next_sent()[0] == BP_DATA
    bench.answer(suntech.B1)
    (reading,) = bench.events()
    assert isinstance(reading, NibpReading)
    assert (reading.sbp_mmhg, reading.dbp_mmhg, reading.map_mmhg, reading.pulse_bpm) == (118, 76, 90, 72)


# ---- letters --------------------------------------------------------------------------------------------------------


def test_busy_repeats_the_start_five_times() -> None:
    bench = Bench().starting()
    for _ in range(5):
        bench.answer(B)
        assert bench.next_sent() == (START, 500 * MS_NS)
    bench.answer(B)
    failed = bench.failure()
    assert not failed.retry
    assert "busy" in failed.reason
    assert restarts(bench)


def test_busy_repeats_the_question_for_the_result_five_times() -> None:
    bench = Bench().reading()
    for _ in range(5):
        bench.answer(B)
        assert bench.next_sent() == (BP_DATA, 500 * MS_NS)
    bench.answer(B)
    assert not bench.failure().retry
    assert restarts(bench)


def test_each_question_has_its_own_repeats() -> None:
    bench = Bench().starting()
    for _ in range(5):
        bench.answer(B)
        bench.next_sent()
    bench.answer(O, K)
    assert bench.next_sent()[0] == BP_DATA
    bench.answer(B)
    assert bench.next_sent() == (BP_DATA, 500 * MS_NS)


def test_a_start_after_busy_is_a_start() -> None:
    bench = Bench().starting()
    bench.answer(B)
    bench.next_sent()
    bench.answer(O)
    assert bench.next_sent()[0] == PRESSURE


def test_busy_to_a_poll_only_delays_the_next_one() -> None:
    bench = Bench().measuring()
    for _ in range(10):
        assert bench.next_sent()[0] == PRESSURE
        bench.answer(B)
        assert bench.next_sent(499 * MS_NS)[0] == b""
    assert bench.next_sent()[0] == PRESSURE
    assert bench.events() == ()


@pytest.mark.parametrize("letter", [E, T])
@pytest.mark.parametrize("state", [Bench.starting, Bench.measuring, Bench.reading])
def test_error_and_time_out_end_the_cycle(state: object, letter: bytes) -> None:
    assert callable(state)
    bench = state(Bench())
    bench.answer(letter)
    assert not bench.failure().retry
    assert restarts(bench)


@pytest.mark.parametrize("letter", [E, T, O, B, N, D, S, A, K])
def test_letters_nobody_asked_for_change_nothing_at_rest(letter: bytes) -> None:
    bench = Bench().ready()
    bench.answer(letter)
    assert bench.next_sent() == (b"", 0)
    assert bench.events() == ()
    assert is_ready(bench)


@pytest.mark.parametrize("letter", [N, D])
@pytest.mark.parametrize("state", [Bench.starting, Bench.reading])
def test_a_request_that_is_not_understood_is_a_module_fault(state: object, letter: bytes) -> None:
    assert callable(state)
    bench = state(Bench())
    bench.answer(letter)
    failed = bench.failure()
    assert failed.reason.startswith("module fault: ")
    assert not failed.retry
    assert is_in_fault(bench)


@pytest.mark.parametrize("letter", [N, D])
def test_an_abort_that_is_not_understood_is_a_module_fault_without_more_aborts(letter: bytes) -> None:
    bench = Bench()
    bench.next_sent()
    bench.answer(letter)
    assert bench.next_sent() == (b"", 0)
    assert is_in_fault(bench)


@pytest.mark.parametrize("letter", [N, D])
def test_a_module_that_tells_no_pressure_is_asked_no_more_and_still_measures(letter: bytes) -> None:
    bench = Bench().measuring()
    bench.next_sent()
    bench.answer(letter)
    assert bench.next_sent(10 * SECOND_NS)[0] == b""
    assert len(bench.notices()) == 1
    bench.answer(K)
    assert bench.next_sent()[0] == BP_DATA
    bench.answer(suntech.B1)
    assert [type(event) for event in bench.events()] == [NibpReading]
    assert is_ready(bench)
    bench.answer(O)
    assert bench.next_sent(10 * SECOND_NS)[0] == b""


def test_a_sleeping_module_is_woken_once() -> None:
    bench = Bench().starting()
    bench.answer(S)
    assert bench.next_sent() == (START, 80 * MS_NS)
    bench.answer(S)
    assert "asleep" in bench.failure().reason
    assert is_in_fault(bench)
    bench = Bench()
    bench.next_sent()
    bench.answer(S)
    assert bench.next_sent()[0] == ABORT
    bench.answer(S)
    assert is_in_fault(bench)


def test_aborted_at_the_module_waits_for_the_end() -> None:
    bench = Bench().measuring()
    bench.answer(A)
    assert bench.next_sent()[0] == PRESSURE
    bench.answer(suntech.WORDS[0], K)
    assert bench.next_sent()[0] == BP_DATA
    bench.answer(suntech.B6)
    assert "ended by the user" in bench.failure().reason


# ---- silence and limits ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("after_ns", "sent"), [(-1, b""), (0, START), (1, START)])
def test_a_silent_start_is_repeated_after_a_second(after_ns: int, sent: bytes) -> None:
    bench = Bench().starting()
    assert bench.sent(SECOND_NS + after_ns) == sent


def test_a_second_silence_ends_the_cycle_and_stops_the_module() -> None:
    bench = Bench().starting()
    assert bench.next_sent() == (START, SECOND_NS)
    assert bench.next_sent() == (ABORT, SECOND_NS)
    failed = bench.failure()
    assert not failed.retry
    assert "does not answer" in failed.reason
    bench.answer(A, K)
    assert bench.next_sent()[0] == STATUS


def test_a_silent_result_is_asked_for_once_more() -> None:
    bench = Bench().reading()
    assert bench.next_sent() == (BP_DATA, SECOND_NS)
    assert bench.next_sent() == (ABORT, SECOND_NS)
    assert not bench.failure().retry


def test_three_silent_polls_end_the_cycle() -> None:
    bench = Bench().measuring()
    assert bench.next_sent() == (PRESSURE, 180 * MS_NS)
    assert bench.next_sent() == (PRESSURE, SECOND_NS)
    assert bench.next_sent() == (PRESSURE, SECOND_NS)
    assert bench.events() == ()
    assert bench.next_sent() == (ABORT, SECOND_NS)
    notice, failed = bench.events()
    assert isinstance(notice, MonitorNotice)
    assert notice.text.startswith("link lost")
    assert isinstance(failed, NibpFailed)
    assert not failed.retry


def polled_until(bench: Bench, end_ns: int) -> None:
    while (deadline_ns := bench.driver.next_deadline_ns()) is not None and deadline_ns < end_ns:
        bench.now_ns = max(deadline_ns, bench.now_ns)
        if bench.sent() == PRESSURE:
            bench.answer(suntech.WORDS[140], after_ns=min(20 * MS_NS, end_ns - 1 - bench.now_ns))


@pytest.mark.parametrize(("after_ns", "over"), [(-1, False), (0, True), (1, True)])
def test_a_cycle_is_stopped_at_its_limit(after_ns: int, over: bool) -> None:
    bench = Bench().starting()
    started_ns = bench.now_ns
    bench.answer(O)
    polled_until(bench, started_ns + LIMIT_NS - 300 * MS_NS)
    bench.now_ns = started_ns + LIMIT_NS + after_ns
    bench.answer(K, after_ns=0)
    if over:
        failed = bench.failure()
        assert failed.retry
        assert "time exceeded" in failed.reason
        assert bench.next_sent()[0] == ABORT
        bench.answer(suntech.WORDS[140], K, suntech.B1)
        assert bench.events() == ()
        bench.answer(A, K)
        assert bench.next_sent()[0] == STATUS
    else:
        assert bench.events() == ()
        bench.answer(suntech.WORDS[140])
        assert bench.next_sent()[0] == BP_DATA


def test_the_deadline_of_a_cycle_is_its_limit() -> None:
    bench = Bench().starting()
    limit_ns = bench.now_ns + LIMIT_NS
    bench.answer(O)
    bench.next_sent()
    bench.answer(N)
    assert bench.driver.next_deadline_ns() == limit_ns


@pytest.mark.parametrize("state", [Bench.starting, Bench.measuring, Bench.reading])
@pytest.mark.parametrize("again", [False, True])
def test_a_port_that_is_gone_ends_the_cycle(state: object, again: bool) -> None:
    assert callable(state)
    bench = state(Bench())
    (bench.driver.opened if again else bench.driver.closed)(bench.now_ns)
    failed = bench.failure()
    assert (failed.reason, failed.retry) == ("link lost", False)
    if not again:
        assert bench.driver.next_deadline_ns() is None
        assert bench.driver.transmit(bench.now_ns) == b""
        bench.driver.receive(K + suntech.B1 + b"\x3e", bench.now_ns)
        assert bench.driver.next_deadline_ns() is None
        bench.driver.opened(bench.now_ns)
    assert restarts(bench)


def test_a_port_that_closes_at_rest_is_no_failed_cycle() -> None:
    bench = Bench().ready()
    bench.driver.closed(bench.now_ns)
    assert bench.events() == ()
    bench.driver.measure(bench.now_ns)
    assert "not open" in bench.failure().reason


def test_an_answer_behind_a_false_head_counts_when_the_line_has_been_quiet() -> None:
    bench = Bench().measuring()
    bench.answer(b"\x3e\x43" + K)
    came_ns = bench.now_ns
    assert bench.sent(99 * MS_NS) == b""
    assert bench.sent(MS_NS) == BP_DATA
    bench.answer(suntech.B1)
    (reading,) = bench.events()
    assert isinstance(reading, NibpReading)
    assert reading.measured_at_ns == came_ns


# ---- with the simulated module --------------------------------------------------------------------------------------


class Joined:
    """Driver and simulated module on one line and one clock."""

    def __init__(self, module: SunTech) -> None:
        self.module = module
        self.driver = SunTechAdvantage()
        self.now_ns = START_NS
        self.sent: list[tuple[int, bytes]] = []
        self.driver.opened(self.now_ns)

    def run(self, seconds: int) -> list[MonitorEvent]:
        end_ns = self.now_ns + seconds * SECOND_NS
        while self.now_ns < end_ns:
            self.module.advance(self.now_ns)
            if data := self.module.transmit(self.now_ns):
                self.driver.receive(data, self.now_ns)
            self.driver.advance(self.now_ns)
            if packet := self.driver.transmit(self.now_ns):
                self.sent.append((self.now_ns, packet))
                self.module.receive(packet, self.now_ns)
            deadlines = [self.module.next_deadline_ns() or end_ns, self.driver.next_deadline_ns() or end_ns, end_ns]
            self.now_ns = max(self.now_ns + 1, min(deadlines))
        return list(self.driver.take_events())

    def measure(self, seconds: int = 150) -> list[MonitorEvent]:
        self.driver.measure(self.now_ns)
        return self.run(seconds)


@pytest.mark.parametrize("variant", Variant)
def test_driver_and_simulated_module_measure(variant: Variant) -> None:
    joined = Joined(SunTech(constant(sbp_mmhg=118, dbp_mmhg=76, hr_bpm=72), variant=variant))
    assert joined.run(5) == []
    began_ns = joined.now_ns
    (reading,) = joined.measure()
    assert isinstance(reading, NibpReading)
    assert (reading.sbp_mmhg, reading.dbp_mmhg, reading.map_mmhg, reading.pulse_bpm) == (118, 76, 90, 72)
    assert 30 * SECOND_NS < reading.measured_at_ns - began_ns < 40 * SECOND_NS
    times = [at_ns for at_ns, _ in joined.sent]
    assert min(later - earlier for earlier, later in pairwise(times)) >= 100 * MS_NS
    assert sum(packet == BP_DATA for _, packet in joined.sent) == 1
    assert sum(packet == PRESSURE for _, packet in joined.sent) > 100


def test_driver_and_simulated_module_through_failures() -> None:
    module = SunTech(constant())
    joined = Joined(module)
    joined.run(5)
    module.fail_next(ErrorCode.ARTEFACT, joined.now_ns, with_numbers=True)
    (failed,) = joined.measure()
    assert isinstance(failed, NibpFailed)
    assert failed.retry
    module.end_next_with(Word.ERROR, joined.now_ns)
    (failed,) = joined.measure()
    assert isinstance(failed, NibpFailed)
    assert not failed.retry
    module.begin_fault(Fault.LOSE_EXECUTED, joined.now_ns)
    (failed,) = joined.measure()
    assert isinstance(failed, NibpFailed)
    assert "time exceeded" in failed.reason
    module.end_fault(Fault.LOSE_EXECUTED, joined.now_ns)
    module.begin_fault(Fault.SILENCE, joined.now_ns)
    assert NibpFailed in [type(event) for event in joined.measure(20)]
    module.end_fault(Fault.SILENCE, joined.now_ns)
    assert [type(event) for event in joined.run(10)] == [MonitorNotice]
    assert [type(event) for event in joined.measure()] == [NibpReading]
