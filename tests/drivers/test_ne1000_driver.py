"""The driver against the simulated pump: start-up, programming, running, stopping, and every policy at every point."""

from dataclasses import replace
from itertools import pairwise

import pytest

from drivers.ne1000 import Ne1000
from drivers.ne1000.packet import encode
from pumpd.core.ports import (
    LinePolicy,
    Outcome,
    ProgramFailed,
    Programmed,
    PumpAlarmed,
    PumpAlarmKind,
    PumpAttached,
    PumpAttachFailed,
    PumpCounter,
    PumpDriver,
    PumpSetting,
    PumpState,
    PumpStatus,
    RateChanged,
    RateChangeFailed,
    ReplyDiscarded,
    ReplyLost,
    RunAnswered,
    RunOrder,
    SettingChanged,
)
from simulators.devices.ne1000 import Alarm, Behaviour, Fault, Settings, Status
from tests.drivers.ne1000_bench import MS_NS, ORDER, SECOND_NS, Bench, Bend

CONFIRMING = {"STP", "", "DIS"}
CLEARING = ("DIA", "CLD")


def losing(number: int) -> Bend:
    """Lose what comes as `number`, counted from 0."""
    seen = -1

    def bend(data: bytes) -> bytes:
        nonlocal seen
        seen += 1
        return b"" if seen == number else data

    return bend


def answers_to_run(bench: Bench) -> list[Outcome]:
    return [fact.outcome for fact in bench.facts if isinstance(fact, RunAnswered)]


def states_since(bench: Bench, since_ns: int) -> list[PumpState]:
    return [fact.state for fact in bench.facts if isinstance(fact, PumpStatus) and fact.asked_at_ns >= since_ns]


def reasons(bench: Bench) -> list[str]:
    return [fact.reason for fact in bench.facts if isinstance(fact, ProgramFailed | PumpAttachFailed)]


def test_it_is_a_pump_driver_for_the_bench_only() -> None:
    driver: PumpDriver = Ne1000(address=0, lease_s=5)
    assert driver.baud == 19_200
    assert driver.clinical is False
    assert driver.stop_packet == bytes.fromhex("02 07 53 54 50 9F 10 03")
    assert driver.transmit(0, LinePolicy.FREE) == b""
    assert driver.next_deadline_ns() is None


@pytest.mark.req("COMM-01")
@pytest.mark.parametrize(("address", "lease_s"), [(-1, 5), (100, 5), (0, 0), (0, 21)])
def test_what_it_is_made_with_is_checked(address: int, lease_s: int) -> None:
    with pytest.raises(ValueError, match="it must be"):
        Ne1000(address=address, lease_s=lease_s)


# ---- start-up -------------------------------------------------------------------------------------------------------


@pytest.mark.req("PUMP-07", "COMM-01", "COMM-11")
@pytest.mark.parametrize("safe_s", [0, 10])
@pytest.mark.parametrize("alarm", [None, Alarm.RESET, Alarm.TIMED_OUT])
@pytest.mark.parametrize("bytewise", [False, True])
def test_start_up(safe_s: int, alarm: Alarm | None, bytewise: bool) -> None:
    bench = Bench(settings=Settings(safe_s=safe_s), alarm=alarm, bytewise=bytewise).attached()
    assert bench.of(PumpAttached) == [
        PumpAttached(model="NE-1000", firmware="3.923", serial=None, lease_ns=5 * SECOND_NS)
    ]
    assert bench.pump.settings.safe_s == 5
    assert bench.pump.settings.audible_alarm
    assert not bench.pump.settings.restarts_after_power_failure
    assert bench.commands()[:3] == ["STP", "", "DIS"]
    assert [command for command in bench.commands() if command.startswith(CLEARING)] == []
    assert bool(bench.of(PumpAlarmed)) == (alarm is not None)


@pytest.mark.req("COMM-11")
def test_status_and_counter_come_before_the_pump_counts_as_attached() -> None:
    bench = Bench().attached()
    kinds = [type(fact) for fact in bench.facts]
    assert kinds.index(PumpStatus) < kinds.index(PumpCounter) < kinds.index(PumpAttached)


def test_a_running_pump_is_brought_to_rest_first() -> None:
    bench = Bench().running()
    bench.policy = LinePolicy.STOPPING
    bench.driver.closed(bench.now_ns)
    bench.open()
    bench.run_for(SECOND_NS)
    assert bench.pump.state is Status.STOPPED
    assert set(bench.commands(bench.now_ns - SECOND_NS)) == CONFIRMING
    assert len(bench.of(PumpAttached)) == 1
    bench.policy = LinePolicy.FREE
    bench.run_for(SECOND_NS)
    assert len(bench.of(PumpAttached)) == 2


