"""Control lines for a simulated cuff module: pressures, failures and faults by name."""

from collections.abc import Callable, Sequence

from simulators.devices.serve import ControlError
from simulators.devices.suntech.faults import Fault
from simulators.devices.suntech.module import SunTech
from simulators.devices.suntech.wire import MAX_MMHG, Answer
from simulators.devices.vitals import TrueVitals, constant

KNOWN = (
    "unplug",
    "plug",
    "sbp MMHG",
    "dbp MMHG",
    "hr BPM",
    "fail-next HEX [with-numbers]",
    "fail-always HEX",
    "fail-never",
    "answer-next LETTER",
    "end-with E|T",
    "self-test NUMBER",
    "flip-bit NUMBER",
    "drop-answer",
    *(f"{fault.value} on|off" for fault in Fault),
)
HIGHEST_SELF_TEST = 0x7FFF


class ControlledSunTech(SunTech):
    """A cuff module that also obeys control lines; its patient's numbers are set by hand."""

    def __init__(self, *, sbp_mmhg: int, dbp_mmhg: int, hr_bpm: int, cycle_ns: int | None = None) -> None:
        super().__init__(self._truth_at, cycle_ns=cycle_ns)
        self._set_numbers = {"sbp": sbp_mmhg, "dbp": dbp_mmhg, "hr": hr_bpm}

    def control(self, words: Sequence[str], now_ns: int) -> None:
        """Carry out one command; raise `ControlError` when it is not understood."""
        try:
            understood = self._control(list(words), now_ns)
        except ValueError as error:
            raise ControlError(f"not done: {error}") from None
        if not understood:
            raise ControlError(f"unknown command {' '.join(words)!r}; known are: {', '.join(KNOWN)}")

    def _control(self, words: list[str], now_ns: int) -> bool:
        self.advance(now_ns)
        simple: dict[str, Callable[[], None]] = {
            "fail-never": lambda: self.fail_always(None, now_ns),
            "drop-answer": lambda: self.drop_answer(now_ns),
        }
        with_value: dict[str, Callable[[str], None]] = {
            "fail-next": lambda text: self.fail_next(int(text, 16), now_ns),
            "fail-always": lambda text: self.fail_always(int(text, 16), now_ns),
            "answer-next": lambda text: self.answer_next(Answer(text), now_ns),
            "end-with": lambda text: self.end_next_with(Answer(text), now_ns),
            "flip-bit": lambda text: self.flip_bit(int(text), now_ns),
            "self-test": self._set_self_test,
        }
        match words:
            case [name] if name in simple:
                simple[name]()
            case [name, text] if name in with_value:
                with_value[name](text)
            case ["fail-next", text, "with-numbers"]:
                self.fail_next(int(text, 16), now_ns, with_numbers=True)
            case [name, text] if name in self._set_numbers:
                self._set_number(name, text)
            case [name] | [name, "on"] if _is_fault(name):
                self.begin_fault(Fault(name), now_ns)
            case [name, "off"] if _is_fault(name):
                self.end_fault(Fault(name), now_ns)
            case _:
                return False
        return True

    def _truth_at(self, at_ns: int) -> TrueVitals:
        numbers = self._set_numbers
        return constant(sbp_mmhg=numbers["sbp"], dbp_mmhg=numbers["dbp"], hr_bpm=numbers["hr"])(at_ns)

    def _set_number(self, name: str, text: str) -> None:
        value = int(text)
        if not 0 <= value <= MAX_MMHG:
            raise ValueError(f"{name} is {value}; the module carries 0 to {MAX_MMHG}")
        self._set_numbers[name] = value

    def _set_self_test(self, text: str) -> None:
        value = int(text)
        if not 0 <= value <= HIGHEST_SELF_TEST:
            raise ValueError(f"the self test code is {value}; it must be 0 to {HIGHEST_SELF_TEST}")
        self.self_test = value


def _is_fault(name: str) -> bool:
    return any(name == fault.value for fault in Fault)
