"""From a scenario that fails to the fewest of its faults that still fail. Pure: what failing means is an argument."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

from simulators.harness.faults.kinds import Fault
from simulators.harness.faults.scenario import Scenario


def shrink(scenario: Scenario, fails: Callable[[Scenario], bool]) -> Scenario:
    """Return the scenario with as few faults as still fail; without any one of them it would not.

    Delta debugging over the list of faults (Zeller and Hildebrandt 2002, algorithm ddmin), which asks `fails` once for
    each set of faults. Raises `ValueError` when the whole scenario does not fail.
    """
    asked: dict[tuple[int, ...], bool] = {}

    def fails_with(places: tuple[int, ...]) -> bool:
        if places not in asked:
            asked[places] = fails(_only(scenario, places))
        return asked[places]

    places = tuple(range(len(scenario.faults)))
    if not fails_with(places):
        raise ValueError(f"scenario {scenario.name} does not fail; there is nothing to shrink")
    if fails_with(()):
        return _only(scenario, ())
    parts = 2
    while len(places) > 1:
        smaller = _smaller(places, parts, fails_with)
        if smaller is not None:
            kept, parts = smaller
            places = kept
        elif parts < len(places):
            parts = min(2 * parts, len(places))
        else:
            break
    return _only(scenario, places)


def _smaller(
    places: tuple[int, ...], parts: int, fails_with: Callable[[tuple[int, ...]], bool]
) -> tuple[tuple[int, ...], int] | None:
    """Return one part, or all but one part, that still fails, and into how many parts to cut it next."""
    chunks = _chunks(places, parts)
    for chunk in chunks:
        if fails_with(chunk):
            return chunk, 2
    for chunk in chunks:
        rest = tuple(place for place in places if place not in chunk)
        if len(rest) < len(places) and fails_with(rest):
            return rest, max(parts - 1, 2)
    return None


def _chunks(places: Sequence[int], parts: int) -> list[tuple[int, ...]]:
    edges = [len(places) * number // parts for number in range(parts + 1)]
    return [tuple(places[begin:end]) for begin, end in pairwise(edges)]


def _only(scenario: Scenario, places: Sequence[int]) -> Scenario:
    faults: tuple[Fault, ...] = tuple(scenario.faults[place] for place in places)
    provoked = {hazard for fault in faults for hazard in fault.hazards}
    return replace(scenario, faults=faults, hazards=tuple(hazard for hazard in scenario.hazards if hazard in provoked))
