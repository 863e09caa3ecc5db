"""`pumpd watch`: one live table of one bed. `render` is pure; the rest connects, beats and redraws."""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from getpass import getpass
from pathlib import Path

from pumpd.core.quantities import NS_PER_S
from pumpd.mqtt.accounts import password_for
from pumpd.mqtt.bell import NOT_HEARD, Bell
from pumpd.mqtt.client import Follower, Heard, View, following, loop_ns, wall_utc
from pumpd.mqtt.connection import BrokerError
from pumpd.mqtt.payloads import (
    Alarms,
    Delivery,
    Order,
    Pump,
    State,
    StationBeat,
    VitalState,
    account_lines,
    clearance_lines,
    given_before_lines,
    printable,
    prompt_line,
    score_line,
    soft_limit_lines,
    syringe_label_line,
)
from pumpd.mqtt.site import Site, SiteError, load_site
from pumpd.mqtt.words import interval, number, seconds

BAR_CELLS = 40
REDRAW_S = 0.2
AGE_S = 0.8
"""With `REDRAW_S`, ages move once a second when nothing else does."""
BEAT_S = 1.0
RETRY_S = 1.0
SHOWN_SCORES = 3
"""The newest; the state has them all."""
LINK_LOST = "LINK LOST, WATCH THE PUMP"
_HOME_AND_CLEAR = "\x1b[H\x1b[2J"


def _bar(delivery: Delivery) -> str:
    """Progress by the low bound: the bar never claims more than is certain."""
    done = Decimal(0) if delivery.ordered_ml <= 0 else min(delivery.low_ml / delivery.ordered_ml, Decimal(1))
    cells = int(done * BAR_CELLS)
    return f"[{'#' * cells}{'.' * (BAR_CELLS - cells)}] {int(done * 100)} %"


def _vital_line(vital: VitalState, heard: Heard[State], view: View, now_ns: int) -> str:
    """The newest of what the state and the vital's own topic say. Out of the broker's store an age is unknown."""
    value, validity, age_s, since_ns = vital.value, vital.validity, vital.age_s, heard.age_ns(now_ns)
    own = view.vitals.get(vital.kind)
    if own is not None and own.at_ns >= heard.at_ns:
        value, validity = own.message.value, own.message.validity
        age_s, since_ns = own.message.age_s, own.age_ns(now_ns)
        known = True
    else:
        known = not heard.retained
    if age_s is None or not known:
        shown, age = "--", "age unknown"
    else:
        shown = "--" if value is None else str(value)
        age = seconds(int(age_s * NS_PER_S) + since_ns)
    reading = f"  {vital.kind.value:<6}{shown:>5} {vital.unit:<5} {age:>12}"
    return f"{reading}  {validity.value:<11} {vital.status} ({vital.source})"


def _order_lines(order: Order | None) -> list[str]:
    if order is None:
        return ["no order"]
    hands = [f"prepared by {order.prepared_by}", f"confirmed by {order.confirmed_by or 'nobody yet'}"]
    if order.started_by is not None:
        hands.append(f"started by {order.started_by}")
    return [
        (
            f"{order.drug} {number(order.dose_mg)} mg in {number(order.duration_min)} min"
            f" for {number(order.weight_kg)} kg, {number(order.concentration_mg_ml)} mg/mL, {order.syringe}"
        ),
        f"order {order.hash}: {', '.join(hands)}",
        *([] if order.course is None else [f"course {order.course}"]),
        *soft_limit_lines(order),
    ]


def _delivery_lines(delivery: Delivery | None) -> list[str]:
    if delivery is None:
        return []
    end = "" if delivery.expected_end is None else f", expected end {delivery.expected_end}"
    return [
        _bar(delivery),
        (
            f"given {interval(delivery.low_ml, delivery.high_ml, 'mL')}"
            f" ({interval(delivery.low_mg, delivery.high_mg, 'mg')}) of {number(delivery.ordered_ml)} mL{end}"
        ),
    ]


def _pump_lines(state: State, since_ns: int) -> list[str]:
    pump, rate = state.pump, state.rate
    counted = "not counted" if rate.counted_ml_h is None else f"{number(rate.counted_ml_h)} counted"
    age = "age unknown" if pump.age_s is None else seconds(int(pump.age_s * NS_PER_S) + since_ns)
    return [
        f"rate {number(rate.commanded_ml_h)} mL/h commanded, {counted}",
        (
            f"pump {pump.link}, {pump.state}, {age}; stops by itself after {number(pump.lease_s)} s,"
            f" at most {number(pump.worst_extra_ml)} mL more"
        ),
        f"a vital sign beyond a limit: at rest within {number(pump.reaction_s)} s, averaging of the sensor included",
        *_power_lines(pump),
    ]


def _power_lines(pump: Pump) -> list[str]:
    if pump.mains is not False:
        return []
    left = "unknown" if pump.battery_min is None else f"{number(pump.battery_min)} min"
    return [f"PUMP ON BATTERY, left: {left}"]


