"""The daemon of one pump: builds a bedside from its configuration, runs it, and brings the pump to rest at its end."""

import asyncio
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import structlog

from drivers import registry
from pumpd.bedside import heap
from pumpd.bedside.bedside import Bedside, Parts
from pumpd.bedside.clock import since_1970_ns
from pumpd.bedside.config import Config, ConfigError, Device, clinical_faults
from pumpd.bedside.monitor_port import CuffPort, MonitorPort
from pumpd.bedside.outside import JournalCallbacks, Line, Outside, RealOutside
from pumpd.bedside.pump_port import PumpCallbacks, PumpPort
from pumpd.bedside.screen import BusScreen
from pumpd.bedside.self_test import SelfTest
from pumpd.bedside.serial_line import LineCallbacks
from pumpd.core import cleared
from pumpd.core.causes import may_move
from pumpd.core.commands import Role
from pumpd.core.controller import Core
from pumpd.core.events import Booted, BrokerConnected, BrokerLost, TokenIssued
from pumpd.core.ports import Clock, LinePolicy
from pumpd.core.quantities import NS_PER_S
from pumpd.core.state import Settings
from pumpd.mqtt import clearance
from pumpd.mqtt.intake import Flooded, Intake
from pumpd.mqtt.session import Callbacks
from pumpd.mqtt.vitals_intake import COMFORT, Moment, VitalsIntake
from pumpd.records.beginning import RunBegins, run_begins

_log = structlog.get_logger("pumpd")

HEARTBEAT_S = 1.0
END_LIMIT_S = 10.0
"""How long an ending daemon tries to confirm rest (requirement CTRL-10)."""


class DaemonClock(Clock, Protocol):
    """A clock that says whether it is that of the real world."""

    is_real: bool


