"""Waiting for something that nobody announces."""

import asyncio
from collections.abc import Callable

LOOK_AGAIN_S = 0.001


async def until(condition: Callable[[], bool]) -> None:
    """Return once `condition` holds."""
    while not condition():  # noqa: ASYNC110 - what is waited for sets no event, and must not for a benchmark's sake
        await asyncio.sleep(LOOK_AGAIN_S)
