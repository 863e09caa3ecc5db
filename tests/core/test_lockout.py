"""The lock of repeated pump alarms, at its window to the nanosecond."""

import pytest

from pumpd.core.lockout import Lockout
from pumpd.core.ports import PumpAlarmKind
from pumpd.core.quantities import NS_PER_MIN

STALL, RESET = PumpAlarmKind.STALL, PumpAlarmKind.RESET


def after(*alarms: tuple[PumpAlarmKind, int]) -> Lockout:
    lockout = Lockout()
    for kind, at_ns in alarms:
        lockout = lockout.take(kind, at_ns)
    return lockout


@pytest.mark.req("PUMP-04")
@pytest.mark.parametrize(("last_ns", "locks"), [(10 * NS_PER_MIN - 1, True), (10 * NS_PER_MIN, False)])
def test_the_third_of_a_kind_inside_ten_minutes_locks(last_ns: int, locks: bool) -> None:
    found = after((STALL, 0), (STALL, 5 * NS_PER_MIN), (STALL, last_ns))
    assert (found.reason is not None) is locks
    if locks:
        assert found.reason == f"3 times in 10 min the pump reported: {STALL.value}"


@pytest.mark.req("PUMP-04")
def test_other_kinds_and_the_second_do_not_lock() -> None:
    assert after((STALL, 0), (STALL, 1)).reason is None
    assert after((STALL, 0), (RESET, 1), (STALL, 2)).reason is None
    assert after((STALL, 0), (STALL, 1), (RESET, 2)).reason is None


@pytest.mark.req("PUMP-04")
def test_a_lock_stays_whatever_follows() -> None:
    locked = after((STALL, 0), (STALL, 1), (STALL, 2))
    later = locked.take(RESET, 60 * NS_PER_MIN)
    assert later.reason == locked.reason
    assert later.alarms == ((RESET, 60 * NS_PER_MIN),)
