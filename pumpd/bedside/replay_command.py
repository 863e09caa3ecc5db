"""`pumpd replay`: whether a fresh core decides what a journal says was decided; with another profile, what it would."""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pumpd.bedside.profile_file import ProfileError, load_profile
from pumpd.core.controller import Core
from pumpd.core.effects import Decision, MeasureNibp, ProgramPump, Receipt, SendRun, SendStop, WriteIntent
from pumpd.core.profile import Profile
from pumpd.records import reader
from pumpd.records.beginning import RunBegins, program_version
from pumpd.records.chain import ChainError
from pumpd.records.database import JournalError
from pumpd.records.replay import Difference, Findings, MakeCore, ReplayError, Step, findings, same_core

if TYPE_CHECKING:
    from argparse import _SubParsersAction

EXIT_USAGE = 2
SHOWN_LINES = 60
"""What a replay under another profile prints at most: after the first difference the two go apart."""
_TOLD = tuple(
    f'{{"type":"{kind.__name__}"'
    for kind in (Decision, Receipt, SendStop, SendRun, ProgramPump, WriteIntent, MeasureNibp)
)
"""How the decisions begin that say something to a person; the others only follow from them."""


def add_parser(subparsers: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "replay",
        help="check that a journal's events lead to its decisions",
        description="Feeds the events of a journal to a fresh core and compares every decision with the recorded one.",
        allow_abbrev=False,
    )
    parser.add_argument("journal", type=Path, help="the file of the journal")
    parser.add_argument(
        "--profile", type=Path, metavar="FILE", help="ask instead what would have been decided under this profile"
    )
    parser.set_defaults(handler=_main)


def _main(arguments: argparse.Namespace) -> int:
    try:
        if arguments.profile is None:
            return _same(arguments.journal)
        return _what_if(arguments.journal, load_profile(arguments.profile))
    except (JournalError, ReplayError, ProfileError) as error:
        print(f"pumpd replay: {error}", file=sys.stderr)
        return EXIT_USAGE
    except ChainError as error:
        print(f"pumpd replay: {arguments.journal}: {error}; see pumpd verify", file=sys.stderr)
        return 1


def _same(path: Path) -> int:
    found = _findings(path, same_core, lambda _step: None)
    if found.first is not None:
        print(f"DIFFERENT on {found.differing} of {found.events} events, first at record {found.first.seq}:")
        _print_difference(found.first)
        if found.programs != (program_version(),):
            print(f"This is pumpd {program_version()}, and versions may decide differently; replay with the one above.")
    _print_gaps(found)
    if found.first is not None:
        return 1
    print(f"{found.decisions} decisions on {found.events} events: the same, byte for byte")
    return 0 if found.is_same else 1


def _what_if(path: Path, profile: Profile) -> int:
    print(f"WHAT IF: profile {profile.name} ({profile.hash}) in place of the recorded one; this happened to nobody")
    lines: list[str] = []

    def keep(step: Step) -> None:
        if len(lines) <= SHOWN_LINES:
            lines.extend(_told(step))

    found = _findings(path, lambda run: _core_under(profile, run), keep)
    for line in lines[:SHOWN_LINES]:
        print(line)
    if len(lines) > SHOWN_LINES:
        print("  ... and so on")
    _print_gaps(found)
    if found.first is None:
        print(f"{found.decisions} decisions on {found.events} events: this profile changes none")
        return 0
    print(f"Other decisions on {found.differing} of {found.events} events, first at record {found.first.seq}.")
    if lines:
        print("- recorded, + under this profile; after the first, pump, cuff and people still answer the recorded one.")
    else:
        print(
            "Runs, stops, cuff cycles, receipts and lines of the record are the same; alarms, or what is kept, are not."
        )
    return 0


def _core_under(profile: Profile, run: RunBegins) -> Core:
    # the recorded hash stays: orders are hashed with it, and people's commands quote those hashes
    return Core(replace(run.settings, profile=replace(profile, hash=run.profile.hash)))


def _findings(path: Path, make_core: MakeCore, on_difference: Callable[[Step], None]) -> Findings:
    identity = reader.identity(path)
    found = findings(reader.read(path), make_core, on_difference=on_difference)
    programs = ", ".join(found.programs) or "nothing yet"
    print(f"journal {identity.journal_id} of {identity.bed}: {found.runs} runs of the daemon, pumpd {programs}")
    return found


def _told(step: Step) -> Iterator[str]:
    """Yield what a person reads of a step: the decisions that only one of the two made."""
    recorded = Counter(each.body for each in step.recorded)
    replayed = Counter(step.comparable)
    only = [("-", body) for body in (recorded - replayed).elements() if body.startswith(_TOLD)]
    only += [("+", body) for body in (replayed - recorded).elements() if body.startswith(_TOLD)]
    if only:
        yield f"{step.event.wall_utc} record {step.event.seq}, {step.event.kind}"
        yield from (f"  {sign} {body}" for sign, body in only)


def _print_gaps(found: Findings) -> None:
    for seq in found.gaps:
        print(f"NOT COMPLETE: records were lost before record {seq}; the rest of that run cannot be replayed")


def _print_difference(difference: Difference) -> None:
    print(f"  recorded {difference.recorded or 'nothing'}")
    print(f"  replayed {difference.replayed or 'nothing'}")
