"""What a reply says: address, then a prompt with data or an error, or an alarm. Knows no time and no recipe.

`response = address status [data | error]`, `status = prompt | "A?" alarm` (New Era NE-1600 manual, p. 39-40).
"""

import re
from dataclasses import dataclass
from enum import Enum, unique

from drivers.ne1000.numbers import parse_counters, parse_number, parse_rate_nl_h, parse_volume_nl
from drivers.ne1000.packet import Frame, Framing
from pumpd.core.ports import PumpAlarmKind, PumpState

STATUS = ""
STOP = "STP"
COUNTER = "DIS"
RUN = "RUN"


@unique
class PumpError(Enum):
    """Why a command was not executed (New Era NE-1600 manual, p. 40)."""

    UNKNOWN = "?"
    NOT_APPLICABLE = "?NA"
    OUT_OF_RANGE = "?OOR"
    BAD_PACKET = "?COM"
    IGNORED = "?IGN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One reply of the pump. With an alarm there is no state, and the command was not executed."""

    text: str
    framing: Framing
    state: PumpState | None
    alarm: PumpAlarmKind | None
    error: PumpError | None
    data: str


_STATES = {
    "S": PumpState.REST,
    "P": PumpState.PAUSED,
    "I": PumpState.MOVING,
    "W": PumpState.OTHER,
    "T": PumpState.OTHER,
    "U": PumpState.OTHER,
    "X": PumpState.OTHER,
}
_ALARMS = {
    "R": PumpAlarmKind.RESET,
    "S": PumpAlarmKind.STALL,
    "T": PumpAlarmKind.WATCHDOG,
    "E": PumpAlarmKind.PROGRAM,
    "O": PumpAlarmKind.PROGRAM,
}
_REPLY = re.compile(r"([0-9]{2})(?:A\?([A-Z])|([IWSPTUX])(\?[A-Z]*)?([A-Z0-9.]*))")


def parse_reply(frame: Frame, address: int) -> Reply | None:
    """Return what a frame says, or None if it is no reply of the pump at `address`."""
    match = _REPLY.fullmatch(frame.data.decode("ascii", errors="replace"))
    if match is None or int(match[1]) != address:
        return None
    text = match[0][2:]
    if match[2]:
        kind = _ALARMS.get(match[2], PumpAlarmKind.UNKNOWN)
        return Reply(text=text, framing=frame.framing, state=None, alarm=kind, error=None, data="")
    error = None
    if match[4]:
        try:
            error = PumpError(match[4])
        except ValueError:
            return None
    return Reply(
        text=text,
        framing=frame.framing,
        state=_STATES[match[3]],
        alarm=None,
        error=error,
        data=match[5] if not error else "",
    )


_WHOLE = re.compile(r"[0-9]{1,3}")
_WORD = re.compile(r"[A-Z]{3}[A-Z0-9.]*")
_VERSION = re.compile(r"NE[0-9]+(X[0-9]*)?V[0-9]+\.[0-9]+")


def fits(command: str, reply: Reply) -> bool:
    """Say whether a reply can answer `command`: there is no sequence number, so its form must do."""
    if reply.alarm is not None or reply.error is not None:
        return True
    data = reply.data
    match command:
        case "DIS":
            return parse_counters(data) is not None
        case "VER":
            return _VERSION.fullmatch(data) is not None
        case "DIA":
            return parse_number(data) is not None
        case "RAT":
            return parse_rate_nl_h(data) is not None
        case "VOL":
            return parse_volume_nl(data) is not None
        case "SAF" | "PF" | "AL" | "PHN":
            return _WHOLE.fullmatch(data) is not None
        case "FUN" | "DIR":
            return _WORD.fullmatch(data) is not None
        case _:
            return data == ""
