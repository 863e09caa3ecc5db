"""Control lines for a simulated NE-1000: faults, keys and power by name."""

from collections.abc import Callable, Sequence

from simulators.devices.ne1000.faults import Fault
from simulators.devices.ne1000.numbers import NumberTooLongError, parse_thousandths
from simulators.devices.ne1000.pump import Ne1000
from simulators.devices.serve import ControlError


class ControlledNe1000(Ne1000):
    """A pump that also obeys control lines."""

    def control(self, words: Sequence[str], now_ns: int) -> None:
        """Carry out `fault NAME [VALUE]`, `heal NAME`, `key-...` or `power-...`; raise `ControlError` otherwise."""
        simple: dict[str, Callable[[int], None]] = {
            "key-pause": self.key_pause,
            "key-resume": self.key_resume,
            "key-start": self.key_start,
            "key-stop": self.key_stop,
            "power-off": self.power_off,
            "power-on": self.power_on,
            "power-cycle": self.power_cycle,
        }
        match list(words):
            case ["fault", name]:
                self.begin_fault(fault_named(name), now_ns)
            case ["fault", name, value]:
                self._begin_fault_with(name, value, now_ns)
            case ["heal", name]:
                self.end_fault(fault_named(name), now_ns)
            case ["key-rate", number]:
                self._press_rate(number, now_ns)
            case ["key-setting", command]:
                self._press_setting(command, now_ns)
            case [name] if name in simple:
                simple[name](now_ns)
            case _:
                taken = ["unplug", "plug", "fault NAME [VALUE]", "heal NAME", "key-rate NUMBER", "key-setting COMMAND"]
                known = ", ".join([*taken, *simple])
                raise ControlError(f"unknown command {' '.join(words)!r}; known are: {known}")

    def begin_fault_written(self, text: str, now_ns: int) -> None:
        """Begin a fault given as `NAME` or `NAME=VALUE`."""
        name, equals, value = text.partition("=")
        self.control(["fault", name, value] if equals else ["fault", name], now_ns)

    def _begin_fault_with(self, name: str, value: str, now_ns: int) -> None:
        fault = fault_named(name)
        try:
            self.begin_fault(fault, now_ns, int(value))
        except ValueError as error:
            raise ControlError(f"fault {name} does not take the value {value!r}: {error}") from None

    def _press_rate(self, text: str, now_ns: int) -> None:
        try:
            thousandths = parse_thousandths(text)
        except NumberTooLongError as error:
            raise ControlError(str(error)) from None
        if thousandths is None:
            raise ControlError(f"key-rate takes a number such as 18.50, not {text!r}")
        if not self.key_rate(thousandths, now_ns):
            raise ControlError(f"the pump did not take the rate {text} from the keypad")

    def _press_setting(self, command: str, now_ns: int) -> None:
        try:
            taken = self.key_setting(command, now_ns)
        except ValueError as error:
            raise ControlError(str(error)) from None
        if not taken:
            raise ControlError(f"the pump did not take {command} from the keypad")


def fault_named(name: str) -> Fault:
    """Return a fault by its name."""
    try:
        return Fault(name)
    except ValueError:
        known = ", ".join(fault.value for fault in Fault)
        raise ControlError(f"unknown fault {name!r}; known are: {known}") from None
