"""Oximeter: what the finger, the motion and the cuff do to flags, numbers and waveform."""

from dataclasses import dataclass
from itertools import pairwise
from statistics import mean, stdev

import pytest

from simulators.devices.nonin import Fault, Nonin, Pacing, Perfusion, Probe
from simulators.devices.nonin.control import ControlledNonin
from simulators.devices.overlays import ProbeOff
from simulators.devices.patient import Patient, PatientParameters
from simulators.devices.plunger import Plunger
from simulators.devices.serve import ControlError
from simulators.devices.suntech import SunTech
from simulators.devices.vitals import TrueVitals, constant
from tests.simulators.device_bench import MS_NS, SECOND_NS, Bench, seeded

MISSING = (511, 127)
SNSD, ARTF, OOT, SNSA = 0x40, 0x20, 0x10, 0x08


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    flags: int
    numbers: tuple[int, int]
    display: tuple[int, int]
    pleth: tuple[int, ...]

    @property
    def clean(self) -> bool:
        return not self.flags & (SNSD | ARTF | OOT | SNSA)


def packets(bench: Bench, duration_ns: int) -> list[Packet]:
    """Run, and read the whole packets by position: the clean line of these tests loses nothing."""
    stream = bench.run_for(duration_ns)
    frames = [stream[i : i + 5] for i in range(0, len(stream), 5)]
    first = next(index for index, frame in enumerate(frames) if frame[1] & 1)
    found = []
    for start in range(first, len(frames) - 24, 25):
        group = frames[start : start + 25]
        data = [frame[3] for frame in group]
        flags = 0
        for frame in group:
            flags |= frame[1] & 0x7E
        numbers = ((data[0] & 3) << 7 | data[1], data[2])
        display = ((data[19] & 3) << 7 | data[20], data[8])
        found.append(Packet(flags=flags, numbers=numbers, display=display, pleth=tuple(frame[2] for frame in group)))
    return found


def bench_with(hr_bpm: float = 72, spo2_percent: float = 97, *, display_hold_ns: int = 0) -> Bench:
    truth = constant(hr_bpm=hr_bpm, spo2_percent=spo2_percent)
    return Bench(ControlledNonin(truth, start_ns=0, display_hold_ns=display_hold_ns))


def oximeter(bench: Bench) -> ControlledNonin:
    assert isinstance(bench.device, ControlledNonin)
    return bench.device


def tell(bench: Bench, *commands: str) -> None:
    for command in commands:
        oximeter(bench).control(command.split(), bench.now_ns)


def levels(found: list[Packet]) -> list[int]:
    return [level for packet in found for level in packet.pleth]


# --- the waveform ---


@pytest.mark.parametrize("hr_bpm", [40, 72, 140, 200])
def test_the_waveform_beats_at_the_heart_rate(hr_bpm: int) -> None:
    found = levels(packets(bench_with(hr_bpm), 60 * SECOND_NS))
    threshold = 150
    beats = sum(1 for before, after in pairwise(found) if before < threshold <= after)
    assert abs(beats - hr_bpm) <= 1
    assert max(found) - min(found) > 150
    assert min(found) > 0
    assert max(found) < 255


def test_a_pulse_rises_steeply_and_has_a_second_wave() -> None:
    beat = levels(packets(bench_with(60), 2 * SECOND_NS))[75:150]
    peak = beat.index(max(beat))
    assert peak < 75 * 0.3
    tail = beat[peak:]
    notch = next(i for i in range(1, len(tail) - 1) if tail[i - 1] > tail[i] <= tail[i + 1])
    assert tail[notch] < max(tail[notch:]) < max(beat) / 1.5


def test_weak_perfusion_is_flagged_and_small() -> None:
    bench = bench_with()
    tell(bench, "low-perfusion")
    bench.run_for(SECOND_NS)
    found = packets(bench, 5 * SECOND_NS)
    assert {packet.flags for packet in found} == {Perfusion.RED}
    assert {packet.numbers for packet in found} == {(72, 97)}
    assert 10 < max(levels(found)) - min(levels(found)) < 50


