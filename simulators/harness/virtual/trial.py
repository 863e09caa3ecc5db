"""One scenario in one bay from its begin to its verdict."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

from pumpd.bedside.config import Config
from simulators.harness.faults.kinds import NS_PER_MS
from simulators.harness.faults.scenario import Manner, Mode, Scenario
from simulators.harness.virtual.apply import Mischief
from simulators.harness.virtual.bay import CUFF, OXIMETER, Bay, load_bed
from simulators.harness.virtual.care import HABITS, Care
from simulators.harness.virtual.figures import Figures, figures
from simulators.harness.virtual.loop import NS_PER_S
from simulators.harness.virtual.nurse import PROMPT, Nurse
from simulators.harness.virtual.observed import OBSERVED, NoOrderError, observe
from simulators.harness.virtual.pressures import pressures
from simulators.harness.virtual.readings import readings
from simulators.harness.virtual.stops import Situation, bars, stops
from simulators.oracle.judge import judge
from simulators.oracle.observation import Claim, Observation
from simulators.oracle.observation import Mode as Claimed

CONFIG = Path(__file__).resolve().parents[3] / "config"
AFTERWARDS_NS = 30 * NS_PER_S
"""How long an infusion that is over is watched after the last fault."""
AT_MOST_AFTERWARDS_NS = 150 * NS_PER_S
"""How long at most, whatever faults are still to come: what flows at rest shows soon."""
REPLAYED_EVERY = 8
"""The journal of one run in so many is replayed, by its seed."""
LIVELY_NS = 5_400 * NS_PER_S
"""In liveness mode: the order, the pauses it may take, and the time after which nurses end what does not flow."""
NEW_OBJECTS = 100_000
"""After so many more objects the garbage collector looks at them."""
KEPT = (*OBSERVED, f"{OXIMETER}<", f"{CUFF}<")


@dataclass(frozen=True, slots=True, kw_only=True)
class Blame:
    """One thing that must not happen; `rule` is an invariant, `liveness` or `crash`."""

    rule: str
    at_ms: int
    """Since the scenario began."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a scenario. Plain values: it crosses processes and goes into a report."""

    name: str
    seed: int
    mode: str
    digest: str
    ended: str | None
    """The mode in which the infusion was over, None where it was not."""
    first_rest: str | None
    """The first mode at rest after the first fault began."""
    alarms: tuple[str, ...]
    """The alarms raised from the first fault on."""
    ordered_nl: int
    given_nl: int
    simulated_s: int
    faults: tuple[str, ...]
    blames: tuple[Blame, ...]
    figures: Figures | None
    """None where nothing was ever ordered."""


Watch = Callable[[Bay, Observation | None, int], None]
"""Is shown the bay, what was observed and the begin of the scenario, before the bay is closed."""

RESTS = frozenset({Claimed.PAUSED, Claimed.ENDED, Claimed.COMPLETED, Claimed.FAULT})


@lru_cache(maxsize=1)
def bed() -> Config:
    """Return the bed of every trial."""
    return load_bed(CONFIG)


@contextmanager
def _rarely_collected() -> Iterator[None]:
    """Keep the garbage collector from looking at all that a run keeps on purpose each time it keeps a little more.

    What was there before the run is not looked at at all. What a run leaves behind is in cycles, some dozens of MB, and
    goes before the next one begins: at its own end its caller still holds it.
    """
    gc.collect()
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def attempt(
    scenario: Scenario,
    watch: Watch = lambda _bay, _observation, _begin_ns: None,
    *,
    until_ms: int | None = None,
) -> Outcome:
    """Run a scenario and judge it; with `until_ms` only so far, without the time for which its end is watched."""
    with _rarely_collected(), Bay(bed(), seed=scenario.seed, kept=KEPT) as bay:
        mischief = Mischief(bay, scenario.faults)
        begin_ns = bay.clock.now_ns()
        ended, over_ns = bay.run(_infuse(bay, scenario, mischief, until_ms))
        blames = []
        crash = bay.crash()
        if crash is not None:
            blames.append(Blame(rule="crash", at_ms=_ms(bay.clock.now_ns(), begin_ns), text=crash))
        if scenario.mode is Mode.LIVENESS and ended is None:
            text = "the infusion could neither be finished nor ended"
            blames.append(Blame(rule="liveness", at_ms=_ms(over_ns, begin_ns), text=text))
        observation = _observed(bay, scenario, mischief, begin_ns, whole=until_ms is None)
        if observation is not None:
            blames += [
                Blame(rule=each.invariant.name, at_ms=_ms(each.at_ns, begin_ns), text=each.text)
                for each in judge(observation)
            ]
        watch(bay, observation, begin_ns)
        first_ns = begin_ns + min((fault.start_ns for fault in scenario.faults), default=0)
        claims = () if observation is None else observation.claims
        alarms = () if observation is None else observation.alarms
        return Outcome(
            name=scenario.name,
            seed=scenario.seed,
            mode=scenario.mode.value,
            digest=bay.tape.digest(),
            ended=ended,
            first_rest=_first_rest(claims, first_ns),
            alarms=tuple(sorted({each.id for each in alarms if each.raised_ns >= first_ns})),
            ordered_nl=0 if observation is None else observation.order.volume_nl,
            given_nl=bay.delivered_nl(),
            simulated_s=_ms(bay.clock.now_ns(), begin_ns) // 1_000,
            faults=tuple(fault.name for fault in scenario.faults),
            blames=tuple(sorted(blames, key=lambda each: each.at_ms)),
            figures=None if observation is None else figures(observation, scenario.faults, begin_ns),
        )


