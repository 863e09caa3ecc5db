"""Beds of which something was heard."""

from collections.abc import Mapping
from typing import Any

from pumpd.core.quantities import NS_PER_S
from pumpd.dashboard.board import Board
from pumpd.mqtt.payloads import Alarms, Heartbeat, Message, ProfilePayload, State, Vital
from pumpd.mqtt.topics import BedTopics
from tests.mqtt.examples import alarms, heartbeat, state, vital

TOPICS = BedTopics(bed="bed1")
START_NS = 1_000 * NS_PER_S

RULES: list[Mapping[str, Any]] = [
    {"id": "sbp-high-pause", "vital": "sbp", "side": ">=", "limit": 160, "relative": False, "action": "pause"},
    {"id": "sbp-rise-pause", "vital": "sbp", "side": ">=", "limit": 40, "relative": True, "action": "pause"},
    {"id": "spo2-low-pause", "vital": "spo2", "side": "<", "limit": 92, "relative": False, "action": "pause"},
    {"id": "spo2-low-alert", "vital": "spo2", "side": "<", "limit": 95, "relative": False, "action": "alert"},
]


def profile(**members: Any) -> ProfilePayload:
    whole = {"rules": RULES, "nibp_interval_ns": 300 * NS_PER_S, "assess_interval_ns": 600 * NS_PER_S, **members}
    return ProfilePayload(name="demo", hash="abc", approvers=("Dr A",), profile=whole)


def tell(board: Board, message: Message, at_ns: int = START_NS, *, retained: bool = False) -> None:
    match message:
        case Heartbeat():
            topic = TOPICS.heartbeat
        case State():
            topic = TOPICS.state
        case Alarms():
            topic = TOPICS.alarms
        case ProfilePayload():
            topic = TOPICS.profile
        case Vital():
            topic = TOPICS.vital(message.kind)
        case _:
            topic = TOPICS.event
    assert board.hear(topic, message.to_bytes(), retained=retained, now_ns=at_ns) == "bed1"


def lively(**changes: object) -> Board:
    """A board on which bed1 is up, told everything at `START_NS`."""
    board = Board(["bed1", "bed2"])
    board.broker_lost = None
    tell(board, profile())
    tell(board, state(**changes))
    tell(board, heartbeat(1))
    tell(board, alarms())
    tell(board, vital())
    return board
