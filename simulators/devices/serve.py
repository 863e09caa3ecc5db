"""The command line shared by all simulated devices: link, control lines, signals. Knows no protocol."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn, Protocol

from simulators.devices.device import HostClock, SerialDevice
from simulators.devices.host import MonotonicClock, PtyHost

USAGE_ERROR = 2
MAX_LINE_BYTES = 4096
"""A control line is a few words; a longer one is thrown away."""


class ControlError(ValueError):
    """A control command that was not understood; its text is one sentence for the user."""


class ServedDevice(SerialDevice, Protocol):
    """A device with its own control commands."""

    def control(self, words: Sequence[str], now_ns: int) -> None:
        """Carry out one command line, split into words; raise `ControlError` when it is not understood."""


class OneSentenceParser(argparse.ArgumentParser):
    """An argument parser whose errors are one sentence and exit code 2."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and leave."""
        self.exit(USAGE_ERROR, f"{self.prog}: {message}\n")


def parser_for(program: str, description: str) -> OneSentenceParser:
    """Return a parser with the arguments that every device takes."""
    parser = OneSentenceParser(prog=program, description=description)
    parser.add_argument("--link", type=Path, required=True, help="symbolic link to make to the pseudo-terminal")
    parser.add_argument(
        "--control", action="store_true", help="read commands, one a line, from standard input (a pipe or terminal)"
    )
    return parser


def run(
    parser: argparse.ArgumentParser, options: argparse.Namespace, build: Callable[[HostClock], ServedDevice]
) -> int:
    """Serve the device that `build` makes until SIGTERM or SIGINT; return the exit code."""
    try:
        asyncio.run(_serve(options.link, build, control=options.control))
    except OSError as error:
        parser.error(f"cannot serve at {options.link}: {error}")
    return 0


async def _serve(link: Path, build: Callable[[HostClock], ServedDevice], *, control: bool) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    clock = MonotonicClock()
    device = build(clock)
    host = PtyHost(device, link, clock)
    lines = ControlLines(lambda words: obey(words, host, device, clock)) if control else None
    try:
        if lines is not None:
            lines.open(sys.stdin.fileno())
        await stop.wait()
    finally:
        if lines is not None:
            lines.close()
        host.close()


def obey(words: Sequence[str], host: PtyHost, device: ServedDevice, clock: HostClock) -> None:
    """Carry out one control command: `unplug` and `plug` here, everything else by the device."""
    match words:
        case ["unplug"]:
            host.unplug()
        case ["plug"]:
            host.plug()
        case _:
            device.control(words, clock.now_ns())
            host.wake()


class ControlLines:
    """Reads command lines from a descriptor on the running loop; a bad one draws one sentence on standard error."""

    def __init__(self, act: Callable[[Sequence[str]], None]) -> None:
        self._act = act
        self._loop = asyncio.get_running_loop()
        self._descriptor: int | None = None
        self._pending = b""

    @property
    def is_open(self) -> bool:
        """Tell whether lines are read: from `open` until `close`, or until the far side has closed."""
        return self._descriptor is not None

    def open(self, descriptor: int) -> None:
        """Begin to read; raise OSError for a descriptor that cannot be waited for, such as a plain file."""
        try:
            self._loop.add_reader(descriptor, self._on_readable, descriptor)
        except PermissionError:
            raise OSError("control commands need a pipe or a terminal on standard input") from None
        self._descriptor = descriptor

    def close(self) -> None:
        """Stop reading."""
        if self._descriptor is not None:
            self._loop.remove_reader(self._descriptor)
            self._descriptor = None

    def _on_readable(self, descriptor: int) -> None:
        data = os.read(descriptor, MAX_LINE_BYTES)
        if not data:
            self.close()
            return
        *lines, self._pending = (self._pending + data).split(b"\n")
        if len(self._pending) > MAX_LINE_BYTES:
            self._pending = b""
        for line in lines:
            self._obey(line.decode(errors="replace").split())

    def _obey(self, words: Sequence[str]) -> None:
        if not words:
            return
        try:
            self._act(words)
        except (ControlError, OSError) as error:
            print(error, file=sys.stderr, flush=True)
