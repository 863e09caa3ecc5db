"""What the scripted nurses do: anna and ben at one bed. Every wait is bounded and says what it is for."""

import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from pumpd.core.commands import Attested, ReceiptState, kind_of
from pumpd.core.modes import Mode
from pumpd.core.phase import SessionPhase
from pumpd.mqtt.client import View
from pumpd.mqtt.payloads import Ack, Alarm, Delivery, State
from simulators.harness.discharging import next_step
from simulators.harness.record import ScriptError
from simulators.harness.stage import Stage

ORDER: dict[str, Any] = {
    "weight_kg": Decimal(70),
    "dose_mg_per_kg": Decimal("0.5"),
    "duration_min": Decimal(40),
    "vial_strength_mg_ml": Decimal(50),
    "drug_drawn_ml": Decimal(1),
    "diluent_ml": Decimal(24),
    "declared_concentration_mg_ml": Decimal(2),
    "syringe": "BD-60",
    "syringe_fill_ml": Decimal(25),
    "made_by": "clara",
    "witnessed_by": "dan",
    "mixed_min_ago": 0,
    "appearance": "clear",
}
"""35 mg in 17.5 mL at 26.25 mL/h."""
CHECKED: dict[str, Any] = {
    "weight_kg": Decimal(70),
    "concentration_mg_ml": Decimal(2),
    "drug": "ketamine",
    "syringe": "BD-60",
}
"""What the second person enters again."""
ASSESSMENT = {"moaas": 5, "respiration_bpm": 14}
SCORES = {"nausea": 1, "dizziness": 2, "anxiety": 0, "dissociation": 4}

SEEN = (Attested.PRIMED, Attested.LIMBS_APART, Attested.SYRINGE_LABEL, Attested.PUMP_SERIAL)
"""What only she can see, and finds as it should be."""

ROUND_EVERY_S = 240.0
"""Well within the ten minutes for which an assessment counts."""
STARTABLE_WITHIN_S = 600.0
RESUMABLE_WITHIN_S = 1_200.0
REST_WITHIN_S = 15.0
ROUNDS = 50
"""How often a nurse attends to what is in the way; a pause alone reminds her every two minutes."""
TRIES = 5
"""How often a nurse looks again and repeats what was refused because the state had just changed."""
CHANGED = ("look again", "nothing was sent", "confirm presence")
"""What such a refusal says; at 50 times real time two minutes since her last presence are soon over."""


def live(view: View) -> State | None:
    """Return what a live daemon shows now."""
    return view.live_state(time.monotonic_ns())


def in_mode(*modes: Mode) -> Callable[[View], State | None]:
    """Return a look for one of `modes`."""

    def look(view: View) -> State | None:
        state = live(view)
        return state if state is not None and state.mode in modes else None

    return look


def alarm_named(*ids: str) -> Callable[[View], Alarm | None]:
    """Return a look for a listed alarm by its name."""

    def look(view: View) -> Alarm | None:
        alarms = () if view.alarms is None else view.alarms.message.alarms
        return next((alarm for alarm in alarms if alarm.id in ids), None)

    return look


async def prepare(stage: Stage) -> State:
    """Anna enters the order and what she observes; ben checks it."""
    await stage.record.until(in_mode(Mode.IDLE), "the daemon to come up", within_s=60)
    await stage.anna.must("prepare", **ORDER)
    await stage.anna.must("assess", **ASSESSMENT)
    await attest(stage)
    await stage.anna.must("presence")
    await repeated(lambda: stage.ben.send("confirm", **CHECKED))
    return await stage.record.until(in_mode(Mode.READY), "the order", within_s=30)


async def attest(stage: Stage) -> None:
    """Anna says what only she can see before a start."""
    for item in SEEN:
        await stage.anna.must("attest", item=item.value)


async def make_rounds(stage: Stage) -> None:
    """Anna enters what she observes, and how the patient feels, again and again, until cancelled."""
    while True:
        await stage.pass_time(ROUND_EVERY_S)
        await stage.anna.send("presence")
        await stage.anna.send("assess", **ASSESSMENT)
        await stage.anna.send("score", **SCORES)


async def discharge(stage: Stage, *, within_s: float) -> State:
    """Anna and ben do what a discharge asks for, and she signs it once its time has come."""

    def look(view: View) -> State | None:
        state = live(view)
        if state is None:
            return None
        return state if next_step(state) or unacknowledged(view) or state.phase is SessionPhase.CLOSED else None

    for _ in range(ROUNDS):
        state = await stage.record.until(look, "something to do for the discharge", within_s=within_s)
        if state.phase is SessionPhase.CLOSED:
            return state
        await acknowledge_all(stage)
        step = next_step(state)
        if step is not None:
            command, by_second = step
            fields = {name: getattr(command, name) for name in type(command).__slots__}
            await (stage.ben if by_second else stage.anna).send(kind_of(command), **fields)
    raise ScriptError(f"the discharge comes to no end: {stage.record.describe()}")


