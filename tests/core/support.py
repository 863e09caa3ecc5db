"""What the tests of the core share: builders, and a world that answers effects as pump, cuff, probe and journal would.

Nothing here sleeps or mocks: the world is a heap of events in virtual time, and its pump keeps the true plunger.
"""

import heapq
import itertools
from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TypeVar

from pumpd.bedside.profile_file import load_profile
from pumpd.core import prompts
from pumpd.core.alarms import Alarms
from pumpd.core.commands import (
    FOR_DISCHARGE,
    Account,
    Acknowledge,
    Appearance,
    Assess,
    Attest,
    Attested,
    Close,
    Command,
    CommandReceived,
    Confirm,
    Lower,
    Pause,
    Prepare,
    Presence,
    ReceiptState,
    Resume,
    Role,
    Score,
    Start,
    Stop,
    Witness,
)
from pumpd.core.controller import Core
from pumpd.core.effects import (
    AlarmsChanged,
    Effect,
    LowerRate,
    MeasureNibp,
    PollPump,
    ProgramPump,
    Receipt,
    SaveSession,
    SendRun,
    SendStop,
    TestItself,
    WriteIntent,
)
from pumpd.core.events import (
    Booted,
    BrokerConnected,
    DeadlineReached,
    Event,
    JournalConfirmed,
    PumpLinkDown,
    PumpLinkUp,
    SelfTested,
    StationSeen,
    TokenIssued,
)
from pumpd.core.modes import Mode
from pumpd.core.ports import (
    LinePolicy,
    NibpReading,
    Outcome,
    Programmed,
    PumpAlarmed,
    PumpAlarmKind,
    PumpAttached,
    PumpCounter,
    PumpState,
    PumpStatus,
    RateChanged,
    RunAnswered,
    RunOrder,
    Sample,
    SamplesReceived,
    Validity,
    VitalKind,
)
from pumpd.core.profile import Profile
from pumpd.core.quantities import NS_PER_H, NS_PER_MS, NS_PER_S
from pumpd.core.session import SessionRecord
from pumpd.core.state import Settings

S = NS_PER_S
MS = NS_PER_MS
T0 = 1_000 * S
WALL_AHEAD_NS = 1_780_000_000 * S
"""The worlds begin at 20:43 UTC on the 28th of May 2026 and some minutes."""
PROFILES = Path(__file__).resolve().parents[2] / "config" / "profiles"
OPERATORS = {
    "anna": Role.NURSE,
    "ben": Role.NURSE,
    "pia": Role.PRESCRIBER,
    "eva": Role.ENGINEER,
    "vic": Role.VIEWER,
}
ROUND_NS = 90 * S
"""How often the nurse of the world says that she is at the bedside."""
E = TypeVar("E")


@cache
def profile(name: str = "demo") -> Profile:
    return load_profile(PROFILES / f"{name}.toml")


def settings(name: str = "demo") -> Settings:
    return Settings(profile=profile(name), operators=OPERATORS, simulated=True, averaging_ns=12 * NS_PER_S)


def prepare(**changes: object) -> Prepare:
    entry = Prepare(
        weight_kg=Decimal("70.0"),
        dose_mg_per_kg=Decimal("0.5"),
        duration_min=Decimal(40),
        vial_strength_mg_ml=Decimal(50),
        drug_drawn_ml=Decimal(2),
        diluent_ml=Decimal(48),
        declared_concentration_mg_ml=Decimal(2),
        syringe="BD-60",
        syringe_fill_ml=Decimal(25),
        made_by="clara",
        witnessed_by="dan",
        mixed_min_ago=0,
        appearance=Appearance.CLEAR,
    )
    return replace(entry, **changes)  # type: ignore[arg-type]  # the tests name the fields


def vital(kind: VitalKind, value: int | None, at_ns: int, validity: Validity = Validity.VALID) -> Sample:
    return Sample(kind=kind, value=value, validity=validity, measured_at_ns=at_ns, source="test", seq=at_ns)


