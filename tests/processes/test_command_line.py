"""What `pumpd run` and `pumpd demo` refuse at the command line, and how a demonstration ends when interrupted."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from simulators.harness.plunger_log import PlungerLog
from simulators.harness.site import ThrowAwaySite, make_site
from tests.processes.demonstration import REPOSITORY, demonstration
from tests.scenarios.evidence import Evidence

pytestmark = pytest.mark.process

WAIT_S = 60.0


def _pumpd(*words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "pumpd.cli", *words]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=WAIT_S, check=False)


def _in_bed_file(old: str, new: str) -> Callable[[ThrowAwaySite], None]:
    def change(site: ThrowAwaySite) -> None:
        text = site.bed().config.read_text()
        assert old in text
        site.bed().config.write_text(text.replace(old, new, 1))

    return change


def _in_profile(old: str, new: str) -> Callable[[ThrowAwaySite], None]:
    def change(site: ThrowAwaySite) -> None:
        text = site.profile.read_text()
        assert old in text
        site.profile.write_text(text.replace(old, new, 1))

    return change


def _in_site_file(site: ThrowAwaySite) -> None:
    site.site_file.write_text("colour = 'blue'\n" + site.site_file.read_text())


def _open_password(site: ThrowAwaySite) -> None:
    (site.credentials / "pump-bed1.password").chmod(0o644)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (_in_bed_file("simulated = true", "simulated = true\nfoo = 1"), "foo"),
        (_in_bed_file('journal = "bed1/journal.db"\n', ""), "journal"),
        (_in_bed_file('bed = "bed1"', 'bed = "bed7"'), "bed7"),
        (_in_bed_file("simulated = true", "simulated = false"), "simulat"),
        (_in_bed_file("clinical = false", "clinical = true"), "clinical"),
        (_in_bed_file('driver = "ne1000"', 'driver = "ne9999"'), "ne9999"),
        (_in_profile("lease = { value = 5", "lease = { value = 60"), "lease"),
        (_in_profile("limit = 160", "limit = 999"), "999"),
        (_in_profile("[times]", "[times]\nfoo = { value = 3 }"), "foo"),
        (_in_site_file, "colour"),
        (_open_password, "0600"),
    ],
    ids=[
        "unknown key",
        "missing key",
        "unknown bed",
        "real devices with a simulator's profile",
        "clinical with a bench pump",
        "unknown driver",
        "lease beyond its bound",
        "limit beyond its bound",
        "unknown key in the profile",
        "unknown key in the site",
        "password open to others",
    ],
)
def test_a_wrong_configuration_is_refused_in_one_sentence(
    tmp_path: Path, change: Callable[[ThrowAwaySite], None], named: str
) -> None:
    site = make_site(tmp_path)
    change(site)
    ended = _pumpd("run", "--config", str(site.bed().config))
    assert ended.returncode == 2
    lines = ended.stderr.strip().splitlines()
    assert len(lines) == 1, ended.stderr
    assert named in lines[0]
    assert ended.stdout == ""


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--scenario", "pump-unplugged", "--speed", "50"), "--speed 1"),
        (("--dashboard", "--speed", "50"), "1 to 5"),
        (("--dashboard", "--scenario", "daemon-killed"), "normal, hypertension, probe-off"),
    ],
    ids=["processes at another speed", "people at a speed that outruns them", "people in a play about processes"],
)
def test_a_demonstration_refuses_what_does_not_go_together(words: tuple[str, ...], named: str) -> None:
    ended = _pumpd("demo", *words)
    assert ended.returncode == 2
    assert len(ended.stderr.strip().splitlines()) == 1
    assert named in ended.stderr


def test_a_demonstration_does_not_write_over_another(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_text("precious")
    ended = _pumpd("demo", "--keep", str(tmp_path))
    assert ended.returncode == 2
    assert "not an empty directory" in ended.stderr
    assert (tmp_path / "journal.db").read_text() == "precious"


def _running_since(folder: Path) -> bool:
    logs = list(folder.glob("pumpd-demo-*/bed1/plunger.jsonl"))
    return bool(logs) and not PlungerLog.read(logs[0]).at_rest


@pytest.mark.req("CTRL-10")
@pytest.mark.timeout(240)
@pytest.mark.parametrize("moment", ["starting up", "infusing"])
def test_ctrl_c_stops_the_pump_first_and_leaves_nothing_behind(tmp_path: Path, moment: str) -> None:
    until = _running_since if moment == "infusing" else lambda folder: bool(list(folder.glob("*/bed1/ports/pump")))
    with demonstration(tmp_path, "-m", "pumpd.cli", "demo", "--no-view") as demo:
        demo.wait_until(lambda: until(tmp_path))
        assert demo.end(signal.SIGINT) == 130, demo.complaints
    evidence = Evidence(demo.site.bed().folder)
    plunger = evidence.plunger()
    assert plunger.at_rest
    if moment == "infusing":
        assert "interrupted" in demo.printed
        assert re.search(r"^session .*, paused$", demo.printed, re.MULTILINE)
        assert re.search(r"^agreement +yes$", demo.printed, re.MULTILINE)
        # the watchdog would have needed the whole lease since the last packet
        assert b"STP" in max(heard for heard in evidence.wire() if heard[0] <= plunger.stops_ns()[-1])[1]
    demo.assert_nothing_is_left()
