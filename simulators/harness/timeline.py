"""One run as lines for people: faults, commands, modes, alarms, packets and plunger, by the time since its begin."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby

from simulators.harness.faults.scenario import Scenario
from simulators.oracle.observation import NS_PER_S, Observation
from simulators.oracle.seen import Seen

SUMMARY_S = 60
"""Packets are counted over so long."""


def timeline(scenario: Scenario, observation: Observation, begin_ns: int) -> Iterator[str]:
    """Yield the lines in the order of time."""
    events = [*_faults(scenario, begin_ns), *_told(observation), *_moved(observation)]
    for at_ns, text in sorted(events, key=lambda event: event[0]):
        yield f"{(at_ns - begin_ns) / NS_PER_S:10.3f} s  {text}"


def _faults(scenario: Scenario, begin_ns: int) -> Iterator[tuple[int, str]]:
    for fault in scenario.faults:
        yield begin_ns + fault.start_ns, f"FAULT    {fault}"
        if fault.duration_ms:
            yield begin_ns + fault.end_ns, f"MENDED   {fault.name}"


def _told(observation: Observation) -> Iterator[tuple[int, str]]:
    seen = Seen(observation)
    for life in observation.lives:
        yield life.from_ns, "DAEMON   lives"
        if life.to_ns is not None:
            yield life.to_ns, "DAEMON   is gone"
    for opened_ns in observation.openings_ns:
        yield opened_ns, "PORT     the daemon opened the pump's port"
    for command in observation.received:
        pressed = "by nobody" if command.pressed_ns is None else f"pressed {_before(command.pressed_ns, command.at_ns)}"
        yield command.at_ns, f"COMMAND  {command.kind.value} {command.id} from {command.user}, {pressed}"
    for receipt in observation.receipts:
        yield receipt.at_ns, f"RECEIPT  {receipt.word.value} {receipt.id}"
    for claim in seen.changes:
        yield claim.at_ns, f"MODE     {claim.mode.value}"
    for episode in observation.alarms:
        yield episode.raised_ns, f"ALARM    {episode.id}"
        if episode.gone_ns is not None:
            yield episode.gone_ns, f"GONE     {episode.id}"
    for stop in observation.stops:
        yield stop.at_ns, f"MUST END {stop.cause}, within {stop.rest_within_ns / NS_PER_S:.3f} s"
    counted = ((packet.at_ns, packet.command[:3] or "status") for packet in seen.written)
    yield from _summed(counted)


def _summed(packets: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    for _, group in groupby(packets, key=lambda packet: packet[0] // (SUMMARY_S * NS_PER_S)):
        together = list(group)
        counts = Counter(command for _, command in together)
        text = ", ".join(f"{count} {command}" for command, count in counts.most_common())
        yield together[0][0], f"PACKETS  in {SUMMARY_S} s: {text}"


def _moved(observation: Observation) -> Iterator[tuple[int, str]]:
    for segment in observation.flow:
        by_hand = " (at the pump's keys)" if segment.from_ns in observation.keypad_starts_ns else ""
        yield segment.from_ns, f"PLUNGER  {segment.rate_nl_h / 1_000_000:.3f} mL/h{by_hand}"


def _before(earlier_ns: int, at_ns: int) -> str:
    return f"{(at_ns - earlier_ns) / NS_PER_S:.3f} s before"
