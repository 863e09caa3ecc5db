"""The faults a simulated NE-1000 can have. Knows what is wrong, not what the pump does about it."""

from enum import Enum


class Fault(Enum):
    """Closed list of faults; each takes one integer, whose meaning and default stand beside it."""

    IGNORES_STP = "ignores-stp"
    """STP is answered with the status it should have led to, and not obeyed; a status query tells the truth."""
    HALF_DUPLEX_DROPS_STP = "half-duplex-drops-stp"
    """A packet that overlaps the preparing or sending of a reply is lost whole and feeds no watchdog."""
    STALL = "stall"
    """The motor stalls (A?S) after this many nL of travel from now; it stays blocked until healed."""
    COUNTER_LOST = "counter-lost"
    """DIS becomes zero, once; the end-stop of the phase is not touched."""
    DROP_REPLY = "drop-reply"
    """The next n replies are lost after execution."""
    DELAY_REPLY = "delay-reply"
    """Every reply comes this many ns later, in order, until healed."""
    CORRUPT_REPLY = "corrupt-reply"
    """One bit of each of the next n replies is flipped."""
    CORRUPT_REQUEST = "corrupt-request"
    """One bit of each of the next n complete packets to the pump is flipped."""
    DUPLICATE = "duplicate"
    """Each of the next n packets to the pump arrives twice."""
    RATE_ERROR = "rate-error"
    """True flow is off by this many ppm of the commanded rate, may be negative; the counter shows the commanded one."""
    RATE_ERROR_COUNTED = "rate-error-counted"
    """As RATE_ERROR, but the counter and the end-stop follow the true flow."""
    WRONG_RATE_READBACK = "wrong-rate-readback"
    """RAT reads back this many thousandths more than was set."""
    WRONG_VOLUME_READBACK = "wrong-volume-readback"
    """VOL reads back this many thousandths more than was set."""
    KEEPS_WRONG_SETTING = "keeps-wrong-setting"
    """The next rate or volume that is set at rest is kept wrongly, by this many permille; queries show what is kept."""
    SILENCE = "silence"
    """Dead electronics: hears and says nothing; the motor goes on and the watchdog still acts."""

    # an enum's own hash is Python code, and the pump asks for its faults at every packet
    __hash__ = object.__hash__


DEFAULT_VALUES = {
    Fault.IGNORES_STP: 1,
    Fault.HALF_DUPLEX_DROPS_STP: 1,
    Fault.STALL: 0,
    Fault.COUNTER_LOST: 1,
    Fault.DROP_REPLY: 1,
    Fault.DELAY_REPLY: 300_000_000,
    Fault.CORRUPT_REPLY: 1,
    Fault.CORRUPT_REQUEST: 1,
    Fault.DUPLICATE: 1,
    Fault.RATE_ERROR: 100_000,
    Fault.RATE_ERROR_COUNTED: 100_000,
    Fault.WRONG_RATE_READBACK: 10,
    Fault.WRONG_VOLUME_READBACK: 10,
    Fault.KEEPS_WRONG_SETTING: 100,
    Fault.SILENCE: 1,
}
SIGNED = frozenset({Fault.RATE_ERROR, Fault.RATE_ERROR_COUNTED, Fault.KEEPS_WRONG_SETTING})
MIN_PPM = -1_000_000
"""The plunger may stand still instead of moving, not move backwards."""


class Faults:
    """The faults in force."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: dict[Fault, int] = {}

    def __contains__(self, fault: Fault) -> bool:
        return fault in self._values

    def begin(self, fault: Fault, value: int | None = None) -> None:
        """Put a fault in force with `value`, by default the one in `DEFAULT_VALUES`."""
        chosen = DEFAULT_VALUES[fault] if value is None else value
        lowest = MIN_PPM if fault in SIGNED else 0
        if chosen < lowest:
            raise ValueError(f"fault {fault.value} was given {chosen}; it takes {lowest} or more")
        self._values[fault] = chosen

    def end(self, fault: Fault) -> None:
        """Put a fault out of force; nothing happens when it is not."""
        self._values.pop(fault, None)

    def value(self, fault: Fault) -> int:
        """Return the value of a fault, 0 when it is not in force."""
        return self._values.get(fault, 0)

    def spend(self, fault: Fault) -> bool:
        """Use up one occurrence of a counted fault; tell whether there was one."""
        left = self._values.get(fault, 0)
        if left <= 1:
            self._values.pop(fault, None)
        else:
            self._values[fault] = left - 1
        return left > 0


def flip_bit(packet: bytes, bit: int) -> bytes:
    """Return `packet` with one bit flipped; `bit` counts from the first byte's lowest and wraps around."""
    index, shift = divmod(bit % (len(packet) * 8), 8)
    return packet[:index] + bytes([packet[index] ^ (1 << shift)]) + packet[index + 1 :]
