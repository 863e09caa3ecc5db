"""The scenarios: what happens at the bed, and what must then be true of plunger and bus. What does not hold, raises."""

import json
from enum import Enum, unique
from typing import assert_never

from pumpd.core.modes import Mode
from pumpd.core.quantities import NL_PER_ML, NS_PER_S
from pumpd.mqtt.payloads import State
from simulators.harness import script
from simulators.harness.plunger_log import PlungerLog
from simulators.harness.record import ScriptError
from simulators.harness.site import BedFiles
from simulators.harness.stage import Stage
from simulators.harness.theatre import Theatre, pass_time

SURGE_AFTER_S = 300.0
SURGE = "patient surge 42 11 600"
"""To some 170/90 mmHg for ten minutes: above the limit that pauses, below the one that ends."""
PROBE_OFF_AFTER_S = 420.0
PROBE_OFF_S = 60.0
"""Long enough to see the alert, the pause and a refused resume."""
STALE_SPEED = 4.0
"""While the probe is off: what lasts two minutes ends the infusion, and nurses act in real time."""
COMPLETE_WITHIN_S = 4_500.0
REST_WITHIN_S = 8.0
LEASE_NS = 5_500_000_000
"""Lease of the demo profile and half a second: flow without a packet never lasts longer."""


@unique
class Scenario(Enum):
    """What the demonstration shows."""

    NORMAL = "normal"
    HYPERTENSION = "hypertension"
    PROBE_OFF = "probe-off"
    PUMP_UNPLUGGED = "pump-unplugged"
    DAEMON_KILLED = "daemon-killed"

    @property
    def needs_processes(self) -> bool:
        """Whether daemon and bed must be processes of their own, in real time."""
        return self in {Scenario.PUMP_UNPLUGGED, Scenario.DAEMON_KILLED}


async def play(scenario: Scenario, stage: Stage) -> None:
    """Play one scenario from the order to its end; raise `ScriptError` where something does not hold."""
    await script.prepare(stage)
    running = await script.start(stage)
    match scenario:
        case Scenario.NORMAL:
            pass
        case Scenario.HYPERTENSION:
            await _hypertension(stage)
        case Scenario.PROBE_OFF:
            await _probe_off(stage)
        case Scenario.PUMP_UNPLUGGED:
            await script.counted_flow(stage)
            stage.theatre.control("pump unplug")
            await stage.record.until(script.in_mode(Mode.UNKNOWN), "the lost pump to be noticed", within_s=5)
            await _flow_ends_by_the_lease(stage)
            stage.theatre.control("pump plug")
            await _recover(stage, running, "pump-link")
            return
        case Scenario.DAEMON_KILLED:
            await script.counted_flow(stage)
            await stage.theatre.lose_daemon()
            await _flow_ends_by_the_lease(stage)
            await stage.theatre.start_daemon()
            await _recover(stage, running, "restarted")
            return
        case _:
            assert_never(scenario)
    ended = script.in_mode(Mode.COMPLETED, Mode.ENDED, Mode.FAULT, Mode.PAUSED)
    state = await stage.record.until(ended, "the infusion to be completed", within_s=COMPLETE_WITHIN_S)
    require(state.mode is Mode.COMPLETED, f"the infusion is {state.mode.value} instead of completed: {state.cause}")


async def trouble(scenario: Scenario, theatre: Theatre) -> None:
    """Let happen to the bed what the scenario is about, once an infusion runs there; what follows is left to people."""
    while plunger(theatre.files).at_rest:
        await pass_time(theatre, 1)
    match scenario:
        case Scenario.NORMAL:
            pass
        case Scenario.HYPERTENSION:
            await _surge(theatre)
        case Scenario.PROBE_OFF:
            await pass_time(theatre, PROBE_OFF_AFTER_S)
            with theatre.at_most(1):  # people resume in real time, and what lasts two minutes ends the infusion
                theatre.control("patient probe-off")
                await pass_time(theatre, PROBE_OFF_S)
                theatre.control("patient probe-on")
        case Scenario.PUMP_UNPLUGGED | Scenario.DAEMON_KILLED:
            raise ScriptError(f"{scenario.value} needs processes of its own and nurses that know what is to come")
        case _:
            assert_never(scenario)


async def _surge(theatre: Theatre) -> None:
    await pass_time(theatre, SURGE_AFTER_S)
    theatre.control(SURGE)


