"""People of a site: added and removed by name, their passwords kept as hashes only."""

import stat
from pathlib import Path

import pytest

from pumpd.core.commands import Role
from pumpd.mqtt.accounts import password_for, password_lines, provision
from pumpd.mqtt.connection import BrokerError, connected
from pumpd.mqtt.passwords import matches
from pumpd.mqtt.site import SiteError, load_site
from pumpd.mqtt.users import add_user, remove_user
from tests.mqtt.brokers import RunningBroker, run_command
from tests.mqtt.test_site import EXAMPLE, GOOD, written

WORD = "twelve blue rivers"


def example(folder: Path) -> Path:
    return written(folder, EXAMPLE.read_text(encoding="utf-8"))


@pytest.mark.req("CMD-05")
def test_an_added_person_is_an_operator_whose_password_is_a_hash(tmp_path: Path) -> None:
    path = example(tmp_path)
    before = path.read_text(encoding="utf-8")
    site = add_user(path, "dora", Role.NURSE, WORD)
    assert load_site(path).operators["dora"] is Role.NURSE
    assert matches(WORD, site.hash_path("dora").read_text(encoding="utf-8"))
    assert stat.S_IMODE(site.hash_path("dora").stat().st_mode) == 0o600
    after = path.read_text(encoding="utf-8")
    assert set(before.splitlines()) <= set(after.splitlines()), "comments and all other lines must stay"
    assert WORD not in after


@pytest.mark.req("CMD-05")
def test_nobody_gets_a_second_password_beside_the_one_she_chose(tmp_path: Path) -> None:
    path = example(tmp_path)
    site = add_user(path, "dora", Role.NURSE, WORD)
    assert "dora" not in provision(site)
    assert not site.password_path("dora").exists()
    line = next(each for each in password_lines(site).splitlines() if each.startswith("dora:"))
    assert matches(WORD, line.removeprefix("dora:"))
    assert password_for(site, "dora", lambda prompt: f"typed at {prompt}") == "typed at password of dora: "
    assert password_for(site, "anna", lambda _prompt: "typed") == site.password("anna")
    assert password_for(site, "anna", lambda _prompt: "typed", typed=True) == "typed"


@pytest.mark.req("CMD-05")
def test_a_removed_person_leaves_nothing(tmp_path: Path) -> None:
    path = example(tmp_path)
    site = add_user(path, "dora", Role.PRESCRIBER, WORD)
    provision(site)
    for name in ("dora", "ben"):
        remove_user(path, name)
        assert name not in load_site(path).accounts
        assert not site.hash_path(name).exists()
        assert not site.password_path(name).exists()
    assert load_site(path).operators == {"anna": Role.NURSE, "clara": Role.PRESCRIBER, "vera": Role.VIEWER}


def test_what_is_refused_changes_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    before = path.read_bytes()
    for name, complaint in (
        ("Anna", "an account 'Anna' already"),
        ("dashboard", "an account 'dashboard' already"),
        ("clinic", "is reserved"),
        ("d/ora", "name"),
    ):
        with pytest.raises(SiteError, match=complaint):
            add_user(path, name, Role.NURSE, WORD)
    with pytest.raises(SiteError, match="no operator 'mallory'; it has anna"):
        remove_user(path, "mallory")
    with pytest.raises(SiteError, match="operator"):
        remove_user(path, "anna")  # the last one: a bed without people could not be stopped by anybody
    assert path.read_bytes() == before
    assert not (tmp_path / "credentials").exists()


def test_operators_in_one_line_are_left_to_a_person(tmp_path: Path) -> None:
    text = 'operator = [{ name = "anna", role = "nurse" }]\n' + GOOD.replace(
        '[[operator]]\nname = "anna"\nrole = "nurse"\n', ""
    )
    path = written(tmp_path, text)
    with pytest.raises(SiteError, match="edit the site file by hand"):
        add_user(path, "dora", Role.NURSE, WORD)


@pytest.mark.process
def test_the_command_line_prints_a_generated_password_once(tmp_path: Path) -> None:
    path = example(tmp_path)
    done = run_command("users", "add", "dora", "--role", "viewer", "--site", str(path), "--generate")
    assert done.returncode == 0, done.stderr
    word = done.stdout.splitlines()[0].rsplit(": ", 1)[1]
    assert matches(word, load_site(path).hash_path("dora").read_text(encoding="utf-8"))
    listed = run_command("users", "list", "--site", str(path)).stdout
    assert listed.split() == [
        "anna",
        "nurse",
        "ben",
        "nurse",
        "clara",
        "prescriber",
        "vera",
        "viewer",
        "dora",
        "viewer",
    ]
    assert word not in listed
    refused = run_command("users", "remove", "mallory", "--site", str(path))
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "no operator 'mallory'" in refused.stderr
    assert run_command("users", "remove", "dora", "--site", str(path)).returncode == 0


@pytest.mark.process
@pytest.mark.req("CMD-05")
async def test_either_broker_lets_her_in_with_the_password_she_chose_and_no_other(
    broker_with_dora: RunningBroker,
) -> None:
    endpoint = broker_with_dora.site.endpoint
    async with connected(endpoint, user="dora", password=WORD):
        pass
    for wrong in (WORD.upper(), "", broker_with_dora.site.hash_path("dora").read_text(encoding="utf-8").strip()):
        with pytest.raises(BrokerError):
            async with connected(endpoint, user="dora", password=wrong):
                pass
