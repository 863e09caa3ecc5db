"""The plays of this folder, performed once for all its tests."""

import asyncio
from collections.abc import Callable

import pytest

from tests.processes.plays import Played, play_all

Performance = Callable[[str], Played]


@pytest.fixture(scope="session")
def performance(tmp_path_factory: pytest.TempPathFactory) -> Performance:
    """Return what became of a play, by its name; raise what went wrong in it."""
    plays = asyncio.run(play_all(tmp_path_factory.mktemp("plays")))

    def find(name: str) -> Played:
        played = plays[name]
        if played.error is not None:
            raise AssertionError(f"the play {name} failed: {played.error}") from played.error
        return played

    return find