def frame(at_ns: int, *, hr: int = 72, spo2: int = 98, validity: Validity = Validity.VALID) -> SamplesReceived:
    return SamplesReceived(
        samples=(vital(VitalKind.HR, hr, at_ns, validity), vital(VitalKind.SPO2, spo2, at_ns, validity))
    )


def nibp(at_ns: int, sbp: int = 120, dbp: int = 75) -> NibpReading:
    return NibpReading(
        source="cuff",
        cycle=at_ns,
        sbp_mmhg=sbp,
        dbp_mmhg=dbp,
        map_mmhg=(sbp + dbp) // 2,
        pulse_bpm=70,
        measured_at_ns=at_ns,
    )


def self_tested(**changes: object) -> SelfTested:
    found = SelfTested(
        begun_ns=0,
        free_bytes=10_000_000_000,
        storage_fault=None,
        profile_fault=None,
        alarm_fault=None,
        clock_fault=None,
    )
    return replace(found, **changes)  # type: ignore[arg-type]  # the tests name the fields


def only(effects: Iterable[Effect], kind: type[E]) -> list[E]:
    return [effect for effect in effects if isinstance(effect, kind)]


@dataclass
class Plunger:
    """The pump of the world: the truth. Volumes in nL; `counted` restarts with each program."""

    given_nl: int = 0
    run_nl: int = 0
    counted_nl: int = 0
    rate_nl_h: int = 0
    volume_nl: int = 0
    moving_since_ns: int | None = None
    heard_ns: int = 0
    lease_ns: int = 5 * S
    ignores_stop: bool = False
    state_at_rest: PumpState = PumpState.REST

    def settle(self, now_ns: int) -> None:
        """Let the plunger move up to `now_ns`, its end-stop and its watchdog included."""
        if self.moving_since_ns is None:
            return
        until = min(now_ns, self.heard_ns + self.lease_ns)
        flowed = self.rate_nl_h * max(until - self.moving_since_ns, 0) // NS_PER_H
        flowed = min(flowed, self.volume_nl - self.run_nl)
        if flowed or until < now_ns:
            self.given_nl += flowed
            self.run_nl += flowed
            self.counted_nl += flowed
            self.moving_since_ns += flowed * NS_PER_H // self.rate_nl_h
        if self.run_nl >= self.volume_nl or until < now_ns:
            self.moving_since_ns = None

    def stop(self, now_ns: int) -> None:
        self.settle(now_ns)
        if not self.ignores_stop:
            self.moving_since_ns = None

    def status(self) -> PumpState:
        return self.state_at_rest if self.moving_since_ns is None else PumpState.MOVING

    def counter(self) -> tuple[int, int]:
        count_nl = 1_000 if self.counted_nl < 10_000_000 else 10_000
        low = self.counted_nl // count_nl * count_nl
        return low, low + count_nl


