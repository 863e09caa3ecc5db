"""The unit and the udev rule, judged by systemd's own tools."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pumpd.bedside.stop_command import LIMIT_S

SYSTEMD = Path(__file__).parents[1] / "systemd"
RULES = SYSTEMD / "60-pumpd.rules"
INSTALLED = "/opt/pumpd/bin/pumpd"


def _analyze(*args: str) -> None:
    if shutil.which("systemd-analyze") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI=true, and systemd-analyze is not installed")
        pytest.skip("systemd-analyze is not installed here")
    done = subprocess.run(["systemd-analyze", *args], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    complaints = [line for line in done.stderr.splitlines() if "pumpd" in line]
    assert not complaints, done.stderr


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The shipped unit as an instance, with the script of this environment in place of the installed one."""
    text = (SYSTEMD / "pumpd@.service").read_text()
    assert text.count(f"ExecStart={INSTALLED} ") == 1
    copy = tmp_path / "pumpd@bed1.service"
    copy.write_text(text.replace(INSTALLED, str(Path(sys.executable).parent / "pumpd")))
    return copy


def test_unit_is_valid(unit: Path) -> None:
    _analyze("verify", str(unit))


def test_unit_stays_hardened(unit: Path) -> None:
    _analyze("security", "--offline=true", "--threshold=15", str(unit))


def test_the_clinic_s_unit_is_valid_and_hardened(tmp_path: Path) -> None:
    text = (SYSTEMD / "pumpd-clinic.service").read_text()
    copy = tmp_path / "pumpd-clinic.service"
    copy.write_text(text.replace(INSTALLED, str(Path(sys.executable).parent / "pumpd")))
    _analyze("verify", str(copy))
    _analyze("security", "--offline=true", "--threshold=15", str(copy))


def test_unit_never_dies_with_its_device_and_never_restarts_on_health() -> None:
    settings = dict(
        line.split("=", 1) for line in (SYSTEMD / "pumpd@.service").read_text().splitlines() if re.match(r"\w+=", line)
    )
    assert settings["Type"] == "notify"
    assert settings["WatchdogSec"] == "5"
    assert settings["CPUSchedulingPolicy"] == "rr", "a stop waits for no other work of the machine"
    assert settings["Restart"] == "on-failure"
    assert settings["ExecStopPost"] == f"{INSTALLED} stop-pump --config /etc/pumpd/%i.toml"
    assert int(settings["TimeoutStopSec"]) >= 2 * LIMIT_S
    assert not {"BindsTo", "PrivateDevices", "Environment", "EnvironmentFile"} & settings.keys()


def _rule_lines() -> list[str]:
    return [line for line in RULES.read_text().splitlines() if line and not line.startswith("#")]


def test_udev_rule_is_valid() -> None:
    udevadm = shutil.which("udevadm")
    if udevadm is not None:
        done = subprocess.run([udevadm, "verify", str(RULES)], capture_output=True, text=True, timeout=30, check=False)
        if "nknown command" not in done.stderr and "nknown verb" not in done.stderr:
            assert done.returncode == 0, done.stdout + done.stderr
            return
    token = re.compile(r'[A-Z_]+(\{\w+\})?(==|!=|\+=|=)"[^"]*"')
    for line in _rule_lines():
        for part in line.split(", "):
            assert token.fullmatch(part), f"udev cannot read: {part}"


def test_udev_rule_does_its_four_things() -> None:
    (tty,) = [line for line in _rule_lines() if line.startswith('SUBSYSTEM=="tty"')]
    for part in (
        'SYMLINK+="pumpd/bed1"',
        'TAG+="systemd"',
        'ENV{SYSTEMD_WANTS}="pumpd@bed1.service"',
        'ENV{ID_MM_DEVICE_IGNORE}="1"',
    ):
        assert part in tty.split(", ")
    labels = {part for line in _rule_lines() for part in re.findall(r'(?:GOTO|LABEL)="(\w+)"', line)}
    assert labels == {"pumpd_end"}
