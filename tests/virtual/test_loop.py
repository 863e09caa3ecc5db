"""The loop of simulated time: what happens when, and that nothing of the real world can be reached."""

import asyncio
import inspect
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from simulators.harness.virtual.clock import VirtualClock
from simulators.harness.virtual.loop import (
    NS_PER_S,
    REAL_WORLD,
    NothingLeftError,
    NotInSimulatedTimeError,
    StandstillError,
    VirtualLoop,
)

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    loop = VirtualLoop(start_ns=5 * NS_PER_S)
    yield loop
    loop.close()


def test_time_is_an_integer_and_jumps(loop: VirtualLoop) -> None:
    async def wait() -> int:
        await asyncio.sleep(3600.5)
        return loop.now_ns()

    assert loop.run_until_complete(wait()) == 5 * NS_PER_S + 3600_500_000_000
    assert loop.time() == 3605.5


def test_one_instant_keeps_the_order_in_which_it_was_asked_for(loop: VirtualLoop) -> None:
    seen: list[int] = []
    for number in range(50):
        loop.call_at_ns(6 * NS_PER_S, lambda number=number: seen.append(number))  # type: ignore[misc]  # bound now
    loop.call_at_ns(6 * NS_PER_S - 1, lambda: seen.append(-1))
    loop.run_until_complete(VirtualClock(loop).reach(7 * NS_PER_S))
    assert seen == [-1, *range(50)]


def test_a_seed_shuffles_independent_sources_only() -> None:
    def order(seed: int) -> list[str]:
        loop = VirtualLoop(shuffle=Random(seed))  # noqa: S311 - a simulation
        seen: list[str] = []
        for name in "abcdefgh":
            independent = name in "bdfh"
            loop.call_at_ns(10, lambda name=name: seen.append(name), independent=independent)  # type: ignore[misc]
        loop.run_until_complete(VirtualClock(loop).reach(20))
        loop.close()
        return seen

    assert order(1) == order(1)
    assert len({tuple(order(seed)) for seed in range(20)}) > 5
    assert all(order(seed)[0::2] == list("aceg") for seed in range(20))


def test_a_cancelled_timer_does_not_ring(loop: VirtualLoop) -> None:
    seen: list[int] = []
    loop.call_later(1.0, seen.append, 1).cancel()
    loop.call_later(2.0, seen.append, 2)
    loop.run_until_complete(asyncio.sleep(3))
    assert seen == [2]


def test_a_loop_that_stood_still_does_late_what_fell_due_meanwhile_in_order(loop: VirtualLoop) -> None:
    seen: list[tuple[str, int]] = []
    for name, at_s in (("second", 9), ("first", 6), ("in time", 12)):
        loop.call_at_ns(at_s * NS_PER_S, lambda name=name: seen.append((name, loop.now_ns())))  # type: ignore[misc]

    async def stall() -> None:
        loop.stand_still(5 * NS_PER_S)
        await VirtualClock(loop).reach(13 * NS_PER_S)

    loop.run_until_complete(stall())
    assert seen == [("first", 10 * NS_PER_S), ("second", 10 * NS_PER_S), ("in time", 12 * NS_PER_S)]


def test_timeouts_and_groups_live_in_simulated_time(loop: VirtualLoop) -> None:
    async def scenario() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60):
                await asyncio.Event().wait()
        async with asyncio.TaskGroup() as group:
            for seconds in (3, 1, 2):
                group.create_task(asyncio.sleep(seconds))

    loop.run_until_complete(scenario())
    assert loop.now_ns() == 68 * NS_PER_S


def test_waiting_for_nothing_is_told_at_once(loop: VirtualLoop) -> None:
    with pytest.raises(NothingLeftError, match="everything waits at 5000000000 ns"):
        loop.run_until_complete(asyncio.Event().wait())
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))


def test_going_round_in_circles_is_told(loop: VirtualLoop) -> None:
    def again() -> None:
        loop.call_soon(again)

    again()
    with pytest.raises(StandstillError):
        loop.run_forever()


def test_everything_of_the_real_world_is_refused() -> None:
    simulated = {
        "call_at",
        "call_exception_handler",
        "call_later",
        "call_soon",
        "close",
        "create_future",
        "create_task",
        "default_exception_handler",
        "get_debug",
        "get_exception_handler",
        "get_task_factory",
        "is_closed",
        "is_running",
        "run_forever",
        "run_until_complete",
        "set_debug",
        "set_exception_handler",
        "set_task_factory",
        "shutdown_asyncgens",
        "shutdown_default_executor",
        "stop",
        "time",
    }
    offered = {
        name
        for name, _ in inspect.getmembers(asyncio.AbstractEventLoop, inspect.isfunction)
        if not name.startswith("_")
    }
    assert offered - simulated == set(REAL_WORLD)
    loop = VirtualLoop()
    try:
        for name in REAL_WORLD:
            with pytest.raises(NotInSimulatedTimeError, match=name):
                getattr(loop, name)()
    finally:
        loop.close()


def test_usual_ways_out_are_closed(loop: VirtualLoop) -> None:
    async def ways_out() -> None:
        for way in (
            lambda: asyncio.open_connection("127.0.0.1", 9),
            lambda: asyncio.to_thread(threading.get_ident),
            lambda: asyncio.create_subprocess_exec("true"),
        ):
            with pytest.raises(NotInSimulatedTimeError):
                await way()
        ours, theirs = socket.socketpair()
        with ours, theirs, pytest.raises(NotInSimulatedTimeError):
            asyncio.get_running_loop().add_reader(ours, print)

    loop.run_until_complete(ways_out())


_TOUR = """
import asyncio
from simulators.harness.virtual.loop import NothingLeftError, VirtualLoop
loop = VirtualLoop()
async def tour():
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(2))
    try:
        async with asyncio.timeout(1):
            await asyncio.Event().wait()
    except TimeoutError:
        return loop.now_ns()
assert loop.run_until_complete(tour()) == 3_000_000_000
try:
    loop.run_until_complete(loop.create_future())
except NothingLeftError:
    print("toured")
loop.close()
"""


@pytest.mark.process
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_holds_on_every_supported_python(version: str) -> None:
    """The loop leans on private parts of asyncio; it needs nothing but the standard library to be tried."""
    python = _python(version)
    if python is None:
        pytest.xfail(f"there is no Python {version} here")
    toured = subprocess.run(
        [python, "-I", "-c", f"import sys; sys.path.insert(0, {str(REPOSITORY)!r})\n{_TOUR}"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (toured.stdout, toured.stderr) == ("toured\n", "")


def _python(version: str) -> str | None:
    if sys.version.startswith(f"{version}."):
        return sys.executable
    for name in (f"python{version}", str(Path.home() / ".pyenv" / "versions")):
        path = Path(name)
        if path.is_dir():
            found = sorted(path.glob(f"{version}.*/bin/python"))
            if found:
                return str(found[-1])
            continue
        try:
            subprocess.run([name, "-V"], capture_output=True, check=True, timeout=10)
        except (OSError, subprocess.CalledProcessError):
            continue
        return name
    return None
