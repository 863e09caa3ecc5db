"""`pumpd stop-pump`: brings the pump of one bed to rest without a daemon, and says what it saw. Knows no session.

For an engineer at a terminal, and for the service manager after the daemon has ended in whatever way. It holds to the
same rule as the daemon: stops for 3 s, then silence so that the pump's own watchdog acts, then one question.
"""

import argparse
import asyncio
import sys
from enum import IntEnum, unique
from pathlib import Path
from typing import TYPE_CHECKING

from drivers import registry
from pumpd.bedside.clock import MonotonicClock
from pumpd.bedside.config import ConfigError, Device, load_pump
from pumpd.bedside.outside import is_pseudo_terminal
from pumpd.bedside.pump_port import PumpCallbacks, PumpPort
from pumpd.bedside.serial_line import LineCallbacks, PortInUseError, SerialLine
from pumpd.core.ports import LinePolicy, PumpCounter, PumpDriver, PumpFact, PumpStatus
from pumpd.core.quantities import NS_PER_S, in_ml
from pumpd.core.rest import Aim, Halt, Phase

if TYPE_CHECKING:
    from argparse import _SubParsersAction

LIMIT_S = 10.0
"""How long rest is waited for (requirement CTRL-10)."""
LEASE_S = 5
"""The pump is left silent for this and one second more; together with stops and question this fits `LIMIT_S`."""
LOOK_EVERY_S = 0.05


@unique
class Exit(IntEnum):
    """What the command ends with."""

    AT_REST = 0
    NOT_CONFIRMED = 1
    USAGE = 2
    IN_USE = 3


def add_parser(subparsers: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser("stop-pump", help="stop the pump of one bed without a daemon")
    parser.add_argument("--config", type=Path, required=True, help="the bed's configuration file")
    parser.set_defaults(handler=_main)


def _main(arguments: argparse.Namespace) -> int:
    try:
        device, simulated = load_pump(arguments.config)
    except ConfigError as error:
        print(f"pumpd stop-pump: {error}", file=sys.stderr)
        return Exit.USAGE
    if simulated and Path(device.port).exists() and not is_pseudo_terminal(device.port):
        print(
            f"pumpd stop-pump: simulated is true, but {device.port} is a real port; nothing was sent", file=sys.stderr
        )
        return Exit.USAGE
    if simulated:
        print("SIMULATED")
    return asyncio.run(_stop(device))


async def _stop(device: Device) -> Exit:
    stopping = Stopping(device, asyncio.get_running_loop())
    try:
        seen = await stopping.run()
    except PortInUseError as error:
        print(f"pumpd stop-pump: {error}; a daemon that holds it stops the pump itself", file=sys.stderr)
        return Exit.IN_USE
    print(stopping.seen())
    if seen:
        print("the pump is at rest")
        return Exit.AT_REST
    print("REST IS NOT CONFIRMED: stop at the pump and clamp the line", file=sys.stderr)
    return Exit.NOT_CONFIRMED


class Stopping:
    """One effort to bring a pump to confirmed rest."""

    def __init__(self, device: Device, loop: asyncio.AbstractEventLoop) -> None:
        self._driver: PumpDriver = registry.pump(device.driver, lease_s=LEASE_S)
        self._clock = MonotonicClock(loop)
        self._why_closed: str | None = None
        self._status: PumpStatus | None = None
        self._counter: PumpCounter | None = None
        now_ns = self._clock.now_ns()
        # nobody knows here how fast the pump ran, so the counter is read once and not waited for
        self._halt = Halt(
            aim=Aim.LOOK, cause="stop-pump", by_human=True, since_ns=now_ns, phase_since_ns=now_ns, rate_nl_h=None
        )

        def line(callbacks: LineCallbacks) -> SerialLine:
            return SerialLine(port=Path(device.port), baud=self._driver.baud, loop=loop, callbacks=callbacks)

        self._port = PumpPort(
            driver=self._driver,
            make_line=line,
            clock=self._clock,
            callbacks=PumpCallbacks(
                on_fact=self._take,
                on_opened=self._opened,
                on_closed=self._closed,
                on_wire=lambda _kind, _data: None,
                policy=lambda _now_ns: LinePolicy.SILENT if self._halt.phase is Phase.SILENT else LinePolicy.STOPPING,
                guard=lambda callback: callback(),
            ),
        )

    async def run(self) -> bool:
        """Stop the pump; say whether rest is confirmed. Raises `PortInUseError` and sends nothing then."""
        self._port.start()
        limit_ns = self._clock.now_ns() + int(LIMIT_S * NS_PER_S)
        try:
            while not self._halt.confirmed and self._port.is_open and self._clock.now_ns() < limit_ns:
                self._halt = self._halt.at(self._clock.now_ns(), LEASE_S * NS_PER_S)
                self._port.drive()
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            self._port.close()
        return self._halt.confirmed

    def seen(self) -> str:
        """Say in words what the pump has told."""
        if self._why_closed is not None:
            return f"no link to the pump: {self._why_closed}"
        if self._status is None:
            return "the pump has not answered"
        said = f"the pump says: {self._status.state.value}"
        if self._counter is None:
            return f"{said}; its counter was not read"
        low_ml, high_ml = (in_ml(bound) for bound in (self._counter.low_nl, self._counter.high_nl))
        return f"{said}; its counter: {low_ml} to {high_ml} mL"

    def _opened(self) -> None:
        self._why_closed = None
        self._port.stop()

    def _closed(self, reason: str, _last_packet_ns: int | None) -> None:
        self._why_closed = reason

    def _take(self, fact: PumpFact) -> None:
        match fact:
            case PumpStatus():
                self._status = fact
                before, self._halt = self._halt, self._halt.with_status(fact, self._clock.now_ns())
                if before.phase is Phase.ASKING and self._halt.phase is Phase.SILENT:
                    self._port.stop()  # one, then silence again: more would keep the pump's watchdog content
            case PumpCounter():
                self._counter = fact
                self._halt = self._halt.with_counter(fact)
            case _:
                pass
