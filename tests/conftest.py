"""What holds for every test: hypothesis profiles, nothing left behind, nothing skipped in CI."""

import asyncio
import gc
import inspect
import logging
import os
import threading
import time
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer

from tests.scheduling import Scheduling

pytest_plugins = ("tools.trace.plugin", "pytester")

IN_CI = os.environ.get("CI") == "true"
GRACE_S = 1.0

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("deep", max_examples=5000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if IN_CI else "dev"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    return Scheduling(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One worker more than there are cores: the one with the theatres mostly waits for real time to pass."""
    return (os.cpu_count() or 1) + 1


def _open_ptys() -> set[tuple[int, str]]:
    found = set()
    for entry in Path("/proc/self/fd").glob("*"):
        try:
            target = str(entry.readlink())
        except OSError:  # the descriptor that lists the folder is gone by now
            continue
        if target.startswith(("/dev/pts/", "/dev/ptmx")):
            found.add((int(entry.name), target))
    return found


def _threads() -> set[threading.Thread]:
    # A loop's default executor ends with its loop, which pytest-asyncio closes after the fixtures of the test.
    return {thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")}


class _LostTasks(logging.Handler):
    """Keeps what asyncio says of a pending task that it destroys; of a loop made by a test, nothing else tells."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if "was destroyed but it is pending" in message:
            self.messages.append(f"{message} (or an earlier test did)")


@pytest.fixture
async def _no_task_left() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    if left:
        _, left = await asyncio.wait(left, timeout=GRACE_S)
    names = sorted(f"{task.get_name()} ({task.get_coro()})" for task in left)
    if names:
        pytest.fail(f"the test left {len(names)} tasks running, such as {', '.join(names[:3])}", pytrace=False)


def _runs_in_a_loop(function: object) -> bool:
    inner = getattr(getattr(function, "hypothesis", None), "inner_test", function)
    return inspect.iscoroutinefunction(inner)


@pytest.fixture(autouse=True)
def _nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    if _runs_in_a_loop(request.function):
        request.getfixturevalue("_no_task_left")
    threads_before, ptys_before = _threads(), _open_ptys()
    lost_tasks = _LostTasks()
    asyncio_log = logging.getLogger("asyncio")
    asyncio_log.addHandler(lost_tasks)
    try:
        yield
        deadline_s = time.monotonic() + GRACE_S
        for thread in _threads() - threads_before:
            thread.join(max(0.0, deadline_s - time.monotonic()))
        # The young generations only: cheap, and they hold what a short test has just lost.
        gc.collect(2 if _open_ptys() - ptys_before else 1)
    finally:
        asyncio_log.removeHandler(lost_tasks)
    left = [f"thread {thread.name}" for thread in _threads() - threads_before if thread.is_alive()]
    left += [f"descriptor {fd} on {target}" for fd, target in _open_ptys() - ptys_before]
    left += lost_tasks.messages
    if left:
        pytest.fail(f"the test left behind: {'; '.join(sorted(left))}", pytrace=False)


def _forbid_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not IN_CI or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"nothing may be skipped when CI=true, and this was: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _forbid_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _forbid_skip(report)
    return report
