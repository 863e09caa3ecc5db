"""What the oracle is given of a run in a bay: taken from plunger, tape and store, never from the daemon's memory.

The bay must have been built with `kept=OBSERVED`. What only the scenario knows (stop conditions, keys that were
pressed, whether anything disturbed the run) is handed in.
"""

import json
from bisect import bisect_right
from collections.abc import Iterator

from pumpd.bedside.recovery import newest_session
from pumpd.mqtt.topics import Channel, Topic, parse
from simulators.harness.virtual.bay import PUMP, START_NS, Bay
from simulators.harness.virtual.replayed import replays
from simulators.oracle.observation import (
    AlarmEpisode,
    Bytes,
    Claim,
    FlowSegment,
    Kind,
    Life,
    Mode,
    Observation,
    Order,
    Point,
    Receipt,
    Received,
    RecordedInterval,
    Stall,
    StopCondition,
    Word,
)

OBSERVED = (f"{PUMP}>", f"{PUMP}<", "daemon>", "daemon<")
"""What the tape of an observed bay must keep."""
COUNT_NL = 10_000
"""The last digit of the NE-1000's counter from 10 mL on."""
INTERVAL_EVERY_NS = 5_000_000_000
"""The journal repeats the interval at every poll; one of them in so long is judged, and the last."""
OPENED_NS = 2_000_000_000
"""So long after the pump's port was opened every one is."""

_POINTS = {f"{PUMP}>": Point.WRITTEN, f"{PUMP}>heard": Point.HEARD, f"{PUMP}<": Point.READ}
_KINDS = {kind.value: kind for kind in Kind}


class NoOrderError(ValueError):
    """Nothing was ordered in this run, so there is nothing to judge."""


def observe(
    bay: Bay,
    *,
    undisturbed: bool = False,
    replayed: bool = True,
    stops: tuple[StopCondition, ...] = (),
    keypad_starts_ns: tuple[int, ...] = (),
    keypad_rates_ns: tuple[int, ...] = (),
) -> Observation:
    """Return the run so far as the oracle wants it; raises `NoOrderError`.

    Replaying its journal takes a third of the time of a run; without `replayed` I7 has nothing to judge.
    """
    profile = bay.config.profile
    published = _Published(bay)
    return Observation(
        until_ns=bay.clock.now_ns(),
        order=published.order,
        lease_ns=profile.lease_ns,
        stop_latency_ns=profile.stop_latency_ns,
        undisturbed=undisturbed,
        flow=tuple(
            FlowSegment(from_ns=each.from_ns, to_ns=each.to_ns, rate_nl_h=each.rate_nl_h)
            for each in bay.pump.plunger.segments
        ),
        wire=tuple(
            Bytes(at_ns=entry.at_ns, point=_POINTS[entry.source], data=entry.data)
            for entry in bay.tape.entries
            if entry.source in _POINTS
        ),
        received=tuple(_received(bay)),
        receipts=tuple(published.receipts),
        claims=tuple(published.claims),
        alarms=tuple(published.alarms()),
        intervals=tuple(_intervals(bay)),
        replays=replays(bay.store.links) if replayed else (),
        stops=stops,
        lives=tuple(Life(from_ns=from_ns, to_ns=to_ns) for from_ns, to_ns in bay.lives),
        stalls=tuple(Stall(from_ns=from_ns, to_ns=to_ns) for life in bay.stalls for from_ns, to_ns in life),
        openings_ns=tuple(bay.links[PUMP].opened_ns),
        keypad_starts_ns=keypad_starts_ns,
        keypad_rates_ns=keypad_rates_ns,
    )