class Daemon:
    """One configured daemon. `run` lives until `end` is called or something fails."""

    def __init__(
        self,
        config: Config,
        *,
        clock: DaemonClock,
        loop: asyncio.AbstractEventLoop,
        outside: Outside | None = None,
        token_hex: Callable[[int], str] = secrets.token_hex,
    ) -> None:
        """Build everything; nothing is opened but the journal. Raises `ConfigError` and `JournalError`.

        `outside` is the real one by default. `token_hex(n)` gives n bytes that nobody can guess; only a simulation,
        which must be able to repeat itself, brings its own.
        """
        self._outside: Outside = RealOutside(config, loop) if outside is None else outside
        self._pump_driver = registry.pump(config.pump.driver, lease_s=config.profile.lease_ns // NS_PER_S)
        self._oximeter_driver = registry.oximeter(config.oximeter.driver)
        self._cuff_driver = registry.cuff(config.cuff.driver)
        _refuse_unfit(config, clock, self._outside)
        self.config = config
        self._clock = clock
        self._loop = loop
        self._token_hex = token_hex
        self._ended = asyncio.Event()
        self._beats = 0
        self._boot = token_hex(8)
        self._operators: dict[str, Role] = config.site.operators
        self._intake = Intake(bed=config.bed, users=frozenset(self._operators))
        sources = config.site.sources(config.bed)
        self._inputs = VitalsIntake(bed=config.bed, sources=sources, clinical=config.clinical)
        self._measured = {kind for kinds in sources.values() for kind in kinds}
        core = Core(
            Settings(
                profile=config.profile,
                operators=self._operators,
                simulated=config.simulated,
                averaging_ns=max(self._oximeter_driver.averaging_ns, self._cuff_driver.averaging_ns),
                versions=config.versions,
                comfort_button=COMFORT in self._measured,
            )
        )
        self.bedside = Bedside(core=core, loop=loop, make_parts=self._make_parts)

    async def run(self) -> int:
        """Run until ended; return the exit status: 0 at confirmed rest, 1 when rest was not confirmed or a fault came.

        Raises `PortInUseError` when another program holds the pump's port.
        """
        bedside = self.bedside
        parts = bedside.parts
        parts.journal.append(RunBegins.__name__, run_begins(bedside.core.state.settings), self._clock.now_ns())
        bedside.dispatch(
            Booted(
                boot=self._boot,
                bed=self.config.bed,
                recovered=self._outside.recovered(),
                alarms=self._outside.alarms(),
                seen_ids=self._outside.seen_ids(),
                real_ns=self._clock.real_ns(),
                wall_ns=since_1970_ns(self._clock.wall_utc()),
            )
        )
        tasks: list[asyncio.Task[None]] = []
        at_rest = False
        bedside.failed.add_done_callback(lambda _: self._ended.set())
        try:
            for port in (parts.pump, parts.oximeter, parts.cuff):
                port.start()
            tasks += [
                self._loop.create_task(self._session.run(), name="broker-session"),
                self._loop.create_task(self._beat(), name="heartbeat"),
            ]
            for task in tasks:
                task.add_done_callback(self._task_ended)
            parts.service_manager.ready()
            await self._ended.wait()
            parts.service_manager.stopping()
            at_rest = await self._come_to_rest()
        finally:
            if not at_rest and bedside.core.line_policy(self._clock.now_ns()) is not LinePolicy.SILENT:
                parts.pump.stop_blindly()  # but never into the silence in which the pump's own watchdog is to act
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            bedside.close()
            parts.journal.close()
        if bedside.failed.done():
            _log.error("ended by a fault", reason=bedside.failed.result())
            return 1
        return 0 if at_rest else 1

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        """A task that ends by itself has failed: like a callback that raises, it stops the pump and ends the daemon."""
        if not task.cancelled():
            self.bedside.guard(task.result)

    def end(self) -> None:
        """Ask the daemon to bring the pump to rest and end."""
        self._ended.set()

    async def _come_to_rest(self) -> bool:
        bedside = self.bedside
        if not bedside.parts.pump.is_open:
            return False
        bedside.guard(bedside.pause_to_end)
        try:
            async with asyncio.timeout(END_LIMIT_S):
                await bedside.wait_for_rest()
        except TimeoutError:
            _log.error("rest was not confirmed; the pump's own lease ends flow. Stop at the pump")
        return bedside.is_at_rest

    async def _beat(self) -> None:
        """Once a second by the real clock, on absolute times so that nothing drifts."""
        next_s = self._loop.time()
        while True:
            self.bedside.guard(self._one_beat)
            next_s = max(next_s + HEARTBEAT_S, self._loop.time())
            await asyncio.sleep(next_s - self._loop.time())

    def _one_beat(self) -> None:
        real_ns = self._clock.real_ns()
        self._screen.heartbeat(lambda token: self.bedside.dispatch(TokenIssued(token=token, real_ns=real_ns)))
        self._beats += 1
        heap.collect_when_idle(self._beats, is_moving=may_move(self.bedside.core.state))

    # ---- parts ------------------------------------------------------------------------------------------------------

    def _make_parts(self, bedside: Bedside) -> Parts:
        config, clock, outside = self.config, self._clock, self._outside
        self._session = outside.bus(
            self._boot,
            Callbacks(
                on_connected=lambda: bedside.guard(self._connected),
                on_message=lambda topic, payload, kept: bedside.guard(lambda: self._message(topic, payload, kept)),
                on_lost=lambda reason: bedside.guard(lambda: self._lost(reason)),
            ),
        )
        self._screen = BusScreen(
            core=bedside.core,
            bus=self._session,
            clock=clock,
            bed=config.bed,
            clinical=config.clinical,
            respiration_measured="rr" in self._measured,
            token_hex=self._token_hex,
            later=lambda callback: self._loop.call_soon(bedside.guard, callback),
        )
        local_alarm = outside.local_alarm()
        return Parts(
            clock=clock,
            journal=outside.journal(
                self._boot,
                clock.wall_utc,
                JournalCallbacks(
                    on_durable=bedside.journal_confirmed,
                    on_failed=bedside.journal_failed,
                    on_recovered=bedside.journal_recovered,
                ),
            ),
            screen=self._screen,
            local_alarm=local_alarm,
            self_test=SelfTest(
                begin_examination=outside.examine,
                alarm=local_alarm,
                clock=clock,
                tell=lambda tested: bedside.guard(lambda: bedside.dispatch(tested)),
            ),
            service_manager=outside.service_manager(),
            pump=PumpPort(
                driver=self._pump_driver,
                make_line=self._maker(config.pump, self._pump_driver.baud),
                clock=clock,
                callbacks=PumpCallbacks(
                    on_fact=bedside.dispatch,
                    on_opened=bedside.pump_opened,
                    on_closed=bedside.pump_closed,
                    on_wire=bedside.record_wire,
                    policy=bedside.line_policy,
                    guard=bedside.guard,
                ),
            ),
            oximeter=MonitorPort(
                name="oximeter",
                driver=self._oximeter_driver,
                make_line=self._maker(config.oximeter, self._oximeter_driver.baud),
                clock=clock,
                on_event=bedside.dispatch,
                guard=bedside.guard,
                has_stalled=bedside.has_stalled,
            ),
            cuff=CuffPort(
                name="cuff",
                driver=self._cuff_driver,
                make_line=self._maker(config.cuff, self._cuff_driver.baud),
                clock=clock,
                on_event=bedside.dispatch,
                guard=bedside.guard,
                has_stalled=bedside.has_stalled,
            ),
        )

    def _maker(self, device: Device, baud: int) -> Callable[[LineCallbacks], Line]:
        return lambda callbacks: self._outside.line(device.port, baud, callbacks)

    # ---- bus --------------------------------------------------------------------------------------------------------

    def _connected(self) -> None:
        self.bedside.dispatch(BrokerConnected(real_ns=self._clock.real_ns()))
        self._screen.everything()

    def _lost(self, reason: str) -> None:
        _log.warning("broker lost", reason=reason)
        self.bedside.dispatch(BrokerLost(reason=reason, real_ns=self._clock.real_ns()))

    def _message(self, topic: str, payload: bytes, retained: bool) -> None:
        real_ns = self._clock.real_ns()
        event = (
            self._intake.receive(topic, payload, retained=retained, real_ns=real_ns)
            or clearance.receive(self.config.bed, topic, payload)
            or self._inputs.receive(topic, payload, retained=retained, at=self._moment(real_ns))
        )
        if isinstance(event, Flooded):
            _log.warning("messages dropped: too many", user=event.user, dropped=event.dropped)
        elif event is not None:
            self.bedside.dispatch(event)

    def _moment(self, real_ns: int) -> Moment:
        clock = self._clock
        state = self.bedside.core.state
        return Moment(
            now_ns=clock.now_ns(),
            real_ns=real_ns,
            wall_utc=clock.wall_utc(),
            session=state.session,
            course=cleared.course_of(state),
        )


def _refuse_unfit(config: Config, clock: DaemonClock, outside: Outside) -> None:
    """Refuse combinations in which a simulation could meet a real pump, or a bench pump a patient."""
    port = Path(config.pump.port)
    is_simulated = outside.is_simulated(config.pump.port)
    if not clock.is_real and not is_simulated:
        raise ConfigError(f"an elastic clock is for simulators only, and {port} is no pseudo-terminal")
    if config.simulated and not is_simulated and port.exists():
        raise ConfigError(f"simulated is true, but {port} is a real port; a simulated session never opens one")
    if not config.clinical:
        return
    faults = clinical_faults(config)
    if faults:
        raise ConfigError("; ".join(faults), faults=faults)