async def _infuse(bay: Bay, scenario: Scenario, mischief: Mischief, until_ms: int | None) -> tuple[str | None, int]:
    """Let the nurses work; return the mode in which the infusion was over, if it was, and when."""
    clock = bay.clock
    begin_ns = clock.now_ns()
    manner = HABITS[scenario.nurse.manner]
    anna, ben = bay.nurse("anna", manner), bay.nurse("ben", manner)
    for nurse in (anna, ben):
        clock.call_at(begin_ns + scenario.nurse.until_ms * NS_PER_MS, partial(_mend, nurse))
    bay.start_daemon()
    mischief.arm()
    faults_end_ns = max((fault.end_ns for fault in scenario.faults), default=0)
    until_ns = begin_ns + scenario.length_ms * NS_PER_MS
    if scenario.mode is Mode.LIVENESS:
        mended_ns = max(scenario.nurse.until_ms * NS_PER_MS, (scenario.faults_end_ms or 0) * NS_PER_MS)
        until_ns = begin_ns + mended_ns + LIVELY_NS
    if until_ms is not None:
        until_ns = min(until_ns, begin_ns + until_ms * NS_PER_MS)
    state = await Care(anna, ben).until_over(until_ns)
    over_ns = clock.now_ns()
    if until_ms is None:
        rest_ns = min(max(begin_ns + faults_end_ns, over_ns) + AFTERWARDS_NS, over_ns + AT_MOST_AFTERWARDS_NS)
        await clock.reach(rest_ns)
    return None if state is None else state.mode.value, over_ns


def _mend(nurse: Nurse) -> None:
    nurse.habits = PROMPT


def _observed(bay: Bay, scenario: Scenario, mischief: Mischief, begin_ns: int, *, whole: bool) -> Observation | None:
    """Return what the oracle is given, or None where nothing was ever ordered; only a whole run gives a whole order."""
    starts_ns, rates_ns = tuple(mischief.keypad_starts_ns), tuple(mischief.keypad_rates_ns)
    undisturbed = whole and not scenario.faults and scenario.nurse.manner is Manner.PROMPT
    try:
        seen = observe(
            bay,
            undisturbed=undisturbed,
            replayed=scenario.seed % REPLAYED_EVERY == 0,
            keypad_starts_ns=starts_ns,
            keypad_rates_ns=rates_ns,
        )
    except NoOrderError:
        return None
    situation = Situation(
        begin_ns=begin_ns,
        until_ns=seen.until_ns,
        lease_ns=seen.lease_ns,
        stop_latency_ns=seen.stop_latency_ns,
        supervision_ns=bay.config.profile.supervision_pause_ns,
        faults=scenario.faults,
        lives=seen.lives,
        openings_ns=seen.openings_ns,
        received=seen.received,
        receipts=seen.receipts,
        readings=(
            *readings(entry for entry in bay.tape.entries if entry.source == f"{OXIMETER}<"),
            *pressures(entry for entry in bay.tape.entries if entry.source == f"{CUFF}<"),
        ),
    )
    return replace(seen, stops=stops(situation), bars=bars(situation))


def _ms(at_ns: int, begin_ns: int) -> int:
    return (at_ns - begin_ns) // NS_PER_MS


def _first_rest(claims: tuple[Claim, ...], from_ns: int) -> str | None:
    return next((claim.mode.value for claim in claims if claim.at_ns > from_ns and claim.mode in RESTS), None)
