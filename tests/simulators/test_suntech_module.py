"""Cuff module: cycles, the result that stays, failures and faults."""

from statistics import mean, stdev

import pytest

from simulators.devices.patient import Patient, PatientParameters
from simulators.devices.plunger import Plunger
from simulators.devices.serve import ControlError
from simulators.devices.suntech import Answer, Deflation, ErrorCode, Fault, Phase, SunTech, Variant
from simulators.devices.suntech.control import ControlledSunTech
from simulators.devices.vitals import TrueVitals, constant
from tests.simulators.device_bench import MINUTE_NS, MS_NS, SECOND_NS, Bench, seeded

START, ABORT, PRESSURE, DATA = (bytes.fromhex(h) for h in ("3a20a6", "3a7901004c", "3a79050048", "3a7903004a"))
PAEDIATRIC, NEONATE, RESET = (bytes.fromhex(h) for h in ("3a873f", "3a289e", "3a8a3c"))
STATUS, STATUS_A_PLUS = bytes.fromhex("3a7910033a"), bytes.fromhex("3a7911003c")
MODULE_DATA, RETURN_STRING = bytes.fromhex("3a00c6"), bytes.fromhex("3a7902400b")
INFLATE_160, INFLATE_120 = bytes.fromhex("3a17a0000f"), bytes.fromhex("3a17780037")
O, K, A, B, N = (bytes.fromhex(h) for h in ("3e044f6f", "3e044b73", "3e04417d", "3e04427c", "3e044e70"))  # noqa: E741  # the letters of the protocol
B1 = bytes.fromhex("3e1876004c001e01000000000000000048005a0000000027")
B2 = bytes.fromhex("3e18000000000000000000000000000000000000020000a8")
B4 = bytes.fromhex("3e18540030001e01000000000000000076003c0000000055")
B5 = bytes.fromhex("3e1876004c001e01000000000000000048005a0002000025")
B6 = bytes.fromhex("3e1800000000000000000000000000000000000056000054")
NOTHING = bytes.fromhex("3e18") + bytes(21) + b"\xaa"
CYCLE_NS = 30 * SECOND_NS


def module(bench: Bench) -> ControlledSunTech:
    assert isinstance(bench.device, ControlledSunTech)
    return bench.device


def bench_with(sbp_mmhg: int = 118, dbp_mmhg: int = 76, hr_bpm: int = 72) -> Bench:
    return Bench(ControlledSunTech(sbp_mmhg=sbp_mmhg, dbp_mmhg=dbp_mmhg, hr_bpm=hr_bpm, cycle_ns=CYCLE_NS))


def tell(bench: Bench, *commands: str) -> None:
    for command in commands:
        module(bench).control(command.split(), bench.now_ns)


def measure(bench: Bench) -> bytes:
    """Run one cycle and return the answer to GET_BP_DATA."""
    assert bench.ask(START) == O
    assert bench.run_for(CYCLE_NS) == K
    return bench.ask(DATA)


def pressure(bench: Bench) -> int:
    answer = bench.ask(PRESSURE, 20 * MS_NS)
    assert (len(answer), sum(answer) & 0xFF) == (5, 0)
    return int.from_bytes(answer[2:4], "little", signed=True)


# --- cycles ---


def test_a_cycle_from_start_to_result() -> None:
    bench = bench_with()
    assert bench.ask(DATA) == NOTHING
    assert bench.ask(START) == O
    assert module(bench).phase is Phase.MEASURING
    bench.arrivals.clear()
    start_ns = bench.now_ns - 100 * MS_NS
    assert bench.run_for(CYCLE_NS) == K
    assert [at_ns for at_ns, _ in bench.arrivals] == [start_ns + CYCLE_NS + 4_166_667]  # 40 bits at 9600 baud
    assert module(bench).phase is Phase.IDLE
    assert bench.ask(DATA) == B1


def test_the_result_stays_until_the_next_cycle_ends() -> None:
    bench = bench_with()
    assert measure(bench) == B1
    tell(bench, "sbp 84", "dbp 48", "hr 118")
    for _ in range(3):
        assert bench.ask(DATA) == B1
        bench.run_for(20 * MINUTE_NS)
    assert measure(bench) == B4
    assert bench.ask(DATA) == B4


