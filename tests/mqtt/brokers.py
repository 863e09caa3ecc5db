"""Real brokers in processes of their own, and the daemon's side of the bus as the tests see it."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

from pumpd.mqtt.accounts import provision
from pumpd.mqtt.broker_config import MOSQUITTO
from pumpd.mqtt.session import BrokerSession, Callbacks
from pumpd.mqtt.site import Site, load_site
from pumpd.mqtt.topics import daemon_filters
from simulators.harness.site import free_port

WAIT_S = 15.0
REPOSITORY = Path(__file__).parents[2]
SITE = """
credentials_dir = "credentials"
readers = ["dashboard"]
[broker]
port = {port}
[[operator]]
name = "anna"
role = "nurse"
[[operator]]
name = "ben"
role = "nurse"
[[operator]]
name = "vera"
role = "viewer"
[[bed]]
name = "bed1"
account = "pump-bed1"
[[source]]
name = "ox7"
bed = "bed1"
kinds = ["spo2"]
[[source]]
name = "ox8"
bed = "bed1"
kinds = ["spo2"]
"""
T = TypeVar("T")


async def soon(awaitable: Awaitable[T]) -> T:
    async with asyncio.timeout(WAIT_S):
        return await awaitable


@dataclass
class RunningBroker:
    """A broker that a test may kill and start again on the same port."""

    site: Site
    command: list[str]
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, cwd=REPOSITORY, stdout=subprocess.DEVNULL)
        deadline_s = time.monotonic() + WAIT_S
        while True:
            if self.process.poll() is not None:
                raise AssertionError(f"the broker ended with code {self.process.returncode}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.site.broker.port), 0.5):
                return
            if time.monotonic() > deadline_s:
                self.end()
                raise AssertionError(f"no broker listens on port {self.site.broker.port} after {WAIT_S} s")
            time.sleep(0.02)

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.wait()

    def wait(self) -> int:
        assert self.process is not None
        return self.process.wait(WAIT_S)

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.kill()


Prepare = Callable[[Path], None]
"""Changes a site file before anything is made of it."""


def as_it_is(_site_file: Path) -> None:
    """Change nothing."""


def new_site(folder: Path, prepare: Prepare = as_it_is) -> Site:
    path = folder / "site.toml"
    path.write_text(SITE.format(port=free_port()), encoding="utf-8")
    prepare(path)
    site = load_site(path)
    provision(site)
    return site


def amqtt(folder: Path, prepare: Prepare = as_it_is) -> RunningBroker:
    site = new_site(folder, prepare)
    command = [
        sys.executable,
        "-W",
        "error::DeprecationWarning",
        "-m",
        "pumpd.mqtt.embedded_broker",
        "--site",
        str(site.path),
    ]
    return RunningBroker(site, command)


def mosquitto(folder: Path, prepare: Prepare = as_it_is) -> RunningBroker:
    program = shutil.which("mosquitto")
    if program is None:
        pytest.skip("mosquitto is not installed")
    site = new_site(folder, prepare)
    written = run_command("broker-config", "--site", str(site.path), "--to", str(folder))
    assert written.returncode == 0, written.stderr
    if os.geteuid() == 0:  # it would drop to an account that may not read this folder
        with (folder / MOSQUITTO).open("a", encoding="utf-8") as config:
            config.write("user root\n")
    return RunningBroker(site, [program, "-c", str(folder / MOSQUITTO)])


BROKERS = {"amqtt": amqtt, "mosquitto": mosquitto}


def run_command(*arguments: str, typed: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run `pumpd` as a person does."""
    command = [sys.executable, "-m", "pumpd.cli", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, input=typed, capture_output=True, text=True, timeout=WAIT_S)


Message = tuple[str, bytes, bool]


@dataclass
class DaemonSide:
    """What a daemon's session heard, in order."""

    session: BrokerSession | None = None
    messages: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)
    connects: asyncio.Queue[None] = field(default_factory=asyncio.Queue)
    losses: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        assert self.session is not None
        self.session.publish(topic, payload, qos=qos, retain=retain)


@contextlib.asynccontextmanager
async def daemon_side(
    site: Site,
    *,
    connected: bool = True,
    password: str | None = None,
    on_connected: Callable[[], None] | None = None,
    before: Callable[[DaemonSide], None] = lambda _side: None,
) -> AsyncIterator[DaemonSide]:
    """Run a daemon's session for the time of the block; nothing may reach the loop's exception handler."""
    side = DaemonSide()
    complaints: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))

    def tell_connected() -> None:
        if on_connected is not None:
            on_connected()
        side.connects.put_nowait(None)

    side.session = BrokerSession(
        endpoint=site.endpoint,
        bed="bed1",
        account="pump-bed1",
        password=site.daemon_password("bed1") if password is None else password,
        boot="boot-1",
        filters=daemon_filters("bed1", tuple(site.operators), site.sources("bed1")),
        callbacks=Callbacks(
            on_connected=tell_connected,
            on_message=lambda topic, payload, retained: side.messages.put_nowait((topic, payload, retained)),
            on_lost=side.losses.put_nowait,
        ),
    )
    before(side)
    task = asyncio.create_task(side.session.run(), name="broker-session")
    try:
        if connected:
            await soon(side.connects.get())
        yield side
    finally:
        task.cancel()
        await asyncio.wait([task])
        asyncio.get_running_loop().set_exception_handler(None)
        assert not complaints
