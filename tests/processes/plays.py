"""Seven beds at once, each with a broker, devices and a daemon of its own in real time, and what becomes of each.

A play keeps what only it can know (instants, exit codes, refusals); everything else is in the evidence it leaves.
"""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from pumpd.core.modes import Mode
from pumpd.mqtt.payloads import Ack
from simulators.harness import script
from simulators.harness.process_theatre import ProcessTheatre, process_theatre
from simulators.harness.processes import Child
from simulators.harness.scenario import Scenario, play
from simulators.harness.site import make_site
from simulators.harness.stage import Stage, seated, stage_in, watch_over
from tests.scenarios.evidence import Evidence

CYCLE_S = 12
"""A quick cuff: two readings and the pause between them fit into the minute of steady vitals that a start needs."""
FROZEN_S = 8.0
"""Longer than the pump's lease, and less than a sign may be missing."""
BEGIN_APART_S = 1.0
"""Python processes are slow to load; all at once they would be slower."""


@dataclass(slots=True)
class Played:
    """One play: its evidence, what it noted, and how it failed."""

    evidence: Evidence
    instants_ns: dict[str, int] = field(default_factory=dict)
    codes: dict[str, int | None] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    answers: dict[str, Ack] = field(default_factory=dict)
    error: BaseException | None = None

    def note(self, name: str) -> None:
        self.instants_ns[name] = time.monotonic_ns()


Play = Callable[[ProcessTheatre, Stage, Played], Awaitable[None]]


async def cable_cut(_theatre: ProcessTheatre, stage: Stage, _played: Played) -> None:
    await play(Scenario.PUMP_UNPLUGGED, stage)


async def daemon_killed(_theatre: ProcessTheatre, stage: Stage, _played: Played) -> None:
    await play(Scenario.DAEMON_KILLED, stage)


async def frozen(theatre: ProcessTheatre, stage: Stage, played: Played) -> None:
    """The daemon's process is stopped for longer than the lease, and goes on."""
    await _infuse(stage)
    daemon = theatre.daemon
    assert daemon is not None
    played.note("freeze")
    daemon.send(signal.SIGSTOP)
    try:
        await stage.pass_time(FROZEN_S)
    finally:
        played.note("thaw")
        daemon.send(signal.SIGCONT)
    await stage.record.until(script.in_mode(Mode.PAUSED), "rest", within_s=20)
    await script.resume(stage)
    await script.counted_flow(stage)
    await script.stop(stage)


async def ignores_stop(theatre: ProcessTheatre, stage: Stage, played: Played) -> None:
    await _infuse(stage)
    theatre.control("pump fault ignores-stp")
    await stage.pass_time(0.5)
    played.note("stop")
    played.answers["stop"] = await stage.anna.send("stop", reason="a test")
    await stage.record.until(script.alarm_named("stop-unconfirmed"), "the alarm", within_s=10)
    await stage.record.until(script.in_mode(Mode.ENDED), "rest by the pump's own watchdog", within_s=30)


async def half_duplex(theatre: ProcessTheatre, stage: Stage, played: Played) -> None:
    await _infuse(stage)
    theatre.control("pump fault half-duplex-drops-stp")
    for number in (1, 2, 3):
        played.note(f"pause {number}")
        played.answers[f"pause {number}"] = await stage.anna.send("pause", reason="a test")
        await stage.record.until(script.in_mode(Mode.PAUSED), "rest", within_s=10)
        played.note(f"paused {number}")
        if number < 3:
            await script.resume(stage)
            await script.counted_flow(stage)
    await stage.anna.send("stop")


async def ended_by_a_signal(theatre: ProcessTheatre, stage: Stage, played: Played) -> None:
    await _infuse(stage)
    second = theatre.files.config.with_name("second.toml")
    second.write_text(theatre.files.config.read_text().replace("/journal.db", "/second.db"))
    child = Child("second daemon", ["-m", "pumpd.cli", "run", "--config", str(second)], log=second.with_suffix(".log"))
    played.codes["second daemon"] = await child.ended()
    played.words["second daemon"] = child.words
    await script.counted_flow(stage)
    played.note("signal")
    played.codes["daemon"] = await theatre.end_daemon()
    played.note("end")


