"""States, error codes and faults of a simulated cuff module. Knows what is wrong, not what goes on the line for it."""

from enum import Enum, IntEnum


class Phase(Enum):
    """What the module is doing."""

    IDLE = "idle"
    MEASURING = "measuring"
    STOPPING = "stopping"
    """An abort was answered; the air is still leaving."""


class ErrorCode(IntEnum):
    """Byte 20 of the result; every code but GOOD means that there is no reading."""

    GOOD = 0x00
    WEAK_SIGNAL = 0x01
    ARTEFACT = 0x02
    OUT_OF_RANGE = 0x03
    TIME_EXCEEDED = 0x04
    BLOCKED_HOSE = 0x55
    ENDED_BY_USER = 0x56
    LEAK = 0x57
    SAFETY_TIMEOUT = 0x58
    OVER_PRESSURE = 0x59
    SUPPLY = 0x5A
    SAFETY_OVERRIDE = 0x5B
    TRANSDUCER = 0x61
    CALIBRATION = 0x63


class Fault(Enum):
    """Closed list of lasting faults."""

    SILENCE = "silence"
    """Hears nothing and says nothing; a running cycle goes on."""
    STUCK_CUFF = "stuck-cuff"
    """The cuff does not let its air out when the cycle ends."""
    LOSE_EXECUTED = "lose-executed"
    """The message that ends a cycle is not sent."""
