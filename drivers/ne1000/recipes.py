"""What is said to the pump, top down: coming to rest, start-up, programming a run. Knows no bytes and no policy.

A recipe yields what it wants asked and is sent the answer. Whether and when a question leaves is decided elsewhere.
"""

from collections.abc import Generator
from dataclasses import dataclass

from drivers.ne1000.line import Answer
from drivers.ne1000.models import Model, identify
from drivers.ne1000.numbers import (
    RateUnit,
    VolumeUnit,
    format_number,
    format_rate,
    parse_counters,
    parse_number,
    parse_rate_nl_h,
    parse_volume_nl,
    same_number,
    same_quantity,
)
from drivers.ne1000.packet import Framing
from drivers.ne1000.replies import COUNTER, STATUS, STOP, PumpError, Reply
from pumpd.core.ports import Programmed, PumpState, RateChanged, RunOrder
from pumpd.core.quantities import NL_PER_ML, UM_PER_MM, text

STOP_AGAIN_NS = 600_000_000
"""Steps in which a stop is repeated: longer than the pump keeps a partial packet."""
LOOK_AGAIN_NS = 300_000_000
"""How often a pump at rest is asked until rest is confirmed."""
PATIENCE_PERCENT = 140
"""Growth of the pause between stops to a pump that was never heard."""
LONGEST_PAUSE_NS = 2_000_000_000
TRIES = 3
"""An idempotent command is sent again at most twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A question that wants to leave, not before a given time."""

    command: str
    not_before_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rested:
    """Rest was reported and the counter read since the last stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Nothing more is said until the core decides."""


Step = Ask | Rested | Hold
Steps = Generator[Step, Answer | None, None]


class RecipeError(Exception):
    """A recipe that cannot go on. `again` says whether trying once more makes sense."""

    def __init__(self, reason: str, *, again: bool) -> None:
        super().__init__(reason)
        self.again = again


def _ask(command: str, not_before_ns: int = 0) -> Generator[Step, Answer | None, Answer]:
    answer = yield Ask(command=command, not_before_ns=not_before_ns)
    assert answer is not None  # noqa: S101 - a question is always sent its answer
    return answer


def _state(answer: Answer) -> PumpState | None:
    return answer.reply.state if answer.reply is not None else None


# ---- coming to rest -------------------------------------------------------------------------------------------------


def stop_and_look(*, heard: bool) -> Steps:
    """Stop, then ask for status and counter, and stop again until the pump says S; then keep asking.

    One STP pauses, the second stops the program. To a pump that was never heard the pauses grow.
    """
    stop_ns, doubtful = yield from _stop_until_answered(0, heard=heard)
    hurried = False
    look_ns = 0
    while True:
        look, count = yield from _look(look_ns, doubtful=doubtful)
        if count.reply is None:
            stop_ns, _ = yield from _stop_until_answered(max(count.asked_at_ns, stop_ns) + STOP_AGAIN_NS, heard=True)
            look_ns, doubtful = 0, True
        elif _state(look) is PumpState.REST and _state(count) is PumpState.REST:
            yield Rested()
            look_ns, doubtful = look.asked_at_ns + LOOK_AGAIN_NS, False
        else:
            at_once = _state(look) is PumpState.PAUSED and not hurried
            hurried = hurried or at_once
            not_before_ns = 0 if at_once else stop_ns + STOP_AGAIN_NS
            stop_ns, doubtful = yield from _stop_until_answered(not_before_ns, heard=True)
            look_ns = 0


def _look(not_before_ns: int, *, doubtful: bool) -> Generator[Step, Answer | None, tuple[Answer, Answer]]:
    """Ask for status and counter. After a loss the counter goes first: a late answer to a stop does not fit it."""
    if doubtful:
        first = yield from _ask(COUNTER, not_before_ns)
        if first.reply is None:
            return first, first
    look = yield from _ask(STATUS, not_before_ns)
    if look.reply is None:
        return look, look
    count = yield from _ask(COUNTER)
    return look, count


