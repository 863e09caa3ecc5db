"""The forms of a course's page: what can be asked of the desk, with the choices that the payloads have. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import EnumMeta

from pydantic import BaseModel, StringConstraints
from pydantic.fields import FieldInfo

from pumpd.core.course_words import BANDS
from pumpd.dashboard.requests import field_types
from pumpd.mqtt.course_payloads import DAY_PATTERN
from pumpd.mqtt.course_requests import MODELS


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One field of a form."""

    name: str
    label: str
    type: str
    """Of the input: text, decimal, numeric, date, checkbox, or select where there are choices."""
    choices: tuple[str, ...] = ()
    max_length: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """One button of a form, with the fields that it says by itself."""

    label: str
    fields: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One kind of request."""

    kind: str
    title: str
    entries: tuple[Entry, ...]
    buttons: tuple[Button, ...]


_LABELS: Mapping[str, Mapping[str, str]] = {
    "new": {"indication": "indication"},
    "gate": {
        "gate": "gate",
        "on": "day of the document",
        "document": "the document's reference at the clinic, never a name",
        "failed_drugs": "for screening: antidepressants without effect",
    },
    "session": {
        "meeting": "session",
        "on": "day of the session",
        "therapist": "therapist's id, never a name",
    },
    "weight": {"weight_kg": "weight of today, kg", "weight_again_kg": "the same, typed again, kg"},
    "check": {"check": "question", "answer": "answer"},
    "score": {
        "scale": "questionnaire",
        "total": f"total, 0 to {BANDS[-1][0]}",
        "on": "day of the total",
        "rater": "rater's id, never a name",
        "item9_reviewed": "I am a prescriber and have looked at item 9",
    },
    "override": {"item": "missing item", "reason": "reason, without names"},
    "clear": {"bed": "bed"},
    "withdraw": {},
}
"""Which fields a person fills in, and what they are called: no two of one page alike (requirement UI-06)."""

_TITLES: Mapping[str, tuple[str, tuple[Button, ...]]] = {
    "new": ("Begin a course", (Button(label="Begin"),)),
    "gate": (
        "Gate",
        (Button(label="Found met", fields={"met": True}), Button(label="Found not met", fields={"met": False})),
    ),
    "session": ("Session held", (Button(label="Note the session"),)),
    "check": ("Question of the day", (Button(label="Answer"),)),
    "weight": ("Weight of the day", (Button(label="Enter the weight"),)),
    "score": ("BDI-II total", (Button(label="Enter the total"),)),
    "override": ("Override", (Button(label="Ask to pass it"),)),
    "clear": ("Clearance", (Button(label="Clear for this bed today"),)),
    "withdraw": ("Withdrawal", (Button(label="Take the clearance back"),)),
}
LISTED = ("new",)
"""What is begun on the list of all courses."""
ON_A_COURSE = tuple(kind for kind in _TITLES if kind not in LISTED)


def forms(kinds: tuple[str, ...], beds: tuple[str, ...]) -> tuple[Form, ...]:
    """Return the forms of these kinds of request; `beds` are those that may be chosen."""
    return tuple(
        Form(
            kind=kind,
            title=_TITLES[kind][0],
            entries=tuple(_entries(kind, MODELS[kind], beds)),
            buttons=_TITLES[kind][1],
        )
        for kind in kinds
    )


def _entries(kind: str, model: type[BaseModel], beds: tuple[str, ...]) -> Iterator[Entry]:
    for name, label in _LABELS[kind].items():
        info = model.model_fields[name]
        choices = beds if name == "bed" else _choices(info)
        lengths = [each.max_length for each in info.metadata if isinstance(each, StringConstraints)]
        yield Entry(
            name=name,
            label=label,
            type="select" if choices else _type(info),
            choices=choices,
            max_length=next(iter(lengths), None),
        )


def _choices(info: FieldInfo) -> tuple[str, ...]:
    kind = info.annotation
    return tuple(str(each.value) for each in kind) if isinstance(kind, EnumMeta) else ()


def _type(info: FieldInfo) -> str:
    types = field_types(info)
    if bool in types:
        return "checkbox"
    if Decimal in types:
        return "decimal"
    if int in types:
        return "numeric"
    is_day = any(isinstance(each, StringConstraints) and each.pattern == DAY_PATTERN for each in info.metadata)
    return "date" if is_day else "text"
