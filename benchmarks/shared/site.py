"""The files of a small site: operators, beds, broker, and one configuration per bed with the shipped profile."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.shared.processes import REPOSITORY, Process
from simulators.harness.site import free_port

PROFILE = REPOSITORY / "config" / "profiles" / "demo.toml"
READER = "dashboard"
_BROKER_START_S = 30.0

_SITE = """\
credentials_dir = "credentials"
readers = ["{reader}"]
[broker]
port = {port}
[[operator]]
name = "anna"
role = "nurse"
[[operator]]
name = "ben"
role = "nurse"
"""
_SITE_NURSE = """\
[[operator]]
name = "{name}"
role = "nurse"
"""
_SITE_BED = """\
[[bed]]
name = "{bed}"
account = "pump-{bed}"
"""
_BED = """\
bed = "{bed}"
site = "site.toml"
profile = "{profile}"
journal = "{bed}.journal"
simulated = true
clinical = false
[pump]
driver = "ne1000"
port = "{bed}-pump"
[oximeter]
driver = "nonin"
port = "{bed}-oximeter"
[cuff]
driver = "suntech"
port = "{bed}-cuff"
"""


def write_site(folder: Path, beds: Sequence[str], nurses: Sequence[str] = ()) -> Path:
    """Write the files; return the site file. The configuration of a bed is `BED.toml` beside it."""
    site = folder / "site.toml"
    people = _SITE.format(port=free_port(), reader=READER) + "".join(_SITE_NURSE.format(name=name) for name in nurses)
    site.write_text(people + "".join(_SITE_BED.format(bed=bed) for bed in beds))
    for bed in beds:
        (folder / f"{bed}.toml").write_text(_BED.format(bed=bed, profile=PROFILE))
    return site


def start_broker(site: Path) -> Process:
    """Return the embedded broker, listening; it makes the passwords."""
    broker = Process("pumpd.mqtt.embedded_broker", "--site", str(site), log=site.parent / "broker.log")
    broker.line(_BROKER_START_S)
    return broker
