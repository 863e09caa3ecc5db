"""The suite on several cores: what may not run side by side does not."""

import pytest

from tests.scheduling import scope


def test_whole_beds_stay_together_whatever_file_they_are_in() -> None:
    beds = ("tests/processes/test_beds.py::TestCut::test_x[cable-cut]", "tests/scenarios/test_continuation.py::test_x")
    assert len({scope(nodeid) for nodeid in beds}) == 1


def test_a_file_with_a_broker_stays_together_and_apart_from_the_next() -> None:
    first, second, other = (f"tests/mqtt/test_{name}" for name in ("nurse.py::a", "nurse.py::b[x]", "session.py::a"))
    assert scope(first) == scope(second) != scope(other)


@pytest.mark.parametrize("folder", ["core", "campaign", "virtual"])
def test_everything_else_goes_where_there_is_room(folder: str) -> None:
    one, other = (f"tests/{folder}/test_it.py::test_x[{number}]" for number in (1, 2))
    assert scope(one) != scope(other)
