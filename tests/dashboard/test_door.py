"""Guessing a password costs time."""

import pytest

from pumpd.core.quantities import NS_PER_S
from pumpd.dashboard.door import FIRST_WAIT_NS, FORGOTTEN_NS, FREE_TRIES, LONGEST_WAIT_NS, Door


def after(tries: int, user: str = "anna", machine: str = "10.0.0.7") -> Door:
    door = Door()
    for _ in range(tries):
        door.failed(user, machine, 0)
    return door


@pytest.mark.req("CMD-05")
def test_a_slip_costs_nothing_and_guessing_ever_more() -> None:
    assert after(FREE_TRIES - 1).wait_ns("anna", "10.0.0.7", 0) == 0
    waits = [after(tries).wait_ns("anna", "10.0.0.7", 0) for tries in range(FREE_TRIES, FREE_TRIES + 4)]
    assert waits == [FIRST_WAIT_NS, 2 * FIRST_WAIT_NS, 4 * FIRST_WAIT_NS, 8 * FIRST_WAIT_NS]
    assert after(100).wait_ns("anna", "10.0.0.7", 0) == LONGEST_WAIT_NS


@pytest.mark.req("CMD-05")
def test_neither_another_machine_nor_another_name_is_a_way_round() -> None:
    door = after(FREE_TRIES)
    assert door.wait_ns("anna", "10.0.0.8", 0) > 0
    assert door.wait_ns("ben", "10.0.0.7", 0) > 0
    assert door.wait_ns("ben", "10.0.0.8", 0) == 0


def test_the_wait_ends_and_a_right_password_forgets() -> None:
    door = after(FREE_TRIES)
    assert door.wait_ns("anna", "10.0.0.7", FIRST_WAIT_NS - 1) == 1
    assert door.wait_ns("anna", "10.0.0.7", FIRST_WAIT_NS) == 0
    door.passed("anna", "10.0.0.7")
    door.failed("anna", "10.0.0.7", FIRST_WAIT_NS)
    assert door.wait_ns("anna", "10.0.0.7", FIRST_WAIT_NS) == 0


def test_slips_long_ago_do_not_count() -> None:
    door = after(FREE_TRIES)
    door.failed("anna", "10.0.0.7", FORGOTTEN_NS)
    assert door.wait_ns("anna", "10.0.0.7", FORGOTTEN_NS + NS_PER_S) == 0
