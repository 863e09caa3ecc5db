"""Which program, which drug library and which profile a session runs under. Read once, written into each session."""

import hashlib
from functools import cache
from pathlib import Path

import drivers
import pumpd
from pumpd.bedside.profile_file import HASH_CHARACTERS
from pumpd.core.profile import Profile, Version
from pumpd.records.beginning import program_version


def versions_of(profile: Profile) -> tuple[Version, ...]:
    """Return what a session under `profile` names in its record."""
    drug = profile.drug
    return (
        Version(what="program", name="pumpd", version=program_version(), hash=program_hash()),
        Version(what="library", name=drug.name, version=str(drug.version), hash=drug.hash),
        Version(what="profile", name=profile.name, version=str(profile.version), hash=profile.hash),
    )


@cache
def program_hash() -> str:
    """Return the hash over every source file of daemon and drivers, as they lie on this machine."""
    digest = hashlib.sha256()
    for package in (pumpd, drivers):
        (folder,) = (Path(found) for found in package.__path__)
        for file in sorted(folder.rglob("*.py")):
            digest.update(f"{package.__name__}/{file.relative_to(folder).as_posix()}\0".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:HASH_CHARACTERS]
