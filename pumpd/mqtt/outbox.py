"""What waits to be published, bounded. Pure: knows no connection.

Three classes of message, three policies. *Retained* topics keep only the newest message, so there are as many as
topics. *Telemetry* (QoS 0) is only worth something now: it is not kept while there is no link, and the oldest goes
first when the link is slow. The *rest* (receipts, events) is kept in order; beyond its bound the oldest goes, counted.
"""

from collections import deque
from dataclasses import dataclass

MAX_TELEMETRY = 100
"""Some 20 s of heartbeats and vitals; older ones would only delay what is true now."""
MAX_RELIABLE = 1_000
"""Receipts and event lines of a few hours without a broker; the journal has them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One message on its way out."""

    topic: str
    payload: bytes
    qos: int
    retain: bool

    @property
    def is_telemetry(self) -> bool:
        """Whether the message is worthless when late."""
        return self.qos == 0 and not self.retain


class Outbox:
    """Messages in the order in which they are to leave."""

    __slots__ = ("_messages", "_next", "_reliable", "_retained", "_telemetry", "dropped_reliable", "dropped_telemetry")

    def __init__(self) -> None:
        self._messages: dict[int, Outgoing] = {}  # in order of leaving
        self._next = 0
        self._retained: dict[str, int] = {}
        self._telemetry: deque[int] = deque()
        self._reliable: deque[int] = deque()
        self.dropped_telemetry = 0
        self.dropped_reliable = 0

    def __len__(self) -> int:
        return len(self._messages)

    def put(self, message: Outgoing) -> None:
        """Take a message, at the cost of what the policy gives up for it."""
        number = self._next
        self._next += 1
        if message.retain:
            replaced = self._retained.get(message.topic)
            if replaced is not None:
                del self._messages[replaced]
            self._retained[message.topic] = number
        elif message.is_telemetry:
            self._telemetry.append(number)
            if len(self._telemetry) > MAX_TELEMETRY:
                del self._messages[self._telemetry.popleft()]
                self.dropped_telemetry += 1
        else:
            self._reliable.append(number)
            if len(self._reliable) > MAX_RELIABLE:
                del self._messages[self._reliable.popleft()]
                self.dropped_reliable += 1
        self._messages[number] = message

    def take(self) -> Outgoing | None:
        """Return the message that is to leave next."""
        if not self._messages:
            return None
        number = next(iter(self._messages))
        message = self._messages.pop(number)
        if message.retain:
            del self._retained[message.topic]
        elif message.is_telemetry:
            self._telemetry.popleft()
        else:
            self._reliable.popleft()
        return message

    def put_back(self, message: Outgoing) -> None:
        """Take back a receipt or event whose sending failed; to send it twice is harmless, it carries its id.

        Anything else is not taken back: telemetry is late by now, and what is retained is published anew on connecting.
        """
        if message.is_telemetry or message.retain:
            return
        waiting = [self._messages.pop(number) for number in self._reliable]
        self._reliable.clear()
        for again in (message, *waiting):
            self.put(again)

    def drop_telemetry(self) -> None:
        """Forget what is worthless when late: the link is gone."""
        self.dropped_telemetry += len(self._telemetry)
        for number in self._telemetry:
            del self._messages[number]
        self._telemetry.clear()
