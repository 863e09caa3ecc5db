"""Adds and removes people: her entry in the site file, whose comments stay, and her password.

A password is kept as a hash only. What is written is read back as a site first: a file that pumpd would refuse is never
left behind.
"""

import secrets
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT

from pumpd.core.commands import Role
from pumpd.mqtt.accounts import write_private
from pumpd.mqtt.passwords import CHOSEN_ITERATIONS, hashed
from pumpd.mqtt.site import Site, SiteError, load_site, parse_site

_GENERATED_BYTES = 12
"""96 random bits: 16 characters to write down once."""


def generated_password() -> str:
    """Return a random password that a person can type."""
    return secrets.token_urlsafe(_GENERATED_BYTES)


def add_user(site_file: Path, name: str, role: Role, password: str) -> Site:
    """Add an operator with `password` to the site in `site_file`; return the new site, or raise `SiteError`."""
    site = load_site(site_file)
    if name.lower() in {each.lower() for each in site.accounts}:
        raise SiteError(f"{site_file} has an account {name!r} already; remove it first, or choose another name")
    document = _document(site_file)
    entry = tomlkit.table()
    entry["name"] = name
    entry["role"] = role.value
    _operators(document).append(entry)
    added = _checked(site_file, document)
    # the account comes last: until the site names her, a password is nobody's
    try:
        added.credentials_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(added.hash_path(name), hashed(password, CHOSEN_ITERATIONS) + "\n")
    except OSError as error:
        raise SiteError(f"the password cannot be kept in {added.credentials_dir}: {error.strerror}") from None
    _replace(site_file, document)
    return added


def remove_user(site_file: Path, name: str) -> Site:
    """Take an operator and her password away; return the new site, or raise `SiteError`."""
    site = load_site(site_file)
    if name not in site.operators:
        raise SiteError(f"{site_file} has no operator {name!r}; it has {', '.join(site.operators)}")
    document = _document(site_file)
    operators = _operators(document)
    del operators[next(number for number, each in enumerate(operators) if each["name"] == name)]
    left = _checked(site_file, document)
    # here the entry goes first: without it the broker lets nobody in under that name
    _replace(site_file, document)
    for path in (site.hash_path(name), site.password_path(name)):
        path.unlink(missing_ok=True)
    return left


def _document(site_file: Path) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(site_file.read_text(encoding="utf-8"))
    except (OSError, ValueError, TOMLKitError) as error:
        raise SiteError(f"the site file {site_file} cannot be read: {error}") from None


def _operators(document: tomlkit.TOMLDocument) -> AoT:
    found = document.get("operator")
    if not isinstance(found, AoT):
        raise SiteError("the operators are not written as [[operator]] sections; edit the site file by hand")
    return found


def _checked(site_file: Path, document: tomlkit.TOMLDocument) -> Site:
    return parse_site(site_file, tomlkit.dumps(document).encode())


def _replace(site_file: Path, document: tomlkit.TOMLDocument) -> None:
    mode = site_file.stat().st_mode & 0o777
    write_private(site_file, tomlkit.dumps(document))
    site_file.chmod(mode)