def test_artefact_roughens_the_waveform_and_keeps_the_numbers() -> None:
    bench, calm = bench_with(), bench_with()
    tell(bench, "artefact on")
    rough = packets(bench, 5 * SECOND_NS)[1:]
    smooth = packets(calm, 5 * SECOND_NS)[1:]
    assert {packet.flags for packet in rough} == {ARTF | Perfusion.GREEN}
    assert {packet.numbers for packet in rough} == {(72, 97)}

    def travel(found: list[int]) -> int:
        return sum(abs(a - b) for a, b in pairwise(found))

    assert travel(levels(rough)) > 2 * travel(levels(smooth))
    tell(bench, "artefact off")
    bench.run_for(SECOND_NS)
    assert all(packet.clean for packet in packets(bench, SECOND_NS))


def test_a_fault_is_flagged_in_the_very_next_frame_and_no_longer_than_it_lasts() -> None:
    bench = bench_with()
    bench.run_for(400 * MS_NS)
    tell(bench, "artefact on")
    assert bench.run_for(20 * MS_NS)[-5:][1] & ARTF
    tell(bench, "artefact off")
    assert not bench.run_for(20 * MS_NS)[-5:][1] & ARTF


def test_a_frozen_sensor_stands_still_and_flags_nothing() -> None:
    bench = bench_with()
    bench.run_for(5 * SECOND_NS + 100 * MS_NS)
    tell(bench, "freeze", "hr 140", "spo2 80")
    bench.run_for(SECOND_NS)
    frozen = packets(bench, 60 * SECOND_NS)
    assert len(set(levels(frozen))) == 1
    assert {(packet.flags, packet.numbers) for packet in frozen} == {(Perfusion.GREEN, (72, 97))}
    tell(bench, "unfreeze")
    bench.run_for(SECOND_NS)
    moving = packets(bench, 2 * SECOND_NS)
    assert len(set(levels(moving))) > 20
    assert {packet.numbers for packet in moving} == {(140, 80)}


# --- the probe ---


@pytest.mark.parametrize(("command", "flags"), [("probe-off", SNSA), ("probe-unplug", SNSD | SNSA)])
def test_probe_off_is_flagged_in_the_very_next_frame(command: str, flags: int) -> None:
    bench = bench_with()
    bench.run_for(400 * MS_NS)
    tell(bench, command)
    frame = bench.run_for(20 * MS_NS)[-5:]
    assert frame[1] & 0x7E == flags
    bench.run_for(SECOND_NS)
    off = packets(bench, 5 * SECOND_NS)
    assert len(off) >= 14
    assert {(packet.flags, packet.numbers, packet.display) for packet in off} == {(flags, MISSING, MISSING)}
    assert len(set(levels(off))) == 1


def test_numbers_return_after_a_search() -> None:
    bench = bench_with()
    tell(bench, "probe-off")
    bench.run_for(5 * SECOND_NS)
    tell(bench, "probe-on")
    found = packets(bench, 6 * SECOND_NS)
    searching = [packet for packet in found if not packet.clean]
    assert {(packet.flags & ~Perfusion.YELLOW, packet.numbers) for packet in searching[1:]} == {(OOT, MISSING)}
    assert 3 * 3 < len(searching) < 3 * 5
    assert {packet.numbers for packet in found[len(searching) :]} == {(72, 97)}


def test_what_was_seen_before_a_loss_is_forgotten() -> None:
    def truth(at_ns: int) -> TrueVitals:
        return constant(
            hr_bpm=72 if at_ns < 20 * SECOND_NS else 110, spo2_percent=97 if at_ns < 20 * SECOND_NS else 85
        )(at_ns)

    bench = Bench(ControlledNonin(truth, start_ns=0))
    bench.run_for(19 * SECOND_NS)
    tell(bench, "probe-off")
    bench.run_for(2 * SECOND_NS)
    tell(bench, "probe-on")
    found = [packet.numbers for packet in packets(bench, 10 * SECOND_NS)]
    assert set(found) == {MISSING, (110, 85)}


def test_the_display_values_can_outlive_the_signal() -> None:
    bench = bench_with(display_hold_ns=10 * SECOND_NS)
    bench.run_for(2 * SECOND_NS)
    tell(bench, "probe-off")
    found = packets(bench, 15 * SECOND_NS)
    assert {packet.numbers for packet in found[1:]} == {MISSING}
    assert {packet.display for packet in found[1:25]} == {(72, 97)}
    assert found[-1].display == MISSING


