"""What a daemon touches besides its own code: lines, journal, bus, service manager, alarm. Replaceable as one object.

`RealOutside` is the world. Another one, such as simulated time, must keep the same promises: callbacks run in the
daemon's loop, one at a time, and never inside the call that caused them, the opening of a line by `start` excepted.
"""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Protocol

from pumpd.bedside.config import Config
from pumpd.bedside.local_alarm import LocalAlarm, LogAlarm
from pumpd.bedside.notify import ServiceManager
from pumpd.bedside.recovery import recover, recover_alarms, seen_ids
from pumpd.bedside.serial_line import LineCallbacks, SerialLine
from pumpd.core.alarms import Alarms
from pumpd.core.ports import Bus, Journal
from pumpd.core.session import SessionRecord
from pumpd.mqtt.session import BrokerSession, Callbacks
from pumpd.mqtt.topics import daemon_filters
from pumpd.records.journal import SqliteJournal

PTY_DIRECTORY = Path("/dev/pts")


def is_pseudo_terminal(port: str) -> bool:
    """Say whether nothing but a program can be behind `port`."""
    return Path(os.path.realpath(port)).is_relative_to(PTY_DIRECTORY)


class Line(Protocol):
    """A serial line that is opened again whenever it is lost."""

    @property
    def is_open(self) -> bool:
        """Whether the port is open."""

    def start(self) -> None:
        """Open the port, or keep trying; raises `PortInUseError`."""

    def write(self, data: bytes) -> None:
        """Write now; without an open port the bytes are lost."""

    def close(self) -> None:
        """Close for good."""


class BusSession(Bus, Protocol):
    """A bus with the task that keeps its connection."""

    async def run(self) -> NoReturn:
        """Keep a connection until cancelled; cancelled, say goodbye."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalCallbacks:
    """What the owner of a journal is told. All are called in the loop."""

    on_durable: Callable[[str], None]
    on_failed: Callable[[str], None]
    on_recovered: Callable[[], None]


class Outside(Protocol):
    """Everything around one daemon."""

    def is_simulated(self, port: str) -> bool:
        """Whether nothing but a simulated device can be behind `port`."""

    def recovered(self) -> SessionRecord | None:
        """Return the newest session in the journal."""

    def alarms(self) -> Alarms:
        """Return the alarms as the journal last holds them."""

    def seen_ids(self) -> tuple[str, ...]:
        """Return the ids of the commands in the journal, the oldest first."""

    def line(self, port: str, baud: int, callbacks: LineCallbacks) -> Line:
        """Return the line at `port`, not opened yet."""

    def journal(self, boot: str, wall: Callable[[], str], callbacks: JournalCallbacks) -> Journal:
        """Return the journal of this run of the daemon; raises `JournalError`."""

    def bus(self, boot: str, callbacks: Callbacks) -> BusSession:
        """Return the bus, not connected yet."""

    def local_alarm(self) -> LocalAlarm:
        """Return what sounds at the bedside."""

    def service_manager(self) -> ServiceManager:
        """Return who is told that the daemon lives."""


class RealOutside:
    """Serial ports, a SQLite file, an MQTT broker, the service manager that started this process."""

    def __init__(self, config: Config, loop: asyncio.AbstractEventLoop) -> None:
        self._config = config
        self._loop = loop

    def is_simulated(self, port: str) -> bool:
        """Whether `port` is a pseudo-terminal."""
        return is_pseudo_terminal(port)

    def recovered(self) -> SessionRecord | None:
        """Return the newest session in the journal's file."""
        return recover(self._config.journal)

    def alarms(self) -> Alarms:
        """Return the alarms as the journal's file last holds them."""
        return recover_alarms(self._config.journal)

    def seen_ids(self) -> tuple[str, ...]:
        """Return the ids of the commands in the journal's file."""
        return seen_ids(self._config.journal)

    def line(self, port: str, baud: int, callbacks: LineCallbacks) -> Line:
        """Return a serial port on the loop."""
        return SerialLine(port=Path(port), baud=baud, loop=self._loop, callbacks=callbacks)

    def journal(self, boot: str, wall: Callable[[], str], callbacks: JournalCallbacks) -> Journal:
        """Open the journal's file."""
        return SqliteJournal(
            self._config.journal,
            bed=self._config.bed,
            boot=boot,
            wall=wall,
            post=self._loop.call_soon_threadsafe,
            on_durable=callbacks.on_durable,
            on_failed=callbacks.on_failed,
            on_recovered=callbacks.on_recovered,
        )

    def bus(self, boot: str, callbacks: Callbacks) -> BusSession:
        """Return a session at the site's broker."""
        config = self._config
        return BrokerSession(
            endpoint=config.site.endpoint,
            bed=config.bed,
            account=config.site.beds[config.bed],
            password=config.site.daemon_password(config.bed),
            boot=boot,
            filters=daemon_filters(config.bed, tuple(config.site.operators)),
            callbacks=callbacks,
        )

    def local_alarm(self) -> LocalAlarm:
        """Return the alarm that speaks through the log."""
        return LogAlarm()

    def service_manager(self) -> ServiceManager:
        """Return the service manager's socket, if it named one."""
        return ServiceManager()