def test_the_truth_is_taken_at_the_end_of_the_cycle() -> None:
    bench = bench_with(150, 90, 99)
    bench.ask(START)
    bench.run_for(CYCLE_NS - 200 * MS_NS)
    tell(bench, "sbp 118", "dbp 76", "hr 72")
    assert bench.run_for(SECOND_NS) == K
    tell(bench, "sbp 150")
    assert bench.ask(DATA) == B1


def test_a_late_host_gets_the_reading_of_the_end_of_the_cycle() -> None:
    def truth(at_ns: int) -> TrueVitals:
        return constant(sbp_mmhg=118 if at_ns <= CYCLE_NS else 190)(at_ns)

    bench = Bench(SunTech(truth, cycle_ns=CYCLE_NS))
    bench.device.receive(START, 0)
    bench.device.advance(2 * CYCLE_NS)
    assert bench.device.transmit(2 * CYCLE_NS) == O + K
    bench.now_ns = 2 * CYCLE_NS
    assert bench.ask(DATA) == B1


@pytest.mark.parametrize("request_bytes", [START, PAEDIATRIC, NEONATE, DATA, STATUS, MODULE_DATA, INFLATE_160])
def test_a_measuring_module_is_busy(request_bytes: bytes) -> None:
    bench = bench_with()
    bench.ask(START)
    assert bench.ask(request_bytes) == B
    assert bench.run_for(CYCLE_NS) == K
    assert bench.ask(DATA) == B1


@pytest.mark.parametrize("request_bytes", [START, PAEDIATRIC, NEONATE])
def test_every_start_measures(request_bytes: bytes) -> None:
    bench = bench_with()
    assert bench.ask(request_bytes) == O
    assert bench.run_for(CYCLE_NS) == K
    assert bench.ask(DATA) == B1


def test_abort_lets_the_air_out_and_leaves_no_reading() -> None:
    bench = bench_with()
    assert measure(bench) == B1
    bench.ask(START)
    bench.run_for(10 * SECOND_NS)
    assert pressure(bench) > 100
    assert bench.ask(ABORT) == A
    assert bench.ask(START) == B
    assert bench.run_for(SECOND_NS) == K
    assert pressure(bench) == 0
    assert bench.ask(DATA) == B6
    assert bench.run_for(2 * CYCLE_NS) == b""


def test_abort_of_nothing_keeps_the_result() -> None:
    bench = bench_with()
    measure(bench)
    assert bench.ask(ABORT) == A
    assert bench.run_for(SECOND_NS) == K
    assert bench.ask(DATA) == B1


def test_reset_forgets_everything_and_says_nothing() -> None:
    bench = bench_with()
    measure(bench)
    bench.ask(INFLATE_120)
    bench.ask(START)
    bench.run_for(5 * SECOND_NS)
    assert bench.ask(RESET) == b""
    assert bench.run_for(CYCLE_NS) == b""
    assert bench.ask(DATA) == NOTHING
    assert peak(bench) == 160


def test_reset_cuts_off_an_answer_that_has_not_left() -> None:
    bench = bench_with()
    bench.device.receive(DATA, 0)
    bench.device.receive(RESET, 10 * MS_NS)
    assert bench.run_for(SECOND_NS) == b""


# --- pressure ---


def peak(bench: Bench, start: bytes = START) -> int:
    bench.ask(start)
    highest = max(pressure(bench) for _ in range(int(CYCLE_NS / (20 * MS_NS)) - 50))
    bench.run_for(2 * SECOND_NS)
    return highest


def test_the_pressure_rises_falls_and_is_let_out() -> None:
    bench = bench_with()
    assert pressure(bench) == 0
    bench.ask(START, 20 * MS_NS)
    curve = [pressure(bench) for _ in range(int(CYCLE_NS / (20 * MS_NS)) - 2)]
    zeroing = [value for value in curve if value == -1]
    assert len(zeroing) == 14
    assert curve[: len(zeroing)] == zeroing
    top = curve.index(max(curve))
    assert max(curve) == pytest.approx(160, abs=1)
    assert curve[14:top] == sorted(curve[14:top])
    assert curve[top:] == sorted(curve[top:], reverse=True)
    assert curve[-60] >= 55
    assert curve[-1] <= 1
    bench.run_for(SECOND_NS)
    assert pressure(bench) == 0


