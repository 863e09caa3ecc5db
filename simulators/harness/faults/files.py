"""Scenarios as TOML text and back, without loss. An unknown or missing key is refused in one sentence."""

import json
import tomllib
from collections.abc import Mapping
from enum import Enum
from typing import TypeVar

from simulators.harness.faults.hazards import Hazard
from simulators.harness.faults.kinds import KINDS, Fault, choices_of, parameters_of
from simulators.harness.faults.scenario import End, Expectation, Manner, Mode, Nurse, Scenario

Choice = TypeVar("Choice", bound=Enum)

_KEYS = ("name", "seed", "mode", "length_ms", "hazards", "nurse")
_OPTIONAL_KEYS = ("faults_end_ms", "expect", "fault")


class ScenarioError(ValueError):
    """The text is no scenario; the message says where and why."""


def to_toml(scenario: Scenario) -> str:
    """Return a scenario as text."""
    lines = [
        f"name = {_text(scenario.name)}",
        f"seed = {scenario.seed}",
        f"mode = {_text(scenario.mode.value)}",
        f"length_ms = {scenario.length_ms}",
    ]
    if scenario.faults_end_ms is not None:
        lines.append(f"faults_end_ms = {scenario.faults_end_ms}")
    lines.append(f"hazards = [{', '.join(_text(hazard.value) for hazard in scenario.hazards)}]")
    nurse = scenario.nurse
    lines += ["", "[nurse]", f"manner = {_text(nurse.manner.value)}", f"until_ms = {nurse.until_ms}"]
    if scenario.expect is not None:
        lines += ["", "[expect]"]
        if scenario.expect.end is not None:
            lines.append(f"end = {_text(scenario.expect.end.value)}")
        if scenario.expect.alarm is not None:
            lines.append(f"alarm = {_text(scenario.expect.alarm)}")
    for fault in scenario.faults:
        lines += ["", "[[fault]]", f"kind = {_text(fault.name)}"]
        for key in ("start_ms", "duration_ms", *parameters_of(type(fault))):
            value = getattr(fault, key)
            lines.append(f"{key} = {_text(value.value) if isinstance(value, Enum) else value}")
    return "\n".join(lines) + "\n"


def from_toml(text: str) -> Scenario:
    """Return the scenario of a text, or raise `ScenarioError`."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"not TOML: {error}") from None
    _check_keys("scenario", table, _KEYS, _OPTIONAL_KEYS)
    try:
        return Scenario(
            name=_string("scenario", table, "name"),
            seed=_whole("scenario", table, "seed"),
            mode=_choice("scenario", table, "mode", Mode),
            length_ms=_whole("scenario", table, "length_ms"),
            faults_end_ms=_whole("scenario", table, "faults_end_ms") if "faults_end_ms" in table else None,
            hazards=_hazards(table),
            nurse=_nurse(_table(table, "nurse")),
            expect=_expectation(_table(table, "expect")) if "expect" in table else None,
            faults=tuple(_fault(number, entry) for number, entry in enumerate(_faults(table), 1)),
        )
    except ScenarioError:
        raise
    except ValueError as error:
        raise ScenarioError(str(error)) from None


def _nurse(table: Mapping[str, object]) -> Nurse:
    _check_keys("nurse", table, ("manner", "until_ms"), ())
    return Nurse(manner=_choice("nurse", table, "manner", Manner), until_ms=_whole("nurse", table, "until_ms"))


def _expectation(table: Mapping[str, object]) -> Expectation:
    _check_keys("expect", table, (), ("end", "alarm"))
    return Expectation(
        end=_choice("expect", table, "end", End) if "end" in table else None,
        alarm=_string("expect", table, "alarm") if "alarm" in table else None,
    )


def _fault(number: int, entry: object) -> Fault:
    where = f"fault {number}"
    if not isinstance(entry, dict):
        raise ScenarioError(f"{where}: it must be a table")
    if "kind" not in entry:
        raise ScenarioError(f"{where}: key kind is missing")
    name = _string(where, entry, "kind")
    kind = KINDS.get(name)
    if kind is None:
        raise ScenarioError(f"{where}: kind is {name!r}; known are {', '.join(KINDS)}")
    where = f"{where} ({name})"
    parameters, choices = parameters_of(kind), choices_of(kind)
    _check_keys(where, entry, ("kind", "start_ms", "duration_ms", *parameters), ())
    values: dict[str, object] = {
        key: _choice(where, entry, key, choices[key]) if key in choices else _whole(where, entry, key)
        for key in ("start_ms", "duration_ms", *parameters)
    }
    build: type = kind  # the keys have just been checked against the fields
    made: Fault = build(**values)
    return made


def _hazards(table: Mapping[str, object]) -> tuple[Hazard, ...]:
    listed = table["hazards"]
    if not isinstance(listed, list):
        raise ScenarioError(f"scenario: hazards is {listed!r}; it must be a list of ids")
    return tuple(_choice("scenario", {"hazards": item}, "hazards", Hazard) for item in listed)


def _faults(table: Mapping[str, object]) -> list[object]:
    listed = table.get("fault", [])
    if not isinstance(listed, list):
        raise ScenarioError("scenario: fault must be written as [[fault]]")
    return listed


def _table(table: Mapping[str, object], key: str) -> dict[str, object]:
    value = table[key]
    if not isinstance(value, dict):
        raise ScenarioError(f"scenario: {key} must be written as [{key}]")
    return value


def _check_keys(where: str, table: Mapping[str, object], needed: tuple[str, ...], optional: tuple[str, ...]) -> None:
    for key in table:
        if key not in needed and key not in optional:
            raise ScenarioError(f"{where}: unknown key {key}; known are {', '.join((*needed, *optional))}")
    for key in needed:
        if key not in table:
            raise ScenarioError(f"{where}: key {key} is missing")


def _whole(where: str, table: Mapping[str, object], key: str) -> int:
    value = table[key]
    if type(value) is not int:
        raise ScenarioError(f"{where}: {key} is {value!r}; it must be a whole number")
    return value


def _string(where: str, table: Mapping[str, object], key: str) -> str:
    value = table[key]
    if not isinstance(value, str):
        raise ScenarioError(f"{where}: {key} is {value!r}; it must be a text")
    return value


def _choice(where: str, table: Mapping[str, object], key: str, choices: type[Choice]) -> Choice:
    value = table[key]
    for member in choices:
        if member.value == value:
            return member
    known = ", ".join(str(member.value) for member in choices)
    raise ScenarioError(f"{where}: {key} is {value!r}; known are {known}")


def _text(value: str) -> str:
    return json.dumps(value)
