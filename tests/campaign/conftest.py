"""A silent log."""

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def _silent_log() -> Iterator[None]:
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield
    structlog.reset_defaults()
