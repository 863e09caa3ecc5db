"""Topic names: built and taken apart in one place. Knows nothing of payloads or connections."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, unique
from functools import lru_cache

from pumpd.core.ports import VitalKind

ROOT = "pumpd/v1"
RESERVED_BED = "clinic"
"""The clinic process answers under this name, so no bed and no account may carry it."""
NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9-]{0,31}"
"""Beds, accounts and sources: letters, digits, hyphen. Nothing that means something in a topic filter."""

INPUT_STATUS = "status"
"""The kind of an input on which a source, or its last will, says whether it is there."""

_NAME = re.compile(NAME_PATTERN)


@unique
class Channel(Enum):
    """The kinds of topic under a bed."""

    STATUS = "status"
    HEARTBEAT = "heartbeat"
    STATE = "state"
    ALARMS = "alarms"
    PROFILE = "profile"
    EVENT = "event"
    CLEARANCE = "clearance"
    VITALS = "vitals"
    ACK = "ack"
    STATION = "station"
    REQUEST = "cmd"
    INPUT = "in"


_PLAIN = frozenset(
    {
        Channel.STATUS,
        Channel.HEARTBEAT,
        Channel.STATE,
        Channel.ALARMS,
        Channel.PROFILE,
        Channel.EVENT,
        Channel.CLEARANCE,
    }
)
_NAMED = frozenset({Channel.VITALS, Channel.ACK, Channel.STATION})


class TopicError(ValueError):
    """A name that cannot be a level of a topic; the message says which."""


def is_name(text: str) -> bool:
    """Return whether `text` can name a bed, an account or a source."""
    return _NAME.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic, taken apart. `name` is the user, the vital or the source; `detail` is the kind of an input."""

    bed: str
    channel: Channel
    name: str | None = None
    detail: str | None = None

    def __post_init__(self) -> None:
        wanted = 0 if self.channel in _PLAIN else 2 if self.channel is Channel.INPUT else 1
        levels = [level for level in (self.name, self.detail) if level is not None]
        if len(levels) != wanted or (wanted == 1 and self.name is None):
            raise TopicError(f"a {self.channel.value} topic has {wanted} names after it, got {len(levels)}")
        for level in (self.bed, *levels):
            if not is_name(level):
                raise TopicError(f"{level[:40]!r} is no name: 1 to 32 letters, digits and hyphens")

    def __str__(self) -> str:
        parts = [ROOT, self.bed, self.channel.value]
        parts += [level for level in (self.name, self.detail) if level is not None]
        if self.channel is Channel.REQUEST:
            parts.append("request")
        return "/".join(parts)


@lru_cache(maxsize=256)
def parse(text: str) -> Topic | None:
    """Return the topic that `text` spells, or None where it is none of pumpd's."""
    levels = text.split("/")
    if len(levels) < 4 or "/".join(levels[:2]) != ROOT:
        return None
    bed, *rest = levels[2:]
    try:
        match rest:
            case [plain] if Channel(plain) in _PLAIN:
                return Topic(bed=bed, channel=Channel(plain))
            case [Channel.REQUEST.value, user, "request"]:
                return Topic(bed=bed, channel=Channel.REQUEST, name=user)
            case [named, name] if Channel(named) in _NAMED:
                return Topic(bed=bed, channel=Channel(named), name=name)
            case [Channel.INPUT.value, source, kind]:
                return Topic(bed=bed, channel=Channel.INPUT, name=source, detail=kind)
            case _:
                return None
    except ValueError:  # an unknown channel, or a level that is no name
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class BedTopics:
    """The topics of one bed, as text."""

    bed: str

    def __post_init__(self) -> None:
        if not is_name(self.bed):
            raise TopicError(f"{self.bed[:40]!r} is no bed name: 1 to 32 letters, digits and hyphens")

    @property
    def status(self) -> str:
        """Retained, and the daemon's last will."""
        return self._plain(Channel.STATUS)

    @property
    def heartbeat(self) -> str:
        """Once a second, never retained."""
        return self._plain(Channel.HEARTBEAT)

    @property
    def state(self) -> str:
        """The whole state, retained."""
        return self._plain(Channel.STATE)

    @property
    def alarms(self) -> str:
        """The alarms that stand or wait for an acknowledgement, retained."""
        return self._plain(Channel.ALARMS)

    @property
    def profile(self) -> str:
        """The profile in force, retained."""
        return self._plain(Channel.PROFILE)

    @property
    def event(self) -> str:
        """Record lines, never retained."""
        return self._plain(Channel.EVENT)

    @property
    def clearance(self) -> str:
        """The clinic's clearance for this bed, retained; only the clinic's account may write it."""
        return self._plain(Channel.CLEARANCE)

    def vital(self, kind: VitalKind) -> str:
        """One kind of vital sign, never retained."""
        return str(Topic(bed=self.bed, channel=Channel.VITALS, name=kind.value))

    def request(self, user: str) -> str:
        """Where one user asks, never retained. The broker lets only that user publish here."""
        return str(Topic(bed=self.bed, channel=Channel.REQUEST, name=user))

    def ack(self, user: str) -> str:
        """Where one user's receipts go."""
        return str(Topic(bed=self.bed, channel=Channel.ACK, name=user))

    def station(self, user: str) -> str:
        """Where one user's screen says that it is watched."""
        return str(Topic(bed=self.bed, channel=Channel.STATION, name=user))

    def _plain(self, channel: Channel) -> str:
        return str(Topic(bed=self.bed, channel=channel))


def inputs(bed: str, sources: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return where the sources of a bed publish: the kinds of each, and its status."""
    return tuple(
        str(Topic(bed=bed, channel=Channel.INPUT, name=source, detail=kind))
        for source, kinds in sources.items()
        for kind in (*kinds, INPUT_STATUS)
    )


def screen_filters(bed: str) -> tuple[str, ...]:
    """Return what a screen reads of `bed` (`+` for every bed): the seven kinds, the vitals spelt out one by one.

    No filter ends in `+`: in amqtt a right that does so admits `#` at that level too.
    """
    plain = (Channel.STATUS, Channel.HEARTBEAT, Channel.STATE, Channel.ALARMS, Channel.PROFILE, Channel.EVENT)
    return (
        *(f"{ROOT}/{bed}/{channel.value}" for channel in plain),
        *(f"{ROOT}/{bed}/{Channel.VITALS.value}/{kind.value}" for kind in VitalKind),
    )


def clinic_filters(beds: Sequence[str]) -> tuple[str, ...]:
    """Return what the clinic's process reads: requests to it, and what each bed says of its session."""
    return (
        f"{ROOT}/{RESERVED_BED}/{Channel.REQUEST.value}/+/request",
        *(BedTopics(bed=bed).state for bed in beds),
    )


def daemon_filters(
    bed: str, users: tuple[str, ...], sources: Mapping[str, Sequence[str]] | None = None
) -> tuple[str, ...]:
    """Return what the daemon of `bed` reads: requests, clearance, the stations of operators, the bed's own sources."""
    topics = BedTopics(bed=bed)
    return (
        f"{ROOT}/{bed}/{Channel.REQUEST.value}/+/request",
        topics.clearance,
        *(topics.station(user) for user in users),
        *inputs(bed, sources or {}),
    )