async def wrong_entries(theatre: ProcessTheatre, stage: Stage, played: Played) -> None:
    """Everything that a person or a pump gets wrong before the start."""
    await stage.record.until(script.in_mode(Mode.IDLE), "the daemon to come up", within_s=60)
    wrong = {
        "weight": {"weight_kg": Decimal(7)},
        "label": {"declared_concentration_mg_ml": Decimal(5)},
        "dilution": {"diluent_ml": Decimal(4), "declared_concentration_mg_ml": Decimal(10)},
        "syringe": {"syringe": "NoSuch-60"},
        "dose": {"dose_mg_per_kg": Decimal(5)},
    }
    for name, entry in wrong.items():
        played.answers[name] = await stage.anna.send("prepare", **{**script.ORDER, **entry})
    await stage.anna.must("prepare", **script.ORDER)
    await stage.anna.must("assess", **script.ASSESSMENT)
    await script.attest(stage)
    await stage.anna.must("presence")
    played.answers["own order"] = await stage.anna.send("confirm", **script.CHECKED)
    for name, entry in (
        ("weight again", {"weight_kg": Decimal(71)}),
        ("label again", {"concentration_mg_ml": Decimal(1)}),
    ):
        played.answers[name] = await stage.ben.send("confirm", **{**script.CHECKED, **entry})
    await script.repeated(lambda: stage.ben.send("confirm", **script.CHECKED))
    theatre.control("pump fault wrong-rate-readback 500")
    await script.until_clear(stage, Mode.READY, lambda state: state.start_blockers, script.STARTABLE_WITHIN_S)
    played.answers["start"] = await stage.anna.send("start")
    await stage.record.until(script.alarm_named("program-failed"), "the alarm", within_s=10)
    await stage.record.until(script.in_mode(Mode.READY), "a bed that was not started", within_s=10)


PLAYS: dict[str, Play] = {
    "cable-cut": cable_cut,
    "daemon-killed": daemon_killed,
    "frozen": frozen,
    "ignores-stop": ignores_stop,
    "half-duplex": half_duplex,
    "signal": ended_by_a_signal,
    "wrong-entries": wrong_entries,
}


async def play_all(folder: Path) -> dict[str, Played]:
    """Play everything at once; a play that fails keeps its error for the tests that ask for it."""
    found = await asyncio.gather(
        *(_perform(name, folder / name, number * BEGIN_APART_S) for number, name in enumerate(PLAYS))
    )
    return dict(zip(PLAYS, found, strict=True))


async def _perform(name: str, folder: Path, after_s: float) -> Played:
    files = make_site(folder).bed()
    played = Played(evidence=Evidence(files.folder))
    await asyncio.sleep(after_s)
    try:
        async with process_theatre(files, cycle_s=CYCLE_S) as theatre, stage_in(theatre) as stage, seated(files):
            await theatre.start_daemon()
            await _guarded(theatre, PLAYS[name](theatre, stage, played))
    except Exception as error:  # noqa: BLE001 - told by the tests that need this play
        played.error = error
    return played


async def _guarded(theatre: ProcessTheatre, running: Awaitable[None]) -> None:
    playing = asyncio.ensure_future(running)
    watching = asyncio.create_task(watch_over(theatre))
    done, _ = await asyncio.wait({playing, watching}, return_when=asyncio.FIRST_COMPLETED)
    for task in (playing, watching):
        task.cancel()
    await asyncio.wait({playing, watching})
    for task in done:
        task.result()


async def _infuse(stage: Stage) -> None:
    await script.prepare(stage)
    await script.start(stage)
    await script.counted_flow(stage)
