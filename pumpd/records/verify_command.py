"""`pumpd verify`: whether a journal is as it was written. Needs nothing but the file, and changes nothing in it."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pumpd.records import reader
from pumpd.records.chain import ChainError, Head, Link
from pumpd.records.database import Identity, JournalError
from pumpd.records.journal import GAP_KIND

if TYPE_CHECKING:
    from argparse import _SubParsersAction

EXIT_USAGE = 2
HASH_DIGITS = 64


class _Seen:
    """What is told of the records that fit."""

    def __init__(self) -> None:
        self.first: Link | None = None
        self.last: Link | None = None
        self.gaps: list[int] = []
        self._newest: Link | None = None

    def take(self, link: Link) -> None:
        """Take a record; the one before it has been found to fit."""
        self._count_newest()
        self._newest = link

    def end(self, error: ChainError | None) -> None:
        """No more come; the last one taken fits unless the error begins with it or before."""
        if error is None or (self._newest is not None and self._newest.seq < error.seq):
            self._count_newest()

    def _count_newest(self) -> None:
        link = self._newest
        if link is None:
            return
        self.first = self.first or link
        self.last = link
        if link.kind == GAP_KIND:
            self.gaps.append(link.seq)


def add_verify_parser(subparsers: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `pumpd verify` to the command line."""
    parser = subparsers.add_parser(
        "verify",
        help="check that a journal is as it was written",
        description="Checks the hash chain of a journal from its first record to its last, also while a daemon writes.",
        allow_abbrev=False,
    )
    parser.add_argument("journal", type=Path, help="the file of the journal")
    parser.add_argument(
        "--head", type=head, metavar="SEQ:HASH", help="a head that was noted earlier: shows that no tail was cut off"
    )
    parser.set_defaults(handler=run_verify)


def head(text: str) -> Head:
    """Return the head that `SEQ:HASH` names, for argparse."""
    seq, _, digest = text.partition(":")
    if not (seq.isascii() and seq.isdigit() and len(digest) == HASH_DIGITS and set(digest) <= set("0123456789abcdef")):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a head; write the record's number, a colon and its {HASH_DIGITS} hex digits"
        )
    return Head(seq=int(seq), hash=digest)


def run_verify(options: argparse.Namespace) -> int:
    """Carry out `pumpd verify`; return 0 for a whole journal, 1 where something is missing or does not fit."""
    path: Path = options.journal
    seen = _Seen()
    try:
        identity = reader.identity(path)
        error = reader.check(path, expected=options.head, see=seen.take)
    except JournalError as refused:
        print(f"pumpd verify: {refused}", file=sys.stderr)
        return EXIT_USAGE
    seen.end(error)
    _tell(identity, seen)
    if error is not None:
        print(f"NOT AS IT WAS WRITTEN: {error}")
        return 1
    if seen.gaps:
        places = ", ".join(map(str, seen.gaps))
        print(f"NOT COMPLETE: nothing was changed, but records were lost when they were to be written: see {places}")
        return 1
    if options.head is None:
        print("whole up to this head; whether later records were cut off shows only with --head and a noted head")
    else:
        print(f"whole, and it passes through the noted record {options.head.seq}")
    return 0


def _tell(identity: Identity, seen: _Seen) -> None:
    print(f"journal   {identity.journal_id} of {identity.bed}, begun {identity.created_utc}")
    if seen.first is None or seen.last is None:
        print("records   none that fit")
        return
    print(f"records   {seen.last.seq} that fit, from {seen.first.wall_utc} to {seen.last.wall_utc}")
    print(f"head      {seen.last.seq}:{seen.last.hash}")
