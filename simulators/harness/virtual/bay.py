"""One treatment bay in simulated time: daemon, pump, monitors, patient, store, broker and people, all from one seed.

The daemon is the real one. It can be killed at any instant, also in the middle of a callback, and started again over
what the store kept.
"""

import asyncio
from collections.abc import Coroutine
from contextvars import copy_context
from fractions import Fraction
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self, TypeVar

from pumpd.bedside.config import Config, Device
from pumpd.bedside.daemon import Daemon
from pumpd.bedside.notify import ServiceManager
from pumpd.bedside.profile_file import load_profile
from pumpd.mqtt.site import load_site
from simulators.devices.ne1000.control import ControlledNe1000
from simulators.devices.ne1000.pump import BAUD as PUMP_BAUD
from simulators.devices.nonin import Pacing
from simulators.devices.nonin.control import ControlledNonin
from simulators.devices.nonin.oximeter import BAUD as OXIMETER_BAUD
from simulators.devices.patient import Patient, PatientParameters
from simulators.devices.suntech import SunTech
from simulators.devices.suntech.module import BAUD as CUFF_BAUD
from simulators.devices.vitals import VitalsSource
from simulators.harness.virtual.bus import VirtualBroker
from simulators.harness.virtual.clock import VirtualClock
from simulators.harness.virtual.life import Life, LifeClock
from simulators.harness.virtual.link import VirtualLink
from simulators.harness.virtual.loop import NS_PER_S, PROCESS, VirtualLoop
from simulators.harness.virtual.nurse import PROMPT, Habits, Nurse
from simulators.harness.virtual.outside import Sounder, VirtualOutside
from simulators.harness.virtual.store import VirtualStore
from simulators.harness.virtual.tape import Tape

T = TypeVar("T")

BED = "bed1"
PUMP, OXIMETER, CUFF = "pump", "oximeter", "cuff"
START_NS = 1_000 * NS_PER_S
"""Simulated time begins here: nothing may lean on a clock that begins at 0."""
CYCLE_FAILS = 0.02
"""Share of the cycles of a noisy cuff that end with an artefact by themselves."""
CONCENTRATION_NG_PER_NL = Fraction(2)
"""What the nurses draw up; mg/mL is ng/nL."""


def load_bed(config_folder: Path, *, profile: str = "demo") -> Config:
    """Return the configuration of a simulated bed with a profile of `config_folder` and its example site."""
    profile_file = config_folder / "profiles" / f"{profile}.toml"
    return Config(
        bed=BED,
        site=load_site(config_folder / "site.example.toml"),
        profile=load_profile(profile_file),
        profile_file=profile_file,
        versions=(),  # the same seed must give the same record, whatever else has changed in the program
        journal=Path("in-memory"),
        simulated=True,
        clinical=False,
        pump=Device(driver="ne1000", port=PUMP),
        oximeter=Device(driver="nonin", port=OXIMETER),
        cuff=Device(driver="suntech", port=CUFF),
    )


