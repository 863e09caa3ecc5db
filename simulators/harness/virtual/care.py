"""Two nurses who bring an infusion to its end through whatever happens, from any state on. Knows screens only."""

from pumpd.core.commands import Acknowledge, Assess, Attest, Attested, Presence, Resume, Start
from pumpd.core.modes import Mode
from pumpd.mqtt.payloads import State
from simulators.harness.faults.scenario import Manner
from simulators.harness.virtual.loop import NS_PER_S
from simulators.harness.virtual.nurse import (
    ABSENT,
    CLOSED,
    DOUBLING,
    ORDER,
    PROMPT,
    ROUND_EVERY_S,
    SEEN_BEFORE_START,
    SLOW,
    WRONG,
    Habits,
    Nurse,
    confirmation,
    needs_presence,
    wanted_attestation,
)

HABITS: dict[Manner, Habits] = {
    Manner.PROMPT: PROMPT,
    Manner.SLOW: SLOW,
    Manner.ABSENT: ABSENT,
    Manner.WRONG: WRONG,
    Manner.DOUBLED: DOUBLING,
}


class Care:
    """What the two have done so far. `anna` leads, `ben` is the second person."""

    def __init__(self, anna: Nurse, ben: Nurse) -> None:
        self._anna = anna
        self._ben = ben
        self._present_ns: int | None = None
        self._assessed_ns: int | None = None
        self._idle_ns = anna.clock.now_ns()
        """Since when nothing has flowed."""

    async def until_over(self, until_ns: int) -> State | None:
        """Do what the screen asks for until the infusion is over; return its last state, or None at `until_ns`."""
        clock = self._anna.clock
        while clock.now_ns() < until_ns:
            await clock.pass_s(self._anna.habits.looks_every_s)
            state = self._anna.state
            if self._anna.habits.is_away(clock.now_ns()) or state is None:
                continue
            if state.mode in CLOSED:
                return state
            await self._look_after(state)
        return None

    async def _look_after(self, state: State) -> None:
        anna, now_ns = self._anna, self._anna.clock.now_ns()
        for alarm in anna.alarms:
            await anna.command(Acknowledge(alarm=alarm.id, episode=alarm.episode))
        anna.answer_prompt(state)
        if state.mode is Mode.RUNNING:
            self._idle_ns = now_ns
        if state.mode is Mode.IDLE:
            await anna.command(ORDER)
        elif self._must_show_herself(state, now_ns):
            self._present_ns = now_ns
            await anna.command(Presence())
        elif self._assessed_ns is None or now_ns - self._assessed_ns > ROUND_EVERY_S * NS_PER_S:
            self._assessed_ns = now_ns
            await anna.command(Assess(moaas=5, respiration_bpm=14))
        elif (item := _unattested(state)) is not None:
            await anna.command(Attest(item=item))
        elif now_ns - self._idle_ns > anna.habits.gives_up_after_s * NS_PER_S:
            await anna.stop("nothing has flowed for too long")
        elif state.mode is Mode.RUNNING and anna.is_asked_to_pause():
            await anna.pause("the patient asks for it")
        elif state.order is None:
            return
        elif state.mode is Mode.READY:
            await self._start(state, state.order.hash)
        elif state.mode is Mode.PAUSED and not state.resume_blockers:
            await anna.command(Resume(order_hash=state.order.hash))

    def _must_show_herself(self, state: State, now_ns: int) -> bool:
        late = self._present_ns is None or now_ns - self._present_ns > ROUND_EVERY_S * NS_PER_S
        return late or needs_presence((*state.start_blockers, *state.resume_blockers))

    async def _start(self, state: State, order_hash: str) -> None:
        if any("a new syringe" in each for each in state.start_blockers):
            await self._anna.command(ORDER)
        elif any("second person" in each or "confirm again" in each for each in state.start_blockers):
            await self._ben.command(confirmation(state))
        elif not state.start_blockers:
            await self._anna.command(Start(order_hash=order_hash))


def _unattested(state: State) -> Attested | None:
    """Return what the screen still wants somebody to have seen."""
    if state.mode is Mode.READY:
        seen = {each.item for each in state.attested}
        return next((item for item in SEEN_BEFORE_START if item not in seen), None)
    return wanted_attestation(state.resume_blockers)
