"""The two simulated monitors as programs of their own."""

import os
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from simulators.devices.nonin.__main__ import main as nonin_main
from simulators.devices.suntech.__main__ import main as suntech_main

ROOT = Path(__file__).parents[2]
PATIENCE_S = 20.0


@contextmanager
def served(module: str, link: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run a device and open its line."""
    command = [sys.executable, "-m", f"simulators.devices.{module}", "--link", str(link), "--control", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as process:
        try:
            deadline_s = time.monotonic() + PATIENCE_S
            while not link.is_symlink():
                assert process.poll() is None, process.stderr and process.stderr.read()
                assert time.monotonic() < deadline_s
                select.select([], [], [], 0.01)
            descriptor = os.open(link, os.O_RDWR | os.O_NOCTTY)
            try:
                termios.tcflush(descriptor, termios.TCIFLUSH)
                yield process, descriptor
            finally:
                os.close(descriptor)
        finally:
            process.terminate()


def read_until(descriptor: int, wanted: bytes) -> None:
    heard = b""
    deadline_s = time.monotonic() + PATIENCE_S
    while wanted not in heard:
        assert time.monotonic() < deadline_s, heard[-200:].hex(" ")
        if select.select([descriptor], [], [], 0.1)[0]:
            heard += os.read(descriptor, 4096)


def command(process: subprocess.Popen[bytes], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n".encode())
    process.stdin.flush()


@pytest.mark.process
@pytest.mark.parametrize("pacing", ["frame", "packet"])
def test_the_oximeter_talks_and_obeys(pacing: str, tmp_path: Path) -> None:
    with served("nonin", tmp_path / "spo2", "--hr", "80", "--spo2", "95", "--pacing", pacing) as (process, line):
        read_until(line, bytes([1, 0x82]))
        command(process, "probe-off")
        read_until(line, bytes([1, 0x88]))
        command(process, "explode")
        assert process.stderr is not None
        assert process.stderr.readline().startswith(b"unknown command 'explode'")


@pytest.mark.process
def test_the_cuff_answers_and_obeys(tmp_path: Path) -> None:
    with served("suntech", tmp_path / "cuff", "--sbp", "120", "--cycle-s", "1") as (process, line):
        command(process, "sbp 165")
        os.write(line, bytes.fromhex("3a20a6"))
        read_until(line, bytes.fromhex("3e044f6f"))
        read_until(line, bytes.fromhex("3e044b73"))
        os.write(line, bytes.fromhex("3a7903004a"))
        read_until(line, bytes.fromhex("3e18a5004c00"))


@pytest.mark.parametrize(
    ("program", "arguments", "message"),
    [
        (nonin_main, ["--hr", "500"], "--hr is 500/min; the device measures 18 to 321/min"),
        (nonin_main, ["--spo2", "101"], "--spo2 is 101 %; it must be 0 to 100 %"),
        (suntech_main, ["--sbp", "70", "--dbp", "76"], "--sbp is 70 and --dbp 76 mmHg"),
        (suntech_main, ["--hr", "-1"], "--hr is -1/min"),
        (suntech_main, ["--cycle-s", "0"], "--cycle-s is 0 s"),
    ],
)
def test_a_bad_argument_is_one_sentence(
    program: object, arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(program)
    with pytest.raises(SystemExit) as caught:
        program(["--link", str(tmp_path / "line"), *arguments])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
