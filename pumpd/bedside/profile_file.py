"""Reads a clinical profile (TOML) into the core's values, or refuses it as a whole with one sentence per fault.

An unknown key or version, a missing limit, a limit without unit, owner or citation, a value outside the compiled-in
bounds, and limits that contradict each other each refuse the file. Nothing is repaired, clipped or filled in.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from pydantic import ValidationError

from pumpd.bedside.approvals import ApprovalsError, approvals_of
from pumpd.bedside.profile_form import (
    DrugForm,
    Limited,
    ProfileForm,
    RangeForm,
    RuleForm,
    SettingForm,
    Sourced,
    form_findings,
)
from pumpd.core import bounds, profile_check
from pumpd.core.bounds import Bound
from pumpd.core.ports import VitalKind
from pumpd.core.profile import AgeRule, Approval, Drug, DrugLimit, Profile, Range, Syringe, VitalRule
from pumpd.core.profile_check import Finding
from pumpd.core.quantities import NL_PER_ML, NS_PER_MS, NS_PER_S, UM_PER_MM
from pumpd.toml_text import TomlError, members

LEAST_CITATION = 8
"""Characters that a citation has at least: a trial's number has eleven."""
UNASSIGNED = "unassigned"
"""The owner of a limit that nobody answers for yet; such a profile cannot be approved."""
HASH_CHARACTERS = 16
"""Of the SHA-256 of a file, as screens and pages show it."""

_LEASE_SETTINGS = ("lease", "stop_latency", "worst_extra", "spare_volume")
_TIME_SETTINGS = tuple(name for name in bounds.SETTINGS if name not in _LEASE_SETTINGS)
_FIELDS = {
    "s": ("ns", NS_PER_S),
    "ms": ("ns", NS_PER_MS),
    "mL": ("nl", NL_PER_ML),
    "pauses": ("max", 1),
    "/min": ("bpm", 1),
    "%": ("percent", 1),
    "of 10": ("score", 1),
}
"""From the unit of a setting to that of the core's field, and the factor."""
_EXACT = "worst_extra"
"""The one setting that the core takes as it is written."""
_WHOLE = frozenset({"s", "ms", "pauses", "/min", "%", "of 10"})
"""Units in which the core counts."""


class ProfileError(ValueError):
    """The profile is refused; the message names the file and every fault in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a profile's file holds: a profile where its form is right, and every fault that was found."""

    profile: Profile | None
    findings: tuple[Finding, ...]
    sha256: str
    owners: tuple[str, ...] = ()
    citations: tuple[str, ...] = ()


def load_profile(path: Path) -> Profile:
    """Return the profile in `path`, or raise `ProfileError`."""
    reading = read_profile(path)
    if reading.findings or reading.profile is None:
        raise ProfileError(f"profile {path}: {'; '.join(map(str, reading.findings))}")
    return reading.profile


