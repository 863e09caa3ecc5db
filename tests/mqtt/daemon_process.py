"""A daemon's broker session in a process of its own, to be killed."""

import asyncio
import sys
from pathlib import Path

from pumpd.mqtt.site import load_site
from tests.mqtt.brokers import daemon_side


async def main() -> None:
    async with daemon_side(load_site(Path(sys.argv[1]))):
        await asyncio.Event().wait()


asyncio.run(main())
