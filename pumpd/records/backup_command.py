"""`pumpd backup` and `pumpd restore` on the command line. Nothing is thrown away unless `--prune` asks for it."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pumpd.mqtt.site import SiteError, load_site
from pumpd.records.backup import Copy, back_up, prune, restore

if TYPE_CHECKING:
    from argparse import _SubParsersAction

EXIT_FAILED, EXIT_USAGE = 1, 2


def add_backup_parser(subparsers: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `pumpd backup` to the command line."""
    parser = subparsers.add_parser(
        "backup",
        help="copy journals of beds and of the clinic, also while they are written",
        description="Copies journals of beds and of the clinic into a folder and verifies each copy. Removes old "
        "copies only with --prune.",
        allow_abbrev=False,
    )
    parser.add_argument("journal", type=Path, nargs="*", help="the files of the journals, or clinic.db")
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="where the copies go")
    parser.add_argument(
        "--prune",
        action="store_true",
        help="then remove copies older than the site's keep_backups_days, where a newer one holds all that they hold",
    )
    parser.add_argument("--site", type=Path, help="the site file; --prune needs it")
    parser.set_defaults(handler=run_backup)


def add_restore_parser(subparsers: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `pumpd restore` to the command line."""
    parser = subparsers.add_parser(
        "restore",
        help="put a copy of a journal where one is missing",
        description="Verifies a copy and puts it where no journal is and nobody writes one. Nothing is ever put over a "
        "file.",
        allow_abbrev=False,
    )
    parser.add_argument("backup", type=Path, help="the copy")
    parser.add_argument("--to", type=Path, required=True, metavar="JOURNAL", help="the file of the journal to be")
    parser.set_defaults(handler=run_restore)


def run_backup(options: argparse.Namespace) -> int:
    """Carry out `pumpd backup`; return 0, or 1 where a journal was not copied, or 2 for a wrong call."""
    now = datetime.now(UTC)
    keep_days = None
    if options.prune:
        try:
            keep_days = _keep_days(options.site)
        except ValueError as refused:
            print(f"pumpd backup: {refused}", file=sys.stderr)
            return EXIT_USAGE
    elif not options.journal:
        print("pumpd backup: name the journals to copy", file=sys.stderr)
        return EXIT_USAGE
    failed = False
    for journal in options.journal:
        try:
            _tell(back_up(journal, options.to, now))
        except OSError as error:
            print(f"pumpd backup: {error}", file=sys.stderr)
            failed = True
    if failed:
        return EXIT_FAILED  # no copy is removed on a day on which one could not be made
    if keep_days is not None:
        for path in prune(options.to, now, keep_days):
            print(f"removed {path}: older than {keep_days} days, and a newer copy holds all of it")
    return 0


def run_restore(options: argparse.Namespace) -> int:
    """Carry out `pumpd restore`; return 0, or 1 where nothing was put anywhere."""
    try:
        _tell(restore(options.backup, options.to))
    except OSError as error:
        print(f"pumpd restore: {error}", file=sys.stderr)
        return EXIT_FAILED
    return 0


def _keep_days(site: Path | None) -> int:
    if site is None:
        raise ValueError("--prune asks for --site FILE, whose keep_backups_days says how long copies are kept")
    try:
        keep_days = load_site(site).keep_backups_days
    except SiteError as error:
        raise ValueError(str(error)) from error
    if keep_days is None:
        raise ValueError(f"{site} has no keep_backups_days; without it nothing is removed")
    return keep_days


def _tell(copy: Copy) -> None:
    print(f"{copy.path}: of {copy.identity.bed}, whole, head {copy.head.seq}:{copy.head.hash}")
