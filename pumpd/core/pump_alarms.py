"""What each alarm of a pump means here, whatever the pump: whether the order can go on, and what people are to do."""

from dataclasses import dataclass
from typing import assert_never

from pumpd.core.ports import PumpAlarmKind

LOOK_AT_PUMP = "Look at the pump and the line; stop at the pump if it moves."
_RELIEVE = "Let off the pressure in the line away from the patient, find what is closed, then attest line-relieved."
_OTHER_PUMP = "The run is over. Do not use this pump; prepare a new order on another one."


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What one kind of alarm means."""

    advice: str
    over: bool = False  # the pump cannot be trusted with the rest of the order
    pressure: bool = False  # the line may be under pressure, to be let off before anything flows again (PUMP-03)


def meaning(kind: PumpAlarmKind) -> Meaning:
    """Return what an alarm means."""
    match kind:
        case PumpAlarmKind.OCCLUSION | PumpAlarmKind.STALL:
            return Meaning(advice=_RELIEVE, pressure=True)
        case PumpAlarmKind.AIR:
            return Meaning(advice="Clamp the line at the patient; nothing flows before the line is free of air.")
        case PumpAlarmKind.EMPTY:
            return Meaning(advice="Look at the syringe. Without drug there is nothing to resume: end the infusion.")
        case PumpAlarmKind.SYRINGE_OFF:
            return Meaning(advice="Clamp the line, seat the syringe, close the door; look for free flow.")
        case PumpAlarmKind.RESET | PumpAlarmKind.WATCHDOG:
            return Meaning(advice=LOOK_AT_PUMP)
        case PumpAlarmKind.PROGRAM:
            return Meaning(advice="The run is over; prepare a new order.", over=True)
        case PumpAlarmKind.OVERHEATED | PumpAlarmKind.INTERNAL | PumpAlarmKind.UNKNOWN:
            return Meaning(advice=_OTHER_PUMP, over=True)
        case _:
            assert_never(kind)