@dataclass
class World:
    """A core, its pump, its monitors, its journal and its people, in virtual time."""

    core: Core = field(default_factory=lambda: Core(settings()))
    now_ns: int = T0
    pump: Plunger = field(default_factory=Plunger)
    effects: list[tuple[int, Effect]] = field(default_factory=list)
    link_up: bool = True
    journal_answers: bool = True
    pump_answers: bool = True
    program_answers: bool = True
    rate_answers: bool = True
    run_outcome: Outcome = Outcome.ANSWERED
    run_reaches_pump: bool = True
    hr: int = 72
    spo2: int = 98
    probe: Validity = Validity.VALID
    sbp: int = 120
    dbp: int = 75
    cuff_answers: bool = True
    frames: bool = True
    tokens: bool = True
    attentive: bool = True
    asked: bool = True
    station: bool = True
    self_test: SelfTested | None = field(default_factory=lambda: self_tested())
    present_ns: int | None = None
    lose: Callable[[], bool] = lambda: False
    programmed: RunOrder | None = None
    last_packet_ns: int = 0
    human_ns: int = -1
    halted_ns: int = -1
    runs_sent: list[str] = field(default_factory=list)
    saved: SessionRecord | None = None
    alarms: Alarms = field(default_factory=Alarms)
    durable: SessionRecord | None = None
    _heap: list[tuple[int, int, Callable[[], None]]] = field(default_factory=list)
    _order: "itertools.count[int]" = field(default_factory=itertools.count)
    _asking: bool = False

    # ---- time -------------------------------------------------------------------------------------------------------

    def later(self, after_ns: int, act: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (self.now_ns + after_ns, next(self._order), act))

    def advance(self, seconds: float) -> None:
        end_ns = self.now_ns + round(seconds * S)
        while True:
            deadline_ns = self.core.next_deadline_ns(self.now_ns)
            assert deadline_ns <= self.now_ns + S, "an evaluation is never later than 1 s"
            due_ns = self._heap[0][0] if self._heap else deadline_ns
            if min(due_ns, deadline_ns) > end_ns:
                break
            if due_ns <= deadline_ns:
                self.now_ns, _, act = heapq.heappop(self._heap)
                act()
            else:
                self.now_ns = max(deadline_ns, self.now_ns)
                self.tell(DeadlineReached(real_ns=self.now_ns))
        self.now_ns = end_ns
        self.pump.settle(end_ns)

    # ---- one event --------------------------------------------------------------------------------------------------

    def tell(self, event: Event) -> list[Effect]:
        self.pump.settle(self.now_ns)
        effects = list(self.core.handle(event, self.now_ns))
        self.effects.extend((self.now_ns, effect) for effect in effects)
        stops = [index for index, effect in enumerate(effects) if isinstance(effect, SendStop)]
        assert stops in ([], [0]), "a stop is the first effect, once"
        for effect in effects:
            self._carry_out(effect)
        self.check()
        assert self.core.next_deadline_ns(self.now_ns) > self.now_ns, "a deadline in the past would spin"
        if self.core.state.halt is not None and not self._asking:
            self._asking = True
            self.later(50 * MS, self._confirm_rest)
        return effects

    def check(self) -> None:
        state = self.core.state
        if state.order is not None and state.runs:
            low, high = state.ledger.low(), state.ledger.high(self.now_ns)
            assert low <= self.pump.given_nl <= high, f"{self.pump.given_nl} is not in [{low}, {high}]"
            anew = state.ledger.run is not None and state.ledger.run.started_anew  # at the keypad, past what we ordered
            assert anew or high <= state.order.volume_nl, "more was authorised than ordered"

    def _carry_out(self, effect: Effect) -> None:  # noqa: C901 - one line per effect
        match effect:
            case SendStop():
                self.halted_ns = self.now_ns
                if self.link_up:
                    self.pump.stop(self.now_ns)
                    self._heard()
            case PollPump():
                assert self.core.permission(self.now_ns), "a poll renews the lease, so it needs permission"
                self._ask()
            case ProgramPump(order=order):
                self.programmed = order
                if self.program_answers:
                    self.later(500 * MS, lambda: self._program(order))
            case WriteIntent(token=token):
                self.durable = self.saved
                if self.journal_answers:
                    self.later(5 * MS, lambda: self._tell_all(JournalConfirmed(token=token)))
            case SendRun(run_id=run_id):
                assert run_id not in self.runs_sent, "RUN is sent once"
                assert self.human_ns > self.halted_ns, "RUN needs a human command newer than the last stop"
                self.runs_sent.append(run_id)
                self._run(run_id)
            case MeasureNibp():
                if self.cuff_answers:
                    self.later(20 * S, lambda: self._tell_all(nibp(self.now_ns, self.sbp, self.dbp)))
            case LowerRate(order=order):
                assert self.core.permission(self.now_ns), "a packet to a moving pump needs permission"
                if self.rate_answers:
                    self.later(60 * MS, lambda: self._lower(order))
            case AlarmsChanged(alarms=alarms):
                self.alarms = alarms
            case SaveSession(record=record):
                self.saved = record
            case TestItself(begun_ns=begun_ns):
                if self.self_test is not None:
                    found = replace(self.self_test, begun_ns=begun_ns)
                    self.later(30 * MS, lambda: self._tell_all(found))

    def _tell_all(self, *events: Event) -> None:
        for event in events:
            self.tell(event)

    def _heard(self) -> None:
        self.pump.settle(self.now_ns)
        self.last_packet_ns = self.pump.heard_ns = self.now_ns

    def _program(self, order: RunOrder) -> None:
        if self.programmed is not order or self.core.state.starting is None:
            return
        self.load(order)
        low, high = self.pump.counter()
        self.tell(PumpCounter(low_nl=low, high_nl=high, asked_at_ns=self.now_ns))
        self.tell(self.read_back(order))

    def load(self, order: RunOrder) -> None:
        """Put a run into the pump; this clears its counter."""
        self._heard()
        self.pump.rate_nl_h, self.pump.volume_nl = order.rate_nl_h // 10_000 * 10_000, order.volume_nl
        self.pump.run_nl = self.pump.counted_nl = 0

    def read_back(self, order: RunOrder) -> Programmed:
        return Programmed(
            run_id=order.run_id,
            diameter_um=order.diameter_um,
            rate_nl_h=order.rate_nl_h // 10_000 * 10_000,
            volume_nl=order.volume_nl,
            read_back=(),
        )

    def _run(self, run_id: str) -> None:
        if self.run_reaches_pump and self.link_up:
            self._heard()
            self.pump.moving_since_ns = self.now_ns
        answer = RunAnswered(run_id=run_id, outcome=self.run_outcome, reason="as the test says")
        self.later(20 * MS, lambda: self._tell_all(answer))

    def _lower(self, order: RunOrder) -> None:
        if not self.link_up or self.pump.moving_since_ns is None:
            return
        self._heard()
        self.pump.rate_nl_h = order.rate_nl_h // 10_000 * 10_000
        self.tell(RateChanged(run_id=order.run_id, rate_nl_h=self.pump.rate_nl_h))

    def _ask(self) -> None:
        if not self.link_up:
            return
        self._heard()
        asked_ns = self.now_ns
        state, (low, high) = self.pump.status(), self.pump.counter()
        if self.pump_answers and not self.lose():
            self.later(10 * MS, lambda: self._tell_all(PumpStatus(state=state, asked_at_ns=asked_ns)))
        if self.pump_answers and not self.lose():
            read = PumpCounter(low_nl=low, high_nl=high, asked_at_ns=asked_ns)
            self.later(20 * MS, lambda: self._tell_all(read))

    def _confirm_rest(self) -> None:
        """Do as a driver in a halt does: stop and ask, where the policy lets it."""
        self._asking = False
        halt = self.core.state.halt
        if halt is None or not self.link_up:
            return
        if self.core.line_policy(self.now_ns) is LinePolicy.STOPPING:
            self.pump.stop(self.now_ns)
            self._ask()
        self._asking = True
        self.later(200 * MS, self._confirm_rest)

    # ---- the bedside ------------------------------------------------------------------------------------------------

    def boot(
        self,
        recovered: SessionRecord | None = None,
        seen: tuple[str, ...] = (),
        *,
        alarms: Alarms = Alarms(),  # noqa: B008 - a value
    ) -> None:
        self.tell(
            Booted(
                boot="b",
                bed="bed1",
                recovered=recovered,
                alarms=alarms,
                seen_ids=seen,
                real_ns=self.now_ns,
                wall_ns=self.now_ns + WALL_AHEAD_NS,
            )
        )
        self.tell(BrokerConnected(real_ns=self.now_ns))
        self.connect()
        self._beat()

    def connect(self) -> None:
        self.link_up = True
        self.tell(PumpLinkUp())
        self.tell(PumpAttached(model="NE1000", firmware="3.923", serial=None, lease_ns=profile().lease_ns))

    def cut(self) -> None:
        self.link_up = False
        self._asking = False
        self.tell(PumpLinkDown(reason="cable", last_packet_ns=self.last_packet_ns))

    def ask(self) -> None:
        """Let the nurse of the world answer a prompt as soon as it comes."""
        prompt = prompts.unanswered(self.core.state, self.now_ns)
        if prompt is None:
            return
        self.score()
        if self.core.state.observing_since_ns is not None:
            self.assess()

    def _beat(self) -> None:
        if self.tokens:
            self.tell(TokenIssued(token=f"t{self.now_ns}", real_ns=self.now_ns))
        if self.attentive and self.tokens and (self.present_ns is None or self.now_ns - self.present_ns >= ROUND_NS):
            self.present()
        if self.attentive and self.asked and self.tokens:
            self.ask()
        if self.station and self.tokens:
            self.watch()
        if self.frames:
            self.tell(frame(self.now_ns, hr=self.hr, spo2=self.spo2, validity=self.probe))
        self.later(S, self._beat)

    # ---- people -----------------------------------------------------------------------------------------------------

    def command(self, user: str, what: Command, **changes: object) -> list[Effect]:
        tokens = self.core.state.tokens
        received = CommandReceived(
            user=user,
            id=f"c{next(self._order)}",
            command=what,
            session=self.core.state.session,
            rev=self.core.state.rev,
            token=tokens[-1][0] if tokens else None,
            retained=False,
            received_real_ns=self.now_ns,
        )
        if isinstance(what, (Start, Resume)):
            self.human_ns = self.now_ns
        return self.tell(replace(received, **changes))  # type: ignore[arg-type]  # the tests name the fields

    def answer(self, user: str, what: Command, **changes: object) -> Receipt:
        return only(self.command(user, what, **changes), Receipt)[-1]

    def last_answer(self, kind: str) -> Receipt:
        return [effect for _, effect in self.effects if isinstance(effect, Receipt) and effect.kind == kind][-1]

    def assess(self, moaas: int = 5, rr: int = 14) -> Receipt:
        return self.answer("anna", Assess(moaas=moaas, respiration_bpm=rr))

    def present(self, user: str = "anna", **changes: object) -> Receipt:
        self.present_ns = self.now_ns
        return self.answer(user, Presence(), **changes)

    def watch(self, tested_ago_ns: int | None = 0, user: str = "anna", token: str | None = None) -> None:
        """Let a station tell that it watches, and how long ago somebody heard its test."""
        token = self.core.state.tokens[-1][0] if token is None else token
        self.tell(StationSeen(user=user, token=token, real_ns=self.now_ns, test_age_ns=tested_ago_ns))

    def acknowledge_all(self) -> None:
        for alarm in self.core.state.alarms.listed:
            self.command("anna", Acknowledge(alarm=alarm.id, episode=alarm.episode))

    @property
    def mode(self) -> Mode:
        return self.core.state.mode

    @property
    def order_hash(self) -> str:
        assert self.core.state.order is not None
        return self.core.state.order.hash

    def alarm_ids(self) -> set[str]:
        return {alarm.id for alarm in self.core.state.alarms.listed}

    def confirm(self, user: str = "ben", **changes: object) -> Receipt:
        check = Confirm(
            order_hash=self.order_hash,
            weight_kg=Decimal(70),
            concentration_mg_ml=Decimal(2),
            drug="ketamine",
            syringe="BD-60",
        )
        return self.answer(user, replace(check, **changes))  # type: ignore[arg-type]  # the tests name the fields

    def start(self, user: str = "anna", **changes: object) -> Receipt:
        return self.answer(user, replace(Start(order_hash=self.order_hash), **changes))  # type: ignore[arg-type]

    def resume(self, user: str = "anna", **changes: object) -> Receipt:
        return self.answer(user, replace(Resume(order_hash=self.order_hash), **changes))  # type: ignore[arg-type]

    def lower(self, rate_ml_h: str, user: str = "anna") -> Receipt:
        return self.answer(user, Lower(rate_ml_h=Decimal(rate_ml_h)))

    def attest_all(self) -> None:
        for item in (Attested.PRIMED, Attested.LIMBS_APART, Attested.SYRINGE_LABEL, Attested.PUMP_SERIAL):
            assert self.attest(item).state is ReceiptState.VERIFIED

    def attest(self, item: Attested, user: str = "anna") -> Receipt:
        return self.answer(user, Attest(item=item))

    def close(self, user: str = "anna") -> Receipt:
        return self.answer(user, Close())

    def score(self, nausea: int = 0, user: str = "anna", **changes: int) -> Receipt:
        scores = {"nausea": nausea, "dizziness": 1, "anxiety": 0, "dissociation": 2}
        return self.answer(user, Score(**(scores | changes)))

    def account(self, primed: str = "2", wasted: str = "0", left: str | None = None, explanation: str = "") -> Receipt:
        """Count the drug; what is left is what balances, where the test does not say."""
        order = self.core.state.order
        assert order is not None
        rest_nl = order.label.mixed_nl - self.core.state.ledger.high(self.now_ns)
        rest = Decimal(rest_nl) / 1_000_000 - Decimal(primed) - Decimal(wasted)
        entry = Account(
            primed_ml=Decimal(primed),
            wasted_ml=Decimal(wasted),
            left_ml=rest if left is None else Decimal(left),
            explanation=explanation,
        )
        return self.answer("anna", entry)

    def witness(self, user: str = "ben") -> Receipt:
        account = self.core.state.account
        return self.answer(user, Witness(account_hash="none" if account is None else account.hash))

    def make_fit(self) -> None:
        """Do all that a discharge asks for besides its time and the alarms."""
        assert self.assess().state is ReceiptState.VERIFIED
        assert self.score().state is ReceiptState.VERIFIED
        for item in FOR_DISCHARGE:
            assert self.attest(item).state is ReceiptState.VERIFIED
        counted = self.account()
        assert counted.state is ReceiptState.VERIFIED, counted.reason
        assert self.witness().state is ReceiptState.VERIFIED

    def observe(self) -> None:
        """Watch the patient for as long as the profile asks, and sign the discharge."""
        self.advance(profile().observe_min_ns // S)
        self.make_fit()
        self.acknowledge_all()
        receipt = self.close()
        assert receipt.state is ReceiptState.VERIFIED, receipt.reason

    def stop(self, user: str = "anna") -> list[Effect]:
        return self.command(user, Stop())

    def pause(self, user: str = "anna") -> list[Effect]:
        return self.command(user, Pause())


def ready(world: World | None = None) -> World:
    """Return a world in which everything is ready for a start."""
    world = World() if world is None else world
    world.boot()
    world.advance(1)
    assert world.answer("anna", prepare()).state is ReceiptState.VERIFIED
    world.advance(150)
    assert world.assess().state is ReceiptState.VERIFIED
    world.attest_all()
    assert world.confirm().state is ReceiptState.VERIFIED
    return world


def running(seconds: float = 30) -> World:
    """Return a world in which the infusion has run for a while."""
    world = ready()
    assert world.start().state is ReceiptState.ACCEPTED
    world.advance(seconds)
    assert world.mode is Mode.RUNNING, world.effects[-8:]
    return world


def paused() -> World:
    """Return a world in which a nurse has paused the infusion."""
    world = running()
    world.pause()
    world.advance(5)
    assert world.mode is Mode.PAUSED
    return world


@cache
def _core_in(mode: Mode) -> tuple[Core, int]:
    world = in_mode(mode)
    return world.core, world.now_ns


def core_in(mode: Mode) -> tuple[Core, int]:
    """Return a core of its own in that mode, and the time; quicker than a world, because its past is made once."""
    made, now_ns = _core_in(mode)
    core = copy(made)
    core.state = copy(made.state)
    return core, now_ns


def in_mode(mode: Mode) -> World:
    """Return a world in that mode."""
    world = World() if mode is Mode.IDLE else ready() if mode in {Mode.READY, Mode.STARTING} else running()
    match mode:
        case Mode.IDLE:
            world.boot()
        case Mode.STARTING:
            world.start()
        case Mode.STOPPING:
            world.pump.ignores_stop = True
            world.stop()
        case Mode.PAUSED:
            world.pause()
            world.advance(5)
        case Mode.ENDED:
            world.stop()
            world.advance(5)
        case Mode.COMPLETED:
            world.assess()
            world.advance(2_420)
        case Mode.FAULT:
            world.tell(PumpAlarmed(kind=PumpAlarmKind.PROGRAM, text="A?E"))
            world.advance(5)
        case Mode.UNKNOWN:
            world.cut()
        case _:
            pass
    assert world.mode is mode, world.mode
    return world
