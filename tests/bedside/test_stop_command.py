"""`pumpd stop-pump` on pseudo-terminals: stops what runs, says what it saw, touches nothing that a daemon holds."""

import asyncio
import sys
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from drivers.ne1000.driver import Ne1000 as Driver
from pumpd.bedside.config import Config, load_pump
from pumpd.bedside.serial_line import open_port
from pumpd.bedside.stop_command import Exit, Stopping
from simulators.devices.host import MonotonicClock as DeviceClock
from simulators.devices.host import PtyHost
from simulators.devices.ne1000 import Ne1000 as Pump
from tests.bedside.test_daemon import Listening, simulated_pump
from tests.bedside.test_daemon import config as config


def bed_file(config: Config) -> Path:
    return config.journal.parent / "bed1.toml"


async def stop_pump(config: Config) -> tuple[int, str, str]:
    ended = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "pumpd.cli", "stop-pump", "--config", str(bed_file(config))),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        out, err = await ended.communicate()
    assert ended.returncode is not None
    return ended.returncode, out.decode(), err.decode()


@pytest.mark.process
@pytest.mark.req("CTRL-10", "COMM-02", "CFG-06")
async def test_it_stops_a_running_pump_and_says_what_it_saw(config: Config) -> None:
    async with simulated_pump(config) as pump:
        now_ns = DeviceClock().now_ns()
        for command in (b"DIA26.59\r", b"VOLML\r", b"VOL10\r", b"RAT26MH\r", b"RUN\r"):
            pump.receive(command, now_ns)
        assert pump.plunger.flow_nl_h(now_ns) > 0
        status, out, err = await stop_pump(config)
        assert pump.plunger.flow_nl_h(DeviceClock().now_ns()) == 0
    assert (status, err) == (Exit.AT_REST, "")
    assert "SIMULATED" in out
    assert "the pump says:" in out
    assert "its counter: 0.0" in out
    assert "the pump is at rest" in out


@pytest.mark.process
@pytest.mark.req("CMD-07")
async def test_a_port_that_somebody_holds_is_left_alone(config: Config) -> None:
    heard = bytearray()
    host = PtyHost(Listening(heard, now_ns=DeviceClock().now_ns()), Path(config.pump.port), DeviceClock())
    host.plug()
    try:
        with closing(open_port(Path(config.pump.port), Driver.baud)):
            status, _, err = await stop_pump(config)
    finally:
        host.close()
    assert status == Exit.IN_USE
    assert "in use by another program" in err
    assert heard == b""


@pytest.mark.process
async def test_without_a_pump_it_says_what_to_do(config: Config) -> None:
    status, out, err = await stop_pump(config)
    assert status == Exit.NOT_CONFIRMED
    assert "no link to the pump" in out
    assert "stop at the pump and clamp the line" in err


class Deaf(Pump):
    """A pump that notes when bytes came, and never answers."""

    def __init__(self, heard_ns: list[int], *, now_ns: int) -> None:
        super().__init__(now_ns=now_ns)
        self.heard_ns = heard_ns

    def receive(self, data: bytes, now_ns: int) -> None:  # noqa: ARG002 - the contract's
        self.heard_ns.append(now_ns)


@pytest.mark.req("CTRL-10")
async def test_a_pump_that_confirms_nothing_is_left_silent_for_longer_than_its_lease(config: Config) -> None:
    heard_ns: list[int] = []
    host = PtyHost(Deaf(heard_ns, now_ns=DeviceClock().now_ns()), Path(config.pump.port), DeviceClock())
    host.plug()
    try:
        stopping = Stopping(load_pump(bed_file(config))[0], asyncio.get_running_loop())
        async with asyncio.timeout(15):
            assert not await stopping.run()
    finally:
        host.close()
    gaps_ns = [later - sooner for sooner, later in pairwise(heard_ns)]
    assert len(heard_ns) > 2
    assert max(gaps_ns) > 5_500_000_000
    assert "not answered" in stopping.seen()


@pytest.mark.req("CFG-06")
def test_a_mistyped_limit_does_not_keep_the_pump_from_being_stopped(config: Config) -> None:
    text = bed_file(config).read_text()
    bed_file(config).write_text(text.replace("profile =", "no_such_key = 1\nprofile ="))
    device, simulated = load_pump(bed_file(config))
    assert (device.driver, simulated) == ("ne1000", True)
