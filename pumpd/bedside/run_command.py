"""`pumpd run`: one daemon for one pump, until it is told to end."""

import argparse
import asyncio
import os
import signal
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from drivers import registry
from pumpd.bedside import heap
from pumpd.bedside.clock import MonotonicClock
from pumpd.bedside.config import Config, ConfigError, load_config
from pumpd.bedside.daemon import Daemon
from pumpd.bedside.outside import is_pseudo_terminal
from pumpd.bedside.serial_line import PortInUseError, open_port
from pumpd.mqtt.site import SiteError
from pumpd.records.database import JournalError
from pumpd.records.encoding import EncodingError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

EXIT_USAGE = 2


def add_parser(subparsers: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser("run", help="run the daemon of one pump")
    parser.add_argument("--config", type=Path, required=True, help="the bed's configuration file")
    parser.set_defaults(handler=_main)


def configure_log() -> None:
    """Log as JSON to the service manager, in plain lines to a terminal; never to standard output."""
    json = "JOURNAL_STREAM" in os.environ
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _main(arguments: argparse.Namespace) -> int:
    configure_log()
    try:
        config = load_config(arguments.config)
        stop_first(config)
        return asyncio.run(_run(config))
    except (ConfigError, SiteError, JournalError, EncodingError, PortInUseError) as error:
        print(f"pumpd run: {error}", file=sys.stderr)
        return EXIT_USAGE


def stop_first(config: Config) -> None:
    """Write a stop to the pump before anything else is opened: a journal that cannot be used must not delay it.

    Raises `PortInUseError` when another program holds the port. A simulated bed never opens a real port (CFG-06).
    """
    if config.simulated and not is_pseudo_terminal(config.pump.port):
        return
    driver = registry.pump(config.pump.driver)
    try:
        port = open_port(Path(config.pump.port), driver.baud)
    except PortInUseError:
        raise
    except OSError:
        return  # no port, no pump to stop here; its lease ends flow, and the daemon keeps trying
    with closing(port), suppress(OSError):
        os.write(port.fileno(), driver.stop_packet)


async def _run(config: Config) -> int:
    loop = asyncio.get_running_loop()
    daemon = Daemon(config, clock=MonotonicClock(loop), loop=loop)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, daemon.end)
    heap.freeze()
    structlog.get_logger("pumpd").info("running", bed=config.bed, profile=config.profile.name)
    return await daemon.run()
