"""`pumpd broker` on the command line. Loads the broker only when it is to run: a daemon's process never holds it."""

import argparse
from pathlib import Path


def run_broker(options: argparse.Namespace) -> int:
    """Carry out `pumpd broker`; return the exit code."""
    from pumpd.mqtt import embedded_broker

    return embedded_broker.run(options.site, options.port)


def port_number(text: str) -> int:
    """Return the TCP port in `text`, for argparse."""
    number = int(text)
    if not 1 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"port {number} is not between 1 and 65535")
    return number


def add_broker_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `pumpd broker` to the command line."""
    parser = subparsers.add_parser("broker", help="run the embedded broker on loopback", allow_abbrev=False)
    add_broker_arguments(parser)
    parser.set_defaults(handler=run_broker)


def add_broker_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the broker takes."""
    parser.add_argument("--site", type=Path, required=True, help="the site file")
    parser.add_argument("--port", type=port_number, help="instead of the site file's")
