"""`pumpd evidence`: each halt that no human asked for, with what it was decided on and the pump's bytes around it.

Needs nothing but the file of the journal, and changes nothing in it.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pumpd.core.effects import KeepEvidence
from pumpd.core.evidence import Evidence
from pumpd.core.quantities import NL_PER_ML, NS_PER_MS, NS_PER_S, text
from pumpd.records import reader
from pumpd.records.chain import ChainError, Link
from pumpd.records.database import JournalError
from pumpd.records.encoding import EncodingError, parse, registry
from pumpd.records.replay import WIRE_KINDS

if TYPE_CHECKING:
    from argparse import _SubParsersAction

EXIT_USAGE = 2
_TYPES = registry(KeepEvidence)


def evidence_in(links: Iterable[Link]) -> Iterator[tuple[Link, Evidence]]:
    """Yield each record of evidence in `links`; raises `EncodingError` for one of another version of pumpd."""
    for link in links:
        if link.kind == KeepEvidence.__name__:
            kept = parse(link.body, _TYPES)
            if isinstance(kept, KeepEvidence):
                yield link, kept.evidence


def wire_of(link: Link, evidence: Evidence, links: Iterable[Link]) -> tuple[Link, ...]:
    """Return the pump's bytes, both ways, that belong to the evidence in `link`."""
    return tuple(
        each
        for each in links
        if each.kind in WIRE_KINDS
        and each.boot == link.boot
        and evidence.wire_from_ns <= each.mono_ns <= evidence.wire_until_ns
    )


def add_evidence_parser(subparsers: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `pumpd evidence` to the command line."""
    parser = subparsers.add_parser(
        "evidence",
        help="show each automatic pause of a journal, and why",
        description="Prints each halt that no human asked for: its causes, values, alarms and the pump's bytes.",
        allow_abbrev=False,
    )
    parser.add_argument("journal", type=Path, help="the file of the journal")
    parser.set_defaults(handler=run_evidence)


def run_evidence(options: argparse.Namespace) -> int:
    """Carry out `pumpd evidence`; return 0, or 1 where a record does not fit, or 2 where nothing can be read."""
    path: Path = options.journal
    try:
        found = list(evidence_in(reader.read(path)))
        for link, evidence in found:
            wire = wire_of(link, evidence, reader.read(path))
            print("\n".join(_lines(link, evidence, wire)))
    except (JournalError, EncodingError) as refused:
        print(f"pumpd evidence: {refused}", file=sys.stderr)
        return EXIT_USAGE
    except ChainError as error:
        print(f"NOT AS IT WAS WRITTEN: {error}")
        return 1
    print(f"{len(found)} halts that no human asked for")
    return 0


def _lines(link: Link, evidence: Evidence, wire: tuple[Link, ...]) -> Iterator[str]:
    halted = evidence.halted
    yield f"record {link.seq}, {link.wall_utc}: {halted.mode.value} -> {halted.aim.name.lower()}: {halted.cause}"
    yield f"  profile {evidence.profile_name} {evidence.profile_version} ({evidence.profile_hash})"
    low, high = (text(volume_nl, NL_PER_ML, 6) for volume_nl in (evidence.low_nl, evidence.high_nl))
    yield f"  given {low} to {high} mL of order {evidence.order_hash}, started by {evidence.started_by}"
    for cause in evidence.causes:
        yield f"  cause {cause.priority.name} {cause.id}: {cause.text}"
    for seen in (*evidence.samples, *evidence.refused):
        sample = seen.sample
        shown = "--" if sample.value is None else str(sample.value)
        age = f"{text(seen.age_ns, NS_PER_S, 3)} s old"
        yield f"  {sample.kind.value} {shown} {sample.kind.unit}, {sample.validity.value}, {age}, {sample.source}"
    for alarm in evidence.alarms:
        noted = "not acknowledged" if alarm.acknowledged_by is None else f"acknowledged by {alarm.acknowledged_by}"
        yield f"  alarm {alarm.priority.name} {alarm.id} episode {alarm.episode}: {noted}"
    for each in wire:
        offset_ms = (each.mono_ns - evidence.at_ns) // NS_PER_MS
        yield f"  {offset_ms:+} ms record {each.seq} {each.kind} {each.body}"