class Bay:
    """Everything around one bed. Use it in a `with` block; `run` drives the loop."""

    def __init__(
        self,
        config: Config,
        *,
        seed: int,
        patient: PatientParameters | None = None,
        pacing: Pacing = Pacing.PACKET,
        shuffles: bool = False,
        is_cuff_noisy: bool = False,
        kept: tuple[str, ...] = (),
    ) -> None:
        self.config = config
        self.seed = seed
        self.loop = VirtualLoop(start_ns=START_NS, shuffle=self.stream("ties") if shuffles else None)
        self.clock = VirtualClock(self.loop)
        self.tape = Tape(kept)
        self.broker = VirtualBroker(self.loop, self.stream("bus"), self.tape)
        self.store = VirtualStore(self.loop, self.stream("store"), self.tape, bed=config.bed)
        self.sounder = Sounder()
        self.manager = ServiceManager("")
        """What the daemon tells the host's service manager goes here: nowhere, unless another one is set."""
        self.pump = ControlledNe1000(now_ns=START_NS)
        self.patient = Patient(patient or PatientParameters(), self.pump.plunger, CONCENTRATION_NG_PER_NL, START_NS)
        self.finger: VitalsSource = self.patient.vitals
        """What the oximeter measures; another source is a sensor that lies."""
        self.oximeter = ControlledNonin(
            lambda at_ns: self.finger(at_ns), start_ns=START_NS, rng=self.stream("oximeter"), pacing=pacing
        )
        self.cuff = SunTech(
            self.patient.vitals,
            rng=self.stream("cuff"),
            noise=is_cuff_noisy,
            failure_chance=CYCLE_FAILS if is_cuff_noisy else 0.0,
        )
        self.links = {
            name: VirtualLink(
                name,
                device,
                baud=baud,
                clock=self.clock,
                loop=self.loop,
                rngs=(self.stream(f"{name}>"), self.stream(f"{name}<")),
                tape=self.tape,
            )
            for name, device, baud in (
                (PUMP, self.pump, PUMP_BAUD),
                (OXIMETER, self.oximeter, OXIMETER_BAUD),
                (CUFF, self.cuff, CUFF_BAUD),
            )
        }
        self.nurses: list[Nurse] = []
        self.lives: list[tuple[int, int | None]] = []
        self.stalls: list[list[tuple[int, int | None]]] = []
        """Of each life, from when to when it stood still."""
        """From when to when each run of the daemon lived."""
        self.daemon: Daemon | None = None
        self.life: Life | None = None
        self._tokens = self.stream("tokens")
        self._daemon_task: asyncio.Task[int] | None = None
        self._stations: list[asyncio.Task[None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def stream(self, name: str) -> Random:
        """Return the generator of one source: a draw more in one does not shift another."""
        return Random(f"{self.seed}/{name}")  # noqa: S311 - a simulation, to be repeated

    def run(self, scenario: Coroutine[Any, Any, T]) -> T:
        """Let time pass until `scenario` is over, and return its result."""
        return self.loop.run_until_complete(scenario)

    def close(self) -> None:
        """Kill what runs and close the loop."""
        self.kill_daemon()
        tasks = list(asyncio.all_tasks(self.loop))
        for task in tasks:
            task.cancel()
        if tasks:
            self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.loop.close()

    # ---- people -----------------------------------------------------------------------------------------------------

    def nurse(self, user: str, habits: Habits = PROMPT) -> Nurse:
        """Seat a nurse at a screen; called inside `run`."""
        nurse = Nurse(
            user,
            bed=self.config.bed,
            broker=self.broker,
            clock=self.clock,
            rng=self.stream(f"nurse {user}"),
            habits=habits,
        )
        self.nurses.append(nurse)
        self._stations.append(asyncio.create_task(nurse.sit(), name=f"station-{user}"))
        return nurse

    # ---- daemon -----------------------------------------------------------------------------------------------------

    def start_daemon(self) -> Daemon:
        """Build a daemon over what the store kept, and run it; called inside `run`."""
        if self.life is not None and self.life.is_alive:
            raise RuntimeError("a daemon runs already; kill it first")
        life = self.life = Life(self.loop)
        born_ns = self.clock.now_ns()
        self.lives.append((born_ns, None))
        self.stalls.append(life.stalls)
        life.on_end.append(lambda: self.lives.__setitem__(-1, (born_ns, self.clock.now_ns())))
        self.sounder.priority = None
        outside = VirtualOutside(
            self.config,
            life=life,
            loop=self.loop,
            links=self.links,
            store=self.store,
            broker=self.broker,
            sounder=self.sounder,
            manager=self.manager,
        )
        daemon = Daemon(
            self.config,
            clock=LifeClock(self.clock, life),
            loop=self.loop,
            outside=outside,
            token_hex=lambda size: self._tokens.randbytes(size).hex(),
        )
        own = copy_context()
        own.run(PROCESS.set, life)
        task = self.loop.create_task(daemon.run(), name="daemon", context=own)
        life.on_end.append(task.cancel)
        self.daemon, self._daemon_task = daemon, task
        return daemon

    def kill_daemon(self, *, after_acts: int = 0) -> None:
        """End the daemon as `kill -9` does: now, or when it has written, recorded or published so many more times."""
        if self.life is None:
            return
        if after_acts:
            self.life.end_after(after_acts)
        else:
            self.life.end()
        self.sounder.priority = None

    def stall_daemon(self) -> None:
        """Let the daemon stand still, as SIGSTOP or a suspended host does; all else goes on."""
        if self.life is not None and self.life.is_alive:
            self.life.stand_still()

    def resume_daemon(self) -> None:
        """Let the daemon go on, as SIGCONT does."""
        if self.life is not None:
            self.life.go_on()

    def crash(self) -> str | None:
        """Return what the daemon ended with that nobody ended, or None: no fault may do that."""
        task = self._daemon_task
        if task is None or self.life is None or not self.life.is_alive or not task.done():
            return None
        error = None if task.cancelled() else task.exception()
        return "the daemon ended by itself" if error is None else f"{type(error).__name__}: {error}"

    async def end_daemon(self) -> int:
        """End the daemon in good order and return its exit status."""
        if self.daemon is None or self._daemon_task is None:
            raise RuntimeError("no daemon runs")
        self.daemon.end()
        status = await self._daemon_task
        if self.life is not None:
            self.life.end()
        return status

    # ---- truth ------------------------------------------------------------------------------------------------------

    def delivered_nl(self) -> int:
        """Return what the plunger truly gave."""
        return self.pump.plunger.delivered_nl(self.clock.now_ns())

    def flow_nl_h(self) -> int:
        """Return the true flow now."""
        return self.pump.plunger.flow_nl_h(self.clock.now_ns())
