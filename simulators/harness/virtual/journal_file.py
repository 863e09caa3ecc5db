"""The journal of a virtual bed as a real file: the records as they are, each with its own time and hash."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from pumpd.records import database
from pumpd.records.chain import Link
from pumpd.records.database import Identity
from simulators.harness.virtual.store import journal_id


def identity(bed: str, created_utc: str) -> Identity:
    """Return what the journal of a virtual bed says of itself."""
    return Identity(journal_id=journal_id(bed), bed=bed, created_utc=created_utc)


def write(path: Path, links: Sequence[Link], *, bed: str) -> Path:
    """Write the records of a virtual bed, from its first on, as a new journal."""
    with closing(database.connect(path)) as connection:
        database.prepare(connection, path, identity=identity(bed, links[0].wall_utc))
        database.insert(connection, list(links))
    return path
