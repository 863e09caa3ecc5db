"""A Nonin pulse oximeter as a monitor of pumpd: judges packets, watches the link. Sans-IO.

The device talks unasked, three packets a second, also while the probe is off: only a usable packet carries a value, and
a packet alone proves nothing about the patient.
"""

from collections import deque
from typing import ClassVar

from drivers.nonin.flatline import FlatLine
from drivers.nonin.packet import PACKET_BYTES, Decoder, Packet, Stat2, Status
from pumpd.core.ports import POSSIBLE, MonitorEvent, MonitorNotice, Sample, SamplesReceived, Validity, VitalKind
from pumpd.core.quantities import NS_PER_MIN, NS_PER_S

DEGRADED_AFTER_NS = NS_PER_S
"""Three packets are due in this time."""
LOST_AFTER_NS = 3 * NS_PER_S
"""The shorter of the limits that public implementations use."""
ERRORS_TOLERATED = 5
ERROR_WINDOW_NS = 10 * NS_PER_S
"""More damaged packets than tolerated in this time are told; about thirty packets arrive in it."""

AVERAGED_BEATS = 4
"""What the values of frames 1 to 3 are averaged over, as read in public implementations."""

_BITS_PER_BYTE = 10  # start bit, eight data bits, stop bit
_OFF = Status.SENSOR_UNPLUGGED.value | Status.SENSOR_ALARM.value
_OUT_OF_TRACK = Status.OUT_OF_TRACK.value
_ARTEFACT = Status.ARTEFACT.value


class NoninDf2:
    """Nonin serial Data Format 2, as read in public implementations; fulfils `MonitorDriver`.

    A value is None unless the packet is usable or the number impossible: nobody can use a suspect number by mistake.
    """

    baud: ClassVar[int] = 9_600
    packet_ns: ClassVar[int] = PACKET_BYTES * _BITS_PER_BYTE * NS_PER_S // baud
    """Least time that a packet takes on the line."""
    averaging_ns: ClassVar[int] = AVERAGED_BEATS * NS_PER_MIN // POSSIBLE[VitalKind.HR].start
    """At the slowest pulse that is possible."""

    def __init__(self, source: str = "oximeter") -> None:
        self._source = source
        self._events: list[MonitorEvent] = []
        self._seq = 0
        self._measured_at_ns: int | None = None
        self._forget()

    def _forget(self) -> None:
        self._decoder = Decoder()
        self._flat_line = FlatLine()
        self._frozen = False
        self._stat2 = 0
        self._heard_ns: int | None = None
        self._degraded = False
        self._lost = False
        self._errors_ns: deque[int] = deque(maxlen=ERRORS_TOLERATED + 1)
        self._errors_told = False

    def opened(self, now_ns: int) -> None:
        """The port is open; the first packet is due from now on."""
        self._forget()
        self._heard_ns = now_ns

    def closed(self, now_ns: int) -> None:  # noqa: ARG002 - the contract of every driver
        """The port is gone; the packet under way is dropped."""
        self._forget()

    def receive(self, data: bytes, now_ns: int) -> None:
        """Take bytes that were read at `now_ns`, which is the measurement time of a packet that they complete."""
        if self._heard_ns is None:
            return
        found = self._decoder.feed(data)
        packets_after = sum(isinstance(item, Packet) for item in found)
        for item in found:
            if isinstance(item, Packet):
                packets_after -= 1
                self._take(item, packets_after, now_ns)
            else:
                self._count_error(now_ns)

    def advance(self, now_ns: int) -> None:
        """Tell of a link that has gone quiet. The ages of the values, not these notices, keep the patient safe."""
        if self._heard_ns is None:
            return
        quiet_ns = now_ns - self._heard_ns
        if quiet_ns >= DEGRADED_AFTER_NS and not self._degraded:
            self._degraded = True
            self._notice(f"degraded: no valid packet for {DEGRADED_AFTER_NS // NS_PER_S} s; check cable and device")
        if quiet_ns >= LOST_AFTER_NS and not self._lost:
            self._lost = True
            self._notice(f"link lost: no valid packet for {LOST_AFTER_NS // NS_PER_S} s; check cable and device")

    def next_deadline_ns(self) -> int | None:
        """Return when the link next counts as degraded or lost."""
        if self._heard_ns is None or self._lost:
            return None
        return self._heard_ns + (LOST_AFTER_NS if self._degraded else DEGRADED_AFTER_NS)

    def transmit(self, now_ns: int) -> bytes:  # noqa: ARG002 - the contract of every driver
        """Return nothing: the device needs no request."""
        return b""

    def take_events(self) -> tuple[MonitorEvent, ...]:
        """Return, once each and in order, what was learnt since the last call."""
        events, self._events = tuple(self._events), []
        return events

    def _take(self, packet: Packet, packets_after: int, now_ns: int) -> None:
        self._heard_ns = now_ns
        if self._degraded:
            self._degraded = self._lost = False
            self._notice("link back: valid packets arrive again")
        self._tell_changes(packet.stat2)
        pulse, spo2 = judge_pulse(packet), judge_spo2(packet)
        if not packet.status & (_OFF | _OUT_OF_TRACK | _ARTEFACT):
            self._watch_flat_line(packet, now_ns)
        if self._frozen:
            pulse, spo2 = stale(pulse), stale(spo2)
        self._seq += 1
        measured_at_ns = self._measured(packets_after, now_ns)
        self._events.append(
            SamplesReceived(
                samples=tuple(
                    Sample(
                        kind=kind,
                        value=value,
                        validity=validity,
                        measured_at_ns=measured_at_ns,
                        source=self._source,
                        seq=self._seq,
                    )
                    for kind, (value, validity) in ((VitalKind.SPO2, spo2), (VitalKind.HR, pulse))
                )
            )
        )

    def _measured(self, packets_after: int, now_ns: int) -> int:
        # Packets of one read did not all end now, and two samples with one time would pass for a repeat.
        earliest_ns = now_ns if self._measured_at_ns is None else min(self._measured_at_ns + 1, now_ns)
        at_ns = now_ns - packets_after * self.packet_ns
        self._measured_at_ns = at_ns if self._measured_at_ns is None else max(at_ns, earliest_ns)
        return self._measured_at_ns

    def _watch_flat_line(self, packet: Packet, now_ns: int) -> None:
        frozen = self._flat_line.observe(
            numbers=(packet.pulse_bpm, packet.spo2_percent),
            pleth_low=packet.pleth_low,
            pleth_high=packet.pleth_high,
            now_ns=now_ns,
        )
        if frozen and not self._frozen:
            self._notice("frozen: the same values for 60 s without a pulse wave; check sensor and device")
        self._frozen = frozen

    def _tell_changes(self, stat2: int) -> None:
        changed = stat2 ^ self._stat2
        if not changed:
            return
        self._stat2 = stat2
        if changed & Stat2.LOW_BATTERY:
            self._notice("low battery: change it now" if stat2 & Stat2.LOW_BATTERY else "battery good again")
        if changed & Stat2.SMART_POINT:
            self._notice(f"SmartPoint quality {'reached' if stat2 & Stat2.SMART_POINT else 'no longer reached'}")

    def _count_error(self, now_ns: int) -> None:
        errors_ns = self._errors_ns
        errors_ns.append(now_ns)
        many = len(errors_ns) > ERRORS_TOLERATED and now_ns - errors_ns[0] <= ERROR_WINDOW_NS
        if many and not self._errors_told:
            self._notice(f"more than {ERRORS_TOLERATED} damaged packets in 10 s; check cable and connectors")
        self._errors_told = many

    def _notice(self, text: str) -> None:
        self._events.append(MonitorNotice(source=self._source, text=text))


