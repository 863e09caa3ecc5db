"""The patient's comfort button: a press pauses at once, in every mode and without a question; it can do nothing else.

It is a person's pause (CLIN-05): the button cannot start, resume or acknowledge, and while it is held nothing resumes.
"""

from dataclasses import replace

from pumpd.core import halting
from pumpd.core.alarms import Priority
from pumpd.core.effects import Effect
from pumpd.core.events import ComfortPressed, ComfortSeen
from pumpd.core.state import State


def pressed(state: State, event: ComfortPressed, now_ns: int, effects: list[Effect]) -> None:
    """Pause, and call the nurse once for each press."""
    if not state.bus.button_pressed:
        halting.tell(
            state,
            "comfort-stop",
            Priority.MEDIUM,
            "the patient pressed the comfort button",
            f"{event.source}: the patient wants a pause; the pump is being stopped",
            "Go to the patient and ask; resume only when the patient agrees.",
        )
    state.bus = replace(state.bus, button_seen_ns=now_ns, button_pressed=True)
    halting.halt(
        state, halting.pause_aim(state), "the patient pressed the comfort button", now_ns, effects, by_human=True
    )


def seen(state: State, _event: ComfortSeen, now_ns: int) -> None:
    """The button is there, and nobody presses it."""
    state.bus = replace(state.bus, button_seen_ns=now_ns, button_pressed=False)
