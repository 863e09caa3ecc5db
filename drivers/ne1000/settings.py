"""What a moving pump is asked for besides counter and state, and whether it still holds what was programmed.

While it pumps the NE-1000 takes another rate (New Era NE-500 manual, p. 12), so every poll asks for that. Diameter,
volume and function it takes only when stopped (SP500 manual, p. 31, and public drivers): whoever changes one at the
keys must stop the pump, which the next poll sees, and start it again. For one who does all that between two polls
these three are asked in turn. The direction needs no question: a pump that withdraws says so in every prompt.
"""

from collections.abc import Mapping

from drivers.ne1000.line import Answer
from drivers.ne1000.numbers import same_number, same_quantity
from pumpd.core.ports import PumpSetting, PumpState, SettingChanged

WATCHED: Mapping[str, PumpSetting] = {
    "RAT": PumpSetting.RATE,
    "VOL": PumpSetting.VOLUME,
    "DIA": PumpSetting.DIAMETER,
    "FUN": PumpSetting.MODE,
}
"""The queries; each answers for the program phase in progress."""
_EVERY_TIME = "RAT"
_IN_TURN = ("VOL", "DIA", "FUN")


def asked(poll: int) -> tuple[str, ...]:
    """Return what the poll of this number asks for."""
    return _EVERY_TIME, _IN_TURN[poll % len(_IN_TURN)]


def held(read_back: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Return what each query must answer, from what a program read back."""
    named = {"FUN1": "FUN"}
    found = {named.get(command, command): data for command, data in read_back}
    return {command: found[command] for command in WATCHED}


def change(answer: Answer, programmed: str) -> SettingChanged | None:
    """Return what was changed, or None. Only a pump that moves is in the phase that was programmed."""
    reply = answer.reply
    if reply is None or reply.error is not None or reply.state is not PumpState.MOVING:
        return None
    if _same(answer.command, reply.data, programmed):
        return None
    return SettingChanged(
        setting=WATCHED[answer.command], programmed=programmed, held=reply.data, asked_at_ns=answer.asked_at_ns
    )


def _same(command: str, data: str, programmed: str) -> bool:
    """Compare by value; the width is the pump's."""
    match command:
        case "RAT" | "VOL":
            return same_quantity(data, programmed)
        case "DIA":
            return same_number(data, programmed)
        case _:
            return data == programmed
