"""`pumpd run` as a process: a stop comes before everything that may fail, and a refusal is one sentence."""

import fcntl
import os
import pty
import subprocess
import sys
import tty
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.ne1000.driver import Ne1000
from pumpd.bedside.config import Config
from pumpd.bedside.run_command import stop_first
from pumpd.bedside.serial_line import PortInUseError
from tests.bedside.test_daemon import config as config

pytestmark = pytest.mark.process


@pytest.fixture
def pump_end(config: Config) -> Iterator[int]:
    master, slave = pty.openpty()
    tty.setraw(slave)
    Path(config.pump.port).symlink_to(os.ttyname(slave))
    yield master
    os.close(master)
    os.close(slave)


def pumpd_run(config: Config) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pumpd.cli", "run", "--config", str(config.journal.parent / "bed1.toml")]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.req("LOG-02")
def test_a_damaged_journal_is_refused_but_the_pump_was_stopped_first(config: Config, pump_end: int) -> None:
    config.journal.write_bytes(b"no database " * 100)
    ended = pumpd_run(config)
    assert ended.returncode == 2
    assert "journal" in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
    assert "Traceback" not in ended.stderr
    assert os.read(pump_end, 64) == Ne1000.stop_packet


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "pumpd.cli", "run", "--config", str(tmp_path / "absent.toml")],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr.strip() == f"pumpd run: {tmp_path / 'absent.toml'}: cannot be read: No such file or directory"


@pytest.mark.req("CFG-06")
def test_a_simulated_bed_does_not_even_stop_a_real_port(config: Config, tmp_path: Path) -> None:
    real = tmp_path / "real-port"
    simulated = replace(config, pump=config.pump.model_copy(update={"port": str(real)}))
    with real.open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # who opens it is refused
        stop_first(simulated)
        with pytest.raises(PortInUseError):
            stop_first(replace(simulated, simulated=False))
