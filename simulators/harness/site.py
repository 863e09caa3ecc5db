"""Writes a throw-away site: people, passwords, one bed on simulated ports. Knows no broker, daemon or device."""

import os
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from pumpd.mqtt.accounts import provision
from pumpd.mqtt.site import Site, load_site

BED = "bed1"
PREPARER, CONFIRMER, PRESCRIBER, VIEWER = "anna", "ben", "clara", "vera"
PUMP, OXIMETER, CUFF = "pump", "oximeter", "cuff"
"""The devices of a bed, and the names of their links."""

_SITE = """\
credentials_dir = "credentials"

[broker]
host = "127.0.0.1"
port = {port}

[[operator]]
name = "{preparer}"
role = "nurse"

[[operator]]
name = "{confirmer}"
role = "nurse"

[[operator]]
name = "{prescriber}"
role = "prescriber"

[[operator]]
name = "{viewer}"
role = "viewer"

[[bed]]
name = "{bed}"
account = "pump-{bed}"
"""

_BED = """\
bed = "{bed}"
site = "site.toml"
profile = "demo.toml"
journal = "journal.db"
simulated = true
clinical = false
pump = {{ driver = "ne1000", port = "ports/pump" }}
oximeter = {{ driver = "nonin", port = "ports/oximeter" }}
cuff = {{ driver = "suntech", port = "ports/cuff" }}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrowAwaySite:
    """Where everything of one throw-away site lies."""

    folder: Path

    @property
    def site_file(self) -> Path:
        """The site file."""
        return self.folder / "site.toml"

    @property
    def bed_file(self) -> Path:
        """The configuration of the bed's daemon."""
        return self.folder / f"{BED}.toml"

    @property
    def profile(self) -> Path:
        """The profile in force."""
        return self.folder / "demo.toml"

    @property
    def ports(self) -> Path:
        """Where the devices' links are."""
        return self.folder / "ports"

    @property
    def journal(self) -> Path:
        """The daemon's journal."""
        return self.folder / "journal.db"

    @property
    def plunger_log(self) -> Path:
        """What the simulated plunger truly gave."""
        return self.folder / "plunger.jsonl"

    @property
    def wire_log(self) -> Path:
        """What the simulated pump heard."""
        return self.folder / "wire.jsonl"

    @property
    def bus_log(self) -> Path:
        """What a viewer heard on the bus, and the receipts of the scripted nurses."""
        return self.folder / "bus.jsonl"

    @property
    def credentials(self) -> Path:
        """The password files."""
        return self.folder / "credentials"

    def load(self) -> Site:
        """Return the site as pumpd reads it."""
        return load_site(self.site_file)


PORTS = range(20_000, 32_768)
"""Below those that Linux gives to clients (ip(7), ip_local_port_range)."""
PORTS_EACH = 37
"""So far apart do processes with neighbouring ids begin to look."""
_asked = count()


def make_site(folder: Path) -> ThrowAwaySite:
    """Write a site with fresh passwords into `folder`, which is made where it is missing."""
    made = ThrowAwaySite(folder=folder)
    made.ports.mkdir(mode=0o700, parents=True, exist_ok=True)
    made.site_file.write_text(
        _SITE.format(
            port=free_port(), preparer=PREPARER, confirmer=CONFIRMER, prescriber=PRESCRIBER, viewer=VIEWER, bed=BED
        ),
        encoding="utf-8",
    )
    made.bed_file.write_text(_BED.format(bed=BED), encoding="utf-8")
    made.profile.write_bytes(shipped_config("profiles/demo.toml").read_bytes())
    provision(made.load())
    return made


def free_port() -> int:
    """Return a loopback port that was free a moment ago and that neither a client nor another process is given next."""
    for _ in PORTS:
        port = PORTS[(os.getpid() * PORTS_EACH + next(_asked)) % len(PORTS)]
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError(f"no port from {PORTS[0]} to {PORTS[-1]} is free")


def shipped_config(name: str) -> Path:
    """Return a shipped configuration file: of the checkout this is, else of the installed package."""
    roots = (Path(__file__).parents[2] / "config", Path(sys.prefix) / "share" / "pumpd" / "config")
    for root in roots:
        if (root / name).is_file():
            return root / name
    raise FileNotFoundError(f"{name} is in none of {', '.join(map(str, roots))}; install pumpd again")
