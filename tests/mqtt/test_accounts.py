"""Accounts and rights as generated from the site file."""

import stat
from pathlib import Path

import pytest

from pumpd.mqtt.accounts import mosquitto_acl, provision, rights, wills
from pumpd.mqtt.site import load_site
from tests.mqtt.test_site import GOOD, written

SCREENS = (
    "pumpd/v1/+/status",
    "pumpd/v1/+/heartbeat",
    "pumpd/v1/+/state",
    "pumpd/v1/+/alarms",
    "pumpd/v1/+/profile",
    "pumpd/v1/+/event",
    "pumpd/v1/+/vitals/sbp",
    "pumpd/v1/+/vitals/dbp",
    "pumpd/v1/+/vitals/map",
    "pumpd/v1/+/vitals/hr",
    "pumpd/v1/+/vitals/spo2",
    "pumpd/v1/+/vitals/rr",
    "pumpd/v1/+/vitals/moaas",
)


@pytest.mark.req("CMD-05")
def test_the_rights_of_each_account(tmp_path: Path) -> None:
    table = rights(load_site(written(tmp_path, GOOD)))
    assert list(table) == ["anna", "pump-bed1", "dashboard"]
    assert table["anna"].publish == ("pumpd/v1/+/cmd/anna/request", "pumpd/v1/+/station/anna")
    assert table["anna"].subscribe == (*SCREENS, "pumpd/v1/+/ack/anna")
    assert table["pump-bed1"].publish == (
        *(each.replace("+", "bed1") for each in SCREENS),
        "pumpd/v1/bed1/ack/anna",
    )
    assert table["pump-bed1"].subscribe == (
        "pumpd/v1/bed1/cmd/+/request",
        "pumpd/v1/bed1/clearance",
        "pumpd/v1/bed1/station/anna",
    )
    assert table["dashboard"].publish == ()
    assert table["dashboard"].subscribe == SCREENS


CLINIC = """
[clinic]
account = "clinic-desk"
database = "clinic.db"
"""


@pytest.mark.req("CMD-05", "CLIN-01")
def test_only_the_clinic_may_write_a_clearance(tmp_path: Path) -> None:
    site = load_site(written(tmp_path, GOOD + CLINIC))
    table = rights(site)
    assert table["clinic-desk"].publish == (
        "pumpd/v1/clinic/status",
        "pumpd/v1/bed1/clearance",
        "pumpd/v1/clinic/ack/anna",
    )
    assert table["clinic-desk"].subscribe == (
        "pumpd/v1/clinic/cmd/+/request",
        "pumpd/v1/bed1/state",
    )
    writers = {name for name, allowed in table.items() if "pumpd/v1/bed1/clearance" in allowed.publish}
    assert writers == {"clinic-desk"}
    assert not any(each.endswith("/clearance") and "+" in each for each in table["anna"].publish)
    assert wills(site)["clinic-desk"] == "pumpd/v1/clinic/status"
    assert "clinic-desk" in provision(site)


SOURCE = """
[[source]]
name = "ox7"
bed = "bed1"
kinds = ["spo2", "pr"]
"""


@pytest.mark.req("CMD-05", "VIT-12")
def test_a_source_may_publish_its_own_kinds_at_its_own_bed_and_read_nothing(tmp_path: Path) -> None:
    site = load_site(written(tmp_path, GOOD + SOURCE))
    table = rights(site)
    topics = tuple(f"pumpd/v1/bed1/in/ox7/{kind}" for kind in ("spo2", "pr", "status"))
    assert table["ox7"].publish == topics
    assert table["ox7"].subscribe == ()
    assert table["pump-bed1"].subscribe[-3:] == topics
    assert not set(topics) & {each for name in ("anna", "pump-bed1", "dashboard") for each in table[name].publish}
    assert wills(site) == {"pump-bed1": "pumpd/v1/bed1/status", "ox7": "pumpd/v1/bed1/in/ox7/status"}
    assert "ox7" in provision(site)


def test_the_same_rights_for_mosquitto(tmp_path: Path) -> None:
    text = mosquitto_acl(load_site(written(tmp_path, GOOD)))
    sections = text.strip().split("\n\n")
    assert sections[0].splitlines()[:4] == [
        "user anna",
        "topic write pumpd/v1/+/cmd/anna/request",
        "topic write pumpd/v1/+/station/anna",
        "topic read pumpd/v1/+/status",
    ]
    assert [section.splitlines()[0] for section in sections] == ["user anna", "user pump-bed1", "user dashboard"]
    assert "topic write" not in sections[2]


@pytest.mark.req("CMD-05")
def test_passwords_are_random_private_and_kept(tmp_path: Path) -> None:
    site = load_site(written(tmp_path, GOOD))
    assert provision(site) == ("anna", "pump-bed1", "dashboard")
    passwords = {account: site.password(account) for account in site.accounts}
    assert len(set(passwords.values())) == 3
    assert min(len(password) for password in passwords.values()) >= 40
    assert stat.S_IMODE(site.credentials_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE(site.password_path("anna").stat().st_mode) == 0o600
    assert provision(site) == ()
    assert {account: site.password(account) for account in site.accounts} == passwords