def test_a_silent_pump_is_told_once_and_not_flooded() -> None:
    bench = Bench()
    bench.pump.power_off(0)
    bench.attached(seconds=60)
    assert len(reasons(bench)) == 1
    assert "19200 baud and address 0" in reasons(bench)[0]
    assert "02 07 53 54 50 9f 10 03" in reasons(bench)[0]
    assert len(bench.sent) < 40
    bench.pump.power_on(bench.now_ns)
    bench.run_for(5 * SECOND_NS)
    assert len(bench.of(PumpAttached)) == 1


@pytest.mark.parametrize("number", range(12))
def test_one_lost_reply_does_not_prevent_start_up(number: int) -> None:
    bench = Bench()
    bench.bend_reply = losing(number)
    bench.attached(seconds=5)
    assert len(bench.of(PumpAttached)) == 1
    assert len(bench.of(ReplyLost)) == 1


@pytest.mark.req("START-07")
def test_an_unknown_model_is_refused_by_name_and_once() -> None:
    bench = Bench()
    bench.bend_reply = lambda data: encode("00SNE500V3.919") if b"NE1000" in data else data
    bench.attached(seconds=20)
    assert bench.of(PumpAttached) == []
    assert len(reasons(bench)) == 1
    assert "NE500V3.919" in reasons(bench)[0]
    assert bench.commands().count("SAF5") == 1


@pytest.mark.req("COMM-01", "COMM-06")
def test_a_lease_that_reads_back_different_is_refused() -> None:
    bench = Bench()
    bench.bend_reply = lambda data: encode("00S50") if data == encode("00S5") else data
    bench.attached()
    assert reasons(bench) == ["SAF reads back 50, sent was 5; look at the pump"]


@pytest.mark.req("COMM-10")
def test_a_foreign_address_and_basic_text_are_discarded_once_safe() -> None:
    bench = Bench().attached()
    bench.driver.receive(encode("01S") + b"\x0200S\x03" + encode("00S"), bench.now_ns)
    bench.turn()
    discarded = [fact.reason for fact in bench.facts if isinstance(fact, ReplyDiscarded)]
    assert len(discarded) == 3
    assert "no reply of this pump" in discarded
    assert "it does not answer nothing, which was asked" in discarded


# ---- programming ----------------------------------------------------------------------------------------------------


@pytest.mark.req("START-07", "PUMP-07")
def test_programming_reads_everything_back() -> None:
    bench = Bench().attached().programmed()
    (fact,) = bench.of(Programmed)
    assert isinstance(fact, Programmed)
    assert (fact.rate_nl_h, fact.volume_nl, fact.diameter_um) == (26_250_000, 17_500_000, 26_590)
    assert ("RAT", "26.25MH") in fact.read_back
    assert ("VOL", "17.50ML") in fact.read_back
    assert ("FUN2", "STP") in fact.read_back
    assert ("PF", "0") in fact.read_back
    since_dia = bench.commands()[bench.commands().index("DIA26.59") :]
    assert since_dia.index("VOLML") < since_dia.index("VOL17.50")


@pytest.mark.req("START-07")
def test_the_14_mm_trap() -> None:
    order = replace(ORDER, diameter_um=12_450, volume_nl=3_000_000)
    bench = Bench().attached().programmed(order)
    (fact,) = bench.of(Programmed)
    assert isinstance(fact, Programmed)
    assert fact.volume_nl == 3_000_000
    assert ("VOL", "3.000ML") in fact.read_back
    bench.bend_reply = lambda data: encode("00S3.000UL") if data == encode("00S3.000ML") else data
    bench.programmed(replace(order, run_id="r2"))
    assert "VOL reads back 3.000UL, sent was 3.000ML" in reasons(bench)[-1]


@pytest.mark.req("PUMP-07")
def test_the_phase_2_trap() -> None:
    small = replace(ORDER, volume_nl=10_000)
    bench = Bench().attached().programmed(small)
    bench.policy = LinePolicy.MOVING
    bench.driver.run(ORDER.run_id, bench.now_ns)
    for _ in range(4):
        bench.poll(SECOND_NS)
    assert bench.pump.state is Status.STOPPED
    assert bench.delivered_nl() == 10_000
    bench = Bench().attached()
    bench.bend_packet = lambda packet: encode("00FUNRAT") if packet == encode("00FUNSTP") else packet
    bench.programmed()
    assert reasons(bench) == ["FUN reads back RAT, sent was STP; look at the pump"]


