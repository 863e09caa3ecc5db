"""`python -m tools.prove.hostile` feeds spoilt bytes to every reader: no exception, no changed state, no growth.

Each reader is fed by one function that raises when a promise is broken. The same seed gives the same inputs, so a
failure is repeated by the command that the failure names.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from random import Random

from drivers.ne1000.line import MAX_IN_FLIGHT, Line
from drivers.ne1000.packet import MAX_BASIC_BYTES, MAX_REPLY_LENGTH, Receiver
from drivers.nonin import packet as nonin
from drivers.suntech import frame as suntech
from pumpd.bedside.config import ConfigError, load_config, load_pump
from pumpd.bedside.profile_file import load_profile, read_profile
from pumpd.core.alarms import Alarms
from pumpd.core.clearance import Clearance, ClearedGate, sealed
from pumpd.core.commands import HALTING, CommandMalformed, CommandReceived, Role
from pumpd.core.controller import Core
from pumpd.core.effects import Receipt, SaveSession
from pumpd.core.events import Booted, TokenIssued
from pumpd.core.ports import Programmed, PumpCounter, SamplesReceived
from pumpd.core.quantities import NS_PER_MS, NS_PER_S
from pumpd.core.state import Settings, State
from pumpd.mqtt import clearance, wire
from pumpd.mqtt.intake import Flooded, Intake, to_core
from pumpd.mqtt.site import SiteError, load_site
from pumpd.records.encoding import EncodingError, Types, canonical, parse, registry
from simulators.devices.ne1000.packet import Framing, encode
from simulators.devices.nonin import frames
from simulators.devices.suntech import wire as module
from tools.prove.spoil import spoilt

CONFIG = Path(__file__).parents[2] / "config"
NOW_NS = 1_000 * NS_PER_S
MOST_KEPT_BYTES = 1 + max(MAX_REPLY_LENGTH, MAX_BASIC_BYTES) + 1
"""What the pump's receiver may keep: one reply and its framing."""

