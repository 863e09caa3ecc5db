"""The oximeter driver: what may be used, what is told, and when."""

import pytest

from drivers.nonin import NoninDf2
from pumpd.core.ports import MonitorDriver, MonitorEvent, MonitorNotice, Sample, SamplesReceived, Validity, VitalKind
from simulators.devices.nonin import Fault, Nonin, Probe
from simulators.devices.vitals import constant
from tests.golden import nonin

SECOND_NS = 1_000_000_000
PACKET_NS = SECOND_NS // 3
START_NS = 10 * SECOND_NS
PULSE = (80, 120)


def opened() -> NoninDf2:
    driver = NoninDf2()
    driver.opened(START_NS)
    return driver


def samples_of(events: tuple[MonitorEvent, ...]) -> list[Sample]:
    return [sample for event in events if isinstance(event, SamplesReceived) for sample in event.samples]


def notices_of(events: tuple[MonitorEvent, ...]) -> list[str]:
    return [event.text for event in events if isinstance(event, MonitorNotice)]


def judged(data: bytes) -> dict[VitalKind, tuple[int | None, Validity]]:
    driver = opened()
    driver.receive(data, START_NS + 1)
    samples = samples_of(driver.take_events())
    assert len(samples) == 2
    return {sample.kind: (sample.value, sample.validity) for sample in samples}


def both(validity: Validity) -> dict[VitalKind, tuple[int | None, Validity]]:
    return {VitalKind.SPO2: (None, validity), VitalKind.HR: (None, validity)}


def good(pulse: int, spo2: int) -> dict[VitalKind, tuple[int | None, Validity]]:
    return {VitalKind.SPO2: (spo2, Validity.VALID), VitalKind.HR: (pulse, Validity.VALID)}


def test_it_is_a_monitor_driver() -> None:
    driver: MonitorDriver = NoninDf2()
    assert driver.baud == 9600
    driver.opened(START_NS)
    assert driver.transmit(START_NS) == b""


@pytest.mark.parametrize(
    ("data", "pulse", "spo2"), [(nonin.REFERENCE, 72, 97), (nonin.N1, 72, 97), (nonin.N2, 140, 88)]
)
def test_good_packets(data: bytes, pulse: int, spo2: int) -> None:
    assert judged(data) == good(pulse, spo2)


@pytest.mark.req("VIT-05")
@pytest.mark.parametrize(
    ("data", "validity"),
    [
        (nonin.N3, Validity.PROBE_OFF),
        (nonin.N4, Validity.ARTEFACT),
        (nonin.N5, Validity.SEARCHING),
        (nonin.packet(72, 97, status=0xC2), Validity.PROBE_OFF),
        (nonin.packet(72, 97, status=0x8A), Validity.PROBE_OFF),
        (nonin.packet(72, 97, status=0xFA), Validity.PROBE_OFF),
        (nonin.packet(72, 97, status=0xB2), Validity.SEARCHING),
        (nonin.packet(511, 127), Validity.SEARCHING),
        (nonin.packet(10, 40, status=0xA2), Validity.ARTEFACT),
    ],
)
def test_packets_that_must_not_be_used_carry_no_number(data: bytes, validity: Validity) -> None:
    assert judged(data) == both(validity)


@pytest.mark.req("VIT-05")
@pytest.mark.parametrize(
    ("pulse", "expected"),
    [
        (0, (0, Validity.IMPOSSIBLE)),
        (19, (19, Validity.IMPOSSIBLE)),
        (20, (20, Validity.VALID)),
        (300, (300, Validity.VALID)),
        (301, (301, Validity.IMPOSSIBLE)),
        (510, (510, Validity.IMPOSSIBLE)),
        (511, (None, Validity.SEARCHING)),
    ],
)
def test_pulse_rates_at_their_limits(pulse: int, expected: tuple[int | None, Validity]) -> None:
    assert judged(nonin.packet(pulse, 97)) == {VitalKind.HR: expected, VitalKind.SPO2: (97, Validity.VALID)}