@pytest.mark.req("START-07", "PUMP-07")
@pytest.mark.parametrize(
    ("fault", "says"), [(Fault.WRONG_RATE_READBACK, "RAT reads back"), (Fault.WRONG_VOLUME_READBACK, "VOL reads back")]
)
def test_a_wrong_read_back_is_refused(fault: Fault, says: str) -> None:
    bench = Bench().attached()
    bench.pump.begin_fault(fault, bench.now_ns)
    bench.programmed()
    assert bench.of(Programmed) == []
    assert says in reasons(bench)[0]
    bench.driver.run(ORDER.run_id, bench.now_ns)
    bench.run_for(SECOND_NS)
    assert answers_to_run(bench) == [Outcome.REFUSED]
    assert "RUN" not in bench.commands()


@pytest.mark.req("PUMP-07", "START-07")
@pytest.mark.parametrize("query", ["DIA", "FUN", "RAT", "VOL", "DIR", "PHN", "PF", "DIS"])
@pytest.mark.parametrize("answer", ["00S?NA", None])
def test_a_pump_that_does_not_read_one_thing_back_does_not_run(query: str, answer: str | None) -> None:
    bench = Bench().attached()
    unread = b"" if answer is None else encode(answer)
    bench.bend_reply = lambda data: unread if bench.commands()[-1] == query else data
    bench.programmed()
    bench.run_for(3 * SECOND_NS)
    assert bench.of(Programmed) == []
    assert query in reasons(bench)[0]
    bench.driver.run(ORDER.run_id, bench.now_ns)
    bench.run_for(2 * SECOND_NS)
    assert answers_to_run(bench) == [Outcome.REFUSED]
    assert "RUN" not in bench.commands()
    assert bench.delivered_nl() == 0


@pytest.mark.parametrize("number", range(24))
@pytest.mark.parametrize("lost", ["reply", "packet"])
def test_one_loss_does_not_prevent_programming(number: int, lost: str) -> None:
    bench = Bench().attached()
    if lost == "reply":
        bench.bend_reply = losing(number)
    else:
        bench.bend_packet = losing(number)
    bench.programmed()
    assert len(bench.of(Programmed)) == 1
    assert bench.commands().count("RAT26.25MH") <= 1 + (lost == "packet")
    assert bench.commands().count("VOL17.50") <= 1 + (lost == "packet")


def test_a_dead_line_ends_in_a_failure() -> None:
    bench = Bench().attached()
    bench.bend_reply = lambda _: b""
    bench.programmed()
    bench.run_for(5 * SECOND_NS)
    assert len(bench.of(ProgramFailed)) == 1
    assert "3 times" in reasons(bench)[0]


def test_programming_is_refused_before_start_up_and_while_moving() -> None:
    bench = Bench()
    bench.driver.program(ORDER, 0)
    bench.turn()
    assert reasons(bench) == ["the pump is not attached"]
    bench = Bench().running()
    bench.poll()
    bench.driver.program(ORDER, bench.now_ns)
    bench.turn()
    assert reasons(bench) == ["the pump is infusing, not at rest"]


def test_an_alarm_while_programming_ends_it() -> None:
    bench = Bench().attached()
    bench.driver.program(ORDER, bench.now_ns)
    bench.run_for(100 * MS_NS)
    bench.pump.power_cycle(bench.now_ns)
    bench.run_for(SECOND_NS)
    assert "alarmed while it was programmed" in reasons(bench)[0]
    assert next(fact.kind for fact in bench.facts if isinstance(fact, PumpAlarmed)) is PumpAlarmKind.RESET


# ---- running --------------------------------------------------------------------------------------------------------


def test_running_and_polling() -> None:
    bench = Bench().running()
    assert answers_to_run(bench) == [Outcome.ANSWERED]
    since_ns = bench.now_ns
    for _ in range(20):
        bench.poll(SECOND_NS)
        counter = bench.of(PumpCounter)[-1]
        assert isinstance(counter, PumpCounter)
        assert counter.low_nl <= bench.delivered_nl()
    polls = [["DIS", "RAT", setting] for setting in ("DIA", "FUN", "VOL")]
    assert bench.commands(since_ns) == [command for number in range(20) for command in polls[number % 3]]
    assert bench.pump.state is Status.INFUSING


@pytest.mark.req("COMM-01")
def test_a_moving_pump_is_not_polled_without_being_told() -> None:
    bench = Bench().running()
    since_ns = bench.now_ns
    bench.run_for(10 * SECOND_NS)
    assert bench.commands(since_ns) == []
    assert bench.pump.state is Status.STOPPED  # its own watchdog
    assert [fact.kind for fact in bench.facts if isinstance(fact, PumpAlarmed)] == [PumpAlarmKind.WATCHDOG]


