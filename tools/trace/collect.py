"""Which test names which requirement, as pytest collects them for an ordinary run; nothing is run."""

import contextlib
import io
from pathlib import Path

import pytest

from tools.trace.record import KEY, function_of


class CollectError(RuntimeError):
    """The tests could not be collected; the message is pytest's."""


class _Collector:
    def __init__(self) -> None:
        self.tests: dict[str, set[str]] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Keep what is left after every selection: a test that an ordinary run leaves out shows nothing."""
        for item in session.items:
            for key, value in item.user_properties:
                if key == KEY:
                    self.tests.setdefault(str(value), set()).add(function_of(item.nodeid))


def collect(root: Path) -> dict[str, tuple[str, ...]]:
    """Return by requirement the test functions that name it, in order; raises `CollectError`."""
    collector, said = _Collector(), io.StringIO()
    with contextlib.chdir(root), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = pytest.main(["--collect-only", "-qq", "-p", "no:cacheprovider"], plugins=[collector])
    if code != pytest.ExitCode.OK:
        raise CollectError(said.getvalue())
    return {each: tuple(sorted(names)) for each, names in sorted(collector.tests.items())}