@pytest.mark.req("VIT-05")
@pytest.mark.parametrize(
    ("spo2", "expected"),
    [
        (0, (0, Validity.IMPOSSIBLE)),
        (49, (49, Validity.IMPOSSIBLE)),
        (50, (50, Validity.VALID)),
        (100, (100, Validity.VALID)),
        (101, (None, Validity.MISSING)),
        (126, (None, Validity.MISSING)),
        (127, (None, Validity.SEARCHING)),
    ],
)
def test_saturations_at_their_limits(spo2: int, expected: tuple[int | None, Validity]) -> None:
    assert judged(nonin.packet(72, spo2)) == {VitalKind.SPO2: expected, VitalKind.HR: (72, Validity.VALID)}


@pytest.mark.req("VIT-05")
def test_a_probe_that_comes_off_is_told_by_the_next_packet() -> None:
    driver = opened()
    driver.receive(nonin.N1, START_NS + PACKET_NS)
    driver.receive(nonin.N3, START_NS + 2 * PACKET_NS)
    assert [sample.validity for sample in samples_of(driver.take_events())] == [
        Validity.VALID,
        Validity.VALID,
        Validity.PROBE_OFF,
        Validity.PROBE_OFF,
    ]


def test_the_measurement_time_is_that_of_the_last_byte() -> None:
    driver = opened()
    for index in range(nonin.PACKET_BYTES):
        driver.receive(nonin.N1[index : index + 1], START_NS + index)
    assert {sample.measured_at_ns for sample in samples_of(driver.take_events())} == {START_NS + 124}


@pytest.mark.req("VIT-06")
def test_packets_of_one_read_keep_their_order_in_time_and_sequence() -> None:
    driver = opened()
    driver.receive(nonin.N1, START_NS + PACKET_NS)
    driver.receive(nonin.N1 * 3 + nonin.N2, START_NS + PACKET_NS + 5)
    driver.receive(nonin.N2 * 2, START_NS + SECOND_NS)
    spo2 = [sample for sample in samples_of(driver.take_events()) if sample.kind is VitalKind.SPO2]
    times = [sample.measured_at_ns for sample in spo2]
    assert times == sorted(set(times))
    assert times[4] == START_NS + PACKET_NS + 5
    assert times[-2:] == [START_NS + SECOND_NS - 130_208_333, START_NS + SECOND_NS]
    assert [sample.seq for sample in spo2] == list(range(1, 8))


def test_no_measurement_time_lies_in_the_future() -> None:
    driver = opened()
    driver.receive(nonin.N1, START_NS)
    driver.receive(nonin.N1 * 4, START_NS)
    assert {sample.measured_at_ns for sample in samples_of(driver.take_events())} == {START_NS}


def test_the_sequence_goes_on_when_the_port_is_opened_again() -> None:
    driver = opened()
    driver.receive(nonin.N1, START_NS)
    driver.closed(START_NS + 1)
    driver.opened(START_NS + 2)
    driver.receive(nonin.N1, START_NS + 3)
    assert [sample.seq for sample in samples_of(driver.take_events())] == [1, 1, 2, 2]


def test_no_packet_is_built_across_a_closed_port() -> None:
    driver = opened()
    driver.receive(nonin.N1[:60], START_NS)
    driver.closed(START_NS + 1)
    driver.receive(nonin.N1[60:], START_NS + 2)
    driver.opened(START_NS + 3)
    driver.receive(nonin.N1[60:], START_NS + 4)
    assert samples_of(driver.take_events()) == []
    driver.closed(START_NS + 5)
    driver.receive(nonin.N1, START_NS + 6)
    assert samples_of(driver.take_events()) == []
    assert driver.next_deadline_ns() is None


