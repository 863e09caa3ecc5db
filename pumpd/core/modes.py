"""The closed table of modes. An illegal transition raises and changes nothing; every pair has an answer.

Rules behind the table:
- PAUSED, COMPLETED and ENDED are reached only through confirmed rest, never straight from RUNNING.
- A lost pump makes the mode UNKNOWN; only a read-back at rest leaves it, and never towards RUNNING.
- An infusion that is over stays over across a restart: the patient is still observed, and nothing leads back to a run.
- RUNNING is reached only from STARTING, and STARTING only by a person.
"""

from enum import Enum, unique


@unique
class Mode(Enum):
    """What the daemon may claim about the infusion. Exactly one holds."""

    IDLE = "idle"
    READY = "ready"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    PAUSED = "paused"
    COMPLETED = "completed"
    ENDED = "ended"
    FAULT = "fault"
    UNKNOWN = "unknown"

    # an enum's own hash is Python code, and each evaluation asks several times whether the mode is one of some
    __hash__ = object.__hash__


@unique
class Trigger(Enum):
    """What can move the mode."""

    PREPARED = "an order was prepared"
    STARTED = "a person started or resumed"
    RUN_SEEN = "the pump reports that it infuses"
    HALT = "a stop was sent while the pump might move, or a person ends the session"
    REST_TO_READY = "rest is confirmed and no run was ever begun"
    REST_TO_PAUSED = "rest is confirmed and the order can be resumed"
    REST_TO_COMPLETED = "rest is confirmed and the order is given"
    REST_TO_ENDED = "rest is confirmed and the infusion has ended short"
    REST_TO_FAULT = "rest is confirmed after a fault that a restart of the run cannot clear"
    PUMP_LOST = "the pump cannot be asked any more"
    RESTARTED = "the daemon came up again"


class IllegalTransitionError(ValueError):
    """The pair of mode and trigger has no transition; the mode is as before."""


_M, _T = Mode, Trigger
_AFTER_REST = {
    _T.REST_TO_READY: _M.READY,
    _T.REST_TO_PAUSED: _M.PAUSED,
    _T.REST_TO_COMPLETED: _M.COMPLETED,
    _T.REST_TO_ENDED: _M.ENDED,
    _T.REST_TO_FAULT: _M.FAULT,
}

TRANSITIONS: dict[Mode, dict[Trigger, Mode]] = {
    _M.IDLE: {_T.PREPARED: _M.READY, _T.RESTARTED: _M.IDLE},
    _M.READY: {_T.PREPARED: _M.READY, _T.STARTED: _M.STARTING, _T.HALT: _M.STOPPING, _T.RESTARTED: _M.IDLE},
    _M.STARTING: {
        _T.RUN_SEEN: _M.RUNNING,
        _T.HALT: _M.STOPPING,
        _T.PUMP_LOST: _M.UNKNOWN,
        _T.RESTARTED: _M.UNKNOWN,
    },
    _M.RUNNING: {_T.HALT: _M.STOPPING, _T.PUMP_LOST: _M.UNKNOWN, _T.RESTARTED: _M.UNKNOWN},
    _M.STOPPING: _AFTER_REST | {_T.PUMP_LOST: _M.UNKNOWN, _T.RESTARTED: _M.UNKNOWN},
    _M.PAUSED: {
        _T.STARTED: _M.STARTING,
        _T.HALT: _M.STOPPING,
        _T.PUMP_LOST: _M.UNKNOWN,
        _T.RESTARTED: _M.UNKNOWN,
    },
    _M.UNKNOWN: _AFTER_REST | {_T.PUMP_LOST: _M.UNKNOWN, _T.RESTARTED: _M.UNKNOWN},
    _M.FAULT: {_T.HALT: _M.STOPPING, _T.PUMP_LOST: _M.UNKNOWN, _T.RESTARTED: _M.UNKNOWN},
    _M.COMPLETED: {_T.PREPARED: _M.READY, _T.RESTARTED: _M.COMPLETED},
    _M.ENDED: {_T.PREPARED: _M.READY, _T.RESTARTED: _M.ENDED},
}
"""From each mode, the triggers it answers and where they lead. Every pair that is absent is illegal."""

OPEN_MODES = frozenset({_M.STARTING, _M.RUNNING, _M.STOPPING, _M.PAUSED, _M.UNKNOWN, _M.FAULT})
"""Modes in which drug of this order may have flowed and the session is not over."""

MAY_MOVE_MODES = frozenset({_M.STARTING, _M.RUNNING})
"""Modes in which the pump may move by permission."""


def after(mode: Mode, trigger: Trigger) -> Mode:
    """Return the mode that follows, or raise `IllegalTransitionError`."""
    try:
        return TRANSITIONS[mode][trigger]
    except KeyError:
        raise IllegalTransitionError(f"{trigger.value!r} is no transition of mode {mode.value!r}") from None
