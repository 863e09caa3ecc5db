"""Brings a daemon to a running infusion by its own rules, and keeps that moment so that it can be had again."""

import asyncio
import copy
from decimal import Decimal

from benchmarks.shared.clock import SettableClock
from benchmarks.shared.waiting import until
from pumpd.bedside.bedside import Bedside
from pumpd.core.commands import (
    Acknowledge,
    Appearance,
    Assess,
    Attest,
    Attested,
    Command,
    CommandReceived,
    Confirm,
    Pause,
    Prepare,
    Presence,
    Start,
    Stop,
)
from pumpd.core.events import DeadlineReached, StationSeen
from pumpd.core.modes import Mode
from pumpd.core.ports import NibpReading, VitalKind
from pumpd.core.quantities import NS_PER_S
from pumpd.core.readiness import resume_blockers, start_blockers

START_LIMIT_S = 60
LEAP_NS = 2 * NS_PER_S
"""How far the daemon's clock leaps after a sample while nothing moves; a stream breaks at 5 s."""
READING_EVERY_NS = 31 * NS_PER_S
"""The shipped profiles ask for two cuff readings of the baseline at least 30 s or 5 min apart."""
LINE_REST_S = 0.06
"""After a poll's last answer, until the line is certainly idle."""

ORDER = Prepare(
    weight_kg=Decimal(70),
    dose_mg_per_kg=Decimal("0.5"),
    duration_min=Decimal(40),
    vial_strength_mg_ml=Decimal(50),
    drug_drawn_ml=Decimal(1),
    diluent_ml=Decimal(24),
    declared_concentration_mg_ml=Decimal(2),
    syringe="BD-60",
    syringe_fill_ml=Decimal(20),
    made_by="clara",
    witnessed_by="dan",
    mixed_min_ago=0,
    appearance=Appearance.CLEAR,
)


