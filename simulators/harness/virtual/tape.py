"""What happened, in order: bytes on the lines, messages on the bus, records of the journal; and their hash."""

import hashlib
from typing import NamedTuple

HASHED_AT_ONCE = 65_536
"""Bytes that are gathered before they are hashed: for most entries the call would cost more than the hash."""


class Entry(NamedTuple):
    """Something that happened. `source` names line and direction (`pump>` leaves the daemon), bus topic or journal.

    What the daemon itself sends to and gets from the bus has `daemon>` and `daemon<` before the topic.
    """

    at_ns: int
    source: str
    data: bytes


class Tape:
    """Hashes every entry; keeps those whose source begins with one of `kept`, which is a tuple of beginnings."""

    def __init__(self, kept: tuple[str, ...] = ()) -> None:
        self._kept = kept
        self._hash = hashlib.sha256()
        self._unhashed = bytearray()
        self.entries: list[Entry] = []
        self.messages = 0

    def note(self, at_ns: int, source: str, data: bytes) -> None:
        """Take an entry."""
        self._unhashed += f"{at_ns} {source} {len(data)}\n".encode()
        self._unhashed += data
        if len(self._unhashed) > HASHED_AT_ONCE:
            self._hash_rest()
        self.messages += 1
        if self._kept and source.startswith(self._kept):
            self.entries.append(Entry(at_ns, source, data))

    def digest(self) -> str:
        """Return the SHA-256 over everything so far, as hex."""
        self._hash_rest()
        return self._hash.hexdigest()

    def _hash_rest(self) -> None:
        self._hash.update(self._unhashed)
        self._unhashed.clear()
