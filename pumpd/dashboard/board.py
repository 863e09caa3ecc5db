"""What was heard of every bed: the last messages, an hour of vital signs, the modes, the last record lines. Pure.

Times are nanoseconds of this process's monotonic clock. Whether any of it is true now says `View.is_live`.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from pumpd.core.modes import Mode
from pumpd.core.ports import Validity, VitalKind
from pumpd.core.quantities import NS_PER_MIN, NS_PER_S
from pumpd.mqtt import topics
from pumpd.mqtt.client import View
from pumpd.mqtt.payloads import EventLine, ProfilePayload, Status
from pumpd.mqtt.wire import WireError

TREND_NS = 60 * NS_PER_MIN
POINT_EVERY_NS = 5 * NS_PER_S
"""One point of a trend for so long; a cuff's reading is always a point."""
MAX_LINES = 200

CUFF = frozenset({VitalKind.SBP, VitalKind.DBP, VitalKind.MAP})


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One value of a trend; `value` is None where there was none, so that a line breaks."""

    at_ns: int
    value: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From when on a bed was in a mode; None while nothing was heard."""

    at_ns: int
    mode: Mode | None


class Bed:
    """What was heard of one bed."""

    def __init__(self, name: str) -> None:
        self.view = View(bed=name)
        self.profile: ProfilePayload | None = None
        self.trends: dict[VitalKind, deque[Point]] = {}
        self.spans: deque[Span] = deque()
        self.lines: deque[EventLine] = deque(maxlen=MAX_LINES)

    @property
    def token(self) -> str | None:
        """The token of the newest heartbeat, None before the first one."""
        heard = self.view.heartbeat
        return None if heard is None else heard.message.token

    def hear(self, topic: topics.Topic, text: str, payload: bytes, *, retained: bool, now_ns: int) -> None:
        """Take in a message; one that is not understood changes nothing."""
        before = self.view
        self.view = self.view.after(text, payload, retained=retained, now_ns=now_ns)
        try:
            match topic.channel:
                case topics.Channel.PROFILE:
                    self.profile = ProfilePayload.from_bytes(payload)
                case topics.Channel.EVENT if not retained:
                    self.lines.append(EventLine.from_bytes(payload))
                case topics.Channel.VITALS if self.view is not before:
                    self._take_vital(VitalKind(topic.name), now_ns)
                case topics.Channel.STATE | topics.Channel.HEARTBEAT:
                    self.look(now_ns)
                case _:
                    pass
        except WireError:
            return

    def look(self, now_ns: int) -> None:
        """Note the mode that may be believed now."""
        state = self.view.live_state(now_ns)
        mode = None if state is None else state.mode
        # between a heartbeat with a new revision and its state the old mode stands
        if state is None and self.view.is_live(now_ns) and self.spans:
            return
        if not self.spans or self.spans[-1].mode is not mode:
            self.spans.append(Span(at_ns=now_ns, mode=mode))
        while len(self.spans) > 1 and self.spans[1].at_ns < now_ns - TREND_NS:
            self.spans.popleft()

    def _take_vital(self, kind: VitalKind, now_ns: int) -> None:
        heard = self.view.vitals[kind]
        vital = heard.message
        at_ns = now_ns - int(vital.age_s * NS_PER_S)
        value = vital.value if vital.validity is Validity.VALID else None
        points = self.trends.setdefault(kind, deque())
        if not points or at_ns - points[-1].at_ns >= POINT_EVERY_NS:
            points.append(Point(at_ns=at_ns, value=value))
        while points[0].at_ns < now_ns - TREND_NS:
            points.popleft()
            if not points:
                break


class Board:
    """All beds of a site, in its order."""

    def __init__(self, beds: Iterable[str]) -> None:
        self.beds: Mapping[str, Bed] = {name: Bed(name) for name in beds}
        self.broker_lost: str | None = "not connected yet"
        """Why nothing is heard from the broker, None while it is connected."""
        self.is_clinic_there = False
        """Whether the clinic's process is connected, as it or its last will says. No proof of life."""

    def connected(self) -> None:
        """Begin to hear a broker: what an earlier one kept no longer counts."""
        self.broker_lost = None
        self.is_clinic_there = False

    def look(self, now_ns: int) -> None:
        """Note which beds have fallen silent; called once a second, for silence sends no message."""
        for bed in self.beds.values():
            bed.look(now_ns)

    def hear(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> str | None:
        """Take in a message; return the bed that it is about, None where it is about none that is known."""
        found = topics.parse(topic)
        if found is not None and (found.bed, found.channel) == (topics.RESERVED_BED, topics.Channel.STATUS):
            with suppress(WireError):
                self.is_clinic_there = Status.from_bytes(payload).state == "online"
        bed = None if found is None else self.beds.get(found.bed)
        if found is None or bed is None:
            return None
        bed.hear(found, topic, payload, retained=retained, now_ns=now_ns)
        return found.bed
