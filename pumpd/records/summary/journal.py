"""A journal file as the sessions it tells of, verified on the way. Knows files; draws nothing."""

from pathlib import Path

from pumpd.records import reader
from pumpd.records.summary.fold import told
from pumpd.records.summary.model import Session, Told


class NoSessionError(ValueError):
    """The session that was asked for is not in the journal; the message says which are."""


def read(path: Path) -> Told:
    """Return what the journal tells, up to the first record that does not fit.

    Raises `JournalError` where the file cannot be read and `SummaryError` for a record of another pumpd.
    """
    return told(reader.read(path), reader.identity(path))


def chosen(found: Told, name: str | None) -> Session:
    """Return the session of that name, or the newest; raises `NoSessionError`."""
    if not found.sessions:
        raise NoSessionError("the journal holds no session: no order was ever prepared")
    if name is None:
        return found.sessions[-1]
    session = next((each for each in found.sessions if each.session == name), None)
    if session is None:
        names = ", ".join(each.session for each in found.sessions)
        raise NoSessionError(f"the journal holds no session {name}; it holds {names}")
    return session
