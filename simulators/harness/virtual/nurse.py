"""A nurse at the bus: the same payloads and the same screen as `pumpd nurse`, in simulated time, with her habits.

She sees what is published and nothing else. Every wait is bounded.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from random import Random
from typing import TypeVar

from pumpd.core.commands import (
    Acknowledge,
    Appearance,
    Assess,
    Attest,
    Attested,
    Command,
    Confirm,
    Pause,
    Prepare,
    Presence,
    ReceiptState,
    Resume,
    Score,
    Start,
    Stop,
)
from pumpd.core.modes import Mode
from pumpd.core.phase import SessionPhase
from pumpd.mqtt.client import View
from pumpd.mqtt.intake import to_request
from pumpd.mqtt.payloads import Ack, Alarm, State, StationBeat
from pumpd.mqtt.topics import ROOT, BedTopics, Channel
from simulators.harness.discharging import next_step
from simulators.harness.virtual.bus import BrokerDownError, Connection, VirtualBroker
from simulators.harness.virtual.clock import VirtualClock
from simulators.harness.virtual.loop import NS_PER_S

T = TypeVar("T")

STATION_EVERY_S = 4.0
TEST_EVERY_S = 300.0
"""Her screen rings and asks whether she hears it, well within the ten minutes for which an answer counts."""
FINAL_WITHIN_S = 10.0
"""After this without a final word a nurse takes the outcome for unknown (CMD-04)."""
ROUND_EVERY_S = 240.0
"""Well within the ten minutes for which an assessment counts."""
LOOK_EVERY_S = 0.25
"""How often a nurse who waits for something looks at the screen."""

ORDER = Prepare(
    weight_kg=Decimal(70),
    dose_mg_per_kg=Decimal("0.5"),
    duration_min=Decimal(40),
    vial_strength_mg_ml=Decimal(50),
    drug_drawn_ml=Decimal(1),
    diluent_ml=Decimal(24),
    declared_concentration_mg_ml=Decimal(2),
    syringe="BD-60",
    syringe_fill_ml=Decimal(25),
    made_by="clara",
    witnessed_by="dan",
    mixed_min_ago=0,
    appearance=Appearance.CLEAR,
)
"""35 mg in 17.5 mL at 26.25 mL/h."""

SCORES = Score(nausea=1, dizziness=2, anxiety=0, dissociation=4)
"""How a patient feels in the middle of it."""
SEEN_BEFORE_START = (Attested.PRIMED, Attested.LIMBS_APART, Attested.SYRINGE_LABEL, Attested.PUMP_SERIAL)
"""What a nurse attests for every infusion."""

_GOOD_NEWS = (*SEEN_BEFORE_START, Attested.LINE_RELIEVED)
"""What a nurse finds as it should be when she looks."""
_FINAL = frozenset({ReceiptState.VERIFIED, ReceiptState.REFUSED, ReceiptState.UNKNOWN})
CLOSED = frozenset({Mode.COMPLETED, Mode.ENDED, Mode.FAULT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How a nurse works. Chances are per command, from 0 to 1."""

    looks_every_s: float = 2.0
    """How long between two looks at the bed while nothing is asked of her."""
    reacts_within_s: tuple[float, float] = (0.5, 2.0)
    """From seeing to pressing; the token in the command is the one she saw before."""
    doubles: float = 0.0
    """She presses twice: the same message goes out again."""
    errs: float = 0.0
    """She sends something that is not right: another order's hash, another session, an old revision."""
    gives_up_after_s: float = 900.0
    """How long an infusion may stay paused before she ends it."""
    pauses_every_s: float | None = None
    """How often, on average, she pauses an infusion that runs, because somebody asks for it; None is never."""
    is_away: Callable[[int], bool] = lambda _now_ns: False
    """Whether she is away at an instant: no look, no command, and her screen sleeps."""


PROMPT = Habits()
SLOW = Habits(looks_every_s=20.0, reacts_within_s=(2.0, 7.0), pauses_every_s=240.0)
"""Some of what she sends is older than the five seconds that a token is worth."""
ABSENT = Habits(is_away=lambda _now_ns: True)
WRONG = Habits(errs=0.5, pauses_every_s=20.0)
DOUBLING = Habits(doubles=1.0, pauses_every_s=20.0)


