"""A serial port on the event loop, on real pseudo-terminals: bytes, hang-up, coming back, one owner."""

import asyncio
import os
import pty
import tty
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pumpd.bedside.serial_line import LineCallbacks, PortInUseError, SerialLine


class Cable:
    """A pseudo-terminal under a stable name that can be pulled and put back."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self.master = self.slave = -1

    def plug(self) -> None:
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.link.symlink_to(os.ttyname(self.slave))

    def pull(self) -> None:
        self.link.unlink(missing_ok=True)
        for fd in (self.master, self.slave):
            with suppress(OSError):
                os.close(fd)
        self.master = self.slave = -1


class Owner:
    """Notes what a line tells it."""

    def __init__(self, port: Path) -> None:
        self.opened = asyncio.Event()
        self.closed = asyncio.Event()
        self.received = asyncio.Event()
        self.data = b""
        self.reasons: list[str] = []
        self.line = SerialLine(
            port=port,
            baud=19_200,
            loop=asyncio.get_running_loop(),
            callbacks=LineCallbacks(on_opened=self.opened.set, on_bytes=self._take, on_closed=self._lost),
        )

    def _take(self, data: bytes) -> None:
        self.data += data
        self.received.set()

    def _lost(self, reason: str) -> None:
        self.reasons.append(reason)
        self.closed.set()


@pytest.fixture
def cable(tmp_path: Path) -> Iterator[Cable]:
    made = Cable(tmp_path / "port")
    yield made
    made.pull()


async def test_bytes_go_both_ways(cable: Cable) -> None:
    cable.plug()
    owner = Owner(cable.link)
    owner.line.start()
    assert owner.opened.is_set()
    owner.line.write(b"\x02\x07STP\x9f\x10\x03")
    assert os.read(cable.master, 64) == b"\x02\x07STP\x9f\x10\x03"
    os.write(cable.master, b"\x00\xff\x11\x13\r\n")
    async with asyncio.timeout(2):
        await owner.received.wait()
    assert owner.data == b"\x00\xff\x11\x13\r\n"
    owner.line.close()


@pytest.mark.req("COMM-11")
async def test_a_pulled_cable_is_told_once_and_the_port_comes_back(cable: Cable) -> None:
    cable.plug()
    owner = Owner(cable.link)
    owner.line.start()
    owner.opened.clear()
    cable.pull()
    async with asyncio.timeout(2):
        await owner.closed.wait()
    assert len(owner.reasons) == 1
    assert not owner.line.is_open
    owner.line.write(b"lost on purpose")
    cable.plug()
    async with asyncio.timeout(5):
        await owner.opened.wait()
    owner.line.write(b"again")
    assert os.read(cable.master, 64) == b"again"
    owner.line.close()


async def test_a_port_that_does_not_exist_yet_is_waited_for(cable: Cable) -> None:
    owner = Owner(cable.link)
    owner.line.start()
    assert "No such file" in owner.reasons[0]
    cable.plug()
    async with asyncio.timeout(5):
        await owner.opened.wait()
    owner.line.close()


@pytest.mark.req("CMD-07")
async def test_a_second_owner_is_refused(cable: Cable) -> None:
    cable.plug()
    owner, second = Owner(cable.link), Owner(cable.link)
    owner.line.start()
    with pytest.raises(PortInUseError, match="in use by another program"):
        second.line.start()
    owner.line.close()
    second.line.close()


async def test_a_line_that_takes_nothing_is_given_up_without_growing(cable: Cable) -> None:
    cable.plug()
    owner = Owner(cable.link)
    owner.line.start()
    for _ in range(64):
        owner.line.write(b"x" * 512)
        if not owner.line.is_open:
            break
    assert not owner.line.is_open
    assert "takes no bytes" in owner.reasons[0]
    owner.line.close()
