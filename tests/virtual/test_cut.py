"""The pump's cable is cut after each message of a command that takes several: at rest, or as it was ordered before.

Each such command is one transaction of the journal: its intent is durable before the first message leaves, and one
record says what became of the whole.
"""

import json
from collections import Counter
from collections.abc import Callable
from decimal import Decimal

import pytest

from pumpd.bedside.config import Config
from pumpd.core.commands import Lower
from pumpd.core.modes import Mode
from pumpd.core.quantities import NS_PER_S
from pumpd.records.chain import Link
from simulators.devices.ne1000 import Status
from simulators.harness.virtual.bay import PUMP, Bay
from simulators.harness.virtual.care import Care
from simulators.harness.virtual.nurse import Nurse

ORDER_NL_H = 26_250_000
LEASE_S = 6.0
"""The lease and a second."""
LONG_NS = 10**18
PROGRAM = 22
"""The messages from the first that changes anything to the last before RUN."""
LOWER = 3
ATTACH = 9
"""The messages of a start-up, of which the first arms the lease."""


Begins = Callable[[str, str], bool]
"""Is told a message and the one before it."""


def programs(_before: str, message: str) -> bool:
    return message == "DIA26.59"


def lowers(before: str, message: str) -> bool:
    return message == "RAT" and before != "DIS"  # after DIS it belongs to a poll


def starts_up(_before: str, message: str) -> bool:
    return message == "SAF5"


class Knife:
    """Stands between cable and pump: cuts the cable as soon as the pump has heard a number of messages."""

    def __init__(self, bay: Bay) -> None:
        self._bay = bay
        self._link = bay.links[PUMP]
        self._pump = self._link.device
        self._begins: Begins | None = None
        self._number = 0
        self._before = ""
        self.heard: list[str] = []
        """What was heard from the first message on."""
        self._link.device = self

    def cut_after(self, begins: Begins, number: int) -> None:
        """Cut when the `number`-th message has been heard; the first is the one that `begins` finds."""
        self._begins, self._number, self.heard = begins, number, []

    def receive(self, data: bytes, now_ns: int) -> None:
        self._pump.receive(data, now_ns)
        before, self._before = self._before, data[2:-3].decode().removeprefix("00")
        if self._begins is None or not (self.heard or self._begins(before, self._before)):
            return
        self.heard.append(self._before)
        if len(self.heard) == self._number:
            self._begins = None
            self._bay.clock.call_at(now_ns, self._link.unplug)

    def advance(self, now_ns: int) -> None:
        self._pump.advance(now_ns)

    def transmit(self, now_ns: int) -> bytes:
        return self._pump.transmit(now_ns)

    def next_deadline_ns(self) -> int | None:
        return self._pump.next_deadline_ns()


async def until_cut(bay: Bay, within_s: float = 120.0) -> None:
    """Let the daemon work until the cable is out."""
    limit_ns = bay.clock.now_ns() + round(within_s * NS_PER_S)
    while bay.links[PUMP].is_plugged:
        assert bay.clock.now_ns() < limit_ns, "nothing was cut"
        await bay.clock.pass_s(0.1)


async def shows(nurse: Nurse, mode: Mode, within_s: float) -> bool:
    """Wait for a screen that shows a mode."""

    def look() -> bool | None:
        return True if nurse.state is not None and nurse.state.mode is mode else None

    return await nurse.until(look, within_s) is not None


def transactions(links: list[Link], outcomes: set[str]) -> list[tuple[str, ...]]:
    """Return the intent of each run id with what was recorded of it later, in order."""
    found: dict[str, list[str]] = {}
    for link in links:
        body = json.loads(link.body)
        if link.kind == "WriteIntent":
            found[body["token"]] = [link.kind]
        elif link.kind in outcomes:
            found[body["run_id"]].append(link.kind)
    return [tuple(kinds) for kinds in found.values()]


