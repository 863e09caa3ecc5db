"""The hash chain over the records of one journal: every hash covers the hash before it. Pure; knows no file."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii as quoted


class ChainError(ValueError):
    """The chain is broken. `seq` is the first record that does not fit; the message says how."""

    def __init__(self, seq: int, reason: str) -> None:
        super().__init__(f"record {seq}: {reason}")
        self.seq = seq
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Where a chain ends: the number of its last record (0 for none) and the hash that covers everything up to it."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One record in its place. `mono_ns` counts from the start of the daemon's run `boot`; `body` is canonical text."""

    seq: int
    kind: str
    mono_ns: int
    wall_utc: str
    boot: str
    body: str
    previous_hash: str
    hash: str

    @property
    def head(self) -> Head:
        """The head of the chain that ends here."""
        return Head(seq=self.seq, hash=self.hash)


def genesis(journal_id: str) -> Head:
    """Return the head of the empty chain of the journal `journal_id`."""
    return Head(seq=0, hash=hashlib.sha256(f"pumpd journal {journal_id}".encode()).hexdigest())


def link(previous: Head, *, kind: str, mono_ns: int, wall_utc: str, boot: str, body: str) -> Link:
    """Return the link that follows `previous`."""
    seq = previous.seq + 1
    return Link(
        seq=seq,
        kind=kind,
        mono_ns=mono_ns,
        wall_utc=wall_utc,
        boot=boot,
        body=body,
        previous_hash=previous.hash,
        hash=digest(previous.hash, seq, kind, mono_ns, wall_utc, boot, body),
    )


def digest(previous_hash: str, seq: int, kind: str, mono_ns: int, wall_utc: str, boot: str, body: str) -> str:
    """Return the hash of a record in its place."""
    # The header is a JSON list on one line, so that no two different records give the same text.
    names = f"{quoted(kind)},{mono_ns},{quoted(wall_utc)},{quoted(boot)}"
    return hashlib.sha256(f"[{quoted(previous_hash)},{seq},{names}]\n{body}".encode()).hexdigest()


def misfit(previous: Head, following: Link) -> ChainError | None:
    """Return why `following` is not the link after `previous`, or None when it is."""
    seq = previous.seq + 1
    if following.seq != seq:
        return ChainError(seq, f"is missing or out of order: record {following.seq} stands in its place")
    if following.previous_hash != previous.hash:
        return ChainError(seq, "does not continue the record before it")
    expected = digest(
        previous.hash, seq, following.kind, following.mono_ns, following.wall_utc, following.boot, following.body
    )
    if following.hash != expected:
        return ChainError(seq, "was changed after it was written, or the record before it was")
    return None


def verify(links: Iterable[Link], *, start: Head, expected: Head | None = None) -> ChainError | None:
    """Return the first misfit in `links`, which follow `start`, or None when the chain is whole.

    `start` is `genesis(journal_id)` for a whole journal. `expected` is a head that was noted earlier, such as the one
    on a printed report: the chain must pass through it, so that a cut tail is found. Later records may follow it.
    """
    last = start
    for following in links:
        error = misfit(last, following)
        if error is not None:
            return error
        last = following.head
        if expected is not None and last.seq == expected.seq and last.hash != expected.hash:
            return ChainError(last.seq, "is not the record whose hash was noted")
    if expected is not None and last.seq < expected.seq:
        return ChainError(last.seq + 1, f"is missing: the chain was cut off before the noted record {expected.seq}")
    return None
