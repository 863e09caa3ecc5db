"""The service manager's socket: what is sent, and that its absence harms nothing."""

import socket
from pathlib import Path

import pytest

from pumpd.bedside.notify import ServiceManager


def test_says_ready_alive_and_stopping(tmp_path: Path) -> None:
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        manager.settimeout(2)
        daemon = ServiceManager(str(address))
        daemon.ready()
        daemon.alive("running")
        daemon.stopping()
        assert [manager.recv(256) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1\nSTATUS=running", b"STOPPING=1"]


def test_the_environment_names_the_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = tmp_path / "notify"
    monkeypatch.setenv("NOTIFY_SOCKET", str(address))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        manager.settimeout(2)
        ServiceManager().alive("idle")
        assert manager.recv(256) == b"WATCHDOG=1\nSTATUS=idle"


def test_abstract_address() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0pumpd-test-notify")
        manager.settimeout(2)
        ServiceManager("@pumpd-test-notify").ready()
        assert manager.recv(64) == b"READY=1"


def test_no_manager_and_a_dead_one_are_no_fault(tmp_path: Path) -> None:
    ServiceManager("").ready()
    ServiceManager(str(tmp_path / "nobody")).alive("running")
