"""`pumpd clinic` and `pumpd course` over a real broker: from the first step to a bed's clearance, killed and back."""

import asyncio
import contextlib
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from _pytest.capture import CaptureResult

from pumpd.cli import main
from pumpd.core.course_words import Check
from pumpd.mqtt.clearance import receive
from pumpd.mqtt.site import Site
from pumpd.records import reader
from tests.clinic.support import SECTION
from tests.mqtt.brokers import REPOSITORY, RunningBroker, amqtt, daemon_side, run_command, soon

pytestmark = [pytest.mark.process, pytest.mark.timeout(180)]

CLINIC = f"""{SECTION}
[[operator]]
name = "pia"
role = "prescriber"
"""
TODAY = datetime.now().astimezone().date()
RECENT = (TODAY - timedelta(days=2)).isoformat()
GONE = "the clinic's process is not there: start it with `pumpd clinic`, then ask again; nothing was sent"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RunningBroker]:
    def prepare(site_file: Path) -> None:
        site_file.write_text(site_file.read_text(encoding="utf-8") + CLINIC, encoding="utf-8")

    running = amqtt(tmp_path, prepare)
    running.start()
    yield running
    running.end()


@contextlib.contextmanager
def clinic(site: Site) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "pumpd.cli", "clinic", "--site", str(site.path)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("clinic: ")
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(15)


@dataclass(frozen=True, slots=True)
class Desk:
    """`pumpd course` as people at a desk call it, in this very process: starting one for each call takes a second."""

    site: Site
    capsys: pytest.CaptureFixture[str]

    def ask(self, user: str, *words: str) -> str:
        status, printed = self._call(user, words)
        assert status == 0, printed.err
        return printed.out

    def refused(self, user: str, *words: str) -> str:
        status, printed = self._call(user, words)
        assert status == 1, printed.out
        return printed.err

    def _call(self, user: str, words: tuple[str, ...]) -> tuple[int, CaptureResult[str]]:
        status = main(["course", "--site", str(self.site.path), "--user", user, *words])
        return status, self.capsys.readouterr()


async def cleared_at_bed1(site: Site, course: str) -> None:
    async with daemon_side(site) as daemon:
        topic, payload, retained = await soon(daemon.messages.get())
    seen = receive("bed1", topic, payload)
    assert seen is not None
    assert seen.clearance is not None
    assert (seen.clearance.course, retained) == (course, True)
    assert b"P-0042" not in payload


@pytest.mark.req("CLIN-01", "CLIN-02", "CLIN-10", "CMD-05")
def test_a_course_by_hand(broker: RunningBroker, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    site, copies = broker.site, tmp_path / "copies"
    desk = Desk(site, capsys)
    assert GONE in desk.refused("anna", "worklist")
    with clinic(site) as first:
        found = re.search(r"course (c-[0-9a-f]+):", desk.ask("anna", "new", "--indication", "depression"))
        assert found is not None
        course = found.group(1)
        assigned = run_command("clinic", "--site", str(site.path), "assign", course, "P-0042")
        assert assigned.returncode == 0, assigned.stderr
        for gate in ("screening", "consultation", "ecg", "labs"):
            drugs = ["--failed-drugs", "2"] if gate == "screening" else []
            desk.ask("pia", "gate", course, gate, "--met", "--on", RECENT, "--document", "D-7", *drugs)
        assert "is set by a prescriber, anna is a nurse" in desk.refused(
            "anna", "gate", course, "ecg", "--met", "--on", RECENT, "--document", "D-7"
        )
        first.kill()
        first.wait(15)
    assert GONE in desk.refused("anna", "show", course)
    with clinic(site):
        shown = desk.ask("anna", "show", course)
        assert "revision 6" in shown, "every answer that was given is kept"
        assert "missing: 0 preparatory sessions within 60 days, 2 are needed" in shown
        for _ in range(2):
            desk.ask("anna", "session", course, "preparatory", "--on", RECENT, "--therapist", "tom")
        assert "outside 0 to 63" in desk.refused("anna", "score", course, "64", "--on", RECENT, "--rater", "tom")
        desk.ask("pia", "score", course, "30", "--on", RECENT, "--rater", "tom", "--item9-reviewed")
        for check in Check:
            desk.ask("anna", "check", course, check.value, "clear")
        assert "weight 700 kg is outside 30 to 200 kg" in desk.refused("anna", "weight", course, "700", "700")
        desk.ask("anna", "weight", course, "70.0", "70.0")
        cleared = desk.ask("pia", "clear", course, "--bed", "bed1")
        assert f"of course {course} for bed1, infusion 1, 70 kg" in cleared
        asyncio.run(cleared_at_bed1(site, course))
        assert main(["backup", str(site.clinic_database), "--to", str(copies)]) == 0
        (copy,) = copies.iterdir()
        assert main(["restore", str(copy), "--to", str(site.clinic_database)]) == 1
        assert "writes this journal; end it first" in capsys.readouterr().err
    listed = run_command("clinic", "--site", str(site.path), "list").stdout
    assert re.search(rf"{course} +P-0042 +0 infusions", listed)
    path = site.clinic_database
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert reader.check(path) is None


def test_a_site_without_a_clinic_says_what_to_add(tmp_path: Path) -> None:
    site = amqtt(tmp_path).site
    done = run_command("clinic", "--site", str(site.path))
    assert done.returncode == 2
    assert "has no [clinic] section; add one with account and database" in done.stderr


def test_a_second_process_for_the_same_clinic_is_refused(broker: RunningBroker) -> None:
    with clinic(broker.site):
        done = run_command("clinic", "--site", str(broker.site.path))
        assert done.returncode == 2
        assert "another" in done.stderr
