"""`pumpd run`: one daemon for one pump, until it is told to end."""

import argparse
import asyncio
import gc
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from pumpd.bedside.clock import MonotonicClock
from pumpd.bedside.config import ConfigError, load_config
from pumpd.bedside.daemon import Daemon
from pumpd.bedside.serial_line import PortInUseError
from pumpd.mqtt.site import SiteError
from pumpd.records.database import JournalError

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
        return asyncio.run(_run(config_path=arguments.config, bed=config.bed))
    except (ConfigError, SiteError, JournalError, PortInUseError) as error:
        print(f"pumpd run: {error}", file=sys.stderr)
        return EXIT_USAGE


async def _run(*, config_path: Path, bed: str) -> int:
    loop = asyncio.get_running_loop()
    daemon = Daemon(load_config(config_path), clock=MonotonicClock(loop), loop=loop)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, daemon.end)
    # a full collection would hold the loop for longer than a stop takes on the wire
    gc.freeze()
    gc.disable()
    structlog.get_logger("pumpd").info("running", bed=bed, profile=daemon.config.profile.name)
    return await daemon.run()
