"""A silent log, and the bed that every test of simulated time stands at."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from pumpd.bedside.config import Config
from simulators.harness.virtual.bay import load_bed

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def config() -> Config:
    return load_bed(REPOSITORY / "config")


@pytest.fixture(autouse=True)
def _silent_log() -> Iterator[None]:
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield
    structlog.reset_defaults()
