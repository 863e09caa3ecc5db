"""What is written for a broker: nothing open, nothing forgotten, and a broker that takes it as it is."""

import re
import stat
from pathlib import Path

import pytest

from pumpd.mqtt.accounts import provision, rights
from pumpd.mqtt.broker_config import AMQTT, MOSQUITTO, PASSWORDS, RIGHTS, amqtt_files, amqtt_settings, mosquitto_files
from pumpd.mqtt.connection import BrokerError, Endpoint, connected
from pumpd.mqtt.site import Site, SiteError, load_site
from tests.mqtt.brokers import RunningBroker, run_command
from tests.mqtt.test_site import GOOD, written

TLS = 'tls = true\nca_file = "ca.pem"\ncert_file = "ca.pem"\nkey_file = "key.pem"\n'


def site_of(folder: Path, text: str = GOOD) -> Site:
    site = load_site(written(folder, text))
    provision(site)
    return site


@pytest.mark.req("CMD-05")
def test_mosquitto_is_closed_to_strangers_bounded_and_forgets(tmp_path: Path) -> None:
    files = mosquitto_files(site_of(tmp_path), tmp_path)
    assert set(files) == {MOSQUITTO, RIGHTS, PASSWORDS}
    lines = files[MOSQUITTO].splitlines()
    for line in (
        "allow_anonymous false",
        "per_listener_settings false",
        "persistence false",
        "max_queued_messages 10000",
        "max_packet_size 262144",
        "listener 1883 127.0.0.1",
        f"password_file {tmp_path}/{PASSWORDS}",
        f"acl_file {tmp_path}/{RIGHTS}",
    ):
        assert lines.count(line) == 1, line
    assert not any("#" in line and not line.startswith("#") for line in lines), "comments stand on lines of their own"


@pytest.mark.req("CMD-05")
def test_no_account_gets_a_right_by_pattern(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    text = mosquitto_files(site, tmp_path)[RIGHTS]
    assert "pattern" not in text
    assert [line.removeprefix("user ") for line in text.splitlines() if line.startswith("user ")] == list(rights(site))


@pytest.mark.req("CMD-05")
def test_no_file_holds_a_password(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    for files in (mosquitto_files(site, tmp_path), amqtt_files(site, tmp_path)):
        for account in site.accounts:
            assert not any(site.password(account) in content for content in files.values())
        assert re.fullmatch(r"(\w[\w-]*:\$7\$101\$\S+\n){3}", files[PASSWORDS])


@pytest.mark.req("CMD-05")
def test_another_machines_listener_has_tls(tmp_path: Path) -> None:
    text = GOOD.replace("port = 1883", 'host = "broker.clinic.example"\nport = 8883\n' + TLS)
    site = site_of(tmp_path, text)
    with pytest.raises(SiteError, match=r"ca\.pem, which is no file"):
        mosquitto_files(site, tmp_path)
    for name in ("ca.pem", "key.pem"):
        (tmp_path / name).touch()
    lines = mosquitto_files(site, tmp_path)[MOSQUITTO].splitlines()
    assert lines[lines.index("listener 8883") + 1 :][:3] == [
        f"certfile {tmp_path}/ca.pem",
        f"keyfile {tmp_path}/key.pem",
        "tls_version tlsv1.2",
    ]


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ('cert_file = "a"\n', "belong together"),
        ('tls = true\nkey_file = "a"\n', "belong together"),
        ('cert_file = "a"\nkey_file = "b"\n', "without tls = true"),
    ],
)
def test_half_a_certificate_is_refused(tmp_path: Path, keys: str, complaint: str) -> None:
    with pytest.raises(SiteError, match=complaint):
        load_site(written(tmp_path, GOOD.replace("port = 1883", f"port = 1883\n{keys}")))


def test_tls_without_the_brokers_certificate_is_refused_where_the_broker_is_configured(tmp_path: Path) -> None:
    site = site_of(tmp_path, GOOD.replace("port = 1883", "port = 1883\ntls = true"))
    for write in (mosquitto_files, amqtt_files):
        with pytest.raises(SiteError, match="needs cert_file and key_file"):
            write(site, tmp_path)


@pytest.mark.process
def test_the_command_writes_private_files_and_names_them(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    for broker, names in (("mosquitto", {MOSQUITTO, RIGHTS, PASSWORDS}), ("amqtt", {AMQTT, PASSWORDS})):
        folder = tmp_path / broker
        done = run_command("broker-config", "--site", str(path), "--broker", broker, "--to", str(folder))
        assert done.returncode == 0, done.stderr
        assert {each.name for each in folder.iterdir()} == names
        assert all(stat.S_IMODE(each.stat().st_mode) == 0o600 for each in folder.iterdir())
        assert all(str(folder / name) in done.stdout for name in names)
    refused = run_command("broker-config", "--site", str(tmp_path / "none.toml"), "--to", str(tmp_path / "x"))
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "cannot be read" in refused.stderr
    assert not (tmp_path / "x").exists()


def test_amqtt_gets_the_same_rights(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    settings = amqtt_settings(site, 1883, tmp_path / PASSWORDS)
    assert settings["listeners"]["default"]["bind"] == "127.0.0.1:1883"
    allowed = settings["plugins"]["pumpd.mqtt.broker_rules.Rights"]
    for account, each in rights(site).items():
        assert allowed["publish_acl"][account] == list(each.publish)
        assert allowed["subscribe_acl"][account] == allowed["receive_acl"][account] == list(each.subscribe)


@pytest.mark.process
@pytest.mark.req("CMD-05")
async def test_over_tls_a_client_is_let_in_and_a_stranger_to_the_certificate_is_not(tls_broker: RunningBroker) -> None:
    site = tls_broker.site
    async with connected(site.endpoint, user="anna", password=site.password("anna")):
        pass
    unknown = Endpoint(host=site.endpoint.host, port=site.endpoint.port, tls=True)
    plain = Endpoint(host=site.endpoint.host, port=site.endpoint.port)
    for endpoint in (unknown, plain):
        with pytest.raises(BrokerError):
            async with connected(endpoint, user="anna", password=site.password("anna")):
                pass