@pytest.mark.parametrize(("after_ns", "told"), [(-1, 0), (0, 1), (1, 1)])
def test_a_link_without_packets_is_degraded_and_then_lost(after_ns: int, told: int) -> None:
    driver = opened()
    driver.receive(nonin.N1, START_NS)
    driver.take_events()
    assert driver.next_deadline_ns() == START_NS + SECOND_NS
    driver.advance(START_NS + SECOND_NS + after_ns)
    notices = notices_of(driver.take_events())
    assert len(notices) == told
    assert all("degraded" in text for text in notices)
    driver.advance(START_NS + 2 * SECOND_NS)
    driver.take_events()
    assert driver.next_deadline_ns() == START_NS + 3 * SECOND_NS
    driver.receive(b"noise is no packet", START_NS + 2 * SECOND_NS)
    driver.advance(START_NS + 3 * SECOND_NS + after_ns)
    notices = notices_of(driver.take_events())
    assert len(notices) == told
    assert all("link lost" in text for text in notices)
    driver.advance(START_NS + 4 * SECOND_NS)
    driver.advance(START_NS + 9 * SECOND_NS)
    driver.take_events()
    assert driver.next_deadline_ns() is None
    driver.receive(nonin.N1, START_NS + 10 * SECOND_NS)
    assert any("link back" in text for text in notices_of(driver.take_events()))
    assert driver.next_deadline_ns() == START_NS + 11 * SECOND_NS


def test_low_battery_and_smart_point_are_told_on_change_and_leave_the_values_usable() -> None:
    driver = opened()
    told = []
    for index, stat2 in enumerate((0, 0x01, 0x01, 0x21, 0x20, 0x00)):
        driver.receive(nonin.packet(72, 97, stat2=stat2), START_NS + index)
        events = driver.take_events()
        assert {sample.validity for sample in samples_of(events)} == {Validity.VALID}
        told.append(len(notices_of(events)))
    assert told == [0, 1, 0, 1, 1, 1]


def damaged(driver: NoninDf2, now_ns: int) -> list[str]:
    driver.receive(nonin.N1[:100] + b"\x00" * 5, now_ns)
    return notices_of(driver.take_events())


def test_many_damaged_packets_are_told_once() -> None:
    driver = opened()
    step_ns = 2 * SECOND_NS
    told = [len(damaged(driver, START_NS + index * step_ns)) for index in range(9)]
    assert told == [0, 0, 0, 0, 0, 1, 0, 0, 0]
    after_ns = START_NS + 100 * SECOND_NS
    assert [len(damaged(driver, after_ns + index)) for index in range(7)] == [0, 0, 0, 0, 0, 1, 0]


def test_five_damaged_packets_in_ten_seconds_are_tolerated() -> None:
    driver = opened()
    step_ns = 2 * SECOND_NS + 1
    assert [damaged(driver, START_NS + index * step_ns) for index in range(12)] == [[]] * 12


def stream(driver: NoninDf2, packets: int, at_ns: int, data: bytes) -> tuple[MonitorEvent, ...]:
    for index in range(packets):
        driver.receive(data, at_ns + index * PACKET_NS)
    return driver.take_events()


@pytest.mark.req("VIT-06")
def test_a_frozen_stream_loses_its_values_until_the_pulse_wave_moves() -> None:
    driver = opened()
    flat = nonin.packet(72, 97, pleth=(100,))
    events = stream(driver, 181, START_NS, flat)
    usable = [sample.validity is Validity.VALID for sample in samples_of(events)]
    assert usable == [True] * 2 * 181  # the last of them came a nanosecond before the minute was over
    events = stream(driver, 10, START_NS + 60 * SECOND_NS, flat)
    assert {(sample.value, sample.validity) for sample in samples_of(events)} == {(None, Validity.MISSING)}
    assert len(notices_of(events)) == 1
    assert "frozen" in notices_of(events)[0]
    events = stream(driver, 1, START_NS + 64 * SECOND_NS, nonin.packet(72, 97, pleth=PULSE))
    assert {sample.validity for sample in samples_of(events)} == {Validity.VALID}
    assert notices_of(events) == []


