"""`pumpd report`: one session of a journal as HTML and PDF. Needs nothing but the file, and changes nothing in it."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pumpd.records.database import JournalError
from pumpd.records.export.cells import utc
from pumpd.records.summary.journal import NoSessionError, chosen, read
from pumpd.records.summary.model import Session, Told
from pumpd.records.summary.turns import SummaryError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

EXIT_BROKEN, EXIT_USAGE = 1, 2


def add_report_parser(subparsers: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `pumpd report` to the command line."""
    parser = subparsers.add_parser(
        "report",
        help="tell one session of a journal as HTML and PDF",
        description="Verifies a journal and writes the report of one session; without a file it lists the sessions.",
        allow_abbrev=False,
    )
    add_source(parser)
    parser.add_argument("--html", type=Path, metavar="FILE", help="one page that needs nothing else")
    parser.add_argument("--pdf", type=Path, metavar="FILE", help="A4 pages")
    parser.set_defaults(handler=run_report)


def add_source(parser: argparse.ArgumentParser) -> None:
    """Add what a report and an export are made of."""
    parser.add_argument("journal", type=Path, help="the file of the journal")
    parser.add_argument("--session", metavar="ID", help="which session; without it the newest")
    parser.add_argument(
        "--broken",
        action="store_true",
        help="also of a journal in which a record does not fit: of the records before it, marked as broken",
    )


def run_report(options: argparse.Namespace) -> int:
    """Carry out `pumpd report`; return 0, or 1 for a record that does not fit, or 2 where nothing can be made."""
    return with_session("report", options, lambda told, session: _report(told, session, options))


def with_session(command: str, options: argparse.Namespace, make: Callable[[Told, Session], int]) -> int:
    """Read the journal, choose the session, and let `make` make something of it; return the exit status."""
    try:
        told = read(options.journal)
        if told.broken is not None and not options.broken:
            print(
                f"NOT AS IT WAS WRITTEN: {told.broken}\nnothing was made of it; --broken tells what stands before that "
                "record, marked as broken",
                file=sys.stderr,
            )
            return EXIT_BROKEN
        return make(told, chosen(told, options.session))
    except ModuleNotFoundError as error:
        print(
            f"pumpd {command}: needs {error.name}: install pumpd with the extra [{_EXTRAS[command]}]", file=sys.stderr
        )
    except (JournalError, SummaryError, NoSessionError) as refused:
        print(f"pumpd {command}: {refused}", file=sys.stderr)
    except OSError as error:
        where = error.filename or "the output"
        print(f"pumpd {command}: {where}: cannot be written: {error.strerror}", file=sys.stderr)
    return EXIT_USAGE


_EXTRAS = {"report": "report", "export": "fhir"}


def _report(told: Told, session: Session, options: argparse.Namespace) -> int:
    if options.html is None and options.pdf is None:
        for each in told.sessions:
            print(f"{each.session}  begun {utc(each.begun_wall_ns)}  {each.outcome.value}")
        return 0
    write_report(told, session, page=options.html, paper=options.pdf)
    print(f"session {session.session} ({session.outcome.value}), chain head {told.head.seq}:{told.head.hash}")
    return 0


def write_report(told: Told, session: Session, *, page: Path | None, paper: Path | None) -> None:
    """Write the report of a session as HTML and as PDF, where each is wanted; raises `OSError`."""
    from pumpd.records.report.content import document

    content = document(told, session)
    if page is not None:
        from pumpd.records.report.html import html

        write(page, html(content).encode())
    if paper is not None:
        from pumpd.records.report.pdf import pdf

        write(paper, pdf(content).data)


def write(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read; one that is there is replaced as a whole."""
    part = path.with_name(f".{path.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
