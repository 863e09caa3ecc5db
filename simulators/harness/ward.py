"""Two simulated beds and a clinic for people with a browser: what is started, what they are told, how it ends."""

import asyncio
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack

from simulators.harness.elastic_process import READY, start_elastic_bed
from simulators.harness.processes import Child, ProcessError, end_or_kill, enter_broker
from simulators.harness.scenario import Scenario
from simulators.harness.site import BED, ThrowAwaySite, free_port
from simulators.harness.ward_guide import guide

BEDS = (BED, "bed2")
FASTEST = 5.0
"""People act in real time, and must still see what happens."""
DASHBOARD = ("-m", "pumpd.cli", "dashboard")
LOOK_EVERY_S = 0.2


async def perform(
    scenario: Scenario,
    speed: float,
    site: ThrowAwaySite,
    interrupted: asyncio.Event,
    *,
    dashboard: Sequence[str] = DASHBOARD,
) -> int:
    """Keep the ward open until somebody interrupts it; raise `ProcessError` where anything fails by itself."""
    serving = asyncio.create_task(_serve(scenario, speed, site, dashboard), name="ward")
    waiting = asyncio.create_task(interrupted.wait(), name="interrupted")
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if not serving.done():
        print("ending: the pumps come to rest first", flush=True)
    for task in (serving, waiting):
        task.cancel()
    await asyncio.wait({serving, waiting})
    if not serving.cancelled():
        serving.result()
    print("every pump is at rest and everything has ended")
    return 0


async def _serve(scenario: Scenario, speed: float, site: ThrowAwaySite, dashboard: Sequence[str]) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with AsyncExitStack() as stack:
        broker = await enter_broker(stack, site.site_file, site.broker_log)
        pages = Child(
            "dashboard",
            [*dashboard, "--site", str(site.site_file), "--port", str(port)],
            log=site.folder / "dashboard.log",
        )
        stack.push_async_callback(end_or_kill, pages)
        desk = Child("clinic", ["-m", "pumpd.cli", "clinic", "--site", str(site.site_file)], log=site.clinic_log)
        stack.push_async_callback(end_or_kill, desk)
        beds: list[Child] = []
        stack.push_async_callback(_bring_to_rest, beds)
        for seed, files in enumerate(site.beds, start=1):
            happens = scenario if files.name == BED else Scenario.NORMAL
            beds.append(start_elastic_bed(files, speed=speed, seed=seed, scenario=happens))
        for bed in beds:
            await bed.said(READY)
        await desk.said("clinic: 0 courses")
        await pages.said(f"dashboard listening on {url}")
        print(guide(site.load(), url, speed=speed, scenario=scenario), flush=True)
        await _until_one_ends((broker, pages, desk, *beds))


async def _until_one_ends(children: Sequence[Child]) -> None:
    while True:
        for child in children:
            if (fault := child.fault()) is not None:
                raise ProcessError(fault)
        await asyncio.sleep(LOOK_EVERY_S)


async def _bring_to_rest(beds: Sequence[Child]) -> None:
    """End every bed that still runs, all at once; raise `ProcessError` where rest was not confirmed."""
    running = [bed for bed in beds if bed.code is None]
    codes = await asyncio.gather(*(bed.end() for bed in running), return_exceptions=True)
    # one that was ended while it was still loading has moved no pump
    wrong = [
        f"{bed.name}: {code if isinstance(code, ProcessError) else f'rest was not confirmed (status {code})'}"
        for bed, code in zip(running, codes, strict=True)
        if code not in {0, -signal.SIGTERM}
    ]
    if wrong:
        raise ProcessError("; ".join(wrong))
