"""The daemon as a whole on real pseudo-terminals: what it refuses, and that a fault or its end stops the pump."""

import asyncio
import os
import shutil
import socket
import time
from collections.abc import AsyncIterator
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
from pumpd.core.modes import Mode
from pumpd.core.ports import VitalKind
from pumpd.mqtt.accounts import provision
from pumpd.mqtt.session import Callbacks
from pumpd.mqtt.site import load_site
from pumpd.records import reader
from pumpd.records.database import JournalError
from simulators.devices.host import MonotonicClock as DeviceClock
from simulators.devices.host import PtyHost
from simulators.devices.ne1000 import Ne1000 as Pump
from simulators.devices.nonin import Nonin
from simulators.devices.vitals import constant
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
async def test_bytes_that_waited_through_a_stall_are_dropped(config: Config) -> None:
    async with simulated_pump(config):
        running = daemon(config)
        task = asyncio.create_task(running.run())
        await until_at_rest(running)
        master, slave = os.openpty()
        oximeter = running.bedside.parts.oximeter
        try:
            Path(config.oximeter.port).symlink_to(os.ttyname(slave))
            async with asyncio.timeout(5):
                while not oximeter.is_open:
                    await asyncio.sleep(0.01)
            os.write(master, NORMAL_PACKET)
            time.sleep(1.8)  # standing still is what is tested
            async with asyncio.timeout(5):
                while not any("stalled" in link.body for link in reader.read(config.journal)):
                    await asyncio.sleep(0.05)
            assert not running.bedside.core.state.vitals.latest
            os.write(master, NORMAL_PACKET)
            async with asyncio.timeout(5):
                while not running.bedside.core.state.vitals.latest:
                    await asyncio.sleep(0.01)
        finally:
            running.end()
            await task
            os.close(master)
            os.close(slave)


@pytest.mark.req("COMM-08")
async def test_the_service_manager_hears_of_evaluations_while_samples_keep_coming(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    clock = DeviceClock()
    oximeter = PtyHost(Nonin(constant(), start_ns=clock.now_ns()), Path(config.oximeter.port), clock)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as manager:
        manager.bind(address)
        async with simulated_pump(config):
            oximeter.plug()
            running = daemon(config)
            task = asyncio.create_task(running.run())
            loop = asyncio.get_running_loop()
            try:
                async with asyncio.timeout(8):
                    signs = 0
                    while signs < 4:
                        signs += b"WATCHDOG=1" in await loop.sock_recv(manager, 256)
                assert VitalKind.SPO2 in running.bedside.core.state.vitals.latest
            finally:
                running.end()
                await task
                oximeter.close()


NORMAL_PACKET = bytes.fromhex(
    "0183010085 01820148cc 01820161e5 01820130b4 0182010084 0182010084 0182010084 0182010084 01820161e5 01820161e5"
    "01820161e5 0182010084 0182010084 0182010084 01820148cc 01820161e5 01820161e5 0182010084 0182010084 0182010084"
    "01820148cc 0182010084 01820148cc 0182010084 0182010084"
)
"""Pulse rate 72, SpO2 97 %, good perfusion (Nonin Data Format 2)."""


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
