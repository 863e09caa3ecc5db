"""The site file and the credentials: refused in one sentence that names what is wrong."""

import stat
from pathlib import Path

import pytest

from pumpd.core.commands import Role
from pumpd.mqtt.site import SiteError, load_site

EXAMPLE = Path(__file__).parents[2] / "config" / "site.example.toml"
GOOD = """
credentials_dir = "credentials"
readers = ["dashboard"]
[broker]
port = 1883
[[operator]]
name = "anna"
role = "nurse"
[[bed]]
name = "bed1"
account = "pump-bed1"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "site.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_example_is_good() -> None:
    site = load_site(EXAMPLE)
    assert site.operators["anna"] is Role.NURSE
    assert site.operators["vera"] is Role.VIEWER
    assert site.beds == {"bed1": "pump-bed1"}
    assert site.readers == ("dashboard",)
    assert site.credentials_dir == EXAMPLE.parent / "credentials"
    assert site.endpoint.host == "127.0.0.1"


def test_without_a_broker_section_everything_is_loopback(tmp_path: Path) -> None:
    site = load_site(written(tmp_path, GOOD.replace("[broker]\nport = 1883\n", "")))
    assert (site.endpoint.host, site.endpoint.port, site.endpoint.tls) == ("127.0.0.1", 1883, False)


@pytest.mark.req("CMD-05")
@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("port = 1883", "port = 0", ["[broker] port", "1", "got 0"]),
        ("port = 1883", "port = 65536", ["[broker] port", "65535", "got 65536"]),
        ("port = 1883", 'port = "1883"', ["[broker] port", "integer"]),
        ("port = 1883", "prot = 1883", ["[broker] prot", "no key"]),
        ("port = 1883", 'host = "10.0.0.1"', ["[broker] host", "tls"]),
        ("port = 1883", 'host = "broker.example"', ["[broker] host", "tls"]),
        ('role = "nurse"', 'role = "doctor"', ["[[operator]] number 1 role", "'nurse'", "got 'doctor'"]),
        ('role = "nurse"', "", ["[[operator]] number 1 role", "missing"]),
        ('role = "nurse"', 'role = "nurse"\npin = 1', ["[[operator]] number 1 pin", "no key"]),
        ('name = "anna"', 'name = "an/na"', ["[[operator]] number 1 name", "got 'an/na'"]),
        ('name = "anna"', 'name = "+"', ["[[operator]] number 1 name"]),
        ('name = "anna"', 'name = "Pump-bed1"', ["'Pump-bed1'", "twice"]),
        ('name = "anna"', 'name = "dashboard"', ["'dashboard'", "twice"]),
        ('name = "anna"', 'name = "clinic"', ["'clinic'", "reserved"]),
        ('name = "bed1"', 'name = "clinic"', ["'clinic'", "reserved"]),
        ('credentials_dir = "credentials"', "", ["credentials_dir", "missing"]),
        ('readers = ["dashboard"]', "surprise = 1", ["surprise", "no key"]),
        ("[[bed]]", "[[bath]]", ["[[bed]]", "missing"]),
        ("[broker]", "[broker", ["not TOML"]),
        ("[broker]", "#" * 300_000 + "\n[broker]", ["262144 bytes"]),
    ],
)
def test_what_is_wrong_is_named_with_section_key_and_bound(
    tmp_path: Path, old: str, new: str, parts: list[str]
) -> None:
    assert old in GOOD
    path = written(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(SiteError) as refused:
        load_site(path)
    text = str(refused.value)
    assert "\n" not in text
    assert str(path) in text
    for part in parts:
        assert part in text


def test_an_unreadable_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match="cannot be read"):
        load_site(tmp_path / "none.toml")
    path = tmp_path / "site.toml"
    path.write_bytes(b"\xff")
    with pytest.raises(SiteError, match="UTF-8"):
        load_site(path)


def password_file(folder: Path, name: str, text: str, mode: int) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
@pytest.mark.req("CMD-05")
def test_a_password_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    site = load_site(written(tmp_path, GOOD))
    password_file(site.credentials_dir, "anna.password", "word\n", mode)
    with pytest.raises(SiteError, match=rf"anna\.password.*{mode:04o}.*0600"):
        site.password("anna")
    site.password_path("anna").chmod(stat.S_IRUSR)
    assert site.password("anna") == "word"


@pytest.mark.parametrize("text", ["", "\n", "x" * 1025])
def test_an_empty_or_endless_password_is_refused(tmp_path: Path, text: str) -> None:
    site = load_site(written(tmp_path, GOOD))
    password_file(site.credentials_dir, "anna.password", text, 0o600)
    with pytest.raises(SiteError, match="1 to 1024"):
        site.password("anna")


def test_unknown_accounts_and_beds_are_named(tmp_path: Path) -> None:
    site = load_site(written(tmp_path, GOOD))
    with pytest.raises(SiteError, match="mallory"):
        site.password("mallory")
    with pytest.raises(SiteError, match="bed9"):
        site.account_of("bed9")
    assert site.only_bed() == "bed1"
    two = load_site(written(tmp_path, GOOD + '[[bed]]\nname = "bed2"\naccount = "pump-bed2"\n'))
    with pytest.raises(SiteError, match="--bed"):
        two.only_bed()


def test_the_daemon_takes_its_password_from_the_service_manager_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = load_site(written(tmp_path, GOOD))
    password_file(site.credentials_dir, "pump-bed1.password", "from-file\n", 0o600)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert site.daemon_password("bed1") == "from-file"
    handed = tmp_path / "handed"
    password_file(handed, "mqtt-password", "handed-over", 0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(handed))
    assert site.daemon_password("bed1") == "handed-over"
    (handed / "mqtt-password").chmod(0o444)
    with pytest.raises(SiteError, match="open to others"):
        site.daemon_password("bed1")


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ('name = "ox7"\nbed = "bed2"\nkinds = ["spo2"]', "not among the beds"),
        ('name = "anna"\nbed = "bed1"\nkinds = ["spo2"]', "given twice"),
        ('name = "ox7"\nbed = "bed1"\nkinds = ["spo2", "spo2"]', "names a kind twice"),
        ('name = "ox7"\nbed = "bed1"\nkinds = []', "kinds"),
        ('name = "ox7"\nbed = "bed1"\nkinds = ["abp"]', "kinds"),
        (
            'name = "a"\nbed = "bed1"\nkinds = ["comfort"]\n[[source]]\nname = "b"\nbed = "bed1"\nkinds = ["comfort"]',
            "two comfort buttons",
        ),
    ],
)
def test_a_source_that_cannot_be_is_refused(tmp_path: Path, source: str, part: str) -> None:
    with pytest.raises(SiteError, match=part):
        load_site(written(tmp_path, f"{GOOD}\n[[source]]\n{source}\n"))


def test_the_sources_of_a_bed(tmp_path: Path) -> None:
    site = load_site(written(tmp_path, f'{GOOD}\n[[source]]\nname = "ox7"\nbed = "bed1"\nkinds = ["spo2", "pr"]\n'))
    assert site.sources("bed1") == {"ox7": ("spo2", "pr")}
    assert site.sources("bed2") == {}
    assert "ox7" in site.accounts
