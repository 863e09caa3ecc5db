"""A bed small enough to be copied at every step: the real core, and the least pump that can tell the truth.

Every event goes through `Bed.tell`, which judges the invariants. Nothing here chooses what happens: `acts.py` does.
"""

from copy import copy
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path

from pumpd.bedside.profile_file import load_profile
from pumpd.core.alarms import Alarms
from pumpd.core.commands import (
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
    ReceiptState,
    Resume,
    Role,
    Start,
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
    PumpAttached,
    PumpCounter,
    PumpState,
    PumpStatus,
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

PROFILE = Path(__file__).parents[2] / "config" / "profiles" / "demo.toml"
BEGIN_NS = 1_000 * NS_PER_S
COUNT_NL = 1_000
FREE_BYTES = 10_000_000_000
ALMOST_NL = 1_000_000
"""Less than three minutes at the rate of the order."""
OPERATORS = {"anna": Role.NURSE, "ben": Role.NURSE, "vic": Role.VIEWER}
SEEN_WITHIN_NS = 10 * NS_PER_MS
"""How long an answer of the pump is on its way."""


AFTER_RESTART = frozenset({Mode.IDLE, Mode.UNKNOWN, Mode.COMPLETED, Mode.ENDED})
"""What a daemon may come up with: it claims no rest of an open session before it has read the pump."""


class InvariantError(AssertionError):
    """Something that must never be the case; the message says what."""


def hold(promise: bool, what: str) -> None:
    """Raise `InvariantError` unless the promise is kept."""
    if not promise:
        raise InvariantError(what)


@cache
def _profile() -> Profile:
    return load_profile(PROFILE)


def _core() -> Core:
    return Core(Settings(profile=_profile(), operators=OPERATORS, simulated=True, averaging_ns=0))


@dataclass(slots=True)
class Plunger:
    """What truly flows: a rate, an end-stop and a watchdog."""

    given_nl: int = 0
    run_nl: int = 0
    counted_nl: int = 0
    rate_nl_h: int = 0
    volume_nl: int = 0
    moving_since_ns: int | None = None
    heard_ns: int = 0
    disobeys: bool = False

    def settle(self, now_ns: int, lease_ns: int) -> None:
        """Let the plunger move up to `now_ns`, its end-stop and its watchdog included."""
        since_ns = self.moving_since_ns
        if since_ns is None:
            return
        until_ns = min(now_ns, self.heard_ns + lease_ns)
        flowed_nl = min(self.rate_nl_h * max(until_ns - since_ns, 0) // NS_PER_H, self.volume_nl - self.run_nl)
        if flowed_nl:
            self.given_nl += flowed_nl
            self.run_nl += flowed_nl
            self.counted_nl += flowed_nl
            self.moving_since_ns = since_ns + flowed_nl * NS_PER_H // self.rate_nl_h
        if self.run_nl >= self.volume_nl or until_ns < now_ns:
            self.moving_since_ns = None


@dataclass(slots=True)
class Bed:
    """One bed at one instant."""

    core: Core = field(default_factory=_core)
    now_ns: int = BEGIN_NS
    pump: Plunger = field(default_factory=Plunger)
    link_up: bool = False
    asked_ns: int | None = None
    """When the question left that the pump has not answered yet."""
    truth_then: tuple[PumpState, int] = (PumpState.REST, 0)
    """What the pump was doing, and its counter, when it was asked."""
    earlier: PumpStatus | None = None
    """The last answer about the state, which may come again, late."""
    intent: str | None = None
    to_program: RunOrder | None = None
    run_out: str | None = None
    to_lower: RunOrder | None = None
    cuff_wanted: bool = False
    self_test_wanted_ns: int | None = None
    """When the core asked for the self-test that nobody has answered yet."""
    saved: SessionRecord | None = None
    durable: SessionRecord | None = None
    alarms: Alarms = field(default_factory=Alarms)
    """As the journal holds them."""
    last_packet_ns: int | None = None
    human_ns: int = -1
    halted_ns: int = -1
    runs_sent: frozenset[str] = frozenset()
    commands: int = 0
    last_command: CommandReceived | None = None
    boots: int = 0

    def copied(self) -> "Bed":
        """Return a bed of its own in the same state; the parts of the core's state are immutable."""
        bed = copy(self)
        bed.core = copy(self.core)
        bed.core.state = copy(self.core.state)
        bed.pump = copy(self.pump)
        return bed

    # ---- one event, judged ------------------------------------------------------------------------------------------

    def tell(self, event: Event) -> list[Effect]:
        """Give the core an event, carry its effects out, and judge."""
        lease_ns = self.core.state.settings.profile.lease_ns
        self.pump.settle(self.now_ns, lease_ns)
        before = self.core.state.mode
        effects = list(self.core.handle(event, self.now_ns))
        stops = [index for index, effect in enumerate(effects) if isinstance(effect, SendStop)]
        hold(stops in ([], [0]), f"a stop is first and once, not at {stops}")
        for effect in effects:
            self._carry_out(effect)
        self._judge(event, before)
        return effects

    def _judge(self, event: Event, before: Mode) -> None:
        state = self.core.state
        hold(self.core.next_deadline_ns(self.now_ns) > self.now_ns, "a deadline in the past would spin")
        hold(
            self.core.next_deadline_ns(self.now_ns) <= self.now_ns + NS_PER_S,
            "an evaluation may be more than 1 s away",
        )
        if state.order is not None and state.runs:
            low_nl, high_nl = state.ledger.low(), state.ledger.high(self.now_ns)
            hold(low_nl <= self.pump.given_nl <= high_nl, f"{self.pump.given_nl} nL is not in [{low_nl}, {high_nl}]")
            # what a counter may have counted before it fell unseen widens the bound, not what was authorised
            run = state.ledger.run
            authorised_nl = high_nl - (run.doubt_nl if run is not None else 0)
            hold(authorised_nl <= state.order.volume_nl, f"{high_nl} nL were authorised of {state.order.volume_nl}")
        if state.mode is before or isinstance(event, Booted):
            return  # what a restart may come up with is judged where it boots
        if state.mode is Mode.RUNNING:
            hold(before is Mode.STARTING, f"RUNNING was reached from {before}")
        if state.mode in {Mode.PAUSED, Mode.ENDED, Mode.COMPLETED, Mode.FAULT, Mode.READY} and state.runs:
            hold(state.pump.at_rest, f"{state.mode} without confirmed rest")
            hold(self.pump.moving_since_ns is None, f"{state.mode} and the pump moves")

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case SendStop():
                self.halted_ns = self.now_ns
                self.to_program = self.run_out = self.to_lower = None
                if self.link_up:
                    self._stop()
            case PollPump():
                hold(self.core.permission(self.now_ns), "a poll renews the lease, so it needs permission")
                self._ask()
            case ProgramPump(order=order):
                self.to_program = order
            case WriteIntent(token=token):
                self.durable, self.intent = self.saved, token
            case SendRun(run_id=run_id):
                hold(run_id not in self.runs_sent, "RUN is sent once")
                hold(self.human_ns > self.halted_ns, "RUN without a human command newer than the last stop")
                hold(self.core.permission(self.now_ns), "RUN without permission")
                self.runs_sent |= {run_id}
                self.run_out = run_id
            case LowerRate(order=order):
                hold(self.core.permission(self.now_ns), "a rate without permission")
                self.to_lower = order
            case MeasureNibp():
                self.cuff_wanted = True
            case TestItself(begun_ns=begun_ns):
                self.self_test_wanted_ns = begun_ns
            case SaveSession(record=record):
                self.saved = record
            case AlarmsChanged(alarms=alarms):
                self.alarms = alarms

    # ---- the pump ---------------------------------------------------------------------------------------------------

    def _heard(self) -> None:
        self.last_packet_ns = self.pump.heard_ns = self.now_ns

    def _stop(self) -> None:
        if not self.pump.disobeys:
            self.pump.moving_since_ns = None
        self._heard()

    def _ask(self) -> None:
        if self.link_up:
            self._heard()
            moving = self.pump.moving_since_ns is not None
            self.asked_ns = self.now_ns
            self.truth_then = (PumpState.MOVING if moving else PumpState.REST, self.pump.counted_nl)

    def drive(self) -> None:
        """Do as a driver in a halt does: stop and ask, where the policy lets it."""
        self.pump.settle(self.now_ns, self.core.state.settings.profile.lease_ns)
        if self.link_up and self.core.line_policy(self.now_ns) is LinePolicy.STOPPING:
            self._stop()
            self._ask()

    def reply(self) -> None:
        """Let the pump answer what it was asked."""
        asked_ns = self.asked_ns
        if asked_ns is None:
            return
        self.asked_ns = None
        state, counted_nl = self.truth_then
        low_nl = counted_nl // COUNT_NL * COUNT_NL
        self.now_ns += SEEN_WITHIN_NS
        self.earlier = PumpStatus(state=state, asked_at_ns=asked_ns)
        self.tell(self.earlier)
        self.tell(PumpCounter(low_nl=low_nl, high_nl=low_nl + COUNT_NL, asked_at_ns=asked_ns))

    def program(self) -> None:
        """Let the pump take the program and read it back."""
        order, self.to_program = self.to_program, None
        if order is None or not self.link_up:
            return
        self._heard()
        pump = self.pump
        pump.rate_nl_h, pump.volume_nl = order.rate_nl_h // 10_000 * 10_000, order.volume_nl
        pump.run_nl = pump.counted_nl = 0
        self.tell(PumpCounter(low_nl=0, high_nl=COUNT_NL, asked_at_ns=self.now_ns))
        self.tell(
            Programmed(
                run_id=order.run_id,
                diameter_um=order.diameter_um,
                rate_nl_h=pump.rate_nl_h,
                volume_nl=pump.volume_nl,
                read_back=(),
            )
        )

    def begin_run(self) -> str | None:
        """Let RUN reach the pump; return the run."""
        run_id, self.run_out = self.run_out, None
        if run_id is not None and self.link_up:
            self._heard()
            self.pump.moving_since_ns = self.now_ns
        return run_id

    # ---- people, devices, time --------------------------------------------------------------------------------------

    def command(self, user: str, what: Command, *, stale: bool = False) -> list[Effect]:
        """Send a command with the token that the screen shows, or with one that it showed long ago."""
        if isinstance(what, (Start, Resume)) and not stale and OPERATORS.get(user) is Role.NURSE:
            self.human_ns = self.now_ns
        state = self.core.state
        self.commands += 1
        self.last_command = CommandReceived(
            user=user,
            id=f"c{self.commands}",
            command=what,
            session=state.session,
            rev=state.rev,
            token=state.tokens[0 if stale else -1][0] if state.tokens else None,
            retained=False,
            received_real_ns=self.now_ns,
        )
        return self.tell(self.last_command)

    def frame(self, spo2: int = 98, validity: Validity = Validity.VALID, *, hr: int = 72) -> None:
        """Give the values of the oximeter as they are now."""
        self.tell(
            SamplesReceived(
                samples=tuple(
                    Sample(
                        kind=kind,
                        value=value,
                        validity=validity,
                        measured_at_ns=self.now_ns,
                        source="probe",
                        seq=self.now_ns,
                    )
                    for kind, value in ((VitalKind.HR, hr), (VitalKind.SPO2, spo2))
                )
            )
        )

    def cuff(self, sbp: int = 120, dbp: int = 75) -> None:
        """End a cuff cycle with a reading."""
        self.cuff_wanted = False
        self.tell(
            NibpReading(
                source="cuff",
                cycle=self.now_ns,
                sbp_mmhg=sbp,
                dbp_mmhg=dbp,
                map_mmhg=(sbp + dbp) // 2,
                pulse_bpm=70,
                measured_at_ns=self.now_ns,
            )
        )

    def pass_to(self, end_ns: int) -> None:
        """Let time pass in which nothing comes but deadlines."""
        while (due_ns := self.core.next_deadline_ns(self.now_ns)) <= end_ns:
            self.now_ns = due_ns
            self.tell(DeadlineReached(real_ns=due_ns))
        self.now_ns = end_ns
        self.pump.settle(end_ns, self.core.state.settings.profile.lease_ns)

    def answer_self_test(self) -> None:
        """Let the self-test that was asked for find nothing wrong."""
        begun_ns, self.self_test_wanted_ns = self.self_test_wanted_ns, None
        if begun_ns is not None:
            self.tell(
                SelfTested(
                    begun_ns=begun_ns,
                    free_bytes=FREE_BYTES,
                    storage_fault=None,
                    profile_fault=None,
                    alarm_fault=None,
                    clock_fault=None,
                )
            )

    def live_second(self) -> None:
        """Let a second pass in which everything works: a heartbeat, good values, a pump and a cuff that answer."""
        self.pass_to(self.now_ns + NS_PER_S - SEEN_WITHIN_NS)
        token = f"t{self.now_ns}"
        self.tell(TokenIssued(token=token, real_ns=self.now_ns))
        self.tell(StationSeen(user="anna", token=token, real_ns=self.now_ns, test_age_ns=0))
        self.frame()
        if self.cuff_wanted:
            self.cuff()
        self.answer_self_test()
        self.drive()
        if self.asked_ns is None:
            self.now_ns += SEEN_WITHIN_NS
        else:
            self.reply()

    def connect(self) -> None:
        """Open the pump's port and find the pump."""
        self.link_up = True
        self.tell(PumpLinkUp())
        lease_ns = self.core.state.settings.profile.lease_ns
        self.tell(PumpAttached(model="NE1000", firmware="3.923", serial=None, lease_ns=lease_ns))

    def boot(self) -> None:
        """End the daemon wherever it is, and begin another with what the journal keeps."""
        seen = tuple(f"c{number}" for number in range(1, self.commands + 1))
        recovered = self.durable if self.intent is not None else self.saved
        self.core = _core()
        self.intent = self.to_program = self.run_out = self.to_lower = self.asked_ns = None
        self.boots += 1
        self.link_up = False
        self.tell(
            Booted(
                boot=f"b{self.boots}",
                bed="bed1",
                recovered=recovered,
                alarms=self.alarms,
                seen_ids=seen,
                real_ns=self.now_ns,
                wall_ns=self.now_ns,
            )
        )
        mode = self.core.state.mode
        hold(mode in AFTER_RESTART, f"a restart came up {mode}")
        self.tell(BrokerConnected(real_ns=self.now_ns))
        self.connect()


def ready_bed() -> Bed:
    """Return a bed at which everything is ready for a start."""
    bed = Bed()
    bed.boot()
    bed.live_second()
    _done(
        bed,
        "anna",
        Prepare(
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
        ),
    )
    for _ in range(150):
        bed.live_second()
    _done(bed, "anna", Assess(moaas=5, respiration_bpm=14))
    _done(bed, "anna", Presence())
    for item in (Attested.PRIMED, Attested.LIMBS_APART, Attested.SYRINGE_LABEL, Attested.PUMP_SERIAL):
        _done(bed, "anna", Attest(item=item))
    order = bed.core.state.order
    assert order is not None  # noqa: S101 - it was verified
    _done(
        bed,
        "ben",
        Confirm(
            order_hash=order.hash,
            weight_kg=Decimal(70),
            concentration_mg_ml=Decimal(2),
            drug=order.drug,
            syringe=order.syringe.name,
        ),
    )
    return bed


def running_bed(seconds: int = 30) -> Bed:
    """Return a bed at which the infusion has run for a while."""
    bed = ready_bed()
    order = bed.core.state.order
    assert order is not None  # noqa: S101 - it is ready
    bed.command("anna", Start(order_hash=order.hash))
    token, bed.intent = bed.intent, None
    bed.tell(JournalConfirmed(token=token or ""))
    bed.program()
    run_id = bed.begin_run()
    bed.tell(RunAnswered(run_id=run_id or "", outcome=Outcome.ANSWERED, reason=""))
    for _ in range(seconds):
        bed.live_second()
    hold(bed.core.state.mode is Mode.RUNNING, f"a run came to {bed.core.state.mode}")
    return bed


def paused_bed() -> Bed:
    """Return a bed at which a nurse has paused the infusion."""
    bed = running_bed()
    bed.command("anna", Pause())
    for _ in range(40):
        bed.live_second()
    hold(bed.core.state.mode is Mode.PAUSED, f"a pause came to {bed.core.state.mode}")
    return bed


def almost_given_bed() -> Bed:
    """Return a bed at which the order is all but given."""
    bed = running_bed()
    while bed.core.state.ledger.remaining(bed.now_ns) > ALMOST_NL:
        _round(bed)
    hold(bed.core.state.mode is Mode.RUNNING, f"a run came to {bed.core.state.mode}")
    return bed


def _round(bed: Bed) -> None:
    """A minute in which a nurse looks and counts."""
    bed.command("anna", Presence())
    bed.command("anna", Assess(moaas=5, respiration_bpm=14))
    for _ in range(60):
        bed.live_second()


def _done(bed: Bed, user: str, what: Command) -> None:
    answers = [effect for effect in bed.command(user, what) if isinstance(effect, Receipt)]
    hold(answers[-1].state is ReceiptState.VERIFIED, f"{answers[-1]}")