class Nurse:
    """One person with a screen of her own at one bed."""

    def __init__(
        self,
        user: str,
        *,
        bed: str,
        broker: VirtualBroker,
        clock: VirtualClock,
        rng: Random,
        habits: Habits = PROMPT,
    ) -> None:
        self.user = user
        self.habits = habits
        self.sent: list[tuple[int, str, str]] = []
        """Every command she meant: when, its kind, its id."""
        self.clock = clock
        self._broker = broker
        self._rng = rng
        self._topics = BedTopics(bed=bed)
        plain = (Channel.STATUS, Channel.HEARTBEAT, Channel.STATE, Channel.ALARMS)
        self._ack_topic = self._topics.ack(user)
        self._filters = (*(f"{ROOT}/{bed}/{channel.value}" for channel in plain), self._ack_topic)
        self._connection: Connection | None = None
        self._view = View(bed=bed)
        self._unread: dict[str, tuple[bytes, bool, int]] = {}
        self._receipts: list[bytes] = []
        self._commands = 0
        self._prompts = 0
        self._tested_ns: int | None = None

    @property
    def view(self) -> View:
        """Return what her screen shows; messages are taken apart when she looks."""
        for topic in tuple(self._unread):
            self._read(topic)
        for payload in self._receipts:
            self._view = self._view.after(self._ack_topic, payload, retained=False, now_ns=self.clock.now_ns())
        self._receipts.clear()
        return self._view

    def _read(self, topic: str) -> None:
        """Take apart the newest message of a topic, where there is one that was not."""
        if topic in self._unread:
            payload, kept, at_ns = self._unread.pop(topic)
            self._view = self._view.after(topic, payload, retained=kept, now_ns=at_ns)

    @property
    def state(self) -> State | None:
        """Return the state that a live daemon shows."""
        return self.view.live_state(self.clock.now_ns())

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """Return the alarms that nobody has taken note of."""
        alarms = self.view.alarms
        return () if alarms is None else tuple(each for each in alarms.message.alarms if each.acknowledged_by is None)

    async def sit(self) -> None:
        """Keep the screen on: its connection and its signs of life. A task of its own, until cancelled."""
        while True:
            now_ns = self.clock.now_ns()
            self._read(self._topics.heartbeat)
            shown = self._view.heartbeat
            if not self.habits.is_away(now_ns) and self._is_connected() and shown is not None:
                beat = StationBeat(
                    user=self.user,
                    token=shown.message.token,
                    listening=True,
                    audible_test_age_s=self._test_age_s(now_ns),
                    at=self.clock.wall_utc(),
                )
                self._publish(self._topics.station(self.user), beat.to_bytes())
            await self.clock.pass_s(STATION_EVERY_S)

    def _test_age_s(self, now_ns: int) -> Decimal:
        """Answer the audible test where it is due; return how long ago she did."""
        if self._tested_ns is None or now_ns - self._tested_ns >= TEST_EVERY_S * NS_PER_S:
            self._tested_ns = now_ns
        return Decimal(now_ns - self._tested_ns).scaleb(-9)

    async def until(self, look: Callable[[], T | None], within_s: float) -> T | None:
        """Return what `look` finds on the screen within a time, else None."""
        limit_ns = self.clock.now_ns() + round(within_s * NS_PER_S)
        while (found := look()) is None and self.clock.now_ns() < limit_ns:
            await self.clock.pass_s(LOOK_EVERY_S)
        return found

    async def stop(self, reason: str = "") -> Ack | None:
        """Press stop, whatever the screen shows."""
        return await self._press(Stop(reason=reason), seen=None)

    async def pause(self, reason: str = "") -> Ack | None:
        """Press pause, whatever the screen shows."""
        return await self._press(Pause(reason=reason), seen=None)

    def is_asked_to_pause(self) -> bool:
        """Tell whether, since she last looked, somebody has asked her to pause: at random, as often as she has it."""
        every_s = self.habits.pauses_every_s
        return every_s is not None and self._rng.random() < self.habits.looks_every_s / every_s

    async def command(self, command: Command) -> Ack | None:
        """Decide on what the screen shows, press, and return the final word; None where none came in time."""
        beat = await self.until(lambda: self.view.live_heartbeat(self.clock.now_ns()), 10.0)
        if beat is None:
            return None
        low_s, high_s = self.habits.reacts_within_s
        await self.clock.pass_s(self._rng.uniform(low_s, high_s))
        return await self._press(command, seen=(beat.session, beat.rev, beat.token))

    async def insist(self, make: Callable[[State], Command], *, tries: int = 20) -> Ack | None:
        """Repeat a command that was refused, because the state had just changed or she had erred."""
        ack = None
        for _ in range(tries):
            state = await self.until(lambda: self.state, 10.0)
            if state is None:
                continue
            ack = await self.command(make(state))
            if ack is not None and ack.state is ReceiptState.VERIFIED:
                return ack
        return ack

    def answer_prompt(self, state: State) -> None:
        """Enter how the patient feels where the screen asks for it: at once, without waiting for the receipt."""
        beat = self.view.live_heartbeat(self.clock.now_ns())
        if state.prompt is None or beat is None or not self._is_connected():
            return
        if not any("(score)" in each for each in state.prompt.asks):
            return
        self._prompts += 1
        request = to_request(
            SCORES,
            command_id=f"{self.user}-score-{self._prompts}-{self.clock.now_ns()}",
            session=beat.session,
            rev=beat.rev,
            token=beat.token,
            issued_at=self.clock.wall_utc(),
        )
        self._publish(self._topics.request(self.user), request.to_bytes())

    async def _press(self, command: Command, seen: tuple[str | None, int, str] | None) -> Ack | None:
        session, rev, token = (None, None, None) if seen is None else seen
        if seen is not None and self._rng.random() < self.habits.errs:
            command, session, rev = self._mistaken(command, session, rev)
        self._commands += 1
        command_id = f"{self.user}-{self._commands}-{self._rng.getrandbits(32):08x}"
        request = to_request(
            command, command_id=command_id, session=session, rev=rev, token=token, issued_at=self.clock.wall_utc()
        )
        payload = request.to_bytes()
        self.sent.append((self.clock.now_ns(), type(command).__name__, command_id))
        if not self._is_connected():
            return None
        self._publish(self._topics.request(self.user), payload)
        if self._rng.random() < self.habits.doubles:
            await self.clock.pass_s(self._rng.random())
            self._publish(self._topics.request(self.user), payload)
        return await self.until(lambda: self._final(command_id), FINAL_WITHIN_S)

    def _mistaken(
        self, command: Command, session: str | None, rev: int | None
    ) -> tuple[Command, str | None, int | None]:
        match command:
            case Start() | Resume():
                return type(command)(order_hash="0" * 16), session, rev
            case Confirm():
                return replace(command, weight_kg=command.weight_kg + 1), session, rev
            case _:
                return command, "s-another", None if rev is None else max(rev - 1, 0)

    def _final(self, command_id: str) -> Ack | None:
        return next((each for each in self.view.receipts if each.id == command_id and each.state in _FINAL), None)

    def _is_connected(self) -> bool:
        """Connect where there is no connection; tell whether there is one."""
        if self._connection is None or not self._connection.is_open:
            try:
                self._connection = self._broker.connect(
                    self.user, self._filters, on_message=self._message, on_lost=lambda: None
                )
            except BrokerDownError:
                return False
        return True

    def _publish(self, topic: str, payload: bytes) -> None:
        if self._connection is not None:
            self._connection.publish(topic, payload, retain=False)

    def _message(self, topic: str, payload: bytes, kept: bool) -> None:
        if topic == self._ack_topic:
            self._receipts.append(payload)
        else:
            self._unread[topic] = (payload, kept, self.clock.now_ns())