@pytest.mark.req("CTRL-08")
@pytest.mark.parametrize("lost", ["reply", "packet"])
def test_run_is_never_sent_again(lost: str) -> None:
    bench = Bench().attached().programmed()
    bench.policy = LinePolicy.MOVING
    if lost == "reply":
        bench.bend_reply = losing(0)
    else:
        bench.bend_packet = losing(0)
    bench.driver.run(ORDER.run_id, bench.now_ns)
    for _ in range(5):
        bench.poll(SECOND_NS)
    assert answers_to_run(bench) == [Outcome.UNKNOWN]
    assert bench.commands().count("RUN") == 1
    bench.driver.run(ORDER.run_id, bench.now_ns)
    bench.run_for(SECOND_NS)
    assert answers_to_run(bench) == [Outcome.UNKNOWN, Outcome.REFUSED]
    assert bench.commands().count("RUN") == 1


@pytest.mark.parametrize("behaviour", [Behaviour(), Behaviour(run_while_running_is_na=False)])
def test_a_doubled_run_packet_is_not_a_refusal(behaviour: Behaviour) -> None:
    bench = Bench(behaviour=behaviour).attached().programmed()
    bench.policy = LinePolicy.MOVING
    bench.pump.begin_fault(Fault.DUPLICATE, bench.now_ns)
    bench.bend_reply = losing(0)
    bench.driver.run(ORDER.run_id, bench.now_ns)
    bench.run_for(SECOND_NS)
    assert Outcome.REFUSED not in answers_to_run(bench)


@pytest.mark.req("CTRL-08")
def test_run_with_a_pending_alarm_is_refused() -> None:
    bench = Bench().attached().programmed()
    bench.policy = LinePolicy.MOVING
    bench.driver.run(ORDER.run_id, bench.now_ns)
    bench.turn()
    bench.bend_reply = lambda _: encode("00A?S")
    bench.run_for(SECOND_NS)
    assert answers_to_run(bench) == [Outcome.REFUSED]


@pytest.mark.req("COMM-03")
@pytest.mark.parametrize("policy", [LinePolicy.STOPPING, LinePolicy.SILENT])
def test_run_does_not_leave_without_permission(policy: LinePolicy) -> None:
    bench = Bench().attached().programmed()
    bench.driver.run(ORDER.run_id, bench.now_ns)
    bench.policy = policy
    bench.turn()
    assert answers_to_run(bench) == [Outcome.REFUSED]
    bench.policy = LinePolicy.MOVING
    bench.run_for(SECOND_NS)
    assert "RUN" not in bench.commands()


@pytest.mark.req("PUMP-05")
def test_an_alarm_at_rest_takes_the_program_away() -> None:
    bench = Bench().attached().programmed()
    bench.pump.power_cycle(bench.now_ns)
    bench.run_for(SECOND_NS)
    bench.driver.run(ORDER.run_id, bench.now_ns)
    bench.run_for(SECOND_NS)
    assert answers_to_run(bench) == [Outcome.REFUSED]
    assert "RUN" not in bench.commands()


