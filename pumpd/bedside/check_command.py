"""`pumpd check-config` and `pumpd approve`: what is wrong with a file, a profile on one page, and who approves it."""

import argparse
import sys
import textwrap
from datetime import UTC, datetime
from enum import Enum, unique
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from pydantic import ValidationError

from pumpd.bedside import approvals
from pumpd.bedside.approvals import ApprovalsError, Entry, approvals_path
from pumpd.bedside.config import ConfigError, clinical_faults, load_config
from pumpd.bedside.profile_file import UNASSIGNED, Reading, read_profile
from pumpd.bedside.summary_page import PageError, summary_page
from pumpd.core.profile import Approval, Profile, Signer, Version, approves
from pumpd.mqtt.site import SiteError, load_site
from pumpd.toml_text import TomlError, members

if TYPE_CHECKING:
    from argparse import _SubParsersAction

EXIT_GOOD, EXIT_FOUND = 0, 1


@unique
class _Kind(Enum):
    PROFILE = "profile"
    SITE = "site"
    BED = "bed"


_MARKS = {
    _Kind.PROFILE: frozenset({"drug", "rule", "times", "lease"}),
    _Kind.SITE: frozenset({"operator", "credentials_dir", "broker"}),
    _Kind.BED: frozenset({"pump", "journal", "oximeter", "cuff"}),
}
"""Keys by which a file is known; the kind of which it has most is meant."""


