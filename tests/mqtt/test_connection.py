"""The time limits of one connection, in simulated time: nothing of the library's holds the daemon up for longer."""

import asyncio

import pytest

from pumpd.core.quantities import NS_PER_S
from pumpd.mqtt.connection import CALL_TIMEOUT_S, bounded
from simulators.harness.virtual.loop import VirtualLoop
from tests import simulated_time


async def never() -> None:
    await asyncio.get_running_loop().create_future()


async def deaf() -> None:
    """A call that takes a second to end when it is called off."""
    try:
        await never()
    finally:
        await asyncio.sleep(1)


@pytest.mark.req("COMM-07")
def test_a_call_that_is_not_answered_is_given_up() -> None:
    async def scenario(loop: VirtualLoop) -> int:
        began_ns = loop.now_ns()
        with pytest.raises(TimeoutError, match=r"no answer within 2\.0 s"):
            await bounded(never())
        return loop.now_ns() - began_ns

    assert simulated_time.run(scenario) == CALL_TIMEOUT_S * NS_PER_S


def test_an_answer_comes_through_and_costs_no_more_time() -> None:
    async def scenario(loop: VirtualLoop) -> tuple[str, int]:
        began_ns = loop.now_ns()
        answer = await bounded(asyncio.sleep(1.5, "yes"))
        return answer, loop.now_ns() - began_ns

    assert simulated_time.run(scenario) == ("yes", 1_500_000_000)


def test_what_was_called_off_has_ended_before_anything_else_is_done() -> None:
    async def scenario(loop: VirtualLoop) -> int:
        began_ns = loop.now_ns()
        with pytest.raises(TimeoutError):
            await bounded(deaf())
        return loop.now_ns() - began_ns

    assert simulated_time.run(scenario) == (CALL_TIMEOUT_S + 1) * NS_PER_S


def test_a_cancellation_that_comes_with_the_answer_is_not_lost() -> None:
    async def scenario(_loop: VirtualLoop) -> bool:
        answered = asyncio.get_running_loop().create_future()

        async def call() -> None:
            await answered

        waiting = asyncio.create_task(bounded(call()))
        await asyncio.sleep(1)
        answered.set_result(None)
        waiting.cancel()
        await asyncio.wait([waiting])
        return waiting.cancelled()

    assert simulated_time.run(scenario)
