"""A whole bay runs with the real world forbidden: no file, socket, process, thread, and no real clock is asked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

_GUARDED = f"""
import asyncio, random, sys, time
from pathlib import Path
import structlog
structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), processors=[])
from simulators.harness.virtual.bay import Bay, load_bed
from simulators.harness.virtual.nurse import attend, begin

FORBIDDEN = ("open", "socket.", "subprocess.", "os.", "sqlite3.", "_thread.", "signal.", "time.sleep")
guarding = False
seen = []

def audit(event, arguments):
    if guarding and event.startswith(FORBIDDEN):
        seen.append((event, str(arguments)[:200]))

def no_clock(*_):
    seen.append(("clock", ""))
    raise AssertionError("a real clock was asked")

async def scenario(bay):
    anna, ben = bay.nurse("anna"), bay.nurse("ben")
    bay.start_daemon()
    assert await begin(anna, ben)
    bay.kill_daemon()
    await bay.clock.pass_s(10)
    bay.start_daemon()
    await attend(anna, within_s=120)
    return await bay.end_daemon()

def infusion(seed):
    with Bay(config, seed=seed) as bay:
        return bay.run(scenario(bay)), bay.delivered_nl()

config = load_bed(Path({str(REPOSITORY / "config")!r}))
infusion(1)  # modules that Python loads late are files as well
sys.addaudithook(audit)
for name in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"):
    setattr(time, name, no_clock)
guarding = True
status, given_nl = infusion(2)
guarding = False
assert not seen, seen
assert status == 0 and given_nl > 0
print("nothing real")
"""


@pytest.mark.process
def test_a_bay_touches_nothing_real() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _GUARDED],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert (done.stdout, done.stderr[-2000:]) == ("nothing real\n", "")
