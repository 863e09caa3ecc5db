"""The registry of rules taken out (`removals.toml`): reads it, and makes the source of a module without one."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from tools.prove.altered import source_of

PATH = Path(__file__).with_name("removals.toml")
SCHEMA = 1


class RemovalError(ValueError):
    """A slip that no longer fits the source, or a registry that cannot be read; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """The rule of `requirement`, taken out of `module`."""

    requirement: str
    module: str
    right: str
    wrong: str
    says: str

    def source(self) -> str:
        """Return the module's source without the rule, or raise `RemovalError`."""
        source = source_of(self.module)
        found = source.count(self.right)
        if found != 1:
            raise RemovalError(f"{self.requirement}: {self.right!r} occurs {found} times in {self.module}, not once")
        return source.replace(self.right, self.wrong)


def load(path: Path = PATH) -> tuple[Removal, ...]:
    """Return what is registered, or raise `RemovalError`. A requirement may be there more than once."""
    try:
        found = tomllib.loads(path.read_text())
        if found.get("schema") != SCHEMA:
            raise RemovalError(f"{path.name}: schema {found.get('schema')!r} is not {SCHEMA}")
        return tuple(Removal(**each) for each in found["removal"])
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise RemovalError(f"{path.name}: {error}") from None
