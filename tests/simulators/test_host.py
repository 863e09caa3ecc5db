"""The pseudo-terminal host, its clock and its command line."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
import serial

from simulators.devices.host import MonotonicClock, PtyHost, replace_link
from simulators.devices.ne1000 import Ne1000, Settings
from simulators.devices.ne1000.__main__ import main
from simulators.devices.ne1000.control import ControlledNe1000
from simulators.devices.serve import ControlLines, obey
from tests.simulators.ne1000_bench import MS_NS, safe, split_safe

WAIT_S = 10.0


class Echo:
    """A device that sends back what it gets, and says `!` at a set time."""

    def __init__(self) -> None:
        self.out = b""
        self.alarm_ns: int | None = None
        self.late_by_ns: int | None = None

    def receive(self, data: bytes, now_ns: int) -> None:  # noqa: ARG002  # an echo takes no time
        self.out += data

    def advance(self, now_ns: int) -> None:
        if self.alarm_ns is not None and now_ns >= self.alarm_ns:
            self.late_by_ns = now_ns - self.alarm_ns
            self.alarm_ns = None
            self.out += b"!"

    def transmit(self, now_ns: int) -> bytes:  # noqa: ARG002  # an echo takes no time
        out, self.out = self.out, b""
        return out

    def next_deadline_ns(self) -> int | None:
        return self.alarm_ns


@pytest.fixture
async def echo(tmp_path: Path) -> AsyncIterator[tuple[Echo, PtyHost]]:
    device = Echo()
    host = PtyHost(device, tmp_path / "port", MonotonicClock())
    yield device, host
    host.close()


def open_port(link: Path) -> int:
    return os.open(link, os.O_RDWR | os.O_NOCTTY)


async def read_exactly(descriptor: int, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += await asyncio.to_thread(os.read, descriptor, count - len(data))
    return data


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():  # what is waited for sets no event
            await asyncio.sleep(0.001)


def wait_until(condition: Callable[[], bool]) -> None:
    limit_ns = time.monotonic_ns() + int(WAIT_S * 1e9)
    while not condition():
        assert time.monotonic_ns() < limit_ns
        time.sleep(0.01)


def open_descriptors() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


def names_in(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


async def test_every_byte_value_passes_unchanged(echo: tuple[Echo, PtyHost]) -> None:
    port = open_port(echo[1].link)
    everything = bytes(range(256))
    os.write(port, everything)
    async with asyncio.timeout(WAIT_S):
        assert await read_exactly(port, 256) == everything
    os.close(port)


async def test_the_far_side_may_close_and_come_back(echo: tuple[Echo, PtyHost]) -> None:
    for word in (b"one", b"two"):
        port = open_port(echo[1].link)
        os.write(port, word)
        async with asyncio.timeout(WAIT_S):
            assert await read_exactly(port, 3) == word
        os.close(port)
        await asyncio.sleep(0)


async def test_a_deadline_is_kept_and_never_early(echo: tuple[Echo, PtyHost]) -> None:
    device, host = echo
    port = open_port(host.link)
    device.alarm_ns = time.monotonic_ns() + 20 * MS_NS
    host.wake()
    async with asyncio.timeout(WAIT_S):
        assert await read_exactly(port, 1) == b"!"
    assert device.late_by_ns is not None
    assert device.late_by_ns >= 0
    os.close(port)


async def test_a_deadline_may_be_called_off(echo: tuple[Echo, PtyHost]) -> None:
    device, host = echo
    device.alarm_ns = time.monotonic_ns() + 3600 * 10**9
    host.wake()
    device.alarm_ns = None
    host.wake()
    device.alarm_ns = time.monotonic_ns() + 3600 * 10**9
    host.wake()


async def test_what_nobody_reads_is_lost_not_kept(echo: tuple[Echo, PtyHost]) -> None:
    device, host = echo
    for _ in range(100):
        device.out = b"x" * 1000
        host.wake()
    port = open_port(host.link)
    os.set_blocking(port, False)
    kept = 0
    while True:
        try:
            kept += len(os.read(port, 65536))
        except BlockingIOError:
            break
    assert 0 < kept < 100_000
    os.write(port, b"again")
    os.set_blocking(port, True)
    async with asyncio.timeout(WAIT_S):
        assert await read_exactly(port, 5) == b"again"
    os.close(port)


async def test_unplug_hangs_up_and_the_device_lives_on(echo: tuple[Echo, PtyHost]) -> None:
    device, host = echo
    port = open_port(host.link)
    device.alarm_ns = time.monotonic_ns() + 5 * MS_NS
    host.wake()
    host.unplug()
    host.unplug()
    assert not host.plugged
    assert not host.link.is_symlink()
    with pytest.raises(OSError, match="Errno 5"):
        os.write(port, b"x")
    assert os.read(port, 10) == b""
    await until(lambda: device.late_by_ns is not None)
    os.close(port)
    host.plug()
    host.plug()
    assert host.plugged
    port = open_port(host.link)
    os.write(port, b"back")
    async with asyncio.timeout(WAIT_S):
        assert await read_exactly(port, 4) == b"back"
    os.close(port)


async def test_pyserial_sees_the_hang_up(echo: tuple[Echo, PtyHost]) -> None:
    with serial.Serial(str(echo[1].link), 19200, timeout=1, exclusive=True) as port:
        echo[1].unplug()
        with pytest.raises(serial.SerialException):
            await asyncio.to_thread(port.read, 1)


async def test_nothing_is_left_after_close(tmp_path: Path) -> None:
    before = open_descriptors()
    host = PtyHost(Ne1000(now_ns=time.monotonic_ns()), tmp_path / "port", MonotonicClock())
    host.close()
    host.close()
    assert open_descriptors() == before
    assert names_in(tmp_path) == []
    assert len(asyncio.all_tasks()) == 1


async def test_a_stale_link_is_replaced_and_a_file_is_not(tmp_path: Path) -> None:
    stale, file = tmp_path / "stale", tmp_path / "file"
    stale.symlink_to("/nowhere/at/all")
    host = PtyHost(Echo(), stale, MonotonicClock())
    assert stale.exists()
    host.close()
    file.write_text("precious")
    before = open_descriptors()
    with pytest.raises(FileExistsError, match="not a symbolic link"):
        PtyHost(Echo(), file, MonotonicClock())
    with pytest.raises(FileNotFoundError):
        PtyHost(Echo(), tmp_path / "no" / "port", MonotonicClock())
    assert file.read_text() == "precious"
    assert open_descriptors() == before


async def test_a_link_that_now_leads_elsewhere_is_left_alone(echo: tuple[Echo, PtyHost]) -> None:
    replace_link(echo[1].link, "/dev/null")
    echo[1].close()
    assert echo[1].link.is_symlink()


async def test_a_pump_answers_over_the_terminal(tmp_path: Path) -> None:
    pump = Ne1000(now_ns=time.monotonic_ns(), settings=Settings(safe_s=5), pending_alarm=None)
    host = PtyHost(pump, tmp_path / "pump", MonotonicClock())
    with serial.Serial(str(host.link), 19200, timeout=WAIT_S, exclusive=True) as port:
        sent_ns = time.monotonic_ns()
        port.write(safe("00VER"))
        reply = await asyncio.to_thread(port.read, 20)
        assert split_safe(reply) == ["00SNE1000V3.923"]
        assert time.monotonic_ns() - sent_ns >= 2 * MS_NS + 10_416_667
    host.close()


async def test_control_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clock = MonotonicClock()
    pump = ControlledNe1000(now_ns=clock.now_ns())
    host = PtyHost(pump, tmp_path / "pump", clock)
    seen: list[Sequence[str]] = []

    def act(words: Sequence[str]) -> None:
        obey(words, host, pump, clock)
        seen.append(words)

    reader, writer = os.pipe()
    lines = ControlLines(act)
    lines.open(reader)
    os.write(writer, b"unplug\n\nnonsense\npo")
    os.write(writer, b"wer-off\n" + b"x" * 5000 + b"\n")
    await until(lambda: len(seen) == 2)
    assert seen == [["unplug"], ["power-off"]]
    assert not host.plugged
    assert not pump.powered
    os.write(writer, b"plug\n")
    await until(lambda: host.plugged)
    assert capsys.readouterr().err.startswith("unknown command 'nonsense'; known are: unplug, plug, ")
    assert lines.is_open
    os.close(writer)
    await until(lambda: not lines.is_open)
    lines.close()
    os.close(reader)
    host.close()


async def test_control_lines_need_a_pipe(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file, pytest.raises(OSError, match="need a pipe or a terminal"):
        ControlLines(lambda _: None).open(file.fileno())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "the following arguments are required: --link"),
        (["--link", "{}/port", "--fault", "nonsense"], "unknown fault 'nonsense'"),
        (["--link", "{}/port", "--fault", "stall=x"], "fault stall does not take the value 'x'"),
        (["--link", "{}/port", "--log", "{}/no/log"], "cannot write the log"),
        (["--link", "{}/no/port"], "cannot serve at"),
    ],
)
def test_bad_arguments(arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([text.format(tmp_path) for text in arguments])
    assert left.value.code == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1


@pytest.mark.process
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_serves_logs_and_ends_cleanly(number: signal.Signals, tmp_path: Path) -> None:
    link, log = tmp_path / "pump", tmp_path / "flow.jsonl"
    command = [sys.executable, "-m", "simulators.devices.ne1000", "--link", str(link), "--log", str(log), "--control"]
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [*command, "--fault", "rate-error=100000"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=root
    ) as process:
        try:
            wait_until(link.exists)
            with serial.Serial(str(link), 19200, timeout=WAIT_S) as port:
                for text, reply in [("", b"00A?R"), ("DIA26.59", b"00S"), ("RAT36MH", b"00S"), ("RUN", b"00I")]:
                    port.write(text.encode() + b"\r")
                    assert port.read_until(b"\x03") == b"\x02" + reply + b"\x03"
            assert process.stdin is not None
            process.stdin.write(b"explode\nkey-stop\n")
            process.stdin.flush()
            wait_until(lambda: log.read_text().count("\n") == 3)
        finally:
            process.send_signal(number)
            _, errors = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0
    assert errors.decode().startswith("unknown command 'explode'")
    assert errors.count(b"\n") == 1
    assert not link.is_symlink()
    first, flowing, stopped = (json.loads(line) for line in log.read_text().splitlines())
    assert [line["rate_nl_h"] for line in (first, flowing, stopped)] == [0, 39_600_000, 0]
    lasted_ns = stopped["monotonic_ns"] - flowing["monotonic_ns"]
    assert stopped["delivered_nl"] == 39_600_000 * lasted_ns // 3_600_000_000_000
    assert set(first) == {"wall_utc", "monotonic_ns", "rate_nl_h", "delivered_nl"}
