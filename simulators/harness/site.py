"""Writes a throw-away site: people, passwords, beds on simulated ports. Knows no broker, daemon or device."""

import json
import os
import secrets
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from pumpd.mqtt.accounts import provision, write_private
from pumpd.mqtt.site import ClinicSection, Site, load_site

BED = "bed1"
PREPARER, CONFIRMER, PRESCRIBER, VIEWER = "anna", "ben", "clara", "vera"
PUMP, OXIMETER, CUFF = "pump", "oximeter", "cuff"
"""The devices of a bed, and the names of their links."""

_SITE = """\
credentials_dir = "credentials"
readers = ["dashboard"]

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
"""

_SITE_BED = """
[[bed]]
name = "{bed}"
account = "pump-{bed}"
"""

_BED = """\
bed = "{bed}"
site = "site.toml"
profile = "demo.toml"
journal = "{bed}/journal.db"
simulated = true
clinical = false
pump = {{ driver = "ne1000", port = "{bed}/ports/pump" }}
oximeter = {{ driver = "nonin", port = "{bed}/ports/oximeter" }}
cuff = {{ driver = "suntech", port = "{bed}/ports/cuff" }}
"""


CLINIC = ClinicSection(
    account="clinic-desk",
    database="clinic.db",
    screening_valid_days=365,
    consultation_valid_days=90,
    preparation_valid_days=60,
    ecg_valid_days=90,
    labs_valid_days=60,
    contraindications=["aneurysm"],
)
"""A clinic to try things with; what a real one answers for stands in its own site file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrowAwaySite:
    """Where everything of one throw-away site lies."""

    folder: Path

    @property
    def site_file(self) -> Path:
        """The site file."""
        return self.folder / "site.toml"

    @property
    def profile(self) -> Path:
        """The profile in force at every bed."""
        return self.folder / "demo.toml"

    @property
    def credentials(self) -> Path:
        """The password files."""
        return self.folder / "credentials"

    @property
    def clinic_log(self) -> Path:
        """What the clinic's process said."""
        return self.folder / "clinic.log"

    @property
    def broker_log(self) -> Path:
        """What the broker said."""
        return self.folder / "broker.log"

    def load(self) -> Site:
        """Return the site as pumpd reads it."""
        return load_site(self.site_file)

    def bed(self, name: str = BED) -> "BedFiles":
        """Return where everything of one bed lies."""
        return BedFiles(site=self, name=name)

    @property
    def beds(self) -> tuple["BedFiles", ...]:
        """Every bed of the site."""
        return tuple(self.bed(name) for name in self.load().beds)


@dataclass(frozen=True, slots=True, kw_only=True)
class BedFiles:
    """Where everything of one bed of a throw-away site lies."""

    site: ThrowAwaySite
    name: str

    @property
    def config(self) -> Path:
        """The configuration of the bed's daemon."""
        return self.site.folder / f"{self.name}.toml"

    @property
    def folder(self) -> Path:
        """What the bed leaves behind."""
        return self.site.folder / self.name

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
    def daemon_log(self) -> Path:
        """What the daemon said."""
        return self.folder / "daemon.log"

    @property
    def bed_log(self) -> Path:
        """What the process of the simulated bed said."""
        return self.folder / "bed.log"


PORTS = range(20_000, 32_768)
"""Below those that Linux gives to clients (ip(7), ip_local_port_range)."""
PORTS_EACH = 37
"""So far apart do processes with neighbouring ids begin to look."""
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without those that are taken for one another: people type these passwords."""
_asked = count()


def make_site(folder: Path, beds: Sequence[str] = (BED,), clinic: ClinicSection | None = None) -> ThrowAwaySite:
    """Write a site with fresh passwords and these beds into `folder`, which is made where it is missing."""
    made = ThrowAwaySite(folder=folder)
    made.credentials.mkdir(mode=0o700, parents=True, exist_ok=True)
    people = _SITE.format(
        port=free_port(), preparer=PREPARER, confirmer=CONFIRMER, prescriber=PRESCRIBER, viewer=VIEWER
    )
    sections = "".join(_SITE_BED.format(bed=bed) for bed in beds)
    if clinic is not None:
        said = clinic.model_dump(exclude_none=True)
        sections += "\n[clinic]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in said.items())
    made.site_file.write_text(people + sections, encoding="utf-8")
    made.profile.write_bytes(shipped_config("profiles/demo.toml").read_bytes())
    for bed in made.beds:
        bed.ports.mkdir(mode=0o700, parents=True, exist_ok=True)
        bed.config.write_text(_BED.format(bed=bed.name), encoding="utf-8")
    site = made.load()
    for person in site.operators:
        write_private(site.password_path(person), f"{_password()}\n")
    provision(site)
    return made


def _password() -> str:
    """Return a random password of three groups, some 59 bits."""
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(3))


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
