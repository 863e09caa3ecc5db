"""Oximeter: the bytes of packets, their pace, and how they are cut and spoilt."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.devices.nonin import Fault, Nonin, Pacing, Perfusion, Probe
from simulators.devices.nonin.frames import Numbers
from simulators.devices.vitals import constant
from tests.golden import nonin as vectors
from tests.simulators.device_bench import MS_NS, SECOND_NS, Bench

PACKET_NS = SECOND_NS // 3
FRAME_ON_LINE_NS = 5_208_334
"""50 bits at 9600 baud, rounded up."""


def bench_with(
    hr_bpm: float,
    spo2_percent: float,
    perfusion: Perfusion = Perfusion.GREEN,
    *,
    pacing: Pacing = Pacing.FRAME,
    pleth: int | None = 1,
    has_timer: bool = False,
    smart_point: bool = False,
) -> Bench:
    device = Nonin(
        constant(hr_bpm=hr_bpm, spo2_percent=spo2_percent),
        start_ns=0,
        perfusion=perfusion,
        pacing=pacing,
        pleth=pleth,
        has_timer=has_timer,
        smart_point=smart_point,
    )
    return Bench(device)


def oximeter(bench: Bench) -> Nonin:
    assert isinstance(bench.device, Nonin)
    return bench.device


def frames_of(stream: bytes) -> list[bytes]:
    assert len(stream) % 5 == 0
    return [stream[i : i + 5] for i in range(0, len(stream), 5)]


def sound(frame: bytes) -> bool:
    return frame[0] == 1 and frame[1] >= 0x80 and sum(frame[:4]) & 0xFF == frame[4]


@pytest.mark.parametrize("pacing", Pacing)
@pytest.mark.parametrize(
    ("vector", "hr_bpm", "spo2_percent", "perfusion", "fault"),
    [
        (vectors.REFERENCE, 72, 97, Perfusion.NONE, None),
        (vectors.N1, 72, 97, Perfusion.GREEN, None),
        (vectors.N2, 140, 88, Perfusion.GREEN, None),
        (vectors.N4, 210, 85, Perfusion.YELLOW, Fault.ARTEFACT),
        (vectors.N5, 96, 93, Perfusion.RED, Fault.OUT_OF_TRACK),
    ],
)
def test_golden_packets(
    vector: bytes, hr_bpm: int, spo2_percent: int, perfusion: Perfusion, fault: Fault | None, pacing: Pacing
) -> None:
    bench = bench_with(hr_bpm, spo2_percent, perfusion, pacing=pacing)
    if fault is not None:
        oximeter(bench).begin_fault(fault, -1)
    assert bench.run_for(PACKET_NS) == vector
    assert bench.run_for(SECOND_NS) == vector * 3


def test_golden_packet_with_the_probe_off() -> None:
    bench = bench_with(72, 97)
    oximeter(bench).move_probe(Probe.UNPLUGGED, -1)
    assert bench.run_for(PACKET_NS) == vectors.N3


def test_pulse_rates_above_127_use_seven_bits_a_byte() -> None:
    for rate in (127, 128, 255, 256, 321):
        packet = bench_with(rate, 97).run_for(PACKET_NS)
        assert (packet[3] & 3) << 7 | packet[8] & 0x7F == rate
        assert packet[3] < 0x80 > packet[8]


def test_every_frame_is_sound_and_only_the_first_is_marked() -> None:
    frames = frames_of(bench_with(72, 97, pleth=None).run_for(10 * SECOND_NS))
    assert len(frames) == 750
    assert all(sound(frame) for frame in frames)
    assert [index for index, frame in enumerate(frames) if frame[1] & 1] == list(range(0, 750, 25))


def test_frames_leave_at_their_own_times() -> None:
    bench = bench_with(72, 97)
    bench.run_for(SECOND_NS)
    assert len(bench.arrivals) == 75
    expected = [(n * SECOND_NS // 75 + FRAME_ON_LINE_NS, 5) for n in range(75)]
    assert [(at_ns, len(data)) for at_ns, data in bench.arrivals] == expected


def test_packets_come_whole_when_their_last_frame_has_left() -> None:
    framed, packed = bench_with(72, 97, pleth=None), bench_with(72, 97, pleth=None, pacing=Pacing.PACKET)
    assert framed.run_for(10 * SECOND_NS) == packed.run_for(10 * SECOND_NS)
    assert len(packed.arrivals) == 30
    ends_ns = [at_ns for at_ns, _ in framed.arrivals[24::25]]
    assert [(at_ns, 125) for at_ns in ends_ns] == [(at_ns, len(data)) for at_ns, data in packed.arrivals]


def test_a_packet_is_not_handed_over_in_part() -> None:
    bench = bench_with(72, 97, pacing=Pacing.PACKET)
    bench.device.advance(300 * MS_NS)
    assert bench.device.transmit(300 * MS_NS) == b""


@pytest.mark.parametrize("pacing", Pacing)
def test_a_late_host_gets_the_same_bytes(pacing: Pacing) -> None:
    prompt, late = (bench_with(72, 97, pleth=None, pacing=pacing) for _ in range(2))
    expected = prompt.run_for(2 * SECOND_NS)
    late.device.advance(2 * SECOND_NS)
    assert late.device.transmit(2 * SECOND_NS) == expected


def test_there_is_no_deadline_in_the_past() -> None:
    bench = bench_with(72, 97)
    bench.run_for(777 * MS_NS)
    assert oximeter(bench).next_deadline_ns() > bench.now_ns


def test_timer_and_second_status() -> None:
    bench = bench_with(72, 97, has_timer=True, smart_point=True)
    packets = [bench.run_for(PACKET_NS + 1) for _ in range(131)]
    assert [packet[28] << 7 | packet[33] for packet in packets] == list(range(131))
    assert {packet[38] for packet in packets} == {0x20}
    oximeter(bench).begin_fault(Fault.LOW_BATTERY, bench.now_ns)
    bench.run_for(PACKET_NS)
    assert bench.run_for(PACKET_NS)[38] == 0x21


def test_what_the_host_says_is_ignored() -> None:
    bench = bench_with(72, 97)
    bench.device.receive(b"\x02\x70\x02\x02\x08\x03", 0)
    assert bench.run_for(PACKET_NS) == vectors.N1


# --- a spoilt line ---


@given(bit=st.integers(0, 39))
def test_any_flipped_bit_makes_one_frame_unsound(bit: int) -> None:
    bench = bench_with(72, 97)
    oximeter(bench).flip_bit(bit, 0)
    stream = bench.run_for(2 * PACKET_NS)
    spoilt = stream[5:10]  # frame 1 was made when the flip was asked for
    assert int.from_bytes(spoilt, "little") ^ int.from_bytes(vectors.N1[5:10], "little") == 1 << bit
    assert not sound(spoilt)
    assert stream[:5] + stream[10:] == vectors.N1[:5] + vectors.N1[10:] + vectors.N1


@pytest.mark.parametrize("pacing", Pacing)
def test_a_lost_frame_13(pacing: Pacing) -> None:
    bench = bench_with(72, 97, pacing=pacing)
    oximeter(bench).lose_frame(13, 0)
    assert bench.run_for(2 * PACKET_NS) == vectors.N1[:60] + vectors.N1[65:] + vectors.N1


@pytest.mark.parametrize("pacing", Pacing)
def test_a_lost_last_frame_does_not_delay_the_next_packet(pacing: Pacing) -> None:
    bench = bench_with(72, 97, pacing=pacing)
    oximeter(bench).lose_frame(25, 0)
    assert bench.run_for(2 * PACKET_NS) == vectors.N1[:120] + vectors.N1


def test_the_next_frame_lost() -> None:
    bench = bench_with(72, 97)
    oximeter(bench).lose_frame(None, 0)
    assert bench.run_for(PACKET_NS) == vectors.N1[:5] + vectors.N1[10:]


@pytest.mark.parametrize("pacing", Pacing)
def test_silence_and_speech_again(pacing: Pacing) -> None:
    bench = bench_with(72, 97, pacing=pacing)
    oximeter(bench).begin_fault(Fault.SILENCE, 0)
    bench.run_for(PACKET_NS)
    assert bench.run_for(5 * SECOND_NS) == b""
    oximeter(bench).end_fault(Fault.SILENCE, bench.now_ns)
    assert vectors.N1 * 2 in bench.run_for(SECOND_NS)


def test_silence_in_the_middle_of_a_packet_cuts_it() -> None:
    bench = bench_with(72, 97)
    heard = bench.run_for(100 * MS_NS)
    oximeter(bench).begin_fault(Fault.SILENCE, bench.now_ns)
    bench.run_for(100 * MS_NS)
    oximeter(bench).end_fault(Fault.SILENCE, bench.now_ns)
    heard += bench.run_for(PACKET_NS)
    gaps = [later - earlier for (earlier, _), (later, _) in pairwise(bench.arrivals)]
    assert max(gaps) > 90 * MS_NS
    assert heard[:40] == vectors.N1[:40]
    assert heard[40:125] != vectors.N1[40:125]


def test_values_that_do_not_fit_are_refused() -> None:
    device = oximeter(bench_with(72, 97))
    with pytest.raises(ValueError, match="bits 0 to 39, not 40"):
        device.flip_bit(40, 0)
    with pytest.raises(ValueError, match="frames 1 to 25, not 0"):
        device.lose_frame(0, 0)
    with pytest.raises(ValueError, match="pulse rate is 512/min"):
        device.force_pr(512, 0)
    with pytest.raises(ValueError, match="SpO2 is 128 %"):
        device.force_spo2(128, 0)
    with pytest.raises(ValueError, match="pulse rate is -1/min"):
        Numbers(pr_bpm=-1, spo2_percent=1)
