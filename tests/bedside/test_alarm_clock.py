"""The one timer: earlier moves it, later costs nothing, and it never rings early."""

from collections.abc import Callable

from pumpd.bedside.alarm_clock import AlarmClock
from pumpd.core.ports import Timer


class HandClock:
    """A clock moved by hand; timers ring in order as it passes them."""

    is_real = False

    def __init__(self) -> None:
        self.time_ns = 0
        self.armed: list[tuple[int, Callable[[], None]]] = []
        self.made = 0

    def now_ns(self) -> int:
        return self.time_ns

    def real_ns(self) -> int:
        return self.time_ns

    def wall_utc(self) -> str:
        return "2026-01-01T00:00:00.000+00:00"

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> Timer:
        entry = (when_ns, callback)
        self.armed.append(entry)
        self.made += 1
        clock = self

        class Handle:
            def cancel(self) -> None:
                if entry in clock.armed:
                    clock.armed.remove(entry)

        return Handle()

    def move_to(self, time_ns: int) -> None:
        while due := sorted((entry for entry in self.armed if entry[0] <= time_ns), key=lambda entry: entry[0]):
            when_ns, callback = due[0]
            self.armed.remove(due[0])
            self.time_ns = max(self.time_ns, when_ns)
            callback()
        self.time_ns = time_ns


def test_rings_once_at_the_time_set_last() -> None:
    clock, rung = HandClock(), list[int]()
    alarm = AlarmClock(clock, lambda: rung.append(clock.now_ns()))
    alarm.set(100)
    alarm.set(300)
    clock.move_to(299)
    assert rung == []
    clock.move_to(1_000)
    assert rung == [300]


def test_an_earlier_time_replaces_a_later_one() -> None:
    clock, rung = HandClock(), list[int]()
    alarm = AlarmClock(clock, lambda: rung.append(clock.now_ns()))
    alarm.set(500)
    alarm.set(200)
    clock.move_to(1_000)
    assert rung == [200]


def test_moving_it_later_arms_no_new_timer() -> None:
    clock = HandClock()
    alarm = AlarmClock(clock, lambda: None)
    alarm.set(100)
    for when_ns in range(101, 200):
        alarm.set(when_ns)
    assert clock.made == 1


def test_none_and_cancel_silence_it() -> None:
    clock, rung = HandClock(), list[int]()
    alarm = AlarmClock(clock, lambda: rung.append(clock.now_ns()))
    alarm.set(100)
    alarm.set(None)
    clock.move_to(150)
    alarm.set(200)
    alarm.cancel()
    clock.move_to(400)
    assert rung == []
    assert clock.armed == []