@pytest.mark.parametrize(("deflation", "fewest", "most"), [(Deflation.STEP, 5, 16), (Deflation.LINEAR, 80, 200)])
def test_steps_or_a_line(deflation: Deflation, fewest: int, most: int) -> None:
    bench = Bench(SunTech(constant(), cycle_ns=CYCLE_NS, deflation=deflation))
    bench.ask(START)
    bench.run_for(8 * SECOND_NS)
    levels = {pressure(bench) for _ in range(1000)}
    assert fewest < len(levels) < most


@pytest.mark.parametrize(("start", "expected"), [(START, 160), (PAEDIATRIC, 143), (NEONATE, 143)])
def test_inflation_by_patient_and_never_below_the_artery(start: bytes, expected: int) -> None:
    assert peak(bench_with(), start) == pytest.approx(expected, abs=1)


def test_initial_inflation_can_be_set() -> None:
    bench = bench_with(84, 48)
    assert peak(bench) == pytest.approx(160, abs=1)
    assert bench.ask(INFLATE_120) == K
    assert peak(bench) == pytest.approx(120, abs=1)
    assert peak(bench_with(84, 48), NEONATE) == pytest.approx(109, abs=1)


def test_the_artery_is_shut_only_while_the_pressure_is_above_diastolic() -> None:
    bench = bench_with()
    assert not module(bench).occludes(bench.now_ns)
    bench.ask(START)
    for _ in range(280):
        bench.run_for(100 * MS_NS)
        at_ns = bench.now_ns
        assert module(bench).occludes(at_ns) is (module(bench).pressure_mmhg(at_ns) >= 76)
    tell(bench, "dbp 0")
    bench.run_for(10 * SECOND_NS)
    assert not module(bench).occludes(bench.now_ns)


# --- the module itself ---


def test_self_test() -> None:
    bench = bench_with()
    assert bench.ask(STATUS) == bytes.fromhex("3e050000bd")
    tell(bench, "self-test 1")
    assert bench.ask(STATUS) == bytes.fromhex("3e050100bc")
    assert bench.ask(STATUS_A_PLUS) == N


def test_the_other_model() -> None:
    bench = Bench(SunTech(constant(), variant=Variant.ADVANTAGE_A_PLUS))
    assert bench.ask(STATUS_A_PLUS) == bytes.fromhex("3e050000bd")
    assert bench.ask(STATUS) == N
    assert bench.ask(MODULE_DATA) == K
    assert bench.ask(RETURN_STRING)[2:4] == b"SB"


def test_the_texts_are_there_once_asked_for() -> None:
    bench = bench_with()
    assert bench.ask(RETURN_STRING)[2:-1] == bytes(64)
    assert bench.ask(MODULE_DATA) == K
    answer = bench.ask(RETURN_STRING)
    assert (len(answer), answer[1], answer[2:4], answer[10:19]) == (67, 0x43, b"LX", b"SIMULATED")


def test_a_request_split_into_bytes_and_one_that_stops_halfway() -> None:
    bench = bench_with()
    replies = [bench.ask(ABORT[i : i + 1], 10 * MS_NS) for i in range(5)]
    assert replies[:4] == [b""] * 4
    assert replies[4] + bench.run_for(SECOND_NS + 10 * MS_NS) == A + K
    bench.ask(ABORT[:3])
    assert bench.ask(START) == O


def test_what_is_no_request_is_answered_and_not_done() -> None:
    bench = bench_with()
    assert bench.ask(bytes.fromhex("3a0c000101b8")) == N
    assert bench.ask(bytes.fromhex("3a20a7")) == bytes.fromhex("3e04447a")
    assert module(bench).phase is Phase.IDLE


def test_an_answer_takes_its_time_on_the_line() -> None:
    bench = bench_with()
    bench.ask(DATA)
    assert [at_ns for at_ns, _ in bench.arrivals] == [5 * MS_NS + 25 * MS_NS]  # the delay, then 240 bits at 9600 baud


# --- randomness ---


def result_of(bench: Bench) -> tuple[int, int, int, int]:
    bench.ask(START)
    bench.run_for(50 * SECOND_NS)
    answer = bench.ask(DATA)
    assert (len(answer), sum(answer) & 0xFF, answer[20]) == (24, 0, 0)
    words = [int.from_bytes(answer[i : i + 2], "little") for i in (2, 4, 18, 16)]
    return words[0], words[1], words[2], words[3]


