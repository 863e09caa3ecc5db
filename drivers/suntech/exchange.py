"""One question at a time on the module's line: spacing, repeats, silence. Knows no cuff cycle."""

from enum import Enum, unique

from drivers.suntech.frame import Answer, Framer, Request, encode, interpret
from pumpd.core.quantities import NS_PER_MS, NS_PER_S

COMMAND_GAP_NS = 100 * NS_PER_MS
"""Least time between two commands, as public implementations keep it."""
REPLY_TIMEOUT_NS = NS_PER_S
STOP_TIMEOUT_NS = 5 * NS_PER_S
"""From "aborted" to "executed": the air must leave first, and another abort would only begin anew."""
BUSY_PAUSE_NS = 500 * NS_PER_MS
FRAME_STALL_NS = 100 * NS_PER_MS
"""The longest answer takes 70 ms at 9600 baud: a frame that has not grown for longer never began."""


@unique
class Cause(Enum):
    """Why the same question is asked again."""

    BUSY = "busy"
    SILENCE = "silent"
    ASLEEP = "asleep"


_MOST_REPEATS = {Cause.BUSY: 5, Cause.SILENCE: 1, Cause.ASLEEP: 1}


class Exchange:
    """Holds the request to send, or the one that is open: never two."""

    def __init__(self) -> None:
        self._framer = Framer()
        self._fed_ns = 0
        self._wanted: Request | None = None
        self._wanted_at_ns = 0
        self._open: Request | None = None
        self.sent_ns = 0
        """When the latest request left."""
        self._free_ns = 0
        self._reply_due_ns = 0
        self._repeats = dict.fromkeys(Cause, 0)

    @property
    def open_request(self) -> Request | None:
        """The request that waits for its answer."""
        return self._open

    def ask(self, request: Request, at_ns: int) -> None:
        """Send `request` at `at_ns`, or as soon after it as the line permits."""
        self._wanted, self._wanted_at_ns = request, at_ns
        self._repeats = dict.fromkeys(Cause, 0)

    def repeat(self, cause: Cause, at_ns: int) -> bool:
        """Ask the open question again; return False, and only close it, when `cause` was used up.

        An abort is repeated until it is answered, but a module that sleeps on is not woken for ever.
        """
        request, self._open = self._open, None
        unlimited = request is Request.ABORT and cause is not Cause.ASLEEP
        if request is None or (not unlimited and self._repeats[cause] >= _MOST_REPEATS[cause]):
            return False
        self._repeats[cause] += 1
        self._wanted, self._wanted_at_ns = request, at_ns
        return True

    def answered(self) -> None:
        """The open request has its answer."""
        self._open = None

    def stop_goes_on(self, now_ns: int) -> None:
        """The module said "aborted"; "executed" is due when it has stopped."""
        self._reply_due_ns = now_ns + STOP_TIMEOUT_NS

    def drop(self) -> None:
        """Forget what was asked and what was to be asked."""
        self._open = self._wanted = None

    def transmit(self, now_ns: int) -> bytes:
        """Return the request to write now, or `b""`."""
        due_ns = self._send_due_ns()
        if self._wanted is None or due_ns is None or now_ns < due_ns:
            return b""
        self._open, self._wanted = self._wanted, None
        self.sent_ns = now_ns
        self._free_ns = now_ns + COMMAND_GAP_NS
        self._reply_due_ns = now_ns + REPLY_TIMEOUT_NS
        return encode(self._open)

    def silent(self, now_ns: int) -> bool:
        """Say whether the answer to the open request is overdue."""
        return self._open is not None and now_ns >= self._reply_due_ns

    def feed(self, data: bytes, now_ns: int) -> list[bytes]:
        """Return the frames that became complete with `data`."""
        self._fed_ns = now_ns
        return self._framer.feed(data)

    def interpret(self, frame: bytes) -> Answer:
        """Return what a frame says in answer to the open request."""
        return interpret(frame, self._open)

    def stalled(self, now_ns: int) -> tuple[list[bytes], int]:
        """Return frames that hid behind noise which looked like the head of a longer one, and when they came."""
        found: list[bytes] = []
        while not found and self._framer.waiting and now_ns >= self._fed_ns + FRAME_STALL_NS:
            found = self._framer.give_up_first()
        return found, self._fed_ns

    def next_deadline_ns(self) -> int | None:
        """Return when something may be sent, is overdue or has stalled."""
        deadlines = [
            self._send_due_ns(),
            self._reply_due_ns if self._open is not None else None,
            self._fed_ns + FRAME_STALL_NS if self._framer.waiting else None,
        ]
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def _send_due_ns(self) -> int | None:
        if self._wanted is None or self._open is not None:
            return None
        return max(self._wanted_at_ns, self._free_ns)