def test_the_patients_own_probe_window_is_a_sensor_alarm() -> None:
    off = ProbeOff(from_ns=10 * SECOND_NS, to_ns=20 * SECOND_NS)
    patient = Patient(PatientParameters(overlays=(off,)), Plunger(0), 2.0, 0)
    bench = Bench(Nonin(patient.vitals, start_ns=0))
    found = packets(bench, 30 * SECOND_NS)
    assert {packet.numbers for packet in found[:30]} == {(74, 98)}
    assert {(packet.flags, packet.numbers) for packet in found[30:60]} == {(SNSA, MISSING)}
    assert {packet.flags & OOT for packet in found[60:70]} == {OOT}
    assert {packet.numbers for packet in found[-15:]} == {(74, 98)}


# --- the pulse ---


def test_out_of_track_holds_the_last_numbers() -> None:
    bench = bench_with()
    bench.run_for(2 * SECOND_NS)
    tell(bench, "out-of-track", "hr 140")
    bench.run_for(SECOND_NS)
    found = packets(bench, 5 * SECOND_NS)
    assert {(packet.flags, packet.numbers) for packet in found} == {(OOT | Perfusion.GREEN, (72, 97))}
    tell(bench, "out-of-track off")
    bench.run_for(SECOND_NS)
    assert packets(bench, SECOND_NS)[-1].numbers == (140, 97)


def test_missing_numbers_without_a_flag() -> None:
    bench = bench_with()
    tell(bench, "no-numbers")
    bench.run_for(SECOND_NS)
    assert {(packet.flags, packet.numbers) for packet in packets(bench, SECOND_NS)} == {(Perfusion.GREEN, MISSING)}


@pytest.mark.parametrize("hr_bpm", [0, 10, 330])
def test_a_pulse_that_cannot_be_found_has_no_numbers(hr_bpm: int) -> None:
    found = packets(bench_with(hr_bpm), 3 * SECOND_NS)
    assert {(packet.flags & OOT, packet.numbers) for packet in found} == {(OOT, MISSING)}


def test_occlusion_takes_the_pulse_away() -> None:
    bench = bench_with()
    bench.run_for(2 * SECOND_NS)
    tell(bench, "occluded on")
    bench.run_for(SECOND_NS)
    found = packets(bench, 3 * SECOND_NS)
    assert {(packet.flags, packet.numbers) for packet in found} == {(OOT | Perfusion.GREEN, MISSING)}
    assert len(set(levels(found))) == 1


def test_a_cuff_on_the_same_arm_drops_the_pulse_out_and_lets_it_return() -> None:
    truth = constant()
    cuff = SunTech(truth)
    bench = Bench(Nonin(truth, start_ns=0, occluded=cuff.occludes))
    bench.run_for(2 * SECOND_NS)
    cuff.receive(bytes.fromhex("3a20a6"), bench.now_ns)
    found = packets(bench, 35 * SECOND_NS)
    lost = [index for index, packet in enumerate(found) if not packet.clean]
    assert lost == list(range(lost[0], lost[-1] + 1))
    assert 15 * 3 < len(lost) < 40 * 3
    assert {found[index].numbers for index in lost} == {MISSING}
    cuff.advance(bench.now_ns)
    assert {packet.numbers for packet in packets(bench, 5 * SECOND_NS)[-3:]} == {(72, 97)}


# --- the numbers ---


def ramping(at_ns: int) -> TrueVitals:
    return constant(hr_bpm=60, spo2_percent=97 if at_ns < 30 * SECOND_NS else 87)(at_ns)


def test_saturation_is_a_mean_of_ten_seconds() -> None:
    bench = Bench(Nonin(ramping, start_ns=0))
    found = [packet.numbers[1] for packet in packets(bench, 60 * SECOND_NS)]
    assert found[:90] == [97] * 90
    assert found[90 + 15] in (91, 92, 93)
    assert found[90 + 33 :] == [87] * len(found[90 + 33 :])
    assert found[90 + 26] > 87


def test_numbers_change_once_a_second() -> None:
    bench = Bench(Nonin(ramping, start_ns=0))
    found = [packet.numbers for packet in packets(bench, 60 * SECOND_NS)]
    assert len(found) == 180
    assert all(len(set(found[i : i + 3])) == 1 for i in range(0, 180, 3))


def test_heart_rate_is_a_mean_of_eight_beats() -> None:
    def faster(at_ns: int) -> TrueVitals:
        return constant(hr_bpm=60 if at_ns < 30 * SECOND_NS else 120)(at_ns)

    found = [packet.numbers[0] for packet in packets(Bench(Nonin(faster, start_ns=0)), 60 * SECOND_NS)]
    assert found[:90] == [60] * 90
    assert 60 < found[96] < 120
    assert found[93] < found[96] < found[99]
    assert found[90 + 15 :] == [120] * len(found[90 + 15 :])


