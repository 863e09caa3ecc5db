"""A full ward at a broker: what one bed says is recorded, and said again by many beds, before a screen and stations.

`python -m benchmarks.shared.ward_feeds --site FILE --bed NAME --feeds NAME... --stations NAME...`. On standard input,
one word a line: `go`, `rest`. On standard output a line once it has recorded, and one for each word that is done.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from aiomqtt import Client

from benchmarks.shared.site import READER
from pumpd.mqtt.client import wall_utc
from pumpd.mqtt.connection import connected, payload_bytes, subscribe
from pumpd.mqtt.payloads import Heartbeat, StationBeat
from pumpd.mqtt.site import Site, load_site
from pumpd.mqtt.topics import BedTopics, Channel, parse, screen_filters

RECORDED_S = 5.0
TOLD_S = 30.0
SETTLED_S = 2.0
"""So long it has spoken before a measurement begins."""
BEAT_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One recorded message: when, counted from the begin of the record, and what."""

    after_s: float
    suffix: str
    payload: bytes
    qos: int
    retain: bool


async def record(site: Site, bed: str) -> list[Said]:
    """Return what a bed says in the first seconds."""
    said: list[Said] = []
    root = BedTopics(bed=bed).status.removesuffix("status")
    async with connected(site.endpoint, user=READER, password=site.password(READER)) as client:
        await subscribe(client, screen_filters(bed))
        began_s = time.monotonic()
        try:
            async with asyncio.timeout(RECORDED_S):
                async for message in client.messages:
                    suffix = str(message.topic).removeprefix(root)
                    qos = 0 if suffix == "heartbeat" or suffix.startswith("vitals/") else 1
                    after_s = time.monotonic() - began_s
                    payload = payload_bytes(message.payload)
                    said.append(
                        Said(after_s=after_s, suffix=suffix, payload=payload, qos=qos, retain=bool(message.retain))
                    )
        except TimeoutError:
            return said
    return said


async def say_again(client: Client, bed: str, said: list[Said], going: asyncio.Event, phase_s: float) -> None:
    """Repeat a record under another bed's name while the ward is going."""
    root = BedTopics(bed=bed).status.removesuffix("status")
    while True:
        await going.wait()
        await asyncio.sleep(phase_s)
        began_s = time.monotonic()
        for each in said:
            await asyncio.sleep(max(began_s + each.after_s - time.monotonic(), 0))
            if not going.is_set():
                break
            await client.publish(f"{root}{each.suffix}", each.payload, qos=each.qos, retain=each.retain)


async def beat(client: Client, user: str, shown: Mapping[str, str], going: asyncio.Event, phase_s: float) -> None:
    """Say for a station that somebody listens at every bed, with the heartbeat that it was shown last."""
    while True:
        await going.wait()
        await asyncio.sleep(phase_s)  # nobody opens ten stations in one instant
        for bed, token in tuple(shown.items()):
            sign = StationBeat(user=user, token=token, listening=True, audible_test_age_s=None, at=wall_utc())
            await client.publish(BedTopics(bed=bed).station(user), sign.to_bytes(), qos=0)
        await asyncio.sleep(BEAT_S - phase_s)


async def hear(client: Client, shown: dict[str, str]) -> None:
    """Take in everything, as the pages' server does, and keep the newest heartbeat's token of each bed."""
    async for message in client.messages:
        topic = parse(str(message.topic))
        if topic is not None and topic.channel is Channel.HEARTBEAT:
            shown[topic.bed] = Heartbeat.from_bytes(payload_bytes(message.payload)).token


async def main() -> None:
    """Record, then speak and rest as told until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--site", type=Path, required=True)
    parser.add_argument("--bed", required=True)
    parser.add_argument("--feeds", nargs="+", required=True)
    parser.add_argument("--stations", nargs="+", required=True)
    options = parser.parse_args()
    site = load_site(options.site)
    said = await record(site, options.bed)
    going = asyncio.Event()
    shown: dict[str, str] = {}
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        for number, feed in enumerate(options.feeds):
            account, password = f"pump-{feed}", site.daemon_password(feed)
            client = await stack.enter_async_context(connected(site.endpoint, user=account, password=password))
            group.create_task(say_again(client, feed, said, going, number / len(options.feeds)))
        for number, user in enumerate(options.stations):
            client = await stack.enter_async_context(connected(site.endpoint, user=user, password=site.password(user)))
            group.create_task(beat(client, user, shown, going, BEAT_S * number / len(options.stations)))
        screen = await stack.enter_async_context(connected(site.endpoint, user=READER, password=site.password(READER)))
        await subscribe(screen, screen_filters("+"))
        group.create_task(hear(screen, shown))
        words: asyncio.Queue[str] = asyncio.Queue()
        asyncio.get_running_loop().add_reader(
            sys.stdin.fileno(),
            lambda: [words.put_nowait(word) for word in os.read(sys.stdin.fileno(), 4096).decode().split() or ["end"]],
        )
        print(f"recorded {len(said)} messages in {RECORDED_S:g} s", flush=True)
        while (word := await words.get()) != "end":
            if word == "go":
                going.set()
                await asyncio.sleep(SETTLED_S)
                print(f"about {len(said) * len(options.feeds) / RECORDED_S:.0f} messages a second", flush=True)
            else:
                going.clear()
                await asyncio.sleep(SETTLED_S)
                print("at rest", flush=True)
        os._exit(0)  # nothing of it is to be kept


if __name__ == "__main__":
    asyncio.run(main())