async def again(bay: Bay) -> None:
    """Wait until the pump's own lease has brought it to rest, and put the cable back."""
    await bay.clock.pass_s(LEASE_S)
    assert bay.pump.state is Status.STOPPED
    bay.links[PUMP].plug()


@pytest.mark.req("CTRL-09")
@pytest.mark.timeout(300)
def test_a_cut_after_any_message_of_a_program_leaves_the_pump_at_rest(config: Config) -> None:
    with Bay(config, seed=1) as bay:
        knife = Knife(bay)

        async def scenario() -> None:
            anna, ben = bay.nurse("anna"), bay.nurse("ben")
            bay.start_daemon()
            nursing = bay.loop.create_task(Care(anna, ben).until_over(LONG_NS), name="nursing")
            for number in range(1, PROGRAM + 1):
                knife.cut_after(programs, number)
                await until_cut(bay)
                assert len(knife.heard) == number
                assert "RUN" not in knife.heard
                assert bay.pump.state is Status.STOPPED
                await again(bay)
            assert bay.delivered_nl() == 0
            knife.cut_after(programs, PROGRAM + 1)
            await until_cut(bay)
            assert knife.heard[-1] == "RUN", "every message before it was met"
            assert bay.flow_nl_h() == ORDER_NL_H
            await again(bay)
            nursing.cancel()

        bay.run(scenario())
        ended = Counter(transactions(bay.store.links, {"Programmed", "ProgramFailed"}))
        assert ended == {("WriteIntent", "ProgramFailed"): PROGRAM, ("WriteIntent", "Programmed"): 1}


@pytest.mark.req("CTRL-09", "CTRL-08")
@pytest.mark.timeout(300)
def test_a_cut_after_any_message_of_a_lowering_leaves_one_rate_or_the_other(config: Config) -> None:
    with Bay(config, seed=1) as bay:
        knife = Knife(bay)

        async def scenario() -> None:
            anna, ben = bay.nurse("anna"), bay.nurse("ben")
            bay.start_daemon()
            nursing = bay.loop.create_task(Care(anna, ben).until_over(LONG_NS), name="nursing")
            before_nl_h = ORDER_NL_H
            for number in range(1, LOWER + 1):
                assert await shows(anna, Mode.RUNNING, 600.0)
                await bay.clock.pass_s(5)
                assert bay.flow_nl_h() == before_nl_h
                lower_ml_h = 24 - number
                knife.cut_after(lowers, number)
                bay.loop.create_task(ben.command(Lower(rate_ml_h=Decimal(lower_ml_h))), name="lower")
                await until_cut(bay)
                assert knife.heard == ["RAT", f"RAT{lower_ml_h}.00", "RAT"][:number]
                assert bay.flow_nl_h() == (before_nl_h if number == 1 else lower_ml_h * 1_000_000)
                await again(bay)
                before_nl_h = lower_ml_h * 1_000_000  # what was asked for last is what the next run is programmed with
            nursing.cancel()

        bay.run(scenario())
        ended = transactions(bay.store.links, {"Programmed", "RateChanged", "RateChangeFailed"})
        assert Counter(ended)[("WriteIntent", "RateChangeFailed")] == LOWER
        assert Counter(ended)[("WriteIntent", "RateChanged")] == 0


@pytest.mark.req("CTRL-09")
def test_a_cut_after_any_message_of_the_start_up_moves_and_clears_nothing(config: Config) -> None:
    with Bay(config, seed=1) as bay:
        knife = Knife(bay)

        async def scenario() -> None:
            for number in range(1, ATTACH + 1):
                knife.cut_after(starts_up, number)
                if number == 1:
                    bay.start_daemon()
                await until_cut(bay)
                assert bay.pump.state is Status.STOPPED
                assert not [each for each in knife.heard if each.startswith(("DIA", "CLD", "RUN"))]
                await again(bay)
            await bay.clock.pass_s(5)

        bay.run(scenario())
        attached = [link for link in bay.store.links if link.kind == "PumpAttached"]
        assert len(attached) == 1, "it is attached once the whole start-up has been answered, and not before"
