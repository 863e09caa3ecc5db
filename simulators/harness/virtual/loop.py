"""An event loop whose clock is an integer and jumps to the next timer. Knows asyncio and nothing else.

Whatever belongs to the real world (descriptors, sockets, threads, processes, signals) raises: with one of them under
way simulated time would jump past its answer.
"""

import asyncio
import heapq
from asyncio.events import Handle, TimerHandle
from collections import deque
from collections.abc import Callable
from contextvars import Context, ContextVar, copy_context
from random import Random
from typing import NoReturn, TypeVarTuple, Unpack

_Ts = TypeVarTuple("_Ts")

NS_PER_S = 1_000_000_000
PROCESS: ContextVar[object] = ContextVar("PROCESS", default=None)
"""Whose tasks run in a context: one process of those that share the loop. Tasks hand it on to the tasks they create."""
TURNS_WITHOUT_TIME = 100_000
"""Turns at one instant after which the loop says that it goes round in circles; a start takes some dozens."""


class NothingLeftError(RuntimeError):
    """Everything waits and no timer is set: nothing would ever happen again."""


class StandstillError(RuntimeError):
    """Callbacks call each other for ever and no time passes."""


class NotInSimulatedTimeError(RuntimeError):
    """Something of the real world was asked of a loop in simulated time."""


class Instant:
    """A call of the simulated world, whoever asked for it: what of a loop's handle it needs, and lighter."""

    __slots__ = ("_callback", "_context", "_is_cancelled", "_loop")

    def __init__(self, callback: Callable[[], object], loop: asyncio.AbstractEventLoop) -> None:
        self._callback = callback
        self._context = copy_context()
        self._is_cancelled = False
        self._loop = loop

    def __repr__(self) -> str:
        return f"<Instant {self._callback!r}>"

    def cancel(self) -> None:
        """Do not call."""
        self._is_cancelled = True

    def cancelled(self) -> bool:
        """Tell whether it will not be called."""
        return self._is_cancelled

    def _run(self) -> None:
        try:
            self._context.run(self._callback)
        except Exception as error:  # noqa: BLE001 - told in one place, as asyncio does it for its own handles
            self._loop.call_exception_handler({"message": f"exception in {self!r}", "exception": error})