def add_parser(subparsers: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register both subcommands."""
    check = subparsers.add_parser("check-config", help="say what is wrong with profiles, site and bed files")
    check.add_argument("files", nargs="+", type=Path, metavar="FILE", help="which kind each is, its keys tell")
    check.add_argument("--summary", action="store_true", help="print the one profile on a page to sign")
    check.set_defaults(handler=_check)
    approve = subparsers.add_parser("approve", help="record that a named person approves a profile", allow_abbrev=False)
    approve.add_argument("profile", type=Path, metavar="PROFILE")
    approve.add_argument("--by", required=True, metavar="NAME", help="full name, as signed on the page")
    approve.add_argument("--role", required=True, choices=[role.value for role in Signer])
    approve.add_argument("--hash", required=True, help="the hash on the page that was signed")
    approve.set_defaults(handler=_approve)


def _check(options: argparse.Namespace) -> int:
    if options.summary:
        return _summary(options.files)
    results = [_check_file(path) for path in options.files]
    return EXIT_GOOD if all(results) else EXIT_FOUND


# ---- one file -------------------------------------------------------------------------------------------------------


def _check_file(path: Path) -> bool:
    """Print what there is to say of one file; return whether it is good."""
    try:
        kind = _kind(path)
        if kind is None:
            return _told(path, "unknown", "", ("no profile, site or bed file: it has none of their keys",))
        match kind:
            case _Kind.PROFILE:
                return _check_profile(path)
            case _Kind.SITE:
                site = load_site(path)
                good = f"{len(site.operators)} operators, beds {', '.join(site.beds)}"
                return _told(path, kind.value, good, ())
            case _Kind.BED:
                return _check_bed(path)
            case _:
                assert_never(kind)
    except OSError as error:
        return _told(path, "unknown", "", (f"cannot be read: {error.strerror}",))
    except TomlError as error:
        return _told(path, "unknown", "", (f"no valid TOML: {error}",))
    except SiteError as error:
        return _told(path, _Kind.SITE.value, "", error.faults)
    except ConfigError as error:
        return _told(path, _Kind.BED.value, "", error.faults)


def _kind(path: Path) -> _Kind | None:
    keys = members(path.read_bytes()).keys()
    best = max(_Kind, key=lambda kind: len(_MARKS[kind] & keys))
    return best if _MARKS[best] & keys else None


def _told(path: Path, kind: str, good: str, faults: tuple[str, ...]) -> bool:
    if not faults:
        print(f"{path}: {kind}, {good}: ok")
        return True
    print(f"{path}: {kind}: {len(faults)} finding{'s' if len(faults) > 1 else ''}")
    for fault in faults:
        print(f"  - {fault}")
    return False


def _check_profile(path: Path) -> bool:
    reading = read_profile(path)
    profile = reading.profile
    good = "" if profile is None else _identity(profile)
    is_good = _told(path, _Kind.PROFILE.value, good, tuple(map(str, reading.findings)))
    if is_good:
        void = [entry for entry in approvals.entries(path) if entry.sha256 != reading.sha256]
        for entry in void:
            print(f"  void: {entry.name} ({entry.role.value}) approved another content on {entry.at_utc[:10]}")
        if UNASSIGNED in reading.owners and profile is not None and not profile.simulators_only:
            print(f"  note: some limits have owner '{UNASSIGNED}'; name them before anybody approves this profile")
    return is_good


def _identity(profile: Profile) -> str:
    return f"{profile.name} version {profile.version}, hash {profile.hash}, {_standing(profile)}"


def _standing(profile: Profile) -> str:
    if profile.simulators_only:
        return "for simulators only"
    names = ", ".join(f"{approval.name} ({approval.role.value})" for approval in profile.approvals)
    return f"approved by {names}" if profile.approved else f"UNAPPROVED{f' (so far {names})' if names else ''}"


def _check_bed(path: Path) -> bool:
    config = load_config(path)
    faults = clinical_faults(config) if config.clinical else ()
    mode = "clinical" if config.clinical else "simulated" if config.simulated else "bench"
    is_good = _told(path, _Kind.BED.value, f"{config.bed}, {mode}, profile {config.profile.name}", faults)
    for version in config.versions:
        accepted = config.site.accepts(version)
        print(f"  {version}: {'accepted by the site' if accepted else 'not accepted; the site file would say:'}")
        if not accepted:
            print(textwrap.indent(_entry(version), "    "))
    return is_good


def _entry(version: Version) -> str:
    """Return what the site file would say, for who decides to accept it."""
    members = (("what", version.what), ("name", version.name), ("version", version.version), ("hash", version.hash))
    return "\n".join(["[[accepted]]", *(f'{key} = "{value}"' for key, value in members), 'by = "..."'])


# ---- the page, and who signs it -------------------------------------------------------------------------------------


def _summary(files: list[Path]) -> int:
    if len(files) != 1:
        return _refused(f"--summary takes one profile, not {len(files)} files")
    (path,) = files
    reading = read_profile(path)
    profile = _good(path, reading)
    if profile is None:
        return EXIT_FOUND
    try:
        print(summary_page(profile, reading), end="")
    except PageError as error:
        return _refused(str(error))
    return EXIT_GOOD


def _good(path: Path, reading: Reading) -> Profile | None:
    if reading.findings:
        _told(path, _Kind.PROFILE.value, "", tuple(map(str, reading.findings)))
        return None
    return reading.profile


def _approve(options: argparse.Namespace) -> int:
    path: Path = options.profile
    reading = read_profile(path)
    profile = _good(path, reading)
    if profile is None:
        return EXIT_FOUND
    name = " ".join(options.by.split())
    reason = _why_not(profile, reading, name, options.hash)
    if reason is not None:
        return _refused(reason)
    now_utc = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        entry = Entry(
            name=name, role=Signer(options.role), at_utc=now_utc, version=profile.version, sha256=reading.sha256
        )
        approvals.append(path, entry)
    except ValidationError:
        return _refused(f"{name!r} is no full name: 3 to 60 letters, spaces, points, commas, hyphens and apostrophes")
    except ApprovalsError as error:
        return _refused(str(error))
    now = (*profile.approvals, Approval(name=entry.name, role=entry.role, at_utc=entry.at_utc))
    standing = "approved" if approves(now) else "not approved yet: two people are needed, one of them a prescriber"
    print(f"{name} ({entry.role.value}) recorded in {approvals_path(path)}; profile {profile.hash} is {standing}")
    return EXIT_GOOD


def _why_not(profile: Profile, reading: Reading, name: str, quoted: str) -> str | None:
    if profile.simulators_only:
        return f"{profile.name} is for simulators only and needs no approval; it is never used on a patient"
    if UNASSIGNED in reading.owners:
        return (
            f"some limits have owner '{UNASSIGNED}'; name the clinician who answers for each, then print the page again"
        )
    if quoted != profile.hash:
        return f"the page that was signed has hash {quoted}, the profile now has {profile.hash}; read and sign it again"
    if any(approval.name.casefold() == name.casefold() for approval in profile.approvals):
        return f"{name} has already approved {profile.hash}; the second person must be another"
    return None


def _refused(reason: str) -> int:
    print(reason, file=sys.stderr)
    return EXIT_FOUND
