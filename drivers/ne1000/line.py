"""One question at a time: what is in flight, which reply answers it, and how long to keep quiet after a lost one.

There is no sequence number in the protocol. Replies are matched by order and form; what does not fit is discarded.
"""

from collections import deque
from dataclasses import dataclass, replace

from drivers.ne1000.packet import Frame, Framing, Junk, Receiver, encode
from drivers.ne1000.replies import STOP, Reply, fits, parse_reply

REPLY_LIMIT_NS = 500_000_000
"""How long a reply may take."""
QUIET_AFTER_LOSS_NS = 550_000_000
"""More than the 0.5 s after which the pump drops a partial packet (NE-1000 manual, Publication 1200-01, p. 39)."""
MAX_IN_FLIGHT = 4
"""A stop is written whatever is due; beyond this many the oldest is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of one question. `reply` is None when none came in time; a stale one was asked before a stop."""

    command: str
    asked_at_ns: int
    at_ns: int
    reply: Reply | None
    stale: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmSeen:
    """An alarm packet, asked for or not."""

    reply: Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Discarded:
    """Bytes or a reply that answer nothing."""

    reason: str
    data: bytes


LineEvent = Answer | AlarmSeen | Discarded


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    command: str
    asked_at_ns: int
    stale: bool = False
    alarm: Reply | None = None


class Line:
    """The exchange with one pump."""

    def __init__(self, address: int) -> None:
        self._address = address
        self._flight: deque[_Question] = deque()
        self._receiver = Receiver()
        self.quiet_until_ns = 0
        self.bytes_received = 0
        self.answered = False
        """Whether the pump has answered since the line was opened."""

    @property
    def busy(self) -> bool:
        """Whether a reply is due."""
        return bool(self._flight)

    @property
    def asking(self) -> str | None:
        """The command whose reply is due last, or None."""
        return self._flight[-1].command if self._flight else None

    def ask(self, command: str, now_ns: int) -> bytes:
        """Return the packet for `command`, whose reply is due from now on. Stops go unaddressed."""
        self._receiver.clear("an incomplete late reply")
        self._flight.append(_Question(command=command, asked_at_ns=now_ns))
        return encode(command if command == STOP else f"{self._address:02d}{command}")

    def stop_written(self, now_ns: int) -> None:
        """Take note of a stop that was written past the order; what was in flight may still be answered, for nobody."""
        self._flight = deque(replace(question, stale=True) for question in self._flight)
        self._flight.append(_Question(command=STOP, asked_at_ns=now_ns))
        while len(self._flight) > MAX_IN_FLIGHT:
            self._flight.popleft()

    def receive(self, data: bytes, now_ns: int) -> list[LineEvent]:
        """Take bytes; return what they mean."""
        events = self.advance(now_ns)
        self.bytes_received += len(data)
        for item in self._receiver.feed(data, now_ns):
            if isinstance(item, Junk):
                events.append(Discarded(reason=item.reason, data=item.data))
            else:
                events += self._take(item, now_ns)
        return events

    def advance(self, now_ns: int) -> list[LineEvent]:
        """Give up what is overdue."""
        events: list[LineEvent] = [
            Discarded(reason=junk.reason, data=junk.data)
            for junk in self._receiver.expire(now_ns)
            if isinstance(junk, Junk)
        ]
        due_ns = self._due_ns()
        if due_ns is not None and now_ns >= due_ns:
            if any(question.alarm is None for question in self._flight):
                self.quiet_until_ns = now_ns + QUIET_AFTER_LOSS_NS
            while self._flight:
                events.append(self._give_up(now_ns))
        return events

    def next_deadline_ns(self) -> int | None:
        """Return when `advance` next changes anything, or None."""
        times_ns = [time_ns for time_ns in (self._due_ns(), self._receiver.deadline_ns()) if time_ns is not None]
        return min(times_ns, default=None)

    def _due_ns(self) -> int | None:
        return self._flight[-1].asked_at_ns + REPLY_LIMIT_NS if self._flight else None

    def _give_up(self, now_ns: int) -> Answer:
        """End the oldest question without a reply. An alarm that came and was followed by nothing was its answer."""
        return self._finish(self._flight[0].alarm, now_ns)

    def _take(self, frame: Frame, now_ns: int) -> list[LineEvent]:
        reply = parse_reply(frame, self._address)
        if reply is None:
            return [Discarded(reason="no reply of this pump", data=frame.data)]
        self.answered = True
        if frame.framing is Framing.SAFE:
            self._receiver.safe_only = True
        if reply.alarm is not None:
            return self._take_alarm(reply, now_ns)
        events: list[LineEvent] = []
        while len(self._flight) > 1 and not fits(self._flight[0].command, reply):
            events.append(self._give_up(now_ns))
        if not self._flight or not fits(self._flight[0].command, reply):
            asked = repr(self._flight[0].command) if self._flight else "nothing"
            return [*events, Discarded(reason=f"it does not answer {asked}, which was asked", data=frame.data)]
        return [*events, self._finish(reply, now_ns)]

    def _take_alarm(self, reply: Reply, now_ns: int) -> list[LineEvent]:
        """Take an alarm packet.

        In Safe mode the pump also sends alarms unasked, and the reply that follows carries the alarm once more. So the
        first one is held until its time is up: if nothing follows, it was the answer (SP500 series manual, p. 30).
        """
        if not self._flight:
            return [AlarmSeen(reply=reply)]
        if self._flight[0].alarm is not None:
            return [self._finish(reply, now_ns)]
        if reply.framing is Framing.BASIC:
            return [AlarmSeen(reply=reply), self._finish(reply, now_ns)]
        self._flight[0] = replace(self._flight[0], alarm=reply)
        return [AlarmSeen(reply=reply)]

    def _finish(self, reply: Reply | None, now_ns: int) -> Answer:
        question = self._flight.popleft()
        return Answer(
            command=question.command,
            asked_at_ns=question.asked_at_ns,
            at_ns=now_ns,
            reply=reply,
            stale=question.stale,
        )