def _stop_until_answered(not_before_ns: int, *, heard: bool) -> Generator[Step, Answer | None, tuple[int, bool]]:
    """Stop until a reply comes; return when the last stop left, and whether an answer was lost on the way."""
    pause_ns = STOP_AGAIN_NS
    lost = False
    while True:
        answer = yield from _ask(STOP, not_before_ns)
        if answer.reply is not None:
            return answer.asked_at_ns, lost
        lost = True
        not_before_ns = answer.asked_at_ns + pause_ns
        if not heard:
            pause_ns = min(pause_ns * PATIENCE_PERCENT // 100, LONGEST_PAUSE_NS)


def look_after_silence() -> Steps:
    """Stop and ask once each; go on only if the pump does not report moving, else leave it to its watchdog again.

    The stop leaves before the question, because after an answer that the pump moves the silence begins at once.
    """
    yield from _ask(STOP)
    look = yield from _ask(STATUS)
    if look.reply is None or _state(look) is PumpState.MOVING:
        yield Hold()
    yield from stop_and_look(heard=True)


# ---- tools for commands that change something -----------------------------------------------------------------------


def _answered(command: str) -> Generator[Step, Answer | None, Reply]:
    """Ask until a reply comes that is neither lost nor an alarm, a few times at most."""
    for _ in range(TRIES):
        answer = yield from _ask(command)
        reply = answer.reply
        if reply is not None and reply.alarm is None and reply.error is not PumpError.BAD_PACKET:
            return reply
    raise RecipeError(
        f"{_named(command)} was sent {TRIES} times and not answered in order; check cable and pump", again=True
    )


def _tell(command: str) -> Generator[Step, Answer | None, Reply]:
    """Have an idempotent command executed at rest."""
    reply = yield from _answered(command)
    _refuse_unless_done(command, reply)
    return reply


def _refuse_unless_done(command: str, reply: Reply) -> None:
    if reply.error is not None:
        raise RecipeError(f"the pump answered {_named(command)} with {reply.text}; it was not executed", again=False)
    if reply.state is not PumpState.REST:
        raise RecipeError(f"the pump answered {_named(command)} with {reply.text}; it is not at rest", again=False)


def _named(command: str) -> str:
    return command or "a status query"


def _check(command: str, wanted: str, reply: Reply, *, same: bool) -> tuple[str, str]:
    if not same:
        raise RecipeError(f"{command} reads back {reply.data}, sent was {wanted}; look at the pump", again=False)
    return command, reply.data


def _held(command: str, wanted: str) -> Generator[Step, Answer | None, tuple[str, str]]:
    """Query a word and compare it."""
    reply = yield from _tell(command)
    return _check(command, wanted, reply, same=reply.data == wanted)


def _held_whole(command: str, wanted: int) -> Generator[Step, Answer | None, tuple[str, str]]:
    """Query a whole number of unknown width and compare it."""
    reply = yield from _tell(command)
    return _check(command, str(wanted), reply, same=int(reply.data) == wanted)


# ---- start-up -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who answered, with its lease armed."""

    model: Model
    firmware: str


def attach(lease_s: int) -> Generator[Step, Answer | None, Identity]:
    """Arm the lease, learn the model, set what must hold at all times. Nothing here clears a counter."""
    switched = yield from _tell(f"SAF{lease_s}")
    if switched.framing is not Framing.SAFE:
        raise RecipeError(f"the pump took SAF{lease_s} and still answers in Basic mode; it has no lease", again=False)
    yield from _held_whole("SAF", lease_s)
    yield from _tell(STATUS)
    yield from _tell(COUNTER)
    version = yield from _tell("VER")
    known = identify(version.data)
    if known is None:
        raise RecipeError(f"the pump reports {version.data}, a model whose rate limits are not known", again=False)
    for switch, value in (("PF", 0), ("AL", 1)):
        yield from _tell(f"{switch}{value}")
        yield from _held_whole(switch, value)
    return Identity(model=known[0], firmware=known[1])


# ---- programming a run ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An order in the pump's own digits, every value inside the pump's limits."""

    order: RunOrder
    diameter: str
    rate: str
    volume: str


def plan(order: RunOrder, model: Model) -> Plan:
    """Return the order in the pump's digits, or raise `RecipeError` naming value, limit and unit."""
    diameter = format_number(order.diameter_um, UM_PER_MM)
    asked_mm = text(order.diameter_um, UM_PER_MM, 3)
    if diameter is None or order.diameter_um <= 0 or _thousandths(diameter) != order.diameter_um:
        raise RecipeError(f"a diameter of {asked_mm} mm has more than four digits; choose another syringe", again=False)
    low, high = model.min_rate_nl_h(order.diameter_um), model.max_rate_nl_h(order.diameter_um)
    rate = format_rate(order.rate_nl_h)
    sent_nl_h = parse_rate_nl_h(rate[0] + rate[1].value) if rate is not None else None
    if rate is None or sent_nl_h is None or not low <= sent_nl_h <= high:
        raise RecipeError(
            f"a rate of {text(order.rate_nl_h, NL_PER_ML, 6)} mL/h is outside {text(low, NL_PER_ML, 6)} to "
            f"{text(high, NL_PER_ML, 6)} mL/h, which {model.name} gives with {asked_mm} mm; "
            "choose another syringe or rate",
            again=False,
        )
    volume = format_number(order.volume_nl, NL_PER_ML)
    if volume is None or not _thousandths(volume):
        raise RecipeError(
            f"a volume of {text(order.volume_nl, NL_PER_ML, 6)} mL is outside 0.001 to 9999 mL, which the pump can "
            "stop at; it would pump without end",
            again=False,
        )
    return Plan(order=order, diameter=diameter, rate=rate[0] + rate[1].value, volume=volume)


def _thousandths(number: str) -> int:
    parsed = parse_number(number)
    assert parsed is not None  # noqa: S101 - it comes from the formatter
    return parsed.thousandths


def program(wanted: Plan) -> Generator[Step, Answer | None, Programmed]:
    """Set everything, read everything back, clear the counters last. Diameter first: it derives the volume unit."""
    yield from _tell(STATUS)
    yield from _tell(COUNTER)
    yield from _tell(f"DIA{wanted.diameter}")
    diameter = yield from _held_number("DIA", wanted.diameter)
    yield from _tell("PHN1")
    yield from _tell("FUNRAT")
    yield from _tell_value("RAT", wanted.rate)
    yield from _tell("VOLML")
    yield from _tell_value("VOL", wanted.volume, unit=VolumeUnit.ML.value)
    yield from _tell("DIRINF")
    first = yield from _held("FUN", "RAT")
    rate = yield from _held_value("RAT", wanted.rate)
    volume = yield from _held_value("VOL", wanted.volume + VolumeUnit.ML.value)
    direction = yield from _held("DIR", "INF")
    yield from _tell("PHN2")
    yield from _tell("FUNSTP")
    yield from _held_whole("PHN", 2)
    second = yield from _held("FUN", "STP")
    yield from _tell("PHN1")
    yield from _held_whole("PHN", 1)
    power = yield from _held_whole("PF", 0)
    cleared = yield from _clear_counters()
    held_rate_nl_h, held_volume_nl = parse_rate_nl_h(rate[1]), parse_volume_nl(volume[1])
    assert held_rate_nl_h is not None  # noqa: S101 - compared above
    assert held_volume_nl is not None  # noqa: S101 - compared above
    return Programmed(
        run_id=wanted.order.run_id,
        diameter_um=_thousandths(diameter[1]),
        rate_nl_h=held_rate_nl_h,
        volume_nl=held_volume_nl,
        read_back=(
            diameter,
            rate,
            volume,
            direction,
            ("FUN1", first[1]),
            ("FUN2", second[1]),
            power,
            (COUNTER, cleared),
        ),
    )


def _held_number(command: str, wanted: str) -> Generator[Step, Answer | None, tuple[str, str]]:
    """Query a number and compare its value; the width is the pump's."""
    reply = yield from _tell(command)
    return _check(command, wanted, reply, same=same_number(reply.data, wanted))


def _held_value(command: str, wanted: str) -> Generator[Step, Answer | None, tuple[str, str]]:
    """Query a number with its unit and compare both."""
    reply = yield from _tell(command)
    return _check(command, wanted, reply, same=same_quantity(reply.data, wanted))


def _tell_value(command: str, wanted: str, *, unit: str = "") -> Generator[Step, Answer | None, None]:
    """Set RAT or VOL, which wear the pump's memory: after a lost reply query first, send again only if different."""
    for _ in range(TRIES):
        answer = yield from _ask(command + wanted)
        if answer.reply is not None and answer.reply.alarm is None and answer.reply.error is not PumpError.BAD_PACKET:
            _refuse_unless_done(command + wanted, answer.reply)
            return
        held = yield from _tell(command)
        if same_quantity(held.data, wanted + unit):
            return
    raise RecipeError(
        f"{command}{wanted} was sent {TRIES} times and is not in the pump; check cable and pump", again=True
    )


def _clear_counters() -> Generator[Step, Answer | None, str]:
    """Clear both counters and return what the pump then shows: zero, in mL."""
    for direction in ("INF", "WDR"):
        yield from _clear(direction)
    reply = yield from _tell(COUNTER)
    counters = parse_counters(reply.data)
    if (
        counters is None
        or counters.infused.thousandths
        or counters.withdrawn.thousandths
        or counters.unit is not VolumeUnit.ML
    ):
        raise RecipeError(
            f"the counters read {reply.data} after clearing, not zero in mL; look at the pump", again=False
        )
    return reply.data


def _clear(direction: str) -> Generator[Step, Answer | None, None]:
    for _ in range(TRIES):
        answer = yield from _ask(f"CLD{direction}")
        if answer.reply is not None and answer.reply.alarm is None and answer.reply.error is not PumpError.BAD_PACKET:
            _refuse_unless_done(f"CLD{direction}", answer.reply)
            return
        counters = parse_counters((yield from _tell(COUNTER)).data)
        left = (counters.infused if direction == "INF" else counters.withdrawn) if counters is not None else None
        if left is not None and left.thousandths == 0:
            return
    raise RecipeError(f"CLD{direction} was sent {TRIES} times and not answered; check cable and pump", again=True)


# ---- lowering the rate of a run -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Lowered:
    """The rate that was read back, also in the pump's own digits."""

    changed: RateChanged
    held: str


def lower(order: RunOrder, model: Model) -> Generator[Step, Answer | None, Lowered]:
    """Return the recipe that lowers the rate of a moving pump; raises `RecipeError` for a rate the pump cannot hold.

    While it pumps the NE-1000 takes a number in the unit that it was programmed with, at once and without storing it
    (New Era NE-500 manual, p. 12). Every run of pumpd is programmed in the unit of its own rate, so a rate that wants
    another unit is refused. The rate is sent once; `again` in the error says that nobody knows what the pump holds.
    """
    rate = format_rate(order.rate_nl_h)
    low, high = model.min_rate_nl_h(order.diameter_um), model.max_rate_nl_h(order.diameter_um)
    if rate is None or not low <= order.rate_nl_h <= high:
        raise RecipeError(
            f"a rate of {text(order.rate_nl_h, NL_PER_ML, 6)} mL/h is outside {text(low, NL_PER_ML, 6)} to "
            f"{text(high, NL_PER_ML, 6)} mL/h, which {model.name} gives with this syringe; it was not sent",
            again=False,
        )
    return _lower(order.run_id, *rate)


def _lower(run_id: str, number: str, unit: RateUnit) -> Generator[Step, Answer | None, Lowered]:
    before = yield from _moving_rate()
    if before[-2:] != unit.value:
        raise RecipeError(
            f"the pump runs in {before[-2:]} and takes no rate in {unit.value} before the next run; it was not sent",
            again=False,
        )
    sent = yield from _ask(f"RAT{number}")
    if sent.reply is not None and sent.reply.error is not None:
        raise RecipeError(f"the pump answered RAT{number} with {sent.reply.text}; the rate is as before", again=False)
    held = yield from _moving_rate()
    held_nl_h = parse_rate_nl_h(held)
    if held_nl_h is None:
        raise RecipeError(f"RAT reads back {held}, which is no rate", again=True)
    if sent.reply is None and held == before:
        raise RecipeError(f"RAT{number} did not arrive; the rate is {held} as before", again=False)
    return Lowered(changed=RateChanged(run_id=run_id, rate_nl_h=held_nl_h), held=held)


def _moving_rate() -> Generator[Step, Answer | None, str]:
    reply = yield from _answered("RAT")
    if reply.error is not None or reply.state is not PumpState.MOVING:
        raise RecipeError(f"the pump answered RAT with {reply.text}; how fast it moves is not known", again=True)
    return reply.data