@pytest.mark.req("COMM-10")
def test_no_flipped_bit_of_a_reply_is_believed() -> None:
    for bit in range(22 * 8):
        bench = Bench().running()
        before = len(bench.of(PumpStatus))

        def flip(data: bytes, bit: int = bit) -> bytes:
            bent = bytearray(data)
            bent[bit // 8 % len(bent)] ^= 1 << bit % 8
            return bytes(bent)

        bench.bend_reply = flip
        bench.poll(1_200 * MS_NS)
        assert len(bench.of(PumpStatus)) == before, bit
        assert bench.of(ReplyLost), bit


def test_after_a_lost_answer_the_line_is_quiet_and_the_other_question_goes_first() -> None:
    bench = Bench().running()
    since_ns = bench.now_ns
    bench.bend_reply = losing(0)
    bench.poll(SECOND_NS)
    bench.poll(SECOND_NS)
    assert [(at_ns - since_ns, command) for at_ns, command in bench.sent if at_ns >= since_ns][:2] == [
        (0, "DIS"),
        (1_050 * MS_NS, ""),
    ]
    assert bench.commands(since_ns)[:3] == ["DIS", "", "DIS"]


def test_facts_that_wait_are_worth_a_call_at_once() -> None:
    driver = Bench().attached().programmed().driver
    driver.run(ORDER.run_id, 100 * SECOND_NS)
    assert driver.transmit(100 * SECOND_NS, LinePolicy.STOPPING) == b""  # which refuses the RUN that waits
    assert driver.next_deadline_ns() == 100 * SECOND_NS
    assert [type(fact) for fact in driver.take_facts()] == [RunAnswered]
    due_ns = driver.next_deadline_ns()
    assert due_ns is None or due_ns > 100 * SECOND_NS


def test_a_poll_tells_the_state_once_and_a_change_at_once() -> None:
    bench = Bench().running()
    told = len(bench.of(PumpStatus))
    for polls in (1, 2, 3):
        bench.poll(SECOND_NS)
        assert [fact.state for fact in bench.of(PumpStatus)[told:]] == [PumpState.MOVING] * polls
    bench.driver.poll(bench.now_ns)
    bench.run_for(20 * MS_NS)
    assert bench.of(PumpStatus)[-1].state is PumpState.MOVING
    press(bench, "STP")
    bench.run_for(80 * MS_NS)
    assert bench.of(PumpStatus)[-1].state is PumpState.REST


@pytest.mark.req("PUMP-06")
@pytest.mark.parametrize(
    ("keys", "setting", "held", "polls"),
    [
        ((), None, "", 6),
        (("RAT60.00",), PumpSetting.RATE, "60.00MH", 1),
        (("STP", "STP", "VOL20.00", "RUN"), PumpSetting.VOLUME, "20.00ML", 3),
        (("STP", "STP", "VOLUL", "RUN"), PumpSetting.VOLUME, "17.50UL", 3),
        (("STP", "STP", "DIA29.70", "RUN"), PumpSetting.DIAMETER, "29.70", 3),
    ],
)
def test_a_setting_changed_at_the_keys_is_told_with_what_was_programmed(
    keys: tuple[str, ...], setting: PumpSetting | None, held: str, polls: int
) -> None:
    bench = Bench().running()
    bench.poll()
    for key in keys:
        press(bench, key)
    for _ in range(polls):
        bench.poll(SECOND_NS)
    assert {(fact.setting, fact.held) for fact in bench.facts if isinstance(fact, SettingChanged)} == (
        set() if setting is None else {(setting, held)}
    )


def press(bench: Bench, key: str) -> None:
    """Press what the keypad has for a command."""
    pump, now_ns = bench.pump, bench.now_ns
    match key:
        case "STP":
            pump.key_stop(now_ns)
        case "RUN":
            pump.key_start(now_ns)
        case "RAT60.00":
            assert pump.key_rate(60_000, now_ns)
        case _:
            assert pump.key_setting(key, now_ns)


@pytest.mark.req("PUMP-06")
def test_a_function_that_is_not_the_programmed_one_is_told_as_another_mode() -> None:
    bench = Bench().running()
    bench.bend_reply = lambda data: encode("00IFIL") if data == encode("00IRAT") else data
    for _ in range(3):
        bench.poll(SECOND_NS)
    (fact,) = bench.of(SettingChanged)
    assert isinstance(fact, SettingChanged)
    assert (fact.setting, fact.programmed, fact.held) == (PumpSetting.MODE, "RAT", "FIL")


@pytest.mark.req("PUMP-06")
def test_a_pump_set_to_withdraw_at_its_keys_says_so_in_its_next_status() -> None:
    bench = Bench().running()
    for key in ("STP", "DIRWDR", "RUN"):
        press(bench, key)
    bench.poll()
    assert states_since(bench, bench.now_ns - 300 * MS_NS)[0] is PumpState.OTHER


@pytest.mark.req("PUMP-06", "DOSE-10")
def test_a_rate_that_was_lowered_here_is_not_taken_for_one_from_the_keys() -> None:
    bench = Bench().running()
    bench.driver.poll(bench.now_ns)
    lowered(bench)
    for _ in range(3):
        bench.poll(SECOND_NS)
    assert bench.pump.plunger.flow_nl_h(bench.now_ns) == 20_000_000
    assert bench.of(SettingChanged) == []
    press(bench, "RAT60.00")
    bench.poll()
    (fact,) = bench.of(SettingChanged)
    assert isinstance(fact, SettingChanged)
    assert (fact.programmed, fact.held) == ("20.00MH", "60.00MH")


@pytest.mark.req("PUMP-06", "COMM-03")
def test_settings_are_asked_after_the_counter_one_packet_at_a_time() -> None:
    bench = Bench().running()
    for _ in range(3):
        begun_ns = bench.now_ns
        bench.poll(SECOND_NS)
        times_ns = [at_ns - begun_ns for at_ns, _ in bench.sent if at_ns >= begun_ns]
        assert bench.commands(begun_ns)[:2] == ["DIS", "RAT"]
        assert all(later - earlier > 8 * MS_NS for earlier, later in pairwise(times_ns))
        assert times_ns[-1] < 100 * MS_NS


@pytest.mark.req("PUMP-06", "CTRL-03")
@pytest.mark.parametrize("after_ms", range(0, 100, 5))
def test_a_stop_calls_off_the_settings_that_a_poll_has_not_yet_asked_for(after_ms: int) -> None:
    bench = Bench().running()
    bench.driver.poll(bench.now_ns)
    bench.run_for(after_ms * MS_NS)
    stopped_ns = bench.now_ns
    bench.stop()
    bench.run_for(SECOND_NS)
    assert bench.commands(stopped_ns)[0] == "STP" or bench.commands(stopped_ns)[1] == "STP"
    assert set(bench.commands(stopped_ns + 1)) <= CONFIRMING
    assert bench.pump.state is Status.STOPPED


@pytest.mark.req("COMM-10")
def test_a_late_answer_is_discarded() -> None:
    bench = Bench().running()
    bench.pump.begin_fault(Fault.DELAY_REPLY, bench.now_ns, 700 * MS_NS)
    statuses = len(bench.of(PumpStatus))
    bench.poll(900 * MS_NS)
    assert len(bench.of(PumpStatus)) == statuses
    assert bench.of(ReplyLost) == [ReplyLost(command="DIS")]
    assert len(bench.of(ReplyDiscarded)) == 1


def test_a_pump_at_rest_is_polled_once_a_second() -> None:
    bench = Bench().attached()
    since_ns = bench.now_ns
    bench.run_for(60 * SECOND_NS)
    assert 58 <= bench.commands(since_ns).count("DIS") <= 61
    assert bench.pump.alarm is None
    assert set(bench.commands(since_ns)) == {"DIS"}


# ---- stopping -------------------------------------------------------------------------------------------------------


@pytest.mark.req("CTRL-03")
@pytest.mark.parametrize("after_ms", range(0, 60, 3))
@pytest.mark.parametrize("half_duplex", [False, True])
def test_a_stop_during_a_poll(after_ms: int, half_duplex: bool) -> None:
    bench = Bench().running()
    if half_duplex:
        bench.pump.begin_fault(Fault.HALF_DUPLEX_DROPS_STP, bench.now_ns)
    bench.driver.poll(bench.now_ns)
    bench.run_for(after_ms * MS_NS)
    stopped_ns = bench.now_ns
    bench.stop()
    bench.run_for(1_500 * MS_NS)
    assert bench.pump.state is Status.STOPPED
    assert states_since(bench, stopped_ns)[-1] is PumpState.REST
    assert set(bench.commands(stopped_ns)) <= CONFIRMING
    first_rest = next(
        fact
        for fact in bench.facts
        if isinstance(fact, PumpStatus) and fact.asked_at_ns >= stopped_ns and fact.state is PumpState.REST
    )
    assert ("", first_rest.asked_at_ns) in [(command, at_ns) for at_ns, command in bench.sent]


def test_after_rest_it_keeps_asking_until_settled_and_sends_no_more_stops() -> None:
    bench = Bench().running()
    bench.stop()
    bench.run_for(SECOND_NS)
    since_ns = bench.now_ns
    bench.run_for(3 * SECOND_NS)
    assert set(bench.commands(since_ns)) == {"", "DIS"}
    assert 9 <= bench.commands(since_ns).count("DIS") <= 11
    bench.driver.settle(bench.now_ns)
    bench.policy = LinePolicy.FREE
    since_ns = bench.now_ns
    bench.run_for(10 * SECOND_NS)
    assert 9 <= bench.commands(since_ns).count("DIS") <= 11


@pytest.mark.req("CTRL-03")
def test_stops_are_repeated_while_nothing_comes_back() -> None:
    bench = Bench().running()
    bench.bend_reply = lambda _: b""
    since_ns = bench.now_ns
    bench.stop()
    bench.run_for(2_900 * MS_NS)
    assert [(at_ns - since_ns) // MS_NS for at_ns, command in bench.sent if at_ns >= since_ns] == [
        0,
        600,
        1200,
        1800,
        2400,
    ]
    assert set(bench.commands(since_ns)) == {"STP"}


@pytest.mark.req("COMM-04")
def test_a_pump_that_ignores_stp_is_left_to_its_watchdog() -> None:
    bench = Bench().running()
    bench.pump.begin_fault(Fault.IGNORES_STP, bench.now_ns)
    stopped_ns = bench.now_ns
    bench.stop()
    bench.run_for(2_900 * MS_NS)
    assert set(states_since(bench, stopped_ns)) == {PumpState.MOVING}
    assert bench.commands(stopped_ns).count("STP") == 5
    bench.policy = LinePolicy.SILENT
    since_ns = bench.now_ns
    bench.run_for(4 * SECOND_NS)
    assert bench.commands(since_ns) == []
    bench.policy = LinePolicy.STOPPING
    since_ns = bench.now_ns
    bench.run_for(SECOND_NS)
    assert bench.commands(since_ns) == ["STP", ""]
    bench.policy = LinePolicy.SILENT
    bench.run_for(6 * SECOND_NS)
    assert bench.pump.state is Status.STOPPED
    bench.policy = LinePolicy.STOPPING
    since_ns = bench.now_ns
    bench.run_for(2 * SECOND_NS)
    assert states_since(bench, since_ns)[-1] is PumpState.REST


@pytest.mark.req("COMM-10")
@pytest.mark.parametrize("delay_ms", range(500, 1_200, 50))
def test_a_late_answer_to_a_stop_does_not_confirm_rest(delay_ms: int) -> None:
    bench = Bench().running()
    bench.pump.begin_fault(Fault.IGNORES_STP, bench.now_ns)
    bench.pump.begin_fault(Fault.DELAY_REPLY, bench.now_ns, delay_ms * MS_NS)
    stopped_ns = bench.now_ns
    bench.stop()
    bench.run_for(2_900 * MS_NS)
    assert bench.pump.state is Status.INFUSING
    assert set(states_since(bench, stopped_ns)) <= {PumpState.MOVING}


@pytest.mark.req("CTRL-09")
def test_a_stop_ends_what_is_in_hand() -> None:
    bench = Bench().attached()
    bench.driver.program(ORDER, bench.now_ns)
    bench.run_for(100 * MS_NS)
    bench.stop()
    assert "a stop was sent" in reasons(bench)[0]
    bench = Bench().attached().programmed()
    bench.driver.run(ORDER.run_id, bench.now_ns)
    bench.turn()
    bench.stop()
    bench.run_for(SECOND_NS)
    assert answers_to_run(bench) == [Outcome.UNKNOWN]
    assert bench.pump.state is Status.STOPPED
    bench = Bench().attached().programmed()
    bench.driver.run(ORDER.run_id, bench.now_ns)
    bench.stop()
    bench.run_for(SECOND_NS)
    assert answers_to_run(bench) == [Outcome.REFUSED]
    assert "RUN" not in bench.commands()


def test_closing_forgets_the_pump() -> None:
    bench = Bench().running()
    bench.driver.closed(bench.now_ns)
    since_ns = bench.now_ns
    bench.driver.poll(bench.now_ns)
    bench.run_for(5 * SECOND_NS)
    assert bench.commands(since_ns) == []
    assert bench.driver.next_deadline_ns() is None


# ---- policy ---------------------------------------------------------------------------------------------------------


@pytest.mark.req("COMM-04", "CTRL-09")
@pytest.mark.parametrize("stage", ["start-up", "programming", "running"])
@pytest.mark.parametrize("policy", [LinePolicy.STOPPING, LinePolicy.SILENT])
@pytest.mark.parametrize("stops", [False, True])
def test_the_policy_is_obeyed_at_every_point(stage: str, policy: LinePolicy, stops: bool) -> None:
    for after_ms in range(0, 700, 7):
        bench = Bench()
        if stage == "start-up":
            bench.open()
        else:
            bench.attached()
        if stage == "programming":
            bench.driver.program(ORDER, bench.now_ns)
        if stage == "running":
            bench.programmed()
            bench.driver.run(ORDER.run_id, bench.now_ns)
            bench.driver.poll(bench.now_ns)
        bench.run_for(after_ms * MS_NS)
        already = len(bench.sent)
        if stops:
            bench.stop()
            already += 1
        bench.policy = policy
        bench.turn()
        bench.run_for(2 * SECOND_NS)
        later = [command for _, command in bench.sent[already:]]
        assert set(later) <= (CONFIRMING if policy is LinePolicy.STOPPING else set()), after_ms


# ---- lowering the rate ----------------------------------------------------------------------------------------------

LOWER = replace(ORDER, run_id="r1-lower", rate_nl_h=20_005_900)


def lowered(bench: Bench, order: RunOrder = LOWER) -> list[RateChanged | RateChangeFailed]:
    bench.driver.lower(order, bench.now_ns)
    bench.run_for(2 * SECOND_NS)
    return [fact for fact in bench.facts if isinstance(fact, RateChanged | RateChangeFailed)]


@pytest.mark.req("DOSE-10", "DOSE-03")
@pytest.mark.parametrize("bytewise", [False, True])
def test_a_running_pump_takes_a_lower_rate_rounded_down_and_reads_it_back(bytewise: bool) -> None:
    bench = Bench(bytewise=bytewise).running()
    begun_ns = bench.now_ns
    assert lowered(bench) == [RateChanged(run_id="r1-lower", rate_nl_h=20_000_000)]
    assert bench.commands(begun_ns)[:3] == ["RAT", "RAT20.00", "RAT"]
    assert bench.pump.state is Status.INFUSING
    bench.poll()
    assert states_since(bench, begun_ns)[-1] is PumpState.MOVING


@pytest.mark.req("CTRL-08")
@pytest.mark.parametrize("number", range(3))
def test_a_lost_packet_never_has_the_rate_sent_twice(number: int) -> None:
    bench = Bench().running()
    bench.bend_packet = losing(number)
    begun_ns = bench.now_ns
    (fact,) = lowered(bench)
    assert bench.commands(begun_ns).count("RAT20.00") == 1
    if number == 1:
        assert isinstance(fact, RateChangeFailed)
        assert fact.outcome is Outcome.REFUSED
        assert "did not arrive" in fact.reason
    else:
        assert isinstance(fact, RateChanged)


@pytest.mark.req("CTRL-08")
@pytest.mark.parametrize("number", range(3))
def test_a_lost_answer_is_read_back(number: int) -> None:
    bench = Bench().running()
    bench.bend_reply = losing(number)
    begun_ns = bench.now_ns
    assert lowered(bench) == [RateChanged(run_id="r1-lower", rate_nl_h=20_000_000)]
    assert bench.commands(begun_ns).count("RAT20.00") == 1


@pytest.mark.req("CTRL-08")
def test_a_pump_that_falls_silent_leaves_the_rate_unknown() -> None:
    bench = Bench().running()
    bench.bend_reply = lambda data: b"" if bench.commands()[-1] != "RAT" or "RAT20.00" in bench.commands() else data
    bench.driver.lower(LOWER, bench.now_ns)
    bench.run_for(6 * SECOND_NS)
    (fact,) = bench.of(RateChangeFailed)
    assert isinstance(fact, RateChangeFailed)
    assert fact.outcome is Outcome.UNKNOWN


@pytest.mark.req("COMM-04")
@pytest.mark.parametrize("policy", [LinePolicy.FREE, LinePolicy.STOPPING, LinePolicy.SILENT])
def test_without_permission_no_rate_leaves(policy: LinePolicy) -> None:
    bench = Bench().running()
    bench.policy = policy
    bench.run_for(10 * MS_NS)
    begun_ns = bench.now_ns
    (fact,) = lowered(bench)
    assert isinstance(fact, RateChangeFailed)
    assert fact.outcome is Outcome.REFUSED
    assert not [command for command in bench.commands(begun_ns) if command.startswith("RAT")]


@pytest.mark.req("CTRL-02", "CTRL-08")
def test_a_stop_ends_the_lowering_and_leaves_its_outcome_unknown() -> None:
    bench = Bench().running()
    bench.driver.lower(LOWER, bench.now_ns)
    bench.run_for(1 * MS_NS)
    bench.stop()
    bench.run_for(3 * SECOND_NS)
    (fact,) = bench.of(RateChangeFailed)
    assert isinstance(fact, RateChangeFailed)
    assert fact.outcome is Outcome.UNKNOWN
    assert bench.pump.state is Status.STOPPED


@pytest.mark.req("DOSE-06")
@pytest.mark.parametrize(("rate_nl_h", "words"), [(900_000, "takes no rate in UH"), (1_000, "is outside")])
def test_a_rate_that_the_pump_cannot_take_while_it_runs_is_refused(rate_nl_h: int, words: str) -> None:
    bench = Bench().running()
    (fact,) = lowered(bench, replace(LOWER, rate_nl_h=rate_nl_h))
    assert isinstance(fact, RateChangeFailed)
    assert fact.outcome is Outcome.REFUSED
    assert words in fact.reason
    assert bench.pump.state is Status.INFUSING


@pytest.mark.req("START-07")
def test_a_wrong_read_back_is_reported_as_the_pump_says_it() -> None:
    bench = Bench().running()
    bench.pump.begin_fault(Fault.WRONG_RATE_READBACK, bench.now_ns, 500)
    assert lowered(bench) == [RateChanged(run_id="r1-lower", rate_nl_h=20_500_000)]
