"""What a run had to stop for, and what barred every start in it."""

from dataclasses import replace

from simulators.harness.faults.kinds import BrokerGone, BytesLost, Direction, Fault, Line, LineUnplugged
from simulators.harness.virtual.stops import AT_ONCE_NS, Situation, bars, stops
from simulators.oracle.allowances import WIRE_NS
from simulators.oracle.observation import NS_PER_S, Kind, Life, Received
from simulators.oracle.signs import Reading

PRESS_NS = 100 * NS_PER_S


def situation(*faults: Fault, readings: tuple[Reading, ...] = ()) -> Situation:
    return Situation(
        begin_ns=0,
        until_ns=200 * NS_PER_S,
        lease_ns=5 * NS_PER_S,
        stop_latency_ns=NS_PER_S // 2,
        supervision_ns=120 * NS_PER_S,
        faults=faults,
        lives=(Life(from_ns=0, to_ns=None),),
        openings_ns=(0,),
        received=(Received(at_ns=PRESS_NS, user="anna", kind=Kind.PAUSE, id="p1", pressed_ns=PRESS_NS),),
        receipts=(),
        readings=readings,
    )


def reading(seconds: float, sign: str, value: int | None) -> Reading:
    return Reading(at_ns=round(seconds * NS_PER_S), sign=sign, value=value)


def steady(spo2: int, hr: int) -> tuple[Reading, ...]:
    """Both signs every second from 1 s to 199 s."""
    return tuple(
        reading(second, sign, value) for second in range(1, 200) for sign, value in (("spo2", spo2), ("hr", hr))
    )


def test_what_a_person_asks_for_is_on_the_wire_at_once() -> None:
    sound = situation(readings=steady(98, 70))
    assert [each.wire_within_ns for each in stops(sound)] == [AT_ONCE_NS]
    lost = BytesLost(start_ms=99_000, duration_ms=9_000, line=Line.PUMP, direction=Direction.BOTH, chance_permille=500)
    assert [each.wire_within_ns for each in stops(replace(sound, faults=(lost,)))] == [AT_ONCE_NS]


def test_without_a_cable_nothing_is_on_the_wire() -> None:
    out = LineUnplugged(start_ms=99_000, duration_ms=1_500, line=Line.PUMP)
    assert [each.wire_within_ns for each in stops(situation(out, readings=steady(98, 70)))] == [None]


def test_a_sign_has_the_time_that_an_evaluation_takes() -> None:
    found = stops(situation(readings=steady(98, 30)))
    assert {each.wire_within_ns for each in found if each.cause == "hr 30"} == {WIRE_NS}


def test_what_bars_every_start() -> None:
    assert bars(situation(readings=steady(95, 110))) == ()
    gone = BrokerGone(start_ms=10_000, duration_ms=500)
    [bar] = bars(situation(gone, readings=steady(95, 50)))
    assert (bar.from_ns, bar.until_ns, bar.cause) == (
        10 * NS_PER_S,
        10 * NS_PER_S + NS_PER_S // 2,
        "the broker is gone",
    )
    assert {each.cause for each in bars(situation(readings=steady(94, 111)))} == {"spo2 94", "hr 111"}
    silent = bars(situation(readings=steady(98, 70)[:40]))
    assert {(each.cause, each.from_ns) for each in silent} == {
        ("no usable spo2", 25 * NS_PER_S),
        ("no usable hr", 25 * NS_PER_S),
    }


def test_a_line_that_hides_a_sign_bars_nothing() -> None:
    lost = BytesLost(start_ms=0, duration_ms=200_000, line=Line.OXIMETER, direction=Direction.BOTH, chance_permille=1)
    assert bars(situation(lost, readings=steady(60, 200))) == ()