class VirtualLoop(asyncio.BaseEventLoop):
    """Callbacks in the order of their instants, and at one instant in the order in which they were asked for.

    With `shuffle`, timers marked as independent sources change places among themselves when they fall on one instant.
    """

    _ready: "deque[Handle | Instant]"
    _stopping: bool

    def __init__(self, *, start_ns: int = 0, shuffle: Random | None = None) -> None:
        super().__init__()
        self._now_ns = start_ns
        self._shuffle = shuffle
        self._timers: list[tuple[int, int, bool, Handle | Instant]] = []
        self._count = 0
        self._turns = 0
        self._held_back: dict[object, list[Handle]] = {}
        """What the tasks of a process that stands still would do next."""

    def now_ns(self) -> int:
        """Return simulated time."""
        return self._now_ns

    def stand_still(self, for_ns: int) -> None:
        """Let time pass without a turn, as when nobody schedules the process: what falls due meanwhile comes late."""
        self._now_ns += for_ns
        self._make_due_ready()

    def hold_back(self, process: object) -> None:
        """Let the tasks of a process stand still, while everything else goes on."""
        self._held_back.setdefault(process, [])

    def let_go(self, process: object) -> None:
        """Let them go on with what has come due."""
        self._ready.extend(self._held_back.pop(process, ()))

    def time(self) -> float:
        """Return simulated time in seconds, for asyncio's own use."""
        return self._now_ns / NS_PER_S

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[_Ts]], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> TimerHandle:
        """Call at a time in seconds, rounded to a nanosecond."""
        handle = TimerHandle(when, callback, args, self, context)
        self._put(round(when * NS_PER_S), handle)
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[_Ts]], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> TimerHandle:
        """Call after some seconds."""
        handle = TimerHandle(self.time() + delay, callback, args, self, context)
        self._put(self._now_ns + round(delay * NS_PER_S), handle)
        return handle

    def call_at_ns(self, when_ns: int, callback: Callable[[], object], *, independent: bool = False) -> Instant:
        """Call at an instant; `independent` marks a source of its own, such as one line."""
        self._count += 1
        instant = Instant(callback, self)
        heapq.heappush(self._timers, (when_ns, self._count, independent, instant))
        return instant

    def _put(self, when_ns: int, handle: TimerHandle) -> None:
        self._count += 1
        heapq.heappush(self._timers, (when_ns, self._count, False, handle))

    def _timer_handle_cancelled(self, handle: TimerHandle) -> None:
        """Leave it where it is: it is passed over when its time comes."""

    def _run_once(self) -> None:
        ready = self._ready
        if not ready and not self._stopping:
            self._jump()
        self._turns += 1
        if self._turns > TURNS_WITHOUT_TIME:
            raise StandstillError(f"{self._turns} turns at {self._now_ns} ns; next: {ready[0] if ready else 'nothing'}")
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle.cancelled() and not (self._held_back and self._holds_back(handle)):
                handle._run()

    def _holds_back(self, handle: Handle | Instant) -> bool:
        """Keep a step of a process that stands still for later; instants in nanoseconds belong to the world."""
        if isinstance(handle, Instant):
            return False
        context: Context = handle._context  # type: ignore[attr-defined]  # typeshed knows it not
        held = self._held_back.get(context.get(PROCESS))
        if held is None:
            return False
        held.append(handle)
        return True

    def _jump(self) -> None:
        """Go to the next timer and make everything ready that is due then."""
        timers = self._timers
        while timers and timers[0][3].cancelled():
            heapq.heappop(timers)
        if not timers:
            names = ", ".join(sorted(task.get_name() for task in asyncio.all_tasks(self))) or "none"
            raise NothingLeftError(f"everything waits at {self._now_ns} ns and no timer is set; tasks: {names}")
        due_ns = timers[0][0]
        if due_ns > self._now_ns:
            self._now_ns, self._turns = due_ns, 0
        self._make_due_ready()

    def _make_due_ready(self) -> None:
        timers, now_ns = self._timers, self._now_ns
        due = []
        while timers and timers[0][0] <= now_ns:
            due.append(heapq.heappop(timers))
        if len(due) > 1 and self._shuffle is not None:
            _shuffle_independent(due, self._shuffle)
        for entry in due:
            self._ready.append(entry[3])

    def _write_to_self(self) -> None:
        """Nobody waits anywhere: there is nothing to wake."""

    def _process_events(self, event_list: object) -> None:
        raise NotInSimulatedTimeError(f"no descriptor can be ready: {event_list}")


def _shuffle_independent(due: list[tuple[int, int, bool, Handle | Instant]], shuffle: Random) -> None:
    places = [place for place, entry in enumerate(due) if entry[2]]
    entries = [due[place] for place in places]
    shuffle.shuffle(entries)
    for place, entry in zip(places, entries, strict=True):
        due[place] = entry


REAL_WORLD = (
    "add_reader",
    "add_signal_handler",
    "add_writer",
    "call_soon_threadsafe",
    "connect_accepted_socket",
    "connect_read_pipe",
    "connect_write_pipe",
    "create_connection",
    "create_datagram_endpoint",
    "create_server",
    "create_unix_connection",
    "create_unix_server",
    "getaddrinfo",
    "getnameinfo",
    "remove_reader",
    "remove_signal_handler",
    "remove_writer",
    "run_in_executor",
    "sendfile",
    "set_default_executor",
    "sock_accept",
    "sock_connect",
    "sock_recv",
    "sock_recv_into",
    "sock_recvfrom",
    "sock_recvfrom_into",
    "sock_sendall",
    "sock_sendfile",
    "sock_sendto",
    "start_tls",
    "subprocess_exec",
    "subprocess_shell",
)
"""What an event loop can do with the real world. A test compares it with what asyncio offers."""


def _refusing(name: str) -> Callable[..., NoReturn]:
    def refuse(_self: VirtualLoop, *_args: object, **_keywords: object) -> NoReturn:
        raise NotInSimulatedTimeError(f"{name} reaches into the real world; in simulated time there is none")

    return refuse


for _name in REAL_WORLD:
    setattr(VirtualLoop, _name, _refusing(_name))
