"""The rules on vital signs: when each is due, and why. Pure functions over samples, ages and the profile's data.

A rule waits (`Pending`) from the sample that crossed its limit: for its set time, or for a repeat of the cuff that
confirms it or fails to come in time. An unusable sample neither starts nor clears a rule. With several sources a rule
waits from the first that crossed its limit until none that counts is beyond it: the worse is used (VIT-11).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pumpd.core.ports import Sample, Validity, VitalKind
from pumpd.core.profile import RESTRICTION, Action, AgeRule, Profile, VitalRule
from pumpd.core.quantities import NS_PER_S
from pumpd.core.session import Baseline
from pumpd.core.vitals import PRESSURES, Vitals


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A limit that was crossed and is not yet, or already, due."""

    rule: VitalRule
    value: int
    limit: int
    since_ns: int
    due_at_ns: int
    confirmed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """A rule that is due now, with the reason in words."""

    rule: str
    interlock: str
    action: Action
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Interlocks:
    """The state of all vital-sign rules."""

    pending: Mapping[str, Pending] = field(default_factory=dict)
    impossible: Mapping[tuple[VitalKind, str], Sample] = field(default_factory=dict)
    watched_since_ns: int = 0  # from when a vital that never came counts as missing

    def take(
        self,
        sample: Sample,
        rules: tuple[VitalRule, ...],
        baseline: Baseline | None,
        *,
        others: tuple[int, ...] = (),
        counts_ns: int = 0,
    ) -> "Interlocks":
        """Return the interlocks after one sample.

        `rules` are those of its kind, `others` the values of the other sources that count, and a sample counts for
        `counts_ns`.
        """
        if sample.validity is Validity.IMPOSSIBLE:
            return replace(self, impossible={**self.impossible, (sample.kind, sample.source): sample})
        value = sample.value
        if sample.validity is not Validity.VALID or value is None:
            return self
        pending: dict[str, Pending] | None = None
        for rule in rules:
            limit = _limit(rule, baseline)
            before = self.pending.get(rule.id)
            if limit is not None and before is not None and _is_kept(rule, before, value, limit, sample.measured_at_ns):
                pending = dict(self.pending) if pending is None else pending
                pending[rule.id] = replace(before, rule=rule, value=value, limit=limit)
                continue
            if limit is None or not rule.side.beyond(value, limit):
                elsewhere = limit is not None and any(rule.side.beyond(other, limit) for other in others)
                if before is not None and not elsewhere:
                    pending = dict(self.pending) if pending is None else pending
                    del pending[rule.id]
                continue
            pending = dict(self.pending) if pending is None else pending
            pending[rule.id] = _crossed(rule, before, value, limit, sample.measured_at_ns)
        impossible = self.impossible
        if impossible and any(_disproves(sample, old, counts_ns) for old in impossible.values()):
            impossible = {key: old for key, old in impossible.items() if not _disproves(sample, old, counts_ns)}
        if pending is None and impossible is self.impossible:
            return self
        return replace(self, pending=self.pending if pending is None else pending, impossible=impossible)

    def under(self, rule: VitalRule, sample: Sample | None, baseline: Baseline | None) -> "Interlocks":
        """Return the interlocks after the limit of `rule` has moved: the newest sample is judged by it at once.

        A rule that waits or is due goes on; the next sample clears it where the new limit lets it.
        """
        before, limit = self.pending.get(rule.id), _limit(rule, baseline)
        if before is not None and limit is not None:
            return replace(self, pending={**self.pending, rule.id: replace(before, rule=rule, limit=limit)})
        return self if sample is None else self.take(sample, (rule,), baseline)

    def wants_repeat(self, now_ns: int) -> bool:
        """Say whether a crossed limit waits for the cuff to confirm it; once it is due it no longer waits."""
        return bool(self.pending) and any(
            item.rule.confirm_within_ns is not None and not item.confirmed and now_ns < item.due_at_ns
            for item in self.pending.values()
        )

    def restricting(self) -> tuple[str, ...]:
        """Return the rules that pause or end whose limit is crossed."""
        if not self.pending:
            return ()
        return tuple(sorted(name for name, item in self.pending.items() if item.rule.action is not Action.ALERT))

    def trips(self, profile: Profile, vitals: Vitals, now_ns: int, *, cuff_later_ns: int = 0) -> tuple[Trip, ...]:
        """Return every rule that is due at `now_ns`, the most restrictive first.

        `cuff_later_ns` is by how much the cuff's cycle is longer than in a run, and so its values may be older.
        """
        found = [_pending_trip(item, now_ns) for item in self.pending.values() if item.due_at_ns <= now_ns]
        latest = vitals.latest
        for rule in profile.ages:
            sample = latest.get(rule.vital)
            age_ns = now_ns - (self.watched_since_ns if sample is None else sample.measured_at_ns)
            later_ns = cuff_later_ns if rule.vital in PRESSURES else 0
            if age_ns >= rule.alert_ns + later_ns:
                found.append(_age_trip(rule, age_ns, vitals, later_ns))
        found += [_impossible_trip(sample) for sample in self.impossible.values()]
        found.sort(key=lambda trip: RESTRICTION[trip.action], reverse=True)
        return tuple(found)

    def next_deadline_ns(self, profile: Profile, vitals: Vitals, now_ns: int, *, cuff_later_ns: int = 0) -> int | None:
        """Return when a rule that is not due yet may become due."""
        waiting_ns = [item.due_at_ns for item in self.pending.values() if item.due_at_ns > now_ns]
        soonest_ns = min(waiting_ns, default=None)
        latest = vitals.latest
        for rule in profile.ages:
            sample = latest.get(rule.vital)
            measured_ns = self.watched_since_ns if sample is None else sample.measured_at_ns
            if rule.vital in PRESSURES:
                measured_ns += cuff_later_ns
            for wait_ns in (rule.alert_ns, rule.pause_ns, rule.end_ns):
                due_ns = measured_ns + wait_ns
                if due_ns > now_ns:
                    soonest_ns = due_ns if soonest_ns is None else min(soonest_ns, due_ns)
        return soonest_ns


