"""Scenarios from seeds: each source of chance has a stream of its own, so that a draw more in one shifts no other."""

from collections.abc import Iterator, Sequence
from random import Random

from simulators.harness.faults.kinds import (
    KINDS,
    BrokerGone,
    BytesCorrupted,
    BytesLost,
    Direction,
    Fault,
    Line,
    Within,
    bounds_of,
    choices_of,
    parameters_of,
)
from simulators.harness.faults.scenario import Manner, Mode, Nurse, Scenario

LENGTH_MS = 60 * 60_000
"""Preparation, 40 min of infusion, and time for pauses."""
FAULTS_END_MS = 30 * 60_000
"""In liveness mode: in the middle of the infusion."""
PRESENCE = 0.1
"""The chance of each kind of fault: three or four of them in a run, none in one run of forty."""
REPEAT = 0.25
"""The chance that a kind that is present comes once more."""
MOST_OF_A_KIND = 4
STORM = 0.5
"""The chance that a fault begins in the storm of its scenario, close to the others: alone few faults are dangerous."""
STORM_MS = 20_000
DURATIONS_MS = ((50, 2_000), (2_000, 20_000), (20_000, 300_000))
"""Shorter than a lease, about a lease, and long enough for every other rule."""
NOISE = 0.4
"""The chance that the pump's line is never quite sound: the other lines' would hide signs from the oracle, too."""
NOISE_PERMILLE = 30
FLAPPING = 0.1
"""The chance that the network comes and goes all the time."""
FLAPS_EVERY_MS = 40_000
LONGEST_FLAP_MS = 2_000
USUAL_NURSE = 0.4
"""The chance that the nurse is prompt."""
ANY_SIZE = 0.5
"""The chance that a number is drawn by its size first: a line that loses one message in a hundred is met as well."""


def draw(seed: int, mode: Mode, kinds: Sequence[type[Fault]] = tuple(KINDS.values())) -> Scenario:
    """Return the scenario of a seed; the same one in every process and on every machine."""
    latest_ms = LENGTH_MS if mode is Mode.SAFETY else FAULTS_END_MS
    storm_ms = _stream(seed, "storm").randrange(latest_ms - STORM_MS)
    found = [fault for kind in kinds for fault in _drawn(kind, _stream(seed, kind.name), storm_ms, latest_ms)]
    found += [fault for fault in _noise(_stream(seed, "noise"), latest_ms) if type(fault) in kinds]
    found += [fault for fault in _flaps(_stream(seed, "flaps"), latest_ms) if type(fault) in kinds]
    found.sort(key=lambda fault: fault.start_ms)
    hazards = {hazard for fault in found for hazard in fault.hazards}
    return Scenario(
        name=f"{mode.value}-{seed}",
        seed=seed,
        mode=mode,
        length_ms=LENGTH_MS,
        faults_end_ms=None if mode is Mode.SAFETY else FAULTS_END_MS,
        hazards=tuple(sorted(hazards, key=lambda hazard: hazard.value)),
        nurse=_nurse(_stream(seed, "nurse"), latest_ms),
        expect=None,
        faults=tuple(found),
    )


def _stream(seed: int, source: str) -> Random:
    return Random(f"{source}/{seed}")  # noqa: S311 - repeatable by intent; a text seeds the same in every process


def _drawn(kind: type[Fault], rng: Random, storm_ms: int, latest_ms: int) -> Iterator[Fault]:
    if rng.random() >= PRESENCE:
        return
    yield _one(kind, rng, storm_ms, latest_ms)
    for _ in range(MOST_OF_A_KIND - 1):
        if rng.random() >= REPEAT:
            return
        yield _one(kind, rng, storm_ms, latest_ms)


def _one(kind: type[Fault], rng: Random, storm_ms: int, latest_ms: int) -> Fault:
    in_storm = rng.random() < STORM
    start_ms = storm_ms + rng.randrange(STORM_MS) if in_storm else rng.randrange(latest_ms)
    duration_ms = min(rng.randint(*rng.choice(DURATIONS_MS)), latest_ms - start_ms) if kind.lasting else 0
    bounds, choices = bounds_of(kind), choices_of(kind)
    values: dict[str, object] = {"start_ms": start_ms, "duration_ms": duration_ms}
    for name in parameters_of(kind):
        if name in choices:
            values[name] = rng.choice(list(choices[name]))
        else:
            values[name] = _number(bounds[name], rng)
    build: type = kind  # the names are those of its own fields
    made: Fault = build(**values)
    return made


def _noise(rng: Random, latest_ms: int) -> Iterator[Fault]:
    """Yield what ails the pump's line as long as faults may last, if anything does."""
    if rng.random() >= NOISE:
        return
    kind = rng.choice((BytesLost, BytesCorrupted))
    yield kind(
        start_ms=0,
        duration_ms=latest_ms,
        line=Line.PUMP,
        direction=rng.choice(list(Direction)),
        chance_permille=rng.randint(1, NOISE_PERMILLE),
    )


def _flaps(rng: Random, latest_ms: int) -> Iterator[Fault]:
    """Yield the moments without a network, if it comes and goes."""
    if rng.random() >= FLAPPING:
        return
    for since_ms in range(0, latest_ms, FLAPS_EVERY_MS):
        start_ms = since_ms + rng.randrange(FLAPS_EVERY_MS - LONGEST_FLAP_MS)
        yield BrokerGone(start_ms=start_ms, duration_ms=rng.randint(1, LONGEST_FLAP_MS))


def _number(bounds: Within, rng: Random) -> int:
    """Return a number within bounds: any alike, or, where all are positive, any count of binary digits alike."""
    low, high = bounds.low, bounds.high
    if rng.random() < ANY_SIZE and low > 0:
        digits = rng.randint(low.bit_length(), high.bit_length())
        low, high = max(low, 1 << (digits - 1)), min(high, (1 << digits) - 1)
    return rng.randint(low, high)


def _nurse(rng: Random, latest_ms: int) -> Nurse:
    usual = rng.random() < USUAL_NURSE
    manner = rng.choice([manner for manner in Manner if manner is not Manner.PROMPT])
    until_ms = rng.randrange(latest_ms)
    return Nurse(manner=Manner.PROMPT if usual else manner, until_ms=until_ms)
