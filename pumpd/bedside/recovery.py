"""What a restarted daemon must know, read from the journal: session, alarms, and the ids that have acted."""

from collections.abc import Iterable
from pathlib import Path

from pumpd.core.alarms import Alarms
from pumpd.core.commands import CommandReceived
from pumpd.core.effects import AlarmsChanged, SaveSession
from pumpd.core.session import SessionRecord
from pumpd.records import encoding, reader

REMEMBERED_IDS = 4_096
_TYPES = encoding.registry(SaveSession, AlarmsChanged, CommandReceived)


def recover(journal: Path) -> SessionRecord | None:
    """Return the newest session the journal holds, open or not; raises `JournalError` and `EncodingError`."""
    return newest_session(body for _, body in reader.newest(journal, kind=SaveSession.__name__, limit=1))


def recover_alarms(journal: Path) -> Alarms:
    """Return the alarms as the journal last holds them; raises `JournalError` and `EncodingError`."""
    return newest_alarms(body for _, body in reader.newest(journal, kind=AlarmsChanged.__name__, limit=1))


def seen_ids(journal: Path) -> tuple[str, ...]:
    """Return the ids of the commands the journal holds, the oldest first."""
    return ids_in(body for _, body in reader.newest(journal, kind=CommandReceived.__name__, limit=REMEMBERED_IDS))


def newest_session(bodies: Iterable[str]) -> SessionRecord | None:
    """Return the first session in the bodies of `SaveSession` records, the newest first; raises `EncodingError`."""
    for body in bodies:
        saved = encoding.parse(body, _TYPES)
        if isinstance(saved, SaveSession):
            return saved.record
    return None


def newest_alarms(bodies: Iterable[str]) -> Alarms:
    """Return the alarms of the first `AlarmsChanged` record in `bodies`, the newest first; raises `EncodingError`."""
    for body in bodies:
        changed = encoding.parse(body, _TYPES)
        if isinstance(changed, AlarmsChanged):
            return changed.alarms
    return Alarms()


def ids_in(bodies: Iterable[str]) -> tuple[str, ...]:
    """Return the ids in the bodies of `CommandReceived` records, the newest first; the ids are the oldest first."""
    found = []
    for body in bodies:
        received = encoding.parse(body, _TYPES)
        if isinstance(received, CommandReceived):
            found.append(received.id)
    return tuple(reversed(found))