async def begin(anna: Nurse, ben: Nurse) -> bool:
    """Enter an order, check it, and start it once nothing is in the way; tell whether it runs."""
    if await anna.until(lambda: _in(anna, Mode.IDLE), 60.0) is None:
        return False
    await anna.insist(_preparation)
    await anna.insist(lambda _state: Assess(moaas=5, respiration_bpm=14))
    for seen in SEEN_BEFORE_START:
        await anna.insist(partial(_attestation, seen))
    await ben.insist(confirmation)
    return await _go(anna, Mode.READY, within_s=900.0)


async def attend(nurse: Nurse, *, within_s: float) -> State | None:
    """Look after the infusion until it is over: note alarms, assess, resume, and end what stays paused for too long.

    Returns the last state, or None when the time is over first.
    """
    clock = nurse.clock
    limit_ns = clock.now_ns() + round(within_s * NS_PER_S)
    assessed_ns = paused_ns = clock.now_ns()
    while clock.now_ns() < limit_ns:
        await clock.pass_s(nurse.habits.looks_every_s)
        state = nurse.state
        if nurse.habits.is_away(clock.now_ns()) or state is None:
            continue
        if state.mode in CLOSED:
            return state
        await _note_alarms(nurse)
        nurse.answer_prompt(state)
        if clock.now_ns() - assessed_ns > ROUND_EVERY_S * NS_PER_S:
            assessed_ns = clock.now_ns()
            await nurse.command(Presence())
            await nurse.command(Assess(moaas=5, respiration_bpm=14))
        if state.mode is not Mode.PAUSED:
            paused_ns = clock.now_ns()
        elif needs_presence(state.resume_blockers):
            await nurse.command(Presence())
        elif (item := wanted_attestation(state.resume_blockers)) is not None:
            await nurse.command(Attest(item=item))
        elif state.order is not None and not state.resume_blockers:
            await nurse.command(Resume(order_hash=state.order.hash))
        elif clock.now_ns() - paused_ns > nurse.habits.gives_up_after_s * NS_PER_S:
            await nurse.stop("it has been paused for too long")
    return None


