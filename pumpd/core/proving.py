"""The self-test before a start: when the shell is asked for one, and what its facts come to (requirement START-03).

The pump's identity is not asked for again here: it is read whenever its port is opened, and judged beside this.
"""

from collections.abc import Iterator

from pumpd.core.effects import Effect, TestItself
from pumpd.core.events import SelfTested
from pumpd.core.modes import Mode
from pumpd.core.quantities import NS_PER_MIN, NS_PER_S
from pumpd.core.state import State

VALID_NS = 10 * NS_PER_MIN
"""How long a self-test speaks for a start (START-03)."""
LEAST_FREE_BYTES = 500_000_000
"""500 MB (START-03)."""
RENEW_NS = 5 * NS_PER_MIN
"""A good test is repeated so early that the next can fail and be repeated in time."""
RETRY_NS = 15 * NS_PER_S
"""A test that failed, or was not answered, is asked for again."""


def ask(state: State, now_ns: int, effects: list[Effect]) -> None:
    """Ask for a self-test where one is due; only an order that waits for its start needs one."""
    due_ns = due_at_ns(state)
    if due_ns is not None and now_ns >= due_ns:
        state.self_test_asked_ns = now_ns
        effects.append(TestItself(begun_ns=now_ns))


def due_at_ns(state: State) -> int | None:
    """Return when a self-test is next due; None while none is needed."""
    if state.mode is not Mode.READY:
        return None
    asked_ns, last = state.self_test_asked_ns, state.self_test
    if asked_ns is None:
        return 0
    is_good = last is not None and last.begun_ns >= asked_ns and not any(_faults(last))
    return asked_ns + (RENEW_NS if is_good else RETRY_NS)


def blockers(state: State, now_ns: int) -> Iterator[str]:
    """Yield what the newest self-test holds against a start."""
    last = state.self_test
    if last is None or now_ns - last.begun_ns > VALID_NS:
        yield f"no self-test has passed within {VALID_NS // NS_PER_MIN} min; one is under way, wait for it"
        return
    yield from (f"self-test: {fault}" for fault in _faults(last))


def _faults(test: SelfTested) -> Iterator[str]:
    if test.storage_fault is not None:
        yield test.storage_fault
    if test.free_bytes is None:
        yield "nobody knows how much storage is free; tell the engineer"
    elif test.free_bytes < LEAST_FREE_BYTES:
        free, least = test.free_bytes // 1_000_000, LEAST_FREE_BYTES // 1_000_000
        yield f"{free} MB of storage are free, {least} MB are needed; make room"
    for fault in (test.profile_fault, test.alarm_fault, test.clock_fault):
        if fault is not None:
            yield fault