def test_noise_has_its_size_and_comes_from_the_generator_only() -> None:
    def run(seed: int | None) -> list[tuple[int, int]]:
        rng = None if seed is None else seeded(seed)
        device = Nonin(constant(hr_bpm=100, spo2_percent=93), start_ns=0, rng=rng, pacing=Pacing.PACKET)
        return [packet.numbers for packet in packets(Bench(device), 1200 * SECOND_NS)[::3]]

    noisy = run(1)
    assert noisy == run(1) != run(2)
    assert set(run(None)) == {(100, 93)}
    # rounding to whole numbers adds a variance of 1/12
    assert stdev(pr for pr, _ in noisy) == pytest.approx((1.5**2 + 1 / 12) ** 0.5, rel=0.1)
    assert stdev(spo2 for _, spo2 in noisy) == pytest.approx((0.5**2 + 1 / 12) ** 0.5, rel=0.1)
    assert mean(pr for pr, _ in noisy) == pytest.approx(100, abs=0.2)
    assert mean(spo2 for _, spo2 in noisy) == pytest.approx(93, abs=0.1)


def test_saturation_never_exceeds_100() -> None:
    device = Nonin(constant(spo2_percent=99.9), start_ns=0, rng=seeded(3), pacing=Pacing.PACKET)
    assert max(packet.numbers[1] for packet in packets(Bench(device), 300 * SECOND_NS)) == 100


def test_a_forced_pulse_rate_moves_the_waveform() -> None:
    bench = bench_with()
    tell(bench, "hr 140")
    found = levels(packets(bench, 60 * SECOND_NS))
    assert abs(sum(1 for before, after in pairwise(found) if before < 150 <= after) - 140) <= 1


def test_numbers_can_be_forced_and_given_back() -> None:
    bench = bench_with()
    tell(bench, "hr 0", "spo2 100")
    bench.run_for(SECOND_NS)
    assert {(packet.flags, packet.numbers) for packet in packets(bench, SECOND_NS)} == {(Perfusion.GREEN, (0, 100))}
    tell(bench, "hr auto", "spo2 auto")
    bench.run_for(SECOND_NS)
    assert {packet.numbers for packet in packets(bench, SECOND_NS)} == {(72, 97)}


# --- control lines ---


@pytest.mark.parametrize("command", ["probe-off", "artefact on", "hr 140", "silence", "lose-frame", "flip-bit 8"])
def test_a_command_changes_nothing_that_came_before_it(command: str) -> None:
    """Also when the host has not called for a while."""
    told, plain = bench_with(), bench_with()
    told.now_ns = SECOND_NS
    tell(told, command)
    assert told.run_for(0) == plain.run_for(SECOND_NS)


def test_the_end_of_a_fault_changes_nothing_that_came_before_it() -> None:
    told, plain = bench_with(), bench_with()
    tell(told, "artefact on")
    tell(plain, "artefact on")
    told.now_ns = SECOND_NS
    tell(told, "artefact off")
    assert told.run_for(0) == plain.run_for(SECOND_NS)


@pytest.mark.parametrize("fault", Fault)
def test_every_fault_has_a_command(fault: Fault) -> None:
    bench = bench_with()
    tell(bench, fault.value)
    assert oximeter(bench).faults == {fault}
    tell(bench, f"{fault.value} off")
    assert oximeter(bench).faults == set()
    tell(bench, f"{fault.value} on")
    assert oximeter(bench).faults == {fault}


def test_probe_and_line_commands() -> None:
    bench = bench_with()
    tell(bench, "probe-unplug", "lose-frame", "lose-frame 13", "flip-bit 7")
    assert oximeter(bench).probe is Probe.UNPLUGGED
    assert len(bench.run_for(SECOND_NS)) == 5 * 73


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("dance", "unknown command 'dance'; known are: unplug, plug, probe-on"),
        ("artefact maybe", "unknown command 'artefact maybe'"),
        ("hr fast", "not done: invalid literal"),
        ("spo2 300", "not done: SpO2 is 300 %; the format carries 0 to 127"),
        ("lose-frame 26", "not done: a packet has frames 1 to 25, not 26"),
        ("flip-bit 40", "not done: a frame has bits 0 to 39, not 40"),
    ],
)
def test_a_bad_command_is_one_sentence(command: str, message: str) -> None:
    with pytest.raises(ControlError) as caught:
        tell(bench_with(), command)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