def read_profile(path: Path) -> Reading:
    """Return what is in `path` and everything that is wrong with it."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        return _unread(f"cannot be read: {error.strerror}")
    sha256 = hashlib.sha256(raw).hexdigest()
    try:
        data = members(raw)
    except TomlError as error:
        return _unread(f"no valid TOML: {error}", sha256)
    try:
        form = ProfileForm.model_validate(data)
    except ValidationError as error:
        return Reading(profile=None, findings=form_findings(error, data), sha256=sha256)
    try:
        approvals = approvals_of(path, sha256)
    except ApprovalsError as error:
        return _unread(str(error), sha256)
    sources = tuple(source for _, source in _sourced(form))
    found = [*_source_findings(form), *_settings_findings(form), *_bound_findings(form)]
    profile = None
    if bounds.SETTINGS.keys() <= {*form.lease, *form.times}:  # each of the others can be missing, and is then found
        profile = _to_core(form, sha256[:HASH_CHARACTERS], approvals)
        found.extend(profile_check.findings(profile))
    return Reading(
        profile=profile,
        findings=tuple(found),
        sha256=sha256,
        owners=tuple(dict.fromkeys(source.owner for source in sources)),
        citations=tuple(dict.fromkeys(source.citation for source in sources)),
    )


def _unread(text: str, sha256: str = "") -> Reading:
    return Reading(profile=None, findings=(Finding(where="", text=text),), sha256=sha256)


# ---- from the form to the core --------------------------------------------------------------------------------------


def _to_core(form: ProfileForm, digest: str, approvals: tuple[Approval, ...]) -> Profile:
    settings = {**form.lease, **form.times}
    scaled: dict[str, int] = {}
    for name, bound in bounds.SETTINGS.items():
        if name != _EXACT:
            unit, factor = _FIELDS[bound.unit]
            scaled[f"{name}_{unit}"] = int(settings[name].value * factor)
    return Profile(
        name=form.name,
        version=form.version,
        hash=digest,
        approvals=approvals,
        simulators_only=form.simulators_only,
        station_required=form.station_required,
        clearance_required=form.clearance_required,
        drug=_drug(form.drug),
        syringes=tuple(
            Syringe(
                name=item.name, diameter_um=int(item.diameter_mm * UM_PER_MM), usable_nl=int(item.usable_ml * NL_PER_ML)
            )
            for item in form.syringe
        ),
        rules=tuple(_rule(item) for item in form.rule),
        ages=tuple(
            AgeRule(
                vital=item.vital,
                alert_ns=item.alert * NS_PER_S,
                pause_ns=item.pause * NS_PER_S,
                end_ns=item.end * NS_PER_S,
            )
            for item in form.age
        ),
        start=tuple(_range(item) for item in form.start),
        resume=tuple(_range(item) for item in form.resume),
        worst_extra_percent_max=settings[_EXACT].value,
        **scaled,
    )


def _drug(form: DrugForm) -> Drug:
    return Drug(
        name=form.name,
        version=form.version,
        hash=hashlib.sha256(form.model_dump_json().encode()).hexdigest()[:HASH_CHARACTERS],
        concentrations_mg_ml=form.concentrations_mg_ml,
        concentration_tolerance_percent=form.concentration_tolerance_percent,
        strengths_mg_ml=form.strengths_mg_ml,
        limits=tuple(
            DrugLimit(measure=item.of, hard=item.hard, soft=item.soft, owner=item.owner, citation=item.citation)
            for item in form.limit
        ),
    )


def _rule(item: RuleForm) -> VitalRule:
    return VitalRule(
        id=item.id,
        vital=item.vital,
        side=item.when,
        limit=item.limit,
        relative=item.above_baseline,
        for_ns=item.for_s * NS_PER_S,
        confirm_within_ns=None if item.confirm_within_s is None else item.confirm_within_s * NS_PER_S,
        action=item.action,
        clear_by=item.clear_by,
        owner=item.owner,
        citation=item.citation,
    )


def _range(item: RangeForm) -> Range:
    return Range(vital=item.vital, low=item.low, high=item.high, override_high=item.override_high)


# ---- unit, owner, citation ------------------------------------------------------------------------------------------


def _sourced(form: ProfileForm) -> Iterator[tuple[str, Sourced]]:
    yield "drug", form.drug
    yield from ((f"drug.limit {item.of.value}", item) for item in form.drug.limit)
    yield from ((f"lease.{name}", item) for name, item in form.lease.items())
    yield from ((f"times.{name}", item) for name, item in form.times.items())
    yield from ((f"syringe {item.name}", item) for item in form.syringe)
    yield from ((f"rule {item.id}", item) for item in form.rule)
    yield from ((f"age {item.vital.value}", item) for item in form.age)
    yield from ((f"start {item.vital.value}", item) for item in form.start)
    yield from ((f"resume {item.vital.value}", item) for item in form.resume)


def _source_findings(form: ProfileForm) -> Iterator[Finding]:
    for where, item in _sourced(form):
        if not item.owner.strip():
            yield Finding(where=where, text="no owner; name the clinician who answers for it")
        if len(item.citation.strip()) < LEAST_CITATION:
            yield Finding(
                where=where, text=f"no citation of at least {LEAST_CITATION} characters; say where it comes from"
            )
        wanted = _unit_of(where, item)
        if isinstance(item, Limited) and wanted is not None and item.unit != wanted:
            text = f"no unit; write unit = '{wanted}'" if not item.unit else f"the unit is {wanted}, not {item.unit}"
            yield Finding(where=where, text=text)


def _unit_of(where: str, item: Sourced) -> str | None:
    """Return the unit that belongs there; None where nothing can be measured there, which is another finding."""
    if isinstance(item, SettingForm):
        bound = bounds.SETTINGS.get(where.partition(".")[2])
        return None if bound is None else bound.unit
    if where.startswith("age "):
        return "s"
    name = where.rpartition(" ")[2]
    if where.startswith("drug.limit "):
        return bounds.Measure(name).unit
    if isinstance(item, (RuleForm, RangeForm)):
        return item.vital.unit
    return None


# ---- bounds ---------------------------------------------------------------------------------------------------------


def _settings_findings(form: ProfileForm) -> Iterator[Finding]:
    for section, settings, names in (("lease", form.lease, _LEASE_SETTINGS), ("times", form.times, _TIME_SETTINGS)):
        for name in names:
            if name not in settings:
                yield Finding(where=f"{section}.{name}", text="is missing; write it, nothing has a default")
        for name, item in settings.items():
            where = f"{section}.{name}"
            if name not in names:
                text = "is no key that pumpd knows; take it out or mend its spelling"
                yield Finding(where=where, text=text)
                continue
            yield from _complaints(where, bounds.SETTINGS[name], item.value)
            whole = name != _EXACT and bounds.SETTINGS[name].unit in _WHOLE
            if whole and item.value != item.value.to_integral_value():
                yield Finding(where=where, text=f"{item.value} {item.unit} is not whole; write a whole number")


def _bound_findings(form: ProfileForm) -> Iterator[Finding]:
    tolerance = form.drug.concentration_tolerance_percent
    yield from _complaints("drug.concentration_tolerance_percent", bounds.TOLERANCE, tolerance)
    for limit in form.drug.limit:
        yield from _complaints(f"drug.limit {limit.of.value}", bounds.DRUG[limit.of], *limit.hard, *limit.soft)
    for syringe in form.syringe:
        yield from _complaints(f"syringe {syringe.name}.diameter_mm", bounds.DIAMETER, syringe.diameter_mm)
        yield from _complaints(f"syringe {syringe.name}.usable_ml", bounds.USABLE, syringe.usable_ml)
    for rule in form.rule:
        yield from _rule_findings(rule)
    for age in form.age:
        where = f"age {age.vital.value}"
        spans = bounds.AGES.get(age.vital)
        if spans is None:
            yield Finding(where=where, text=f"no age rule is allowed for {age.vital.name}; take it out")
            continue
        for key, value, bound in (
            ("alert", age.alert, spans.alert),
            ("pause", age.pause, spans.pause),
            ("end", age.end, spans.end),
        ):
            yield from _complaints(f"{where}.{key}", bound, value)
    for name, ranges in (("start", form.start), ("resume", form.resume)):
        for wanted in ranges:
            ends = (wanted.low, wanted.high, wanted.override_high)
            yield from _vital_complaints(f"{name} {wanted.vital.value}", wanted.vital, ends)


def _rule_findings(rule: RuleForm) -> Iterator[Finding]:
    where = f"rule {rule.id}"
    pressure = rule.vital in {VitalKind.SBP, VitalKind.DBP}
    if rule.above_baseline:
        yield from _complaints(f"{where}.limit", bounds.RISE, rule.limit)
        if not pressure:
            yield Finding(where=where, text="only SBP and DBP have a baseline; take above_baseline out")
    else:
        yield from _vital_complaints(f"{where}.limit", rule.vital, (rule.limit,))
    yield from _complaints(f"{where}.for_s", bounds.FOR, rule.for_s)
    if (margin := bounds.CLEAR_BY.get(rule.vital)) is not None:
        yield from _complaints(f"{where}.clear_by", margin, rule.clear_by)
    if rule.confirm_within_s is not None:
        yield from _complaints(f"{where}.confirm_within_s", bounds.CONFIRM_WITHIN, rule.confirm_within_s)
        if rule.for_s or not pressure:
            yield Finding(where=where, text="confirm_within_s is for cuff values, without for_s; take one out")


def _vital_complaints(where: str, vital: VitalKind, values: Iterable[int | None]) -> Iterator[Finding]:
    bound = bounds.VITALS.get(vital)
    if bound is None:
        yield Finding(where=where, text=f"{vital.name} cannot have a rule or a range; take it out")
        return
    yield from _complaints(where, bound, *(value for value in values if value is not None))


def _complaints(where: str, bound: Bound, *values: Decimal | int) -> Iterator[Finding]:
    for value in values:
        complaint = bound.complaint(value)
        if complaint is not None:
            yield Finding(where=where, text=complaint)
