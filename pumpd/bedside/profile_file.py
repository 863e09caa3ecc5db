"""Reads a clinical profile (TOML) into the core's values, or refuses it as a whole with one sentence per fault.

The file writes times in seconds and minutes and volumes in mL; the names say which. An unknown key, a missing limit, a
limit without owner, unit or citation, and a value outside the compiled-in bounds each refuse the file.
"""

import hashlib
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pumpd.core.ports import VitalKind
from pumpd.core.profile import (
    AGE_PAUSE_BOUNDS,
    BOUNDS,
    REQUIRED_PAUSE_RULES,
    RULE_BOUNDS,
    Action,
    AgeRule,
    Drug,
    Profile,
    Range,
    Side,
    Syringe,
    VitalRule,
)
from pumpd.core.quantities import NL_PER_ML, NS_PER_MIN, NS_PER_S, UM_PER_MM

RELATIVE_LIMIT_MAX = 80
"""A rise above baseline that a rule may wait for, mmHg."""


class ProfileError(ValueError):
    """The profile is refused; the message names the file and every fault in it."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Positive = Annotated[Decimal, Field(gt=0)]
Pair = tuple[Positive, Positive]


class _Drug(_Model):
    name: str
    strength_basis: Literal["base"]
    strengths_mg_ml: tuple[Positive, ...]
    concentrations_mg_ml: tuple[Positive, ...]
    concentration_tolerance_percent: Annotated[Decimal, Field(gt=0, le=5)]
    weight_kg_soft: Pair
    weight_kg_hard: Pair
    dose_mg_per_kg_soft: Pair
    dose_mg_per_kg_hard: Pair
    dose_mg_soft_max: Positive
    dose_mg_hard_max: Positive
    rate_mg_per_kg_h_soft_max: Positive
    rate_mg_per_kg_h_hard_max: Positive
    duration_min_soft: Pair
    duration_min_hard: Pair
    owner: str
    citation: Annotated[str, Field(min_length=8)]


class _Syringe(_Model):
    name: str
    diameter_mm: Annotated[Decimal, Field(ge=4, le=40)]
    usable_ml: Annotated[Decimal, Field(ge=1, le=60)]
    citation: Annotated[str, Field(min_length=8)]


class _Rule(_Model):
    id: Annotated[str, Field(pattern=r"^[a-z0-9-]{3,40}$")]
    vital: VitalKind
    when: Side
    limit: int
    unit: str
    above_baseline: bool = False
    for_s: Annotated[int, Field(ge=0, le=60)] = 0
    confirm_within_s: Annotated[int, Field(ge=30, le=180)] | None = None
    action: Action
    owner: str
    citation: Annotated[str, Field(min_length=8)]


class _Age(_Model):
    vital: VitalKind
    alert_s: int
    pause_s: int
    end_s: int
    owner: str
    citation: Annotated[str, Field(min_length=8)]


class _Range(_Model):
    vital: VitalKind
    low: int
    high: int | None = None
    override_high: int | None = None
    owner: str
    citation: Annotated[str, Field(min_length=8)]


class _Times(_Model):
    start_steady_s: int
    resume_steady_s: int
    baseline_spacing_s: int
    baseline_max_age_s: int
    nibp_interval_s: int
    nibp_pause_interval_s: int
    assess_valid_s: int
    confirm_valid_s: int
    token_max_age_s: int
    supervision_alarm_s: int
    supervision_pause_s: int
    station_lost_s: int
    pause_reminder_s: int
    pause_max_s: int
    session_extra_s: int


class _Lease(_Model):
    lease_s: int
    stop_latency_ms: int
    worst_extra_percent_max: Annotated[Decimal, Field(gt=0, le=1)]
    spare_volume_ml: Decimal


class _ProfileFile(_Model):
    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{3,60}$")]
    simulators_only: bool
    drug: _Drug
    lease: _Lease
    times: _Times
    syringe: Annotated[tuple[_Syringe, ...], Field(min_length=1)]
    rule: Annotated[tuple[_Rule, ...], Field(min_length=1)]
    vital_pauses_max: int
    age: tuple[_Age, ...]
    start: tuple[_Range, ...]
    resume: tuple[_Range, ...]


def load_profile(path: Path) -> Profile:
    """Return the profile in `path`, or raise `ProfileError`."""
    try:
        raw = path.read_bytes()
        data = tomllib.loads(raw.decode(), parse_float=Decimal)
        file = _ProfileFile.model_validate(data)
    except OSError as error:
        raise ProfileError(f"profile {path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProfileError(f"profile {path}: no valid TOML: {error}") from None
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise ProfileError(f"profile {path}: {faults}") from None
    profile = _to_core(file, hashlib.sha256(raw).hexdigest()[:16])
    found = _faults(file, profile)
    if found:
        raise ProfileError(f"profile {path}: {'; '.join(found)}")
    return profile


def _to_core(file: _ProfileFile, digest: str) -> Profile:
    times = {f"{name[:-2]}_ns": value * NS_PER_S for name, value in file.times.model_dump().items()}
    drug = {name: value for name, value in file.drug.model_dump().items() if name in Drug.__dataclass_fields__}
    return Profile(
        name=file.name,
        hash=digest,
        approved=False,
        simulators_only=file.simulators_only,
        drug=Drug(**drug),
        syringes=tuple(
            Syringe(
                name=item.name, diameter_um=int(item.diameter_mm * UM_PER_MM), usable_nl=int(item.usable_ml * NL_PER_ML)
            )
            for item in file.syringe
        ),
        rules=tuple(_rule(item) for item in file.rule),
        ages=tuple(
            AgeRule(
                vital=item.vital,
                alert_ns=item.alert_s * NS_PER_S,
                pause_ns=item.pause_s * NS_PER_S,
                end_ns=item.end_s * NS_PER_S,
            )
            for item in file.age
        ),
        start=tuple(_range(item) for item in file.start),
        resume=tuple(_range(item) for item in file.resume),
        lease_ns=file.lease.lease_s * NS_PER_S,
        stop_latency_ns=file.lease.stop_latency_ms * 1_000_000,
        worst_extra_percent_max=file.lease.worst_extra_percent_max,
        spare_volume_nl=int(file.lease.spare_volume_ml * NL_PER_ML),
        vital_pauses_max=file.vital_pauses_max,
        **times,
    )


def _rule(item: _Rule) -> VitalRule:
    return VitalRule(
        id=item.id,
        vital=item.vital,
        side=item.when,
        limit=item.limit,
        relative=item.above_baseline,
        for_ns=item.for_s * NS_PER_S,
        confirm_within_ns=None if item.confirm_within_s is None else item.confirm_within_s * NS_PER_S,
        action=item.action,
        owner=item.owner,
        citation=item.citation,
    )


def _range(item: _Range) -> Range:
    return Range(vital=item.vital, low=item.low, high=item.high, override_high=item.override_high)


def _faults(file: _ProfileFile, profile: Profile) -> list[str]:
    faults = []
    for name, bound in BOUNDS.items():
        value = getattr(profile, name)
        if not bound.low <= value <= bound.high:
            allowed = f"{_shown(bound.low, name)} to {_shown(bound.high, name)}"
            faults.append(f"{name} is {_shown(value, name)}, allowed {allowed}")
    for item, rule in zip(file.rule, profile.rules, strict=True):
        faults.extend(_rule_faults(item, rule))
    for age in profile.ages:
        faults.extend(_age_faults(age))
    for kind, sides in REQUIRED_PAUSE_RULES.items():
        if not any(age.vital is kind for age in profile.ages):
            faults.append(f"no age limit for {kind.name}")
        faults.extend(
            f"no absolute {side.value} limit that pauses or ends for {kind.name}"
            for side in sides
            if not any(_pauses(rule, kind, side) for rule in profile.rules)
        )
    for name, ranges in (("start", profile.start), ("resume", profile.resume)):
        missing = [kind.name for kind in REQUIRED_PAUSE_RULES if not any(wanted.vital is kind for wanted in ranges)]
        if missing:
            faults.append(f"no {name} range for {', '.join(missing)}")
    ids = [rule.id for rule in profile.rules]
    faults.extend(f"rule id {found} is used twice" for found in sorted({one for one in ids if ids.count(one) > 1}))
    return faults


def _pauses(rule: VitalRule, kind: VitalKind, side: Side) -> bool:
    return rule.vital is kind and rule.side is side and not rule.relative and rule.action is not Action.ALERT


def _rule_faults(item: _Rule, rule: VitalRule) -> list[str]:
    bound = RULE_BOUNDS.get(rule.vital)
    if bound is None:
        return [f"rule {rule.id}: {rule.vital.name} cannot have a rule"]
    faults = []
    if item.unit != rule.vital.unit:
        faults.append(f"rule {rule.id}: the unit of {rule.vital.name} is {rule.vital.unit}, not {item.unit}")
    low, high = (1, RELATIVE_LIMIT_MAX) if rule.relative else (bound.low, bound.high)
    if not low <= rule.limit <= high:
        faults.append(f"rule {rule.id}: limit {rule.limit} {bound.unit} is outside {low} to {high} {bound.unit}")
    if rule.relative and rule.vital not in {VitalKind.SBP, VitalKind.DBP}:
        faults.append(f"rule {rule.id}: only SBP and DBP have a baseline")
    if rule.confirm_within_ns is not None and (rule.for_ns or rule.vital not in {VitalKind.SBP, VitalKind.DBP}):
        faults.append(f"rule {rule.id}: confirm_within_s is for cuff values, without for_s")
    return faults


def _age_faults(age: AgeRule) -> list[str]:
    faults = []
    bound = AGE_PAUSE_BOUNDS.get(age.vital)
    if bound is None:
        return [f"age of {age.vital.name}: no age rule is allowed for it"]
    if not bound.low <= age.pause_ns <= bound.high:
        span = f"{bound.low // NS_PER_S} to {bound.high // NS_PER_S} s"
        faults.append(f"age of {age.vital.name}: pause_s {age.pause_ns // NS_PER_S} is outside {span}")
    if not 0 < age.alert_ns < age.pause_ns < age.end_ns <= 30 * NS_PER_MIN:
        faults.append(f"age of {age.vital.name}: alert_s, pause_s and end_s must rise and end_s be at most 1800 s")
    return faults


def _shown(value: int, name: str) -> str:
    if name.endswith("_ns"):
        return f"{value / NS_PER_S:g} s"
    return f"{value / NL_PER_ML:g} mL" if name.endswith("_nl") else f"{value}"
