"""Control lines for a simulated oximeter: probe, faults and numbers by name."""

from collections.abc import Callable, Sequence

from simulators.devices.nonin.faults import Fault, Probe
from simulators.devices.nonin.oximeter import Nonin
from simulators.devices.serve import ControlError

PROBE_WORDS = {"probe-on": Probe.ON, "probe-off": Probe.OFF_FINGER, "probe-unplug": Probe.UNPLUGGED}
AUTO = "auto"


class ControlledNonin(Nonin):
    """An oximeter that also obeys control lines."""

    def control(self, words: Sequence[str], now_ns: int) -> None:
        """Carry out one command; raise `ControlError` when it is not understood."""
        match list(words):
            case [word] if word in PROBE_WORDS:
                self.move_probe(PROBE_WORDS[word], now_ns)
            case ["freeze"]:
                self.begin_fault(Fault.FROZEN, now_ns)
            case ["unfreeze"]:
                self.end_fault(Fault.FROZEN, now_ns)
            case [name] | [name, "on"] if _is_fault(name):
                self.begin_fault(Fault(name), now_ns)
            case [name, "off"] if _is_fault(name):
                self.end_fault(Fault(name), now_ns)
            case ["hr", value]:
                carry_out(lambda: self.force_pr(number_or_auto(value), now_ns))
            case ["spo2", value]:
                carry_out(lambda: self.force_spo2(number_or_auto(value), now_ns))
            case ["lose-frame"]:
                self.lose_frame(None, now_ns)
            case ["lose-frame", value]:
                carry_out(lambda: self.lose_frame(int(value), now_ns))
            case ["flip-bit", value]:
                carry_out(lambda: self.flip_bit(int(value), now_ns))
            case _:
                known = ["unplug", "plug", *PROBE_WORDS, "freeze", "unfreeze", "hr NUMBER|auto", "spo2 NUMBER|auto"]
                known += ["lose-frame [1-25]", "flip-bit 0-39", *(f"{fault.value} on|off" for fault in Fault)]
                raise ControlError(f"unknown command {' '.join(words)!r}; known are: {', '.join(known)}")


def number_or_auto(text: str) -> int | None:
    """Return a whole number, or None for the word that gives the number back to the patient."""
    return None if text == AUTO else int(text)


def carry_out(act: Callable[[], None]) -> None:
    """Do it, and turn a value that does not fit into one sentence for the user."""
    try:
        act()
    except ValueError as error:
        raise ControlError(f"not done: {error}") from None


def _is_fault(name: str) -> bool:
    return any(name == fault.value for fault in Fault)