Judged = tuple[int | None, Validity]
"""A number as the core may see it, and whether it may be used."""


def judge_pulse(packet: Packet) -> Judged:
    """Return the pulse rate of a packet, 1/min; possible is 20 to 300."""
    value = packet.pulse_bpm
    if (cause := _unusable(packet.status)) is not None:
        return None, cause
    if value is None:
        return None, Validity.SEARCHING
    return value, Validity.VALID if value in POSSIBLE[VitalKind.HR] else Validity.IMPOSSIBLE


def judge_spo2(packet: Packet) -> Judged:
    """Return the oxygen saturation of a packet, %; possible is 50 to 100, and above 100 is no saturation at all."""
    value = packet.spo2_percent
    if (cause := _unusable(packet.status)) is not None:
        return None, cause
    if value is None:
        return None, Validity.SEARCHING
    if value >= POSSIBLE[VitalKind.SPO2].stop:
        return None, Validity.MISSING
    return value, Validity.VALID if value in POSSIBLE[VitalKind.SPO2] else Validity.IMPOSSIBLE


def stale(judged: Judged) -> Judged:
    """Return the same without a value that could be used; an impossible one stays, for it pauses at once."""
    return (None, Validity.MISSING) if judged[1] is Validity.VALID else judged


def _unusable(status: int) -> Validity | None:
    if status & _OFF:
        return Validity.PROBE_OFF
    if status & _OUT_OF_TRACK:
        return Validity.SEARCHING
    if status & _ARTEFACT:
        return Validity.ARTEFACT
    return None
