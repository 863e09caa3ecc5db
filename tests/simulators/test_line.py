"""Transmit pacing."""

import pytest

from simulators.devices.line import BaudLine


def test_a_message_leaves_with_its_last_bit() -> None:
    line = BaudLine(19_200)
    line.send(b"12345678", 1000)
    last_ns = 1000 + 4_166_667  # 80 bits at 19200 baud, rounded up
    assert line.next_deadline_ns() == line.busy_until_ns == last_ns
    assert line.take(last_ns - 1) == b""
    assert line.take(last_ns) == b"12345678"
    assert line.take(last_ns) == b""
    assert line.next_deadline_ns() is None


def test_byte_by_byte() -> None:
    line = BaudLine(10_000, per_byte=True)
    line.send(b"abc", 0)
    assert line.next_deadline_ns() == 1_000_000
    assert line.take(999_999) == b""
    assert line.take(1_000_000) == b"a"
    assert line.take(2_999_999) == b"b"
    assert line.take(3_000_000) == b"c"


def test_messages_queue_in_order_without_a_gap() -> None:
    line = BaudLine(10_000)
    line.send(b"ab", 0)
    line.send(b"c", 500_000)
    assert line.take(2_999_999) == b"ab"
    assert line.take(3_000_000) == b"c"


def test_an_idle_line_starts_anew() -> None:
    line = BaudLine(10_000)
    line.send(b"a", 0)
    line.send(b"b", 7_000_000)
    assert line.busy_until_ns == 8_000_000
    assert line.take(8_000_000) == b"ab"


def test_rounding_does_not_drift() -> None:
    line = BaudLine(19_200, per_byte=True)
    for _ in range(1920):
        line.send(b"x", 0)
    assert line.busy_until_ns == 1_000_000_000


def test_nothing_and_clear() -> None:
    line = BaudLine(19_200)
    line.send(b"", 5)
    assert line.next_deadline_ns() is None
    line.send(b"lost", 5)
    line.clear()
    assert line.take(10**12) == b""
    assert line.busy_until_ns == 0


def test_a_speed_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        BaudLine(0)