async def _hypertension(stage: Stage) -> None:
    await _surge(stage.theatre)
    paused = await stage.record.until(script.in_mode(Mode.PAUSED), "a pause for the surge", within_s=900)
    cause = paused.cause or ""
    require(cause.startswith(("SBP ", "DBP ")), f"paused for something else than the pressure: {cause}")
    at_rest_ns = _plunger_is_at_rest(stage)
    await script.resume_refused(stage, because=("SBP", "DBP"))
    state = await script.resume(stage)
    _no_flow_since(stage, at_rest_ns)
    require(state.session == paused.session, "the session changed over the pause")


async def _probe_off(stage: Stage) -> None:
    await stage.pass_time(PROBE_OFF_AFTER_S)
    with stage.theatre.at_most(STALE_SPEED):
        stage.theatre.control("patient probe-off")
        paused = await stage.record.until(script.in_mode(Mode.PAUSED), "a pause for the missing signal", within_s=40)
        cause = paused.cause or ""
        require(cause.startswith("no usable"), f"paused for something else than a missing signal: {cause}")
        low = [alarm_id for alarm_id, _ in stage.record.alarms if alarm_id.startswith(("spo2-low", "spo2-very-low"))]
        require(not low, f"a probe that is off was taken for desaturation: {low}")
        at_rest_ns = _plunger_is_at_rest(stage)
        await script.resume_refused(stage, because=("SPO2", "HR"))
        stage.theatre.control("patient probe-on")
    await script.resume(stage)
    _no_flow_since(stage, at_rest_ns)


async def _flow_ends_by_the_lease(stage: Stage) -> None:
    """Wait until the plunger stands, and see that it ran no longer than the lease allows without a packet."""
    limit_ns = stage.theatre.now_ns() + int(REST_WITHIN_S * NS_PER_S)
    while not plunger(stage.theatre.files).at_rest:
        require(stage.theatre.now_ns() < limit_ns, f"the plunger still moves {REST_WITHIN_S} s after the cut")
        await stage.pass_time(0.1)
    stopped_ns = plunger(stage.theatre.files).stops_ns()[-1]
    late_ns = stopped_ns - last_heard_ns(stage.theatre.files, stopped_ns)
    require(late_ns <= LEASE_NS, f"flow went on for {late_ns / NS_PER_S:.2f} s after the last packet")


async def _recover(stage: Stage, before: State, alarm_id: str) -> None:
    """See the same session at rest with what was given as an interval, then resume to counted flow and end."""
    paused = await stage.record.until(script.in_mode(Mode.PAUSED), "confirmed rest after the cut", within_s=30)
    require(paused.session == before.session, f"session {before.session} became {paused.session}")
    await stage.record.until(script.alarm_named(alarm_id), f"the alarm {alarm_id}", within_s=5)
    at_rest_ns = _plunger_is_at_rest(stage)
    truth_nl = plunger(stage.theatre.files).volume_nl
    delivery = paused.delivery
    holds = delivery is not None and delivery.low_ml * NL_PER_ML <= truth_nl <= delivery.high_ml * NL_PER_ML
    require(holds, f"the plunger gave {truth_nl} nL, outside of what is shown: {delivery}")
    await script.resume(stage)
    _no_flow_since(stage, at_rest_ns)
    await script.counted_flow(stage)
    await script.stop(stage)


def plunger(files: BedFiles) -> PlungerLog:
    """Return what the simulated plunger truly gave so far."""
    return PlungerLog.read(files.plunger_log)


def last_heard_ns(files: BedFiles, before_ns: int) -> int:
    """Return when the simulated pump last heard anything before an instant."""
    lines = files.wire_log.read_text(encoding="utf-8").splitlines(keepends=True)
    heard = [int(json.loads(line)["monotonic_ns"]) for line in lines if line.endswith("\n")]
    return max(at_ns for at_ns in heard if at_ns < before_ns)


def _plunger_is_at_rest(stage: Stage) -> int:
    log = plunger(stage.theatre.files)
    require(log.at_rest, "the daemon says that the pump is at rest, and the plunger moves")
    return log.flows[-1].at_ns


def _no_flow_since(stage: Stage, at_rest_ns: int) -> None:
    """See that the first flow after a pause is the last thing that happened: it came with the resume."""
    later = [flow for flow in plunger(stage.theatre.files).flows if flow.at_ns > at_rest_ns]
    require(len(later) <= 1, f"the plunger moved {len(later)} times between pause and resume")


def require(holds: bool, otherwise: str) -> None:
    """Raise `ScriptError` where something that a scenario asserts does not hold."""
    if not holds:
        raise ScriptError(otherwise)