def _alarm_lines(alarms: Alarms | None) -> list[str]:
    lines = []
    for alarm in () if alarms is None else alarms.alarms:
        stands = "stands" if alarm.active else "has passed"
        seen = "not acknowledged" if alarm.acknowledged_by is None else f"acknowledged by {alarm.acknowledged_by}"
        lines.append(f"ALARM {alarm.priority.upper()} {alarm.id}: {alarm.text} ({stands}, {seen}) -> {alarm.advice}")
        lines.append(f"  then: {alarm.values}; {alarm.action}")
        if alarm.acknowledged_by is None and alarm.passed_to is not None:
            lines.append(f"  NOBODY CAME: passed to {alarm.passed_to.value}")
        if alarm.audio_paused_by is not None:
            lines.append(f"  tone paused by {alarm.audio_paused_by} until {alarm.audio_paused_until}")
    return lines


def _bedside_lines(state: State, since_ns: int) -> list[str]:
    """What people have said or moved at this bed, and what they must count themselves."""
    lines = []
    if state.presence is not None:
        age = seconds(int(state.presence.age_s * NS_PER_S) + since_ns)
        lines.append(f"at the bedside: {state.presence.by}, {age} ago")
    if not state.respiration_measured:
        lines.append("RESPIRATION IS NOT MEASURED HERE: count it, and enter it with assess")
    lines += [
        f"symptom: {each.symptom.value}, noted by {each.by}{', ENDED' if each.ended else ''}" for each in state.symptoms
    ]
    if state.prompt is not None:
        lines.append(prompt_line(state.prompt))
    lines += [score_line(each) for each in state.scores[-SHOWN_SCORES:]]
    lines += [] if state.account is None else account_lines(state.account)
    for moved in state.limits:
        hands = f"{moved.by} and {moved.confirmed_by}: {moved.reason}" if moved.confirmed_by else moved.by
        lines.append(f"LIMIT MOVED: {moved.rule} {moved.profile_limit} -> {moved.limit} {moved.unit} by {hands}")
    if (asked := state.loosening) is not None:
        lines.append(
            f"{asked.by} proposes {asked.rule} {asked.present_limit} -> {asked.limit} {asked.unit}, because: "
            f"{asked.reason}; a second person: confirm-loosen"
        )
    return lines


def _state_lines(heard: Heard[State], view: View, now_ns: int) -> list[str]:
    state = heard.message
    approval = "approved" if state.profile.approved else "NOT APPROVED"
    lines = [
        "  ".join([f"{state.bed}: {state.mode.value.upper()}", f"phase: {state.phase.value}", *state.marks()]),
        state.mode_text,
        f"profile {state.profile.name} ({approval})",
        *clearance_lines(state.clearance),
        *([f"no order: {printable(state.clearance_trouble)}"] if state.clearance_trouble is not None else []),
        *_order_lines(state.order),
        *([] if state.syringe_label is None else [syringe_label_line(state.syringe_label)]),
        *given_before_lines(state.given_before),
        *_delivery_lines(state.delivery),
        *_pump_lines(state, heard.age_ns(now_ns)),
    ]
    if state.cause is not None:
        lines.append(f"because: {state.cause}")
    lines += _bedside_lines(state, heard.age_ns(now_ns))
    lines += [_vital_line(vital, heard, view, now_ns) for vital in state.vitals]
    lines += [f"{lock.state} {lock.rule}: {lock.text}" for lock in state.interlocks if lock.state != "armed"]
    lines += [f"no start: {blocker}" for blocker in state.start_blockers]
    lines += [f"no resume: {blocker}" for blocker in state.resume_blockers]
    lines += [f"no close: {blocker}" for blocker in state.close_blockers]
    if state.links.journal == "failed":
        lines.append("the journal cannot be written")
    lines += [
        f"refused {each.count} x {each.kind} of {each.user}, {seconds(int(each.age_s * NS_PER_S))} before this state: "
        f"{each.reason}"
        for each in state.refusals
    ]
    return lines


def render(view: View, now_ns: int) -> str:
    """Return the whole screen. Without a live heartbeat it says so first, and calls everything below it old."""
    lines = []
    if view.is_live(now_ns) and view.heartbeat is not None:
        lines.append(f"heartbeat {seconds(view.heartbeat.age_ns(now_ns))} ago")
        if view.live_state(now_ns) is None:
            lines.append("the state below is not the current one yet")
    else:
        silent = "never heard" if view.heartbeat is None else f"silent for {seconds(view.heartbeat.age_ns(now_ns))}"
        lines.append(f"*** {LINK_LOST} ***  {view.bed} {silent}; everything below is old")
    lines += _alarm_lines(None if view.alarms is None else view.alarms.message)
    lines += [f"{view.bed}: no state yet"] if view.state is None else _state_lines(view.state, view, now_ns)
    return "\n".join(printable(line) for line in lines if line) + "\n"