Feed = Callable[[bytes], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Something that reads bytes from outside. `feed` raises when it breaks a promise."""

    name: str
    share: int
    """Of so many inputs in a thousand."""
    seeds: tuple[bytes, ...]
    feed: Feed


class BrokenPromiseError(AssertionError):
    """A reader kept too much, understood what was not there, or changed what it must not."""


def _hold(promise: bool, what: str) -> None:
    if not promise:
        raise BrokenPromiseError(what)


# ---- serial lines ---------------------------------------------------------------------------------------------------

_REPLIES = ("00S", "00I", "00P", "00SI12.34W0.000", "00S26.25MH", "00S17.50ML", "00SNE1000V3.923", "00A?R", "00S?OOR")


def pump_replies() -> Reader:
    """Replies of the pump, at the receiver and at a line that has asked."""
    receiver, line = Receiver(), Line(0)
    clock = iter(range(NOW_NS, 1 << 62, 7 * NS_PER_MS))
    asked = ("", "DIS", "VER", "RAT", "VOL", "SAF", "STP", "FUN")

    def feed(data: bytes) -> None:
        now_ns = next(clock)
        receiver.feed(data, now_ns)
        _hold(len(receiver._buffer) <= MOST_KEPT_BYTES, f"the receiver keeps {len(receiver._buffer)} bytes")
        _hold(not receiver._rejected, "the receiver keeps rejected bytes")
        if now_ns & 1:
            receiver.safe_only = not receiver.safe_only
        if not line.busy:
            line.ask(asked[len(data) % len(asked)], now_ns)
        elif len(data) % 5 == 0:
            line.stop_written(now_ns)
        for event in line.receive(data, now_ns):
            _hold(bool(event), "an event of the line is nothing")
        _hold(len(line._flight) <= MAX_IN_FLIGHT, f"{len(line._flight)} questions are in flight")

    seeds = tuple(encode(text, framing) for text in _REPLIES for framing in Framing)
    return Reader(name="ne1000", share=350, seeds=seeds, feed=feed)


def oximeter_packets() -> Reader:
    """Packets of the oximeter."""
    decoder = nonin.Decoder()

    def feed(data: bytes) -> None:
        for found in decoder.feed(data):
            if isinstance(found, nonin.Packet):
                _hold(found.pulse_bpm is None or 0 <= found.pulse_bpm <= 510, f"pulse {found.pulse_bpm}")
                _hold(found.spo2_percent is None or 0 <= found.spo2_percent <= 126, f"SpO2 {found.spo2_percent}")
        _hold(len(decoder._rest) < nonin.FRAME_BYTES, f"the decoder keeps {len(decoder._rest)} bytes")

    whole = tuple(
        frames.packet(0x82, tuple(range(frames.FRAMES_PER_PACKET)), _numbers(pulse, spo2))
        for pulse, spo2 in ((72, 97), (129, 88), (None, None))
    )
    return Reader(name="nonin", share=150, seeds=(*whole, whole[0] + whole[1]), feed=feed)


def _numbers(pulse_bpm: int | None, spo2_percent: int | None) -> bytes:
    numbers = frames.Numbers(pr_bpm=pulse_bpm, spo2_percent=spo2_percent)
    return frames.packet_data(numbers, numbers, revision=0x30, timer=0, stat2=0)


def cuff_answers() -> Reader:
    """Answers of the cuff's module to each request that may be open."""
    framer = suntech.Framer()
    requests = (None, *suntech.Request)

    def feed(data: bytes) -> None:
        found = framer.feed(data)
        if len(data) % 7 == 0:
            found += framer.give_up_first()
        for one in found:
            _hold(sum(one) & 0xFF == 0 and one[1] == len(one), f"an unsound frame was taken: {one.hex()}")
            for request in requests:
                suntech.interpret(one, request)
        _hold(len(framer._stream) < suntech.MOST_ANSWER_BYTES, f"the framer keeps {len(framer._stream)} bytes")

    reading = module.Reading(sbp_mmhg=118, dbp_mmhg=76, map_mmhg=90, pr_bpm=72)
    seeds = (
        *(module.short_answer(answer) for answer in module.Answer),
        *(module.word_answer(value) for value in (0, 1, 140, 258, -1)),
        module.result_answer(reading),
        module.text_answer("ADVANTAGE", "1.0"),
    )
    return Reader(name="suntech", share=250, seeds=seeds, feed=feed)


# ---- the bus --------------------------------------------------------------------------------------------------------

_COMMON = '"v":1,"id":"id-1","session":"s-1","rev":7,"token":"t-1","issued_at":"2026-11-23T10:00:00.000Z"'
_MIXED = (
    '"drug_drawn_ml":1,"diluent_ml":24,"declared_concentration_mg_ml":2,"syringe":"BD-60","syringe_fill_ml":25,'
    '"made_by":"clara","witnessed_by":"dan","mixed_min_ago":5,"appearance":"clear","expires_in_min":null,'
    '"soft_limits":[],"soft_limit_reason":""'
)
_REQUESTS = (
    '"kind":"start","order_hash":"c0ffee","override_reason":""',
    '"kind":"resume","order_hash":"c0ffee","override_reason":""',
    '"kind":"stop","reason":"dizzy"',
    '"kind":"pause","reason":""',
    '"kind":"acknowledge","alarm":"sbp-high","episode":2',
    '"kind":"assess","moaas":5,"respiration_bpm":14',
    '"kind":"confirm","order_hash":"c0ffee","weight_kg":70.0,"concentration_mg_ml":2,"drug":"ketamine","syringe":"BD-60"',
    '"kind":"score","nausea":1,"dizziness":2,"anxiety":0,"dissociation":5',
    '"kind":"account","primed_ml":2,"wasted_ml":0,"left_ml":5.5,"explanation":""',
    '"kind":"witness","account_hash":"c0ffee"',
    '"kind":"lower","rate_ml_h":20.5',
    '"kind":"attest","item":"primed"',
    '"kind":"audio-pause","alarm":"sbp-high","episode":2',
    '"kind":"close"',
    '"kind":"prepare","weight_kg":70.0,"dose_mg_per_kg":0.5,"duration_min":40,"vial_strength_mg_ml":50,' + _MIXED,
)


@cache
def _core() -> Core:
    profile = load_profile(CONFIG / "profiles" / "demo.toml")
    core = Core(Settings(profile=profile, operators={"anna": Role.NURSE}, simulated=True, averaging_ns=0))
    for event in (
        Booted(boot="b", bed="bed1", recovered=None, alarms=Alarms(), seen_ids=(), real_ns=NOW_NS, wall_ns=NOW_NS),
        TokenIssued(token="t-1", real_ns=NOW_NS),  # noqa: S106 - a heartbeat's token
    ):
        list(core.handle(event, NOW_NS))
    return core


def commands() -> Reader:
    """Commands under a nurse's topic; what is malformed must leave the core as it was."""
    core, intake = _core(), Intake(bed="bed1", users=frozenset({"anna"}))
    topic = "pumpd/v1/bed1/cmd/anna/request"

    def feed(data: bytes) -> None:
        found = to_core(user="anna", payload=data, retained=False, received_real_ns=NOW_NS)
        if isinstance(found, CommandMalformed):
            before = _remembered(core.state)
            effects = list(core.handle(found, NOW_NS))
            _hold(all(isinstance(effect, Receipt) for effect in effects), f"a malformed command did {effects}")
            changed = [name for name, value in _remembered(core.state).items() if value is not before[name]]
            _hold(not changed, f"a malformed command changed {changed}")
        received = intake.receive(topic, data, retained=False, real_ns=NOW_NS)
        if isinstance(found, CommandReceived) and isinstance(found.command, HALTING):
            _hold(received == found, "a stop was held back")
        else:
            _hold(isinstance(received, (CommandMalformed, CommandReceived, Flooded)), f"intake gave {received!r:.60}")
        _hold(len(intake._allowances) <= 2, "the table of allowances grows")

    seeds = tuple(f"{{{_COMMON},{request}}}".encode() for request in _REQUESTS)
    for seed in seeds:
        whole = to_core(user="anna", payload=seed, retained=False, received_real_ns=NOW_NS)
        _hold(isinstance(whole, CommandReceived), f"a seed is no command: {whole}")
    return Reader(name="commands", share=150, seeds=seeds, feed=feed)


def _remembered(state: State) -> dict[str, object]:
    # a command that is refused is listed as such, and nothing else may come of it
    return {each.name: getattr(state, each.name) for each in fields(state) if each.name != "refusals"}


def bus_numbers() -> Reader:
    """The JSON reader itself: what it takes comes out again as it went in."""

    def feed(data: bytes) -> None:
        try:
            members = wire.read(data)
        except wire.WireError:
            return
        _hold(wire.read(wire.write(members)) == members, f"not the same when read again: {data!r}")

    seeds = tuple(f"{{{_COMMON},{request}}}".encode() for request in _REQUESTS)
    return Reader(name="wire", share=30, seeds=seeds, feed=feed)


def clearances() -> Reader:
    """Clearances on a bed's topic: one that was changed in any way clears nobody."""
    given = sealed(
        Clearance(
            bed="bed1",
            course="c-0a1b2c3d",
            number=2,
            weight_g=70_000,
            last_weight_g=71_000,
            given_low_ng=34_000_000,
            given_high_ng=35_000_000,
            last_infusion_wall_ns=NOW_NS,
            gates=(ClearedGate(gate="ecg", by="pia", until_wall_ns=2 * NOW_NS),),
            issued_by="pia",
            issued_wall_ns=NOW_NS,
            expires_wall_ns=2 * NOW_NS,
        )
    )
    seed = clearance.from_core(given).to_bytes()

    def feed(data: bytes) -> None:
        seen = clearance.receive("bed1", "pumpd/v1/bed1/clearance", data)
        _hold(seen is not None, "a message on the clearance topic was passed over")
        _hold(seen is None or seen.clearance in (None, given), "a clearance that nobody gave")

    feed(seed)
    return Reader(name="clearance", share=30, seeds=(seed,), feed=feed)


# ---- the record and the configuration -------------------------------------------------------------------------------


def records() -> Reader:
    """Bodies of journal rows: what is read is written again as the same text, whatever was spoilt."""
    types: Types = registry(SaveSession, CommandReceived, SamplesReceived, Programmed, PumpCounter)
    command = to_core(
        user="anna", payload=f"{{{_COMMON},{_REQUESTS[-1]}}}".encode(), retained=False, received_real_ns=NOW_NS
    )
    values = (
        command,
        PumpCounter(low_nl=1_000, high_nl=2_000, asked_at_ns=NOW_NS),
        Programmed(
            run_id="r-1",
            diameter_um=26_590,
            rate_nl_h=26_250_000,
            volume_nl=17_500_000,
            read_back=(("RAT", "26.25MH"),),
        ),
    )

    for value in values:
        _hold(parse(canonical(value), types) == value, f"a seed is no record: {value}")

    def feed(data: bytes) -> None:
        try:
            value = parse(data.decode("utf-8", "surrogateescape"), types)
            text = canonical(value)
        except EncodingError:
            return
        _hold(canonical(parse(text, types)) == text, f"a record changes when it is read again: {text[:200]}")

    return Reader(name="records", share=38, seeds=tuple(canonical(value).encode() for value in values), feed=feed)


def configuration(folder: Path) -> Reader:
    """Site, profile and bed files: refused in words or taken, and nothing else."""
    path = folder / "spoilt.toml"
    site = (CONFIG / "site.example.toml").read_bytes()
    bed = (CONFIG / "bed.example.toml").read_bytes()
    profile = (CONFIG / "profiles" / "demo.toml").read_bytes()

    def feed(data: bytes) -> None:
        path.write_bytes(data)
        reading = read_profile(path)
        _hold(reading.profile is not None or bool(reading.findings), "a profile is neither read nor refused")
        for load, error in ((load_site, SiteError), (load_config, ConfigError), (load_pump, ConfigError)):
            try:
                load(path)
            except error as refusal:
                _hold(str(path) in str(refusal), "a refusal names no file")

    return Reader(name="configuration", share=2, seeds=(site, site, bed, bed, profile), feed=feed)


# ---- the run --------------------------------------------------------------------------------------------------------


def readers(folder: Path) -> tuple[Reader, ...]:
    """Return every reader of bytes from outside, new."""
    return (
        pump_replies(),
        oximeter_packets(),
        cuff_answers(),
        commands(),
        bus_numbers(),
        clearances(),
        records(),
        configuration(folder),
    )


class HostileError(AssertionError):
    """An input that broke a reader; the message repeats it."""


def attack(reader: Reader, *, seed: int, inputs: int) -> None:
    """Feed a reader so many spoilt inputs; raises `HostileError` for the first that breaks it."""
    rng = Random(f"{reader.name}-{seed}")  # noqa: S311 - a test's stream, no secret
    for number in range(inputs):
        data = spoilt(rng, reader.seeds)
        try:
            reader.feed(data)
        except Exception as error:
            raise HostileError(
                f"{reader.name}, seed {seed}, input {number}, {len(data)} bytes {data[:200].hex()}: {error!r:.400}"
            ) from error


def shares(found: Sequence[Reader], inputs: int) -> dict[str, int]:
    """Return how many of `inputs` each reader gets."""
    return {reader.name: max(inputs * reader.share // 1_000, 1) for reader in found}


def main(arguments: list[str] | None = None) -> int:
    """Return 0 when every reader stood, 1 when one broke."""
    parser = argparse.ArgumentParser(prog="make hostile", description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000, help="how many in all (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--reader", help="only this one, which then gets its share of --inputs")
    asked = parser.parse_args(arguments)
    total = 0
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = readers(Path(folder))
        counts = shares(found, asked.inputs)
        for reader in found:
            if asked.reader not in (None, reader.name):
                continue
            since_s = time.monotonic()
            try:
                attack(reader, seed=asked.seed, inputs=counts[reader.name])
            except HostileError as error:
                print(f"hostile: {error}", file=sys.stderr)
                return 1
            total += counts[reader.name]
            print(f"{reader.name:<14}{counts[reader.name]:>10} inputs {time.monotonic() - since_s:>8.1f} s", flush=True)
    print(f"{'all':<14}{total:>10} inputs {time.monotonic() - began_s:>8.1f} s, none broke a reader")
    return 0


if __name__ == "__main__":
    sys.exit(main())
