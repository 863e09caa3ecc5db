"""A source of vital signs on the bus, or a comfort button, from the contract. Knows no payload of the daemon."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from pumpd.mqtt.outbox import Outgoing
from simulators.devices.vitals import VitalsSource
from simulators.harness.virtual.bus import BrokerDownError, Connection, VirtualBroker
from simulators.harness.virtual.clock import VirtualClock
from simulators.harness.virtual.loop import NS_PER_S

STREAM_EVERY_NS = NS_PER_S
BUTTON_EVERY_NS = 4 * NS_PER_S
CODES: Mapping[str, tuple[str, str]] = {
    "hr": ("147842", "/min"),
    "pr": ("149530", "/min"),
    "spo2": ("150456", "%"),
    "rr": ("151594", "/min"),
}
"""Code and unit of each kind of stream."""


class Publisher:
    """One source at one bed. It publishes what it is told to, with a number of its own for each message."""

    def __init__(self, source: str, *, bed: str, broker: VirtualBroker, clock: VirtualClock, boot: str = "b1") -> None:
        self.source = source
        self.boot = boot
        self.seq = 0
        self.clock_ahead_ns = 0
        """How far its own clock is ahead of the daemon's."""
        self.is_silent = False
        self._bed = bed
        self._broker = broker
        self._clock = clock
        self._connection: Connection | None = None
        self.connect()

    def connect(self) -> None:
        """Connect with a last will, and say that it is there."""
        will = Outgoing(topic=self._topic("status"), payload=self._presence("offline"), qos=1, retain=True)
        try:
            self._connection = self._broker.connect(
                self.source, (), on_message=lambda *_: None, on_lost=lambda: None, will=will
            )
        except BrokerDownError:
            self._connection = None
            return
        self._send("status", self._presence("online"), retain=True)

    def die(self) -> None:
        """Fall silent as a source does that loses its power."""
        self.is_silent = True
        if self._connection is not None:
            self._connection.die()

    def stream(self, kind: str, value: Callable[[], int | None]) -> None:
        """Publish a value each second from now on; None is a sensor that is off."""

        def once() -> None:
            if not self.is_silent:
                self.measure(kind, value())
            self._clock.call_at(self._clock.now_ns() + STREAM_EVERY_NS, once)

        once()

    def breathe(self, vitals: VitalsSource) -> None:
        """Publish a patient's respiration each second from now on, as a capnograph does."""
        self.stream("rr", lambda: round(vitals(self._clock.now_ns()).rr_bpm))

    def hold(self, is_pressed: Callable[[], bool]) -> None:
        """Tell of the button from now on, often enough."""

        def once() -> None:
            if not self.is_silent:
                self.button(is_pressed=is_pressed())
            self._clock.call_at(self._clock.now_ns() + BUTTON_EVERY_NS, once)

        once()

    def measure(self, kind: str, value: int | None, **changes: object) -> None:
        """Publish one value, measured now."""
        code, unit = CODES[kind]
        is_off = value is None
        members = {
            **self._numbered(),
            "bed": self._bed,
            "measured_at": self._now(),
            "code": code,
            "value": value,
            "unit": unit,
            "status": "off" if is_off else "ok",
            "sensor": "off" if is_off else "on",
        }
        self._send(kind, json.dumps({**members, **changes}).encode())

    def button(self, *, is_pressed: bool) -> None:
        """Publish whether the button is pressed."""
        members = {**self._numbered(), "bed": self._bed, "pressed": is_pressed, "at": self._now()}
        self._send("comfort", json.dumps(members).encode())

    def _numbered(self) -> dict[str, object]:
        self.seq += 1
        return {"v": 1, "source": self.source, "boot": self.boot, "seq": self.seq}

    def _presence(self, state: str) -> bytes:
        return json.dumps({**self._numbered(), "state": state, "at": self._now()}).encode()

    def _now(self) -> str:
        now = datetime.fromisoformat(self._clock.wall_utc()) + timedelta(microseconds=self.clock_ahead_ns // 1_000)
        return now.isoformat(timespec="milliseconds")

    def _topic(self, kind: str) -> str:
        return f"pumpd/v1/{self._bed}/in/{self.source}/{kind}"

    def _send(self, kind: str, payload: bytes, *, retain: bool = False) -> None:
        if self._connection is not None:
            self._connection.publish(self._topic(kind), payload, retain=retain)
