"""The daemon's clock: it counts a suspension of the host, which the event loop's own does not."""

import asyncio
import time

import pytest

from pumpd.bedside.alarm_clock import AlarmClock
from pumpd.bedside.clock import MonotonicClock, since_boot_ns, wall_utc
from pumpd.core.quantities import NS_PER_MS, NS_PER_S
from simulators.harness.virtual.loop import VirtualLoop
from tests import simulated_time


class Host:
    """A host whose loop stands still while it is suspended; its clock since boot does not."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.suspended_ns = 0

    def since_boot_ns(self) -> int:
        return 77 * NS_PER_S + self._loop.now_ns() + self.suspended_ns


@pytest.mark.req("COMM-09")
def test_a_suspension_of_the_host_makes_everything_older_by_as_much() -> None:
    async def scenario(loop: VirtualLoop) -> None:
        host = Host(loop)
        clock = MonotonicClock(loop, host.since_boot_ns)
        began_ns = clock.now_ns()
        assert began_ns == loop.now_ns()
        await asyncio.sleep(1)
        host.suspended_ns = 3_600 * NS_PER_S
        assert clock.now_ns() - began_ns == 3_601 * NS_PER_S
        assert clock.real_ns() == clock.now_ns()

    simulated_time.run(scenario)


@pytest.mark.req("COMM-09")
def test_no_timer_is_longer_for_a_suspension_than_what_it_had_left() -> None:
    async def scenario(loop: VirtualLoop) -> None:
        host = Host(loop)
        clock = MonotonicClock(loop, host.since_boot_ns)
        rung: list[int] = []
        alarm = AlarmClock(clock, lambda: rung.append(loop.now_ns()))
        alarm.set(clock.now_ns() + 1_000 * NS_PER_MS)
        await asyncio.sleep(0.4)
        host.suspended_ns = 60 * NS_PER_S
        woke_ns = loop.now_ns()
        await asyncio.sleep(0.601)
        assert [at_ns - woke_ns for at_ns in rung] == [600 * NS_PER_MS]
        alarm.set(clock.now_ns() + 250 * NS_PER_MS)  # and one that is set after it waits for no suspension before it
        set_ns = loop.now_ns()
        await asyncio.sleep(0.3)
        assert [at_ns - set_ns for at_ns in rung[1:]] == [250 * NS_PER_MS]

    simulated_time.run(scenario)


@pytest.mark.req("COMM-09")
async def test_the_clock_since_boot_never_lags_the_one_of_the_loop() -> None:
    loop = asyncio.get_running_loop()
    clock = MonotonicClock(loop)
    before_ns = time.monotonic_ns()
    assert since_boot_ns() >= before_ns
    assert abs(clock.now_ns() - round(loop.time() * NS_PER_S)) < NS_PER_S


@pytest.mark.req("COMM-09")
def test_a_change_of_the_time_zone_changes_neither_clock_nor_record(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        for zone in ("Pacific/Kiritimati", "America/Los_Angeles"):
            monkeypatch.setenv("TZ", zone)
            time.tzset()
            assert wall_utc().endswith("+00:00")
            assert wall_utc()[:13] == time.strftime("%Y-%m-%dT%H", time.gmtime())
    finally:
        monkeypatch.undo()
        time.tzset()
