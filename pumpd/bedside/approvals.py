"""Who has approved which content of a profile: a file beside it that only grows. Knows nothing of what is approved.

An entry holds for the SHA-256 of the profile's file as it was. Any edit of the profile leaves it standing and voids it.
"""

import json
import os
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from pumpd.core.profile import Approval, Signer
from pumpd.toml_text import TomlError, members

MAX_FILE_BYTES = 256 * 1024
"""Some thousand approvals; a profile sees a few in a year."""

PersonName = Annotated[str, StringConstraints(pattern=r"^[^\W\d_][\w .,'’-]{2,59}$")]


class ApprovalsError(ValueError):
    """The approvals of a profile cannot be read or added to; the message is one sentence."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Entry(_Section):
    """One line of the record."""

    name: PersonName
    role: Signer
    at_utc: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\+00:00|Z)$")]
    version: Annotated[int, Field(ge=1)]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class _File(_Section):
    approval: tuple[Entry, ...] = ()


def approvals_path(profile: Path) -> Path:
    """Return the file that holds the approvals of the profile in `profile`."""
    return profile.with_name(f"{profile.stem}.approvals.toml")


def entries(profile: Path) -> tuple[Entry, ...]:
    """Return every approval on record, void ones too; raises `ApprovalsError`. Without a file there is none."""
    path = approvals_path(profile)
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise ApprovalsError(f"the approvals {path} cannot be read: {error.strerror}") from None
    if len(raw) > MAX_FILE_BYTES:
        raise ApprovalsError(f"the approvals {path} have more than {MAX_FILE_BYTES} bytes")
    try:
        return _File.model_validate(members(raw)).approval
    except TomlError as error:
        raise ApprovalsError(f"the approvals {path} are no valid TOML: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ApprovalsError(f"the approvals {path}: {where}: {first['msg']}; never edit this file by hand") from None


def approvals_of(profile: Path, sha256: str) -> tuple[Approval, ...]:
    """Return the approvals that hold for this content; raises `ApprovalsError`."""
    return tuple(
        Approval(name=entry.name, role=entry.role, at_utc=entry.at_utc)
        for entry in entries(profile)
        if entry.sha256 == sha256
    )


def append(profile: Path, entry: Entry) -> None:
    """Add an approval; raises `ApprovalsError`. What is there is never rewritten."""
    entries(profile)
    path = approvals_path(profile)
    lines = (
        "\n[[approval]]\n",
        f"name = {json.dumps(entry.name, ensure_ascii=False)}\n",
        f'role = "{entry.role.value}"\n',
        f'at_utc = "{entry.at_utc}"\n',
        f"version = {entry.version}\n",
        f'sha256 = "{entry.sha256}"\n',
    )
    try:
        with path.open("ab") as file:
            file.write("".join(lines).encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ApprovalsError(f"the approvals {path} cannot be written: {error.strerror}") from None