@pytest.mark.req("VIT-06")
def test_a_calm_patient_is_not_frozen() -> None:
    events = stream(opened(), 400, START_NS, nonin.packet(72, 97, pleth=PULSE))
    assert {sample.validity for sample in samples_of(events)} == {Validity.VALID}


@pytest.mark.req("VIT-06")
def test_movement_in_unusable_packets_is_no_pulse() -> None:
    driver = opened()
    stream(driver, 90, START_NS, nonin.packet(72, 97, pleth=(100,)))
    stream(driver, 30, START_NS + 30 * SECOND_NS, nonin.packet(72, 97, status=0xA2, pleth=PULSE))
    events = stream(driver, 1, START_NS + 60 * SECOND_NS, nonin.packet(72, 97, pleth=(100,)))
    assert {sample.validity for sample in samples_of(events)} == {Validity.MISSING}
    events = stream(driver, 1, START_NS + 61 * SECOND_NS, nonin.N3)
    assert {sample.validity for sample in samples_of(events)} == {Validity.PROBE_OFF}


@pytest.mark.req("VIT-05", "VIT-06")
def test_a_frozen_impossible_value_still_says_so() -> None:
    driver = opened()
    stream(driver, 181, START_NS, nonin.packet(10, 97, pleth=(100,)))
    events = stream(driver, 1, START_NS + 61 * SECOND_NS, nonin.packet(10, 97, pleth=(100,)))
    assert [(sample.value, sample.validity) for sample in samples_of(events)] == [
        (None, Validity.MISSING),
        (10, Validity.IMPOSSIBLE),
    ]


def run(driver: NoninDf2, device: Nonin, from_ns: int, seconds: int) -> tuple[MonitorEvent, ...]:
    now_ns, end_ns = from_ns, from_ns + seconds * SECOND_NS
    while now_ns < end_ns:
        device.advance(now_ns)
        if data := device.transmit(now_ns):
            driver.receive(data, now_ns)
        driver.advance(now_ns)
        deadlines = [device.next_deadline_ns(), driver.next_deadline_ns() or end_ns]
        now_ns = max(now_ns + 1, min(*deadlines, end_ns))
    return driver.take_events()


def test_driver_and_simulated_oximeter_from_a_good_pulse_to_a_lost_link() -> None:
    driver = opened()
    device = Nonin(constant(hr_bpm=72, spo2_percent=97), start_ns=START_NS)
    run(driver, device, START_NS, 8)
    at_ns = START_NS + 8 * SECOND_NS
    events = run(driver, device, at_ns, 90)
    assert {(sample.kind, sample.value) for sample in samples_of(events)} == {(VitalKind.SPO2, 97), (VitalKind.HR, 72)}
    assert len(samples_of(events)) in range(2 * 268, 2 * 272)
    assert notices_of(events) == []
    at_ns += 90 * SECOND_NS
    device.move_probe(Probe.UNPLUGGED, at_ns)
    events = run(driver, device, at_ns, 2)
    assert samples_of(events)[-1].validity is Validity.PROBE_OFF
    at_ns += 2 * SECOND_NS
    device.begin_fault(Fault.SILENCE, at_ns)
    texts = notices_of(run(driver, device, at_ns, 5))
    assert [text.split(":")[0] for text in texts] == ["degraded", "link lost"]


@pytest.mark.req("VIT-06")
def test_driver_finds_the_simulated_frozen_sensor() -> None:
    driver = opened()
    device = Nonin(constant(), start_ns=START_NS)
    run(driver, device, START_NS, 10)
    device.begin_fault(Fault.FROZEN, START_NS + 10 * SECOND_NS)
    events = run(driver, device, START_NS + 10 * SECOND_NS, 65)
    assert samples_of(events)[-1].validity is Validity.MISSING
    assert len(notices_of(events)) == 1