async def discharge(anna: Nurse, ben: Nurse, *, within_s: float) -> bool:
    """Answer prompts, do what a discharge asks for, and sign it once its time has come; tell whether it was signed."""
    clock = anna.clock
    limit_ns = clock.now_ns() + round(within_s * NS_PER_S)
    while clock.now_ns() < limit_ns:
        state = anna.state
        if state is not None and state.phase is SessionPhase.CLOSED:
            return True
        await _note_alarms(anna)
        step = None if state is None else next_step(state)
        if step is not None:
            command, by_second = step
            await (ben if by_second else anna).command(command)
        await clock.pass_s(anna.habits.looks_every_s)
    return False


def _attestation(item: Attested, _state: State) -> Command:
    return Attest(item=item)


def _preparation(state: State) -> Command:
    """The order, under the clearance that the screen shows."""
    return replace(ORDER, clearance_hash="" if state.clearance is None else state.clearance.hash)


def confirmation(state: State) -> Confirm:
    """Return what the second person types: what she reads herself, and her password anew."""
    order = state.order
    return Confirm(
        order_hash="none" if order is None else order.hash,
        weight_kg=ORDER.weight_kg,
        concentration_mg_ml=ORDER.declared_concentration_mg_ml,
        drug="ketamine",
        syringe=ORDER.syringe,
        course="" if order is None or order.course is None else order.course,
        authenticated=True,
    )


async def _go(nurse: Nurse, mode: Mode, *, within_s: float) -> bool:
    clock = nurse.clock
    limit_ns = clock.now_ns() + round(within_s * NS_PER_S)
    while clock.now_ns() < limit_ns:
        await _note_alarms(nurse)
        state = nurse.state
        if state is not None and state.mode is Mode.RUNNING:
            return True
        if state is not None and needs_presence(state.start_blockers):
            await nurse.command(Presence())
        elif state is not None and state.mode is mode and state.order is not None and not state.start_blockers:
            await nurse.command(Start(order_hash=state.order.hash))
        await clock.pass_s(nurse.habits.looks_every_s)
    return False


def needs_presence(blockers: tuple[str, ...]) -> bool:
    """Tell whether a start or a resume waits for somebody who says that she is at the bedside."""
    return any("confirm presence" in blocker for blocker in blockers)


def wanted_attestation(blockers: tuple[str, ...]) -> Attested | None:
    """Return what a start or a resume still wants somebody to have seen; a restart forgets what was attested."""
    return next((item for item in _GOOD_NEWS if any(f"attest {item.value}" in each for each in blockers)), None)


async def _note_alarms(nurse: Nurse) -> None:
    for alarm in nurse.alarms:
        await nurse.command(Acknowledge(alarm=alarm.id, episode=alarm.episode))


def _in(nurse: Nurse, mode: Mode) -> State | None:
    state = nurse.state
    return state if state is not None and state.mode is mode else None
