"""The form of a profile's file: which keys there are and of which type. Judges no value; `profile_file.py` does.

Unit, owner and citation may be absent here, so that every limit that lacks one is named at once.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pumpd.core.bounds import Measure
from pumpd.core.ports import VitalKind
from pumpd.core.profile import Action, Side
from pumpd.core.profile_check import Finding

FORMAT = 1
"""The version of the file's form that this program reads; another is refused (requirement CFG-03)."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Positive = Annotated[Decimal, Field(gt=0)]
Pair = tuple[Positive, Positive]


class Sourced(_Model):
    """Something a clinician answers for."""

    owner: str = ""
    citation: str = ""


class Limited(Sourced):
    """One or more numbers of one unit."""

    unit: str = ""


class DrugLimitForm(Limited):
    """Soft and hard limits of one measure."""

    of: Measure
    hard: Pair
    soft: Pair


class DrugForm(Sourced):
    """The library entry."""

    name: str
    version: Annotated[int, Field(ge=1)]
    strength_basis: Literal["base"]
    strengths_mg_ml: Annotated[tuple[Positive, ...], Field(min_length=1)]
    concentrations_mg_ml: Annotated[tuple[Positive, ...], Field(min_length=1)]
    concentration_tolerance_percent: Positive
    limit: tuple[DrugLimitForm, ...] = ()


class SyringeForm(Sourced):
    """A syringe."""

    name: str
    diameter_mm: Positive
    usable_ml: Positive


class RuleForm(Limited):
    """One rule on a vital sign."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9-]{3,40}$")]
    vital: VitalKind
    when: Side
    limit: int
    above_baseline: bool = False
    for_s: int = 0
    confirm_within_s: int | None = None
    clear_by: int
    action: Action


class AgeForm(Limited):
    """How old a vital sign may be."""

    vital: VitalKind
    alert: int
    pause: int
    end: int


class RangeForm(Limited):
    """The range of a start or a resume."""

    vital: VitalKind
    low: int
    high: int | None = None
    override_high: int | None = None


class SettingForm(Limited):
    """One number."""

    value: Positive


class ProfileForm(_Model):
    """A whole profile."""

    format: Annotated[int, Field(ge=FORMAT, le=FORMAT)]
    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{3,60}$")]
    version: Annotated[int, Field(ge=1)]
    simulators_only: bool
    station_required: bool
    clearance_required: bool
    drug: DrugForm
    lease: dict[str, SettingForm]
    times: dict[str, SettingForm]
    syringe: Annotated[tuple[SyringeForm, ...], Field(min_length=1)]
    rule: tuple[RuleForm, ...] = ()
    age: tuple[AgeForm, ...] = ()
    start: tuple[RangeForm, ...] = ()
    resume: tuple[RangeForm, ...] = ()


def form_findings(error: ValidationError, data: Mapping[str, object]) -> tuple[Finding, ...]:
    """Return every complaint about the form, each with the key in the words of the file."""
    return tuple(
        Finding(where=_where(item["loc"], data), text=_what(item["type"], item["msg"])) for item in error.errors()
    )


def _what(kind: str, message: str) -> str:
    match kind:
        case "missing":
            return "is missing; write it, nothing has a default"
        case "extra_forbidden":
            return "is no key that pumpd knows; take it out or mend its spelling"
        case _:
            return f"{message[:1].lower()}{message[1:]}"


def _where(loc: tuple[int | str, ...], data: Mapping[str, object]) -> str:
    """Name a table of a list by its id, measure, vital sign or name, and by its number where it has none of these."""
    found: object = data
    words: list[str] = []
    for part in loc:
        if isinstance(part, int):
            found = found[part] if isinstance(found, list) and part < len(found) else None
            words[-1] += f" {_name_of(found) or f'number {part + 1}'}"
        else:
            found = found.get(part) if isinstance(found, dict) else None
            words.append(part)
    return ".".join(words)


def _name_of(table: object) -> str | None:
    if not isinstance(table, dict):
        return None
    return next((table[key] for key in ("id", "of", "vital", "name") if isinstance(table.get(key), str)), None)