class _Published:
    """What the daemon published, read from the tape."""

    def __init__(self, bay: Bay) -> None:
        self.receipts: list[Receipt] = []
        self.claims: list[Claim] = []
        self._raised: dict[tuple[int, str, int], list[int | None]] = {}
        """By the run of the daemon, too: each counts its episodes anew."""
        self._born_ns = [from_ns for from_ns, _ in bay.lives]
        order = None
        topics = _topics(bay, "daemon>")
        for entry in bay.tape.entries:
            topic = topics.get(entry.source)
            if topic is None:
                continue
            if topic.channel is Channel.STATE:
                state = json.loads(entry.data)
                self.claims.append(Claim(at_ns=entry.at_ns, mode=Mode(state["mode"])))
                order = order or state["order"]
            elif topic.channel is Channel.ACK:
                ack = json.loads(entry.data)
                self.receipts.append(Receipt(at_ns=entry.at_ns, id=ack["id"], word=Word(ack["state"])))
            elif topic.channel is Channel.ALARMS:
                self._take_alarms(json.loads(entry.data), entry.at_ns)
        if order is None:
            raise NoOrderError("nothing was ordered")
        self.order = Order(
            from_ns=START_NS,
            volume_nl=round(order["volume_ml"] * 1_000_000),
            rate_nl_h=round(order["rate_ml_h"] * 1_000_000),
            count_nl=COUNT_NL,
        )

    def alarms(self) -> Iterator[AlarmEpisode]:
        """Yield the episodes in the order of their raising."""
        for (_, name, _), (raised_ns, gone_ns) in self._raised.items():
            if raised_ns is not None:
                yield AlarmEpisode(raised_ns=raised_ns, gone_ns=gone_ns, id=name)

    def _take_alarms(self, published: dict[str, list[dict[str, object]]], at_ns: int) -> None:
        life = bisect_right(self._born_ns, at_ns)
        active, listed = set(), []
        for each in published["alarms"]:
            key = (life, str(each["id"]), int(str(each["episode"])))
            listed.append(key)
            if each["active"]:
                active.add(key)
        for key in listed:
            self._raised.setdefault(key, [at_ns, None])
        for key, times_ns in self._raised.items():
            if key not in active and times_ns[1] is None:
                times_ns[1] = at_ns


def _topics(bay: Bay, beginning: str) -> dict[str, Topic]:
    """Return the topic of each source on the tape that begins so; there are few sources and many entries."""
    sources = dict.fromkeys(entry.source for entry in bay.tape.entries if entry.source.startswith(beginning))
    found = {source: parse(source.removeprefix(beginning)) for source in sources}
    return {source: topic for source, topic in found.items() if topic is not None}


def _received(bay: Bay) -> Iterator[Received]:
    pressed = {command_id: at_ns for nurse in bay.nurses for at_ns, _, command_id in nurse.sent}
    topics = _topics(bay, "daemon<")
    for entry in bay.tape.entries:
        topic = topics.get(entry.source)
        if topic is None or topic.channel is not Channel.REQUEST or topic.name is None:
            continue
        try:
            request = json.loads(entry.data)
            command_id, kind = str(request["id"]), str(request["kind"])
        except (ValueError, KeyError, TypeError):
            continue  # not a command at all; the wire's own tests are about those
        yield Received(
            at_ns=entry.at_ns,
            user=topic.name,
            kind=_KINDS.get(kind, Kind.OTHER),
            id=command_id,
            pressed_ns=pressed.get(command_id),
        )


def _intervals(bay: Bay) -> Iterator[RecordedInterval]:
    last_ns = -INTERVAL_EVERY_NS
    saved = bay.store.sessions
    for place, (saved_ns, body) in enumerate(saved, 1):
        opened = any(opened_ns <= saved_ns < opened_ns + OPENED_NS for opened_ns in bay.links[PUMP].opened_ns)
        if not opened and saved_ns - last_ns < INTERVAL_EVERY_NS and place < len(saved):
            continue
        record = newest_session((body,))
        if record is not None:
            last_ns = saved_ns
            ledger = record.ledger
            yield RecordedInterval(at_ns=last_ns, low_nl=ledger.low(), high_nl=ledger.high(last_ns))
