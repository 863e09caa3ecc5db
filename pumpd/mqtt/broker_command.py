"""`pumpd broker` and `pumpd broker-config` on the command line.

The broker is loaded only when it is to run: a daemon's process never holds it.
"""

import argparse
import sys
from pathlib import Path

from pumpd.mqtt.accounts import provision, write_private
from pumpd.mqtt.broker_config import amqtt_files, mosquitto_files
from pumpd.mqtt.site import SiteError, load_site

_FILES = {"mosquitto": mosquitto_files, "amqtt": amqtt_files}


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


def run_broker_config(options: argparse.Namespace) -> int:
    """Carry out `pumpd broker-config`; return the exit code."""
    folder = options.to.absolute()
    try:
        site = load_site(options.site)
        fresh = provision(site)
        files = _FILES[options.broker](site, folder)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, content in files.items():
            write_private(folder / name, content)
    except SiteError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"the files in {folder} cannot be written: {error.strerror}", file=sys.stderr)
        return 2
    if fresh:
        print(f"new passwords in {site.credentials_dir} for {', '.join(fresh)}", file=sys.stderr)
    print("\n".join(str(folder / name) for name in files))
    print("Give the broker's account the right to read them, then start it anew or send it SIGHUP.")
    return 0


def add_broker_config_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `pumpd broker-config` to the command line."""
    parser = subparsers.add_parser(
        "broker-config", help="write a broker's configuration from the site file", allow_abbrev=False
    )
    parser.add_argument("--site", type=Path, required=True, help="the site file")
    parser.add_argument("--broker", choices=sorted(_FILES), default="mosquitto")
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="where the files go, mode 0600")
    parser.set_defaults(handler=run_broker_config)
