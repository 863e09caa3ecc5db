"""The profile's limits on vital signs for many patients at once: pending, confirmed, due. Knows no patient and no pump.

Written from the meaning of a profile, apart from `pumpd.core.interlocks`; a test compares their decisions.
"""

from collections.abc import Mapping, Sequence
from typing import assert_never

import numpy as np

from pumpd.core.ports import VitalKind
from pumpd.core.profile import Action, Side, VitalRule
from pumpd.core.quantities import NS_PER_S
from simulators.harness.population.kinetics import Bools, Ints


def beyond(side: Side, values: Ints, limit: Ints | int) -> Bools:
    """Say where values are beyond a limit."""
    match side:
        case Side.AT_OR_ABOVE:
            found: Bools = values >= limit
        case Side.ABOVE:
            found = values > limit
        case Side.BELOW:
            found = values < limit
        case _:
            assert_never(side)
    return found


class Watch:
    """Each rule over each patient; the rules lie along the first axis, those of one vital sign beside each other."""

    def __init__(self, rules: Sequence[VitalRule], baseline: Mapping[VitalKind, Ints], patients: int) -> None:
        self.rules = tuple(rules)
        shape = (len(self.rules), patients)
        self.limits: Ints = np.zeros(shape, dtype=np.int64)
        for number, rule in enumerate(self.rules):
            self.limits[number] = rule.limit + (baseline[rule.vital] if rule.relative else 0)
        self.restricts = np.array([rule.action is not Action.ALERT for rule in self.rules])
        self.ends = np.array([rule.action is Action.END for rule in self.rules])
        self.of_pressure = np.array([rule.vital in {VitalKind.SBP, VitalKind.DBP} for rule in self.rules])
        self._of_kind: dict[VitalKind, list[int]] = {}
        for number, rule in enumerate(self.rules):
            self._of_kind.setdefault(rule.vital, []).append(number)
        self._confirms = [number for number, rule in enumerate(self.rules) if rule.confirm_within_ns is not None]
        self._wait_s = [
            -(-(rule.for_ns if rule.confirm_within_ns is None else rule.confirm_within_ns) // NS_PER_S)
            for rule in self.rules
        ]
        self.pending: Bools = np.zeros(shape, dtype=np.bool_)
        self._confirmed: Bools = np.zeros(shape, dtype=np.bool_)
        self._due_s: Ints = np.zeros(shape, dtype=np.int64)

    def take(self, kind: VitalKind, values: Ints, usable: Bools, now_s: int) -> None:
        """Take one value of each patient for whom it is usable; the others' rules stay as they are."""
        for number in self._of_kind.get(kind, ()):
            rule = self.rules[number]
            pending: Bools = self.pending[number]
            due_s: Ints = self._due_s[number]
            limit: Ints = self.limits[number]
            crossed = beyond(rule.side, values, limit) & usable
            if not crossed.any() and not pending.any():
                continue
            stays: Bools = crossed | ~usable
            if rule.confirm_within_ns is not None:
                confirmed: Bools = self._confirmed[number]
                repeat = crossed & pending & ~confirmed
                due_s[repeat] = np.minimum(due_s[repeat], now_s)
                confirmed[:] = (confirmed | repeat) & stays
            fresh = crossed & ~pending
            due_s[fresh] = now_s + self._wait_s[number]
            pending[:] = (pending | crossed) & stays

    def due(self, now_s: int) -> Bools:
        """Say which rules are due for whom."""
        found: Bools = self.pending & (self._due_s <= now_s)
        return found

    def wants_repeat(self, now_s: int) -> Bools:
        """Say whose cuff is to confirm a limit: one that it has not confirmed yet and that is not yet due."""
        chosen = self._confirms
        waiting = self.pending[chosen] & ~self._confirmed[chosen] & (self._due_s[chosen] > now_s)
        return np.asarray(waiting.any(axis=0), dtype=np.bool_)