def render_line(view: View, now_ns: int) -> str:
    """Return one line without ages, for a log: it changes only when something happens."""
    if not view.is_live(now_ns):
        return f"{view.bed}: {LINK_LOST}"
    if view.state is None:
        return f"{view.bed}: no state yet"
    state = view.state.message
    parts = [f"{state.bed}: {state.mode.value.upper()}", *state.marks()]
    if state.delivery is not None:
        parts.append(f"given {interval(state.delivery.low_ml, state.delivery.high_ml, 'mL')}")
    parts.append(f"rate {number(state.rate.commanded_ml_h)} mL/h")
    if state.cause is not None:
        parts.append(state.cause)
    alarms = () if view.alarms is None else view.alarms.message.alarms
    parts += [f"ALARM {alarm.priority.upper()} {alarm.id}" for alarm in alarms if alarm.active]
    return printable("; ".join(parts))


# ---- the screen -----------------------------------------------------------------------------------------------------


class Screen:
    """Draws a view: redrawn in place on a terminal, else one line per change."""

    def __init__(self, write: Callable[[str], None], *, is_terminal: bool, bell: Bell | None = None) -> None:
        self._write = write
        self._is_terminal = is_terminal
        self._bell = bell
        self._last = ""

    def test_age_s(self, now_ns: int) -> Decimal | None:
        """Return how long ago somebody answered that the bell was heard; None: never, or there is no bell."""
        return None if self._bell is None else self._bell.test_age_s(now_ns)

    def draw(self, view: View, now_ns: int) -> None:
        """Show `view` as it is now, and sound what is to be heard."""
        if self._bell is not None:
            self._bell.sound(view, now_ns)
        if self._is_terminal:
            self._write(_HOME_AND_CLEAR + render(view, now_ns))
            return
        line = render_line(view, now_ns)
        if line != self._last:
            self._last = line
            self._write(line + "\n")


async def watch(site: Site, user: str, password: str, bed: str, screen: Screen) -> None:
    """Show `bed` and say each second that `user` watches, until cancelled; connect anew where the link fails."""
    view = View(bed=bed)
    while True:
        screen.draw(view, loop_ns())
        try:
            async with following(site.endpoint, user=user, password=password, bed=bed) as follower:
                try:
                    await _show(follower, user, screen)
                finally:
                    view = follower.view
        except* BrokerError:
            screen.draw(view, loop_ns())
        await asyncio.sleep(RETRY_S)


async def _show(follower: Follower, user: str, screen: Screen) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(_beat(follower, user, screen), name="watch-beat")
        group.create_task(_redraw(follower, screen), name="watch-redraw")


async def _beat(follower: Follower, user: str, screen: Screen) -> None:
    while True:
        shown = follower.view.heartbeat
        if shown is not None:
            age_s = screen.test_age_s(loop_ns())
            token = shown.message.token
            beat = StationBeat(user=user, token=token, listening=True, audible_test_age_s=age_s, at=wall_utc())
            await follower.beat(beat.to_bytes())
        await asyncio.sleep(BEAT_S)


async def _redraw(follower: Follower, screen: Screen) -> None:
    while True:
        screen.draw(follower.view, loop_ns())
        await asyncio.sleep(REDRAW_S)
        await follower.changed(AGE_S)


def run_watch(options: argparse.Namespace) -> int:
    """Carry out `pumpd watch`; return the exit code."""
    try:
        site = load_site(options.site)
        bed = options.bed if options.bed is not None else site.only_bed()
        site.account_of(bed)
        password = password_for(site, options.user, getpass)
    except SiteError as error:
        print(error, file=sys.stderr)
        return 2

    def write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    is_terminal = sys.stdout.isatty()
    bell = Bell(write) if options.sound else None
    if bell is not None and not (is_terminal and sys.stdin.isatty()):
        print("pumpd watch: --sound needs a terminal with a bell, and somebody at it", file=sys.stderr)
        return 2
    screen = Screen(write, is_terminal=is_terminal, bell=bell)
    try:
        if bell is not None and not bell.test(input, time.monotonic_ns()):
            print(f"pumpd watch: {NOT_HEARD}", file=sys.stderr)
            return 1
        asyncio.run(watch(site, options.user, password, bed, screen))
    except KeyboardInterrupt:
        return 0
    return 0


def add_watch_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `pumpd watch` to the command line."""
    parser = subparsers.add_parser("watch", help="show one bed live", allow_abbrev=False)
    parser.add_argument("--site", type=Path, required=True, help="the site file")
    parser.add_argument("--user", required=True, help="your account")
    parser.add_argument("--bed", help="needed where the site has several")
    parser.add_argument(
        "--sound", action="store_true", help="ring for alarms; asks first whether the bell of this terminal is heard"
    )
    parser.set_defaults(handler=run_watch)