def test_noise_has_its_size_and_comes_from_the_generator_only() -> None:
    def run(seed: int, count: int) -> list[tuple[int, int, int, int]]:
        bench = Bench(SunTech(constant(), rng=seeded(seed)))
        return [result_of(bench) for _ in range(count)]

    assert run(1, 20) == run(1, 20) != run(2, 20)
    readings = run(5, 1500)
    for index, (expected, sd) in enumerate([(118, 5.0), (76, 3.5)]):
        values = [reading[index] for reading in readings]
        assert mean(values) == pytest.approx(expected, abs=0.5)
        assert stdev(values) == pytest.approx(sd, rel=0.1)
    own = [m - (d + (s - d) / 3) for s, d, m, _ in readings]
    assert stdev(own) == pytest.approx(3.0, rel=0.1)
    assert {pr for *_, pr in readings} == {72}


def test_durations_are_uniform_or_fixed() -> None:
    device = SunTech(constant(), rng=seeded(3), noise=False)
    bench = Bench(device)
    durations = []
    for _ in range(400):
        start_ns = bench.now_ns
        assert result_of(bench)[:3] == (118, 76, 90)
        ended_ns = next(at_ns for at_ns, data in bench.arrivals if data == K)
        durations.append((ended_ns - start_ns) / SECOND_NS)
        bench.arrivals.clear()
    assert 25 <= min(durations) < 26
    assert 44 < max(durations) <= 45.005
    assert mean(durations) == pytest.approx(35, abs=1)
    fixed = Bench(SunTech(constant(), rng=seeded(3), cycle_ns=CYCLE_NS))
    fixed.ask(START)
    assert fixed.run_for(CYCLE_NS) == K


def test_some_cycles_fail_by_themselves() -> None:
    bench = Bench(SunTech(constant(), rng=seeded(4), cycle_ns=CYCLE_NS, noise=False, failure_chance=0.1))
    results = [measure(bench) for _ in range(500)]
    assert set(results) == {B1, B2}
    assert 30 < results.count(B2) < 75


def test_the_cuff_reads_a_patient() -> None:
    plunger = Plunger(0)
    plunger.set_rate(26_250_000, 0)
    patient = Patient(PatientParameters(), plunger, 2.0, 0)
    bench = Bench(SunTech(patient.vitals, cycle_ns=CYCLE_NS))
    bench.run_until(40 * MINUTE_NS - CYCLE_NS)
    sbp_mmhg, dbp_mmhg, map_mmhg, pr_bpm = result_of(bench)
    assert (sbp_mmhg, dbp_mmhg, map_mmhg, pr_bpm) == (134, 84, 101, 78)


# --- failures ---


@pytest.mark.parametrize("code", [code for code in ErrorCode if code is not ErrorCode.GOOD])
def test_a_failed_cycle_has_a_code_and_no_numbers(code: ErrorCode) -> None:
    bench = bench_with()
    assert measure(bench) == B1
    tell(bench, f"fail-next {code:02x}")
    answer = measure(bench)
    assert answer[20] == code
    assert answer[2:20] == bytes(18)
    assert bench.ask(DATA) == answer
    assert measure(bench) == B1


def test_numbers_beside_an_error_only_on_request() -> None:
    bench = bench_with()
    tell(bench, "fail-next 02 with-numbers")
    assert measure(bench) == B5


def test_failures_in_a_row_and_without_end() -> None:
    bench = bench_with()
    tell(bench, "fail-next 01", "fail-next 57")
    assert [measure(bench)[20] for _ in range(3)] == [0x01, 0x57, 0x00]
    tell(bench, "fail-always 02")
    assert [measure(bench) for _ in range(3)] == [B2] * 3
    tell(bench, "fail-never")
    assert measure(bench) == B1


def test_an_answer_in_place_of_the_deed() -> None:
    bench = bench_with()
    tell(bench, "answer-next S")
    assert bench.ask(START) == bytes.fromhex("3e04536b")
    assert module(bench).phase is Phase.IDLE
    assert bench.ask(START) == O


@pytest.mark.parametrize("letter", ["E", "T"])
def test_a_cycle_that_ends_with_another_word_has_no_new_result(letter: str) -> None:
    bench = bench_with()
    measure(bench)
    tell(bench, f"end-with {letter}", "sbp 190")
    bench.ask(START)
    ended = bench.run_for(CYCLE_NS)
    assert ended[2:3] == letter.encode()
    assert bench.ask(DATA) == B1
    assert measure(bench)[2] == 190


