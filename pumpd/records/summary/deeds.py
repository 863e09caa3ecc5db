"""What people commanded, and the last word on each. Also a command that only a newer pumpd knows is told. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum

from pumpd.core.commands import CommandReceived, Role, kind_of
from pumpd.core.effects import Receipt
from pumpd.records.summary.model import Deed


class Deeds:
    """Takes commands and receipts in their order."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Deed] = {}

    def take(self, command: CommandReceived, roles: Mapping[str, Role], at_wall_ns: int) -> bool:
        """Take one command; return whether it is a new one and no repetition."""
        key = (command.user, command.id)
        if key in self._found:
            return False
        self._found[key] = Deed(
            at_wall_ns=at_wall_ns,
            user=command.user,
            role=roles.get(command.user),
            kind=kind_of(command.command),
            id=command.id,
            details="; ".join(_details(command.command)),
            state=None,
            reason="",
        )
        return True

    def answered(self, receipt: Receipt) -> None:
        """Take what the person was told; a later word replaces an earlier one."""
        key = (receipt.user, receipt.command_id)
        if key in self._found:
            self._found[key] = replace(self._found[key], state=receipt.state, reason=receipt.reason)

    @property
    def found(self) -> tuple[Deed, ...]:
        """All of them, in their order."""
        return tuple(self._found.values())


def _details(command: object) -> Iterator[str]:
    assert is_dataclass(command)  # noqa: S101 - every command is
    for field in fields(command):
        words = _words(getattr(command, field.name))
        if words:
            yield f"{field.name} {words}"


def _words(value: object) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, tuple):
        return ", ".join(map(_words, value))
    if is_dataclass(value):
        return ", ".join(_details(value))
    return "" if value is None else str(value)
