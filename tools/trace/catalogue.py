"""Hazards, requirements and waiting reasons as the files in `docs/safety/` hold them. Knows no test and no run."""

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, unique
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

FOLDER = Path("docs/safety")


class CatalogueError(ValueError):
    """The files cannot be used; the message names every fault, one a line."""


@unique
class Stage(Enum):
    """The part of the project that a requirement waits for."""

    SAFETY_CORE = "safety core"
    DASHBOARD = "dashboard"
    CLINIC = "clinic"


Sentence = Annotated[str, Field(min_length=3)]
RequirementId = Annotated[str, Field(pattern=r"^[A-Z]{2,5}-\d{2}$")]
HazardId = Annotated[str, Field(pattern=r"^H-\d{2}$")]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Requirement(_Entry):
    """One testable sentence, the hazards it controls, and where it comes from."""

    id: RequirementId
    group: Sentence
    text: Sentence
    hazard: Annotated[list[HazardId], Field(min_length=1)]
    proposed: bool
    source: Sentence


class Hazard(_Entry):
    """What can go wrong, what harm follows, and the requirements that control it."""

    id: HazardId
    title: Sentence
    category: Sentence
    causes: Annotated[list[Sentence], Field(min_length=1)]
    harm: Sentence
    severity: Literal["serious", "moderate", "minor"]
    controls: Annotated[list[RequirementId], Field(min_length=1)]


class Gap(_Entry):
    """What no test shows of a requirement yet, why, and which part of the project brings it."""

    id: RequirementId
    waits_for: Annotated[Stage, Field(strict=False)]
    reason: Sentence


class _Requirements(_Entry):
    schema_: Annotated[Literal[1], Field(alias="schema")]
    requirement: list[Requirement]


class _Hazards(_Entry):
    schema_: Annotated[Literal[1], Field(alias="schema")]
    hazard: list[Hazard]


class _Gaps(_Entry):
    schema_: Annotated[Literal[1], Field(alias="schema")]
    waiting: list[Gap] = []
    partly: list[Gap] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """All three files, each by id in the order of its file, and in agreement with each other."""

    requirements: Mapping[str, Requirement]
    hazards: Mapping[str, Hazard]
    waiting: Mapping[str, Gap]  # no test at all
    partly: Mapping[str, Gap]  # tests, but not of the whole sentence


def load(root: Path) -> Catalogue:
    """Return what the three files below `root` say; raises `CatalogueError`."""
    folder = root / FOLDER
    requirements = _read(folder / "requirements.toml", _Requirements).requirement
    hazards = _read(folder / "hazards.toml", _Hazards).hazard
    gaps = _read(folder / "waiting.toml", _Gaps)
    faults = [
        *_twice("requirements.toml", [item.id for item in requirements]),
        *_twice("hazards.toml", [item.id for item in hazards]),
        *_twice("waiting.toml", [item.id for item in (*gaps.waiting, *gaps.partly)]),
        *_one_way(requirements, hazards),
    ]
    known = {item.id for item in requirements}
    faults += [f"waiting.toml: there is no requirement {gap.id}" for gap in _all(gaps) if gap.id not in known]
    if faults:
        raise CatalogueError("\n".join(faults))
    return Catalogue(
        requirements={item.id: item for item in requirements},
        hazards={item.id: item for item in hazards},
        waiting={gap.id: gap for gap in gaps.waiting},
        partly={gap.id: gap for gap in gaps.partly},
    )


def _all(gaps: _Gaps) -> Iterator[Gap]:
    yield from gaps.waiting
    yield from gaps.partly


_File = TypeVar("_File", bound=_Entry)


def _read(path: Path, model: type[_File]) -> _File:
    try:
        return model.model_validate(tomllib.loads(path.read_text()))
    except OSError as error:
        raise CatalogueError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CatalogueError(f"{path}: no valid TOML: {error}") from None
    except ValidationError as error:
        faults = (f"{path.name}: {'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise CatalogueError("\n".join(faults)) from None


def _twice(name: str, ids: list[str]) -> Iterator[str]:
    yield from (f"{name}: {each} is there {count} times" for each, count in Counter(ids).items() if count > 1)


def _one_way(requirements: list[Requirement], hazards: list[Hazard]) -> Iterator[str]:
    """Name each link between the two files that only one of them holds, or holds twice."""
    forth = Counter((item.id, hazard) for item in requirements for hazard in item.hazard)
    back = Counter((control, item.id) for item in hazards for control in item.controls)
    yield from (f"requirements.toml: {item} names {hazard} twice" for (item, hazard), n in forth.items() if n > 1)
    yield from (f"hazards.toml: {hazard} names {item} twice" for (item, hazard), n in back.items() if n > 1)
    for item, hazard in sorted(set(forth) - set(back)):
        yield f"requirements.toml: {item} names {hazard}, which does not name {item} among its controls"
    for item, hazard in sorted(set(back) - set(forth)):
        yield f"hazards.toml: {hazard} names {item}, which does not name {hazard} among its hazards"