# --- faults ---


def test_silence_hears_and_says_nothing() -> None:
    bench = bench_with()
    tell(bench, "silence")
    assert bench.ask(START) == b""
    assert module(bench).phase is Phase.IDLE
    tell(bench, "silence off")
    assert bench.ask(START) == O
    tell(bench, "silence on")
    assert bench.ask(ABORT) == b""
    assert bench.run_for(CYCLE_NS) == b""
    tell(bench, "silence off")
    assert bench.ask(DATA) == B1


def test_silence_swallows_half_a_request() -> None:
    bench = bench_with()
    bench.ask(ABORT[:3], 10 * MS_NS)
    tell(bench, "silence")
    bench.ask(b"\x00", 10 * MS_NS)
    tell(bench, "silence off")
    assert bench.ask(START) == O


def test_a_flipped_bit_spoils_one_answer() -> None:
    for bit in range(24 * 8):
        bench = bench_with()
        tell(bench, f"flip-bit {bit}")
        spoilt = bench.ask(DATA)
        assert int.from_bytes(spoilt, "little") ^ int.from_bytes(NOTHING, "little") == 1 << bit
        assert sum(spoilt) & 0xFF
        assert bench.ask(DATA) == NOTHING


def test_a_dropped_answer_hides_the_deed() -> None:
    bench = bench_with()
    tell(bench, "drop-answer")
    assert bench.ask(START) == b""
    assert module(bench).phase is Phase.MEASURING
    assert bench.run_for(CYCLE_NS) == K


def test_the_end_of_a_cycle_can_go_unsaid() -> None:
    bench = bench_with()
    tell(bench, "lose-executed on")
    bench.ask(START)
    assert bench.run_for(CYCLE_NS) == b""
    assert bench.ask(DATA) == B1


def test_a_stuck_cuff_keeps_its_air_until_it_comes_free() -> None:
    bench = bench_with()
    bench.ask(START)
    bench.run_for(10 * SECOND_NS)
    tell(bench, "stuck-cuff on")
    assert bench.run_for(CYCLE_NS) == K
    held = pressure(bench)
    assert held >= 50
    bench.run_for(MINUTE_NS)
    assert pressure(bench) == held
    tell(bench, "stuck-cuff off")
    bench.run_for(2 * SECOND_NS)
    assert pressure(bench) == 0


def test_an_empty_cuff_gets_stuck_empty() -> None:
    bench = bench_with()
    bench.ask(START)
    bench.run_for(10 * SECOND_NS)
    bench.ask(ABORT)
    bench.run_for(5 * SECOND_NS)
    tell(bench, "stuck-cuff on")
    assert pressure(bench) == 0


# --- control lines and values ---


@pytest.mark.parametrize("fault", Fault)
def test_every_fault_has_a_command(fault: Fault) -> None:
    bench = bench_with()
    tell(bench, fault.value)
    assert module(bench).faults == {fault}
    tell(bench, f"{fault.value} off")
    assert module(bench).faults == set()


@pytest.mark.parametrize("answer", Answer)
def test_every_answer_can_be_given(answer: Answer) -> None:
    bench = bench_with()
    tell(bench, f"answer-next {answer.value}")
    assert bench.ask(START)[2:3] == answer.value.encode()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("dance", "unknown command 'dance'; known are: unplug, plug, sbp MMHG"),
        ("silence maybe", "unknown command 'silence maybe'"),
        ("sbp high", "not done: invalid literal"),
        ("sbp 70000", "not done: sbp is 70000; the module carries 0 to 65535"),
        ("fail-next 00", "not done: error code is 0x0; a failure has 0x01 to 0xff"),
        ("fail-always 100", "not done: error code is 0x100"),
        ("answer-next Q", "not done: 'Q' is not a valid Answer"),
        ("self-test -1", "not done: the self test code is -1"),
    ],
)
def test_a_bad_command_is_one_sentence(command: str, message: str) -> None:
    with pytest.raises(ControlError) as caught:
        tell(bench_with(), command)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_values_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="cycle of 0 ns"):
        SunTech(constant(), cycle_ns=0)
    with pytest.raises(ValueError, match="needs a generator"):
        SunTech(constant(), failure_chance=0.02)
