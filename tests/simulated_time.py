"""A test in simulated time: minutes pass in a moment, and always in the same way."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from simulators.harness.virtual.loop import NS_PER_S, VirtualLoop

T = TypeVar("T")

START_NS = 1_000 * NS_PER_S
"""Nothing may lean on a clock that begins at 0."""


def run(scenario: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    """Run a scenario on a loop of its own; a task that it leaves behind is an error."""
    loop = VirtualLoop(start_ns=START_NS)
    try:
        return loop.run_until_complete(_alone(scenario(loop)))
    finally:
        loop.close()


async def _alone(scenario: Coroutine[Any, Any, T]) -> T:
    try:
        return await scenario
    finally:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        assert not left, f"left running: {left}"
