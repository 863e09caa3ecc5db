"""Configurations of both brokers, generated from the site file: accounts, rights, limits, TLS.

Each account has its own lines. mosquitto's patterns (`pattern write .../%u/...`) would be shorter, but hold for every
account there is, so that a daemon or a reader could send commands in its own name.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pumpd.mqtt.accounts import mosquitto_acl, password_lines, rights, wills
from pumpd.mqtt.site import Site, SiteError, is_loopback

PASSWORDS, RIGHTS, MOSQUITTO, AMQTT = "pumpd.passwd", "pumpd.acl", "mosquitto.conf", "amqtt.yaml"
_AMQTT_RULES = "pumpd.mqtt.broker_rules"
MAX_QUEUED_MESSAGES = 10_000
"""mosquitto's own 1,000 drops messages of a slow reader without a word; readers see what is missing by `seq`."""
MAX_MESSAGE_BYTES = 256 * 1024
"""A state is some 10 KiB, and a command of more than 4 KiB is refused by the daemon."""
MAX_CONNECTIONS = 500

_MOSQUITTO = """\
# Written by pumpd broker-config from {site}. Do not edit: change the site file and write it again.
# For mosquitto 2.0. Version 2.1 warns that these files give way to plugins in 3.0.
per_listener_settings false
allow_anonymous false
# 0640 root:mosquitto
password_file {folder}/{passwords}
acl_file {folder}/{rights}
# after a restart nothing old may look new
persistence false
queue_qos0_messages false
max_queued_messages {max_queued}
max_packet_size {max_bytes}
{listener}
max_connections {max_connections}
"""


def mosquitto_files(site: Site, folder: Path) -> Mapping[str, str]:
    """Return the content of each file by its name; they name each other as files of `folder`.

    Raises `SiteError` where a password or the certificate is missing.
    """
    conf = _MOSQUITTO.format(
        site=site.path,
        folder=folder,
        passwords=PASSWORDS,
        rights=RIGHTS,
        max_queued=MAX_QUEUED_MESSAGES,
        max_bytes=MAX_MESSAGE_BYTES,
        listener=_listener(site),
        max_connections=MAX_CONNECTIONS,
    )
    return {MOSQUITTO: conf, RIGHTS: mosquitto_acl(site), PASSWORDS: password_lines(site)}


def _listener(site: Site) -> str:
    broker = site.broker
    # a name that clients use need not be an address of this machine's own
    listener = f"listener {broker.port} {broker.host}" if is_loopback(broker.host) else f"listener {broker.port}"
    if not broker.tls:
        return listener
    certificate, key = certificate_files(site)
    return f"{listener}\ncertfile {certificate}\nkeyfile {key}\ntls_version tlsv1.2"


def amqtt_files(site: Site, folder: Path) -> Mapping[str, str]:
    """Return the content of each file by its name, as `mosquitto_files` does; JSON is YAML too."""
    settings = amqtt_settings(site, site.broker.port, folder / PASSWORDS)
    return {AMQTT: json.dumps(settings, indent=2) + "\n", PASSWORDS: password_lines(site)}


def amqtt_settings(site: Site, port: int, passwords: Path) -> dict[str, Any]:
    """Return what amqtt is configured with; `passwords` is the file of password hashes."""
    host = site.broker.host
    listener: dict[str, Any] = {
        "bind": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        "max_connections": MAX_CONNECTIONS,
    }
    if site.broker.tls:
        certificate, key = certificate_files(site)
        listener |= {"ssl": True, "certfile": str(certificate), "keyfile": str(key)}
    table = rights(site)
    read = {account: list(allowed.subscribe) for account, allowed in table.items()}
    return {
        "listeners": {"default": listener},
        "plugins": {
            f"{_AMQTT_RULES}.LogIn": {"password_file": str(passwords), "wills": dict(wills(site))},
            f"{_AMQTT_RULES}.Rights": {
                "publish_acl": {account: list(allowed.publish) for account, allowed in table.items()},
                "subscribe_acl": read,
                "receive_acl": read,
            },
        },
    }


def certificate_files(site: Site) -> tuple[Path, Path]:
    """Return the broker's certificate and key; raise `SiteError` where TLS is wanted and one of them is missing."""
    if site.certificate is None:
        raise SiteError(f"{site.path}: [broker] tls is true, so the broker needs cert_file and key_file")
    for path in site.certificate:
        if not path.is_file():
            raise SiteError(f"{site.path}: [broker] names {path}, which is no file")
    return site.certificate