def _disproves(sample: Sample, impossible: Sample, counts_ns: int) -> bool:
    """Say whether a usable sample clears an impossible one: of the same source, or of another long after it."""
    long_after = sample.measured_at_ns - impossible.measured_at_ns > counts_ns
    return sample.kind is impossible.kind and (sample.source == impossible.source or long_after)


def _limit(rule: VitalRule, baseline: Baseline | None) -> int | None:
    if not rule.relative:
        return rule.limit
    if baseline is None:
        return None
    return rule.limit + (baseline.sbp_mmhg if rule.vital is VitalKind.SBP else baseline.dbp_mmhg)


def _is_kept(rule: VitalRule, before: Pending, value: int, limit: int, at_ns: int) -> bool:
    """Say whether a rule that was due stays so although the value is back inside: by less than the margin."""
    is_due = before.due_at_ns <= at_ns
    return is_due and not rule.side.beyond(value, limit) and not rule.side.is_clear(value, limit, rule.clear_by)


def _crossed(rule: VitalRule, before: Pending | None, value: int, limit: int, at_ns: int) -> Pending:
    if before is None:
        wait_ns = rule.for_ns if rule.confirm_within_ns is None else rule.confirm_within_ns
        return Pending(rule=rule, value=value, limit=limit, since_ns=at_ns, due_at_ns=at_ns + wait_ns)
    if rule.confirm_within_ns is not None and not before.confirmed:
        due_at_ns = min(before.due_at_ns, at_ns)
        return replace(before, rule=rule, value=value, limit=limit, due_at_ns=due_at_ns, confirmed=True)
    return replace(before, rule=rule, value=value, limit=limit)


def _pending_trip(item: Pending, now_ns: int) -> Trip:
    rule = item.rule
    unit = rule.vital.unit
    relative = f" ({rule.limit} above baseline)" if rule.relative else ""
    if rule.confirm_within_ns is not None:
        how = "confirmed by a repeat" if item.confirmed else "not disproved by a repeat in time"
    elif rule.for_ns:
        how = f"for {(now_ns - item.since_ns) / NS_PER_S:.0f} s"
    else:
        how = "at once"
    text = f"{rule.vital.name} {item.value} {unit} {rule.side.value} {item.limit} {unit}{relative}, {how}"
    if not rule.side.beyond(item.value, item.limit):
        text = (
            f"{rule.vital.name} {item.value} {unit} is back inside {item.limit} {unit}{relative} by less than "
            f"{rule.clear_by} {unit}"
        )
    return Trip(rule=rule.id, interlock=rule.vital.value, action=rule.action, text=text)


def _impossible_trip(sample: Sample) -> Trip:
    text = (
        f"{sample.kind.name} {sample.value} {sample.kind.unit} is beyond the possible range although {sample.source} "
        "calls it good: a broken source, or a very sick patient"
    )
    return Trip(rule=f"{sample.kind.value}-impossible", interlock=sample.kind.value, action=Action.PAUSE, text=text)


def _age_trip(rule: AgeRule, age_ns: int, vitals: Vitals, later_ns: int) -> Trip:
    if age_ns >= rule.end_ns + later_ns:
        action, limit_ns = Action.END, rule.end_ns + later_ns
    elif age_ns >= rule.pause_ns + later_ns:
        action, limit_ns = Action.PAUSE, rule.pause_ns + later_ns
    else:
        action, limit_ns = Action.ALERT, rule.alert_ns + later_ns
    refused = vitals.refused.get(rule.vital)
    why = f" ({refused.source}: {refused.validity.value})" if refused is not None else ""
    text = f"no usable {rule.vital.name} for {age_ns / NS_PER_S:.0f} s, limit {limit_ns / NS_PER_S:.0f} s{why}"
    return Trip(rule=f"{rule.vital.value}-stale-{action.value}", interlock="stale", action=action, text=text)
