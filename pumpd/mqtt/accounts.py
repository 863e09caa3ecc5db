"""Broker accounts: passwords and the rights of each account, generated from the site file.

Deny by default: an account has the rights listed here and no other. Rights prove *who* speaks; whether she may do what
she asks, the daemon judges by role.
"""

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pumpd.core.ports import VitalKind
from pumpd.mqtt.passwords import RANDOM_ITERATIONS, hashed
from pumpd.mqtt.site import Site, SiteError, read_password
from pumpd.mqtt.topics import (
    INPUT_STATUS,
    RESERVED_BED,
    ROOT,
    BedTopics,
    Channel,
    Topic,
    clinic_filters,
    daemon_filters,
    inputs,
    screen_filters,
)

PASSWORD_BYTES = 32
EVERY_BED = "+"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """The topic filters that one account may publish to and subscribe to."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


def rights(site: Site) -> Mapping[str, Rights]:
    """Return the rights of every account of `site`, one entry per account.

    The clinic answers commands under a bed name of its own, so an operator's topics are those of every bed.
    """
    screens = screen_filters(EVERY_BED)
    table: dict[str, Rights] = {}
    for user in site.operators:
        table[user] = Rights(
            publish=(f"{ROOT}/{EVERY_BED}/cmd/{user}/request", f"{ROOT}/{EVERY_BED}/station/{user}"),
            subscribe=(*screens, f"{ROOT}/{EVERY_BED}/ack/{user}"),
        )
    users = tuple(site.operators)
    for bed, account in site.beds.items():
        topics = BedTopics(bed=bed)
        table[account] = Rights(
            publish=(
                topics.status,
                topics.heartbeat,
                topics.state,
                topics.alarms,
                topics.profile,
                topics.event,
                *(topics.vital(kind) for kind in VitalKind),
                *(topics.ack(user) for user in users),
            ),
            subscribe=daemon_filters(bed, users, site.sources(bed)),
        )
        for source, kinds in site.sources(bed).items():
            table[source] = Rights(publish=inputs(bed, {source: kinds}), subscribe=())
    clinic = site.clinic
    if clinic is not None:
        own = BedTopics(bed=RESERVED_BED)
        table[clinic.account] = Rights(
            publish=(
                own.status,
                *(BedTopics(bed=bed).clearance for bed in site.beds),
                *(own.ack(user) for user in users),
            ),
            subscribe=clinic_filters(tuple(site.beds)),
        )
    for reader in site.readers:
        table[reader] = Rights(publish=(), subscribe=screens)
    return table


def wills(site: Site) -> Mapping[str, str]:
    """Return the one topic on which an account may leave a last will, for each that may."""
    return {
        **({} if site.clinic is None else {site.clinic.account: BedTopics(bed=RESERVED_BED).status}),
        **{account: BedTopics(bed=bed).status for bed, account in site.beds.items()},
        **{
            source: str(Topic(bed=bed, channel=Channel.INPUT, name=source, detail=INPUT_STATUS))
            for bed in site.beds
            for source in site.sources(bed)
        },
    }


def mosquitto_acl(site: Site) -> str:
    """Return the same rights as an `acl_file` of mosquitto."""
    sections = [
        "\n".join(
            [
                f"user {account}",
                *(f"topic write {each}" for each in allowed.publish),
                *(f"topic read {each}" for each in allowed.subscribe),
            ]
        )
        for account, allowed in rights(site).items()
    ]
    return "\n\n".join(sections) + "\n"


def provision(site: Site) -> tuple[str, ...]:
    """Give every account that has no password file a random password; return the accounts that got one."""
    directory = site.credentials_dir
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return tuple(
            account
            for account in site.accounts
            if not site.hash_path(account).exists() and _create(site.password_path(account))
        )
    except OSError as error:
        raise SiteError(f"the password files in {directory} cannot be written: {error.strerror}") from None


def password_lines(site: Site) -> str:
    """Return a password file for either broker: `name:hash`, a line for each account; raise `SiteError` for none."""
    return "".join(f"{account}:{_hash(site, account)}\n" for account in site.accounts)


def _hash(site: Site, account: str) -> str:
    chosen = site.hash_path(account)
    return read_password(chosen) if chosen.exists() else hashed(site.password(account), RANDOM_ITERATIONS)


def is_kept(site: Site, account: str) -> bool:
    """Return whether the password of `account` lies in a file; only its hash is kept of one that a person chose."""
    site.require(account)
    return not site.hash_path(account).exists()


def password_for(site: Site, account: str, ask: Callable[[str], str], *, typed: bool = False) -> str:
    """Return the password of `account` out of its file, or as its owner types it: where none is kept, or if `typed`."""
    return ask(f"password of {account}: ") if typed or not is_kept(site, account) else site.password(account)


def _create(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(secrets.token_urlsafe(PASSWORD_BYTES) + "\n")
    return True


def write_private(path: Path, content: str) -> None:
    """Replace `path` by `content`, readable by its owner only at every moment."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
    fresh.replace(path)
