"""`pumpd export`: one session of a journal as CSV tables and as a FHIR bundle. Changes nothing in the journal."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pumpd.records.export.cells import written
from pumpd.records.export.rows import TABLES
from pumpd.records.report_command import EXIT_USAGE, add_source, with_session, write
from pumpd.records.summary.model import Session, Told

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_export_parser(subparsers: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `pumpd export` to the command line."""
    parser = subparsers.add_parser(
        "export",
        help="give one session of a journal to other programs",
        description="Verifies a journal and writes one session as CSV tables, as a FHIR R4B bundle, or both.",
        allow_abbrev=False,
    )
    add_source(parser)
    parser.add_argument("--csv", type=Path, metavar="FOLDER", help="one file for each table; made where it is missing")
    parser.add_argument(
        "--fhir", type=Path, metavar="FILE", help="a bundle of FHIR R4B, validated before it is written"
    )
    parser.set_defaults(handler=run_export)


def run_export(options: argparse.Namespace) -> int:
    """Carry out `pumpd export`; return 0, or 1 for a record that does not fit, or 2 where nothing can be made."""
    if options.csv is None and options.fhir is None:
        print("pumpd export: say what to write: --csv FOLDER, --fhir FILE, or both", file=sys.stderr)
        return EXIT_USAGE
    return with_session("export", options, lambda told, session: _export(told, session, options))


def _export(told: Told, session: Session, options: argparse.Namespace) -> int:
    if options.fhir is not None:
        from pumpd.records.export.fhir import bundle
        from pumpd.records.export.fhir_check import checked

        write(options.fhir, checked(bundle(told, session)).encode())
    if options.csv is not None:
        folder: Path = options.csv
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for table in TABLES:
            rows = ((session.session, row) for row in table.rows(told, session))
            write(folder / f"{table.name}.csv", written(table.kind, rows).encode())
    print(f"session {session.session} ({session.outcome.value}), chain head {told.head.seq}:{told.head.hash}")
    return 0