class Infusion:
    """The bedside of a daemon under measurement. The nurse's commands are given to it as the bus would give them."""

    def __init__(self, bedside: Bedside, clock: SettableClock) -> None:
        self.bedside = bedside
        self._core = bedside.core
        self._clock = clock
        self._commands = 0
        self._readings = 0

    async def start(self) -> None:
        """Prepare, confirm, wait until nothing blocks, start, and wait for the first poll of the running pump."""
        await self.make_ready()
        await self.run()

    async def make_ready(self) -> None:
        """Prepare and confirm, and wait until nothing blocks a start."""
        state = self._core.state
        async with asyncio.timeout(START_LIMIT_S):
            await until(lambda: self._pump_is_ready() and state.broker_lost_real_ns is None and bool(state.tokens))
            self.command("anna", ORDER)
            assert state.order is not None, "the order was refused"
            order = state.order
            self.command(
                "ben",
                Confirm(
                    order_hash=order.hash,
                    weight_kg=ORDER.weight_kg,
                    concentration_mg_ml=ORDER.declared_concentration_mg_ml,
                    drug=order.drug,
                    syringe=ORDER.syringe,
                ),
            )
            self.command("anna", Assess(moaas=5, respiration_bpm=14))
            for item in (Attested.PRIMED, Attested.LIMBS_APART, Attested.SYRINGE_LABEL, Attested.PUMP_SERIAL):
                self.command("anna", Attest(item=item))
            for alarm in state.alarms.listed:
                self.command("anna", Acknowledge(alarm=alarm.id, episode=alarm.episode))
            await self._reach_readiness()
            self.command("anna", Presence())
            self.watch()
            await until(lambda: not start_blockers(state, self._clock.now_ns()))

    async def run(self) -> None:
        """Start, and wait for the first poll of the running pump."""
        state = self._core.state
        async with asyncio.timeout(START_LIMIT_S):
            assert state.order is not None
            self.command("anna", Start(order_hash=state.order.hash))
            await until(lambda: state.mode is Mode.RUNNING)
            polled_ns = state.pump.polled_ns
            await until(lambda: state.pump.polled_ns > polled_ns and self._last_poll_is_answered())
            await asyncio.sleep(LINE_REST_S)

    async def pause(self) -> None:
        """Pause, and let time pass in leaps until nothing blocks a resume."""
        state = self._core.state
        async with asyncio.timeout(START_LIMIT_S):
            self.command("anna", Pause(reason="benchmark"))
            await until(lambda: state.mode is Mode.PAUSED)
            while resume_blockers(state, self._clock.now_ns()):
                await self._leap()
                self.watch()
                self.command("anna", Presence())
                for alarm in state.alarms.listed:
                    self.command("anna", Acknowledge(alarm=alarm.id, episode=alarm.episode))
            await asyncio.sleep(LINE_REST_S)

    def command(self, user: str, command: Command) -> None:
        """Let the daemon receive a command of a person, with the newest token."""
        self._commands += 1
        state = self._core.state
        received = CommandReceived(
            user=user,
            id=f"benchmark-{self._commands}",
            command=command,
            session=state.session,
            rev=state.rev,
            token=state.tokens[-1][0],
            retained=False,
            received_real_ns=self._clock.real_ns(),
        )
        self.bedside.guard(lambda: self.bedside.dispatch(received))

    def stop(self) -> None:
        """Let the daemon receive a nurse's stop."""
        self.command("anna", Stop(reason="benchmark"))

    @property
    def may_move(self) -> bool:
        """Whether the infusion runs, with permission."""
        return self._core.state.mode is Mode.RUNNING and self._core.permission(self._clock.now_ns())

    @property
    def stop_cause(self) -> str:
        """Why the core has stopped the pump, empty while it has not."""
        halt = self._core.state.halt
        return "" if halt is None else halt.cause

    def _pump_is_ready(self) -> bool:
        pump = self._core.state.pump
        assert pump.attach_error is None, pump.attach_error
        return pump.attached is not None and pump.at_rest

    async def _reach_readiness(self) -> None:
        """Let the time of a baseline and of steady vital signs pass, in leaps from sample to sample."""
        state = self._core.state
        profile = state.settings.profile
        spacing_ns = max(profile.baseline_spacing_ns + NS_PER_S, READING_EVERY_NS)
        end_ns = self._clock.now_ns() + max(profile.start_steady_ns + 5 * NS_PER_S, spacing_ns + 5 * NS_PER_S)
        self._read_cuff()
        read_ns = self._clock.now_ns()
        while self._clock.now_ns() < end_ns:
            await self._leap()
            if self._clock.now_ns() - read_ns > spacing_ns:
                self._read_cuff()
                read_ns = self._clock.now_ns()

    async def _leap(self) -> None:
        await self._next_sample()
        self._clock.set(self._clock.now_ns() + LEAP_NS)
        self._look()

    async def _next_sample(self) -> None:
        state = self._core.state
        before = state.vitals.latest.get(VitalKind.SPO2)
        await until(lambda: state.vitals.latest.get(VitalKind.SPO2) is not before)

    def _look(self) -> None:
        """Evaluate at the new time, so that the leap is no stall."""
        self.bedside.guard(lambda: self.bedside.dispatch(DeadlineReached(real_ns=self._clock.real_ns())))

    def watch(self) -> None:
        """Let a station watch that was shown a heartbeat of now, and whose audible test was answered just now."""
        real_ns = self._clock.real_ns()
        token = f"benchmark-{real_ns}"
        # as an event of its own it would first be judged how long nobody has watched
        self._core.state.tokens = (*self._core.state.tokens, (token, real_ns))
        seen = StationSeen(user="anna", token=token, real_ns=real_ns, test_age_ns=0)
        self.bedside.guard(lambda: self.bedside.dispatch(seen))

    def _read_cuff(self) -> None:
        self._readings += 1
        reading = NibpReading(
            source="cuff",
            cycle=self._readings,
            sbp_mmhg=120,
            dbp_mmhg=75,
            map_mmhg=90,
            pulse_bpm=70,
            measured_at_ns=self._clock.now_ns(),
        )
        self.bedside.guard(lambda: self.bedside.dispatch(reading))

    def _last_poll_is_answered(self) -> bool:
        pump = self._core.state.pump
        return pump.counter is not None and pump.counter.asked_at_ns >= pump.polled_ns


class Moment:
    """A moment of a running infusion: core, drivers and clock, to be gone back to before each trial."""

    def __init__(self, bedside: Bedside, clock: SettableClock) -> None:
        self._bedside = bedside
        self._clock = clock
        self._now_ns = clock.now_ns()
        core = bedside.core
        self._core = {**vars(core), "state": copy.copy(core.state)}
        parts = bedside.parts
        self._pump = copy.deepcopy(parts.pump.driver)
        self._oximeter = copy.deepcopy(parts.oximeter.driver)
        self._cuff = copy.deepcopy(parts.cuff.driver)

    def restore(self) -> None:
        """Go back. The parts of the core's state are immutable, so that a shallow copy is whole."""
        self._clock.set(self._now_ns)
        vars(self._bedside.core).update(self._core, state=copy.copy(self._core["state"]))
        parts = self._bedside.parts
        parts.pump.driver = copy.deepcopy(self._pump)
        parts.oximeter.driver = copy.deepcopy(self._oximeter)
        parts.cuff.driver = copy.deepcopy(self._cuff)
