"""The daemon as a whole on real pseudo-terminals: what it refuses, and that a fault or its end stops the pump."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from drivers.ne1000.driver import Ne1000 as Driver
from pumpd.bedside.clock import MonotonicClock
from pumpd.bedside.config import Config, ConfigError, load_config
from pumpd.bedside.daemon import Daemon
from pumpd.bedside.outside import BusSession, RealOutside
from pumpd.core.controller import Core
from pumpd.core.effects import Effect
from pumpd.core.events import Event, PumpLinkUp
from pumpd.core.modes import Mode
from pumpd.mqtt.accounts import provision
from pumpd.mqtt.session import Callbacks
from pumpd.mqtt.site import load_site
from pumpd.records import reader
from pumpd.records.database import JournalError
from pumpd.records.replay import findings
from simulators.devices.host import MonotonicClock as DeviceClock
from simulators.devices.host import PtyHost
from simulators.devices.ne1000 import Ne1000 as Pump
from tests.bedside.test_config import BED, REPOSITORY


@pytest.fixture
def config(tmp_path: Path) -> Config:
    shutil.copytree(REPOSITORY / "config" / "profiles", tmp_path / "profiles")
    site = (REPOSITORY / "config" / "site.example.toml").read_text()
    # nobody listens there: these tests need no bus, and the daemon must live without one
    (tmp_path / "site.toml").write_text(site.replace("port = 1883", "port = 1"))
    provision(load_site(tmp_path / "site.toml"))
    (tmp_path / "bed1.toml").write_text(BED)
    return load_config(tmp_path / "bed1.toml")


def daemon(config: Config) -> Daemon:
    loop = asyncio.get_running_loop()
    return Daemon(config, clock=MonotonicClock(loop), loop=loop)


@asynccontextmanager
async def simulated_pump(config: Config) -> AsyncIterator[Pump]:
    clock = DeviceClock()
    pump = Pump(now_ns=clock.now_ns())
    host = PtyHost(pump, Path(config.pump.port), clock)
    host.plug()
    try:
        yield pump
    finally:
        host.close()


class Listening(Pump):
    """A pump that keeps what it hears."""

    def __init__(self, heard: bytearray, *, now_ns: int) -> None:
        super().__init__(now_ns=now_ns)
        self.heard = heard

    def receive(self, data: bytes, now_ns: int) -> None:
        self.heard.extend(data)
        super().receive(data, now_ns)


async def until_at_rest(running: Daemon) -> None:
    async with asyncio.timeout(5):
        await running.bedside.wait_for_rest()


@pytest.mark.req("CFG-05")
@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"clinical": True}, "forbids its use on humans"),
        ({"clinical": True, "simulated": False}, "forbids its use on humans"),
    ],
)
async def test_clinical_mode_refuses_a_bench_pump(config: Config, changes: dict[str, bool], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        daemon(replace(config, **changes))


@pytest.mark.req("CFG-06")
async def test_a_simulated_session_never_opens_a_real_port(config: Config) -> None:
    real = replace(config, pump=config.pump.model_copy(update={"port": "/dev/null"}))
    with pytest.raises(ConfigError, match="never opens one"):
        daemon(real)


@pytest.mark.req("CFG-06")
async def test_an_elastic_clock_never_meets_a_real_port(config: Config) -> None:
    class Elastic(MonotonicClock):
        is_real = False

    loop = asyncio.get_running_loop()
    real = replace(config, pump=config.pump.model_copy(update={"port": "/dev/null"}))
    with pytest.raises(ConfigError, match="an elastic clock is for simulators only"):
        Daemon(real, clock=Elastic(loop), loop=loop)


@pytest.mark.req("CMD-07")
async def test_one_journal_has_one_daemon(config: Config) -> None:
    first = daemon(config)
    with pytest.raises(JournalError, match="journal"):
        daemon(config)
    first.bedside.parts.journal.close()


@pytest.mark.req("LOG-02")
async def test_the_first_bytes_on_the_wire_are_a_stop(config: Config) -> None:
    async with simulated_pump(config):
        running = daemon(config)
        task = asyncio.create_task(running.run())
        await until_at_rest(running)
        running.end()
        assert await task == 0
    sent = [link.body for link in reader.read(config.journal) if link.kind == "pump-tx"]
    assert Driver.stop_packet.hex() in sent[0]


@pytest.mark.req("CFG-06")
async def test_every_run_in_the_record_says_that_it_is_simulated(config: Config) -> None:
    for _ in range(2):
        async with simulated_pump(config):
            running = daemon(config)
            task = asyncio.create_task(running.run())
            await until_at_rest(running)
            running.end()
            assert await task == 0
    begun = [json.loads(link.body) for link in reader.read(config.journal) if link.kind == "RunBegins"]
    assert [each["simulated"] for each in begun] == [True, True]


@pytest.mark.req("LOG-03")
async def test_a_replay_of_the_record_makes_the_same_decisions(config: Config) -> None:
    async with simulated_pump(config):
        running = daemon(config)
        task = asyncio.create_task(running.run())
        await until_at_rest(running)
        running.end()
        assert await task == 0
    found = findings(reader.read(config.journal))
    assert found.is_same
    assert found.runs == 1
    assert found.decisions > 0


@pytest.mark.req("LOG-03")
async def test_what_the_core_fails_at_is_in_the_record(config: Config) -> None:
    class Failing(Core):
        def handle(self, event: Event, now_ns: int) -> Iterator[Effect]:
            yield from ()
            raise ZeroDivisionError(f"a fault for the test at {now_ns}: {event}")

    bedside = daemon(config).bedside
    bedside.core = Failing(bedside.core.state.settings)
    bedside.guard(lambda: bedside.dispatch(PumpLinkUp()))
    assert bedside.failed.done()
    bedside.parts.journal.close()
    assert [link.kind for link in reader.read(config.journal)] == ["PumpLinkUp"]


@pytest.mark.req("COMM-08")
async def test_a_fault_in_a_callback_stops_the_pump_and_ends_the_daemon(config: Config) -> None:
    heard = bytearray()
    clock = DeviceClock()
    host = PtyHost(Listening(heard, now_ns=clock.now_ns()), Path(config.pump.port), clock)
    host.plug()
    try:
        running = daemon(config)
        task = asyncio.create_task(running.run())
        await until_at_rest(running)
        heard.clear()

        def fault() -> None:
            raise ZeroDivisionError("a fault for the test")

        running.bedside.guard(fault)
        assert running.bedside.failed.done()
        assert await task == 1
        assert heard.startswith(Driver.stop_packet) or Driver.stop_packet in heard
    finally:
        host.close()


@pytest.mark.req("CTRL-10")
async def test_lives_without_pump_monitors_and_bus(config: Config) -> None:
    running = daemon(config)
    task = asyncio.create_task(running.run())
    await asyncio.sleep(0)
    assert running.bedside.core.state.mode is Mode.IDLE
    running.end()
    assert await task == 1  # rest was never confirmed, and it says so


@pytest.mark.req("COMM-08")
async def test_a_task_that_ends_by_itself_stops_the_pump_and_ends_the_daemon(config: Config) -> None:
    ends = asyncio.Event()

    class BrokenBus:
        def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> None:
            """Take it, and lose it."""

        async def run(self) -> NoReturn:
            await ends.wait()
            raise ValueError("a fault for the test")

    class BrokenOutside(RealOutside):
        def bus(self, boot: str, callbacks: Callbacks) -> BusSession:  # noqa: ARG002 - the contract's
            return BrokenBus()

    loop = asyncio.get_running_loop()
    clock, heard = DeviceClock(), bytearray()
    host = PtyHost(Listening(heard, now_ns=clock.now_ns()), Path(config.pump.port), clock)
    host.plug()
    try:
        outside = BrokenOutside(config, loop)
        running = Daemon(config, clock=MonotonicClock(loop), loop=loop, outside=outside)
        task = asyncio.create_task(running.run())
        await until_at_rest(running)
        heard.clear()
        ends.set()
        async with asyncio.timeout(15):
            assert await task == 1
    finally:
        host.close()
    assert "a fault for the test" in running.bedside.failed.result()
    assert Driver.stop_packet in heard
