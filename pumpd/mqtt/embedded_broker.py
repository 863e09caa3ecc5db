"""The embedded broker: amqtt in a process of its own, on loopback, with passwords and the site's rights.

For a demonstration, tests and a single bench; a clinic runs mosquitto. Never imported by the daemon: in its process any
client with wrong passwords would stall the loop.
"""

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from amqtt.contexts import BrokerConfig  # type: ignore[import-untyped]  # amqtt has no py.typed
from amqtt.errors import BrokerError  # type: ignore[import-untyped]  # amqtt has no py.typed

from pumpd.mqtt.accounts import password_lines, provision, write_private
from pumpd.mqtt.broker_command import add_broker_arguments
from pumpd.mqtt.broker_config import amqtt_settings
from pumpd.mqtt.broker_rules import SiteBroker
from pumpd.mqtt.site import Site, SiteError, is_loopback, load_site

SHUTDOWN_S = 5.0
PASSWORD_FILE = "broker.passwords"  # noqa: S105, a file name


def configuration(site: Site, port: int) -> BrokerConfig:
    """Return amqtt's configuration for `site`, after writing the file of password hashes."""
    passwords = site.credentials_dir / PASSWORD_FILE
    lines = password_lines(site)
    try:
        write_private(passwords, lines)
    except OSError as error:
        raise SiteError(f"the file {passwords} cannot be written: {error.strerror}") from None
    return BrokerConfig.from_dict(amqtt_settings(site, port, passwords))


async def serve(site: Site, port: int) -> None:
    """Run the broker until SIGTERM or SIGINT. Raises `SiteError` where it cannot listen."""
    if not is_loopback(site.broker.host):
        raise SiteError(
            f"{site.path}: [broker] host {site.broker.host!r} is not loopback; the embedded broker serves no other"
        )
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    broker = SiteBroker(configuration(site, port))
    try:
        await broker.start()
    except BrokerError as error:
        raise SiteError(f"the broker cannot listen on {site.broker.host}:{port}: {error.__cause__ or error}") from None
    print(f"broker listening on {site.broker.host}:{port}", flush=True)
    await ended.wait()
    async with asyncio.timeout(SHUTDOWN_S):
        await broker.shutdown()


def run(site_file: Path, port: int | None) -> int:
    """Run the broker for the site in `site_file`; return the exit code."""
    # amqtt logs every refused log-in and cut connection, with tracebacks; what matters is raised
    logging.getLogger("amqtt").setLevel(logging.CRITICAL)
    logging.getLogger("transitions").setLevel(logging.CRITICAL)
    try:
        site = load_site(site_file)
        fresh = provision(site)
        if fresh:
            print(f"new passwords in {site.credentials_dir} for {', '.join(fresh)}", file=sys.stderr)
        asyncio.run(serve(site, site.broker.port if port is None else port))
    except SiteError as error:
        print(error, file=sys.stderr)
        return 2
    except TimeoutError:
        print(f"the broker did not end within {SHUTDOWN_S} s and was cut off", file=sys.stderr)
        return 1
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the broker from the command line."""
    parser = argparse.ArgumentParser(prog="pumpd broker", description=__doc__, allow_abbrev=False)
    add_broker_arguments(parser)
    chosen = parser.parse_args(arguments)
    return run(chosen.site, chosen.port)


if __name__ == "__main__":
    sys.exit(main())
