"""Keeps the garbage collector off the path to a stop: a full collection takes longer than a stop takes on the wire."""

import gc

COLLECT_EVERY_BEATS = 60
"""While nothing moves, a collection a minute; an infusion leaves too few cycles to matter in its forty minutes."""


def freeze() -> None:
    """Put everything made so far out of the collector's sight, and stop automatic collections."""
    gc.collect()
    gc.freeze()
    gc.disable()


def collect_when_idle(beat: int, *, is_moving: bool) -> None:
    """Collect now and then, but never while the pump may move; does nothing where collection is automatic."""
    if not gc.isenabled() and not is_moving and beat % COLLECT_EVERY_BEATS == 0:
        gc.collect()