async def start(stage: Stage) -> State:
    """Anna starts once nothing is in the way."""

    async def send() -> Ack:
        await until_clear(stage, Mode.READY, lambda state: state.start_blockers, STARTABLE_WITHIN_S)
        return await stage.anna.send("start")

    await repeated(send)
    return await stage.record.until(in_mode(Mode.RUNNING), "the infusion to run", within_s=20)


async def resume(stage: Stage) -> State:
    """Anna resumes once nothing is in the way, alarms acknowledged."""

    async def send() -> Ack:
        await until_clear(stage, Mode.PAUSED, lambda state: state.resume_blockers, RESUMABLE_WITHIN_S)
        return await stage.anna.send("resume")

    await repeated(send)
    return await stage.record.until(in_mode(Mode.RUNNING), "the infusion to go on", within_s=20)


async def resume_refused(stage: Stage, because: tuple[str, ...]) -> Ack:
    """Anna tries to resume although the cause stands; the refusal must name it by one of the words in `because`."""
    await acknowledge_all(stage)
    ack = await stage.anna.send("resume")
    if ack.state is not ReceiptState.REFUSED:
        raise ScriptError(f"resume while the cause stands: {ack.state.value}: {ack.reason}")
    if not any(words in ack.reason for words in because):
        raise ScriptError(f"resume was refused without naming the cause ({' or '.join(because)}): {ack.reason}")
    return ack


async def until_clear(stage: Stage, mode: Mode, blockers: Callable[[State], tuple[str, ...]], within_s: float) -> None:
    """Wait until nothing blocks, taking note of alarms on the way."""

    def look(view: View) -> State | None:
        state = in_mode(mode)(view)
        if state is None:
            return None
        left = blockers(state)
        needs_her = needs_presence(left) or wanted_attestations(left)
        return state if not left or unacknowledged(view) or needs_her else None

    for _ in range(ROUNDS):
        state = await stage.record.until(look, f"nothing to be in the way in mode {mode.value}", within_s=within_s)
        left = blockers(state)
        if not left:
            return
        if needs_presence(left):
            await stage.anna.must("presence")
        for item in wanted_attestations(left):
            await stage.anna.must("attest", item=item.value)
        await acknowledge_all(stage)
    raise ScriptError(f"alarms keep coming: {stage.record.describe()}")


def needs_presence(blockers: tuple[str, ...]) -> bool:
    """Tell whether nobody has confirmed presence at the bedside lately."""
    return any("confirm presence" in blocker for blocker in blockers)


def wanted_attestations(blockers: tuple[str, ...]) -> tuple[Attested, ...]:
    """Return what a start or a resume wants somebody to have seen; a restart forgets what was attested."""
    return tuple(item for item in SEEN if any(f"attest {item.value}" in blocker for blocker in blockers))


def unacknowledged(view: View) -> tuple[Alarm, ...]:
    """Return the alarms that nobody has taken note of."""
    alarms = () if view.alarms is None else view.alarms.message.alarms
    return tuple(alarm for alarm in alarms if alarm.acknowledged_by is None)


async def acknowledge_all(stage: Stage) -> None:
    """Anna takes note of every alarm."""
    for alarm in unacknowledged(stage.record.view):
        ack = await stage.anna.send("acknowledge", alarm=alarm.id, episode=alarm.episode)
        if ack.state is ReceiptState.UNKNOWN:
            raise ScriptError(f"acknowledge {alarm.id}: {ack.reason}")

    def quiet(view: View) -> bool | None:
        return True if not unacknowledged(view) else None

    # a new alarm may have come meanwhile, so this may rightly not come true
    try:
        await stage.record.until(quiet, "the acknowledgements to be shown", within_s=3)
    except ScriptError:
        return


async def counted_flow(stage: Stage) -> Delivery:
    """Wait until the pump's own counter has shown flow for some seconds."""
    before = await stage.record.until(_delivery, "what was given", within_s=10)

    def look(view: View) -> Delivery | None:
        state = in_mode(Mode.RUNNING)(view)
        if state is None or state.delivery is None or state.rate.counted_ml_h is None:
            return None
        return state.delivery if state.delivery.low_ml > before.low_ml else None

    return await stage.record.until(look, "counted flow", within_s=40)


def _delivery(view: View) -> Delivery | None:
    state = live(view)
    return None if state is None else state.delivery


async def stop(stage: Stage) -> State:
    """Anna stops and ends the infusion."""
    await stage.anna.must("stop", reason="the demonstration ends here")
    return await stage.record.until(in_mode(Mode.ENDED), "the infusion to be ended", within_s=REST_WITHIN_S)


async def repeated(send: Callable[[], Awaitable[Ack]]) -> Ack:
    """Repeat a command that was refused only because the state had just changed; raise `ScriptError` otherwise."""
    ack = await send()
    for _ in range(TRIES - 1):
        if ack.state is ReceiptState.VERIFIED:
            return ack
        if not any(words in ack.reason for words in CHANGED):
            break
        ack = await send()
    if ack.state is ReceiptState.VERIFIED:
        return ack
    raise ScriptError(f"{ack.kind}: {ack.state.value}: {ack.reason}")
