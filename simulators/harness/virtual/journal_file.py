"""The journal of a virtual bed as a real file: the records as they are, each with its own time and hash."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from pumpd.records import database
from pumpd.records.chain import Link
from pumpd.records.database import Identity
from simulators.harness.virtual.store import journal_id


def identity(links: Sequence[Link], bed: str) -> Identity:
    """Return whose journal it is: begun with its first record."""
    return Identity(journal_id=journal_id(bed), bed=bed, created_utc=links[0].wall_utc)


def write(path: Path, links: Sequence[Link], *, bed: str) -> Path:
    """Write records of a virtual bed as a new journal; raises `JournalError`, `sqlite3.Error` or `OSError`."""
    with closing(database.connect(path)) as connection:
        database.prepare(connection, path, identity=identity(links, bed))
        database.insert(connection, list(links))
    return path
